// Package redirect decides to which targets a browser may be sent after a flow,
// and adds parameters to such targets. No other code compares redirect targets.
//
// Targets are compared as text. A target must begin with an allowed origin
// exactly as New wrote it, followed by a path, a query or nothing. So no two
// URL parsers can read different hosts from a target.
package redirect

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// MaxBytes is the length of the longest target that is allowed.
const MaxBytes = 2048

// ErrNotAllowed means that the configuration does not allow a target.
var ErrNotAllowed = errors.New("redirect target is not allowed")

// Matcher has the allowed targets. It is safe for concurrent use.
type Matcher struct {
	rules     []rule
	wildcards []string
}

// rule allows one origin, below one path.
type rule struct {
	// readable says that others on the network can read what is sent to the
	// target: it is http to a host other than this machine.
	readable bool
	scheme   string
	// origins are the spellings of one origin: "https://host" and, with the
	// default port written out, "https://host:443"; "app://host"; or "app:".
	origins []string
	// path is "" for every path, or begins with a slash.
	path string
	// fragment, if it is not "", is the path after "#" that a hash router
	// reads. It begins with a slash. The rule then allows only targets with a
	// fragment, at exactly path.
	fragment string
	// wildcard is for hosts whose first label begins and ends with two given
	// texts. It is nil in a rule for one host. If it is not nil, origins is
	// nil.
	wildcard *wildcard
}

// Option is a setting of New.
type Option int

// InsecureHTTP allows http for every host.
const InsecureHTTP Option = 1

// New allows every path of the origin of the base URL, and each target of the
// list with the paths below it: https://app.example/signin allows
// /signin?next=1 and /signin/done, but not /signing.
//
// Targets are absolute URLs without a query. A fragment must begin with "#/",
// for hash routers: https://app.example/#/reset. A "*" stands for a part of the
// first host label, in a host with at least three labels:
// https://app-*.preview.example. [Matcher.Wildcards] lists these targets. http
// is allowed for loopback hosts. Apps may use schemes of their own
// (myapp://callback, or the form of RFC 8252, com.example.app:/callback). The
// error names every entry that is not allowed.
func New(baseURL string, allowed []string, options ...Option) (*Matcher, error) {
	var problems []error
	matcher := &Matcher{}
	var o Option
	for _, option := range options {
		o |= option
	}
	parse := func(target string) (rule, error) {
		parsed, err := parseRule(target)
		if err == nil && parsed.readable && o&InsecureHTTP == 0 {
			return rule{}, errors.New("http is allowed for loopback hosts only")
		}
		return parsed, err
	}
	base, err := parse(baseURL)
	switch {
	case err != nil:
		problems = append(problems, fmt.Errorf("base URL %q: %w", baseURL, err))
	case !web(base.scheme):
		problems = append(problems, fmt.Errorf("base URL %q: its scheme is neither https nor http", baseURL))
	case base.wildcard != nil || base.fragment != "":
		problems = append(problems, fmt.Errorf("base URL %q: it has a wildcard or a fragment", baseURL))
	}
	base.path = ""
	matcher.rules = append(matcher.rules, base)
	for _, target := range allowed {
		parsed, err := parse(target)
		if err != nil {
			problems = append(problems, fmt.Errorf("allowed redirect %q: %w", target, err))
		}
		if parsed.wildcard != nil {
			matcher.wildcards = append(matcher.wildcards, target)
		}
		matcher.rules = append(matcher.rules, parsed)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return matcher, nil
}

// Wildcards lists the allowed targets with a "*", as they were given.
func (m *Matcher) Wildcards() []string { return m.wildcards }

// Allows reports whether a browser may be sent to the target.
func (m *Matcher) Allows(target string) bool {
	_, allowed := m.origin(target)
	return allowed
}

// FormAction returns the source expression of a Content-Security-Policy that
// lets a form end in a redirect to an allowed target: the origin of the target,
// or its scheme if the scheme is not http or https. It returns "" for a target
// that is not allowed.
func (m *Matcher) FormAction(target string) string {
	origin, allowed := m.origin(target)
	scheme, _, _ := strings.Cut(origin, ":")
	switch {
	case !allowed:
		return ""
	case !web(scheme) || strings.Contains(origin, "["): // a policy cannot name an IPv6 host
		return scheme + ":"
	}
	return origin
}

// origin returns the part of an allowed target before its path.
func (m *Matcher) origin(target string) (origin string, allowed bool) {
	// In a target with a fragment, everything but the "#" must be plain.
	address, fragment, hashed := strings.Cut(target, "#")
	if len(target) > MaxBytes || !plainText(address) || !plainText(fragment) {
		return "", false
	}
	for _, rule := range m.rules {
		if hashed != (rule.fragment != "") || hashed && !below(rule.fragment, fragment) {
			continue
		}
		for _, origin := range rule.spellings(address) {
			if rest, found := strings.CutPrefix(address, origin); found && rule.covers(rest) {
				return origin, true
			}
		}
	}
	return "", false
}

// spellings are the origins that an address may begin with.
func (r rule) spellings(address string) []string {
	if r.wildcard == nil {
		return r.origins
	}
	if origin, found := r.wildcard.origin(address); found {
		return []string{origin}
	}
	return nil
}

// AddQuery returns an allowed target with the given names and values in its
// query, or in the query inside its fragment if the target has a fragment. It
// removes parameters of the same names from both queries, so that the person
// who chose the target cannot choose a token too. For a target that is not
// allowed it returns ErrNotAllowed.
func (m *Matcher) AddQuery(target string, namesAndValues ...string) (string, error) {
	if !m.Allows(target) {
		return "", ErrNotAllowed
	}
	if len(namesAndValues)%2 != 0 {
		return "", errors.New("a query parameter has no value")
	}
	address, fragment, hashed := strings.Cut(target, "#")
	if !hashed {
		return withQuery(address, namesAndValues, true), nil
	}
	return withQuery(address, namesAndValues, false) + "#" + withQuery(fragment, namesAndValues, true), nil
}

// withQuery removes the names from the query of an address. If add is true it
// adds them with their values.
func withQuery(address string, namesAndValues []string, add bool) string {
	// Other parts of the query are copied unchanged, because the target may be
	// signed.
	path, query, _ := strings.Cut(address, "?")
	var out strings.Builder
	out.WriteString(path)
	separator := byte('?')
	write := func(piece string) {
		out.WriteByte(separator)
		out.WriteString(piece)
		separator = '&'
	}
	for piece := range strings.SplitSeq(query, "&") {
		if piece != "" && !names(piece, namesAndValues) {
			write(piece)
		}
	}
	for i := 0; add && i < len(namesAndValues); i += 2 {
		write(url.QueryEscape(namesAndValues[i]) + "=" + url.QueryEscape(namesAndValues[i+1]))
	}
	return out.String()
}

// names reports whether a part of a query sets one of the names. Servers behind
// the target may ignore the case of names, or split the query at semicolons
// too.
func names(piece string, namesAndValues []string) bool {
	for part := range strings.SplitSeq(piece, ";") {
		name, _, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return true
		}
		for i := 0; i < len(namesAndValues); i += 2 {
			if strings.EqualFold(name, namesAndValues[i]) {
				return true
			}
		}
	}
	return false
}

// covers checks the text after the origin. It must continue at the border of a
// path segment. After the origin only a slash or a question mark may follow, so
// there can be no port, no user name and no longer host.
func (r rule) covers(rest string) bool {
	path, _, _ := strings.Cut(rest, "?")
	if r.fragment != "" { // the page of a hash router is one page
		return path == r.path || path == "" && r.path == "/"
	}
	if path == "" {
		return r.path == "" || r.path == "/"
	}
	return below(r.path, path)
}

// below reports whether an absolute path, with or without a query, is the same
// as another path or below it.
func below(parent, path string) bool {
	path, _, _ = strings.Cut(path, "?")
	if path == "" || !plainPath(path) {
		return false
	}
	if parent == "" || path == parent {
		return true
	}
	rest, found := strings.CutPrefix(path, parent)
	return found && (strings.HasSuffix(parent, "/") || rest[0] == '/')
}
