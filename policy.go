package admit

import (
	"fmt"
	"strings"
)

// Policy is a condition on the caller of a request, made by [ParsePolicy].
type Policy struct {
	text string
	// alternatives are lists of terms. The policy is met if all terms of one
	// list are met.
	alternatives [][]policyTerm
}

type policyTerm struct {
	kind, name string
	// offset is the position of the term in the text, in bytes.
	offset int
}

// PolicyError describes a mistake in a policy.
type PolicyError struct {
	// Policy is the whole text.
	Policy string
	// Offset is the position of Term in Policy, in bytes.
	Offset int
	// Term is the term that cannot be read. It is "" if a term is missing.
	Term string
	// Reason describes the mistake.
	Reason string
}

// Error names the policy, the place and the reason.
func (e *PolicyError) Error() string {
	return fmt.Sprintf("policy %q, at byte %d: %s", e.Policy, e.Offset, e.Reason)
}

// ParsePolicy reads a policy such as "user & role:editor | self". Its terms are
//
//   - public and guest: anyone
//   - user: a signed-in account whose role is not guest
//   - admin: an administrator, or a secret key whose scopes are nil
//   - self: the user whom the host names as owner
//   - role:name: an account of that role; role:* is any role but guest
//   - org:name: the caller's role in the organisation of the session is the named
//     one or includes it; see [OrganizationConfig]
//
// & binds tighter than |, and there are no parentheses. The error is a
// [*PolicyError].
func ParsePolicy(text string) (Policy, error) {
	parsed := Policy{text: text}
	offset := 0
	for alternative := range strings.SplitSeq(text, "|") {
		var terms []policyTerm
		for word := range strings.SplitSeq(alternative, "&") {
			term, reason := parseTerm(strings.TrimSpace(word))
			term.offset = offset + len(word) - len(strings.TrimLeft(word, " \t\r\n"))
			if reason != "" {
				return Policy{}, parsed.wrong(term, reason)
			}
			terms = append(terms, term)
			offset += len(word) + len("&")
		}
		parsed.alternatives = append(parsed.alternatives, terms)
	}
	return parsed, nil
}

// parseTerm reads one term, or returns the reason why it cannot.
func parseTerm(word string) (term policyTerm, reason string) {
	kind, name, named := strings.Cut(word, ":")
	term = policyTerm{kind: kind, name: name}
	switch kind {
	case "":
		return term, "a term is missing"
	case "public", "guest", "user", "admin", "self":
		if named {
			return term, fmt.Sprintf("%q takes no name", kind)
		}
	case "role", "org":
		if !validScopePart(name) || kind == "org" && name == "*" {
			return term, fmt.Sprintf("%q names no role", word)
		}
	default:
		return term, fmt.Sprintf("%q is no term of a policy", word)
	}
	return term, ""
}

func (t policyTerm) String() string {
	if t.name == "" {
		return t.kind
	}
	return t.kind + ":" + t.name
}

// String returns the text that the policy was read from.
func (p Policy) String() string { return p.text }

func (p Policy) wrong(term policyTerm, reason string) error {
	return &PolicyError{Policy: p.text, Offset: term.offset, Term: term.String(), Reason: reason}
}

// withoutOwner refuses a policy with the term self where no function returns
// the owner.
func (p Policy) withoutOwner() error {
	for _, terms := range p.alternatives {
		for _, term := range terms {
			if term.kind == "self" {
				return p.wrong(term, "self needs a function that names the owner")
			}
		}
	}
	return nil
}

// allows reports whether the caller meets the policy. Nobody meets the zero
// Policy.
func (p Policy) allows(c *caller, isOwner func() bool) bool {
	for _, terms := range p.alternatives {
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
		return c.administers()
	case "self":
		return c.signedIn && isOwner()
	case "role":
		return c.signedIn && (c.user.Role == t.name || t.name == "*" && c.user.Role != RoleGuest)
	case "org":
		return c.signedIn && c.by != nil && c.by.orgRoles.covers(c.session.OrganizationRole, t.name)
	}
	return false
}
