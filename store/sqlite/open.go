package sqlite

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
)

// Open opens the file at path, which is made at its first use when missing,
// through the driver that the host imports, with what must be set on each
// connection:
//
//   - synchronous=FULL, so that what was acknowledged survives a power cut;
//   - a busy timeout of half a second, for the host's own statements; the store
//     waits longer by itself;
//   - transactions take the write lock when they begin, so that one that reads
//     first does not fail when it comes to write.
//
// The pool keeps all its connections, as many as there are processors but at
// least four. A database in memory cannot be shared by the connections of a
// pool and is refused; store/memory is there for that.
func Open(path string) (*sql.DB, error) {
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, fmt.Errorf("store/sqlite: %q is no file; use store/memory to keep nothing", path)
	}
	driver, settings, err := registered(sql.Drivers())
	if err != nil {
		return nil, err
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings}
	db, err := sql.Open(driver, file.String())
	if err != nil {
		return nil, fmt.Errorf("store/sqlite: open %s: %w", path, err)
	}
	conns := max(4, runtime.NumCPU())
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// registered finds a driver for SQLite and what its data source name says.
func registered(drivers []string) (name, settings string, err error) {
	switch {
	case slices.Contains(drivers, "sqlite"):
		return "sqlite", "_pragma=busy_timeout(500)&_pragma=synchronous(FULL)&_txlock=immediate", nil
	case slices.Contains(drivers, "sqlite3"):
		return "sqlite3", "_busy_timeout=500&_synchronous=FULL&_txlock=immediate", nil
	default:
		return "", "", errors.New(`store/sqlite: no driver for SQLite is imported; add import _ "modernc.org/sqlite", ` +
			`or import _ "github.com/mattn/go-sqlite3" where cgo is at hand`)
	}
}
