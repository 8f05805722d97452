package redirect

import (
	"errors"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// placeholder replaces the "*" of a host while net/url and idna read it. No
// given host may contain it.
const placeholder = "wildcard0placeholder"

// wildcard is the origin of a rule whose first label has a variable part:
// https://app-*.preview.example is split at the "*".
type wildcard struct {
	before string // "https://app-"
	// after are the spellings of the rest: ".preview.example" and
	// ".preview.example:443".
	after []string
}

// cutWildcard replaces the "*" of a target by the placeholder.
func cutWildcard(target string) (replaced string, found bool, err error) {
	if strings.Contains(target, placeholder) || strings.Count(target, "*") > 1 {
		return "", false, errors.New("it holds more than one wildcard")
	}
	replaced = strings.Replace(target, "*", placeholder, 1)
	return replaced, replaced != target, nil
}

// newWildcard splits the origins of a host that holds the placeholder.
func newWildcard(scheme, host string, origins []string) (*wildcard, error) {
	label, parent, _ := strings.Cut(host, ".")
	switch suffix, public := publicsuffix.PublicSuffix(parent); {
	case !web(scheme) || !strings.Contains(label, placeholder) || label == placeholder || !strings.Contains(parent, "."):
		return nil, errors.New("a wildcard stands for a part of the leftmost of at least three host labels, such as https://app-*.preview.example")
	case strings.HasPrefix(label, "xn--"):
		return nil, errors.New("a wildcard stands beside letters of ASCII only")
	case public && suffix == parent:
		return nil, errors.New("anybody can register a name that its wildcard covers")
	}
	made := &wildcard{}
	for _, origin := range origins {
		before, after, _ := strings.Cut(origin, placeholder)
		made.before, made.after = before, append(made.after, after)
	}
	return made, nil
}

// origin returns the origin that an address begins with, if the wildcard covers
// it. The text for the "*" has only letters, digits and hyphens, so it cannot
// reach beyond the label.
func (w *wildcard) origin(address string) (origin string, found bool) {
	rest, found := strings.CutPrefix(address, w.before)
	if !found {
		return "", false
	}
	_, start, _ := strings.Cut(w.before, "://")
	for _, after := range w.after {
		part, _, found := strings.Cut(rest, after)
		label, _, _ := strings.Cut(start+part+after, ".")
		if found && part != "" && strings.Trim(part, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
			len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' && !strings.HasPrefix(label, "xn--") {
			origin = w.before + part + after // the spelling with the port is the last and the longest
		}
	}
	return origin, origin != ""
}
