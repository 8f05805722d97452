package admit

import (
	"context"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/device"
)

// Client is the other end of a request: what sessions, events and messages say
// about where something came from. Handlers fill it in; code that calls rules
// itself may, with [WithClient].
type Client struct {
	IPAddress, UserAgent, RequestID string

	// address is IPAddress, parsed: what limits count by.
	address netip.Addr
}

type clientKey struct{}

// WithClient returns a context whose calls are recorded as coming from c.
func WithClient(ctx context.Context, c Client) context.Context {
	if address, err := netip.ParseAddr(c.IPAddress); err == nil {
		c.address = address
	}
	return context.WithValue(ctx, clientKey{}, &c)
}

func clientFrom(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}

// describe says where a request comes from.
func (a *Auth) describe(r *http.Request, id string) *Client {
	c := &Client{address: a.clients.Address(r), UserAgent: device.Clean(r.UserAgent()), RequestID: id}
	if c.address.IsValid() {
		c.IPAddress = c.address.String()
	}
	return c
}

type callerKey struct{}

func callerFrom(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// requestContext carries all that this package knows of a request in one
// allocation, since the guarded path of every request makes one.
type requestContext struct {
	context.Context
	lookup deadlineContext
	caller caller
	// Where the request comes from is worked out when somebody asks.
	request   *http.Request
	requestID string
	auth      *Auth
}

func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case callerKey:
		return &c.caller
	case clientKey:
		return c.auth.describe(c.request, c.requestID)
	}
	return c.Context.Value(key)
}

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
