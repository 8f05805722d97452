package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/store"
)

// This file looks at the caller once more inside a transaction. Guards read the
// session and the key before the rule begins; whatever revokes them in between
// (a sign-out, a reset, a ban, a demotion, a revoked key) must win.

// anonymous returns a context without the caller. Rules that exchange another
// proof, such as a password or a mailed secret, do not depend on who is signed
// in.
func anonymous(ctx context.Context) context.Context {
	if callerFrom(ctx) == nil {
		return ctx
	}
	return context.WithValue(ctx, callerKey{}, (*caller)(nil))
}

// recheck refuses where the caller of ctx is no longer what the guard has seen.
// The caller's account is locked, so that what revokes it waits, or is seen
// here. It answers what the guard would answer now.
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

// recheckKey looks at a key again. Its use is noted first: that locks the row,
// so that a revocation waits, or is seen here.
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
