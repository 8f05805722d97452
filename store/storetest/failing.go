package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/store"
)

// ErrInjected is the error of a planned fault that names no other.
var ErrInjected = errors.New("storetest: injected fault")

// Fault is a way in which a call goes wrong.
type Fault int

const (
	// Refuse fails the call before it reaches the store: it has no effect.
	Refuse Fault = iota
	// Lose lets the call take effect and then reports an error, like a
	// connection cut between COMMIT and its answer. A call that fails by itself
	// keeps its own error. At [Commit] it is like Refuse: what is committed and
	// yet reported as an error is a "Tx" that is lost.
	Lose
	// Cancel cancels the context that the store is given, as when a client
	// hangs up at this very call. At [Commit] the transaction is rolled back.
	Cancel
	// Stall makes the call wait until the deadline that it is given is over, like
	// a database that is too slow. It has no effect.
	Stall
)

// stall is the deadline of a call that is stalled.
const stall = 2 * time.Millisecond

// Plan says which call goes wrong, and how.
type Plan struct {
	// Nth is the number of the call, from 1; 0 lets all calls pass.
	Nth int
	// Verb, such as "RotateSession", limits the counting to calls of that name;
	// "" counts every call.
	Verb string
	// Lasting makes every call from the Nth on go wrong, like a store that
	// stays away.
	Lasting bool
	Fault   Fault
	// Err is what Refuse and Lose report; nil is ErrInjected.
	Err error
}

// FailingStore is a store in which a planned call goes wrong.
type FailingStore struct {
	store.Store
	plan  Plan
	calls atomic.Int64
	hit   atomic.Pointer[string]
}

// Failing returns inner with a fault. Calls are counted in the order in which
// they begin, those in transactions too: a flow is tested by raising Nth from 1
// until [FailingStore.Struck] answers false.
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

// Struck answers whether a call has gone wrong, and of which verb the first.
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
		// Only who stalls has a deadline: a slow machine must not make one of the other.
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

// Slow returns inner with a pause before and after each call, in transactions
// too. pause may let others run, wait until a test goes on, or wait for a time
// unless ctx is done before; when it returns an error, so does the verb. An
// error before the call keeps it from the store; one after it leaves its
// effect, like an answer that comes too late.
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
