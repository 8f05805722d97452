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

type deviceTokenKey struct{}

// WithDeviceToken returns a context whose sign-ins come from a device that
// MFA.Verify gave the token, and which needs no second factor.
func WithDeviceToken(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return context.WithValue(ctx, deviceTokenKey{}, token)
}

func deviceTokenFrom(ctx context.Context) string {
	token, _ := ctx.Value(deviceTokenKey{}).(string)
	return token
}

func clientFrom(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}
