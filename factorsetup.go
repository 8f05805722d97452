package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file adds a second factor to an account and takes it away. mfa.go stands on
// it.

// beginSetup stores a setup that waits to be confirmed, in place of one that
// waits already. It answers ErrMFAAlreadyEnabled where a factor is confirmed.
func beginSetup(ctx context.Context, t *txn, user *store.User, secret factorSecret) error {
	former, d, err := totpOf(ctx, t, user.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case d.ConfirmedAt != 0:
		return ErrMFAAlreadyEnabled
	default:
		if _, err := t.DeleteRecord(ctx, tenant, kindFactor, former.ID); err != nil {
			return err
		}
	}
	if err := factorGiven(ctx, t.kernel, user); err != nil {
		return err
	}
	now := t.now()
	record := store.Record{
		Tenant: tenant, Kind: kindFactor, ID: t.newID(), Keys: []string{totpKey(user.ID)}, Refs: []string{userRef(user.ID)},
		CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(setupLife),
	}
	d = factorData{Type: FactorTOTP, User: user.ID}
	if d.Secret, err = sealFactor(t.kernel, record.ID, user.ID, secret); err != nil {
		return err
	}
	if record.Data, err = d.encode(); err != nil {
		return err
	}
	return t.CreateRecord(ctx, record)
}

// confirmSetup makes a setup that waits count, and returns its recovery codes. It
// answers ErrInvalidMFACode, ErrMFASetupExpired or ErrMFAAlreadyEnabled.
func confirmSetup(ctx context.Context, t *txn, user *store.User, code factorCode) ([]string, error) {
	record, d, err := totpOf(ctx, t, user.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, ErrMFASetupExpired
	case err != nil:
		return nil, err
	case d.ConfirmedAt != 0:
		return nil, ErrMFAAlreadyEnabled
	case !t.now().Before(record.ExpiresAt):
		return nil, ErrMFASetupExpired
	}
	if err := factorGiven(ctx, t.kernel, user); err != nil { // a passkey may have become one since
		return nil, err
	}
	secret, err := openFactor(t.kernel, record.ID, user.ID, d.Secret)
	if err != nil {
		return nil, err
	}
	if err := passStep(t, user, record.ID, &d, code.app); err != nil {
		return nil, err
	}
	if d.Secret, err = sealFactor(t.kernel, record.ID, user.ID, factorSecret{Secret: secret.Secret}); err != nil {
		return nil, err
	}
	d.ConfirmedAt, d.Codes, d.Marked, record.ExpiresAt = t.now().UnixMicro(), len(secret.Codes), true, time.Time{}
	swapped, err := swapFactor(ctx, t, record, d)
	if err == nil && !swapped {
		err = ErrMFAAlreadyEnabled // another process was faster
	}
	if err != nil {
		return nil, err
	}
	if err := putRecoveryCodes(ctx, t, user.ID, secret.Codes); err != nil {
		return nil, err
	}
	if err := settleFactors(ctx, t, user); err != nil {
		return nil, err
	}
	if err := t.notify(ctx, user, mailer.MFAEnabled); err != nil {
		return nil, err
	}
	return secret.Codes, t.record(ctx, event{kind: eventMFAEnabled, subject: user.ID, data: eventData{"factor": record.ID, "type": FactorTOTP}})
}

// removeFactors takes the factors of some kinds and the recovery codes off an
// account and ends what depended on them: every session but one, pending tokens and
// remembered devices.
func removeFactors(ctx context.Context, t *txn, user *store.User, exceptSession string, kinds ...string) error {
	if _, err := t.DeleteRecordsOf(ctx, tenant, userRef(user.ID), kinds...); err != nil {
		return err
	}
	if err := dropRecoveryCodes(ctx, t, user.ID); err != nil {
		return err
	}
	if err := settleFactors(ctx, t, user); err != nil {
		return err
	}
	_, err := t.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, Except: exceptSession, At: t.now(), Reason: endedByFactor})
	if err != nil {
		return err
	}
	return t.kill(ctx, afterFactor, user.ID, user.EmailKey)
}

// tellReset mails that an operator has removed the factors of an account. The mail
// names no device, because the device is that of the operator.
func tellReset(ctx context.Context, t *txn, user *store.User) error {
	values := t.about(ctx, user, mailer.Values{ByOperator: true})
	values.Device, values.IPAddress = "", ""
	return t.mail(ctx, mailer.MFADisabled, user.Email, user.Locale, values)
}
