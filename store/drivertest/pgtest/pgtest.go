// Package pgtest gives each test a PostgreSQL database, or a schema, of its own.
//
// The server is the server that ADMIT_TEST_POSTGRES names (a URL of a user who
// may create databases). Without the variable it is the server at
// 127.0.0.1:5432 if the user postgres can connect. Otherwise the package starts
// a server for the tests from the programs in /usr/lib/postgresql or on the
// PATH.
package pgtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"github.com/admit-go/admit/store/postgres"
)

const (
	variable = "ADMIT_TEST_POSTGRES"
	usual    = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
)

// Open creates an empty database and returns its URL, which pgx and lib/pq
// accept. At the end of the test the database is dropped, and open connections
// are closed. If there is no server, the test is skipped with a message that
// says how to install one.
func Open(t testing.TB) string {
	t.Helper()
	admin := need(t)
	name := "admit_test_" + strings.ToLower(rand.Text())
	execute(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	mine := *admin
	mine.Path = "/" + name
	return mine.String()
}

// Schema creates an empty schema and returns the URL of its database, in which
// the schema is the search path. Making a schema is cheaper than making a
// database. All schemas of a process are in one database, which [Main] drops.
// The schema is dropped at the end of the test.
func Schema(t testing.TB) string {
	t.Helper()
	home, err := shared.open(t)
	if err != nil {
		t.Fatal(err)
	}
	name := newSchema(t, home)
	t.Cleanup(func() { execute(t, home, "DROP SCHEMA "+name+" CASCADE") })
	return sourceOf(t, home, name)
}

// Migrated is [Schema] with the tables of the store in it, and without rows. At the
// end of the test the schema is emptied, and another test of the process gets it,
// because to make the tables takes longer than most tests. A test that changes the
// schema itself loses nothing: then the schema is dropped. A test that depends on
// what PostgreSQL knows about the tables, such as a test of plans, uses Schema.
func Migrated(t testing.TB) string {
	t.Helper()
	home, err := shared.open(t)
	if err != nil {
		t.Fatal(err)
	}
	name := shared.take()
	if name == "" {
		name = newSchema(t, home)
		migrate(t, sourceOf(t, home, name))
	}
	made := shape(t, home, name)
	t.Cleanup(func() {
		if t.Failed() || shape(t, home, name) != made {
			execute(t, home, "DROP SCHEMA "+name+" CASCADE")
			return
		}
		execute(t, home, strings.ReplaceAll(empty, "SCHEMA", name))
		shared.give(name)
	})
	return sourceOf(t, home, name)
}

// empty removes the rows of all tables of the schema SCHEMA but the list of its
// migrations. It leaves alone what is empty, because that takes no time.
const empty = `DO $$ DECLARE name text; filled boolean; BEGIN
	SET LOCAL lock_timeout = '20s';
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'SCHEMA' AND tablename <> 'admit_migrations' LOOP
		EXECUTE format('SELECT EXISTS (SELECT FROM SCHEMA.%I)', name) INTO filled;
		IF filled THEN EXECUTE format('TRUNCATE SCHEMA.%I CASCADE', name); END IF;
	END LOOP; END $$`

func newSchema(t testing.TB, home *url.URL) string {
	t.Helper()
	name := "s" + strings.ToLower(rand.Text())
	execute(t, home, "CREATE SCHEMA "+name)
	return name
}

// sourceOf returns the URL of a schema, and notes how many deadlocks there were.
func sourceOf(t testing.TB, home *url.URL, name string) string {
	t.Helper()
	mine := *home
	settings := mine.Query()
	settings.Set("search_path", name)
	settings.Set("application_name", name)
	mine.RawQuery = settings.Encode()
	source := mine.String()
	deadlocks, _ := traces(t, source)
	shared.deadlocks.Store(source, deadlocks)
	return source
}

func migrate(t testing.TB, source string) {
	t.Helper()
	db, err := sql.Open("pgx", source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := postgres.New(db).Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// shape is all that a schema consists of, without its rows.
func shape(t testing.TB, home *url.URL, name string) (found string) {
	t.Helper()
	const query = `SELECT concat_ws(' ',
		(SELECT string_agg(c.relname::text || c.relkind::text || c.relnatts || c.relrowsecurity || coalesce(c.relacl::text, ''), ',' ORDER BY c.relname) FROM pg_class c WHERE c.relnamespace = n.oid),
		(SELECT string_agg(o.conname::text, ',' ORDER BY o.conname) FROM pg_constraint o WHERE o.connamespace = n.oid),
		(SELECT string_agg(g.tgname, ',' ORDER BY g.tgname) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE c.relnamespace = n.oid AND NOT g.tgisinternal),
		(SELECT string_agg(p.proname, ',' ORDER BY p.proname) FROM pg_proc p WHERE p.pronamespace = n.oid), n.nspacl::text)
		FROM pg_namespace n WHERE n.nspname = '`
	if err := ask(home, query+name+"'", &found); err != nil {
		t.Fatal(err)
	}
	return found
}

// Main runs the tests of a package that uses [Schema], and drops the database
// of their schemas. TestMain calls it. Main returns the exit code.
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.dropped = true
	shared.mu.Unlock()
	code := m.Run()
	if err := shared.drop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return max(code, 1)
	}
	return code
}

// home is the database in which the tests of a process have their schemas.
type home struct {
	mu sync.Mutex
	// dropped says that [Main] drops the database at the end.
	dropped bool
	name    string
	// free are the schemas of [Migrated] that no test uses.
	free []string
	// deadlocks are the numbers of deadlocks that a database had counted when a
	// source was made, by source.
	deadlocks sync.Map
}

var shared home

func (h *home) open(t testing.TB) (*url.URL, error) {
	t.Helper()
	admin := need(t)
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.dropped {
		return nil, errors.New("pgtest: Schema needs a TestMain that calls pgtest.Main")
	}
	if h.name == "" {
		name := "admit_test_" + strings.ToLower(rand.Text())
		execute(t, admin, "CREATE DATABASE "+name)
		h.name = name
	}
	mine := *admin
	mine.Path = "/" + h.name
	return &mine, nil
}

// take returns the name of a schema that no test uses, or "".
func (h *home) take() (name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n := len(h.free); n > 0 {
		name, h.free = h.free[n-1], h.free[:n-1]
	}
	return name
}

func (h *home) give(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.free = append(h.free, name)
}

func (h *home) drop() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.name == "" {
		return nil
	}
	admin, err := server()
	if err != nil {
		return err
	}
	return run(admin, "DROP DATABASE "+h.name+" WITH (FORCE)")
}

// CheckDeadlocks fails the test if there was a deadlock in a database since
// [Open] or [Schema] made it. The store runs the transaction that lost again,
// so a deadlock shows only as a delay of one second. All connections must be
// closed before the call.
func CheckDeadlocks(t testing.TB, source string) {
	t.Helper()
	before, _ := shared.deadlocks.Load(source)
	known, _ := before.(int)
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		deadlocks, others := traces(t, source)
		switch {
		case others > 0 && time.Now().Before(deadline):
			continue
		case others > 0:
			t.Errorf("%d connections are still open", others)
		case deadlocks > known:
			t.Errorf("%d deadlocks: transactions take their rows in different orders", deadlocks-known)
		}
		return
	}
}

// traces returns how many deadlocks a database has counted, and how many
// connections of the same application are open. A connection adds to the
// statistics when it ends.
func traces(t testing.TB, source string) (deadlocks, others int) {
	t.Helper()
	at, err := url.Parse(source)
	if err != nil {
		t.Fatal(err)
	}
	settings := at.Query()
	application := settings.Get("application_name")
	settings.Del("search_path")
	settings.Del("application_name")
	at.RawQuery = settings.Encode()
	const query = `SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity
			WHERE datname = d.datname AND pid <> pg_backend_pid() AND backend_type = 'client backend' AND application_name = $1)
		FROM pg_stat_database d WHERE datname = current_database()`
	err = onConnection(at.String(), func(ctx context.Context, c *pgx.Conn) error {
		return c.QueryRow(ctx, query, application).Scan(&deadlocks, &others)
	})
	if err != nil {
		t.Fatal(err)
	}
	return deadlocks, others
}

// need returns the server, or skips the test.
func need(t testing.TB) *url.URL {
	t.Helper()
	admin, err := server()
	if err != nil {
		t.Skipf("no PostgreSQL: %v; install the package postgresql, or set %s to the URL of a server", err, variable)
	}
	return admin
}

// server finds or starts the server, once in a process.
var server = sync.OnceValues(func() (*url.URL, error) {
	if named := os.Getenv(variable); named != "" {
		u, err := url.Parse(named)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", variable, err)
		}
		return u, reach(u)
	}
	u, err := url.Parse(usual)
	if err != nil {
		return nil, err
	}
	notThere := reach(u)
	if notThere == nil {
		return u, nil
	}
	if u, err = start(); err != nil {
		return nil, errors.Join(notThere, err)
	}
	return u, nil
})

// reach returns nil if the server accepts a connection.
func reach(u *url.URL) error {
	db, err := sql.Open("pgx", u.String())
	if err != nil {
		return err
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return db.PingContext(ctx)
}

func execute(t testing.TB, server *url.URL, statement string) {
	t.Helper()
	if err := run(server, statement); err != nil {
		t.Fatal(err)
	}
}

// connections are one connection of the package itself to each database. To connect
// takes PostgreSQL longer than what is asked here. A connection of pgx has no
// goroutine of its own, so tests that count goroutines do not see it.
var connections struct {
	sync.Mutex
	open map[string]*pgx.Conn
}

// onConnection calls do with the connection to a database.
func onConnection(server string, do func(ctx context.Context, c *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	connections.Lock()
	defer connections.Unlock()
	c := connections.open[server]
	if c == nil || c.IsClosed() {
		var err error
		if c, err = pgx.Connect(ctx, server); err != nil {
			return err
		}
		if connections.open == nil {
			connections.open = map[string]*pgx.Conn{}
		}
		connections.open[server] = c
	}
	return do(ctx, c)
}

// run runs a statement.
func run(server *url.URL, statement string) error { return ask(server, statement, nil) }

// ask runs a query and reads the one value that it answers, unless into is nil.
func ask(server *url.URL, query string, into any) error {
	err := onConnection(server.String(), func(ctx context.Context, c *pgx.Conn) error {
		if into != nil {
			return c.QueryRow(ctx, query).Scan(into)
		}
		_, err := c.Exec(ctx, query)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: %w", query, err)
	}
	return nil
}
