// Package sqlstore is the engine of store/sqlite and store/postgres: one
// store.Store over the host's *sql.DB, in two dialects. It uses only
// database/sql, so that the library requires no driver.
//
// A verb that decides and writes is one conditional statement. A verb on
// several tables is a transaction of such statements, always in the same order.
package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"sync"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/store"
)

// DefaultTimeout is the limit of a verb or a transaction, with its waits and
// retries, if its context has no earlier deadline.
const DefaultTimeout = 4 * time.Second

// Options are the settings of a Store. The zero value is ready for use.
type Options struct {
	// Prefix is the start of the names of tables and indexes: at most 31
	// lower-case letters, digits and underscores, and no digit first. Default:
	// DefaultPrefix.
	Prefix string
	// Timeout is the limit of each verb and each transaction. Default:
	// DefaultTimeout.
	Timeout time.Duration
	// Steps replaces the migrations of the schema in tests of migrating.
	Steps fs.FS
}

// Store is a store.Store over a *sql.DB.
type Store struct {
	*core
	// scope is the transaction in which the verbs run. Nil on the store itself, on
	// which each verb runs alone.
	scope *scope
}

var _ store.Store = (*Store)(nil)

// core is what a Store shares with the stores of its transactions.
type core struct {
	db      *sql.DB
	dialect Dialect
	prefix  string
	timeout time.Duration
	steps   fs.FS
	q       statements
	list    []*query
	// joined are the statements that contain several statements of the list, by
	// the names of the contained statements.
	joined sync.Map
	// wanted is set if a statement should be prepared.
	wanted atomic.Bool
	// writer holds one element while this process writes to SQLite, which has one
	// writer at a time. Writers that wait here are served in turn. Otherwise they
	// would poll a locked database. Nil on PostgreSQL.
	writer chan struct{}
	// queued counts the writers that wait for their first turn.
	queued atomic.Int32
	// open is the group that the next writer joins, or nil. Only the writer that
	// has the turn may use it.
	open *group
	// log is set if the SQLite file is known to have a write-ahead log.
	log atomic.Bool
	// found is set if the tables were found in the right schema of PostgreSQL.
	found atomic.Bool
	// second holds one element while a transaction that lost a deadlock on
	// PostgreSQL runs again. Several at once could deadlock again, and PostgreSQL
	// needs a second to notice each deadlock.
	second chan struct{}
	// problem is the error of the settings. If it is not nil, every verb returns
	// it.
	problem error
}

var prefixes = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,30}$`)

// New returns a store over db. It does not use the database. If an argument is
// wrong, every verb returns the error.
func New(db *sql.DB, d Dialect, o Options) *Store {
	c := &core{db: db, dialect: d, prefix: o.Prefix, timeout: o.Timeout, steps: o.Steps, second: make(chan struct{}, 1)}
	if c.prefix == "" {
		c.prefix = DefaultPrefix
	}
	if c.timeout == 0 {
		c.timeout = DefaultTimeout
	}
	if d == SQLite {
		c.writer = make(chan struct{}, 1)
	}
	switch {
	case db == nil:
		c.problem = fmt.Errorf("%s: no *sql.DB given", d)
	case !prefixes.MatchString(c.prefix):
		c.problem = fmt.Errorf("%s: the table prefix %q does not match %s", d, c.prefix, prefixes)
	case c.timeout < 0:
		c.problem = fmt.Errorf("%s: the timeout %v is negative", d, c.timeout)
	}
	catalogue := &catalogue{dialect: d, prefix: c.prefix}
	c.q = newStatements(catalogue)
	c.list = catalogue.list
	return &Store{core: c}
}

// Problem returns the error of the settings that New was given, or nil.
func (s *Store) Problem() error { return s.problem }

// Ping returns nil if the store can be read and has its tables.
func (s *Store) Ping(ctx context.Context) error {
	var n int64
	return s.one(ctx, s.q.ping, []any{&n})
}

// inside marks the context of a transaction of a store.
type inside struct{ *core }

// usable returns nil if a verb may run, or the reason why none may.
func (s *Store) usable(ctx context.Context) error {
	if err := s.usableAnywhere(ctx); err != nil {
		return err
	}
	if s.dialect == SQLite || s.scope == nil && s.found.Load() {
		return nil
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	return s.placed(ctx)
}

// usableAnywhere is usable for work that does not use the tables of records.
func (s *Store) usableAnywhere(ctx context.Context) error {
	if s.problem != nil {
		return s.problem
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", s.dialect, err)
	}
	if s.scope == nil && ctx.Value(inside{s.core}) != nil {
		return store.ErrOuterStore
	}
	return nil
}

// bounded returns ctx with a deadline that is not later than the timeout.
func (c *core) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= c.timeout {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.timeout)
}

// fault wraps an error of the database. It also wraps the context's error when
// the context is done, since not every driver says why it stopped.
func (c *core) fault(ctx context.Context, doing string, err error) error {
	if c.dialect == Postgres {
		err = pooled(err)
	}
	if c.dialect.unmigrated(err) {
		doing += " (has Migrate been run?)"
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		return fmt.Errorf("%s: %s: %w: %w", c.dialect, doing, done, err)
	}
	return fmt.Errorf("%s: %s: %w", c.dialect, doing, err)
}

// ignoreNotFound returns nil for ErrNotFound, and any other error unchanged.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
