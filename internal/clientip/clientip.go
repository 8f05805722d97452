// Package clientip finds the client address of a request. A client cannot make
// it return a wrong address.
package clientip

import (
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxHops bounds the number of hops that are read from a forwarding header.
const maxHops = 32

// The headers in which a proxy names the previous hop.
const (
	XForwardedFor = "X-Forwarded-For"
	Forwarded     = "Forwarded" // RFC 7239
)

// Resolver finds client addresses. It knows the trusted proxies. The zero value
// and nil trust no proxy and return the address of the connection.
type Resolver struct {
	// TrustUnixSocket trusts connections without an IP address, such as those
	// of a proxy on the same machine over a Unix socket.
	TrustUnixSocket bool

	trusted []netip.Prefix
	header  string
}

// New makes a Resolver that trusts proxies in these networks. header is the one
// header that these proxies write ("" means XForwardedFor). The Resolver never
// reads the other header: a proxy that writes one of the two passes on what a
// client wrote into the other. New refuses a network that contains every
// address, because then any client could choose its address.
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

// Address returns the client address. It is the address of the connection,
// unless this is a trusted proxy. For a trusted proxy it is the address in the
// header that an unbroken chain of trusted proxies has reported. The zero Addr
// means that no address is known: the connection is a Unix socket, and it is
// not trusted or its header is missing.
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

// walk follows the hops from the nearest one outwards, as long as the reporting
// hop is trusted. It stops at an entry that is not an address.
func (s *Resolver) walk(current netip.Addr, lines []string, parse func(string) (netip.Addr, bool)) netip.Addr {
	hops := 0
	// Several header lines with one name form one list. The last line is its
	// right end.
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

// trusts needs an address without a zone, with IPv4 as IPv4.
func (s *Resolver) trusts(address netip.Addr) bool {
	for _, prefix := range s.trusted {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}

// Key returns the name of the client for limits: an IPv4 address unchanged, an
// IPv6 address as its /64 network, because a client has at least one /64 to
// itself. It is "" for the zero Addr.
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

// connection reads http.Request.RemoteAddr. It is host:port, or another text
// from the host's own server or from a test.
func connection(remote string) netip.Addr {
	if withPort, err := netip.ParseAddrPort(remote); err == nil {
		return plain(withPort.Addr())
	}
	address, _ := parseForwardedFor(remote)
	return address
}

// parseForwardedFor reads an address with or without a port and brackets.
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
// client can leave a quote open on the left. Elements are split at commas from
// the right, so an open quote affects only the client's own element.
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

// plain returns the form in which addresses are compared: IPv4 inside IPv6
// becomes IPv4, and the zone is removed, because it means nothing on another
// machine.
func plain(address netip.Addr) netip.Addr { return address.WithZone("").Unmap() }
