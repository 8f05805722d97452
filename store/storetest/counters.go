package storetest

import (
	"time"

	"github.com/admit-go/admit/store"
)

// hit raises the counters at a time and reports an outcome other than wanted.
func (s *scene) hit(at time.Time, want store.Counted, counters ...store.Counter) {
	s.Helper()
	got, err := s.store.Hit(s.ctx, at, counters...)
	s.must(err)
	if got.OK != want.OK || !want.OK && (got.Full != want.Full || !got.ResetAt.Equal(want.ResetAt)) {
		s.Errorf("answered %+v, should be %+v", got, want)
	}
}

// counter makes a counter with a window of ten minutes.
func (s *scene) counter(key string, limit int) store.Counter {
	return store.Counter{Tenant: s.tenant, Key: key, Limit: limit, Window: 10 * time.Minute}
}

// ok is the outcome of a hit that every counter had room for.
var ok = store.Counted{OK: true}

// counterChecks prove store.Counters.
var counterChecks = []check{
	{"Hit lets Limit through in a window that starts with the first", func(s *scene) {
		c := s.counter("a", 2)
		s.hit(now, ok, c)
		s.hit(after(9), ok, c)
		s.hit(after(9), store.Counted{ResetAt: after(10)}, c)
		s.hit(after(10).Add(-time.Microsecond), store.Counted{ResetAt: after(10)}, c)
		s.hit(after(10), ok, c)
		s.hit(after(19), ok, c)
		s.hit(after(19), store.Counted{ResetAt: after(20)}, c)
	}},
	{"Hit raises all counters or none", func(s *scene) {
		wide, narrow := s.counter("wide", 3), s.counter("narrow", 1)
		s.hit(now, ok, wide, narrow)
		s.hit(after(1), store.Counted{Full: 1, ResetAt: after(10)}, wide, narrow)
		s.hit(after(1), store.Counted{Full: 0, ResetAt: after(10)}, narrow, wide)
		s.hit(after(1), ok, wide)
		s.hit(after(1), ok, wide)
		s.hit(after(1), store.Counted{Full: 0, ResetAt: after(10)}, wide, narrow)
	}},
	{"Hit of nothing is fine, and a limit of zero lets nobody through", func(s *scene) {
		s.hit(now, ok)
		s.hit(now, store.Counted{ResetAt: after(10)}, s.counter("none", 0))
		s.hit(after(1), store.Counted{Full: 1, ResetAt: after(11)}, s.counter("fresh", 1), s.counter("none", 0))
		s.hit(after(2), ok, s.counter("fresh", 1))
	}},
	{"the limit that counts is the one that is given", func(s *scene) {
		s.hit(now, ok, s.counter("a", 1))
		s.hit(now, ok, s.counter("a", 2))
		s.hit(now, store.Counted{ResetAt: after(10)}, s.counter("a", 1))
	}},
	{"AC-209 a clock that steps back frees no counter", func(s *scene) {
		c := s.counter("a", 1)
		s.hit(now, ok, c)
		s.hit(after(-60), store.Counted{ResetAt: after(10)}, c)
	}},
	{"counters keep apart by key and tenant", func(s *scene) {
		s.hit(now, ok, s.counter("a", 1))
		s.hit(now, ok, s.counter("A", 1))
		s.hit(now, ok, s.elsewhere().counter("a", 1))
		s.hit(now, ok, s.counter("b", 1), s.elsewhere().counter("b", 1))
		s.hit(now, store.Counted{Full: 1, ResetAt: after(10)}, s.counter("c", 1), s.elsewhere().counter("b", 1))
	}},
	{"Unhit takes one hit back and never more than there were", func(s *scene) {
		c := s.counter("a", 2)
		s.must(s.store.Unhit(s.ctx, s.tenant, "a"))
		s.hit(now, ok, c)
		s.hit(after(1), ok, c)
		s.must(s.store.Unhit(s.ctx, s.elsewhere().tenant, "a"))
		s.must(s.store.Unhit(s.ctx, s.tenant))
		s.hit(after(2), store.Counted{ResetAt: after(10)}, c)
		s.must(s.store.Unhit(s.ctx, s.tenant, "b", "a"))
		s.hit(after(3), ok, c)
		s.hit(after(4), store.Counted{ResetAt: after(10)}, c)
		for range 5 {
			s.must(s.store.Unhit(s.ctx, s.tenant, "a"))
		}
		s.hit(after(5), ok, c)
		s.hit(after(6), ok, c)
		s.hit(after(7), store.Counted{ResetAt: after(10)}, c)
	}},
	{"ClearCounters forgets the keys given", func(s *scene) {
		a, b, c := s.counter("a", 1), s.counter("b", 1), s.counter("c", 1)
		s.hit(now, ok, a, b, c)
		s.must(s.store.ClearCounters(s.ctx, s.elsewhere().tenant, "a", "b", "c"))
		s.must(s.store.ClearCounters(s.ctx, s.tenant))
		s.hit(now, store.Counted{ResetAt: after(10)}, a)
		s.must(s.store.ClearCounters(s.ctx, s.tenant, "a", "c", "unknown"))
		s.hit(after(1), ok, a)
		s.hit(after(1), ok, c)
		s.hit(after(1), store.Counted{ResetAt: after(10)}, b)
	}},
}
