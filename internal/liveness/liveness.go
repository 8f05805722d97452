// Package liveness remembers for a short time which sessions are live and what
// their users may do, so that not every request asks the store. It has no rules
// about accounts: the caller decides whether a session may continue.
package liveness

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

// ErrEnded means that the session does not exist, or that its user is gone.
var ErrEnded = errors.New("liveness: there is no such session")

// DefaultSize is how many sessions are remembered when Options does not say.
const DefaultSize = 8192

// Options are the settings of a Cache.
type Options struct {
	// Staleness is how long a remembered session is used. 0 means never.
	Staleness time.Duration
	// Tenant owns the sessions.
	Tenant string
	// Size is the number of remembered sessions. 0 means DefaultSize.
	Size int
}

// Cache finds sessions and their users. It may be used concurrently.
type Cache struct {
	options Options

	mu sync.RWMutex
	// epoch counts the changes by this process. A session that was read before
	// a change is not remembered after it.
	epoch   uint64
	entries map[string]entry
	byUser  map[string][]string
}

type entry struct {
	session store.Session
	user    store.User
	readAt  time.Time
}

// New returns an empty Cache.
func New(options Options) *Cache {
	if options.Size == 0 {
		options.Size = DefaultSize
	}
	c := &Cache{options: options}
	c.reset()
	return c
}

func (c *Cache) reset() { c.entries, c.byUser = map[string]entry{}, map[string][]string{} }

// Find fills in the session and its user. If fresh is true it always asks the
// store. It returns ErrEnded, or the error of the store.
func (c *Cache) Find(ctx context.Context, s store.Sessions, id string, now time.Time, fresh bool, session *store.Session, user *store.User) error {
	remember := c.options.Staleness > 0
	var epoch uint64
	if remember {
		c.mu.RLock()
		found, ok := c.entries[id]
		epoch = c.epoch
		c.mu.RUnlock()
		// A session that was read in the future is wrong: the clock was set
		// back.
		if age := now.Sub(found.readAt); ok && !fresh && age >= 0 && age < c.options.Staleness {
			*session, *user = found.session, found.user
			return nil
		}
	}
	var err error
	*session, *user, err = s.SessionUser(ctx, c.options.Tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrEnded
	}
	if err != nil {
		return err
	}
	if remember {
		c.remember(epoch, entry{session: *session, user: *user, readAt: now})
	}
	return nil
}

func (c *Cache) remember(epoch uint64, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch != epoch {
		return
	}
	_, known := c.entries[e.session.ID]
	if !known && len(c.entries) >= c.options.Size {
		c.reset()
	}
	if !known {
		c.byUser[e.user.ID] = append(c.byUser[e.user.ID], e.session.ID)
	}
	c.entries[e.session.ID] = e
}

// Forget drops the remembered sessions of a user, so that this process sees its
// own change at once.
func (c *Cache) Forget(userID string) {
	if c.options.Staleness == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	for _, id := range c.byUser[userID] {
		delete(c.entries, id)
	}
	delete(c.byUser, userID)
}

// ForgetAll drops everything.
func (c *Cache) ForgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.epoch++
	c.reset()
}
