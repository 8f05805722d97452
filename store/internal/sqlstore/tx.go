package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/admit-go/admit/store"
)

// scope is a transaction in which verbs run.
type scope struct {
	tx *sql.Tx
	// host is set when the transaction is the host's: it may come from another
	// *sql.DB, and on SQLite it may not hold the write lock yet.
	host bool
	// found is set when the host's transaction was seen to have the tables.
	found atomic.Bool
	// mu lets one statement run at a time, because the transaction has one
	// connection.
	mu sync.Mutex
	// ended is set when the function that got the store has returned. On SQLite
	// the transaction may then belong to another writer.
	ended bool
	// failed is the error of a statement on SQLite. SQLite may have rolled back
	// more than this statement, so nothing runs until the savepoint before it
	// is restored, as on PostgreSQL.
	failed error
}

// end makes the store of the scope unusable for code that kept it.
func (sc *scope) end() {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	sc.ended = true
}

// broken returns the reason why no statement may run in the scope, or nil.
func (sc *scope) broken() error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	return sc.barred()
}

func (sc *scope) barred() error {
	if sc.ended {
		return sql.ErrTxDone
	}
	return sc.failed
}

// Tx implements store.Store. All attempts together are bounded in time.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return s.atomically(ctx, func(ctx context.Context, t *Store) error { return fn(ctx, t) })
}

// WithTx implements store.Store.
func (s *Store) WithTx(tx *sql.Tx) store.Store {
	t := &Store{core: s.core, scope: &scope{tx: tx, host: true}}
	if tx == nil && s.problem == nil {
		t.core = &core{dialect: s.dialect, problem: fmt.Errorf("%s: no *sql.Tx given", s.dialect)}
	}
	return t
}

// atomically is Tx for the engine's own type.
func (s *Store) atomically(ctx context.Context, fn work) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.scope != nil {
		return s.join(ctx, fn)
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.dialect == SQLite {
		return s.grouped(ctx, fn)
	}
	return s.retrying(ctx, func() error { return s.attempt(ctx, fn) })
}

// prepareWanted prepares the statements that earlier transactions had to run
// unprepared. A statement that cannot be prepared is run unprepared again, and
// its error shows then.
func (s *Store) prepareWanted(ctx context.Context) {
	if !s.wanted.Swap(false) {
		return
	}
	for _, q := range s.list {
		if q.wanted.Load() {
			_, _ = q.prepare(ctx, s.db)
		}
	}
}

// attempt runs fn in one transaction on PostgreSQL.
func (s *Store) attempt(ctx context.Context, fn work) error {
	tx, release, err := s.begin(ctx)
	if err != nil {
		return s.fault(ctx, "begin", err)
	}
	defer release()
	committed := false
	defer func() {
		// This also happens on a panic. The error adds nothing: a connection
		// that cannot roll back is closed.
		if !committed {
			_ = tx.Rollback()
		}
	}()
	t := &Store{core: s.core, scope: &scope{tx: tx}}
	if err := t.do(ctx, fn); err != nil {
		return err
	}
	committed = true
	if err := tx.Commit(); err != nil {
		return s.fault(ctx, "commit", err)
	}
	return nil
}

// begin starts a transaction. The result must be released when it has ended.
func (s *Store) begin(ctx context.Context) (tx *sql.Tx, release func(), err error) {
	if s.dialect == Postgres {
		// Every statement is right under READ COMMITTED. The database may have
		// another default.
		tx, err = s.db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelReadCommitted})
		return tx, func() {}, err
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		return nil, nil, err
	}
	release = func() { _ = c.Close() }
	if tx, err = c.BeginTx(context.WithoutCancel(ctx), nil); err != nil {
		release()
		return nil, nil, err
	}
	return tx, release, nil
}

// join runs fn inside the running transaction. If fn fails, its work is undone
// and the transaction stays usable.
func (s *Store) join(ctx context.Context, fn work) error {
	// Each depth may use the same name: the newest savepoint is meant.
	if err := s.savepoint(ctx, "SAVEPOINT admit"); err != nil {
		return s.fault(ctx, "savepoint", err)
	}
	released := false
	defer func() {
		if !released {
			s.undo(context.WithoutCancel(ctx))
		}
	}()
	if err := fn(ctx, s); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return s.fault(ctx, "release", err)
	}
	if err := s.savepoint(ctx, "RELEASE SAVEPOINT admit"); err != nil {
		return s.fault(ctx, "release", err)
	}
	released = true
	return nil
}

func (s *Store) savepoint(ctx context.Context, text string) error {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	if err := s.scope.barred(); err != nil {
		return err
	}
	if s.dialect == SQLite {
		ctx = &statementContext{Context: ctx, begun: true}
	}
	_, err := s.scope.tx.ExecContext(ctx, text)
	return err
}

// undo restores the newest savepoint. If it cannot, the transaction stays
// unusable.
func (s *Store) undo(ctx context.Context) {
	s.scope.mu.Lock()
	defer s.scope.mu.Unlock()
	if s.scope.ended {
		return
	}
	if _, err := s.scope.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT admit"); err != nil {
		return
	}
	if _, err := s.scope.tx.ExecContext(ctx, "RELEASE SAVEPOINT admit"); err == nil {
		s.scope.failed = nil
	}
}

// run calls use for a statement in the transaction.
func (sc *scope) run(ctx context.Context, c *core, q *query, args []any, use func(call) error) error {
	sc.mu.Lock()
	defer sc.mu.Unlock()
	if err := sc.barred(); err != nil {
		return err
	}
	one := call{ctx: ctx, text: q.text, on: sc.tx, args: args}
	if c.dialect == SQLite {
		one.ctx = &statementContext{Context: ctx, begun: true}
		if p := q.prepared.Load(); p != nil && !sc.host {
			one.prepared = sc.tx.StmtContext(one.ctx, p)
		} else if !sc.host {
			q.wanted.Store(true)
			c.wanted.Store(true)
		}
	}
	err := use(one)
	if c.dialect == SQLite && !sc.host && ignoreNotFound(err) != nil {
		sc.failed = err
	}
	return err
}
