package storetest

import (
	"time"

	"github.com/admit-go/admit/store"
)

// apiKeyChecks prove store.APIKeys.
var apiKeyChecks = []check{
	{"CreateAPIKey keeps every field", func(s *scene) {
		u := s.user()
		// No scopes at all and no scope allowed are opposites, and a list may
		// not be taken apart at a character that a scope may hold.
		for _, scopes := range [][]string{nil, {}, {"one"}, {"a,b", `"`, " ", "å"}} {
			k := s.newAPIKey(u)
			k.Scopes, k.RevokedAt = scopes, after(-1)
			if scopes == nil {
				k.OwnerKind = ""
			}
			s.must(s.store.CreateAPIKey(s.ctx, k))
			got, owner, err := s.store.APIKeyOwner(s.ctx, s.tenant, k.Hash)
			s.must(err)
			equal(s, got, k)
			equal(s, owner, u)
			got, err = s.store.APIKey(s.ctx, s.tenant, k.ID)
			s.must(err)
			equal(s, got, k)
		}
	}},
	{"APIKey finds a key in its own tenant only", func(s *scene) {
		k := s.apiKey(s.user())
		_, err := s.store.APIKey(s.ctx, s.elsewhere().tenant, k.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.APIKey(s.ctx, s.tenant, "unknown")
		s.is(err, store.ErrNotFound)
	}},
	{"ListAPIKeys lists no key of an owner without an id", func(s *scene) {
		k := s.newAPIKey(store.User{})
		s.must(s.store.CreateAPIKey(s.ctx, k))
		got, total, err := s.store.ListAPIKeys(s.ctx, s.tenant, store.KeyOwner{Kind: k.OwnerKind}, store.Page{Number: 1, Limit: 10})
		s.count(0)(total, err)
		equalAll(s, got, nil)
	}},
	{"CreateAPIKey refuses an id or a hash that is taken", func(s *scene) {
		k := s.apiKey(s.user())
		sameID, sameHash := s.newAPIKey(store.User{}), s.newAPIKey(store.User{})
		sameID.ID, sameHash.Hash = k.ID, k.Hash
		s.is(s.store.CreateAPIKey(s.ctx, sameID), store.ErrConflict)
		s.is(s.store.CreateAPIKey(s.ctx, sameHash), store.ErrConflict)
		equal(s, s.keptAPIKey(k), k)
		_, total, err := s.store.ListAPIKeys(s.ctx, s.tenant, store.KeyOwner{}, store.Page{Number: 1, Limit: 10})
		s.count(1)(total, err)
	}},
	{"APIKeyOwner gives no account when there is none or it is deleted", func(s *scene) {
		u := s.user()
		gone := s.apiKey(u)
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, time.Time{}))
		unknown, operators := s.newAPIKey(store.User{ID: "unknown"}), s.newAPIKey(store.User{})
		s.must(s.store.CreateAPIKey(s.ctx, unknown))
		s.must(s.store.CreateAPIKey(s.ctx, operators))
		for _, k := range []store.APIKey{gone, unknown, operators} {
			got, owner, err := s.store.APIKeyOwner(s.ctx, s.tenant, k.Hash)
			s.must(err)
			equal(s, got, k)
			equal(s, owner, store.User{})
		}
	}},
	{"APIKeyOwner finds a key in its own tenant only", func(s *scene) {
		k := s.apiKey(s.user())
		_, _, err := s.store.APIKeyOwner(s.ctx, s.elsewhere().tenant, k.Hash)
		s.is(err, store.ErrNotFound)
		_, _, err = s.store.APIKeyOwner(s.ctx, s.tenant, s.hash())
		s.is(err, store.ErrNotFound)
		twin := k
		twin.Tenant = s.elsewhere().tenant
		s.must(s.store.CreateAPIKey(s.ctx, twin))
		equal(s, s.keptAPIKey(k), k)
	}},
	{"RevokeAPIKey does it once", func(s *scene) {
		k := s.apiKey(s.user())
		_, err := s.store.RevokeAPIKey(s.ctx, s.tenant, "unknown", now)
		s.is(err, store.ErrNotFound)
		_, err = s.store.RevokeAPIKey(s.ctx, s.elsewhere().tenant, k.ID, now)
		s.is(err, store.ErrNotFound)
		s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, now))
		s.no(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, after(1)))
		k.RevokedAt = now
		equal(s, s.keptAPIKey(k), k)
	}},
	{"RevokeAPIKey and RevokeAPIKeysOf bring a later revocation forward, and put none off", func(s *scene) {
		u := s.user()
		one, two := s.apiKey(u), s.apiKey(u)
		for _, k := range []store.APIKey{one, two} {
			s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, after(9)))
			s.no(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, after(10)))
		}
		s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, one.ID, now))
		s.no(s.store.RevokeAPIKey(s.ctx, s.tenant, one.ID, after(9)))
		s.count(1)(s.store.RevokeAPIKeysOf(s.ctx, s.tenant, u.ID, now))
		one.RevokedAt, two.RevokedAt = now, now
		equal(s, s.keptAPIKey(one), one)
		equal(s, s.keptAPIKey(two), two)
	}},
	{"RevokeAPIKeysOf revokes the keys that one account made", func(s *scene) {
		u, other := s.user(), s.user()
		first, second, revoked, kept := s.apiKey(u), s.apiKey(u), s.apiKey(u), s.apiKey(other)
		s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, revoked.ID, after(-1)))
		s.count(0)(s.store.RevokeAPIKeysOf(s.ctx, s.elsewhere().tenant, u.ID, now))
		s.count(2)(s.store.RevokeAPIKeysOf(s.ctx, s.tenant, u.ID, now))
		s.count(0)(s.store.RevokeAPIKeysOf(s.ctx, s.tenant, u.ID, after(1)))
		first.RevokedAt, second.RevokedAt, revoked.RevokedAt = now, now, after(-1)
		for _, k := range []store.APIKey{first, second, revoked, kept} {
			equal(s, s.keptAPIKey(k), k)
		}
	}},
	{"AK-05 TouchAPIKey raises LastUsedAt and nothing else", func(s *scene) {
		k := s.apiKey(s.user())
		s.must(s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after(2)))
		s.must(s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after(1)))
		s.must(s.store.TouchAPIKey(s.ctx, s.tenant, "unknown", now))
		s.must(s.store.TouchAPIKey(s.ctx, s.elsewhere().tenant, k.ID, after(9)))
		k.LastUsedAt = after(2)
		equal(s, s.keptAPIKey(k), k)
		s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, after(3)))
		s.must(s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after(4)))
		k.RevokedAt, k.LastUsedAt = after(3), after(4)
		equal(s, s.keptAPIKey(k), k)
	}},
}
