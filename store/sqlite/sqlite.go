// Package sqlite keeps Admit's records in an SQLite file, through the driver
// that the host imports: modernc.org/sqlite or github.com/mattn/go-sqlite3.
//
//	import _ "modernc.org/sqlite"
//
//	db, err := sqlite.Open("app.db")
//	s := sqlite.New(db)
//	err = s.Migrate(ctx)
//
// Any number of processes on one machine may share the file. Readers and the
// writer do not wait for each other; writers take turns. A file on a network
// file system is not safe.
package sqlite

import (
	"context"
	"database/sql"
	"io/fs"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// Store is a store.Store in an SQLite file. New makes one.
type Store struct {
	store.Store
	engine *sqlstore.Store
}

// Option is a setting of New.
type Option func(*sqlstore.Options)

// Prefix starts the names of all tables and indexes, "admit_" by default:
// lower-case letters, digits and underscores, no digit first, at most 31.
func Prefix(prefix string) Option {
	return func(o *sqlstore.Options) { o.Prefix = prefix }
}

// Timeout bounds every verb and every transaction whose context has no earlier
// deadline, with all its waiting and retrying; 4 s by default.
func Timeout(d time.Duration) Option {
	return func(o *sqlstore.Options) { o.Timeout = d }
}

// New returns a store over db, which remains the host's to close. It neither
// opens nor creates anything. With a setting that cannot work every verb fails
// and says so.
func New(db *sql.DB, options ...Option) *Store {
	var o sqlstore.Options
	for _, option := range options {
		option(&o)
	}
	engine := sqlstore.New(db, sqlstore.SQLite, o)
	return &Store{Store: engine, engine: engine}
}

// Problem answers why no verb of the store can work: a nil *sql.DB, or a setting
// that cannot be. It asks nothing of the database, and is nil when all is well.
func (s *Store) Problem() error { return s.engine.Problem() }

// Migrate brings the schema up to what this program knows, and switches the
// file to write-ahead logging. Any number of processes may do so at once. A
// newer schema is left alone with store.ErrNewerSchema. Only ctx bounds it.
func (s *Store) Migrate(ctx context.Context) error { return s.engine.Migrate(ctx) }

// Pending names the migrations that Migrate would apply, in order.
func (s *Store) Pending(ctx context.Context) ([]string, error) { return s.engine.Pending(ctx) }

// Migrations are the schema's steps as files of SQL, to be read or to be
// applied by another tool.
func (s *Store) Migrations() fs.FS { return s.engine.Migrations() }

// Check returns what an operator should mend: a schema that is behind or ahead,
// missing indexes, synchronous below FULL, no write-ahead log, a pool that
// keeps too few connections. It changes nothing.
func (s *Store) Check(ctx context.Context) ([]store.Finding, error) { return s.engine.Check(ctx) }
