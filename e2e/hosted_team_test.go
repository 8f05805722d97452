package e2e_test

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
)

// confirmedPerson is a browser whose user has signed up and has a verified address.
func confirmedPerson(t *testing.T, s *harness.Server, base, email string) *person {
	t.Helper()
	p := newPerson(t, base)
	p.signUp(email).sees(200, "Home")
	verifyAddress(t, s, email)
	return p
}

func verifyAddress(t *testing.T, s *harness.Server, email string) (id string) {
	t.Helper()
	user, err := s.Auth.Users.GetByEmail(t.Context(), email)
	if err == nil {
		err = s.Auth.Users.Verify(t.Context(), user.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return user.ID
}

// makeTeam makes an organisation on the page, and returns its id.
func (p *person) makeTeam(name string) (id string) {
	p.t.Helper()
	p.open("/auth/organizations").send("/auth/organizations", "action", "create", "teamName", name).sees(200, "The organization was made", html.EscapeString(name))
	return p.at.Query().Get("id")
}

// invites invites an address by the page, and returns the path of the mailed link.
func (p *person) invites(s *harness.Server, team, email, role string) string {
	p.t.Helper()
	s.T.Helper()
	token := mailed(s, mailer.Invitation, email, func() {
		p.open("/auth/organization/invitations?id="+team).send("/auth/organization/invitations", "action", "invite", "id", team, "email", email, "role", role).
			sees(200, "The invitation is on its way", email)
	})
	if link := letterTo(s, mailer.Invitation, email).Values.Link; !strings.HasPrefix(link, p.base+"/auth/invitation?") {
		p.t.Errorf("the mail leads to %s", link)
	}
	return "/auth/invitation?" + url.Values{"token": {token}, "email": {email}}.Encode()
}

var invitationID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// answers presses a button of the page of an invitation.
func (p *person) answers(action string, fields ...string) *person {
	p.t.Helper()
	id := ""
	if found := invitationID.FindStringSubmatch(p.body); found != nil {
		id = found[1]
	}
	return p.send("/auth/invitation", append([]string{"action", action, "id", id}, fields...)...)
}

func TestHostedATeamIsMadeAndManaged(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) {
		c.Organizations.Roles = map[string][]string{"billing": {}}
	})
	ada, ben := confirmedPerson(t, s, base, "ada@x.test"), confirmedPerson(t, s, base, "ben@x.test")
	benID := verifyAddress(t, s, "ben@x.test")
	if ada.open("/auth/account").sees(200, "Your account"); strings.Contains(ada.body, "/auth/organizations") {
		t.Error("an account without a team has a row for teams")
	}
	ada.open("/auth/organizations").send("/auth/organizations", "action", "create", "teamName", "  ").sees(400, `id="teamName-error"`)
	team := ada.makeTeam("Acme <b>")
	ada.open("/auth/account").sees(200, "/auth/organizations")
	ada.open("/auth/organizations").sees(200, "Acme &lt;b&gt;", "You work here now", "Owner", "Work without an organization")
	ada.send("/auth/organizations", "action", "switch", "id", "").sees(200, "You work in another organization now", "Switch to Acme")
	ada.send("/auth/organizations", "action", "switch", "id", team).sees(200, "You work here now")

	// A member of another team gets to no team by its id.
	eve := confirmedPerson(t, s, base, "eve@x.test")
	eve.makeTeam("Other")
	eve.open("/auth/organization?id=" + team).sees(404)
	ben.open("/auth/organization?id=" + team).sees(404)
	ben.open("/auth/organization/invitations?id=" + team).sees(404)
	ben.ask("POST", "/auth/organizations", url.Values{"action": {"switch"}, "id": {team}}, nil).sees(404)
	ben.open(ada.invites(s, team, "ben@x.test", "member")).sees(200, "You are invited to Acme", "Member")
	ben.answers("accept").sees(200, "Welcome. You are a member now", "Ada")
	if strings.Contains(ben.body, "ada@x.test") || strings.Contains(ben.body, "Set the role") || strings.Contains(ben.body, "Invite people") {
		t.Error("a member sees the addresses of others, or what only admins can do")
	}
	ben.open("/auth/organizations").sees(200, "You work here now")
	ben.open("/auth/organization/invitations?id=" + team).sees(403)
	set := func(p *person, fields ...string) *person {
		p.t.Helper()
		return p.send("/auth/organization", append([]string{"id", team}, fields...)...)
	}
	set(ben, "action", "role", "user", benID, "role", "admin").sees(403)
	ada.open("/auth/organization?id="+team).sees(200, "ben@x.test", "Role of Ada", "billing", "Make owner in my place")
	set(ada, "action", "role", "user", benID, "role", "billing").sees(200, "The role was changed", "billing")
	set(ada, "action", "role", "user", benID, "role", "king").sees(400, `class="alert"`)
	set(ada, "action", "leave").sees(400, "needs an owner")
	// A new owner needs a recent proof.
	s.Clock.Advance(20 * time.Minute)
	set(ada, "action", "role", "user", benID, "role", "owner").sees(200, "Confirm it is you")
	set(ada, "action", "transfer", "user", benID).sees(200, "Confirm it is you")
	if roleOf(s, team, benID) != "billing" {
		t.Error("an owner was made without a recent proof")
	}
	ada.send("/auth/reauthenticate", "currentPassword", hostedPassword, "return_to", "/auth/organization?id="+team).sees(200, "ben@x.test")
	set(ada, "action", "transfer", "user", benID).sees(200, "The organization has a new owner", "Admin")
	if roleOf(s, team, benID) != "owner" {
		t.Error("the organisation has no new owner")
	}
	set(ada, "action", "remove", "user", benID).sees(403)
	set(ada, "action", "leave").sees(200, "You left the organization")
	ada.open("/auth/organization?id=" + team).sees(404)
}

func TestHostedAnInvitationInItsFourStates(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")

	// Signed out, without an account: one form, and the address is verified by it.
	link := ada.invites(s, team, "new@x.test", "admin")
	p := newPerson(t, base).open(link)
	p.sees(200, "You are invited to Acme", "The invitation is for new@x.test", `name="newPassword"`, "Create account and join")
	if strings.Contains(p.at.String(), "token") || strings.Contains(p.body, "token=") || p.at.Path != "/auth/invitation" {
		t.Errorf("the secret stands in %s", p.at)
	}
	p.answers("sign-up", "name", "Newton", "newPassword", "password").sees(400, `id="newPassword-error"`, `value="Newton"`)
	p.answers("sign-up", "name", "Newton", "newPassword", hostedPassword).sees(200, "Welcome. You are a member now", "Newton")
	p.open("/app/verified").sees(200, "Hello Newton")
	newPerson(t, base).open(link).sees(410, "was accepted already")
	p.open(link).sees(410, "was accepted already", "To your organizations")

	// Signed out, with an account: sign in and come back.
	confirmedPerson(t, s, base, "ben@x.test")
	link = ada.invites(s, team, "ben@x.test", "member")
	p = newPerson(t, base).open(link).sees(200, "Sign in to join")
	if p.body = strings.ReplaceAll(p.body, `name="id"`, ``); strings.Contains(p.body, `name="newPassword"`) {
		t.Error("somebody with an account is asked for a new password")
	}
	p.send("/auth/invitation", "action", "sign-in").sees(200, "<h1>Sign in</h1>", `value="ben@x.test"`, `name="return_to" value="/auth/invitation"`)
	p.signIn("ben@x.test").sees(200, "You are invited to Acme", ">Join<", "Decline")

	// Signed in as somebody else: both addresses, and a way out that comes back.
	other := confirmedPerson(t, s, base, "eve@x.test").open(link)
	other.sees(200, "The invitation is for ben@x.test, but you are signed in as eve@x.test", "Sign out and use the other account")
	other.answers("accept", "id", invitationID.FindStringSubmatch(p.body)[1]).sees(403, "but you are signed in as eve@x.test")
	other.answers("switch").sees(200, "Sign in to join")
	if other.cookie("session") != "" {
		t.Error("somebody else is still signed in")
	}
	p.answers("accept").sees(200, "Welcome. You are a member now")
	p.open("/auth/invitation").sees(200, "Paste the link here") // the cookie is gone

	// Signed in with the right address that is not confirmed.
	p = newPerson(t, base)
	p.signUp("cy@x.test").sees(200, "Home")
	link = ada.invites(s, team, "cy@x.test", "member")
	p.open(link).sees(200, "Open the link that we mailed to cy@x.test", "/auth/verify?return_to=")

	// Expired, revoked, replaced by a newer one, declined.
	s.Clock.Advance(8 * 24 * time.Hour)
	p.open(link).sees(410, "has expired")
	ada.open("/auth/sign-in").signIn("ada@x.test")
	ada.open("/auth/organization/invitations?id="+team).sees(200, "cy@x.test", "Expired")
	invitation := regexp.MustCompile(`name="invitation" value="([^"]+)"`).FindStringSubmatch(ada.body)[1]
	ada.send("/auth/organization/invitations", "id", team, "invitation", invitation, "action", "resend").sees(200, "was sent again")
	p.open(link).sees(410, "no longer valid")
	ada.send("/auth/organization/invitations", "id", team, "invitation", invitation, "action", "revoke").sees(200, "The invitation was taken back")
	ada.send("/auth/organization/invitations", "id", team, "invitation", invitation, "action", "revoke").sees(200) // pressed twice
	link = ada.invites(s, team, "dan@x.test", "member")
	ada.open("/auth/organization/invitations?id="+team).send("/auth/organization/invitations", "id", team, "action", "invite", "email", "dan@x.test", "role", "member").
		sees(409, "is invited already", `value="dan@x.test"`)
	ada.send("/auth/organization/invitations", "id", team, "action", "invite", "email", "ben@x.test", "role", "member").sees(409, "is a member already")
	ada.send("/auth/organization/invitations", "id", team, "action", "invite", "email", "ben", "role", "member").sees(400, `id="email-error"`)
	q := newPerson(t, base).open(link)
	q.answers("decline").sees(200, "You declined the invitation")
	q.open(link).sees(410, "no longer valid")
}

// Without the address, a page does not tell whether it has an account.
func TestHostedAnInvitationWithoutItsAddressTellsNothing(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")
	confirmedPerson(t, s, base, "ben@x.test")
	for _, email := range []string{"ben@x.test", "new@x.test"} {
		link, err := url.Parse(ada.invites(s, team, email, "member"))
		if err != nil {
			t.Fatal(err)
		}
		token := url.Values{"token": {link.Query().Get("token")}}.Encode()
		newPerson(t, base).open("/auth/invitation?"+token).sees(200, "Sign in, or create an account", "Create account")
	}
}

// Two tabs with two invitations: nobody joins what another tab shows.
func TestHostedAnInvitationOfAnotherTabIsNotAccepted(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	first, second := ada.makeTeam("Acme"), ada.makeTeam("Beta")
	ben := confirmedPerson(t, s, base, "ben@x.test")
	benID := verifyAddress(t, s, "ben@x.test")
	ben.open(ada.invites(s, first, "ben@x.test", "member")).sees(200, "You are invited to Acme")
	shown := invitationID.FindStringSubmatch(ben.body)[1]
	s.Clock.Advance(time.Second)
	ben.open(ada.invites(s, second, "ben@x.test", "member")).sees(200, "You are invited to Beta")
	ben.send("/auth/invitation", "action", "accept", "id", shown).sees(409, "You are invited to Beta")
	if roleOf(s, first, benID)+roleOf(s, second, benID) != "" {
		t.Error("an invitation was accepted that the page did not show")
	}
}

func TestHostedALinkForManyPeople(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")
	ada.open("/auth/organization/invitations?id="+team).send("/auth/organization/invitations", "id", team, "action", "link", "role", "member", "uses", "many").
		sees(422, `id="uses-error"`, `value="many"`)
	ada.send("/auth/organization/invitations", "id", team, "action", "link", "role", "owner", "uses", "1").sees(400)
	ada.open("/auth/organization/invitations?id="+team).send("/auth/organization/invitations", "id", team, "action", "link", "role", "member", "uses", "1").
		sees(200, "Copy it now", base+"/auth/invitation#token=", "0 of 1 have joined")
	link := unescape(regexp.MustCompile(regexp.QuoteMeta(base) + `/auth/invitation#token=[^<]+`).FindString(ada.body))
	if ada.open("/auth/organization/invitations?id=" + team); strings.Contains(ada.body, "#token=") {
		t.Error("the link is shown again")
	}
	// Without a script the fragment reaches nobody, so the page asks for the link.
	p := newPerson(t, base).open("/auth/invitation").sees(200, "JavaScript is off", `name="link"`)
	p.send("/auth/invitation", "action", "open", "link", "https://evil.example/?token=").sees(422, `id="link-error"`)
	p.send("/auth/invitation", "action", "open", "link", link).sees(200, "Sign in, or create an account")
	if strings.Contains(p.body, "Acme") {
		t.Error("a link tells somebody who is not signed in where it leads")
	}
	p.send("/auth/invitation", "action", "register").sees(200, "Create your account", `value="/auth/invitation"`)
	p.send("/auth/sign-up", "name", "Ben", "email", "ben@x.test", "newPassword", hostedPassword).sees(200, "You are invited to Acme", "mailed to ben@x.test")
	verifyAddress(t, s, "ben@x.test")
	p.open("/auth/invitation").sees(200, ">Join<")
	if strings.Contains(p.body, "Decline") {
		t.Error("a link for many people can be declined by one")
	}
	p.answers("accept").sees(200, "Welcome. You are a member now")
	late := confirmedPerson(t, s, base, "cy@x.test")
	late.open("/auth/invitation").send("/auth/invitation", "action", "open", "link", link).sees(410, "nobody else can join")
	id := regexp.MustCompile(`name="invitation" value="([^"]+)"`).FindStringSubmatch(ada.body)[1]
	ada.send("/auth/organization/invitations", "id", team, "invitation", id, "action", "revoke-link").sees(200, "The link no longer works")
	// An admin of another team revokes nothing here.
	ada.open("/auth/organization/invitations?id="+team).send("/auth/organization/invitations", "id", team, "action", "link", "role", "member", "uses", "1").sees(200)
	id = regexp.MustCompile(`name="invitation" value="([^"]+)"`).FindStringSubmatch(ada.body)[1]
	theirs := late.makeTeam("Theirs")
	late.ask("POST", "/auth/organization/invitations", url.Values{"id": {theirs}, "invitation": {id}, "action": {"revoke-link"}}, nil)
	ada.open("/auth/organization/invitations?id="+team).sees(200, "0 of 1 have joined")
}

// Neither the page nor the API tells a stranger where a link leads, by whichever door
// its secret comes.
func TestHostedALinkSaysNothingToStrangers(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")
	made, err := s.Auth.Invitations.CreateLink(t.Context(), admit.CreateInvitationLinkParams{OrganizationID: team, Role: "member", MaxUses: 2})
	if err != nil {
		t.Fatal(err)
	}
	_, token, _ := strings.Cut(made.URL, "#token=")
	if p := newPerson(t, base).open("/auth/invitation?token="+token).sees(410, "no longer valid"); strings.Contains(p.body, "Acme") {
		t.Error(p.body)
	}
	accept(s, token, "", harness.Person{}).Want(401, "auth/invalid-token")
	found, hasAccount, err := s.Auth.Invitations.Look(t.Context(), admit.AcceptInvitationParams{Token: token, UserID: verifyAddress(t, s, "ada@x.test")})
	if err != nil || found.ResourceName != "Acme" || hasAccount {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestHostedWhoInvitesHasAVerifiedAddress(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	team := p.makeTeam("Acme")
	p.open("/auth/organization/invitations?id="+team).sees(200, "Confirm your own address before you invite others")
	p.ask("POST", "/auth/organization/invitations", url.Values{"id": {team}, "action": {"invite"}, "email": {"b@x.test"}, "role": {"member"}}, nil).sees(403)
}

// A browser that was not signed in comes back to the team that it asked for.
func TestHostedAPageOfATeamIsThereAfterTheSignIn(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")
	p := newPerson(t, base).open("/auth/organization?id="+team).sees(200, "<h1>Sign in</h1>")
	p.signIn("ada@x.test").sees(200, "Acme", "<h1>Members</h1>", `name="back" value="/auth/organization?id=`+team)
	p.ask("POST", "/auth/language", url.Values{"language": {"de"}, "back": {"/auth/organization?id=" + team}}, nil).sees(200, "Acme", "<h1>Mitglieder</h1>")
}

// A link for many people in Chromium, with the script and without it.
func TestHostedABrowserOpensALinkForManyPeople(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme")
	made, err := s.Auth.Invitations.CreateLink(t.Context(), admit.CreateInvitationLinkParams{OrganizationID: team, Role: "member", MaxUses: 2})
	if err != nil {
		t.Fatal(err)
	}
	ctx := openBrowser(t, 390, 844)
	var at string
	err = chromedp.Run(ctx,
		chromedp.Navigate(made.URL), shows("Sign in, or create an account"), chromedp.Location(&at),
		emulation.SetScriptExecutionDisabled(true), chromedp.Navigate(base+"/auth/sign-in"), heading("Sign in"),
		chromedp.Navigate(made.URL+"x"), heading("Invitation"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if at != base+"/auth/invitation" {
		t.Errorf("the browser is at %s", at)
	}
}

// TestHostedEveryPageOfATeam puts the pages of teams and invitations before axe-core,
// and before the eyes of a person where ADMIT_SCREENSHOTS names a folder.
func TestHostedEveryPageOfATeam(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{Brand: pages.Brand{Name: "Notebook"}})
	ada := confirmedPerson(t, s, base, "ada@x.test")
	team := ada.makeTeam("Acme Research & Development")
	joins := ada.invites(s, team, "ben@x.test", "member")
	signsUp := ada.invites(s, team, "new@x.test", "admin")
	g := &gallery{t: t, s: s, ctx: openBrowser(t, 1280, 860), base: base, prefix: "team-"}
	g.open("/auth/invitation", "Invitation")
	g.view("invitation-link")
	g.open(signsUp, "Invitation")
	g.view("invitation-sign-up")
	g.open("/auth/sign-up", "Create your account")
	g.fill("main button", "Home", "name", "Ben Bitdiddle", "email", "ben@x.test", "newPassword", hostedPassword)
	g.open(joins, "Invitation")
	g.view("invitation-unverified")
	verifyAddress(t, s, "ben@x.test")
	g.open(signsUp, "Invitation")
	g.view("invitation-other")
	g.open(joins, "Invitation")
	g.view("invitation-join")
	g.fill("button[value=accept]", "Members")
	g.view("organization-member")
	g.open(joins, "Invitation")
	g.view("invitation-used")
	g.forgetCookies()
	again := ada.invites(s, team, "cy@x.test", "member")
	confirmedPerson(t, s, base, "cy@x.test")
	g.open(again, "Invitation")
	g.view("invitation-sign-in")
	g.fill("button[value=decline]", "Invitation")
	g.view("invitation-declined")
	g.open("/auth/sign-in", "Sign in")
	g.fill("form:not([data-passkey]) button", "Home", "email", "ada@x.test", "currentPassword", hostedPassword)
	g.open("/auth/organizations", "Your organizations")
	g.view("organizations")
	g.open("/auth/organization?id="+team, "Members")
	g.view("organization")
	g.do(chromedp.Click("details.manage summary", chromedp.ByQuery))
	g.view("organization-manage")
	g.open("/auth/organization/invitations?id="+team, "Invite people")
	g.view("organization-invitations")
	g.fill("button[value=link]", "Invite people")
	g.view("organization-invitations-link")
}
