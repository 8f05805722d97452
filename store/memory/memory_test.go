package memory_test

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

func TestStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(*testing.T) store.Store { return memory.New() })
}

func TestWithTxRefusesEveryVerb(t *testing.T) {
	s := reflect.ValueOf(memory.New().WithTx(nil))
	for m := range reflect.TypeFor[store.Store]().Methods() {
		verb := s.MethodByName(m.Name)
		if m.Name == "WithTx" {
			continue
		}
		arguments := []reflect.Value{reflect.ValueOf(t.Context())}
		for i := 1; i < verb.Type().NumIn() && !(verb.Type().IsVariadic() && i == verb.Type().NumIn()-1); i++ {
			arguments = append(arguments, reflect.Zero(verb.Type().In(i)))
		}
		answers := verb.Call(arguments)
		if err, _ := reflect.TypeAssert[error](answers[len(answers)-1]); !errors.Is(err, store.ErrNoHostTx) {
			t.Errorf("%s answered %v", m.Name, err)
		}
	}
}

// transaction runs a transaction in another goroutine. It answers a channel
// that is closed once the transaction has begun, and a function that lets it
// end and waits until it has.
func transaction(t *testing.T, s *memory.Store, fn func(ctx context.Context, tx store.Store)) (begun chan struct{}, end func()) {
	t.Helper()
	begun = make(chan struct{})
	goOn := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Tx(context.Background(), func(ctx context.Context, tx store.Store) error {
			fn(ctx, tx)
			close(begun)
			<-goOn
			return nil
		}); err != nil {
			t.Errorf("the transaction failed: %v", err)
		}
	})
	end = sync.OnceFunc(func() { close(goOn); done.Wait() })
	t.Cleanup(end)
	return begun, end
}

func TestReadersGoOnDuringATransaction(t *testing.T) {
	s, ids := crowd(t, 3)
	begun, end := transaction(t, s, func(ctx context.Context, tx store.Store) {
		if _, err := tx.EndSessionsBefore(ctx, "", start.Add(time.Hour), start, "restored", 10); err != nil {
			t.Error(err)
		}
	})
	<-begun
	ended := func() bool {
		x, _, err := s.SessionUser(t.Context(), "", ids[1])
		if err != nil {
			t.Fatal(err)
		}
		return !x.EndedAt.IsZero()
	}
	if ended() {
		t.Error("a reader saw what was not committed")
	}
	end()
	if !ended() {
		t.Error("a reader did not see what was committed")
	}
}

func TestAWriterThatWaitsHonoursItsContext(t *testing.T) {
	s, ids := crowd(t, 1)
	begun, end := transaction(t, s, func(context.Context, store.Store) {})
	<-begun
	for name, wait := range map[string]func(context.Context) error{
		"verb": func(ctx context.Context) error {
			_, err := s.EndSession(ctx, "", "user", ids[0], start, "revoked")
			return err
		},
		"transaction": func(ctx context.Context) error {
			return s.Tx(ctx, func(context.Context, store.Store) error { return nil })
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if err := wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: answered %v", name, err)
		}
		cancel()
	}
	end()
	if err := s.ConfirmSession(t.Context(), "", ids[0], 1, 0); err != nil {
		t.Errorf("after the transaction: %v", err)
	}
}

// Two goroutines of one transaction may use its store, like any store.
func TestATransactionsStoreIsSafeForManyGoroutines(t *testing.T) {
	s, ids := crowd(t, 64)
	err := s.Tx(t.Context(), func(ctx context.Context, tx store.Store) error {
		var all sync.WaitGroup
		for _, id := range ids {
			all.Go(func() {
				x, u, err := tx.SessionUser(ctx, "", id)
				if err != nil {
					t.Error(err)
				}
				if done, err := tx.EndSession(ctx, "", u.ID, x.ID, start, "revoked"); err != nil || !done {
					t.Error(done, err)
				}
			})
		}
		all.Wait()
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if x, _, err := s.SessionUser(t.Context(), "", id); err != nil || x.EndedAt.IsZero() {
			t.Errorf("session %s: %v, %v", id, x.EndedAt, err)
		}
	}
}
