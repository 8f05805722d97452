package storetest

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// TestEveryVerbHasACase keeps the table of verbs complete: text, cancellation
// and misuse are tested with it.
func TestEveryVerbHasACase(t *testing.T) {
	var want, got []string
	for m := range reflect.TypeFor[store.Store]().Methods() {
		if m.Name != "WithTx" { // It takes no context, and only a host has a transaction to give.
			want = append(want, m.Name)
		}
	}
	for _, v := range verbs {
		got = append(got, v.name)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the table has  %v\nthe contract has %v", got, want)
	}
}

func TestWrapCallsEachVerbByItsName(t *testing.T) {
	for _, v := range verbs {
		var called []string
		s := Wrap(memory.New(), func(ctx context.Context, verb string, call func(context.Context) error) error {
			called = append(called, verb)
			return call(ctx)
		})
		c := newCast(newScene(t, s, "tenant"))
		called = nil
		c.must(v.call(c.ctx, s, c))
		want := []string{v.name}
		if v.name == "Tx" {
			want = []string{"Tx", "CreateUser", Commit}
		}
		if !slices.Equal(called, want) {
			t.Errorf("%s was called as %v", v.name, called)
		}
	}
}

// The wrapped store is proven like any other, so that no answer is lost.
func TestSlowStoreKeepsTheContract(t *testing.T) {
	run(t, func(*testing.T) store.Store {
		return Slow(memory.New(), func(context.Context) error {
			runtime.Gosched()
			return nil
		})
	}, 5)
}

func TestFailingFaultsHaveTheEffectTheySay(t *testing.T) {
	own := errors.New("own error")
	for _, v := range verbs {
		for _, f := range []struct {
			name   string
			plan   Plan
			err    error
			effect bool
		}{
			{"refused", Plan{Nth: 1}, ErrInjected, false},
			{"refused with an error of its own", Plan{Nth: 1, Err: own}, own, false},
			{"lost", Plan{Nth: 1, Verb: v.name, Fault: Lose}, ErrInjected, v.writes},
			{"cancelled", Plan{Nth: 1, Fault: Cancel}, context.Canceled, false},
			{"stalled", Plan{Nth: 1, Fault: Stall}, context.DeadlineExceeded, false},
			{"let through", Plan{Nth: 9}, nil, v.writes},
			{"aimed at another verb", Plan{Nth: 1, Verb: "NoVerb"}, nil, v.writes},
		} {
			t.Run(v.name+" "+f.name, func(t *testing.T) {
				c := newCast(newScene(t, memory.New(), "tenant"))
				before := snapshot(c)
				s := Failing(c.store, f.plan)
				if err := v.call(c.ctx, s, c); !errors.Is(err, f.err) {
					t.Errorf("answered %v, should be %v", err, f.err)
				}
				if verb, struck := s.Struck(); struck != (f.err != nil) || struck && verb != v.name {
					t.Errorf("struck %v at %q", struck, verb)
				}
				if effect := snapshot(c) != before; effect != f.effect {
					t.Errorf("the effect is there: %v, should be %v", effect, f.effect)
				}
			})
		}
	}
}

func TestFailingReachesEveryCallOfATransaction(t *testing.T) {
	for _, fault := range []Fault{Refuse, Lose, Cancel, Stall} {
		var struck []string
		for nth := 1; ; nth++ {
			c := newScene(t, memory.New(), "tenant")
			u := c.newUser()
			s := Failing(c.store, Plan{Nth: nth, Fault: fault})
			err := s.Tx(c.ctx, func(ctx context.Context, tx store.Store) error {
				if err := tx.CreateUser(ctx, u); err != nil {
					return err
				}
				return tx.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return tx.PutPassword(ctx, c.newPassword(u))
				})
			})
			verb, ok := s.Struck()
			if ok != (err != nil) {
				t.Errorf("call %d: struck %v, and the transaction answered %v", nth, ok, err)
			}
			_, missing := c.store.User(c.ctx, u.Tenant, u.ID)
			if committed := missing == nil; committed != (!ok || fault == Lose && nth == 1) {
				t.Errorf("call %d, %s: committed %v", nth, verb, committed)
			}
			if !ok {
				if s.Calls() != nth-1 {
					t.Errorf("%d calls were counted, %d struck", s.Calls(), nth-1)
				}
				break
			}
			struck = append(struck, verb)
		}
		if want := []string{"Tx", "CreateUser", "Tx", "PutPassword", Commit, Commit}; !slices.Equal(struck, want) {
			t.Errorf("struck %v, should be %v", struck, want)
		}
	}
}

func TestFailingLastsWhenPlanned(t *testing.T) {
	s := Failing(memory.New(), Plan{Nth: 2, Verb: "Ping", Lasting: true})
	for n, want := range []error{nil, ErrInjected, ErrInjected} {
		if err := s.Ping(t.Context()); !errors.Is(err, want) {
			t.Errorf("call %d answered %v, should be %v", n+1, err, want)
		}
	}
	if _, err := s.Sweep(t.Context(), now, 1); err != nil {
		t.Errorf("another verb answered %v", err)
	}
}

func TestSlowHonoursTheDeadline(t *testing.T) {
	for _, v := range verbs {
		c := newCast(newScene(t, memory.New(), "tenant"))
		before := snapshot(c)
		waiting := Slow(c.store, func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(c.ctx, time.Millisecond)
		if err := v.call(ctx, waiting, c); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s answered %v", v.name, err)
		}
		cancel()
		if snapshot(c) != before {
			t.Errorf("%s had an effect though it never got to the store", v.name)
		}
	}
}

func TestSlowAnswerThatComesTooLateLeavesItsEffect(t *testing.T) {
	c := newScene(t, memory.New(), "tenant")
	pauses := 0
	s := Slow(c.store, func(context.Context) error {
		if pauses++; pauses == 2 {
			return context.DeadlineExceeded
		}
		return nil
	})
	u := c.newUser()
	c.is(s.CreateUser(c.ctx, u), context.DeadlineExceeded)
	equal(c, c.kept(u), u)
}
