package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const eventColumns = "tenant, id, kind, actor_id, subject_id, ip_address, user_agent, request_id, data, at, delivered, seq, seal, client_salt, data_salt"

// eventFields returns the variables that eventColumns are read into.
func eventFields(e *store.Event) []any {
	return []any{
		&e.Tenant, &e.ID, &e.Kind, &e.ActorID, &e.SubjectID, &e.IPAddress, &e.UserAgent, &e.RequestID, &e.Data,
		(*moment)(&e.At), (*flag)(&e.Delivered), &e.Seq, &e.Seal, &e.ClientSalt, &e.DataSalt,
	}
}

// eventLists are the statements of one order. Each takes the tenant, the bounds,
// the limit and its own filters.
type eventLists struct {
	all, ofKind, ofSubject *query
	// ofItself and ofActor have what an account did to itself, and the rest of what
	// it did.
	ofItself, ofActor *query
}

type eventStatements struct {
	add, pending, deliver           *query
	unchained, chain, chained, drop *query

	oldest, newest eventLists
}

func newEventStatements(c *catalogue) eventStatements {
	const table = `SELECT ` + eventColumns + ` FROM admit_events`
	return eventStatements{
		oldest:  newEventLists(c, "", " ORDER BY id LIMIT $4"),
		newest:  newEventLists(c, ", newest first", " ORDER BY id DESC LIMIT $4"),
		add:     c.write("append event", `INSERT INTO admit_events (`+eventColumns+`) VALUES (`+values(15)+`) ON CONFLICT DO NOTHING`),
		pending: c.read("list pending events", table+c.by("admit_events_pending")+` WHERE tenant = $1 AND delivered = 0 ORDER BY id LIMIT $2`),
		deliver: c.write("deliver events", `
			UPDATE admit_events SET delivered = 1 WHERE tenant = $1 AND `+unset("delivered")+` AND `+c.among("id", "$2")),
		unchained: c.read("list unchained events", table+c.by("admit_events_unchained")+` WHERE tenant = $1 AND seq = 0 ORDER BY id LIMIT $2`),
		// The array holds the links as arrays. A purge may have removed what a salt is
		// for since the event was read.
		chain: c.write("chain events", c.pick(`
			UPDATE admit_events AS e SET seq = due.seq, seal = due.seal,
				client_salt = CASE WHEN e.ip_address || e.user_agent || e.request_id = '' THEN '' ELSE due.client_salt END,
				data_salt = CASE WHEN e.data IS NULL THEN '' ELSE due.data_salt END
			FROM (SELECT value ->> 0 AS tenant, value ->> 1 AS id, value ->> 2 AS seq, value ->> 3 AS seal, value ->> 4 AS client_salt, value ->> 5 AS data_salt
				FROM json_each($1)) AS due
			WHERE e.tenant = due.tenant AND e.id = due.id AND `+unset("e.seq"), `
			WITH links AS (
				SELECT l ->> 0 AS tenant, l ->> 1 AS id, CAST(l ->> 2 AS BIGINT) AS seq, l ->> 3 AS seal, l ->> 4 AS client_salt, l ->> 5 AS data_salt
				FROM jsonb_array_elements(CAST($1 AS JSONB)) AS l),
			due AS (
				SELECT links.tenant, links.id, links.seq, links.seal, links.client_salt, links.data_salt FROM admit_events e JOIN links ON e.tenant = links.tenant AND e.id = links.id
				WHERE `+unset("e.seq")+` ORDER BY e.id FOR UPDATE OF e)
			UPDATE admit_events AS e SET seq = due.seq, seal = due.seal,
				client_salt = CASE WHEN e.ip_address || e.user_agent || e.request_id = '' THEN '' ELSE due.client_salt END,
				data_salt = CASE WHEN e.data IS NULL THEN '' ELSE due.data_salt END
			FROM due WHERE e.tenant = due.tenant AND e.id = due.id AND `+unset("e.seq"))),
		chained: c.read("list chained events", table+c.by("admit_events_chained")+` WHERE tenant = $1 AND seq > $2 AND seq > 0 ORDER BY seq LIMIT $3`),
		drop: c.write("delete chained events", c.held(`
			SELECT tenant, id FROM admit_events`+c.by("admit_events_chained")+` WHERE tenant = $1 AND seq <= $2 AND seq > 0 ORDER BY seq LIMIT $3`)+`
			DELETE FROM admit_events WHERE (tenant, id) IN (SELECT tenant, id FROM due)`),
	}
}

// lastID sorts after every id: a key has at most 512 bytes.
var lastID = strings.Repeat("\U0010ffff", 512/4) + "\U0010ffff"

// newEventLists returns the statements of one order. Filters that an index does
// not hold are compared with each event of the index.
func newEventLists(c *catalogue, name, page string) eventLists {
	selected := func(index, filter string) string {
		if index != "" {
			index = c.by(index)
		}
		return `SELECT ` + eventColumns + ` FROM admit_events` + index + ` WHERE tenant = $1 AND id > $2 AND id < $3` + filter
	}
	const (
		kind  = ` AND ($6 = '' OR kind = $6)`
		actor = ` AND ($7 = '' OR actor_id = $7)`
	)
	return eventLists{
		all:       c.read("list events"+name, selected("", "")+page),
		ofKind:    c.read("list events of kind"+name, selected("admit_events_kind", ` AND kind = $5`)+page),
		ofSubject: c.read("list events of subject"+name, selected("admit_events_subject", ` AND subject_id = $5 AND subject_id <> ''`+kind+actor)+page),
		ofItself:  c.read("list events of itself"+name, selected("admit_events_subject", ` AND subject_id = $5 AND subject_id <> '' AND actor_id = $5`+kind)+page),
		ofActor:   c.read("list events of actor"+name, selected("admit_events_actor", ` AND actor_id = $5 AND actor_id <> '' AND actor_id <> subject_id`+kind)+page),
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
		e.Data, micros(e.At), bit(e.Delivered), e.Seq, e.Seal, e.ClientSalt, e.DataSalt,
	}
}

// ListEvents implements store.Events.
func (s *Store) ListEvents(ctx context.Context, q store.EventQuery) ([]store.Event, error) {
	if err := text.EventQuery(q); err != nil {
		return nil, err
	}
	if q.Before == "" {
		q.Before = lastID
	}
	lists := s.q.events.oldest
	if q.Newest {
		lists = s.q.events.newest
	}
	statement, args := lists.all, []any{q.Tenant, q.After, q.Before, int64(q.Limit)}
	switch {
	case q.SubjectID != "":
		statement, args = lists.ofSubject, append(args, q.SubjectID, q.Kind, q.ActorID)
	case q.ActorID != "":
		return s.eventsOfActor(ctx, q, lists, append(args, q.ActorID, q.Kind))
	case q.Kind != "":
		statement, args = lists.ofKind, append(args, q.Kind)
	}
	return all(ctx, s, statement, eventFields, args...)
}

// eventsOfActor merges the two lists of an actor.
func (s *Store) eventsOfActor(ctx context.Context, q store.EventQuery, lists eventLists, args []any) ([]store.Event, error) {
	merged, err := all(ctx, s, lists.ofItself, eventFields, args...)
	if err != nil {
		return nil, err
	}
	others, err := all(ctx, s, lists.ofActor, eventFields, args...)
	if err != nil {
		return nil, err
	}
	merged = append(merged, others...)
	slices.SortFunc(merged, func(a, b store.Event) int {
		if q.Newest {
			return cmp.Compare(b.ID, a.ID)
		}
		return cmp.Compare(a.ID, b.ID)
	})
	return merged[:min(len(merged), q.Limit)], nil
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

// UnchainedEvents implements store.Events.
func (s *Store) UnchainedEvents(ctx context.Context, tenant string, limit int) ([]store.Event, error) {
	if err := text.Key(tenant); err != nil {
		return nil, err
	}
	return all(ctx, s, s.q.events.unchained, eventFields, tenant, int64(limit))
}

// ChainEvents implements store.Events.
func (s *Store) ChainEvents(ctx context.Context, tenant string, links []store.EventLink) (int, error) {
	if err := text.EventLinks(tenant, links); err != nil || len(links) == 0 {
		return 0, err
	}
	rows := make([][6]any, len(links))
	for i, l := range links {
		rows[i] = [6]any{tenant, l.ID, l.Seq, l.Seal, l.ClientSalt, l.DataSalt}
	}
	argument, err := jsonText(rows)
	if err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.events.chain, argument)
	return int(n), err
}

// ChainedEvents implements store.Events.
func (s *Store) ChainedEvents(ctx context.Context, tenant string, after int64, limit int) ([]store.Event, error) {
	if err := text.Key(tenant); err != nil {
		return nil, err
	}
	return all(ctx, s, s.q.events.chained, eventFields, tenant, after, int64(limit))
}

// DeleteChainedEvents implements store.Events.
func (s *Store) DeleteChainedEvents(ctx context.Context, tenant string, last int64, limit int) (int, error) {
	if err := text.Key(tenant); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.events.drop, tenant, last, int64(limit))
	return int(n), err
}
