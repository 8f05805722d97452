package drivertest

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// codes are the findings' codes, and the whole of them for messages.
func codes(findings []store.Finding) string {
	var all []string
	for _, f := range findings {
		all = append(all, f.Code)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func TestCheckFindsWhatAnOperatorShouldMend(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		source := d.source(t)
		finds := func(when, source string, idle int, want string) {
			t.Helper()
			db := d.connect(t, source)
			db.SetMaxIdleConns(idle)
			findings, err := d.store(db).Check(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if got := codes(findings); got != want {
				t.Errorf("%s: found %q, should find %q", when, got, want)
			}
			for _, f := range findings {
				if f.Message == "" || f.Mend == "" {
					t.Errorf("%s: %+v says too little", when, f)
				}
			}
		}
		// Tests do not wait for the disk, which is the first thing to be found.
		empty := "journal-not-wal schema-pending synchronous-off"
		if d.dialect == sqlstore.Postgres {
			empty = "schema-pending synchronous-off"
		}
		finds("an empty database", source, d.conns, empty)
		db := d.connect(t, source)
		if err := d.store(db).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		finds("a migrated one", source, d.conns, "synchronous-off")
		if d.conns > 1 {
			finds("a pool that keeps one connection", source, 1, "idle-connections synchronous-off")
		}
		if _, err := db.Exec("DROP INDEX admit_sessions_user"); err != nil {
			t.Fatal(err)
		}
		finds("a dropped index", source, d.conns, "index-missing synchronous-off")
	})
}

func TestCheckFindsNothingWhereAllIsWell(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		source := d.source(t)
		if err := d.store(d.connect(t, source)).Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.durable = true
		if findings, err := d.store(d.connect(t, source)).Check(context.Background()); err != nil || len(findings) > 0 {
			t.Errorf("found %+v, %v", findings, err)
		}
	})
}
