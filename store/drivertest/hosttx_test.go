package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// hostTx runs fn in a transaction of the host, beside a table of the host's.
func hostTx(t *testing.T, d database, db *sql.DB, fn func(tx *sql.Tx)) {
	t.Helper()
	if _, err := db.Exec("CREATE TABLE IF NOT EXISTS tenants (name VARCHAR(20) PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			t.Error(err)
		}
	}()
	fn(tx)
}

func addTenant(t *testing.T, tx *sql.Tx, name string) {
	t.Helper()
	if _, err := tx.Exec("INSERT INTO tenants (name) VALUES ('" + name + "')"); err != nil {
		t.Fatalf("the host's own statement: %v", err)
	}
}

func countTenants(t *testing.T, db *sql.DB) (n int) {
	t.Helper()
	if err := db.QueryRow("SELECT count(*) FROM tenants").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestWithTxCommitsAndVanishesWithTheHostsRows(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		s, db := d.openDB(t)
		hostTx(t, d, db, func(tx *sql.Tx) {
			addTenant(t, tx, "kept")
			if err := s.WithTx(tx).CreateUser(ctx, someUser(1)); err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := s.WithTx(tx).CreateUser(ctx, someUser(3)); !errors.Is(err, sql.ErrTxDone) {
				t.Errorf("after the commit: %v", err)
			}
		})
		hostTx(t, d, db, func(tx *sql.Tx) {
			addTenant(t, tx, "undone")
			if err := s.WithTx(tx).CreateUser(ctx, someUser(2)); err != nil {
				t.Fatal(err)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		})
		if n := countTenants(t, db); n != 1 {
			t.Errorf("%d of the host's rows remain, should be 1", n)
		}
		if _, err := s.User(ctx, "", userID(1)); err != nil {
			t.Errorf("the account that was committed: %v", err)
		}
		if _, err := s.User(ctx, "", userID(2)); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("the account that was rolled back: %v", err)
		}
	})
}

func TestARefusalLeavesTheHostsTransactionUsable(t *testing.T) {
	ctx := context.Background()
	errOwn := errors.New("the host's own")
	eachDatabase(t, func(t *testing.T, d database) {
		s, db := d.openDB(t)
		fill(t, s, 0, 2)
		full := store.Counter{Key: "full", Limit: 1, Window: time.Hour}
		if _, err := s.Hit(ctx, epoch, full); err != nil {
			t.Fatal(err)
		}
		hostTx(t, d, db, func(tx *sql.Tx) {
			ours := s.WithTx(tx)
			// An account of another id with the address of the first.
			twin := someUser(0)
			twin.ID = userID(7)
			for name, refused := range map[string]struct {
				err, want error
			}{
				"an address that is taken": {ours.CreateUser(ctx, twin), store.ErrConflict},
				"an id that exists":        {ours.CreateSession(ctx, someSession(0)), store.ErrConflict},
				"an account that is not there": {func() error {
					_, err := ours.LockUser(ctx, "", "nobody")
					return err
				}(), store.ErrNotFound},
				"an old version": {ours.UpdateUser(ctx, someUser(0)), store.ErrConflict},
				"an address of another account": {ours.ClaimEmail(ctx, store.EmailClaim{
					UserID: userID(0), FromKey: someUser(0).EmailKey, EmailKey: someUser(1).EmailKey, Now: epoch,
				}), store.ErrConflict},
				"text that cannot be": {ours.DeletePassword(ctx, "", "\x00"), store.ErrInvalidText},
				"a transaction within": {ours.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return errors.Join(tx.DeletePassword(ctx, "", userID(0)), tx.CreateUser(ctx, someUser(8)), errOwn)
				}), errOwn},
			} {
				if !errors.Is(refused.err, refused.want) {
					t.Errorf("%s: %v", name, refused.err)
				}
			}
			other := store.Counter{Key: "other", Limit: 5, Window: time.Hour}
			if counted, err := ours.Hit(ctx, epoch, other, full); err != nil || counted.OK || counted.Full != 1 {
				t.Errorf("a full counter: %+v, %v", counted, err)
			}
			if ok, err := ours.SwapPassword(ctx, "old", store.Password{UserID: userID(0)}); err != nil || ok {
				t.Errorf("a password that is another: %v, %v", ok, err)
			}
			addTenant(t, tx, "still")
			if err := ours.CreateUser(ctx, someUser(9)); err != nil {
				t.Errorf("a verb after the refusals: %v", err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		})
		if n := countTenants(t, db); n != 1 {
			t.Errorf("%d of the host's rows remain, should be 1", n)
		}
		for i, want := range map[int]error{0: nil, 7: store.ErrNotFound, 8: store.ErrNotFound, 9: nil} {
			if _, err := s.User(ctx, "", userID(i)); !errors.Is(err, want) {
				t.Errorf("account %d: %v, should be %v", i, err, want)
			}
		}
		var hits int
		if err := db.QueryRow("SELECT count(*) FROM admit_counters WHERE key = 'other'").Scan(&hits); err != nil || hits != 0 {
			t.Errorf("the counter beside the full one was raised: %d, %v", hits, err)
		}
	})
}

func TestLockUserInTheHostsTransactionHoldsOthersUp(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.conns == 1 {
			return
		}
		_, db := d.openDB(t)
		hasty := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 100 * time.Millisecond})
		s := sqlstore.New(db, d.dialect, sqlstore.Options{Timeout: 2 * time.Minute})
		fill(t, s, 0, 1)
		change := func(s store.Store) error {
			u := someUser(0)
			u.Version, u.Name = 1, "Another"
			return s.UpdateUser(ctx, u)
		}
		hostTx(t, d, db, func(tx *sql.Tx) {
			if _, err := s.WithTx(tx).LockUser(ctx, "", userID(0)); err != nil {
				t.Fatal(err)
			}
			if err := change(hasty); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the account was changed beside the lock: %v", err)
			}
		})
		// A PostgreSQL server may learn too late that the first change was given
		// up. Then it is made as soon as the lock is free, and the second is late.
		if err := change(s); err != nil && !errors.Is(err, store.ErrConflict) {
			t.Errorf("after the host's transaction: %v", err)
		}
		if u, err := s.User(ctx, "", userID(0)); err != nil || u.Name != "Another" || u.Version != 2 {
			t.Errorf("the account is %+v, %v", u, err)
		}
	})
}

func TestWithTxOfNothingFails(t *testing.T) {
	eachDatabase(t, func(t *testing.T, d database) {
		s := d.store(d.connect(t, d.source(t))).WithTx(nil)
		if _, err := s.User(context.Background(), "", "u"); err == nil || errors.Is(err, store.ErrNotFound) {
			t.Errorf("a verb gave %v", err)
		}
		if err := s.Tx(context.Background(), func(context.Context, store.Store) error { return nil }); err == nil {
			t.Error("a transaction in no transaction was begun")
		}
	})
}
