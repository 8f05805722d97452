package memory

import (
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// rowOf is the key of a token.
func rowOf(t *store.Token) tokenRow { return tokenRow{t.Tenant, t.Kind, string(t.Hash)} }

// handToken returns a token with bytes that nobody else holds.
func handToken(t store.Token) store.Token {
	t.Hash, t.CodeHash, t.Data = clone(t.Hash), clone(t.CodeHash), clone(t.Data)
	return t
}

// putToken keeps a token of which no more than Tries and UsedAt has changed,
// if it is not new.
func (st *state) putToken(t store.Token) {
	at := rowOf(&t)
	if st.tokens.get(at) == nil {
		st.tokensOfUser = st.tokensOfUser.put(under(t.Tenant, t.UserID, t.Kind)+at.hash, at)
		st.tokensOfEmail = st.tokensOfEmail.put(under(t.Tenant, t.EmailKey, t.Kind)+at.hash, at)
		st.tokensUnused = st.tokensUnused.put(created(t.Tenant, t.CreatedAt, t.Kind, at.hash), at)
		st.tokensExpiring = st.tokensExpiring.put(due(t.ExpiresAt, t.Tenant, t.Kind, at.hash), at)
	}
	if !t.UsedAt.IsZero() {
		st.tokensUnused = st.tokensUnused.drop(created(t.Tenant, t.CreatedAt, t.Kind, at.hash))
	}
	st.tokens = st.tokens.put(at, t)
}

// dropToken removes a token and its place in every index.
func (st *state) dropToken(at tokenRow) {
	t := st.tokens.get(at)
	st.tokensOfUser = st.tokensOfUser.drop(under(t.Tenant, t.UserID, t.Kind) + at.hash)
	st.tokensOfEmail = st.tokensOfEmail.drop(under(t.Tenant, t.EmailKey, t.Kind) + at.hash)
	st.tokensUnused = st.tokensUnused.drop(created(t.Tenant, t.CreatedAt, t.Kind, at.hash))
	st.tokensExpiring = st.tokensExpiring.drop(due(t.ExpiresAt, t.Tenant, t.Kind, at.hash))
	st.tokens = st.tokens.drop(at)
}

// CreateToken is described at store.Tokens.
func (s *Store) CreateToken(ctx context.Context, t store.Token) error {
	return s.write(ctx, text.Token(t), func(st *state) error {
		if st.tokens.get(rowOf(&t)) != nil {
			return store.ErrConflict
		}
		t := handToken(t)
		t.CreatedAt, t.ExpiresAt, t.UsedAt = cut(t.CreatedAt), cut(t.ExpiresAt), cut(t.UsedAt)
		st.putToken(t)
		return nil
	})
}

// Token is described at store.Tokens.
func (s *Store) Token(ctx context.Context, tenant, kind string, hash []byte) (store.Token, error) {
	st, err := s.read(ctx, text.Key(tenant, kind))
	if err != nil {
		return store.Token{}, err
	}
	if t := st.tokens.get(tokenRow{tenant, kind, string(hash)}); t != nil {
		return handToken(*t), nil
	}
	return store.Token{}, store.ErrNotFound
}

// TokenUser is described at store.Tokens.
func (s *Store) TokenUser(ctx context.Context, tenant, kind string, hash []byte) (store.Token, store.User, error) {
	st, err := s.read(ctx, text.Key(tenant, kind))
	if err != nil {
		return store.Token{}, store.User{}, err
	}
	t := st.tokens.get(tokenRow{tenant, kind, string(hash)})
	if t == nil {
		return store.Token{}, store.User{}, store.ErrNotFound
	}
	var owner store.User
	if u := st.users.get(row{tenant, t.UserID}); u != nil {
		owner = *u
	}
	return handToken(*t), owner, nil
}

// SpendToken is described at store.Tokens.
func (s *Store) SpendToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (after store.Token, owner store.User, spent bool, err error) {
	err = s.write(ctx, text.Key(tenant, kind), func(st *state) error {
		at, now := tokenRow{tenant, kind, string(hash)}, cut(now)
		old := st.tokens.get(at)
		if old == nil {
			return store.ErrNotFound
		}
		u := st.users.get(row{tenant, old.UserID})
		if u == nil {
			return store.ErrNotFound
		}
		t := *old
		if spent = t.UsedAt.IsZero() && now.Before(t.ExpiresAt); spent {
			t.UsedAt = now
			st.putToken(t)
		}
		after, owner = handToken(t), *u
		return nil
	})
	return after, owner, spent, err
}

// redeem lets change act on a token that can still be used at now, and returns
// the token as it then stands and whether change acted.
func (s *Store) redeem(ctx context.Context, at tokenRow, now time.Time, change func(*store.Token) bool) (after store.Token, changed bool, err error) {
	err = s.write(ctx, text.Key(at.tenant, at.kind), func(st *state) error {
		old := st.tokens.get(at)
		if old == nil {
			return store.ErrNotFound
		}
		t := *old
		if t.UsedAt.IsZero() && now.Before(t.ExpiresAt) && change(&t) {
			st.putToken(t)
			changed = true
		}
		after = handToken(t)
		return nil
	})
	return after, changed, err
}

// ConsumeToken is described at store.Tokens.
func (s *Store) ConsumeToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	now = cut(now)
	return s.redeem(ctx, tokenRow{tenant, kind, string(hash)}, now, func(t *store.Token) bool {
		t.UsedAt = now
		return true
	})
}

// TryToken is described at store.Tokens.
func (s *Store) TryToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return s.redeem(ctx, tokenRow{tenant, kind, string(hash)}, cut(now), func(t *store.Token) bool {
		if t.Tries >= t.MaxTries {
			return false
		}
		t.Tries++
		return true
	})
}

// DeleteTokens is described at store.Tokens.
func (s *Store) DeleteTokens(ctx context.Context, f store.TokenFilter) (deleted int, err error) {
	err = s.write(ctx, text.TokenFilter(f), func(st *state) error {
		var found []tokenRow
		if f.UserID != "" {
			for _, at := range st.tokensOfUser.in(under(f.Tenant, f.UserID)) {
				found = append(found, at)
			}
		}
		if f.EmailKey != "" {
			for _, at := range st.tokensOfEmail.in(under(f.Tenant, f.EmailKey)) {
				found = append(found, at)
			}
		}
		for _, at := range found {
			// A token that was found twice, by account and address, is gone the
			// second time.
			t := st.tokens.get(at)
			if t != nil && t.UsedAt.IsZero() && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, t.Kind)) {
				st.dropToken(at)
				deleted++
			}
		}
		return nil
	})
	return deleted, err
}

// DeleteTokensBefore is described at store.Tokens.
func (s *Store) DeleteTokensBefore(ctx context.Context, tenant string, t time.Time, limit int) (deleted int, err error) {
	err = s.write(ctx, text.Key(tenant), func(st *state) error {
		for _, at := range st.tokensUnused.before(under(tenant), moment(cut(t))) {
			if deleted == limit {
				break
			}
			st.dropToken(at)
			deleted++
		}
		return nil
	})
	return deleted, err
}
