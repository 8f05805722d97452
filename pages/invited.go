package pages

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/emailaddress"
)

// This file has the page that an invitation leads to. The secret of the invitation is
// taken out of the URL at once and kept in a cookie, so that it is there again after
// a sign-in, and stands in no history and no return_to.

const (
	invitationCookie = "invitation"
	invitationKept   = time.Hour
)

// invitee is an invitation that a browser was opened with.
type invitee struct {
	Token string `json:"t"`
	// Email is the invited address, as the mail names it.
	Email string `json:"e,omitempty"`
	// Link says that the token is that of a link for many people, which says nothing to
	// somebody who is not signed in.
	Link bool `json:"l,omitempty"`
}

func (v *visit) readInvitee() (i invitee) {
	raw, err := base64.RawURLEncoding.DecodeString(v.readCookie(v.r, invitationCookie))
	if err != nil || json.Unmarshal(raw, &i) != nil {
		return invitee{}
	}
	return i
}

func (v *visit) keepInvitee(i invitee) {
	raw, err := json.Marshal(i)
	if err != nil || len(raw) > maxFlow/2 {
		return
	}
	v.setCookie(v.cookie(invitationCookie, base64.RawURLEncoding.EncodeToString(raw), invitationKept))
}

func (v *visit) forgetInvitee() { v.setCookie(v.cookie(invitationCookie, "", 0)) }

func sortedRoles(roles map[string][]string) []string { return slices.Sorted(maps.Keys(roles)) }

func (v *visit) invitationPage() error {
	query := v.r.URL.Query()
	if token := query.Get("token"); token != "" {
		v.keepInvitee(invitee{Token: token, Email: query.Get("email")})
		return v.goTo(v.prefix + "/invitation")
	}
	in := v.readInvitee()
	if in.Token == "" {
		v.view.Team.State = "link"
		return v.show(http.StatusOK, "invitation")
	}
	return v.showInvitation(in, http.StatusOK)
}

// showInvitation finds out in which state an invitation is for the reader, and shows
// that.
func (v *visit) showInvitation(in invitee, status int) error {
	team := &v.view.Team
	if in.Link && !v.signedIn {
		team.State = "choose"
		return v.show(status, "invitation")
	}
	params := admit.AcceptInvitationParams{Token: in.Token, Email: in.Email}
	if v.signedIn {
		params.UserID = v.user.ID
	}
	found, hasAccount, err := v.auth.Invitations.Look(v.r.Context(), params)
	if err != nil {
		return v.deadInvitation(err)
	}
	team.Invitation, v.view.Email = found, found.Email
	switch {
	case v.signedIn && found.Email != "" && !sameAddress(found.Email, v.user.Email):
		team.State = "other"
	case v.signedIn && v.user.EmailVerifiedAt.IsZero():
		team.State = "unverified"
	case v.signedIn:
		team.State = "join"
	case in.Email == "":
		team.State = "choose" // who has the mail may know whether the address has an account
	case hasAccount:
		team.State = "sign-in"
	default:
		team.State = "sign-up"
	}
	return v.show(status, "invitation")
}

func sameAddress(a, b string) bool {
	first, err := emailaddress.Parse(a)
	second, failed := emailaddress.Parse(b)
	return err == nil && failed == nil && first.Key == second.Key
}

// deadInvitation says why an invitation cannot be accepted.
func (v *visit) deadInvitation(err error) error {
	answer := asError(err)
	if answer.Status >= http.StatusInternalServerError {
		return err
	}
	v.forgetInvitee()
	v.view.Team.State = "dead"
	key := "invitation.invalid"
	switch {
	case errors.Is(err, admit.ErrInvitationExpired):
		key = "invitation.expired"
	case errors.Is(err, admit.ErrInvitationAlreadyAccepted), errors.Is(err, admit.ErrAlreadyMember):
		key = "invitation.used"
	case !errors.Is(err, admit.ErrInvalidToken):
		v.view.Alert = v.explain(answer)
		return v.show(answer.Status, "invitation")
	}
	text, err := v.words.Text(key)
	if err != nil {
		return err
	}
	v.view.Alert = text
	return v.show(http.StatusGone, "invitation")
}

func (v *visit) invitation() error {
	in, action := v.readInvitee(), v.form.Get("action")
	if action == "open" {
		return v.openInvitation()
	}
	if in.Token == "" {
		return v.goTo(v.prefix + "/invitation")
	}
	switch action {
	case "sign-in":
		if in.Email != "" {
			v.keepFlow(flow{Kind: "done", Email: in.Email})
		}
		return v.goTo(v.to("sign-in", v.prefix+"/invitation"))
	case "register":
		return v.goTo(v.to("sign-up", v.prefix+"/invitation"))
	case "switch":
		if v.signedIn {
			if err := v.auth.Sessions.SignOut(v.r.Context(), v.session); err != nil {
				return err
			}
		}
		v.auth.Sessions.ClearCookie(v.w)
		return v.goTo(v.prefix + "/invitation")
	}
	// Another tab may have opened another invitation since the page was shown.
	params := admit.AcceptInvitationParams{Token: in.Token, Email: in.Email, UserID: v.user.ID}
	found, _, err := v.auth.Invitations.Look(v.r.Context(), params)
	if err != nil {
		return v.deadInvitation(err)
	}
	if found.ID != v.form.Get("id") {
		return v.showInvitation(in, http.StatusConflict)
	}
	switch action {
	case "sign-up":
		return v.within(admit.SignUpLimit, func(v *visit) error { return v.signUpInvited(in, &found) })
	case "decline":
		if err := v.auth.Invitations.Reject(v.r.Context(), params); err != nil {
			return v.deadInvitation(err)
		}
		v.forgetInvitee()
		v.view.Team.State, v.view.Team.Invitation = "declined", found
		return v.show(http.StatusOK, "invitation")
	case "accept":
		if !v.signedIn {
			return v.showInvitation(in, http.StatusOK)
		}
		return v.acceptInvited(in, params)
	}
	return admit.ErrInvalidRequest
}

// openInvitation takes a link that was pasted, or that the script has read out of the
// fragment.
func (v *visit) openInvitation() error {
	var in invitee
	text := strings.TrimSpace(v.form.Get("link"))
	if before, secret, ok := strings.Cut(text, "#token="); ok || !strings.Contains(text, "token=") {
		in = invitee{Token: secret, Link: true}
		if !ok {
			in.Token = before
		}
	} else if at, err := url.Parse(text); err == nil {
		in = invitee{Token: at.Query().Get("token"), Email: at.Query().Get("email")}
	}
	if in.Token == "" || len(in.Token) > 512 {
		v.view.Team.State = "link"
		text, err := v.words.Text("invitation.paste")
		if err != nil {
			return err
		}
		v.view.errors["link"] = text
		return v.show(http.StatusUnprocessableEntity, "invitation")
	}
	v.keepInvitee(in)
	return v.goTo(v.prefix + "/invitation")
}

// signUpInvited makes the account of an invited address, which joins in one step.
func (v *visit) signUpInvited(in invitee, found *admit.Invitation) error {
	made, err := v.auth.SignUps.Create(v.r.Context(), admit.SignUpParams{
		Email: in.Email, Password: v.form.Get("newPassword"), Name: v.form.Get("name"), Locale: v.words.Tag, InvitationToken: in.Token,
	})
	if err != nil {
		v.view.Team.State, v.view.Team.Invitation, v.view.Email = "sign-up", *found, found.Email
		if errors.Is(err, admit.ErrEmailAlreadyExists) {
			v.view.Team.State = "sign-in"
		}
		return v.paused(err, in.Email, "invitation", "name")
	}
	v.forgetInvitee()
	if made.SignedIn == nil {
		return v.goTo(v.to("sign-in", ""))
	}
	if err := v.begin(*made.SignedIn); err != nil {
		return err
	}
	return v.joined(found)
}

func (v *visit) acceptInvited(in invitee, params admit.AcceptInvitationParams) error {
	accepted, err := v.auth.Invitations.Accept(v.r.Context(), params)
	switch {
	case errors.Is(err, admit.ErrEmailNotVerified):
		return v.goTo(v.way(v.r, admit.NeedVerified, v.prefix+"/invitation"))
	case errors.Is(err, admit.ErrForbidden):
		return v.showInvitation(in, http.StatusForbidden)
	case err != nil:
		return v.deadInvitation(err)
	}
	v.forgetInvitee()
	if accepted.ResourceType == admit.ResourceOrganization {
		// The new organisation is where the reader goes on.
		if err := v.workIn(accepted.ResourceID); err != nil {
			v.config.Logger.WarnContext(v.r.Context(), "a session was not moved into the organisation that was joined", "error", err)
		}
	}
	return v.joined(&accepted)
}

func (v *visit) joined(i *admit.Invitation) error {
	if i.ResourceType == admit.ResourceOrganization {
		return v.goTo(v.teamAt("organization", i.ResourceID, "joined"))
	}
	return v.goTo(v.home)
}
