package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
)

// Open opens the file at path through the driver that the host imports. A
// missing file is made at its first use, for its owner alone (mode 0600). What
// must be set on each connection is set:
//
//   - synchronous=FULL, so that what was acknowledged survives a power cut;
//   - a busy timeout of half a second, for the host's own statements; the store
//     waits longer by itself;
//   - transactions take the write lock when they begin, so that one that reads
//     first does not fail when it comes to write.
//
// The pool keeps all its connections, as many as there are processors but at
// least four. A database in memory cannot be shared by the connections of a
// pool and is refused; store/memory is there for that. So is a data source name
// such as "file:app.db?cache=shared": open that with sql.Open and give the
// result to New.
func Open(path string) (*sql.DB, error) {
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, fmt.Errorf("store/sqlite: %q is no file; use store/memory to keep nothing", path)
	}
	if sourceNames.MatchString(path) {
		return nil, fmt.Errorf("store/sqlite: %q is a data source name, and Open takes the path of a file; "+
			"open it with sql.Open and pass the *sql.DB to sqlite.New", path)
	}
	name, settings, err := registered(sql.Drivers())
	if err != nil {
		return nil, err
	}
	file := url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: settings}
	plain, err := sql.Open(name, file.String())
	if err != nil {
		return nil, fmt.Errorf("store/sqlite: open %s: %w", path, err)
	}
	// It has opened nothing yet; only the driver is wanted of it.
	if err := plain.Close(); err != nil {
		return nil, fmt.Errorf("store/sqlite: open %s: %w", path, err)
	}
	db := sql.OpenDB(connector{plain.Driver(), file.String(), path})
	conns := max(4, runtime.NumCPU())
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// sourceNames are the beginnings of what drivers take instead of a path.
var sourceNames = regexp.MustCompile(`^(?i:file|sqlite3?):`)

// connector makes a missing file before its driver would, which leaves the
// file's mode to the process.
type connector struct {
	driver     driver.Driver
	name, path string
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	if err := touch(c.path); err != nil {
		return nil, fmt.Errorf("store/sqlite: %w", err)
	}
	return c.driver.Open(c.name)
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// touch makes a missing file. It leaves one that is there unopened: to close it
// would give up the locks that this process has on it.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
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
