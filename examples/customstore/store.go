// Package customstore shows how a store is written: begin with one that exists,
// put a role of your own in place of its, and let storetest.Run say whether the
// whole keeps the contract; then take the next role. The one here is the
// one-time tokens, in a map. What the map does in one step under its lock, a
// database does in one conditional statement.
package customstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/admit-go/admit/store"
)

// Store keeps one-time tokens itself, and everything else in the store below.
type Store struct {
	store.Store // every role that is not written here

	// turn holds one element while somebody uses rows or runs a transaction.
	// Waiting for it ends with the context, unlike waiting for a mutex.
	turn  chan struct{}
	rows  map[key]store.Token
	ended atomic.Bool
}

// key is what makes a token unique.
type key struct{ tenant, kind, hash string }

// New returns a Store without tokens on top of another store.
func New(below store.Store) *Store { return over(below, map[key]store.Token{}) }

func over(below store.Store, rows map[key]store.Token) *Store {
	return &Store{Store: below, turn: make(chan struct{}, 1), rows: rows}
}

// within marks the context of a transaction of a store.
type within struct{ outer *Store }

// alone runs a verb while nobody else has the turn. It refuses before anything
// happens: a context that is done, a store that would wait for itself, and text
// that cannot be kept. All texts of a token are keys.
func (s *Store) alone(ctx context.Context, keys []string, run func() error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("customstore: %w", err)
	}
	if ctx.Value(within{s}) != nil {
		return store.ErrOuterStore
	}
	for _, k := range keys {
		if len(k) > store.MaxKeyBytes || !utf8.ValidString(k) || strings.ContainsRune(k, 0) {
			return fmt.Errorf("customstore: a key: %w", store.ErrInvalidText)
		}
	}
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return fmt.Errorf("customstore: %w", ctx.Err())
	}
	if s.ended.Load() {
		return errors.New("customstore: the transaction has ended")
	}
	return run()
}

// Tx works on a copy, which becomes the rows once the store below has committed.
// One inside works on a copy of the copy, so undoing a part comes by itself.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return s.alone(ctx, nil, func() error {
		var tx *Store
		err := s.Store.Tx(ctx, func(ctx context.Context, below store.Store) error {
			tx = over(below, maps.Clone(s.rows)) // anew each time, since fn may run again
			defer tx.ended.Store(true)
			return fn(context.WithValue(ctx, within{s}, true), tx)
		})
		if err == nil {
			s.rows = tx.rows
		}
		return err
	})
}

// Sweep adds what it removes to what the store below does.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (swept int, err error) {
	err = s.alone(ctx, nil, func() error {
		if swept, err = s.Store.Sweep(ctx, now, limit); err == nil {
			swept += s.remove(limit, func(t store.Token) bool { return !now.Before(t.ExpiresAt) })
		}
		return err
	})
	return swept, err
}

// CreateToken implements store.Tokens.
func (s *Store) CreateToken(ctx context.Context, t store.Token) error {
	return s.alone(ctx, []string{t.Tenant, t.Kind, t.UserID, t.EmailKey}, func() error {
		at := key{t.Tenant, t.Kind, string(t.Hash)}
		if _, taken := s.rows[at]; taken {
			return store.ErrConflict
		}
		s.rows[at] = copied(t)
		return nil
	})
}

// Token implements store.Tokens.
func (s *Store) Token(ctx context.Context, tenant, kind string, hash []byte) (store.Token, error) {
	found, _, err := s.change(ctx, tenant, kind, hash, func(*store.Token) bool { return false })
	return found, err
}

// TokenUser implements store.Tokens.
func (s *Store) TokenUser(ctx context.Context, tenant, kind string, hash []byte) (store.Token, store.User, error) {
	t, err := s.Token(ctx, tenant, kind, hash)
	if err != nil {
		return store.Token{}, store.User{}, err
	}
	u, err := s.User(ctx, tenant, t.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return t, store.User{}, nil
	}
	return t, u, err
}

// SpendToken implements store.Tokens.
func (s *Store) SpendToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (t store.Token, u store.User, done bool, err error) {
	err = s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
		if t, err = tx.Token(ctx, tenant, kind, hash); err != nil {
			return err
		}
		if u, err = tx.LockUser(ctx, tenant, t.UserID); err != nil {
			return err
		}
		t, done, err = tx.ConsumeToken(ctx, tenant, kind, hash, now)
		return err
	})
	if err != nil {
		return store.Token{}, store.User{}, false, err
	}
	return t, u, done, nil
}

// Write implements store.Batches by the other verbs.
func (s *Store) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	return store.WriteEach(ctx, s, b)
}

// ConsumeToken implements store.Tokens.
func (s *Store) ConsumeToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return s.change(ctx, tenant, kind, hash, func(t *store.Token) bool {
		if !t.UsedAt.IsZero() || !cut(now).Before(t.ExpiresAt) {
			return false
		}
		t.UsedAt = cut(now)
		return true
	})
}

// TryToken implements store.Tokens.
func (s *Store) TryToken(ctx context.Context, tenant, kind string, hash []byte, now time.Time) (store.Token, bool, error) {
	return s.change(ctx, tenant, kind, hash, func(t *store.Token) bool {
		if !t.UsedAt.IsZero() || !cut(now).Before(t.ExpiresAt) || t.Tries >= t.MaxTries {
			return false
		}
		t.Tries++
		return true
	})
}

// change is "only if" in one step: it decides and writes while nobody else has
// the turn, and hands out the token as it then stands.
func (s *Store) change(ctx context.Context, tenant, kind string, hash []byte, do func(*store.Token) bool) (t store.Token, done bool, err error) {
	err = s.alone(ctx, []string{tenant, kind}, func() error {
		at := key{tenant, kind, string(hash)}
		row, found := s.rows[at]
		if !found {
			return store.ErrNotFound
		}
		done = do(&row)
		s.rows[at], t = row, copied(row)
		return nil
	})
	return t, done, err
}

// DeleteTokens implements store.Tokens.
func (s *Store) DeleteTokens(ctx context.Context, f store.TokenFilter) (deleted int, err error) {
	err = s.alone(ctx, append([]string{f.Tenant, f.UserID, f.EmailKey}, f.Kinds...), func() error {
		deleted = s.remove(len(s.rows), func(t store.Token) bool {
			owned := f.UserID != "" && t.UserID == f.UserID || f.EmailKey != "" && t.EmailKey == f.EmailKey
			return owned && t.Tenant == f.Tenant && t.UsedAt.IsZero() && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, t.Kind))
		})
		return nil
	})
	return deleted, err
}

// DeleteTokensBefore implements store.Tokens.
func (s *Store) DeleteTokensBefore(ctx context.Context, tenant string, before time.Time, limit int) (deleted int, err error) {
	err = s.alone(ctx, []string{tenant}, func() error {
		deleted = s.remove(limit, func(t store.Token) bool {
			return t.Tenant == tenant && t.UsedAt.IsZero() && t.CreatedAt.Before(cut(before))
		})
		return nil
	})
	return deleted, err
}

// PurgeUser removes the tokens of an account that the store below purges, used ones
// too.
func (s *Store) PurgeUser(ctx context.Context, p store.UserPurge) (purged bool, err error) {
	err = s.alone(ctx, []string{p.Tenant, p.UserID}, func() error {
		if purged, err = s.Store.PurgeUser(ctx, p); purged {
			s.remove(len(s.rows), func(t store.Token) bool { return t.Tenant == p.Tenant && t.UserID == p.UserID })
		}
		return err
	})
	return purged, err
}

// remove deletes at most limit of the rows that match. Its caller has the turn.
func (s *Store) remove(limit int, match func(store.Token) bool) (removed int) {
	for at, t := range s.rows {
		if removed < limit && match(t) {
			delete(s.rows, at)
			removed++
		}
	}
	return removed
}

// cut brings a time to what stores keep: UTC, to the microsecond.
func cut(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// copied holds times as they are kept, and bytes that nobody else can change.
func copied(t store.Token) store.Token {
	t.CreatedAt, t.ExpiresAt, t.UsedAt = cut(t.CreatedAt), cut(t.ExpiresAt), cut(t.UsedAt)
	t.Hash, t.CodeHash, t.Data = slices.Clone(t.Hash), slices.Clone(t.CodeHash), slices.Clone(t.Data)
	return t
}
