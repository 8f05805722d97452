package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

// patience bounds what must not wait. A store that waits is reported when it
// is over; one that answers never notices.
const patience = 20 * time.Second

// errOwn is what a transaction fails with that is to be rolled back.
var errOwn = errors.New("the transaction's own error")

// inside is the scene inside a transaction.
func (s *scene) inside(ctx context.Context, tx store.Store) *scene {
	in := *s
	in.ctx, in.store = ctx, tx
	return &in
}

// tx runs fn inside a transaction.
func (s *scene) tx(fn func(in *scene) error) error {
	return s.store.Tx(s.ctx, func(ctx context.Context, tx store.Store) error { return fn(s.inside(ctx, tx)) })
}

// absent reports an account that is kept.
func (s *scene) absent(users ...store.User) {
	s.Helper()
	for _, u := range users {
		_, err := s.store.User(s.ctx, u.Tenant, u.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.UserByEmail(s.ctx, u.Tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
	}
}

// panics answers whether fn panicked with the given value.
func panics(value any, fn func()) (did bool) {
	defer func() { did = recover() == value && value != nil }()
	fn()
	return false
}

// transactionChecks prove Tx: all or nothing, seen by nobody before, and no
// way for a transaction to wait for itself.
var transactionChecks = []check{
	{"what a transaction did is seen inside it, and kept when it ends well", func(s *scene) {
		var u store.User
		var x store.Session
		s.must(s.tx(func(in *scene) error {
			u = in.user()
			x = in.session(u)
			equal(in, in.kept(u), u)
			equal(in, in.keptSession(x), x)
			return nil
		}))
		equal(s, s.kept(u), u)
		equal(s, s.keptSession(x), x)
	}},
	{"nothing of a transaction that fails remains, and its error comes back as it is", func(s *scene) {
		old := s.user()
		p, x := s.password(old), s.session(old)
		var u store.User
		err := s.tx(func(in *scene) error {
			u = in.user()
			in.yes(in.store.EndSession(in.ctx, in.tenant, old.ID, x.ID, now, "revoked"))
			in.must(in.store.DeletePassword(in.ctx, in.tenant, old.ID))
			in.yes(in.store.DeleteUser(in.ctx, in.tenant, old.ID, now, time.Time{}))
			in.hit(now, ok, in.counter("a", 1))
			in.event()
			in.mail()
			return errOwn
		})
		if err != errOwn { //nolint:errorlint // The contract promises the very error.
			s.Errorf("the error came back as %v", err)
		}
		s.absent(u)
		equal(s, s.kept(old), old)
		equal(s, s.keptSession(x), x)
		got, err := s.store.Password(s.ctx, s.tenant, old.ID)
		s.must(err)
		equal(s, got, p)
		s.hit(now, ok, s.counter("a", 1))
		s.next(time.Time{})
		events, err := s.store.PendingEvents(s.ctx, s.tenant, 10)
		s.must(err)
		equalAll(s, events, nil)
	}},
	{"a refusal or a conflict leaves the transaction usable", func(s *scene) {
		// PostgreSQL refuses every statement after one that failed.
		old := s.user()
		var u store.User
		s.must(s.tx(func(in *scene) error {
			same := in.newUser()
			same.EmailKey = old.EmailKey
			in.is(in.store.CreateUser(in.ctx, same), store.ErrConflict)
			_, err := in.store.User(in.ctx, in.tenant, "nobody")
			in.is(err, store.ErrNotFound)
			in.no(in.store.VerifyEmail(in.ctx, in.tenant, "nobody", "a", now))
			stale := old
			stale.Version = 9
			in.is(in.store.UpdateUser(in.ctx, stale), store.ErrConflict)
			in.is(in.store.ClaimEmail(in.ctx, store.EmailClaim{Tenant: in.tenant, UserID: "nobody"}), store.ErrNotFound)
			bad := in.newUser()
			bad.Name = "\x00"
			in.is(in.store.CreateUser(in.ctx, bad), store.ErrInvalidText)
			u = in.user()
			return nil
		}))
		equal(s, s.kept(u), u)
	}},
	{"a transaction inside joins, and its error undoes its own part only", func(s *scene) {
		var before, lost, deeper, after, joined store.User
		s.must(s.tx(func(in *scene) error {
			before = in.user()
			in.is(in.tx(func(nested *scene) error {
				lost = nested.user()
				equal(nested, nested.kept(before), before)
				nested.must(nested.tx(func(deep *scene) error {
					deeper = deep.user()
					return nil
				}))
				nested.yes(nested.store.DeleteUser(nested.ctx, nested.tenant, before.ID, now, time.Time{}))
				return errOwn
			}), errOwn)
			in.absent(lost, deeper)
			equal(in, in.kept(before), before)
			in.must(in.tx(func(nested *scene) error {
				joined = nested.user()
				return nil
			}))
			equal(in, in.kept(joined), joined)
			after = in.user()
			return nil
		}))
		s.absent(lost, deeper)
		for _, u := range []store.User{before, joined, after} {
			equal(s, s.kept(u), u)
		}
	}},
	{"a transaction that ended well inside one that fails is undone", func(s *scene) {
		var joined store.User
		s.is(s.tx(func(in *scene) error {
			in.must(in.tx(func(nested *scene) error {
				joined = nested.user()
				return nil
			}))
			return errOwn
		}), errOwn)
		s.absent(joined)
	}},
	{"a panic rolls back and goes on", func(s *scene) {
		var u, kept, lost store.User
		if !panics("own panic", func() {
			s.tx(func(in *scene) error { //nolint:errcheck // It panics.
				u = in.user()
				panic("own panic")
			})
		}) {
			s.Errorf("the panic did not come through")
		}
		s.absent(u)
		s.must(s.tx(func(in *scene) error {
			kept = in.user()
			if !panics("inner panic", func() {
				in.tx(func(nested *scene) error { //nolint:errcheck // It panics.
					lost = nested.user()
					panic("inner panic")
				})
			}) {
				in.Errorf("the panic did not come through")
			}
			in.absent(lost)
			return nil
		}))
		s.absent(lost)
		equal(s, s.kept(kept), kept)
	}},
	{"the outer store inside its transaction fails at once", func(s *scene) {
		c := newCast(s)
		before := snapshot(c)
		ctx, cancel := context.WithTimeout(s.ctx, patience)
		defer cancel()
		s.must(s.store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			misuse := func(ctx context.Context) {
				for _, v := range verbs {
					if err := v.call(ctx, s.store, c); !errors.Is(err, store.ErrOuterStore) {
						s.Errorf("%s answered %v", v.name, err)
					}
				}
			}
			misuse(ctx)
			return tx.Tx(ctx, func(ctx context.Context, _ store.Store) error {
				misuse(ctx)
				return nil
			})
		}))
		equal(s, snapshot(c), before)
	}},
	{"a transaction's store is of no use after it", func(s *scene) {
		var escaped store.Store
		s.must(s.store.Tx(s.ctx, func(_ context.Context, tx store.Store) error {
			escaped = tx
			return nil
		}))
		u := s.newUser()
		if escaped.CreateUser(s.ctx, u) == nil {
			s.Errorf("the store of a finished transaction still writes")
		}
		if escaped.Tx(s.ctx, func(context.Context, store.Store) error { return nil }) == nil {
			s.Errorf("the store of a finished transaction still runs transactions")
		}
		s.absent(u)
	}},
	{"a context that is done before the commit rolls back", func(s *scene) {
		ctx, cancel := context.WithCancel(s.ctx)
		defer cancel()
		var u store.User
		s.is(s.store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			u = s.inside(ctx, tx).user()
			cancel()
			return nil
		}), context.Canceled)
		s.absent(u)
	}},
	{"what is not committed is invisible to others", func(s *scene) {
		old := s.user()
		var u store.User
		var reader sync.WaitGroup
		s.is(s.tx(func(in *scene) error {
			u = in.user()
			in.yes(in.store.DeleteUser(in.ctx, in.tenant, old.ID, now, time.Time{}))
			read := make(chan struct{})
			reader.Go(func() {
				defer close(read)
				s.absent(u)
				if got, err := s.store.User(s.ctx, s.tenant, old.ID); err != nil || got != old {
					s.Errorf("another reader saw %+v, %v", got, err)
				}
			})
			// A store with a single connection answers the reader only after
			// the roll-back, which must make no difference.
			select {
			case <-read:
			case <-time.After(100 * time.Millisecond):
			}
			return errOwn
		}), errOwn)
		reader.Wait()
	}},
	{"transactions that lock an account follow one another", func(s *scene) {
		u := s.user()
		const turns = 16
		errs := together(s, turns, func(int) error {
			return s.tx(func(in *scene) error {
				locked, err := in.store.LockUser(in.ctx, in.tenant, u.ID)
				if err != nil {
					return err
				}
				locked.Name += "x"
				return in.store.UpdateUser(in.ctx, locked)
			})
		})
		s.must(errors.Join(errs...))
		if got := s.kept(u); len(got.Name) != len(u.Name)+turns || got.Version != 1+turns {
			s.Errorf("%d transactions left %q, version %d", turns, got.Name, got.Version)
		}
	}},
	{"a key that a transaction has touched is not revoked before its end, however late its last use", func(s *scene) {
		k := s.apiKey(s.user())
		s.must(s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after(9)))
		var revoker sync.WaitGroup
		s.must(s.tx(func(in *scene) error {
			in.must(in.store.TouchAPIKey(in.ctx, in.tenant, k.ID, now))
			revoked := make(chan struct{})
			revoker.Go(func() {
				defer close(revoked)
				s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, now))
			})
			select {
			case <-revoked:
				s.Errorf("the key was revoked meanwhile")
			case <-time.After(100 * time.Millisecond):
			}
			return nil
		}))
		revoker.Wait()
		k.LastUsedAt, k.RevokedAt = after(9), now
		equal(s, s.keptAPIKey(k), k)
	}},
	{"transactions that lock two accounts in opposite orders all go through", func(s *scene) {
		// A database ends a deadlock by failing one of the two, which the store
		// must run again. Two are enough: noticing a deadlock may take the
		// database a second, and of a crowd somebody would run out of time.
		pair := []store.User{s.user(), s.user()}
		const turns = 2
		errs := together(s, turns, func(turn int) error {
			return s.tx(func(in *scene) error {
				for i := range pair {
					u, err := in.store.LockUser(in.ctx, in.tenant, pair[(turn+i)%2].ID)
					if err != nil {
						return err
					}
					u.Name += "x"
					if err := in.store.UpdateUser(in.ctx, u); err != nil {
						return err
					}
				}
				return nil
			})
		})
		s.must(errors.Join(errs...))
		for _, u := range pair {
			if got := s.kept(u); got.Version != 1+turns || len(got.Name) != len(u.Name)+turns {
				s.Errorf("%d transactions left %q, version %d", turns, got.Name, got.Version)
			}
		}
	}},
	{"transactions that read and write an account lose no update", func(s *scene) {
		u := s.user()
		errs := together(s, racers, func(int) error {
			return s.tx(func(in *scene) error {
				read, err := in.store.User(in.ctx, in.tenant, u.ID)
				if err != nil {
					return err
				}
				read.Name += "x"
				return in.store.UpdateUser(in.ctx, read)
			})
		})
		written := 0
		for _, err := range errs {
			switch {
			case err == nil:
				written++
			case !errors.Is(err, store.ErrConflict):
				s.Errorf("failed: %v", err)
			}
		}
		got := s.kept(u)
		if written == 0 || len(got.Name) != len(u.Name)+written || got.Version != int64(1+written) {
			s.Errorf("%d transactions were acknowledged, which left %q, version %d", written, got.Name, got.Version)
		}
	}},
	{"transactions of which half fail keep the other half", func(s *scene) {
		users := make([]store.User, racers)
		for i := range users {
			users[i] = s.newUser()
		}
		errs := together(s, racers, func(i int) error {
			return s.tx(func(in *scene) error {
				if err := in.store.CreateUser(in.ctx, users[i]); err != nil {
					return err
				}
				if i%2 == 1 {
					return fmt.Errorf("racer %d: %w", i, errOwn)
				}
				return nil
			})
		})
		for i, u := range users {
			if i%2 == 1 {
				s.is(errs[i], errOwn)
				s.absent(u)
				continue
			}
			s.must(errs[i])
			equal(s, s.kept(u), u)
		}
	}},
}
