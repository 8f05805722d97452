package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

var _ = faultFlows.add(faultFlow{
	name:  "create an API key",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		created, err := a.APIKeys.Create(ctx, admit.CreateAPIKeyParams{Name: p.email, Type: admit.SecretKey})
		return created.Key != "", err
	},
	done: func(s *harness.Server, p *subject) bool {
		keys, err := s.Auth.APIKeys.List(s.T.Context(), admit.PageParams{Number: 1, Limit: 1000})
		return err == nil && slices.ContainsFunc(keys.Items, func(k admit.APIKey) bool { return k.Name == p.email })
	},
}, faultFlow{
	name:  "revoke an API key",
	calls: 4,
	prepare: func(s *harness.Server, p *subject) {
		p.extra, p.token = s.NewKey("secret")
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.APIKeys.Revoke(ctx, p.extra))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.APIKeys.Verify(s.T.Context(), p.token)
		return errors.Is(err, admit.ErrAPIKeyRevoked)
	},
})

const apiKeys = "/v1/admin/api-keys"

func makeKey(s *harness.Server, body harness.J, sets ...harness.Set) *harness.Answer {
	s.T.Helper()
	for name, value := range map[string]any{"name": "build server", "type": "secret"} {
		if _, ok := body[name]; !ok {
			body[name] = value
		}
	}
	return s.Do("POST", apiKeys, body, sets...)
}

func TestAK01_AC167_AKeyIsShownOnce(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		made := makeKey(s, harness.J{"environment": "prod", "scopes": []string{"users:read"}, "expiresAt": "2026-06-01T00:00:00Z"}, harness.Bearer(admin.Access)).
			Want(http.StatusCreated)
		key := made.String("key")
		if len(key) != 67 {
			t.Fatalf("made %s", made.Body)
		}
		if made.String("prefix") != key[:7] || made.String("suffix") != key[len(key)-4:] || made.String("environment") != "prod" ||
			made.String("expiresAt") != "2026-06-01T00:00:00.000Z" || made.String("createdBy") != admin.ID {
			t.Errorf("made %s", made.Body)
		}
		list := s.Do("GET", apiKeys, nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
		if strings.Contains(string(list.Body), key) || strings.Contains(string(list.Body), key[8:40]) || len(list.Items()) != 1 {
			t.Errorf("the list is %s", list.Body)
		}
		if strings.Contains(s.Log.String(), key[8:40]) {
			t.Error("the log holds the key")
		}
		for _, e := range s.Events("", "") {
			if strings.Contains(string(e.Data), key[8:40]) {
				t.Errorf("event %s holds the key", e.Kind)
			}
		}
	})
}

func TestAK05_RevokedAndExpiredKeysAreDeadAtOnceInEveryProcess(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin, other := s.Admin(), s.Process()
		revoked := makeKey(s, harness.J{}, harness.Bearer(admin.Access)).Want(http.StatusCreated)
		expiring := makeKey(s, harness.J{"expiresAt": s.Clock.Now().Add(time.Hour).Format(time.RFC3339)}, harness.Bearer(admin.Access)).
			Want(http.StatusCreated)
		for _, p := range []*harness.Server{s, other} {
			p.Do("GET", apiKeys, nil, harness.Key(revoked.String("key"))).Want(http.StatusOK)
			p.Do("GET", apiKeys, nil, harness.Key(expiring.String("key"))).Want(http.StatusOK)
		}
		for range 2 { // revoking again is no error
			s.Do("DELETE", apiKeys+"/"+revoked.String("id"), nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
		}
		for _, p := range []*harness.Server{s, other} {
			p.Do("GET", apiKeys, nil, harness.Key(revoked.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-revoked")
			p.SignIn("a@x.test", "x", harness.Key(revoked.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-revoked")
			p.Do("GET", "/app/optional", nil, harness.Key(revoked.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-revoked")
		}
		s.Clock.Advance(time.Hour - time.Second)
		other.Do("GET", apiKeys, nil, harness.Key(expiring.String("key"))).Want(http.StatusOK)
		s.Clock.Advance(time.Second)
		other.Do("GET", apiKeys, nil, harness.Key(expiring.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-expired")
	})
}

// TestAK05_UsingAKeyDoesNotBringItBack races the note of a key's last use
// against its revocation.
func TestAK05_UsingAKeyDoesNotBringItBack(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		for range 20 {
			id, key := s.NewKey("secret")
			harness.Parallel(6, func(i int) *harness.Answer {
				if i == 0 {
					_ = s.Auth.APIKeys.Revoke(t.Context(), id)
				}
				return other.Do("GET", apiKeys, nil, harness.Key(key))
			})
			s.Do("GET", apiKeys, nil, harness.Key(key)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
		}
	})
}

func TestAC162_OnlyAnAdministratorMakesKeysAndOnlyAsThemselves(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, user := s.Admin(), s.SignUp("user@x.test")
		makeKey(s, harness.J{}).Want(http.StatusUnauthorized, "auth/unauthorized")
		makeKey(s, harness.J{}, harness.Bearer(user.Access)).Want(http.StatusForbidden, "auth/forbidden")
		_, publishable := s.NewKey("publishable")
		makeKey(s, harness.J{}, harness.Key(publishable)).Want(http.StatusUnauthorized, "auth/unauthorized")
		made := makeKey(s, harness.J{
			"userId": user.ID, "ownerId": user.ID, "createdBy": user.ID, "id": "x", "key": "sk_x", "permissions": []string{"*"}, "revokedAt": nil,
		}, harness.Bearer(admin.Access)).Want(http.StatusCreated)
		if made.String("createdBy") != admin.ID || made.String("id") == "x" || made.String("key") == "sk_x" {
			t.Errorf("made %s", made.Body)
		}
		s.Clock.Advance(10 * time.Minute)
		stale := makeKey(s, harness.J{}, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		if stale.Get("error", "details", "methods") == nil {
			t.Errorf("no way to prove oneself again is named: %s", stale.Body)
		}
	})
}

func TestAK04_AKeyMintsOnlyWhereItWasTold(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for name, try := range map[string]struct {
			scopes []string
			want   int
		}{
			"all":               {nil, http.StatusCreated},
			"the scope":         {[]string{"api-keys:create"}, http.StatusForbidden}, // what it makes must not do more than itself
			"every operation":   {[]string{"api-keys:*"}, http.StatusForbidden},
			"everything, named": {[]string{"*:*"}, http.StatusForbidden},
			"something else":    {[]string{"users:read"}, http.StatusForbidden},
			"nothing":           {[]string{}, http.StatusForbidden},
		} {
			_, key := s.NewKey("secret", try.scopes...)
			if try.scopes != nil && len(try.scopes) == 0 {
				_, key = scopeless(s)
			}
			answer := makeKey(s, harness.J{}, harness.Key(key))
			if answer.Status != try.want {
				t.Errorf("%s: answered %d %s", name, answer.Status, answer.Body)
			}
		}
		// What is made may do nothing at all, and still a wildcard is not enough.
		for scope, want := range map[string]int{
			"api-keys:create": http.StatusCreated, "api-keys:*": http.StatusForbidden, "*:create": http.StatusForbidden, "*:*": http.StatusForbidden,
		} {
			_, key := s.NewKey("secret", scope)
			makeKey(s, harness.J{"scopes": []string{}}, harness.Key(key)).Want(want)
		}
		_, key := s.NewKey("secret", "api-keys:create", "users:read")
		makeKey(s, harness.J{"scopes": []string{"users:read"}}, harness.Key(key)).Want(http.StatusCreated)
		makeKey(s, harness.J{"scopes": []string{"users:write"}}, harness.Key(key)).Want(http.StatusForbidden, "auth/scope-insufficient")
		makeKey(s, harness.J{"scopes": []string{"*:*"}}, harness.Key(key)).Want(http.StatusForbidden, "auth/scope-insufficient")
		makeKey(s, harness.J{"scopes": nil}, harness.Key(key)).Want(http.StatusForbidden, "auth/scope-insufficient")
	})
}

func scopeless(s *harness.Server) (id, key string) {
	s.T.Helper()
	made, err := s.Auth.APIKeys.Create(s.T.Context(), admit.CreateAPIKeyParams{Name: "n", Type: "secret", Scopes: []string{}})
	if err != nil {
		s.T.Fatal(err)
	}
	return made.ID, made.Key
}

func TestScopesBindEveryCaller(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, admin := s.SignUp("a@x.test"), s.Admin()
		_, reads := s.NewKey("publishable", "*:read")
		_, users := s.NewKey("publishable", "users:*")
		_, none := scopeless(s)
		for _, try := range []struct {
			method, path, key, token string
			want                     int
		}{
			{"GET", "/v1/auth/me", reads, p.Access, 200},
			{"GET", "/v1/auth/me", users, p.Access, 200},
			{"GET", "/v1/auth/me", none, p.Access, 403},
			{"GET", "/v1/auth/sessions", reads, p.Access, 200},
			{"GET", "/v1/auth/sessions", users, p.Access, 403},
			{"DELETE", "/v1/auth/sessions", reads, p.Access, 403},
			{"GET", apiKeys, reads, admin.Access, 200},
			{"GET", apiKeys, users, admin.Access, 403},
			{"GET", apiKeys, none, "", 403},
			{"GET", "/app/posts", reads, p.Access, 200}, // the account passes, whatever key stands beside its token
			{"GET", "/app/posts", "", p.Access, 200},
		} {
			var sets []harness.Set
			if try.key != "" {
				sets = append(sets, harness.Key(try.key))
			}
			if try.token != "" {
				sets = append(sets, harness.Bearer(try.token))
			}
			answer := s.Do(try.method, try.path, nil, sets...).Want(try.want)
			if try.want == 403 {
				answer.Want(403, "auth/scope-insufficient")
			}
		}
		_, signIn := s.NewKey("publishable", "auth:*")
		s.SignIn("a@x.test", harness.Password, harness.Key(signIn)).Want(http.StatusOK)
		s.SignIn("a@x.test", harness.Password, harness.Key(reads)).Want(http.StatusForbidden, "auth/scope-insufficient")
	})
}

func TestAC163_AKeyDiesWithTheRightsOfWhoMadeIt(t *testing.T) {
	for name, end := range map[string]func(s *harness.Server, id string){
		"banned":  func(s *harness.Server, id string) { s.Ban(id) },
		"demoted": func(s *harness.Server, id string) { s.Role(id, "user") },
		"deleted": func(s *harness.Server, id string) {
			if _, err := s.Store.DeleteUser(s.T.Context(), "", id, s.Clock.Now(), time.Time{}); err != nil {
				s.T.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				admin := s.Admin()
				key := makeKey(s, harness.J{}, harness.Bearer(admin.Access)).Want(http.StatusCreated).String("key")
				byKey := makeKey(s, harness.J{}, harness.Key(key)).Want(http.StatusCreated).String("key")
				end(s, admin.ID)
				for _, k := range []string{key, byKey} {
					s.Do("GET", apiKeys, nil, harness.Key(k)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
					s.Do("GET", "/app/admin", nil, harness.Key(k)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
				}
			})
		})
	}
}

func TestAC166_OnlyTheWholeKeyIsAKey(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		_, secret := s.NewKey("secret")
		_, publishable := s.NewKey("publishable")
		for _, bad := range []string{
			"", "sk_", "pk_", secret[:7], secret[:len(secret)-1], secret + "0", strings.ToUpper(secret), "SK_" + secret[3:], "sk_" + strings.ToUpper(secret[3:]),
			"pk_" + secret[3:], "sk_" + publishable[3:], secret[3:], secret + " x", "Bearer " + secret, "sk_" + strings.Repeat("0", 64), "sk_" + strings.Repeat("z", 64),
			"xk_" + secret[3:], strings.Replace(secret, "_", "-", 1), "sk_" + strings.Repeat("a", 100_000), "%73k_" + secret[3:], `"` + secret + `"`,
		} {
			s.Do("GET", apiKeys, nil, harness.Key(bad)).Want(http.StatusUnauthorized, "auth/invalid-api-key")
			s.Do("GET", "/app/admin", nil, harness.Key(bad)).Want(http.StatusUnauthorized, "auth/invalid-api-key")
		}
		for _, browser := range []harness.Set{
			harness.Header("Origin", "https://app.example"), harness.Header("Sec-Fetch-Site", "same-origin"), harness.Header("Sec-Fetch-Site", "none"),
			harness.Header("Origin", ""),
		} {
			s.Do("GET", apiKeys, nil, harness.Key(secret), browser).Want(http.StatusUnauthorized, "auth/invalid-api-key")
			s.SignIn("a@x.test", "x", harness.Key(publishable), browser).Want(http.StatusUnauthorized, "auth/invalid-credentials")
		}
		s.Do("GET", apiKeys, nil, harness.Key(secret)).Want(http.StatusOK)
		elsewhere := harness.New(t)
		elsewhere.Do("GET", apiKeys, nil, harness.Key(secret)).Want(http.StatusUnauthorized, "auth/invalid-api-key")
	})
}

// TestAC168_NothingOfTheAdministrationAnswersOthers tries the routes of
// administrators with every lesser caller, in other spellings and methods.
func TestAC168_NothingOfTheAdministrationAnswersOthers(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		user, guest := s.SignUp("user@x.test"), s.SignUp("guest@x.test")
		s.Role(guest.ID, "guest")
		_, publishable := s.NewKey("publishable")
		_, secret := s.NewKey("secret")
		for _, who := range [][]harness.Set{
			{}, {harness.Bearer(user.Access)}, {harness.Bearer(guest.Access)}, {harness.Key(publishable)},
			{harness.Key(publishable), harness.Bearer(user.Access)}, {harness.Key(secret), harness.Bearer(user.Access)},
		} {
			for _, path := range []string{
				apiKeys, apiKeys + "/", "//v1/admin/api-keys", "/v1/admin//api-keys", "/v1/Admin/api-keys", "/v1/admin/api-keys/0190d9a4-0000-7000-8000-000000000001",
				"/v1/auth/../admin/api-keys", "/v1/admin/api%2Dkeys", "/v1/admin", "/app/admin", "/app/editor",
			} {
				for _, method := range []string{"GET", "POST", "DELETE", "PUT", "PATCH"} {
					answer := s.Do(method, path, bodyFor(method, path), who...)
					if answer.Status < 400 {
						t.Errorf("%s %s: answered %d", method, path, answer.Status)
					}
				}
			}
		}
		if len(s.Events("", "apikey.created")) != 2 {
			t.Error("somebody made a key")
		}
	})
}

func TestAC173_IdsInPathsAreChecked(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		id, key := s.NewKey("secret")
		for _, bad := range []string{
			"..%2f..%2f", "%7B" + id + "%7D", strings.ToUpper(id), id + "%00", strings.Repeat("a", 10_000), "0", "%20" + id, id + "%20", strings.ReplaceAll(id, "-", ""),
			"0190d9a4-0000-7000-8000-000000000001", "'%20or%201=1", "*", "%25",
		} {
			s.Do("DELETE", apiKeys+"/"+bad, nil, harness.Key(key)).Want(http.StatusNotFound, "auth/api-key-not-found")
		}
		s.Do("DELETE", apiKeys+"/"+id, nil, harness.Key(key)).Want(http.StatusOK)
	})
}

func TestRequireAPIKeyHoldsForEveryRouteButThoseABrowserNavigatesTo(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		_, key := s.NewKey("publishable")
		for _, r := range s.Auth.Routes() {
			answer := s.Do(r.Method, fill(r.Path, "x"), bodyFor(r.Method, r.Path))
			if refused := answer.Status == http.StatusUnauthorized && answer.Code() == "auth/unauthorized"; refused != r.NeedsAPIKey {
				t.Errorf("%s %s answered %d %s without a key", r.Method, r.Path, answer.Status, answer.Code())
			}
		}
		s.Do("OPTIONS", "/v1/auth/me", nil).Want(http.StatusNoContent)
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "a@x.test", "password": harness.Password, "name": "A"}, harness.Key(key)).
			Want(http.StatusCreated)
	}, func(c *admit.Config) { c.RequireAPIKey = true })
}

func TestKeysThatCannotBeMadeAreRefused(t *testing.T) {
	s := harness.New(t)
	_, key := s.NewKey("secret")
	for _, body := range []string{
		`{}`, `{"name":"n"}`, `{"type":"secret"}`, `{"name":"","type":"secret"}`, `{"name":"n","type":"admin"}`, `{"name":"n","type":"Secret"}`,
		`{"name":"n","type":"secret","environment":"production"}`, `{"name":"n","type":"secret","scopes":["users"]}`,
		`{"name":"n","type":"secret","scopes":["users:"]}`, `{"name":"n","type":"secret","scopes":["a:b:c"]}`, `{"name":"n","type":"secret","scopes":"users:read"}`,
		`{"name":"n","type":"secret","scopes":[null]}`, `{"name":"n","type":"secret","scopes":{}}`,
		`{"name":"n","type":"secret","expiresAt":"2020-01-01T00:00:00Z"}`, `{"name":"n","type":"secret","expiresAt":"tomorrow"}`,
		`{"name":"n","type":"secret","expiresAt":1}`, `{"name":"n","type":"secret","expiresAt":""}`,
		`{"name":"n","type":"secret","expiresAt":"99999-01-01T00:00:00Z"}`, `{"name":"n","type":"secret","scopes":["` + strings.Repeat("a", 5000) + `:read"]}`,
		`{"name":"n","type":"secret","scopes":[` + strings.Repeat(`"a:b",`, 5000) + `"a:b"]}`,
		`{"name":"` + strings.Repeat("n", 101) + `","type":"secret"}`,
	} {
		s.Do("POST", apiKeys, body, harness.Key(key)).Want(http.StatusBadRequest, "auth/invalid-request")
	}
}

func TestMiddlewareLetsPassWhoMayPass(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, user, editor, guest := s.Admin(), s.SignUp("user@x.test"), s.SignUp("editor@x.test"), s.SignUp("guest@x.test")
		s.Role(editor.ID, "editor")
		s.Role(guest.ID, "guest")
		_, secret := s.NewKey("secret")
		_, publishable := s.NewKey("publishable")
		callers := map[string][]harness.Set{
			"nobody": {}, "user": {harness.Bearer(user.Access)}, "editor": {harness.Bearer(editor.Access)}, "guest": {harness.Bearer(guest.Access)},
			"admin": {harness.Bearer(admin.Access)}, "secret": {harness.Key(secret)}, "publishable": {harness.Key(publishable)},
			"secret+user": {harness.Key(secret), harness.Bearer(user.Access)},
		}
		for path, pass := range map[string]map[string]int{
			"/app/hello":            {"nobody": 401, "user": 200, "editor": 200, "guest": 200, "admin": 200, "secret": 401, "publishable": 401, "secret+user": 200},
			"/app/optional":         {"nobody": 200, "user": 200, "editor": 200, "guest": 200, "admin": 200, "secret": 200, "publishable": 200, "secret+user": 200},
			"/app/admin":            {"nobody": 401, "user": 403, "editor": 403, "guest": 403, "admin": 200, "secret": 200, "publishable": 401, "secret+user": 403},
			"/app/editor":           {"nobody": 401, "user": 403, "editor": 200, "guest": 403, "admin": 403, "secret": 403, "publishable": 401, "secret+user": 403},
			"/app/cron":             {"nobody": 401, "user": 403, "editor": 403, "guest": 403, "admin": 403, "secret": 200, "publishable": 401, "secret+user": 200},
			"/app/verified":         {"nobody": 401, "user": 403, "editor": 403, "guest": 403, "admin": 403, "secret": 401, "publishable": 401, "secret+user": 403},
			"/app/posts":            {"nobody": 401, "user": 200, "editor": 200, "guest": 200, "admin": 200, "secret": 200, "publishable": 401, "secret+user": 200},
			"/app/recent":           {"nobody": 401, "user": 200, "editor": 200, "guest": 200, "admin": 200, "secret": 401, "publishable": 401, "secret+user": 200},
			"/app/notes/" + user.ID: {"nobody": 401, "user": 200, "editor": 403, "guest": 403, "admin": 200, "secret": 200, "publishable": 401, "secret+user": 200},
		} {
			for who, want := range pass {
				answer := s.Do("GET", path, nil, callers[who]...)
				if answer.Status != want {
					t.Errorf("%s by %s: answered %d %s, want %d", path, who, answer.Status, answer.Body, want)
				}
				if want == 401 && answer.Header.Get("WWW-Authenticate") != "Bearer" {
					t.Errorf("%s by %s: no challenge", path, who)
				}
				if want == 200 && strings.Contains(who, "user") && answer.Header.Get("X-User") != user.ID {
					t.Errorf("%s by %s: the handler sees %q", path, who, answer.Header.Get("X-User"))
				}
			}
		}
		s.Clock.Advance(10 * time.Minute)
		s.Do("GET", "/app/recent", nil, harness.Bearer(user.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		s.Change(user.ID, func(u *store.User) { u.Role = "admin" })
		s.Do("GET", "/app/admin", nil, harness.Bearer(user.Access)).Want(http.StatusOK)
	})
}

// S17: what a key mints does not outlive it, nor leave its environment.
func TestS17_AKeyMintsNothingThatOutlivesIt(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ends := s.Clock.Now().Add(24 * time.Hour)
		parent, err := s.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "n", Type: "secret", Environment: "staging", ExpiresAt: ends})
		if err != nil {
			t.Fatal(err)
		}
		s.Keep("key", parent.Key)
		with := harness.Key(parent.Key)
		for _, body := range []harness.J{
			{"environment": "prod"},
			{"environment": "dev"},
			{"expiresAt": ends.Add(time.Second).Format(time.RFC3339)},
		} {
			makeKey(s, body, with).Want(http.StatusForbidden, "auth/scope-insufficient")
		}
		child := makeKey(s, harness.J{}, with).Want(http.StatusCreated)
		if got := child.String("expiresAt"); got != ends.UTC().Format("2006-01-02T15:04:05.000Z") || child.String("environment") != "staging" {
			t.Errorf("a child that asks for nothing ends %s in %s", got, child.String("environment"))
		}
		makeKey(s, harness.J{"environment": "staging", "expiresAt": ends.Add(-time.Hour).Format(time.RFC3339)}, with).Want(http.StatusCreated)
		// An administrator is bound by neither.
		makeKey(s, harness.J{"environment": "prod"}, harness.Bearer(s.Admin().Access)).Want(http.StatusCreated)
	})
}

// S17: a key that was made with a key names it, and goes with it where that is
// asked for.
func TestS17_RevokingAKeyOffersWhatItHasMade(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		rootID, root := s.NewKey("secret")
		mint := func(with string, want string) (id, key string) {
			t.Helper()
			made := makeKey(s, harness.J{}, harness.Key(with)).Want(http.StatusCreated)
			if by := made.String("createdBy"); by != want {
				t.Errorf("createdBy is %q, want %q", by, want)
			}
			return made.String("id"), made.String("key")
		}
		childID, child := mint(root, rootID)
		grandchildID, grandchild := mint(child, childID)
		lostID, _ := mint(child, childID)
		if err := s.Auth.APIKeys.Revoke(t.Context(), lostID); err != nil {
			t.Fatal(err)
		}
		beside := makeKey(s, harness.J{"environment": "prod"}, harness.Key(root), admin).Want(http.StatusCreated) // an administrator's own
		_, stranger := s.NewKey("secret")

		listed := map[string]string{}
		list := s.Do("GET", "/v1/admin/api-keys?limit=100", nil, admin).Want(http.StatusOK)
		for _, item := range list.Get("items").([]any) {
			key := item.(map[string]any)
			by, _ := key["createdBy"].(string)
			listed[key["id"].(string)] = by
		}
		if listed[childID] != rootID || listed[grandchildID] != childID || listed[rootID] != "" || listed[beside.String("id")] == rootID {
			t.Errorf("the list says that %v", listed)
		}

		works := func(key string, want int) {
			t.Helper()
			s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(key)).Want(want)
		}
		revoke := func(target string, live, revoked float64) {
			t.Helper()
			a := s.Do("DELETE", "/v1/admin/api-keys/"+target, nil, admin).Want(http.StatusOK)
			if a.Get("liveChildren") != live || a.Get("revokedChildren") != revoked {
				t.Errorf("%s answered %s, want %v alive and %v revoked", target, a.Body, live, revoked)
			}
		}
		revoke(rootID, 2, 0)
		works(root, http.StatusUnauthorized)
		works(child, http.StatusOK)
		works(grandchild, http.StatusOK)
		revoke(rootID+"?children=true", 0, 2)
		works(child, http.StatusUnauthorized)
		works(grandchild, http.StatusUnauthorized)
		works(beside.String("key"), http.StatusOK)
		works(stranger, http.StatusOK)
		if n := len(s.Events("", "apikey.revoked")); n != 4 {
			t.Errorf("%d events tell of four revoked keys", n)
		}
		s.Do("DELETE", "/v1/admin/api-keys/"+rootID+"?children=yes", nil, admin).Want(http.StatusBadRequest, "auth/invalid-request")
		s.Do("DELETE", "/v1/admin/api-keys/"+s.SignUp("x@x.test").ID+"?children=true", nil, admin).Want(http.StatusNotFound, "auth/api-key-not-found")
	})
}
