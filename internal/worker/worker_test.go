package worker

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func closed(t *testing.T, w *Worker) bool {
	t.Helper()
	ran, err := w.Close(t.Context())
	if err != nil {
		t.Error(err)
	}
	return ran
}

func TestAWorkerRunsWhenItIsWokenAndAfterTheTimeItAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs []time.Duration
		began := time.Now()
		w := New("the worker", func(context.Context) time.Duration {
			runs = append(runs, time.Since(began))
			return time.Minute
		})
		synctest.Wait()
		if len(runs) != 0 {
			t.Error("it runs before it is woken")
		}
		w.Wake()
		after(150 * time.Second)
		w.Wake()
		synctest.Wait()
		if !closed(t, w) {
			t.Error("it says that it has never run")
		}
		// The signal of the first wake and the first timer are two reasons to
		// run.
		for len(runs) > 1 && runs[1] == 0 {
			runs = runs[1:]
		}
		want := []time.Duration{0, time.Minute, 2 * time.Minute, 150 * time.Second}
		if len(runs) != len(want) {
			t.Fatalf("it ran at %v", runs)
		}
		for i := range want {
			if runs[i] != want[i] {
				t.Errorf("it ran at %v", runs)
			}
		}
	})
}

// after waits in the time of a bubble.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestWakeOnceLeavesAWorkerToItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		w := New("the worker", func(context.Context) time.Duration {
			runs.Add(1)
			return time.Hour
		})
		w.WakeOnce()
		synctest.Wait()
		before := runs.Load()
		if before == 0 {
			t.Error("it was not started")
		}
		w.WakeOnce()
		synctest.Wait()
		if runs.Load() != before {
			t.Error("a worker that had started was woken")
		}
		closed(t, w)
	})
}

func TestCloseWaitsForWhatIsAtWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var done atomic.Bool
		var w *Worker
		w = New("the worker", func(ctx context.Context) time.Duration {
			for !w.IsStopping() {
				<-time.After(time.Second)
			}
			<-time.After(time.Second)
			if ctx.Err() != nil {
				t.Error("the work was broken off")
			}
			done.Store(true)
			return 0
		})
		w.Wake()
		synctest.Wait()
		if w.IsStopping() {
			t.Error("it is stopping before it is told to")
		}
		if !closed(t, w) || !done.Load() {
			t.Error("closed before the work was done")
		}
		if closed(t, w) {
			t.Error("a second close says that it ran")
		}
		done.Store(false)
		w.Wake()
		synctest.Wait()
		if done.Load() {
			t.Error("a closed worker was woken")
		}
	})
}

func TestCloseOfAWorkerThatNeverStartedDoesNothing(t *testing.T) {
	w := New("the worker", func(context.Context) time.Duration {
		t.Error("it runs")
		return 0
	})
	if closed(t, w) {
		t.Error("it says that it ran")
	}
	w.WakeOnce()
	if closed(t, w) {
		t.Error("it was started after its close")
	}
}

func TestCloseNamesAWorkerThatIsStillAtWork(t *testing.T) {
	release := make(chan struct{})
	began := make(chan struct{}, 1)
	w := New("the slow worker", func(context.Context) time.Duration {
		began <- struct{}{}
		<-release
		return time.Hour
	})
	w.Wake()
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran, err := w.Close(ctx)
	if !ran || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "the slow worker is still at work") {
		t.Errorf("got %v, %v", ran, err)
	}
	close(release)
	<-w.stopped
}
