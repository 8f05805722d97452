package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
)

const policyPath = "/organizations/{id}/policy"

// policyDoors serves the rules of organization_policy.go.
type policyDoors struct {
	*kernel
	organizations *Organizations
}

func (d *policyDoors) feature() feature {
	return feature{
		name:  "organization_policy",
		holds: holding{nothing: "a policy is about an organisation"},
		routes: []route{
			{method: http.MethodGet, path: policyPath, who: signedIn, scope: "organizations:read", fresh: true, acting: true, serve: d.handleGet},
			{method: http.MethodPatch, path: policyPath, who: signedIn, scope: "organizations:write", fresh: true, serve: d.handleSet},
		},
		events: []string{eventPolicyChanged},
		errors: []*Error{ErrDomainNotAllowed, ErrOrgWouldLockOut},
	}
}

func (d *policyDoors) handleGet(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if !uuid.Valid(id) {
		return ErrOrgNotFound
	}
	own, err := roleIn(r.Context(), d.kernel, d.store, id, callerFrom(r.Context()).user.ID)
	if err != nil {
		return err
	}
	policy, err := d.organizations.Policy(r.Context(), id)
	if err != nil {
		return err
	}
	if own != RoleOwner {
		return ErrForbidden
	}
	return webio.Write(w, http.StatusOK, showPolicy(policy))
}

type policyInput struct {
	RequireMFA          Optional[bool]    `json:"requireMfa"`
	OnlyVerifiedDomains Optional[bool]    `json:"onlyVerifiedDomains"`
	DefaultRole         Optional[*string] `json:"defaultRole"`
	MaxMembers          Optional[*int]    `json:"maxMembers"`
}

func (d *policyDoors) handleSet(w http.ResponseWriter, r *http.Request) error {
	var in policyInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return err
	}
	params := SetPolicyParams{ID: r.PathValue("id"), ActorID: c.user.ID, RequireMFA: in.RequireMFA, OnlyVerifiedDomains: in.OnlyVerifiedDomains}
	if role := in.DefaultRole; role.Set {
		params.DefaultRole = Some("")
		if role.Value != nil && *role.Value == "" {
			return ErrOrgInvalidRole // null is none
		}
		if role.Value != nil {
			params.DefaultRole = Some(*role.Value)
		}
	}
	if most := in.MaxMembers; most.Set {
		params.MaxMembers = Some(0)
		if most.Value != nil && *most.Value == 0 {
			return ErrInvalidRequest.detail("maxMembers", "must be from 1 to 1000000, or null")
		}
		if most.Value != nil {
			params.MaxMembers = Some(*most.Value)
		}
	}
	policy, err := d.organizations.SetPolicy(r.Context(), params)
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, showPolicy(policy))
}
