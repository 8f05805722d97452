package store

import (
	"context"
	"time"
)

// Token is a one-time secret that was mailed, or that waits for a short code.
// The record has only the SHA-256 of the secret.
type Token struct {
	Tenant string
	// Kind is the purpose of the secret. Hash is unique within tenant and kind.
	Kind string
	Hash []byte
	// UserID is "" if there is no account yet.
	UserID string
	// EmailKey is the address that the secret was sent to.
	EmailKey string
	// CodeHash is the hash of the code. It is nil without a code.
	CodeHash []byte
	// Tries is the number of codes that were tried. MaxTries is its limit. Zero
	// allows none.
	Tries, MaxTries int
	// Data is sealed by the caller.
	Data                         []byte
	CreatedAt, ExpiresAt, UsedAt time.Time
}

// TokenFilter selects pending tokens. UserID or EmailKey must be given: an
// empty field selects nothing.
type TokenFilter struct {
	Tenant string
	// UserID and EmailKey select the tokens with this user or this address.
	UserID, EmailKey string
	// Kinds limits the selection. An empty list selects every kind.
	Kinds []string
}

// Tokens keeps one-time secrets of all kinds.
type Tokens interface {
	// CreateToken adds a token. ErrConflict if the kind and the hash exist.
	CreateToken(ctx context.Context, t Token) error
	// Token returns a token, also a used or expired one. ErrNotFound if it does
	// not exist.
	Token(ctx context.Context, tenant, kind string, hash []byte) (Token, error)
	// TokenUser is Token, and returns the account of the token too. An account
	// that does not exist has no ID.
	TokenUser(ctx context.Context, tenant, kind string, hash []byte) (Token, User, error)
	// ConsumeToken marks the token used at now and answers true, only if it
	// was not used and now is before ExpiresAt. It returns the token as it
	// stands after the call. ErrNotFound when absent.
	ConsumeToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (Token, bool, error)
	// SpendToken is LockUser of the token's account and then ConsumeToken.
	// ErrNotFound when there is no such token, or its account does not exist.
	SpendToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (Token, User, bool, error)
	// TryToken adds one to Tries and answers true, only if Tries was below
	// MaxTries, it was not used and now is before ExpiresAt. It returns the
	// token as it stands after the call. ErrNotFound when absent.
	TryToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (Token, bool, error)
	// DeleteTokens deletes the selected tokens that were not used, also expired
	// ones, and returns how many.
	DeleteTokens(ctx context.Context, f TokenFilter) (int, error)
	// DeleteTokensBefore deletes at most limit unused tokens of the tenant that
	// were created before t, and returns how many. Zero means that none was
	// left.
	DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error)
}
