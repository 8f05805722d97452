//go:build !race || everystore

package harness

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	_ "modernc.org/sqlite"             // the SQLite driver

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

// kinds are the stores that every test of [Each] runs on.
var kinds = []kind{memoryKind, {"sqlite", inSQLite}, {"postgres", inPostgres}}

func inSQLite(t testing.TB) place {
	file := filepath.Join(t.TempDir(), "admit.db")
	open := func(t testing.TB) store.Store {
		db, err := sqlite.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		closeAtEnd(t, db)
		s := sqlite.New(db, sqlite.Timeout(Patience))
		migrate(t, s.Migrate)
		return s
	}
	dump := func(t testing.TB) string {
		db, err := sqlite.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return dump(t, db, "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'admit%'")
	}
	return place{open, dump}
}

func inPostgres(t testing.TB) place {
	url := pgtest.Migrated(t)
	t.Cleanup(func() { pgtest.CheckDeadlocks(t, url) })
	open := func(t testing.TB) store.Store {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(4)
		db.SetMaxIdleConns(4)
		closeAtEnd(t, db)
		s := postgres.New(db, postgres.Timeout(Patience))
		migrate(t, s.Migrate)
		return s
	}
	dump := func(t testing.TB) string {
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		return dump(t, db, "SELECT tablename FROM pg_tables WHERE schemaname = current_schema() AND tablename LIKE 'admit%'")
	}
	return place{open, dump}
}

// dump returns every value of every table as text.
func dump(t testing.TB, db *sql.DB, tables string) string {
	t.Helper()
	var text strings.Builder
	for _, table := range values(t, db, tables) {
		for _, value := range values(t, db, fmt.Sprintf("SELECT * FROM %s", table)) {
			fmt.Fprintf(&text, "%s\n", value)
		}
	}
	if text.Len() == 0 {
		t.Error("the database is empty")
	}
	return text.String()
}

// values returns the values of all rows, one after the other.
func values(t testing.TB, db *sql.DB, query string) (all []any) {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		row, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		all = append(all, row...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func closeAtEnd(t testing.TB, db *sql.DB) {
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
}

func migrate(t testing.TB, migrate func(context.Context) error) {
	t.Helper()
	if err := migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
}
