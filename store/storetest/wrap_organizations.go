package storetest

import (
	"context"

	"github.com/admit-go/admit/store"
)

func (w wrapped) CreateOrganization(ctx context.Context, o store.Organization, first store.Member) error {
	return w.via(ctx, w.inner, "CreateOrganization", func(ctx context.Context, to store.Store) error { return to.CreateOrganization(ctx, o, first) })
}

func (w wrapped) Organization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return answer(ctx, w, "Organization", func(ctx context.Context, to store.Store) (store.Organization, error) {
		return to.Organization(ctx, tenant, id)
	})
}

func (w wrapped) LockOrganization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return answer(ctx, w, "LockOrganization", func(ctx context.Context, to store.Store) (store.Organization, error) {
		return to.LockOrganization(ctx, tenant, id)
	})
}

func (w wrapped) UpdateOrganization(ctx context.Context, o store.Organization) error {
	return w.via(ctx, w.inner, "UpdateOrganization", func(ctx context.Context, to store.Store) error { return to.UpdateOrganization(ctx, o) })
}

func (w wrapped) ListOrganizationsOf(ctx context.Context, tenant, userID string, page store.Page) ([]store.Membership, int, error) {
	return answers(ctx, w, "ListOrganizationsOf", func(ctx context.Context, to store.Store) ([]store.Membership, int, error) {
		return to.ListOrganizationsOf(ctx, tenant, userID, page)
	})
}

func (w wrapped) AddMember(ctx context.Context, m store.Member) error {
	return w.via(ctx, w.inner, "AddMember", func(ctx context.Context, to store.Store) error { return to.AddMember(ctx, m) })
}

func (w wrapped) Member(ctx context.Context, tenant, organizationID, userID string) (store.Member, error) {
	return answer(ctx, w, "Member", func(ctx context.Context, to store.Store) (store.Member, error) {
		return to.Member(ctx, tenant, organizationID, userID)
	})
}

func (w wrapped) SetMemberRole(ctx context.Context, m store.Member, from string) (bool, error) {
	return answer(ctx, w, "SetMemberRole", func(ctx context.Context, to store.Store) (bool, error) {
		return to.SetMemberRole(ctx, m, from)
	})
}

func (w wrapped) RemoveMember(ctx context.Context, tenant, organizationID, userID string) (bool, error) {
	return answer(ctx, w, "RemoveMember", func(ctx context.Context, to store.Store) (bool, error) {
		return to.RemoveMember(ctx, tenant, organizationID, userID)
	})
}

func (w wrapped) RemoveMembershipsOf(ctx context.Context, tenant, userID string) (int, error) {
	return answer(ctx, w, "RemoveMembershipsOf", func(ctx context.Context, to store.Store) (int, error) {
		return to.RemoveMembershipsOf(ctx, tenant, userID)
	})
}

func (w wrapped) ListMembers(ctx context.Context, q store.MemberQuery, page store.Page) ([]store.MemberUser, int, error) {
	return answers(ctx, w, "ListMembers", func(ctx context.Context, to store.Store) ([]store.MemberUser, int, error) {
		return to.ListMembers(ctx, q, page)
	})
}

func (w wrapped) EnterOrganization(ctx context.Context, tenant, id, organizationID string) error {
	return w.via(ctx, w.inner, "EnterOrganization", func(ctx context.Context, to store.Store) error {
		return to.EnterOrganization(ctx, tenant, id, organizationID)
	})
}

// organizationVerbs are those of store.Organizations and store.Members, and
// EnterOrganization.
var organizationVerbs = []verb{
	{"EnterOrganization", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.EnterOrganization(ctx, c.scope(), c.text("ID", c.session.ID), c.text("OrganizationID", "entered"))
	}},
	{"CreateOrganization", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.CreateOrganization(ctx, texts(c, c.next.organization), texts(c, c.owner(c.next.organization)))
	}},
	{"Organization", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Organization(ctx, c.scope(), c.text("ID", c.organization.ID)))
	}},
	{"LockOrganization", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.LockOrganization(ctx, c.scope(), c.text("ID", c.organization.ID)))
	}},
	{"UpdateOrganization", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.UpdateOrganization(ctx, texts(c, c.organization))
	}},
	{"ListOrganizationsOf", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListOrganizationsOf(ctx, c.scope(), c.text("UserID", c.user.ID), page))
	}},
	{"AddMember", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.AddMember(ctx, texts(c, c.next.member))
	}},
	{"Member", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.Member(ctx, c.scope(), c.text("OrganizationID", c.organization.ID), c.text("UserID", c.user.ID)))
	}},
	{"SetMemberRole", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.SetMemberRole(ctx, texts(c, c.admin()), c.text("From", "owner")))
	}},
	{"RemoveMember", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RemoveMember(ctx, c.scope(), c.text("OrganizationID", c.organization.ID), c.text("UserID", c.user.ID)))
	}},
	{"RemoveMembershipsOf", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.RemoveMembershipsOf(ctx, c.scope(), c.text("UserID", c.user.ID)))
	}},
	{"ListMembers", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed2(s.ListMembers(ctx, texts(c, store.MemberQuery{Tenant: c.tenant, OrganizationID: c.organization.ID}), page))
	}},
}

// owner is the account of the cast as the owner of an organisation.
func (c cast) owner(o store.Organization) store.Member { return c.newMember(o, c.user, "owner") }

// admin is the owner of the organisation with another role.
func (c cast) admin() store.Member { return c.newMember(c.organization, c.user, "admin") }
