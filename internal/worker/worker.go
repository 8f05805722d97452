// Package worker does periodic work in a goroutine. The first need starts the
// goroutine, and Close ends it.
package worker

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Worker does a periodic task in one goroutine. The first Wake starts it, and
// Close ends it.
type Worker struct {
	name string
	run  func(ctx context.Context) time.Duration

	mu              sync.Mutex
	started, closed bool
	signal          chan struct{}
	stopping        chan struct{}
	stopped         chan struct{}
}

// New returns a worker that is not started. The name appears in errors, such as
// "the mail worker". run does the work and returns how long to wait before the
// next run. Wake ends this wait. A panic in run ends the process, so run must
// recover from panics in code of others.
func New(name string, run func(context.Context) time.Duration) *Worker {
	return &Worker{
		name: name, run: run,
		signal: make(chan struct{}, 1), stopping: make(chan struct{}), stopped: make(chan struct{}),
	}
}

// Wake starts the worker, or tells a running worker that there is work. It does
// not start a closed worker.
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
	default: // the worker was told already
	}
}

// WakeOnce starts the worker if it is not started.
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
	// A worker that is told to stop finishes its run, so it does not use the
	// context of the caller of Wake.
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

// IsStopping says that run should end.
func (w *Worker) IsStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}

// Close ends the worker after its current run and reports whether it has ever
// run. It fails if ctx is done first. A second Close, and a Close of a worker
// that never started, does nothing.
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
