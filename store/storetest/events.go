package storetest

import "github.com/admit-go/admit/store"

// eventChecks prove store.Events: the audit log, and what is yet to be told.
var eventChecks = []check{
	{"AppendEvent keeps every field", func(s *scene) {
		e, bare := s.event(), store.Event{Tenant: s.tenant, ID: s.id(), Kind: "bare", At: now, Delivered: true}
		s.must(s.store.AppendEvent(s.ctx, bare))
		got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
		s.must(err)
		equalAll(s, got, []store.Event{e, bare})
		changed := e
		changed.Kind = "changed"
		s.is(s.store.AppendEvent(s.ctx, changed), store.ErrConflict)
		got, err = s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 1})
		s.must(err)
		equalAll(s, got, []store.Event{e})
	}},
	{"ListEvents selects by account, kind and place", func(s *scene) {
		var all []store.Event
		for i := range 8 {
			e := s.newEvent()
			e.SubjectID, e.Kind = []string{"ann", "bob"}[i%2], []string{"a", "b"}[i/4]
			s.must(s.store.AppendEvent(s.ctx, e))
			all = append(all, e)
		}
		for _, c := range []struct {
			query store.EventQuery
			want  []store.Event
		}{
			{store.EventQuery{Tenant: s.tenant, Limit: 100}, all},
			{store.EventQuery{Tenant: s.tenant, Limit: 3}, all[:3]},
			{store.EventQuery{Tenant: s.tenant, After: all[2].ID, Limit: 2}, all[3:5]},
			{store.EventQuery{Tenant: s.tenant, After: all[7].ID, Limit: 2}, nil},
			{store.EventQuery{Tenant: s.tenant, After: all[4].ID + "!", Limit: 1}, all[5:6]},
			{store.EventQuery{Tenant: s.tenant, Kind: "b", Limit: 9}, all[4:]},
			{store.EventQuery{Tenant: s.tenant, SubjectID: "bob", Kind: "a", Limit: 9}, []store.Event{all[1], all[3]}},
			{store.EventQuery{Tenant: s.tenant, SubjectID: "ann", After: all[0].ID, Limit: 2}, []store.Event{all[2], all[4]}},
			{store.EventQuery{Tenant: s.tenant, SubjectID: "an", Limit: 9}, nil},
			{store.EventQuery{Tenant: s.elsewhere().tenant, Limit: 9}, nil},
		} {
			got, err := s.store.ListEvents(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
		}
	}},
	{"PendingEvents gives what was not delivered, DeliverEvents takes it away", func(s *scene) {
		first, second := s.event(), s.event()
		done := s.newEvent()
		done.Delivered = true
		s.must(s.store.AppendEvent(s.ctx, done))
		third := s.event()
		pending := func(limit int, want ...store.Event) {
			s.Helper()
			got, err := s.store.PendingEvents(s.ctx, s.tenant, limit)
			s.must(err)
			equalAll(s, got, want)
		}
		pending(10, first, second, third)
		pending(2, first, second)
		s.must(s.store.DeliverEvents(s.ctx, s.elsewhere().tenant, []string{first.ID}))
		s.must(s.store.DeliverEvents(s.ctx, s.tenant, nil))
		pending(10, first, second, third)
		s.must(s.store.DeliverEvents(s.ctx, s.tenant, []string{third.ID, "unknown", first.ID, done.ID}))
		pending(10, second)
		first.Delivered, third.Delivered = true, true
		got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
		s.must(err)
		equalAll(s, got, []store.Event{first, second, done, third})
	}},
	{"DeleteEventsBefore removes the oldest that were delivered", func(s *scene) {
		var all []store.Event
		for i := range 6 {
			e := s.newEvent()
			e.Delivered = i != 1
			s.must(s.store.AppendEvent(s.ctx, e))
			all = append(all, e)
		}
		left := func(want ...store.Event) {
			s.Helper()
			got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
			s.must(err)
			equalAll(s, got, want)
		}
		s.count(0)(s.store.DeleteEventsBefore(s.ctx, s.elsewhere().tenant, all[5].ID, 10))
		s.count(0)(s.store.DeleteEventsBefore(s.ctx, s.tenant, all[0].ID, 10))
		s.count(0)(s.store.DeleteEventsBefore(s.ctx, s.tenant, all[5].ID, 0))
		s.count(2)(s.store.DeleteEventsBefore(s.ctx, s.tenant, all[5].ID, 2))
		left(all[1], all[3], all[4], all[5])
		s.count(1)(s.store.DeleteEventsBefore(s.ctx, s.tenant, all[4].ID, 10))
		left(all[1], all[4], all[5])
		s.must(s.store.DeliverEvents(s.ctx, s.tenant, []string{all[1].ID}))
		s.count(2)(s.store.DeleteEventsBefore(s.ctx, s.tenant, all[5].ID, 10))
		left(all[5])
	}},
}
