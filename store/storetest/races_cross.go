package storetest

import (
	"context"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/store"
)

// stopsRotation is a race between a verb that must end a session and those who
// go on refreshing it: once the verb was answered, no refresh succeeds.
func stopsRotation(stop func(s *scene, x store.Session) (int, error)) func(*scene) contest {
	return func(s *scene) contest {
		x := s.session(s.user())
		var stopped atomic.Bool
		return one(func(racer int) (int, error) {
			if racer%8 == 0 {
				done, err := stop(s, x)
				if done > 0 {
					stopped.Store(true)
				}
				return done, err
			}
			for range 2 {
				current, _, err := s.store.SessionUser(s.ctx, s.tenant, x.ID)
				if err != nil {
					return 0, err
				}
				late := stopped.Load()
				rotated, err := s.store.RotateSession(s.ctx, s.rotation(current))
				if err != nil {
					return 0, err
				}
				if late && rotated {
					return 0, errors.New("a refresh succeeded after the end was acknowledged")
				}
			}
			return 0, nil
		}, func() {
			s.no(s.store.RotateSession(s.ctx, s.rotation(s.keptSession(x))))
		})
	}
}

// crossRaces are those between different verbs.
var crossRaces = []race{
	{"no refresh succeeds after EndSession", stopsRotation(func(s *scene, x store.Session) (int, error) {
		return won(s.store.EndSession(s.ctx, s.tenant, x.UserID, x.ID, now, "revoked"))
	})},
	{"no refresh succeeds after EndSessions", stopsRotation(func(s *scene, x store.Session) (int, error) {
		return s.store.EndSessions(s.ctx, store.SessionEnd{Tenant: s.tenant, UserID: x.UserID, At: now, Reason: "revoked"})
	})},
	{"no refresh succeeds after DeleteUser", stopsRotation(func(s *scene, x store.Session) (int, error) {
		return won(s.store.DeleteUser(s.ctx, s.tenant, x.UserID, now, time.Time{}))
	})},
	{"no refresh succeeds after a ban", stopsRotation(func(s *scene, x store.Session) (int, error) {
		u, err := s.store.User(s.ctx, s.tenant, x.UserID)
		if err != nil || u.Banned(now) {
			return 0, err
		}
		u.BannedAt = now
		return took(s.store.UpdateUser(s.ctx, u), store.ErrConflict)
	})},
	{"a session ends once, alone or with all", func(s *scene) contest {
		u := s.user()
		x := s.session(u)
		end := store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now, Reason: "all"}
		return one(func(racer int) (int, error) {
			switch racer % 3 {
			case 0:
				return s.store.EndSessions(s.ctx, end)
			case 1:
				return s.store.EndOldestSessions(s.ctx, end, 0)
			default:
				return won(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, now, "alone"))
			}
		}, nil)
	}},
	{"a sign-in and a revocation that lock the account do not pass each other", func(s *scene) contest {
		u := s.user()
		return one(func(racer int) (int, error) {
			done := 0
			err := s.store.Tx(s.ctx, func(ctx context.Context, tx store.Store) error {
				done = 0
				locked, err := tx.LockUser(ctx, s.tenant, u.ID)
				if err != nil || locked.Deleted() {
					return err
				}
				// The first and the last to start are no deleters, so that even
				// racers that run in turn would pass each other.
				if racer%8 != 4 {
					return tx.CreateSession(ctx, s.newSession(u))
				}
				if _, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now, Reason: "deleted"}); err != nil {
					return err
				}
				done, err = won(tx.DeleteUser(ctx, s.tenant, u.ID, now, time.Time{}))
				return err
			})
			return done, err
		}, func() {
			_, total, err := s.store.ListSessions(s.ctx, s.tenant, u.ID, now, page)
			s.count(0)(total, err)
		})
	}},
	{"a token is used or deleted, never both", func(s *scene) contest {
		t := s.token(s.user())
		return one(func(racer int) (int, error) {
			if racer%2 == 0 {
				return s.store.DeleteTokens(s.ctx, store.TokenFilter{Tenant: s.tenant, UserID: t.UserID})
			}
			_, done, err := s.store.ConsumeToken(s.ctx, t.Tenant, t.Kind, t.Hash, now)
			if errors.Is(err, store.ErrNotFound) {
				err = nil
			}
			return won(done, err)
		}, nil)
	}},
	{"an address that was left is never verified", func(s *scene) contest {
		u := s.user()
		c := s.claim(u)
		c.VerifiedAt = time.Time{}
		return contest{least: 1, most: 2, act: func(racer int) (int, error) {
			if racer%8 == 0 {
				return took(s.store.ClaimEmail(s.ctx, c), store.ErrNotFound)
			}
			return won(s.store.VerifyEmail(s.ctx, s.tenant, u.ID, u.EmailKey, now))
		}, then: func() {
			if got := s.kept(u); got.EmailKey != c.EmailKey || !got.EmailVerifiedAt.IsZero() {
				s.Errorf("the account has %s, verified %v", got.EmailKey, got.EmailVerifiedAt)
			}
		}}
	}},
	{"an update never undoes a verification", func(s *scene) contest {
		u := s.user()
		return contest{least: 1, most: 2, act: func(racer int) (int, error) {
			if racer%8 == 0 {
				return won(s.store.VerifyEmail(s.ctx, s.tenant, u.ID, u.EmailKey, now))
			}
			return took(s.store.UpdateUser(s.ctx, u), store.ErrConflict)
		}, then: func() {
			if s.kept(u).EmailVerifiedAt.IsZero() {
				s.Errorf("the address was verified, and then was not")
			}
		}}
	}},
	{"AK-05 a key that is revoked while in use stays revoked", func(s *scene) contest {
		k := s.apiKey(s.user())
		return one(func(racer int) (int, error) {
			if racer%8 == 0 {
				return won(s.store.RevokeAPIKey(s.ctx, s.tenant, k.ID, now))
			}
			return 0, s.store.TouchAPIKey(s.ctx, s.tenant, k.ID, after(racer))
		}, func() {
			if got := s.keptAPIKey(k); !got.RevokedAt.Equal(now) || !got.LastUsedAt.Equal(after(racers-1)) {
				s.Errorf("the key was revoked %v and used %v", got.RevokedAt, got.LastUsedAt)
			}
		})
	}},
	{"a record that is deleted while its keys change leaves none behind", func(s *scene) contest {
		r := s.record(s.user())
		r.Keys, r.Version = nil, 2
		for racer := range racers {
			r.Keys = append(r.Keys, r.ID+"/"+strconv.Itoa(racer))
		}
		first := s.keptRecord(r)
		return one(func(racer int) (int, error) {
			if racer%8 == 4 {
				return won(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, r.ID))
			}
			for range 2 {
				seen, err := s.store.Record(s.ctx, s.tenant, r.Kind, r.ID)
				if err != nil {
					return took(err, store.ErrNotFound)
				}
				seen.Keys = []string{r.Keys[racer]}
				if _, err := s.store.SwapRecord(s.ctx, seen); err != nil {
					return 0, err
				}
			}
			return 0, nil
		}, func() {
			s.noRecord(r)
			s.listsRecords(r.Kind, r.Refs[1])
			r.ID, r.Keys = s.id(), append(r.Keys, first.Keys...)
			s.must(s.store.CreateRecord(s.ctx, r))
			s.yes(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, r.ID))
		})
	}},
	{"a message whose claim ran out is removed or claimed again, never both", func(s *scene) contest {
		m := s.newMail()
		m.Holder, m.LeaseUntil, m.Tries = "slow", after(-1), 1
		other := *s
		other.tenant += s.id()
		m.Tenant = other.tenant
		s.must(s.store.AddMail(s.ctx, m))
		return one(func(racer int) (int, error) {
			if racer%2 == 0 {
				return won(s.store.RemoveMail(s.ctx, other.tenant, m.ID, "slow"))
			}
			claimed, err := s.store.ClaimMail(s.ctx, other.tenant, store.QueueMail, other.id(), now, after(5), 1)
			return len(claimed), err
		}, nil)
	}},
}
