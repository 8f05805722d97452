package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/store"
)

// This file takes an account that is deleted out of its organisations. The owner of an
// account who deletes it is refused before, if an organisation would be left without an
// owner: see keepOwners. But the reader of a mailbox may always end the account of a
// stranger who has signed up with the address. Then somebody else becomes the owner.

// leaveAll takes an account that is deleted out of every organisation.
func leaveAll(ctx context.Context, t *txn, user *store.User) error {
	all, err := memberships(ctx, t, user.ID)
	if err != nil {
		return err
	}
	for i := range all {
		if all[i].Member.Role != RoleOwner {
			continue
		}
		if err := succeed(ctx, t, all[i].Organization.ID, user.ID); err != nil {
			return err
		}
	}
	if _, err := t.RemoveMembershipsOf(ctx, tenant, user.ID); err != nil {
		return err
	}
	for i := range all {
		err := t.record(ctx, event{kind: eventMemberRemoved, subject: user.ID, data: eventData{"organization": all[i].Organization.ID, "reason": "account-deleted"}})
		if err != nil {
			return err
		}
	}
	return nil
}

// succeed makes the first member who manages an organisation an owner, if the account
// that goes is the last one. Without such a member the organisation is deleted, and
// the operator can restore it.
func succeed(ctx context.Context, t *txn, organizationID, without string) error {
	o, err := liveOrganization(t.LockOrganization(ctx, tenant, organizationID))
	if errors.Is(err, ErrOrgNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := keepOwner(ctx, t, &o, without); !errors.Is(err, ErrLastOwner) {
		return err
	}
	heir, err := firstManager(ctx, t, o.ID, without)
	if err != nil {
		return err
	}
	if heir.UserID == "" {
		return deleteOrganization(ctx, t, &o)
	}
	from := heir.Role
	heir.Role, heir.UpdatedAt = RoleOwner, t.now()
	if _, err := t.SetMemberRole(ctx, heir, from); err != nil {
		return err
	}
	t.touch(heir.UserID)
	return t.record(ctx, event{kind: eventMemberRoleChanged, subject: heir.UserID, data: eventData{"organization": o.ID, "from": from, "to": RoleOwner}})
}

// firstManager returns the member who manages an organisation and has the oldest
// account. It returns the zero member if there is none.
func firstManager(ctx context.Context, t *txn, organizationID, without string) (store.Member, error) {
	q := store.MemberQuery{Tenant: tenant, OrganizationID: organizationID}
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		members, total, err := t.ListMembers(ctx, q, page)
		if err != nil {
			return store.Member{}, err
		}
		for i := range members {
			m := &members[i]
			if m.User.ID != without && t.config.Organizations.manages(m.Member.Role) && usable(&m.User, t.now()) == nil {
				return m.Member, nil
			}
		}
		if page.Number*page.Limit >= total {
			return store.Member{}, nil
		}
	}
}

// deleteOrganization deletes an organisation whose lock is held.
func deleteOrganization(ctx context.Context, t *txn, o *store.Organization) error {
	now := t.now()
	o.DeletedAt, o.PurgeAt, o.UpdatedAt = now, now.Add(t.config.Organizations.Grace), now
	err := t.UpdateOrganization(ctx, *o)
	if errors.Is(err, store.ErrConflict) {
		return ErrOrgConflict
	}
	if err != nil {
		return err
	}
	if err := loseDomains(ctx, t, o.ID, "organization-deleted"); err != nil {
		return err
	}
	if err := keepPolicyUntil(ctx, t, o.ID, o.PurgeAt); err != nil {
		return err
	}
	// For good: a restored organisation makes new keys.
	revoked, err := t.RevokeAPIKeysOf(ctx, tenant, o.ID, now)
	if err != nil {
		return err
	}
	data := eventData{"organization": o.ID}
	if revoked > 0 {
		data["revokedKeys"] = revoked
	}
	t.then = append(t.then, t.live.ForgetAll)
	return t.record(ctx, event{kind: eventOrganizationDeleted, data: data})
}
