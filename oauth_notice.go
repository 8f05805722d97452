package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/store"
)

// The kinds of notice after which an identity is gone.
const (
	noticeConsentRevoked = "consent-revoked"
	noticeAccountDelete  = "account-delete"
)

// noticeLife is how long it is remembered that a notice was taken.
const noticeLife = 30 * 24 * time.Hour

// Notice takes a signed notice of a provider about an identity, such as those of
// Apple. Consent that was revoked, and an account that was deleted there, end the
// identity and the sessions of its account. A notice that comes again changes
// nothing. It returns ErrUnsupportedProvider for a provider that sends none,
// ErrOAuthNotConfigured, ErrInvalidOAuthCode for a notice that is not the provider's,
// ErrOAuthCallbackFailed or ErrUnavailable.
func (p *Providers) Notice(ctx context.Context, provider string, body []byte) error {
	found, err := providerNamed(&p.config, provider)
	if err != nil {
		return err
	}
	notifier, ok := found.(ProviderNotifier)
	if !ok {
		return ErrUnsupportedProvider
	}
	credentials, err := credentialsOf(ctx, p.kernel, p.store, found)
	if err != nil {
		return err
	}
	var told ProviderNotice
	err = askProvider(ctx, func(ctx context.Context) error {
		told, err = notifier.ReadNotice(ctx, credentials, body, p.now())
		return err
	})
	if err == nil && told.ID == "" {
		err = ErrInvalidOAuthCode.because(errors.New("the notice has no id"))
	}
	if err != nil {
		noteRefusal(ctx, p.kernel, found, err)
		return err
	}
	ctx, cancel := afresh(ctx, p.config.RequestTimeout)
	defer cancel()
	err = p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error { return takeNotice(ctx, tx, found, &told) })
	if errors.Is(err, errToldBefore) {
		return nil
	}
	return err
}

// errToldBefore rolls a notice back that was taken before.
var errToldBefore = errors.New("the notice was taken before")

// takeNotice does what a notice asks for, once.
func takeNotice(ctx context.Context, tx *txn, p Provider, told *ProviderNotice) error {
	now := tx.now()
	err := tx.CreateToken(ctx, store.Token{
		Tenant: tenant, Kind: kindOAuthSeen, Hash: hashSecret("notice " + p.Name() + " " + told.ID), CreatedAt: now, UsedAt: now, ExpiresAt: now.Add(noticeLife),
	})
	if errors.Is(err, store.ErrConflict) {
		return errToldBefore
	}
	if err != nil {
		return err
	}
	known, err := identityOf(ctx, tx, &ProviderIdentity{Issuer: told.Issuer, Subject: told.Subject})
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	user, err := tx.lock(ctx, known.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if told.At.After(now) {
		told.At = now
	}
	if err := tx.record(ctx, event{kind: eventIdentityNotice, subject: user.ID, data: eventData{
		"provider": p.Name(), "identity": known.record.ID, "notice": told.Kind,
	}}); err != nil {
		return err
	}
	if told.Kind != noticeConsentRevoked && told.Kind != noticeAccountDelete {
		return nil
	}
	// A person who has linked the identity again since has given new consent.
	if !told.At.IsZero() && known.record.CreatedAt.After(told.At) {
		return nil
	}
	if _, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByProvider}); err != nil {
		return err
	}
	return unlink(ctx, tx, &user, []storedIdentity{known}, told.Kind)
}
