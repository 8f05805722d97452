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

// Prefix starts the names of all tables and indexes, "admit_" by default:
// lower-case letters, digits and underscores, no digit first, at most 31. The
// tables stand in the first schema of the connection's search_path.
func Prefix(prefix string) Option {
	return func(o *sqlstore.Options) { o.Prefix = prefix }
}

// Timeout bounds every verb and every transaction whose context has no earlier
// deadline, with all its waiting and retrying; 4 s by default.
func Timeout(d time.Duration) Option {
	return func(o *sqlstore.Options) { o.Timeout = d }
}

// New returns a store over db, which remains the host's to close. It asks
// nothing of the database. With a setting that cannot work every verb fails and
// says so.
func New(db *sql.DB, options ...Option) *Store {
	var o sqlstore.Options
	for _, option := range options {
		option(&o)
	}
	engine := sqlstore.New(db, sqlstore.Postgres, o)
	return &Store{Store: engine, engine: engine}
}

// Problem answers why no verb of the store can work: a nil *sql.DB, or a setting
// that cannot be. It asks nothing of the database, and is nil when all is well.
func (s *Store) Problem() error { return s.engine.Problem() }

// Migrate brings the schema up to what this program knows. Any number of
// processes may do so at once. A newer schema is left alone with
// store.ErrNewerSchema. Only ctx bounds it.
func (s *Store) Migrate(ctx context.Context) error { return s.engine.Migrate(ctx) }

// Pending names the migrations that Migrate would apply, in order.
func (s *Store) Pending(ctx context.Context) ([]string, error) { return s.engine.Pending(ctx) }

// Migrations are the schema's steps as files of SQL, to be read or to be
// applied by another tool.
func (s *Store) Migrations() fs.FS { return s.engine.Migrations() }

// Check returns what an operator should mend: a schema that is behind or ahead,
// missing indexes, commits that a crash could take back, clocks that are apart,
// a pool that keeps too few connections. It changes nothing.
func (s *Store) Check(ctx context.Context) ([]store.Finding, error) { return s.engine.Check(ctx) }
