package store

import (
	"context"
	"time"
)

// APIKey is a key that a program sends in X-API-Key. The record has only the
// SHA-256 of the key and the parts that may be shown.
type APIKey struct {
	Tenant, ID string
	Hash       []byte
	// Type is "publishable" or "secret".
	Type string
	// Prefix and Suffix are the first 7 and last 4 characters of the key.
	Prefix, Suffix string
	Name           string
	// Environment is "dev", "staging" or "prod".
	Environment string
	// Scopes limit the key. Nil allows everything, an empty list allows
	// nothing.
	Scopes []string
	// OwnerKind is what the key belongs to: "" is the application, "user" an
	// account, "organization" an organisation.
	OwnerKind string
	// OwnerID is the account or the organisation that the key belongs to. For a key
	// of the application it is the account that made the key; "" for one made by the
	// operator.
	OwnerID                          string
	CreatedAt, ExpiresAt, LastUsedAt time.Time
	// RevokedAt is the time from which the key is revoked. It may be in the
	// future. The zero time means never.
	RevokedAt time.Time
}

// KeyOwner selects API keys by OwnerKind and OwnerID. The zero KeyOwner selects
// all.
type KeyOwner struct{ Kind, ID string }

// APIKeys keeps API keys.
type APIKeys interface {
	// CreateAPIKey adds a key. ErrConflict when id or hash exists.
	CreateAPIKey(ctx context.Context, k APIKey) error
	// APIKeyOwner returns a key by its hash, also a revoked or expired key, and
	// the account whose id OwnerID is. The account is the zero User if OwnerID is
	// no id of an account, as for a key of an organisation, or if the account is
	// deleted or never existed. ErrNotFound if no key has the hash.
	APIKeyOwner(ctx context.Context, tenant string, hash []byte) (APIKey, User, error)
	// APIKey returns a key by its id, also a revoked or expired key. ErrNotFound
	// if no key has the id.
	APIKey(ctx context.Context, tenant, id string) (APIKey, error)
	// ListAPIKeys returns one page of the keys of an owner, ordered by id, and
	// their total.
	ListAPIKeys(ctx context.Context, tenant string, owner KeyOwner, page Page) ([]APIKey, int, error)
	// RevokeAPIKey revokes a key from a time on and reports whether this call did
	// it. It changes nothing if the key is revoked from that time or from an
	// earlier time on. ErrNotFound when there is no such key.
	RevokeAPIKey(ctx context.Context, tenant, id string, at time.Time) (bool, error)
	// RevokeAPIKeysOf revokes every key with the OwnerID from a time on, and
	// returns how many were not revoked from that time or an earlier time on.
	RevokeAPIKeysOf(ctx context.Context, tenant, ownerID string, at time.Time) (int, error)
	// TouchAPIKey raises LastUsedAt and changes nothing else, in every state of
	// the key. It does nothing if the key does not exist. Inside Tx, it also
	// makes every other transaction that changes the key wait until this
	// transaction has ended, even if LastUsedAt is later than at already.
	TouchAPIKey(ctx context.Context, tenant, id string, at time.Time) error
}
