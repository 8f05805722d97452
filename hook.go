package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// Hooks let a host veto, add to, or follow what happens. Each may be nil. A
// hook that returns an *[Error] refuses with it; any other error, a panic, and
// taking longer than Config.RequestTimeout refuse with ErrInternal. Only the
// request that called the hook is harmed.
type Hooks struct {
	// BeforeSignUp is asked before an account is made by its owner.
	BeforeSignUp func(ctx context.Context, in SignUpAttempt) error
	// BeforeSignIn is asked when a proof was given, before the session is made.
	BeforeSignIn func(ctx context.Context, user User) error
	// UserCreated runs in the transaction that makes an account, whichever way
	// the account is made. It may run more than once. Only tx may be used inside,
	// with the given context; tx.SQL writes the host's own rows, which are
	// committed with the account or vanish with it.
	UserCreated func(ctx context.Context, tx Tx, user User) error
	// AccountClaimed is told, in the transaction, that the owner of a mailbox
	// took over an account whose address was never proven: what its registrant
	// had planted is gone. It may run more than once.
	AccountClaimed func(ctx context.Context, tx Tx, user User) error
	// AccessTokenClaims adds claims to an access token. Names that the token
	// has already are refused with ErrInternal.
	AccessTokenClaims func(ctx context.Context, user User, session Session) (map[string]any, error)
}

// Tx is the transaction that a hook runs in.
type Tx struct {
	inside store.Store
}

// SQL gives the host's statements the very transaction of the hook. Where the
// store has no SQL, every statement answers [store.ErrNoSQL].
func (t Tx) SQL() store.Querier { return store.SQL(t.inside) }

// SignUpAttempt is what somebody who signs up has given, without the secret.
type SignUpAttempt struct {
	Email, Name string
	// Method is "password" or "magiclink".
	Method string
}
