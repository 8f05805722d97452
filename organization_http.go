package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
)

const (
	organizationsPath = "/organizations"
	organizationPath  = organizationsPath + "/{id}"
	membersPath       = organizationPath + "/members"
)

// organizationDoors serves the rules of organization.go.
type organizationDoors struct {
	*kernel
	organizations *Organizations
}

func (d *organizationDoors) feature() feature {
	return feature{
		name:  "organization",
		holds: holding{part: "organizations", list: true, export: exportMemberships, deleted: leaveAll},
		routes: []route{
			{method: http.MethodPost, path: organizationsPath, who: signedIn, scope: "organizations:create", fresh: true, serve: d.handleCreate},
			{method: http.MethodGet, path: organizationsPath, who: signedIn, scope: "organizations:read", acting: true, serve: d.handleList},
			{method: http.MethodGet, path: organizationPath, who: signedIn, scope: "organizations:read", fresh: true, acting: true, serve: d.handleGet},
			{method: http.MethodPatch, path: organizationPath, who: signedIn, scope: "organizations:write", fresh: true, serve: d.handleUpdate},
			{method: http.MethodDelete, path: organizationPath, who: signedIn, scope: "organizations:delete", fresh: true, serve: d.handleDelete},
			{method: http.MethodGet, path: membersPath, who: signedIn, scope: "members:read", fresh: true, acting: true, serve: d.handleMembers},
			{method: http.MethodPatch, path: membersPath + "/{userId}", who: signedIn, scope: "members:write", fresh: true, serve: d.handleRole},
			{method: http.MethodDelete, path: membersPath + "/{userId}", who: signedIn, scope: "members:write", fresh: true, serve: d.handleRemove},
			{method: http.MethodPost, path: "/auth/switch-organization", who: signedIn, scope: "auth:switch", fresh: true, serve: d.handleSwitch},
		},
		events: []string{
			eventOrganizationCreated, eventOrganizationUpdated, eventOrganizationDeleted, eventOrganizationRestored,
			eventMemberAdded, eventMemberRoleChanged, eventMemberRemoved, eventSessionSwitched,
		},
		errors: []*Error{
			ErrOrgNotFound, ErrMemberNotFound, ErrOrgSlugTaken, ErrOrgInvalidRole, ErrOrgConflict, ErrNoSeat, ErrTooManyOrgs, ErrAlreadyMember, ErrLastOwner,
		},
	}
}

// organizationBody is an organisation for one of its members.
type organizationBody struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Slug      webio.Optional `json:"slug"`
	Role      string         `json:"role"`
	CreatedAt webio.Instant  `json:"createdAt"`
	UpdatedAt webio.Instant  `json:"updatedAt"`
}

func showOrganization(o Organization) organizationBody {
	return organizationBody{o.ID, o.Name, webio.Optional(o.Slug), o.Role, webio.Instant(o.CreatedAt), webio.Instant(o.UpdatedAt)}
}

// memberBody is a member. Only those who manage the organisation, and the member
// itself, see the address.
type memberBody struct {
	UserID   string         `json:"userId"`
	Name     string         `json:"name"`
	Email    webio.Optional `json:"email"`
	Image    webio.Optional `json:"image"`
	Role     string         `json:"role"`
	JoinedAt webio.Instant  `json:"joinedAt"`
}

type createOrganizationInput struct {
	Name string `json:"name"`
	Slug string `json:"slug"`
}

func (d *organizationDoors) handleCreate(w http.ResponseWriter, r *http.Request) error {
	var in createOrganizationInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	made, err := d.organizations.Create(r.Context(), CreateOrganizationParams{Name: in.Name, Slug: in.Slug, OwnerID: callerFrom(r.Context()).user.ID})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusCreated, showOrganization(made))
}

func (d *organizationDoors) handleList(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	list, err := d.organizations.List(r.Context(), callerFrom(r.Context()).user.ID, PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, showOrganization)
}

// own returns the organisation of a request with the caller's role. It returns
// ErrOrgNotFound to an account that is no member.
func (d *organizationDoors) own(r *http.Request) (Organization, error) {
	id := r.PathValue("id")
	if !uuid.Valid(id) {
		return Organization{}, ErrOrgNotFound
	}
	role, err := roleIn(r.Context(), d.kernel, d.store, id, callerFrom(r.Context()).user.ID)
	if err != nil {
		return Organization{}, err
	}
	found, err := liveOrganization(d.store.Organization(r.Context(), tenant, id))
	return organizationOf(&found, role), err
}

func (d *organizationDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	found, err := d.own(r)
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showOrganization(found))
}

type updateOrganizationInput struct {
	Name Optional[string] `json:"name"`
	Slug Optional[string] `json:"slug"`
}

func (d *organizationDoors) handleUpdate(w http.ResponseWriter, r *http.Request) error {
	var in updateOrganizationInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	changed, err := d.organizations.Update(r.Context(), UpdateOrganizationParams{
		ID: r.PathValue("id"), ActorID: callerFrom(r.Context()).user.ID, Name: in.Name, Slug: in.Slug,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showOrganization(changed))
}

func (d *organizationDoors) handleDelete(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return err
	}
	if err := d.organizations.Delete(r.Context(), DeleteOrganizationParams{ID: r.PathValue("id"), ActorID: c.user.ID}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The organization was deleted."))
}

func (d *organizationDoors) handleMembers(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	query, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := ListMembersParams{Page: PageParams(page)}
	if err := webio.Fields(query, map[string]*string{"role": &in.Role}); err != nil {
		return err
	}
	found, err := d.own(r)
	if err != nil {
		return err
	}
	in.OrganizationID = found.ID
	members, err := d.organizations.Members(r.Context(), in)
	if err != nil {
		return err
	}
	self, manages := callerFrom(r.Context()).user.ID, d.config.Organizations.manages(found.Role)
	return webio.WriteList(w, members.Items, members.Total, page, func(m Member) memberBody {
		body := memberBody{UserID: m.User.ID, Name: m.User.Name, Image: webio.Optional(m.User.Image), Role: m.Role, JoinedAt: webio.Instant(m.JoinedAt)}
		if manages || m.User.ID == self {
			body.Email = webio.Optional(m.User.Email)
		}
		return body
	})
}

type memberRoleInput struct {
	Role string `json:"role"`
}

func (d *organizationDoors) handleRole(w http.ResponseWriter, r *http.Request) error {
	var in memberRoleInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if in.Role == RoleOwner {
		if err := d.recent(c); err != nil {
			return err
		}
	}
	err := d.organizations.SetRole(r.Context(), MemberParams{
		OrganizationID: r.PathValue("id"), UserID: r.PathValue("userId"), Role: in.Role, ActorID: c.user.ID,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The role was changed."))
}

func (d *organizationDoors) handleRemove(w http.ResponseWriter, r *http.Request) error {
	err := d.organizations.RemoveMember(r.Context(), MemberParams{
		OrganizationID: r.PathValue("id"), UserID: r.PathValue("userId"), ActorID: callerFrom(r.Context()).user.ID,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The account is no longer a member."))
}

type switchInput struct {
	OrganizationID Optional[string] `json:"organizationId"`
}

func (d *organizationDoors) handleSwitch(w http.ResponseWriter, r *http.Request) error {
	var in switchInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if !in.OrganizationID.Set {
		return ErrInvalidRequest.detail("organizationId", "is missing; null leaves every organization")
	}
	signed, err := d.organizations.Switch(r.Context(), in.OrganizationID.Value)
	if err != nil {
		return err
	}
	return writeSwitched(d.kernel, w, r, &signed)
}
