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
	// every is the age at which the last activity of a session is written
	// again. delay is how long writes are collected into a batch.
	every = 5 * time.Minute
	delay = time.Second
	// batchSize is how many sessions one write updates. maxPending is how many
	// sessions can wait.
	batchSize  = 500
	maxPending = 100 * batchSize
	// flushTimeout bounds the writes of one flush.
	flushTimeout = 10 * time.Second
)

// Options are the settings of a Writer.
type Options struct {
	Store store.Sessions
	// Tenant owns the sessions.
	Tenant string
	// Logger gets a line for each batch that could not be written.
	Logger *slog.Logger
}

// Writer records the activity of sessions. It may be used concurrently.
type Writer struct {
	options Options

	mu      sync.Mutex
	pending map[string]time.Time
	timer   *time.Timer
	closed  bool
}

// New returns a Writer. It starts no goroutine and no timer.
func New(options Options) *Writer {
	return &Writer{options: options, pending: map[string]time.Time{}}
}

// Seen records that a session was used. It does nothing if the recorded time is
// younger than five minutes, or is in the future because the clock was set
// back: the store never lowers the time.
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

// Flush writes the pending activity and returns the error of the store.
// Activity that cannot be written is dropped: the next request of the session
// records it again.
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

// Close stops the timer and writes the pending activity. Later calls of Seen
// record nothing.
func (w *Writer) Close(ctx context.Context) error {
	w.mu.Lock()
	w.closed = true
	if w.timer != nil {
		w.timer.Stop()
	}
	w.mu.Unlock()
	return w.Flush(ctx)
}
