package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

func policyAt(org string) string { return organizations + "/" + org + "/policy" }

// asks sets the policy of an organisation over HTTP.
func asks(s *harness.Server, org string, by harness.Person, policy harness.J) *harness.Answer {
	s.T.Helper()
	return s.Do("PATCH", policyAt(org), policy, harness.Bearer(by.Access))
}

// decrees sets the policy of an organisation as the host.
func decrees(s *harness.Server, in admit.SetPolicyParams) {
	s.T.Helper()
	if _, err := s.Auth.Organizations.SetPolicy(s.T.Context(), in); err != nil {
		s.T.Fatal(err)
	}
}

// twice gives a person a second factor, and signs the person in with both.
func twice(s *harness.Server, p harness.Person) harness.Person {
	s.T.Helper()
	app := s.EnrollTOTP(p)
	p.Tokens = s.Complete(pause(s, p.Email), app.Code(s.Clock.Now())).Want(200).Tokens()
	return p
}

var _ = feeds.add(feed{
	route: "GET /v1/organizations/{id}/policy",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, nil
	},
}, feed{
	route: "PATCH /v1/organizations/{id}/policy",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, harness.J{"maxMembers": 7}
	},
})

var _ = faultFlows.add(faultFlow{
	name:    "setting a policy",
	prepare: func(s *harness.Server, p *subject) { p.extra = firmOf(s, p) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Organizations.SetPolicy(ctx, admit.SetPolicyParams{ID: p.extra, ActorID: p.signed.User.ID, MaxMembers: admit.Some(7)})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool {
		policy, err := s.Auth.Organizations.Policy(context.Background(), p.extra)
		if err != nil {
			s.T.Fatal(err)
		}
		return policy.MaxMembers == 7
	},
	calls: 6,
})

// Only owners read and write a policy, and only with a recent proof.
func TestOnlyOwnersSetThePolicy(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve, mallory := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test"), verified(s, "mallory@y.test")
		org := team(s, ada)
		joins(s, org, bob, "admin")
		joins(s, org, eve, "member")
		for _, c := range []struct {
			by     harness.Person
			status int
			code   string
		}{{bob, 403, "auth/forbidden"}, {eve, 403, "auth/forbidden"}, {mallory, 404, "org/not-found"}} {
			s.Do("GET", policyAt(org), nil, harness.Bearer(c.by.Access)).Want(c.status, c.code)
			asks(s, org, c.by, harness.J{"maxMembers": 5}).Want(c.status, c.code)
		}
		empty := `{"requireMfa":false,"onlyVerifiedDomains":false,"defaultRole":null,"maxMembers":null}`
		if got := s.Do("GET", policyAt(org), nil, harness.Bearer(ada.Access)).Want(200); string(got.Body) != empty {
			t.Errorf("the policy is %s", got.Body)
		}
		set := asks(s, org, ada, harness.J{"maxMembers": 5, "defaultRole": "billing"}).Want(200)
		if got := asks(s, org, ada, harness.J{}).Want(200); string(got.Body) != string(set.Body) || got.String("defaultRole") != "billing" {
			t.Errorf("the policy is %s, was %s", got.Body, set.Body)
		}
		for _, c := range []struct {
			body string
			code string
		}{
			{`{"maxMembers": 0}`, "auth/invalid-request"},
			{`{"maxMembers": -1}`, "auth/invalid-request"},
			{`{"maxMembers": 1000001}`, "auth/invalid-request"},
			{`{"maxMembers": 1.5}`, "auth/invalid-request"},
			{`{"maxMembers": "5"}`, "auth/invalid-request"},
			{`{"requireMfa": "yes"}`, "auth/invalid-request"},
			{`{"defaultRole": "owner"}`, "org/invalid-role"},
			{`{"defaultRole": "admin"}`, "org/invalid-role"},
			{`{"defaultRole": "lead"}`, "org/invalid-role"},
			{`{"defaultRole": "Billing"}`, "org/invalid-role"},
			{`{"defaultRole": ""}`, "org/invalid-role"},
		} {
			if a := s.Do("PATCH", policyAt(org), c.body, harness.Bearer(ada.Access)); a.Status != 400 || a.Code() != c.code {
				t.Errorf("%v: %d %s", c.body, a.Status, a.Body)
			}
		}
		events := s.Events("", "organization.policy-changed")
		if len(events) != 1 || events[0].ActorID != ada.ID {
			t.Fatalf("the events are %+v", events)
		}
		if got, want := string(events[0].Data), `{"from":`+empty+`,"organization":"`+org+`","to":`+string(set.Body)+`}`; got != want {
			t.Errorf("the event is %s, want %s", got, want)
		}
		if got := asks(s, org, ada, harness.J{"maxMembers": nil, "defaultRole": nil}).Want(200); string(got.Body) != empty {
			t.Errorf("cleared it is %s", got.Body)
		}
		s.Clock.Advance(11 * time.Minute)
		asks(s, org, ada, harness.J{"maxMembers": 5}).Want(403, "auth/reauthentication-required")
		s.Do("GET", policyAt(org), nil, harness.Bearer(ada.Access)).Want(200)
	}, unlimited, func(c *admit.Config) {
		c.Organizations.Roles = map[string][]string{"billing": {}, "lead": {"admin"}}
	})
}

// A session that was not proven with a second factor does not act in an organisation
// that requires one: not by a switch, not where it stands already, and by no route.
func TestAnOrganizationRequiresASecondFactor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		open, org := team(s, bob), team(s, ada)
		joins(s, org, bob, "admin")
		joins(s, org, eve, "member")
		// An owner who could not pass is refused: without a factor, and with a session of
		// one factor.
		asks(s, org, ada, harness.J{"requireMfa": true}).Want(400, "org/would-lock-out")
		short := ada
		short.Tokens = s.SignIn(ada.Email, harness.Password).Want(200).Tokens()
		ada = twice(s, ada)
		asks(s, org, short, harness.J{"requireMfa": true}).Want(400, "org/would-lock-out")
		switched := switchTo(s, bob, org).Want(200).Tokens()
		other := s.Process()
		if status, _ := guardedBy(other, "member", harness.Bearer(switched.Access)); status != 200 {
			t.Errorf("before the policy the guard answers %d", status)
		}
		asks(s, org, ada, harness.J{"requireMfa": true}).Want(200)
		// A process that does not know it yet lets nobody in, and nobody undo it.
		s.Do("POST", "/v1/auth/switch-organization", harness.J{"organizationId": org}, harness.Bearer(eve.Access)).Want(403, "auth/mfa-enrollment-required")
		switchTo(other, eve, org).Want(403, "auth/mfa-enrollment-required")
		asks(other, org, short, harness.J{"requireMfa": false}).Want(403, "auth/reauthentication-required")
		// The session that stands there is out at once, and in the other process within
		// seconds.
		if status, _ := guardedBy(s, "member", harness.Bearer(switched.Access)); status != 403 {
			t.Errorf("the guard answers %d", status)
		}
		if got := s.Me(switched.Access).Want(200); got.Get("organizationId") != nil {
			t.Errorf("me is %s", got.Body)
		}
		s.Clock.Advance(5 * time.Second)
		if status, _ := guardedBy(other, "member", harness.Bearer(switched.Access)); status != 403 {
			t.Errorf("the guard of the other process answers %d", status)
		}
		next := s.Refresh(switched.Refresh).Want(200).Tokens()
		if claims := payloadOf(t, next.Access); claims["org"] != nil || claims["org_role"] != nil {
			t.Errorf("the claims are %v", claims)
		}
		bob.Tokens = next
		// Lists show nothing of it.
		if _, err := s.Auth.Invitations.Create(t.Context(), admit.CreateInvitationParams{ResourceType: "organization", ResourceID: org, Email: "new@x.test", Role: "member"}); err != nil {
			t.Fatal(err)
		}
		for by, want := range map[string]int{bob.Access: 0, ada.Access: 1} {
			if list := s.Do("GET", invitations, nil, harness.Bearer(by)).Want(200); len(list.Items()) != want {
				t.Errorf("the list of invitations is %s, want %d", list.Body, want)
			}
		}
		// No route of the organisation answers it, and none of another is shut.
		for _, r := range organizationRoutes(s) {
			if r.Method == "DELETE" && r.Path == organizations+"/{id}/members/{userId}" {
				continue // leaving: see below
			}
			if a := r.ask(s, org, eve.ID, bob); a.Status != 403 || a.Code() != "auth/mfa-enrollment-required" {
				t.Errorf("%s %s: %d %s", r.Method, r.Path, a.Status, a.Body)
			}
		}
		if list := s.Do("GET", organizations, nil, harness.Bearer(bob.Access)).Want(200); len(list.Items()) != 2 {
			t.Errorf("the list is %s", list.Body)
		}
		s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(bob.Access)).Want(403, "auth/mfa-enrollment-required")
		bob.Tokens = switchTo(s, bob, open).Want(200).Tokens()
		// An owner with a session of one factor does not switch the policy off.
		switchTo(s, short, org).Want(403, "auth/reauthentication-required")
		asks(s, org, short, harness.J{"requireMfa": false}).Want(403, "auth/reauthentication-required")
		switchTo(s, ada, org).Want(200)
		// The next sign-in asks for a factor, whatever the organisation of the session.
		enrolling(s, s.SignIn(bob.Email, harness.Password))
		enrolling(other, other.SignIn(eve.Email, harness.Password))
		// Leaving is possible, and ends it.
		s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(eve.Access)).Want(200)
		s.SignIn(eve.Email, harness.Password).Want(200)
		// With the factor the member is in, and out as soon as the factor is gone.
		bob = twice(s, bob)
		bob.Tokens = switchTo(s, bob, org).Want(200).Tokens()
		if status, got := guardedBy(s, "member", harness.Bearer(bob.Access)); status != 200 || got != org+"/admin" {
			t.Errorf("with two factors the guard answers %d, %s", status, got)
		}
		if err := s.Auth.MFA.Reset(t.Context(), admit.ResetMFAParams{UserID: ada.ID, Reason: "lost"}); err != nil {
			t.Fatal(err)
		}
		enrolling(s, s.SignIn(ada.Email, harness.Password))
		// The host breaks the glass.
		decrees(s, admit.SetPolicyParams{ID: org, RequireMFA: admit.Some(false)})
		s.SignIn(ada.Email, harness.Password).Want(200)
	}, unlimited)
}

// A member who removes the last factor is out at once, though the session was proven
// with it.
func TestWithoutItsFactorASessionIsOut(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob := twice(s, verified(s, "ada@x.test")), verified(s, "bob@x.test")
		org := team(s, ada)
		joins(s, org, bob, "member")
		app := s.EnrollTOTP(bob)
		bob.Tokens = s.Complete(pause(s, bob.Email), app.Code(s.Clock.Now())).Want(200).Tokens()
		asks(s, org, ada, harness.J{"requireMfa": true}).Want(200)
		bob.Tokens = switchTo(s, bob, org).Want(200).Tokens()
		s.Clock.Advance(step)
		disable(s, bob.Access, harness.Password, app.Code(s.Clock.Now())).Want(200)
		if status, _ := guardedBy(s, "member", harness.Bearer(bob.Access)); status != 403 {
			t.Errorf("the guard answers %d", status)
		}
		switchTo(s, bob, org).Want(403, "auth/mfa-enrollment-required")
	}, unlimited)
}

// A session cookie is no way around it, and with the second factor it is back.
func TestASessionCookieIsOutWithoutASecondFactor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		browser := []harness.Set{
			harness.Header("Cookie", cookieIn(s.SignIn("ada@x.test", harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(200))),
			harness.Header("Sec-Fetch-Site", "same-origin"),
		}
		s.Do("POST", "/v1/auth/switch-organization", harness.J{"organizationId": org}, browser...).Want(200)
		decrees(s, admit.SetPolicyParams{ID: org, RequireMFA: admit.Some(true)})
		if status, _ := guardedBy(s, "member", browser...); status != 403 {
			t.Errorf("the guard answers %d", status)
		}
		app := s.AppOf(s.Do("POST", "/v1/auth/mfa/enable", harness.J{"password": harness.Password}, browser...).Want(200))
		s.Do("POST", "/v1/auth/mfa/confirm", harness.J{"code": app.Code(s.Clock.Now())}, browser...).Want(200)
		if status, got := guardedBy(s, "member", browser...); status != 200 || got != org+"/owner" {
			t.Errorf("with the second factor the guard answers %d, %s", status, got)
		}
	}, unlimited, func(c *admit.Config) { c.Cookies = true })
}

// A deleted organisation requires nothing, and a restored one what it required before.
func TestAPolicyGoesAndComesWithItsOrganization(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		joins(s, org, bob, "member")
		decrees(s, admit.SetPolicyParams{ID: org, RequireMFA: admit.Some(true)})
		enrolling(s, s.SignIn(bob.Email, harness.Password))
		if err := s.Auth.Organizations.Delete(t.Context(), admit.DeleteOrganizationParams{ID: org}); err != nil {
			t.Fatal(err)
		}
		s.SignIn(bob.Email, harness.Password).Want(200)
		if _, err := s.Auth.Organizations.Policy(t.Context(), org); !errors.Is(err, admit.ErrOrgNotFound) {
			t.Errorf("the policy of a deleted organisation: %v", err)
		}
		if err := s.Auth.Organizations.Restore(t.Context(), org); err != nil {
			t.Fatal(err)
		}
		enrolling(s, s.SignIn(bob.Email, harness.Password))
		if err := s.Auth.Organizations.Delete(t.Context(), admit.DeleteOrganizationParams{ID: org}); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(31 * 24 * time.Hour)
		for {
			n, err := s.Store.Sweep(t.Context(), s.Clock.Now(), 100)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				break
			}
		}
		if _, err := s.Store.Record(t.Context(), "", "organization-policy", org); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("after the purge the record of the policy: %v", err)
		}
	}, unlimited)
}

// Only addresses in the proven domains join and enter, whichever way they come.
func TestAnOrganizationAdmitsOnlyItsDomains(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@firm.test"), verified(s, "bob@other.test"), verified(s, "eve@firm.test")
		org := team(s, ada)
		joins(s, org, bob, "owner")
		asks(s, org, ada, harness.J{"onlyVerifiedDomains": true}).Want(400, "org/would-lock-out")
		proven(s, org, "firm.test", admit.DomainJoinNone)
		asks(s, org, bob, harness.J{"onlyVerifiedDomains": true}).Want(400, "org/would-lock-out")
		link, err := s.Auth.Invitations.CreateLink(t.Context(), admit.CreateInvitationLinkParams{OrganizationID: org, Role: "member", MaxUses: 5})
		if err != nil {
			t.Fatal(err)
		}
		asks(s, org, ada, harness.J{"onlyVerifiedDomains": true}).Want(200)
		// Members of before stay, and do not enter.
		switchTo(s, bob, org).Want(403, "org/domain-not-allowed")
		ada.Tokens = switchTo(s, ada, org).Want(200).Tokens()
		stranger := verified(s, "mallory@other.test")
		near := verified(s, "near@firm.test.other.test")
		typed := s.SignUp("typed@firm.test")
		for who, p := range map[string]string{"another domain": stranger.ID, "a domain that looks like it": near.ID, "an address that was only typed": typed.ID} {
			err := s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: p, Role: "member", ActorID: ada.ID})
			if !errors.Is(err, admit.ErrDomainNotAllowed) {
				t.Errorf("%s: %v", who, err)
			}
		}
		_, secret, _ := cutLink(link.URL)
		accept(s, secret, "", stranger).Want(403, "org/domain-not-allowed")
		accept(s, secret, "", eve).Want(200)
		// The case of an address does not matter.
		upper := made(s, "Upper@FIRM.Test", true)
		if err := s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: upper, Role: "member", ActorID: ada.ID}); err != nil {
			t.Errorf("an address in capitals: %v", err)
		}
		// The host itself may do it.
		if err := s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: stranger.ID, Role: "member"}); err != nil {
			t.Errorf("the host: %v", err)
		}
		switchTo(s, stranger, org).Want(403, "org/domain-not-allowed")
		// The domain of the last owner who passes stays; with another one it goes.
		s.Do("DELETE", domainsAt(org)+"/firm.test", nil, harness.Bearer(ada.Access)).Want(400, "org/would-lock-out")
		proven(s, org, "other.test", admit.DomainJoinNone)
		switchTo(s, bob, org).Want(200)
		s.Do("DELETE", domainsAt(org)+"/firm.test", nil, harness.Bearer(ada.Access)).Want(200)
		switchTo(s, ada, org).Want(403, "org/domain-not-allowed")
		// Without any domain owners enter, and nobody else.
		if err := s.Auth.Domains.Remove(t.Context(), admit.DomainParams{OrganizationID: org, Domain: "other.test"}); err != nil {
			t.Errorf("the host: %v", err)
		}
		switchTo(s, ada, org).Want(200)
		switchTo(s, eve, org).Want(403, "org/domain-not-allowed")
	}, unlimited)
}

// A domain that another organisation has proven, or that this one only claims, admits
// nobody.
func TestADomainOfAnotherOrganizationAdmitsNobody(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@firm.test"), verified(s, "bob@other.test"), verified(s, "eve@claimed.test")
		org, others := team(s, ada), team(s, bob)
		proven(s, org, "firm.test", admit.DomainJoinNone)
		proven(s, others, "other.test", admit.DomainJoinNone)
		claimed(s, org, "claimed.test", admit.DomainJoinNone)
		asks(s, org, ada, harness.J{"onlyVerifiedDomains": true}).Want(200)
		for _, p := range []harness.Person{bob, eve} {
			err := s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: p.ID, Role: "member", ActorID: ada.ID})
			if !errors.Is(err, admit.ErrDomainNotAllowed) {
				t.Errorf("%s: %v", p.Email, err)
			}
			joins(s, org, p, "owner")
			switchTo(s, p, org).Want(403, "org/domain-not-allowed")
		}
	}, unlimited)
}

// cutLink is the secret of a link of an invitation.
func cutLink(url string) (before, secret string, found bool) {
	for i := range url {
		if url[i] == '=' {
			return url[:i], url[i+1:], true
		}
	}
	return url, "", false
}

// Who joins without being given a role gets the default one.
func TestTheDefaultRoleIsForThoseWhoJoinByThemselves(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		asks(s, org, ada, harness.J{"defaultRole": "billing"}).Want(200)
		_, asker := asked(s, org)
		s.Do("POST", requestsAt(org)+"/"+asker+"/accept", nil, harness.Bearer(ada.Access)).Want(200)
		proven(s, org, "auto.test", admit.DomainJoinAutomatic)
		automatic := made(s, "bob@auto.test", true)
		enters(s, "bob@auto.test")
		for _, user := range []string{asker, automatic} {
			if got := roleOf(s, org, user); got != "billing" {
				t.Errorf("the role is %q", got)
			}
		}
		// A host that has taken the role out of its configuration gives it to nobody.
		other := s.Process(func(c *admit.Config) { c.Organizations.Roles = nil })
		third := made(s, "eve@auto.test", true)
		enters(other, "eve@auto.test")
		if got := roleOf(s, org, third); got != "member" {
			t.Errorf("the role is %q", got)
		}
	}, unlimited, func(c *admit.Config) { c.Organizations.Roles = map[string][]string{"billing": {}} })
}

// The lower limit counts, at the moment of joining, and removes nobody.
func TestAPolicyLimitsTheSeats(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		link, err := s.Auth.Invitations.CreateLink(t.Context(), admit.CreateInvitationLinkParams{OrganizationID: org, Role: "member", MaxUses: 5})
		if err != nil {
			t.Fatal(err)
		}
		adds := func(i int) error {
			return s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: made(s, fmt.Sprintf("p%d@x.test", i), true), Role: "member"})
		}
		for i := range 2 {
			if err := adds(i); err != nil {
				t.Fatal(err)
			}
		}
		asks(s, org, ada, harness.J{"maxMembers": 2}).Want(200)
		if list := s.Do("GET", organizations+"/"+org+"/members", nil, harness.Bearer(ada.Access)).Want(200); len(list.Items()) != 3 {
			t.Errorf("the members are %s", list.Body)
		}
		// An invitation from before is no way around it.
		_, secret, _ := cutLink(link.URL)
		bob := verified(s, "bob@x.test")
		accept(s, secret, "", bob).Want(409, "org/no-seat")
		asks(s, org, ada, harness.J{"maxMembers": 1000}).Want(200)
		accept(s, secret, "", bob).Want(200)
		if err := adds(3); !errors.Is(err, admit.ErrNoSeat) {
			t.Errorf("beyond the limit of the host: %v", err)
		}
	}, unlimited, func(c *admit.Config) {
		c.SeatLimit = func(context.Context, admit.Tx, string) (int, error) { return 4, nil }
	})
}

// A change of the policy and the people who want the last seats, in two processes.
func TestAPolicyAndItsLastSeats(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		processes := []*harness.Server{s, s.Process()}
		org := team(s, verified(s, "ada@x.test"))
		decrees(s, admit.SetPolicyParams{ID: org, MaxMembers: admit.Some(5)})
		people := make([]string, 16)
		for i := range people {
			people[i] = made(s, fmt.Sprintf("p%d@x.test", i), true)
		}
		errs := atOnce(len(people)+1, func(i int) error {
			if i == len(people) {
				_, err := processes[1].Auth.Organizations.SetPolicy(context.Background(), admit.SetPolicyParams{ID: org, MaxMembers: admit.Some(3)})
				return err
			}
			return processes[i%2].Auth.Organizations.AddMember(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[i], Role: "member"})
		})
		for _, err := range errs {
			if err != nil && !errors.Is(err, admit.ErrNoSeat) {
				t.Error(err)
			}
		}
		joined := len(slices.DeleteFunc(errs[:len(people):len(people)], func(err error) bool { return err != nil }))
		list, err := s.Auth.Organizations.Members(t.Context(), admit.ListMembersParams{OrganizationID: org, Page: admit.PageParams{Number: 1, Limit: 1}})
		if err != nil || joined < 2 || joined > 4 || list.Total != joined+1 {
			t.Errorf("%d joined, there are %d members, %v", joined, list.Total, err)
		}
		last := made(s, "last@x.test", true)
		err = processes[1].Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: last, Role: "member"})
		if !errors.Is(err, admit.ErrNoSeat) {
			t.Errorf("after all: %v", err)
		}
	}, unlimited)
}
