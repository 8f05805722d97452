package store

import (
	"context"
	"time"
)

// Key is a signing key, sealed by the caller.
type Key struct {
	Tenant string
	// ID is the key id that tokens carry (kid).
	ID string
	// Purpose and Sequence are unique together, so that of several processes
	// that make the next key at once only one succeeds.
	Purpose   string
	Sequence  int64
	Algorithm string
	Sealed    []byte
	// The key signs from ActiveAt on, and verifies until ExpiresAt.
	CreatedAt, ActiveAt, ExpiresAt time.Time
}

// Keys keeps signing keys.
type Keys interface {
	// CreateKey adds a key. ErrConflict when the id, or purpose and sequence,
	// exist.
	CreateKey(ctx context.Context, k Key) error
	// ListKeys returns every key of the tenant, ordered by purpose and sequence.
	ListKeys(ctx context.Context, tenant string) ([]Key, error)
	// ResealKey replaces the sealed bytes and returns true, only if the stored
	// ones are old.
	ResealKey(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error)
}
