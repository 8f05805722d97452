package storetest

import (
	"context"
	"database/sql"

	"github.com/admit-go/admit/store"
)

// Around stands around the calls of a store. It is given the name of the verb,
// such as "RotateSession", and calls call, once at most, with ctx or a context
// derived from it; what it returns is the verb's error. When it returns one,
// the caller gets the zero value for every other answer.
//
// A transaction is one call named "Tx" around its beginning, everything inside
// it and its end. What is called on the transaction's store stands inside it
// under its own name, and when the function has returned nil there follows a
// call named [Commit].
type Around func(ctx context.Context, verb string, call func(context.Context) error) error

// Commit is the name of the moment before a transaction is committed. An error
// at it rolls the transaction back.
const Commit = "Commit"

// Wrap returns a store that calls the inner one through around, in
// transactions and in a host's transaction too.
func Wrap(inner store.Store, around Around) store.Store {
	return wrapped{inner, func(ctx context.Context, inner store.Store, verb string, call call) error {
		return around(ctx, verb, func(ctx context.Context) error { return call(ctx, inner) })
	}}
}

// call is a call of one verb, with its arguments, on whatever store.
type call func(ctx context.Context, s store.Store) error

// wrapped sends every call of the inner store through via.
type wrapped struct {
	inner store.Store
	via   func(ctx context.Context, inner store.Store, verb string, call call) error
}

var _ store.Store = wrapped{}

func (w wrapped) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	return w.via(ctx, w.inner, "Tx", func(ctx context.Context, s store.Store) error {
		return s.Tx(ctx, func(ctx context.Context, tx store.Store) error {
			if err := fn(ctx, wrapped{tx, w.via}); err != nil {
				return err
			}
			return w.via(ctx, tx, Commit, func(context.Context, store.Store) error { return nil })
		})
	})
}

func (w wrapped) WithTx(tx *sql.Tx) store.Store { return wrapped{w.inner.WithTx(tx), w.via} }

// answer calls a verb with one answer beside its error. Should via call it more
// than once, the first answer counts.
func answer[T any](ctx context.Context, w wrapped, verb string, ask func(context.Context, store.Store) (T, error)) (T, error) {
	var got, none T
	asked := false
	err := w.via(ctx, w.inner, verb, func(ctx context.Context, s store.Store) error {
		answered, err := ask(ctx, s)
		if !asked {
			got, asked = answered, true
		}
		return err
	})
	if err != nil {
		return none, err
	}
	return got, nil
}

// answers calls a verb with two answers beside its error.
func answers[T, U any](ctx context.Context, w wrapped, verb string, ask func(context.Context, store.Store) (T, U, error)) (T, U, error) {
	type both struct {
		first  T
		second U
	}
	got, err := answer(ctx, w, verb, func(ctx context.Context, s store.Store) (both, error) {
		first, second, err := ask(ctx, s)
		return both{first, second}, err
	})
	return got.first, got.second, err
}
