package deadline

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type key struct{}

func start(parent context.Context, limit time.Duration) *Context {
	c := new(Context)
	c.Start(parent, limit)
	return c
}

func TestItIsDoneAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c := start(t.Context(), time.Minute)
		defer c.Stop()
		if err := c.Err(); err != nil {
			t.Fatal(err)
		}
		if at, ok := c.Deadline(); !ok || !at.Equal(began.Add(time.Minute)) {
			t.Errorf("its deadline is %v, %v", at, ok)
		}
		<-c.Done()
		if took := time.Since(began); took != time.Minute || !errors.Is(c.Err(), context.DeadlineExceeded) {
			t.Errorf("done after %v with %v", took, c.Err())
		}
	})
}

func TestErrTellsOfTheDeadlineWithoutATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := start(t.Context(), time.Minute)
		timer := time.NewTimer(time.Minute)
		<-timer.C
		if err := c.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if c.armed != nil {
			t.Error("Err has armed a timer")
		}
	})
}

func TestItsParentEndsIt(t *testing.T) {
	for name, armed := range map[string]bool{"nobody waits": false, "somebody waits": true} {
		parent, cancel := context.WithCancel(t.Context())
		c := start(parent, time.Hour)
		if armed {
			_ = c.Done()
		}
		cancel()
		if err := c.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
		<-c.Done()
		c.Stop()
	}
}

func TestTheEarlierDeadlineOfTwoHolds(t *testing.T) {
	parent, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	want, _ := parent.Deadline()
	c := start(parent, time.Hour)
	defer c.Stop()
	if at, _ := c.Deadline(); !at.Equal(want) {
		t.Errorf("got %v, the parent's is %v", at, want)
	}
}

func TestItIsDoneAfterStop(t *testing.T) {
	for name, armed := range map[string]bool{"nobody has waited": false, "somebody has waited": true} {
		c := start(t.Context(), time.Hour)
		if armed {
			_ = c.Done()
		}
		c.Stop()
		c.Stop()
		if err := c.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
		<-c.Done()
		if err := c.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: once waited for: %v", name, err)
		}
	}
}

func TestItHasTheValuesOfItsParent(t *testing.T) {
	c := start(context.WithValue(t.Context(), key{}, 7), time.Hour)
	defer c.Stop()
	if c.Value(key{}) != 7 {
		t.Error("not before the timer is armed")
	}
	_ = c.Done()
	if c.Value(key{}) != 7 {
		t.Error("not after the timer is armed")
	}
	child, cancel := context.WithCancel(c)
	defer cancel()
	if child.Value(key{}) != 7 {
		t.Error("not in a context that is made from it")
	}
}

func TestAnyNumberOfGoroutinesMayWaitWhileItIsStopped(t *testing.T) {
	c := start(t.Context(), time.Hour)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_ = c.Value(key{})
			_ = c.Err()
			<-c.Done()
		})
	}
	c.Stop()
	all.Wait()
}

func TestARequestThatNobodyWaitsForCostsNothing(t *testing.T) {
	var c Context
	parent := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		c.Start(parent, time.Minute)
		_ = c.Err()
		_, _ = c.Deadline()
		_ = c.Value(key{})
		c.Stop()
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
