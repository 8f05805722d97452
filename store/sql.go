package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
)

// ErrNoSQL is the error of a statement for a store without SQL.
var ErrNoSQL = errors.New("store: this store keeps no records in an SQL database")

// Querier runs statements in a transaction. *sql.Tx is a Querier.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	// QueryRowContext reports an error when the row is scanned.
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// SQL returns the database of a store inside its transaction: the result of the
// store's method SQL() Querier. For a store without this method every statement
// returns ErrNoSQL.
func SQL(s Store) Querier {
	if q, ok := s.(interface{ SQL() Querier }); ok {
		return q.SQL()
	}
	return noSQL{}
}

type noSQL struct{}

func (noSQL) ExecContext(context.Context, string, ...any) (sql.Result, error) { return nil, ErrNoSQL }

func (noSQL) QueryContext(context.Context, string, ...any) (*sql.Rows, error) { return nil, ErrNoSQL }

func (noSQL) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	db := sql.OpenDB(noSQL{}) // the only way to make a row with an error
	defer db.Close()
	return db.QueryRowContext(ctx, query, args...)
}

// Connect implements driver.Connector.
func (noSQL) Connect(context.Context) (driver.Conn, error) { return nil, ErrNoSQL }

// Driver implements driver.Connector.
func (noSQL) Driver() driver.Driver { return nil }
