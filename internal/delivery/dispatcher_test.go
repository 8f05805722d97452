package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

var errHost = errors.New("the host is not ready")

func never() bool { return false }

// rig is a dispatcher on a memory store that records the events that it
// delivers.
type rig struct {
	*Dispatcher
	t      *testing.T
	handed []string
	// answer is the result of the host's function. Nil means success.
	answer func(ctx context.Context, e store.Event) error
	log    bytes.Buffer
}

func newRig(t *testing.T, s EventStore, change func(*Events)) *rig {
	t.Helper()
	r := &rig{t: t}
	options := Events{
		Store: s, Tenant: "tenant-a", Holder: "process-1", Now: time.Now,
		Logger: slog.New(slog.NewTextHandler(&r.log, nil)),
		OnEvent: func(ctx context.Context, e store.Event) error {
			if r.answer != nil {
				if err := r.answer(ctx, e); err != nil {
					return err
				}
			}
			r.handed = append(r.handed, e.ID)
			return nil
		},
	}
	if change != nil {
		change(&options)
	}
	r.Dispatcher = NewDispatcher(options)
	return r
}

// add appends events with the numbers from first to last.
func (r *rig) add(first, last int) {
	r.t.Helper()
	for i := first; i <= last; i++ {
		e := store.Event{Tenant: r.Tenant, ID: fmt.Sprintf("event-%04d", i), Kind: "thing.done", At: r.Now()}
		if err := r.Store.AppendEvent(r.t.Context(), e); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) pending() int {
	r.t.Helper()
	list, err := r.Store.PendingEvents(r.t.Context(), r.Tenant, 10_000)
	if err != nil {
		r.t.Fatal(err)
	}
	return len(list)
}

func TestEventsAreHandedOnInOrderAndOnce(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	const events = 2*eventBatch + 1
	r.add(1, events)
	for range 2 {
		if err := r.deliver(t.Context(), never); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.handed) != events || !slices.IsSorted(r.handed) || r.pending() != 0 {
		t.Errorf("handed on %d events, %d are left", len(r.handed), r.pending())
	}
}

func TestAnEventThatFailsHoldsTheNextOnes(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.add(1, 3)
	r.answer = func(_ context.Context, e store.Event) error {
		if e.ID == "event-0002" {
			return errHost
		}
		return nil
	}
	err := r.deliver(t.Context(), never)
	if !errors.Is(err, errHost) || !strings.Contains(err.Error(), "event-0002 (thing.done)") {
		t.Errorf("got %v", err)
	}
	if !slices.Equal(r.handed, []string{"event-0001"}) || r.pending() != 2 {
		t.Errorf("handed on %v, %d are left", r.handed, r.pending())
	}
	r.answer = nil
	if err := r.deliver(t.Context(), never); err != nil || !slices.Equal(r.handed, []string{"event-0001", "event-0002", "event-0003"}) {
		t.Errorf("later: %v, handed on %v", err, r.handed)
	}
}

func TestAPanicOfTheHostIsAFailure(t *testing.T) {
	r := newRig(t, memory.New(), nil)
	r.add(1, 1)
	r.answer = func(context.Context, store.Event) error { panic("out of range") }
	if err := r.deliver(t.Context(), never); err == nil || !strings.Contains(err.Error(), "OnEvent panicked: out of range") || r.pending() != 1 {
		t.Errorf("got %v, %d are left", err, r.pending())
	}
}

func TestOneProcessAtATimeHandsEventsOn(t *testing.T) {
	s := memory.New()
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	r := newRig(t, s, func(o *Events) { o.Now = func() time.Time { return at } })
	other := newRig(t, s, func(o *Events) { o.Holder, o.Now = "process-2", func() time.Time { return at } })
	r.add(1, 1)
	r.answer = func(ctx context.Context, _ store.Event) error {
		if err := other.deliver(ctx, never); err != nil {
			t.Error(err)
		}
		return nil
	}
	if err := r.deliver(t.Context(), never); err != nil || len(r.handed) != 1 || len(other.handed) != 0 {
		t.Errorf("got %v; the first handed on %v, the other %v", err, r.handed, other.handed)
	}
	r.add(2, 2)
	at = at.Add(eventLease)
	if err := other.deliver(t.Context(), never); err != nil || len(other.handed) != 1 {
		t.Errorf("after the lease: %v, handed on %v", err, other.handed)
	}
}

func TestAHostThatIsSlowLosesNoLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(t, s, nil)
		r.add(1, 20)
		var mu sync.Mutex
		leased := time.Now()
		r.Store = leasing{s, func() {
			mu.Lock()
			defer mu.Unlock()
			leased = time.Now()
		}}
		r.answer = func(context.Context, store.Event) error {
			<-time.After(4 * time.Second)
			if since := time.Since(leased); since > eventLease {
				t.Errorf("an event was handed on %v after the lease was taken", since)
			}
			return nil
		}
		if err := r.deliver(t.Context(), never); err != nil || len(r.handed) != 20 || !slices.IsSorted(r.handed) {
			t.Errorf("got %v, handed on %v", err, r.handed)
		}
	})
}

// leasing tells when a lease is taken.
type leasing struct {
	EventStore
	taken func()
}

func (l leasing) AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (bool, error) {
	l.taken()
	return l.EventStore.AcquireLease(ctx, tenant, name, holder, now, until)
}

func TestEventsOfOtherProcessesAndOfAHostThatFailedComeWithinSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memory.New(), nil)
		fails := true
		r.answer = func(context.Context, store.Event) error {
			if fails {
				fails = false
				return errHost
			}
			return nil
		}
		r.Wake()
		synctest.Wait()
		r.add(1, 1) // nobody wakes the worker
		<-time.After(2*eventPoll + time.Millisecond)
		synctest.Wait()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if fails || len(r.handed) != 1 {
			t.Errorf("handed on %v", r.handed)
		}
		if !strings.Contains(r.log.String(), "events are delivered again later") {
			t.Errorf("the log is %s", &r.log)
		}
	})
}

func TestCloseHandsOnWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, memory.New(), nil)
		r.add(1, 1)
		if err := r.Close(t.Context()); err != nil || len(r.handed) != 0 {
			t.Errorf("one that never ran: %v, handed on %v", err, r.handed)
		}
		r = newRig(t, memory.New(), nil)
		r.Wake()
		synctest.Wait()
		r.add(1, eventBatch+1)
		if err := r.Close(t.Context()); err != nil || len(r.handed) != eventBatch+1 {
			t.Errorf("got %v, handed on %d", err, len(r.handed))
		}
	})
}

// What Before could not take comes again, and the host is told of nothing until then.
func TestBeforeGetsEventsFirstAndAgainAfterAnError(t *testing.T) {
	var got [][]string
	fails := true
	r := newRig(t, memory.New(), func(o *Events) {
		o.Before = func(_ context.Context, events []store.Event) error {
			var ids []string
			for _, e := range events {
				ids = append(ids, e.ID)
			}
			got = append(got, ids)
			if fails {
				return errHost
			}
			return nil
		}
	})
	r.add(1, 2)
	if err := r.deliver(t.Context(), never); !errors.Is(err, errHost) || r.pending() != 2 || len(r.handed) != 0 {
		t.Errorf("got %v, %d events wait, handed on %v", err, r.pending(), r.handed)
	}
	fails = false
	if err := r.deliver(t.Context(), never); err != nil || r.pending() != 0 || len(r.handed) != 2 {
		t.Errorf("got %v, %d events wait, handed on %v", err, r.pending(), r.handed)
	}
	if len(got) != 2 || !slices.Equal(got[0], got[1]) || len(got[0]) != 2 {
		t.Errorf("Before got %v", got)
	}
}

func TestEventsAreDeliveredWithoutAHost(t *testing.T) {
	r := newRig(t, memory.New(), func(o *Events) { o.OnEvent = nil })
	r.add(1, 3)
	if err := r.deliver(t.Context(), never); err != nil || r.pending() != 0 {
		t.Errorf("got %v, %d events wait", err, r.pending())
	}
}
