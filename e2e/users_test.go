package e2e_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

const users = "/v1/users"

// another is the path of an account that is not the caller's.
func another(s *harness.Server, p *heldPerson) map[string]string {
	return map[string]string{"userId": verified(s, "other-"+p.Email).ID}
}

var _ = feeds.add(feed{
	route: "PATCH /v1/users/{userId}/role",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return another(s, p), harness.J{"role": "guest"}
	},
}, feed{
	route: "PATCH /v1/users/{userId}",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, harness.J{"name": "Another"}
	},
}, feed{
	route: "DELETE /v1/users/{userId}",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, nil
	},
}, feed{
	route: "GET /v1/users/{userId}",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, nil
	},
}, feed{
	route: "GET /v1/users",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, nil
	},
})

func TestAnAdministratorManagesAccounts(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		made := s.Do("POST", users, harness.J{"name": "Ann O'Hara", "email": "Ann@x.test"}, admin).Want(http.StatusCreated)
		if made.String("role") != "user" || made.Get("emailVerified") != nil || made.Get("banned") != false {
			t.Errorf("the account is %s", made.Body)
		}
		path := users + "/" + made.String("id")
		// The mail is the only way to a password.
		link := tokenIn(letterTo(s, mailer.PasswordReset, "Ann@x.test"))
		s.Do("POST", "/v1/auth/password/reset/confirm", harness.J{"token": link, "newPassword": strongPassword}).Want(http.StatusOK)
		ann := s.SignIn("ann@x.test", strongPassword).Want(http.StatusOK).Tokens()

		if got := s.Do("PATCH", path, harness.J{"name": "Ann"}, admin).Want(http.StatusOK); got.String("name") != "Ann" || got.String("emailVerified") == "" {
			t.Errorf("the account is %s", got.Body)
		}
		s.Do("PATCH", path, harness.J{"emailVerified": false}, admin).Want(http.StatusOK)
		if got := s.Do("GET", path, nil, harness.Bearer(ann.Access)).Want(http.StatusOK); got.Get("emailVerified") != nil || got.Get("banned") != nil {
			t.Errorf("the owner sees %s", got.Body)
		}
		s.Do("POST", users, harness.J{"name": "Ann", "email": "ann@x.test"}, admin).Want(http.StatusConflict, "auth/email-already-exists")
		s.Do("POST", users, harness.J{"name": "", "email": "b@x.test"}, admin).Want(http.StatusBadRequest, "user/invalid-name")
		s.Do("POST", users, harness.J{"name": "B", "email": "b@x.test", "role": "root"}, admin).Want(http.StatusBadRequest, "user/invalid-role")
		s.Do("POST", users, "{", admin).Want(http.StatusBadRequest, "user/invalid-request")
		s.Do("PATCH", path+"/role", harness.J{"role": "editor"}, admin).Want(http.StatusBadRequest, "user/invalid-role")
		if got := s.Do("PATCH", path+"/role", harness.J{"role": "guest"}, admin).Want(http.StatusOK); got.String("role") != "guest" {
			t.Errorf("the account is %s", got.Body)
		}
		if got := s.Me(ann.Access).Want(http.StatusOK); got.String("role") != "guest" {
			t.Errorf("the live session has the role %s", got.String("role"))
		}
		s.Do("DELETE", path, nil, admin).Want(http.StatusOK)
		s.Do("DELETE", path, nil, admin).Want(http.StatusNotFound, "user/not-found")
		s.Do("GET", path, nil, admin).Want(http.StatusNotFound, "user/not-found")
		s.Dead(ann)
	})
}

// A ban begins anew: nothing stays of an earlier one, above all not its end.
func TestABanAfterABanHasItsOwnEnd(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin, p := s.Admin(), s.SignUp("eve@x.test")
		as := harness.Bearer(admin.Access)
		path := users + "/" + p.ID
		soon := s.Clock.Now().Add(30 * time.Minute).UTC().Format(time.RFC3339)
		got := s.Do("PATCH", path, harness.J{"banned": true, "banReason": "spam", "banExpiresAt": soon}, as).Want(http.StatusOK)
		if got.Get("banned") != true || got.String("banReason") != "spam" || got.String("banExpiresAt") == "" {
			t.Errorf("the ban is %s", got.Body)
		}
		s.Me(p.Access).Want(http.StatusForbidden, "auth/account-banned")
		s.SignIn("eve@x.test", harness.Password).Want(http.StatusForbidden, "auth/account-banned")
		s.Clock.Advance(31 * time.Minute)
		s.SignIn("eve@x.test", harness.Password).Want(http.StatusOK)
		if got := s.Do("GET", path, nil, as).Want(http.StatusOK); got.Get("banned") != false || got.Get("banReason") != nil || got.Get("banExpiresAt") != nil {
			t.Errorf("the ban that has run out is %s", got.Body)
		}
		if got := s.Do("PATCH", path, harness.J{"banned": true}, as).Want(http.StatusOK); got.Get("banned") != true || got.Get("banExpiresAt") != nil || got.Get("banReason") != nil {
			t.Errorf("the second ban is %s", got.Body)
		}
		s.Clock.Advance(20 * time.Minute)
		s.SignIn("eve@x.test", harness.Password).Want(http.StatusForbidden, "auth/account-banned")
		// A key that is left out stays, null clears.
		later := s.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		s.Do("PATCH", path, harness.J{"banExpiresAt": later, "banReason": "abuse"}, as).Want(http.StatusOK)
		if got := s.Do("PATCH", path, harness.J{"banExpiresAt": nil}, as).Want(http.StatusOK); got.Get("banExpiresAt") != nil || got.String("banReason") != "abuse" {
			t.Errorf("the ban is %s", got.Body)
		}
		s.Do("PATCH", path, harness.J{"banExpiresAt": "2001-01-01T00:00:00Z"}, as).Want(http.StatusBadRequest, "user/invalid-request")
		s.Do("PATCH", path, harness.J{"banned": nil}, as).Want(http.StatusOK)
		s.SignIn("eve@x.test", harness.Password).Want(http.StatusOK)
		s.Do("PATCH", path, harness.J{"banReason": "x"}, as).Want(http.StatusBadRequest, "user/invalid-request")
		// The last administrator stays, by this way too.
		s.Do("PATCH", users+"/"+admin.ID, harness.J{"banned": true}, as).Want(http.StatusConflict, "user/last-admin")
		s.Do("PATCH", users+"/"+admin.ID+"/role", harness.J{"role": "user"}, as).Want(http.StatusConflict, "user/last-admin")
		s.Do("DELETE", users+"/"+admin.ID, nil, harness.Bearer(s.SignIn(admin.Email, harness.Password).Want(http.StatusOK).Tokens().Access)).Want(http.StatusConflict, "user/last-admin")
	})
}

// AC-162, AC-168, AC-169: every route under /users that names an account, by
// every group, on every kind of account. Who may not is refused before anything
// is looked up, and nothing has changed.
func TestAC168_NobodyReachesAnotherAccount(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Admin()
		subjects := map[string]harness.Person{"user": s.SignUp("u@x.test"), "guest": s.SignUp("g@x.test"), "editor": s.SignUp("e@x.test")}
		s.Role(subjects["guest"].ID, "guest")
		s.Role(subjects["editor"].ID, "editor")
		targets := map[string]string{
			"foreign": s.SignUp("f@x.test").ID, "deleted": s.SignUp("d@x.test").ID, "banned": s.SignUp("b@x.test").ID,
			"administrator": administrators(s)[0], "missing": "0194f000-0000-7000-8000-0000000000ff", "no id": "x", "escaped": "..%2f..", "long": strings.Repeat("a", 2000),
		}
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: targets["deleted"]}); err != nil {
			t.Fatal(err)
		}
		s.Ban(targets["banned"])
		before := everyAccount(s)
		tried := 0
		for _, r := range s.Auth.Routes() {
			if !strings.HasPrefix(r.Path, users+"/{userId}") {
				continue
			}
			if r.Access != "self-or-admin" && r.Access != "self" && r.Access != "admin" {
				t.Errorf("%s %s declares the access %q: a route that names an account is for that account and for administrators", r.Method, r.Path, r.Access)
			}
			for group, p := range subjects {
				for kind, id := range targets {
					tried++
					path, body := strings.NewReplacer("{userId}", id, "{id}", "0194f000-0000-7000-8000-0000000000fe").Replace(r.Path), massAssignmentTo(r)
					answer := s.Do(r.Method, path, body, harness.Bearer(p.Access))
					if answer.Status != http.StatusForbidden || answer.Code() != "user/forbidden" {
						t.Errorf("%s %s by a %s on a %s account: %d %s", r.Method, r.Path, group, kind, answer.Status, answer.Code())
					}
					if answer := s.Do(r.Method, path, body); answer.Status != http.StatusUnauthorized || answer.Code() != "user/unauthorized" {
						t.Errorf("%s %s by nobody on a %s account: %d %s", r.Method, r.Path, kind, answer.Status, answer.Code())
					}
				}
			}
		}
		if tried < 4*3*len(targets) {
			t.Errorf("only %d requests were tried", tried)
		}
		if after := everyAccount(s); !slices.Equal(before, after) {
			t.Errorf("the accounts were\n%v\nand are\n%v", before, after)
		}
	}, func(c *admit.Config) { c.InsecureNoLimits = true })
}

// massAssignment is a body with every field that nobody may set, or only an
// administrator.
func massAssignment(method string) any {
	if method == "GET" || method == "DELETE" {
		return nil
	}
	return harness.J{
		"role": "admin", "id": "0194f000-0000-7000-8000-0000000000fe", "emailVerified": true, "email": "evil@x.test", "passwordHash": "$argon2id$x",
		"password": strongPassword, "mfaEnabled": false, "name": "Eve", "s3Key": "x", "banned": false, "banReason": "x", "banExpiresAt": nil, "createdAt": "2001-01-01T00:00:00Z",
		"deletedAt": nil, "version": 1, "tenant": "x", "Role": "admin", "ROLE": "admin", "user": harness.J{"role": "admin"},
	}
}

// massAssignmentTo is massAssignment for a route.
func massAssignmentTo(r admit.Route) any {
	body := massAssignment(r.Method)
	if fields, ok := body.(harness.J); ok && strings.HasSuffix(r.Path, "/notifications") {
		delete(fields, "email") // which is a setting there
	}
	return body
}

func everyAccount(s *harness.Server) (all []string) {
	s.T.Helper()
	for user, err := range s.Auth.Users.All(s.T.Context(), admit.ListUsersParams{Limit: 2}) {
		if err != nil {
			s.T.Fatal(err)
		}
		all = append(all, fmt.Sprintf("%+v", user))
	}
	return all
}

// AC-169: what an owner sends beside the name is never read.
func TestAC169_OwnersChangeTheirNameAlone(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		before, err := s.Auth.Users.Get(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		body := massAssignment("PATCH").(harness.J)
		body["name"] = "Ann Lee"
		s.Do("PATCH", users+"/"+p.ID, body, harness.Bearer(p.Access)).Want(http.StatusOK)
		after, err := s.Auth.Users.Get(t.Context(), p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if after.UpdatedAt.Before(before.UpdatedAt) || after.Name != "Ann Lee" {
			t.Errorf("the account is %+v", after)
		}
		after.Name, after.UpdatedAt = before.Name, before.UpdatedAt
		if after != before {
			t.Errorf("the account was %+v and is %+v", before, after)
		}
		s.Do("PATCH", users+"/"+p.ID, harness.J{"name": ""}, harness.Bearer(p.Access)).Want(http.StatusBadRequest, "user/invalid-name")
	})
}

// A key that may write accounts makes no administrators.
func TestAZ02_AKeyNeedsTheScopeOfRoles(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		_, writes := s.NewKey("secret", "users:*")
		_, roles := s.NewKey("secret", "users:write", "users:role")
		for _, wild := range []string{"*:*", "users:*", "*:role"} {
			_, key := s.NewKey("secret", wild)
			s.Do("PATCH", users+"/"+p.ID+"/role", harness.J{"role": "admin"}, harness.Key(key)).Want(http.StatusForbidden, "auth/scope-insufficient")
		}
		s.Do("POST", users, harness.J{"name": "Eve", "s3Key": "x", "email": "eve@x.test", "role": "admin"}, harness.Key(writes)).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("POST", users, harness.J{"name": "Bob", "email": "bob@x.test", "role": "user"}, harness.Key(writes)).Want(http.StatusCreated)
		s.Do("POST", users, harness.J{"name": "Eve", "s3Key": "x", "email": "eve@x.test", "role": "admin"}, harness.Key(roles)).Want(http.StatusCreated)
		s.Do("PATCH", users+"/"+p.ID+"/role", harness.J{"role": "admin"}, harness.Key(roles)).Want(http.StatusOK)
	})
}

// AC-170, AC-172, AC-173: the list is searched by plain text, in bounds.
func TestAC172_TheListOfAccountsTakesNothingElse(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		as := harness.Bearer(admin.Access)
		names := []string{"100% Bob", `O'Hara "Q"`, "under_score", `back\slash`, "=1+1"}
		for i, name := range names {
			if _, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: fmt.Sprintf("u%d@x.test", i), Name: name, NoMail: true}); err != nil {
				t.Fatal(err)
			}
		}
		list := func(query string) *harness.Answer { return s.Do("GET", users+"?"+query, nil, as) }
		for search, want := range map[string]int{
			"": 6, "u": 6, "%25": 1, "_": 1, "%27": 1, "%22": 1, "%5C": 1, "%25%25": 0, "u%25": 0, "X.TEST": 6, "u3%40": 1, "%27%20OR%201=1--": 0, "admin%40": 1,
		} {
			if search == "u" {
				want = 5 // not the administrator
			}
			got := list("search=" + search).Want(http.StatusOK)
			if n := len(got.Items()); n != want || int(got.Get("pagination", "total").(float64)) != want {
				t.Errorf("search %q finds %d of %v, want %d", search, n, got.Get("pagination"), want)
			}
		}
		got := list("sortBy=email&sortDirection=desc&page=2&limit=2&includeAccounts=true").Want(http.StatusOK)
		if items := got.Items(); len(items) != 2 || items[0]["email"] != "u2@x.test" || items[1]["email"] != "u1@x.test" {
			t.Errorf("the page is %s", got.Body)
		} else if accounts := items[0]["accounts"].([]any); accounts[0].(map[string]any)["provider"] != "email" {
			t.Errorf("the accounts are %v", accounts)
		}
		if got := list("searchType=email&search=bob").Want(http.StatusOK); len(got.Items()) != 0 {
			t.Errorf("a name is found as an address: %s", got.Body)
		}
		for _, query := range []string{
			"limit=-1", "limit=0", "limit=101", "limit=1e9", "limit=x", "page=0", "page=9223372036854775808", "page=-1", "sortBy=password", "sortBy=hash", "sortBy=role",
			"sortBy=name;DROP", "sortBy=name%20desc", "sortDirection=up", "searchType=password", "searchType=mfaSecret", "search=%00", "search=%ff", "search=a&search=b", "includeAccounts=1",
		} {
			list(query).Want(http.StatusBadRequest, "user/invalid-request")
		}
		if n := len(list("page=1000000&limit=100").Want(http.StatusOK).Items()); n != 0 {
			t.Errorf("far behind the end are %d accounts", n)
		}
		// Others see public profiles alone, and there are none.
		ann := harness.Bearer(s.SignUp("ann@x.test").Access)
		for _, query := range []string{"", "search=bob", "search=u1&searchType=name&sortBy=name", "includeAccounts=true"} {
			if got := s.Do("GET", users+"?"+query, nil, ann).Want(http.StatusOK); len(got.Items()) != 0 || strings.Contains(string(got.Body), "@x.test") {
				t.Errorf("a user sees %s", got.Body)
			}
		}
		s.Do("GET", users+"?searchType=email&search=u1", nil, ann).Want(http.StatusForbidden, "user/forbidden")
		s.Do("GET", users+"?sortBy=email", nil, ann).Want(http.StatusForbidden, "user/forbidden")
		s.Do("GET", users+"?sortBy=hash", nil, ann).Want(http.StatusBadRequest, "user/invalid-request")
	})
}

// Fifty changes of different fields at once: none is lost.
func TestNoChangeOfAnAccountIsLost(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		p := verified(s, "ann@x.test")
		processes := []*harness.Server{s, s.Process()}
		until := s.Clock.Now().Add(time.Hour).UTC().Format(time.RFC3339)
		bodies := []harness.J{{"name": "Ann Lee"}, {"emailVerified": false}, {"banned": true, "banReason": "spam", "banExpiresAt": until}, {"role": "guest"}}
		for _, answer := range harness.Parallel(50, func(i int) *harness.Answer {
			path, body := users+"/"+p.ID, bodies[i%len(bodies)]
			if body["role"] != nil {
				path += "/role"
			}
			return processes[i%2].Do("PATCH", path, body, admin)
		}) {
			answer.Want(http.StatusOK)
		}
		got := s.Do("GET", users+"/"+p.ID, nil, admin).Want(http.StatusOK)
		if got.String("name") != "Ann Lee" || got.Get("emailVerified") != nil || got.Get("banned") != true || got.String("banReason") != "spam" || got.String("role") != "guest" {
			t.Errorf("the account is %s", got.Body)
		}
	})
}

// An owner deletes the account after a recent proof alone.
func TestAC178_OwnersDeleteTheirAccountAfterARecentProof(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("ann@x.test")
		s.Clock.Advance(11 * time.Minute)
		s.Do("DELETE", users+"/"+p.ID, nil, harness.Bearer(p.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		fresh := s.SignIn("ann@x.test", harness.Password).Want(http.StatusOK).Tokens()
		s.Do("DELETE", users+"/"+p.ID, nil, harness.Bearer(fresh.Access)).Want(http.StatusOK)
		s.Dead(fresh)
		s.Do("DELETE", users+"/"+p.ID, nil, harness.Bearer(fresh.Access)).Want(http.StatusUnauthorized, "auth/user-not-found")
	})
}

// AZ-06: the first administrator is who the configuration names, with a verified
// address, and only while nobody administers.
func TestAZ06_TheFirstAdministratorIsNamedByTheOperator(t *testing.T) {
	named := func(c *admit.Config) { c.Admins = []string{"Boss@x.test", "second@x.test"} }
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("first@x.test")
		boss := s.SignUp("boss@x.test")
		s.SignIn("boss@x.test", harness.Password).Want(http.StatusOK)
		if len(administrators(s)) != 0 {
			t.Fatal("somebody administers whose address is not verified")
		}
		if err := s.Auth.Users.Verify(t.Context(), boss.ID); err != nil {
			t.Fatal(err)
		}
		s.SignIn("first@x.test", harness.Password).Want(http.StatusOK)
		tokens := s.SignIn("boss@x.test", harness.Password).Want(http.StatusOK).Tokens()
		if ids := administrators(s); !slices.Equal(ids, []string{boss.ID}) {
			t.Fatalf("%v administer", ids)
		}
		s.Do("GET", users, nil, harness.Bearer(tokens.Access)).Want(http.StatusOK)
		verified(s, "second@x.test")
		s.SignIn("second@x.test", harness.Password).Want(http.StatusOK)
		if ids := administrators(s); len(ids) != 1 {
			t.Errorf("%v administer", ids)
		}
		// Who was demoted does not come back by signing in.
		other := madeAdmin(s, "other@x.test")
		if err := s.Auth.Users.SetRole(t.Context(), admit.SetRoleParams{UserID: boss.ID, Role: "user"}); err != nil {
			t.Fatal(err)
		}
		s.SignIn("boss@x.test", harness.Password).Want(http.StatusOK)
		if ids := administrators(s); !slices.Equal(ids, []string{other}) {
			t.Errorf("%v administer", ids)
		}
	}, named)
}

func TestConfiguredRolesAreTheOnlyOnes(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, p := harness.Bearer(s.Admin().Access), s.SignUp("ann@x.test")
		path := users + "/" + p.ID + "/role"
		s.Do("PATCH", path, harness.J{"role": "editor"}, admin).Want(http.StatusOK)
		s.Do("PATCH", path, harness.J{"role": "writer"}, admin).Want(http.StatusBadRequest, "user/invalid-role")
		s.Do("PATCH", path, harness.J{"role": ""}, admin).Want(http.StatusBadRequest, "user/invalid-role")
		if err := s.Auth.Users.SetRole(t.Context(), admit.SetRoleParams{UserID: p.ID, Role: "writer"}); !errors.Is(err, admit.ErrInvalidRole) {
			t.Errorf("from Go: %v", err)
		}
	}, func(c *admit.Config) { c.Roles = []string{"editor"} })
}
