package webhook

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// rig is a process with a sender.
type rig struct {
	*Sender
	store *memory.Store

	mu   sync.Mutex
	sent []string
	// held says whether the queues are held.
	held bool
	// answer decides what becomes of a message. Nil removes it.
	answer func(ctx context.Context, m store.Mail) (next bool, err error)
}

func newRig(s *memory.Store, holder string, queues ...string) *rig {
	r := &rig{store: s}
	r.Sender = NewSender(Options{
		Store: s, Holder: holder, Now: time.Now, Logger: slog.New(slog.DiscardHandler), Idle: func() {},
		Queues: func(context.Context) ([]string, error) { return queues, nil },
		Open: func(context.Context, string) (bool, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return !r.held, nil
		},
		Deliver: func(ctx context.Context, _ string, m store.Mail) (bool, error) {
			r.mu.Lock()
			r.sent = append(r.sent, m.ID)
			r.mu.Unlock()
			if r.answer != nil {
				return r.answer(ctx, m)
			}
			_, err := s.RemoveMail(ctx, "", m.ID, holder)
			return true, err
		},
	})
	return r
}

func add(t *testing.T, s *memory.Store, queue string, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := s.AddMail(t.Context(), store.Mail{ID: id, Queue: queue, CreatedAt: time.Now(), NextAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
}

// delivered returns what was sent so far. A worker may send more at the same time.
func (r *rig) delivered() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// An attempt may fail and hold the queue while another round, which saw the queue
// before, waits for it.
func TestAQueueThatIsHeldMeanwhileIsNotWorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(s, "one", "q")
		r.held = true
		add(t, s, "q", "a", "b")
		r.Wake()
		wait(10 * time.Second)
		if got := r.delivered(); len(got) != 0 {
			t.Errorf("sent %v from a queue that is held", got)
		}
		r.mu.Lock()
		r.held = false
		r.mu.Unlock()
		wait(10 * time.Second)
		if got := r.delivered(); !slices.Equal(got, []string{"a", "b"}) {
			t.Errorf("sent %v afterwards", got)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAQueueIsWorkedInOrderByOneProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		one, two := newRig(s, "one", "q"), newRig(s, "two", "q")
		var ids []string
		for id := 'a'; id < 'z'; id++ {
			ids = append(ids, string(id))
		}
		busy := 0
		slowly := func(r *rig) func(ctx context.Context, m store.Mail) (bool, error) {
			return func(ctx context.Context, m store.Mail) (bool, error) {
				r.mu.Lock()
				busy++
				if busy > 1 {
					t.Error("two messages at once")
				}
				r.mu.Unlock()
				<-time.After(2 * time.Second)
				busy--
				_, err := s.RemoveMail(ctx, "", m.ID, r.Holder)
				return true, err
			}
		}
		one.answer, two.answer = slowly(one), slowly(two)
		add(t, s, "q", ids...)
		one.Wake()
		two.Wake()
		wait(3 * time.Minute)
		sent := slices.Concat(one.delivered(), two.delivered())
		if !slices.Equal(sent, ids) && !slices.Equal(slices.Concat(two.delivered(), one.delivered()), ids) && len(sent) != len(ids) {
			t.Errorf("sent %v and %v", one.delivered(), two.delivered())
		}
		if !slices.IsSorted(one.delivered()) || !slices.IsSorted(two.delivered()) {
			t.Errorf("sent %v and %v", one.delivered(), two.delivered())
		}
		for _, r := range []*rig{one, two} {
			if err := r.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAQueueDoesNotWaitForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(s, "one", "slow", "fast")
		r.answer = func(ctx context.Context, m store.Mail) (bool, error) {
			if m.Queue == "slow" {
				<-time.After(15 * time.Second)
			}
			_, err := s.RemoveMail(ctx, "", m.ID, "one")
			return true, err
		}
		add(t, s, "slow", "s1", "s2")
		add(t, s, "fast", "f1", "f2")
		r.Wake()
		wait(time.Second)
		if want := []string{"f1", "f2", "s1"}; !slices.Equal(slices.Sorted(slices.Values(r.delivered())), want) {
			t.Errorf("sent %v, want %v", r.delivered(), want)
		}
		wait(time.Minute)
		if len(r.delivered()) != 4 {
			t.Errorf("sent %v", r.delivered())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// A message whose result could not be stored keeps its place: the messages behind it
// wait until its claim ends.
func TestAfterAFaultOfTheStoreTheOrderIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(s, "one", "q")
		failed := false
		r.answer = func(ctx context.Context, m store.Mail) (bool, error) {
			if !failed {
				failed = true
				return false, errors.New("the store is down")
			}
			_, err := s.RemoveMail(ctx, "", m.ID, "one")
			return true, err
		}
		add(t, s, "q", "a", "b")
		r.Wake()
		wait(5 * time.Second)
		add(t, s, "q", "c")
		wait(3 * time.Minute)
		if want := []string{"a", "a", "b", "c"}; !slices.Equal(r.delivered(), want) {
			t.Errorf("sent %v, want %v", r.delivered(), want)
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Close interrupts an attempt that takes long. Its message keeps its place.
func TestCloseInterruptsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(s, "one", "q")
		r.answer = func(ctx context.Context, m store.Mail) (bool, error) {
			<-ctx.Done()
			return false, r.giveBack(m)
		}
		add(t, s, "q", "a", "b")
		r.Wake()
		wait(time.Second)
		began := time.Now()
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != grace {
			t.Errorf("Close took %v", took)
		}
		two := newRig(s, "two", "q")
		two.Wake()
		wait(time.Second)
		if want := []string{"a", "b"}; !slices.Equal(two.delivered(), want) {
			t.Errorf("the next process sent %v, want %v", two.delivered(), want)
		}
		if err := two.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestAPanicLosesNoMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := memory.New()
		r := newRig(s, "one", "q")
		panicked := false
		r.answer = func(ctx context.Context, m store.Mail) (bool, error) {
			if !panicked {
				panicked = true
				panic("out of range")
			}
			_, err := s.RemoveMail(ctx, "", m.ID, "one")
			return true, err
		}
		add(t, s, "q", "a")
		r.Wake()
		wait(2 * time.Minute)
		if len(r.delivered()) != 2 {
			t.Errorf("sent %v", r.delivered())
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
