package admit

import (
	"context"
	"errors"
	"slices"

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
// allowed. It locks the accounts that the transaction plans to change, the
// caller's account and the account that made the caller's key, then the organisation
// that the key belongs to, and then the key.
// A concurrent revocation waits, or is seen here. It returns the error that the
// guard would return now.
func recheck(ctx context.Context, t *txn) error {
	c := callerFrom(ctx)
	if c == nil || c.by != t.machinery {
		return lockPlanned(ctx, t, "")
	}
	callerID, makerID, actorID := "", "", ""
	if c.signedIn {
		callerID = c.user.ID
	}
	if c.actor != nil {
		actorID = c.actor.user.ID
	}
	if c.key != nil && c.key.OwnerKind != OwnerOrganization {
		makerID = c.key.OwnerID
	}
	// Accounts are locked before keys, in the order of a reset, which locks the
	// account and then revokes its keys.
	if err := lockPlanned(ctx, t, callerID, makerID, actorID); err != nil {
		return err
	}
	if c.key != nil {
		if err := recheckKey(ctx, t, c); err != nil {
			return err
		}
	}
	if !c.signedIn {
		return nil
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
	return recheckActor(ctx, t, c, &session, &user)
}

// recheckKey checks a key again. The account that made the key is locked: its role
// and its ban limit the key. recheckKey records the use of the key. This locks the
// key, also when a later use is recorded already. A concurrent revocation or
// demotion waits, or is seen here.
func recheckKey(ctx context.Context, t *txn, c *caller) error {
	now := t.now()
	if c.key.OwnerKind == OwnerOrganization {
		// In the order of a deletion, which locks the organisation and then revokes
		// its keys.
		if _, err := t.LockOrganization(ctx, tenant, c.key.OwnerID); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	if err := t.TouchAPIKey(ctx, tenant, c.key.ID, now); err != nil {
		return err
	}
	_, owner, err := standingKey(ctx, t, c.key.Hash, now)
	if err != nil {
		return err
	}
	if c.owner != nil && c.owner.Role == RoleAdmin && owner.Role != RoleAdmin {
		return ErrForbidden
	}
	return nil
}

// plannedKey is the context key of the accounts that a transaction will lock.
type plannedKey struct{}

// planned returns a context whose transaction locks the accounts, together with
// the account of the caller, in the order of their ids before anything else. Two
// transactions that lock in one order never wait for each other in a circle.
func planned(ctx context.Context, ids ...string) context.Context {
	return context.WithValue(ctx, plannedKey{}, ids)
}

// lockPlanned locks the planned accounts, the account of the caller, and the
// accounts that made the caller's key or act as the caller, as far as they are not "".
// It returns
// ErrAuthUserNotFound if the account of the caller does not exist.
func lockPlanned(ctx context.Context, t *txn, callerID string, more ...string) error {
	ids, _ := ctx.Value(plannedKey{}).([]string)
	ids = append(append(slices.Clone(ids), callerID), more...)
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		_, err := t.LockUser(ctx, tenant, id)
		switch {
		case errors.Is(err, store.ErrNotFound) && id == callerID:
			return ErrAuthUserNotFound
		case err != nil && !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	return nil
}
