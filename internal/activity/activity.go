// Package activity writes when sessions were last used, in batches and away from
// the requests that use them. A crash loses at most one batch of a value that is
// only displayed.
package activity

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	// every is how old a session's last activity must be before it is written
	// again, and delay how long writes gather into a batch.
	every = 5 * time.Minute
	delay = time.Second
	// batchSize is how many sessions one write touches, and maxPending how many
	// wait at most.
	batchSize  = 500
	maxPending = 100 * batchSize
	// flushTimeout bounds the writes of one flush.
	flushTimeout = 10 * time.Second
)

// Options says where activity is written.
type Options struct {
	Store store.Sessions
	// Tenant owns the sessions.
	Tenant string
	// Logger is told of what could not be written.
	Logger *slog.Logger
}

// Writer notes the activity of sessions. It may be used concurrently.
type Writer struct {
	options Options

	mu      sync.Mutex
	pending map[string]time.Time
	timer   *time.Timer
	closed  bool
}

// New returns a Writer. It starts nothing before there is something to write.
func New(options Options) *Writer {
	return &Writer{options: options, pending: map[string]time.Time{}}
}

// Seen notes that a session was used. It does nothing where the last note is
// younger than five minutes or, as after a clock that was set back, lies ahead:
// the store never lowers it.
func (w *Writer) Seen(session *store.Session, now time.Time) {
	if now.Sub(session.LastActivityAt) < every {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.pending) >= maxPending {
		return
	}
	w.pending[session.ID] = now
	if w.timer == nil {
		w.timer = time.AfterFunc(delay, func() { _ = w.Flush(context.Background()) })
	}
}

// Flush writes what is pending, and answers the error of the store. What cannot
// be written now is dropped: the next request of the session notes it again.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	pending := w.pending
	w.pending, w.timer = map[string]time.Time{}, nil
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	batch := make([]store.Activity, 0, min(len(pending), batchSize))
	for id, at := range pending {
		batch = append(batch, store.Activity{Tenant: w.options.Tenant, ID: id, At: at})
		delete(pending, id)
		if len(batch) < batchSize && len(pending) > 0 {
			continue
		}
		if err := w.options.Store.TouchSessions(ctx, batch); err != nil {
			w.options.Logger.WarnContext(ctx, "could not note the activity of sessions", "sessions", len(batch), "error", err)
			return err
		}
		batch = batch[:0]
	}
	return nil
}

// Close stops the timer and writes what is pending. What is seen afterwards is
// not noted.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	return w.Flush(ctx)
}
