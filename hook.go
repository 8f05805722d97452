package admit

import (
	"context"
	"errors"
	"fmt"

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
	// UserCreated runs in the transaction that makes an account, and may run
	// more than once. Only tx may be used inside, with the given context.
	UserCreated func(ctx context.Context, tx store.Store, user User) error
	// BeforeDelete is asked before an account is deleted.
	BeforeDelete func(ctx context.Context, user User) error
	// AccountClaimed is told, in the transaction, that the owner of a mailbox
	// took over an account whose address was never proven: what its registrant
	// had planted is gone. It may run more than once.
	AccountClaimed func(ctx context.Context, tx store.Store, user User) error
	// AccessTokenClaims adds claims to an access token. Names that the token
	// has already are refused with ErrInternal.
	AccessTokenClaims func(ctx context.Context, user User, session Session) (map[string]any, error)
}

// SignUpAttempt is what somebody who signs up has given, without the secret.
type SignUpAttempt struct {
	Email, Name string
	// Method is "password" or "magiclink".
	Method string
}

// runHook calls a hook and waits for it no longer than for a request. One that
// goes on after that works on a transaction that has ended.
func (a *Auth) runHook(ctx context.Context, name string, hook func(ctx context.Context) error) error {
	var limit deadlineContext
	limit.start(ctx, a.config.RequestTimeout)
	defer limit.stop()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Errorf("hook %s panicked: %v", name, cause)
			}
		}()
		done <- hook(&limit)
	}()
	var err error
	select {
	case err = <-done:
	case <-limit.Done():
		err = fmt.Errorf("hook %s: %w", name, limit.Err())
	}
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*Error](err); ok {
		return refusal
	}
	return ErrInternal.because(fmt.Errorf("hook %s: %w", name, err))
}
