// Package redirect decides where a browser may be sent after a flow, and
// writes such targets. Nothing else in the library compares redirect targets.
//
// Matching is on the text. A target must begin with an allowed origin exactly
// as New wrote it down, followed by a path, a query or nothing; so no two URL
// parsers can read different hosts from it.
package redirect

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// MaxBytes is the longest target that is allowed.
const MaxBytes = 2048

// ErrNotAllowed says that a target is none that the configuration allows.
var ErrNotAllowed = errors.New("redirect target is not allowed")

// Matcher holds the allowed targets. It is safe for concurrent use.
type Matcher struct {
	rules []rule
}

// rule allows one origin below one path.
type rule struct {
	// readable says that whoever is on the way reads what is sent there: http to
	// a host that is not this machine.
	readable bool
	scheme   string
	// origins are the spellings of one origin: "https://host" and, with the
	// default port written out, "https://host:443"; "app://host"; or "app:".
	origins []string
	// path is "" for everything, or begins with a slash.
	path string
}

// Option is a setting of New.
type Option int

// InsecureHTTP takes http for any host.
const InsecureHTTP Option = 1

// New allows every path of the base URL's origin, and each target of the list
// with what lies below its path: https://app.example/signin allows
// /signin?next=1 and /signin/done, but not /signing.
//
// Targets are absolute URLs without query and fragment. http is for loopback
// hosts. Apps may use schemes of their own (myapp://callback, or the form of
// RFC 8252, com.example.app:/callback). The error names every bad entry.
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
	}
	base.path = ""
	matcher.rules = append(matcher.rules, base)
	for _, target := range allowed {
		parsed, err := parse(target)
		if err != nil {
			problems = append(problems, fmt.Errorf("allowed redirect %q: %w", target, err))
		}
		matcher.rules = append(matcher.rules, parsed)
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return matcher, nil
}

// Allows tells whether a browser may be sent to the target.
func (m *Matcher) Allows(target string) bool {
	if len(target) > MaxBytes || !plainText(target) {
		return false
	}
	for _, rule := range m.rules {
		for _, origin := range rule.origins {
			if rest, found := strings.CutPrefix(target, origin); found && rule.covers(rest) {
				return true
			}
		}
	}
	return false
}

// AddQuery returns an allowed target with the given names and values in its
// query. Parameters of the same names that it had are dropped: whoever chose
// the target must not choose a token as well. It answers ErrNotAllowed instead
// of handing a value to a target that is not allowed.
func (m *Matcher) AddQuery(target string, namesAndValues ...string) (string, error) {
	if !m.Allows(target) {
		return "", ErrNotAllowed
	}
	if len(namesAndValues)%2 != 0 {
		return "", errors.New("a query parameter has no value")
	}
	// Pieces that stay are copied as they are: the target may be signed.
	address, query, _ := strings.Cut(target, "?")
	var out strings.Builder
	out.WriteString(address)
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
	for i := 0; i < len(namesAndValues); i += 2 {
		write(url.QueryEscape(namesAndValues[i]) + "=" + url.QueryEscape(namesAndValues[i+1]))
	}
	return out.String(), nil
}

// names tells whether a piece of a query sets one of the names. Servers behind
// the target may read names without case, or split at semicolons as well.
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

// covers looks at what follows the origin. It ends at the border of a path
// segment, and with it the origin, since nothing but a slash or a question mark
// may come next: no port, no user name, no longer host.
func (r rule) covers(rest string) bool {
	path, _, _ := strings.Cut(rest, "?")
	if path == "" {
		return r.path == "" || r.path == "/"
	}
	if !plainPath(path) {
		return false
	}
	if r.path == "" || path == r.path {
		return true
	}
	below, found := strings.CutPrefix(path, r.path)
	return found && (strings.HasSuffix(r.path, "/") || below[0] == '/')
}
