package admit

import (
	"context"
	"sync"
	"time"
)

// deadlineContext is a context with a deadline that costs nothing until
// somebody waits for it: only then it arms a timer.
type deadlineContext struct {
	parent context.Context
	at     time.Time
	mu     sync.Mutex
	armed  context.Context
	cancel context.CancelFunc
}

func (c *deadlineContext) start(parent context.Context, limit time.Duration) {
	c.parent = parent
	c.at = time.Now().Add(limit)
}

// stop releases the timer; the context is done afterwards.
func (c *deadlineContext) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *deadlineContext) Deadline() (time.Time, bool) {
	if at, ok := c.parent.Deadline(); ok && at.Before(c.at) {
		return at, true
	}
	return c.at, true
}

func (c *deadlineContext) arm() context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.armed == nil {
		c.armed, c.cancel = context.WithDeadline(c.parent, c.at)
	}
	return c.armed
}

func (c *deadlineContext) Done() <-chan struct{} { return c.arm().Done() }

func (c *deadlineContext) Err() error {
	c.mu.Lock()
	armed := c.armed
	c.mu.Unlock()
	if armed != nil {
		return armed.Err()
	}
	if err := c.parent.Err(); err != nil {
		return err
	}
	if time.Until(c.at) <= 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *deadlineContext) Value(key any) any {
	c.mu.Lock()
	armed := c.armed
	c.mu.Unlock()
	if armed != nil {
		return armed.Value(key)
	}
	return c.parent.Value(key)
}
