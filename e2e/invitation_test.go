package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const invitations = "/v1/auth/invitations"

// invite invites an address over HTTP and returns the answer and the token of the
// mail.
func invite(s *harness.Server, by harness.Person, org, email, role string) (made *harness.Answer, token string) {
	s.T.Helper()
	token = mailed(s, mailer.Invitation, email, func() {
		made = s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": email, "resourceRole": role}, harness.Bearer(by.Access)).Want(201)
	})
	return made, token
}

// accept posts the token of an invitation, as a person or, without an access token,
// as nobody.
func accept(s *harness.Server, token, email string, by harness.Person) *harness.Answer {
	s.T.Helper()
	body := harness.J{"token": token}
	if email != "" {
		body["email"] = email
	}
	if by.Access == "" {
		return s.Do("POST", invitations+"/accept", body)
	}
	return s.Do("POST", invitations+"/accept", body, harness.Bearer(by.Access))
}

// roleOf is the role of an account in an organisation, "" for none.
func roleOf(s *harness.Server, org, user string) string {
	s.T.Helper()
	m, err := s.Store.Member(s.T.Context(), "", org, user)
	if errors.Is(err, store.ErrNotFound) {
		return ""
	}
	if err != nil {
		s.T.Fatal(err)
	}
	return m.Role
}

// linkOf makes a link and returns its secret.
func linkOf(s *harness.Server, by harness.Person, org string, uses int) (secret string) {
	s.T.Helper()
	made := s.Do("POST", organizations+"/"+org+"/invitation-links", harness.J{"resourceRole": "member", "maxUses": uses}, harness.Bearer(by.Access)).Want(201)
	u, err := url.Parse(made.String("url"))
	if err != nil || u.RawQuery != "" {
		s.T.Fatalf("the link is %q, %v", made.String("url"), err)
	}
	return strings.TrimPrefix(u.Fragment, "token=")
}

// invitedFeed is a route that names an invitation of the held person.
func invitedFeed(s *harness.Server, p *heldPerson) map[string]string {
	made, _ := invite(s, p.Person, team(s, p.Person), "i-"+p.Email, "member")
	return map[string]string{"id": made.String("id")}
}

// pendingFor is the body that accepts an invitation of the held person.
func pendingFor(s *harness.Server, p *heldPerson) harness.J {
	owner := verified(s, "o-"+p.Email)
	_, token := invite(s, owner, team(s, owner), p.Email, "member")
	return harness.J{"token": token}
}

var _ = feeds.add(feed{
	route: "POST /v1/auth/invitations",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"resourceType": "organization", "resourceId": team(s, p.Person), "email": p.fresh, "resourceRole": "member"}
	},
}, feed{
	route:   "GET /v1/auth/invitations",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) { return nil, nil },
}, feed{
	route:   "GET /v1/auth/invitations/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return invitedFeed(s, p), nil },
}, feed{
	route:   "DELETE /v1/auth/invitations/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return invitedFeed(s, p), nil },
}, feed{
	route:   "POST /v1/auth/invitations/{id}/resend",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return invitedFeed(s, p), nil },
}, feed{
	route:   "POST /v1/auth/invitations/accept",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return nil, pendingFor(s, p) },
}, feed{
	route:   "POST /v1/auth/invitations/reject",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) { return nil, pendingFor(s, p) },
}, feed{
	route: "POST /v1/organizations/{id}/invitation-links",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, harness.J{"resourceRole": "member", "maxUses": 2}
	},
}, feed{
	route: "GET /v1/organizations/{id}/invitation-links",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"id": team(s, p.Person)}, nil
	},
}, feed{
	route: "DELETE /v1/organizations/{id}/invitation-links/{linkId}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		org := team(s, p.Person)
		made := s.Do("POST", organizations+"/"+org+"/invitation-links", harness.J{"resourceRole": "member", "maxUses": 2}, harness.Bearer(p.Access)).Want(201)
		return map[string]string{"id": org, "linkId": made.String("id")}, nil
	},
})

// AC-076, AC-078, AC-083, AZ-08: an invitation is for one mailbox and one role.
func TestAC076_AnInvitationIsForOneMailbox(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		org := team(s, ada)
		joins(s, org, eve, "member")
		// Rights.
		for _, c := range []struct {
			by         harness.Person
			role, code string
			status     int
		}{
			{bob, "member", "org/not-found", 404}, {eve, "member", "auth/forbidden", 403},
			{ada, "Admin", "org/invalid-role", 400}, {ada, " admin", "org/invalid-role", 400}, {ada, "editor", "org/invalid-role", 400},
		} {
			s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": "new@x.test", "resourceRole": c.role}, harness.Bearer(c.by.Access)).Want(c.status, c.code)
		}
		joins(s, org, bob, "admin")
		s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": "new@x.test", "resourceRole": "owner"}, harness.Bearer(bob.Access)).Want(403, "auth/forbidden")
		s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": "Bob@x.test", "resourceRole": "member"}, harness.Bearer(ada.Access)).Want(409, "auth/already-member")
		s.Do("POST", invitations, harness.J{"resourceType": "project", "resourceId": "p1", "email": "new@x.test", "resourceRole": "member"}, harness.Bearer(ada.Access)).Want(403, "auth/forbidden")
		s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(ada.Access)).Want(200)

		made, token := invite(s, ada, org, "bob@x.test", "admin")
		id := made.String("id")
		if made.String("resourceName") != "Acme" || made.String("status") != "pending" || made.String("invitedBy") != ada.ID {
			t.Errorf("the invitation is %s", made.Body)
		}
		s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": "BOB@x.test", "resourceRole": "member"}, harness.Bearer(ada.Access)).Want(409, "auth/invitation-already-pending")
		// Somebody else, and a guess.
		accept(s, token, "", eve).Want(403, "auth/forbidden")
		accept(s, token, "eve@x.test", bob).Want(401, "auth/invalid-token")
		accept(s, strings.Repeat("A", 43), "", bob).Want(401, "auth/invalid-token")
		s.Do("POST", invitations+"/reject", harness.J{"token": token}, harness.Bearer(eve.Access)).Want(403, "auth/forbidden")
		s.Do("GET", invitations+"/"+id, nil, harness.Bearer(eve.Access)).Want(404, "auth/invitation-not-found")
		s.Do("DELETE", invitations+"/"+id, nil, harness.Bearer(eve.Access)).Want(404, "auth/invitation-not-found")
		for _, p := range []harness.Person{ada, bob} {
			s.Do("GET", invitations+"/"+id, nil, harness.Bearer(p.Access)).Want(200)
			if list := s.Do("GET", invitations, nil, harness.Bearer(p.Access)).Want(200); len(list.Items()) != 1 {
				t.Errorf("%s lists %s", p.Email, list.Body)
			}
		}
		if list := s.Do("GET", invitations, nil, harness.Bearer(eve.Access)).Want(200); len(list.Items()) != 0 {
			t.Errorf("a member lists %s", list.Body)
		}
		// Nobody is signed in: what comes first is told to the reader of the mail.
		if a := accept(s, token, "bob@x.test", harness.Person{}).Want(200); a.String("next") != "signin" || a.String("status") != "pending" {
			t.Errorf("nobody learns %s", a.Body)
		}
		if a := accept(s, token, "", harness.Person{}).Want(200); a.Get("next") != nil {
			t.Errorf("without the address nobody learns %s", a.Body)
		}
		// The role of the body counts for nothing.
		s.Do("POST", invitations+"/accept", harness.J{"token": token, "resourceRole": "owner"}, harness.Bearer(bob.Access)).Want(200)
		if role := roleOf(s, org, bob.ID); role != "admin" {
			t.Errorf("the role is %q", role)
		}
		accept(s, token, "", bob).Want(409, "auth/invitation-already-accepted")
		s.Do("DELETE", invitations+"/"+id, nil, harness.Bearer(ada.Access)).Want(404, "auth/invitation-not-found")
	}, unlimited)
}

// A mailed invitation proves the mailbox of a sign-up, which joins in one
// transaction.
func TestASignUpJoinsByItsInvitation(t *testing.T) {
	for name, set := range map[string]harness.Option{
		"plain": unlimited, "verified only": func(c *admit.Config) { c.RequireVerifiedEmail = true }, "private": func(c *admit.Config) { c.PrivateSignUp = true },
		"closed": func(c *admit.Config) { c.SignUpDisabled = true },
	} {
		t.Run(name, func(t *testing.T) {
			harness.Each(t, func(t *testing.T, s *harness.Server) {
				owner, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "ada@x.test", Name: "Ada"})
				if err != nil {
					t.Fatal(err)
				}
				org, err := s.Auth.Organizations.Create(t.Context(), admit.CreateOrganizationParams{Name: "Acme", OwnerID: owner.ID})
				if err != nil {
					t.Fatal(err)
				}
				token := mailed(s, mailer.Invitation, "bob@x.test", func() {
					_, err := s.Auth.Invitations.Create(t.Context(), admit.CreateInvitationParams{ResourceType: "organization", ResourceID: org.ID, Email: "bob@x.test", Role: "member"})
					if err != nil {
						t.Fatal(err)
					}
				})
				signUp := func(email, token string) *harness.Answer {
					s.Keep("password", harness.Password)
					return s.Do("POST", "/v1/auth/email/signup", harness.J{"email": email, "password": harness.Password, "name": "Bob", "invitationToken": token})
				}
				if a := accept(s, token, "bob@x.test", harness.Person{}).Want(200); a.String("next") != "signup" {
					t.Errorf("nobody learns %s", a.Body)
				}
				signUp("eve@x.test", token).Want(401, "auth/invalid-token")
				if _, err := s.Store.UserByEmail(t.Context(), "", "eve@x.test"); !errors.Is(err, store.ErrNotFound) {
					t.Error("a refused sign-up made an account")
				}
				tokens := signUp("bob@x.test", token).Want(201).Tokens()
				me := s.Me(tokens.Access).Want(200)
				if me.Get("emailVerified") == nil || roleOf(s, org.ID, me.String("id")) != "member" {
					t.Errorf("the account is %s, its role %q", me.Body, roleOf(s, org.ID, me.String("id")))
				}
				signUp("bob@x.test", token).Want(409, "auth/invitation-already-accepted")
			}, set)
		})
	}
}

// AC-080, AC-082, AZ-09: what ended opens nothing, by no door.
func TestAC080_AnInvitationThatEndedOpensNothing(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		outside := func(what string) {
			t.Helper()
			if role := roleOf(s, org, bob.ID); role != "" {
				t.Errorf("%s: the role is %q", what, role)
			}
		}
		// Revoked.
		made, token := invite(s, ada, org, "bob@x.test", "member")
		s.Do("DELETE", invitations+"/"+made.String("id"), nil, harness.Bearer(ada.Access)).Want(200)
		accept(s, token, "", bob).Want(401, "auth/invalid-token")
		// Sent again.
		made, token = invite(s, ada, org, "bob@x.test", "member")
		again := mailed(s, mailer.Invitation, "bob@x.test", func() {
			if _, err := s.Auth.Invitations.Resend(t.Context(), admit.InvitationParams{ID: made.String("id"), ActorID: ada.ID}); err != nil {
				t.Fatal(err)
			}
		})
		accept(s, token, "", bob).Want(401, "auth/invalid-token")
		// Rejected.
		s.Do("POST", invitations+"/reject", harness.J{"token": again, "email": "bob@x.test"}).Want(200)
		accept(s, again, "", bob).Want(401, "auth/invalid-token")
		outside("rejected")
		// Expired.
		_, token = invite(s, ada, org, "bob@x.test", "member")
		s.Clock.Advance(7 * 24 * time.Hour)
		accept(s, token, "bob@x.test", harness.Person{}).Want(410, "auth/invitation-expired")
		ada.Tokens, bob.Tokens = s.SignIn("ada@x.test", harness.Password).Want(200).Tokens(), s.SignIn("bob@x.test", harness.Password).Want(200).Tokens()
		accept(s, token, "", bob).Want(410, "auth/invitation-expired")
		if list := s.Do("GET", invitations+"?status=expired", nil, harness.Bearer(bob.Access)).Want(200); len(list.Items()) != 1 {
			t.Errorf("the expired invitations are %s", list.Body)
		}
		// A new one takes the place of the expired one. No other proof of the mailbox
		// accepts it.
		_, token = invite(s, ada, org, "bob@x.test", "member")
		resetWith(s, "bob@x.test", resetToken(s, "bob@x.test"), harness.Password).Want(200)
		bob.Tokens = s.SignIn("bob@x.test", harness.Password).Want(200).Tokens()
		outside("reset")
		accept(s, token, "", bob).Want(200)
	}, unlimited)
}

// AZ-08: the right of the inviter is asked again.
func TestAZ08_TheRightOfTheInviterIsAskedAgain(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		for i, lose := range map[string]func(org string, bob harness.Person, ada harness.Person){
			"demoted": func(org string, bob, ada harness.Person) {
				s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "member"}, harness.Bearer(ada.Access)).Want(200)
			},
			"removed": func(org string, bob, ada harness.Person) {
				s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(ada.Access)).Want(200)
			},
			"banned": func(_ string, bob, _ harness.Person) { s.Ban(bob.ID) },
			"deleted": func(_ string, bob, _ harness.Person) {
				s.Do("DELETE", users+"/"+bob.ID, nil, harness.Bearer(bob.Access)).Want(200)
			},
			"organisation deleted": func(org string, _, ada harness.Person) {
				s.Do("DELETE", organizations+"/"+org, nil, harness.Bearer(ada.Access)).Want(200)
			},
		} {
			name := strings.ReplaceAll(i, " ", "-")
			ada, bob, eve := verified(s, "ada-"+name+"@x.test"), verified(s, "bob-"+name+"@x.test"), verified(s, "eve-"+name+"@x.test")
			org := team(s, ada)
			joins(s, org, bob, "admin")
			_, token := invite(s, bob, org, eve.Email, "admin")
			link := linkOf(s, bob, org, 3)
			lose(org, bob, ada)
			for _, secret := range []string{token, link} {
				accept(s, secret, "", eve).Want(401, "auth/invalid-token")
			}
			if a := s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "n-" + eve.Email, "password": harness.Password, "name": "E", "invitationToken": token}); a.Status != 401 {
				t.Errorf("%s: a sign-up with another address: %d %s", i, a.Status, a.Body)
			}
			if role := roleOf(s, org, eve.ID); role != "" {
				t.Errorf("%s: the role is %q", i, role)
			}
		}
	}, unlimited)
}

// A banned account accepts nothing, and an unproven address neither.
func TestABannedOrUnprovenAccountAcceptsNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), s.SignUp("eve@x.test")
		org := team(s, ada)
		_, banned := invite(s, ada, org, "bob@x.test", "member")
		_, unproven := invite(s, ada, org, "eve@x.test", "member")
		s.Ban(bob.ID)
		accept(s, banned, "", bob).Want(403, "auth/account-banned")
		accept(s, unproven, "", eve).Want(403, "auth/email-not-verified")
		accept(s, linkOf(s, ada, org, 2), "", eve).Want(403, "auth/email-not-verified")
		s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": team(s, eve), "email": "x@x.test", "resourceRole": "member"}, harness.Bearer(eve.Access)).Want(403, "auth/email-not-verified")
	}, unlimited)
}

// AC-081, OT-03: of all who use an invitation at once one wins, and a revocation
// and an acceptance never both do.
func TestAC081_AnInvitationHasOneOutcome(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		_, token := invite(s, ada, org, "bob@x.test", "member")
		answers := harness.Parallel(20, func(int) *harness.Answer { return accept(s, token, "", bob) })
		if counts := harness.Count(answers); counts[200] != 1 || counts[409] != 19 {
			t.Errorf("20 acceptances answered %v", counts)
		}
		for round := range 5 {
			s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(bob.Access))
			made, token := invite(s, ada, org, "bob@x.test", "member")
			answers := harness.Parallel(2, func(i int) *harness.Answer {
				if i == 0 {
					return accept(s, token, "", bob)
				}
				return s.Do("DELETE", invitations+"/"+made.String("id"), nil, harness.Bearer(ada.Access))
			})
			joined, revoked := answers[0].Status == 200, answers[1].Status == 200
			if joined == revoked || joined != (roleOf(s, org, bob.ID) == "member") {
				t.Errorf("round %d: accepted %d, revoked %d, the role is %q", round, answers[0].Status, answers[1].Status, roleOf(s, org, bob.ID))
			}
		}
		for round := range 5 {
			eve := verified(s, fmt.Sprintf("eve%d@x.test", round))
			joins(s, org, eve, "admin")
			guest := verified(s, fmt.Sprintf("guest%d@x.test", round))
			_, token := invite(s, eve, org, guest.Email, "member")
			answers := harness.Parallel(2, func(i int) *harness.Answer {
				if i == 0 {
					return accept(s, token, "", guest)
				}
				return s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(ada.Access))
			})
			if answers[1].Status != 200 || answers[0].Status != 200 && answers[0].Status != 401 || (answers[0].Status == 200) != (roleOf(s, org, guest.ID) != "") {
				t.Errorf("round %d: accepted %d, removed %d, the role is %q", round, answers[0].Status, answers[1].Status, roleOf(s, org, guest.ID))
			}
		}
	}, unlimited)
}

// A link lets in as many accounts as it says, however many come at once to however
// many processes.
// A link of an organisation ends, within a year.
func TestALinkOfAnOrganizationEndsWithinAYear(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		now := s.Clock.Now()
		for until, want := range map[time.Time]int{
			now: 400, now.Add(-time.Hour): 400, now.Add(time.Hour): 201, now.AddDate(1, 0, 0): 201, now.AddDate(1, 0, 0).Add(time.Second): 400, now.AddDate(50, 0, 0): 400,
		} {
			s.Do("POST", organizations+"/"+org+"/invitation-links", harness.J{
				"resourceRole": "member", "maxUses": 1, "expiresAt": until.UTC().Format(time.RFC3339Nano),
			}, harness.Bearer(ada.Access)).Want(want)
		}
	}, unlimited)
}

func TestALinkIsUsedAsOftenAsAllowed(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		const uses, people = 7, 50
		secret := linkOf(s, ada, org, uses)
		if a := accept(s, secret, "ada@x.test", harness.Person{}); a.Status != 401 {
			t.Errorf("without a session a link tells %s", a.Body)
		}
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "new@x.test", "password": harness.Password, "name": "N", "invitationToken": secret}).Want(401, "auth/invalid-token")
		processes := []*admit.Auth{s.Auth, processOn(s, s.Store)}
		defer closeSoon(processes[1])
		ids := make([]string, people)
		for i := range ids {
			ids[i] = someoneProven(s, fmt.Sprintf("p%d@x.test", i))
		}
		errs := atOnce(people, func(i int) error {
			_, err := processes[i%2].Invitations.Accept(context.Background(), admit.AcceptInvitationParams{Token: secret, UserID: ids[i]})
			return err
		})
		joined := 0
		for _, err := range errs {
			switch {
			case err == nil:
				joined++
			case !errors.Is(err, admit.ErrInvitationExpired):
				t.Error(err)
			}
		}
		if joined != uses {
			t.Errorf("%d joined by a link for %d", joined, uses)
		}
		list := s.Do("GET", organizations+"/"+org+"/invitation-links", nil, harness.Bearer(ada.Access)).Want(200)
		if items := list.Items(); len(items) != 1 || items[0]["uses"] != float64(uses) || strings.Contains(string(list.Body), secret) {
			t.Errorf("the links are %s", list.Body)
		}
	}, unlimited)
}

// someoneProven makes an account with a verified address.
func someoneProven(s *harness.Server, email string) string {
	s.T.Helper()
	user, err := s.Auth.Users.Create(s.T.Context(), admit.CreateUserParams{Email: email, Name: "P"})
	if err != nil {
		s.T.Fatal(err)
	}
	if _, err := s.Auth.Users.Update(s.T.Context(), admit.UpdateUserParams{UserID: user.ID, EmailVerified: admit.Some(true)}); err != nil {
		s.T.Fatal(err)
	}
	return user.ID
}

// The links of one organisation are nothing in another.
func TestLinksOfOrganizationsAreNeverMixedUp(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		own, others := team(s, ada), team(s, bob)
		joins(s, others, eve, "member")
		made := s.Do("POST", organizations+"/"+others+"/invitation-links", harness.J{"resourceRole": "member", "maxUses": 2}, harness.Bearer(bob.Access)).Want(201)
		path := "/invitation-links/" + made.String("id")
		s.Do("DELETE", organizations+"/"+own+path, nil, harness.Bearer(ada.Access)).Want(404, "auth/invitation-not-found")
		s.Do("DELETE", organizations+"/"+others+path, nil, harness.Bearer(ada.Access)).Want(404, "org/not-found")
		s.Do("DELETE", organizations+"/"+others+path, nil, harness.Bearer(eve.Access)).Want(403, "auth/forbidden")
		s.Do("GET", organizations+"/"+others+"/invitation-links", nil, harness.Bearer(eve.Access)).Want(403, "auth/forbidden")
		s.Do("GET", organizations+"/"+others+"/invitation-links", nil, harness.Bearer(ada.Access)).Want(404, "org/not-found")
		s.Do("POST", organizations+"/"+others+"/invitation-links", harness.J{"resourceRole": "member", "maxUses": 2}, harness.Bearer(ada.Access)).Want(404, "org/not-found")
		s.Do("POST", organizations+"/"+others+"/invitation-links", harness.J{"resourceRole": "owner", "maxUses": 2}, harness.Bearer(bob.Access)).Want(400, "org/invalid-role")
		s.Do("DELETE", organizations+"/"+others+path, nil, harness.Bearer(bob.Access)).Want(200)
		u, _ := url.Parse(made.String("url"))
		accept(s, strings.TrimPrefix(u.Fragment, "token="), "", ada).Want(401, "auth/invalid-token")
	}, unlimited)
}

// AZ-03: the invitations of own, other, former and deleted organisations, by id and
// in the list.
func TestInvitationsOfOrganizationsAreNeverMixedUp(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		orgs := map[string]string{"own": team(s, bob), "other": team(s, bob), "former": team(s, bob), "deleted": team(s, bob)}
		made := map[string]string{}
		for name, org := range orgs {
			if name != "other" {
				joins(s, org, ada, "admin")
			}
			invited, _ := invite(s, bob, org, name+"@x.test", "member")
			made[name] = invited.String("id")
		}
		s.Do("DELETE", memberAt(orgs["former"], ada.ID), nil, harness.Bearer(bob.Access)).Want(200)
		s.Do("DELETE", organizations+"/"+orgs["deleted"], nil, harness.Bearer(bob.Access)).Want(200)
		list := string(s.Do("GET", invitations, nil, harness.Bearer(ada.Access)).Want(200).Body)
		for name, id := range made {
			status, code := 404, []string{"auth/invitation-not-found"}
			if name == "own" {
				status, code = 200, nil
			}
			if got := strings.Contains(list, id); got != (name == "own") {
				t.Errorf("the list has the invitation of the %s organisation: %v", name, got)
			}
			filtered := s.Do("GET", invitations+"?resourceType=organization&resourceId="+orgs[name], nil, harness.Bearer(ada.Access)).Want(200)
			if got := len(filtered.Items()); got != map[bool]int{true: 1}[name == "own"] {
				t.Errorf("%d invitations of the %s organisation are listed", got, name)
			}
			s.Do("GET", invitations+"/"+id, nil, harness.Bearer(ada.Access)).Want(status, code...)
			s.Do("DELETE", invitations+"/"+id, nil, harness.Bearer(ada.Access)).Want(status, code...)
			if _, err := s.Auth.Invitations.Resend(t.Context(), admit.InvitationParams{ID: id, ActorID: ada.ID}); !errors.Is(err, admit.ErrInvitationNotFound) {
				t.Errorf("an invitation of the %s organisation is mailed again: %v", name, err)
			}
		}
	}, unlimited)
}

// AC-021, IO-05: texts of the caller are short, no links, and never stand in place
// of the account.
func TestAC021_AnInvitationNamesItsSender(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := s.Do("POST", organizations, harness.J{"name": "Locked, visit http://evil.test"}, harness.Bearer(ada.Access)).Want(201).String("id")
		s.Do("POST", invitations, harness.J{
			"resourceType": "organization", "resourceId": org, "email": "bob@x.test", "resourceRole": "member",
			"inviterName": "Security team https://evil.test " + strings.Repeat("x", 300), "name": "http://evil.test", "resourceName": "http://evil.test",
		}, harness.Bearer(ada.Access)).Want(201)
		m := letterTo(s, mailer.Invitation, "bob@x.test")
		if strings.Contains(m.Text+m.HTML, "evil.test") || strings.Contains(m.Text, strings.Repeat("x", 100)) {
			t.Errorf("the mail says %s", m.Text)
		}
		if !strings.Contains(m.Text, "Ada Lovelace (ada@x.test)") || !strings.Contains(m.Text, harness.BaseURL+"/?") {
			t.Errorf("the mail says %s", m.Text)
		}
	}, unlimited)
}

// Projects are the host's: it says who may invite, and is told who joined.
func TestTheHostDecidesAboutItsProjects(t *testing.T) {
	var joined []string
	allowed := true
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		ask := func(project string) (made *harness.Answer) {
			return s.Do("POST", invitations, harness.J{
				"resourceType": "project", "resourceId": project, "resourceName": "Apollo", "email": "bob@x.test", "resourceRole": "editor",
			}, harness.Bearer(ada.Access))
		}
		ask("other").Want(403, "auth/forbidden")
		token := mailed(s, mailer.Invitation, "bob@x.test", func() { ask("apollo").Want(201) })
		allowed = false
		accept(s, token, "", bob).Want(403, "auth/forbidden")
		allowed = true
		accept(s, token, "", bob).Want(200)
		if want := []string{"apollo editor " + bob.ID}; !slices.Equal(joined, want) {
			t.Errorf("the host was told %v", joined)
		}
	}, unlimited, func(c *admit.Config) {
		c.Invitations.MayInvite = func(_ context.Context, in admit.InvitationAttempt) error {
			if in.ProjectID != "apollo" || !allowed {
				return admit.ErrForbidden
			}
			return nil
		}
		c.Invitations.ProjectJoined = func(_ context.Context, _ admit.Tx, in admit.ProjectMember) error {
			joined = append(joined, in.ProjectID+" "+in.Role+" "+in.User.ID)
			return nil
		}
	})
}

// Neither a mailbox nor an inviter is used to flood.
func TestInvitationsHaveBudgets(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		for i := range 6 {
			a := s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": team(s, ada), "email": "bob@x.test", "resourceRole": "member"}, harness.Bearer(ada.Access))
			if want := map[bool]int{true: 201, false: 429}[i < 5]; a.Status != want {
				t.Errorf("invitation %d of one mailbox: %d %s", i+1, a.Status, a.Body)
			}
		}
		many := make([]admit.CreateInvitationParams, 100)
		org := team(s, ada)
		for i := range many {
			many[i] = admit.CreateInvitationParams{ResourceType: "organization", ResourceID: org, Email: fmt.Sprintf("p%d@x.test", i), Role: "member", InviterID: ada.ID}
		}
		many[7].Email = "nonsense"
		outcomes, err := s.Auth.Invitations.CreateEach(t.Context(), many)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range outcomes {
			if (o.Err == nil) != (i != 7) || i == 7 && !errors.Is(o.Err, admit.ErrInvalidEmail) {
				t.Errorf("invitation %d: %v", i, o.Err)
			}
		}
		if _, err := s.Auth.Invitations.CreateEach(t.Context(), append(slices.Clip(many), many[0])); !errors.Is(err, admit.ErrInvalidRequest) {
			t.Errorf("101 invitations: %v", err)
		}
		for i := range many {
			many[i].Email = fmt.Sprintf("q%d@x.test", i)
		}
		outcomes, err = s.Auth.Invitations.CreateEach(t.Context(), many)
		if err != nil || !errors.Is(outcomes[99].Err, admit.ErrTooManyCodeRequests) {
			t.Errorf("after 200 invitations: %v, %v", outcomes[99].Err, err)
		}
	})
}
