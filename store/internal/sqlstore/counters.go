package sqlstore

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

type counterStatements struct {
	// hit and full are for SQLite, hitOrFull is for PostgreSQL.
	hit, full, hitOrFull, unhit, remove *query
}

func newCounterStatements(c *catalogue) (q counterStatements) {
	// want are the requested counters. $2 has them as a JSON array.
	want := `WITH want AS (` + c.pick(`
		SELECT value ->> 0 AS position, value ->> 1 AS tenant, value ->> 2 AS key, value ->> 3 AS most, value ->> 4 AS span
		FROM json_each($2)`, `
		SELECT CAST(e ->> 0 AS BIGINT) AS position, (e ->> 1) COLLATE "C" AS tenant, (e ->> 2) COLLATE "C" AS key,
			CAST(e ->> 3 AS BIGINT) AS most, CAST(e ->> 4 AS BIGINT) AS span
		FROM jsonb_array_elements(CAST($2 AS JSONB)) AS e`) + `)`
	const (
		full  = ` WHERE w.most < 1 OR (c.reset_at > $1 AND c.hits >= w.most)`
		reset = `SELECT w.position AS position, CASE WHEN c.reset_at > $1 THEN c.reset_at ELSE $1 + w.span END AS reset_at`
		raise = `INSERT INTO admit_counters AS c (tenant, key, hits, most, reset_at) SELECT tenant, key, 1, most, $1 + span FROM want`
		again = ` ON CONFLICT (tenant, key) DO UPDATE SET most = excluded.most,
				hits = CASE WHEN c.reset_at > $1 THEN c.hits + 1 ELSE 1 END,
				reset_at = CASE WHEN c.reset_at > $1 THEN c.reset_at ELSE excluded.reset_at END`
	)
	// chosen are the counters of the tenant $1 with the keys in $2. PostgreSQL
	// locks them in the order in which hit takes them; SQLite has one writer.
	chosen := `tenant = $1 AND ` + c.among("key", "$2")
	if c.dialect == Postgres {
		chosen = `tenant = $1 AND key = ANY (ARRAY(SELECT key FROM admit_counters WHERE ` + chosen + ` ORDER BY key FOR UPDATE))`
		// Reading locks nothing. Only the INSERT locks rows, in the order of
		// their keys, so that no two transactions deadlock. A counter may be
		// full when it is raised. Then a division by zero undoes the statement,
		// and it runs again.
		q.hitOrFull = c.soft("hit counters", want+`,
			held AS (SELECT c.tenant, c.key, c.hits, c.reset_at FROM admit_counters c JOIN want ON c.tenant = want.tenant AND c.key = want.key),
			refused AS (`+reset+` FROM want w LEFT JOIN held c ON c.tenant = w.tenant AND c.key = w.key`+full+`),
			raised AS (`+raise+` WHERE NOT EXISTS (SELECT 1 FROM refused) ORDER BY tenant, key`+again+`
				/ CASE WHEN c.reset_at > $1 AND c.hits >= excluded.most THEN c.hits - c.hits ELSE 1 END RETURNING 1)
			SELECT position, reset_at FROM (SELECT count(*) FROM raised) AS r LEFT JOIN refused ON TRUE ORDER BY position LIMIT 1`)
	} else {
		from := ` FROM want w LEFT JOIN admit_counters c ON c.tenant = w.tenant AND c.key = w.key` + full
		q.hit = c.soft("hit counters", want+` `+raise+` WHERE NOT EXISTS (SELECT 1`+from+`) ORDER BY tenant, key`+again)
		q.full = c.read("find full counter", want+` `+reset+from+` ORDER BY w.position LIMIT 1`)
	}
	q.unhit = c.soft("unhit counters", `UPDATE admit_counters SET hits = hits - 1 WHERE hits > 0 AND `+chosen)
	q.remove = c.soft("clear counters", `DELETE FROM admit_counters WHERE `+chosen)
	return q
}

// Hit implements store.Counters.
func (s *Store) Hit(ctx context.Context, now time.Time, counters ...store.Counter) (store.Counted, error) {
	if err := text.Counters(counters...); err != nil {
		return store.Counted{}, err
	}
	if len(counters) == 0 {
		return store.Counted{OK: true}, nil
	}
	argument, err := s.countersArgument(counters)
	if err != nil {
		return store.Counted{}, err
	}
	hit := s.hitSQLite
	if s.dialect == Postgres {
		hit = s.hitPostgres
	}
	// A full counter may have been cleared meanwhile, and a missing counter may
	// have been made.
	for range 10 {
		counted, again, err := hit(ctx, now, argument)
		if err != nil || !again {
			return counted, err
		}
	}
	return store.Counted{}, fmt.Errorf("%s: hit counters: they change faster than they can be read", s.dialect)
}

// hitSQLite raises all counters or none in one statement, and reads the full
// one in another statement. It returns again if none is full by then.
func (s *Store) hitSQLite(ctx context.Context, now time.Time, argument string) (counted store.Counted, again bool, err error) {
	ok, err := s.done(ctx, s.q.counters.hit, micros(now), argument)
	if err != nil || ok {
		return store.Counted{OK: ok}, false, err
	}
	var position int64
	var resetAt moment
	err = s.one(ctx, s.q.counters.full, []any{&position, &resetAt}, micros(now), argument)
	if errors.Is(err, store.ErrNotFound) {
		return store.Counted{}, true, nil
	}
	if err != nil {
		return store.Counted{}, false, err
	}
	return store.Counted{Full: int(position), ResetAt: time.Time(resetAt)}, false, nil
}

// hitPostgres raises all counters or none, and reads the full one, in one
// statement. It returns again if the statement undid itself. A savepoint
// protects a surrounding transaction from this.
func (s *Store) hitPostgres(ctx context.Context, now time.Time, argument string) (counted store.Counted, again bool, err error) {
	hit := func(ctx context.Context, t *Store) error {
		var position sql.NullInt64
		var resetAt sql.NullInt64
		if err := t.one(ctx, t.q.counters.hitOrFull, []any{&position, &resetAt}, micros(now), argument); err != nil {
			return err
		}
		counted = store.Counted{OK: !position.Valid, Full: int(position.Int64)}
		if position.Valid {
			counted.ResetAt = time.UnixMicro(resetAt.Int64).UTC()
		}
		return nil
	}
	if s.scope == nil {
		err = hit(ctx, s)
	} else {
		err = s.join(ctx, hit)
	}
	if sqlState(err) == divisionByZero {
		return store.Counted{}, true, nil
	}
	return counted, false, err
}

// countersArgument returns the counters as the argument of a statement, in the
// order in which their rows are locked.
func (s *Store) countersArgument(counters []store.Counter) (string, error) {
	rows := make([][5]any, len(counters))
	for i, c := range counters {
		rows[i] = [5]any{i, c.Tenant, c.Key, c.Limit, c.Window.Microseconds()}
	}
	order := func(a, b [5]any) int {
		return cmp.Or(cmp.Compare(a[1].(string), b[1].(string)), cmp.Compare(a[2].(string), b[2].(string)))
	}
	slices.SortFunc(rows, order)
	for i := range rows[1:] {
		if order(rows[i], rows[i+1]) == 0 {
			return "", fmt.Errorf("%s: hit counters: a key stands in the call twice", s.dialect)
		}
	}
	return jsonText(rows)
}

// Unhit implements store.Counters.
func (s *Store) Unhit(ctx context.Context, tenant string, keys ...string) error {
	return s.changeCounters(ctx, s.q.counters.unhit, tenant, keys)
}

// ClearCounters implements store.Counters.
func (s *Store) ClearCounters(ctx context.Context, tenant string, keys ...string) error {
	return s.changeCounters(ctx, s.q.counters.remove, tenant, keys)
}

func (s *Store) changeCounters(ctx context.Context, q *query, tenant string, keys []string) error {
	if err := text.Key(tenant); err != nil {
		return err
	}
	if err := text.Key(keys...); err != nil || len(keys) == 0 {
		return err
	}
	argument, err := jsonText(keys)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, q, tenant, argument)
	return err
}
