package delivery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// swept is a store that counts its sweeps.
type swept struct {
	*memory.Store
	sweeps []int
	// answer is what a sweep answers; nil is nothing left.
	answer func(limit int) (int, error)
}

func (s *swept) Sweep(_ context.Context, _ time.Time, limit int) (n int, err error) {
	if s.answer != nil {
		n, err = s.answer(limit)
	}
	s.sweeps = append(s.sweeps, n)
	return n, err
}

func newSweeper(s SweptStore, holder string, now func() time.Time, log *bytes.Buffer) *Sweeper {
	return NewSweeper(Sweeps{Store: s, Holder: holder, Now: now, Logger: slog.New(slog.NewTextHandler(log, nil))})
}

func TestASweepGoesOnUntilNothingIsLeft(t *testing.T) {
	rest := 2*sweepBatch + 7
	s := &swept{Store: memory.New(), answer: func(limit int) (int, error) {
		n := min(rest, limit)
		rest -= n
		return n, nil
	}}
	if err := newSweeper(s, "process-1", time.Now, new(bytes.Buffer)).sweep(t.Context()); err != nil || rest != 0 || len(s.sweeps) != 4 {
		t.Errorf("got %v, swept %v", err, s.sweeps)
	}
}

func TestASweepRemovesWhatHasRunOut(t *testing.T) {
	s := memory.New()
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	if _, err := s.Hit(t.Context(), now.Add(-time.Hour), store.Counter{Key: "old", Limit: 1, Window: time.Minute}); err != nil {
		t.Fatal(err)
	}
	if err := newSweeper(s, "process-1", func() time.Time { return now }, new(bytes.Buffer)).sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n, err := s.Sweep(t.Context(), now, 10); err != nil || n != 0 {
		t.Errorf("%d records were left, %v", n, err)
	}
}

// Old events are deleted last, so that a store that cannot do so hinders nothing else.
func TestASweepDeletesOldEvents(t *testing.T) {
	expired := 0
	w := NewSweeper(Sweeps{
		Store: memory.New(), Holder: "process-1", Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		Expire: func(_ context.Context, stop func() bool) error {
			if stop() {
				t.Error("the sweep is told to stop")
			}
			expired++
			return nil
		},
	})
	if err := w.sweep(t.Context()); err != nil || expired != 1 {
		t.Errorf("%d calls, %v", expired, err)
	}
}

func TestOneProcessAtATimeSweeps(t *testing.T) {
	at := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	now := func() time.Time { return at }
	s := &swept{Store: memory.New()}
	for _, holder := range []string{"process-1", "process-2", "process-1"} {
		if err := newSweeper(s, holder, now, new(bytes.Buffer)).sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.sweeps) != 2 {
		t.Errorf("swept %d times, the process with the lease twice", len(s.sweeps))
	}
	at = at.Add(sweepLease)
	if err := newSweeper(s, "process-2", now, new(bytes.Buffer)).sweep(t.Context()); err != nil || len(s.sweeps) != 3 {
		t.Errorf("after the lease: %v, swept %d times", err, len(s.sweeps))
	}
}

func TestASweepThatFailsComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("the store is down")
		s := &swept{Store: memory.New()}
		s.answer = func(int) (int, error) {
			if len(s.sweeps) == 0 {
				return 0, down
			}
			return 0, nil
		}
		var log bytes.Buffer
		w := newSweeper(s, "process-1", time.Now, &log)
		w.WakeOnce()
		<-time.After(sweepEvery + time.Millisecond)
		synctest.Wait()
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if len(s.sweeps) < 2 || !strings.Contains(log.String(), "the sweep goes on later") {
			t.Errorf("swept %d times; the log is %s", len(s.sweeps), &log)
		}
	})
}

func TestCloseEndsASweepWithItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, release := make(chan struct{}, 1), make(chan struct{})
		s := &swept{Store: memory.New(), answer: func(limit int) (int, error) {
			began <- struct{}{}
			<-release
			return limit, nil // there is no end to it
		}}
		w := newSweeper(s, "process-1", time.Now, new(bytes.Buffer))
		w.WakeOnce()
		<-began
		closed := make(chan error, 1)
		go func() { closed <- w.Close(t.Context()) }()
		synctest.Wait()
		close(release)
		if err := <-closed; err != nil || len(s.sweeps) != 1 {
			t.Errorf("got %v, swept %d times", err, len(s.sweeps))
		}
	})
}
