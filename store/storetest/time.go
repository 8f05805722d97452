package storetest

import (
	"time"

	"github.com/admit-go/admit/store"
)

// firstTime and lastTime are the first and the last time that a store keeps.
var (
	firstTime = time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC)
	lastTime  = time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)
)

// withTimes is a session with every field of time set to at.
func (s *scene) withTimes(u store.User, at time.Time) store.Session {
	x := s.newSession(u)
	x.RotatedAt, x.AuthTime, x.CreatedAt, x.LastActivityAt = at, at, at, at
	x.ExpiresAt, x.AbsoluteExpiresAt, x.EndedAt = at, at, at
	return x
}

// timeChecks prove that times come back as they went in: UTC, microseconds,
// zero as zero.
var timeChecks = []check{
	{"times from 1970 to 9999 come back to the microsecond in UTC", func(s *scene) {
		u := s.user()
		for _, at := range []time.Time{
			time.Date(1970, 1, 1, 0, 0, 0, 1000, time.UTC),
			time.Date(1999, 12, 31, 23, 59, 59, 999999000, time.UTC),
			now,
			time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC),
			time.Date(2262, 4, 11, 23, 47, 17, 123456000, time.UTC),
			time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		} {
			x := s.withTimes(u, at)
			s.must(s.store.CreateSession(s.ctx, x))
			equal(s, s.keptSession(x), x)
		}
	}},
	{"TestS21_times before 1970 and after 9999 become the nearest that can be kept", func(s *scene) {
		u := s.user()
		for _, c := range []struct{ given, kept time.Time }{
			{time.Unix(0, 0), firstTime},
			{time.Unix(0, 999), firstTime},
			{time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC), firstTime},
			{time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), firstTime},
			{time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), firstTime},
			{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), lastTime},
			{time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), lastTime},
			{time.Unix(1<<40, 0), lastTime},
		} {
			x := s.withTimes(u, c.given)
			s.must(s.store.CreateSession(s.ctx, x))
			equal(s, s.keptSession(x), func() store.Session {
				want := x
				want.RotatedAt, want.AuthTime, want.CreatedAt, want.LastActivityAt = c.kept, c.kept, c.kept, c.kept
				want.ExpiresAt, want.AbsoluteExpiresAt, want.EndedAt = c.kept, c.kept, c.kept
				return want
			}())
		}
	}},
	{"TestS21_a ban until a year that cannot be kept is a ban", func(s *scene) {
		u := s.newUser()
		u.BannedAt, u.BanExpiresAt, u.EmailVerifiedAt = now, time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC), time.Unix(0, 0)
		s.must(s.store.CreateUser(s.ctx, u))
		got := s.kept(u)
		if !got.Banned(now) || !got.Banned(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC)) {
			s.Errorf("banned until %v", got.BanExpiresAt)
		}
		if got.EmailVerifiedAt.IsZero() {
			s.Errorf("an address verified at the first moment of 1970 is not verified any more")
		}
		x := s.newSession(u)
		s.must(s.store.CreateSession(s.ctx, x))
		rotated, err := s.store.RotateSession(s.ctx, store.Rotation{
			Tenant: s.tenant, ID: x.ID, Generation: x.Generation, SecretHash: x.SecretHash, NextHash: s.hash(), Now: now, ExpiresAt: after(60),
		})
		s.no(rotated, err)
	}},
	{"another zone is the same moment, and comes back in UTC", func(s *scene) {
		u := s.user()
		zone := time.FixedZone("east", 5*3600+1800)
		x := s.withTimes(u, now.In(zone))
		s.must(s.store.CreateSession(s.ctx, x))
		equal(s, s.keptSession(x), func() store.Session {
			want := x
			want.RotatedAt, want.AuthTime, want.CreatedAt, want.LastActivityAt = now, now, now, now
			want.ExpiresAt, want.AbsoluteExpiresAt, want.EndedAt = now, now, now
			return want
		}())
		t := s.token(u)
		_, done, err := s.store.ConsumeToken(s.ctx, s.tenant, t.Kind, t.Hash, t.ExpiresAt.Add(time.Microsecond).In(zone))
		s.no(done, err)
		_, done, err = s.store.ConsumeToken(s.ctx, s.tenant, t.Kind, t.Hash, t.ExpiresAt.Add(-time.Microsecond).In(zone))
		s.yes(done, err)
	}},
	{"finer parts than a microsecond are cut off", func(s *scene) {
		u := s.newUser()
		u.CreatedAt, u.UpdatedAt, u.EmailVerifiedAt = now.Add(999), now.Add(1), now.Add(500)
		u.BannedAt, u.BanExpiresAt = now.Add(999), now.Add(999)
		s.must(s.store.CreateUser(s.ctx, u))
		u.CreatedAt, u.UpdatedAt, u.EmailVerifiedAt, u.BannedAt, u.BanExpiresAt = now, now, now, now, now
		equal(s, s.kept(u), u)

		t := s.newToken(u)
		t.ExpiresAt = after(10).Add(999)
		s.must(s.store.CreateToken(s.ctx, t))
		_, done, err := s.store.TryToken(s.ctx, s.tenant, t.Kind, t.Hash, after(10).Add(1))
		s.no(done, err)
		_, done, err = s.store.TryToken(s.ctx, s.tenant, t.Kind, t.Hash, after(10).Add(-1))
		s.yes(done, err)

		r := s.newRecord(u)
		r.CreatedAt, r.UpdatedAt, r.ExpiresAt = now.Add(999), now.Add(1), now.Add(500)
		s.must(s.store.CreateRecord(s.ctx, r))
		r.CreatedAt, r.UpdatedAt, r.ExpiresAt = now, now, now
		equal(s, s.keptRecord(r), r)

		got, done, err := s.store.ConsumeToken(s.ctx, s.tenant, t.Kind, t.Hash, now.Add(999))
		s.yes(done, err)
		if got.UsedAt != now {
			s.Errorf("ConsumeToken answered a time of use of %v, should be %v", got.UsedAt, now)
		}
	}},
	{"the reading of a monotonic clock does not come back", func(s *scene) {
		u := s.newUser()
		u.CreatedAt = time.Now()
		s.must(s.store.CreateUser(s.ctx, u))
		if got := s.kept(u).CreatedAt; got != u.CreatedAt.Truncate(time.Microsecond).UTC() {
			s.Errorf("%v became %v", u.CreatedAt, got)
		}
	}},
	{"the zero time stays zero in every record", func(s *scene) {
		u := store.User{Tenant: s.tenant, ID: s.id(), EmailKey: "zero", Version: 1}
		s.must(s.store.CreateUser(s.ctx, u))
		equal(s, s.kept(u), u)
		p := store.Password{Tenant: s.tenant, UserID: u.ID}
		s.must(s.store.PutPassword(s.ctx, p))
		gotPassword, err := s.store.Password(s.ctx, s.tenant, u.ID)
		s.must(err)
		equal(s, gotPassword, p)
		x := store.Session{Tenant: s.tenant, ID: s.id(), UserID: u.ID}
		s.must(s.store.CreateSession(s.ctx, x))
		equal(s, s.keptSession(x), x)
		t := store.Token{Tenant: s.tenant, Kind: "zero", Hash: []byte{0}}
		s.must(s.store.CreateToken(s.ctx, t))
		equal(s, s.keptToken(t), t)
		k := store.APIKey{Tenant: s.tenant, ID: s.id(), Hash: []byte{0}}
		s.must(s.store.CreateAPIKey(s.ctx, k))
		equal(s, s.keptAPIKey(k), k)
		key := store.Key{Tenant: s.tenant, ID: s.id()}
		s.must(s.store.CreateKey(s.ctx, key))
		keys, err := s.store.ListKeys(s.ctx, s.tenant)
		s.must(err)
		equalAll(s, keys, []store.Key{key})
		r := store.Record{Tenant: s.tenant, ID: s.id(), Version: 1}
		s.must(s.store.CreateRecord(s.ctx, r))
		equal(s, s.keptRecord(r), r)
		e := store.Event{Tenant: s.tenant, ID: s.id()}
		s.must(s.store.AppendEvent(s.ctx, e))
		events, err := s.store.PendingEvents(s.ctx, s.tenant, 1)
		s.must(err)
		equalAll(s, events, []store.Event{e})
		m := store.Mail{Tenant: s.tenant, ID: s.id(), Queue: store.QueueMail}
		s.must(s.store.AddMail(s.ctx, m))
		got, _ := s.keptMail(m.ID)
		equal(s, got, m)
	}},
}
