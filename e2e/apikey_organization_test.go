package e2e_test

import (
	"context"
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
	"github.com/admit-go/admit/store"
)

// teamKeys is the path of the keys of an organisation.
func teamKeys(org string) string { return organizations + "/" + org + "/api-keys" }

// hostScopes are the scopes that keys of organisations have in the tests.
func hostScopes(c *admit.Config) {
	c.InsecureNoLimits, c.APIKeys.OrganizationScopes = true, []string{"posts:write", "users:read"}
}

// teamKey makes a key of an organisation from Go.
func teamKey(s *harness.Server, org string, scopes ...string) admit.CreatedAPIKey {
	s.T.Helper()
	made, err := s.Auth.APIKeys.Create(s.T.Context(), admit.CreateAPIKeyParams{
		Name: "asked", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: org, Scopes: scopes,
	})
	if err != nil {
		s.T.Fatal(err)
	}
	s.Keep("key", made.Key)
	return made
}

// keysIn are the keys of an organisation.
func keysIn(s *harness.Server, org string) []admit.APIKey {
	s.T.Helper()
	keys, err := s.Auth.APIKeys.ListOwned(s.T.Context(), admit.ListAPIKeysParams{OwnerKind: admit.OwnerOrganization, OwnerID: org, Page: admit.PageParams{Number: 1, Limit: 100}})
	if err != nil {
		s.T.Fatal(err)
	}
	return keys.Items
}

// keyRows is what the store keeps of the keys of an organisation, without those that
// a test has made itself.
func keyRows(s *harness.Server, org string) (row string) {
	s.T.Helper()
	for _, k := range keysIn(s, org) {
		if k.Name != "asked" || !k.RevokedAt.IsZero() {
			row += fmt.Sprint(" ", k.ID, k.RevokedAt)
		}
	}
	return row
}

// askedKey is the id of a key of an organisation; "none" if it is not there.
func askedKey(s *harness.Server, org string) string {
	made, err := s.Auth.APIKeys.Create(s.T.Context(), admit.CreateAPIKeyParams{Name: "asked", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: org})
	if err != nil {
		return "none"
	}
	return made.ID
}

func keyFeed(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	org := team(s, p.Person)
	return map[string]string{"id": org, "keyId": teamKey(s, org).ID}, nil
}

var _ = feeds.add(feed{
	route: "POST /v1/organizations/{id}/api-keys",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, harness.J{"name": "held"}
	},
}, feed{
	route: "GET /v1/organizations/{id}/api-keys", prepare: keyFeed,
}, feed{
	route: "DELETE /v1/organizations/{id}/api-keys/{keyId}", prepare: keyFeed,
}, feed{
	route: "POST /v1/organizations/{id}/api-keys/{keyId}/rotate", prepare: keyFeed,
})

var _ = faultFlows.add(faultFlow{
	name:    "create a key of an organisation",
	calls:   9,
	prepare: func(s *harness.Server, p *subject) { p.extra = firmOf(s, p) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		created, err := a.APIKeys.Create(ctx, admit.CreateAPIKeyParams{
			Name: "fault", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: p.extra, ActorID: p.signed.User.ID,
		})
		return created.Key != "", err
	},
	done: func(s *harness.Server, p *subject) bool { return len(keysIn(s, p.extra)) > 0 },
}, faultFlow{
	name:  "rotate a key of an organisation",
	calls: 11,
	prepare: func(s *harness.Server, p *subject) {
		p.extra = firmOf(s, p)
		p.code = teamKey(s, p.extra).ID
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		created, err := a.APIKeys.Rotate(ctx, admit.RotateAPIKeyParams{ID: p.code, OwnerKind: admit.OwnerOrganization, OwnerID: p.extra, ActorID: p.signed.User.ID})
		return created.Key != "", err
	},
	done:  func(s *harness.Server, p *subject) bool { return len(keysIn(s, p.extra)) > 1 },
	again: admit.ErrAPIKeyNotActive,
}, faultFlow{
	name:  "delete an organisation with a key",
	calls: 8,
	prepare: func(s *harness.Server, p *subject) {
		p.extra = firmOf(s, p)
		p.token = teamKey(s, p.extra).Key
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Organizations.Delete(ctx, admit.DeleteOrganizationParams{ID: p.extra, ActorID: p.signed.User.ID}))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.APIKeys.Verify(s.T.Context(), p.token)
		return errors.Is(err, admit.ErrAPIKeyRevoked)
	},
	again: admit.ErrOrgNotFound,
})

// Those who manage the organisation make, see, rotate and revoke its keys.
func TestAKeyOfAnOrganizationBelongsToThoseWhoManageIt(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve, mia := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test"), s.Admin()
		org, other := team(s, ada), team(s, eve)
		joins(s, org, bob, "admin")
		joins(s, org, verified(s, "joe@x.test"), "member")
		joe := harness.Person{Tokens: s.SignIn("joe@x.test", harness.Password).Want(200).Tokens()}
		a := s.Do("POST", teamKeys(org), harness.J{"name": "ci", "scopes": []string{"posts:write"}}, harness.Bearer(bob.Access)).Want(201)
		id, key := a.String("id"), a.String("key")
		s.Keep("key", key)
		if a.String("ownerType") != "organization" || a.String("ownerId") != org || a.String("createdBy") != bob.ID || a.String("type") != "secret" || !strings.HasPrefix(key, "sk_") {
			t.Errorf("made %s", a.Body)
		}
		others := teamKey(s, other).ID
		for _, c := range []struct {
			who    string
			by     harness.Person
			status int
			code   string
		}{{"a member", joe, 403, "auth/forbidden"}, {"an outsider", eve, 404, "org/not-found"}, {"an administrator of the application", mia, 404, "org/not-found"}} {
			as := harness.Bearer(c.by.Access)
			for _, r := range []*harness.Answer{
				s.Do("GET", teamKeys(org), nil, as), s.Do("POST", teamKeys(org), harness.J{"name": "n"}, as),
				s.Do("DELETE", teamKeys(org)+"/"+id, nil, as), s.Do("POST", teamKeys(org)+"/"+id+"/rotate", nil, as),
			} {
				if r.Status != c.status || r.Code() != c.code {
					t.Errorf("%s: %d %s", c.who, r.Status, r.Body)
				}
			}
		}
		// A key of anybody else is no key of the organisation.
		appID, _ := s.NewKey("secret")
		bobs, err := s.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "own", Type: admit.SecretKey, OwnerKind: admit.OwnerUser, OwnerID: bob.ID})
		if err != nil {
			t.Fatal(err)
		}
		as := harness.Bearer(ada.Access)
		for _, foreign := range []string{others, appID, bobs.ID, "x", org} {
			s.Do("DELETE", teamKeys(org)+"/"+foreign, nil, as).Want(404, "auth/api-key-not-found")
			s.Do("POST", teamKeys(org)+"/"+foreign+"/rotate", nil, as).Want(404, "auth/api-key-not-found")
		}
		// And a key of the organisation is none of an account or of the application.
		s.Do("DELETE", ownKeys(bob.ID)+"/"+id, nil, harness.Bearer(bob.Access)).Want(404, "auth/api-key-not-found")
		s.Do("POST", apiKeys+"/"+id+"/rotate", nil, harness.Bearer(mia.Access)).Want(404, "auth/api-key-not-found")
		if n := len(s.Do("GET", ownKeys(bob.ID), nil, harness.Bearer(bob.Access)).Want(200).Items()); n != 1 {
			t.Errorf("bob has %d keys", n)
		}

		next := s.Do("POST", teamKeys(org)+"/"+id+"/rotate", harness.J{"overlap": 0}, as).Want(201)
		s.Keep("key", next.String("key"))
		if next.String("createdBy") != ada.ID || next.String("ownerId") != org || fmt.Sprint(next.Get("scopes")) != "[posts:write]" {
			t.Errorf("the successor is %s", next.Body)
		}
		s.Do("GET", "/app/posts", nil, harness.Key(key)).Want(401, "auth/api-key-revoked")
		s.Do("GET", "/app/posts", nil, harness.Key(next.String("key"))).Want(200)
		list := s.Do("GET", teamKeys(org), nil, as).Want(200)
		if all := list.Items(); len(all) != 2 || all[0]["createdBy"] != bob.ID || all[1]["createdBy"] != ada.ID || strings.Contains(string(list.Body), next.String("key")[8:40]) {
			t.Errorf("the list is %s", list.Body)
		}
		for _, k := range s.Do("GET", apiKeys, nil, harness.Bearer(mia.Access)).Want(200).Items() {
			if k["id"] == next.String("id") && (k["createdBy"] != ada.ID || k["ownerType"] != "organization") {
				t.Errorf("administrators see %v", k)
			}
		}
		s.Do("DELETE", teamKeys(org)+"/"+next.String("id"), nil, as).Want(200)
		s.Do("GET", "/app/posts", nil, harness.Key(next.String("key"))).Want(401, "auth/api-key-revoked")
		for _, kind := range []string{"apikey.created", "apikey.rotated", "apikey.revoked"} {
			told := s.Events("", kind)
			if !slices.ContainsFunc(told, func(e store.Event) bool {
				return strings.Contains(string(e.Data), `"organization":"`+org+`"`) && (e.ActorID == bob.ID || e.ActorID == ada.ID)
			}) {
				t.Errorf("no %s names the organisation: %v", kind, told)
			}
		}
		// A key is made, rotated and revoked with a recent proof.
		last := teamKey(s, org)
		s.Clock.Advance(11 * time.Minute)
		s.Do("POST", teamKeys(org), harness.J{"name": "n"}, as).Want(403, "auth/reauthentication-required")
		s.Do("POST", teamKeys(org)+"/"+last.ID+"/rotate", nil, as).Want(403, "auth/reauthentication-required")
		s.Do("DELETE", teamKeys(org)+"/"+last.ID, nil, as).Want(403, "auth/reauthentication-required")
		s.Do("GET", teamKeys(org), nil, as).Want(200)
	}, hostScopes)
}

// What a key of an organisation passes: guards with its scopes, and as a member of its
// organisation if it has no scopes of its own. It is no user and no administrator.
func TestAKeyOfAnOrganizationWorksThereAsAMember(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		s.Role(ada.ID, "admin")
		whole, narrow, none := teamKey(s, org).Key, teamKey(s, org, "posts:write").Key, teamKey(s, org, []string{}...).Key
		if _, err := s.Auth.APIKeys.Verify(t.Context(), none); err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string][2]int{
			"/app/hello": {401, 401}, "/app/optional": {200, 200}, "/app/admin": {403, 403}, "/app/editor": {403, 403}, "/app/posts": {200, 200}, "/app/cron": {403, 403},
			"/app/verified": {401, 401}, "/app/recent": {401, 401}, "/app/factor": {401, 401}, "/app/notes/" + ada.ID: {403, 403}, "/app/notes/" + org: {403, 403}, "/app/notes/": {404, 404},
		} {
			for i, key := range []string{whole, narrow} {
				if answer := s.Do("GET", path, nil, harness.Key(key)); answer.Status != want[i] {
					t.Errorf("%s by the key %d: %d, want %d", path, i, answer.Status, want[i])
				}
			}
		}
		for _, c := range []struct {
			who, role, key string
			status         int
			in             string
		}{
			{"the whole key", "member", whole, 200, org + "/member"},
			{"the whole key", "admin", whole, 403, ""},
			{"the whole key", "owner", whole, 403, ""},
			{"the whole key", "billing", whole, 403, ""},
			{"a key with scopes", "member", narrow, 403, ""},
			{"a key of an administrator", "member", ownKey(s, ada.ID), 401, ""},
		} {
			if status, in := guardedBy(s, c.role, harness.Key(c.key)); status != c.status || in != c.in {
				t.Errorf("%s passes as %s: %d %s, want %d %s", c.who, c.role, status, in, c.status, c.in)
			}
		}
		// Beside a token it only bounds what the user does.
		if status, _ := guardedBy(s, "member", harness.Key(whole), harness.Bearer(ada.Access)); status != 403 {
			t.Errorf("a key gives its organisation to a session outside of it: %d", status)
		}
		moved := switchTo(s, ada, org).Want(200).Tokens()
		if status, in := guardedBy(s, "owner", harness.Key(narrow), harness.Bearer(moved.Access)); status != 200 || in != org+"/owner" {
			t.Errorf("an owner with a key beside: %d %s", status, in)
		}
		var who admit.Caller
		s.Auth.RequireUserOrKey("posts:write")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			who, _ = admit.CallerFrom(r.Context())
		})).ServeHTTP(httptest.NewRecorder(), func() *http.Request {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			harness.Key(narrow)(r)
			return r
		}())
		if who.User != nil || who.Owner != nil || who.OrganizationID != org || who.OrganizationRole != "" || who.Key.OwnerKind != admit.OwnerOrganization {
			t.Errorf("a key with scopes is %+v", who)
		}
		// No route of accounts or of the administration takes it.
		for _, r := range s.Auth.Routes() {
			if r.Access == "anyone" || r.Exchanges {
				continue
			}
			answer := s.Do(r.Method, fill(r.Path, ada.ID), bodyFor(r.Method, r.Path), harness.Key(whole))
			if answer.Status != 401 && answer.Status != 403 && r.Path != "/v1/auth/signout" {
				t.Errorf("%s %s: %d %s", r.Method, r.Path, answer.Status, answer.Body)
			}
		}
	}, hostScopes, func(c *admit.Config) {
		c.APIKeys.OrganizationScopes = []string{"posts:*", "*:read", "users:*"}
		c.Organizations.Roles = map[string][]string{"billing": nil}
	})
}

// AK-04 for keys of organisations: whoever makes the key, and whenever the list changes.
func TestAKeyOfAnOrganizationHasNoScopeThatOrganizationsLack(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		s.Role(ada.ID, "admin")
		for _, scopes := range [][]string{{"*:*"}, {"*:read"}, {"users:*"}, {"posts:write", "cron:run"}, {"api-keys:create"}, {"users:role"}} {
			s.Do("POST", teamKeys(org), harness.J{"name": "n", "scopes": scopes}, harness.Bearer(ada.Access)).Want(403, "auth/scope-insufficient")
		}
		for _, body := range []string{`{"name":"n","type":"publishable"}`, `{"name":"","scopes":null}`, `{"name":"n","scopes":["x"]}`, `{"name":"n","expiresAt":"2001-01-01T00:00:00Z"}`} {
			s.Do("POST", teamKeys(org), body, harness.Bearer(ada.Access)).Want(400, "auth/invalid-request")
		}
		whole, narrow := teamKey(s, org).Key, teamKey(s, org, "posts:write", "users:read").Key
		for scopes, want := range map[string]int{"posts:write": 200, "posts:write users:read": 200, "users:read": 403, "": 403} {
			p := processOn(s, s.Store, hostScopes, func(c *admit.Config) { c.APIKeys.OrganizationScopes = strings.Fields(scopes) })
			for _, key := range []string{whole, narrow} {
				if got := used(p, key); got != want {
					t.Errorf("with the scopes %q a key answers %d, want %d", scopes, got, want)
				}
			}
			err := p.Close(context.Background())
			if _, made := p.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "n", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: org}); scopes == "" && !errors.Is(made, admit.ErrForbidden) || err != nil {
				t.Errorf("without scopes there is a key: %v, %v", made, err)
			}
		}
		// An empty list switches the keys off, also those that pass as a member.
		off := processOn(s, s.Store, hostScopes, func(c *admit.Config) { c.APIKeys.OrganizationScopes = []string{} })
		defer closeSoon(off)
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		harness.Key(whole)(r)
		off.RequireOrganization("member")(http.NotFoundHandler()).ServeHTTP(w, r)
		if w.Code != 403 {
			t.Errorf("a key passes as a member: %d", w.Code)
		}
	}, hostScopes)
}

// used is what a guard of a process answers to a key.
func used(a *admit.Auth, key string) int {
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	harness.Key(key)(r)
	a.RequireKey("posts:write")(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
	return w.Code
}

// A key dies with its organisation, in every process, and does not come back.
func TestAC163_AKeyOfAnOrganizationEndsWithIt(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org, other := team(s, ada), s.Process()
		old := teamKey(s, org)
		next := s.Do("POST", teamKeys(org)+"/"+old.ID+"/rotate", harness.J{}, harness.Bearer(ada.Access)).Want(201)
		keys := []string{old.Key, next.String("key")}
		works := func(want int, codes ...string) {
			t.Helper()
			for _, key := range keys {
				other.Do("GET", "/app/posts", nil, harness.Key(key)).Want(want, codes...)
			}
		}
		works(200)
		// Also an organisation that only the store knows to be deleted.
		o, err := s.Store.Organization(t.Context(), "", org)
		if err != nil {
			t.Fatal(err)
		}
		gone := o
		gone.DeletedAt, gone.PurgeAt = s.Clock.Now(), s.Clock.Now().Add(time.Hour)
		if err := s.Store.UpdateOrganization(t.Context(), gone); err != nil {
			t.Fatal(err)
		}
		works(401, "auth/api-key-revoked")
		if o, err = s.Store.Organization(t.Context(), "", org); err != nil {
			t.Fatal(err)
		}
		o.DeletedAt, o.PurgeAt = time.Time{}, time.Time{}
		if err := s.Store.UpdateOrganization(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		works(200)
		s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(ada.Access)).Want(200)
		works(401, "auth/api-key-revoked")
		if e := s.Events("", "organization.deleted"); len(e) != 1 || !strings.Contains(string(e[0].Data), `"revokedKeys":2`) {
			t.Errorf("the events are %v", e)
		}
		if err := s.Auth.Organizations.Restore(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		works(401, "auth/api-key-revoked")
		keys = []string{s.Do("POST", teamKeys(org), harness.J{"name": "n"}, harness.Bearer(ada.Access)).Want(201).String("key")}
		works(200)
	}, hostScopes)
}

func TestAnOrganizationHasABoundedNumberOfKeysAndRequests(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		for range 49 {
			teamKey(s, org)
		}
		answers := harness.Parallel(5, func(int) *harness.Answer {
			return s.Do("POST", teamKeys(org), harness.J{"name": "n"}, harness.Bearer(ada.Access))
		})
		if counts := harness.Count(answers); counts[201] != 1 || counts[409] != 4 {
			t.Errorf("answered %v", counts)
		}
		ownKey(s, ada.ID) // the owner's own have their own bound
		key := harness.Key(teamKey(s, team(s, ada)).Key)
		for range 3 {
			s.Process().Do("GET", "/app/posts", nil, key).Want(200)
		}
		s.Do("GET", "/app/posts", nil, key).Want(429, "auth/too-many-requests")
	}, func(c *admit.Config) {
		c.APIKeys.RequestsPerMinute, c.APIKeys.OrganizationScopes = 3, []string{"posts:write"}
	})
}
