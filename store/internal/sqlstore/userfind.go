package sqlstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// This file searches the accounts of a tenant. A text that many accounts contain
// is found by a walk in the order of the page, which ends early. A text that few
// accounts contain would make that walk long, so the walk is bounded, and the
// search goes on with the index of texts, where the database has one.

// window is how many accounts the walk looks at for a text.
const window = 2000

type findStatements struct {
	// walks are pages without a text, windows the first accounts of an order with
	// a text, both by order.
	walks, windows map[userOrder]*query
	// hits, ascending and descending, collect every account with the text.
	hits  map[bool]*query
	count *query
	// listed are searches among the accounts that have a record.
	listed listedStatements
}

// userOrder is an order of accounts.
type userOrder struct {
	by         string
	descending bool
}

// userText is what is searched of an account, both fields in one text, so that
// one index serves both. A name has no control characters, and a text that is
// searched for would need one to match over the border.
const userText = "lower(email_key || CHR(10) || name)"

func newFindStatements(c *catalogue) findStatements {
	f := findStatements{walks: map[userOrder]*query{}, windows: map[userOrder]*query{}, hits: map[bool]*query{}}
	contains := func(column, argument string) string {
		return c.pick("instr(lower("+column+"), lower("+argument+")) > 0", "lower("+column+") LIKE lower("+argument+")")
	}
	// in is the condition on the one field that is searched.
	in := func(text, field string) string {
		return "(CAST(" + field + " AS TEXT) = '' OR (CAST(" + field + " AS TEXT) = 'email' AND " + contains("email_key", text) + ")" +
			" OR (CAST(" + field + " AS TEXT) = 'name' AND " + contains("name", text) + "))"
	}
	both := func(text string) string {
		return c.pick("instr("+strings.ReplaceAll(userText, "CHR", "char")+", lower("+text+")) > 0", userText+" LIKE lower("+text+")")
	}
	matches := func(text, field string) string {
		return "(CAST(" + text + " AS TEXT) = '' OR (" + both("CAST("+text+" AS TEXT)") + " AND " + in("CAST("+text+" AS TEXT)", field) + "))"
	}
	for _, order := range []struct{ by, name, key, index string }{
		{store.SortCreated, "created", "", ""}, {store.SortName, "name", "lower(name)", "admit_users_name"}, {store.SortEmail, "e-mail", "lower(email_key)", "admit_users_email"},
	} {
		for _, descending := range []bool{false, true} {
			keys, name, hint := "id", "users by "+order.name, ""
			if order.key != "" {
				keys = order.key + ", id"
				hint = c.by(order.index)
			}
			if descending {
				keys, name = strings.ReplaceAll(keys, "id", "id DESC"), name+" descending"
				if order.key != "" {
					keys = order.key + " DESC, id DESC"
				}
			}
			at := userOrder{order.by, descending}
			walk := "SELECT " + userColumns + " FROM admit_users" + hint + " WHERE tenant = $1 AND deleted_at = 0 ORDER BY " + keys
			f.walks[at] = c.read("list "+name, walk+" LIMIT $2 OFFSET $3")
			f.windows[at] = c.read("search "+name, `
				SELECT `+userColumns+` FROM (`+walk+` LIMIT $2) first
				WHERE `+matches("$3", "$4")+` ORDER BY `+keys+` LIMIT $5 OFFSET $6`)
		}
	}
	for _, descending := range []bool{false, true} {
		name, turn := "find users with text", ""
		if descending {
			name, turn = name+" descending", " DESC"
		}
		f.hits[descending] = c.read(name, `
			WITH hit AS MATERIALIZED (SELECT `+userColumns+` FROM admit_users WHERE tenant = $1 AND deleted_at = 0 AND `+both("CAST($2 AS TEXT)")+`
				AND `+in("CAST($2 AS TEXT)", "$3")+`)
			SELECT `+userColumns+`, (SELECT count(*) FROM hit) FROM hit
			ORDER BY CASE CAST($4 AS TEXT) WHEN 'name' THEN lower(name) WHEN 'email' THEN lower(email_key) ELSE '' END`+turn+`, id`+turn+`
			LIMIT $5 OFFSET $6`)
	}
	f.listed = newListedStatements(c, contains("u.name", "CAST($4 AS TEXT)"))
	f.count = c.read("count users", `
		SELECT count(*) FROM (SELECT 1 FROM admit_users WHERE tenant = $1 AND deleted_at = 0 AND `+matches("$2", "$3")+` LIMIT $4) u`)
	return f
}

// needle is the argument that stands for a text that is searched for: the text
// for SQLite, a pattern for PostgreSQL. "" stays "".
func (s *Store) needle(search string) string {
	if search == "" || s.dialect == SQLite {
		return search
	}
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(search) + "%"
}

// hit is an account with the number of all that have the text.
type hit struct {
	user  store.User
	count int64
}

// FindUsers implements store.Users. Both databases fold the letters a to z.
func (s *Store) FindUsers(ctx context.Context, q store.UserSearch) ([]store.User, int, error) {
	if err := text.UserSearch(q); err != nil {
		return nil, 0, err
	}
	f, needle := s.q.users.find, s.needle(q.Search)
	if q.RecordRef != "" {
		return s.findListed(ctx, q, needle)
	}
	walk := f.walks[userOrder{q.SortBy, q.Descending}]
	if walk == nil {
		return nil, 0, fmt.Errorf("%s: accounts have no order %q", s.dialect, q.SortBy)
	}
	count := func() (int, error) {
		if q.Count <= 0 {
			return 0, nil
		}
		var n int64
		err := s.one(ctx, f.count, []any{&n}, q.Tenant, needle, q.In, int64(q.Count))
		return int(n), err
	}
	if q.Search == "" {
		page, err := all(ctx, s, walk, userFields, q.Tenant, int64(q.Limit), int64(q.Offset))
		if err != nil {
			return nil, 0, err
		}
		n, err := count()
		return page, n, err
	}
	if q.Offset+q.Limit <= window {
		first := f.windows[userOrder{q.SortBy, q.Descending}]
		page, err := all(ctx, s, first, userFields, q.Tenant, int64(window), needle, q.In, int64(q.Limit), int64(q.Offset))
		if err != nil {
			return nil, 0, err
		}
		if len(page) == q.Limit {
			n, err := count()
			return page, n, err
		}
	}
	fields := func(h *hit) []any { return append(userFields(&h.user), &h.count) }
	found, err := all(ctx, s, f.hits[q.Descending], fields, q.Tenant, needle, q.In, q.SortBy, int64(q.Limit), int64(q.Offset))
	if err != nil {
		return nil, 0, err
	}
	switch {
	case len(found) == 0 && q.Offset == 0:
		return nil, 0, nil
	case len(found) == 0:
		n, err := count() // the page may lie behind the end
		return nil, n, err
	}
	page := make([]store.User, len(found))
	for i := range found {
		page[i] = found[i].user
	}
	return page, min(int(found[0].count), q.Count), nil
}
