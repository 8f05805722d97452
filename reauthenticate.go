package admit

import (
	"context"
	"net/http"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// Reauthentication lets a session be proven again, so that its user may do what
// needs a recent proof.
type Reauthentication struct {
	*kernel
}

func (a *Reauthentication) feature() feature {
	return feature{
		name:  "reauthenticate",
		holds: holding{nothing: "a proof is in the session and in the events"},
		routes: []route{
			{method: http.MethodPost, path: "/auth/reauthenticate", who: signedIn, scope: "auth:reauthenticate", limit: limitGuess, fresh: true, serve: a.handleReauthenticate},
		},
		events: []string{eventReauthenticated},
	}
}

// ReauthenticateParams is one proof of identity.
type ReauthenticateParams struct {
	// Password is the account's.
	Password string
	// Code is one of an authenticator app, or a recovery code.
	Code string
	// Passkey is the answer of a passkey to a ceremony of Passkeys.BeginSignIn.
	Passkey PasskeyAnswer
}

// reproof is a way to prove one's identity again.
type reproof struct {
	// given says whether this is the proof that came.
	given func(in ReauthenticateParams) bool
	// prove verifies it, within its budget, and writes it down by note in the
	// transaction that spends it. The methods are those of RFC 8176.
	prove func(ctx context.Context, a *Reauthentication, user *store.User, in ReauthenticateParams) error
}

// reproofs are the ways there are, in the order in which they are looked for.
func reproofs() []reproof {
	return []reproof{
		{func(in ReauthenticateParams) bool { return in.Password != "" }, reproveByPassword},
		{func(in ReauthenticateParams) bool { return in.Code != "" }, reproveByCode},
		{func(in ReauthenticateParams) bool { return in.Passkey.CeremonyID != "" }, reproveByPasskey},
	}
}

// Prove gives the session of the context, which a guard has found, a recent proof:
// its AuthTime is now, and its AMR has the method. Guesses count as they do at
// sign-in. It answers ErrUnauthorized, ErrInvalidRequest unless exactly one proof
// is given, ErrInvalidCredentials, ErrInvalidMFACode, ErrInvalidPasskey,
// ErrTooManyLoginAttempts, ErrTooManyRequests or ErrUnavailable.
func (a *Reauthentication) Prove(ctx context.Context, in ReauthenticateParams) error {
	c := callerFrom(ctx)
	if c == nil || c.by != a.machinery || !c.signedIn {
		return ErrUnauthorized
	}
	var found *reproof
	for _, way := range reproofs() {
		if !way.given(in) {
			continue
		}
		if found != nil {
			return ErrInvalidRequest.detail("code", "must not come with another proof")
		}
		found = &way
	}
	if found == nil {
		return ErrInvalidRequest.detail("password", "or another proof is missing")
	}
	return found.prove(ctx, a, &c.user, in)
}

func reproveByPassword(ctx context.Context, a *Reauthentication, user *store.User, in ReauthenticateParams) error {
	known, err := provePassword(ctx, a.kernel, user, in.Password)
	if err != nil {
		return err
	}
	return a.tx(ctx, func(ctx context.Context, tx *txn) error {
		if err := lockStillThePassword(ctx, tx, known); err != nil {
			return err
		}
		return noteReproof(ctx, tx, user, "pwd")
	})
}

func reproveByCode(ctx context.Context, a *Reauthentication, user *store.User, in ReauthenticateParams) error {
	code, err := readFactorCode(in.Code)
	if err != nil {
		return err
	}
	try, err := a.attempt(ctx, secondFactor, user.EmailKey)
	if err != nil {
		return err
	}
	err = a.tx(ctx, func(ctx context.Context, tx *txn) error {
		locked, err := existing(tx.lock(ctx, user.ID))
		if err != nil {
			return err
		}
		if err := passCode(ctx, tx, &locked, code); err != nil {
			return err
		}
		return noteReproof(ctx, tx, &locked, secondMethods)
	})
	if err == nil {
		try.giveBack(ctx)
	}
	try.settle(ctx, err)
	return err
}

func reproveByPasskey(ctx context.Context, a *Reauthentication, user *store.User, in ReauthenticateParams) error {
	held, err := holdsPasskey(ctx, a.kernel, in.Passkey, toSignIn)
	if err == nil {
		err = a.tx(ctx, func(ctx context.Context, tx *txn) error {
			methods, err := passkeyProves(ctx, tx, held, user.ID)
			if err != nil {
				return err
			}
			return noteReproof(ctx, tx, user, methods)
		})
	}
	return notePasskey(ctx, a.kernel, err)
}

// noteReproof writes a proof down in the session of the caller.
func noteReproof(ctx context.Context, t *txn, user *store.User, methods string) error {
	if err := proveSession(ctx, t, user.ID, methods); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventReauthenticated, subject: user.ID, data: eventData{
		"session": currentSession(ctx, user.ID), "methods": methods,
	}})
}

type reauthenticateInput struct {
	Password string `json:"password"`
	Code     string `json:"code"`
	passkeyInput
}

func (a *Reauthentication) handleReauthenticate(w http.ResponseWriter, r *http.Request) error {
	var in reauthenticateInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := a.Prove(r.Context(), ReauthenticateParams{in.Password, in.Code, in.answer()}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("Your identity is confirmed."))
}
