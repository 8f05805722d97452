package admit

import (
	"testing"

	"github.com/admit-go/admit/store"
)

func TestPolicyTermsAndPrecedence(t *testing.T) {
	user := func(role string) *caller { return &caller{signedIn: true, user: store.User{ID: "u", Role: role}} }
	secret := &caller{key: &store.APIKey{Type: SecretKey}}
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
		parsed, err := parsePolicy(test.policy)
		if err != nil {
			t.Fatalf("%s: %v", test.policy, err)
		}
		if got := parsed.allows(test.caller, func() bool { return test.owns }); got != test.want {
			t.Errorf("%s for %+v: got %v", test.policy, test.caller, got)
		}
	}
	for _, bad := range []string{"", "admins", "user &", "| user", "role:", "role:A b", "org:*", "self:x", "user && admin"} {
		if _, err := parsePolicy(bad); err == nil {
			t.Errorf("policy %q was taken", bad)
		}
	}
}
