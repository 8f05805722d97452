package e2e_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// TestEveryRouteStandsInTheDocumentAndTheOtherWayRound holds the table of
// features and openapi.yaml together: routes, who may call them, and the scope
// that a key needs.
func TestEveryRouteStandsInTheDocumentAndTheOtherWayRound(t *testing.T) {
	type duty struct {
		access, scope string
	}
	documented := map[string]duty{}
	for _, o := range harness.Contract(t).Operations() {
		documented[o.Method+" "+o.Path] = duty{o.Access, o.Scope}
	}
	served := map[string]bool{}
	for _, r := range harness.New(t).Auth.Routes() {
		name := r.Method + " " + r.Path
		served[name] = true
		want, ok := documented[name]
		if !ok {
			t.Errorf("%s is served, but openapi.yaml does not know it", name)
			continue
		}
		if got := (duty{r.Access, r.Scope}); got != want {
			t.Errorf("%s asks for %v, openapi.yaml says %v", name, got, want)
		}
	}
	for name := range documented {
		if !served[name] {
			t.Errorf("%s stands in openapi.yaml, but is not served", name)
		}
	}
}

func TestEveryErrorCodeStandsInTheDocumentAndTheOtherWayRound(t *testing.T) {
	documented := append(harness.Contract(t).Codes(), "auth/key-required") // guards of a host's own routes answer it, no route of the API does
	for _, code := range admit.ErrorCodes() {
		if !slices.Contains(documented, code) {
			t.Errorf("%s can be answered, but openapi.yaml names it nowhere", code)
		}
	}
	for _, code := range documented {
		if !slices.Contains(admit.ErrorCodes(), code) {
			t.Errorf("%s stands in openapi.yaml, but nothing answers it", code)
		}
	}
}

// TestAZ01_EveryRouteRefusesWhoMayNotCall calls each route with each kind of
// caller and looks only at whether the caller was let through, and how not. The
// path names somebody else's record.
func TestAZ01_EveryRouteRefusesWhoMayNotCall(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, victim := s.Admin(), s.SignUp("victim@x.test")
		people := map[string]harness.Person{"admin": admin, "user": s.SignUp("user@x.test"), "guest": s.SignUp("guest@x.test"), "banned": s.SignUp("banned@x.test")}
		s.Role(people["guest"].ID, "guest")
		_, publishable := s.NewKey("publishable")
		_, secret := s.NewKey("secret")
		_, scopeless := s.NewKey("secret", []string{}...)
		_, elsewhere := s.NewKey("secret", "elsewhere:*")
		own := ownKey(s, people["user"].ID)
		teams := teamKey(s, team(s, people["user"])).Key
		revokedID, revoked := s.NewKey("secret")
		if err := s.Auth.APIKeys.Revoke(t.Context(), revokedID); err != nil {
			t.Fatal(err)
		}
		s.Ban(people["banned"].ID)
		// Some routes end the session that calls them, so each call has its own.
		as := func(who string) func() harness.Set {
			return func() harness.Set {
				signed, err := s.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: people[who].Email, Password: harness.Password})
				if err != nil {
					t.Fatal(err)
				}
				s.Keep("accessToken", signed.Tokens.AccessToken)
				s.Keep("refreshToken", signed.Tokens.RefreshToken)
				return harness.Bearer(signed.Tokens.AccessToken)
			}
		}
		is := func(set harness.Set) func() harness.Set { return func() harness.Set { return set } }
		const passes = ""
		for _, c := range []struct {
			name string
			sets []func() harness.Set
			// what the caller is answered where anyone, a user or an administrator
			// is wanted; exchange is for routes that ignore Authorization.
			exchange, anyone, user, admin string
			// what the routes under /users answer: by is the list, other an account
			// that is not the caller's. Codes of auth/ that they have their own for
			// are told apart below.
			list, other string
		}{
			{"nobody", nil, passes, passes, "auth/unauthorized", "auth/unauthorized", "auth/unauthorized", "auth/unauthorized"},
			{"a guest", []func() harness.Set{as("guest")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"a user", []func() harness.Set{as("user")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"an administrator", []func() harness.Set{as("admin")}, passes, passes, passes, passes, "", ""},
			{"a banned user", []func() harness.Set{is(harness.Bearer(people["banned"].Access))}, passes, "auth/account-banned", "auth/account-banned", "auth/account-banned", "auth/account-banned", "auth/account-banned"},
			{"a token of nobody", []func() harness.Set{is(harness.Bearer("x.y.z"))}, passes, "auth/invalid-token", "auth/invalid-token", "auth/invalid-token", "auth/invalid-token", "auth/invalid-token"},
			{"a publishable key", []func() harness.Set{is(harness.Key(publishable))}, passes, passes, "auth/unauthorized", "auth/unauthorized", "auth/unauthorized", "auth/unauthorized"},
			{"a publishable key beside a user", []func() harness.Set{is(harness.Key(publishable)), as("user")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"a secret key", []func() harness.Set{is(harness.Key(secret))}, passes, passes, "auth/unauthorized", passes, "", ""},
			{"a secret key beside a user", []func() harness.Set{is(harness.Key(secret)), as("user")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"a secret key in a browser", []func() harness.Set{is(harness.Key(secret)), is(harness.Header("Sec-Fetch-Site", "same-origin"))}, "auth/invalid-api-key", "auth/invalid-api-key", "auth/invalid-api-key", "auth/invalid-api-key", "auth/invalid-api-key", "auth/invalid-api-key"},
			{"a key of a user", []func() harness.Set{is(harness.Key(own))}, passes, passes, "auth/unauthorized", "auth/forbidden", "", "auth/forbidden"},
			{"a key of a user beside a user", []func() harness.Set{is(harness.Key(own)), as("user")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"a key of an organisation", []func() harness.Set{is(harness.Key(teams))}, passes, passes, "auth/unauthorized", "auth/forbidden", "auth/forbidden", "auth/forbidden"},
			{"a key of an organisation beside a user", []func() harness.Set{is(harness.Key(teams)), as("user")}, passes, passes, passes, "auth/forbidden", "", "auth/forbidden"},
			{"a key without scopes", []func() harness.Set{is(harness.Key(scopeless)), as("admin")}, "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient"},
			{"a key with other scopes", []func() harness.Set{is(harness.Key(elsewhere)), as("admin")}, "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient", "auth/scope-insufficient"},
			{"a revoked key", []func() harness.Set{is(harness.Key(revoked)), as("admin")}, "auth/api-key-revoked", "auth/api-key-revoked", "auth/api-key-revoked", "auth/api-key-revoked", "auth/api-key-revoked", "auth/api-key-revoked"},
		} {
			for _, r := range s.Auth.Routes() {
				var sets []harness.Set
				for _, set := range c.sets {
					sets = append(sets, set())
				}
				target := victim.ID
				if r.Method == "DELETE" && (strings.HasPrefix(r.Path, "/v1/users/") || strings.HasPrefix(r.Path, "/v1/admin/users/")) {
					target = "0194f000-0000-7000-8000-0000000000ff" // who is let through deletes nobody
				}
				answer := s.Do(r.Method, fill(r.Path, target), bodyFor(r.Method, r.Path), sets...)
				want := map[string]string{"anyone": c.anyone, "user": c.user, "admin": c.admin, "any-user": c.list, "self-or-admin": c.other}[r.Access]
				if r.Exchanges {
					want = c.exchange
				}
				if r.Access == "self" { // it names another account, and no key will do
					want = map[string]string{"": "auth/forbidden"}[c.other]
					switch {
					case c.name == "a secret key" || c.name == "a key of a user" || c.name == "a key of an organisation":
						want = "auth/unauthorized"
					case c.other != "":
						want = c.other
					}
				}
				named := slices.Contains([]string{"api-keys:create", "users:role", "settings:write", "templates:write", "users:impersonate", "webhooks:write"}, r.Scope)
				if strings.HasPrefix(c.name, "a key of a") && named && (want == "auth/forbidden" || want == passes) {
					want = "auth/scope-insufficient" // no wildcard covers these
				}
				if r.Path == "/v1/auth/accounts/check" && want == passes && c.name != "a secret key" && c.name != "a secret key beside a user" {
					want = "auth/forbidden" // unless Config.AllowAccountCheck opens it
				}
				if (strings.HasSuffix(r.Path, "/{category}/test") || strings.HasSuffix(r.Path, "/impersonate")) && c.name == "a secret key" {
					want = "auth/forbidden" // the test goes to the caller's own mailbox; an impersonation ends with the caller's session
				}
				if r.Scope == "" && want == "auth/scope-insufficient" {
					want = passes
				}
				refusals := []string{
					"auth/unauthorized", "auth/forbidden", "auth/account-banned", "auth/invalid-api-key", "auth/api-key-revoked", "auth/scope-insufficient",
				}
				got, code := passes, answer.Code()
				if strings.HasPrefix(r.Path, "/v1/users") && (code == "user/unauthorized" || code == "user/forbidden") {
					code = strings.Replace(code, "user/", "auth/", 1)
				}
				if slices.Contains(refusals, code) || want == "auth/invalid-token" {
					got = code
				}
				if got != want {
					t.Errorf("%s %s by %s: answered %d %s, want %q", r.Method, r.Path, c.name, answer.Status, answer.Code(), want)
				}
			}
		}
		s.Alive(victim.Tokens)
	}, func(c *admit.Config) {
		c.InsecureNoLimits, c.APIKeys.UserScopes, c.APIKeys.OrganizationScopes = true, []string{"*:*"}, []string{"*:*"}
	})
}

func bodyFor(method, path string) any {
	if path == "/v1/auth/withdraw" {
		return harness.J{"password": "Wrong-Wolke-7319"} // who is let through stays
	}
	if method == "GET" || method == "DELETE" {
		return nil
	}
	return "{}"
}
