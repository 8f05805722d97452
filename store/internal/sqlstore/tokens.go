package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const tokenColumns = "tenant, kind, hash, user_id, email_key, code_hash, tries, max_tries, data, created_at, expires_at, used_at"

// tokenFields returns the variables that tokenColumns are read into.
func tokenFields(t *store.Token) []any {
	return []any{
		&t.Tenant, &t.Kind, &t.Hash, &t.UserID, &t.EmailKey, &t.CodeHash, &t.Tries, &t.MaxTries, &t.Data,
		(*moment)(&t.CreatedAt), (*moment)(&t.ExpiresAt), (*moment)(&t.UsedAt),
	}
}

type tokenStatements struct {
	create, get, withUser, consume, spend, try, removeOfUser, removeOfEmail, removeBefore *query
}

func newTokenStatements(c *catalogue) tokenStatements {
	// $3 is a JSON array of kinds, empty for every kind.
	pending := ` AND used_at = 0 AND (CAST($3 AS TEXT) = '[]' OR ` + c.among("kind", "$3") + `)`
	// The order makes PostgreSQL use the index of the column even if it has no
	// statistics of the table. The equality alone would allow every other index of
	// the tenant.
	removal := func(column, index string) string {
		return c.pick(`DELETE FROM admit_tokens`+c.by(index)+
			` WHERE tenant = $1 AND `+column+` = $2 AND `+column+` <> ''`+pending,
			c.held(`SELECT tenant, kind, hash FROM admit_tokens WHERE tenant = $1 AND `+column+` >= $2 AND `+column+` <= $2 AND `+column+` <> ''`+
				pending+` ORDER BY `+column)+`
			DELETE FROM admit_tokens WHERE (tenant, kind, hash) IN (SELECT tenant, kind, hash FROM due)`)
	}
	const blobs = "t.hash, t.code_hash, t.data"
	both := qualified("t", tokenColumns) + ", " + qualified("u", userColumns)
	var spend *query
	if c.dialect == Postgres {
		// The account is locked first. The row of the token after the lock decides
		// whether the token can be used.
		spend = c.write("lock user and consume token", `WITH
			t AS (SELECT `+tokenColumns+` FROM admit_tokens WHERE tenant = $1 AND kind = $2 AND hash = $3),
			u AS (SELECT `+userColumns+` FROM admit_users WHERE tenant = $1 AND id = (SELECT user_id FROM t) FOR UPDATE),
			spent AS (UPDATE admit_tokens SET used_at = $4
				WHERE tenant = $1 AND kind = $2 AND hash = $3 AND `+unset("used_at")+` AND expires_at > $4 AND EXISTS (SELECT 1 FROM u)
				RETURNING used_at)
			SELECT `+c.pack(both+", (SELECT count(*) FROM spent)", blobs)+` FROM t CROSS JOIN u`)
		spend.packed = true
	}
	return tokenStatements{
		spend: spend,
		withUser: c.packed("read token and user", both, blobs, `
			FROM admit_tokens t LEFT JOIN admit_users u ON u.tenant = t.tenant AND u.id = t.user_id
			WHERE t.tenant = $1 AND t.kind = $2 AND t.hash = $3`),
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
	return s.create(ctx, s.q.tokens.create, tokenArguments(t)...)
}

func tokenArguments(t store.Token) []any {
	return []any{
		t.Tenant, t.Kind, full(t.Hash), t.UserID, t.EmailKey, t.CodeHash,
		int64(t.Tries), int64(t.MaxTries), t.Data, micros(t.CreatedAt), micros(t.ExpiresAt), micros(t.UsedAt),
	}
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

// TokenUser implements store.Tokens.
func (s *Store) TokenUser(ctx context.Context, tenant, kind string, hash []byte) (store.Token, store.User, error) {
	if err := text.Key(tenant, kind); err != nil {
		return store.Token{}, store.User{}, err
	}
	var t store.Token
	var u store.User
	if err := s.one(ctx, s.q.tokens.withUser, append(tokenFields(&t), userFields(&u)...), tenant, kind, full(hash)); err != nil {
		return store.Token{}, store.User{}, err
	}
	return t, u, nil
}

// SpendToken implements store.Tokens. SQLite runs several statements, because
// there a statement needs no network exchange.
func (s *Store) SpendToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (t store.Token, u store.User, spent bool, err error) {
	if err := text.Key(tenant, kind); err != nil {
		return t, u, false, err
	}
	if s.dialect == Postgres {
		return s.spendOnce(ctx, tenant, kind, hash, now)
	}
	err = s.atomically(ctx, func(ctx context.Context, tx *Store) error {
		if t, err = tx.Token(ctx, tenant, kind, hash); err != nil {
			return err
		}
		if u, err = tx.LockUser(ctx, tenant, t.UserID); err != nil {
			return err
		}
		t, spent, err = tx.ConsumeToken(ctx, tenant, kind, hash, now)
		return err
	})
	if err != nil {
		return store.Token{}, store.User{}, false, err
	}
	return t, u, spent, nil
}

// spendOnce is SpendToken in one statement. The statement returns the token as
// it was before. If that token could have been used but was not, another
// transaction has changed it meanwhile, and it is read again.
func (s *Store) spendOnce(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (t store.Token, u store.User, spent bool, err error) {
	var count int64
	fields := append(append(tokenFields(&t), userFields(&u)...), &count)
	if err := s.one(ctx, s.q.tokens.spend, fields, tenant, kind, full(hash), micros(now)); err != nil {
		return store.Token{}, store.User{}, false, err
	}
	switch {
	case count > 0:
		t.UsedAt = text.Time(now)
		return t, u, true, nil
	case t.UsedAt.IsZero() && text.Time(now).Before(t.ExpiresAt):
		t, err = s.Token(ctx, tenant, kind, hash)
	}
	if err != nil {
		return store.Token{}, store.User{}, false, err
	}
	return t, u, false, nil
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
	parts, err := s.removals(f)
	if err != nil {
		return 0, err
	}
	var n int64
	for i := range parts {
		parts[i].changed = func(rows int64) { n += rows }
	}
	err = s.together(ctx, parts)
	return int(n), err
}

// removals returns one statement for each field of the filter that is set, so
// that each statement finds its tokens by an index.
func (s *Store) removals(f store.TokenFilter) (parts []part, err error) {
	kinds := "[]"
	if len(f.Kinds) > 0 {
		if kinds, err = jsonText(f.Kinds); err != nil {
			return nil, err
		}
	}
	if f.UserID != "" {
		parts = append(parts, part{q: s.q.tokens.removeOfUser, args: []any{f.Tenant, f.UserID, kinds}})
	}
	if f.EmailKey != "" {
		parts = append(parts, part{q: s.q.tokens.removeOfEmail, args: []any{f.Tenant, f.EmailKey, kinds}})
	}
	return parts, nil
}

// DeleteTokensBefore implements store.Tokens.
func (s *Store) DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (int, error) {
	if err := text.Key(tenant); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.tokens.removeBefore, tenant, micros(t), int64(limit))
	return int(n), err
}
