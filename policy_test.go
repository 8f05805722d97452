package admit

import (
	"errors"
	"testing"

	"github.com/admit-go/admit/store"
)

func TestPolicyTermsAndPrecedence(t *testing.T) {
	user := func(role string) *caller { return &caller{signedIn: true, user: store.User{ID: "u", Role: role}} }
	secret := &caller{key: &store.APIKey{Type: SecretKey}}
	scoped := &caller{key: &store.APIKey{Type: SecretKey, Scopes: []string{"*:*"}}}
	scopeless := &caller{key: &store.APIKey{Type: SecretKey, Scopes: []string{}}}
	publishable := &caller{key: &store.APIKey{Type: PublishableKey}}
	nobody := &caller{}
	for _, test := range []struct {
		policy string
		caller *caller
		owns   bool
		want   bool
	}{
		{"public", nobody, false, true},
		{"guest", nobody, false, true},
		{"user", nobody, false, false},
		{"user", user("user"), false, true},
		{"user", user("editor"), false, true},
		{"user", user("guest"), false, false},
		{"admin", user("user"), false, false},
		{"admin", user("admin"), false, true},
		{"admin", secret, false, true},
		{"admin", scoped, false, false},
		{"admin", scopeless, false, false},
		{"admin", publishable, false, false},
		{"self", user("guest"), true, true},
		{"self", user("user"), false, false},
		{"self", secret, true, false},
		{"role:editor", user("editor"), false, true},
		{"role:editor", user("user"), false, false},
		{"role:*", user("user"), false, true},
		{"role:*", user("guest"), false, false},
		{"org:owner", user("user"), false, false},
		{"user & role:editor | self", user("user"), true, true},
		{"user & role:editor | self", user("user"), false, false},
		{"self | user & role:editor", user("editor"), false, true},
		{"role:editor & self", user("editor"), false, false},
	} {
		parsed, err := ParsePolicy(test.policy)
		if err != nil {
			t.Fatalf("%s: %v", test.policy, err)
		}
		if got := parsed.allows(test.caller, func() bool { return test.owns }); got != test.want {
			t.Errorf("%s for %+v: got %v", test.policy, test.caller, got)
		}
	}
	if (Policy{}).allows(user("admin"), func() bool { return true }) {
		t.Error("the zero Policy lets somebody pass")
	}
}

func TestAPolicyThatCannotBeReadNamesTheTermAndItsPlace(t *testing.T) {
	for bad, want := range map[string]PolicyError{
		"":                    {Offset: 0, Term: ""},
		"admins":              {Offset: 0, Term: "admins"},
		"user &":              {Offset: 6, Term: ""},
		"| user":              {Offset: 0, Term: ""},
		"user && admin":       {Offset: 6, Term: ""},
		"role:":               {Offset: 0, Term: "role"},
		"user | role:A b":     {Offset: 7, Term: "role:A b"},
		"user & self | org:*": {Offset: 14, Term: "org:*"},
		"user\t&  self:x":     {Offset: 8, Term: "self:x"},
		"self-employed":       {Offset: 0, Term: "self-employed"},
		"user | selfish":      {Offset: 7, Term: "selfish"},
	} {
		_, err := ParsePolicy(bad)
		wrong, ok := errors.AsType[*PolicyError](err)
		if !ok {
			t.Errorf("policy %q: %v is no *PolicyError", bad, err)
			continue
		}
		if wrong.Policy != bad || wrong.Offset != want.Offset || wrong.Term != want.Term || wrong.Reason == "" {
			t.Errorf("policy %q: got %+v", bad, wrong)
		}
	}
}

// A role is not self because its name begins with it.
func TestOnlyTheTermSelfNeedsAnOwner(t *testing.T) {
	for policy, needs := range map[string]bool{
		"self": true, "user | admin & self": true, "role:self-employed": false, "role:self | org:self": false, "user": false,
	} {
		parsed, err := ParsePolicy(policy)
		if err != nil {
			t.Fatal(err)
		}
		err = parsed.withoutOwner()
		if _, typed := errors.AsType[*PolicyError](err); typed != needs || (err != nil) != needs {
			t.Errorf("policy %q without an owner: %v", policy, err)
		}
	}
}
