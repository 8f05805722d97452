// Package pgtest gives each test a PostgreSQL database of its own.
//
// The server is the one that ADMIT_TEST_POSTGRES names (a URL of a user who may
// create databases), or else the one on 127.0.0.1:5432 if it lets the user
// postgres in, or else one that is started for the tests from the programs in
// /usr/lib/postgresql or on the PATH.
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

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

const (
	variable = "ADMIT_TEST_POSTGRES"
	usual    = "postgres://postgres@127.0.0.1:5432/postgres?sslmode=disable"
)

// Open creates an empty database and returns its URL, which both pgx and lib/pq
// take. It is dropped at the end of the test, with whoever is still connected.
// Without a server the test is skipped, and says how to have one.
func Open(t testing.TB) string {
	t.Helper()
	admin, err := server()
	if err != nil {
		t.Skipf("no PostgreSQL: %v; install the package postgresql, or set %s to the URL of a server", err, variable)
	}
	name := "admit_test_" + strings.ToLower(rand.Text())
	execute(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, admin, "DROP DATABASE "+name+" WITH (FORCE)") })
	mine := *admin
	mine.Path = "/" + name
	return mine.String()
}

// CheckDeadlocks fails when transactions in a database have waited for each
// other. The store runs the loser again, so that nothing but a second's delay
// tells. All connections must have been closed.
func CheckDeadlocks(t testing.TB, url string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	// A connection adds what it saw to the statistics when it ends.
	const query = `SELECT deadlocks, (SELECT count(*) FROM pg_stat_activity
			WHERE datname = d.datname AND pid <> pg_backend_pid() AND backend_type = 'client backend')
		FROM pg_stat_database d WHERE datname = current_database()`
	for deadline := time.Now().Add(10 * time.Second); ; <-time.After(5 * time.Millisecond) {
		var deadlocks, others int
		if err := db.QueryRowContext(context.Background(), query).Scan(&deadlocks, &others); err != nil {
			t.Fatal(err)
		}
		switch {
		case others > 0 && time.Now().Before(deadline):
			continue
		case others > 0:
			t.Errorf("%d connections are still open", others)
		case deadlocks > 0:
			t.Errorf("%d deadlocks: transactions take their rows in different orders", deadlocks)
		}
		return
	}
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

// reach answers whether the server lets us in.
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
	db, err := sql.Open("pgx", server.String())
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
