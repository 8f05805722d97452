package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/internal/sqlstore"
	"github.com/admit-go/admit/store/postgres"
)

// poolerModes are the ways to open a driver behind PgBouncer in transaction mode.
// Those that are safe are the ones that docs/postgres.md names.
var poolerModes = []struct {
	name, driver, setting string
	safe                  bool
}{
	{"pgx exec", "pgx", "default_query_exec_mode=exec", true},
	{"pgx simple protocol", "pgx", "default_query_exec_mode=simple_protocol", true},
	{"pgx cache describe", "pgx", "default_query_exec_mode=cache_describe", true},
	{"pq binary parameters", "postgres", "binary_parameters=yes", true},
	{"pgx as it is", "pgx", "", false},
	{"pgx describe exec", "pgx", "default_query_exec_mode=describe_exec", false},
	{"pq as it is", "postgres", "", false},
}

// openPooled opens a pool through PgBouncer.
func openPooled(t testing.TB, driver, url, setting string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, url+"&"+setting)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	db.SetMaxOpenConns(many)
	db.SetMaxIdleConns(many)
	return db
}

// pooled makes an empty database whose commits do not wait for the disk, and
// returns its URL through PgBouncer.
func pooled(t testing.TB, at func(string) string) string {
	t.Helper()
	url := pgtest.Open(t)
	db := openPooled(t, "pgx", url, "")
	if _, err := db.Exec("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$"); err != nil {
		t.Fatal(err)
	}
	return at(url)
}

func TestCheckFindsADriverThatPreparesBehindPgBouncer(t *testing.T) {
	ctx := context.Background()
	at := pgtest.Bouncer(t, pgtest.Open(t))
	for _, mode := range poolerModes {
		t.Run(mode.name, func(t *testing.T) {
			url := pooled(t, at)
			if err := postgres.New(openPooled(t, "pgx", url, "default_query_exec_mode=exec")).Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			db := openPooled(t, mode.driver, url, mode.setting)
			findings, err := postgres.New(db).Check(ctx)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Contains(codes(findings), "pooler-statements")
			if found == mode.safe {
				t.Errorf("found %+v", findings)
			}
			if found && (len(findings) != 1 || !strings.Contains(findings[0].Mend, "default_query_exec_mode=exec") || !strings.Contains(findings[0].Mend, "binary_parameters=yes")) {
				t.Errorf("the finding does not name the cure: %+v", findings)
			}
		})
	}
}

// The host's log and the command show the text of the error.
func TestAStatementThatAPoolerLosesSaysWhatToAddToTheURL(t *testing.T) {
	ctx := context.Background()
	at := pgtest.Bouncer(t, pgtest.Open(t))
	for _, mode := range poolerModes {
		if mode.safe {
			continue
		}
		t.Run(mode.name, func(t *testing.T) {
			url := pooled(t, at)
			if err := postgres.New(openPooled(t, "pgx", url, "default_query_exec_mode=exec")).Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			s := postgres.New(openPooled(t, mode.driver, url, mode.setting))
			// Each client runs another mixture of statements, so that the connections
			// of the pooler differ.
			errs := make([][]error, many)
			var group sync.WaitGroup
			for client := range errs {
				group.Go(func() {
					for i := range 40 {
						errs[client] = append(errs[client], s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
							return errors.Join(tx.CreateUser(ctx, someUser(client*100+i)), tx.CreateSession(ctx, someSession(client*100+i)))
						}))
						_, err := s.User(ctx, "", someUser(client*100+i).ID)
						errs[client] = append(errs[client], err)
					}
				})
			}
			group.Wait()
			var lost error
			for _, err := range slices.Concat(errs...) {
				if lost = err; errors.Is(lost, store.ErrPooler) {
					break
				}
			}
			if !errors.Is(lost, store.ErrPooler) || !strings.Contains(lost.Error(), "a pooler in front of the database") ||
				!strings.Contains(lost.Error(), "default_query_exec_mode=exec") || strings.Count(lost.Error(), "binary_parameters=yes") != 1 {
				t.Errorf("the error was %v", lost)
			}
		})
	}
}

// TestPgBouncerInTransactionModeWithEightClients is what was reported: of 48
// sign-ups 42 failed.
func TestPgBouncerInTransactionModeWithEightClients(t *testing.T) {
	ctx := context.Background()
	at := pgtest.Bouncer(t, pgtest.Open(t))
	for _, mode := range poolerModes {
		if !mode.safe {
			continue
		}
		t.Run(mode.name, func(t *testing.T) {
			s := sqlstore.New(openPooled(t, mode.driver, pooled(t, at), mode.setting), sqlstore.Postgres, sqlstore.Options{})
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			errs := make([]error, 48)
			var group sync.WaitGroup
			for client := range 8 {
				group.Go(func() {
					for i := client; i < len(errs); i += 8 {
						errs[i] = s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
							return errors.Join(tx.CreateUser(ctx, someUser(i)), tx.CreateSession(ctx, someSession(i)))
						})
					}
				})
			}
			group.Wait()
			if err := errors.Join(errs...); err != nil {
				t.Error(err)
			}
		})
	}
}
