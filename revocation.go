package admit

import (
	"cmp"
	"context"
	"time"

	"github.com/admit-go/admit/store"
)

// This file queues the revocation of the tokens of identities that are gone. A
// provider such as Apple demands to be told. revocationqueue.go tells the provider.

// queueRevocations queues the revocation of the tokens that were kept of identities.
// It is stored at the end of the transaction, so a provider is told only of what has
// happened, and in the end always.
func queueRevocations(_ context.Context, t *txn, gone []storedIdentity) error {
	for _, i := range gone {
		p, err := providerNamed(&t.config, i.Provider)
		if err != nil {
			continue // the configuration no longer has the provider
		}
		if _, ok := p.(ProviderRevoker); !ok || len(i.Tokens) == 0 {
			continue
		}
		tokens, err := i.openTokens(t.kernel)
		if err != nil {
			return err
		}
		token := cmp.Or(tokens.RefreshToken, tokens.AccessToken)
		if token == "" {
			continue
		}
		message, err := t.revocations.Seal(i.Provider, queuedRevocation{Provider: i.Provider, Token: token})
		if err != nil {
			return err
		}
		t.batch.Mails = append(t.batch.Mails, message)
		t.then = append(t.then, t.revocations.Wake)
	}
	return nil
}

// queueRevocationsOf is queueRevocations for every identity of an account.
func queueRevocationsOf(ctx context.Context, t *txn, user *store.User) error {
	if !revokesTokens(t.config.Providers) {
		return nil
	}
	has, err := identitiesOf(ctx, t, user.ID)
	if err != nil {
		return err
	}
	return queueRevocations(ctx, t, has)
}

// dropIdentitiesSince removes the identities that were linked at a time or later: a
// thief who moved an account to another address may have linked one to come back
// with.
func dropIdentitiesSince(ctx context.Context, t *txn, userID string, since time.Time) error {
	identities, err := identitiesOf(ctx, t, userID)
	if err != nil {
		return err
	}
	for _, i := range identities {
		if i.record.CreatedAt.Before(since) {
			continue
		}
		if _, err := t.DeleteRecord(ctx, tenant, recordIdentity, i.record.ID); err != nil {
			return err
		}
		if err := queueRevocations(ctx, t, []storedIdentity{i}); err != nil {
			return err
		}
		err := t.record(ctx, event{kind: eventIdentityUnlinked, subject: userID, data: eventData{"provider": i.Provider, "identity": i.record.ID, "reason": "address-undone"}})
		if err != nil {
			return err
		}
	}
	return nil
}
