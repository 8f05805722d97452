package drivertest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
	"testing"

	"github.com/admit-go/admit/store/internal/sqlstore"
)

// faults decides which calls of a driver fail.
type faults struct {
	mu sync.Mutex
	// fail, when set, is asked before every statement and every commit.
	fail func(text string) error
}

func (f *faults) before(text string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fail == nil {
		return nil
	}
	return f.fail(text)
}

func (f *faults) set(fail func(text string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = fail
}

// busyErrors are what the drivers say when the database is only busy.
func (d database) busyErrors() map[string]error {
	if d.dialect == sqlstore.SQLite {
		return map[string]error{
			"busy":        sqliteError(5),
			"busy, stale": sqliteError(5 | 2<<8),
			"locked":      sqliteError(6),
			"by its text": textError("database is locked"),
		}
	}
	return map[string]error{"40001": postgresError("40001"), "40P01": postgresError("40P01")}
}

type sqliteError int

func (e sqliteError) Error() string { return "injected" }
func (e sqliteError) Code() int     { return int(e) }

type postgresError string

func (e postgresError) Error() string    { return "injected " + string(e) }
func (e postgresError) SQLState() string { return string(e) }

type textError string

func (e textError) Error() string { return string(e) }

// connectFaulty opens a pool over the driver whose calls fail as told.
func (d database) connectFaulty(t testing.TB, source string, f *faults) *sql.DB {
	t.Helper()
	plain, err := sql.Open(d.driver, d.sourceName(source))
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(faultyConnector{d.sourceName(source), plain.Driver(), f})
	db.SetMaxOpenConns(d.conns)
	db.SetMaxIdleConns(d.conns)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

type faultyConnector struct {
	name   string
	driver driver.Driver
	faults *faults
}

func (c faultyConnector) Driver() driver.Driver { return c.driver }

func (c faultyConnector) Connect(context.Context) (driver.Conn, error) {
	under, err := c.driver.Open(c.name)
	if err != nil {
		return nil, err
	}
	return &faultyConn{under, c.faults}, nil
}

// faultyConn has what the four drivers' connections have in common, as far as
// the engine needs it.
type faultyConn struct {
	driver.Conn
	faults *faults
}

func (c *faultyConn) PrepareContext(ctx context.Context, text string) (driver.Stmt, error) {
	under, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, text)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{under, text, c.faults}, nil
}

func (c *faultyConn) QueryContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.faults.before(text); err != nil {
		return nil, err
	}
	return c.Conn.(driver.QueryerContext).QueryContext(ctx, text, args)
}

func (c *faultyConn) ExecContext(ctx context.Context, text string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.faults.before(text); err != nil {
		return nil, err
	}
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, text, args)
}

func (c *faultyConn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	if err := c.faults.before("BEGIN"); err != nil {
		return nil, err
	}
	under, err := c.Conn.(driver.ConnBeginTx).BeginTx(ctx, options)
	if err != nil {
		return nil, err
	}
	return faultyTx{under, c.faults}, nil
}

func (c *faultyConn) ResetSession(ctx context.Context) error {
	if under, ok := c.Conn.(driver.SessionResetter); ok {
		return under.ResetSession(ctx)
	}
	return nil
}

func (c *faultyConn) CheckNamedValue(v *driver.NamedValue) error {
	if under, ok := c.Conn.(driver.NamedValueChecker); ok {
		return under.CheckNamedValue(v)
	}
	return driver.ErrSkip
}

type faultyStmt struct {
	driver.Stmt
	text   string
	faults *faults
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.faults.before(s.text); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtQueryContext).QueryContext(ctx, args)
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.faults.before(s.text); err != nil {
		return nil, err
	}
	return s.Stmt.(driver.StmtExecContext).ExecContext(ctx, args)
}

type faultyTx struct {
	driver.Tx
	faults *faults
}

// Commit fails as a database does that could not commit: nothing remains.
func (t faultyTx) Commit() error {
	if err := t.faults.before("COMMIT"); err != nil {
		if rolledBack := t.Rollback(); rolledBack != nil {
			return rolledBack
		}
		return err
	}
	return t.Tx.Commit()
}

// touchesRecords answers whether a statement is one of the engine's, or ends or
// begins a transaction: not the first use of a connection.
func touchesRecords(text string) bool {
	return strings.Contains(text, "admit") || text == "BEGIN" || text == "COMMIT"
}
