package admit

import (
	"context"
	"errors"
	"strings"

	"github.com/admit-go/admit/internal/totp"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// MFA sets up second factors, completes sign-ins with them, and removes them. Its
// routes stand in mfaroutes.go, its devices in mfadevice.go.
type MFA struct {
	*kernel
}

// EnableMFAParams says whose authenticator app is set up.
type EnableMFAParams struct {
	UserID string
	// Password is the account's. An account without one needs a recent sign-in in
	// the context, as RequireRecent finds it.
	Password string
	// Ticket is that of a sign-in which must set a factor up first
	// (ErrMFAEnrollmentRequired, details.mfaToken). It stands in for UserID and
	// Password.
	Ticket string
}

// MFASetup is what somebody sets an authenticator app up with. It is shown once.
type MFASetup struct {
	// Secret is to be typed, in base32 (RFC 4648); URI is the otpauth URI that
	// authenticator apps read from a QR code.
	Secret, URI string
	// BackupCodes are the recovery codes that count once the setup is confirmed.
	BackupCodes []string
}

// PNG draws the QR code of the URI.
func (s MFASetup) PNG() ([]byte, error) { return totp.PNG(s.URI) }

// SVG draws the QR code of the URI, sharp at any size.
func (s MFASetup) SVG() (string, error) { return totp.SVG(s.URI) }

// Enable begins to set up an authenticator app. Nothing changes before Confirm,
// within 10 minutes; a setup that was begun before is forgotten. It answers
// ErrInvalidCredentials, ErrMFAAlreadyEnabled, ErrReauthenticationRequired,
// ErrTooManyLoginAttempts or ErrUnavailable, and for a ticket ErrInvalidToken or
// ErrTokenExpired.
func (m *MFA) Enable(ctx context.Context, in EnableMFAParams) (MFASetup, error) {
	secret, err := totp.NewSecret()
	if err != nil {
		return MFASetup{}, ErrInternal.because(err)
	}
	codes, err := newRecoveryCodes()
	if err != nil {
		return MFASetup{}, err
	}
	still := func(context.Context, *txn) error { return nil }
	if in.Ticket != "" {
		ticket, err := ticketAt(ctx, m.kernel, m.store, in.Ticket, atEnrolment)
		if err != nil {
			return MFASetup{}, err
		}
		in.UserID, ctx = ticket.UserID, anonymous(ctx)
		still = func(ctx context.Context, tx *txn) error { // what ends the ticket may have won meanwhile
			_, err := ticketAt(ctx, m.kernel, tx, in.Ticket, atEnrolment)
			return err
		}
	} else if still, err = proveOwner(ctx, m.kernel, in.UserID, in.Password); err != nil {
		return MFASetup{}, err
	}
	var account string
	err = m.change(ctx, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		if err := still(ctx, tx); err != nil {
			return err
		}
		account = user.Email
		return beginSetup(ctx, tx, user, factorSecret{secret, codes})
	})
	if err != nil {
		return MFASetup{}, err
	}
	return MFASetup{Secret: totp.Text(secret), URI: totp.URI(m.config.MFA.Issuer, account, secret), BackupCodes: codes}, nil
}

// ConfirmMFAParams is the first code of an app that was set up.
type ConfirmMFAParams struct {
	UserID, Code string
	// Ticket is that of a sign-in which had to set the factor up. It stands in for
	// UserID.
	Ticket string
}

// ConfirmedMFA is what a confirmed setup gives.
type ConfirmedMFA struct {
	// BackupCodes are those of the setup. They are kept as hashes from now on.
	BackupCodes []string
	// SignedIn is the session that the ticket was for; nil without a ticket.
	SignedIn *SignedIn
}

// Confirm completes the setup of an authenticator app with one of its codes: from
// now on every sign-in asks for a second factor. Other sessions stay; pending
// tokens of the account die, and the account is told by mail. It answers
// ErrInvalidMFACode, ErrMFASetupExpired, ErrMFAAlreadyEnabled,
// ErrTooManyLoginAttempts or ErrUnavailable, and for a ticket ErrInvalidToken or
// ErrTokenExpired.
func (m *MFA) Confirm(ctx context.Context, in ConfirmMFAParams) (ConfirmedMFA, error) {
	code, err := readFactorCode(in.Code)
	if err == nil && code.app == "" {
		err = ErrInvalidMFACode
	}
	if err != nil {
		return ConfirmedMFA{}, err
	}
	if in.Ticket == "" {
		return m.confirmSignedIn(ctx, in.UserID, code)
	}
	var done ConfirmedMFA
	signed, err := m.completed(ctx, in.Ticket, atEnrolment, func(ctx context.Context, tx *txn) (outcome, error) {
		out, err := tx.resume(ctx, atEnrolment, in.Ticket, secondMethods, func(user *store.User) (err error) {
			done.BackupCodes, err = confirmSetup(ctx, tx, user, code)
			return err
		}, atFactor)
		if err != nil {
			return out, err
		}
		return out, tx.kill(ctx, afterFactor, out.user.ID, out.user.EmailKey)
	})
	if err != nil {
		return ConfirmedMFA{}, err
	}
	done.SignedIn = &signed
	return done, nil
}

func (m *MFA) confirmSignedIn(ctx context.Context, userID string, code factorCode) (done ConfirmedMFA, err error) {
	err = m.guess(ctx, userID, func(ctx context.Context, tx *txn, user *store.User) error {
		if done.BackupCodes, err = confirmSetup(ctx, tx, user, code); err != nil {
			return err
		}
		if err := proveSession(ctx, tx, user.ID, secondMethods); err != nil {
			return err
		}
		return tx.kill(ctx, afterFactor, user.ID, user.EmailKey)
	})
	if err != nil {
		return ConfirmedMFA{}, err
	}
	return done, nil
}

// VerifyMFAParams completes a sign-in.
type VerifyMFAParams struct {
	// Ticket is details.mfaToken of ErrMFARequired: single-use on success, 5
	// minutes, 5 tries.
	Ticket string
	// Code is one of an authenticator app, or a recovery code.
	Code string
	// Passkey is the answer of a passkey, in place of Code and of Ticket: its
	// ceremony is one that Passkeys.BeginSignIn has made for the ticket.
	Passkey PasskeyAnswer
	// Remember asks that this device needs no second factor for
	// MFAConfig.Remember.
	Remember bool
}

// VerifiedMFA is a sign-in that a second factor completed.
type VerifiedMFA struct {
	SignedIn
	// DeviceToken is for WithDeviceToken at the next sign-in; "" unless the device
	// is remembered.
	DeviceToken string
}

// Verify completes a sign-in that was paused with ErrMFARequired. Codes count
// against a budget of the account that no new ticket resets. It answers
// ErrInvalidMFACode, ErrTokenExpired for a ticket that is used up, ErrInvalidToken
// for what is no ticket, ErrAccountBanned, ErrTooManyLoginAttempts or
// ErrUnavailable, and for a passkey what Passkeys.CompleteSignIn answers.
func (m *MFA) Verify(ctx context.Context, in VerifyMFAParams) (VerifiedMFA, error) {
	var done VerifiedMFA
	remember := func(ctx context.Context, tx *txn, out outcome) (err error) {
		if out.pause == nil && in.Remember && tx.config.MFA.Remember != 0 {
			done.DeviceToken, err = rememberDevice(ctx, tx, out.user.ID)
		}
		return err
	}
	if in.Passkey.CeremonyID != "" {
		var err error
		if done.SignedIn, err = completeByPasskey(ctx, m.kernel, in.Passkey, remember); err != nil {
			return VerifiedMFA{}, err
		}
		return done, nil
	}
	code, err := readFactorCode(in.Code)
	if err != nil {
		return VerifiedMFA{}, err
	}
	done.SignedIn, err = m.completed(ctx, in.Ticket, atFactor, func(ctx context.Context, tx *txn) (outcome, error) {
		out, err := tx.resume(ctx, atFactor, in.Ticket, secondMethods, func(user *store.User) error {
			return passCode(ctx, tx, user, code)
		})
		if err != nil {
			return out, err
		}
		return out, remember(ctx, tx, out)
	})
	if err != nil {
		return VerifiedMFA{}, err
	}
	return done, nil
}

// completed goes on with a paused sign-in: it reserves a guess of the account's
// second factor and a try of the ticket, both in one step and before anything is
// verified, and runs the rule, which resumes the ticket.
func (m *MFA) completed(ctx context.Context, ticket, at string, rule func(context.Context, *txn) (outcome, error)) (SignedIn, error) {
	found, err := ticketAt(ctx, m.kernel, m.store, ticket, at)
	if err != nil {
		return SignedIn{}, err
	}
	state, err := readTicket(found)
	if err != nil {
		return SignedIn{}, err
	}
	try, err := m.attempt(ctx, secondFactor, found.EmailKey, ticketTries(found)...)
	if err != nil {
		return SignedIn{}, err
	}
	try.clears = state.Clears
	signed, err := m.admit(ctx, try, rule)
	if errors.Is(err, ErrInvalidToken) {
		err = ErrTokenExpired // it was used, or has died, meanwhile
	}
	try.settle(ctx, err)
	return signed, err
}

// ticketTries are the counters of the tries of a ticket.
func ticketTries(ticket store.Token) []store.Counter {
	return budgetOf(pausedTries).counters(fingerprint(string(ticket.Hash)))
}

// ChangeMFAParams are the proofs that a change of factors needs.
type ChangeMFAParams struct {
	UserID string
	// Password is the account's. An account without one needs a recent sign-in in
	// the context, as RequireRecent finds it.
	Password string
	// Code is one of the authenticator app, or a recovery code.
	Code string
}

// Disable removes the authenticator app and the recovery codes of an account.
// Every other session ends, pending tokens and remembered devices die, and the
// account is told by mail. It answers ErrInvalidCredentials, ErrMFANotEnabled,
// ErrInvalidMFACode, ErrReauthenticationRequired, ErrTooManyLoginAttempts or
// ErrUnavailable.
func (m *MFA) Disable(ctx context.Context, in ChangeMFAParams) error {
	return m.changeWithProof(ctx, in, func(ctx context.Context, tx *txn, user *store.User) error {
		if err := removeFactors(ctx, tx, user, currentSession(ctx, user.ID), kindFactor); err != nil {
			return err
		}
		if err := tx.notify(ctx, user, mailer.MFADisabled); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventMFADisabled, subject: user.ID})
	})
}

// NewBackupCodes replaces the recovery codes of an account, used ones and unused
// ones. It answers as Disable does.
func (m *MFA) NewBackupCodes(ctx context.Context, in ChangeMFAParams) ([]string, error) {
	codes, err := newRecoveryCodes()
	if err != nil {
		return nil, err
	}
	err = m.changeWithProof(ctx, in, func(ctx context.Context, tx *txn, user *store.User) error {
		return replaceCodes(ctx, tx, user, codes)
	})
	if err != nil {
		return nil, err
	}
	return codes, nil
}

// changeWithProof runs a change for somebody who gave the password and a code of
// the factor. The password is looked at first, so that who does not know it does
// not learn whether there is a factor.
func (m *MFA) changeWithProof(ctx context.Context, in ChangeMFAParams, change func(context.Context, *txn, *store.User) error) error {
	still, err := proveOwner(ctx, m.kernel, in.UserID, in.Password)
	if err != nil {
		return err
	}
	if _, d, err := totpOf(ctx, m.store, in.UserID); errors.Is(err, store.ErrNotFound) || err == nil && d.ConfirmedAt == 0 {
		return ErrMFANotEnabled
	} else if err != nil {
		return fault(err)
	}
	code, err := readFactorCode(in.Code)
	if err != nil {
		return err
	}
	return m.guess(ctx, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		if err := still(ctx, tx); err != nil {
			return err
		}
		if err := passCode(ctx, tx, user, code); err != nil {
			return err
		}
		return change(ctx, tx, user)
	})
}

// guess runs a change that a code decides about, within the budget of the second
// factor. A right code gives the guess back, but clears no budget.
func (m *MFA) guess(ctx context.Context, userID string, change func(context.Context, *txn, *store.User) error) error {
	user, err := existing(m.store.User(ctx, tenant, userID))
	if err != nil {
		return err
	}
	try, err := m.attempt(ctx, secondFactor, user.EmailKey)
	if err != nil {
		return err
	}
	err = m.change(ctx, userID, change)
	if err == nil {
		try.giveBack(ctx)
	}
	try.settle(ctx, err)
	return err
}

// change runs a rule with an account locked that may still be here.
func (m *MFA) change(ctx context.Context, userID string, rule func(context.Context, *txn, *store.User) error) error {
	return m.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, userID))
		if err != nil {
			return err
		}
		if err := usable(&user, tx.now()); err != nil {
			return err
		}
		return rule(ctx, tx, &user)
	})
}

// Factors lists the second factors of an account, and setups that wait to be
// confirmed. ErrUserNotFound or ErrUnavailable.
func (m *MFA) Factors(ctx context.Context, userID string) ([]Factor, error) {
	if !uuid.Valid(userID) {
		return nil, ErrUserNotFound
	}
	if _, err := existing(m.store.User(ctx, tenant, userID)); err != nil {
		return nil, err
	}
	factors, err := factorsOf(ctx, m.store, userID)
	for i, f := range factors {
		if err != nil || !f.marked || f.RecoveryCodesLeft == 0 {
			continue
		}
		var there bool
		if there, err = hasRecoveryCodes(ctx, m.store, userID); !there {
			factors[i].RecoveryCodesLeft = 0
		}
	}
	if err != nil {
		return nil, fault(err)
	}
	return factors, nil
}

// ResetMFAParams says whose factors an operator removes, and why.
type ResetMFAParams struct {
	// Reason stands in the audit log. It must be given.
	UserID, Reason string
}

// Reset removes the authenticator app, the recovery codes and the passkeys of an
// account for somebody who has lost them. Every session ends, and the account is told by
// mail. It answers ErrUserNotFound, ErrMFANotEnabled, ErrInvalidRequest without a
// reason, or ErrUnavailable. The caller must be sure that the person who
// asks is the owner.
func (m *MFA) Reset(ctx context.Context, in ResetMFAParams) error {
	if in.Reason = strings.TrimSpace(in.Reason); in.Reason == "" {
		return ErrInvalidRequest.detail("reason", "is missing")
	}
	if !uuid.Valid(in.UserID) {
		return ErrUserNotFound
	}
	return m.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		factors, err := factorsOf(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		if len(confirmed(factors)) == 0 {
			return ErrMFANotEnabled
		}
		passkeys := 0
		for _, f := range factors {
			if f.Type == FactorPasskey {
				passkeys++
			}
		}
		if err := removeFactors(ctx, tx, &user, "", kindFactor, recordPasskey); err != nil {
			return err
		}
		if err := tellReset(ctx, tx, &user); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventMFAReset, subject: user.ID, data: eventData{"reason": in.Reason, "passkeys": passkeys}})
	})
}
