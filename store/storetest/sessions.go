package storetest

import (
	"errors"
	"time"

	"github.com/admit-go/admit/store"
)

// sessionChecks prove store.Sessions: what a session lives through, and who
// may refresh it.
var sessionChecks = []check{
	{"CreateSession keeps every field", func(s *scene) {
		u := s.user()
		x := s.newSession(u)
		x.Generation, x.Confirmed, x.EndedAt, x.EndReason = 9, 8, after(-1), "signed-out"
		s.must(s.store.CreateSession(s.ctx, x))
		got, owner, err := s.store.SessionUser(s.ctx, s.tenant, x.ID)
		s.must(err)
		equal(s, got, x)
		equal(s, owner, u)
		changed := x
		changed.UserAgent = "changed"
		s.is(s.store.CreateSession(s.ctx, changed), store.ErrConflict)
		equal(s, s.keptSession(x), x)
	}},
	{"SessionUser gives ended and expired sessions and deleted accounts", func(s *scene) {
		u := s.user()
		x := s.newSession(u)
		x.ExpiresAt, x.EndedAt, x.EndReason = after(-1), after(-2), "reuse"
		s.must(s.store.CreateSession(s.ctx, x))
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, time.Time{}))
		got, owner, err := s.store.SessionUser(s.ctx, s.tenant, x.ID)
		s.must(err)
		equal(s, got, x)
		if !owner.DeletedAt.Equal(now) {
			s.Errorf("the account of the session is %+v", owner)
		}
	}},
	{"SessionUser finds a session in its own tenant only", func(s *scene) {
		x := s.session(s.user())
		_, _, err := s.store.SessionUser(s.ctx, s.tenant, "unknown")
		s.is(err, store.ErrNotFound)
		_, _, err = s.store.SessionUser(s.ctx, s.elsewhere().tenant, x.ID)
		s.is(err, store.ErrNotFound)
		stray := s.newSession(store.User{Tenant: s.tenant, ID: "nobody"})
		s.must(s.store.CreateSession(s.ctx, stray))
		_, _, err = s.store.SessionUser(s.ctx, s.tenant, stray.ID)
		s.is(err, store.ErrNotFound)
		s.no(s.store.RotateSession(s.ctx, s.rotation(stray)))
	}},
	{"RotateSession moves to the next generation once", func(s *scene) {
		x := s.session(s.user())
		r := s.rotation(x)
		s.yes(s.store.RotateSession(s.ctx, r))
		s.no(s.store.RotateSession(s.ctx, r))
		want := x
		want.Generation, want.Confirmed, want.SecretHash = 2, 1, r.NextHash
		want.RotatedAt, want.LastActivityAt, want.ExpiresAt = now, now, r.ExpiresAt
		want.Answers, want.UsedBefore, want.Used = 0, want.Used, store.NoAnswer
		equal(s, s.keptSession(x), want)
		r = s.rotation(want)
		s.yes(s.store.RotateSession(s.ctx, r))
		if got := s.keptSession(x); got.Generation != 3 || got.Confirmed != 2 {
			s.Errorf("after two rotations: generation %d, confirmed %d", got.Generation, got.Confirmed)
		}
	}},
	{"RotateSessionUser rotates and returns what then stands", func(s *scene) {
		u := s.user()
		x := s.session(u)
		r := s.rotation(x)
		session, user, rotated, err := s.store.RotateSessionUser(s.ctx, r)
		s.yes(rotated, err)
		equal(s, session, s.keptSession(x))
		equal(s, user, s.kept(u))
		if session.Generation != x.Generation+1 {
			s.Errorf("rotated to generation %d", session.Generation)
		}
		session, user, rotated, err = s.store.RotateSessionUser(s.ctx, r)
		s.no(rotated, err)
		equal(s, session, store.Session{})
		equal(s, user, store.User{})
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, now, now))
		_, _, rotated, err = s.store.RotateSessionUser(s.ctx, s.rotation(s.keptSession(x)))
		s.no(rotated, err)
	}},
	{"TK-08 RotateSession never goes past the absolute end", func(s *scene) {
		x := s.session(s.user())
		r := s.rotation(x)
		r.ExpiresAt = x.AbsoluteExpiresAt.Add(time.Hour)
		s.yes(s.store.RotateSession(s.ctx, r))
		if got := s.keptSession(x); !got.ExpiresAt.Equal(x.AbsoluteExpiresAt) {
			s.Errorf("the session lives until %v, beyond its absolute end %v", got.ExpiresAt, x.AbsoluteExpiresAt)
		}
	}},
	{"RotateSession refuses every token but the current one of a live session", func(s *scene) {
		x := s.newSession(s.user())
		x.Generation, x.Confirmed = 5, 4
		s.must(s.store.CreateSession(s.ctx, x))
		for name, spoil := range map[string]func(*store.Rotation){
			"another tenant":          func(r *store.Rotation) { r.Tenant = s.elsewhere().tenant },
			"another session":         func(r *store.Rotation) { r.ID = "unknown" },
			"an older generation":     func(r *store.Rotation) { r.Generation-- },
			"a newer generation":      func(r *store.Rotation) { r.Generation++ },
			"another hash":            func(r *store.Rotation) { r.SecretHash = s.hash() },
			"no hash":                 func(r *store.Rotation) { r.SecretHash = nil },
			"a session that expired":  func(r *store.Rotation) { r.Now = x.ExpiresAt },
			"one beyond its last end": func(r *store.Rotation) { r.Now = x.AbsoluteExpiresAt },
		} {
			r := s.rotation(x)
			spoil(&r)
			if done, err := s.store.RotateSession(s.ctx, r); done || err != nil {
				s.Errorf("%s: answered %v, %v", name, done, err)
			}
		}
		equal(s, s.keptSession(x), x)
		s.yes(s.store.EndSession(s.ctx, s.tenant, x.UserID, x.ID, after(-1), "signed-out"))
		s.no(s.store.RotateSession(s.ctx, s.rotation(x)))
	}},
	{"TK-08 RotateSession refuses a banned or deleted account", func(s *scene) {
		for _, c := range []struct {
			name            string
			banned, expires time.Time
			done            bool
		}{
			{"banned without end", after(-1), time.Time{}, false},
			{"banned from later on", after(1), time.Time{}, false},
			{"banned until later", after(-1), now.Add(time.Microsecond), false},
			{"banned until now", after(-1), now, true},
		} {
			u := s.newUser()
			u.BannedAt, u.BanExpiresAt = c.banned, c.expires
			s.must(s.store.CreateUser(s.ctx, u))
			if done, err := s.store.RotateSession(s.ctx, s.rotation(s.session(u))); done != c.done || err != nil {
				s.Errorf("%s: answered %v, %v", c.name, done, err)
			}
		}
		u := s.user()
		x := s.session(u)
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, u.ID, after(-1), time.Time{}))
		s.no(s.store.RotateSession(s.ctx, s.rotation(x)))
		equal(s, s.keptSession(x), x)
	}},
	{"ConfirmSession raises Confirmed to the current generation only", func(s *scene) {
		x := s.newSession(s.user())
		x.Generation, x.Confirmed = 5, 3
		s.must(s.store.CreateSession(s.ctx, x))
		for _, generation := range []int64{2, 3, 4, 6} {
			s.must(s.store.ConfirmSession(s.ctx, s.tenant, x.ID, generation, 7))
		}
		s.must(s.store.ConfirmSession(s.ctx, s.elsewhere().tenant, x.ID, 5, 7))
		s.must(s.store.ConfirmSession(s.ctx, s.tenant, "unknown", 5, 7))
		equal(s, s.keptSession(x), x)
		for answer := range int64(2) {
			s.must(s.store.ConfirmSession(s.ctx, s.tenant, x.ID, 5, 7-answer))
		}
		x.Confirmed, x.Used = 5, 7
		equal(s, s.keptSession(x), x)
	}},
	{"AnswerSession counts the answers of the current generation", func(s *scene) {
		x := s.session(s.user())
		for _, stray := range []func() (int64, error){
			func() (int64, error) { return s.store.AnswerSession(s.ctx, s.tenant, x.ID, x.Generation+1) },
			func() (int64, error) { return s.store.AnswerSession(s.ctx, s.tenant, "unknown", x.Generation) },
			func() (int64, error) { return s.store.AnswerSession(s.ctx, s.elsewhere().tenant, x.ID, x.Generation) },
		} {
			if n, err := stray(); n != 0 || !errors.Is(err, store.ErrNotFound) {
				s.Errorf("a generation that is not there gave answer %d, %v", n, err)
			}
		}
		n, err := s.store.AnswerSession(s.ctx, s.tenant, x.ID, x.Generation)
		s.must(err)
		if x.Answers++; n != x.Answers {
			s.Errorf("the answer has the number %d, want %d", n, x.Answers)
		}
		equal(s, s.keptSession(x), x)
	}},
	{"ProveSession notes a proof in a live session", func(s *scene) {
		u := s.user()
		proven, ended, expired := s.session(u), s.session(u), s.newSession(u)
		expired.ExpiresAt = after(-1)
		s.must(s.store.CreateSession(s.ctx, expired))
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, ended.ID, after(-3), "revoked"))
		ended.EndedAt, ended.EndReason = after(-3), "revoked"
		s.must(s.store.ProveSession(s.ctx, s.tenant, ended.ID, "pwd otp mfa", now))
		s.must(s.store.ProveSession(s.ctx, s.tenant, expired.ID, "pwd otp mfa", now))
		s.must(s.store.ProveSession(s.ctx, s.tenant, "unknown", "pwd otp mfa", now))
		s.must(s.store.ProveSession(s.ctx, s.elsewhere().tenant, proven.ID, "pwd otp mfa", now))
		s.must(s.store.ProveSession(s.ctx, s.tenant, proven.ID, "pwd otp mfa", proven.ExpiresAt))
		for _, x := range []store.Session{proven, ended, expired} {
			equal(s, s.keptSession(x), x)
		}
		s.must(s.store.ProveSession(s.ctx, s.tenant, proven.ID, "pwd otp mfa", now))
		proven.AuthTime, proven.AMR = now, "pwd otp mfa"
		equal(s, s.keptSession(proven), proven)
	}},
	{"TouchSessions raises activity of sessions that have not ended", func(s *scene) {
		u := s.user()
		raised, older, ended, expired := s.session(u), s.session(u), s.session(u), s.newSession(u)
		expired.ExpiresAt = after(-1)
		s.must(s.store.CreateSession(s.ctx, expired))
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, ended.ID, after(-3), "revoked"))
		s.must(s.store.TouchSessions(s.ctx, nil))
		s.must(s.store.TouchSessions(s.ctx, []store.Activity{
			{Tenant: s.tenant, ID: raised.ID, At: after(-1)},
			{Tenant: s.tenant, ID: "unknown", At: now},
			{Tenant: s.elsewhere().tenant, ID: raised.ID, At: after(5)},
			{Tenant: s.tenant, ID: ended.ID, At: now},
			{Tenant: s.tenant, ID: older.ID, At: older.LastActivityAt.Add(-time.Microsecond)},
			{Tenant: s.tenant, ID: raised.ID, At: after(-2)},
			{Tenant: s.tenant, ID: expired.ID, At: now},
		}))
		raised.LastActivityAt, expired.LastActivityAt = after(-1), now
		ended.EndedAt, ended.EndReason = after(-3), "revoked"
		for _, x := range []store.Session{raised, older, ended, expired} {
			equal(s, s.keptSession(x), x)
		}
	}},
	{"ListSessions gives the live sessions of one account", func(s *scene) {
		u, other := s.user(), s.user()
		first, expired, over, ended, last := s.session(u), s.newSession(u), s.newSession(u), s.session(u), s.session(u)
		s.session(other)
		expired.ExpiresAt, over.AbsoluteExpiresAt = now, now
		s.must(s.store.CreateSession(s.ctx, expired))
		s.must(s.store.CreateSession(s.ctx, over))
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, ended.ID, after(-1), "revoked"))
		list, total, err := s.store.ListSessions(s.ctx, s.tenant, u.ID, now, store.Page{Number: 1, Limit: 10})
		s.count(2)(total, err)
		equalAll(s, list, []store.Session{first, last})
		list, total, err = s.store.ListSessions(s.ctx, s.elsewhere().tenant, u.ID, now, store.Page{Number: 1, Limit: 10})
		s.count(0)(total, err)
		equalAll(s, list, nil)
	}},
	{"EndSession ends a live session of its own account once", func(s *scene) {
		u, other := s.user(), s.user()
		x := s.session(u)
		s.no(s.store.EndSession(s.ctx, s.tenant, other.ID, x.ID, now, "revoked"))
		s.no(s.store.EndSession(s.ctx, s.elsewhere().tenant, u.ID, x.ID, now, "revoked"))
		s.no(s.store.EndSession(s.ctx, s.tenant, u.ID, "unknown", now, "revoked"))
		s.no(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, x.ExpiresAt, "revoked"))
		equal(s, s.keptSession(x), x)
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, now, "revoked"))
		s.no(s.store.EndSession(s.ctx, s.tenant, u.ID, x.ID, after(1), "again"))
		x.EndedAt, x.EndReason = now, "revoked"
		equal(s, s.keptSession(x), x)
	}},
	{"EndSessions ends all of an account but one, and counts the live", func(s *scene) {
		u, other := s.user(), s.user()
		one, two, kept, expired, ended, foreign := s.session(u), s.session(u), s.session(u), s.newSession(u), s.session(u), s.session(other)
		expired.ExpiresAt = after(-1)
		s.must(s.store.CreateSession(s.ctx, expired))
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, ended.ID, after(-1), "signed-out"))
		end := store.SessionEnd{Tenant: s.tenant, UserID: u.ID, Except: kept.ID, At: now, Reason: "password"}
		s.count(2)(s.store.EndSessions(s.ctx, end))
		s.count(0)(s.store.EndSessions(s.ctx, end))
		for _, x := range []*store.Session{&one, &two, &expired} {
			x.EndedAt, x.EndReason = now, "password"
		}
		ended.EndedAt, ended.EndReason = after(-1), "signed-out"
		for _, x := range []store.Session{one, two, kept, expired, ended, foreign} {
			equal(s, s.keptSession(x), x)
		}
		end.Except = ""
		s.count(1)(s.store.EndSessions(s.ctx, end))
	}},
	{"EndOldestSessions keeps the newest live ones", func(s *scene) {
		u := s.user()
		var all []store.Session
		for range 6 {
			all = append(all, s.session(u))
		}
		s.yes(s.store.EndSession(s.ctx, s.tenant, u.ID, all[4].ID, after(-1), "signed-out"))
		other := s.session(s.user())
		end := store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now, Reason: "limit"}
		s.count(0)(s.store.EndOldestSessions(s.ctx, end, 5))
		s.count(2)(s.store.EndOldestSessions(s.ctx, end, 3))
		end.Except = all[2].ID
		s.count(1)(s.store.EndOldestSessions(s.ctx, end, 1))
		s.count(1)(s.store.EndOldestSessions(s.ctx, end, 0))
		for i, live := range []bool{false, false, true, false, false, false} {
			if got := s.keptSession(all[i]); got.Live(now) != live {
				s.Errorf("session %d: live is %v, should be %v", i, !live, live)
			}
		}
		equal(s, s.keptSession(other), other)
	}},
	{"EndSessionsBefore ends what was created before, some at a time", func(s *scene) {
		u := s.user()
		boundary, ended := s.newSession(u), s.newSession(u)
		boundary.CreatedAt, ended.EndedAt, ended.EndReason = after(-2), after(-9), "signed-out"
		ended.CreatedAt = after(-10)
		s.must(s.store.CreateSession(s.ctx, boundary))
		s.must(s.store.CreateSession(s.ctx, ended))
		for i := range 5 {
			x := s.newSession(u)
			x.CreatedAt = after(-2).Add(-time.Microsecond)
			if i == 0 {
				x.ExpiresAt = after(-1)
			}
			s.must(s.store.CreateSession(s.ctx, x))
		}
		foreign := s.elsewhere()
		kept := foreign.session(foreign.user())
		for _, want := range []int{2, 2, 1, 0} {
			s.count(want)(s.store.EndSessionsBefore(s.ctx, s.tenant, after(-2), now, "restored", 2))
		}
		_, total, err := s.store.ListSessions(s.ctx, s.tenant, u.ID, now, store.Page{Number: 1, Limit: 10})
		s.count(1)(total, err)
		for _, x := range []store.Session{boundary, ended} {
			equal(s, s.keptSession(x), x)
		}
		equal(s, foreign.keptSession(kept), kept)
	}},
}
