// Package deadline has a context whose deadline costs nothing until somebody
// waits for it. In most requests nobody waits, so most requests start no timer.
package deadline

import (
	"context"
	"sync"
	"time"
)

// Context is done at its deadline, or when its parent is done. Only Done starts
// a timer. Start must be called before any other method. A Context must not be
// copied.
type Context struct {
	parent context.Context
	at     time.Time

	mu      sync.Mutex
	stopped bool
	armed   context.Context
	cancel  context.CancelFunc
}

// Start sets the parent, and sets the deadline to limit from now.
func (c *Context) Start(parent context.Context, limit time.Duration) {
	c.parent = parent
	c.at = time.Now().Add(limit)
}

// Restart sets the deadline to limit from now. It does nothing if somebody
// waits already.
func (c *Context) Restart(limit time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == nil {
		c.at = time.Now().Add(limit)
	}
}

// Stop releases the timer. After that the context is done.
func (c *Context) Stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	if c.cancel != nil {
		c.cancel()
	}
}

// Deadline returns the earlier of the parent's deadline and the context's own.
func (c *Context) Deadline() (time.Time, bool) {
	if at, ok := c.parent.Deadline(); ok && at.Before(c.at) {
		return at, true
	}
	return c.at, true
}

func (c *Context) arm() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == nil {
		c.armed, c.cancel = context.WithDeadline(c.parent, c.at)
		if c.stopped {
			c.cancel()
		}
	}
	return c.armed
}

// Done starts the timer at its first call.
func (c *Context) Done() <-chan struct{} { return c.arm().Done() }

// Err returns nil until the context is done. It starts no timer.
func (c *Context) Err() error {
	c.mu.Lock()
	armed, stopped := c.armed, c.stopped
	c.mu.Unlock()
	if armed != nil {
		return armed.Err()
	}
	if err := c.parent.Err(); err != nil {
		return err
	}
	if stopped {
		return context.Canceled
	}
	if time.Until(c.at) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// Value returns the value of the parent. If the timer is started, contexts that
// are derived from c find its context here and share it.
func (c *Context) Value(key any) any {
	c.mu.Lock()
	armed := c.armed
	c.mu.Unlock()
	if armed != nil {
		return armed.Value(key)
	}
	return c.parent.Value(key)
}
