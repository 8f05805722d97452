package admit

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// policy is a condition on a caller in disjunctive form: any of the lists, all
// of whose terms hold.
type policy [][]policyTerm

type policyTerm struct {
	kind, name string
}

// RequirePolicy lets a caller pass who meets a policy such as
// "user & role:editor | self". Its terms are public, guest (anyone), user,
// admin, self (the caller is the user that owner names), role:name, role:* (any
// role but guest) and org:name (the caller's role in the organisation of the
// session); & binds tighter than |, and administrators always pass. A policy
// that cannot be read is logged and lets nobody pass.
func (a *Auth) RequirePolicy(text string, owner func(*http.Request) string) func(http.Handler) http.Handler {
	parsed, err := parsePolicy(text)
	if err == nil && owner == nil && strings.Contains(text, "self") {
		err = errors.New("it says self, but no function names the owner")
	}
	if err != nil {
		err = fmt.Errorf("policy %q: %w", text, err)
		a.log.Error("a policy cannot be read, so it lets nobody pass", "error", err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err != nil {
				a.refuse(w, r, ErrInternal.because(err))
				return
			}
			a.guard(next, true, func(c *caller) error {
				switch {
				case c.inAdminGroup() || parsed.allows(c, func() bool { return owner(r) == c.user.ID }):
					return nil
				case !c.identified():
					return ErrUnauthorized
				}
				return ErrForbidden
			}).ServeHTTP(w, r)
		})
	}
}

func parsePolicy(text string) (policy, error) {
	var parsed policy
	for alternative := range strings.SplitSeq(text, "|") {
		var terms []policyTerm
		for word := range strings.SplitSeq(alternative, "&") {
			word = strings.TrimSpace(word)
			kind, name, named := strings.Cut(word, ":")
			switch kind {
			case "public", "guest", "user", "admin", "self":
				if named {
					return nil, fmt.Errorf("%q takes no name", kind)
				}
			case "role", "org":
				if !validScopePart(name) || kind == "org" && name == "*" {
					return nil, fmt.Errorf("%q names no role", word)
				}
			default:
				return nil, fmt.Errorf("%q is no term of a policy", word)
			}
			terms = append(terms, policyTerm{kind, name})
		}
		parsed = append(parsed, terms)
	}
	return parsed, nil
}

func (p policy) allows(c *caller, isOwner func() bool) bool {
	for _, terms := range p {
		met := true
		for _, term := range terms {
			met = met && term.met(c, isOwner)
		}
		if met {
			return true
		}
	}
	return false
}

func (t policyTerm) met(c *caller, isOwner func() bool) bool {
	switch t.kind {
	case "public", "guest":
		return true
	case "user":
		return c.signedIn && c.user.Role != RoleGuest
	case "admin":
		return c.inAdminGroup()
	case "self":
		return c.signedIn && isOwner()
	case "role":
		return c.signedIn && (c.user.Role == t.name || t.name == "*" && c.user.Role != RoleGuest)
	}
	// Roles in organisations come with organisations: nobody holds one yet.
	return false
}
