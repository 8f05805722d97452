package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// The tests of this file try what users of other systems reported about
// organisations and invitations.

// inviteByHost invites in the name of the host.
func inviteByHost(s *harness.Server, org, email, role string) (admit.Invitation, error) {
	return s.Auth.Invitations.Create(s.T.Context(), admit.CreateInvitationParams{
		ResourceType: admit.ResourceOrganization, ResourceID: org, Email: email, Role: role,
	})
}

// asksToInvite posts an invitation that may be refused.
func asksToInvite(s *harness.Server, by harness.Person, org, email, role string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", invitations, harness.J{"resourceType": "organization", "resourceId": org, "email": email, "resourceRole": role}, harness.Bearer(by.Access))
}

// pending counts the invitations to an organisation that wait for an answer.
func pending(s *harness.Server, org string, by harness.Person) int {
	list := s.Do("GET", invitations+"?resourceType=organization&resourceId="+org+"&status=pending", nil, harness.Bearer(by.Access)).Want(200)
	return len(list.Items())
}

// Somebody who was removed comes back by what was there before: a mailed invitation
// that was never answered, or a link. A new invitation lets the account in.
func TestFieldARemovedMemberDoesNotComeBackByAnOlderInvitation(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		org, other := team(s, ada), team(s, ada)
		link, elsewhere := linkOf(s, ada, org, 9), linkOf(s, ada, other, 9)
		accept(s, link, "", eve).Want(200)
		_, older := invite(s, ada, org, "bob@x.test", "member")
		joins(s, org, bob, "member")
		if n := pending(s, org, ada); n != 0 {
			t.Errorf("%d invitations wait for a member", n)
		}
		s.Do("DELETE", memberAt(org, bob.ID), nil, harness.Bearer(ada.Access)).Want(200)
		accept(s, older, "", bob).Want(409, "auth/invitation-already-accepted")
		accept(s, link, "", bob).Want(401, "auth/invalid-token")
		accept(s, elsewhere, "", bob).Want(200)
		_, newer := invite(s, ada, org, "bob@x.test", "admin")
		accept(s, newer, "", bob).Want(200)
		if role := roleOf(s, org, bob.ID); role != "admin" {
			t.Errorf("the new invitation gives the role %q", role)
		}

		// Who leaves may come back by the link.
		s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(eve.Access)).Want(200)
		accept(s, link, "", eve).Want(200)

		// An invitation to an address that a member has moved to waits beside the
		// membership.
		_, moved := invite(s, ada, org, "eve2@x.test", "member")
		moveTo(s, eve, "eve2@x.test")
		s.Do("DELETE", memberAt(org, eve.ID), nil, harness.Bearer(ada.Access)).Want(200)
		accept(s, moved, "", eve).Want(401, "auth/invalid-token")
		if n := pending(s, org, ada); n != 0 {
			t.Errorf("%d invitations wait for somebody who was removed", n)
		}
	}, unlimited)
}

// A link that a member opens changes no role and costs no use, and joining by a
// link answers the mailed invitation of the account.
func TestFieldALinkChangesNothingForAMember(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		link := linkOf(s, ada, org, 2)
		accept(s, link, "", ada).Want(409, "auth/already-member")
		if role := roleOf(s, org, ada.ID); role != "owner" {
			t.Errorf("the owner is now %q", role)
		}
		_, mailed := invite(s, ada, org, "bob@x.test", "admin")
		accept(s, link, "", bob).Want(200)
		if n := pending(s, org, ada); n != 0 {
			t.Errorf("%d invitations wait for a member", n)
		}
		accept(s, mailed, "", bob).Want(409, "auth/invitation-already-accepted")
		if role := roleOf(s, org, bob.ID); role != "member" {
			t.Errorf("Bob is now %q", role)
		}
		list := s.Do("GET", organizations+"/"+org+"/invitation-links", nil, harness.Bearer(ada.Access)).Want(200)
		if uses := list.Items()[0]["uses"]; uses != 1.0 {
			t.Errorf("the link was used %v times", uses)
		}
	}, unlimited)
}

// A role that is no longer configured is given to nobody, by the host's own
// invitations neither. An owner gives members who had it another.
func TestFieldARoleThatIsGoneIsGivenToNobody(t *testing.T) {
	var roles map[string][]string
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		org := team(s, ada)
		token := mailed(s, mailer.Invitation, "bob@x.test", func() {
			if _, err := inviteByHost(s, org, "bob@x.test", "billing"); err != nil {
				t.Fatal(err)
			}
		})
		joins(s, org, eve, "billing")
		delete(roles, "billing") // as a host that starts again without the role
		accept(s, token, "", bob).Want(401, "auth/invalid-token")
		if role := roleOf(s, org, bob.ID); role != "" {
			t.Errorf("Bob has the role %q", role)
		}
		moved := switchTo(s, eve, org).Want(200).Tokens()
		if status, _ := guardedBy(s, "member", harness.Bearer(moved.Access)); status != 403 {
			t.Errorf("a member with a role that is gone passes: %d", status)
		}
		s.Do("PATCH", memberAt(org, eve.ID), harness.J{"role": "member"}, harness.Bearer(ada.Access)).Want(200)
		if status, _ := guardedBy(s, "member", harness.Bearer(moved.Access)); status != 200 {
			t.Errorf("a member does not pass: %d", status)
		}
	}, unlimited, func(c *admit.Config) {
		roles = map[string][]string{"billing": {"admin"}}
		c.Organizations.Roles = roles
	})
}

// Programs that look for danger in mails open links, and readers open them twice.
// Neither uses the invitation up, and wrong guesses do not end it.
func TestFieldOpeningAnInvitationDoesNotUseItUp(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "eve@x.test")
		org := team(s, ada)
		_, token := invite(s, ada, org, "bob@x.test", "member")
		for range 10 {
			accept(s, token, "", harness.Person{}).Want(200)
			accept(s, token, "bob@x.test", harness.Person{}).Want(200)
			accept(s, token, "eve@x.test", harness.Person{}).Want(401)
			accept(s, token, "", eve).Want(403, "auth/forbidden")
			accept(s, token[:len(token)-1]+"x", "", bob).Want(401)
		}
		accept(s, " "+token+" \n", "BOB@x.test ", bob).Want(200)
		accept(s, token, "", bob).Want(409, "auth/invitation-already-accepted")
	}, unlimited)
}

// Addresses are the same in every spelling of their letters, and never a part of
// another address.
func TestFieldAnInvitationKnowsItsAddressInEverySpelling(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, alice, ice := verified(s, "ada@x.test"), verified(s, "alice@x.test"), verified(s, "ice@x.test")
		org := team(s, ada)
		_, token := invite(s, ada, org, "Alice@X.TEST", "member")
		for _, written := range []string{"alice@x.test", "ALICE@x.test", " alice@X.test "} {
			asksToInvite(s, ada, org, written, "member").Want(409, "auth/invitation-already-pending")
		}
		_, other := invite(s, ada, org, "ice@x.test", "member")
		accept(s, token, "", ice).Want(403, "auth/forbidden")
		accept(s, token, "aLice@x.test", alice).Want(200)
		accept(s, other, "", ice).Want(200)
		asksToInvite(s, ada, org, "ALICE@x.test", "member").Want(409, "auth/already-member")
	}, unlimited)
}

// An invitation that has run out is sent again or made again, and those of the host
// are listed among the others.
func TestFieldAnInvitationIsMadeAgain(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org := team(s, ada)
		made, expired := invite(s, ada, org, "bob@x.test", "member")
		if _, err := inviteByHost(s, org, "cyn@x.test", "member"); err != nil {
			t.Fatal(err)
		}
		if n := pending(s, org, ada); n != 2 {
			t.Errorf("%d invitations wait", n)
		}
		s.Clock.Advance(8 * 24 * time.Hour)
		ada.Tokens, bob.Tokens = s.SignIn("ada@x.test", harness.Password).Want(200).Tokens(), s.SignIn("bob@x.test", harness.Password).Want(200).Tokens()
		accept(s, expired, "", bob).Want(410, "auth/invitation-expired")
		if n := pending(s, org, ada); n != 0 {
			t.Errorf("%d invitations wait after their end", n)
		}
		mailed(s, mailer.Invitation, "bob@x.test", func() {
			sent, err := s.Auth.Invitations.Resend(t.Context(), admit.InvitationParams{ID: made.String("id"), ActorID: ada.ID})
			if err != nil || sent.Status != admit.InvitationPending {
				t.Errorf("sent again: %+v, %v", sent, err)
			}
		})
		s.Do("DELETE", invitations+"/"+made.String("id"), nil, harness.Bearer(ada.Access)).Want(200)
		_, token := invite(s, ada, org, "bob@x.test", "admin")
		accept(s, token, "", bob).Want(200)
	}, unlimited)
}

// The reasons are codes that a client can tell apart, and both sides can read an
// invitation.
func TestFieldAnInvitationIsReadByBothSides(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada, bob, cyn, eve := verified(s, "ada@x.test"), verified(s, "bob@x.test"), verified(s, "cyn@x.test"), verified(s, "eve@x.test")
		org := team(s, ada)
		joins(s, org, cyn, "admin")
		made, _ := invite(s, ada, org, "bob@x.test", "member")
		for _, reader := range []harness.Person{ada, bob, cyn} {
			s.Do("GET", invitations+"/"+made.String("id"), nil, harness.Bearer(reader.Access)).Want(200)
		}
		s.Do("GET", invitations+"/"+made.String("id"), nil, harness.Bearer(eve.Access)).Want(404, "auth/invitation-not-found")
		s.Do("GET", invitations+"/"+ada.ID, nil, harness.Bearer(ada.Access)).Want(404, "auth/invitation-not-found")
		s.Do("GET", invitations+"/none", nil, harness.Bearer(ada.Access)).Want(404, "auth/invitation-not-found")
	}, unlimited)
}

// Roles, removals and deletions stay in one organisation, and every member of a
// large one is listed, with no limit that nobody has set.
func TestFieldAnOrganizationIsListedWhole(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org, other := team(s, ada), team(s, ada)
		joins(s, org, bob, "member")
		joins(s, other, bob, "member")
		s.Do("PATCH", memberAt(org, bob.ID), harness.J{"role": "admin"}, harness.Bearer(ada.Access)).Want(200)
		if role := roleOf(s, other, bob.ID); role != "member" {
			t.Errorf("in the other organisation Bob is %q", role)
		}
		for i := range 130 {
			user, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: fmt.Sprintf("p%d@x.test", i), Name: "P"})
			if err == nil {
				err = s.Auth.Organizations.AddMember(t.Context(), admit.MemberParams{OrganizationID: org, UserID: user.ID, Role: "member"})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		var seen []string
		for page := 1; page <= 3; page++ {
			list := s.Do("GET", fmt.Sprintf("%s/%s/members?page=%d&limit=50", organizations, org, page), nil, harness.Bearer(ada.Access)).Want(200)
			for _, m := range list.Items() {
				seen = append(seen, fmt.Sprint(m["userId"]))
			}
		}
		if slices.Sort(seen); len(slices.Compact(seen)) != 132 {
			t.Errorf("%d members are listed", len(slices.Compact(seen)))
		}
		// Its deletion leaves the members able to work and to go.
		moved := switchTo(s, bob, org).Want(200).Tokens()
		if err := s.Auth.Organizations.Delete(t.Context(), admit.DeleteOrganizationParams{ID: org}); err != nil {
			t.Fatal(err)
		}
		s.Me(moved.Access).Want(200)
		switchTo(s, harness.Person{ID: bob.ID, Tokens: moved}, other).Want(200)
		s.Do("DELETE", users+"/"+bob.ID, nil, harness.Bearer(moved.Access)).Want(200)
	}, unlimited)
}

// A sign-up that cannot join makes no account.
func TestFieldASignUpThatCannotJoinMakesNoAccount(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		_, token := invite(s, ada, org, "new@x.test", "member")
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "new@x.test", "password": harness.Password, "name": "N", "invitationToken": token}).Want(409, "org/no-seat")
		if _, err := s.Auth.Users.GetByEmail(t.Context(), "new@x.test"); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("the account: %v", err)
		}
		if n := pending(s, org, ada); n != 1 {
			t.Errorf("%d invitations wait", n)
		}
	}, unlimited, func(c *admit.Config) {
		c.SeatLimit = func(context.Context, admit.Tx, string) (int, error) { return 1, nil }
	})
}

// A member whose address changes keeps its role. An invitation follows the address,
// not the account.
func TestFieldAMemberWhoseAddressMovesToAnotherDomain(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		ada, bob := verified(s, "ada@x.test"), verified(s, "bob@x.test")
		org, other := team(s, ada), team(s, ada)
		joins(s, org, bob, "admin")
		_, older := invite(s, ada, other, "bob@x.test", "member")
		_, newer := invite(s, ada, other, "bob@firm.test", "member")
		moveTo(s, bob, "bob@firm.test")
		bob.Tokens = s.SignIn("bob@firm.test", harness.Password).Want(200).Tokens()
		if _, err := s.Auth.Users.Update(t.Context(), admit.UpdateUserParams{UserID: bob.ID, EmailVerified: admit.Some(false)}); err != nil {
			t.Fatal(err)
		}
		if role := roleOf(s, org, bob.ID); role != "admin" {
			t.Errorf("with the new address the role is %q", role)
		}
		accept(s, older, "", bob).Want(403, "auth/forbidden")
		accept(s, newer, "", bob).Want(403, "auth/email-not-verified")
		asksToInvite(s, bob, org, "someone@x.test", "member").Want(403, "auth/email-not-verified")
		if _, err := s.Auth.Users.Update(t.Context(), admit.UpdateUserParams{UserID: bob.ID, EmailVerified: admit.Some(true)}); err != nil {
			t.Fatal(err)
		}
		accept(s, newer, "", bob).Want(200)
		found := s.Do("GET", invitations+"?status=pending", nil, harness.Bearer(bob.Access)).Want(200)
		if strings.Contains(string(found.Body), "bob@x.test") {
			t.Errorf("the former address still sees its invitations: %s", found.Body)
		}
	}, unlimited)
}
