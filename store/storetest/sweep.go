package storetest

import (
	"slices"
	"time"

	"github.com/admit-go/admit/store"
)

// sweepChecks prove Sweep. Each has a store of its own.
func sweepChecks(rounds int) []check {
	return append(slices.Clone(plainSweepChecks), check{sweepRace.name, func(s *scene) { sweepRace.run(s, max(rounds/10, 2)) }})
}

// sweepRace is among these because sweeping is about all tenants.
var sweepRace = race{"many sweepers remove each record once", func(s *scene) contest {
	u := s.user()
	for range 5 {
		t := s.newToken(u)
		t.ExpiresAt = after(-1)
		s.must(s.store.CreateToken(s.ctx, t))
		x := s.newSession(u)
		x.AbsoluteExpiresAt = after(-1)
		s.must(s.store.CreateSession(s.ctx, x))
		r := s.newRecord(u)
		r.ExpiresAt = after(-1)
		s.must(s.store.CreateRecord(s.ctx, r))
	}
	return some(15, func(int) (int, error) { return s.store.Sweep(s.ctx, now, 100) }, nil)
}}

// plainSweepChecks are those without a race.
var plainSweepChecks = []check{
	{"Sweep removes one-time tokens past their end, used or not", func(s *scene) {
		u := s.user()
		for _, c := range []struct {
			expires, used time.Time
			gone          bool
		}{
			{now.Add(-time.Microsecond), time.Time{}, true},
			{now.Add(-time.Microsecond), after(-5), true},
			{now.Add(time.Microsecond), time.Time{}, false},
			{now.Add(time.Microsecond), after(-5), false},
		} {
			t := s.newToken(u)
			t.ExpiresAt, t.UsedAt = c.expires, c.used
			s.must(s.store.CreateToken(s.ctx, t))
			want := 0
			if c.gone {
				want = 1
			}
			s.count(want)(s.store.Sweep(s.ctx, now, 100))
			if _, err := s.store.Token(s.ctx, t.Tenant, t.Kind, t.Hash); (err != nil) != c.gone {
				s.Errorf("token that expires %v: %v", c.expires, err)
			}
		}
	}},
	{"Sweep removes organisations after their PurgeAt, with their members", func(s *scene) {
		u := s.user()
		due, later, never := s.newOrganization(), s.newOrganization(), s.organization(u)
		for o, at := range map[*store.Organization]time.Time{&due: after(-1), &later: after(1)} {
			o.DeletedAt, o.PurgeAt = after(-9), at
			s.must(s.store.CreateOrganization(s.ctx, *o, s.newMember(*o, u, "owner")))
			for range 3 {
				s.member(*o, s.user(), "member")
			}
		}
		for {
			n, err := s.store.Sweep(s.ctx, now, 2)
			s.must(err)
			if n == 0 {
				break
			}
		}
		_, err := s.store.Organization(s.ctx, s.tenant, due.ID)
		s.is(err, store.ErrNotFound)
		s.hasMembers(due, "")
		equal(s, s.keptOrganization(later), later)
		equal(s, s.keptOrganization(never), never)
		s.count(4)(func() (int, error) {
			_, total, err := s.store.ListMembers(s.ctx, store.MemberQuery{Tenant: s.tenant, OrganizationID: later.ID}, page)
			return total, err
		}())
		due.PurgeAt = time.Time{} // its slug is free
		s.must(s.store.CreateOrganization(s.ctx, due, s.newMember(due, u, "owner")))
	}},
	{"AC-211 Sweep keeps ended and expired sessions until their absolute end", func(s *scene) {
		u := s.user()
		over, ended, expired, live := s.newSession(u), s.newSession(u), s.newSession(u), s.session(u)
		over.AbsoluteExpiresAt = now.Add(-time.Microsecond)
		ended.EndedAt, ended.EndReason, ended.AbsoluteExpiresAt = after(-9), "reuse", now.Add(time.Microsecond)
		expired.ExpiresAt = after(-9)
		for _, x := range []store.Session{over, ended, expired} {
			s.must(s.store.CreateSession(s.ctx, x))
		}
		s.count(1)(s.store.Sweep(s.ctx, now, 100))
		_, _, err := s.store.SessionUser(s.ctx, s.tenant, over.ID)
		s.is(err, store.ErrNotFound)
		for _, x := range []store.Session{ended, expired, live} {
			equal(s, s.keptSession(x), x)
		}
		s.count(1)(s.store.Sweep(s.ctx, after(1), 100))
	}},
	{"Sweep removes signing keys past their end", func(s *scene) {
		over, endless, live := s.newKey(1), s.newKey(2), s.key(3)
		over.ExpiresAt, endless.ExpiresAt = now.Add(-time.Microsecond), time.Time{}
		s.must(s.store.CreateKey(s.ctx, over))
		s.must(s.store.CreateKey(s.ctx, endless))
		s.count(1)(s.store.Sweep(s.ctx, now, 100))
		got, err := s.store.ListKeys(s.ctx, s.tenant)
		s.must(err)
		equalAll(s, got, []store.Key{endless, live})
	}},
	{"Sweep removes records past their end, with their keys and refs", func(s *scene) {
		u := s.user()
		over, next, endless := s.newRecord(u), s.newRecord(u), s.newRecord(u)
		over.ExpiresAt, next.ExpiresAt, endless.ExpiresAt = now, now.Add(time.Microsecond), time.Time{}
		for _, r := range []store.Record{over, next, endless} {
			s.must(s.store.CreateRecord(s.ctx, r))
		}
		s.count(1)(s.store.Sweep(s.ctx, now, 100))
		s.noRecord(over)
		s.hasKeys(next, over.Keys...)
		s.listsRecords(over.Kind, over.Refs[1], next, endless)
		over.ID = s.id()
		s.must(s.store.CreateRecord(s.ctx, over))
		// A swap may have given the record another end.
		over.ExpiresAt = after(9)
		s.yes(s.store.SwapRecord(s.ctx, over))
		s.count(1)(s.store.Sweep(s.ctx, after(8), 100))
		s.noRecord(next)
		s.count(1)(s.store.Sweep(s.ctx, after(9), 100))
		s.listsRecords(over.Kind, over.Refs[1], endless)
		s.hasKeys(endless)
	}},
	{"Sweep removes counters past their window", func(s *scene) {
		s.hit(after(-11), ok, s.counter("old", 1))
		s.hit(after(-9), ok, s.counter("new", 1))
		s.count(1)(s.store.Sweep(s.ctx, now, 100))
		s.hit(now, store.Counted{ResetAt: after(1)}, s.counter("new", 1))
	}},
	{"Sweep removes reservations that have run out", func(s *scene) {
		moved, banned := s.user(), s.user()
		s.must(s.store.ClaimEmail(s.ctx, s.claim(moved))) // reserves until after(10)
		s.yes(s.store.DeleteUser(s.ctx, s.tenant, banned.ID, now, after(20)))
		s.count(0)(s.store.Sweep(s.ctx, after(9), 100))
		s.count(1)(s.store.Sweep(s.ctx, after(11), 100))
		next := s.newUser()
		next.EmailKey = banned.EmailKey
		s.is(s.store.CreateUser(s.ctx, next), store.ErrConflict)
		s.count(1)(s.store.Sweep(s.ctx, after(21), 100))
		s.must(s.store.CreateUser(s.ctx, next))
		if got := s.kept(moved); got.EmailKey == moved.EmailKey {
			s.Errorf("the account is back at the address it left")
		}
	}},
	{"Sweep leaves everything that has no end", func(s *scene) {
		c := newCast(s)
		s.count(1)(s.store.Sweep(s.ctx, now, 100)) // The stale token.
		before := snapshot(c)
		s.count(0)(s.store.Sweep(s.ctx, now, 100))
		if got := snapshot(c); got != before {
			s.Errorf("sweeping left:\n%s\nbefore:\n%s", got, before)
		}
		revoked := s.newAPIKey(c.user)
		revoked.ExpiresAt, revoked.RevokedAt = after(-9), after(-9)
		s.must(s.store.CreateAPIKey(s.ctx, revoked))
		_, err := s.store.Sweep(s.ctx, after(1<<20), 100)
		s.must(err)
		equal(s, s.kept(c.user), c.user)
		equal(s, s.keptAPIKey(revoked), revoked)
		events, err := s.store.PendingEvents(s.ctx, s.tenant, 10)
		s.must(err)
		equalAll(s, events, []store.Event{c.event})
		_, total, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, true, page)
		s.count(1)(total, err)
	}},
	{"Sweep works in batches over all tenants", func(s *scene) {
		for _, in := range []*scene{s, s.elsewhere()} {
			u := in.user()
			for range 3 {
				t := in.newToken(u)
				t.ExpiresAt = after(-1)
				s.must(s.store.CreateToken(s.ctx, t))
				x := in.newSession(u)
				x.AbsoluteExpiresAt = after(-1)
				s.must(s.store.CreateSession(s.ctx, x))
				k := in.newKey(in.made.Load())
				k.ExpiresAt = after(-1)
				s.must(s.store.CreateKey(s.ctx, k))
				r := in.newRecord(u)
				r.ExpiresAt = after(-1)
				s.must(s.store.CreateRecord(s.ctx, r))
				in.hit(after(-60), ok, in.counter(in.id(), 1))
				s.yes(s.store.DeleteUser(s.ctx, in.tenant, in.user().ID, after(-9), after(-1)))
			}
		}
		for _, want := range []int{24, 12, 0} {
			s.count(want)(s.store.Sweep(s.ctx, now, 4))
		}
	}},
}
