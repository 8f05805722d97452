package store

import (
	"context"
	"strings"
	"time"
)

// Session is one sign-in on one device.
type Session struct {
	Tenant string
	// ID is a UUIDv7.
	ID, UserID string
	// Generation counts the refresh tokens issued, from 1. SecretHash is the
	// SHA-256 of the random part of the current one.
	Generation int64
	SecretHash []byte
	// Confirmed is the highest generation of which a token was used. The first
	// generation is confirmed from the start.
	Confirmed int64
	// Answers is how often the current generation was given again after the
	// grace. The first answer has the number 0.
	Answers int64
	// Used is the number of the answer of the current generation whose access
	// token was used first. UsedBefore is the same for the previous generation.
	// Each is NoAnswer if it is unknown.
	Used, UsedBefore int64
	// RotatedAt is when the current generation was issued.
	RotatedAt time.Time
	// AuthTime is the time of the last proof of identity. AMR are its methods
	// (RFC 8176), separated by spaces.
	AuthTime time.Time
	AMR      string
	// OrganizationID is "" outside an organisation.
	OrganizationID string
	// OrganizationRole is the role of the account in that organisation: "" if the
	// account is no member or the organisation is deleted. It is not kept.
	// SessionUser and RotateSessionUser read it with the session, so that a new
	// role and a removal hold at once. Every other verb leaves it "".
	OrganizationRole     string
	UserAgent, IPAddress string
	CreatedAt            time.Time
	LastActivityAt       time.Time
	ExpiresAt            time.Time
	AbsoluteExpiresAt    time.Time
	EndedAt              time.Time
	// EndReason is a short word: "signed-out", "revoked", "reuse" …
	EndReason string
}

// The levels of assurance that ACR tells.
const (
	// OneFactor is the level of a session that one factor opened.
	OneFactor = "aal1"
	// TwoFactors is the level of a session for which two factors were given.
	TwoFactors = "aal2"
)

// ACR is the authentication context class of the session (acr in OpenID Connect
// Core 1.0, section 2): TwoFactors where AMR has "mfa", else OneFactor.
func (s Session) ACR() string {
	for method := range strings.FieldsSeq(s.AMR) {
		if method == "mfa" {
			return TwoFactors
		}
	}
	return OneFactor
}

// NoAnswer stands in Session.Used and UsedBefore where no answer is known.
const NoAnswer = -1

// Live reports whether the session has neither ended nor expired at now.
func (s Session) Live(now time.Time) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.AbsoluteExpiresAt)
}

// Rotation replaces a session's refresh token by its successor.
type Rotation struct {
	Tenant, ID string
	// Generation and SecretHash are those of the token that the client sent.
	Generation int64
	SecretHash []byte
	// NextHash is the SecretHash of the successor.
	NextHash []byte
	// Now becomes RotatedAt and LastActivityAt. ExpiresAt becomes the session's,
	// cut at its AbsoluteExpiresAt.
	Now, ExpiresAt time.Time
}

// SessionEnd says which sessions of an account end, and why.
type SessionEnd struct {
	Tenant, UserID string
	// Except is the id of a session that does not end. "" means none.
	Except string
	At     time.Time
	Reason string
}

// Activity is a use of a session.
type Activity struct {
	Tenant, ID string
	At         time.Time
}

// Sessions keeps sessions. A session that ends is kept, with EndedAt and
// EndReason. Sweep deletes it after its AbsoluteExpiresAt.
type Sessions interface {
	// CreateSession adds a session. ErrConflict when the id exists.
	CreateSession(ctx context.Context, s Session) error
	// SessionUser returns a session and its account, also if the session has
	// ended or expired, and also if the account is deleted. ErrNotFound if the
	// session or the account does not exist.
	SessionUser(ctx context.Context, tenant, id string) (Session, User, error)
	// RotateSession moves a session to the next generation and returns true,
	// only if Generation and SecretHash are the stored ones, the session is
	// live at r.Now, and its account exists and is neither deleted nor banned
	// at r.Now. It sets Confirmed to r.Generation, UsedBefore to Used, Used to
	// NoAnswer and Answers to 0.
	RotateSession(ctx context.Context, r Rotation) (bool, error)
	// RotateSessionUser is RotateSession. It also returns the session after the
	// rotation and its account, as SessionUser does. If it returns false it
	// returns neither: SessionUser shows why.
	RotateSessionUser(ctx context.Context, r Rotation) (Session, User, bool, error)
	// ConfirmSession raises Confirmed to generation and sets Used to answer, only
	// if generation is the current one and Confirmed is lower.
	ConfirmSession(ctx context.Context, tenant, id string, generation, answer int64) error
	// AnswerSession raises Answers and returns it, only if generation is the
	// current one. ErrNotFound otherwise.
	AnswerSession(ctx context.Context, tenant, id string, generation int64) (int64, error)
	// ProveSession sets AuthTime to at and AMR to amr, only if the session is live
	// at the given time.
	ProveSession(ctx context.Context, tenant, id, amr string, at time.Time) error
	// EnterOrganization sets OrganizationID, only if the session has not ended.
	EnterOrganization(ctx context.Context, tenant, id, organizationID string) error
	// TouchSessions raises LastActivityAt, never lowers it. Sessions that are
	// ended or absent are passed over.
	TouchSessions(ctx context.Context, activity []Activity) error
	// ListSessions returns one page of the account's sessions that are live at
	// now, ordered by id, and their total number.
	ListSessions(ctx context.Context, tenant, userID string, now time.Time, page Page) ([]Session, int, error)
	// EndSession ends the account's session and returns true, only if it
	// belongs to the account and is live at the given time.
	EndSession(ctx context.Context, tenant, userID, id string, at time.Time, reason string) (bool, error)
	// EndSessions ends all sessions of the account that have not ended, except
	// Except, and returns how many were live at e.At.
	EndSessions(ctx context.Context, e SessionEnd) (int, error)
	// EndOldestSessions ends the account's oldest live sessions, by id, until
	// keep are left, and returns how many it ended. Except counts as a live
	// session but never ends.
	EndOldestSessions(ctx context.Context, e SessionEnd, keep int) (int, error)
	// EndSessionsBefore ends at most limit sessions of the whole tenant that
	// were created before t and have not ended, and returns how many. Zero
	// means none was left.
	EndSessionsBefore(ctx context.Context, tenant string, t, at time.Time, reason string, limit int) (int, error)
}
