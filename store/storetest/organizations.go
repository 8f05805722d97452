package storetest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// newOrganization makes an organisation that may be added.
func (s *scene) newOrganization() store.Organization {
	id := s.id()
	return store.Organization{
		Tenant: s.tenant, ID: id, Name: "Ångström & Co", Slug: "angstrom-" + id, CreatedAt: after(-16), UpdatedAt: after(-15), Version: 1,
	}
}

// newMember makes an account a member that may be added.
func (s *scene) newMember(o store.Organization, u store.User, role string) store.Member {
	return store.Member{Tenant: o.Tenant, OrganizationID: o.ID, UserID: u.ID, Role: role, CreatedAt: after(-14), UpdatedAt: after(-13)}
}

// organization adds an organisation with an owner.
func (s *scene) organization(owner store.User) store.Organization {
	s.Helper()
	o := s.newOrganization()
	s.must(s.store.CreateOrganization(s.ctx, o, s.newMember(o, owner, "owner")))
	return o
}

// member adds a member.
func (s *scene) member(o store.Organization, u store.User, role string) store.Member {
	s.Helper()
	m := s.newMember(o, u, role)
	s.must(s.store.AddMember(s.ctx, m))
	return m
}

// keptOrganization returns an organisation as it is kept.
func (s *scene) keptOrganization(o store.Organization) store.Organization {
	s.Helper()
	got, err := s.store.Organization(s.ctx, o.Tenant, o.ID)
	s.must(err)
	return got
}

// hasMembers reports another list of the members with a role.
func (s *scene) hasMembers(o store.Organization, role string, want ...store.MemberUser) {
	s.Helper()
	slices.SortFunc(want, func(a, b store.MemberUser) int { return compareText(a.User.ID, b.User.ID) })
	got, total, err := s.store.ListMembers(s.ctx, store.MemberQuery{Tenant: o.Tenant, OrganizationID: o.ID, Role: role}, page)
	s.count(len(want))(total, err)
	equalAll(s, got, want)
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// belongsTo reports another list of the organisations of an account.
func (s *scene) belongsTo(u store.User, want ...store.Membership) {
	s.Helper()
	got, total, err := s.store.ListOrganizationsOf(s.ctx, u.Tenant, u.ID, page)
	s.count(len(want))(total, err)
	equalAll(s, got, want)
}

// works reports another role of the account of a session in the organisation of
// the session.
func (s *scene) works(x store.Session, role string) {
	s.Helper()
	got, _, err := s.store.SessionUser(s.ctx, x.Tenant, x.ID)
	s.must(err)
	if got.OrganizationRole != role {
		s.Errorf("the role in the organisation is %q, should be %q", got.OrganizationRole, role)
	}
}

// organizationChecks prove store.Organizations and store.Members.
var organizationChecks = []check{
	{"CreateOrganization keeps every field, and the first member", func(s *scene) {
		u := s.user()
		o := s.newOrganization()
		o.DeletedAt, o.PurgeAt, o.Version = after(1), after(2), 9
		s.must(s.store.CreateOrganization(s.ctx, o, s.newMember(o, u, "owner")))
		o.Version = 1
		equal(s, s.keptOrganization(o), o)
		s.hasMembers(o, "", store.MemberUser{Member: s.newMember(o, u, "owner"), User: u})
		s.belongsTo(u) // it is deleted
		_, err := s.store.Organization(s.ctx, s.tenant, "unknown")
		s.is(err, store.ErrNotFound)
		_, err = s.store.LockOrganization(s.ctx, s.elsewhere().tenant, o.ID)
		s.is(err, store.ErrNotFound)
	}},
	{"CreateOrganization refuses an id or a slug that is taken", func(s *scene) {
		u := s.user()
		o := s.organization(u)
		sameID, sameSlug := s.newOrganization(), s.newOrganization()
		sameID.ID, sameSlug.Slug = o.ID, o.Slug
		for _, again := range []store.Organization{sameID, sameSlug} {
			s.is(s.store.CreateOrganization(s.ctx, again, s.newMember(again, s.user(), "owner")), store.ErrConflict)
		}
		s.belongsTo(u, store.Membership{Organization: o, Member: s.newMember(o, u, "owner")})
		_, err := s.store.Organization(s.ctx, s.tenant, sameSlug.ID)
		s.is(err, store.ErrNotFound)
		// Nobody owns the empty slug, and another tenant has slugs of its own.
		for range 2 {
			without := s.newOrganization()
			without.Slug = ""
			s.must(s.store.CreateOrganization(s.ctx, without, s.newMember(without, u, "owner")))
		}
		twin := o
		twin.Tenant = s.elsewhere().tenant
		s.must(s.store.CreateOrganization(s.ctx, twin, s.newMember(twin, u, "owner")))
		equal(s, s.keptOrganization(o), o)
	}},
	{"UpdateOrganization follows the version and the slug", func(s *scene) {
		u := s.user()
		o, other := s.organization(u), s.organization(u)
		o.Name, o.Slug, o.UpdatedAt = "renamed", "renamed", now
		s.must(s.store.UpdateOrganization(s.ctx, o))
		s.is(s.store.UpdateOrganization(s.ctx, o), store.ErrConflict)
		o.Version = 2
		equal(s, s.keptOrganization(o), o)
		other.Slug = "renamed"
		s.is(s.store.UpdateOrganization(s.ctx, other), store.ErrConflict)
		gone := o
		gone.ID = "unknown"
		s.is(s.store.UpdateOrganization(s.ctx, gone), store.ErrNotFound)
		o.DeletedAt, o.PurgeAt = now, after(9)
		s.must(s.store.UpdateOrganization(s.ctx, o))
		s.is(s.store.UpdateOrganization(s.ctx, other), store.ErrConflict) // a deleted one keeps its slug
		o.Version, o.DeletedAt, o.PurgeAt, o.Slug = 3, time.Time{}, time.Time{}, ""
		s.must(s.store.UpdateOrganization(s.ctx, o))
		s.must(s.store.UpdateOrganization(s.ctx, other))
	}},
	{"AddMember and RemoveMember do it once", func(s *scene) {
		u, other := s.user(), s.user()
		o := s.organization(u)
		m := s.member(o, other, "admin")
		s.is(s.store.AddMember(s.ctx, m), store.ErrConflict)
		got, err := s.store.Member(s.ctx, s.tenant, o.ID, other.ID)
		s.must(err)
		equal(s, got, m)
		s.hasMembers(o, "", store.MemberUser{Member: s.newMember(o, u, "owner"), User: u}, store.MemberUser{Member: m, User: other})
		s.hasMembers(o, "admin", store.MemberUser{Member: m, User: other})
		s.hasMembers(o, "adm")
		s.no(s.store.RemoveMember(s.ctx, s.elsewhere().tenant, o.ID, other.ID))
		s.yes(s.store.RemoveMember(s.ctx, s.tenant, o.ID, other.ID))
		s.no(s.store.RemoveMember(s.ctx, s.tenant, o.ID, other.ID))
		_, err = s.store.Member(s.ctx, s.tenant, o.ID, other.ID)
		s.is(err, store.ErrNotFound)
		s.hasMembers(o, "admin")
		s.belongsTo(other)
	}},
	{"SetMemberRole follows the role", func(s *scene) {
		u := s.user()
		o := s.organization(u)
		m := s.newMember(o, u, "member")
		m.UpdatedAt = now
		s.no(s.store.SetMemberRole(s.ctx, m, "admin"))
		s.yes(s.store.SetMemberRole(s.ctx, m, "owner"))
		s.no(s.store.SetMemberRole(s.ctx, m, "owner"))
		s.no(s.store.SetMemberRole(s.ctx, s.newMember(o, s.user(), "member"), ""))
		s.hasMembers(o, "member", store.MemberUser{Member: m, User: u})
		s.hasMembers(o, "owner")
	}},
	{"RemoveMembershipsOf removes one account from everywhere", func(s *scene) {
		u, other := s.user(), s.user()
		first, second := s.organization(u), s.organization(other)
		s.member(second, u, "member")
		s.count(0)(s.store.RemoveMembershipsOf(s.ctx, s.elsewhere().tenant, u.ID))
		s.count(2)(s.store.RemoveMembershipsOf(s.ctx, s.tenant, u.ID))
		s.count(0)(s.store.RemoveMembershipsOf(s.ctx, s.tenant, u.ID))
		s.belongsTo(u)
		s.hasMembers(first, "")
		s.hasMembers(second, "", store.MemberUser{Member: s.newMember(second, other, "owner"), User: other})
	}},
	{"SessionUser tells the membership of the organisation of the session", func(s *scene) {
		u := s.user()
		o, other := s.organization(u), s.organization(s.user())
		x := s.newSession(u)
		x.OrganizationRole = "made up"
		s.must(s.store.CreateSession(s.ctx, x))
		s.works(x, "")
		for _, to := range []struct{ id, role string }{{o.ID, "owner"}, {other.ID, ""}, {"", ""}, {"unknown", ""}, {o.ID, "owner"}} {
			s.must(s.store.EnterOrganization(s.ctx, s.tenant, x.ID, to.id))
			s.works(x, to.role)
		}
		s.yes(s.store.SetMemberRole(s.ctx, s.newMember(o, u, "member"), "owner"))
		s.works(x, "member")
		rotated, _, done, err := s.store.RotateSessionUser(s.ctx, s.rotation(x))
		s.yes(done, err)
		if rotated.OrganizationID != o.ID || rotated.OrganizationRole != "member" {
			s.Errorf("after a rotation the session works in %q as %q", rotated.OrganizationID, rotated.OrganizationRole)
		}
		deleted := o
		deleted.DeletedAt = now
		s.must(s.store.UpdateOrganization(s.ctx, deleted))
		s.works(x, "")
		deleted.DeletedAt, deleted.Version = time.Time{}, 2
		s.must(s.store.UpdateOrganization(s.ctx, deleted))
		s.works(x, "member")
		s.yes(s.store.RemoveMember(s.ctx, s.tenant, o.ID, u.ID))
		s.works(x, "")
	}},
	{"EnterOrganization changes no session that has ended, and none elsewhere", func(s *scene) {
		u := s.user()
		x := s.session(u)
		s.must(s.store.EnterOrganization(s.ctx, s.elsewhere().tenant, x.ID, "entered"))
		s.must(s.store.EnterOrganization(s.ctx, s.tenant, "unknown", "entered"))
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, now, "revoked"))
		s.must(s.store.EnterOrganization(s.ctx, s.tenant, x.ID, "entered"))
		if got := s.keptSession(x); got.OrganizationID != x.OrganizationID {
			s.Errorf("the session works in %q", got.OrganizationID)
		}
	}},
	{"lists of members and of organisations are ordered by the bytes of the id", func(s *scene) {
		u := s.user()
		added, sorted := s.idsThatSort()
		o := s.organization(u)
		s.count(1)(s.store.RemoveMembershipsOf(s.ctx, s.tenant, u.ID))
		for i, id := range added {
			member := s.newUser()
			member.ID = id
			s.must(s.store.CreateUser(s.ctx, member))
			s.member(o, member, fmt.Sprint("role-", i%2))
			mine := s.newOrganization()
			mine.ID = id
			s.must(s.store.CreateOrganization(s.ctx, mine, s.newMember(mine, u, "owner")))
		}
		pages(s, sorted, func(m store.MemberUser) string { return m.User.ID }, func(p store.Page) ([]store.MemberUser, int, error) {
			return s.store.ListMembers(s.ctx, store.MemberQuery{Tenant: s.tenant, OrganizationID: o.ID}, p)
		})
		pages(s, sorted, func(m store.Membership) string { return m.Organization.ID }, func(p store.Page) ([]store.Membership, int, error) {
			return s.store.ListOrganizationsOf(s.ctx, s.tenant, u.ID, p)
		})
	}},
}

// organizationRaces are the races of store.Organizations and store.Members.
var organizationRaces = []race{
	{"CreateOrganization gives a slug to one organisation", func(s *scene) contest {
		u := s.user()
		all := several(racers, s.newOrganization)
		for i := range all {
			all[i].Slug = all[0].Slug
		}
		return one(func(racer int) (int, error) {
			return took(s.store.CreateOrganization(s.ctx, all[racer], s.newMember(all[racer], u, "owner")), store.ErrConflict)
		}, func() {
			_, total, err := s.store.ListOrganizationsOf(s.ctx, s.tenant, u.ID, page)
			s.count(1)(total, err)
		})
	}},
	{"UpdateOrganization follows one reader", func(s *scene) contest {
		o := s.organization(s.user())
		return one(func(racer int) (int, error) {
			changed := o
			changed.Name = fmt.Sprint("name ", racer)
			return took(s.store.UpdateOrganization(s.ctx, changed), store.ErrConflict)
		}, nil)
	}},
	{"UpdateOrganization gives a slug to one organisation", func(s *scene) contest {
		u := s.user()
		all := several(8, func() store.Organization { return s.organization(u) })
		slug := "wanted-" + s.id()
		return one(func(racer int) (int, error) {
			changed := all[racer%8]
			changed.Slug = slug
			return took(s.store.UpdateOrganization(s.ctx, changed), store.ErrConflict)
		}, nil)
	}},
	{"AddMember happens once", func(s *scene) contest {
		o, u := s.organization(s.user()), s.user()
		return one(func(int) (int, error) {
			return took(s.store.AddMember(s.ctx, s.newMember(o, u, "member")), store.ErrConflict)
		}, nil)
	}},
	{"SetMemberRole happens once", func(s *scene) contest {
		u := s.user()
		o := s.organization(u)
		return one(func(int) (int, error) { return won(s.store.SetMemberRole(s.ctx, s.newMember(o, u, "member"), "owner")) }, nil)
	}},
	{"RemoveMember happens once", func(s *scene) contest {
		u := s.user()
		o := s.organization(u)
		return one(func(int) (int, error) { return won(s.store.RemoveMember(s.ctx, s.tenant, o.ID, u.ID)) }, nil)
	}},
	{"RemoveMembershipsOf counts each membership once", func(s *scene) contest {
		u := s.user()
		for range 5 {
			s.organization(u)
		}
		return some(5, func(int) (int, error) { return s.store.RemoveMembershipsOf(s.ctx, s.tenant, u.ID) }, nil)
	}},
	{"an organisation that is locked keeps an owner", func(s *scene) contest {
		owners := several(8, s.user)
		o := s.organization(owners[0])
		for _, u := range owners[1:] {
			s.member(o, u, "owner")
		}
		return some(7, func(racer int) (left int, err error) {
			err = s.store.Tx(s.ctx, func(ctx context.Context, tx store.Store) error {
				left = 0
				if _, err := tx.LockOrganization(ctx, s.tenant, o.ID); err != nil {
					return err
				}
				_, total, err := tx.ListMembers(ctx, store.MemberQuery{Tenant: s.tenant, OrganizationID: o.ID, Role: "owner"}, store.Page{Number: 1, Limit: 1})
				if err != nil || total < 2 {
					return err
				}
				removed, err := tx.RemoveMember(ctx, s.tenant, o.ID, owners[racer%8].ID)
				left, err = won(removed, err)
				return err
			})
			return left, err
		}, nil)
	}},
}
