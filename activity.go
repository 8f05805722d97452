package admit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

const (
	// activityEvery is how old a session's last activity must be before it is
	// written again, and activityDelay how long writes gather into a batch.
	activityEvery = 5 * time.Minute
	activityDelay = time.Second
	activityBatch = 500
)

// activity writes LastActivityAt in batches, away from the requests that cause
// it. What is lost in a crash is at most one batch of a display value.
type activity struct {
	store store.Sessions
	log   *slog.Logger

	mu      sync.Mutex
	pending map[string]time.Time
	timer   *time.Timer
	closed  bool
}

func newActivity(s store.Sessions, log *slog.Logger) *activity {
	return &activity{store: s, log: log, pending: map[string]time.Time{}}
}

// seen notes that a session was used.
func (t *activity) seen(session *store.Session, now time.Time) {
	if now.Sub(session.LastActivityAt) < activityEvery {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.pending) >= 100*activityBatch {
		return
	}
	t.pending[session.ID] = now
	if t.timer == nil {
		t.timer = time.AfterFunc(activityDelay, func() { _ = t.flush(context.Background()) })
	}
}

// flush writes what is pending. What cannot be written now is dropped: the next
// request of the session notes it again.
func (t *activity) flush(ctx context.Context) error {
	t.mu.Lock()
	pending := t.pending
	t.pending, t.timer = map[string]time.Time{}, nil
	t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	batch := make([]store.Activity, 0, min(len(pending), activityBatch))
	for id, at := range pending {
		batch = append(batch, store.Activity{Tenant: tenant, ID: id, At: at})
		delete(pending, id)
		if len(batch) < activityBatch && len(pending) > 0 {
			continue
		}
		if err := t.store.TouchSessions(ctx, batch); err != nil {
			t.log.WarnContext(ctx, "could not note the activity of sessions", "sessions", len(batch), "error", err)
			return err
		}
		batch = batch[:0]
	}
	return nil
}

func (t *activity) close(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil {
		t.timer.Stop()
	}
	t.mu.Unlock()
	return t.flush(ctx)
}
