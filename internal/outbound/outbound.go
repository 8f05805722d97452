// Package outbound is the HTTP client for servers that a host has named, such as
// providers of identities. The answer of a server is input of a stranger, and the
// address behind its name is not the host's decision, so the client trusts neither. It
// uses no proxy from the environment, follows no redirect, checks each address when it
// dials, reads 64 KiB, and waits for ten seconds.
package outbound

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// MaxBytes is the size of the largest body that is read.
	MaxBytes = 64 << 10
	// Timeout bounds one call, from the look-up of the name to the end of the body.
	Timeout = 10 * time.Second

	maxHeaderBytes = 32 << 10
)

// The errors of a client. Each is wrapped by a text that names the host alone,
// because a URL can hold a secret.
var (
	// ErrTooLarge is for a body of more than MaxBytes.
	ErrTooLarge = errors.New("the answer is too large")
	// ErrAddress is for an address that the client does not call.
	ErrAddress = errors.New("the address is private, and Options does not allow it")
	// ErrScheme is for a URL that is not https, and not http on loopback either.
	ErrScheme = errors.New("the URL is not https")
)

// Options are what a client may do beyond the public Internet.
type Options struct {
	// AllowLoopback allows 127.0.0.0/8 and ::1, by https and by http.
	AllowLoopback bool
	// AllowPrivate allows the addresses of private networks, by https alone.
	// Link-local addresses, where clouds keep the credentials of a machine, stay
	// refused.
	AllowPrivate bool
	// Timeout bounds one call. Default: the constant Timeout.
	Timeout time.Duration
}

// Client calls servers. It is safe for use by many goroutines.
type Client struct {
	// HTTP has all the bounds, for libraries that take a client.
	HTTP *http.Client

	transport *http.Transport
}

// New makes a client.
func New(options Options) *Client {
	if options.Timeout <= 0 {
		options.Timeout = Timeout
	}
	dialer := &net.Dialer{
		Timeout: options.Timeout,
		// Control sees the address that the name led to, so that a name cannot lead
		// elsewhere between a check and its use.
		Control: func(_, address string, _ syscall.RawConn) error { return options.check(address) },
	}
	transport := &http.Transport{
		Proxy: nil, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: options.Timeout, ResponseHeaderTimeout: options.Timeout,
		MaxResponseHeaderBytes: maxHeaderBytes, MaxIdleConnsPerHost: 4, MaxIdleConns: 16, IdleConnTimeout: time.Minute,
	}
	return &Client{
		transport: transport,
		HTTP: &http.Client{
			Timeout: options.Timeout, Transport: guarded{options, transport},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// CloseIdle ends the connections that wait for another call.
func (c *Client) CloseIdle() { c.transport.CloseIdleConnections() }

// Answer is what a server sent.
type Answer struct {
	Status      int
	ContentType string
	Body        []byte
}

// Do sends a request and reads the answer. Its errors name the host of the URL and
// no other part of it.
func (c *Client) Do(request *http.Request) (Answer, error) {
	response, err := c.HTTP.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", request.URL.Hostname(), Bare(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", request.URL.Hostname(), Bare(err))
	}
	return Answer{response.StatusCode, response.Header.Get("Content-Type"), body}, nil
}

// Bare returns an error of a client without the URL, which net/http puts around it.
func Bare(err error) error {
	if around, ok := errors.AsType[*url.Error](err); ok {
		return around.Err
	}
	return err
}

// guarded refuses schemes and bounds bodies.
type guarded struct {
	options Options
	next    http.RoundTripper
}

func (g guarded) RoundTrip(request *http.Request) (*http.Response, error) {
	if err := g.options.Allowed(request.URL); err != nil {
		return nil, err
	}
	if request.Header.Get("User-Agent") == "" {
		request = request.Clone(request.Context())
		request.Header.Set("User-Agent", "admit")
	}
	if request.Header.Get("Accept") == "" {
		request.Header.Set("Accept", "application/json")
	}
	response, err := g.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = &bounded{body: response.Body, left: MaxBytes}
	return response, nil
}

// Allowed says whether the client would call a URL, as far as can be told without
// looking up its name.
func (o Options) Allowed(u *url.URL) error {
	switch {
	case u.User != nil || u.Hostname() == "":
		return ErrAddress
	case u.Scheme == "https":
	case u.Scheme != "http" || !o.AllowLoopback || !IsLoopback(u.Hostname()):
		return ErrScheme
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil {
		return o.address(address)
	}
	return nil
}

// IsLoopback says whether a host is this machine by its name.
func IsLoopback(host string) bool {
	if address, err := netip.ParseAddr(host); err == nil {
		return address.Unmap().IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

func (o Options) check(address string) error {
	found, err := netip.ParseAddrPort(address)
	if err != nil {
		return ErrAddress
	}
	return o.address(found.Addr())
}

func (o Options) address(address netip.Addr) error {
	address = address.Unmap().WithZone("")
	switch {
	case address.IsLoopback():
		if o.AllowLoopback {
			return nil
		}
	case address.IsPrivate(), inside(address, shared):
		if o.AllowPrivate {
			return nil
		}
	case address.IsGlobalUnicast() && !inside(address, special):
		return nil
	}
	return ErrAddress
}

// shared is the network between a provider's customers and its gateways (RFC 6598).
func shared() []string { return []string{"100.64.0.0/10"} }

// special are the networks of the special-purpose registries (RFC 6890) that
// netip does not know: they lead nowhere, or to an IPv4 address in disguise.
func special() []string {
	return []string{
		"0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/32", "2001:db8::/32", "2002::/16", "fec0::/10",
	}
}

func inside(address netip.Addr, networks func() []string) bool {
	for _, network := range networks() {
		if netip.MustParsePrefix(network).Contains(address) {
			return true
		}
	}
	return false
}

// bounded is a body that fails when it is too large, so that half of an answer is
// never taken for the whole.
type bounded struct {
	body io.ReadCloser
	left int
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left < 0 {
		return 0, ErrTooLarge
	}
	// One byte more than may be there tells a body that is too large.
	if len(into) > b.left+1 {
		into = into[:b.left+1]
	}
	n, err := b.body.Read(into)
	b.left -= n
	if b.left < 0 {
		return n, ErrTooLarge
	}
	return n, err
}

func (b *bounded) Close() error { return b.body.Close() }
