package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/admit-go/admit/store"
)

// exec runs a statement and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, q *query, args ...any) (int64, error) {
	var n int64
	err := s.run(ctx, q, args, func(c call) error {
		result, err := c.exec()
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

// done runs a statement and reports whether it changed a row.
func (s *Store) done(ctx context.Context, q *query, args ...any) (bool, error) {
	n, err := s.exec(ctx, q, args...)
	return n > 0, err
}

// one runs a statement and reads its only row into fields. It returns
// ErrNotFound if there is no row.
func (s *Store) one(ctx context.Context, q *query, fields []any, args ...any) error {
	return s.run(ctx, q, args, func(c call) error {
		rows, err := c.query()
		if err != nil {
			return err
		}
		defer rows.Close()
		if !rows.Next() {
			if err := rows.Err(); err != nil {
				return err
			}
			return store.ErrNotFound
		}
		if err := scan(rows, q, fields); err != nil {
			return err
		}
		return finish(rows, q)
	})
}

// scan reads the row into fields.
func scan(rows *sql.Rows, q *query, fields []any) error {
	if !q.packed {
		return rows.Scan(fields...)
	}
	var row string
	if err := rows.Scan(&row); err != nil {
		return err
	}
	return unpack(row, fields)
}

// create runs a statement that adds a record. It returns ErrConflict if the
// record exists.
func (s *Store) create(ctx context.Context, q *query, args ...any) error {
	created, err := s.done(ctx, q, args...)
	if err == nil && !created {
		return store.ErrConflict
	}
	return err
}

// finish ends the reading of rows. A writing statement is committed only when
// its last row has been read, so a failed commit shows here.
func finish(rows *sql.Rows, q *query) error {
	if q.writes {
		for rows.Next() {
			continue
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return rows.Close()
}

// all reads records of one kind from every row.
func all[T any](ctx context.Context, s *Store, q *query, fields func(*T) []any, args ...any) ([]T, error) {
	var records []T
	err := s.run(ctx, q, args, func(c call) error {
		records = nil
		rows, err := c.query()
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r T
			if err := rows.Scan(fields(&r)...); err != nil {
				return err
			}
			records = append(records, r)
		}
		return finish(rows, q)
	})
	if err != nil {
		return nil, err
	}
	return records, nil
}

// paged returns one page of records and the number of all records. It runs two
// statements with the same arguments. The second statement also takes the
// arguments of the page.
func paged[T any](ctx context.Context, s *Store, count, list *query, fields func(*T) []any, page store.Page, args ...any) ([]T, int, error) {
	var total int64
	if err := s.one(ctx, count, []any{&total}, args...); err != nil {
		return nil, 0, err
	}
	records, err := all(ctx, s, list, fields, append(args, int64(page.Limit), int64(page.Offset()))...)
	if err != nil {
		return nil, 0, err
	}
	return records, int(total), nil
}

// run calls use for one statement: in the transaction of the store, or on its
// own. On its own, the statement is bounded in time and is tried again while
// the database is only busy. Each call of use must start from the beginning.
func (s *Store) run(ctx context.Context, q *query, args []any, use func(call) error) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	if s.scope != nil {
		return s.described(ctx, q, s.scope.run(ctx, s.core, q, args, use))
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if q.writes && s.dialect == SQLite {
		return s.described(ctx, q, s.single(ctx, q, args, use))
	}
	return s.described(ctx, q, s.retrying(ctx, func() error { return s.onPool(ctx, q, args, use) }))
}

// onPool calls use for one statement on a connection of the pool.
func (s *Store) onPool(ctx context.Context, q *query, args []any, use func(call) error) error {
	c := call{ctx: ctx, text: q.text, on: s.db, args: args}
	if s.dialect == SQLite {
		p, err := q.prepare(ctx, s.db)
		if err != nil {
			return err
		}
		c.prepared = p
		c.ctx, c.args = uninterrupted(ctx, args)
	}
	return use(c)
}

// described adds the name of the statement to an error, unless the error is a
// refusal.
func (c *core) described(ctx context.Context, q *query, err error) error {
	if err == nil || errors.Is(err, store.ErrNotFound) {
		return err
	}
	return c.fault(ctx, q.name, err)
}

// retrying calls attempt until it succeeds, returns an error other than a busy
// database, or the context is done.
func (c *core) retrying(ctx context.Context, attempt func() error) error {
	const first, longest = 2 * time.Millisecond, 100 * time.Millisecond
	var busy error
	alone := false
	defer func() {
		if alone {
			<-c.second
		}
	}()
	for pause := first; ; pause = min(2*pause, longest) {
		err := attempt()
		if !c.dialect.again(err) {
			if busy != nil && ctx.Err() != nil && err != nil {
				return fmt.Errorf("%w, after %w", err, busy)
			}
			return err
		}
		busy = err
		if !alone && c.dialect.deadlocked(err) {
			select {
			case c.second <- struct{}{}:
				alone = true
			case <-ctx.Done():
				return fmt.Errorf("%w, after %w", ctx.Err(), busy)
			}
		}
		timer := time.NewTimer(pause/2 + rand.N(pause))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("%w, after %w", ctx.Err(), busy)
		}
	}
}

// conn is what a statement runs on: the pool, or a transaction.
type conn interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, text string, args ...any) (sql.Result, error)
}

// call is one run of a statement.
type call struct {
	ctx  context.Context
	text string
	args []any
	on   conn
	// prepared, if it is not nil, is used instead of text and on.
	prepared *sql.Stmt
}

func (c call) query() (*sql.Rows, error) {
	if c.prepared != nil {
		return c.prepared.QueryContext(c.ctx, c.args...)
	}
	return c.on.QueryContext(c.ctx, c.text, c.args...)
}

func (c call) exec() (sql.Result, error) {
	if c.prepared != nil {
		return c.prepared.ExecContext(c.ctx, c.args...)
	}
	return c.on.ExecContext(c.ctx, c.text, c.args...)
}

// statementContext is a context that can be cancelled only until its statement
// has begun.
//
// A statement on SQLite takes microseconds. If it is interrupted while it
// commits, nobody knows whether it has committed. Also, drivers and
// database/sql each start a goroutine to watch a context that can be cancelled,
// which costs more than reading a row. Only waiting for a connection can take
// long, and this wait ends as soon as the context is done.
type statementContext struct {
	context.Context
	begun bool
}

func (c *statementContext) Done() <-chan struct{} {
	if c.begun {
		return nil
	}
	return c.Context.Done()
}

// firstArgument is an argument that tells its context that the statement has
// begun, because database/sql reads the value when it has a connection. If
// database/sql never reads it, the context is an ordinary one.
type firstArgument struct {
	ctx   *statementContext
	value any
}

// Value implements driver.Valuer.
func (a firstArgument) Value() (driver.Value, error) {
	a.ctx.begun = true
	return a.value, nil
}

// uninterrupted returns the context and the arguments for a statement that is
// not interrupted after it has begun. A statement without arguments gets an
// ordinary context.
func uninterrupted(ctx context.Context, args []any) (context.Context, []any) {
	if len(args) == 0 {
		return ctx, args
	}
	c := &statementContext{Context: ctx}
	begun := make([]any, len(args))
	begun[0] = firstArgument{c, args[0]}
	copy(begun[1:], args[1:])
	return c, begun
}
