package sqlstore

import (
	"context"
	"fmt"
	"slices"

	"github.com/admit-go/admit/store"
)

// This file searches the accounts that have a record with a ref, such as the accounts
// whose profile is public. The order of creation is that of the refs, so a page ends
// early. A page by name begins with a bounded walk over the accounts by name, which
// ends early where many accounts have the record. Where few have it, or few of them
// have the text, all accounts with the record are read.

type listedStatements struct {
	// walks are pages in the order of creation, windows the first accounts by name,
	// and sorted all accounts by name. Each has a descending form.
	walks, windows, sorted map[bool]*query
	count                  *query
}

// newListedStatements takes the condition that the name contains the argument $4.
// The arguments are the tenant, the ref, the kind, the text and the time.
func newListedStatements(c *catalogue, named string) listedStatements {
	f := listedStatements{walks: map[bool]*query{}, windows: map[bool]*query{}, sorted: map[bool]*query{}}
	columns := qualified("u", userColumns)
	matches := `u.deleted_at = 0 AND (u.banned_at = 0 OR (u.ban_expires_at > 0 AND u.ban_expires_at <= $5))
				AND (CAST($4 AS TEXT) = '' OR ` + named + `)`
	// CROSS JOIN makes SQLite begin with the refs.
	from := c.pick(
		` FROM admit_record_refs r CROSS JOIN admit_users u WHERE r.tenant = $1 AND r.ref = $2 AND r.kind = $3 AND u.tenant = $1 AND u.id = r.id AND `,
		` FROM admit_record_refs r JOIN admit_users u ON u.tenant = $1 AND u.id = r.id WHERE r.tenant = $1 AND r.ref = $2 AND r.kind = $3 AND `) + matches
	for _, descending := range []bool{false, true} {
		turn, name := "", ""
		if descending {
			turn, name = " DESC", " descending"
		}
		keys := "lower(u.name)" + turn + ", u.id" + turn
		f.walks[descending] = c.read("list users with record"+name, `SELECT `+columns+from+` ORDER BY r.id`+turn+` LIMIT $6 OFFSET $7`)
		f.sorted[descending] = c.read("sort users with record"+name, `SELECT `+columns+from+` ORDER BY `+keys+` LIMIT $6 OFFSET $7`)
		f.windows[descending] = c.read("search users with record"+name, `
			SELECT `+columns+` FROM (SELECT `+userColumns+` FROM admit_users`+c.by("admit_users_name")+`
				WHERE tenant = $1 AND deleted_at = 0 ORDER BY lower(name)`+turn+`, id`+turn+` LIMIT $8) u
			WHERE EXISTS (SELECT 1 FROM admit_record_refs r WHERE r.tenant = $1 AND r.ref = $2 AND r.kind = $3 AND r.id = u.id) AND `+matches+`
			ORDER BY `+keys+` LIMIT $6 OFFSET $7`)
	}
	f.count = c.read("count users with record", `SELECT count(*) FROM (SELECT 1`+from+` LIMIT $6) n`)
	return f
}

// findListed is FindUsers for a search with a RecordRef.
func (s *Store) findListed(ctx context.Context, q store.UserSearch, needle string) ([]store.User, int, error) {
	if q.In != "name" || q.SortBy != store.SortCreated && q.SortBy != store.SortName {
		return nil, 0, fmt.Errorf("%s: accounts with a record have no search in %q by %q", s.dialect, q.In, q.SortBy)
	}
	f := s.q.users.find.listed
	selected := []any{q.Tenant, q.RecordRef, q.RecordKind, needle, micros(q.UnbannedAt)}
	page := func(at *query, more ...any) ([]store.User, error) {
		return all(ctx, s, at, userFields, append(append(slices.Clip(selected), int64(q.Limit), int64(q.Offset)), more...)...)
	}
	var found []store.User
	var err error
	if q.SortBy == store.SortCreated {
		found, err = page(f.walks[q.Descending])
	} else {
		if q.Offset+q.Limit <= window {
			found, err = page(f.windows[q.Descending], int64(window))
		}
		if err == nil && len(found) < q.Limit {
			found, err = page(f.sorted[q.Descending])
		}
	}
	if err != nil || q.Count <= 0 {
		return found, 0, err
	}
	var n int64
	err = s.one(ctx, f.count, []any{&n}, append(slices.Clip(selected), int64(q.Count))...)
	return found, int(n), err
}
