package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// released is how many steps the schema has.
const released = 11

// later are steps as a later release would add them.
var later = fstest.MapFS{
	"0012_greetings.sql": {Data: []byte(`CREATE TABLE admit_greetings (id BIGINT PRIMARY KEY, text VARCHAR(10) NOT NULL);
		INSERT INTO admit_greetings (id, text) VALUES (1, 'hello');`)},
	"0013_more.sql": {Data: []byte(`INSERT INTO admit_greetings (id, text) VALUES (2, 'good day');
		CREATE INDEX admit_greetings_text ON admit_greetings (text);`)},
}

// steps are the schema's own migrations and the later ones up to a version.
func steps(t testing.TB, d sqlstore.Dialect, version int) fs.FS {
	t.Helper()
	own := sqlstore.New(nil, d, sqlstore.Options{}).Migrations()
	all := fstest.MapFS{}
	for _, files := range []fs.FS{own, later} {
		names, err := fs.Glob(files, "*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if len(all) == version {
				break
			}
			text, err := fs.ReadFile(files, name)
			if err != nil {
				t.Fatal(err)
			}
			all[name] = &fstest.MapFile{Data: text}
		}
	}
	if len(all) != version {
		t.Fatalf("there are %d steps, %d are wanted", len(all), version)
	}
	return all
}

// engine is a store that knows the steps up to a version.
func (d database) engine(t testing.TB, db *sql.DB, version int) *sqlstore.Store {
	t.Helper()
	return sqlstore.New(db, d.dialect, sqlstore.Options{Steps: steps(t, d.dialect, version)})
}

// greetings answers what the later steps have left.
func greetings(t *testing.T, db *sql.DB) int {
	t.Helper()
	var n int
	if err := db.QueryRow("SELECT count(*) FROM admit_greetings").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMigrateAppliesWhatIsPendingOnce(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		for _, at := range []struct {
			version int
			pending string
		}{{released, "0001_init 0002_records 0003_answers 0004_factors 0005_users 0006_identities 0007_keys 0008_people 0009_organizations 0010_farewell 0011_audit"}, {released, ""}, {released + 2, "0012_greetings 0013_more"}, {released + 2, ""}} {
			s := d.engine(t, db, at.version)
			if pending, err := s.Pending(ctx); err != nil || strings.Join(pending, " ") != at.pending {
				t.Errorf("pending are %q, %v; should be %q", pending, err, at.pending)
			}
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
		}
		if n := greetings(t, db); n != 2 {
			t.Errorf("%d rows are there, should be 2", n)
		}
		if err := d.engine(t, db, released+2).Ping(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestMigrateRefusesASchemaThatItDoesNotKnow(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		if err := d.engine(t, db, released+2).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		older := d.engine(t, db, released+1)
		if err := older.Migrate(ctx); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("migrating gave %v, should be store.ErrNewerSchema", err)
		}
		if _, err := older.Pending(ctx); !errors.Is(err, store.ErrNewerSchema) {
			t.Errorf("Pending gave %v, should be store.ErrNewerSchema", err)
		}
		if findings, err := older.Check(ctx); err != nil || len(findings) == 0 || findings[0].Code != "schema-newer" {
			t.Errorf("Check found %v, %v; should find schema-newer", findings, err)
		}

		if _, err := db.Exec("UPDATE admit_migrations SET checksum = 'another' WHERE name = '0012_greetings'"); err != nil {
			t.Fatal(err)
		}
		if err := d.engine(t, db, released+2).Migrate(ctx); err == nil || !strings.Contains(err.Error(), "0012_greetings") {
			t.Errorf("a step of another text gave %v, which should name 0012_greetings", err)
		}
	})
}

func TestMigrateUndoesAStepThatFails(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		broken := steps(t, d.dialect, released+1).(fstest.MapFS)
		good := broken["0012_greetings.sql"].Data
		broken["0012_greetings.sql"] = &fstest.MapFile{Data: append(slices.Clip(good), "INSERT INTO admit_nowhere VALUES (1);"...)}
		if err := sqlstore.New(db, d.dialect, sqlstore.Options{Steps: broken}).Migrate(ctx); err == nil {
			t.Fatal("a broken step was applied")
		}
		s := d.engine(t, db, released+1)
		if pending, err := s.Pending(ctx); err != nil || strings.Join(pending, " ") != "0012_greetings" {
			t.Errorf("pending are %q, %v", pending, err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if n := greetings(t, db); n != 1 {
			t.Errorf("%d rows are there, should be 1", n)
		}
	})
}

func TestPrefixNamesEveryTable(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		var stores []store.Store
		for _, prefix := range []string{"", "one_", "two_"} {
			s := sqlstore.New(db, d.dialect, sqlstore.Options{Prefix: prefix})
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			stores = append(stores, s)
		}
		for _, s := range stores {
			if err := s.CreateUser(ctx, someUser(1)); err != nil {
				t.Errorf("another prefix's records are in the way: %v", err)
			}
		}
		for _, prefix := range []string{"1", "A_", "a b", "x;", strings.Repeat("a", 32)} {
			if err := sqlstore.New(db, d.dialect, sqlstore.Options{Prefix: prefix}).Ping(ctx); err == nil {
				t.Errorf("the prefix %q was taken", prefix)
			}
		}
	})
}

// migrating is one of several processes that start at the same time.
func migrating(ctx context.Context, db *sql.DB, o order, turn func() bool) (any, error) {
	s := sqlstore.New(db, o.Dialect, sqlstore.Options{Steps: stepsOf(o)})
	turn()
	return true, s.Migrate(ctx)
}

func stepsOf(o order) fs.FS {
	files := fstest.MapFS{}
	for name, text := range o.Steps {
		files[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return files
}

// texts makes steps fit for an order.
func texts(t testing.TB, files fs.FS) map[string]string {
	t.Helper()
	given := map[string]string{}
	for name, file := range files.(fstest.MapFS) {
		given[name] = string(file.Data)
	}
	return given
}

func TestAC213_FourProcessesMigrateAtOnce(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		for _, from := range []int{0, 1, released} {
			t.Run(fmt.Sprintf("from version %d", from), func(t *testing.T) {
				source := d.source(t)
				db := d.connect(t, source)
				if from > 0 {
					if err := d.engine(t, db, from).Migrate(ctx); err != nil {
						t.Fatal(err)
					}
				}
				var started []*process
				for range 4 {
					started = append(started, d.another(t, source, order{Role: "migrate", Steps: texts(t, steps(t, d.dialect, released+2)), Workers: d.conns}))
				}
				for _, p := range started {
					p.goOn(t)
				}
				for _, p := range started {
					var done bool
					if err := p.result(&done); err != nil {
						t.Error(err)
					}
				}
				if pending, err := d.engine(t, db, released+2).Pending(ctx); err != nil || len(pending) > 0 {
					t.Errorf("pending are %q, %v", pending, err)
				}
				if n := greetings(t, db); n != 2 {
					t.Errorf("%d rows are there, should be 2", n)
				}
			})
		}
	})
}

// slow is a statement that runs for a long time in the midst of a step.
func slow(d sqlstore.Dialect) string {
	if d == sqlstore.Postgres {
		// The server notices that its client is gone only after the statement.
		return "SELECT pg_sleep(2);"
	}
	return "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000000) INSERT INTO admit_greetings SELECT i, 'x' FROM n WHERE i < 0;"
}

func TestAC213_AProcessKilledInTheMiddleOfAMigrationLeavesNothingHalf(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		source := d.source(t)
		db := d.connect(t, source)
		if err := d.engine(t, db, released).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		fill(t, d.engine(t, db, released), 0, 10)
		given := texts(t, steps(t, d.dialect, released+1))
		given["0012_greetings.sql"] += slow(d.dialect)
		killed := d.another(t, source, order{Role: "migrate", Steps: given, Workers: 1})
		killed.goOn(t)
		eventually(t, "the process is in the middle of the step", func() bool { return d.migrationRuns(t, db) })
		if err := killed.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		s := d.engine(t, db, released+2)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		if n := greetings(t, db); n != 2 {
			t.Errorf("%d rows are there, should be 2", n)
		}
		if _, err := s.User(ctx, "", userID(9)); err != nil {
			t.Errorf("a record from before: %v", err)
		}
	})
}

// migrationRuns answers whether another process is writing.
func (d database) migrationRuns(t *testing.T, db *sql.DB) (runs bool) {
	t.Helper()
	if d.dialect == sqlstore.Postgres {
		err := db.QueryRow(`SELECT EXISTS (SELECT 1 FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%')`).Scan(&runs)
		if err != nil {
			t.Fatal(err)
		}
		return runs
	}
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Not to wait, so that the connection is free at once.
	if _, err := c.ExecContext(context.Background(), "PRAGMA busy_timeout = 0"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.ExecContext(context.Background(), "PRAGMA busy_timeout = 2000"); err != nil {
			t.Error(err)
		}
	}()
	if _, err := c.ExecContext(context.Background(), "BEGIN IMMEDIATE"); err != nil {
		return true
	}
	if _, err := c.ExecContext(context.Background(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	return false
}

func TestAVerbOnAnEmptyDatabaseSaysWhatIsMissing(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.store(d.connect(t, d.source(t)))
		_, read := s.User(ctx, "", "u")
		for _, err := range []error{read, s.CreateUser(ctx, someUser(1)), s.DeletePassword(ctx, "", "u"), s.Ping(ctx)} {
			if err == nil || errors.Is(err, store.ErrNotFound) || !strings.Contains(err.Error(), "Migrate") {
				t.Errorf("got %v, which should name Migrate", err)
			}
		}
	})
}
