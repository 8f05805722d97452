package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// holdingLock keeps the write lock of an SQLite file until the second word.
func holdingLock(ctx context.Context, db *sql.DB, _ order, turn func() bool) (any, error) {
	c, err := db.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	turn()
	if _, err := c.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return nil, err
	}
	turn()
	_, err = c.ExecContext(ctx, "ROLLBACK")
	return true, err
}

func TestAC200_WritersWaitForTheLockOfAnotherProcessAndReadersDoNot(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite {
			return
		}
		source := d.source(t)
		db := d.connect(t, source)
		s := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 2 * time.Minute})
		hasty := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 100 * time.Millisecond})
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 0, 2)
		holder := d.another(t, source, order{Role: "hold the lock", Workers: 1})
		holder.goOn(t)
		holder.ready(t)

		if _, _, err := s.SessionUser(ctx, "", sessionID(0)); err != nil {
			t.Errorf("a reader failed: %v", err)
		}
		for what, write := range map[string]func(s store.Store) error{
			"a statement": func(s store.Store) error { return s.PutPassword(ctx, store.Password{UserID: userID(0), Hash: "h"}) },
			"a transaction": func(s store.Store) error {
				return s.Tx(ctx, func(ctx context.Context, tx store.Store) error { return tx.DeletePassword(ctx, "", userID(1)) })
			},
		} {
			// The driver itself waits for half a second before it says anything.
			begun := time.Now()
			if err := write(hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s under the other's lock: %v", what, err)
			}
			if waited := time.Since(begun); waited > time.Minute {
				t.Errorf("%s waited %v", what, waited)
			}
			written := make(chan error)
			go func() { written <- write(s) }()
			select {
			case err := <-written:
				t.Errorf("%s did not wait: %v", what, err)
			case <-time.After(50 * time.Millisecond):
			}
			defer func() {
				if err := <-written; err != nil {
					t.Errorf("%s after the lock was free: %v", what, err)
				}
			}()
		}
		var done bool
		holder.goOn(t)
		if err := holder.result(&done); err != nil {
			t.Error(err)
		}
	})
}

func TestAC198_NoVerbWaitsForeverForAConnection(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		db := d.connect(t, d.source(t))
		hasty := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 100 * time.Millisecond})
		patient := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 2 * time.Minute})
		if err := patient.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		verbs := map[string]func(context.Context, store.Store) error{
			"read":  func(ctx context.Context, s store.Store) error { _, err := s.User(ctx, "", "u"); return err },
			"write": func(ctx context.Context, s store.Store) error { return s.DeletePassword(ctx, "", "u") },
			"transaction": func(ctx context.Context, s store.Store) error {
				_, err := s.DeleteUser(ctx, "", "u", epoch, epoch)
				return err
			},
		}
		var held []*sql.Conn
		for range d.conns {
			c, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, c)
		}
		for name, verb := range verbs {
			if err := verb(ctx, hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s without a connection: %v", name, err)
			}
			cancelled, cancel := context.WithCancel(ctx)
			time.AfterFunc(10*time.Millisecond, cancel)
			if err := verb(cancelled, patient); !errors.Is(err, context.Canceled) {
				t.Errorf("%s given up while it waited: %v", name, err)
			}
		}
		for _, c := range held {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		for name, verb := range verbs {
			if err := verb(ctx, patient); err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%s with connections again: %v", name, err)
			}
		}
	})
}

func TestAWriterThatIsGivenUpLeavesTheQueue(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite {
			return
		}
		s := d.open(t)
		err := s.Tx(ctx, func(context.Context, store.Store) error {
			waiting, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
			defer cancel()
			if err := s.DeletePassword(waiting, "", "u"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a second writer: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.DeletePassword(ctx, "", "u"); err != nil {
			t.Error(err)
		}
	})
}

func TestWhoeverLostADeadlockTriesAgainAlone(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.Postgres || d.conns == 1 {
			return
		}
		s := d.open(t)
		const losers = 8
		var lost sync.WaitGroup
		lost.Add(losers)
		var trying, together atomic.Int32
		var group sync.WaitGroup
		for range losers {
			group.Go(func() {
				attempts := 0
				if err := s.Tx(ctx, func(context.Context, store.Store) error {
					if attempts++; attempts == 1 {
						lost.Done()
						lost.Wait()
						return postgresError("40P01")
					}
					if trying.Add(1) > 1 {
						together.Add(1)
					}
					<-time.After(5 * time.Millisecond)
					trying.Add(-1)
					return nil
				}); err != nil || attempts != 2 {
					t.Errorf("attempt %d ended with %v", attempts, err)
				}
			})
		}
		group.Wait()
		if n := together.Load(); n > 0 {
			t.Errorf("%d of %d losers met another on the way back", n, losers)
		}
	})
}

func TestCountersAreLockedInOneOrder(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.Postgres || d.conns == 1 {
			return
		}
		source := d.source(t)
		db := d.connect(t, source)
		s := d.store(db)
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		counters := make([]store.Counter, 6)
		keys := make([]string, len(counters))
		for i := range counters {
			keys[i] = string(rune('f' - i)) // the rows stand in the opposite order
			counters[i] = store.Counter{Key: keys[i], Limit: 1 << 40, Window: time.Hour}
			if _, err := s.Hit(ctx, epoch, counters[i]); err != nil {
				t.Fatal(err)
			}
		}
		var group sync.WaitGroup
		for racer := range 8 {
			group.Go(func() {
				for range 100 {
					var err error
					switch racer % 2 {
					case 0:
						_, err = s.Hit(ctx, epoch, counters...)
					case 1:
						err = s.Unhit(ctx, "", keys...)
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		group.Wait()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		pgtest.CheckDeadlocks(t, source)
	})
}

// readOnly makes a source that refuses to write.
func (d database) readOnly(source string) string {
	if d.dialect == sqlstore.Postgres {
		return source + "&default_transaction_read_only=on"
	}
	return source
}

func TestAC202_AReadOnlyDatabaseIsReadAndRefusesToWrite(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		source := d.source(t)
		writable := d.store(d.connect(t, source))
		if err := writable.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		fill(t, writable, 0, 1)
		db := d.connect(t, d.readOnly(source))
		if d.dialect == sqlstore.SQLite {
			db.SetMaxOpenConns(1)
			if _, err := db.Exec("PRAGMA query_only = 1"); err != nil {
				t.Fatal(err)
			}
		}
		s := d.store(db)
		if _, _, err := s.SessionUser(ctx, "", sessionID(0)); err != nil {
			t.Errorf("reading: %v", err)
		}
		n := someSession(1)
		if err := s.CreateSession(ctx, n); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("a session was created: %v", err)
		}
		if rotated, err := s.RotateSession(ctx, store.Rotation{ID: sessionID(0), Generation: 1, SecretHash: secretHash(0, 1)}); err == nil || rotated {
			t.Errorf("a session was rotated: %v, %v", rotated, err)
		}
		if d.driver == "postgres" {
			// lib/pq begins every transaction as one that may write.
			return
		}
		if err := s.CreateUser(ctx, someUser(1)); err == nil || errors.Is(err, store.ErrConflict) {
			t.Errorf("an account was created: %v", err)
		}
	})
}

func TestAC201_AFullDiskRefusesWritesAndLosesNothing(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite || d.conns > 1 {
			return
		}
		s, db := d.openDB(t)
		fill(t, s, 0, 50)
		// The file may not grow any more, as on a disk without space.
		if _, err := db.Exec("PRAGMA max_page_count = 1"); err != nil {
			t.Fatal(err)
		}
		added := 0
		for i := 1000; ; i++ {
			err := s.CreateUser(ctx, someUser(i))
			if err != nil {
				if errors.Is(err, store.ErrConflict) {
					t.Fatal(err)
				}
				break
			}
			added++
		}
		for i := range 1000 + added {
			if i < 50 || i >= 1000 {
				if _, err := s.User(ctx, "", userID(i)); err != nil {
					t.Fatalf("account %d was acknowledged: %v", i, err)
				}
			}
		}
		if _, err := s.User(ctx, "", userID(1000+added)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the account that was refused: %v", err)
		}
		if _, err := db.Exec("PRAGMA max_page_count = 1000000"); err != nil {
			t.Fatal(err)
		}
		if err := s.CreateUser(ctx, someUser(1000+added)); err != nil {
			t.Errorf("with space again: %v", err)
		}
		var integrity string
		if err := db.QueryRow("PRAGMA integrity_check").Scan(&integrity); err != nil || integrity != "ok" {
			t.Errorf("integrity_check says %q, %v", integrity, err)
		}
	})
}
