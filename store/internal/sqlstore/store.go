// Package sqlstore is the engine behind store/sqlite and store/postgres: one
// store.Store over the host's *sql.DB, in two dialects. It uses nothing but
// database/sql, so that no driver is a requirement of the library.
//
// A verb that decides and writes is one conditional statement. Where a verb
// touches several tables it is a transaction of such statements, in the same
// order every time.
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

// DefaultTimeout bounds a verb or a transaction, waiting and retrying included,
// whose context has no earlier deadline.
const DefaultTimeout = 4 * time.Second

// Options are the settings of a Store; the zero value is ready for use.
type Options struct {
	// Prefix starts the names of tables and indexes; "" is DefaultPrefix.
	// Lower-case letters, digits and underscores, no digit first, at most 31.
	Prefix string
	// Timeout bounds each verb and each transaction; 0 is DefaultTimeout.
	Timeout time.Duration
	// Steps replaces the schema's migrations, for tests of migrating.
	Steps fs.FS
}

// Store is a store.Store over a *sql.DB.
type Store struct {
	*core
	// scope is the transaction that the verbs take part in; nil on the store
	// itself, whose verbs stand alone.
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
	// joined are the statements that are made of several in the list, by the names
	// of those.
	joined sync.Map
	// wanted is set when a statement is wanted prepared.
	wanted atomic.Bool
	// writer holds one element while this process writes to SQLite, which has
	// one writer at a time. Writers that queue here are served in turn. Without
	// it they would poll a locked database. Nil on PostgreSQL.
	writer chan struct{}
	// queued counts those who wait for their first turn to write.
	queued atomic.Int32
	// open is the group that the next writer joins, nil when there is none. It
	// belongs to the writer that has the turn.
	open *group
	// log is set when the SQLite file is known to have a write-ahead log.
	log atomic.Bool
	// found is set when PostgreSQL was seen to have the tables where they belong.
	found atomic.Bool
	// second holds one element while a transaction that lost a deadlock on
	// PostgreSQL runs again. Several at once could deadlock again, and PostgreSQL
	// needs a second to notice each deadlock.
	second chan struct{}
	// problem is what is wrong with the settings; every verb fails with it.
	problem error
}

var prefixes = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,30}$`)

// New returns a store over db. It asks nothing of the database. What is wrong
// with its arguments is the error of every verb.
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

// Problem answers what is wrong with the settings that New was given.
func (s *Store) Problem() error { return s.problem }

// Ping answers nil while the store can be read and has its tables.
func (s *Store) Ping(ctx context.Context) error {
	var n int64
	return s.one(ctx, s.q.ping, []any{&n})
}

// inside marks the context of a transaction of a store.
type inside struct{ *core }

// usable answers why no verb may run now: nil when one may.
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

// usableAnywhere is usable for what does not touch the tables of records.
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
	if c.dialect.unmigrated(err) {
		doing += " (has Migrate been run?)"
	}
	if done := ctx.Err(); done != nil && !errors.Is(err, done) {
		return fmt.Errorf("%s: %s: %w: %w", c.dialect, doing, done, err)
	}
	return fmt.Errorf("%s: %s: %w", c.dialect, doing, err)
}

// ignoreNotFound makes no error of the absence of a record.
func ignoreNotFound(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	return err
}
