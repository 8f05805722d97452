package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/store"
)

// This file checks the caller again inside a transaction. Guards read the
// session and the key before the rule begins. A sign-out, a reset, a ban, a new
// role or a revoked key in between must take effect.

// anonymous returns a context without the caller. A rule that exchanges another
// proof, such as a password or a mailed secret, does not depend on the
// signed-in user.
func anonymous(ctx context.Context) context.Context {
	if callerFrom(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, (*caller)(nil))
}

// recheck refuses if the caller of ctx is no longer allowed what the guard
// allowed. It locks the caller's account, so that a concurrent revocation
// waits, or is seen here. It returns the error that the guard would return now.
func recheck(ctx context.Context, t *txn) error {
	c := callerFrom(ctx)
	if c == nil || c.by != t.machinery {
		return nil
	}
	if c.key != nil {
		if err := recheckKey(ctx, t, c.key); err != nil {
			return err
		}
	}
	if !c.signedIn {
		return nil
	}
	if _, err := t.LockUser(ctx, tenant, c.user.ID); errors.Is(err, store.ErrNotFound) {
		return ErrAuthUserNotFound
	} else if err != nil {
		return err
	}
	session, user, err := t.SessionUser(ctx, tenant, c.session.ID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrSessionExpired
	}
	if err != nil {
		return err
	}
	if err := mayGoOn(&session, &user, c.user.ID, t.now()); err != nil {
		return err
	}
	if c.user.Role == RoleAdmin && user.Role != RoleAdmin {
		return ErrForbidden
	}
	return nil
}

// recheckKey checks a key again. It records the use of the key first. This
// locks the row, so that a concurrent revocation waits, or is seen here.
func recheckKey(ctx context.Context, t *txn, seen *store.APIKey) error {
	now := t.now()
	if err := t.TouchAPIKey(ctx, tenant, seen.ID, now); err != nil {
		return err
	}
	key, owner, err := t.APIKeyOwner(ctx, tenant, seen.Hash)
	if errors.Is(err, store.ErrNotFound) {
		return ErrInvalidAPIKey
	}
	if err != nil {
		return err
	}
	return keyStands(&key, &owner, now)
}
