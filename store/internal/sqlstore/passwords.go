package sqlstore

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

type passwordStatements struct{ get, ofUser, lockWithUser, put, swap, remove *query }

func newPasswordStatements(c *catalogue) passwordStatements {
	const columns = "tenant, user_id, hash, changed_at"
	both := qualified("u", userColumns) + ", " + qualified("p", columns)
	return passwordStatements{
		ofUser: c.packed("read user and password by e-mail", both, "", `
			FROM admit_addresses a
			JOIN admit_users u ON u.tenant = a.tenant AND u.id = a.user_id
			LEFT JOIN admit_passwords p ON p.tenant = u.tenant AND p.user_id = u.id
			WHERE a.tenant = $1 AND a.email_key = $2 AND a.reserved_until = 0`),
		// After a wait for a lock, PostgreSQL reads again only the rows that the
		// statement locks. So the statement locks the password too.
		lockWithUser: c.packed("lock user and password", both, "", `
			FROM admit_users u JOIN admit_passwords p ON p.tenant = u.tenant AND p.user_id = u.id
			WHERE u.tenant = $1 AND u.id = $2`+c.pick("", " FOR UPDATE OF u, p")),
		get: c.read("read password", `SELECT `+columns+` FROM admit_passwords WHERE tenant = $1 AND user_id = $2`),
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

// UserPassword implements store.Credentials.
func (s *Store) UserPassword(ctx context.Context, tenant, emailKey string) (store.User, store.Password, error) {
	return s.userPassword(ctx, s.q.password.ofUser, tenant, emailKey)
}

// LockUserPassword implements store.Credentials.
func (s *Store) LockUserPassword(ctx context.Context, tenant, id string) (store.User, store.Password, error) {
	if err := s.lockWrites(ctx); err != nil {
		return store.User{}, store.Password{}, err
	}
	return s.userPassword(ctx, s.q.password.lockWithUser, tenant, id)
}

func (s *Store) userPassword(ctx context.Context, q *query, tenant, key string) (store.User, store.Password, error) {
	if err := text.Key(tenant, key); err != nil {
		return store.User{}, store.Password{}, err
	}
	var u store.User
	var p store.Password
	fields := append(userFields(&u), &p.Tenant, &p.UserID, &p.Hash, (*moment)(&p.ChangedAt))
	if err := s.one(ctx, q, fields, tenant, key); err != nil {
		return store.User{}, store.Password{}, err
	}
	return u, p, nil
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
