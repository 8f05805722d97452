package drivertest

import (
	"context"
	"database/sql"
	"io/fs"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/internal/sqlstore"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

// migrated is a store that knows its schema, as both databases' do.
type migrated interface {
	store.Store
	Migrate(context.Context) error
	Pending(context.Context) ([]string, error)
	Migrations() fs.FS
	Check(context.Context) ([]store.Finding, error)
}

// database is one driver with one size of pool.
type database struct {
	name    string
	driver  string
	dialect sqlstore.Dialect
	conns   int
	// durable makes commits wait for the disk, which no test can tell and all
	// would wait for. Benchmarks do.
	durable bool
}

// many is the size of a pool in which the connections of a race meet.
const many = 16

// databases are all that the tests run on. Those that need cgo are added where
// there is one. The race detector, which needs cgo, watches one driver of each
// database, with many connections: what is ours is the same with the others, and
// SQLite translated from C takes five times as long under it.
func databases() []database {
	pgx := database{name: "pgx", driver: "pgx", dialect: sqlstore.Postgres, conns: many}
	if raced {
		return append(cgoDatabases()[:1], pgx)
	}
	return append(cgoDatabases(),
		database{name: "modernc", driver: "sqlite", dialect: sqlstore.SQLite, conns: many},
		database{name: "modernc one connection", driver: "sqlite", dialect: sqlstore.SQLite, conns: 1},
		pgx,
		database{name: "pgx one connection", driver: "pgx", dialect: sqlstore.Postgres, conns: 1},
		database{name: "pq", driver: "postgres", dialect: sqlstore.Postgres, conns: many},
	)
}

// eachDatabase runs a test on all databases.
func eachDatabase(t *testing.T, run func(t *testing.T, d database)) {
	for _, d := range databases() {
		t.Run(d.name, func(t *testing.T) { run(t, d) })
	}
}

// source makes an empty database, or schema, and returns what the driver calls
// it.
func (d database) source(t testing.TB) string {
	t.Helper()
	if d.dialect == sqlstore.SQLite {
		return filepath.Join(t.TempDir(), "admit.db")
	}
	return pgtest.Schema(t)
}

// connect opens a pool of the right size, for this driver even where another
// one for the same database is linked too.
func (d database) connect(t testing.TB, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(d.driver, d.sourceName(source))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	db.SetMaxOpenConns(d.conns)
	db.SetMaxIdleConns(d.conns)
	return db
}

// sourceName is what the driver calls a source.
func (d database) sourceName(source string) string {
	switch {
	case d.dialect == sqlstore.SQLite:
		return dataSource(d.driver, source, d.durable)
	case d.durable:
		return source
	default:
		return source + "&synchronous_commit=off"
	}
}

// dataSource names a file as sqlite.Open does, or as a test may.
func dataSource(driver, path string, durable bool) string {
	settings := url.Values{"_txlock": {"immediate"}}
	synchronous := "OFF"
	if durable {
		synchronous = "FULL"
	}
	if driver == "sqlite" {
		settings["_pragma"] = []string{"busy_timeout(500)", "synchronous(" + synchronous + ")"}
	} else {
		settings.Set("_busy_timeout", "500")
		settings.Set("_synchronous", synchronous)
	}
	return "file:" + path + "?" + settings.Encode()
}

// patience is the time limit of verbs in tests that are not about it: a machine may
// be busy with others.
const patience = 30 * time.Second

// store makes the public store of the database's dialect.
func (d database) store(db *sql.DB) migrated {
	if d.dialect == sqlstore.Postgres {
		return postgres.New(db, postgres.Timeout(patience))
	}
	return sqlite.New(db, sqlite.Timeout(patience))
}

// open makes an empty, migrated store.
func (d database) open(t testing.TB) migrated {
	t.Helper()
	if d.dialect == sqlstore.Postgres {
		return d.store(d.connect(t, pgtest.Migrated(t)))
	}
	s, _ := d.openDB(t)
	return s
}

func (d database) openDB(t testing.TB) (migrated, *sql.DB) {
	t.Helper()
	db := d.connect(t, d.source(t))
	s := d.store(db)
	if err := s.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s, db
}

// short is the name without spaces, for names of files and tables.
func (d database) short() string { return strings.ReplaceAll(d.name, " ", "-") }
