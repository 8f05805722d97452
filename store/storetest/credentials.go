package storetest

import "github.com/admit-go/admit/store"

// credentialChecks prove store.Credentials.
var credentialChecks = []check{
	{"PutPassword sets and replaces", func(s *scene) {
		u := s.user()
		for range 2 {
			p := s.password(u)
			got, err := s.store.Password(s.ctx, s.tenant, u.ID)
			s.must(err)
			equal(s, got, p)
		}
	}},
	{"SwapPassword replaces only what the caller saw", func(s *scene) {
		u := s.user()
		p := s.password(u)
		next := s.newPassword(u)
		s.no(s.store.SwapPassword(s.ctx, next.Hash, next))
		s.no(s.store.SwapPassword(s.ctx, "", next))
		s.yes(s.store.SwapPassword(s.ctx, p.Hash, next))
		s.no(s.store.SwapPassword(s.ctx, p.Hash, s.newPassword(u)))
		got, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, got, next)
	}},
	{"an account without a password has none to find or to swap", func(s *scene) {
		u := s.user()
		_, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.is(err, store.ErrNotFound)
		s.no(s.store.SwapPassword(s.ctx, "", s.newPassword(u)))
		_, err = s.store.Password(s.ctx, s.tenant, u.ID)
		s.is(err, store.ErrNotFound)
	}},
	{"DeletePassword removes it, and none is fine too", func(s *scene) {
		u, other := s.user(), s.user()
		p, kept := s.password(u), s.password(other)
		for range 2 {
			s.must(s.store.DeletePassword(s.ctx, s.tenant, u.ID))
		}
		_, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.is(err, store.ErrNotFound)
		s.no(s.store.SwapPassword(s.ctx, p.Hash, p))
		got, err := s.store.Password(s.ctx, s.tenant, other.ID)
		s.must(err)
		equal(s, got, kept)
	}},
	{"tenants do not meet", func(s *scene) {
		u := s.user()
		p := s.password(u)
		foreign := p
		foreign.Tenant = s.elsewhere().tenant
		_, err := s.store.Password(s.ctx, foreign.Tenant, u.ID)
		s.is(err, store.ErrNotFound)
		s.no(s.store.SwapPassword(s.ctx, p.Hash, foreign))
		s.must(s.store.DeletePassword(s.ctx, foreign.Tenant, u.ID))
		got, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, got, p)
	}},
}
