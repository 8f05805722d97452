package admit

import (
	"context"

	"github.com/admit-go/admit/store"
)

// Hooks are functions of the host that Admit calls inside its rules. Each may
// be nil. A hook that returns an *[Error] refuses with this error. Any other
// error, a panic, and a hook that takes longer than Config.RequestTimeout
// refuse with ErrInternal. Only the request that called the hook is affected.
type Hooks struct {
	// BeforeSignUp is called before a person makes an account.
	BeforeSignUp func(ctx context.Context, in SignUpAttempt) error
	// BeforeSignIn is called after a proof of identity was accepted and before
	// the session is made.
	BeforeSignIn func(ctx context.Context, user User) error
	// UserCreated runs in the transaction that makes an account, in every way
	// to make one. It may run more than once. It must use tx and the given
	// context, and no other store. tx.SQL writes the host's own rows, which are
	// committed or rolled back together with the account.
	UserCreated func(ctx context.Context, tx Tx, user User) error
	// AccountClaimed runs in the transaction in which the owner of a mailbox
	// takes over an account whose address was never verified. Everything that
	// the registrant set up is removed. It may run more than once.
	AccountClaimed func(ctx context.Context, tx Tx, user User) error
	// BeforeDelete runs last in the transaction that deletes an account, in every
	// way to delete one, and may refuse. Reason is "owner", "administrator",
	// "disowned", "started over", or what the operator gave. tx.SQL writes the
	// host's own rows; a restore does not bring them back. It may run more than
	// once.
	BeforeDelete func(ctx context.Context, tx Tx, user User, reason string) error
	// UserPurged runs in the transaction that removes what is left of a deleted
	// account, so that tx.SQL removes the host's own rows with it. If it returns an
	// error, the account stays, and the next sweep tries again. It may run more than
	// once.
	UserPurged func(ctx context.Context, tx Tx, user User) error
	// Export returns what the host holds about a person, as a value that encodes to
	// JSON. It becomes the member "host" of an export.
	Export func(ctx context.Context, user User) (any, error)
	// AccessTokenClaims adds claims to an access token. If it returns a claim
	// that the token already has, the rule fails with ErrInternal.
	AccessTokenClaims func(ctx context.Context, user User, session Session) (map[string]any, error)
}

// Tx is the transaction that a hook runs in.
type Tx struct {
	inside store.Store
}

// SQL gives the host's statements the very transaction of the hook. Where the
// store has no SQL, every statement answers [store.ErrNoSQL].
func (t Tx) SQL() store.Querier { return store.SQL(t.inside) }

// SignUpAttempt is the input of a sign-up, without the secret.
type SignUpAttempt struct {
	Email, Name string
	// Method is "password", "magiclink", "startover" or "provider".
	Method string
	// Provider is the name of the provider if Method is "provider".
	Provider string
}
