package storetest

import (
	"context"

	"github.com/admit-go/admit/store"
)

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
	{"ListEvents selects by actor and between two ids, in both orders", func(s *scene) {
		var all []store.Event
		for i := range 8 {
			e := s.newEvent()
			e.ActorID, e.SubjectID, e.Kind = []string{"ann", "bob"}[i%2], []string{"ann", "ann", "bob", ""}[i/2], []string{"a", "b"}[i%4/2]
			s.must(s.store.AppendEvent(s.ctx, e))
			all = append(all, e)
		}
		pick := func(from ...int) (list []store.Event) {
			for _, i := range from {
				list = append(list, all[i])
			}
			return list
		}
		for _, c := range []struct {
			query store.EventQuery
			want  []store.Event
		}{
			{store.EventQuery{ActorID: "ann", Limit: 9}, pick(0, 2, 4, 6)},
			{store.EventQuery{ActorID: "ann", Limit: 3, Newest: true}, pick(6, 4, 2)},
			{store.EventQuery{ActorID: "bob", Kind: "b", Limit: 9}, pick(3, 7)},
			{store.EventQuery{ActorID: "bob", After: all[1].ID, Before: all[7].ID, Limit: 9}, pick(3, 5)},
			{store.EventQuery{ActorID: "bob", SubjectID: "ann", Limit: 9}, pick(1, 3)},
			{store.EventQuery{ActorID: "bob", SubjectID: "ann", Kind: "b", Limit: 9, Newest: true}, pick(3)},
			{store.EventQuery{SubjectID: "ann", Before: all[2].ID, Limit: 9, Newest: true}, pick(1, 0)},
			{store.EventQuery{Kind: "a", Before: all[5].ID, Limit: 2, Newest: true}, pick(4, 1)},
			{store.EventQuery{Before: all[3].ID, Limit: 2, Newest: true}, pick(2, 1)},
			{store.EventQuery{After: all[5].ID, Limit: 9, Newest: true}, pick(7, 6)},
			{store.EventQuery{Before: all[1].ID, Limit: 9}, pick(0)},
			{store.EventQuery{ActorID: "bo", Limit: 9}, nil},
		} {
			c.query.Tenant = s.tenant
			got, err := s.store.ListEvents(s.ctx, c.query)
			s.must(err)
			equalAll(s, got, c.want)
		}
	}},
	{"ChainEvents links events once, UnchainedEvents has the rest", func(s *scene) {
		first, second, third := s.event(), s.event(), s.event()
		rest := func(limit int, want ...store.Event) {
			s.Helper()
			got, err := s.store.UnchainedEvents(s.ctx, s.tenant, limit)
			s.must(err)
			equalAll(s, got, want)
		}
		chain := func(after int64, limit int, want ...store.Event) {
			s.Helper()
			got, err := s.store.ChainedEvents(s.ctx, s.tenant, after, limit)
			s.must(err)
			equalAll(s, got, want)
		}
		rest(10, first, second, third)
		rest(2, first, second)
		chain(0, 10)
		link := func(e *store.Event, seq int64) store.EventLink {
			e.Seq, e.Seal, e.ClientSalt, e.DataSalt = seq, "seal'\\\"", "client", "data"
			return store.EventLink{ID: e.ID, Seq: e.Seq, Seal: e.Seal, ClientSalt: e.ClientSalt, DataSalt: e.DataSalt}
		}
		links := []store.EventLink{link(&third, 1), link(&first, 2), {ID: "unknown", Seq: 3}}
		s.count(0)(s.store.ChainEvents(s.ctx, s.elsewhere().tenant, links))
		s.count(0)(s.store.ChainEvents(s.ctx, s.tenant, nil))
		s.count(2)(s.store.ChainEvents(s.ctx, s.tenant, links))
		s.count(0)(s.store.ChainEvents(s.ctx, s.tenant, []store.EventLink{{ID: first.ID, Seq: 9, Seal: "other"}}))
		rest(10, second)
		chain(0, 10, third, first)
		chain(1, 10, first)
		chain(0, 1, third)
		chain(2, 10)
		bare := store.Event{Tenant: s.tenant, ID: s.id(), Kind: "bare", At: now}
		s.must(s.store.AppendEvent(s.ctx, bare))
		s.count(1)(s.store.ChainEvents(s.ctx, s.tenant, []store.EventLink{link(&bare, 4)}))
		bare.ClientSalt, bare.DataSalt = "", ""
		got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
		s.must(err)
		equalAll(s, got, []store.Event{first, second, third, bare})
		err = s.store.Tx(s.ctx, func(ctx context.Context, tx store.Store) error {
			_, err := tx.ChainEvents(ctx, s.tenant, []store.EventLink{{ID: second.ID, Seq: 2}})
			return err
		})
		if err == nil {
			s.Errorf("a place in the chain was given twice")
		}
		rest(10, second)
	}},
	{"DeleteChainedEvents removes the start of the chain", func(s *scene) {
		var all []store.Event
		for i := range 5 {
			e := s.newEvent()
			e.Seq, e.Delivered = int64(5-i), i%2 == 0
			if i == 0 {
				e.Seq = 0
			}
			s.must(s.store.AppendEvent(s.ctx, e))
			all = append(all, e)
		}
		left := func(want ...store.Event) {
			s.Helper()
			got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, Limit: 10})
			s.must(err)
			equalAll(s, got, want)
		}
		s.count(0)(s.store.DeleteChainedEvents(s.ctx, s.elsewhere().tenant, 9, 10))
		s.count(0)(s.store.DeleteChainedEvents(s.ctx, s.tenant, 9, 0))
		s.count(0)(s.store.DeleteChainedEvents(s.ctx, s.tenant, 0, 10))
		s.count(2)(s.store.DeleteChainedEvents(s.ctx, s.tenant, 3, 2))
		left(all[:3]...)
		s.count(1)(s.store.DeleteChainedEvents(s.ctx, s.tenant, 3, 10))
		left(all[:2]...)
		s.count(1)(s.store.DeleteChainedEvents(s.ctx, s.tenant, 9, 10))
		left(all[0])
		pending, err := s.store.PendingEvents(s.ctx, s.tenant, 10)
		s.must(err)
		if len(pending) != 0 {
			s.Errorf("%d deleted events wait for their delivery", len(pending))
		}
	}},
}

// eventRaces are those about the chain of events.
var eventRaces = []race{
	{"DeleteChainedEvents counts each event once", func(s *scene) contest {
		e := s.newEvent()
		e.Seq = s.made.Load() + 1000
		s.must(s.store.AppendEvent(s.ctx, e))
		return one(func(int) (int, error) { return s.store.DeleteChainedEvents(s.ctx, s.tenant, e.Seq, 10) }, nil)
	}},
	{"ChainEvents counts each event once", func(s *scene) contest {
		e := s.event()
		from := s.made.Load()*1000 + 1_000_000
		return one(func(racer int) (int, error) {
			return s.store.ChainEvents(s.ctx, s.tenant, []store.EventLink{{ID: e.ID, Seq: from + int64(racer), Seal: "seal"}})
		}, nil)
	}},
}
