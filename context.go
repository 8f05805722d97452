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

// browser is the browser that a request comes from, where it takes cookies. A
// sign-in that pauses is bound to it: the ticket alone is worth nothing elsewhere.
type browser struct {
	// secret is what its cookie holds; "" without a cookie.
	secret string
	// binds says that the answer can set the cookie.
	binds bool
}

type browserKey struct{}

// withBrowser returns a context for what follows a pause in the same request: the
// browser does not have the cookie yet.
func withBrowser(ctx context.Context, secret string) context.Context {
	if secret == "" {
		return ctx
	}
	return context.WithValue(ctx, browserKey{}, &browser{secret: secret})
}

func browserFrom(ctx context.Context) browser {
	if b, _ := ctx.Value(browserKey{}).(*browser); b != nil {
		return *b
	}
	return browser{}
}

func clientFrom(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}
