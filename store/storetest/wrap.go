package storetest

import (
	"context"
	"database/sql"

	"github.com/admit-go/admit/store"
)

// Around is called for each call of a store. It gets the name of the verb, such
// as "RotateSession". It calls call at most once, with ctx or a context that is
// derived from it. Its result is the error of the verb. If this is not nil, the
// caller gets the zero value for every other result.
//
// A transaction is one call with the name "Tx", from its beginning to its end.
// The calls on the transaction's store are calls inside it, with their own
// names. After the function has returned nil, a call with the name [Commit]
// follows.
type Around func(ctx context.Context, verb string, call func(context.Context) error) error

// Commit is the name of the call before a transaction is committed. If it
// returns an error, the transaction is rolled back.
const Commit = "Commit"

// Wrap returns a store that calls inner through around, also in transactions
// and in a transaction of the host.
func Wrap(inner store.Store, around Around) store.Store {
	return wrapped{inner, func(ctx context.Context, inner store.Store, verb string, call call) error {
		return around(ctx, verb, func(ctx context.Context) error { return call(ctx, inner) })
	}}
}

// call is a call of one verb, with its arguments, on any store.
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

// answer calls a verb with one result and an error. If via calls it more than
// once, the first result counts.
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

// answers calls a verb with two results and an error.
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
