package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit/store"
)

// one is a contest that exactly one racer wins.
func one(act func(racer int) (int, error), then func()) contest {
	return contest{act: act, least: 1, most: 1, then: then}
}

// some is a contest in which the racers together get exactly so much.
func some(total int, act func(racer int) (int, error), then func()) contest {
	return contest{act: act, least: total, most: total, then: then}
}

// several calls make so many times and returns what it made.
func several[T any](number int, makeOne func() T) []T {
	made := make([]T, number)
	for i := range made {
		made[i] = makeOne()
	}
	return made
}

// races are those of many calls of one verb.
var races = slices.Concat(verbRaces, recordRaces, organizationRaces, deletionRaces, eventRaces)

// verbRaces are those of every role but store.Records.
var verbRaces = []race{
	{"CreateUser gives an address to one account", func(s *scene) contest {
		users := several(racers, s.newUser)
		for i := range users {
			users[i].EmailKey = users[0].EmailKey
		}
		return one(func(racer int) (int, error) {
			return took(s.store.CreateUser(s.ctx, users[racer]), store.ErrConflict)
		}, func() {
			holder, err := s.store.UserByEmail(s.ctx, s.tenant, users[0].EmailKey)
			s.must(err)
			for _, u := range users[:4] {
				if _, err := s.store.User(s.ctx, s.tenant, u.ID); u.ID != holder.ID && err == nil {
					s.Errorf("an account that lost its address was made")
				}
			}
		})
	}},
	{"CreateUser gives an id to one account", func(s *scene) contest {
		users := several(racers, s.newUser)
		for i := range users {
			users[i].ID = users[0].ID
		}
		return one(func(racer int) (int, error) {
			return took(s.store.CreateUser(s.ctx, users[racer]), store.ErrConflict)
		}, func() {
			holder, err := s.store.User(s.ctx, s.tenant, users[0].ID)
			s.must(err)
			free := s.newUser()
			for _, u := range users[:2] {
				if free.EmailKey = u.EmailKey; u.EmailKey != holder.EmailKey {
					s.must(s.store.CreateUser(s.ctx, free))
					return
				}
			}
		})
	}},
	{"UpdateUser follows one reader", func(s *scene) contest {
		u := s.user()
		return one(func(racer int) (int, error) {
			changed := u
			changed.Name = strings.Repeat("x", racer+1)
			return took(s.store.UpdateUser(s.ctx, changed), store.ErrConflict)
		}, func() {
			if got := s.kept(u); got.Version != 2 {
				s.Errorf("one update made version %d", got.Version)
			}
		})
	}},
	{"VerifyEmail happens once", func(s *scene) contest {
		u := s.user()
		return one(func(racer int) (int, error) {
			return won(s.store.VerifyEmail(s.ctx, s.tenant, u.ID, u.EmailKey, after(racer)))
		}, nil)
	}},
	{"ClaimEmail gives an address to one account", func(s *scene) contest {
		users, key := several(4, s.user), "wanted-"+s.id()
		return one(func(racer int) (int, error) {
			c := s.claim(users[racer%4])
			c.EmailKey = key
			return took(s.store.ClaimEmail(s.ctx, c), store.ErrConflict, store.ErrNotFound)
		}, func() {
			holder, err := s.store.UserByEmail(s.ctx, s.tenant, key)
			s.must(err)
			for _, u := range users {
				if u.ID != holder.ID {
					equal(s, s.kept(u), u)
				}
			}
		})
	}},
	{"ClaimEmail moves an account once from where it was", func(s *scene) contest {
		u := s.user()
		claims := several(racers, func() store.EmailClaim { return s.claim(u) })
		return one(func(racer int) (int, error) {
			return took(s.store.ClaimEmail(s.ctx, claims[racer]), store.ErrNotFound)
		}, func() {
			for _, c := range claims[:2] {
				if c.EmailKey != s.kept(u).EmailKey {
					free := s.newUser()
					free.EmailKey = c.EmailKey
					s.must(s.store.CreateUser(s.ctx, free))
				}
			}
		})
	}},
	{"DeleteUser happens once", func(s *scene) contest {
		u := s.user()
		return one(func(racer int) (int, error) {
			return won(s.store.DeleteUser(s.ctx, s.tenant, u.ID, after(racer), time.Time{}))
		}, nil)
	}},
	{"SwapPassword follows one reader", func(s *scene) contest {
		u := s.user()
		p := s.password(u)
		return one(func(int) (int, error) {
			return won(s.store.SwapPassword(s.ctx, p.Hash, s.newPassword(u)))
		}, nil)
	}},
	{"CreateSession gives an id to one session", func(s *scene) contest {
		x := s.newSession(s.user())
		return one(func(int) (int, error) { return took(s.store.CreateSession(s.ctx, x), store.ErrConflict) }, nil)
	}},
	{"RotateSessionUser accepts a token once", func(s *scene) contest {
		x := s.session(s.user())
		next := several(racers, s.hash)
		return one(func(racer int) (int, error) {
			r := s.rotation(x)
			r.NextHash = next[racer]
			session, _, rotated, err := s.store.RotateSessionUser(s.ctx, r)
			if rotated && !bytes.Equal(session.SecretHash, next[racer]) {
				s.Errorf("a winner was given another's session")
			}
			return won(rotated, err)
		}, func() {
			if got := s.keptSession(x); got.Generation != 2 {
				s.Errorf("one rotation left generation %d", got.Generation)
			}
		})
	}},
	{"DeleteMail happens once", func(s *scene) contest {
		m := s.mail()
		return one(func(int) (int, error) { return won(s.store.DeleteMail(s.ctx, s.tenant, m.ID)) }, nil)
	}},
	{"AnswerSession gives each number once", func(s *scene) contest {
		x := s.session(s.user())
		return one(func(int) (int, error) {
			n, err := s.store.AnswerSession(s.ctx, s.tenant, x.ID, x.Generation)
			return won(n == x.Answers+1, err)
		}, nil)
	}},
	{"RotateSession accepts a token once", func(s *scene) contest {
		x := s.session(s.user())
		next := several(racers, s.hash)
		return one(func(racer int) (int, error) {
			r := s.rotation(x)
			r.NextHash = next[racer]
			return won(s.store.RotateSession(s.ctx, r))
		}, func() {
			got := s.keptSession(x)
			if got.Generation != 2 || !slices.ContainsFunc(next, func(h []byte) bool { return bytes.Equal(h, got.SecretHash) }) {
				s.Errorf("one rotation left generation %d with hash %q", got.Generation, got.SecretHash)
			}
		})
	}},
	{"SpendToken happens once", func(s *scene) contest {
		t := s.token(s.user())
		return one(func(int) (int, error) {
			got, _, done, err := s.store.SpendToken(s.ctx, s.tenant, t.Kind, t.Hash, now)
			if err == nil && !got.UsedAt.Equal(now) {
				err = fmt.Errorf("the token was used at %v, should be %v", got.UsedAt, now)
			}
			return won(done, err)
		}, nil)
	}},
	{"Write adds a token once", func(s *scene) contest {
		u := s.user()
		t := s.newToken(u)
		return one(func(int) (int, error) {
			w, err := s.store.Write(s.ctx, store.Batch{Tokens: []store.Token{t}, Events: []store.Event{s.newEvent()}})
			return won(err == nil && w.Tokens[0], err)
		}, nil)
	}},
	{"EndSession happens once", func(s *scene) contest {
		u := s.user()
		x := s.session(u)
		return one(func(int) (int, error) {
			return won(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, now, "revoked"))
		}, nil)
	}},
	{"EndSessions counts each session once", func(s *scene) contest {
		u := s.user()
		several(3, func() store.Session { return s.session(u) })
		return some(3, func(int) (int, error) {
			return s.store.EndSessions(s.ctx, store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now, Reason: "revoked"})
		}, nil)
	}},
	{"EndOldestSessions ends no more than there are too many", func(s *scene) contest {
		u := s.user()
		sessions := several(5, func() store.Session { return s.session(u) })
		return some(3, func(int) (int, error) {
			return s.store.EndOldestSessions(s.ctx, store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now, Reason: "limit"}, 2)
		}, func() {
			live, total, err := s.store.ListSessions(s.ctx, s.tenant, u.ID, now, page)
			s.count(2)(total, err)
			equalAll(s, live, sessions[3:])
		})
	}},
	{"EndSessionsBefore counts each session once", func(s *scene) contest {
		other := *s
		other.tenant += s.id()
		u := other.user()
		several(3, func() store.Session { return other.session(u) })
		return some(3, func(int) (int, error) {
			return s.store.EndSessionsBefore(s.ctx, other.tenant, now, now, "restored", 100)
		}, nil)
	}},
	{"TouchSessions never lowers the last activity", func(s *scene) contest {
		x := s.session(s.user())
		return some(0, func(racer int) (int, error) {
			return 0, s.store.TouchSessions(s.ctx, []store.Activity{{Tenant: s.tenant, ID: x.ID, At: after((racer * 37) % racers)}})
		}, func() {
			if got := s.keptSession(x).LastActivityAt; !got.Equal(after(racers - 1)) {
				s.Errorf("the last of %d signs of life was at %v, the session says %v", racers, after(racers-1), got)
			}
		})
	}},
	{"CreateToken gives a kind and hash to one token", func(s *scene) contest {
		t := s.newToken(s.user())
		return one(func(int) (int, error) { return took(s.store.CreateToken(s.ctx, t), store.ErrConflict) }, nil)
	}},
	{"ConsumeToken happens once", func(s *scene) contest {
		t := s.token(s.user())
		return one(func(racer int) (int, error) {
			_, done, err := s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, now.Add(time.Duration(racer)))
			return won(done, err)
		}, nil)
	}},
	{"TryToken allows MaxTries", func(s *scene) contest {
		t := s.token(s.user())
		return some(t.MaxTries, func(int) (int, error) {
			_, done, err := s.store.TryToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
			return won(done, err)
		}, func() {
			if got := s.keptToken(t); got.Tries != t.MaxTries {
				s.Errorf("%d tries were counted, should be %d", got.Tries, t.MaxTries)
			}
		})
	}},
	{"DeleteTokens counts each token once", func(s *scene) contest {
		u := s.user()
		several(3, func() store.Token { return s.token(u) })
		return some(3, func(int) (int, error) {
			return s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: u.ID, EmailKey: u.EmailKey})
		}, nil)
	}},
	{"DeleteTokensBefore counts each token once", func(s *scene) contest {
		other := *s
		other.tenant += s.id()
		u := other.user()
		several(3, func() store.Token { return other.token(u) })
		return some(3, func(int) (int, error) {
			return s.store.DeleteTokensBefore(s.ctx, other.tenant, now, 100)
		}, nil)
	}},
	{"CreateAPIKey gives a hash to one key", func(s *scene) contest {
		k := s.newAPIKey(s.user())
		return one(func(racer int) (int, error) {
			mine := k
			if racer > 0 {
				mine.ID = s.id()
			}
			return took(s.store.CreateAPIKey(s.ctx, mine), store.ErrConflict)
		}, nil)
	}},
	{"RevokeAPIKey happens once", func(s *scene) contest {
		k := s.apiKey(s.user())
		return one(func(int) (int, error) {
			return won(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, now))
		}, nil)
	}},
	{"RevokeAPIKeysOf counts each key once", func(s *scene) contest {
		u := s.user()
		several(3, func() store.APIKey { return s.apiKey(u) })
		return some(3, func(int) (int, error) { return s.store.RevokeAPIKeysOf(s.ctx, s.tenant, u.ID, now) }, nil)
	}},
	{"TouchAPIKey never lowers the last use", func(s *scene) contest {
		k := s.apiKey(s.user())
		return some(0, func(racer int) (int, error) {
			return 0, s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after((racer*37)%racers))
		}, func() {
			if got := s.keptAPIKey(k).LastUsedAt; !got.Equal(after(racers - 1)) {
				s.Errorf("the last of %d uses was at %v, the key says %v", racers, after(racers-1), got)
			}
		})
	}},
	{"CreateKey gives a sequence to one key", func(s *scene) contest {
		k := s.newKey(s.made.Load() + 1000)
		return one(func(int) (int, error) {
			mine := k
			mine.ID = s.id()
			return took(s.store.CreateKey(s.ctx, mine), store.ErrConflict)
		}, nil)
	}},
	{"ResealKey follows one reader", func(s *scene) contest {
		k := s.key(s.made.Load() + 1000)
		return one(func(int) (int, error) {
			return won(s.store.ResealKey(s.ctx, s.tenant, k.ID, k.Sealed, s.hash()))
		}, nil)
	}},
	{"AppendEvent gives an id to one event", func(s *scene) contest {
		e := s.newEvent()
		return one(func(int) (int, error) { return took(s.store.AppendEvent(s.ctx, e), store.ErrConflict) }, nil)
	}},
	{"Hit lets Limit through, of each counter or of none", func(s *scene) contest {
		narrow, wide := s.counter("narrow"+s.id(), 3), s.counter("wide"+s.id(), 5)
		return some(3, func(racer int) (int, error) {
			counters := []store.Counter{narrow, wide}
			if racer%2 == 1 {
				slices.Reverse(counters)
			}
			counted, err := s.store.Hit(s.ctx, now, counters...)
			return won(counted.OK, err)
		}, func() {
			full := store.Counted{ResetAt: after(10)}
			for _, want := range []store.Counted{ok, ok, full} {
				s.hit(now, want, wide)
			}
		})
	}},
	{"Hit lets Limit through in a window that starts anew", func(s *scene) contest {
		c := s.counter("old"+s.id(), 3)
		s.hit(after(-10), ok, c)
		return some(3, func(int) (int, error) {
			counted, err := s.store.Hit(s.ctx, now, c)
			return won(counted.OK, err)
		}, nil)
	}},
	{"Unhit takes back each hit", func(s *scene) contest {
		c := s.counter("spent"+s.id(), 8)
		for range 8 {
			s.hit(now, ok, c)
		}
		return some(0, func(racer int) (int, error) {
			if racer >= 7 {
				return 0, nil
			}
			return 0, s.store.Unhit(s.ctx, s.tenant, c.Key)
		}, func() {
			c.Limit = 2
			s.hit(now, ok, c)
			s.hit(now, store.Counted{ResetAt: after(10)}, c)
		})
	}},
	{"AddMail gives an id to one message", func(s *scene) contest {
		m := s.newMail()
		return one(func(int) (int, error) { return took(s.store.AddMail(s.ctx, m), store.ErrConflict) }, nil)
	}},
	{"AC-208 ClaimMail gives each message to one claimer", func(s *scene) contest {
		var mutex sync.Mutex
		holders := map[string]int{}
		other := *s
		other.tenant += s.id()
		several(3, other.mail)
		claim := func(holder string, limit int) (int, error) {
			claimed, err := other.store.ClaimMail(s.ctx, other.tenant, store.QueueMail, holder, now, after(5), limit)
			mutex.Lock()
			defer mutex.Unlock()
			for _, m := range claimed {
				holders[m.ID]++
			}
			return len(claimed), err
		}
		return contest{least: 1, most: 3, act: func(int) (int, error) { return claim(other.id(), 1) }, then: func() {
			// Who comes too late may go away empty, but what is left is there.
			_, err := claim("last", 3)
			s.must(err)
			for id, times := range holders {
				if times != 1 || len(holders) != 3 {
					s.Errorf("of %d messages, %s was claimed %d times", len(holders), id, times)
				}
			}
		}}
	}},
	{"RemoveMail happens once", func(s *scene) contest {
		m := s.claimed("holder")
		return one(func(int) (int, error) { return won(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "holder")) }, nil)
	}},
	{"DeferMail happens once", func(s *scene) contest {
		m := s.claimed("holder")
		return one(func(int) (int, error) {
			return won(s.store.DeferMail(s.ctx, s.tenant, m.ID, "holder", after(1000), "busy"))
		}, nil)
	}},
	{"BuryMail happens once", func(s *scene) contest {
		m := s.claimed("holder")
		return one(func(int) (int, error) {
			return won(s.store.BuryMail(s.ctx, s.tenant, m.ID, "holder", now, "550"))
		}, nil)
	}},
	{"ReviveMail happens once", func(s *scene) contest {
		m := s.newMail()
		m.DeadAt = after(-1)
		s.must(s.store.AddMail(s.ctx, m))
		return one(func(int) (int, error) { return won(s.store.ReviveMail(s.ctx, s.tenant, m.ID, after(1000))) }, nil)
	}},
	{"ResealMail follows one reader", func(s *scene) contest {
		m := s.mail()
		return one(func(int) (int, error) {
			return won(s.store.ResealMail(s.ctx, s.tenant, m.ID, m.Sealed, s.hash()))
		}, nil)
	}},
	{"AcquireLease gives a lease to one holder", func(s *scene) contest {
		name, earlier := s.id(), s.id()
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, earlier, "dead", after(-9), after(-1)))
		return some(2, func(int) (int, error) {
			holder := s.id()
			fresh, err := won(s.store.AcquireLease(s.ctx, s.tenant, name, holder, now, after(5)))
			if err != nil {
				return 0, err
			}
			over, err := won(s.store.AcquireLease(s.ctx, s.tenant, earlier, holder, now, after(5)))
			return fresh + over, err
		}, nil)
	}},
}
