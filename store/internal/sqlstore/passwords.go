package sqlstore

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

type passwordStatements struct{ get, put, swap, remove *query }

func newPasswordStatements(c *catalogue) passwordStatements {
	return passwordStatements{
		get: c.read("read password", `SELECT tenant, user_id, hash, changed_at FROM admit_passwords WHERE tenant = $1 AND user_id = $2`),
		put: c.write("put password", `
			INSERT INTO admit_passwords (tenant, user_id, hash, changed_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant, user_id) DO UPDATE SET hash = excluded.hash, changed_at = excluded.changed_at`),
		swap:   c.write("swap password", `UPDATE admit_passwords SET hash = $4, changed_at = $5 WHERE tenant = $1 AND user_id = $2 AND hash = $3`),
		remove: c.write("delete password", `DELETE FROM admit_passwords WHERE tenant = $1 AND user_id = $2`),
	}
}

// Password implements store.Credentials.
func (s *Store) Password(ctx context.Context, tenant, userID string) (store.Password, error) {
	if err := text.Key(tenant, userID); err != nil {
		return store.Password{}, err
	}
	var p store.Password
	fields := []any{&p.Tenant, &p.UserID, &p.Hash, (*moment)(&p.ChangedAt)}
	if err := s.one(ctx, s.q.password.get, fields, tenant, userID); err != nil {
		return store.Password{}, err
	}
	return p, nil
}

// PutPassword implements store.Credentials.
func (s *Store) PutPassword(ctx context.Context, p store.Password) error {
	if err := text.Password(p); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.password.put, p.Tenant, p.UserID, p.Hash, micros(p.ChangedAt))
	return err
}

// SwapPassword implements store.Credentials.
func (s *Store) SwapPassword(ctx context.Context, oldHash string, p store.Password) (bool, error) {
	if err := text.Password(p); err != nil {
		return false, err
	}
	if err := text.Plain(oldHash); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.password.swap, p.Tenant, p.UserID, oldHash, p.Hash, micros(p.ChangedAt))
}

// DeletePassword implements store.Credentials.
func (s *Store) DeletePassword(ctx context.Context, tenant, userID string) error {
	if err := text.Key(tenant, userID); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.password.remove, tenant, userID)
	return err
}
