package store

import (
	"context"
	"time"
)

// User is one account.
type User struct {
	Tenant string
	// ID is a UUIDv7, never used again.
	ID string
	// Email is the address as its owner typed it, in canonical Unicode and
	// domain form; EmailKey is the form that look-ups and uniqueness use. Only
	// ClaimEmail changes them after CreateUser.
	Email, EmailKey string
	// EmailVerifiedAt is when the mailbox was proven; zero is never.
	EmailVerifiedAt time.Time
	Name            string
	// Nickname, Image and Locale are "" when not given.
	Nickname, Image, Locale string
	// Role is "user", "admin", "guest" or a role of the host's own.
	Role string
	// Onboarding is "pending", "in_progress" or "completed".
	Onboarding string
	// MuteAlerts is set by an owner who wants no security notices.
	MuteAlerts bool
	// BannedAt is zero while the account is not banned. BanExpiresAt is zero
	// for a ban without end.
	BannedAt, BanExpiresAt time.Time
	BanReason              string
	// DeletedAt is zero while the account exists.
	DeletedAt            time.Time
	CreatedAt, UpdatedAt time.Time
	// Version is 1 at creation, whatever was given, and grows by one with every
	// change: UpdateUser, VerifyEmail, ClaimEmail and DeleteUser. So an
	// UpdateUser never undoes a change that its caller has not seen.
	Version int64
}

// Banned answers whether a ban is in force at now.
func (u User) Banned(now time.Time) bool {
	return !u.BannedAt.IsZero() && (u.BanExpiresAt.IsZero() || now.Before(u.BanExpiresAt))
}

// Deleted answers whether the account was deleted.
func (u User) Deleted() bool { return !u.DeletedAt.IsZero() }

// EmailClaim moves an account to another address.
type EmailClaim struct {
	Tenant, UserID string
	// FromKey is the EmailKey that the caller saw on the account.
	FromKey string
	// Email and EmailKey are the new address.
	Email, EmailKey string
	// VerifiedAt becomes the account's EmailVerifiedAt.
	VerifiedAt time.Time
	// ReserveUntil keeps FromKey for this account alone until then; zero frees
	// it at once.
	ReserveUntil time.Time
	Now          time.Time
}

// UserQuery selects accounts that are not deleted.
type UserQuery struct {
	Tenant string
	// Search selects accounts whose EmailKey or Name contains it; "" selects all.
	// The letters a to z match in either case. Whether other letters do is for the
	// store to say.
	Search string
	// Role selects accounts with this role; "" selects all.
	Role string
	// Unverified selects accounts whose EmailVerifiedAt is zero.
	Unverified bool
	// BannedAt selects accounts that are banned at that time; zero selects all.
	BannedAt time.Time
	// After is the id of the last account already seen; "" starts at the first.
	After string
	// Limit is the greatest number returned, at least 1.
	Limit int
}

// Users keeps accounts and who holds which e-mail address. An address is held
// by at most one account of a tenant: as its current address, or reserved for
// it for a time after it moved away or was deleted while banned.
type Users interface {
	// CreateUser adds an account and claims its EmailKey. ErrConflict when the
	// id exists or the key is held by an account or reserved at u.CreatedAt.
	CreateUser(ctx context.Context, u User) error
	// User returns an account, a deleted one too. ErrNotFound when there was
	// never one.
	User(ctx context.Context, tenant, id string) (User, error)
	// LockUser returns an account like User and, inside Tx, lets no other
	// transaction that locks or changes the same account go on before this one
	// has ended. Whoever issues a session or takes a credential away locks
	// first, so that neither slips past the other.
	LockUser(ctx context.Context, tenant, id string) (User, error)
	// UserByEmail returns the account whose current address it is. ErrNotFound
	// when nobody's, reserved only, or its account is deleted.
	UserByEmail(ctx context.Context, tenant, emailKey string) (User, error)
	// ListUsers returns the selected accounts, ordered by the bytes of the id.
	ListUsers(ctx context.Context, q UserQuery) ([]User, error)
	// UpdateUser writes every field but Tenant, ID, Email, EmailKey, CreatedAt
	// and DeletedAt, only if the stored Version is u.Version, and adds one to
	// it. ErrConflict when it is not, ErrNotFound when there is no such account
	// or it is deleted.
	UpdateUser(ctx context.Context, u User) error
	// VerifyEmail sets EmailVerifiedAt to at and answers true, only if the
	// account is not deleted, still has that EmailKey and was not verified. It
	// sets UpdatedAt to at.
	VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (bool, error)
	// ClaimEmail gives the account another address, only if it is not deleted
	// and its key is still FromKey (else ErrNotFound), and the new key is free,
	// reserved for this very account, or its own (else ErrConflict). What
	// counts is whether a reservation holds at c.Now, which becomes UpdatedAt.
	ClaimEmail(ctx context.Context, c EmailClaim) error
	// DeleteUser marks the account deleted at the given time and answers
	// whether this call did it: false when it was deleted already or never
	// existed. Its address is free again at once, or, with a reserve time, only
	// then. It sets UpdatedAt to at. Credentials, sessions, tokens and keys are ended
	// by their own verbs.
	DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (bool, error)
}

// Password is an account's password as a hash.
type Password struct {
	Tenant, UserID string
	// Hash is a PHC string, or the string of another system that was imported.
	Hash      string
	ChangedAt time.Time
}

// Credentials keeps what accounts sign in with.
type Credentials interface {
	// Password returns an account's password. ErrNotFound when it has none.
	Password(ctx context.Context, tenant, userID string) (Password, error)
	// PutPassword sets or replaces it.
	PutPassword(ctx context.Context, p Password) error
	// SwapPassword replaces it and answers true, only if the stored hash is
	// oldHash. An account without a password has none to swap: false.
	SwapPassword(ctx context.Context, oldHash string, p Password) (bool, error)
	// DeletePassword removes it.
	DeletePassword(ctx context.Context, tenant, userID string) error
}
