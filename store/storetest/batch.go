package storetest

import (
	"errors"

	"github.com/admit-go/admit/store"
)

// batchChecks prove store.Batches, and the verbs that read or change several
// records in one step.
var batchChecks = []check{
	{"Write does all that a batch says", func(s *scene) {
		u := s.user()
		dead, x, t, e, m := s.token(u), s.newSession(u), s.newToken(u), s.newEvent(), s.newMail()
		p := s.newPassword(u)
		s.hit(now, ok, s.counter("cleared", 1), s.counter("lowered", 1))
		w, err := s.store.Write(s.ctx, store.Batch{
			Kill:      []store.TokenFilter{{Tenant: s.tenant, UserID: u.ID, EmailKey: u.EmailKey, Kinds: []string{dead.Kind}}},
			Passwords: []store.Password{p}, Sessions: []store.Session{x}, Tokens: []store.Token{t},
			Events: []store.Event{e}, Mails: []store.Mail{m},
			CounterTenant: s.tenant, Clear: []string{"cleared", "absent"}, Unhit: []string{"lowered", "missing"},
		})
		s.must(err)
		equal(s, w, store.Written{Tokens: []bool{true}})
		_, err = s.store.Token(s.ctx, s.tenant, dead.Kind, dead.Hash)
		s.is(err, store.ErrNotFound)
		equal(s, s.keptSession(x), x)
		equal(s, s.keptToken(t), t)
		got, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, got, p)
		events, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
		s.must(err)
		equalAll(s, events, []store.Event{e})
		mails, total, err := s.store.ListMail(s.ctx, s.tenant, m.Queue, false, page)
		s.count(1)(total, err)
		equalAll(s, mails, []store.Mail{m})
		for range 2 {
			s.hit(now, ok, s.counter("lowered", 2), s.counter("cleared", 2))
		}
	}},
	{"Write of nothing does nothing", func(s *scene) {
		w, err := s.store.Write(s.ctx, store.Batch{})
		s.must(err)
		if len(w.Left)+len(w.Tokens)+w.Taken != 0 {
			s.Errorf("a batch of nothing has found %+v", w)
		}
	}},
	{"Write tells what was there already, and leaves it", func(s *scene) {
		u := s.user()
		x, t, e, m := s.session(u), s.token(u), s.event(), s.mail()
		next, other := s.newToken(u), s.newEvent()
		x2, t2, e2, m2 := x, t, e, m
		x2.UserAgent, t2.EmailKey, e2.Kind, m2.Kind = "other", "other", "other", "other"
		w, err := s.store.Write(s.ctx, store.Batch{
			Sessions: []store.Session{x2}, Tokens: []store.Token{t2, next}, Events: []store.Event{e2, other}, Mails: []store.Mail{m2},
		})
		s.must(err)
		equal(s, w, store.Written{Tokens: []bool{false, true}, Taken: 3})
		equal(s, s.keptSession(x), x)
		equal(s, s.keptToken(t), t)
		equal(s, s.keptToken(next), next)
		events, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
		s.must(err)
		equalAll(s, events, []store.Event{e, other})
	}},
	{"Write removes before it adds", func(s *scene) {
		u := s.user()
		before, after := s.token(u), s.newToken(u)
		var sessions []store.Session
		for range 3 {
			sessions = append(sessions, s.session(u))
		}
		x := s.newSession(u)
		w, err := s.store.Write(s.ctx, store.Batch{
			Kill:   []store.TokenFilter{{Tenant: s.tenant, UserID: u.ID}},
			Rooms:  []store.Room{{Tenant: s.tenant, UserID: u.ID, At: now, Keep: 1, Reason: "limit"}},
			Tokens: []store.Token{after}, Sessions: []store.Session{x},
		})
		s.must(err)
		equal(s, w, store.Written{Tokens: []bool{true}})
		_, err = s.store.Token(s.ctx, s.tenant, before.Kind, before.Hash)
		s.is(err, store.ErrNotFound)
		equal(s, s.keptToken(after), after)
		live, total, err := s.store.ListSessions(s.ctx, s.tenant, u.ID, now, page)
		s.count(2)(total, err)
		equalAll(s, live, []store.Session{sessions[2], x})
		if got := s.keptSession(sessions[0]).EndReason; got != "limit" {
			s.Errorf("ended for the reason %q", got)
		}
	}},
	{"a Room ends what its client has left, and of the rest the oldest", func(s *scene) {
		u := s.user()
		var sessions []store.Session
		for i := range 6 {
			x := s.newSession(u)
			x.UserAgent, x.IPAddress = "browser", "address"
			switch i {
			case 0, 4:
			case 1:
				x.IPAddress = "elsewhere"
			default:
				x.UserAgent = "program"
			}
			s.must(s.store.CreateSession(s.ctx, x))
			sessions = append(sessions, x)
		}
		foreign := s.newSession(s.user())
		foreign.UserAgent, foreign.IPAddress = "browser", "address"
		s.must(s.store.CreateSession(s.ctx, foreign))
		room := store.Room{
			Tenant: s.tenant, UserID: u.ID, At: now, UserAgent: "browser", IPAddress: "address", Left: "left", Keep: 3, Reason: "limit",
		}
		w, err := s.store.Write(s.ctx, store.Batch{Rooms: []store.Room{room}})
		s.must(err)
		equalAll(s, w.Left, []string{sessions[0].ID, sessions[4].ID})
		for i, want := range []string{"left", "limit", "", "", "left", ""} {
			if got := s.keptSession(sessions[i]).EndReason; got != want {
				s.Errorf("session %d ended for the reason %q, should be %q", i, got, want)
			}
		}
		equal(s, s.keptSession(foreign), foreign)
		w, err = s.store.Write(s.ctx, store.Batch{Rooms: []store.Room{room}})
		s.must(err)
		if len(w.Left) != 0 {
			s.Errorf("ended %q once more", w.Left)
		}
	}},
	{"Write in a transaction vanishes with it", func(s *scene) {
		u := s.user()
		x, t, e := s.newSession(u), s.newToken(u), s.newEvent()
		s.is(s.tx(func(in *scene) error {
			_, err := in.store.Write(in.ctx, store.Batch{Sessions: []store.Session{x}, Tokens: []store.Token{t}, Events: []store.Event{e}})
			in.must(err)
			equal(in, in.keptToken(t), t)
			return errOwn
		}), errOwn)
		_, _, err := s.store.SessionUser(s.ctx, s.tenant, x.ID)
		s.is(err, store.ErrNotFound)
		_, err = s.store.Token(s.ctx, s.tenant, t.Kind, t.Hash)
		s.is(err, store.ErrNotFound)
	}},
	{"Write with one text that cannot be stored writes nothing", func(s *scene) {
		u := s.user()
		t, e := s.newToken(u), s.newEvent()
		e.RequestID = "\x00"
		_, err := s.store.Write(s.ctx, store.Batch{Tokens: []store.Token{t}, Events: []store.Event{e}})
		s.is(err, store.ErrInvalidText)
		_, err = s.store.Token(s.ctx, s.tenant, t.Kind, t.Hash)
		s.is(err, store.ErrNotFound)
	}},
	{"UserPassword and LockUserPassword return an account with its password", func(s *scene) {
		u, bare := s.user(), s.user()
		p := s.password(u)
		user, password, err := s.store.UserPassword(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, user, u)
		equal(s, password, p)
		user, password, err = s.store.LockUserPassword(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, user, u)
		equal(s, password, p)
		user, password, err = s.store.UserPassword(s.ctx, s.tenant, bare.EmailKey)
		s.must(err)
		equal(s, user, bare)
		equal(s, password, store.Password{})
		for _, id := range []string{bare.ID, "nobody"} {
			_, _, err = s.store.LockUserPassword(s.ctx, s.tenant, id)
			s.is(err, store.ErrNotFound)
		}
		_, _, err = s.store.UserPassword(s.ctx, s.elsewhere().tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
		_, _, err = s.store.LockUserPassword(s.ctx, s.elsewhere().tenant, u.ID)
		s.is(err, store.ErrNotFound)
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, after(5)))
		_, _, err = s.store.UserPassword(s.ctx, s.tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
	}},
	{"LockUserByEmail returns the account whose current address it is", func(s *scene) {
		u := s.user()
		got, err := s.store.LockUserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.must(err)
		equal(s, got, u)
		_, err = s.store.LockUserByEmail(s.ctx, s.elsewhere().tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, after(5)))
		_, err = s.store.LockUserByEmail(s.ctx, s.tenant, u.EmailKey)
		s.is(err, store.ErrNotFound)
	}},
	{"TokenUser returns a token with its account", func(s *scene) {
		u := s.user()
		t := s.token(u)
		token, user, err := s.store.TokenUser(s.ctx, s.tenant, t.Kind, t.Hash)
		s.must(err)
		equal(s, token, t)
		equal(s, user, u)
		stray := s.newToken(u)
		stray.UserID, stray.CodeHash, stray.Data = "", nil, nil
		s.must(s.store.CreateToken(s.ctx, stray))
		token, user, err = s.store.TokenUser(s.ctx, s.tenant, stray.Kind, stray.Hash)
		s.must(err)
		equal(s, token, stray)
		equal(s, user, store.User{})
		_, _, err = s.store.TokenUser(s.ctx, s.elsewhere().tenant, t.Kind, t.Hash)
		s.is(err, store.ErrNotFound)
	}},
	{"SpendToken does it once", func(s *scene) {
		u := s.user()
		t := s.token(u)
		want := t
		want.UsedAt = now
		token, user, done, err := s.store.SpendToken(s.ctx, s.tenant, t.Kind, t.Hash, now)
		s.yes(done, err)
		equal(s, token, want)
		equal(s, user, u)
		equal(s, s.keptToken(t), want)
		token, user, done, err = s.store.SpendToken(s.ctx, s.tenant, t.Kind, t.Hash, after(1))
		s.no(done, err)
		equal(s, token, want)
		equal(s, user, u)
		late := s.token(u)
		token, _, done, err = s.store.SpendToken(s.ctx, s.tenant, late.Kind, late.Hash, late.ExpiresAt)
		s.no(done, err)
		equal(s, token, late)
		stray := s.newToken(u)
		stray.UserID = "nobody"
		s.must(s.store.CreateToken(s.ctx, stray))
		for _, at := range []store.Token{stray, {Tenant: s.tenant, Kind: "verify", Hash: t.Hash}, {Tenant: s.elsewhere().tenant, Kind: t.Kind, Hash: t.Hash}} {
			_, _, done, err = s.store.SpendToken(s.ctx, at.Tenant, at.Kind, at.Hash, now)
			s.is(err, store.ErrNotFound)
			if done {
				s.Errorf("an absent token was used")
			}
		}
		equal(s, s.keptToken(stray), stray)
	}},
	{"transactions that lock an account with its password follow one another", func(s *scene) {
		u := s.user()
		p := s.password(u)
		const turns = 16
		errs := together(s, turns, func(turn int) error {
			return s.tx(func(in *scene) error {
				var read store.Password
				var err error
				// Those who lock the account alone come between.
				if turn%2 == 0 {
					_, read, err = in.store.LockUserPassword(in.ctx, in.tenant, u.ID)
				} else if _, err = in.store.LockUserByEmail(in.ctx, in.tenant, u.EmailKey); err == nil {
					read, err = in.store.Password(in.ctx, in.tenant, u.ID)
				}
				if err != nil {
					return err
				}
				read.Hash += "x"
				return in.store.PutPassword(in.ctx, read)
			})
		})
		s.must(errors.Join(errs...))
		got, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.must(err)
		if len(got.Hash) != len(p.Hash)+turns {
			s.Errorf("%d transactions left %q", turns, got.Hash)
		}
	}},
}
