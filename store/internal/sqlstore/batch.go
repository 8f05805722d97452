package sqlstore

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// Write implements store.Batches. SQLite runs the statements one by one,
// because there a statement needs no network exchange.
func (s *Store) Write(ctx context.Context, b store.Batch) (store.Written, error) {
	if err := text.Batch(b); err != nil {
		return store.Written{}, err
	}
	if s.dialect == SQLite {
		return store.WriteEach(ctx, s, b)
	}
	w := store.Written{Tokens: make([]bool, len(b.Tokens))}
	parts, err := s.parts(b, &w)
	if err != nil {
		return store.Written{}, err
	}
	if err := s.together(ctx, parts); err != nil {
		return store.Written{}, err
	}
	slices.Sort(w.Left)
	return w, nil
}

// parts returns the statements of a batch in their order. They store their
// results in w.
func (s *Store) parts(b store.Batch, w *store.Written) (parts []part, err error) {
	add := func(q *query, changed func(int64), args ...any) {
		parts = append(parts, part{q: q, args: args, changed: changed})
	}
	taken := func(rows int64) {
		if rows == 0 {
			w.Taken++
		}
	}
	for _, f := range b.Kill {
		removals, err := s.removals(f)
		if err != nil {
			return nil, err
		}
		parts = append(parts, removals...)
	}
	for _, r := range b.Rooms {
		args := []any{r.Tenant, r.UserID, micros(r.At), "", r.Reason, int64(max(r.Keep, 0))}
		if r.UserAgent == "" {
			add(s.q.sessions.endOldest, nil, args...)
			continue
		}
		parts = append(parts, part{
			q: s.q.sessions.makeRoom, args: append(args, r.UserAgent, r.IPAddress, r.Left),
			returned: func(id string) { w.Left = append(w.Left, id) },
		})
	}
	for _, p := range b.Passwords {
		add(s.q.password.put, nil, p.Tenant, p.UserID, p.Hash, micros(p.ChangedAt))
	}
	for _, n := range b.Sessions {
		add(s.q.sessions.create, taken, sessionArguments(n)...)
	}
	for i, t := range b.Tokens {
		add(s.q.tokens.create, func(rows int64) { w.Tokens[i] = rows > 0 }, tokenArguments(t)...)
	}
	for _, e := range b.Events {
		add(s.q.events.add, taken, eventArguments(e)...)
	}
	for _, m := range b.Mails {
		add(s.q.outbox.add, taken, mailArguments(m)...)
	}
	for _, c := range []struct {
		q    *query
		keys []string
	}{{s.q.counters.remove, b.Clear}, {s.q.counters.unhit, b.Unhit}} {
		if len(c.keys) == 0 {
			continue
		}
		keys, err := jsonText(c.keys)
		if err != nil {
			return nil, err
		}
		add(c.q, nil, b.CounterTenant, keys)
	}
	return parts, nil
}

// part is a statement that is run together with others.
type part struct {
	q    *query
	args []any
	// changed is called with the number of rows that the statement has changed.
	// returned is called with the texts that a statement with RETURNING id, alike
	// has returned for the rows that are marked as alike. At most one of the two
	// is set.
	changed  func(rows int64)
	returned func(id string)
}

// together runs statements that do not depend on each other. All of them take
// effect, or none. On PostgreSQL they are sent as one statement.
func (s *Store) together(ctx context.Context, parts []part) error {
	switch {
	case len(parts) == 0:
		return s.usable(ctx)
	case s.dialect == SQLite && len(parts) > 1:
		return s.atomically(ctx, func(ctx context.Context, t *Store) error {
			for _, p := range parts {
				if err := t.together(ctx, []part{p}); err != nil {
					return err
				}
			}
			return nil
		})
	case len(parts) == 1 && parts[0].returned == nil:
		n, err := s.exec(ctx, parts[0].q, parts[0].args...)
		if err == nil && parts[0].changed != nil {
			parts[0].changed(n)
		}
		return err
	}
	fields := make([]any, len(parts))
	var args []any
	for i, p := range parts {
		args = append(args, p.args...)
		fields[i] = new(int64)
		if p.returned != nil {
			fields[i] = new(list)
		}
	}
	if err := s.one(ctx, s.asOne(parts), fields, args...); err != nil {
		return err
	}
	for i, p := range parts {
		switch found := fields[i].(type) {
		case *int64:
			if p.changed != nil {
				p.changed(*found)
			}
		case *list:
			for _, id := range *found {
				p.returned(id)
			}
		}
	}
	return nil
}

// asOne returns the single statement that contains the statements of parts.
func (s *Store) asOne(parts []part) *query {
	var names strings.Builder
	for _, p := range parts {
		names.WriteString(p.q.name + "; ")
	}
	if q, ok := s.joined.Load(names.String()); ok {
		return q.(*query)
	}
	q, _ := s.joined.LoadOrStore(names.String(), joinedQuery(names.String(), parts))
	return q.(*query)
}

var placeholder = regexp.MustCompile(`\$(\d+)`)

// joinedQuery makes the single statement. Each part is a WITH clause with its
// own placeholders. The results of the parts are selected in their order, which
// is the order in which PostgreSQL runs the parts.
func joinedQuery(name string, parts []part) *query {
	q := &query{name: "write " + strings.TrimSuffix(name, "; "), writes: true}
	with, found := make([]string, len(parts)), make([]string, len(parts))
	for i, p := range parts {
		at := "part" + strconv.Itoa(i)
		statement := placeholder.ReplaceAllStringFunc(p.q.text, func(dollar string) string {
			n, _ := strconv.Atoi(dollar[1:]) // the pattern matches only digits
			return "$" + strconv.Itoa(n+q.arguments)
		})
		q.arguments += p.q.arguments
		found[i] = "(SELECT count(*) FROM " + at + ")"
		if p.returned != nil {
			found[i] = "(SELECT CAST(json_agg(id) AS TEXT) FROM " + at + " WHERE alike)"
		} else {
			statement += " RETURNING 1"
		}
		with[i] = at + " AS (" + statement + ")"
	}
	q.text = "WITH " + strings.Join(with, ", ") + " SELECT " + strings.Join(found, ", ")
	return q
}
