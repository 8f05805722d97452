package drivertest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

func TestOnlyBudgetsAreCommittedWithoutWaitingForTheDisk(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite {
			return
		}
		d.durable = true
		for _, journal := range []string{"WAL", "DELETE"} {
			f := &faults{}
			db := d.connectFaulty(t, d.source(t), f)
			db.SetMaxOpenConns(1) // so that its setting can be looked at
			s := d.store(db)
			if err := s.Migrate(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec("PRAGMA journal_mode = " + journal); err != nil {
				t.Fatal(err)
			}
			fill(t, s, 0, 1)
			counter := store.Counter{Key: "k", Limit: 9, Window: time.Hour}
			for name, write := range map[string]struct {
				run  func() error
				soft bool
			}{
				"Hit":           {func() error { _, err := s.Hit(ctx, epoch, counter); return err }, journal == "WAL"},
				"Unhit":         {func() error { return s.Unhit(ctx, "", "k") }, journal == "WAL"},
				"ClearCounters": {func() error { return s.ClearCounters(ctx, "", "k") }, journal == "WAL"},
				"EndSessions": {func() error {
					_, err := s.EndSessions(ctx, store.SessionEnd{UserID: userID(0), At: epoch, Reason: "r"})
					return err
				}, false},
				"Hit in a transaction": {func() error {
					return s.Tx(ctx, func(ctx context.Context, tx store.Store) error { _, err := tx.Hit(ctx, epoch, counter); return err })
				}, false},
			} {
				var told log
				f.set(told.note)
				err := write.run()
				f.set(nil)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				at := func(part string) int {
					return slices.IndexFunc(told.texts, func(text string) bool { return strings.Contains(text, part) })
				}
				off, commit, on := at("synchronous = NORMAL"), at("COMMIT"), at("synchronous = FULL")
				if soft := off >= 0 && off < commit && commit < on; soft != write.soft || !soft && off >= 0 {
					t.Errorf("%s with journal %s: %q", name, journal, told.texts)
				}
				var level int
				if err := db.QueryRow("PRAGMA synchronous").Scan(&level); err != nil || level != 2 {
					t.Errorf("%s left synchronous at %d, %v", name, level, err)
				}
			}
		}
	})
}

func TestAConnectionThatStaysSoftIsGivenUp(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite {
			return
		}
		d.durable = true
		f := &faults{}
		db := d.connectFaulty(t, d.source(t), f)
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		db.SetMaxOpenConns(1)
		f.set(func(text string) error {
			if strings.Contains(text, "synchronous = FULL") {
				return sqliteError(10)
			}
			return nil
		})
		if _, err := s.Hit(ctx, epoch, store.Counter{Key: "k", Limit: 9, Window: time.Hour}); err != nil {
			t.Error(err)
		}
		f.set(nil)
		var level int
		if err := db.QueryRow("PRAGMA synchronous").Scan(&level); err != nil || level != 2 {
			t.Errorf("the next connection has synchronous at %d, %v", level, err)
		}
	})
}
