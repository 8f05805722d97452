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

const organizations = "/v1/organizations"

// team makes an organisation over HTTP.
func team(s *harness.Server, owner harness.Person) string {
	s.T.Helper()
	return s.Do("POST", organizations, harness.J{"name": "Acme"}, harness.Bearer(owner.Access)).Want(201).String("id")
}

// joins makes a person a member.
func joins(s *harness.Server, org string, p harness.Person, role string) harness.Person {
	s.T.Helper()
	if err := s.Auth.Organizations.AddMember(s.T.Context(), admit.MemberParams{OrganizationID: org, UserID: p.ID, Role: role}); err != nil {
		s.T.Fatal(err)
	}
	return p
}

func memberAt(org, user string) string { return organizations + "/" + org + "/members/" + user }

// switchTo moves the session of a person.
func switchTo(s *harness.Server, p harness.Person, org any) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/switch-organization", harness.J{"organizationId": org}, harness.Bearer(p.Access))
}

var _ = feeds.add(feed{
	route: "POST /v1/organizations",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"name": "Acme"}
	},
}, feed{
	route:   "GET /v1/organizations",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) { return nil, nil },
}, feed{
	route: "GET /v1/organizations/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, nil
	},
}, feed{
	route: "PATCH /v1/organizations/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, harness.J{"name": "Other"}
	},
}, feed{
	route: "DELETE /v1/organizations/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, nil
	},
}, feed{
	route: "GET /v1/organizations/{id}/members",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, nil
	},
}, feed{
	route: "PATCH /v1/organizations/{id}/members/{userId}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		org := team(s, p.Person)
		return map[string]string{"id": org, "userId": joins(s, org, s.SignUp("m-"+p.Email), "member").ID}, harness.J{"role": "admin"}
	},
}, feed{
	route: "DELETE /v1/organizations/{id}/members/{userId}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		org := team(s, p.Person)
		return map[string]string{"id": org, "userId": joins(s, org, s.SignUp("m-"+p.Email), "member").ID}, nil
	},
}, feed{
	route: "POST /v1/auth/switch-organization",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"organizationId": team(s, p.Person)}
	},
})

func TestAnOrganizationHasMembersWithRoles(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		made := s.Do("POST", organizations, harness.J{"name": "Acme", "slug": "acme"}, harness.Bearer(ada.Access)).Want(201)
		org := made.String("id")
		if made.String("role") != "owner" || made.String("slug") != "acme" {
			t.Errorf("the organisation is %s", made.Body)
		}
		s.Do("POST", organizations, harness.J{"name": "Other", "slug": "acme"}, harness.Bearer(bob.Access)).Want(409, "org/slug-taken")
		s.Do("POST", organizations, harness.J{"name": "Other", "slug": "A b"}, harness.Bearer(bob.Access)).Want(400, "auth/invalid-request")
		s.Do("POST", organizations, harness.J{"name": " "}, harness.Bearer(bob.Access)).Want(400, "auth/invalid-name")
		joins(s, org, bob, "admin")
		joins(s, org, eve, "member")

		// Rights follow the role.
		s.Do("PATCH", organizations+"/"+org, harness.J{"name": "Acme 2"}, harness.Bearer(bob.Access)).Want(200)
		s.Do("PATCH", organizations+"/"+org, harness.J{"name": "Acme 3"}, harness.Bearer(eve.Access)).Want(403, "auth/forbidden")
		s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		for _, c := range []struct {
			by         harness.Person
			of, role   string
			status     int
			code, kind string
		}{
			{eve, eve.ID, "admin", 403, "auth/forbidden", "a member makes itself an admin"},
			{bob, bob.ID, "owner", 403, "auth/forbidden", "an admin makes itself an owner"},
			{bob, eve.ID, "owner", 403, "auth/forbidden", "an admin makes an owner"},
			{bob, ada.ID, "member", 403, "auth/forbidden", "an admin demotes an owner"},
			{bob, eve.ID, "Admin", 400, "org/invalid-role", "a role in another spelling"},
			{bob, eve.ID, "", 400, "org/invalid-role", "no role"},
			{ada, ada.ID, "admin", 400, "auth/last-owner", "the last owner demotes itself"},
			{bob, made.String("id"), "admin", 404, "org/member-not-found", "no member"},
		} {
			a := s.Do("PATCH", memberAt(org, c.of), harness.J{"role": c.role}, harness.Bearer(c.by.Access))
			if a.Status != c.status || a.Code() != c.code {
				t.Errorf("%s: %d %s", c.kind, a.Status, a.Body)
			}
		}
		s.Do("DELETE", memberAt(org, ada.ID), nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("DELETE", memberAt(org, ada.ID), nil, harness.Bearer(ada.Access)).Want(400, "auth/last-owner")
		s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(eve.Access)).Want(403, "auth/forbidden")

		// Only those who manage see addresses, and everybody the own.
		for _, c := range []struct {
			by   harness.Person
			want int
		}{{ada, 3}, {bob, 3}, {eve, 1}} {
			list := s.Do("GET", organizations+"/"+org+"/members", nil, harness.Bearer(c.by.Access)).Want(200)
			if n := strings.Count(string(list.Body), "@x.test"); n != c.want || len(list.Items()) != 3 {
				t.Errorf("%s sees %s", c.by.Email, list.Body)
			}
		}
		// A second owner lets the first one go.
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "owner"}, harness.Bearer(ada.Access)).Want(200)
		s.Do("DELETE", memberAt(org, ada.ID), nil, harness.Bearer(ada.Access)).Want(200)
		s.Do("GET", organizations+"/"+org, nil, harness.Bearer(ada.Access)).Want(404, "org/not-found")
		s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(eve.Access)).Want(200)
		if list := s.Do("GET", organizations, nil, harness.Bearer(bob.Access)).Want(200); len(list.Items()) != 1 || list.Items()[0]["role"] != "owner" {
			t.Errorf("the list is %s", list.Body)
		}
		if list := s.Do("GET", organizations, nil, harness.Bearer(eve.Access)).Want(200); len(list.Items()) != 0 {
			t.Errorf("the list is %s", list.Body)
		}
		// An owner needs a recent proof for what cannot be undone.
		s.Clock.Advance(11 * time.Minute)
		s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(bob.Access)).Want(403, "auth/reauthentication-required")
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "owner"}, harness.Bearer(bob.Access)).Want(403, "auth/reauthentication-required")
	}, unlimited)
}

// guardedBy asks the guard of an organisation with the credentials.
func guardedBy(s *harness.Server, role string, sets ...harness.Set) (status int, organization string) {
	s.T.Helper()
	called := false
	guard := s.Auth.RequireOrganization(role)(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		caller, _ := admit.CallerFrom(r.Context())
		organization = caller.OrganizationID + "/" + caller.OrganizationRole
	}))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, set := range sets {
		set(r)
	}
	w := httptest.NewRecorder()
	guard.ServeHTTP(w, r)
	if called != (w.Code == http.StatusOK) {
		s.T.Errorf("the guard answered %d and called the handler: %v", w.Code, called)
	}
	return w.Code, organization
}

// A switch re-issues the tokens of the same session. What the session may do in the
// organisation follows from the membership of the moment.
func TestASessionWorksInAnOrganizationAsLongAsItsMembershipLives(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		switchTo(s, bob, org).Want(404, "org/not-found")
		switchTo(s, bob, "nonsense").Want(404, "org/not-found")
		s.Do("POST", "/v1/auth/switch-organization", "[]", harness.Bearer(bob.Access)).Want(400, "auth/invalid-request")
		joins(s, org, bob, "admin")
		before := workOf(s, bob.Access)
		moved := switchTo(s, bob, org).Want(200).Tokens()
		if after := workOf(s, moved.Access); after.ID != before.ID || after.OrganizationID != org || after.OrganizationRole != "admin" {
			t.Errorf("the session is %+v, was %+v", after, before)
		}
		claims := payloadOf(t, moved.Access)
		if claims["org"] != org || claims["org_role"] != "admin" {
			t.Errorf("the claims are %v", claims)
		}
		if got := s.Me(moved.Access).Want(200).String("organizationId"); got != org {
			t.Errorf("me works in %q", got)
		}
		// The answer was lost: the token from before is given the same successor.
		again := s.Refresh(bob.Refresh).Want(200).Tokens()
		if again.Refresh != moved.Refresh {
			t.Error("the token from before has another successor")
		}
		// A refresh keeps the organisation.
		next := s.Refresh(moved.Refresh).Want(200).Tokens()
		if claims := payloadOf(t, next.Access); claims["org"] != org || claims["org_role"] != "admin" {
			t.Errorf("after a refresh the claims are %v", claims)
		}
		as := harness.Bearer(next.Access)
		if status, _ := guardedBy(s, "owner", as); status != 403 {
			t.Errorf("an admin passes as an owner: %d", status)
		}
		if status, got := guardedBy(s, "admin", as); status != 200 || got != org+"/admin" {
			t.Errorf("the guard answers %d, %s", status, got)
		}
		if status, _ := guardedBy(s, "member", harness.Bearer(ada.Access)); status != 403 {
			t.Errorf("a session outside of any organisation passes: %d", status)
		}
		if status, _ := guardedBy(s, "member"); status != 401 {
			t.Errorf("nobody passes: %d", status)
		}
		// A new role holds at once.
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "member"}, harness.Bearer(ada.Access)).Want(200)
		if status, _ := guardedBy(s, "admin", as); status != 403 {
			t.Errorf("a demoted admin passes: %d", status)
		}
		// So does a removal, and with it the claims go.
		s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(ada.Access)).Want(200)
		if status, _ := guardedBy(s, "member", as); status != 403 {
			t.Errorf("a former member passes: %d", status)
		}
		if got := s.Me(next.Access).Want(200); got.Get("organizationId") != nil {
			t.Errorf("a former member works in %s", got.Body)
		}
		last := s.Refresh(next.Refresh).Want(200).Tokens()
		if claims := payloadOf(t, last.Access); claims["org"] != nil || claims["org_role"] != nil {
			t.Errorf("a former member has the claims %v", claims)
		}
		// Null leaves.
		joins(s, org, bob, "member")
		if status, _ := guardedBy(s, "member", harness.Bearer(last.Access)); status != 200 {
			t.Errorf("a member who is back does not pass: %d", status)
		}
		bob.Tokens = last
		out := switchTo(s, bob, nil).Want(200).Tokens()
		if status, _ := guardedBy(s, "member", harness.Bearer(out.Access)); status != 403 {
			t.Errorf("a session that has left passes: %d", status)
		}
	}, unlimited)
}

// workOf is the session of an access token.
func workOf(s *harness.Server, access string) admit.Session {
	s.T.Helper()
	_, session, err := s.Auth.VerifyToken(s.T.Context(), access)
	if err != nil {
		s.T.Fatal(err)
	}
	return session
}

// AZ-03: every route of an organisation × own, other, former and
// deleted.
func TestOrganizationsAreNeverMixedUp(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		for i, r := range organizationRoutes(s) {
			ada := verified(s, fmt.Sprintf("ada%d@x.test", i))
			bob := verified(s, fmt.Sprintf("bob%d@x.test", i))
			other := verified(s, fmt.Sprintf("other%d@x.test", i))
			own, others, deleted := team(s, ada), team(s, other), team(s, ada)
			former := team(s, other)
			joins(s, former, ada, "owner")
			for _, org := range []string{own, others, deleted, former} {
				joins(s, org, bob, "member")
			}
			moved := switchTo(s, ada, former).Want(200).Tokens()
			s.Do("DELETE", memberAt(former, ada.ID), nil, harness.Bearer(other.Access)).Want(200)
			s.Do("DELETE", organizations+"/"+deleted, nil, harness.Bearer(moved.Access)).Want(200)
			ada.Tokens = moved
			for name, org := range map[string]string{"other": others, "deleted": deleted, "former": former, "unknown": ada.ID, "malformed": "none"} {
				before := rowsOf(s, others, former, deleted)
				a := r.ask(s, org, bob.ID, ada)
				if a.Status != 404 || a.Code() != "org/not-found" {
					t.Errorf("%s %s with the %s organisation: %d %s", r.Method, r.Path, name, a.Status, a.Body)
				}
				if after := rowsOf(s, others, former, deleted); !slices.Equal(after, before) {
					t.Errorf("%s %s with the %s organisation changed\n%v\nto\n%v", r.Method, r.Path, name, before, after)
				}
			}
			if a := r.ask(s, own, bob.ID, ada); a.Status >= 300 {
				t.Errorf("%s %s with the own organisation: %d %s", r.Method, r.Path, a.Status, a.Body)
			}
		}
	}, unlimited)
}

// organizationRoute is a route that names an organisation.
type organizationRoute struct{ admit.Route }

// organizationRoutes are all routes that name an organisation in their path or
// body.
func organizationRoutes(s *harness.Server) (routes []organizationRoute) {
	for _, r := range s.Auth.Routes() {
		if r.Method == "POST" && strings.HasSuffix(r.Path, "/join-requests") {
			continue // for accounts that are no members
		}
		if strings.HasPrefix(r.Path, organizations+"/{id}") || strings.HasSuffix(r.Path, "/switch-organization") || r.Method+" "+r.Path == "POST "+invitations {
			routes = append(routes, organizationRoute{r})
		}
	}
	if len(routes) < 7 {
		s.T.Fatalf("only %d routes name an organisation", len(routes))
	}
	return routes
}

// ask sends a request that is good for an organisation in which the member is a
// plain one.
func (r organizationRoute) ask(s *harness.Server, org, member string, by harness.Person) *harness.Answer {
	s.T.Helper()
	link, err := s.Auth.Invitations.CreateLink(s.T.Context(), admit.CreateInvitationLinkParams{OrganizationID: org, Role: "member", MaxUses: 1})
	if err != nil {
		link.ID = "none" // of an organisation that is not there
	}
	domain, asker := asked(s, org)
	if strings.Contains(r.Path, "/join-requests/") {
		member = asker
	}
	path := strings.NewReplacer("{id}", org, "{userId}", member, "{linkId}", link.ID, "{domain}", domain, "{keyId}", askedKey(s, org)).Replace(r.Path)
	body := map[string]harness.J{
		"PATCH /v1/organizations/{id}":                  {"name": "Renamed"},
		"PATCH /v1/organizations/{id}/policy":           {"maxMembers": 50},
		"PATCH /v1/organizations/{id}/members/{userId}": {"role": "admin"},
		"POST /v1/auth/switch-organization":             {"organizationId": org},
		"POST /v1/organizations/{id}/domains":           {"domain": "other-" + domain},
		"POST /v1/organizations/{id}/api-keys":          {"name": "more"},
		"POST /v1/organizations/{id}/invitation-links":  {"resourceRole": "member", "maxUses": 1},
		"POST /v1/auth/invitations":                     {"resourceType": "organization", "resourceId": org, "email": "new@x.test", "resourceRole": "member"},
	}[r.Method+" "+r.Path]
	if body == nil {
		return s.Do(r.Method, path, nil, harness.Bearer(by.Access))
	}
	return s.Do(r.Method, path, body, harness.Bearer(by.Access))
}

// rowsOf is what the store keeps of organisations.
func rowsOf(s *harness.Server, orgs ...string) (rows []string) {
	s.T.Helper()
	for _, org := range orgs {
		o, err := s.Store.Organization(s.T.Context(), "", org)
		if err != nil {
			s.T.Fatal(err)
		}
		members, _, err := s.Store.ListMembers(s.T.Context(), store.MemberQuery{OrganizationID: org}, store.Page{Number: 1, Limit: 100})
		if err != nil {
			s.T.Fatal(err)
		}
		row := fmt.Sprint(o.Name, o.DeletedAt, keyRows(s, org))
		for _, m := range members {
			row += " " + m.User.Email + "=" + m.Member.Role
		}
		rows = append(rows, row)
	}
	return rows
}

// Two owners who go at the same time leave one.
func TestTheLastOwnerStays(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		people := []harness.Person{ada, bob}
		for round, act := range []func(org string, i int) error{
			func(org string, i int) error {
				return s.Auth.Organizations.RemoveMember(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[i].ID, ActorID: people[i].ID})
			},
			func(org string, i int) error {
				return s.Auth.Organizations.SetRole(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[i].ID, Role: "member", ActorID: people[i].ID})
			},
			func(org string, i int) error {
				return s.Auth.Organizations.RemoveMember(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[1-i].ID, ActorID: people[i].ID})
			},
		} {
			for range 5 {
				org := team(s, ada)
				joins(s, org, bob, "owner")
				errs := atOnce(2, func(i int) error { return act(org, i) })
				done := 0
				for _, err := range errs {
					switch {
					case err == nil:
						done++
					case !errors.Is(err, admit.ErrLastOwner) && !errors.Is(err, admit.ErrOrgNotFound):
						t.Errorf("round %d: %v", round, err)
					}
				}
				owners, err := s.Auth.Organizations.Members(t.Context(), admit.ListMembersParams{OrganizationID: org, Role: "owner", Page: admit.PageParams{Number: 1, Limit: 10}})
				if err != nil || done != 1 || owners.Total != 1 {
					t.Errorf("round %d: %d went and %d owners are left, %v", round, done, owners.Total, err)
				}
				if err := s.Auth.Organizations.Delete(t.Context(), admit.DeleteOrganizationParams{ID: org}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}, unlimited)
}

// Two deletions of the last two owners leave one account.
func TestTheAccountOfTheLastOwnerStays(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		a := s.Do("DELETE", users+"/"+ada.ID, nil, harness.Bearer(ada.Access)).Want(400, "auth/last-owner")
		if !strings.Contains(string(a.Body), org) {
			t.Errorf("the refusal does not name the organisation: %s", a.Body)
		}
		s.Do("DELETE", "/v1/auth/withdraw", nil, harness.Bearer(ada.Access)).Want(400, "auth/last-owner")
		joins(s, org, bob, "owner")
		people := []harness.Person{ada, bob}
		answers := harness.Parallel(2, func(i int) *harness.Answer {
			return s.Do("DELETE", users+"/"+people[i].ID, nil, harness.Bearer(people[i].Access))
		})
		if counts := harness.Count(answers); counts[200] != 1 || counts[400] != 1 {
			t.Errorf("the answers are %v", counts)
		}
		members, err := s.Auth.Organizations.Members(t.Context(), admit.ListMembersParams{OrganizationID: org, Page: admit.PageParams{Number: 1, Limit: 10}})
		if err != nil || members.Total != 1 {
			t.Errorf("%d members are left, %v", members.Total, err)
		}
	}, unlimited)
}

// As many members join as there are seats, however many ask at the same time.
func TestSeatsAreCountedInTheTransaction(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		var people []string
		for i := range 12 {
			user, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: fmt.Sprintf("p%d@x.test", i), Name: "P"})
			if err != nil {
				t.Fatal(err)
			}
			people = append(people, user.ID)
		}
		errs := atOnce(len(people), func(i int) error {
			return s.Auth.Organizations.AddMember(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[i], Role: "member"})
		})
		joined := 0
		for _, err := range errs {
			switch {
			case err == nil:
				joined++
			case !errors.Is(err, admit.ErrNoSeat):
				t.Error(err)
			}
		}
		if joined != 4 {
			t.Errorf("%d joined", joined)
		}
	}, unlimited, func(c *admit.Config) {
		c.SeatLimit = func(context.Context, admit.Tx, string) (int, error) { return 5, nil }
	})
}

func TestADeletedOrganizationCanBeRestoredForAWhile(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := s.Do("POST", organizations, harness.J{"name": "Acme", "slug": "acme"}, harness.Bearer(ada.Access)).Want(201).String("id")
		moved := switchTo(s, ada, org).Want(200).Tokens()
		s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(moved.Access)).Want(200)
		if status, _ := guardedBy(s, "owner", harness.Bearer(moved.Access)); status != 403 {
			t.Errorf("the owner of a deleted organisation passes: %d", status)
		}
		s.Do("POST", organizations, harness.J{"name": "Acme", "slug": "acme"}, harness.Bearer(moved.Access)).Want(409, "org/slug-taken")
		if err := s.Auth.Organizations.Restore(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		if status, _ := guardedBy(s, "owner", harness.Bearer(moved.Access)); status != 200 {
			t.Errorf("the owner of a restored organisation does not pass: %d", status)
		}
		s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(moved.Access)).Want(200)
		s.Clock.Advance(30 * 24 * time.Hour)
		if err := s.Auth.Organizations.Restore(t.Context(), org); !errors.Is(err, admit.ErrOrgNotFound) {
			t.Errorf("after the grace: %v", err)
		}
	}, unlimited)
}

// A session cookie stays a cookie: no script reads the tokens of a browser.
func TestASwitchWithASessionCookieGivesACookie(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		signed := s.SignIn("ada@x.test", harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(200)
		jar := harness.Header("Cookie", cookieIn(signed))
		moved := s.Do("POST", "/v1/auth/switch-organization", harness.J{"organizationId": org}, jar, harness.Header("Sec-Fetch-Site", "same-origin")).Want(200)
		if strings.Contains(string(moved.Body), "Token") {
			t.Errorf("a script reads %s", moved.Body)
		}
		for name, set := range map[string]harness.Set{"new": harness.Header("Cookie", cookieIn(moved)), "old": jar} {
			if status, got := guardedBy(s, "owner", set); status != 200 || got != org+"/owner" {
				t.Errorf("the %s cookie: %d %s", name, status, got)
			}
		}
		s.Do("POST", "/v1/auth/switch-organization", harness.J{"organizationId": nil}, jar, harness.Header("Sec-Fetch-Site", "cross-site")).Want(403, "auth/cross-origin")
	}, unlimited, func(c *admit.Config) { c.Cookies = true })
}

// cookieIn is the session cookie of an answer, as a browser sends it.
func cookieIn(a *harness.Answer) string {
	for _, line := range a.Header["Set-Cookie"] {
		if pair, _, _ := strings.Cut(line, ";"); strings.Contains(pair, "session=") {
			return pair
		}
	}
	return ""
}

// atOnce calls from many goroutines at the same moment, and returns the errors.
func atOnce(n int, call func(i int) error) []error {
	errs := make([]error, n)
	harness.Parallel(n, func(i int) *harness.Answer {
		errs[i] = call(i)
		return nil
	})
	return errs
}
