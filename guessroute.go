package admit

import (
	"context"
	"errors"
	"net/http"
)

// This file holds routes to their limits. The pipeline in serve.go stands on it.

// limited spends the budget of the client for a sign-up and serves the route.
// For the other classes the rule spends the budget of the client, together with
// the budget of the account.
func limited(a *Auth, w http.ResponseWriter, r *http.Request, to *route) error {
	if to.limit == limitSignUp {
		if err := a.spendClient(r.Context(), clientSignUp); err != nil {
			return err
		}
	}
	if to.limit == limitGuess {
		w = &guessing{ResponseWriter: w, ctx: r.Context()}
	}
	return to.serve(w, r)
}

// guessing gives no success of a guess route to a request that has not paid: a
// rule that forgets to reserve a guess lets nobody in, and fails every test.
type guessing struct {
	http.ResponseWriter
	ctx   context.Context
	began bool
}

// errUnpaid says that the rule of a guess route reserved no guess.
var errUnpaid = errors.New("a guess route was about to answer with success, and nothing was spent: its rule must reserve an attempt")

func (w *guessing) WriteHeader(status int) {
	if !w.began && status < http.StatusBadRequest && !hasPaid(w.ctx) {
		panic(errUnpaid)
	}
	w.began = true
	w.ResponseWriter.WriteHeader(status)
}

// Write answers with success where nothing else was answered.
func (w *guessing) Write(body []byte) (int, error) {
	if !w.began {
		w.WriteHeader(http.StatusOK)
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *guessing) Unwrap() http.ResponseWriter { return w.ResponseWriter }
