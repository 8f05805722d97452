package sqlstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

type counterStatements struct{ hit, full, unhit, remove *query }

func newCounterStatements(c *catalogue) counterStatements {
	// want is the counters asked for, which $2 holds as a JSON array.
	want := `WITH want AS (` + c.pick(`
		SELECT value ->> 0 AS position, value ->> 1 AS tenant, value ->> 2 AS key, value ->> 3 AS most, value ->> 4 AS span
		FROM json_each($2)`, `
		SELECT CAST(e ->> 0 AS BIGINT) AS position, (e ->> 1) COLLATE "C" AS tenant, (e ->> 2) COLLATE "C" AS key,
			CAST(e ->> 3 AS BIGINT) AS most, CAST(e ->> 4 AS BIGINT) AS span
		FROM jsonb_array_elements(CAST($2 AS JSONB)) AS e`) + `) `
	const full = `FROM want w LEFT JOIN admit_counters c ON c.tenant = w.tenant AND c.key = w.key
		WHERE w.most < 1 OR (c.reset_at > $1 AND c.hits >= w.most)`
	// chosen are the counters of the tenant $1 with the keys in $2. PostgreSQL
	// locks them in the order in which hit takes them; SQLite has one writer.
	chosen := `tenant = $1 AND ` + c.among("key", "$2")
	if c.dialect == Postgres {
		chosen = `tenant = $1 AND key = ANY (ARRAY(SELECT key FROM admit_counters WHERE ` + chosen + ` ORDER BY key FOR UPDATE))`
	}
	return counterStatements{
		// Where others raise the same counters meanwhile, PostgreSQL may raise
		// some and find others full; fewer rows than counters are changed then.
		hit: c.soft("hit counters", want+`
			INSERT INTO admit_counters AS c (tenant, key, hits, most, reset_at)
			SELECT tenant, key, 1, most, $1 + span FROM want WHERE NOT EXISTS (SELECT 1 `+full+`) ORDER BY tenant, key
			ON CONFLICT (tenant, key) DO UPDATE SET most = excluded.most,
				hits = CASE WHEN c.reset_at > $1 THEN c.hits + 1 ELSE 1 END,
				reset_at = CASE WHEN c.reset_at > $1 THEN c.reset_at ELSE excluded.reset_at END
			WHERE c.reset_at <= $1 OR c.hits < excluded.most`),
		full: c.read("find full counter", want+`
			SELECT w.position, CASE WHEN c.reset_at > $1 THEN c.reset_at ELSE $1 + w.span END `+full+` ORDER BY w.position LIMIT 1`),
		unhit:  c.soft("unhit counters", `UPDATE admit_counters SET hits = hits - 1 WHERE hits > 0 AND `+chosen),
		remove: c.soft("clear counters", `DELETE FROM admit_counters WHERE `+chosen),
	}
}

// errPartly undoes a hit that raised some counters and not others.
var errPartly = errors.New("not every counter had room")

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
	// A counter that was full when it was to be raised may have been cleared
	// since. Then there is room again, unless somebody else takes it.
	for range 10 {
		ok, err := s.hit(ctx, now, argument, len(counters))
		if err != nil || ok {
			return store.Counted{OK: ok}, err
		}
		var position int64
		var resetAt moment
		err = s.one(ctx, s.q.counters.full, []any{&position, &resetAt}, micros(now), argument)
		if err == nil {
			return store.Counted{Full: int(position), ResetAt: time.Time(resetAt)}, nil
		}
		if ignoreNotFound(err) != nil {
			return store.Counted{}, err
		}
	}
	return store.Counted{}, fmt.Errorf("%s: hit counters: they change faster than they can be read", s.dialect)
}

// countersArgument is the counters as the statements take them, in the order in
// which their rows are locked.
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

// hit raises n counters or none.
func (s *Store) hit(ctx context.Context, now time.Time, argument string, n int) (bool, error) {
	if n == 1 || s.dialect == SQLite {
		return s.done(ctx, s.q.counters.hit, micros(now), argument)
	}
	err := s.atomically(ctx, func(ctx context.Context, t *Store) error {
		raised, err := t.exec(ctx, t.q.counters.hit, micros(now), argument)
		if err == nil && raised < int64(n) {
			return errPartly
		}
		return err
	})
	if errors.Is(err, errPartly) {
		return false, nil
	}
	return err == nil, err
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
