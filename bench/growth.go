package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// growth compares a server that has a thousand accounts with one that has a
// million: the same calls, in turns, by accounts from all over the tables.
func growth(l *lab) error {
	for _, kind := range l.kinds() {
		if kind == "memory" {
			continue
		}
		if err := l.growthOf(kind); err != nil {
			return err
		}
	}
	return nil
}

func (l *lab) growthOf(kind string) error {
	var servers [2]*process
	var sizes = [2]int{1000, l.accounts}
	for i, accounts := range sizes {
		at, err := l.place(kind)
		if err != nil {
			return err
		}
		defer at.remove()
		began := time.Now()
		if err := l.populate(at, accounts); err != nil {
			return fmt.Errorf("fill %s with %d accounts: %w", kind, accounts, err)
		}
		fmt.Fprintf(os.Stderr, "%s has %d accounts after %.0f s\n", kind, accounts, time.Since(began).Seconds())
		if servers[i], err = l.serve(at, "-insecure-fast-hash"); err != nil {
			return err
		}
		defer servers[i].stop()
	}
	// The accounts that call: as many of each size, from all over the table.
	const callers = 240
	var signed [2][callers]tokens
	number := func(size, caller int) int { return caller*(sizes[size]/callers) + 1 }
	for size, p := range servers {
		for c := range callers {
			var err error
			if signed[size][c], err = p.signIn(number(size, c)); err != nil {
				return err
			}
		}
		if err := p.settle(l.ctx); err != nil {
			return err
		}
	}
	for _, flow := range []struct {
		name  string
		calls int
		call  func(size, caller int) error
	}{
		{"me", l.calls / 8, func(size, caller int) error {
			_, err := servers[size].me(signed[size][caller].AccessToken)
			return err
		}},
		{"refresh", l.calls / 16, func(size, caller int) error { return servers[size].refresh(&signed[size][caller]) }},
		{"sign-in without its hash", l.calls / 16, func(size, caller int) error {
			_, err := servers[size].signIn(number(size, caller))
			return err
		}},
	} {
		// Each client goes round its own callers.
		var next [2][clients]int
		on := func(size int) func() (cost, error) {
			return func() (cost, error) {
				return servers[size].spent(l.ctx, flow.calls, func(client int) error {
					next[size][client]++
					return flow.call(size, client+next[size][client]%(callers/clients)*clients)
				})
			}
		}
		err := l.pair(on(0), on(1), func(small, large []cost) {
			ratios := make([]float64, len(small))
			for i := range small {
				ratios[i] = float64(large[i].all) / float64(small[i].all)
			}
			what := flow.name + ", " + kind
			row(fmt.Sprintf("%s, %d accounts over %d", what, sizes[1], sizes[0]), ratios, "×")
			rows(fmt.Sprintf("%s, %d accounts", what, sizes[0]), small)
			rows(fmt.Sprintf("%s, %d accounts", what, sizes[1]), large)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// populate fills a place with so many accounts, all with the password, one
// session, one known device and one event: what the first of them, who signed
// up, has in the tables is copied under other ids.
func (l *lab) populate(at *place, accounts int) error {
	err := l.once(at, func(p *process) error {
		_, err := p.signUp(0)
		return err
	}, "-insecure-fast-hash")
	if err != nil {
		return err
	}
	db, err := at.open()
	if err != nil {
		return err
	}
	defer db.Close()
	ctx := l.ctx
	if at.kind == "sqlite" {
		// Nobody needs what is filled in to survive a power cut.
		db.SetMaxOpenConns(1)
		if _, err := db.ExecContext(ctx, "PRAGMA synchronous=OFF; PRAGMA cache_size=-200000"); err != nil {
			return err
		}
	}
	for _, table := range []string{"users", "addresses", "passwords", "sessions", "tokens", "events"} {
		copied, err := copying(ctx, db, at.kind, "admit_"+table)
		if err != nil {
			return err
		}
		// In parts, so that no transaction grows beyond reason.
		const part = 50_000
		for from := 1; from < accounts; from += part {
			if _, err := db.ExecContext(ctx, copied, from, min(from+part, accounts)-1); err != nil {
				return fmt.Errorf("%s: %w", table, err)
			}
		}
	}
	if at.kind == "postgres" {
		// It would do so by itself before long.
		_, err = db.ExecContext(ctx, "VACUUM ANALYZE")
	}
	return err
}

// copying is the statement that copies one row of a table under the numbers from
// the first argument to the second. Columns are told by their names.
func copying(ctx context.Context, db *sql.DB, kind, table string) (string, error) {
	rows, err := db.QueryContext(ctx, "SELECT * FROM "+table+" WHERE 1 = 0") //nolint:gosec,unqueryvet // a table of this program, all columns of it
	if err != nil {
		return "", err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err := errors.Join(err, rows.Err()); err != nil {
		return "", err
	}
	numbers := `(WITH RECURSIVE n(i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2) SELECT i FROM n) AS n`
	hex, bytes := `printf('%012x', i)`, `CAST(printf('%032x', i) AS BLOB)`
	if kind == "postgres" {
		numbers = `generate_series(CAST($1 AS BIGINT), CAST($2 AS BIGINT)) AS n(i)`
		hex, bytes = `lpad(to_hex(i), 12, '0')`, `sha256(convert_to(i || 'x', 'UTF8'))`
	}
	columns := slices.Clone(names)
	for i, name := range columns {
		switch name {
		case "id", "user_id", "subject_id", "actor_id":
			columns[i] = "'0194f000-0000-7000-8000-' || " + hex
		case "email", "email_key":
			columns[i] = "CASE WHEN " + name + " = '' THEN '' ELSE 'user' || i || '@example.test' END"
		case "hash", "secret_hash":
			if table != "admit_passwords" {
				columns[i] = bytes
			}
		}
	}
	template := "(SELECT * FROM " + table //nolint:unqueryvet // all columns are copied
	if table == "admit_tokens" {
		template += " WHERE kind = 'device'"
	}
	return "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT " + strings.Join(columns, ", ") +
		" FROM " + template + " LIMIT 1) AS template CROSS JOIN " + numbers, nil
}
