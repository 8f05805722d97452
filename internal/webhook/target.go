package webhook

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"

	"github.com/admit-go/admit/internal/outbound"
)

// maxURL is the length of the longest target.
const maxURL = 2048

// CheckTarget says whether a URL can be a target, as far as can be told without
// looking up its name. Where the name leads is checked at each delivery, when the
// connection is made.
func CheckTarget(target string, allowPrivate bool) error {
	u, err := url.Parse(target)
	switch {
	case err != nil || len(target) > maxURL || strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("must be a URL of at most 2048 printable ASCII characters")
	case u.Opaque != "" || u.Hostname() == "":
		return errors.New("must be a URL with a host")
	case u.User != nil:
		return errors.New("must have no user name and no password")
	case u.Fragment != "" || strings.Contains(target, "#"):
		return errors.New("must have no fragment")
	}
	host := u.Hostname()
	named := strings.ToLower(strings.TrimRight(host, "."))
	_, err = netip.ParseAddr(host)
	switch last := named[strings.LastIndexByte(named, '.')+1:]; {
	case err == nil: // an address, which outbound checks
	case last == "" || strings.Trim(last, "0123456789") == "" || strings.HasPrefix(last, "0x"):
		// Some resolvers read such a host as an IPv4 address in another notation.
		return errors.New("must have a host name, or an IP address in its usual form")
	case (last == "localhost" || last == "local" || last == "internal") && !allowPrivate:
		return errors.New("must not lead to this machine or into a private network")
	}
	switch err := (outbound.Options{AllowLoopback: allowPrivate, AllowPrivate: allowPrivate}).Allowed(u); {
	case errors.Is(err, outbound.ErrScheme):
		return errors.New("must start with https://")
	case err != nil:
		return errors.New("must not lead to this machine or into a private network")
	}
	return nil
}
