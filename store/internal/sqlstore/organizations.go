package sqlstore

import (
	"context"
	"fmt"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const (
	organizationColumns = "tenant, id, name, slug, deleted_at, purge_at, created_at, updated_at, version"
	memberColumns       = "tenant, organization_id, user_id, role, created_at, updated_at"
)

// organizationFields returns the variables that organizationColumns are read
// into.
func organizationFields(o *store.Organization) []any {
	return []any{
		&o.Tenant, &o.ID, &o.Name, &o.Slug, (*moment)(&o.DeletedAt), (*moment)(&o.PurgeAt),
		(*moment)(&o.CreatedAt), (*moment)(&o.UpdatedAt), &o.Version,
	}
}

// memberFields returns the variables that memberColumns are read into.
func memberFields(m *store.Member) []any {
	return []any{&m.Tenant, &m.OrganizationID, &m.UserID, &m.Role, (*moment)(&m.CreatedAt), (*moment)(&m.UpdatedAt)}
}

func membershipFields(m *store.Membership) []any {
	return append(organizationFields(&m.Organization), memberFields(&m.Member)...)
}

func memberUserFields(m *store.MemberUser) []any {
	return append(memberFields(&m.Member), userFields(&m.User)...)
}

// sessionRole is the role of the account of a session s in the organisation of
// the session. No comma in it is followed by a blank, because pack splits
// there.
const sessionRole = `CASE WHEN s.organization_id <> '' THEN (SELECT m.role FROM admit_members m
	JOIN admit_organizations o ON o.tenant = m.tenant AND o.id = m.organization_id
	WHERE m.tenant = s.tenant AND m.organization_id = s.organization_id AND m.user_id = s.user_id AND o.deleted_at = 0) END`

type organizationStatements struct {
	create, get, lock, update, exists *query

	listOf, countOf *query

	addMember, member, setRole, removeMember, removeOf *query

	list, count, listRole, countRole *query
}

func newOrganizationStatements(c *catalogue) organizationStatements {
	const (
		byID   = ` FROM admit_organizations WHERE tenant = $1 AND id = $2`
		one    = ` WHERE tenant = $1 AND organization_id = $2 AND user_id = $3`
		ofUser = ` FROM admit_members m JOIN admit_organizations o ON o.tenant = m.tenant AND o.id = m.organization_id
			WHERE m.tenant = $1 AND m.user_id = $2 AND o.deleted_at = 0`
		users = ` JOIN admit_users u ON u.tenant = first.tenant AND u.id = first.user_id ORDER BY first.user_id`
		whole = ` FROM admit_members WHERE tenant = $1 AND organization_id = $2`
		role  = whole + ` AND role = $3`
	)
	// The statement selects the members of the page first and then finds each
	// account by its id.
	members := func(of, limit, offset string) string {
		return `SELECT ` + qualified("first", memberColumns) + ", " + qualified("u", userColumns) +
			` FROM (SELECT ` + memberColumns + of + ` ORDER BY user_id LIMIT ` + limit + ` OFFSET ` + offset + `) first` + users
	}
	return organizationStatements{
		create: c.write("create organization", `INSERT INTO admit_organizations (`+organizationColumns+`) VALUES (`+values(9)+`) ON CONFLICT DO NOTHING`),
		get:    c.read("read organization", `SELECT `+organizationColumns+byID),
		lock:   c.read("lock organization", `SELECT `+organizationColumns+byID+c.pick("", " FOR UPDATE")),
		update: c.write("update organization", `
			UPDATE admit_organizations SET name = $4, slug = $5, deleted_at = $6, purge_at = $7, updated_at = $8, version = version + 1
			WHERE tenant = $1 AND id = $2 AND version = $3 AND NOT EXISTS (
				SELECT 1 FROM admit_organizations o WHERE o.tenant = $1 AND o.slug = $5 AND o.slug <> '' AND o.id <> $2)`),
		exists:  c.read("look for organization", `SELECT version`+byID),
		listOf:  c.read("list organizations of user", `SELECT `+qualified("o", organizationColumns)+", "+qualified("m", memberColumns)+ofUser+` ORDER BY m.organization_id LIMIT $3 OFFSET $4`),
		countOf: c.read("count organizations of user", `SELECT count(*)`+ofUser),

		addMember:    c.write("add member", `INSERT INTO admit_members (`+memberColumns+`) VALUES (`+values(6)+`) ON CONFLICT DO NOTHING`),
		member:       c.read("read member", `SELECT `+memberColumns+` FROM admit_members`+one),
		setRole:      c.write("set role of member", `UPDATE admit_members SET role = $4, updated_at = $5`+one+` AND role = $6`),
		removeMember: c.write("remove member", `DELETE FROM admit_members`+one),
		removeOf:     c.write("remove memberships of user", `DELETE FROM admit_members`+c.by("admit_members_user")+` WHERE tenant = $1 AND user_id = $2`),

		list:      c.read("list members", members(whole, "$3", "$4")),
		count:     c.read("count members", `SELECT count(*)`+whole),
		listRole:  c.read("list members of role", members(role, "$4", "$5")),
		countRole: c.read("count members of role", `SELECT count(*)`+role),
	}
}

// CreateOrganization implements store.Organizations.
func (s *Store) CreateOrganization(ctx context.Context, o store.Organization, first store.Member) error {
	if err := text.Organization(o); err != nil {
		return err
	}
	if err := text.Member(first); err != nil {
		return err
	}
	return s.atomically(ctx, func(ctx context.Context, t *Store) error {
		err := t.create(ctx, t.q.organizations.create, o.Tenant, o.ID, o.Name, o.Slug, micros(o.DeletedAt), micros(o.PurgeAt),
			micros(o.CreatedAt), micros(o.UpdatedAt), int64(1))
		if err != nil {
			return err
		}
		return t.addMember(ctx, first)
	})
}

// Organization implements store.Organizations.
func (s *Store) Organization(ctx context.Context, tenant, id string) (store.Organization, error) {
	return s.organization(ctx, s.q.organizations.get, tenant, id)
}

// LockOrganization implements store.Organizations.
func (s *Store) LockOrganization(ctx context.Context, tenant, id string) (store.Organization, error) {
	if err := s.lockWrites(ctx); err != nil {
		return store.Organization{}, err
	}
	return s.organization(ctx, s.q.organizations.lock, tenant, id)
}

func (s *Store) organization(ctx context.Context, q *query, tenant, id string) (store.Organization, error) {
	if err := text.Key(tenant, id); err != nil {
		return store.Organization{}, err
	}
	var o store.Organization
	if err := s.one(ctx, q, organizationFields(&o), tenant, id); err != nil {
		return store.Organization{}, err
	}
	return o, nil
}

// UpdateOrganization implements store.Organizations.
func (s *Store) UpdateOrganization(ctx context.Context, o store.Organization) error {
	if err := text.Organization(o); err != nil {
		return err
	}
	updated := false
	update := func(ctx context.Context, t *Store) (err error) {
		updated, err = t.done(ctx, t.q.organizations.update, o.Tenant, o.ID, o.Version, o.Name, o.Slug, micros(o.DeletedAt), micros(o.PurgeAt), micros(o.UpdatedAt))
		return err
	}
	if err := s.unlessOvertaken(ctx, update); err != nil || updated {
		return err
	}
	var version int64
	if err := s.one(ctx, s.q.organizations.exists, []any{&version}, o.Tenant, o.ID); err != nil {
		return err
	}
	return store.ErrConflict
}

// unlessOvertaken runs a statement that finds a taken key before it writes. It
// fails only if another transaction takes the key meanwhile. Then a surrounding
// transaction of the engine begins again. In a host's transaction a savepoint
// undoes the failure.
func (s *Store) unlessOvertaken(ctx context.Context, write work) error {
	var err error
	if s.scope != nil && s.scope.host {
		err = s.join(ctx, write)
	} else {
		err = write(ctx, s)
	}
	switch {
	case err == nil || sqlState(err) != uniqueViolation:
		return err
	case s.scope != nil && !s.scope.host:
		return fmt.Errorf("%w: %w", errOvertaken, err)
	}
	return store.ErrConflict
}

// ListOrganizationsOf implements store.Organizations.
func (s *Store) ListOrganizationsOf(ctx context.Context, tenant, userID string, page store.Page) ([]store.Membership, int, error) {
	if err := text.Key(tenant, userID); err != nil {
		return nil, 0, err
	}
	return paged(ctx, s, s.q.organizations.countOf, s.q.organizations.listOf, membershipFields, page, tenant, userID)
}

// AddMember implements store.Members.
func (s *Store) AddMember(ctx context.Context, m store.Member) error {
	if err := text.Member(m); err != nil {
		return err
	}
	return s.addMember(ctx, m)
}

func (s *Store) addMember(ctx context.Context, m store.Member) error {
	return s.create(ctx, s.q.organizations.addMember, m.Tenant, m.OrganizationID, m.UserID, m.Role, micros(m.CreatedAt), micros(m.UpdatedAt))
}

// Member implements store.Members.
func (s *Store) Member(ctx context.Context, tenant, organizationID, userID string) (store.Member, error) {
	if err := text.Key(tenant, organizationID, userID); err != nil {
		return store.Member{}, err
	}
	var m store.Member
	if err := s.one(ctx, s.q.organizations.member, memberFields(&m), tenant, organizationID, userID); err != nil {
		return store.Member{}, err
	}
	return m, nil
}

// SetMemberRole implements store.Members.
func (s *Store) SetMemberRole(ctx context.Context, m store.Member, from string) (bool, error) {
	if err := text.Member(m); err != nil {
		return false, err
	}
	if err := text.Key(from); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.organizations.setRole, m.Tenant, m.OrganizationID, m.UserID, m.Role, micros(m.UpdatedAt), from)
}

// RemoveMember implements store.Members.
func (s *Store) RemoveMember(ctx context.Context, tenant, organizationID, userID string) (bool, error) {
	if err := text.Key(tenant, organizationID, userID); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.organizations.removeMember, tenant, organizationID, userID)
}

// RemoveMembershipsOf implements store.Members.
func (s *Store) RemoveMembershipsOf(ctx context.Context, tenant, userID string) (int, error) {
	if err := text.Key(tenant, userID); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.organizations.removeOf, tenant, userID)
	return int(n), err
}

// ListMembers implements store.Members.
func (s *Store) ListMembers(ctx context.Context, q store.MemberQuery, page store.Page) ([]store.MemberUser, int, error) {
	if err := text.MemberQuery(q); err != nil {
		return nil, 0, err
	}
	o := &s.q.organizations
	if q.Role != "" {
		return paged(ctx, s, o.countRole, o.listRole, memberUserFields, page, q.Tenant, q.OrganizationID, q.Role)
	}
	return paged(ctx, s, o.count, o.list, memberUserFields, page, q.Tenant, q.OrganizationID)
}
