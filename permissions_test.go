package admit

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
)

// callers are one of each group.
func groupsOfCallers() map[string]*caller {
	return map[string]*caller{
		"nobody": {}, "guest": {signedIn: true, user: store.User{ID: "g", Role: RoleGuest}}, "user": {signedIn: true, user: store.User{ID: "u", Role: RoleUser}},
		"editor": {signedIn: true, user: store.User{ID: "e", Role: "editor"}}, "admin": {signedIn: true, user: store.User{ID: "a", Role: RoleAdmin}},
		"key": {key: &store.APIKey{Type: SecretKey}}, "scoped key": {key: &store.APIKey{Type: SecretKey, Scopes: []string{"*:*"}}}, "publishable key": {key: &store.APIKey{Type: PublishableKey}},
	}
}

func as(c *caller) context.Context { return context.WithValue(context.Background(), callerKey{}, c) }

// The oracle reads the table of the contract cell by cell, by another way than
// the product: 1,000 random tables, each operation, each group, three owners.
func TestAZ01_PermissionsAnswerAsTheTableSays(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 4))
	operations := []Operation{OperationCreate, OperationRead, OperationUpdate, OperationDelete, OperationList}
	for range 1000 {
		cells := map[string]bool{}
		var groups []string
		for _, group := range []string{"admin", "user", "guest", "self"} {
			var given []string
			for _, operation := range operations {
				if random.IntN(2) == 0 {
					value := random.IntN(2) == 0
					cells[group+"."+string(operation)] = value
					given = append(given, fmt.Sprintf("%q:%v", operation, value))
				}
			}
			if random.IntN(4) > 0 || given != nil {
				groups = append(groups, fmt.Sprintf("%q:{%s}", group, strings.Join(given, ",")))
			}
		}
		text := `{"permissions":{` + strings.Join(groups, ",") + `}}`
		parsed, err := ParsePermissions([]byte(text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		cell := func(group string, operation Operation) bool {
			if value, ok := cells[group+"."+string(operation)]; ok || operation != OperationList {
				return value
			}
			return cells[group+".read"]
		}
		for name, c := range groupsOfCallers() {
			for _, operation := range operations {
				for _, owner := range []string{"", c.user.ID, "somebody else"} {
					want := AnswerNo
					if cell("self", operation) && c.signedIn {
						if owner == c.user.ID {
							want = AnswerYes
						}
						if operation == OperationList {
							want = AnswerOwnRows
						}
					}
					if cell("guest", operation) || cell("user", operation) && (name == "user" || name == "editor" || name == "admin") || name == "admin" || name == "key" {
						want = AnswerYes
					}
					if got := parsed.Allows(as(c), operation, owner); got != want {
						t.Fatalf("%s: %s by %s on a thing of %q: %v, want %v", text, operation, name, owner, got, want)
					}
				}
			}
		}
	}
	if got := (Permissions{}).Allows(context.Background(), OperationRead, ""); got != AnswerNo {
		t.Errorf("without a table: %v", got)
	}
}

func TestPermissionsAreReadStrictly(t *testing.T) {
	for text, offset := range map[string]int{
		``: 0, `x`: 0, `[]`: 1, `{}`: 2, `{"permissions":1}`: 16, `{"permissions":{"root":{}}}`: 22, `{"permissions":{"user":{"write":true}}}`: 31,
		`{"permissions":{"user":{"read":1}}}`: 32, `{"permissions":{"user":{"read":null}}}`: 35, `{"permissions":{"user":{"read":"true"}}}`: 37,
		`{"permissions":{"User":{}}}`: 22, `{"permissions":{},"more":{}}`: 24, `{"permissions":{}} {}`: 20, `{"permissions":{"user":{"read":true},"user":{}}}`: 36,
		`{"permissions":{"user":{"read":true,"read":false}}}`: 35, `{"permissions":{"user":{"read":true}}`: 37,
	} {
		_, err := ParsePermissions([]byte(text))
		wrong, ok := errors.AsType[*PermissionsError](err)
		if !ok || wrong.Reason == "" || !strings.Contains(err.Error(), "at byte") {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if wrong.Offset != offset {
			t.Errorf("%s: the mistake is at %d, want %d: %v", text, wrong.Offset, offset, err)
		}
	}
}

func FuzzParsePermissions(f *testing.F) {
	f.Add([]byte(`{"permissions":{"user":{"create":true,"read":true,"list":true},"self":{"update":true,"delete":true},"guest":{"read":true}}}`))
	f.Add([]byte(`{"permissions":{"self":{"list":true}}} `))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePermissions(text)
		if err != nil {
			if wrong, ok := errors.AsType[*PermissionsError](err); !ok || wrong.Offset < 0 || wrong.Offset > len(text) {
				t.Fatalf("%q: %v", text, err)
			}
			if p.groups != nil {
				t.Fatal("a table that cannot be read allows something")
			}
			return
		}
		if !strings.Contains(string(text), "permissions") && !strings.Contains(string(text), `\u`) {
			t.Fatalf("%q was read", text)
		}
	})
}
