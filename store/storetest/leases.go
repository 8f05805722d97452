package storetest

import "time"

// leaseChecks prove store.Leases.
var leaseChecks = []check{
	{"AcquireLease gives a lease to one holder until its end", func(s *scene) {
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(5)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", now, after(5)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", after(5).Add(-time.Microsecond), after(9)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", after(5), after(9)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", after(6), after(9)))
	}},
	{"the holder extends its lease, shortens it and gives it up", func(s *scene) {
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(5)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", after(4), after(8)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", after(6), after(9)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", after(6), after(7)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", after(7), after(20)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", after(8), after(8)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", after(8), after(8)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", after(8), after(9)))
	}},
	{"a lease given up by nobody stays free", func(s *scene) {
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, time.Time{}))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", now, after(1)))
	}},
	{"AC-209 a lease of a clock that was ahead binds nobody", func(s *scene) {
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(10)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", now, after(5)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(10).Add(time.Microsecond)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", now, now))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "two", now, after(5)))
		s.no(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(5)))
	}},
	{"leases keep apart by name and tenant", func(s *scene) {
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "sweep", "one", now, after(5)))
		s.yes(s.store.AcquireLease(s.ctx, s.tenant, "outbox", "two", now, after(5)))
		s.yes(s.store.AcquireLease(s.ctx, s.elsewhere().tenant, "sweep", "two", now, after(5)))
	}},
}
