package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const tokenColumns = "tenant, kind, hash, user_id, email_key, code_hash, tries, max_tries, data, created_at, expires_at, used_at"

// tokenFields are where tokenColumns are read to.
func tokenFields(t *store.Token) []any {
	return []any{
		&t.Tenant, &t.Kind, &t.Hash, &t.UserID, &t.EmailKey, &t.CodeHash, &t.Tries, &t.MaxTries, &t.Data,
		(*moment)(&t.CreatedAt), (*moment)(&t.ExpiresAt), (*moment)(&t.UsedAt),
	}
}

type tokenStatements struct {
	create, get, consume, try, removeOfUser, removeOfEmail, removeBefore *query
}

func newTokenStatements(c *catalogue) tokenStatements {
	// $3 is a JSON array of kinds, empty for every kind.
	pending := ` AND used_at = 0 AND (CAST($3 AS TEXT) = '[]' OR ` + c.among("kind", "$3") + `)`
	// The order has PostgreSQL take the column's own index even before it counted
	// the table: by equality it could as well take any other index of the tenant.
	removal := func(column, index string) string {
		return c.pick(`DELETE FROM admit_tokens`+c.by(index)+
			` WHERE tenant = $1 AND `+column+` = $2 AND `+column+` <> ''`+pending,
			c.held(`SELECT tenant, kind, hash FROM admit_tokens WHERE tenant = $1 AND `+column+` >= $2 AND `+column+` <= $2 AND `+column+` <> ''`+
				pending+` ORDER BY `+column)+`
			DELETE FROM admit_tokens WHERE (tenant, kind, hash) IN (SELECT tenant, kind, hash FROM due)`)
	}
	return tokenStatements{
		create: c.write("create token", `INSERT INTO admit_tokens (`+tokenColumns+`) VALUES (`+values(12)+`) ON CONFLICT DO NOTHING`),
		get:    c.read("read token", `SELECT `+tokenColumns+` FROM admit_tokens WHERE tenant = $1 AND kind = $2 AND hash = $3`),
		consume: c.write("consume token", `
			UPDATE admit_tokens SET used_at = $4
			WHERE tenant = $1 AND kind = $2 AND hash = $3 AND `+unset("used_at")+` AND expires_at > $4 RETURNING `+tokenColumns),
		try: c.write("try token", `
			UPDATE admit_tokens SET tries = tries + 1
			WHERE tenant = $1 AND kind = $2 AND hash = $3 AND `+unset("used_at")+` AND expires_at > $4 AND tries < max_tries
			RETURNING `+tokenColumns),
		removeOfUser:  c.write("delete tokens of user", removal("user_id", "admit_tokens_user")),
		removeOfEmail: c.write("delete tokens of e-mail", removal("email_key", "admit_tokens_email")),
		removeBefore: c.write("delete tokens before", c.held(`
			SELECT tenant, kind, hash FROM admit_tokens WHERE tenant = $1 AND created_at < $2 AND used_at = 0 ORDER BY created_at LIMIT $3`)+`
			DELETE FROM admit_tokens WHERE (tenant, kind, hash) IN (SELECT tenant, kind, hash FROM due)`),
	}
}

// CreateToken implements store.Tokens.
func (s *Store) CreateToken(ctx context.Context, t store.Token) error {
	if err := text.Token(t); err != nil {
		return err
	}
	return s.create(ctx, s.q.tokens.create, t.Tenant, t.Kind, full(t.Hash), t.UserID, t.EmailKey, t.CodeHash,
		int64(t.Tries), int64(t.MaxTries), t.Data, micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.UsedAt))
}

// Token implements store.Tokens.
func (s *Store) Token(ctx context.Context, tenant, kind string, hash []byte) (store.Token, error) {
	if err := text.Key(tenant, kind); err != nil {
		return store.Token{}, err
	}
	return s.token(ctx, s.q.tokens.get, tenant, kind, full(hash))
}

func (s *Store) token(ctx context.Context, q *query, args ...any) (store.Token, error) {
	var t store.Token
	if err := s.one(ctx, q, tokenFields(&t), args...); err != nil {
		return store.Token{}, err
	}
	return t, nil
}

// ConsumeToken implements store.Tokens.
func (s *Store) ConsumeToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return s.advanceToken(ctx, s.q.tokens.consume, tenant, kind, hash, now)
}

// TryToken implements store.Tokens.
func (s *Store) TryToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return s.advanceToken(ctx, s.q.tokens.try, tenant, kind, hash, now)
}

// advanceToken runs q, which changes a token on a condition, and returns the
// token, changed or not.
func (s *Store) advanceToken(ctx context.Context, q *query, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	if err := text.Key(tenant, kind); err != nil {
		return store.Token{}, false, err
	}
	t, err := s.token(ctx, q, tenant, kind, full(hash), micros(now))
	if err == nil {
		return t, true, nil
	}
	if ignoreNotFound(err) != nil {
		return store.Token{}, false, err
	}
	t, err = s.Token(ctx, tenant, kind, hash)
	return t, false, err
}

// DeleteTokens implements store.Tokens.
func (s *Store) DeleteTokens(ctx context.Context, f store.TokenFilter) (int, error) {
	if err := text.TokenFilter(f); err != nil {
		return 0, err
	}
	kinds := "[]"
	if len(f.Kinds) > 0 {
		var err error
		if kinds, err = jsonText(f.Kinds); err != nil {
			return 0, err
		}
	}
	if f.UserID == "" || f.EmailKey == "" {
		return s.deleteTokens(ctx, f, kinds)
	}
	var n int
	err := s.atomically(ctx, func(ctx context.Context, t *Store) (err error) {
		n, err = t.deleteTokens(ctx, f, kinds)
		return err
	})
	if err != nil {
		return 0, err
	}
	return n, nil
}

// deleteTokens runs a statement for each of the filter's fields that is given,
// so that each finds its tokens by an index.
func (s *Store) deleteTokens(ctx context.Context, f store.TokenFilter, kinds string) (int, error) {
	var ofUser, ofEmail int64
	var err error
	if f.UserID != "" {
		if ofUser, err = s.exec(ctx, s.q.tokens.removeOfUser, f.Tenant, f.UserID, kinds); err != nil {
			return 0, err
		}
	}
	if f.EmailKey != "" {
		ofEmail, err = s.exec(ctx, s.q.tokens.removeOfEmail, f.Tenant, f.EmailKey, kinds)
	}
	return int(ofUser + ofEmail), err
}

// DeleteTokensBefore implements store.Tokens.
func (s *Store) DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error) {
	if err := text.Key(tenant); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.tokens.removeBefore, tenant, micros(t), int64(limit))
	return int(n), err
}
