package admit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Operation is what somebody wants to do with a thing of the host.
type Operation string

// The operations of Permissions.
const (
	OperationCreate Operation = "create"
	OperationRead   Operation = "read"
	OperationUpdate Operation = "update"
	OperationDelete Operation = "delete"
	// OperationList falls back to OperationRead where it is not given.
	OperationList Operation = "list"
)

// Answer is what Permissions.Allows answers.
type Answer int

// The answers of Permissions.Allows. The zero value refuses.
const (
	AnswerNo Answer = iota
	AnswerYes
	// AnswerOwnRows allows a list of the things alone that the caller owns.
	AnswerOwnRows
)

// String is "no", "yes" or "own rows only".
func (a Answer) String() string {
	switch a {
	case AnswerYes:
		return "yes"
	case AnswerOwnRows:
		return "own rows only"
	}
	return "no"
}

// Permissions say which group of callers may do what. [ParsePermissions] makes
// them. The zero value allows administrators alone.
type Permissions struct {
	groups map[string]map[Operation]bool
}

// PermissionsError describes a mistake in permissions.
type PermissionsError struct {
	// Offset is where the mistake ends, in bytes of the text.
	Offset int
	// Reason describes the mistake.
	Reason string
}

// Error names the place and the reason.
func (e *PermissionsError) Error() string {
	return fmt.Sprintf("permissions, at byte %d: %s", e.Offset, e.Reason)
}

// ParsePermissions reads a table such as
//
//	{"permissions":{"user":{"read":true},"self":{"update":true}}}
//
// The groups are
//
//   - admin: administrators, who are allowed everything whatever stands here
//   - user: signed-in accounts whose role is not guest
//   - guest: anyone
//   - self: the account that owns the thing
//
// and the operations are create, read, update, delete and list. What is left out
// is false, and list is what read is. Another name, a value that is not true or
// false, a name that stands twice, and text behind the table are mistakes. The
// error is a [*PermissionsError].
func ParsePermissions(text []byte) (Permissions, error) {
	r := permissionsReader{decoder: jsontext.NewDecoder(strings.NewReader(string(text)))}
	p := Permissions{groups: map[string]map[Operation]bool{}}
	err := r.object("the table", []string{"permissions"}, func(string) error {
		return r.object("permissions", []string{"admin", "user", "guest", "self"}, func(group string) error {
			operations := map[Operation]bool{}
			p.groups[group] = operations
			return r.object(group, []string{"create", "read", "update", "delete", "list"}, func(operation string) error {
				allowed, err := r.boolean(group + "." + operation)
				operations[Operation(operation)] = allowed
				return err
			})
		})
	})
	if err == nil && !r.seen {
		err = r.wrong("permissions is missing")
	}
	if err == nil {
		if _, behind := r.decoder.ReadToken(); !errors.Is(behind, io.EOF) {
			err = r.wrong("there is text behind the table")
		}
	}
	if err != nil {
		return Permissions{}, err
	}
	return p, nil
}

type permissionsReader struct {
	decoder *jsontext.Decoder
	// seen says that the member permissions was there.
	seen bool
}

func (r *permissionsReader) wrong(format string, args ...any) error {
	return &PermissionsError{Offset: int(r.decoder.InputOffset()), Reason: fmt.Sprintf(format, args...)}
}

func (r *permissionsReader) token() (jsontext.Token, error) {
	token, err := r.decoder.ReadToken()
	if err != nil {
		return token, r.wrong("this is no JSON: %v", err)
	}
	return token, nil
}

// object reads an object whose names are among the known ones.
func (r *permissionsReader) object(what string, known []string, member func(name string) error) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	if token.Kind() != '{' {
		return r.wrong("%s must be an object", what)
	}
	for {
		if token, err = r.token(); err != nil {
			return err
		}
		if token.Kind() == '}' {
			return nil
		}
		name := token.String()
		found := false
		for _, one := range known {
			found = found || one == name
		}
		if !found {
			return r.wrong("%s has no %q", what, name)
		}
		r.seen = r.seen || name == "permissions"
		if err := member(name); err != nil {
			return err
		}
	}
}

func (r *permissionsReader) boolean(what string) (bool, error) {
	token, err := r.token()
	if err != nil {
		return false, err
	}
	if kind := token.Kind(); kind != 't' && kind != 'f' {
		return false, r.wrong("%s must be true or false", what)
	}
	return token.Bool(), nil
}

// Allows answers whether the caller of a request that passed a guard may do
// something with a thing that owner owns; "" is nobody. For a list that only self
// may see, it answers AnswerOwnRows, and owner is not looked at. A context without
// a guard is that of a guest.
func (p Permissions) Allows(ctx context.Context, operation Operation, owner string) Answer {
	c := callerFrom(ctx)
	if c == nil {
		c = &caller{}
	}
	switch {
	case c.administers(), p.allows("guest", operation), c.signedIn && c.user.Role != RoleGuest && p.allows("user", operation):
		return AnswerYes
	case !c.signedIn || !p.allows("self", operation):
		return AnswerNo
	case operation == OperationList:
		return AnswerOwnRows
	case owner != "" && owner == c.user.ID:
		return AnswerYes
	}
	return AnswerNo
}

// allows answers what the table says of a group.
func (p Permissions) allows(group string, operation Operation) bool {
	allowed, given := p.groups[group][operation]
	if !given && operation == OperationList {
		allowed = p.groups[group][OperationRead]
	}
	return allowed
}

// RowSecurity tells a transaction of PostgreSQL who the caller of a request is that
// passed a guard, for policies of row-level security (CREATE POLICY). It sets, until
// the transaction ends,
//
//   - admit.user_id: the id of the signed-in account, or the empty text
//   - admit.role: its role; "admin" for a secret key whose scopes are nil, and
//     "guest" for anybody else
//   - admit.organization_id: the organisation of the session, or of the key of an
//     organisation that comes alone, or the empty text
//
// Policies read them with current_setting('admit.user_id', true). Call RowSecurity
// first in each transaction. PostgreSQL applies no policy to a superuser, and none
// to the owner of a table without FORCE ROW LEVEL SECURITY. docs/policy.md has an
// example. It returns ErrUnavailable if the database refuses.
func (a *Auth) RowSecurity(ctx context.Context, tx *sql.Tx) error {
	user, role, organization := "", RoleGuest, ""
	if c := callerFrom(ctx); c != nil && c.by == a.machinery {
		organization, _ = c.workplace()
		switch {
		case c.signedIn:
			user, role = c.user.ID, c.user.Role
		case c.administers():
			role = RoleAdmin
		}
	}
	_, err := tx.ExecContext(ctx, `SELECT set_config('admit.user_id', $1, true), set_config('admit.role', $2, true), set_config('admit.organization_id', $3, true)`,
		user, role, organization)
	return fault(err)
}
