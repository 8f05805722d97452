package admit

import (
	"context"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file lists the organisations of an account, and names what belongs to an
// organisation. The deletion of an account and its export stand on it.

// What an invitation is for.
const (
	// ResourceOrganization is an organisation of this package.
	ResourceOrganization = "organization"
	// ResourceProject is a thing of the host; see InvitationHooks.
	ResourceProject = "project"
)

// resourceRef is the ref of the records that belong to an organisation or a project.
func resourceRef(resourceType, id string) string { return resourceType + "/" + id }

// memberships returns every organisation of an account that is not deleted.
func memberships(ctx context.Context, s store.Store, userID string) (all []store.Membership, err error) {
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		part, total, err := s.ListOrganizationsOf(ctx, tenant, userID, page)
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
		if len(part) == 0 || page.Number*page.Limit >= total {
			return all, nil
		}
	}
}

// exportMemberships puts the organisations of an account.
func exportMemberships(ctx context.Context, k *kernel, user *store.User, put func(any) error) error {
	all, err := memberships(ctx, k.store, user.ID)
	if err != nil {
		return err
	}
	for _, m := range all {
		err := put(struct {
			OrganizationID string        `json:"organizationId"`
			Name           string        `json:"name"`
			Slug           string        `json:"slug"`
			Role           string        `json:"role"`
			JoinedAt       webio.Instant `json:"joinedAt"`
		}{m.Organization.ID, m.Organization.Name, m.Organization.Slug, m.Member.Role, webio.Instant(m.Member.CreatedAt)})
		if err != nil {
			return err
		}
	}
	return nil
}
