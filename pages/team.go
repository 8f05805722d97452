package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/admit-go/admit"
)

// This file has the organisations of the signed-in user: the list, the members, and
// who is invited.

// Team is what the pages of organisations and invitations show.
type Team struct {
	// All are the organisations of the reader.
	All []admit.Organization
	// Organization is the one that a page is about. Manages says that the reader
	// manages it, Owns that the reader is an owner.
	Organization  admit.Organization
	Manages, Owns bool
	Members       []MemberRow
	// Before and After are links to the pages of a long list of members; "" for none.
	Before, After string
	Invitations   []admit.Invitation
	Links         []admit.InvitationLink
	// NewLink is a link that was just made.
	NewLink string
	// State is that of an invitation: "link", "join", "other", "unverified",
	// "sign-in", "sign-up", "choose", "dead" or "declined". Invitation is what is
	// known of it.
	State      string
	Invitation admit.Invitation
}

// MemberRow is a member of an organisation.
type MemberRow struct {
	admit.Member
	// Email is the address, for those who may see it. Self says that the member is
	// the reader.
	Email string
	Self  bool
	// Roles are those that the reader may give the member; nil if the reader may not
	// change the member.
	Roles []Option
}

func rehearsedTeam() Team {
	return Team{
		All: []admit.Organization{{ID: "id", Name: "Acme", Role: admit.RoleOwner}}, Organization: admit.Organization{ID: "id", Name: "Acme"},
		Manages: true, Owns: true, Members: []MemberRow{{Self: true}, {Roles: []Option{{Value: admit.RoleMember}}}}, Before: "/", After: "/",
		Invitations: []admit.Invitation{{ID: "id"}}, Links: []admit.InvitationLink{{ID: "id"}}, NewLink: "link", State: "join",
	}
}

// mostMembers is how many members a page lists.
const mostMembers = 50

// RoleName is a role in the language of the reader. A role of the host's own is shown
// as it is.
func (v *View) RoleName(role string) (string, error) {
	if key := map[string]string{admit.RoleOwner: "role.owner", admit.RoleAdmin: "role.admin", admit.RoleMember: "role.member"}[role]; key != "" {
		return v.T(key)
	}
	return role, nil
}

// grants returns the roles that somebody with a role may give, but the owner's only
// to an owner.
func (v *visit) grants(own string) []string {
	var may []string
	known := []string{admit.RoleMember}
	for _, role := range sortedRoles(v.config.Organizations.Roles) {
		if role != admit.RoleAdmin && role != admit.RoleMember && role != admit.RoleOwner {
			known = append(known, role)
		}
	}
	for _, role := range append(known, admit.RoleAdmin, admit.RoleOwner) {
		if v.includes(own, role) {
			may = append(may, role)
		}
	}
	return may
}

// includes says whether a role includes another one, as the settings say. The rules
// themselves ask again.
func (v *visit) includes(has, needed string) bool {
	if has == needed || has == admit.RoleOwner || needed == admit.RoleMember {
		return has != ""
	}
	seen := []string{has}
	for at := 0; at < len(seen); at++ {
		for _, one := range v.config.Organizations.Roles[seen[at]] {
			if one == needed {
				return true
			}
			if len(seen) < 100 {
				seen = append(seen, one)
			}
		}
	}
	return false
}

func (v *visit) roleOptions(own, chosen string, owners bool) (list []Option, err error) {
	for _, role := range v.grants(own) {
		if role == admit.RoleOwner && !owners {
			continue
		}
		name, err := v.view.RoleName(role)
		if err != nil {
			return nil, err
		}
		list = append(list, Option{Value: role, Label: name, Chosen: role == chosen})
	}
	return list, nil
}

// loadTeams reads the organisations of the reader.
func (v *visit) loadTeams() error {
	list, err := v.auth.Organizations.List(v.r.Context(), v.user.ID, admit.PageParams{Number: 1, Limit: 100})
	v.view.Team.All = list.Items
	return err
}

// loadTeam reads the organisation that a request names. To somebody who is no member
// there is none.
func (v *visit) loadTeam() error {
	id := v.r.URL.Query().Get("id")
	if v.r.Method == http.MethodPost {
		id = v.form.Get("id")
	}
	if err := v.loadTeams(); err != nil {
		return err
	}
	for _, one := range v.view.Team.All {
		if one.ID == id {
			v.view.Team.Organization = one
			v.view.Team.Owns, v.view.Team.Manages = one.Role == admit.RoleOwner, v.includes(one.Role, admit.RoleAdmin)
			return nil
		}
	}
	return admit.ErrOrgNotFound
}

// teamAt is the link to a page of an organisation.
func (v *visit) teamAt(page, id, done string) string {
	query := url.Values{"id": {id}}
	if done != "" {
		query.Set("done", done)
	}
	return v.prefix + "/" + page + "?" + query.Encode()
}

func (v *visit) organizationsPage() error {
	v.view.Done = v.said("switched", "left")
	if err := v.loadTeams(); err != nil {
		return err
	}
	return v.show(http.StatusOK, "organizations")
}

func (v *visit) organizations() error {
	if v.form.Get("action") == "switch" {
		if err := v.workIn(v.form.Get("id")); err != nil {
			return err
		}
		if to := v.returnTo(); to != "" {
			return v.goTo(to)
		}
		return v.goTo(v.to("organizations", "") + "?done=switched")
	}
	made, err := v.auth.Organizations.Create(v.r.Context(), admit.CreateOrganizationParams{Name: v.form.Get("teamName"), OwnerID: v.user.ID})
	if err != nil {
		if failed := v.loadTeams(); failed != nil {
			return failed
		}
		return v.refused(err, "organizations", "teamName")
	}
	if err := v.workIn(made.ID); err != nil {
		return err
	}
	return v.goTo(v.teamAt("organization", made.ID, "made"))
}

// workIn moves the session into an organisation, or out of any with "".
func (v *visit) workIn(id string) error {
	signed, err := v.auth.Organizations.Switch(v.r.Context(), id)
	if err != nil {
		return err
	}
	return v.auth.Sessions.SetCookie(v.w, v.r, signed)
}

func (v *visit) organizationPage() error {
	if err := v.loadTeam(); err != nil {
		return err
	}
	v.view.Done = v.said("made", "joined", "role", "member-removed", "transferred")
	return v.showTeam(http.StatusOK)
}

// showTeam shows a page of the members. Only those who manage the organisation see
// the addresses of others.
func (v *visit) showTeam(status int) error {
	team := &v.view.Team
	number, err := strconv.Atoi(v.r.URL.Query().Get("page"))
	if err != nil || number < 1 || number > 100_000 {
		number = 1
	}
	list, err := v.auth.Organizations.Members(v.r.Context(), admit.ListMembersParams{
		OrganizationID: team.Organization.ID, Page: admit.PageParams{Number: number, Limit: mostMembers},
	})
	if err != nil {
		return err
	}
	at := func(number int) string {
		return v.teamAt("organization", team.Organization.ID, "") + "&page=" + strconv.Itoa(number)
	}
	if number > 1 {
		team.Before = at(number - 1)
	}
	if number*mostMembers < list.Total {
		team.After = at(number + 1)
	}
	for _, m := range list.Items {
		row := MemberRow{Member: m, Self: m.User.ID == v.user.ID}
		if team.Manages || row.Self {
			row.Email = m.User.Email
		}
		if team.Manages && v.includes(team.Organization.Role, m.Role) {
			if row.Roles, err = v.roleOptions(team.Organization.Role, m.Role, true); err != nil {
				return err
			}
		}
		team.Members = append(team.Members, row)
	}
	return v.show(status, "organization")
}

func (v *visit) organization() error {
	if err := v.loadTeam(); err != nil {
		return err
	}
	ctx, id, action := v.r.Context(), v.view.Team.Organization.ID, v.form.Get("action")
	in := admit.MemberParams{OrganizationID: id, UserID: v.form.Get("user"), Role: v.form.Get("role"), ActorID: v.user.ID}
	done := ""
	var err error
	switch {
	case (action == "transfer" || action == "role" && in.Role == admit.RoleOwner) && !v.recent():
		return v.goTo(v.way(v.r, admit.NeedRecent, v.teamAt("organization", id, "")))
	case action == "transfer":
		done, err = "transferred", v.auth.Organizations.Transfer(ctx, in)
	case action == "role":
		done, err = "role", v.auth.Organizations.SetRole(ctx, in)
	case action == "remove":
		done, err = "member-removed", v.auth.Organizations.RemoveMember(ctx, in)
	case action == "leave":
		in.UserID = v.user.ID
		if err = v.auth.Organizations.RemoveMember(ctx, in); err == nil {
			return v.goTo(v.to("organizations", "") + "?done=left")
		}
	default:
		err = admit.ErrInvalidRequest
	}
	if err != nil {
		answer := asError(err)
		if answer.Status >= http.StatusInternalServerError {
			return err
		}
		v.view.Alert = v.explain(answer)
		return v.showTeam(answer.Status)
	}
	return v.goTo(v.teamAt("organization", id, done))
}

// loadInvited reads who is invited, and the links.
func (v *visit) loadInvited() error {
	if err := v.loadTeam(); err != nil {
		return err
	}
	team, ctx := &v.view.Team, v.r.Context()
	if !team.Manages {
		return admit.ErrForbidden
	}
	v.view.roles = v.grants(team.Organization.Role)
	if v.user.EmailVerifiedAt.IsZero() {
		return nil // the page says what is missing
	}
	list, err := v.auth.Invitations.List(ctx, admit.ListInvitationsParams{
		UserID: v.user.ID, ResourceType: admit.ResourceOrganization, ResourceID: team.Organization.ID, Page: admit.PageParams{Number: 1, Limit: mostSessions},
	})
	if err != nil {
		return err
	}
	for _, i := range list.Items {
		if i.Status == admit.InvitationPending || i.Status == admit.InvitationExpired {
			team.Invitations = append(team.Invitations, i)
		}
	}
	links, err := v.auth.Invitations.Links(ctx, team.Organization.ID, admit.PageParams{Number: 1, Limit: mostSessions})
	team.Links = links.Items
	return err
}

func (v *visit) invitedPage() error {
	v.view.Done = v.said("invited", "invited-again", "invitation-revoked", "link-revoked")
	if err := v.loadInvited(); err != nil {
		return err
	}
	v.view.values["uses"] = "10"
	return v.show(http.StatusOK, "organization-invitations")
}

func (v *visit) invited() error {
	if err := v.loadInvited(); err != nil {
		return err
	}
	ctx, id := v.r.Context(), v.view.Team.Organization.ID
	one := admit.InvitationParams{ID: v.form.Get("invitation"), ActorID: v.user.ID, OrganizationID: id}
	done := ""
	var err error
	switch v.form.Get("action") {
	case "invite":
		done = "invited"
		_, err = v.auth.Invitations.Create(ctx, admit.CreateInvitationParams{
			ResourceType: admit.ResourceOrganization, ResourceID: id, Email: v.form.Get("email"), Role: v.form.Get("role"), InviterID: v.user.ID, Locale: v.words.Tag,
		})
	case "resend":
		done = "invited-again"
		_, err = v.auth.Invitations.Resend(ctx, one)
	case "revoke":
		done, err = "invitation-revoked", v.auth.Invitations.Revoke(ctx, one)
	case "revoke-link":
		done, err = "link-revoked", v.auth.Invitations.RevokeLink(ctx, one)
	case "link":
		uses, failed := strconv.Atoi(v.form.Get("uses"))
		if failed != nil || uses < 1 || uses > 10_000 {
			if v.view.errors["uses"], err = v.words.Text("uses.wrong"); err != nil {
				return err
			}
			v.view.values["uses"] = v.form.Get("uses")
			return v.show(http.StatusUnprocessableEntity, "organization-invitations")
		}
		made, failed := v.auth.Invitations.CreateLink(ctx, admit.CreateInvitationLinkParams{
			OrganizationID: id, Role: v.form.Get("role"), MaxUses: uses, ActorID: v.user.ID,
		})
		if err = failed; err == nil {
			v.view.Team.NewLink, v.view.values["uses"] = made.URL, "10"
			v.view.Team.Links = append(v.view.Team.Links, made.InvitationLink)
			return v.show(http.StatusOK, "organization-invitations")
		}
	default:
		err = admit.ErrInvalidRequest
	}
	switch {
	case errors.Is(err, admit.ErrInvitationNotFound): // the button was pressed twice
		done = ""
	case err != nil:
		v.view.values["uses"] = "10"
		return v.refused(err, "organization-invitations", "email", "role")
	}
	return v.goTo(v.teamAt("organization/invitations", id, done))
}
