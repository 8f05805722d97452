package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/admit-go/admit/store"
)

// findingPooler is the finding of checkPooler.
const findingPooler = "pooler-statements"

// What is wrong with a driver that prepares statements behind a pooler, and what to do.
const (
	poolerReason = "The driver prepares statements, and a pooler in front of the database gives each transaction another server, " +
		"which does not have them"
	poolerMend = "Add default_query_exec_mode=exec to pgx's URL, or binary_parameters=yes to lib/pq's, " +
		"or let the pooler work in session mode (docs/postgres.md)."
)

// poolerRuns is how often each connection runs a statement in checkPooler, so
// that a pooler mixes the connections up.
const poolerRuns = 25

// checkPooler looks for a driver that prepares statements behind a pooler that
// gives each transaction another server connection, such as PgBouncer in
// transaction mode. Several connections run a statement with arguments at once, in
// turns inside and outside a transaction. Their statements differ in the number of
// arguments: where all connections prepare the same statement, one does not notice that
// it uses that of another. Without a pooler none of these statements can fail.
func (s *Store) checkPooler(ctx context.Context) error {
	conns, err := s.several(ctx)
	if err != nil {
		return err
	}
	errs := make([]error, len(conns))
	var group sync.WaitGroup
	for i, c := range conns {
		group.Go(func() {
			for run := 0; run < poolerRuns && errs[i] == nil; run++ {
				errs[i] = ask(ctx, c, i+1, run%2 == 0)
			}
		})
	}
	group.Wait()
	var closed []error
	for _, c := range conns {
		closed = append(closed, c.Close())
	}
	for _, err := range slices.Concat(errs, closed) {
		switch sqlState(err) {
		case noSuchStatement, statementExists, protocolViolation:
			return poolerError{err}
		}
	}
	return errors.Join(errs...)
}

// poolerError is an error of a driver that prepares statements behind a pooler. Its
// text has the reason and what to do.
type poolerError struct{ err error }

func (e poolerError) Error() string   { return poolerReason + " (" + e.err.Error() + "). " + poolerMend }
func (e poolerError) Unwrap() []error { return []error{store.ErrPooler, e.err} }

// finding is what Check says of the error.
func (e poolerError) finding() store.Finding {
	return store.Finding{Code: findingPooler, Message: poolerReason + " (" + e.err.Error() + ").", Mend: poolerMend}
}

// pooled explains an error that only a pooler in front of the database can cause. A
// violation of the protocol has other causes too, such as a pool of PgBouncer that is
// full, so it counts only where it names a prepared statement.
func pooled(err error) error {
	state := sqlState(err)
	mixedUp := state == protocolViolation && strings.Contains(err.Error(), "prepared statement")
	if state != noSuchStatement && state != statementExists && !mixedUp || errors.Is(err, store.ErrPooler) {
		return err
	}
	return poolerError{err}
}

// ask runs a statement with so many arguments, alone or in a transaction.
func ask(ctx context.Context, c *sql.Conn, arguments int, alone bool) error {
	query, values := "SELECT CAST($1 AS BIGINT)", []any{int64(1)}
	for n := 2; n <= arguments; n++ {
		query, values = query+fmt.Sprintf(" + CAST($%d AS BIGINT)", n), append(values, int64(1))
	}
	var sum int64
	if alone {
		return c.QueryRowContext(ctx, query, values...).Scan(&sum)
	}
	tx, err := c.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = tx.QueryRowContext(ctx, query, values...).Scan(&sum)
	if rolledBack := tx.Rollback(); err == nil {
		err = rolledBack
	}
	return err
}

// several takes some connections at once. It leaves one connection for other
// work.
func (s *Store) several(ctx context.Context) ([]*sql.Conn, error) {
	want := 8
	if most := s.db.Stats().MaxOpenConnections; most > 0 {
		want = max(min(want, most-1), 1)
	}
	taken := make([]*sql.Conn, 0, want)
	for range want {
		c, err := s.db.Conn(ctx)
		if err != nil {
			if len(taken) > 0 {
				break
			}
			return nil, err
		}
		taken = append(taken, c)
	}
	return taken, nil
}
