package admit

import (
	"context"
	"net/netip"
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
