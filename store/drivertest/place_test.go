package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// eachPostgres runs a test on each driver of PostgreSQL, in a database of its own.
func eachPostgres(t *testing.T, run func(t *testing.T, d database)) {
	for _, d := range databases() {
		if d.dialect == sqlstore.Postgres {
			t.Run(d.name, func(t *testing.T) { run(t, d) })
		}
	}
}

// TestTablesAreLookedForAndMadeInTheFirstSchemaOfThePath plays every order of
// calls on an application whose path leads on to the tables of another.
func TestTablesAreLookedForAndMadeInTheFirstSchemaOfThePath(t *testing.T) {
	ctx := context.Background()
	eachPostgres(t, func(t *testing.T, d database) {
		public := pgtest.Open(t)
		admin := d.connect(t, public)
		other := d.store(admin)
		if err := other.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if err := other.CreateUser(ctx, someUser(1)); err != nil {
			t.Fatal(err)
		}
		calls := map[string]func(s migrated) error{
			"verb": func(s migrated) error {
				if err := s.CreateUser(ctx, someUser(2)); err == nil || !strings.Contains(err.Error(), "Migrate") {
					return fmt.Errorf("a verb before Migrate gave %w", err)
				}
				return nil
			},
			"read": func(s migrated) error {
				if _, err := s.User(ctx, "", userID(1)); err == nil || !strings.Contains(err.Error(), "Migrate") {
					return fmt.Errorf("a read before Migrate gave %w", err)
				}
				return nil
			},
			"transaction": func(s migrated) error {
				err := s.Tx(ctx, func(ctx context.Context, tx store.Store) error { return tx.CreateUser(ctx, someUser(2)) })
				if err == nil || !strings.Contains(err.Error(), "Migrate") {
					return fmt.Errorf("a transaction before Migrate gave %w", err)
				}
				return nil
			},
			"pending": func(s migrated) error {
				if pending, err := s.Pending(ctx); err != nil || len(pending) == 0 {
					return fmt.Errorf("pending are %q, %w", pending, err)
				}
				return nil
			},
			"check": func(s migrated) error {
				if findings, err := s.Check(ctx); err != nil || !strings.Contains(codes(findings), "schema-pending") {
					return fmt.Errorf("found %v, %w", findings, err)
				}
				return nil
			},
		}
		n := 0
		for first, call := range calls {
			for second, then := range calls {
				n++
				schema := fmt.Sprintf("tenant_%d", n)
				if _, err := admin.Exec("CREATE SCHEMA " + schema); err != nil {
					t.Fatal(err)
				}
				db := d.connect(t, public+"&search_path="+schema+",public")
				s := d.store(db)
				if err := errors.Join(call(s), then(s), s.Migrate(ctx)); err != nil {
					t.Fatalf("%s, %s: %v", first, second, err)
				}
				if pending, err := s.Pending(ctx); err != nil || len(pending) > 0 {
					t.Errorf("%s, %s: pending are %q, %v", first, second, pending, err)
				}
				if err := s.CreateUser(ctx, someUser(1)); err != nil {
					t.Errorf("%s, %s: %v", first, second, err)
				}
				var there, here int
				const count = "SELECT count(*) FROM pg_tables WHERE tablename LIKE 'admit%' AND schemaname = "
				if err := errors.Join(admin.QueryRow(count+"'"+schema+"'").Scan(&here), admin.QueryRow(count+"'public'").Scan(&there)); err != nil {
					t.Fatal(err)
				}
				if here != there || here < 10 {
					t.Errorf("%s, %s: %d tables are in the schema, %d in public", first, second, here, there)
				}
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
		}
		var users int
		if err := admin.QueryRow("SELECT count(*) FROM public.admit_users").Scan(&users); err != nil || users != 1 {
			t.Errorf("the other application has %d accounts, %v", users, err)
		}
		// A host's transaction with a path of its own is asked by itself.
		if _, err := admin.Exec("CREATE SCHEMA empty"); err != nil {
			t.Fatal(err)
		}
		hostTx(t, d, admin, func(tx *sql.Tx) {
			if _, err := tx.Exec("SET LOCAL search_path = empty, public"); err != nil {
				t.Fatal(err)
			}
			if err := other.WithTx(tx).CreateUser(ctx, someUser(3)); err == nil || !strings.Contains(err.Error(), "Migrate") {
				t.Errorf("a verb in another schema gave %v", err)
			}
		})
	})
}

// withRole makes a role without rights and gives it those named; it returns the
// source with which it connects.
func withRole(t *testing.T, d database, source string, rights ...string) string {
	t.Helper()
	name := "admit_test_" + strings.ToLower(t.Name()[strings.LastIndexAny(t.Name(), "/")+1:])
	admin := d.connect(t, source)
	drop := func() {
		if _, err := admin.Exec("DROP OWNED BY " + name); err == nil {
			_, _ = admin.Exec("DROP ROLE " + name)
		}
	}
	drop()
	if _, err := admin.Exec("CREATE ROLE " + name + " LOGIN"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(drop)
	for _, right := range rights {
		if _, err := admin.Exec(right + " TO " + name); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Replace(source, "//postgres@", "//"+name+"@", 1)
}

func TestMigrateWithNothingPendingNeedsNoRightToCreate(t *testing.T) {
	ctx := context.Background()
	eachPostgres(t, func(t *testing.T, d database) {
		source := pgtest.Open(t)
		if err := d.store(d.connect(t, source)).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		s := d.store(d.connect(t, withRole(t, d, source, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public")))
		if err := s.Migrate(ctx); err != nil {
			t.Errorf("with nothing pending: %v", err)
		}
		if err := s.CreateUser(ctx, someUser(1)); err != nil {
			t.Error(err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Errorf("once more: %v", err)
		}
	})
}

func TestMigrateSaysWhichRightIsMissingForWhichStep(t *testing.T) {
	ctx := context.Background()
	eachPostgres(t, func(t *testing.T, d database) {
		source := pgtest.Open(t)
		says := func(err error, words ...string) {
			t.Helper()
			for _, word := range words {
				if err == nil || !strings.Contains(err.Error(), word) {
					t.Errorf("got %v, which should say %q", err, word)
				}
			}
		}
		mine := withRole(t, d, source)
		says(d.store(d.connect(t, mine)).Migrate(ctx), "0001_init", "CREATE on the schema public", "admit_test_")
		if pending, err := d.store(d.connect(t, mine)).Pending(ctx); err != nil || len(pending) == 0 {
			t.Errorf("pending are %q, %v", pending, err)
		}
		owner := d.connect(t, source)
		if err := d.engine(t, owner, released).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		mine = withRole(t, d, source, "GRANT SELECT, INSERT ON admit_migrations")
		says(d.engine(t, d.connect(t, mine), released+1).Migrate(ctx), "_greetings", "CREATE on the schema public")
		mine = withRole(t, d, source, "GRANT SELECT, INSERT ON admit_migrations", "GRANT CREATE ON SCHEMA public")
		changing := texts(t, steps(t, d.dialect, released+1))
		changing[fmt.Sprintf("%04d_greetings.sql", released+1)] = "ALTER TABLE admit_users ADD COLUMN more TEXT;"
		s := sqlstore.New(d.connect(t, mine), d.dialect, sqlstore.Options{Steps: stepsOf(order{Steps: changing})})
		says(s.Migrate(ctx), "_greetings", "of the role postgres", "migrate as postgres")
	})
}
