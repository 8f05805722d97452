package storetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// deleted adds an account and deletes it at now.
func (s *scene) deleted() store.User {
	s.Helper()
	u := s.user()
	s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, time.Time{}))
	return s.kept(u)
}

// purge purges an account at now.
func (s *scene) purge(u store.User, blank ...string) {
	s.Helper()
	s.yes(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.tenant, UserID: u.ID, Now: now, Blank: blank}))
}

var deletionChecks = []check{
	{"RestoreUser and PurgeUser act on deleted accounts alone", func(s *scene) {
		u := s.user()
		for _, id := range []string{u.ID, "nobody"} {
			s.is(s.store.RestoreUser(s.ctx, s.tenant, id, now), store.ErrNotFound)
			s.no(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.tenant, UserID: id, Now: now}))
		}
		equal(s, s.kept(u), u)
		gone := s.deleted()
		s.is(s.store.RestoreUser(s.ctx, s.elsewhere().tenant, gone.ID, now), store.ErrNotFound)
		s.no(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.elsewhere().tenant, UserID: gone.ID, Now: now}))
		equal(s, s.kept(gone), gone)
	}},
	{"RestoreUser gives the account and its address back", func(s *scene) {
		u := s.deleted()
		s.must(s.store.RestoreUser(s.ctx, s.tenant, u.ID, after(2)))
		want := u
		want.DeletedAt, want.UpdatedAt, want.Version = time.Time{}, after(2), u.Version+1
		equal(s, s.kept(u), want)
		found, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, found, want)
		listed, err := s.store.ListUsers(s.ctx, store.UserQuery{Tenant: s.tenant, Limit: 9})
		s.must(err)
		equalAll(s, listed, []store.User{want})
		s.is(s.store.RestoreUser(s.ctx, s.tenant, u.ID, after(3)), store.ErrNotFound)
	}},
	{"RestoreUser refuses an address that was taken, and changes nothing", func(s *scene) {
		u := s.deleted()
		taken := s.newUser()
		taken.EmailKey = u.EmailKey
		s.must(s.store.CreateUser(s.ctx, taken))
		s.is(s.store.RestoreUser(s.ctx, s.tenant, u.ID, now), store.ErrConflict)
		equal(s, s.kept(u), u)
		found, err := s.store.UserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, found, taken)
	}},
	{"RestoreUser takes an address that is reserved for the account", func(s *scene) {
		u := s.user()
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, after(10)))
		s.must(s.store.RestoreUser(s.ctx, s.tenant, u.ID, after(1)))
		again := s.newUser()
		again.EmailKey, again.CreatedAt = u.EmailKey, after(20)
		s.is(s.store.CreateUser(s.ctx, again), store.ErrConflict)
	}},
	{"ListDeletedUsers lists what was deleted before a time, by id", func(s *scene) {
		s.user()
		var all []store.User
		for i := range 3 {
			u := s.user()
			s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, after(10*i), time.Time{}))
			all = append(all, s.kept(u))
		}
		back, purged := s.deleted(), s.deleted()
		s.must(s.store.RestoreUser(s.ctx, s.tenant, back.ID, now))
		s.purge(purged)
		for _, c := range []struct {
			query store.DeletedQuery
			want  []store.User
		}{
			{store.DeletedQuery{Limit: 9}, all},
			{store.DeletedQuery{Limit: 2}, all[:2]},
			{store.DeletedQuery{After: all[0].ID, Limit: 9}, all[1:]},
			{store.DeletedQuery{Before: after(10), Limit: 9}, all[:1]},
			{store.DeletedQuery{Before: after(11), After: all[0].ID, Limit: 9}, all[1:2]},
			{store.DeletedQuery{Before: now, Limit: 9}, nil},
		} {
			c.query.Tenant = s.tenant
			got, err := s.store.ListDeletedUsers(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
		}
		got, err := s.store.ListDeletedUsers(s.ctx, store.DeletedQuery{Tenant: s.elsewhere().tenant, Limit: 9})
		s.must(err)
		equalAll(s, got, nil)
	}},
	{"PurgeUser removes what belongs to the account, and nothing else", func(s *scene) {
		u, other := s.user(), s.user()
		password, kept := s.password(u), s.password(other)
		live, ended, stays := s.session(u), s.session(u), s.session(other)
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, ended.ID, now, "r"))
		unused, used, token := s.token(u), s.token(u), s.token(other)
		_, ok, err := s.store.ConsumeToken(s.ctx, s.tenant, used.Kind, used.Hash, now)
		s.yes(ok, err)
		key, revoked, foreign := s.apiKey(u), s.apiKey(u), s.apiKey(other)
		s.yes(s.store.RevokeAPIKey(s.ctx, s.tenant, revoked.ID, now))
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, time.Time{}))
		s.purge(u)
		s.no(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.tenant, UserID: u.ID, Now: now}))

		_, err = s.store.User(s.ctx, s.tenant, u.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.Password(s.ctx, s.tenant, password.UserID)
		s.is(err, store.ErrNotFound)
		for _, x := range []store.Session{live, ended} {
			_, _, err = s.store.SessionUser(s.ctx, s.tenant, x.ID)
			s.is(err, store.ErrNotFound)
		}
		for _, t := range []store.Token{unused, used} {
			_, err = s.store.Token(s.ctx, s.tenant, t.Kind, t.Hash)
			s.is(err, store.ErrNotFound)
		}
		for _, k := range []store.APIKey{key, revoked} {
			_, _, err = s.store.APIKeyOwner(s.ctx, s.tenant, k.Hash)
			s.is(err, store.ErrNotFound)
		}
		equal(s, s.kept(other), other)
		equal(s, s.keptSession(stays), stays)
		_, err = s.store.Password(s.ctx, s.tenant, kept.UserID)
		s.must(err)
		_, err = s.store.Token(s.ctx, s.tenant, token.Kind, token.Hash)
		s.must(err)
		_, _, err = s.store.APIKeyOwner(s.ctx, s.tenant, foreign.Hash)
		s.must(err)
	}},
	{"PurgeUser frees former addresses, and keeps the one of a ban", func(s *scene) {
		moved, banned, free := s.user(), s.user(), s.user()
		s.must(s.store.ClaimEmail(s.ctx, s.claim(moved)))
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, moved.ID, now, time.Time{}))
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, banned.ID, now, after(10)))
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, free.ID, now, now))
		for _, u := range []store.User{moved, banned, free} {
			s.purge(u)
		}
		taken := func(key string, at time.Time) error {
			u := s.newUser()
			u.EmailKey, u.CreatedAt = key, at
			return s.store.CreateUser(s.ctx, u)
		}
		s.must(taken(moved.EmailKey, now))
		s.must(taken(free.EmailKey, after(-1)))
		s.is(taken(banned.EmailKey, after(9)), store.ErrConflict)
		s.must(taken(banned.EmailKey, after(10)))
	}},
	{"PurgeUser removes the given messages, whoever has them", func(s *scene) {
		u, dead, stays, held := s.deleted(), s.claimed("holder"), s.claimed("holder"), s.claimed("holder")
		s.yes(s.store.BuryMail(s.ctx, s.tenant, dead.ID, "holder", now, "550"))
		waiting := s.mail()
		s.yes(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.tenant, UserID: u.ID, Now: now, Mails: []string{dead.ID, waiting.ID, held.ID, "none"}}))
		given, total, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, true, page)
		s.must(err)
		left, waits, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, false, page)
		s.must(err)
		if total != 0 || len(given) != 0 || waits != 1 || left[0].ID != stays.ID {
			s.Errorf("left are %v and %v", given, left)
		}
	}},
	{"PurgeUser leaves the log whole, without the person", func(s *scene) {
		u, other := s.user(), s.user()
		var all []store.Event
		for _, of := range []struct{ actor, subject, kind string }{
			{u.ID, u.ID, "own"}, {"", u.ID, "told"}, {other.ID, u.ID, "banned"}, {u.ID, other.ID, "banned"}, {other.ID, other.ID, "banned"}, {u.ID, "", "made"}, {"", "", "made"},
		} {
			e := s.newEvent()
			e.ActorID, e.SubjectID, e.Kind = of.actor, of.subject, of.kind
			e.ClientSalt, e.DataSalt = "client", "data"
			s.must(s.store.AppendEvent(s.ctx, e))
			all = append(all, e)
		}
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, time.Time{}))
		s.purge(u, "banned", "told")
		for _, i := range []int{0, 1, 3, 5} {
			all[i].IPAddress, all[i].UserAgent, all[i].RequestID, all[i].ClientSalt = "", "", "", ""
		}
		for _, i := range []int{1, 2} {
			all[i].Data, all[i].DataSalt = nil, ""
		}
		got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 20})
		s.must(err)
		equalAll(s, got, all)
		pending, err := s.store.PendingEvents(s.ctx, s.tenant, 20)
		s.must(err)
		equalAll(s, pending, all)
	}},
}

// deletionRaces are those about deleted accounts.
var deletionRaces = []race{
	{"RestoreUser happens once", func(s *scene) contest {
		u := s.deleted()
		return one(func(racer int) (int, error) {
			return took(s.store.RestoreUser(s.ctx, s.tenant, u.ID, after(racer)), store.ErrNotFound)
		}, nil)
	}},
	{"an address that was free goes to a restored or to a new account", func(s *scene) contest {
		u := s.deleted()
		others := several(racers, func() store.User {
			other := s.newUser()
			other.EmailKey = u.EmailKey
			return other
		})
		return one(func(racer int) (int, error) {
			if racer%2 == 0 {
				err := s.store.RestoreUser(s.ctx, s.tenant, u.ID, now)
				if errors.Is(err, store.ErrNotFound) {
					return 0, nil // restored already
				}
				return took(err, store.ErrConflict)
			}
			return took(s.store.CreateUser(s.ctx, others[racer]), store.ErrConflict)
		}, nil)
	}},
	{"PurgeUser and RestoreUser never both win an account", func(s *scene) contest {
		u := s.deleted()
		return one(func(racer int) (int, error) {
			if racer%2 == 0 {
				return took(s.store.RestoreUser(s.ctx, s.tenant, u.ID, now), store.ErrNotFound)
			}
			return won(s.store.PurgeUser(s.ctx, store.UserPurge{Tenant: s.tenant, UserID: u.ID, Now: now}))
		}, nil)
	}},
}

// deletionVerbs list, restore and purge deleted accounts.
var deletionVerbs = []verb{
	{"ListDeletedUsers", false, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.ListDeletedUsers(ctx, texts(c, store.DeletedQuery{Tenant: c.tenant, After: "a", Limit: 9})))
	}},
	{"RestoreUser", true, func(ctx context.Context, s store.Store, c cast) error {
		return s.RestoreUser(ctx, c.scope(), c.text("ID", c.gone.ID), now)
	}},
	{"PurgeUser", true, func(ctx context.Context, s store.Store, c cast) error {
		return failed(s.PurgeUser(ctx, texts(c, store.UserPurge{Tenant: c.tenant, UserID: c.gone.ID, Now: now, Blank: []string{"k"}})))
	}},
}

// verbs are all the methods of store.Store that take a context.
var verbs = slices.Concat(otherVerbs, organizationVerbs, deletionVerbs)

func (w wrapped) ListDeletedUsers(ctx context.Context, q store.DeletedQuery) ([]store.User, error) {
	return answer(ctx, w, "ListDeletedUsers", func(ctx context.Context, to store.Store) ([]store.User, error) {
		return to.ListDeletedUsers(ctx, q)
	})
}

func (w wrapped) RestoreUser(ctx context.Context, tenant, id string, at time.Time) error {
	return w.via(ctx, w.inner, "RestoreUser", func(ctx context.Context, to store.Store) error { return to.RestoreUser(ctx, tenant, id, at) })
}

func (w wrapped) PurgeUser(ctx context.Context, p store.UserPurge) (bool, error) {
	return answer(ctx, w, "PurgeUser", func(ctx context.Context, to store.Store) (bool, error) { return to.PurgeUser(ctx, p) })
}
