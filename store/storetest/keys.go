package storetest

import "github.com/admit-go/admit/store"

// keyChecks prove store.Keys.
var keyChecks = []check{
	{"keys are kept with every field and listed by purpose and sequence", func(s *scene) {
		third, first, tenth := s.newKey(3), s.newKey(-1), s.newKey(10)
		other, endless := s.newKey(2), s.newKey(11)
		other.Purpose, endless.ExpiresAt = "Zebra", endless.ExpiresAt.AddDate(7000, 0, 0)
		for _, k := range []store.Key{third, first, tenth, other, endless} {
			s.must(s.store.CreateKey(s.ctx, k))
		}
		got, err := s.store.ListKeys(s.ctx, s.tenant)
		s.must(err)
		equalAll(s, got, []store.Key{other, first, third, tenth, endless})
		got, err = s.store.ListKeys(s.ctx, s.elsewhere().tenant)
		s.must(err)
		equalAll(s, got, nil)
	}},
	{"CreateKey refuses an id, or a purpose and sequence, that exist", func(s *scene) {
		k := s.key(1)
		sameID, samePlace := s.newKey(2), s.newKey(1)
		sameID.ID = k.ID
		s.is(s.store.CreateKey(s.ctx, sameID), store.ErrConflict)
		s.is(s.store.CreateKey(s.ctx, samePlace), store.ErrConflict)
		twin := k
		twin.Tenant = s.elsewhere().tenant
		s.must(s.store.CreateKey(s.ctx, twin))
		got, err := s.store.ListKeys(s.ctx, s.tenant)
		s.must(err)
		equalAll(s, got, []store.Key{k})
	}},
	{"ResealKey replaces only what the caller saw", func(s *scene) {
		k, next := s.key(1), s.hash()
		s.no(s.store.ResealKey(s.ctx, s.tenant, "unknown", k.Sealed, next))
		s.no(s.store.ResealKey(s.ctx, s.elsewhere().tenant, k.ID, k.Sealed, next))
		s.no(s.store.ResealKey(s.ctx, s.tenant, k.ID, next, next))
		s.no(s.store.ResealKey(s.ctx, s.tenant, k.ID, nil, next))
		s.yes(s.store.ResealKey(s.ctx, s.tenant, k.ID, k.Sealed, next))
		s.no(s.store.ResealKey(s.ctx, s.tenant, k.ID, k.Sealed, s.hash()))
		k.Sealed = next
		got, err := s.store.ListKeys(s.ctx, s.tenant)
		s.must(err)
		equalAll(s, got, []store.Key{k})
	}},
}
