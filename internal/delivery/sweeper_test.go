package delivery

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/internal/uuid"
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

// Events past their retention go, the oldest first and batch by batch, but for
// those that the host has not been told yet.
func TestASweepRemovesEventsPastTheirRetention(t *testing.T) {
	const kept = 30 * 24 * time.Hour
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		retention time.Duration
		want      string
	}{
		"for 30 days": {kept, "waiting exactly later"},
		"for ever":    {0, "much-older waiting older exactly later"},
	} {
		s := memory.New()
		var ids uuid.Source
		add := func(kind string, at time.Time, delivered bool) {
			t.Helper()
			if err := s.AppendEvent(t.Context(), store.Event{ID: ids.New(at), Kind: kind, At: at, Delivered: delivered}); err != nil {
				t.Fatal(err)
			}
		}
		for range sweepBatch + 1 {
			add("much-older", now.Add(-2*kept), true)
		}
		add("waiting", now.Add(-kept-time.Second), false)
		add("older", now.Add(-kept-time.Microsecond), true)
		add("exactly", now.Add(-kept), true)
		add("later", now.Add(-time.Hour), true)
		w := NewSweeper(Sweeps{
			Store: s, Holder: "process-1", EventRetention: c.retention,
			Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler),
		})
		if err := w.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		left, err := s.ListEvents(t.Context(), store.EventQuery{Limit: 2 * sweepBatch})
		if err != nil {
			t.Fatal(err)
		}
		var kinds []string
		for _, e := range left {
			kinds = append(kinds, e.Kind)
		}
		if got := strings.Join(slices.Compact(kinds), " "); got != c.want {
			t.Errorf("%s: %q is left, want %q", name, got, c.want)
		}
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
