package storetest

import (
	"time"

	"github.com/admit-go/admit/store"
)

// tokenChecks prove store.Tokens: every secret that was mailed works once.
var tokenChecks = []check{
	{"CreateToken keeps every field", func(s *scene) {
		t := s.newToken(s.user())
		t.Tries, t.UsedAt = 2, after(-5)
		s.must(s.store.CreateToken(s.ctx, t))
		equal(s, s.keptToken(t), t)
		bare := store.Token{Tenant: s.tenant, Kind: "bare", Hash: s.hash(), ExpiresAt: after(1)}
		s.must(s.store.CreateToken(s.ctx, bare))
		equal(s, s.keptToken(bare), bare)
	}},
	{"CreateToken refuses kind and hash that exist", func(s *scene) {
		t := s.token(s.user())
		same := t
		same.UserID, same.EmailKey = "other", "other"
		s.is(s.store.CreateToken(s.ctx, same), store.ErrConflict)
		equal(s, s.keptToken(t), t)
		same.Kind = "verify"
		s.must(s.store.CreateToken(s.ctx, same))
	}},
	{"a token is found by kind, hash and tenant together", func(s *scene) {
		t := s.token(s.user())
		for _, at := range []store.Token{
			{Tenant: s.elsewhere().tenant, Kind: t.Kind, Hash: t.Hash},
			{Tenant: t.Tenant, Kind: "verify", Hash: t.Hash},
			{Tenant: t.Tenant, Kind: t.Kind, Hash: s.hash()},
			{Tenant: t.Tenant, Kind: t.Kind},
		} {
			_, err := s.store.Token(s.ctx, at.Tenant, at.Kind, at.Hash)
			s.is(err, store.ErrNotFound)
			_, done, err := s.store.ConsumeToken(s.ctx, at.Tenant, at.Kind, at.Hash, now)
			s.is(err, store.ErrNotFound)
			_, tried, err := s.store.TryToken(s.ctx, at.Tenant, at.Kind, at.Hash, now)
			s.is(err, store.ErrNotFound)
			if done || tried {
				s.Errorf("an absent token was used")
			}
		}
		equal(s, s.keptToken(t), t)
	}},
	{"ConsumeToken does it once", func(s *scene) {
		t := s.token(s.user())
		want := t
		want.UsedAt = now
		got, done, err := s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
		s.yes(done, err)
		equal(s, got, want)
		got, done, err = s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, after(1))
		s.no(done, err)
		equal(s, got, want)
		got, done, err = s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, after(1))
		s.no(done, err)
		equal(s, got, want)
		equal(s, s.keptToken(t), want)
	}},
	{"a token lives until just before ExpiresAt", func(s *scene) {
		t := s.token(s.user())
		got, done, err := s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, t.ExpiresAt)
		s.no(done, err)
		equal(s, got, t)
		got, done, err = s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, t.ExpiresAt)
		s.no(done, err)
		equal(s, got, t)
		_, done, err = s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, t.ExpiresAt.Add(-time.Microsecond))
		s.yes(done, err)
		_, done, err = s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, t.ExpiresAt.Add(-time.Microsecond))
		s.yes(done, err)
	}},
	{"TryToken counts up to MaxTries", func(s *scene) {
		t := s.token(s.user()) // allows 3
		for tries := 1; tries <= 5; tries++ {
			got, done, err := s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
			s.must(err)
			if done != (tries <= 3) || got.Tries != min(tries, 3) {
				s.Errorf("try %d answered %v with %d tries", tries, done, got.Tries)
			}
		}
		_, done, err := s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
		s.yes(done, err)
	}},
	{"TryToken allows none when MaxTries is zero", func(s *scene) {
		t := s.newToken(s.user())
		t.MaxTries = 0
		s.must(s.store.CreateToken(s.ctx, t))
		got, done, err := s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
		s.no(done, err)
		equal(s, got, t)
	}},
	{"DeleteTokens removes what carries the account or the address and is unused", func(s *scene) {
		u, other := s.user(), s.user()
		ofBoth, ofUser, ofEmail, ofOther := s.newToken(u), s.newToken(u), s.newToken(other), s.token(other)
		ofUser.EmailKey, ofEmail.EmailKey = "", u.EmailKey
		used, expired := s.newToken(u), s.newToken(u)
		used.UsedAt, expired.ExpiresAt = now, after(-1)
		for _, t := range []store.Token{ofBoth, ofUser, ofEmail, used, expired} {
			s.must(s.store.CreateToken(s.ctx, t))
		}
		s.count(0)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.elsewhere().tenant, UserID: u.ID, EmailKey: u.EmailKey}))
		s.count(0)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant}))
		s.count(4)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: u.ID, EmailKey: u.EmailKey}))
		for _, t := range []store.Token{ofBoth, ofUser, ofEmail, expired} {
			_, err := s.store.Token(s.ctx, t.Tenant, t.Kind, t.Hash)
			s.is(err, store.ErrNotFound)
		}
		equal(s, s.keptToken(used), used)
		equal(s, s.keptToken(ofOther), ofOther)
	}},
	{"DeleteTokens without an account leaves the tokens without one", func(s *scene) {
		stray, aimed := s.newToken(store.User{Tenant: s.tenant}), s.newToken(s.user())
		s.must(s.store.CreateToken(s.ctx, stray))
		s.must(s.store.CreateToken(s.ctx, aimed))
		s.count(1)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, EmailKey: aimed.EmailKey}))
		s.count(0)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, Kinds: []string{"reset"}}))
		equal(s, s.keptToken(stray), stray)
	}},
	{"DeleteTokens keeps to the kinds given", func(s *scene) {
		u := s.user()
		var tokens []store.Token
		for _, kind := range []string{"reset", "verify", "magic"} {
			t := s.newToken(u)
			t.Kind = kind
			s.must(s.store.CreateToken(s.ctx, t))
			tokens = append(tokens, t)
		}
		s.count(2)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: u.ID, Kinds: []string{"reset", "magic", "none"}}))
		equal(s, s.keptToken(tokens[1]), tokens[1])
		s.count(1)(s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: u.ID, Kinds: []string{}}))
	}},
	{"DeleteTokensBefore removes the unused tokens made before a time, some at a time", func(s *scene) {
		u := s.user()
		boundary, used := s.newToken(u), s.newToken(u)
		boundary.CreatedAt, used.CreatedAt, used.UsedAt = after(-2), after(-9), after(-8)
		s.must(s.store.CreateToken(s.ctx, boundary))
		s.must(s.store.CreateToken(s.ctx, used))
		for range 5 {
			t := s.newToken(u)
			t.CreatedAt = after(-2).Add(-time.Microsecond)
			s.must(s.store.CreateToken(s.ctx, t))
		}
		foreign := s.elsewhere()
		kept := foreign.token(foreign.user())
		for _, want := range []int{2, 2, 1, 0} {
			s.count(want)(s.store.DeleteTokensBefore(s.ctx, s.tenant, after(-2), 2))
		}
		equal(s, s.keptToken(boundary), boundary)
		equal(s, s.keptToken(used), used)
		equal(s, foreign.keptToken(kept), kept)
	}},
}
