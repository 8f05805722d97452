package admit

import (
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
)

const (
	invitationsPath     = "/auth/invitations"
	invitationLinksPath = "/organizations/{id}/invitation-links"
)

// invitationDoors serves the rules of invitation.go, invitation_answer.go and
// invitation_link.go.
type invitationDoors struct {
	*kernel
	invitations *Invitations
}

func (d *invitationDoors) feature() feature {
	return feature{
		name:  "invitation",
		holds: holding{part: "invitations", list: true, export: exportInvitations},
		routes: []route{
			{method: http.MethodPost, path: invitationsPath, who: signedIn, scope: "invitations:create", limit: limitMail, fresh: true, serve: d.handleCreate},
			{method: http.MethodGet, path: invitationsPath, who: signedIn, scope: "invitations:read", fresh: true, acting: true, serve: d.handleList},
			{method: http.MethodGet, path: invitationsPath + "/{id}", who: signedIn, scope: "invitations:read", fresh: true, acting: true, serve: d.handleGet},
			{method: http.MethodPost, path: invitationsPath + "/accept", who: anyone, scope: "auth:invitation", fresh: true, serve: d.handleAccept},
			{method: http.MethodPost, path: invitationsPath + "/reject", who: anyone, scope: "auth:invitation", fresh: true, serve: d.handleReject},
			{method: http.MethodDelete, path: invitationsPath + "/{id}", who: signedIn, scope: "invitations:delete", fresh: true, serve: d.handleRevoke},
			{method: http.MethodPost, path: invitationsPath + "/{id}/resend", who: signedIn, scope: "invitations:create", limit: limitMail, fresh: true, serve: d.handleResend},
			{method: http.MethodPost, path: invitationLinksPath, who: signedIn, scope: "invitations:create", fresh: true, serve: d.handleCreateLink},
			{method: http.MethodGet, path: invitationLinksPath, who: signedIn, scope: "invitations:read", fresh: true, serve: d.handleLinks},
			{method: http.MethodDelete, path: invitationLinksPath + "/{linkId}", who: signedIn, scope: "invitations:delete", fresh: true, serve: d.handleRevokeLink},
		},
		mails:  []mailer.Kind{mailer.Invitation},
		events: []string{eventInvitationCreated, eventInvitationAccepted, eventInvitationRejected, eventInvitationRevoked, eventInvitationLinkCreated},
		errors: []*Error{ErrInvitationNotFound, ErrInvitationExpired, ErrInvitationAlreadyAccepted, ErrInvitationAlreadyPending},
	}
}

type invitationBody struct {
	ID           string         `json:"id"`
	ResourceType string         `json:"resourceType"`
	ResourceID   string         `json:"resourceId"`
	ResourceName webio.Optional `json:"resourceName"`
	ResourceRole string         `json:"resourceRole"`
	Email        webio.Optional `json:"email"`
	Status       string         `json:"status"`
	ExpiresAt    webio.Instant  `json:"expiresAt"`
	InvitedBy    webio.Optional `json:"invitedBy"`
	CreatedAt    webio.Instant  `json:"createdAt"`
	// Next says to somebody who is not signed in what comes first: "signin" or
	// "signup".
	Next string `json:"next,omitempty"`
}

func showInvitation(i Invitation) invitationBody {
	return invitationBody{
		ID: i.ID, ResourceType: i.ResourceType, ResourceID: i.ResourceID, ResourceName: webio.Optional(i.ResourceName), ResourceRole: i.Role,
		Email: webio.Optional(i.Email), Status: i.Status, ExpiresAt: webio.Instant(i.ExpiresAt), InvitedBy: webio.Optional(i.InvitedBy),
		CreatedAt: webio.Instant(i.CreatedAt),
	}
}

type createInvitationInput struct {
	ResourceType string `json:"resourceType"`
	ResourceID   string `json:"resourceId"`
	ResourceName string `json:"resourceName"`
	Email        string `json:"email"`
	Name         string `json:"name"`
	ResourceRole string `json:"resourceRole"`
	InviterName  string `json:"inviterName"`
	Locale       string `json:"locale"`
}

func (d *invitationDoors) handleCreate(w http.ResponseWriter, r *http.Request) error {
	var in createInvitationInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := d.spendClient(r.Context(), clientMail); err != nil {
		return err
	}
	made, err := d.invitations.Create(asked(r), CreateInvitationParams{
		ResourceType: in.ResourceType, ResourceID: in.ResourceID, ResourceName: in.ResourceName, Email: in.Email, Name: in.Name, Role: in.ResourceRole,
		InviterName: in.InviterName, Locale: in.Locale, InviterID: callerFrom(r.Context()).user.ID,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusCreated, showInvitation(made))
}

func (d *invitationDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	query, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := ListInvitationsParams{UserID: callerFrom(r.Context()).user.ID, Page: PageParams(page)}
	err = webio.Fields(query, map[string]*string{"resourceType": &in.ResourceType, "resourceId": &in.ResourceID, "status": &in.Status})
	if err != nil {
		return err
	}
	list, err := d.invitations.List(r.Context(), in)
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, showInvitation)
}

// invitationAt names the invitation of a request and its caller.
func invitationAt(r *http.Request, parameter string) InvitationParams {
	return InvitationParams{ID: r.PathValue(parameter), ActorID: callerFrom(r.Context()).user.ID}
}

func (d *invitationDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	found, err := d.invitations.Get(r.Context(), invitationAt(r, "id"))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showInvitation(found))
}

func (d *invitationDoors) handleRevoke(w http.ResponseWriter, r *http.Request) error {
	if err := d.invitations.Revoke(r.Context(), invitationAt(r, "id")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The invitation was revoked."))
}

func (d *invitationDoors) handleResend(w http.ResponseWriter, r *http.Request) error {
	if err := d.spendClient(r.Context(), clientMail); err != nil {
		return err
	}
	sent, err := d.invitations.Resend(asked(r), invitationAt(r, "id"))
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showInvitation(sent))
}

type acceptInput struct {
	Token string `json:"token"`
	Email string `json:"email"`
}

// readAcceptance reads the secret of an invitation, and who accepts.
func readAcceptance(r *http.Request) (AcceptInvitationParams, error) {
	var in acceptInput
	if err := webio.Decode(r, &in); err != nil {
		return AcceptInvitationParams{}, err
	}
	given, err := readSecret(in.Email, in.Token)
	if err != nil {
		return AcceptInvitationParams{}, err
	}
	return AcceptInvitationParams{Token: given.token, Email: in.Email, UserID: callerFrom(r.Context()).user.ID}, nil
}

// handleAccept joins a caller who is signed in. Somebody else who has a mailed
// secret learns what comes first. Whether the address has an account is told only
// to a client that names the address.
func (d *invitationDoors) handleAccept(w http.ResponseWriter, r *http.Request) error {
	in, err := readAcceptance(r)
	if err != nil {
		return err
	}
	if !callerFrom(r.Context()).signedIn {
		found, hasAccount, err := d.invitations.Look(r.Context(), in)
		if err != nil {
			return err
		}
		body := showInvitation(found)
		switch {
		case in.Email == "":
		case hasAccount:
			body.Next = "signin"
		default:
			body.Next = "signup"
		}
		return webio.Write(w, http.StatusOK, body)
	}
	accepted, err := d.invitations.Accept(r.Context(), in)
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showInvitation(accepted))
}

func (d *invitationDoors) handleReject(w http.ResponseWriter, r *http.Request) error {
	in, err := readAcceptance(r)
	if err != nil {
		return err
	}
	if err := d.invitations.Reject(r.Context(), in); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct{}{})
}

type linkBody struct {
	ID           string         `json:"id"`
	ResourceRole string         `json:"resourceRole"`
	MaxUses      int            `json:"maxUses"`
	Uses         int            `json:"uses"`
	ExpiresAt    webio.Instant  `json:"expiresAt"`
	CreatedBy    webio.Optional `json:"createdBy"`
	CreatedAt    webio.Instant  `json:"createdAt"`
	URL          string         `json:"url,omitempty"`
}

func showLink(l InvitationLink) linkBody {
	return linkBody{l.ID, l.Role, l.MaxUses, l.Uses, webio.Instant(l.ExpiresAt), webio.Optional(l.CreatedBy), webio.Instant(l.CreatedAt), ""}
}

type createLinkInput struct {
	ResourceRole string  `json:"resourceRole"`
	MaxUses      int     `json:"maxUses"`
	ExpiresAt    *string `json:"expiresAt"`
}

func (d *invitationDoors) handleCreateLink(w http.ResponseWriter, r *http.Request) error {
	var in createLinkInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	params := CreateInvitationLinkParams{
		OrganizationID: r.PathValue("id"), Role: in.ResourceRole, MaxUses: in.MaxUses, ActorID: callerFrom(r.Context()).user.ID,
	}
	if in.ExpiresAt != nil {
		at, err := time.Parse(time.RFC3339, *in.ExpiresAt)
		if err != nil {
			return ErrInvalidRequest.detail("expiresAt", "must be an RFC 3339 time")
		}
		params.ExpiresAt = at
	}
	made, err := d.invitations.CreateLink(r.Context(), params)
	if err != nil {
		return err
	}
	body := showLink(made.InvitationLink)
	body.URL = made.URL
	return webio.Write(w, http.StatusCreated, body)
}

func (d *invitationDoors) handleLinks(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	organizationID, err := managedOrganization(d.kernel, r)
	if err != nil {
		return err
	}
	list, err := d.invitations.Links(r.Context(), organizationID, PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, showLink)
}

func (d *invitationDoors) handleRevokeLink(w http.ResponseWriter, r *http.Request) error {
	organizationID, err := managedOrganization(d.kernel, r)
	if err != nil {
		return err
	}
	in := invitationAt(r, "linkId")
	in.OrganizationID = organizationID
	if err := d.invitations.RevokeLink(r.Context(), in); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The link was revoked."))
}
