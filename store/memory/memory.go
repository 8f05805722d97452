// Package memory keeps Admit's records in the memory of one process, for tests,
// examples and development.
//
// All data is lost when the process ends, and no other process sees it. Records
// are kept until a rule deletes them, so the memory grows with the number of
// accounts and with the audit log.
//
// The whole database is one immutable value. A reader takes the current value
// and needs no lock. A writer makes the next value, which shares the unchanged
// parts, and replaces the current value in one step. So a verb or a transaction
// takes effect completely or not at all.
package memory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/admit-go/admit/store"
)

// errEnded is the error of a transaction's store that is used after the
// transaction.
var errEnded = errors.New("store/memory: the transaction has ended")

var _ store.Store = (*Store)(nil)

// Store is a store.Store in memory. New makes one. The store of a transaction
// is a Store too. It starts with the current value. At the commit, its value
// becomes the current value of the outer store.
type Store struct {
	current atomic.Pointer[state]
	// writer holds one element while somebody writes. Unlike waiting for a
	// mutex, waiting for a channel can end when the context is done.
	writer chan struct{}
	// inTx is true while a transaction of this store runs. While it is false,
	// no call needs to search its context for a transaction.
	inTx atomic.Bool
	// ended is true once the transaction that this store was made for is over.
	ended atomic.Bool
	// refusal, if it is set, is the error of every verb.
	refusal error
}

// New returns an empty store. It holds no resources that must be given back.
func New() *Store {
	s := &Store{writer: make(chan struct{}, 1)}
	s.current.Store(newState())
	return s
}

// Refusing returns a store whose every verb fails with err, also verbs that a
// later version of the contract adds. Embed it and write the verbs that may be
// used.
func Refusing(err error) store.Store { return &Store{refusal: err} }

// within marks the context of a transaction of a store.
type within struct{ outer *Store }

// usable returns the reason why no verb may run now, or nil.
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

// read returns the current state for a verb that only reads. The result of
// checking the verb's texts is a parameter, so that the check cannot be
// forgotten.
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
	// A copy of the roots is a copy of everything, because no writer changes
	// what they point to.
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

// unlock lets the next writer continue.
func (s *Store) unlock() { <-s.writer }

// Tx runs fn on its own store while all other writers wait. It never retries,
// because nothing can fail to serialize.
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

// Ping returns nil, unless no verb may be used.
func (s *Store) Ping(ctx context.Context) error { return s.usable(ctx) }
