package admit

import (
	"fmt"
	"strings"
)

// policy is a condition on a caller in disjunctive form: any of the lists, all
// of whose terms hold.
type policy [][]policyTerm

type policyTerm struct {
	kind, name string
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
