package admit

import (
	"context"
	"net/netip"
)

// Client is the client that sent a request. Sessions, events and messages show
// it. The handlers fill it in. Code that calls rules itself can do so with
// [WithClient].
type Client struct {
	IPAddress, UserAgent, RequestID string

	// address is IPAddress, parsed. Limits count by it.
	address netip.Addr
}

type clientKey struct{}

// WithClient returns a context for calls on behalf of the client c.
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
