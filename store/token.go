package store

import (
	"context"
	"time"
)

// Token is a one-time secret that was sent to somebody, or one that waits for
// a short code. The secret itself is never here, only its SHA-256.
type Token struct {
	Tenant string
	// Kind is what the secret is for. Hash is unique within tenant and kind.
	Kind string
	Hash []byte
	// UserID is "" when there is no account yet.
	UserID string
	// EmailKey is the address the secret was sent to.
	EmailKey string
	// CodeHash is what a typed code is compared with; nil without a code.
	CodeHash []byte
	// Tries counts the codes tried; MaxTries bounds them, zero allows none.
	Tries, MaxTries int
	// Data is sealed by the caller.
	Data                         []byte
	CreatedAt, ExpiresAt, UsedAt time.Time
}

// TokenFilter selects pending tokens. Empty fields select nothing by
// themselves: UserID or EmailKey must be given.
type TokenFilter struct {
	Tenant string
	// UserID and EmailKey select the tokens that carry either.
	UserID, EmailKey string
	// Kinds limits the selection; an empty list is every kind.
	Kinds []string
}

// Tokens keeps one-time secrets of all kinds.
type Tokens interface {
	// CreateToken adds one. ErrConflict when kind and hash exist.
	CreateToken(ctx context.Context, t Token) error
	// Token returns one, used and expired ones too. ErrNotFound when absent.
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
	// DeleteTokens removes the selected tokens that were not used, expired ones
	// too, and returns how many.
	DeleteTokens(ctx context.Context, f TokenFilter) (int, error)
	// DeleteTokensBefore removes at most limit unused tokens of the whole
	// tenant that were created before t, and returns how many. Zero means none
	// was left.
	DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error)
}
