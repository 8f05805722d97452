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
	// UpdateUser, VerifyEmail, ClaimEmail, DeleteUser and RestoreUser adds one. So
	// UpdateUser cannot undo a change that its caller has not read.
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

// The orders of a UserSearch.
const (
	// SortCreated orders by id, which is the order of creation.
	SortCreated = ""
	// SortName and SortEmail order by the name and by the e-mail key with the
	// letters A to Z in lower case, then by id. Texts are compared by their bytes.
	SortName  = "name"
	SortEmail = "email"
)

// UserSearch selects one page of the accounts of a tenant that are not deleted.
type UserSearch struct {
	Tenant string
	// Search selects accounts whose EmailKey or Name contains it, as in UserQuery.
	// It is plain text: no character of it has a special meaning.
	Search string
	// In is "" or the one field that is searched: "email" or "name".
	In string
	// RecordRef, unless it is "", selects accounts that have a record of RecordKind
	// with this ref, whose id is that of the account. Accounts that are banned at
	// UnbannedAt are left out then. Such a search needs In "name", and an order that is
	// not SortEmail.
	RecordKind, RecordRef string
	UnbannedAt            time.Time
	// SortBy is SortCreated, SortName or SortEmail. Descending turns the whole
	// order round.
	SortBy     string
	Descending bool
	// Offset is how many selected accounts are passed over, Limit the greatest
	// number returned, at least 1.
	Offset, Limit int
	// Count is how many selected accounts are counted at most; 0 counts none.
	Count int
}

// DeletedQuery selects accounts that are deleted and not purged.
type DeletedQuery struct {
	Tenant string
	// Before selects accounts that were deleted before this time; zero selects all.
	Before time.Time
	// After is the id of the last account already seen; "" starts at the first.
	After string
	// Limit is the greatest number returned, at least 1.
	Limit int
}

// UserPurge removes a deleted account for good.
type UserPurge struct {
	Tenant, UserID string
	// Now is when the account is purged. An address that is reserved for the
	// account because of a ban, and still is at Now, stays reserved.
	Now time.Time
	// Blank are the kinds of event about the account whose Data is removed.
	Blank []string
	// Mails are the ids of messages in the outbox that are removed with the
	// account, waiting or given up.
	Mails []string
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
	// FindUsers returns one page of the selected accounts in the order of q, and
	// how many are selected, at most q.Count. The page and the number may be of
	// two moments.
	FindUsers(ctx context.Context, q UserSearch) (page []User, count int, err error)
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
	// ListDeletedUsers returns the selected accounts, ordered by the bytes of the
	// id.
	ListDeletedUsers(ctx context.Context, q DeletedQuery) ([]User, error)
	// RestoreUser takes the deletion of an account back and gives it its address
	// again. ErrNotFound if the account is not deleted or does not exist.
	// ErrConflict if the address is neither free at the given time nor reserved
	// for the account: then nothing changes. UpdatedAt becomes at, and one is added
	// to Version.
	RestoreUser(ctx context.Context, tenant, id string, at time.Time) error
	// PurgeUser removes a deleted account, its password, its sessions and tokens,
	// used and ended ones too, the API keys that it made, the addresses that are
	// reserved for it, and the given messages, and returns true. It returns false, and does nothing, if
	// the account is not deleted or does not exist. The address of a ban stays
	// reserved: see UserPurge.
	//
	// Events stay, in their order. An event that the account caused, or that is
	// about the account and has no actor, loses IPAddress, UserAgent and RequestID.
	// An event about the account of a kind in Blank loses Data. Records are removed
	// by DeleteRecordsOf.
	PurgeUser(ctx context.Context, p UserPurge) (bool, error)
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
