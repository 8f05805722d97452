package memory

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// handEvent returns an event with bytes that nobody else holds.
func handEvent(e store.Event) store.Event {
	e.Data = clone(e.Data)
	return e
}

// AppendEvent is described at store.Events.
func (s *Store) AppendEvent(ctx context.Context, e store.Event) error {
	return s.write(ctx, text.Event(e), func(st *state) error {
		at := place(e.Tenant, e.ID)
		if st.events.get(at) != nil {
			return store.ErrConflict
		}
		e := handEvent(e)
		e.At = cut(e.At)
		st.events = st.events.put(at, e)
		if !e.Delivered {
			st.eventsPending = st.eventsPending.put(at, struct{}{})
		}
		if e.Seq == 0 {
			st.unchained = st.unchained.put(at, struct{}{})
		} else {
			st.chained = st.chained.put(chainedAt(e.Tenant, e.Seq), at)
		}
		return nil
	})
}

// ListEvents is described at store.Events.
func (s *Store) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	st, err := s.read(ctx, text.EventQuery(q))
	if err != nil {
		return nil, err
	}
	var listed []store.Event
	walk := st.events.from(under(q.Tenant), place(q.Tenant, q.After))
	if q.Newest {
		walk = st.events.down(under(q.Tenant))
	}
	for _, e := range walk {
		if len(listed) >= q.Limit || q.Newest && e.ID <= q.After || !q.Newest && q.Before != "" && e.ID >= q.Before {
			break
		}
		if e.ID > q.After && (q.Before == "" || e.ID < q.Before) && chosen(q, &e) {
			listed = append(listed, handEvent(e))
		}
	}
	return listed, nil
}

// chosen says whether an event passes the filters of a query.
func chosen(q store.EventQuery, e *store.Event) bool {
	return (q.ActorID == "" || e.ActorID == q.ActorID) && (q.SubjectID == "" || e.SubjectID == q.SubjectID) && (q.Kind == "" || e.Kind == q.Kind)
}

// chainedAt is the place of an event in the index of chained events.
func chainedAt(tenant string, seq int64) string {
	return under(tenant) + moment(time.UnixMicro(seq))
}

// PendingEvents is described at store.Events.
func (s *Store) PendingEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return nil, err
	}
	var listed []store.Event
	for at := range st.eventsPending.in(under(tenant)) {
		if len(listed) >= limit {
			break
		}
		listed = append(listed, handEvent(*st.events.get(at)))
	}
	return listed, nil
}

// DeliverEvents is described at store.Events.
func (s *Store) DeliverEvents(ctx context.Context, tenant string, ids []string) error {
	checked := text.Key(tenant)
	if checked == nil {
		checked = text.Key(ids...)
	}
	return s.write(ctx, checked, func(st *state) error {
		for _, id := range ids {
			at := place(tenant, id)
			if old := st.events.get(at); old != nil {
				e := *old
				e.Delivered = true
				st.events = st.events.put(at, e)
				st.eventsPending = st.eventsPending.drop(at)
			}
		}
		return nil
	})
}

// UnchainedEvents is described at store.Events.
func (s *Store) UnchainedEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return nil, err
	}
	var listed []store.Event
	for at := range st.unchained.in(under(tenant)) {
		if len(listed) >= limit {
			break
		}
		listed = append(listed, handEvent(*st.events.get(at)))
	}
	return listed, nil
}

// ChainEvents is described at store.Events.
func (s *Store) ChainEvents(ctx context.Context, tenant string, links []store.EventLink) (n int, err error) {
	err = s.write(ctx, text.EventLinks(tenant, links), func(st *state) error {
		n = 0
		for _, l := range links {
			at := place(tenant, l.ID)
			old := st.events.get(at)
			if old == nil || old.Seq != 0 {
				continue
			}
			where := chainedAt(tenant, l.Seq)
			if st.chained.get(where) != nil {
				n = 0
				return store.ErrConflict
			}
			e := *old
			e.Seq, e.Seal = l.Seq, l.Seal
			if e.IPAddress+e.UserAgent+e.RequestID != "" {
				e.ClientSalt = l.ClientSalt
			}
			if e.Data != nil {
				e.DataSalt = l.DataSalt
			}
			st.events = st.events.put(at, e)
			st.unchained = st.unchained.drop(at)
			st.chained = st.chained.put(where, at)
			n++
		}
		return nil
	})
	return n, err
}

// ChainedEvents is described at store.Events.
func (s *Store) ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]store.Event, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return nil, err
	}
	var listed []store.Event
	for _, at := range st.chained.from(under(tenant), chainedAt(tenant, max(after, 0)+1)) {
		if len(listed) >= limit {
			break
		}
		listed = append(listed, handEvent(*st.events.get(at)))
	}
	return listed, nil
}

// DeleteChainedEvents is described at store.Events.
func (s *Store) DeleteChainedEvents(ctx context.Context, tenant string, last int64, limit int) (removed int, err error) {
	err = s.write(ctx, text.Key(tenant), func(st *state) error {
		removed = 0
		for where, at := range st.chained.in(under(tenant)) {
			if removed >= limit || st.events.get(at).Seq > last {
				break
			}
			st.chained = st.chained.drop(where)
			st.events = st.events.drop(at)
			st.eventsPending = st.eventsPending.drop(at)
			removed++
		}
		return nil
	})
	return removed, err
}
