package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/store"
)

// This file proves once more who a signed-in user is: what changes factors asks
// for it, and reauthenticate.go lets a session be proven again.

// proveOwner verifies the password of an account, or, for an account without
// one, that the session of the caller has a recent proof. What it returns asks
// again in the transaction of the change.
func proveOwner(ctx context.Context, k *kernel, userID, password string) (still func(context.Context, *txn) error, err error) {
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return nil, err
	}
	if _, err := k.store.Password(ctx, tenant, userID); errors.Is(err, store.ErrNotFound) {
		pay(ctx) // a session is no guess
		return func(context.Context, *txn) error { return nil }, recentOwner(ctx, k, &user)
	} else if err != nil {
		return nil, fault(err)
	}
	known, err := provePassword(ctx, k, &user, password)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, tx *txn) error { return lockStillThePassword(ctx, tx, known) }, nil
}

// recentOwner refuses unless the session of the caller is one of the account and
// has a recent proof.
func recentOwner(ctx context.Context, k *kernel, user *store.User) error {
	c := callerFrom(ctx)
	if c == nil || c.by != k.machinery || !c.signedIn || c.user.ID != user.ID {
		return proofMissing(k, user)
	}
	return k.recent(c)
}

// currentSession is the session of the caller where it is one of the account; ""
// else.
func currentSession(ctx context.Context, userID string) string {
	if c := callerFrom(ctx); c != nil && c.signedIn && c.user.ID == userID {
		return c.session.ID
	}
	return ""
}

// proveSession notes in the session of the caller that its user has just given a
// proof by methods (RFC 8176). Without a session of the account it does nothing.
func proveSession(ctx context.Context, t *txn, userID, methods string) error {
	id := currentSession(ctx, userID)
	if id == "" {
		return nil
	}
	t.touch(userID)
	session, _, err := t.SessionUser(ctx, tenant, id)
	if err != nil {
		return err
	}
	return t.ProveSession(ctx, tenant, id, withMethods(session.AMR, methods), t.now())
}
