package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file links identities with accounts that exist, and unlinks them. Linking and
// social sign-in stand on it.

// linkTo links a person at a provider with the account of a session, whose lock is
// held. An address that the provider vouches for is verified by it, unless the
// account was contested: the person at the provider and the holder of the session
// are one.
func linkTo(ctx context.Context, t *txn, user *store.User, p Provider, id *ProviderIdentity) (storedIdentity, error) {
	has, err := identitiesOf(ctx, t, user.ID)
	if err != nil {
		return storedIdentity{}, err
	}
	if len(has) >= maxIdentities {
		return storedIdentity{}, ErrAccountAlreadyLinked
	}
	added, err := linkIdentity(ctx, t, user, p, id, "owner")
	if err != nil {
		return added, err
	}
	address := readAddress(id)
	if !user.EmailVerifiedAt.IsZero() || !address.proven() || address.Key != user.EmailKey {
		return added, nil
	}
	if doubtful, err := contested(ctx, t, user); err != nil || doubtful {
		return added, err
	}
	verified, err := t.VerifyEmail(ctx, tenant, user.ID, user.EmailKey, t.now())
	if err != nil || !verified {
		return added, err
	}
	return added, t.record(ctx, event{kind: eventEmailVerified, subject: user.ID})
}

// unlink removes identities of an account whose lock is held, and ends what waits
// for them. A provider that wants to know is told.
func unlink(ctx context.Context, t *txn, user *store.User, gone []storedIdentity, why string) error {
	for _, i := range gone {
		if _, err := t.DeleteRecord(ctx, tenant, recordIdentity, i.record.ID); err != nil {
			return err
		}
		err := t.record(ctx, event{kind: eventIdentityUnlinked, subject: user.ID, data: eventData{
			"provider": i.Provider, "identity": i.record.ID, "reason": why,
		}})
		if err != nil {
			return err
		}
	}
	if err := queueRevocations(ctx, t, gone); err != nil {
		return err
	}
	if err := t.kill(ctx, afterUnlink, user.ID, ""); err != nil {
		return err
	}
	return notifyLink(ctx, t, user, mailer.AccountUnlinked, gone[0].Provider)
}

// entersWithout says whether an account has a way in that somebody set up, without
// some of its identities: a password, a passkey, or an identity at a provider that
// is switched on. A link by mail does not count: the mailbox may be one at the
// provider that is unlinked.
func entersWithout(ctx context.Context, t *txn, user *store.User, gone func(i *storedIdentity) bool) (bool, error) {
	if other, err := entersByProvider(ctx, t, user.ID, gone); err != nil || other {
		return other, err
	}
	mustProve := t.config.RequireVerifiedEmail || t.config.PrivateSignUp
	if mustProve && user.EmailVerifiedAt.IsZero() {
		return false, nil
	}
	_, err := t.Password(ctx, tenant, user.ID)
	if err == nil {
		return true, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return false, err
	}
	if t.config.Passkeys.Engine == nil {
		return false, nil
	}
	passkeys, err := passkeysOf(ctx, t, user.ID)
	return len(passkeys) > 0, err
}
