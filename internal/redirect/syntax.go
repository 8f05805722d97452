package redirect

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"
)

// forbidden are schemes that run code, read files or leave the browser.
var forbidden = [...]string{
	"about", "blob", "chrome", "content", "data", "file", "filesystem", "ftp", "intent", "jar", "javascript",
	"livescript", "mailto", "resource", "sms", "tel", "vbscript", "view-source", "ws", "wss",
}

// domains maps names as browsers do. Real names may have hyphens in the third
// and fourth place (v2--site.example), so canonicalHost checks the other
// hyphens.
var domains = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.BidiRule(),
	idna.StrictDomainName(true),
	idna.VerifyDNSLength(true),
	idna.CheckHyphens(false),
)

// web reports whether a browser opens a scheme itself.
func web(scheme string) bool { return scheme == "https" || scheme == "http" }

// parseRule reads one allowed target from the configuration. The host may have
// capitals and letters of any script. The rule has the one spelling that
// browsers send.
func parseRule(target string) (rule, error) {
	target, fragment, hashed := strings.Cut(target, "#")
	if hashed && (!strings.HasPrefix(fragment, "/") || !plainText(fragment) || !plainPath(fragment) || strings.ContainsAny(fragment, "?*")) {
		return rule{}, errors.New("its fragment is not the path of a hash router, such as #/reset")
	}
	target, star, err := cutWildcard(target)
	if err != nil {
		return rule{}, err
	}
	parsed, err := url.Parse(target)
	switch {
	case err != nil || target == "":
		return rule{}, errors.New("it is not a URL")
	case parsed.Scheme == "" || parsed.Opaque != "":
		return rule{}, errors.New("it is not an absolute URL")
	case slices.Contains(forbidden[:], parsed.Scheme):
		return rule{}, errors.New("its scheme is not safe to send a browser to")
	case parsed.User != nil:
		return rule{}, errors.New("it holds a user name")
	case parsed.RawQuery != "" || parsed.ForceQuery:
		return rule{}, errors.New("it has a query")
	}
	allowed := rule{scheme: parsed.Scheme, path: parsed.EscapedPath(), fragment: fragment}
	if !strings.HasSuffix(target, allowed.path) || !plainText(allowed.path) || (allowed.path != "" && !plainPath(allowed.path)) {
		return rule{}, errors.New("its path has an empty or a dot segment, or a character that must be escaped")
	}
	if parsed.Host == "" {
		if web(parsed.Scheme) || star || allowed.path == "" || strings.HasPrefix(target[len(parsed.Scheme):], "://") {
			return rule{}, errors.New("it has no host")
		}
		allowed.origins = []string{parsed.Scheme + ":"}
		return allowed, nil
	}
	host, loopback, err := canonicalHost(parsed.Hostname())
	if err != nil {
		return rule{}, err
	}
	allowed.readable = parsed.Scheme == "http" && !loopback
	allowed.origins, err = origins(parsed.Scheme, host, parsed.Port(), strings.HasSuffix(parsed.Host, ":"))
	if err == nil && star {
		allowed.wildcard, err = newWildcard(parsed.Scheme, host, allowed.origins)
		allowed.origins = nil
	}
	return allowed, err
}

// origins returns each spelling of an origin.
func origins(scheme, host, port string, emptyPort bool) ([]string, error) {
	origin := scheme + "://" + host
	standard := map[string]string{"https": "443", "http": "80"}[scheme]
	number, err := strconv.ParseUint(port, 10, 16)
	switch {
	case emptyPort || port != "" && (err != nil || number == 0 || port[0] == '0'):
		return nil, errors.New("its port is not a number from 1 to 65535")
	case standard != "" && (port == "" || port == standard):
		return []string{origin, origin + ":" + standard}, nil
	case port == "":
		return []string{origin}, nil
	}
	return []string{origin + ":" + port}, nil
}

// canonicalHost returns a host as browsers write it. loopback says that the
// host can only be this machine.
func canonicalHost(host string) (canonical string, loopback bool, err error) {
	if address, err := netip.ParseAddr(host); err == nil && address.Zone() == "" {
		if address.Is6() {
			return "[" + address.String() + "]", address.IsLoopback(), nil
		}
		return address.String(), address.IsLoopback(), nil
	}
	canonical, err = domains.ToASCII(host)
	dotted := "." + canonical + "."
	if err != nil || strings.Contains(dotted, "..") || strings.Contains(dotted, ".-") || strings.Contains(dotted, "-.") {
		return "", false, errors.New("its host is not a domain name")
	}
	return canonical, canonical == "localhost" || strings.HasSuffix(canonical, ".localhost"), nil
}

// plainText accepts the characters of RFC 3986 without those of the fragment,
// and complete escapes of characters other than control characters.
func plainText(text string) bool {
	for i := range len(text) {
		b := text[i]
		switch {
		case b == '%':
			if i+2 >= len(text) {
				return false
			}
			code, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil || code < ' ' || code == 0x7f {
				return false
			}
		case b <= ' ' || b > '~' || strings.IndexByte("\"#<>\\^`{|}", b) >= 0:
			return false
		}
	}
	return true
}

// plainPath accepts an absolute path without empty segments (except the last),
// without segments of dots, and without an escaped slash or dot.
func plainPath(path string) bool {
	if path[0] != '/' {
		return false
	}
	lower := strings.ToLower(path)
	for _, disguise := range [...]string{"%2f", "%5c", "%2e", "%25", "//"} {
		if strings.Contains(lower, disguise) {
			return false
		}
	}
	for segment := range strings.SplitSeq(path, "/") {
		// Some servers drop path parameters, so a segment of dots with a
		// parameter is refused too.
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return false
		}
	}
	return true
}
