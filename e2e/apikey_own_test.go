package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// ownKey makes a key of a user from Go.
func ownKey(s *harness.Server, userID string, scopes ...string) string {
	s.T.Helper()
	made, err := s.Auth.APIKeys.Create(s.T.Context(), admit.CreateAPIKeyParams{
		Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerUser, OwnerID: userID, Scopes: scopes,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	s.Keep("key", made.Key)
	return made.Key
}

// ownKeys is the path of the keys of an account.
func ownKeys(userID string) string { return users + "/" + userID + "/api-keys" }

// keyMadeFor makes a key of an account and puts its id into the path.
func keyMadeFor(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	made, err := s.Auth.APIKeys.Create(s.T.Context(), admit.CreateAPIKeyParams{
		Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerUser, OwnerID: p.ID,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return map[string]string{"userId": p.ID, "id": made.ID}, nil
}

var _ = feeds.add(feed{
	route: "POST /v1/users/{userId}/api-keys",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, harness.J{"name": "own"}
	},
}, feed{
	route: "GET /v1/users/{userId}/api-keys",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"userId": p.ID}, nil
	},
}, feed{
	route: "DELETE /v1/users/{userId}/api-keys/{id}", prepare: keyMadeFor,
}, feed{
	route: "POST /v1/users/{userId}/api-keys/{id}/rotate", prepare: keyMadeFor,
}, feed{
	route: "POST /v1/admin/api-keys/{id}/rotate",
	prepare: func(s *harness.Server, _ *heldPerson) (map[string]string, harness.J) {
		id, _ := s.NewKey("publishable")
		return map[string]string{"id": id}, nil
	},
})

var _ = faultFlows.add(faultFlow{
	name:    "create a key of a user",
	calls:   5,
	prepare: func(_ *harness.Server, p *subject) { p.extra = p.signed.User.ID },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		created, err := a.APIKeys.Create(ctx, admit.CreateAPIKeyParams{Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerUser, OwnerID: p.extra})
		return created.Key != "", err
	},
	done: func(s *harness.Server, p *subject) bool {
		keys, err := s.Auth.APIKeys.ListOwned(s.T.Context(), admit.ListAPIKeysParams{OwnerKind: admit.OwnerUser, OwnerID: p.extra, Page: admit.PageParams{Number: 1, Limit: 10}})
		return err == nil && len(keys.Items) > 0
	},
}, faultFlow{
	name:    "rotate an API key",
	calls:   6,
	prepare: func(s *harness.Server, p *subject) { p.extra, p.token = s.NewKey("secret") },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		created, err := a.APIKeys.Rotate(ctx, admit.RotateAPIKeyParams{ID: p.extra, Overlap: admit.Some(time.Duration(0))})
		return created.Key != "", err
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.APIKeys.Verify(s.T.Context(), p.token)
		return errors.Is(err, admit.ErrAPIKeyRevoked)
	},
	again: admit.ErrAPIKeyNotActive,
})

func TestAKeyOfAUserActsAsItsOwnerAndNoFurther(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin, ann, bob := s.Admin(), s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		made := s.Do("POST", ownKeys(ann.ID), harness.J{"name": "laptop"}, harness.Bearer(ann.Access)).Want(http.StatusCreated)
		key := made.String("key")
		s.Keep("key", key)
		if made.String("ownerType") != "user" || made.String("ownerId") != ann.ID || made.String("createdBy") != ann.ID || made.String("type") != "secret" || !strings.HasPrefix(key, "sk_") {
			t.Errorf("made %s", made.Body)
		}
		list := s.Do("GET", ownKeys(ann.ID), nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		if len(list.Items()) != 1 || strings.Contains(string(list.Body), key[8:40]) {
			t.Errorf("the list is %s", list.Body)
		}
		with := harness.Key(key)
		if me := s.Do("GET", users+"/"+ann.ID, nil, with).Want(http.StatusOK); me.String("email") != "ann@x.test" || me.Get("banned") != nil {
			t.Errorf("the owner's key sees %s", me.Body)
		}
		s.Do("PATCH", users+"/"+ann.ID, harness.J{"name": "Ann", "emailVerified": true, "role": "admin", "banned": true}, with).Want(http.StatusOK)
		if me := s.Me(ann.Access).Want(http.StatusOK); me.String("name") != "Ann" || me.Get("emailVerified") != nil || me.String("role") != "user" {
			t.Errorf("the key has made %s", me.Body)
		}
		if e := s.Events(ann.ID, "user.renamed"); len(e) != 1 || e[0].ActorID != made.String("id") {
			t.Errorf("the events are %v", e)
		}
		for _, other := range []string{bob.ID, admin.ID} {
			s.Do("GET", users+"/"+other, nil, with).Want(http.StatusForbidden, "user/forbidden")
			s.Do("PATCH", users+"/"+other, harness.J{"name": "x"}, with).Want(http.StatusForbidden, "user/forbidden")
		}
		s.Do("GET", users+"?searchType=email&search=bob", nil, with).Want(http.StatusForbidden)
		s.Do("GET", "/v1/auth/me", nil, with).Want(http.StatusUnauthorized, "auth/unauthorized")
		// AC-178: deletion, keys and roles need a person.
		s.Do("DELETE", users+"/"+ann.ID, nil, with).Want(http.StatusForbidden, "user/forbidden")
		s.Do("POST", ownKeys(ann.ID), harness.J{"name": "more"}, with).Want(http.StatusUnauthorized, "user/unauthorized")
		s.Do("POST", "/v1/auth/accounts/check", harness.J{"type": "credentials", "provider": "email", "providerAccountId": "bob@x.test"}, with).Want(http.StatusForbidden)
		// From a browser it is no key at all.
		s.Do("GET", users+"/"+ann.ID, nil, with, harness.Header("Origin", "https://app.example")).Want(http.StatusUnauthorized, "auth/invalid-api-key")
		// Beside a token the group is that of the token, and both bounds hold.
		s.Do("GET", users+"/"+bob.ID, nil, with, harness.Bearer(admin.Access)).Want(http.StatusOK)
		s.Do("GET", users+"/"+ann.ID, nil, with, harness.Bearer(bob.Access)).Want(http.StatusForbidden, "user/forbidden")
		s.Do("GET", apiKeys, nil, with, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/scope-insufficient")
	})
}

// AC-162, AZ-01: a key of an administrator is no key of the application.
func TestAC162_AKeyOfAnAdministratorReachesTheseRoutesAlone(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, victim := s.Admin(), s.SignUp("victim@x.test")
		key := harness.Key(ownKey(s, admin.ID))
		passes := map[string]bool{
			"GET /v1/users": true, "POST /v1/users": true, "GET /v1/users/{userId}": true, "PATCH /v1/users/{userId}": true,
			"POST /v1/users/{userId}/avatar/upload-url": true, "PATCH /v1/users/{userId}/avatar": true, "DELETE /v1/users/{userId}/avatar": true,
		}
		for _, r := range s.Auth.Routes() {
			if r.Access == "anyone" || r.Path == "/v1/auth/signout" || strings.HasPrefix(r.Path, "/v1/auth/passkeys/register") || strings.HasPrefix(r.Path, "/v1/auth/mfa/") {
				continue // these take another proof
			}
			answer := s.Do(r.Method, fill(r.Path, victim.ID), bodyFor(r.Method, r.Path), key)
			refused := answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden
			if refused == passes[r.Method+" "+r.Path] {
				t.Errorf("%s %s: %d %s", r.Method, r.Path, answer.Status, answer.Body)
			}
		}
		for _, id := range []string{victim.ID, admin.ID} {
			s.Do("PATCH", users+"/"+id+"/role", harness.J{"role": "admin"}, key).Want(http.StatusForbidden, "user/forbidden")
		}
		// The group follows the owner's role at once.
		s.Do("GET", users+"/"+victim.ID, nil, key).Want(http.StatusOK)
		s.Role(admin.ID, "user")
		s.Do("GET", users+"/"+victim.ID, nil, key).Want(http.StatusForbidden, "user/forbidden")
		s.Do("GET", users+"/"+admin.ID, nil, key).Want(http.StatusOK)
	})
}

func TestGuardsTellAKeyOfAUserFromTheApplication(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		for who, c := range map[string]struct {
			key  string
			want map[string]int
		}{
			"a user": {ownKey(s, ann.ID), map[string]int{
				"/app/hello": 401, "/app/optional": 200, "/app/admin": 403, "/app/editor": 403, "/app/posts": 200, "/app/cron": 403, "/app/verified": 401,
				"/app/recent": 401, "/app/factor": 401, "/app/notes/" + ann.ID: 403, "/app/notes/": 404,
			}},
			"a user, narrower": {ownKey(s, ann.ID, "users:read"), map[string]int{"/app/posts": 403, "/app/cron": 403}},
			"an administrator": {ownKey(s, admin.ID), map[string]int{
				"/app/hello": 401, "/app/admin": 403, "/app/editor": 403, "/app/posts": 200, "/app/cron": 200, "/app/recent": 401, "/app/notes/" + ann.ID: 403,
				"/app/notes/" + admin.ID: 403,
			}},
		} {
			for path, want := range c.want {
				if answer := s.Do("GET", path, nil, harness.Key(c.key)); answer.Status != want {
					t.Errorf("%s by the key of %s: %d, want %d", path, who, answer.Status, want)
				}
			}
		}
	}, func(c *admit.Config) { c.APIKeys.UserScopes = []string{"users:read", "posts:write"} })
}

// AC-163: a key ends with its owner, and does not come back.
func TestAC163_AKeyOfAUserEndsWithItsOwner(t *testing.T) {
	ends := map[string]func(s *harness.Server, id string) error{
		"banned": func(s *harness.Server, id string) error {
			return s.Auth.Users.Ban(s.T.Context(), admit.BanParams{UserID: id})
		},
		"banned for an hour": func(s *harness.Server, id string) error {
			_, err := s.Auth.Users.Update(s.T.Context(), admit.UpdateUserParams{UserID: id, Banned: admit.Some(true), BanExpiresAt: admit.Some(s.Clock.Now().Add(time.Hour))})
			return err
		},
		"banned in the store": func(s *harness.Server, id string) error { s.Ban(id); return nil },
		"deleted": func(s *harness.Server, id string) error {
			return s.Auth.Users.Delete(s.T.Context(), admit.DeleteUserParams{UserID: id})
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
				s.Admin()
				p := s.SignUp("p@x.test")
				key, other := ownKey(s, p.ID), s.Process()
				old := s.Do("POST", ownKeys(p.ID), harness.J{"name": "old"}, harness.Bearer(p.Access)).Want(http.StatusCreated)
				next := s.Do("POST", ownKeys(p.ID)+"/"+old.String("id")+"/rotate", harness.J{}, harness.Bearer(p.Access)).Want(http.StatusCreated)
				keys := []string{key, old.String("key"), next.String("key")}
				for _, k := range keys {
					other.Do("GET", users+"/"+p.ID, nil, harness.Key(k)).Want(http.StatusOK)
				}
				if err := end(s, p.ID); err != nil {
					t.Fatal(err)
				}
				for _, k := range keys {
					other.Do("GET", users+"/"+p.ID, nil, harness.Key(k)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
					other.Do("GET", "/app/optional", nil, harness.Key(k)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
				}
				if name == "deleted" || name == "banned in the store" {
					return
				}
				if err := s.Auth.Users.Unban(t.Context(), p.ID); err != nil {
					t.Fatal(err)
				}
				for _, k := range keys {
					other.Do("GET", users+"/"+p.ID, nil, harness.Key(k)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
				}
			})
		})
	}
}

// AK-04: scopes are never wider than those of the owner, when a key is made and
// when it is used.
func TestAK04_AKeyOfAUserHasNoScopeThatItsOwnerLacks(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, ann := s.Admin(), s.SignUp("ann@x.test")
		for _, scopes := range [][]string{{"*:*"}, {"*:read"}, {"users:*"}, {"users:read", "cron:run"}, {"api-keys:create"}, {"users:role"}} {
			s.Do("POST", ownKeys(ann.ID), harness.J{"name": "n", "scopes": scopes}, harness.Bearer(ann.Access)).Want(http.StatusForbidden, "auth/scope-insufficient")
		}
		s.Do("POST", ownKeys(ann.ID), `{"name": "n", "type": "publishable"}`, harness.Bearer(ann.Access)).Want(http.StatusBadRequest, "user/invalid-request")
		for _, body := range []harness.J{{"name": "n", "scopes": []string{}}, {"name": "n", "scopes": []string{"users:read"}}} {
			s.Do("POST", ownKeys(ann.ID), body, harness.Bearer(ann.Access)).Want(http.StatusCreated)
		}
		wide := harness.Key(ownKey(s, admin.ID, "cron:run", "users:read"))
		s.Do("GET", "/app/cron", nil, wide).Want(http.StatusOK)
		s.Role(admin.ID, "user")
		s.Do("GET", "/app/cron", nil, wide).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("GET", users+"/"+admin.ID, nil, wide).Want(http.StatusOK)
	})
}

// AC-162: keys are made, listed, rotated and revoked by their owner alone, with a
// recent proof.
func TestAC162_KeysOfOthersAreOutOfReach(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin, ann, bob := s.Admin(), s.SignUp("ann@x.test"), s.SignUp("bob@x.test")
		anns := s.Do("POST", ownKeys(ann.ID), harness.J{"name": "n"}, harness.Bearer(ann.Access)).Want(http.StatusCreated)
		appID, _ := s.NewKey("secret")
		annsApp, err := s.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "app", Type: admit.SecretKey, OwnerID: ann.ID})
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{anns.String("id"), appID, annsApp.ID, "x", "0194f000-0000-7000-8000-0000000000ff"} {
			path := "/" + id
			s.Do("DELETE", ownKeys(bob.ID)+path, nil, harness.Bearer(bob.Access)).Want(http.StatusNotFound, "auth/api-key-not-found")
			s.Do("POST", ownKeys(bob.ID)+path+"/rotate", harness.J{}, harness.Bearer(bob.Access)).Want(http.StatusNotFound, "auth/api-key-not-found")
			for _, who := range []harness.Person{bob, admin} {
				s.Do("DELETE", ownKeys(ann.ID)+path, nil, harness.Bearer(who.Access)).Want(http.StatusForbidden, "user/forbidden")
				s.Do("POST", ownKeys(ann.ID)+path+"/rotate", harness.J{}, harness.Bearer(who.Access)).Want(http.StatusForbidden, "user/forbidden")
			}
		}
		// A key that the account made for the application is no key of the account.
		for _, id := range []string{appID, annsApp.ID} {
			s.Do("POST", ownKeys(ann.ID)+"/"+id+"/rotate", harness.J{}, harness.Bearer(ann.Access)).Want(http.StatusNotFound, "auth/api-key-not-found")
			s.Do("DELETE", ownKeys(ann.ID)+"/"+id, nil, harness.Bearer(ann.Access)).Want(http.StatusNotFound, "auth/api-key-not-found")
		}
		// An administrator revokes any key, but never gets to see a key of a user.
		s.Do("POST", apiKeys+"/"+anns.String("id")+"/rotate", harness.J{}, harness.Bearer(admin.Access)).Want(http.StatusNotFound, "auth/api-key-not-found")
		if n := len(s.Do("GET", ownKeys(ann.ID), nil, harness.Bearer(ann.Access)).Want(http.StatusOK).Items()); n != 1 {
			t.Errorf("ann has %d keys", n)
		}
		s.Clock.Advance(11 * time.Minute)
		s.Do("POST", ownKeys(ann.ID), harness.J{"name": "n"}, harness.Bearer(ann.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		s.Do("POST", ownKeys(ann.ID)+"/"+anns.String("id")+"/rotate", harness.J{}, harness.Bearer(ann.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		s.Do("DELETE", ownKeys(ann.ID)+"/"+anns.String("id"), nil, harness.Bearer(ann.Access)).Want(http.StatusForbidden, "auth/reauthentication-required")
		s.Do("GET", ownKeys(ann.ID), nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		s.Do("DELETE", apiKeys+"/"+anns.String("id"), nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
		s.Do("GET", users+"/"+ann.ID, nil, harness.Key(anns.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-revoked")
	})
}

func TestARotatedKeyWorksUntilTheOverlapIsOver(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		bearer := func() harness.Set {
			return harness.Bearer(s.SignIn("ann@x.test", harness.Password).Want(http.StatusOK).Tokens().Access)
		}
		works := func(a *harness.Answer) int {
			return s.Do("GET", users+"/"+ann.ID, nil, harness.Key(a.String("key"))).Status
		}
		rotate := func(a *harness.Answer, body harness.J) *harness.Answer {
			next := s.Do("POST", ownKeys(ann.ID)+"/"+a.String("id")+"/rotate", body, bearer()).Want(http.StatusCreated)
			s.Keep("key", next.String("key"))
			return next
		}
		first := s.Do("POST", ownKeys(ann.ID), harness.J{"name": "ci", "scopes": []string{"users:read"}, "environment": "prod"}, bearer()).Want(http.StatusCreated)
		second := rotate(first, harness.J{})
		if second.String("id") == first.String("id") || second.String("name") != "ci" || fmt.Sprint(second.Get("scopes")) != "[users:read]" || second.String("environment") != "prod" {
			t.Errorf("the successor is %s", second.Body)
		}
		s.Do("POST", ownKeys(ann.ID)+"/"+first.String("id")+"/rotate", harness.J{}, bearer()).Want(http.StatusConflict, "auth/api-key-not-active")
		s.Clock.Advance(24*time.Hour - time.Second)
		if works(first) != 200 || works(second) != 200 {
			t.Error("both work during the overlap")
		}
		s.Clock.Advance(time.Second)
		if works(first) != 401 || works(second) != 200 {
			t.Error("the first ends with the overlap")
		}
		third := rotate(second, harness.J{"overlap": 7 * 24 * 3600})
		fourth := rotate(third, harness.J{"overlap": 60})
		if works(second) != 401 || works(third) != 200 || works(fourth) != 200 {
			t.Error("a second rotation ends the older key at once")
		}
		// A revocation does not wait for the overlap.
		s.Do("DELETE", ownKeys(ann.ID)+"/"+third.String("id"), nil, bearer()).Want(http.StatusOK)
		if works(third) != 401 {
			t.Error("a revoked key works on")
		}
		fifth := rotate(fourth, harness.J{"overlap": 0})
		if works(fourth) != 401 || works(fifth) != 200 {
			t.Error("without an overlap the replaced key ends at once")
		}
		for _, bad := range []string{"-1", "604801", "1e30", "1.5", `"60"`, "9223372036854775807"} {
			s.Do("POST", ownKeys(ann.ID)+"/"+fifth.String("id")+"/rotate", `{"overlap":`+bad+`}`, bearer()).Want(http.StatusBadRequest, "user/invalid-request")
		}
		if n := len(s.Events(ann.ID, "apikey.rotated")); n != 4 {
			t.Errorf("%d rotations are recorded", n)
		}
	})
}

func TestOfTwoRotationsAtOnceOneWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		id, _ := s.NewKey("secret")
		answers := harness.Parallel(6, func(int) *harness.Answer {
			return s.Do("POST", apiKeys+"/"+id+"/rotate", harness.J{}, harness.Bearer(admin.Access))
		})
		if counts := harness.Count(answers); counts[201] != 1 || counts[409] != 5 {
			t.Errorf("answered %v", counts)
		}
	})
}

// AK-04: who rotates a key of the application sees the new key, which must give no
// more than its caller has.
func TestAK04_RotationGivesNoRights(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		everything, _ := s.NewKey("secret")
		_, minter := s.NewKey("secret", "api-keys:create", "users:read")
		narrow, _ := s.NewKey("secret", "users:read")
		s.Do("POST", apiKeys+"/"+everything+"/rotate", harness.J{}, harness.Key(minter)).Want(http.StatusForbidden, "auth/scope-insufficient")
		s.Do("POST", apiKeys+"/"+narrow+"/rotate", harness.J{}, harness.Key(minter)).Want(http.StatusCreated)
		_, reader := s.NewKey("secret", "api-keys:read", "api-keys:*")
		s.Do("POST", apiKeys+"/"+everything+"/rotate", harness.J{}, harness.Key(reader)).Want(http.StatusForbidden, "auth/scope-insufficient")
		// A key of the operator that an administrator has rotated ends with the
		// rights of the administrator.
		made := s.Do("POST", apiKeys+"/"+everything+"/rotate", harness.J{}, harness.Bearer(admin.Access)).Want(http.StatusCreated)
		s.Do("GET", apiKeys, nil, harness.Key(made.String("key"))).Want(http.StatusOK)
		s.Role(admin.ID, "user")
		s.Do("GET", apiKeys, nil, harness.Key(made.String("key"))).Want(http.StatusUnauthorized, "auth/api-key-revoked")
	})
}

func TestAKeyOfAUserIsUsedAsOftenAsTheLimitSays(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		key, other := harness.Key(ownKey(s, ann.ID)), harness.Key(ownKey(s, ann.ID))
		s.Do("GET", users+"/"+ann.ID, nil, key).Want(http.StatusOK)
		s.Process().Do("GET", users+"/"+ann.ID, nil, key).Want(http.StatusOK) // all processes share the count
		s.Do("GET", "/app/posts", nil, key).Want(http.StatusOK)
		refused := s.Do("GET", users+"/"+ann.ID, nil, key).Want(http.StatusTooManyRequests, "auth/too-many-requests")
		if refused.Header.Get("Retry-After") != "60" {
			t.Errorf("Retry-After is %q", refused.Header.Get("Retry-After"))
		}
		s.Do("GET", "/app/posts", nil, key).Want(http.StatusTooManyRequests, "auth/too-many-requests")
		s.Do("GET", users+"/"+ann.ID, nil, other).Want(http.StatusOK)
		s.Clock.Advance(time.Minute)
		s.Do("GET", users+"/"+ann.ID, nil, key).Want(http.StatusOK)
		_, app := s.NewKey("secret")
		for range 8 {
			s.Do("GET", apiKeys, nil, harness.Key(app)).Want(http.StatusOK)
		}
	}, func(c *admit.Config) {
		c.APIKeys.RequestsPerMinute, c.APIKeys.UserScopes = 3, []string{"users:read", "posts:write"}
	})
}

func TestTheLastUseOfAKeyIsWrittenInABatch(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		key := ownKey(s, ann.ID)
		for range 3 {
			s.Do("GET", users+"/"+ann.ID, nil, harness.Key(key)).Want(http.StatusOK)
		}
		used := s.Clock.Now()
		if err := s.Auth.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		list := s.Do("GET", ownKeys(ann.ID), nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		if at := list.Items()[0]["lastUsedAt"]; at != used.UTC().Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("the key was last used at %v, want %v", at, used)
		}
	})
}

func TestAnAccountHasABoundedNumberOfKeys(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		for range 49 {
			ownKey(s, ann.ID)
		}
		answers := harness.Parallel(5, func(int) *harness.Answer {
			return s.Do("POST", ownKeys(ann.ID), harness.J{"name": "n"}, harness.Bearer(ann.Access))
		})
		if counts := harness.Count(answers); counts[201] != 1 || counts[409] != 4 {
			t.Errorf("answered %v", counts)
		}
	})
}
