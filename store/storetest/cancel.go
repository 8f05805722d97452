package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/store"
)

// cancelChecks play each verb with a context that is done, and then with one
// that is not, so that a case without an effect is found too.
func cancelChecks() []check {
	checks := []check{{"AC-217 a transaction cancelled at any moment leaves all or nothing", cancelledAnywhere}}
	for _, v := range verbs {
		checks = append(checks, check{"AC-217 " + v.name + " does nothing when its context is done", v.obeysContext})
	}
	return checks
}

// obeysContext plays the verb late, cancelled, cancelled in a transaction, and
// at last in time.
func (v verb) obeysContext(s *scene) {
	c := newCast(s)
	before := snapshot(c)
	cancelled, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := v.call(cancelled, s.store, c); !errors.Is(err, context.Canceled) {
		s.Errorf("with a cancelled context: %v", err)
	}
	late, cancel := context.WithDeadline(s.ctx, time.Unix(0, 0))
	defer cancel()
	if err := v.call(late, s.store, c); !errors.Is(err, context.DeadlineExceeded) {
		s.Errorf("with a context past its deadline: %v", err)
	}
	s.is(s.tx(func(in *scene) error {
		if err := v.call(cancelled, in.store, c); !errors.Is(err, context.Canceled) {
			s.Errorf("with a cancelled context in a transaction: %v", err)
		}
		return errOwn
	}), errOwn)
	if got := snapshot(c); got != before {
		s.Errorf("a verb that was cancelled had an effect:\n%s\nbefore:\n%s", got, before)
	}
	s.must(v.call(s.ctx, s.store, c))
	if got := snapshot(c); (got != before) != v.writes {
		s.Errorf("the verb has an effect: %v, should be %v", got != before, v.writes)
	}
}

// cancelledAnywhere gives a transaction a little more time in each turn, until
// it has had enough of it.
func cancelledAnywhere(s *scene) {
	const step, enough = 20 * time.Microsecond, 3
	for allowed, committed := time.Duration(0), 0; committed < enough; allowed += step {
		if allowed > patience {
			s.Fatalf("no transaction ended within %v", patience)
		}
		u := s.newUser()
		ctx, cancel := context.WithTimeout(s.ctx, allowed)
		err := s.store.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			if err := tx.CreateUser(ctx, u); err != nil {
				return err
			}
			return tx.PutPassword(ctx, s.newPassword(u))
		})
		cancel()
		_, noUser := s.store.User(s.ctx, s.tenant, u.ID)
		_, noPassword := s.store.Password(s.ctx, s.tenant, u.ID)
		if noUser != nil && noPassword == nil {
			// A commit whose answer nobody waited for came between the two.
			_, noUser = s.store.User(s.ctx, s.tenant, u.ID)
		}
		switch {
		case noUser == nil && noPassword == nil:
			committed++
		case err == nil:
			s.Fatalf("acknowledged after %v, and then: account %v, password %v", allowed, noUser, noPassword)
		case !errors.Is(noUser, store.ErrNotFound) || !errors.Is(noPassword, store.ErrNotFound):
			s.Fatalf("cancelled after %v: account %v, password %v", allowed, noUser, noPassword)
		}
		if allowed > time.Millisecond {
			allowed += allowed / 50 // A slow store is given its time in greater steps.
		}
	}
}
