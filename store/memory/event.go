package memory

import (
	"context"

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
	for _, e := range st.events.from(under(q.Tenant), place(q.Tenant, q.After)) {
		if len(listed) >= q.Limit {
			break
		}
		if e.ID > q.After && (q.SubjectID == "" || e.SubjectID == q.SubjectID) && (q.Kind == "" || e.Kind == q.Kind) {
			listed = append(listed, handEvent(e))
		}
	}
	return listed, nil
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

// DeleteEventsBefore is described at store.Events.
func (s *Store) DeleteEventsBefore(ctx context.Context, tenant, id string, limit int) (removed int, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		for at, e := range st.events.before(under(tenant), id) {
			if removed >= limit {
				break
			}
			if e.Delivered {
				st.events = st.events.drop(at)
				removed++
			}
		}
		return nil
	})
	return removed, err
}
