package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/store"
)

// errNoRevoker says that the configuration no longer has a provider that revokes.
var errNoRevoker = errors.New("no provider of the configuration revokes the token")

// newRevocations returns the queue of tokens that providers are told to revoke.
func newRevocations(k *kernel, holder string) *outbox.Outbox[queuedRevocation] {
	return outbox.New(outbox.Options[queuedRevocation]{
		Queue: store.QueueRevocation, Store: k.store, Tenant: tenant, Holder: holder, Ring: k.ring, IDs: &k.ids, Now: k.config.Now, Logger: k.log,
		Expires:   func(queuedRevocation) time.Time { return time.Time{} },
		Permanent: func(err error) bool { return errors.Is(err, errNoRevoker) },
		// Wrong credentials stay wrong until an operator sets the right ones.
		NeedsOperator: func(err error) bool { return errors.Is(err, ErrInvalidOAuthCode) },
		Send: func(ctx context.Context, _, _ string, r queuedRevocation) error {
			p, err := providerNamed(&k.config, r.Provider)
			revoker, ok := p.(ProviderRevoker)
			if err != nil || !ok {
				return errNoRevoker
			}
			// A provider that was switched off is told all the same.
			credentials, err := credentialsOf(ctx, k, k.store, p)
			if err != nil && !(errors.Is(err, ErrOAuthNotConfigured) && credentials.ClientID != "") {
				return err
			}
			return askProvider(ctx, func(ctx context.Context) error { return revoker.Revoke(ctx, credentials, r.Token, k.now()) })
		},
	})
}
