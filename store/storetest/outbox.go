package storetest

import (
	"time"

	"github.com/admit-go/admit/store"
)

// claimMail claims for holder until five minutes after the time, and reports
// others than those with these ids, in this order.
func (s *scene) claimMail(holder string, at time.Time, limit int, want ...string) {
	s.Helper()
	got, err := s.store.ClaimMail(s.ctx, s.tenant, store.QueueMail, holder, at, at.Add(5*time.Minute), limit)
	s.must(err)
	equalAll(s, idsOf(got, func(m store.Mail) string { return m.ID }), want)
}

// next reports another time at which the next mail is due.
func (s *scene) next(want time.Time) {
	s.Helper()
	s.nextIn(store.QueueMail, want)
}

// nextIn reports another time at which the next message of a queue is due.
func (s *scene) nextIn(queue string, want time.Time) {
	s.Helper()
	got, err := s.store.NextMail(s.ctx, s.tenant, queue)
	s.must(err)
	if !got.Equal(want) {
		s.Errorf("the next message of the queue %q is due at %v, should be %v", queue, got, want)
	}
}

// outboxChecks prove store.Outbox: every message is sent by one at a time.
var outboxChecks = []check{
	{"AddMail keeps every field", func(s *scene) {
		m := s.newMail()
		m.Tries, m.LeaseUntil, m.Holder, m.LastError = 4, after(-1), "holder", "421 later"
		s.must(s.store.AddMail(s.ctx, m))
		dead := s.newMail()
		dead.DeadAt = after(-1)
		s.must(s.store.AddMail(s.ctx, dead))
		changed := m
		changed.Kind = "changed"
		s.is(s.store.AddMail(s.ctx, changed), store.ErrConflict)
		for isDead, want := range map[bool]store.Mail{false: m, true: dead} {
			got, total, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, isDead, store.Page{Number: 1, Limit: 10})
			s.count(1)(total, err)
			equalAll(s, got, []store.Mail{want})
			_, total, err = s.store.ListMail(s.ctx, s.elsewhere().tenant, store.QueueMail, isDead, store.Page{Number: 1, Limit: 10})
			s.count(0)(total, err)
		}
	}},
	{"ClaimMail gives what is due, oldest first, to one holder", func(s *scene) {
		var ids []string
		for _, next := range []int{0, -2, -3, 1, -2} {
			m := s.newMail()
			if m.NextAt = after(next); next > 0 {
				m.Holder, m.LeaseUntil = "gone", after(-1) // A lease that ran out makes nothing due.
			}
			s.must(s.store.AddMail(s.ctx, m))
			ids = append(ids, m.ID)
		}
		dead := s.newMail()
		dead.DeadAt = after(-1)
		s.must(s.store.AddMail(s.ctx, dead))
		other := s.elsewhere()
		other.claimMail("other", now, 10)
		s.claimMail("one", after(-9), 10)
		s.claimMail("one", now, 0)
		s.claimMail("one", now, 2, ids[2], ids[1])
		s.claimMail("two", now, 10, ids[4], ids[0])
		s.claimMail("three", now, 10)
		s.claimMail("three", after(5).Add(-time.Microsecond), 10, ids[3])
		s.claimMail("three", after(5), 10, ids[2], ids[1], ids[4], ids[0])
	}},
	{"a queue is claimed, listed and counted by itself", func(s *scene) {
		m, hook, dead := s.mail(), s.newMail(), s.newMail()
		hook.Queue, hook.NextAt = store.QueueWebhook, after(-9)
		dead.Queue, dead.DeadAt = store.QueueWebhook, after(-1)
		s.must(s.store.AddMail(s.ctx, hook))
		s.must(s.store.AddMail(s.ctx, dead))
		lists := func(queue string, isDead bool, want ...store.Mail) {
			got, total, err := s.store.ListMail(s.ctx, s.tenant, queue, isDead, page)
			s.count(len(want))(total, err)
			equalAll(s, got, want)
		}
		s.nextIn(store.QueueWebhook, after(-9))
		s.nextIn("other", time.Time{})
		s.next(m.NextAt)
		lists(store.QueueWebhook, false, hook)
		lists(store.QueueWebhook, true, dead)
		lists(store.QueueMail, true)
		s.claimMail("one", now, 10, m.ID)
		for _, want := range [][]store.Mail{{hook}, {}} {
			got, err := s.store.ClaimMail(s.ctx, s.tenant, store.QueueWebhook, "one", now, after(7), 10)
			s.must(err)
			equalAll(s, idsOf(got, func(m store.Mail) string { return m.ID }), idsOf(want, func(m store.Mail) string { return m.ID }))
		}
		s.nextIn(store.QueueWebhook, after(7))
		s.next(after(5))
		hook.Tries, hook.Holder, hook.LeaseUntil = 1, "one", after(7)
		lists(store.QueueWebhook, false, hook)
		// An id is taken whatever the queue; the other verbs need none.
		hook.Queue = store.QueueMail
		s.is(s.store.AddMail(s.ctx, hook), store.ErrConflict)
		s.yes(s.store.BuryMail(s.ctx, s.tenant, hook.ID, "one", now, "410"))
		s.yes(s.store.ReviveMail(s.ctx, s.tenant, dead.ID, after(3)))
		s.nextIn(store.QueueWebhook, after(3))
	}},
	{"the queue without a name is QueueMail", func(s *scene) {
		m := s.newMail()
		m.Queue = ""
		s.must(s.store.AddMail(s.ctx, m))
		m.Queue = store.QueueMail
		for _, queue := range []string{"", store.QueueMail} {
			got, total, err := s.store.ListMail(s.ctx, s.tenant, queue, false, page)
			s.count(1)(total, err)
			equalAll(s, got, []store.Mail{m})
			s.nextIn(queue, m.NextAt)
		}
		got, err := s.store.ClaimMail(s.ctx, s.tenant, "", "one", now, after(5), 1)
		s.must(err)
		m.Tries, m.Holder, m.LeaseUntil = 1, "one", after(5)
		equalAll(s, got, []store.Mail{m})
	}},
	{"ClaimMail returns messages as they then stand", func(s *scene) {
		m := s.mail()
		for tries := 1; tries <= 3; tries++ {
			at := after(10 * tries)
			got, err := s.store.ClaimMail(s.ctx, s.tenant, store.QueueMail, "one", at, at.Add(time.Minute), 1)
			s.must(err)
			want := m
			want.Tries, want.Holder, want.LeaseUntil = tries, "one", at.Add(time.Minute)
			equalAll(s, got, []store.Mail{want})
			kept, _ := s.keptMail(m.ID)
			equal(s, kept, want)
		}
	}},
	{"DeleteMail removes what waits, what is claimed and what was given up", func(s *scene) {
		dead := s.claimed("two")
		s.yes(s.store.BuryMail(s.ctx, s.tenant, dead.ID, "two", now, "550"))
		held := s.claimed("one")
		waits := s.mail()
		for _, m := range []store.Mail{waits, held, dead} {
			s.no(s.store.DeleteMail(s.ctx, s.elsewhere().tenant, m.ID))
			s.yes(s.store.DeleteMail(s.ctx, s.tenant, m.ID))
			s.no(s.store.DeleteMail(s.ctx, s.tenant, m.ID))
			s.no(s.store.ReviveMail(s.ctx, s.tenant, m.ID, now))
		}
		s.no(s.store.RemoveMail(s.ctx, s.tenant, held.ID, "one"))
		s.no(s.store.DeleteMail(s.ctx, s.tenant, "unknown"))
		for _, dead := range []bool{true, false} {
			if _, total, err := s.store.ListMail(s.ctx, s.tenant, store.QueueMail, dead, page); err != nil || total != 0 {
				s.Errorf("%d messages are left, %v", total, err)
			}
		}
	}},
	{"RemoveMail removes while the claim stands", func(s *scene) {
		m := s.mail()
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, ""))
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "one"))
		s.claimMail("one", now, 1, m.ID)
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "two"))
		s.no(s.store.RemoveMail(s.ctx, s.elsewhere().tenant, m.ID, "one"))
		s.no(s.store.RemoveMail(s.ctx, s.tenant, "unknown", "one"))
		s.claimMail("two", after(6), 1, m.ID)
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "one"))
		s.yes(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "two"))
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "two"))
		if got, there := s.keptMail(m.ID); there {
			s.Errorf("a message that was removed is kept: %+v", got)
		}
	}},
	{"DeferMail gives the claim back", func(s *scene) {
		m := s.claimed("one")
		s.no(s.store.DeferMail(s.ctx, s.tenant, m.ID, "two", after(9), "busy"))
		s.no(s.store.DeferMail(s.ctx, s.elsewhere().tenant, m.ID, "one", after(9), "busy"))
		s.yes(s.store.DeferMail(s.ctx, s.tenant, m.ID, "one", after(9), "busy"))
		s.no(s.store.DeferMail(s.ctx, s.tenant, m.ID, "one", after(1), "again"))
		s.no(s.store.DeferMail(s.ctx, s.tenant, m.ID, "", after(1), "again"))
		want := m
		want.NextAt, want.LastError, want.Holder, want.LeaseUntil = after(9), "busy", "", time.Time{}
		got, _ := s.keptMail(m.ID)
		equal(s, got, want)
		s.claimMail("two", after(8), 1)
		s.claimMail("two", after(9), 1, m.ID)
	}},
	{"BuryMail gives a message up, ReviveMail takes it back", func(s *scene) {
		m := s.claimed("one")
		s.no(s.store.ReviveMail(s.ctx, s.tenant, m.ID, now))
		s.no(s.store.BuryMail(s.ctx, s.tenant, m.ID, "two", now, "550 no such user"))
		s.no(s.store.BuryMail(s.ctx, s.elsewhere().tenant, m.ID, "one", now, "550 no such user"))
		s.yes(s.store.BuryMail(s.ctx, s.tenant, m.ID, "one", after(1), "550 no such user"))
		s.no(s.store.BuryMail(s.ctx, s.tenant, m.ID, "one", after(2), "again"))
		s.no(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "one"))
		want := m
		want.DeadAt, want.LastError, want.Holder, want.LeaseUntil = after(1), "550 no such user", "", time.Time{}
		got, _ := s.keptMail(m.ID)
		equal(s, got, want)
		s.claimMail("two", after(60), 1)
		s.next(time.Time{})

		s.no(s.store.ReviveMail(s.ctx, s.elsewhere().tenant, m.ID, now))
		s.no(s.store.ReviveMail(s.ctx, s.tenant, "unknown", now))
		s.yes(s.store.ReviveMail(s.ctx, s.tenant, m.ID, after(3)))
		s.no(s.store.ReviveMail(s.ctx, s.tenant, m.ID, after(4)))
		got, _ = s.keptMail(m.ID)
		if !got.DeadAt.IsZero() || got.Tries != 0 || !got.NextAt.Equal(after(3)) {
			s.Errorf("revived as %+v", got)
		}
		s.claimMail("two", after(3), 1, m.ID)
	}},
	{"NextMail says when something is due", func(s *scene) {
		s.next(time.Time{})
		later := s.newMail()
		later.NextAt = after(30)
		s.must(s.store.AddMail(s.ctx, later))
		s.next(after(30))
		m := s.mail()
		s.next(m.NextAt)
		s.claimMail("one", now, 1, m.ID)
		s.next(after(5))
		s.yes(s.store.DeferMail(s.ctx, s.tenant, m.ID, "one", after(20), "busy"))
		s.next(after(20))
		s.claimMail("one", after(20), 1, m.ID)
		s.yes(s.store.RemoveMail(s.ctx, s.tenant, m.ID, "one"))
		s.next(after(30))
		s.elsewhere().next(time.Time{})
	}},
	{"ResealMail replaces only what the caller saw", func(s *scene) {
		m, next := s.mail(), s.hash()
		s.no(s.store.ResealMail(s.ctx, s.tenant, "unknown", m.Sealed, next))
		s.no(s.store.ResealMail(s.ctx, s.elsewhere().tenant, m.ID, m.Sealed, next))
		s.no(s.store.ResealMail(s.ctx, s.tenant, m.ID, next, next))
		s.yes(s.store.ResealMail(s.ctx, s.tenant, m.ID, m.Sealed, next))
		s.no(s.store.ResealMail(s.ctx, s.tenant, m.ID, m.Sealed, s.hash()))
		m.Sealed = next
		got, _ := s.keptMail(m.ID)
		equal(s, got, m)
	}},
}
