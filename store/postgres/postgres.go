// Package postgres keeps Admit's records in PostgreSQL, through any driver for
// database/sql that the host imports: pgx's stdlib adapter or lib/pq.
//
//	import _ "github.com/jackc/pgx/v5/stdlib"
//
//	db, err := sql.Open("pgx", "postgres://…")
//	db.SetMaxOpenConns(16)
//	db.SetMaxIdleConns(16)
//	s := postgres.New(db)
//	err = s.Migrate(ctx)
//
// Give SetMaxIdleConns the same number as SetMaxOpenConns: the default of two
// makes a busy program connect anew all the time.
package postgres

import (
	"context"
	"database/sql"
	"io/fs"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// Store is a store.Store in PostgreSQL. New makes one.
type Store struct {
	store.Store
	engine *sqlstore.Store
}

// Option is a setting of New.
type Option func(*sqlstore.Options)

// Prefix is the start of the names of all tables and indexes. Default:
// "admit_". It has at most 31 lower-case letters, digits and underscores, and
// does not start with a digit. The tables are in the first schema of the
// connection's search_path.
func Prefix(prefix string) Option {
	return func(o *sqlstore.Options) { o.Prefix = prefix }
}

// Timeout bounds every verb and every transaction whose context has no earlier
// deadline, with all waiting and retrying. Default: 4 s.
func Timeout(d time.Duration) Option {
	return func(o *sqlstore.Options) { o.Timeout = d }
}

// New returns a store over db. The host closes db. New does not use the
// database. If a setting cannot work, every verb fails and says so.
func New(db *sql.DB, options ...Option) *Store {
	var o sqlstore.Options
	for _, option := range options {
		option(&o)
	}
	engine := sqlstore.New(db, sqlstore.Postgres, o)
	return &Store{Store: engine, engine: engine}
}

// Problem returns the reason why no verb of the store can work: a nil *sql.DB,
// or a setting that cannot work. It returns nil if there is none. It does not
// use the database.
func (s *Store) Problem() error { return s.engine.Problem() }

// Migrate brings the schema up to date. Many processes may call it at once. If
// the schema is newer than the program, Migrate changes nothing and returns
// store.ErrNewerSchema. Only ctx bounds its time.
func (s *Store) Migrate(ctx context.Context) error { return s.engine.Migrate(ctx) }

// Pending names the migrations that Migrate would apply, in order.
func (s *Store) Pending(ctx context.Context) ([]string, error) { return s.engine.Pending(ctx) }

// Migrations returns the steps of the schema as SQL files, for reading, or for
// another tool.
func (s *Store) Migrations() fs.FS { return s.engine.Migrations() }

// Check returns what an operator should repair: an old or newer schema, missing
// indexes, settings under which a crash could undo commits, clocks that differ,
// a pool that keeps too few connections. It changes nothing.
func (s *Store) Check(ctx context.Context) ([]store.Finding, error) { return s.engine.Check(ctx) }
