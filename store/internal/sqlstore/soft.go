package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// synchronousFull is what PRAGMA synchronous says where a commit waits for the
// disk. What is less does not wait, what is more waits longer.
const synchronousFull = 2

// softly runs one statement that need not outlive a power cut, such as one that
// counts, and commits it without waiting for the disk. It outlives the process
// all the same, and it is on the disk no later than the next commit that waits.
// The caller has the turn to write.
func (s *Store) softly(ctx context.Context, q *query, args []any, use func(call) error) error {
	if !s.log.Load() {
		// Only with write-ahead logging a commit that does not wait cannot harm
		// the file. Once a file has it, it keeps it.
		var mode string
		if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil {
			return err
		}
		if !strings.EqualFold(mode, "wal") {
			return s.onPool(ctx, q, args, use)
		}
		s.log.Store(true)
	}
	p, err := q.prepare(ctx, s.db)
	if err != nil {
		return err
	}
	c, err := s.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	harden, err := soften(ctx, c)
	if err != nil {
		return err
	}
	defer harden()
	begun := &statementContext{Context: ctx, begun: true}
	tx, err := c.BeginTx(begun, nil)
	if err != nil {
		return err
	}
	if err := use(call{ctx: begun, text: q.text, on: tx, args: args, prepared: tx.StmtContext(begun, p)}); err != nil {
		// The error adds nothing: a connection that cannot roll back is given up.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// soften lets commits on a connection not wait for the disk until the result is
// called. A connection that cannot be set back does not go back to the pool.
func soften(ctx context.Context, c *sql.Conn) (harden func(), err error) {
	begun := &statementContext{Context: ctx, begun: true}
	var before int
	if err := c.QueryRowContext(begun, "PRAGMA synchronous").Scan(&before); err != nil {
		return nil, err
	}
	if before < synchronousFull {
		return func() {}, nil
	}
	harden = func() {
		level := "PRAGMA synchronous = FULL"
		if before > synchronousFull {
			level = "PRAGMA synchronous = EXTRA"
		}
		if _, err := c.ExecContext(begun, level); err != nil {
			_ = c.Raw(func(any) error { return driver.ErrBadConn })
		}
	}
	if _, err := c.ExecContext(begun, "PRAGMA synchronous = NORMAL"); err != nil {
		harden()
		return nil, err
	}
	return harden, nil
}
