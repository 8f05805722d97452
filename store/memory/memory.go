// Package memory keeps Admit's records in the memory of one process: for
// tests, examples and development.
//
// Everything is lost when the process ends, and nothing is shared with another
// process. Records are kept until a rule removes them, so that memory grows
// with the number of accounts and with the audit log.
//
// The whole database is one immutable value. A reader takes the value that is
// current and needs no lock; a writer derives the next one, which shares all
// that did not change, and makes it current in one step. So a verb, or a
// transaction, takes effect wholly or not at all, whatever happens inside it.
package memory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/admit-go/admit/store"
)

// errEnded answers a transaction's store that is used after the transaction.
var errEnded = errors.New("store/memory: the transaction has ended")

var _ store.Store = (*Store)(nil)

// Store is a store.Store in memory; New makes one. The store of a transaction
// is a Store too: it starts from what was current and is thrown away, or its
// value becomes the current one of the store around it.
type Store struct {
	current atomic.Pointer[state]
	// writer holds one element while somebody writes. Waiting for a channel can
	// be given up when the context is done, unlike waiting for a mutex.
	writer chan struct{}
	// inTx is true while a transaction of this store runs, and spares everybody
	// else the search through their context.
	inTx atomic.Bool
	// ended is true once the transaction that this store was made for is over.
	ended atomic.Bool
	// refusal, when set, is what every verb answers.
	refusal error
}

// New returns an empty store. It holds no resources that must be given back.
func New() *Store {
	s := &Store{writer: make(chan struct{}, 1)}
	s.current.Store(newState())
	return s
}

// Refusing returns a store whose every verb fails with err, those too that the
// contract will have one day. Embed it where only some verbs may be used, and
// write those verbs.
func Refusing(err error) store.Store { return &Store{refusal: err} }

// within marks the context of a transaction of a store.
type within struct{ outer *Store }

// usable answers why no verb may run now: nil when one may.
func (s *Store) usable(ctx context.Context) error {
	if s.refusal != nil {
		return s.refusal
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store/memory: %w", err)
	}
	if s.ended.Load() {
		return errEnded
	}
	if s.inTx.Load() && ctx.Value(within{s}) != nil {
		return store.ErrOuterStore
	}
	return nil
}

// read returns the current state for a verb that only reads. The outcome of
// checking the verb's texts is passed in, so that it cannot be forgotten.
func (s *Store) read(ctx context.Context, checked error) (*state, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return s.current.Load(), checked
}

// write runs change on the next state, which becomes the current one when
// change returns nil.
func (s *Store) write(ctx context.Context, checked error, change func(*state) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	if checked != nil {
		return checked
	}
	// A copy of the roots is a copy of everything: no writer changes what hangs
	// from them.
	next := *s.current.Load()
	if err := change(&next); err != nil {
		return err
	}
	s.current.Store(&next)
	return nil
}

// lock waits until nobody else writes, or until the context is done.
func (s *Store) lock(ctx context.Context) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	select {
	case s.writer <- struct{}{}:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("store/memory: waiting to write: %w", ctx.Err())
	}
}

// unlock lets the next writer go on.
func (s *Store) unlock() { <-s.writer }

// Tx runs fn on a store of its own, while no other writer goes on. Nothing is
// ever retried, since nothing can fail to serialize.
func (s *Store) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	tx := &Store{writer: make(chan struct{}, 1)}
	tx.current.Store(s.current.Load())
	// The deferred calls also run when fn panics: then what tx holds is left to
	// the garbage collector, which is all that rolling back takes.
	s.inTx.Store(true)
	defer s.inTx.Store(false)
	defer tx.ended.Store(true)
	if err := fn(context.WithValue(ctx, within{s}, true), tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("store/memory: commit: %w", err)
	}
	s.current.Store(tx.current.Load())
	return nil
}

// WithTx returns a store whose every verb fails with store.ErrNoHostTx: there
// is no SQL database here whose transaction could be joined.
func (s *Store) WithTx(*sql.Tx) store.Store {
	if s.refusal != nil {
		return s
	}
	return Refusing(store.ErrNoHostTx)
}

// Ping answers nil, unless no verb may be used.
func (s *Store) Ping(ctx context.Context) error { return s.usable(ctx) }
