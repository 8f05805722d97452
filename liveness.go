package admit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

// liveness answers whether a session lives and what its user may do. Within
// SessionConfig.Staleness it answers from memory.
type liveness struct {
	staleness time.Duration

	mu sync.RWMutex
	// epoch counts the changes this process made, so that what was read before
	// a change is not remembered after it.
	epoch   uint64
	entries map[string]livenessEntry
	byUser  map[string][]string
}

type livenessEntry struct {
	session store.Session
	user    store.User
	readAt  time.Time
}

const livenessEntries = 8192

func newLiveness(staleness time.Duration) *liveness {
	l := &liveness{staleness: staleness}
	l.reset()
	return l
}

func (l *liveness) reset() {
	l.entries, l.byUser = map[string]livenessEntry{}, map[string][]string{}
}

// find fills in the session and its user.
func (l *liveness) find(ctx context.Context, s store.Sessions, id string, now time.Time, fresh bool, session *store.Session, user *store.User) error {
	remember := l.staleness > 0
	var epoch uint64
	if remember {
		l.mu.RLock()
		entry, ok := l.entries[id]
		epoch = l.epoch
		l.mu.RUnlock()
		if age := now.Sub(entry.readAt); ok && !fresh && age >= 0 && age < l.staleness {
			*session, *user = entry.session, entry.user
			return nil
		}
	}
	var err error
	*session, *user, err = s.SessionUser(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrSessionExpired
	}
	if err != nil {
		return fault(err)
	}
	if remember {
		l.remember(epoch, livenessEntry{session: *session, user: *user, readAt: now})
	}
	return nil
}

func (l *liveness) remember(epoch uint64, entry livenessEntry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.epoch != epoch {
		return
	}
	if len(l.entries) >= livenessEntries {
		l.reset()
	}
	if _, known := l.entries[entry.session.ID]; !known {
		l.byUser[entry.user.ID] = append(l.byUser[entry.user.ID], entry.session.ID)
	}
	l.entries[entry.session.ID] = entry
}

// forget drops what is remembered of a user: a change this process made is seen
// by it at once.
func (l *liveness) forget(userID string) {
	if l.staleness == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	for _, id := range l.byUser[userID] {
		delete(l.entries, id)
	}
	delete(l.byUser, userID)
}

// forgetAll drops everything.
func (l *liveness) forgetAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.epoch++
	l.reset()
}
