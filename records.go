package admit

import (
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/chain"
	"github.com/admit-go/admit/store"
	"github.com/go-json-experiment/json"
)

// This file has the records that a host handles, and the one place where each is
// made from what the store keeps. Rules work on the types of package store; a
// rule converts what it hands to a host, and to a hook.

// User is an account. Times are UTC, to the microsecond.
type User struct {
	// ID is a UUIDv7. It is never given to another account.
	ID string
	// Email is the address as its owner typed it, in canonical Unicode and domain
	// form.
	Email string
	// EmailVerifiedAt is when somebody proved to read the mailbox; zero is never.
	EmailVerifiedAt time.Time
	// Name is what the owner is called: 1 to 100 characters.
	Name string
	// Nickname is a short name, and Image the URL of a picture; "" when not given.
	Nickname, Image string
	// Locale is the language (BCP 47) that the account is written to in; "" is the
	// default of the texts.
	Locale string
	// Role is RoleUser, RoleAdmin, RoleGuest or a role of the host's own.
	Role string
	// Onboarding is "pending", "in_progress" or "completed".
	Onboarding string
	// MFAEnabled says that the account has a confirmed second factor.
	MFAEnabled bool
	// MuteAlerts says that the owner wants no notices of new devices.
	MuteAlerts bool
	// BannedAt is when the account was banned; zero when it is not. [User.Banned]
	// answers whether the ban is in force.
	BannedAt time.Time
	// BanExpiresAt is when the ban ends; zero is never.
	BanExpiresAt time.Time
	// BanReason is what the operator gave as the reason; "" when nothing.
	BanReason string
	// CreatedAt is when the account was made, UpdatedAt when it last changed.
	CreatedAt, UpdatedAt time.Time
	// DeletedAt is when the account was deleted; zero while it exists.
	DeletedAt time.Time
}

// Banned answers whether a ban is in force at now.
func (u User) Banned(now time.Time) bool {
	return (store.User{BannedAt: u.BannedAt, BanExpiresAt: u.BanExpiresAt}).Banned(now)
}

func userOf(u *store.User) User {
	return User{
		ID: u.ID, Email: u.Email, EmailVerifiedAt: u.EmailVerifiedAt, Name: u.Name, Nickname: u.Nickname, Image: u.Image,
		Locale: u.Locale, Role: u.Role, Onboarding: u.Onboarding, MFAEnabled: u.MFAEnabled, MuteAlerts: u.MuteAlerts,
		BannedAt: u.BannedAt, BanExpiresAt: u.BanExpiresAt, BanReason: u.BanReason, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
		DeletedAt: u.DeletedAt,
	}
}

// Session is one sign-in on one device. Times are UTC, to the microsecond.
type Session struct {
	// ID is a UUIDv7, UserID the account that signed in.
	ID, UserID string
	// AuthTime is when the user last proved who it is.
	AuthTime time.Time
	// AMR are the methods of that proof (RFC 8176), such as "pwd", separated by
	// spaces.
	AMR string
	// OrganizationID is the organisation that the session works in, and
	// OrganizationRole the role of the account there. Both are "" outside of any,
	// after the account was removed from the organisation, and in lists of
	// sessions.
	OrganizationID, OrganizationRole string
	// UserAgent and IPAddress are those of the request that signed in; "" when not
	// known.
	UserAgent, IPAddress string
	// CreatedAt is when the session began, LastActivityAt when it was last used:
	// it is written a little later than it happens.
	CreatedAt, LastActivityAt time.Time
	// ExpiresAt is when the session ends unless it is refreshed before.
	ExpiresAt time.Time
	// AbsoluteExpiresAt is when the session ends however often it is refreshed.
	AbsoluteExpiresAt time.Time
	// Impersonated says that an administrator acts as the user in this session. Then
	// AuthTime is zero.
	Impersonated bool
}

// ACR is the assurance of the session (claim acr): "aal2" with two factors, else
// "aal1".
func (s Session) ACR() string { return (store.Session{AMR: s.AMR}).ACR() }

func sessionOf(s *store.Session) Session {
	organizationID, role := workplace(s)
	return Session{
		ID: s.ID, UserID: s.UserID, AuthTime: s.AuthTime, AMR: s.AMR, OrganizationID: organizationID, OrganizationRole: role,
		UserAgent: s.UserAgent, IPAddress: s.IPAddress, CreatedAt: s.CreatedAt, LastActivityAt: s.LastActivityAt,
		ExpiresAt: s.ExpiresAt, AbsoluteExpiresAt: s.AbsoluteExpiresAt, Impersonated: isActing(s),
	}
}

// methodActing is the whole AMR of a session in which an administrator acts as the
// user: the user has proven nothing.
const methodActing = "impersonation"

// isActing says whether an administrator acts as the user in a session.
func isActing(s *store.Session) bool { return s.AMR == methodActing }

// workplace is the organisation that a session works in and the role of its
// account there. Both are "" if the account is no member.
func workplace(s *store.Session) (organizationID, role string) {
	if s.OrganizationRole == "" {
		return "", ""
	}
	return s.OrganizationID, s.OrganizationRole
}

// APIKey is a key that a program sends in X-API-Key, without the key itself.
// Times are UTC, to the microsecond.
type APIKey struct {
	// ID is a UUIDv7.
	ID string
	// Type is PublishableKey or SecretKey.
	Type string
	// Prefix and Suffix are the first 7 and the last 4 characters of the key: they
	// may be shown.
	Prefix, Suffix string
	// Name tells people what the key is for: 1 to 100 characters.
	Name string
	// Environment is "dev", "staging" or "prod".
	Environment string
	// Scopes are what the key may do, such as "users:read"; either part may be
	// "*". Nil allows everything, an empty list nothing.
	Scopes []string
	// OwnerKind is what the key belongs to: "" is the application, OwnerUser is an
	// account, OwnerOrganization is an organisation.
	OwnerKind string
	// OwnerID is the account or the organisation that the key belongs to. For a key of
	// the application it is the account that made the key; "" for a key of the operator.
	OwnerID string
	// CreatedAt is when the key was made.
	CreatedAt time.Time
	// ExpiresAt is when the key stops working; zero is never.
	ExpiresAt time.Time
	// LastUsedAt is when the key was last used; zero is never. It is written a
	// little later than it happens.
	LastUsedAt time.Time
	// RevokedAt is when the key was revoked; zero when it was not. It is in the
	// future for a key that was replaced and still works.
	RevokedAt time.Time
}

func apiKeyOf(k *store.APIKey) APIKey {
	return APIKey{
		ID: k.ID, Type: k.Type, Prefix: k.Prefix, Suffix: k.Suffix, Name: k.Name, Environment: k.Environment,
		Scopes: slices.Clone(k.Scopes), OwnerKind: k.OwnerKind, OwnerID: k.OwnerID,
		CreatedAt: k.CreatedAt, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt,
	}
}

// Event is a fact of the audit log. It holds no secret.
type Event struct {
	// ID is a UUIDv7: ids sort in the order in which events were recorded. An event
	// that comes again has the same id.
	ID string
	// Kind is a stable name such as "session.created"; docs/event.md lists them.
	Kind string
	// ActorID is who did it: an account, or the id of a secret key; "" for the
	// operator, or when not known.
	ActorID string
	// SubjectID is the account that it was done to; "" when there is none.
	SubjectID string
	// IPAddress, UserAgent and RequestID are those of the request; "" where there
	// was none.
	IPAddress, UserAgent, RequestID string
	// Data is a JSON object of further facts, or nil.
	Data []byte
	// At is when it happened, UTC.
	At time.Time
	// Seq is the place of the event in the audit log, from 1 on, and Prev a hash of
	// the event before it. An event gets them within seconds; zero and "" until then.
	Seq  int64
	Prev string
}

func eventOf(e *store.Event) Event {
	return Event{
		ID: e.ID, Kind: e.Kind, ActorID: e.ActorID, SubjectID: e.SubjectID,
		IPAddress: e.IPAddress, UserAgent: e.UserAgent, RequestID: e.RequestID, Data: e.Data, At: e.At,
		Seq: e.Seq, Prev: chain.Prev(e),
	}
}

// toldEvents makes what a host wants to be told of events take them from the
// store; nil stays nil.
func toldEvents(told func(ctx context.Context, e Event) error) func(ctx context.Context, e store.Event) error {
	if told == nil {
		return nil
	}
	return func(ctx context.Context, e store.Event) error { return told(ctx, eventOf(&e)) }
}

// Mail is a message of the outbox. Its text and its address are sealed,
// and not here.
type Mail struct {
	// ID is a UUIDv7, and makes the Message-ID of the message.
	ID string
	// Queue is "mail", "webhook" or "revocation".
	Queue string
	// Kind is the kind of the message, such as "reset".
	Kind string
	// Tries counts how often it was tried to send the message.
	Tries int
	// LastError is why the last try failed.
	LastError string
	// CreatedAt is when the message was queued, UTC.
	CreatedAt time.Time
	// NextAt is when the message is tried next, UTC.
	NextAt time.Time
	// DeadAt is when the message was given up, UTC; zero while it waits.
	DeadAt time.Time
}

func mailOf(m *store.Mail) Mail {
	return Mail{
		ID: m.ID, Queue: m.Queue, Kind: m.Kind, Tries: m.Tries, LastError: m.LastError, CreatedAt: m.CreatedAt, NextAt: m.NextAt, DeadAt: m.DeadAt,
	}
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Total counts the items of all pages.
	Total int
}

// pageOf makes a page of what the store listed.
func pageOf[From, To any](list []From, total int, convert func(*From) To) Page[To] {
	page := Page[To]{Items: make([]To, len(list)), Total: total}
	for i := range list {
		page.Items[i] = convert(&list[i])
	}
	return page
}

// PageParams says which page of a list is wanted.
type PageParams struct {
	// Number is that of the page, from 1.
	Number int
	// Limit is the greatest number of items on a page, at least 1.
	Limit int
}

// The roles that Admit itself knows (a host may use others), the types of API key
// and their owners.
const (
	RoleAdmin = "admin"
	RoleUser  = "user"
	RoleGuest = "guest"
	// RoleOwner and RoleMember are roles in an organisation, beside RoleAdmin.
	RoleOwner  = "owner"
	RoleMember = "member"
	// PublishableKey names a project and may be known to everyone.
	PublishableKey = "publishable"
	// SecretKey acts as an administrator, or, if it belongs to an account or to an
	// organisation, in that name.
	SecretKey = "secret"
	// OwnerUser is the OwnerKind of the API keys of accounts.
	OwnerUser = "user"
	// OwnerOrganization is the OwnerKind of the API keys of organisations.
	OwnerOrganization = "organization"
)

// Optional is a field of a change that may be left out. The zero value leaves what
// is stored as it is. JSON null sets the zero value of T.
type Optional[T any] struct {
	// Value counts only if Set is true.
	Value T
	Set   bool
}

// Some returns an Optional that is set.
func Some[T any](value T) Optional[T] { return Optional[T]{Value: value, Set: true} }

// UnmarshalJSON sets the value.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	var value T
	if string(data) != "null" {
		if err := json.Unmarshal(data, &value); err != nil {
			return err
		}
	}
	*o = Some(value)
	return nil
}

// Listed is a part of a list that is read from one end to the other.
type Listed[T any] struct {
	Items []T
	// Next is what After is for the next part; "" says that this is the last.
	Next string
}

// listMost is the greatest number that one call lists, listUsual what it lists
// where nothing is said.
const (
	listMost  = 1000
	listUsual = 100
)

// listLimit returns how many are listed, or ErrInvalidRequest.
func listLimit(limit int) (int, error) {
	switch {
	case limit == 0:
		return listUsual, nil
	case limit < 0 || limit > listMost:
		return 0, ErrInvalidRequest.detail("limit", "must be from 1 to 1000")
	}
	return limit, nil
}

// listed makes a part of at most limit items of what the store listed. The store
// was asked for one more item, which tells that the list goes on.
func listed[From, To any](list []From, limit int, convert func(*From) To, id func(To) string) Listed[To] {
	more := len(list) > limit
	part := Listed[To]{Items: pageOf(list[:min(len(list), limit)], 0, convert).Items}
	if more {
		part.Next = id(part.Items[limit-1])
	}
	return part
}

// Tokens is what a client gets for a proof of identity.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	// TokenType is "Bearer" (RFC 6750).
	TokenType string `json:"tokenType"`
	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int `json:"expiresIn"`
}

// tenant is the one that this Auth serves. Stores keep it beside every record,
// so that serving several needs no migration.
const tenant = ""

// What a factor is, and what a sign-in can be completed with (details.methods).
const (
	// FactorTOTP is an authenticator app (RFC 6238).
	FactorTOTP = "totp"
	// FactorPasskey is a passkey (WebAuthn Level 3).
	FactorPasskey = "passkey"
	// FactorRecoveryCode is one of the codes to keep on paper.
	FactorRecoveryCode = "recovery-code"
)
