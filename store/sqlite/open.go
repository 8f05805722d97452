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

// Open opens the file at path with the driver that the host imports. The first
// use makes a missing file, which only its owner can read (mode 0600). Open
// sets on each connection:
//
//   - synchronous=FULL, so that a power cut loses nothing that was acknowledged;
//   - a busy timeout of half a second, for the host's own statements; the store
//     itself waits longer;
//   - BEGIN IMMEDIATE: a transaction takes the write lock when it begins, so that
//     a transaction that reads first does not fail when it writes;
//   - temp_store=MEMORY: writers that share a commit keep in memory, and not in
//     a temporary file, what is needed to undo one of them. Large sorts and
//     VACUUM on these connections use memory too: run VACUUM of a large file on
//     another connection.
//
// The pool keeps all its connections: as many as there are processors, and at
// least four. Open refuses a database in memory, because the connections of a
// pool cannot share it: use store/memory. Open also refuses a data source name
// such as "file:app.db?cache=shared": open it with sql.Open and pass the result
// to New.
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
	// plain has opened no connection. Only its driver is needed.
	if err := plain.Close(); err != nil {
		return nil, fmt.Errorf("store/sqlite: open %s: %w", path, err)
	}
	db := sql.OpenDB(connector{plain.Driver(), file.String(), path})
	conns := max(4, runtime.NumCPU())
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}

// sourceNames matches the start of a data source name.
var sourceNames = regexp.MustCompile(`^(?i:file|sqlite3?):`)

// connector makes a missing file itself, because the driver would make it with
// the default mode of the process.
type connector struct {
	driver     driver.Driver
	name, path string
}

// Connect implements driver.Connector.
func (c connector) Connect(context.Context) (driver.Conn, error) {
	if err := touch(c.path); err != nil {
		return nil, fmt.Errorf("store/sqlite: %w", err)
	}
	connection, err := c.driver.Open(c.name)
	if err != nil {
		return nil, fmt.Errorf("store/sqlite: open %s: %w", c.path, err)
	}
	// Not every driver takes this setting in its name of the source. The context of the
	// caller is not used: the driver would watch it from a goroutine of its own, and it
	// may be one of a statement, which the statement changes.
	if err := exec(context.Background(), connection, "PRAGMA temp_store = MEMORY"); err != nil {
		return nil, errors.Join(fmt.Errorf("store/sqlite: open %s: %w", c.path, err), connection.Close())
	}
	return connection, nil
}

// exec runs a statement without arguments on a connection of the driver.
func exec(ctx context.Context, connection driver.Conn, text string) error {
	e, ok := connection.(driver.ExecerContext)
	if !ok {
		return fmt.Errorf("the driver's %T cannot run %q", connection, text)
	}
	_, err := e.ExecContext(ctx, text, nil)
	return err
}

// Driver implements driver.Connector.
func (c connector) Driver() driver.Driver { return c.driver }

// touch makes a missing file. It does not open an existing file, because
// closing it would release the locks that this process holds on it.
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

// registered finds a driver for SQLite and returns its settings.
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
