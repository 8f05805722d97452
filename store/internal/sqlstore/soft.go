package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
)

// synchronousFull is the value of PRAGMA synchronous with which a commit waits
// for the disk. With a lower value a commit does not wait.
const synchronousFull = 2

// softly runs one statement whose effect a power cut may undo, such as a count,
// and commits it without waiting for the disk. The end of the process does not
// undo it, and the next commit that waits also writes it to the disk. The
// caller has the turn to write.
func (s *Store) softly(ctx context.Context, q *query, args []any, use func(call) error) error {
	if !s.log.Load() {
		// A commit that does not wait is safe for the file only with
		// write-ahead logging. A file with write-ahead logging keeps it.
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
		// The error adds nothing: a connection that cannot roll back is closed.
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// soften makes commits on a connection not wait for the disk, until the result
// is called. A connection that cannot be reset does not go back to the pool.
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
