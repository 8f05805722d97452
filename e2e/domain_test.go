package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

func domainsAt(org string) string { return organizations + "/" + org + "/domains" }

func requestsAt(org string) string { return organizations + "/" + org + "/join-requests" }

// claimed claims a domain, and puts its record beside those that other claims have
// put there.
func claimed(s *harness.Server, org, domain, join string) admit.Domain {
	s.T.Helper()
	d, err := s.Auth.Domains.Claim(s.T.Context(), admit.DomainParams{OrganizationID: org, Domain: domain, Join: join})
	if err != nil {
		s.T.Fatal(err)
	}
	return d
}

// proven proves a domain, which no other organisation keeps the record of.
func proven(s *harness.Server, org, domain, join string) admit.Domain {
	s.T.Helper()
	d := claimed(s, org, domain, join)
	s.DNS.Put(d.RecordName, d.RecordValue)
	d, err := s.Auth.Domains.Verify(s.T.Context(), admit.DomainParams{OrganizationID: org, Domain: domain})
	if err != nil {
		s.T.Fatal(err)
	}
	return d
}

// made makes an account by the operator.
func made(s *harness.Server, email string, verified bool) string {
	s.T.Helper()
	user, err := s.Auth.Users.Create(s.T.Context(), admit.CreateUserParams{Email: email, Name: "Ada", InsecurePassword: strongPassword, EmailVerified: verified})
	if err != nil {
		s.T.Fatal(err)
	}
	return user.ID
}

// enters signs somebody in by the password.
func enters(s *harness.Server, email string) admit.SignedIn {
	s.T.Helper()
	signed, err := s.Auth.Passwords.SignIn(s.T.Context(), admit.SignInParams{Email: email, Password: strongPassword})
	if err != nil {
		s.T.Fatal(err)
	}
	return signed
}

var askedCount atomic.Int64

// asked makes a proven domain of an organisation, and an account that asks to join by
// it. Of an organisation that is not there, neither exists.
func asked(s *harness.Server, org string) (domain, user string) {
	s.T.Helper()
	n := askedCount.Add(1)
	domain = fmt.Sprintf("firm-%d.test", n)
	d, err := s.Auth.Domains.Claim(s.T.Context(), admit.DomainParams{OrganizationID: org, Domain: domain, Join: admit.DomainJoinRequest})
	if err != nil {
		return domain, made(s, fmt.Sprintf("asker-%d@x.test", n), true)
	}
	s.DNS.Put(d.RecordName, d.RecordValue)
	if _, err := s.Auth.Domains.Verify(s.T.Context(), admit.DomainParams{OrganizationID: org, Domain: domain}); err != nil {
		s.T.Fatal(err)
	}
	user = made(s, "asker@"+domain, true)
	if _, err := s.Auth.Domains.Ask(s.T.Context(), admit.JoinRequestParams{OrganizationID: org, UserID: user}); err != nil {
		s.T.Fatal(err)
	}
	return domain, user
}

// domainFeed is a path with a proven domain, and a request to join by it.
func domainFeed(s *harness.Server, p *heldPerson) map[string]string {
	org := team(s, p.Person)
	domain, user := asked(s, org)
	return map[string]string{"id": org, "domain": domain, "userId": user}
}

var _ = feeds.add(feed{
	route:   "GET /v1/organizations/{id}/domains",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
}, feed{
	route: "POST /v1/organizations/{id}/domains",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, harness.J{"domain": "firm.test", "join": "automatic"}
	},
}, feed{
	route:   "POST /v1/organizations/{id}/domains/{domain}/verify",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
}, feed{
	route:   "DELETE /v1/organizations/{id}/domains/{domain}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
}, feed{
	route:   "GET /v1/organizations/joinable",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) { return nil, nil },
}, feed{
	route: "POST /v1/organizations/{id}/join-requests",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		org, err := s.Auth.Organizations.Create(s.T.Context(), admit.CreateOrganizationParams{Name: "Firm", OwnerID: made(s, "owner-"+p.fresh, true)})
		if err != nil {
			s.T.Fatal(err)
		}
		proven(s, org.ID, "x.test", admit.DomainJoinRequest)
		return map[string]string{"id": org.ID}, nil
	},
}, feed{
	route:   "GET /v1/organizations/{id}/join-requests",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
}, feed{
	route:   "POST /v1/organizations/{id}/join-requests/{userId}/accept",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
}, feed{
	route:   "DELETE /v1/organizations/{id}/join-requests/{userId}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return domainFeed(s, p), nil },
})

// firmOf makes an organisation of the subject of a flow that is disturbed.
func firmOf(s *harness.Server, p *subject) string {
	o, err := s.Auth.Organizations.Create(context.Background(), admit.CreateOrganizationParams{Name: "Firm", OwnerID: p.signed.User.ID})
	if err != nil {
		s.T.Fatal(err)
	}
	return o.ID
}

var _ = faultFlows.add(faultFlow{
	name: "proving a domain",
	prepare: func(s *harness.Server, p *subject) {
		p.extra = firmOf(s, p)
		p.code = fmt.Sprintf("fault-%d.test", askedCount.Add(1))
		d := claimed(s, p.extra, p.code, admit.DomainJoinAutomatic)
		s.DNS.Put(d.RecordName, d.RecordValue)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Domains.Verify(ctx, admit.DomainParams{OrganizationID: p.extra, Domain: p.code, ActorID: p.signed.User.ID})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool {
		all, err := s.Auth.Domains.List(context.Background(), p.extra)
		if err != nil {
			s.T.Fatal(err)
		}
		return !all[0].VerifiedAt.IsZero()
	},
	calls: 8,
}, faultFlow{
	name: "accepting a request to join",
	prepare: func(s *harness.Server, p *subject) {
		p.extra = firmOf(s, p)
		_, p.code = asked(s, p.extra)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Domains.Accept(ctx, admit.JoinRequestParams{OrganizationID: p.extra, UserID: p.code, ActorID: p.signed.User.ID}))
	},
	done:  func(s *harness.Server, p *subject) bool { return roleOf(s, p.extra, p.code) == "member" },
	again: admit.ErrJoinRequestNotFound,
	calls: 8,
})

func TestADomainIsProvenByItsRecord(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		joins(s, org, bob, "member")
		as := harness.Bearer(ada.Access)
		for _, domain := range []string{"", "localhost", "gmail.com", "mail.gmail.com", "co.uk", "github.io", "shared.test", "eu.shared.test", "127.0.0.1", "a b.test", "x.test/..", strings.Repeat("a", 300) + ".test"} {
			s.Do("POST", domainsAt(org), harness.J{"domain": domain}, as).Want(400, "auth/invalid-request")
		}
		if _, err := s.Auth.Domains.Claim(t.Context(), admit.DomainParams{OrganizationID: org, Domain: "firm.test", Join: "all"}); !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("an unknown way to join: %v", err)
		}
		s.Do("POST", domainsAt(org), harness.J{"domain": "firm.test"}, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("GET", domainsAt(org), nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		a := s.Do("POST", domainsAt(org), harness.J{"domain": " FIRM.test. "}, as).Want(201)
		if a.String("domain") != "firm.test" || a.String("join") != "none" || a.Get("verified") != false {
			t.Errorf("the claim is %s", a.Body)
		}
		name, value := a.String("recordName"), a.String("recordValue")
		again := s.Do("POST", domainsAt(org), harness.J{"domain": "firm.test", "join": "request"}, as).Want(200)
		if again.String("recordValue") != value || again.String("join") != "request" {
			t.Errorf("the second claim is %s", again.Body)
		}
		verify := domainsAt(org) + "/firm.test/verify"
		missing := s.Do("POST", verify, nil, as).Want(400, "org/domain-not-verified")
		if !strings.Contains(string(missing.Body), "no-record") || !strings.Contains(string(missing.Body), value) {
			t.Errorf("the refusal is %s", missing.Body)
		}
		// A record that only contains the right one proves nothing.
		s.DNS.Put(name, "x"+value, value+"x", strings.ToUpper(value), "v=spf1 -all")
		s.Do("POST", verify, nil, as).Want(400, "org/domain-not-verified")
		s.DNS.Put(name, "v=spf1 -all", value, "other=1")
		s.DNS.Down(true)
		if down := s.Do("POST", verify, nil, as).Want(400, "org/domain-not-verified"); !strings.Contains(string(down.Body), "lookup-failed") {
			t.Errorf("the refusal is %s", down.Body)
		}
		s.DNS.Down(false)
		s.Do("POST", verify, nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("POST", domainsAt(org)+"/other.test/verify", nil, as).Want(404, "org/domain-not-found")
		if done := s.Do("POST", verify, nil, as).Want(200); done.Get("verified") != true || done.Get("verifiedAt") == nil {
			t.Errorf("the proven domain is %s", done.Body)
		}
		for _, asked := range s.DNS.Asked() {
			if asked != name+"." {
				t.Errorf("asked for %q, want an absolute name", asked)
			}
		}
		// A name in another script is claimed in the form that addresses have.
		if idn := s.Do("POST", domainsAt(org), harness.J{"domain": "bücher.test"}, as).Want(201); idn.String("domain") != "xn--bcher-kva.test" {
			t.Errorf("the claim is %s", idn.Body)
		}
		if list := s.Do("GET", domainsAt(org), nil, as).Want(200).Items(); len(list) != 2 {
			t.Errorf("the list is %v", list)
		}
		s.Do("DELETE", domainsAt(org)+"/firm.test", nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("DELETE", domainsAt(org)+"/firm.test", nil, as).Want(200)
		s.Do("DELETE", domainsAt(org)+"/firm.test", nil, as).Want(404, "org/domain-not-found")
		for i := range 19 {
			s.Do("POST", domainsAt(org), harness.J{"domain": fmt.Sprintf("d%d.test", i)}, as).Want(201)
		}
		s.Do("POST", domainsAt(org), harness.J{"domain": "more.test"}, as).Want(400, "auth/invalid-request")
	}, unlimited, func(c *admit.Config) { c.Domains.Refused = []string{"shared.test"} })
}

// Of two organisations that prove a domain at the same moment, one wins.
func TestADomainHasOneOwner(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		orgs, processes := []string{team(s, ada), team(s, bob)}, []*harness.Server{s, other}
		rounds := 10
		if s.Kind == "memory" {
			rounds = 200
		}
		for round := range rounds {
			const domain = "firm.test"
			first, second := claimed(s, orgs[0], domain, "none"), claimed(s, orgs[1], domain, "none")
			s.DNS.Put(first.RecordName, first.RecordValue, second.RecordValue)
			won := 0
			for _, err := range atOnce(2, func(i int) error {
				_, err := processes[i].Auth.Domains.Verify(context.Background(), admit.DomainParams{OrganizationID: orgs[i], Domain: domain})
				return err
			}) {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, admit.ErrDomainTaken):
					t.Errorf("round %d: %v", round, err)
				}
			}
			owners := 0
			for _, org := range orgs {
				all, err := s.Auth.Domains.List(t.Context(), org)
				if err != nil || len(all) != 1 {
					t.Fatal(all, err)
				}
				if !all[0].VerifiedAt.IsZero() {
					owners++
				}
				if err := s.Auth.Domains.Remove(t.Context(), admit.DomainParams{OrganizationID: org, Domain: domain}); err != nil {
					t.Fatal(err)
				}
			}
			if won != 1 || owners != 1 {
				t.Fatalf("round %d: %d won, %d own the domain", round, won, owners)
			}
		}
	}, unlimited)
}

// Whoever has not proven a domain, or no longer has its record, is in nobody's way.
func TestAClaimWithoutARecordBlocksNobody(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		squatter, firm := team(s, ada), team(s, bob)
		claimed(s, squatter, "firm.test", "automatic")
		as := harness.Bearer(bob.Access)
		mine := s.Do("POST", domainsAt(firm), harness.J{"domain": "firm.test"}, as).Want(201)
		s.DNS.Put(mine.String("recordName"), mine.String("recordValue"))
		verify := func(org string) string { return domainsAt(org) + "/firm.test/verify" }
		s.Do("POST", verify(firm), nil, as).Want(200)
		s.Do("POST", verify(squatter), nil, harness.Bearer(ada.Access)).Want(400, "org/domain-not-verified")
		// The domain is sold. While both records stand, it stays where it is.
		theirs := claimed(s, squatter, "firm.test", "")
		s.DNS.Put(theirs.RecordName, theirs.RecordValue, mine.String("recordValue"))
		s.Do("POST", verify(squatter), nil, harness.Bearer(ada.Access)).Want(409, "org/domain-taken")
		s.DNS.Put(theirs.RecordName, theirs.RecordValue)
		s.Do("POST", verify(squatter), nil, harness.Bearer(ada.Access)).Want(200)
		if list := s.Do("GET", domainsAt(firm), nil, as).Want(200).Items(); list[0]["verified"] != false {
			t.Errorf("both own the domain: %v", list)
		}
		// A deleted organisation frees it, whatever its record says.
		s.Do("DELETE", organizations+"/"+squatter, nil, harness.Bearer(ada.Access)).Want(200)
		s.DNS.Put(theirs.RecordName, theirs.RecordValue, mine.String("recordValue"))
		s.Do("POST", verify(firm), nil, as).Want(200)
	}, unlimited)
}

// Who has proven an address in the domain joins, and nobody else.
func TestAccountsJoinByTheirDomain(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		early := made(s, "early@firm.test", true)
		proven(s, org, "firm.test", "automatic")
		// An address that was only typed joins nothing, however often its registrant
		// signs in.
		var typed harness.Person
		token := mailed(s, mailer.SignupConfirmation, "typed@firm.test", func() { typed = s.SignUp("typed@firm.test") })
		s.SignIn("typed@firm.test", harness.Password)
		if role := roleOf(s, org, typed.ID); role != "" {
			t.Fatalf("an account that has proven nothing is %s", role)
		}
		s.Do("POST", requestsAt(org), nil, harness.Bearer(typed.Access)).Want(404, "org/not-found")
		confirm(s, "typed@firm.test", token).Want(200)
		if role := roleOf(s, org, typed.ID); role != "member" {
			t.Errorf("after the confirmation the role is %q", role)
		}
		// Whoever had proven the address before joins at the next sign-in.
		if role := roleOf(s, org, early); role != "" {
			t.Errorf("the role is %q before a sign-in", role)
		}
		enters(s, "early@firm.test")
		if role := roleOf(s, org, early); role != "member" {
			t.Errorf("after a sign-in the role is %q", role)
		}
		// Addresses beside the domain join nothing.
		for _, email := range []string{"a@eng.firm.test", "a@notfirm.test", "a@firm.test.evil.test"} {
			id := made(s, email, true)
			enters(s, email)
			if role := roleOf(s, org, id); role != "" {
				t.Errorf("%s is %s", email, role)
			}
		}
		// Whoever was removed, or has left, does not come back alone.
		for i, id := range []string{early, typed.ID} {
			actor := []string{ada.ID, typed.ID}[i]
			if err := s.Auth.Organizations.RemoveMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: id, ActorID: actor}); err != nil {
				t.Fatal(err)
			}
		}
		enters(s, "early@firm.test")
		s.SignIn("typed@firm.test", harness.Password)
		if roleOf(s, org, early)+roleOf(s, org, typed.ID) != "" {
			t.Error("a former member has joined again")
		}
		joins(s, org, harness.Person{ID: early}, "member")
		// Nobody joins by a domain that is lost, or whose join is none.
		proven(s, org, "side.test", "automatic") // so that sign-ins ask for domains at all
		claimed(s, org, "firm.test", "none")
		late := made(s, "late@firm.test", true)
		enters(s, "late@firm.test")
		if role := roleOf(s, org, late); role != "" {
			t.Errorf("by a domain whose join is none, the role is %q", role)
		}
		claimed(s, org, "firm.test", "automatic")
		for _, domain := range []string{"firm.test", "side.test"} {
			if err := s.Auth.Domains.Remove(t.Context(), admit.DomainParams{OrganizationID: org, Domain: domain}); err != nil {
				t.Fatal(err)
			}
		}
		claimed(s, org, "firm.test", "automatic")
		enters(s, "late@firm.test")
		if role := roleOf(s, org, late); role != "" {
			t.Errorf("by a domain that is not proven, the role is %q", role)
		}
		// Another process may take a minute to learn of the first such domain.
		other := s.Process()
		if _, err := other.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "late@firm.test", Password: strongPassword}); err != nil {
			t.Fatal(err)
		}
		proven(s, org, "firm.test", "automatic")
		s.Clock.Advance(time.Minute)
		if _, err := other.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "late@firm.test", Password: strongPassword}); err != nil {
			t.Fatal(err)
		}
		if role := roleOf(s, org, late); role != "member" {
			t.Errorf("in another process the role is %q", role)
		}
	}, unlimited)
}

// A change of address to the domain joins as well, and a full organisation keeps
// nobody from signing in.
func TestAFullOrganizationKeepsNobodyOut(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		proven(s, org, "firm.test", "automatic")
		token := mailed(s, mailer.EmailVerification, "bob@firm.test", func() {
			if err := s.Auth.EmailChanges.Request(t.Context(), admit.EmailChangeParams{UserID: bob.ID, Email: "bob@firm.test"}); err != nil {
				t.Fatal(err)
			}
		})
		if err := s.Auth.EmailChanges.Confirm(t.Context(), admit.TokenParams{Token: token}); err != nil {
			t.Fatal(err)
		}
		if role := roleOf(s, org, bob.ID); role != "member" {
			t.Errorf("after the change of address the role is %q", role)
		}
		third := made(s, "third@firm.test", true)
		enters(s, "third@firm.test")
		if role := roleOf(s, org, third); role != "" {
			t.Errorf("there was no seat, and the role is %q", role)
		}
		if _, err := s.Auth.Domains.Ask(t.Context(), admit.JoinRequestParams{OrganizationID: org, UserID: third}); !errors.Is(err, admit.ErrNoSeat) {
			t.Errorf("asking without a seat: %v", err)
		}
	}, unlimited, func(c *admit.Config) {
		c.SeatLimit = func(context.Context, admit.Tx, string) (int, error) { return 2, nil }
	})
}

func TestWhoAsksIsLetInByAnAdmin(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		eve, joe := verified(s, "eve@firm.test"), verified(s, "joe@firm.test")
		org := team(s, ada)
		joins(s, org, bob, "member")
		proven(s, org, "firm.test", "request")
		list := s.Do("GET", organizations+"/joinable", nil, harness.Bearer(eve.Access)).Want(200).Items()
		if len(list) != 1 || list[0]["id"] != org || list[0]["asked"] != false || list[0]["domain"] != "firm.test" {
			t.Errorf("eve may join %v", list)
		}
		if list := s.Do("GET", organizations+"/joinable", nil, harness.Bearer(bob.Access)).Want(200).Items(); len(list) != 0 {
			t.Errorf("bob may join %v", list)
		}
		outsider := verified(s, "out@y.test")
		s.Do("POST", requestsAt(org), nil, harness.Bearer(outsider.Access)).Want(404, "org/not-found")
		for range 2 {
			if a := s.Do("POST", requestsAt(org), nil, harness.Bearer(eve.Access)).Want(201); a.Get("joined") != false {
				t.Errorf("eve has joined: %s", a.Body)
			}
		}
		s.Do("POST", requestsAt(org), nil, harness.Bearer(joe.Access)).Want(201)
		if role := roleOf(s, org, eve.ID); role != "" {
			t.Errorf("who has only asked is %s", role)
		}
		s.Do("GET", requestsAt(org), nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("POST", requestsAt(org)+"/"+eve.ID+"/accept", nil, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("POST", requestsAt(org)+"/"+eve.ID+"/accept", nil, harness.Bearer(eve.Access)).Want(404, "org/not-found")
		s.Do("DELETE", requestsAt(org)+"/"+eve.ID, nil, harness.Bearer(joe.Access)).Want(404, "org/not-found")
		as := harness.Bearer(ada.Access)
		if list := s.Do("GET", requestsAt(org), nil, as).Want(200).Items(); len(list) != 2 {
			t.Errorf("%v wait", list)
		}
		s.Do("POST", requestsAt(org)+"/"+eve.ID+"/accept", nil, as).Want(200)
		s.Do("POST", requestsAt(org)+"/"+eve.ID+"/accept", nil, as).Want(404, "org/join-request-not-found")
		if role := roleOf(s, org, eve.ID); role != "member" {
			t.Errorf("who was accepted is %q", role)
		}
		s.Do("POST", requestsAt(org), nil, harness.Bearer(eve.Access)).Want(409, "auth/already-member")
		// A request is refused, asked again and taken back.
		s.Do("DELETE", requestsAt(org)+"/"+joe.ID, nil, as).Want(200)
		s.Do("POST", requestsAt(org), nil, harness.Bearer(joe.Access)).Want(201)
		s.Do("DELETE", requestsAt(org)+"/"+joe.ID, nil, harness.Bearer(joe.Access)).Want(200)
		s.Do("DELETE", requestsAt(org)+"/"+joe.ID, nil, harness.Bearer(joe.Access)).Want(404, "org/join-request-not-found")
		// The address must still be there when the request is accepted.
		s.Do("POST", requestsAt(org), nil, harness.Bearer(joe.Access)).Want(201)
		if _, err := s.Auth.Users.Update(t.Context(), admit.UpdateUserParams{UserID: joe.ID, EmailVerified: admit.Some(false)}); err != nil {
			t.Fatal(err)
		}
		s.Do("POST", requestsAt(org)+"/"+joe.ID+"/accept", nil, as).Want(404, "org/join-request-not-found")
		if err := s.Auth.Users.Verify(t.Context(), joe.ID); err != nil {
			t.Fatal(err)
		}
		if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: joe.ID, Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		s.Do("POST", requestsAt(org)+"/"+joe.ID+"/accept", nil, as).Want(403, "auth/account-banned")
		if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: joe.ID}); err != nil {
			t.Fatal(err)
		}
		if list := s.Do("GET", requestsAt(org), nil, as).Want(200).Items(); len(list) != 0 {
			t.Errorf("a deleted account asks: %v", list)
		}
		if role := roleOf(s, org, joe.ID); role != "" {
			t.Errorf("joe is %s", role)
		}
	}, unlimited)
}

// sweeps lets a new process sweep until the state of the domain is as wanted.
func sweeps(s *harness.Server, what string, done func() bool) {
	s.T.Helper()
	sweeper := s.Process()
	sweeper.Auth.Start()
	s.Eventually(what, done)
}

// A proof lasts as long as its record, and the grace after that.
func TestADomainIsProvenAgainAndAgain(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		d := proven(s, org, "firm.test", "automatic")
		state := func() admit.Domain {
			all, err := s.Auth.Domains.List(context.Background(), org)
			if err != nil || len(all) != 1 {
				t.Fatal(all, err)
			}
			return all[0]
		}
		s.Clock.Advance(25 * time.Hour)
		sweeps(s, "the record is found again", func() bool { return state().CheckedAt.After(d.CheckedAt) })
		// A server that does not answer proves nothing, and takes nothing away.
		s.DNS.Down(true)
		s.Clock.Advance(25 * time.Hour)
		before := len(s.DNS.Asked())
		sweeps(s, "the server is asked", func() bool { return len(s.DNS.Asked()) > before })
		s.DNS.Down(false)
		s.DNS.Put(d.RecordName, "v=spf1 -all")
		s.Clock.Advance(25 * time.Hour)
		sweeps(s, "the record is missed", func() bool { return !state().MissingAt.IsZero() })
		if state().VerifiedAt.IsZero() {
			t.Error("the domain is lost at once")
		}
		s.Clock.Advance(6 * 24 * time.Hour)
		s.DNS.Put(d.RecordName, d.RecordValue)
		sweeps(s, "the record is back", func() bool { return state().MissingAt.IsZero() })
		s.DNS.Put(d.RecordName)
		s.Clock.Advance(25 * time.Hour)
		sweeps(s, "the record is missed again", func() bool { return !state().MissingAt.IsZero() })
		s.Clock.Advance(7*24*time.Hour + time.Hour)
		sweeps(s, "the domain is lost", func() bool { return state().VerifiedAt.IsZero() })
		id := made(s, "late@firm.test", true)
		enters(s, "late@firm.test")
		if role := roleOf(s, org, id); role != "" {
			t.Errorf("by a lost domain, the role is %q", role)
		}
		var kinds []string
		events, err := s.Auth.Events.List(t.Context(), admit.ListEventsParams{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events.Items {
			if strings.HasPrefix(e.Kind, "domain.") {
				kinds = append(kinds, e.Kind)
			}
		}
		if want := []string{"domain.claimed", "domain.verified", "domain.missing", "domain.missing", "domain.lost"}; !slices.Equal(kinds, want) {
			t.Errorf("recorded are %q", kinds)
		}
	}, unlimited)
}

// The reader of a mailbox ends the account of a stranger, also one that owns
// organisations: none is left without an owner.
func TestAnOrganizationHasAnOwnerAfterAStartOver(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		stranger, _ := plantedFactor(s, "owner@x.test")
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		managed, plain, shared := team(s, stranger), team(s, stranger), team(s, stranger)
		for _, org := range []string{managed, plain, shared} {
			joins(s, org, ada, "member")
		}
		joins(s, managed, bob, "admin")
		joins(s, shared, bob, "admin")
		joins(s, shared, eve, "owner")
		token := offered(s, redeem(s, magicToken(s, "owner@x.test")))
		startOver(s, token).Want(201)
		for _, c := range []struct{ org, user, want string }{
			{managed, bob.ID, "owner"}, {managed, ada.ID, "member"}, {shared, bob.ID, "admin"}, {shared, eve.ID, "owner"},
			{managed, stranger.ID, ""}, {plain, stranger.ID, ""}, {shared, stranger.ID, ""},
		} {
			if role := roleOf(s, c.org, c.user); role != c.want {
				t.Errorf("the role is %q, want %q", role, c.want)
			}
		}
		for org, deleted := range map[string]bool{managed: false, plain: true, shared: false} {
			if o, err := s.Auth.Organizations.Get(t.Context(), org); err != nil || o.DeletedAt.IsZero() == deleted {
				t.Errorf("the organisation was deleted at %v, %v", o.DeletedAt, err)
			}
		}
	}, unlimited)
}

// Of 50 who want the last seats at once, in two processes, as many join as there are.
func TestTwoProcessesGiveNoSeatTwice(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		processes := []*harness.Server{s, s.Process()}
		org := team(s, verified(s, "ada@x.test"))
		people := make([]string, 50)
		for i := range people {
			people[i] = made(s, fmt.Sprintf("p%d@x.test", i), true)
		}
		joined := 0
		for _, err := range atOnce(len(people), func(i int) error {
			return processes[i%2].Auth.Organizations.AddMember(context.Background(), admit.MemberParams{OrganizationID: org, UserID: people[i], Role: "member"})
		}) {
			switch {
			case err == nil:
				joined++
			case !errors.Is(err, admit.ErrNoSeat):
				t.Error(err)
			}
		}
		list, err := s.Auth.Organizations.Members(t.Context(), admit.ListMembersParams{OrganizationID: org, Page: admit.PageParams{Number: 1, Limit: 1}})
		if err != nil || joined != 6 || list.Total != 7 {
			t.Errorf("%d joined, there are %d members, %v", joined, list.Total, err)
		}
	}, unlimited, func(c *admit.Config) {
		c.SeatLimit = func(context.Context, admit.Tx, string) (int, error) { return 7, nil }
	})
}

// An invitation is mailed again over HTTP: the older link is worth nothing then.
func TestAnInvitationIsSentAgainOverHTTP(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		org := team(s, ada)
		joins(s, org, eve, "member")
		sent, first := invite(s, ada, org, bob.Email, "member")
		again := invitations + "/" + sent.String("id") + "/resend"
		for _, p := range []harness.Person{bob, eve} {
			s.Do("POST", again, nil, harness.Bearer(p.Access)).Want(404, "auth/invitation-not-found")
		}
		second := mailed(s, mailer.Invitation, bob.Email, func() {
			s.Do("POST", again, nil, harness.Bearer(ada.Access)).Want(200)
		})
		accept(s, first, "", bob).Want(401, "auth/invalid-token")
		accept(s, second, "", bob).Want(200)
		s.Do("POST", again, nil, harness.Bearer(ada.Access)).Want(404, "auth/invitation-not-found")
		// Who has invited may not invite any more.
		joe := verified(s, "joe@x.test")
		joins(s, org, joe, "admin")
		theirs, _ := invite(s, joe, org, "new@x.test", "member")
		s.Do("PATCH", memberAt(org, joe.ID), harness.J{"role": "member"}, harness.Bearer(ada.Access)).Want(200)
		s.Do("POST", invitations+"/"+theirs.String("id")+"/resend", nil, harness.Bearer(ada.Access)).Want(403, "auth/forbidden")
	}, unlimited)
}
