package activity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// touched is a store that notes what it is given, and may fail.
type touched struct {
	*memory.Store

	mu      sync.Mutex
	batches [][]store.Activity
	err     error
}

func (s *touched) TouchSessions(ctx context.Context, batch []store.Activity) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batches = append(s.batches, append([]store.Activity(nil), batch...))
	return errors.Join(s.Store.TouchSessions(ctx, batch), s.err)
}

// take returns how many sessions each write since the last time touched.
func (s *touched) take() (sizes []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
	}
	s.batches = nil
	return sizes
}

func open() (*Writer, *touched) {
	s := &touched{Store: memory.New()}
	return New(Options{Write: s.TouchSessions, What: "sessions", Tenant: "acme", Logger: slog.New(slog.DiscardHandler)}), s
}

func session(i int) string { return fmt.Sprintf("session-%d", i) }

func TestActivityIsWrittenTogetherAfterASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := open()
		begun := time.Now()
		for i := range 3 {
			w.Seen(session(i), start, start.Add(time.Hour))
			w.Seen(session(i), start, start.Add(time.Hour))
		}
		<-time.After(delay - 1)
		synctest.Wait()
		if sizes := s.take(); len(sizes) != 0 {
			t.Errorf("written after %v already: %v", time.Since(begun), sizes)
		}
		<-time.After(1)
		synctest.Wait()
		if len(s.batches) != 1 || len(s.batches[0]) != 3 {
			t.Fatalf("got %v, want one write of three sessions", s.batches)
		}
		if a := s.batches[0][0]; a.Tenant != "acme" || !a.At.Equal(start.Add(time.Hour)) {
			t.Errorf("wrote %+v", a)
		}
		// The next one starts a timer of its own.
		s.take()
		w.Seen(session(7), start, start.Add(time.Hour))
		<-time.After(delay)
		synctest.Wait()
		if sizes := s.take(); len(sizes) != 1 {
			t.Errorf("got writes %v", sizes)
		}
	})
}

func TestOnlyAnOldActivityIsWritten(t *testing.T) {
	for age, want := range map[time.Duration]int{every - 1: 0, every: 1, 0: 0, -8 * 24 * time.Hour: 0} {
		w, s := open()
		w.Seen(session(1), start, start.Add(age))
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sizes := s.take(); len(sizes) != want {
			t.Errorf("an activity %v old: %d writes, want %d", age, len(sizes), want)
		}
	}
}

func TestAWriteHasABoundedSize(t *testing.T) {
	w, s := open()
	for i := range 2*batchSize + 1 {
		w.Seen(session(i), start, start.Add(time.Hour))
	}
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	written := map[string]bool{}
	for _, batch := range s.batches {
		for _, a := range batch {
			written[a.ID] = true
		}
	}
	sizes := s.take()
	if fmt.Sprint(sizes) != fmt.Sprint([]int{batchSize, batchSize, 1}) || len(written) != 2*batchSize+1 {
		t.Errorf("%d sessions in writes of %v", len(written), sizes)
	}
}

func TestWhatIsPendingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which no second passes meanwhile
		w, _ := open()
		for i := range maxPending + 10 {
			w.Seen(session(i), start, start.Add(time.Hour))
		}
		if len(w.pending) != maxPending {
			t.Errorf("%d are pending, want %d", len(w.pending), maxPending)
		}
		w.timer.Stop()
	})
}

func TestWhatCannotBeWrittenIsDropped(t *testing.T) {
	w, s := open()
	s.err = errors.New("the store is down")
	w.Seen(session(1), start, start.Add(time.Hour))
	if err := w.Flush(t.Context()); !errors.Is(err, s.err) {
		t.Errorf("got %v", err)
	}
	s.take()
	if err := w.Flush(t.Context()); err != nil || len(s.take()) != 0 {
		t.Errorf("it was tried again, %v", err)
	}
}

func TestCloseWritesWhatIsPendingAndEndsTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, s := open()
		w.Seen(session(1), start, start.Add(time.Hour))
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sizes := s.take(); len(sizes) != 1 {
			t.Errorf("Close wrote %v", sizes)
		}
		w.Seen(session(2), start, start.Add(time.Hour))
		<-time.After(time.Minute)
		synctest.Wait()
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if sizes := s.take(); len(sizes) != 0 {
			t.Errorf("after Close it wrote %v", sizes)
		}
	})
}
