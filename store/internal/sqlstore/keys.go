package sqlstore

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const keyColumns = "tenant, id, purpose, sequence, algorithm, sealed, created_at, active_at, expires_at"

// keyFields returns the variables that keyColumns are read into.
func keyFields(k *store.Key) []any {
	return []any{
		&k.Tenant, &k.ID, &k.Purpose, &k.Sequence, &k.Algorithm, &k.Sealed,
		(*moment)(&k.CreatedAt), (*moment)(&k.ActiveAt), (*moment)(&k.ExpiresAt),
	}
}

type keyStatements struct{ create, list, reseal *query }

func newKeyStatements(c *catalogue) keyStatements {
	return keyStatements{
		create: c.write("create key", `INSERT INTO admit_keys (`+keyColumns+`) VALUES (`+values(9)+`) ON CONFLICT DO NOTHING`),
		list:   c.read("list keys", `SELECT `+keyColumns+` FROM admit_keys WHERE tenant = $1 ORDER BY purpose, sequence`),
		reseal: c.write("reseal key", `UPDATE admit_keys SET sealed = $4 WHERE tenant = $1 AND id = $2 AND sealed = $3`),
	}
}

// CreateKey implements store.Keys.
func (s *Store) CreateKey(ctx context.Context, k store.Key) error {
	if err := text.SigningKey(k); err != nil {
		return err
	}
	return s.create(ctx, s.q.keys.create, k.Tenant, k.ID, k.Purpose, k.Sequence, k.Algorithm, full(k.Sealed),
		micros(k.CreatedAt), micros(k.ActiveAt), micros(k.ExpiresAt))
}

// ListKeys implements store.Keys.
func (s *Store) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	if err := text.Key(tenant); err != nil {
		return nil, err
	}
	return all(ctx, s, s.q.keys.list, keyFields, tenant)
}

// ResealKey implements store.Keys.
func (s *Store) ResealKey(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.keys.reseal, tenant, id, full(old), full(sealed))
}
