package admit

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// worker does a periodic task in one goroutine, started by its first wake and
// ended by close. What it does is said by run, which returns how long to wait
// before the next time; a wake ends the wait.
type worker struct {
	name string
	run  func(ctx context.Context) time.Duration

	mu              sync.Mutex
	started, closed bool
	signal          chan struct{}
	stopping        chan struct{}
	stopped         chan struct{}
}

func newWorker(name string, run func(context.Context) time.Duration) *worker {
	return &worker{
		name: name, run: run,
		signal: make(chan struct{}, 1), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// wake starts the worker, or tells it that there is something to do.
func (w *worker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	if !w.started {
		w.started = true
		go w.loop()
	}
	select {
	case w.signal <- struct{}{}:
	default: // it is told already
	}
}

// wakeOnce starts the worker if nobody has, and else leaves it to its own pace.
func (w *worker) wakeOnce() {
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if !started {
		w.wake()
	}
}

func (w *worker) loop() {
	defer close(w.stopped)
	// A worker that is told to stop finishes what it is at, so its context is
	// not the one of whoever woke it.
	ctx := context.Background()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-w.stopping:
			return
		case <-w.signal:
		case <-timer.C:
		}
		timer.Reset(w.run(ctx))
	}
}

// isStopping says that run should come to an end.
func (w *worker) isStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// close ends the worker and reports whether it had ever run. A second close,
// and one of a worker that never started, does nothing.
func (w *worker) close(ctx context.Context) (ran bool, err error) {
	w.mu.Lock()
	first, started := !w.closed, w.started
	w.closed = true
	w.mu.Unlock()
	if !first || !started {
		return false, nil
	}
	close(w.stopping)
	select {
	case <-w.stopped:
		return true, nil
	case <-ctx.Done():
		return true, fmt.Errorf("%s is still at work: %w", w.name, ctx.Err())
	}
}
