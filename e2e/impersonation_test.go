package e2e_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = feeds.add(feed{
	route: "POST " + adminUsers + "{userId}/impersonate",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": s.SignUp("other-" + p.Email).ID}, harness.J{"reason": "a ticket"}
	},
})

// impersonate makes an administrator act as a user, and returns the access token.
func impersonate(s *harness.Server, admin harness.Person, userID string) string {
	s.T.Helper()
	answer := s.Do("POST", adminUsers+userID+"/impersonate", harness.J{"reason": "the invoice page is empty"}, harness.Bearer(admin.Access)).Want(http.StatusOK)
	token, _ := answer.Get("accessToken").(string)
	return token
}

func TestAnAdministratorActsAsAUserAndBothSeeIt(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		path := adminUsers + ann.ID + "/impersonate"
		answer := s.Do("POST", path, harness.J{"reason": "the invoice page is empty"}, harness.Bearer(admin.Access)).Want(http.StatusOK)
		if answer.Get("refreshToken") != nil || answer.Get("expiresIn") != 3600.0 {
			t.Errorf("the answer is %s", answer.Body)
		}
		token := answer.Get("accessToken").(string)
		claims := claimsOf(t, token)
		if act, _ := claims["act"].(map[string]any); act["sub"] != admin.ID || claims["sub"] != ann.ID || claims["auth_time"] != 0.0 || claims["role"] != "user" {
			t.Errorf("the claims are %v", claims)
		}
		acting := harness.Bearer(token)
		if me := s.Me(token).Want(http.StatusOK); me.Get("id") != ann.ID {
			t.Errorf("me is %s", me.Body)
		}
		// The user sees it, and nothing of the administrator's device.
		list := s.Do("GET", "/v1/auth/sessions", nil, harness.Bearer(ann.Access)).Want(http.StatusOK).Items()
		i := slices.IndexFunc(list, func(item map[string]any) bool { return item["impersonated"] == true })
		if len(list) != 2 || i < 0 || list[i]["ipAddress"] != nil || list[i]["userAgent"] != nil {
			t.Fatalf("the sessions are %v", list)
		}
		// Every change stands under both names.
		s.Do("PATCH", "/v1/users/"+ann.ID, harness.J{"name": "Ann B."}, acting).Want(http.StatusOK)
		s.Do("PATCH", "/v1/users/"+ann.ID+"/profile", harness.J{"bio": "x"}, acting).Want(http.StatusOK)
		for _, kind := range []string{"user.renamed", "profile.changed"} {
			events := s.Events(ann.ID, kind)
			if len(events) != 1 || events[0].ActorID != admin.ID || !strings.Contains(string(events[0].Data), `"actingAs":"`+ann.ID+`"`) {
				t.Errorf("%s: %+v", kind, events)
			}
		}
		if begun := s.Events(ann.ID, "session.impersonated"); len(begun) != 1 || begun[0].ActorID != admin.ID || !bytes.Contains(begun[0].Data, []byte("the invoice page is empty")) {
			t.Errorf("the events are %+v", begun)
		}
		// The end by sign-out leaves both people signed in.
		s.Do("POST", "/v1/auth/signout", harness.J{"everywhere": true}, acting).Want(http.StatusForbidden, "auth/impersonating")
		s.SignOut(token).Want(http.StatusOK)
		s.Me(token).Want(http.StatusUnauthorized, "auth/session-expired")
		if ended := s.Events(ann.ID, "session.ended"); len(ended) != 1 || ended[0].ActorID != admin.ID {
			t.Errorf("the end is %+v", ended)
		}
		s.Alive(ann.Tokens)
		s.Me(admin.Access).Want(http.StatusOK)
		// The user ends it.
		token = impersonate(s, admin, ann.ID)
		list = s.Do("GET", "/v1/auth/sessions", nil, harness.Bearer(ann.Access)).Items()
		i = slices.IndexFunc(list, func(item map[string]any) bool { return item["impersonated"] == true })
		s.Do("DELETE", "/v1/auth/sessions/"+list[i]["id"].(string), nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		s.Me(token).Want(http.StatusUnauthorized, "auth/session-expired")
	}, unlimited)
}

func TestWhoMayActAsWhom(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, ann, eve := s.Admin(), s.SignUp("ann@x.test"), s.SignUp("eve@x.test")
		body, as := harness.J{"reason": "ticket"}, harness.Bearer(admin.Access)
		path := adminUsers + ann.ID + "/impersonate"
		for _, reason := range []string{`""`, `"  "`, `"` + strings.Repeat("x", 501) + `"`, `"a\u0007b"`, `1`, `null`} {
			s.Do("POST", path, []byte(`{"reason":`+reason+`}`), as).Want(http.StatusBadRequest, "auth/invalid-request")
		}
		s.Do("POST", path, []byte(`{}`), as).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("POST", path, body, harness.Bearer(eve.Access)).Want(http.StatusForbidden, "auth/forbidden")
		s.Do("POST", adminUsers+"nobody/impersonate", body, as).Want(http.StatusNotFound, "user/not-found")
		s.Do("POST", adminUsers+admin.ID+"/impersonate", body, as).Want(http.StatusForbidden, "auth/forbidden")
		_, key := s.NewKey("secret")
		s.Do("POST", path, body, harness.Key(key)).Want(http.StatusForbidden, "auth/forbidden")
		_, wild := s.NewKey("secret", "users:*", "*:*")
		s.Do("POST", path, body, as, harness.Key(wild)).Want(http.StatusForbidden, "auth/scope-insufficient")
		_, named := s.NewKey("secret", "users:impersonate")
		s.Do("POST", path, body, as, harness.Key(named)).Want(http.StatusOK)
		s.Ban(eve.ID)
		s.Do("POST", adminUsers+eve.ID+"/impersonate", body, as).Want(http.StatusForbidden, "auth/account-banned")
		// Nobody acts as somebody through somebody.
		bob := s.SignUp("bob@x.test")
		s.Do("POST", adminUsers+bob.ID+"/impersonate", body, harness.Bearer(impersonate(s, admin, ann.ID))).Want(http.StatusForbidden, "auth/impersonating")
		s.Clock.Advance(11 * time.Minute)
		s.Do("POST", path, body, as).Want(http.StatusForbidden, "auth/reauthentication-required")
	}, unlimited)
}

// An impersonation ends with whatever its administrator and its user lose.
func TestAnImpersonationEndsWithTheAdministrator(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		second := s.SignUp("second@x.test")
		s.Role(second.ID, "admin") // the last administrator keeps the role
		n := 0
		for name, happens := range map[string]func(admin, ann harness.Person){
			"sign-out of the administrator": func(admin, _ harness.Person) { s.SignOut(admin.Access).Want(http.StatusOK) },
			"demotion":                      func(admin, _ harness.Person) { s.Role(admin.ID, "user") },
			"ban":                           func(admin, _ harness.Person) { s.Ban(admin.ID) },
			"deletion of the administrator": func(admin, _ harness.Person) {
				if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: admin.ID}); err != nil {
					t.Fatal(err)
				}
			},
			"the user becomes an administrator": func(_, ann harness.Person) { s.Role(ann.ID, "admin") },
			"sign-out of the user everywhere": func(_, ann harness.Person) {
				s.Do("DELETE", "/v1/auth/sessions", nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
			},
			"an hour": func(harness.Person, harness.Person) { s.Clock.Advance(time.Hour) },
		} {
			admin, ann := s.SignUp(fmt.Sprintf("admin%d@x.test", n)), s.SignUp(fmt.Sprintf("ann%d@x.test", n))
			n++
			s.Role(admin.ID, "admin")
			token := impersonate(s, admin, ann.ID)
			s.Me(token).Want(http.StatusOK)
			happens(admin, ann)
			if answer := s.Me(token); answer.Status != http.StatusUnauthorized {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
		}
	}, unlimited)
}

// opened are the routes that an administrator may use who acts as a user.
var opened = []string{
	"GET /v1/auth/me", "GET /v1/auth/sessions", "POST /v1/auth/signout", "GET /v1/auth/accounts", "GET /v1/auth/passkeys", "GET /v1/auth/mfa/devices",
	"GET /v1/auth/invitations", "GET /v1/auth/invitations/{id}", "GET /v1/organizations", "GET /v1/organizations/{id}", "GET /v1/organizations/{id}/members",
	"GET /v1/organizations/{id}/policy",
	"GET /v1/users", "GET /v1/users/{userId}", "PATCH /v1/users/{userId}", "GET /v1/profiles/{slug}",
	"GET /v1/users/{userId}/profile", "PATCH /v1/users/{userId}/profile", "GET /v1/users/{userId}/preferences", "PATCH /v1/users/{userId}/preferences",
	"GET /v1/users/{userId}/onboarding", "PATCH /v1/users/{userId}/onboarding", "GET /v1/users/{userId}/public-settings", "PATCH /v1/users/{userId}/public-settings",
	"GET /v1/users/{userId}/notifications",
}

// A route that changes credentials, factors, keys or roles, exports or deletes is
// closed, and so is a route that nobody has thought about.
func TestEveryOtherRouteIsClosedToAnImpersonation(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		token := impersonate(s, admin, ann.ID)
		closed := 0
		for _, r := range s.Auth.Routes() {
			if r.Exchanges || r.Path == "/v1/auth/signout" {
				continue
			}
			answer := s.Do(r.Method, fill(r.Path, ann.ID), bodyFor(r.Method, r.Path), harness.Bearer(token))
			refused := answer.Status == http.StatusForbidden && answer.Code() == "auth/impersonating"
			if name := r.Method + " " + r.Path; refused == slices.Contains(opened, name) {
				t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
			}
			if refused {
				closed++
			}
		}
		if closed < 50 {
			t.Errorf("%d routes are closed", closed)
		}
		s.Me(token).Want(http.StatusOK)
		s.Alive(ann.Tokens)
	}, unlimited)
}

// What a host calls from Go inside a guard is closed too.
func TestRulesAreClosedToAnImpersonation(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), verified(s, "ann@x.test")
		org := team(s, ann)
		token := impersonate(s, admin, ann.ID)
		a := s.Auth
		inside := func(rule func(r *http.Request) error) error {
			var err error
			called := false
			guarded := a.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				called = true
				err = rule(r)
			}))
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			guarded.ServeHTTP(httptest.NewRecorder(), r)
			if !called {
				t.Fatal("the guard refused")
			}
			return err
		}
		for name, rule := range map[string]func(r *http.Request) error{
			"password": func(r *http.Request) error {
				_, err := a.Passwords.Change(r.Context(), admit.ChangePasswordParams{UserID: ann.ID, Current: harness.Password, New: "a quiet green harbour"})
				return err
			},
			"address": func(r *http.Request) error {
				return a.EmailChanges.Request(r.Context(), admit.EmailChangeParams{UserID: ann.ID, Email: "eve@x.test"})
			},
			"factor": func(r *http.Request) error {
				_, err := a.MFA.Enable(r.Context(), admit.EnableMFAParams{UserID: ann.ID, Password: harness.Password})
				return err
			},
			"key": func(r *http.Request) error {
				_, err := a.APIKeys.Create(r.Context(), admit.CreateAPIKeyParams{Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerUser, OwnerID: ann.ID})
				return err
			},
			"key of an organisation": func(r *http.Request) error {
				_, err := a.APIKeys.Create(r.Context(), admit.CreateAPIKeyParams{Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: org, ActorID: ann.ID})
				return err
			},
			"role": func(r *http.Request) error {
				return a.Users.SetRole(r.Context(), admit.SetRoleParams{UserID: ann.ID, Role: "admin"})
			},
			"export": func(r *http.Request) error {
				return a.Exports.Write(r.Context(), ann.ID, &bytes.Buffer{})
			},
			"deletion": func(r *http.Request) error {
				return a.Withdrawals.Withdraw(r.Context(), admit.WithdrawParams{UserID: ann.ID, Password: harness.Password})
			},
			"deletion by an operator": func(r *http.Request) error {
				return a.Users.Delete(r.Context(), admit.DeleteUserParams{UserID: ann.ID})
			},
			"ban": func(r *http.Request) error { return a.Users.Ban(r.Context(), admit.BanParams{UserID: ann.ID}) },
			"verified": func(r *http.Request) error {
				_, err := a.Users.Update(r.Context(), admit.UpdateUserParams{UserID: ann.ID, Name: admit.Some("Eve"), EmailVerified: admit.Some(false)})
				return err
			},
			"proof": func(r *http.Request) error {
				return a.Reauthentication.Prove(r.Context(), admit.ReauthenticateParams{Password: harness.Password})
			},
			"notices of security": func(r *http.Request) error {
				_, err := a.Profiles.UpdateNotifications(r.Context(), admit.UpdateNotificationsParams{UserID: ann.ID, SecurityAlerts: admit.Some(false)})
				return err
			},
			"other notices": func(r *http.Request) error {
				_, err := a.Profiles.UpdateNotifications(r.Context(), admit.UpdateNotificationsParams{UserID: ann.ID, Service: admit.Some(false)})
				return err
			},
			"another impersonation": func(r *http.Request) error {
				_, err := a.Impersonations.Start(r.Context(), admit.ImpersonateParams{UserID: admin.ID, Reason: "x"})
				return err
			},
		} {
			if err := inside(rule); !errors.Is(err, admit.ErrImpersonating) && !(name == "another impersonation" && errors.Is(err, admit.ErrForbidden)) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		// CallerFrom tells who acts, and a proof is never recent.
		if err := inside(func(r *http.Request) error {
			caller, _ := admit.CallerFrom(r.Context())
			if caller.Actor == nil || caller.Actor.ID != admin.ID || caller.User.ID != ann.ID || !caller.Session.Impersonated {
				t.Errorf("the caller is %+v", caller)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		for name, guard := range map[string]func(http.Handler) http.Handler{"recent": a.RequireRecent, "factor": a.RequireFactor} {
			w := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			guard(http.NotFoundHandler()).ServeHTTP(w, r)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "auth/impersonating") {
				t.Errorf("%s: %d %s", name, w.Code, w.Body)
			}
		}
		s.Alive(ann.Tokens)
	}, unlimited)
}

// An administrator who was demoted between the guard and the rule changes nothing.
func TestAnImpersonationIsCheckedAgainInTheTransaction(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		second := s.SignUp("second@x.test")
		s.Role(second.ID, "admin")
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		token := impersonate(s, admin, ann.ID)
		var err error
		guarded := s.Auth.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			s.Role(admin.ID, "user")
			_, err = s.Auth.Profiles.Update(r.Context(), admit.UpdateProfileParams{UserID: ann.ID, Bio: admit.Some("planted")})
		}))
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		guarded.ServeHTTP(httptest.NewRecorder(), r)
		if !errors.Is(err, admit.ErrSessionExpired) {
			t.Errorf("got %v", err)
		}
		if profile, err := s.Auth.Profiles.Get(t.Context(), ann.ID); err != nil || profile.Bio != "" {
			t.Errorf("the profile is %+v, %v", profile, err)
		}
	}, unlimited)
}

// A session whose record is gone is nobody's.
func TestAnImpersonationWithoutItsRecordIsDead(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		token := impersonate(s, admin, ann.ID)
		if n, err := s.Store.DeleteRecordsOf(t.Context(), "", "user/"+ann.ID, "impersonation"); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		s.Me(token).Want(http.StatusUnauthorized, "auth/session-expired")
	})
}

func claimsOf(t *testing.T, token string) map[string]any {
	t.Helper()
	var claims map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}
