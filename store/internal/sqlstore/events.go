package sqlstore

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const eventColumns = "tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered"

// eventFields are where eventColumns are read to.
func eventFields(e *store.Event) []any {
	return []any{
		&e.Tenant, &e.ID, &e.Kind, &e.ActorID, &e.SubjectID, &e.IPAddress, &e.UserAgent, &e.RequestID, &e.Data,
		(*moment)(&e.At), (*flag)(&e.Delivered),
	}
}

type eventStatements struct {
	add, list, listOfSubject, listOfKind, listOfBoth, pending, deliver, removeBefore *query
}

func newEventStatements(c *catalogue) eventStatements {
	selected := func(index string) string {
		return `SELECT ` + eventColumns + ` FROM admit_events` + index + ` WHERE tenant = $1 AND id > $2`
	}
	bySubject, byKind := c.by("admit_events_subject"), c.by("admit_events_kind")
	const page = ` ORDER BY id LIMIT $3`
	return eventStatements{
		add:           c.write("append event", `INSERT INTO admit_events (`+eventColumns+`) VALUES (`+values(11)+`) ON CONFLICT DO NOTHING`),
		list:          c.read("list events", selected("")+page),
		listOfSubject: c.read("list events of subject", selected(bySubject)+` AND subject_id = $4 AND subject_id <> ''`+page),
		listOfKind:    c.read("list events of kind", selected(byKind)+` AND kind = $4`+page),
		listOfBoth:    c.read("list events of subject and kind", selected(bySubject)+` AND subject_id = $4 AND subject_id <> '' AND kind = $5`+page),
		pending:       c.read("list pending events", `SELECT `+eventColumns+` FROM admit_events`+c.by("admit_events_pending")+` WHERE tenant = $1 AND delivered = 0 ORDER BY id LIMIT $2`),
		removeBefore: c.write("delete events before", c.held(`
			SELECT tenant, id FROM admit_events WHERE tenant = $1 AND id < $2 AND delivered = 1 ORDER BY id LIMIT $3`)+`
			DELETE FROM admit_events WHERE (tenant, id) IN (SELECT tenant, id FROM due)`),
		deliver: c.write("deliver events", `
			UPDATE admit_events SET delivered = 1 WHERE tenant = $1 AND `+unset("delivered")+` AND `+c.among("id", "$2")),
	}
}

// AppendEvent implements store.Events.
func (s *Store) AppendEvent(ctx context.Context, e store.Event) error {
	if err := text.Event(e); err != nil {
		return err
	}
	return s.create(ctx, s.q.events.add, eventArguments(e)...)
}

func eventArguments(e store.Event) []any {
	return []any{
		e.Tenant, e.ID, e.Kind, e.ActorID, e.SubjectID, e.IPAddress, e.UserAgent, e.RequestID,
		e.Data, micros(e.At), bit(e.Delivered),
	}
}

// ListEvents implements store.Events.
func (s *Store) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	if err := text.EventQuery(q); err != nil {
		return nil, err
	}
	statement, args := s.q.events.list, []any{q.Tenant, q.After, int64(q.Limit)}
	switch {
	case q.SubjectID != "" && q.Kind != "":
		statement, args = s.q.events.listOfBoth, append(args, q.SubjectID, q.Kind)
	case q.SubjectID != "":
		statement, args = s.q.events.listOfSubject, append(args, q.SubjectID)
	case q.Kind != "":
		statement, args = s.q.events.listOfKind, append(args, q.Kind)
	}
	return all(ctx, s, statement, eventFields, args...)
}

// PendingEvents implements store.Events.
func (s *Store) PendingEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	if err := text.Key(tenant); err != nil {
		return nil, err
	}
	return all(ctx, s, s.q.events.pending, eventFields, tenant, int64(limit))
}

// DeliverEvents implements store.Events.
func (s *Store) DeliverEvents(ctx context.Context, tenant string, ids []string) error {
	if err := text.Key(tenant); err != nil {
		return err
	}
	if err := text.Key(ids...); err != nil || len(ids) == 0 {
		return err
	}
	argument, err := jsonText(ids)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, s.q.events.deliver, tenant, argument)
	return err
}

// DeleteEventsBefore implements store.Events.
func (s *Store) DeleteEventsBefore(ctx context.Context, tenant, id string, limit int) (int, error) {
	if err := text.Key(tenant, id); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.events.removeBefore, tenant, id, int64(limit))
	return int(n), err
}
