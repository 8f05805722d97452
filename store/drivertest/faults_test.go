package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// flow is something that changes records and must take effect once, wherever
// the database says that it is busy.
type flow struct {
	name string
	run  func(ctx context.Context, s store.Store) error
}

var errRefused = errors.New("the store refused")

// done makes an error of a refusal.
func done(ok bool, err error) error {
	if err == nil && !ok {
		return errRefused
	}
	return err
}

// flows start from the accounts and sessions 0 to 2.
func flows() []flow {
	later := epoch.Add(time.Hour)
	counters := []store.Counter{{Key: "a", Limit: 1, Window: time.Hour}, {Key: "b", Limit: 1, Window: time.Hour}}
	return []flow{
		{"CreateUser", func(ctx context.Context, s store.Store) error { return s.CreateUser(ctx, someUser(9)) }},
		{"UpdateUser", func(ctx context.Context, s store.Store) error {
			u := someUser(0)
			u.Version, u.Name = 1, "Another"
			return s.UpdateUser(ctx, u)
		}},
		{"ClaimEmail", func(ctx context.Context, s store.Store) error {
			return s.ClaimEmail(ctx, store.EmailClaim{
				UserID: userID(0), FromKey: someUser(0).EmailKey, Email: "New@example.com", EmailKey: "new@example.com", ReserveUntil: later, Now: epoch,
			})
		}},
		{"DeleteUser", func(ctx context.Context, s store.Store) error {
			return done(s.DeleteUser(ctx, "", userID(0), epoch, later))
		}},
		{"RestoreUser", func(ctx context.Context, s store.Store) error {
			if err := done(s.DeleteUser(ctx, "", userID(1), epoch, time.Time{})); err != nil {
				return err
			}
			return s.RestoreUser(ctx, "", userID(1), later)
		}},
		{"PurgeUser", func(ctx context.Context, s store.Store) error {
			if err := done(s.DeleteUser(ctx, "", userID(0), epoch, later)); err != nil {
				return err
			}
			return done(s.PurgeUser(ctx, store.UserPurge{UserID: userID(0), Now: epoch}))
		}},
		{"RotateSession", func(ctx context.Context, s store.Store) error {
			return done(s.RotateSession(ctx, store.Rotation{
				ID: sessionID(0), Generation: 1, SecretHash: secretHash(0, 1), NextHash: secretHash(0, 2), Now: epoch, ExpiresAt: later,
			}))
		}},
		{"EndSessions", func(ctx context.Context, s store.Store) error {
			n, err := s.EndSessions(ctx, store.SessionEnd{UserID: userID(0), At: epoch, Reason: "r"})
			return done(n == 1, err)
		}},
		{"CreateToken, ConsumeToken", func(ctx context.Context, s store.Store) error {
			if err := s.CreateToken(ctx, store.Token{Kind: "k", Hash: []byte("h"), CreatedAt: epoch, ExpiresAt: later}); err != nil {
				return err
			}
			_, ok, err := s.ConsumeToken(ctx, "", "k", []byte("h"), epoch)
			return done(ok, err)
		}},
		{"DeleteTokens", func(ctx context.Context, s store.Store) error {
			n, err := s.DeleteTokens(ctx, store.TokenFilter{UserID: userID(0), EmailKey: "e"})
			return done(n == 0, err)
		}},
		{"Hit", func(ctx context.Context, s store.Store) error {
			counted, err := s.Hit(ctx, epoch, counters...)
			return done(counted.OK, err)
		}},
		{"AddMail, ClaimMail", func(ctx context.Context, s store.Store) error {
			if err := s.AddMail(ctx, store.Mail{ID: "m", CreatedAt: epoch, NextAt: epoch}); err != nil {
				return err
			}
			claimed, err := s.ClaimMail(ctx, "", store.QueueMail, "w", epoch, later, 5)
			return done(len(claimed) == 1 && claimed[0].Tries == 1, err)
		}},
		{"CreateRecord, SwapRecord, DeleteRecord", func(ctx context.Context, s store.Store) error {
			r := store.Record{Kind: "k", ID: "r", Keys: []string{"a", "b"}, Refs: []string{"a"}, CreatedAt: epoch, Version: 1}
			if err := s.CreateRecord(ctx, r); err != nil {
				return err
			}
			r.Keys, r.Refs = []string{"b", "c"}, []string{"b"}
			if err := done(s.SwapRecord(ctx, r)); err != nil {
				return err
			}
			r.ID, r.Keys = "gone", []string{"d"}
			if err := s.CreateRecord(ctx, r); err != nil {
				return err
			}
			return done(s.DeleteRecord(ctx, "", "k", "gone"))
		}},
		{"Sweep", func(ctx context.Context, s store.Store) error {
			n, err := s.Sweep(ctx, epoch.AddDate(1, 0, 0), 2)
			return done(n == 2, err)
		}},
		{"Tx", func(ctx context.Context, s store.Store) error {
			return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
				if _, err := tx.LockUser(ctx, "", userID(1)); err != nil {
					return err
				}
				if err := tx.PutPassword(ctx, store.Password{UserID: userID(1), Hash: "h", ChangedAt: epoch}); err != nil {
					return err
				}
				if err := tx.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return tx.AppendEvent(ctx, store.Event{ID: "e", Kind: "k", At: epoch})
				}); err != nil {
					return err
				}
				n := someSession(1)
				n.ID = "another"
				return tx.CreateSession(ctx, n)
			})
		}},
	}
}

// dump is every record as text.
func dump(t *testing.T, db *sql.DB) string {
	t.Helper()
	var b strings.Builder
	for _, table := range tables {
		rows, err := db.Query("SELECT * FROM admit_" + table + " ORDER BY 1, 2, 3")
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values, fields := make([]any, len(columns)), make([]any, len(columns))
			for i := range fields {
				fields[i] = &values[i]
			}
			if err := rows.Scan(fields...); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, table, values)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

// empty removes every record.
func empty(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, table := range []string{"users", "addresses", "passwords", "sessions", "tokens", "record_keys", "record_refs", "records", "organizations", "members", "events", "counters", "outbox"} {
		if _, err := db.Exec("DELETE FROM admit_" + table); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAC203_ABusyDatabaseIsTriedAgainWithoutDoubleEffect(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		f := &faults{}
		source := d.source(t)
		plain := d.connect(t, source)
		if err := d.store(plain).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		s := d.store(d.connectFaulty(t, source, f))
		points := 0
		for _, flow := range flows() {
			// What the flow leaves when nothing fails.
			empty(t, plain)
			fill(t, s, 0, 3)
			if err := flow.run(ctx, s); err != nil {
				t.Fatalf("%s: %v", flow.name, err)
			}
			want := dump(t, plain)
			for name, injected := range d.busyErrors() {
				for k, failed := 1, true; failed; k++ {
					empty(t, plain)
					fill(t, s, 0, 3)
					calls := 0
					failed = false
					f.set(func(text string) error {
						if !touchesRecords(text) {
							return nil
						}
						if calls++; calls == k {
							failed = true
							return injected
						}
						return nil
					})
					err := flow.run(ctx, s)
					f.set(nil)
					if err != nil {
						t.Errorf("%s, %s at call %d: %v", flow.name, name, k, err)
					}
					if got := dump(t, plain); got != want {
						t.Errorf("%s, %s at call %d left\n%s\nshould be\n%s", flow.name, name, k, got, want)
					}
					if failed {
						points++
					}
				}
			}
		}
		t.Logf("%d points", points)
	})
}

func TestAC203_ADatabaseThatStaysBusyIsGivenUp(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		f := &faults{}
		source := d.source(t)
		plain := d.connect(t, source)
		if err := d.store(plain).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		s := sqlstore.New(d.connectFaulty(t, source, f), d.dialect, sqlstore.Options{Timeout: 50 * time.Millisecond})
		for _, flow := range flows() {
			empty(t, plain)
			fill(t, d.store(plain), 0, 3)
			before := dump(t, plain)
			for name, injected := range d.busyErrors() {
				var reached atomic.Bool
				f.set(func(text string) error {
					if touchesRecords(text) {
						reached.Store(true)
						return injected
					}
					return nil
				})
				// On a busy machine the time may be over before the first statement.
				var err error
				for !reached.Load() {
					err = flow.run(ctx, s)
				}
				f.set(nil)
				if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, injected) {
					t.Errorf("%s, %s for ever: %v", flow.name, name, err)
				}
				if after := dump(t, plain); after != before {
					t.Errorf("%s, %s for ever left\n%s\nshould be\n%s", flow.name, name, after, before)
				}
			}
		}
	})
}

func TestAnErrorThatIsNoBusyDatabaseIsNotTriedAgain(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		f := &faults{}
		source := d.source(t)
		plain := d.connect(t, source)
		if err := d.store(plain).Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		s := d.store(d.connectFaulty(t, source, f))
		broken := map[string]error{"disk": sqliteError(10), "connection": postgresError("08006"), "any": textError("broken")}
		for _, flow := range flows() {
			empty(t, plain)
			fill(t, d.store(plain), 0, 3)
			for name, injected := range broken {
				calls := 0
				f.set(func(text string) error {
					if touchesRecords(text) && text != "BEGIN" {
						calls++
						return injected
					}
					return nil
				})
				err := flow.run(ctx, s)
				f.set(nil)
				if !errors.Is(err, injected) || calls != 1 {
					t.Errorf("%s, %s: tried %d times, %v", flow.name, name, calls, err)
				}
			}
		}
	})
}

func TestADeadlockIsResolvedByTryingAgain(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.conns == 1 {
			return
		}
		s := d.open(t)
		fill(t, s, 0, 2)
		errs := make(chan error, 2)
		locked := [2]chan bool{make(chan bool, 100), make(chan bool, 100)}
		for _, order := range [][2]int{{0, 1}, {1, 0}} {
			go func() {
				errs <- s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					for _, i := range order {
						u, err := tx.LockUser(ctx, "", userID(i))
						if err != nil {
							return err
						}
						u.Name += "x"
						if err := tx.UpdateUser(ctx, u); err != nil {
							return err
						}
						// Where two can write at once, the other locks the other
						// account meanwhile; where not, it waits for this one.
						locked[order[0]] <- true
						select {
						case <-locked[order[1]]:
						case <-time.After(50 * time.Millisecond):
						}
					}
					return nil
				})
			}()
		}
		if err := errors.Join(<-errs, <-errs); err != nil {
			t.Fatal(err)
		}
		for i := range 2 {
			if u, err := s.User(ctx, "", userID(i)); err != nil || u.Name != someUser(i).Name+"xx" || u.Version != 3 {
				t.Errorf("account %d is %q, version %d, %v", i, u.Name, u.Version, err)
			}
		}
	})
}

func TestAServerThatIsSerializableByDefaultLetsNobodyFail(t *testing.T) {
	ctx := context.Background()
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.Postgres || d.conns == 1 {
			return
		}
		source := d.source(t) + "&default_transaction_isolation=serializable"
		s := d.store(d.connect(t, source))
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for n, c := range contests() {
			for i := range 3 {
				i += 100 * n
				if err := c.setUp(ctx, s, i); err != nil {
					t.Fatal(err)
				}
				if got, err := c.race(ctx, s, i, "mine"); err != nil || got < min(c.want, crossRacers) || got > c.want {
					t.Errorf("%s: got %d of %d, %v", c.name, got, c.want, err)
				}
			}
		}
	})
}
