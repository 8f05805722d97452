// Package store is the contract between Admit and the place where it keeps
// its records. Package admit is written against [Store] alone; the stores in
// store/memory, store/sqlite and store/postgres implement it, and
// store/storetest proves an implementation by one call.
//
// # What every verb promises
//
// Atomicity is a verb of the store. Each verb takes effect wholly or not at
// all, on its own, in any number of goroutines and processes that share the
// store: a verb that says "only if" decides and writes in one step, so that of
// any number of racers exactly one wins.
//
// Missing is [ErrNotFound], taken is [ErrConflict]. Text the store cannot hold
// is [ErrInvalidText]. Any other error is a fault of the system: the caller
// lets nobody in and answers 503. Deleting or ending what is absent is no
// error. A refusal that the caller must act upon is a result, not an error,
// because an error rolls a transaction back.
//
// Stores never read the clock and never make ids: both come in. Times are kept
// in UTC to the microsecond (finer parts are cut off); the zero time is kept
// as such and means "never" or "not". A time before the first microsecond of
// 1970 or after the year 9999 is kept and compared as the nearest time within. Stores see only hashes and sealed bytes,
// never a secret.
//
// Text is kept as given, without folding or trimming: "A" and "a" are two keys.
// Text with U+0000 or invalid UTF-8, and text used as a key of more than
// [MaxKeyBytes] bytes, is refused with ErrInvalidText before anything is read
// or written. Keys are tenants, ids, kinds, purposes, e-mail keys, keys and refs
// of records, counter keys, queues, lease names and holders. Other text holds at least 10,000
// characters. What is ordered by id is ordered by its bytes. Bytes are kept as
// given too; none at all may come back as nil or as empty.
//
// Records may name an account that does not exist; ids are unique within
// tenant and role.
//
// Every record and every look-up carries a tenant, "" by default. Records of
// two tenants never meet: the same e-mail key may be claimed in each.
//
// A verb called with a context that is done does nothing and returns an error
// that wraps the context's.
package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// MaxKeyBytes is the length of the longest key, in bytes.
const MaxKeyBytes = 512

var (
	// ErrNotFound says that the record asked for does not exist.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict says that a unique key is taken, or that the record changed
	// since the caller read it.
	ErrConflict = errors.New("store: conflict")
	// ErrInvalidText says that a text cannot be stored: U+0000, invalid UTF-8,
	// or a key longer than MaxKeyBytes.
	ErrInvalidText = errors.New("store: text cannot be stored")
	// ErrOuterStore says that a store was used inside its own transaction where
	// only the Store given to the function may be used.
	ErrOuterStore = errors.New("store: the outer store was used inside its transaction")
	// ErrNoHostTx says that the store cannot join a host's *sql.Tx.
	ErrNoHostTx = errors.New("store: this store keeps no SQL database, so it cannot join a *sql.Tx")
)

// Store is everything Admit keeps. All of it is mandatory. Implementations are
// safe for use by any number of goroutines.
type Store interface {
	Users
	Credentials
	Sessions
	Tokens
	APIKeys
	Keys
	Records
	Events
	Counters
	Outbox
	Leases
	Batches

	// Tx runs fn in one transaction and commits when fn returns nil; otherwise
	// nothing that fn did remains, and fn's error is returned as it is.
	// Serialization failures, deadlocks and a busy database are retried a
	// bounded number of times, so fn may run more than once and must have no
	// effect outside tx. Tx on the given Store joins the running transaction;
	// an error from a joined Tx undoes what that call did and leaves the rest.
	//
	// Inside fn only tx may be used, with the given context. The outer store
	// called with that context fails at once with ErrOuterStore instead of
	// waiting for itself. A panic in fn rolls back and goes on. A context that
	// is done before the commit rolls back too, even when fn returns nil.
	Tx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error

	// WithTx returns a Store whose verbs all take part in the host's
	// transaction, which the host commits or rolls back. A refusal (ErrNotFound,
	// ErrConflict, a condition not met) leaves the host's transaction usable.
	// A store without SQL returns one whose every verb fails with ErrNoHostTx.
	WithTx(tx *sql.Tx) Store

	// Sweep removes at most limit records of each role that no rule needs any
	// more at now, and returns how many went: one-time tokens, used ones too,
	// signing keys and records past their ExpiresAt, sessions past
	// AbsoluteExpiresAt (ended ones stay till then, so that reuse of their tokens
	// stays recognisable), counters past their window and reservations of
	// addresses that have run out, of all tenants. API keys, events, messages of
	// the outbox and what never expires stay. Zero means nothing was left.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)

	// Ping answers nil while the store can be read.
	Ping(ctx context.Context) error
}

// Page asks for a part of a list. Lists are ordered by id, oldest first, so
// that pages stay the same while records are added.
type Page struct {
	// Number counts from 1.
	Number int
	// Limit is the number of records on a page, at least 1.
	Limit int
}

// Offset is the number of records before the page.
func (p Page) Offset() int { return (p.Number - 1) * p.Limit }

// Leases let one process at a time do a periodic task.
type Leases interface {
	// AcquireLease gives name to holder until the given time, and answers
	// whether it did: only if nobody else holds it at now. The holder itself
	// extends its lease, or gives it up with an until that is not after now. A
	// lease is held before until, and no longer at until. One that ends more than
	// twice as far from now as the one asked for was taken by a clock that was
	// ahead, and binds nobody.
	AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (bool, error)
}
