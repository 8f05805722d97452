// Package worker does periodic work in a goroutine that starts with the first
// need for it and ends when it is told to.
package worker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Worker does a periodic task in one goroutine, which its first Wake starts and
// Close ends.
type Worker struct {
	name string
	run  func(ctx context.Context) time.Duration

	mu              sync.Mutex
	started, closed bool
	signal          chan struct{}
	stopping        chan struct{}
	stopped         chan struct{}
}

// New returns a worker that has not started. The name stands in errors, such as
// "the mail worker". What the worker does is said by run, which returns how long
// to wait before the next time; a Wake ends the wait. A panic in run ends the
// process, so run recovers from what others' code may do.
func New(name string, run func(context.Context) time.Duration) *Worker {
	return &Worker{
		name: name, run: run,
		signal: make(chan struct{}, 1), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Wake starts the worker, or tells it that there is something to do. A worker
// that was closed stays so.
func (w *Worker) Wake() {
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

// WakeOnce starts the worker if nobody has, and else leaves it to its own pace.
func (w *Worker) WakeOnce() {
	w.mu.Lock()
	started := w.started
	w.mu.Unlock()
	if !started {
		w.Wake()
	}
}

func (w *Worker) loop() {
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
		if w.IsStopping() {
			return
		}
		timer.Reset(w.run(ctx))
	}
}

// IsStopping says that run should come to an end.
func (w *Worker) IsStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// Close ends the worker once it has finished what it is at, and reports whether
// it had ever run. It fails when ctx is done first. A second Close, and one of a
// worker that never started, does nothing.
func (w *Worker) Close(ctx context.Context) (ran bool, err error) {
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
