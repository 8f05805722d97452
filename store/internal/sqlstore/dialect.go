package sqlstore

import (
	"errors"
	"strings"
)

// errOvertaken says that another transaction has added a record after a
// statement had found that the record does not exist.
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

// again reports whether the database refused a statement only because of
// concurrent work, and changed nothing, so that the statement may be tried
// again. It recognises the errors of drivers by their methods, so that no
// driver is imported.
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

// deadlocked reports whether the database refused the statement to end a
// deadlock.
func (d Dialect) deadlocked(err error) bool {
	return d == Postgres && sqlState(err) == deadlockDetected
}

// unmigrated reports whether an error says that a table is missing.
func (d Dialect) unmigrated(err error) bool {
	if d == Postgres {
		return sqlState(err) == undefinedTable
	}
	return strings.Contains(err.Error(), "no such table")
}

// sqlState returns the SQLSTATE code of an error of a PostgreSQL driver, or ""
// for any other error.
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
