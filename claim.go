package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Disown deletes an account that somebody else made with this address: the
// second button of the confirmation page. It works until the address is proven,
// and answers as ConfirmEmail does.
func (a *Auth) Disown(ctx context.Context, email, token string) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if !wellFormed(token) {
		return ErrInvalidToken
	}
	var gone string
	err = a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		found, err := tx.Token(ctx, tenant, kindVerify, hashSecret(token))
		if errors.Is(err, store.ErrNotFound) || err == nil && found.EmailKey != address.Key {
			return ErrInvalidToken
		}
		if err != nil {
			return err
		}
		user, used, err := a.spendToken(ctx, tx, found)
		if err != nil {
			return err
		}
		if used || user.EmailKey != found.EmailKey || !user.EmailVerifiedAt.IsZero() {
			return ErrInvalidToken
		}
		gone = user.ID
		return a.deleteAccount(ctx, tx, &user, "disowned")
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(gone) })
	}
	return err
}

// deleteAccount ends everything an account has, and frees its address.
func (a *Auth) deleteAccount(ctx context.Context, tx store.Store, user *store.User, why string) error {
	now := a.now()
	if err := a.strip(ctx, tx, user, afterDelete, endedByDelete); err != nil {
		return err
	}
	if _, err := tx.DeleteUser(ctx, tenant, user.ID, now, time.Time{}); err != nil {
		return err
	}
	if _, err := tx.DeleteTokens(ctx, store.TokenFilter{Tenant: tenant, UserID: user.ID}); err != nil {
		return err
	}
	if err := a.notify(ctx, tx, user, mailer.AccountDeleted); err != nil {
		return err
	}
	return a.record(ctx, tx, event{kind: eventUserDeleted, actor: user.ID, subject: user.ID, data: eventData{"reason": why}})
}

// strip takes away every way into an account: password, sessions, keys and
// pending tokens.
func (a *Auth) strip(ctx context.Context, tx store.Store, user *store.User, h happening, why string) error {
	now := a.now()
	if err := tx.DeletePassword(ctx, tenant, user.ID); err != nil {
		return err
	}
	if _, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: why}); err != nil {
		return err
	}
	if _, err := tx.RevokeAPIKeysOf(ctx, tenant, user.ID, now); err != nil {
		return err
	}
	return killTokens(ctx, tx, h, user.ID, user.EmailKey)
}

// claim settles who owns an account when a mailbox is proven in another way
// than by confirming the sign-up. Whatever the registrant of an address that
// was never proven may have planted goes: the proof wins.
func (a *Auth) claim(ctx context.Context, tx store.Store, user *store.User) error {
	if !user.EmailVerifiedAt.IsZero() {
		return nil
	}
	if err := a.strip(ctx, tx, user, afterClaim, endedByClaim); err != nil {
		return err
	}
	now := a.now()
	if _, err := tx.VerifyEmail(ctx, tenant, user.ID, user.EmailKey, now); err != nil {
		return err
	}
	user.EmailVerifiedAt = now
	if hook := a.config.Hooks.AccountClaimed; hook != nil {
		err := a.runHook(ctx, "AccountClaimed", func(ctx context.Context) error { return hook(ctx, tx, *user) })
		if err != nil {
			return err
		}
	}
	return a.record(ctx, tx, event{kind: eventAccountClaimed, actor: user.ID, subject: user.ID})
}
