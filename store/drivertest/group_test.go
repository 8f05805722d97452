package drivertest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/sqlstore"
)

// queued counts the goroutines that wait for their first turn to write. A
// goroutine that runs has not joined the queue yet, so only its state tells.
func queued() (n int) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range strings.SplitSeq(string(stacks), "\n\n") {
		state, frames, _ := strings.Cut(stack, "\n")
		if strings.Contains(state, "[select") && strings.Contains(frames, "sqlstore.(*core).lockWriter(") {
			n++
		}
	}
	return n
}

// log notes what a driver is told.
type log struct {
	mu    sync.Mutex
	texts []string
}

func (l *log) note(text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
	return nil
}

func (l *log) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, text := range l.texts {
		if strings.Contains(text, part) {
			n++
		}
	}
	return n
}

// eachGroup runs a test on each driver of SQLite, over a driver that fails as
// told.
func eachGroup(t *testing.T, run func(t *testing.T, s store.Store, f *faults)) {
	eachDatabase(t, func(t *testing.T, d database) {
		if d.dialect != sqlstore.SQLite {
			return
		}
		f := &faults{}
		s := sqlstore.New(d.connectFaulty(t, d.source(t), f), d.dialect, sqlstore.Options{Timeout: 2 * time.Minute})
		if err := s.Migrate(context.Background()); err != nil {
			t.Fatal(err)
		}
		fill(t, s, 0, 1)
		run(t, s, f)
	})
}

// queue runs the writers so that all of them wait, in this order, while the
// first transaction runs. It returns what each gave.
func queue(t *testing.T, s store.Store, writers ...func() error) []error {
	t.Helper()
	ctx := context.Background()
	errs := make([]error, len(writers))
	var group sync.WaitGroup
	started := false
	err := s.Tx(ctx, func(context.Context, store.Store) error {
		if started { // lost with its group, and run again
			return nil
		}
		started = true
		before := queued()
		for i, write := range writers {
			group.Go(func() { errs[i] = write() })
			eventually(t, "a writer waits", func() bool { return queued() == before+i+1 })
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	group.Wait()
	return errs
}

func adding(ctx context.Context, s store.Store, i int) func() error {
	return func() error { return s.CreateUser(ctx, someUser(i)) }
}

func there(t *testing.T, s store.Store, i int, want bool) {
	t.Helper()
	_, err := s.User(context.Background(), "", userID(i))
	if want && err != nil || !want && !errors.Is(err, store.ErrNotFound) {
		t.Errorf("account %d should be there: %v; reading gave %v", i, want, err)
	}
}

func TestWritersThatWaitShareOneCommit(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		var told log
		f.set(told.note)
		writers := []func() error{func() error { return s.PutPassword(ctx, store.Password{UserID: userID(1), Hash: "h"}) }}
		for i := 1; i < 8; i++ {
			writers = append(writers, adding(ctx, s, i))
		}
		if err := errors.Join(queue(t, s, writers...)...); err != nil {
			t.Fatal(err)
		}
		for i := 1; i < 8; i++ {
			there(t, s, i, true)
		}
		// The transaction that they wait for has run when they are let in, so it
		// commits with them.
		if n := told.count("COMMIT"); n != 1 {
			t.Errorf("%d commits for 9 writers, should be 1", n)
		}
	})
}

func TestALoneWriterPaysForNoGroup(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		fill(t, s, 1, 2) // so that statements are prepared
		var told log
		f.set(told.note)
		if err := s.DeletePassword(ctx, "", userID(0)); err != nil {
			t.Fatal(err)
		}
		if len(told.texts) != 1 {
			t.Errorf("a statement alone was %q", told.texts)
		}
		told.texts = nil
		if err := s.CreateUser(ctx, someUser(2)); err != nil {
			t.Fatal(err)
		}
		if len(told.texts) != 5 || told.count("SAVEPOINT") != 0 {
			t.Errorf("a transaction of two statements alone was %q", told.texts)
		}
	})
}

func TestNobodyIsAcknowledgedBeforeTheSharedCommit(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		answered := make(chan string, 10)
		tell := func(name string, write func() error) func() error {
			return func() error {
				err := write()
				answered <- name
				return err
			}
		}
		f.set(func(text string) error {
			if text == "COMMIT" && len(answered) > 0 {
				t.Errorf("%s was answered before the commit", <-answered)
			}
			return nil
		})
		taken := someUser(1)
		taken.ID = userID(7)
		errs := queue(t, s,
			tell("one that adds", adding(ctx, s, 1)),
			tell("one that is refused", func() error { return s.CreateUser(ctx, taken) }),
			tell("a statement", func() error { return s.PutPassword(ctx, store.Password{UserID: userID(1), Hash: "h"}) }))
		if errs[0] != nil || !errors.Is(errs[1], store.ErrConflict) || errs[2] != nil {
			t.Errorf("got %v", errs)
		}
		there(t, s, 1, true)
		there(t, s, 7, false)
	})
}

func TestOneMemberOfAGroupDoesNotHarmAnother(t *testing.T) {
	ctx := context.Background()
	errOwn := errors.New("its own")
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		failing := func(i int, end func() error) func() error {
			return func() error {
				return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return errors.Join(tx.CreateUser(ctx, someUser(i)), end())
				})
			}
		}
		panicking := func() (err error) {
			defer func() { err = fmt.Errorf("panic: %v", recover()) }()
			return failing(4, func() error { panic("its own") })()
		}
		cancelled := func() error {
			ctx, cancel := context.WithCancel(ctx)
			return s.Tx(ctx, func(_ context.Context, tx store.Store) error {
				err := tx.CreateUser(ctx, someUser(5))
				cancel()
				return err
			})
		}
		leaving := func() error {
			ended := make(chan bool)
			go func() {
				defer close(ended)
				_ = failing(6, func() error { runtime.Goexit(); return nil })()
			}()
			<-ended
			return errOwn
		}
		nested := func() error {
			return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
				if err := tx.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return errors.Join(tx.CreateUser(ctx, someUser(8)), errOwn)
				}); !errors.Is(err, errOwn) {
					t.Errorf("the inner transaction gave %v", err)
				}
				return tx.CreateUser(ctx, someUser(9))
			})
		}
		errs := queue(t, s, adding(ctx, s, 1), failing(2, func() error { return errOwn }), adding(ctx, s, 3),
			panicking, cancelled, leaving, adding(ctx, s, 7), nested)
		wants := []error{nil, errOwn, nil, nil, context.Canceled, errOwn, nil, nil}
		for i, err := range errs {
			if i != 3 && !errors.Is(err, wants[i]) || i == 3 && err.Error() != "panic: its own" {
				t.Errorf("writer %d got %v", i, err)
			}
		}
		for i := 1; i < 10; i++ {
			there(t, s, i, slices.Contains([]int{1, 3, 7, 9}, i))
		}
		if err := s.CreateUser(ctx, someUser(20)); err != nil {
			t.Errorf("a writer afterwards: %v", err)
		}
	})
}

// TestAGroupThatIsLostIsWrittenAgainByEach has the database fail in ways that
// take the whole transaction with them.
func TestAGroupThatIsLostIsWrittenAgainByEach(t *testing.T) {
	ctx := context.Background()
	errOwn := errors.New("its own")
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		base := 0
		for _, at := range []string{"COMMIT", "ROLLBACK TO SAVEPOINT admit_member", "SAVEPOINT admit_member", "RELEASE SAVEPOINT admit_member"} {
			base += 10
			failed := false
			f.set(func(text string) error {
				if text != at || failed {
					return nil
				}
				failed = true
				return sqliteError(13)
			})
			refused := func() error {
				return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
					return errors.Join(tx.CreateUser(ctx, someUser(base+3)), errOwn)
				})
			}
			errs := queue(t, s, adding(ctx, s, base+1), adding(ctx, s, base+2), refused, adding(ctx, s, base+4))
			f.set(nil)
			if !failed {
				t.Errorf("%s was not run", at)
			}
			// The second is the first that has a savepoint, so what fails there is its own.
			released := strings.HasPrefix(at, "RELEASE")
			for i, err := range errs {
				switch {
				case i == 2 && !errors.Is(err, errOwn), i != 2 && err != nil && !(released && i == 0):
					t.Errorf("%s failed: writer %d got %v", at, i, err)
				}
				there(t, s, base+i+1, i != 2 && err == nil)
			}
		}
	})
}

func TestAMemberGivenUpAfterItsPartIsAnsweredWithTheCommit(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, _ *faults) {
		mine, giveUp := context.WithCancel(ctx)
		errs := queue(t, s, adding(mine, s, 1), func() error {
			return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
				giveUp() // the first has run, and waits for the commit
				return tx.CreateUser(ctx, someUser(2))
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		there(t, s, 1, true)
		there(t, s, 2, true)
	})
}

func TestAStoreKeptFromAMemberTouchesNoOtherWriter(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, _ *faults) {
		var kept store.Store
		errs := queue(t, s, func() error {
			return s.Tx(ctx, func(_ context.Context, tx store.Store) error { kept = tx; return nil })
		}, func() error {
			return s.Tx(ctx, func(context.Context, store.Store) error {
				if err := kept.CreateUser(ctx, someUser(1)); !errors.Is(err, sql.ErrTxDone) {
					t.Errorf("the store of an ended transaction: %v", err)
				}
				if err := kept.DeletePassword(ctx, "", userID(0)); !errors.Is(err, sql.ErrTxDone) {
					t.Errorf("the store of an ended transaction: %v", err)
				}
				return nil
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Error(err)
		}
		there(t, s, 1, false)
	})
}

func TestAStatementThatFailedLetsNothingElseHappenInItsTransaction(t *testing.T) {
	ctx := context.Background()
	eachGroup(t, func(t *testing.T, s store.Store, f *faults) {
		broken := sqliteError(13)
		f.set(func(text string) error {
			if strings.Contains(text, "admit_passwords") {
				return broken
			}
			return nil
		})
		// The database may have rolled back by itself, so that what follows would
		// stand alone.
		err := s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			_ = tx.DeletePassword(ctx, "", userID(0))
			if err := tx.CreateUser(ctx, someUser(1)); !errors.Is(err, broken) {
				t.Errorf("a verb after the failure: %v", err)
			}
			return nil
		})
		if !errors.Is(err, broken) {
			t.Errorf("the transaction gave %v", err)
		}
		there(t, s, 1, false)
		err = s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			_ = tx.Tx(ctx, func(ctx context.Context, tx store.Store) error { return tx.DeletePassword(ctx, "", userID(0)) })
			return tx.CreateUser(ctx, someUser(2))
		})
		if err != nil {
			t.Errorf("after its savepoint was restored: %v", err)
		}
		there(t, s, 2, true)
	})
}
