// Package activity writes when sessions and API keys were last used, in batches
// and away from the requests that use them. A crash loses at most one batch of a value that is
// only displayed.
package activity

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	// every is the age at which the last activity is written again. delay is how
	// long writes are collected into a batch.
	every = 5 * time.Minute
	delay = time.Second
	// batchSize is how many last uses one write updates. maxPending is how many
	// can wait.
	batchSize  = 500
	maxPending = 100 * batchSize
	// flushTimeout bounds the writes of one flush.
	flushTimeout = 10 * time.Second
)

// Options are the settings of a Writer.
type Options struct {
	// Write writes one batch.
	Write func(ctx context.Context, batch []store.Activity) error
	// What names in the log what was used.
	What string
	// Tenant owns what was used.
	Tenant string
	// Logger gets a line for each batch that could not be written.
	Logger *slog.Logger
}

// Writer records the activity of sessions or of API keys. It may be used concurrently.
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

// Seen records a use at now. It does nothing if the recorded time last is younger
// than five minutes, or is in the future because the clock was set back: the store
// never lowers the time.
func (w *Writer) Seen(id string, last, now time.Time) {
	if now.Sub(last) < every {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.pending) >= maxPending {
		return
	}
	w.pending[id] = now
	if w.timer == nil {
		w.timer = time.AfterFunc(delay, func() { _ = w.Flush(context.Background()) })
	}
}

// Flush writes the pending activity and returns the error of the store.
// Activity that cannot be written is dropped: the next use records it again. Each
// batch is in the order of the ids, so that two batches never wait for each other.
func (w *Writer) Flush(ctx context.Context) error {
	w.mu.Lock()
	pending := w.pending
	w.pending, w.timer = map[string]time.Time{}, nil
	w.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(pending)), batchSize) {
		batch := make([]store.Activity, len(ids))
		for i, id := range ids {
			batch[i] = store.Activity{Tenant: w.options.Tenant, ID: id, At: pending[id]}
		}
		if err := w.options.Write(ctx, batch); err != nil {
			w.options.Logger.WarnContext(ctx, "could not note the activity of "+w.options.What, w.options.What, len(batch), "error", err)
			return err
		}
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
