package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/store"
)

// ErrInjected is the error of a planned fault if the Plan has no other.
var ErrInjected = errors.New("storetest: injected fault")

// Fault is a way in which a call fails.
type Fault int

const (
	// Refuse fails the call before it reaches the store: it has no effect.
	Refuse Fault = iota
	// Lose lets the call take effect and then reports an error, like a
	// connection that is cut between COMMIT and its answer. A call that fails
	// by itself keeps its own error. At [Commit] it is like Refuse. To lose the
	// answer to a commit, lose a "Tx".
	Lose
	// Cancel cancels the context of the call, as if a client hung up at this
	// call. At [Commit] the transaction is rolled back.
	Cancel
	// Stall makes the call wait until its deadline, like a database that is too
	// slow. It has no effect.
	Stall
)

// stall is the deadline of a stalled call.
const stall = 2 * time.Millisecond

// Plan says which call fails, and how.
type Plan struct {
	// Nth is the number of the call, from 1; 0 lets all calls pass.
	Nth int
	// Verb counts only the calls of one verb, such as "RotateSession". ""
	// counts every call.
	Verb string
	// Lasting makes every call from the Nth on fail, like a store that stays
	// down.
	Lasting bool
	Fault   Fault
	// Err is the error that Refuse and Lose report. Nil means ErrInjected.
	Err error
}

// FailingStore is a store in which a planned call fails.
type FailingStore struct {
	store.Store
	plan  Plan
	calls atomic.Int64
	hit   atomic.Pointer[string]
}

// Failing returns inner with a fault. Calls are counted in the order in which
// they begin, also in transactions. To test a flow, raise Nth from 1 until
// [FailingStore.Struck] returns false.
func Failing(inner store.Store, plan Plan) *FailingStore {
	if plan.Err == nil {
		plan.Err = ErrInjected
	}
	s := &FailingStore{plan: plan}
	s.Store = Wrap(inner, s.around)
	return s
}

// Calls returns how many calls have been counted.
func (s *FailingStore) Calls() int { return int(s.calls.Load()) }

// Struck says whether a call has failed, and returns the verb of the first one.
func (s *FailingStore) Struck() (verb string, ok bool) {
	if hit := s.hit.Load(); hit != nil {
		return *hit, true
	}
	return "", false
}

func (s *FailingStore) around(ctx context.Context, verb string, call func(context.Context) error) error {
	if s.plan.Verb != "" && s.plan.Verb != verb {
		return call(ctx)
	}
	n := int(s.calls.Add(1))
	if s.plan.Nth == 0 || n < s.plan.Nth || n > s.plan.Nth && !s.plan.Lasting {
		return call(ctx)
	}
	s.hit.CompareAndSwap(nil, &verb)
	failure := fmt.Errorf("call %d, %s: %w", n, verb, s.plan.Err)
	switch s.plan.Fault {
	case Lose:
		if err := call(ctx); err != nil {
			return err
		}
		return failure
	case Cancel, Stall:
		// Only a stalled call has a deadline, so that a slow machine stalls no
		// other call.
		limit := time.Hour
		if s.plan.Fault == Stall {
			limit = stall
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		if s.plan.Fault == Stall {
			<-ctx.Done()
		}
		cancel()
		if err := call(ctx); err != nil {
			return err
		}
		return fmt.Errorf("call %d, %s: %w", n, verb, ctx.Err())
	default:
		return failure
	}
}

// Slow returns inner with a pause before and after each call, also in
// transactions. pause may let others run, wait until a test continues, or wait
// for a time unless ctx ends. If pause returns an error, the verb returns it.
// After an error of the first pause the call does not reach the store. After an
// error of the second pause the call has taken effect, like an answer that
// comes too late.
func Slow(inner store.Store, pause func(ctx context.Context) error) store.Store {
	return Wrap(inner, func(ctx context.Context, _ string, call func(context.Context) error) error {
		if err := pause(ctx); err != nil {
			return err
		}
		if err := call(ctx); err != nil {
			return err
		}
		return pause(ctx)
	})
}
