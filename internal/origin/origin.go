// Package origin checks that an origin is written as browsers write it in the
// header Origin.
package origin

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// Check refuses an origin that no browser sends. If the intended origin is
// clear, the error has the right spelling. Every scheme with a host is
// accepted: "https://app.example", "capacitor://localhost",
// "chrome-extension://abcdefgh".
func Check(text string) error {
	switch {
	case text == "null":
		return errors.New("browsers send null for pages of files and for sandboxed frames of any site, so it names nobody")
	case strings.Contains(text, "*"):
		return errors.New("wildcards are not taken, list each origin")
	}
	right, err := Of(text)
	if err != nil {
		return fmt.Errorf("is no origin: %w; it has the form scheme://host or scheme://host:port", err)
	}
	if right != text {
		return fmt.Errorf("no browser sends this spelling, write %q", right)
	}
	return nil
}

// Of is the origin of a URL as browsers serialise it.
func Of(text string) (string, error) {
	u, err := url.Parse(text)
	if err != nil {
		return "", errors.New("it cannot be read as a URL")
	}
	if u.Scheme == "" || u.Opaque != "" {
		return "", errors.New("it has no scheme")
	}
	if u.Hostname() == "" {
		return "", errors.New("it has no host, and browsers send null for such pages")
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return "", err
	}
	port, err := canonicalPort(u.Scheme, u.Port())
	if err != nil {
		return "", err
	}
	return u.Scheme + "://" + host + port, nil // url.Parse lowers the scheme
}

func canonicalPort(scheme, port string) (string, error) {
	if port == "" {
		return "", nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", errors.New("a port is a number up to 65535")
	}
	if standard := map[string]uint64{"https": 443, "http": 80}[scheme]; number == standard && standard != 0 {
		return "", nil
	}
	return ":" + strconv.FormatUint(number, 10), nil
}

// canonicalHost returns a host as browsers write it: an address in its shortest
// form, a name in lower case and ASCII.
func canonicalHost(host string) (string, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		switch {
		case address.Zone() != "":
			return "", errors.New("an address in an origin has no zone")
		case address.Is4():
			return address.String(), nil
		case address.Is4In6():
			raw := address.As16()
			return fmt.Sprintf("[::ffff:%x:%x]", uint(raw[12])<<8|uint(raw[13]), uint(raw[14])<<8|uint(raw[15])), nil
		}
		return "[" + address.String() + "]", nil
	}
	name, err := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false)).ToASCII(host)
	if err != nil {
		return "", errors.New("its host is no name")
	}
	if name == "" || strings.ContainsAny(name, " #%/:<>?@[\\]^|\"'`{}") || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return "", errors.New("its host is no name")
	}
	labels := strings.Split(strings.TrimSuffix(name, "."), ".")
	if last := labels[len(labels)-1]; isNumber(last) {
		return "", errors.New("its host ends in a number, but is no address of four numbers")
	}
	return name, nil
}

// isNumber reports whether browsers take a label for a part of an IPv4 address.
func isNumber(label string) bool {
	if label == "" {
		return false
	}
	if strings.Trim(label, "0123456789") == "" {
		return true
	}
	digits, ok := strings.CutPrefix(label, "0x")
	return ok && strings.Trim(digits, "0123456789abcdef") == ""
}
