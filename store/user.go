package store

import (
	"context"
	"time"
)

// User is one account.
type User struct {
	Tenant string
	// ID is a UUIDv7. It is never used again.
	ID string
	// Email is the address as its owner typed it, in canonical Unicode and
	// domain form; EmailKey is the form that look-ups and uniqueness use. Only
	// ClaimEmail changes them after CreateUser.
	Email, EmailKey string
	// EmailVerifiedAt is when the address was verified. Zero means never.
	EmailVerifiedAt time.Time
	Name            string
	// Nickname, Image and Locale are "" if they are unknown.
	Nickname, Image, Locale string
	// Role is "user", "admin", "guest" or a role of the host's own.
	Role string
	// Onboarding is "pending", "in_progress" or "completed".
	Onboarding string
	// MuteAlerts switches off the security notices that an owner may switch
	// off.
	MuteAlerts bool
	// MFAEnabled says that the account has a confirmed second factor: it is asked
	// for at every sign-in.
	MFAEnabled bool
	// BannedAt is zero while the account is not banned. BanExpiresAt is zero
	// for a ban without end.
	BannedAt, BanExpiresAt time.Time
	BanReason              string
	// DeletedAt is zero while the account exists.
	DeletedAt            time.Time
	CreatedAt, UpdatedAt time.Time
	// Version is 1 in a new account, whatever CreateUser is given. Each
	// UpdateUser, VerifyEmail, ClaimEmail and DeleteUser adds one. So UpdateUser
	// cannot undo a change that its caller has not read.
	Version int64
}

// Banned says whether a ban is in force at now.
func (u User) Banned(now time.Time) bool {
	return !u.BannedAt.IsZero() && (u.BanExpiresAt.IsZero() || now.Before(u.BanExpiresAt))
}

// Deleted says whether the account was deleted.
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
	// ReserveUntil reserves FromKey for this account until then. Zero frees the
	// key at once.
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
	// CreateUser adds an account with its EmailKey. ErrConflict if the id
	// exists, or if the key belongs to an account or is reserved at
	// u.CreatedAt.
	CreateUser(ctx context.Context, u User) error
	// User returns an account, also a deleted one. ErrNotFound if it never
	// existed.
	User(ctx context.Context, tenant, id string) (User, error)
	// LockUser returns an account as User does. Inside Tx, it also makes every
	// other transaction that locks or changes the account wait until this
	// transaction has ended. Code that makes a session or takes a credential
	// away must lock the account first, so that neither misses the other.
	LockUser(ctx context.Context, tenant, id string) (User, error)
	// UserByEmail returns the account whose current address it is. ErrNotFound
	// if the address belongs to no account, is only reserved, or its account is
	// deleted.
	UserByEmail(ctx context.Context, tenant, emailKey string) (User, error)
	// LockUserByEmail is UserByEmail and LockUser in one. The account may have
	// moved to another address while the call waited for the lock: its EmailKey
	// tells.
	LockUserByEmail(ctx context.Context, tenant, emailKey string) (User, error)
	// ListUsers returns the selected accounts, ordered by the bytes of the id.
	ListUsers(ctx context.Context, q UserQuery) ([]User, error)
	// UpdateUser writes every field but Tenant, ID, Email, EmailKey, CreatedAt
	// and DeletedAt, only if the stored Version is u.Version, and adds one to
	// it. ErrConflict when it is not, ErrNotFound when there is no such account
	// or it is deleted.
	UpdateUser(ctx context.Context, u User) error
	// VerifyEmail sets EmailVerifiedAt to at and returns true, only if the
	// account is not deleted, still has this EmailKey and was not verified. It
	// sets UpdatedAt to at.
	VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (bool, error)
	// ClaimEmail gives the account another address. ErrNotFound if the account
	// is deleted or its key is no longer FromKey. ErrConflict if the new key is
	// neither free, nor reserved for this account, nor its own. A reservation
	// counts if it holds at c.Now. UpdatedAt becomes c.Now.
	ClaimEmail(ctx context.Context, c EmailClaim) error
	// DeleteUser marks the account as deleted at the given time. It returns
	// true if this call did it, and false if the account was deleted already or
	// never existed. The address is free at once, or, with a reserve time, from
	// then on. UpdatedAt becomes at. Credentials, sessions, tokens and keys are
	// ended by their own verbs.
	DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (bool, error)
}

// Password is the password of an account as a hash.
type Password struct {
	Tenant, UserID string
	// Hash is a PHC string, or the string of another system that was imported.
	Hash      string
	ChangedAt time.Time
}

// Credentials keeps the passwords of accounts.
type Credentials interface {
	// Password returns an account's password. ErrNotFound if the account has
	// none.
	Password(ctx context.Context, tenant, userID string) (Password, error)
	// UserPassword is UserByEmail, and returns the account's password too. An
	// account that has none comes with a Password without a hash.
	UserPassword(ctx context.Context, tenant, emailKey string) (User, Password, error)
	// LockUserPassword is LockUser, and returns the password that the account has
	// once it is locked. ErrNotFound when there is no such account, or it has no
	// password.
	LockUserPassword(ctx context.Context, tenant, id string) (User, Password, error)
	// PutPassword sets or replaces it.
	PutPassword(ctx context.Context, p Password) error
	// SwapPassword replaces the password and returns true, only if the stored
	// hash is oldHash. It returns false for an account without a password.
	SwapPassword(ctx context.Context, oldHash string, p Password) (bool, error)
	// DeletePassword deletes a password.
	DeletePassword(ctx context.Context, tenant, userID string) error
}
