// Package clientip answers from which address a request came, in the one way
// that a client cannot talk it into anything.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds how far a forwarding header is followed.
const maxHops = 32

// The headers in which proxies name the hop before them.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Resolver knows the proxies whose word is taken. The zero value and nil trust
// none, and answer with the address of the connection.
type Resolver struct {
	// TrustUnixSocket takes the word of whoever connects without an IP address,
	// as a proxy on the same machine does over a Unix socket.
	TrustUnixSocket bool

	trusted []netip.Prefix
	header  string
}

// New makes a Resolver that takes the word of proxies in these networks, given
// in one header ("" is XForwardedFor). The other is never looked at: a proxy
// that writes one passes on whatever a client wrote into the other. A network
// that holds every address is refused: then any client could name the address
// it likes.
func New(trusted []netip.Prefix, header string) (*Resolver, error) {
	if header == "" {
		header = XForwardedFor
	}
	if header != XForwardedFor && header != Forwarded {
		return nil, fmt.Errorf("header %q is neither %s nor %s", header, XForwardedFor, Forwarded)
	}
	resolver := &Resolver{header: header}
	for _, prefix := range trusted {
		if !prefix.IsValid() {
			return nil, fmt.Errorf("trusted proxy %q is not a network", prefix)
		}
		// IPv4 inside IPv6 is compared as IPv4.
		if prefix.Addr().Is4In6() {
			prefix = netip.PrefixFrom(prefix.Addr().Unmap(), max(prefix.Bits()-96, 0))
		}
		if prefix.Bits() == 0 {
			return nil, fmt.Errorf("trusted proxy %s is everyone", prefix)
		}
		resolver.trusted = append(resolver.trusted, prefix.Masked())
	}
	return resolver, nil
}

// Address is the address of the client: that of the connection, unless it is a
// trusted proxy's; then the one that an unbroken chain of trusted proxies
// vouches for in the header. The zero Addr means that no address is known: the
// connection is a Unix socket, and it is not trusted or names nobody.
func (s *Resolver) Address(r *http.Request) netip.Addr {
	current := connection(r.RemoteAddr)
	if s == nil || !s.trusts(current) && (current.IsValid() || !s.TrustUnixSocket) {
		return current
	}
	if s.header == Forwarded {
		return s.walk(current, r.Header[Forwarded], parseForwarded)
	}
	return s.walk(current, r.Header[XForwardedFor], parseForwardedFor)
}

// walk goes from the nearest hop outwards while the hop that spoke is trusted.
// An entry that is no address ends it: what lies beyond was not seen.
func (s *Resolver) walk(current netip.Addr, lines []string, parse func(string) (netip.Addr, bool)) netip.Addr {
	hops := 0
	// Several lines of one name are one list, the last line its right end.
	for _, line := range slices.Backward(lines) {
		for more := true; more; {
			var entry string
			if comma := strings.LastIndexByte(line, ','); comma >= 0 {
				line, entry = line[:comma], line[comma+1:]
			} else {
				entry, more = line, false
			}
			address, ok := parse(strings.Trim(entry, " \t"))
			if hops++; !ok || hops > maxHops {
				return current
			}
			current = address
			if !s.trusts(current) {
				return current
			}
		}
	}
	return current
}

// trusts expects an address without zone, in which IPv4 is IPv4.
func (s *Resolver) trusts(address netip.Addr) bool {
	for _, prefix := range s.trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Key names the client for limits: an IPv4 address as it is, an IPv6 address by
// its /64 network, of which a client has at least one to itself. It is "" for
// the zero Addr.
func Key(address netip.Addr) string {
	address = address.Unmap().WithZone("")
	switch {
	case !address.IsValid():
		return ""
	case address.Is4():
		return address.String()
	}
	network, err := address.Prefix(64)
	if err != nil {
		return ""
	}
	return network.String()
}

// connection reads http.Request.RemoteAddr, which is host:port, or whatever a
// host's own server or test put there.
func connection(remote string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(remote); err == nil {
		return plain(withPort.Addr())
	}
	address, _ := parseForwardedFor(remote)
	return address
}

// parseForwardedFor reads an address with or without port or brackets.
func parseForwardedFor(entry string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(entry); err == nil {
		return plain(address), true
	}
	if withPort, err := netip.ParseAddrPort(entry); err == nil {
		return plain(withPort.Addr()), true
	}
	if inner, ok := strings.CutPrefix(entry, "["); ok {
		if inner, ok = strings.CutSuffix(inner, "]"); ok {
			if address, err := netip.ParseAddr(inner); err == nil && address.Is6() {
				return plain(address), true
			}
		}
	}
	return netip.Addr{}, false
}

// parseForwarded reads one element of RFC 7239: for=192.0.2.1;proto=https. A
// client can leave a quote open on the left; elements are cut at commas from
// the right, so that it swallows nothing but its own.
func parseForwarded(element string) (netip.Addr, bool) {
	found := ""
	for pair := range strings.SplitSeq(element, ";") {
		name, value, ok := strings.Cut(strings.Trim(pair, " \t"), "=")
		if !ok {
			return netip.Addr{}, false
		}
		if !strings.EqualFold(name, "for") {
			continue
		}
		if found != "" {
			return netip.Addr{}, false
		}
		found = value
	}
	if inner, ok := strings.CutPrefix(found, `"`); ok {
		if found, ok = strings.CutSuffix(inner, `"`); !ok {
			return netip.Addr{}, false
		}
	}
	return parseForwardedFor(found)
}

// plain is the form in which addresses are compared: IPv4 inside IPv6 becomes
// IPv4, and the zone, which means nothing elsewhere, goes.
func plain(address netip.Addr) netip.Addr { return address.WithZone("").Unmap() }
