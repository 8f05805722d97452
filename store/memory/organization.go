package memory

import (
	"cmp"
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// memberRow is the key of a member.
type memberRow struct{ tenant, organization, user string }

func memberOf(m *store.Member) memberRow { return memberRow{m.Tenant, m.OrganizationID, m.UserID} }

// ownOrganization gives an organisation the form in which it is kept.
func ownOrganization(o store.Organization) store.Organization {
	o.DeletedAt, o.PurgeAt = cut(o.DeletedAt), cut(o.PurgeAt)
	o.CreatedAt, o.UpdatedAt = cut(o.CreatedAt), cut(o.UpdatedAt)
	return o
}

// slugFree reports whether the slug of an organisation belongs to no other one.
func (st *state) slugFree(o *store.Organization) bool {
	holder := st.slugs.get(row{o.Tenant, o.Slug})
	return o.Slug == "" || holder == nil || *holder == o.ID
}

// putOrganization keeps an organisation in place of what was at its id.
func (st *state) putOrganization(o store.Organization) {
	at := row{o.Tenant, o.ID}
	if old := st.organizations.get(at); old != nil {
		st.slugs = st.slugs.drop(row{old.Tenant, old.Slug})
		st.purging = st.purging.drop(due(old.PurgeAt, old.Tenant, old.ID))
	}
	if o.Slug != "" {
		st.slugs = st.slugs.put(row{o.Tenant, o.Slug}, o.ID)
	}
	if !o.PurgeAt.IsZero() {
		st.purging = st.purging.put(due(o.PurgeAt, o.Tenant, o.ID), at)
	}
	st.organizations = st.organizations.put(at, o)
}

// dropOrganization removes an organisation with its members.
func (st *state) dropOrganization(at row) {
	o := st.organizations.get(at)
	for _, m := range st.membersOf.in(under(at.tenant, at.id)) {
		st.dropMember(m)
	}
	if o.Slug != "" {
		st.slugs = st.slugs.drop(row{o.Tenant, o.Slug})
	}
	st.purging = st.purging.drop(due(o.PurgeAt, o.Tenant, o.ID))
	st.organizations = st.organizations.drop(at)
}

// putMember keeps a member in place of what was at its key.
func (st *state) putMember(m store.Member) {
	at := memberOf(&m)
	st.dropMember(at)
	st.members = st.members.put(at, m)
	st.membersOf = st.membersOf.put(place(m.Tenant, m.OrganizationID, m.UserID), at)
	st.membersIn = st.membersIn.put(place(m.Tenant, m.OrganizationID, m.Role, m.UserID), at)
	st.memberships = st.memberships.put(place(m.Tenant, m.UserID, m.OrganizationID), at)
}

// dropMember removes a member and its place in every index, if there is one.
func (st *state) dropMember(at memberRow) {
	m := st.members.get(at)
	if m == nil {
		return
	}
	st.membersOf = st.membersOf.drop(place(m.Tenant, m.OrganizationID, m.UserID))
	st.membersIn = st.membersIn.drop(place(m.Tenant, m.OrganizationID, m.Role, m.UserID))
	st.memberships = st.memberships.drop(place(m.Tenant, m.UserID, m.OrganizationID))
	st.members = st.members.drop(at)
}

// roleIn is the role of an account in an organisation, "" if the account is no
// member or the organisation is deleted.
func (st *state) roleIn(tenant, organizationID, userID string) string {
	if organizationID == "" {
		return ""
	}
	m := st.members.get(memberRow{tenant, organizationID, userID})
	o := st.organizations.get(row{tenant, organizationID})
	if m == nil || o == nil || o.Deleted() {
		return ""
	}
	return m.Role
}

// CreateOrganization is described at store.Organizations.
func (s *Store) CreateOrganization(ctx context.Context, o store.Organization, first store.Member) error {
	return s.write(ctx, cmp.Or(text.Organization(o), text.Member(first)), func(st *state) error {
		o := ownOrganization(o)
		o.Version = 1
		if st.organizations.get(row{o.Tenant, o.ID}) != nil || !st.slugFree(&o) {
			return store.ErrConflict
		}
		st.putOrganization(o)
		return st.addMember(first)
	})
}

// Organization is described at store.Organizations.
func (s *Store) Organization(ctx context.Context, tenant, id string) (store.Organization, error) {
	st, err := s.read(ctx, text.Key(tenant, id))
	if err != nil {
		return store.Organization{}, err
	}
	if o := st.organizations.get(row{tenant, id}); o != nil {
		return *o, nil
	}
	return store.Organization{}, store.ErrNotFound
}

// LockOrganization is Organization: a transaction keeps every other writer out
// from its start.
func (s *Store) LockOrganization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return s.Organization(ctx, tenant, id)
}

// UpdateOrganization is described at store.Organizations.
func (s *Store) UpdateOrganization(ctx context.Context, o store.Organization) error {
	return s.write(ctx, text.Organization(o), func(st *state) error {
		old := st.organizations.get(row{o.Tenant, o.ID})
		if old == nil {
			return store.ErrNotFound
		}
		o := ownOrganization(o)
		if old.Version != o.Version || !st.slugFree(&o) {
			return store.ErrConflict
		}
		o.CreatedAt, o.Version = old.CreatedAt, old.Version+1
		st.putOrganization(o)
		return nil
	})
}

// ListOrganizationsOf is described at store.Organizations.
func (s *Store) ListOrganizationsOf(ctx context.Context, tenant, userID string, page store.Page) ([]store.Membership, int, error) {
	st, err := s.read(ctx, text.Key(tenant, userID))
	if err != nil {
		return nil, 0, err
	}
	var listed []store.Membership
	total := 0
	for _, at := range st.memberships.in(under(tenant, userID)) {
		o := st.organizations.get(row{tenant, at.organization})
		if o == nil || o.Deleted() {
			continue
		}
		if onPage(total, page) {
			listed = append(listed, store.Membership{Organization: *o, Member: *st.members.get(at)})
		}
		total++
	}
	return listed, total, nil
}

// addMember keeps a new member.
func (st *state) addMember(m store.Member) error {
	if st.members.get(memberOf(&m)) != nil {
		return store.ErrConflict
	}
	m.CreatedAt, m.UpdatedAt = cut(m.CreatedAt), cut(m.UpdatedAt)
	st.putMember(m)
	return nil
}

// AddMember is described at store.Members.
func (s *Store) AddMember(ctx context.Context, m store.Member) error {
	return s.write(ctx, text.Member(m), func(st *state) error { return st.addMember(m) })
}

// Member is described at store.Members.
func (s *Store) Member(ctx context.Context, tenant, organizationID, userID string) (store.Member, error) {
	st, err := s.read(ctx, text.Key(tenant, organizationID, userID))
	if err != nil {
		return store.Member{}, err
	}
	if m := st.members.get(memberRow{tenant, organizationID, userID}); m != nil {
		return *m, nil
	}
	return store.Member{}, store.ErrNotFound
}

// SetMemberRole is described at store.Members.
func (s *Store) SetMemberRole(ctx context.Context, m store.Member, from string) (set bool, err error) {
	err = s.write(ctx, cmp.Or(text.Member(m), text.Key(from)), func(st *state) error {
		old := st.members.get(memberOf(&m))
		if old == nil || old.Role != from {
			return nil
		}
		changed := *old
		changed.Role, changed.UpdatedAt = m.Role, cut(m.UpdatedAt)
		st.putMember(changed)
		set = true
		return nil
	})
	return set, err
}

// RemoveMember is described at store.Members.
func (s *Store) RemoveMember(ctx context.Context, tenant, organizationID, userID string) (removed bool, err error) {
	err = s.write(ctx, text.Key(tenant, organizationID, userID), func(st *state) error {
		at := memberRow{tenant, organizationID, userID}
		removed = st.members.get(at) != nil
		st.dropMember(at)
		return nil
	})
	return removed, err
}

// RemoveMembershipsOf is described at store.Members.
func (s *Store) RemoveMembershipsOf(ctx context.Context, tenant, userID string) (removed int, err error) {
	err = s.write(ctx, text.Key(tenant, userID), func(st *state) error {
		for _, at := range st.memberships.in(under(tenant, userID)) {
			st.dropMember(at)
			removed++
		}
		return nil
	})
	return removed, err
}

// ListMembers is described at store.Members.
func (s *Store) ListMembers(ctx context.Context, q store.MemberQuery, page store.Page) ([]store.MemberUser, int, error) {
	st, err := s.read(ctx, text.MemberQuery(q))
	if err != nil {
		return nil, 0, err
	}
	selected := st.membersOf.in(under(q.Tenant, q.OrganizationID))
	if q.Role != "" {
		selected = st.membersIn.in(under(q.Tenant, q.OrganizationID, q.Role))
	}
	var listed []store.MemberUser
	total := 0
	for _, at := range selected {
		if u := st.users.get(row{q.Tenant, at.user}); u != nil && onPage(total, page) {
			listed = append(listed, store.MemberUser{Member: *st.members.get(at), User: *u})
		}
		total++
	}
	return listed, total, nil
}

// EnterOrganization is described at store.Sessions.
func (s *Store) EnterOrganization(ctx context.Context, tenant, id, organizationID string) error {
	return s.write(ctx, text.Key(tenant, id, organizationID), func(st *state) error {
		if old := st.sessions.get(row{tenant, id}); old != nil && old.EndedAt.IsZero() {
			x := *old
			x.OrganizationID = organizationID
			st.putSession(x)
		}
		return nil
	})
}
