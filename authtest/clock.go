package authtest

import (
	"sync"
	"time"
)

// Clock is a time that stands still until a test moves it. It starts at
// 2026-01-02 03:04:05 UTC. It is safe for use by any number of goroutines.
type Clock struct {
	mailbox *Mailbox

	mu  sync.Mutex
	now time.Time
}

// Now returns the time, for Config.Now and for code of the host.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the time. Mail that waits to be sent to the mailbox is sent
// first, as it would have been in so long a time: what is in it could expire.
// Tokens expire as the time says; Auth.Sessions.Refresh gives new ones.
func (c *Clock) Advance(by time.Duration) {
	c.mailbox.t.Helper()
	c.mailbox.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}
