package sqlstore

import (
	"errors"
	"strings"
)

// errOvertaken says that another transaction has added the record that a statement
// was about to add, which looked for it before.
var errOvertaken = errors.New("another transaction was first")

// Dialect is the SQL that a database speaks.
type Dialect int

// The dialects.
const (
	SQLite Dialect = iota
	Postgres
)

// String is the name of the dialect's package, as it starts error messages.
func (d Dialect) String() string {
	if d == SQLite {
		return "store/sqlite"
	}
	return "store/postgres"
}

// again answers whether the database refused only because others were at work,
// and took nothing of what it was told, so that the same may be tried again.
// Drivers are told apart by what their errors can do, so that none is imported.
func (d Dialect) again(err error) bool {
	if err == nil {
		return false
	}
	if d == Postgres {
		return sqlState(err) == serializationFailure || d.deadlocked(err) || errors.Is(err, errOvertaken)
	}
	var coded interface{ Code() int }
	if errors.As(err, &coded) {
		primary := coded.Code() & 0xff
		return primary == sqliteBusy || primary == sqliteLocked
	}
	return strings.Contains(err.Error(), "database is locked") || strings.Contains(err.Error(), "database table is locked")
}

// deadlocked answers whether the database ended a deadlock by refusing this.
func (d Dialect) deadlocked(err error) bool {
	return d == Postgres && sqlState(err) == deadlockDetected
}

// unmigrated answers whether an error says that a table is missing.
func (d Dialect) unmigrated(err error) bool {
	if d == Postgres {
		return sqlState(err) == undefinedTable
	}
	return strings.Contains(err.Error(), "no such table")
}

// sqlState is the code in an error of a PostgreSQL driver; "" in any other.
func sqlState(err error) string {
	var coded interface{ SQLState() string }
	if !errors.As(err, &coded) {
		return ""
	}
	return coded.SQLState()
}

const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	undefinedTable       = "42P01"
	divisionByZero       = "22012"
	uniqueViolation      = "23505"

	insufficientPrivilege = "42501"
	noSuchStatement       = "26000"
	statementExists       = "42P05"
	protocolViolation     = "08P01"

	sqliteBusy   = 5
	sqliteLocked = 6
)
