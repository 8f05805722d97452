// Package store is the contract between Admit and the place where it keeps its
// records. Package admit uses only [Store]. The stores in store/memory,
// store/sqlite and store/postgres implement it. store/storetest tests an
// implementation with one call.
//
// # What every verb promises
//
// Every verb is atomic: it takes effect completely or not at all, in any number
// of goroutines and processes that share the store. A verb that says "only if"
// decides and writes in one step, so exactly one of several concurrent calls
// wins.
//
// A missing record is [ErrNotFound]. A taken key is [ErrConflict]. Text that
// the store cannot keep is [ErrInvalidText]. Any other error is a fault of the
// system: the caller gives nobody access and answers 503. Deleting or ending a
// missing record is no error. A refusal that the caller must act on is a result
// and not an error, because an error rolls a transaction back.
//
// A store never reads the clock and never makes ids: the caller passes both.
// Times are kept in UTC, cut to the microsecond. The zero time is kept
// unchanged and means "never" or "not". A time before the first microsecond of
// 1970, or after the year 9999, is kept and compared as the nearest time in
// this range. A store gets only hashes and sealed bytes, never a secret.
//
// Text is kept unchanged, without folding or trimming: "A" and "a" are two
// keys. Text with U+0000 or invalid UTF-8 is refused with ErrInvalidText before
// anything is read or written, and so is a key of more than [MaxKeyBytes]
// bytes. Keys are tenants, ids, kinds, purposes, e-mail keys, keys and refs of
// records, counter keys, queues, lease names and holders. Other text may have
// at least 10,000 characters. A list that is ordered by id is ordered by the
// bytes of the id. Bytes are kept unchanged too. Empty bytes may come back as
// nil or as empty.
//
// A record may name an account that does not exist. Ids are unique within
// tenant and role.
//
// Every record and every look-up has a tenant, "" by default. Records of two
// tenants never meet: each tenant may have an account with the same e-mail key.
//
// A verb that is called with a done context does nothing and returns an error
// that wraps the error of the context.
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
	// ErrNotFound means that the record does not exist.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict means that a unique key is taken, or that the record has
	// changed since the caller read it.
	ErrConflict = errors.New("store: conflict")
	// ErrInvalidText means that a text cannot be stored: it has U+0000 or
	// invalid UTF-8, or is a key longer than MaxKeyBytes.
	ErrInvalidText = errors.New("store: text cannot be stored")
	// ErrOuterStore means that code inside a transaction used the outer store.
	// Only the Store that is passed to the function may be used there.
	ErrOuterStore = errors.New("store: the outer store was used inside its transaction")
	// ErrNoHostTx means that the store cannot join a *sql.Tx of the host.
	ErrNoHostTx = errors.New("store: this store keeps no SQL database, so it cannot join a *sql.Tx")
)

// Store keeps all records of Admit. Every method is required. Implementations
// are safe for use by many goroutines.
type Store interface {
	Users
	Credentials
	Sessions
	Tokens
	APIKeys
	Keys
	Records
	Organizations
	Members
	Events
	Counters
	Outbox
	Leases
	Batches

	// Tx runs fn in one transaction and commits if fn returns nil. Otherwise it
	// rolls back and returns the error of fn unchanged. Serialization failures,
	// deadlocks and a busy database are retried a bounded number of times, so
	// fn may run more than once and must have no effect outside tx. Tx on the
	// given Store joins the running transaction. An error of a joined Tx undoes
	// only the work of this call.
	//
	// Inside fn only tx may be used, with the given context. If the outer store
	// is called with this context, it fails at once with ErrOuterStore and does
	// not wait for itself. A panic in fn rolls back, and Tx panics with the
	// same value. A context that is done before the commit rolls back too, even
	// if fn returns nil.
	Tx(ctx context.Context, fn func(ctx context.Context, tx Store) error) error

	// WithTx returns a Store whose verbs take part in the host's transaction.
	// The host commits it or rolls it back. A refusal (ErrNotFound,
	// ErrConflict, a condition that is not met) leaves the host's transaction
	// usable. A store without SQL returns a Store whose every verb fails with
	// ErrNoHostTx.
	WithTx(tx *sql.Tx) Store

	// Sweep deletes at most limit records of each role that no rule needs any
	// longer at now, of all tenants, and returns how many it deleted: expired
	// one-time tokens, also used ones; expired signing keys and records;
	// sessions after AbsoluteExpiresAt (an ended session stays until then, so
	// that a reuse of its tokens is noticed); counters after their window;
	// expired reservations of addresses; organisations after their PurgeAt, and
	// their members. It does not delete API keys, events, messages of the outbox,
	// and records that never expire. Zero means that nothing was left.
	Sweep(ctx context.Context, now time.Time, limit int) (int, error)

	// Ping returns nil while the store can be read.
	Ping(ctx context.Context) error
}

// Page selects a part of a list. Lists are ordered by id, oldest first, so new
// records do not move earlier pages.
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
	// AcquireLease gives name to holder until the given time, only if nobody
	// else holds it at now, and returns whether it did. The holder can extend
	// its lease. It gives the lease up with an until that is not after now. A
	// lease is held before until, and no longer at until. If a lease ends more
	// than twice as far from now as the requested one, a clock that was ahead
	// has set it, and it is ignored.
	AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (bool, error)
}
