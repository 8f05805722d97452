package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of passkeys: passkey_http.go serves them, and
// passkey_ceremony.go proves that somebody holds a passkey.

// Passkeys registers passkeys and signs people in with them (WebAuthn Level 3).
// They need Config.Passkeys.Engine; without one every method answers ErrNotFound.
type Passkeys struct {
	*kernel
}

// PasskeyOptions is the beginning of a ceremony, for a browser.
type PasskeyOptions struct {
	// CeremonyID goes back with the answer, once, within 5 minutes.
	CeremonyID string
	// Options is JSON: a PublicKeyCredentialCreationOptionsJSON, or a
	// PublicKeyCredentialRequestOptionsJSON (WebAuthn Level 3, section 5.1).
	Options []byte
}

// BeginPasskeyParams says for whom a passkey is to be made.
type BeginPasskeyParams struct {
	UserID string
	// SessionID is the session that asks: no other session can finish.
	SessionID string
	// MFAToken is the ticket of a sign-in that must set up a second factor first.
	// It replaces UserID and SessionID.
	MFAToken string
	// Name tells people which passkey it is, 1 to 100 characters. Default: the name
	// of the password manager or the device, where it is a known one.
	Name string
	// Conditional lets a password manager make the passkey without asking, right
	// after it has filled in a password (mediation "conditional").
	Conditional bool
}

// BeginRegistration makes the options of navigator.credentials.create. The
// caller makes sure that the account has given a recent proof; the route does.
// It answers ErrInvalidName, ErrEmailNotVerified where nobody has proven the
// address of the account yet, ErrReauthenticationRequired where the account has a
// second factor that the session of the context has not given, ErrTooManyPasskeys,
// ErrInvalidToken and ErrTokenExpired for a ticket, ErrUserNotFound or
// ErrUnavailable.
func (p *Passkeys) BeginRegistration(ctx context.Context, in BeginPasskeyParams) (begun PasskeyOptions, err error) {
	if err := hasPasskeys(&p.config); err != nil {
		return begun, err
	}
	c := &ceremony{Purpose: toRegister, SessionID: in.SessionID, Conditional: in.Conditional}
	if err := c.call(in.Name); err != nil {
		return begun, err
	}
	if in.MFAToken != "" {
		ticket, state, err := waitingTicket(ctx, p.kernel, in.MFAToken)
		if err != nil {
			return begun, err
		}
		if state.Checkpoint != atEnrolment {
			return begun, ErrInvalidToken // it asks for a factor, it does not offer one
		}
		ctx, in.UserID = anonymous(ctx), ticket.UserID
		c.SessionID, c.Ticket, c.Conditional = "", ticket.Hash, false
	}
	// Where a factor must be set up, a passkey counts that verifies its user.
	c.Verify = c.Ticket != nil || p.config.Passkeys.RequireUserVerification && !c.Conditional
	err = p.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		if err := factorGiven(ctx, tx.kernel, &user); err != nil {
			return err
		}
		has, err := mayHaveOneMore(ctx, tx, &user)
		if err != nil {
			return err
		}
		handle, err := handleOf(ctx, tx, user.ID)
		if err != nil {
			return err
		}
		challenge, err := p.config.Passkeys.Engine.BeginRegistration(passkeySite(&p.config), PasskeyRegistration{
			UserHandle: handle, UserName: user.Email, DisplayName: user.Name, Exclude: descriptors(has),
			RequireVerification: c.Verify, Conditional: c.Conditional,
		})
		if err != nil {
			return ErrInternal.because(err)
		}
		c.State, begun.Options = challenge.State, challenge.Options
		begun.CeremonyID, err = keepCeremony(ctx, tx.Store, user.ID, c, tx.now())
		return err
	})
	if err != nil {
		return PasskeyOptions{}, err
	}
	return begun, nil
}

// FinishPasskeyParams is the answer to BeginRegistration.
type FinishPasskeyParams struct {
	PasskeyAnswer
	// UserID and SessionID are those of BeginRegistration. A ceremony that a ticket
	// has begun needs neither.
	UserID, SessionID string
	// Name replaces that of BeginRegistration; "" keeps it.
	Name string
}

// RegisteredPasskey is a passkey that was made.
type RegisteredPasskey struct {
	Passkey
	// SignedIn is the sign-in that waited for it; nil without one.
	SignedIn *SignedIn
}

// FinishRegistration keeps a passkey and mails a notice. It answers
// ErrInvalidPasskey (with status 400), ErrPasskeyExists where the passkey belongs
// to any account already, ErrTooManyPasskeys, ErrInvalidName, ErrUnavailable and,
// for a sign-in that waited, whatever the gate answers.
func (p *Passkeys) FinishRegistration(ctx context.Context, in FinishPasskeyParams) (RegisteredPasskey, error) {
	made, err := p.finishRegistration(ctx, in)
	if errors.Is(err, ErrInvalidPasskey) {
		refused := *asError(err)
		refused.Status = http.StatusBadRequest
		err = &refused
	}
	return made, err
}

func (p *Passkeys) finishRegistration(ctx context.Context, in FinishPasskeyParams) (RegisteredPasskey, error) {
	if err := hasPasskeys(&p.config); err != nil {
		return RegisteredPasskey{}, err
	}
	token, c, err := findCeremony(ctx, p.kernel, in.CeremonyID, toRegister)
	if err != nil {
		return RegisteredPasskey{}, err
	}
	if c.Ticket == nil && (token.UserID != in.UserID || c.SessionID != in.SessionID) {
		return RegisteredPasskey{}, ErrInvalidPasskey
	}
	if err := c.call(in.Name); err != nil {
		return RegisteredPasskey{}, err
	}
	made, err := p.config.Passkeys.Engine.FinishRegistration(passkeySite(&p.config), c.State, in.Credential)
	if err != nil {
		return RegisteredPasskey{}, ErrInvalidPasskey.because(err)
	}
	if err := checkMade(&made, c); err != nil {
		return RegisteredPasskey{}, err
	}
	if c.Ticket == nil {
		var kept Passkey
		err = p.tx(ctx, func(ctx context.Context, tx *txn) error {
			if kept, err = addPasskey(ctx, tx, token, c, &made); err != nil || !made.Flags.UserVerified || c.Conditional {
				return err
			}
			return proveSession(ctx, tx, token.UserID, passkeyMethods(made.Flags)) // the session has given the factor that it has added
		})
		return RegisteredPasskey{Passkey: kept}, err
	}
	var kept Passkey
	signed, err := p.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		ticket, err := openTicket(ctx, tx, c.Ticket, token.UserID)
		if err != nil {
			return outcome{}, err
		}
		return resumeOpened(ctx, tx, &ticket, atEnrolment, passkeyMethods(made.Flags), func(user *store.User) (err error) {
			if kept, err = addPasskey(ctx, tx, token, c, &made); err == nil {
				*user, err = tx.lock(ctx, user.ID)
			}
			return err
		}, atFactor)
	})
	if err != nil {
		return RegisteredPasskey{}, err
	}
	return RegisteredPasskey{Passkey: kept, SignedIn: &signed}, nil
}

// PasskeySignInParams says who wants to sign in.
type PasskeySignInParams struct {
	// Email may be "": then the browser offers the passkeys that it finds, also in
	// the autofill of a field (conditional UI).
	Email string
	// MFAToken is the ticket of a paused sign-in that a passkey is to complete.
	MFAToken string
}

// BeginSignIn makes the options of navigator.credentials.get. With an address they
// name the passkeys of its account; for an address without one they name some
// that do not exist, the same each time. It answers ErrInvalidEmail,
// ErrInvalidToken, ErrTokenExpired and ErrAccountBanned for a ticket,
// ErrInvalidPasskey where the account of a ticket has no passkey,
// ErrTooManyRequests or ErrUnavailable.
func (p *Passkeys) BeginSignIn(ctx context.Context, in PasskeySignInParams) (begun PasskeyOptions, err error) {
	if err := hasPasskeys(&p.config); err != nil {
		return begun, err
	}
	if err := p.spendClient(ctx, clientCeremony); err != nil {
		return begun, err
	}
	c := &ceremony{Purpose: toSignIn, Verify: p.config.Passkeys.RequireUserVerification}
	var request PasskeyRequest
	var userID string
	switch {
	case in.MFAToken != "":
		userID, err = passkeysToComplete(ctx, p.kernel, in.MFAToken, c, &request)
	case in.Email != "":
		err = passkeysOfAddress(ctx, p.kernel, in.Email, &request)
	default:
		c.Discoverable = true
	}
	if err != nil {
		return begun, err
	}
	request.RequireVerification = c.Verify
	challenge, err := p.config.Passkeys.Engine.BeginSignIn(passkeySite(&p.config), request)
	if err != nil {
		return begun, ErrInternal.because(err)
	}
	c.State, begun.Options = challenge.State, challenge.Options
	if begun.CeremonyID, err = keepCeremony(ctx, p.store, userID, c, p.now()); err != nil {
		return PasskeyOptions{}, fault(err)
	}
	return begun, nil
}

// SignIn signs in with a passkey, through the gate. A passkey that has verified
// its user counts as two factors, another one as one. It answers ErrInvalidPasskey,
// ErrAccountBanned, ErrEmailNotVerified, whatever else the gate answers,
// ErrTooManyRequests or ErrUnavailable.
func (p *Passkeys) SignIn(ctx context.Context, in PasskeyAnswer) (SignedIn, error) {
	h, err := holdsPasskey(ctx, p.kernel, in, toSignIn)
	if err != nil {
		return SignedIn{}, notePasskey(ctx, p.kernel, err)
	}
	return p.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		if err := h.use(ctx, tx); err != nil {
			return outcome{}, err
		}
		return tx.enter(ctx, h.proof(tx))
	})
}

// CompleteSignIn completes a paused sign-in by a passkey as its second factor. The
// ceremony is one that BeginSignIn has made for the ticket. It answers as SignIn
// does, and ErrInvalidToken or ErrTokenExpired for the ticket.
func (p *Passkeys) CompleteSignIn(ctx context.Context, in PasskeyAnswer) (SignedIn, error) {
	return completeByPasskey(ctx, p.kernel, in, nil)
}

// List returns the passkeys of an account, oldest first.
func (p *Passkeys) List(ctx context.Context, userID string) ([]Passkey, error) {
	if err := hasPasskeys(&p.config); err != nil {
		return nil, err
	}
	has, err := passkeysOf(ctx, p.store, userID)
	if err != nil {
		return nil, fault(err)
	}
	list := make([]Passkey, len(has))
	for i, one := range has {
		list[i] = one.shown()
	}
	return list, nil
}

// RenamePasskeyParams names a passkey of an account.
type RenamePasskeyParams struct {
	UserID, ID string
	// Name has 1 to 100 characters.
	Name string
}

// Rename gives a passkey another name. It answers ErrInvalidName,
// ErrPasskeyNotFound, somebody else's passkey included, or ErrUnavailable.
func (p *Passkeys) Rename(ctx context.Context, in RenamePasskeyParams) (renamed Passkey, err error) {
	if err := hasPasskeys(&p.config); err != nil {
		return renamed, err
	}
	name, ok := cleanName(in.Name)
	if !ok {
		return renamed, ErrInvalidName
	}
	if !uuid.Valid(in.ID) {
		return renamed, ErrPasskeyNotFound
	}
	err = p.tx(ctx, func(ctx context.Context, tx *txn) error {
		if _, err := existing(tx.lock(ctx, in.UserID)); err != nil {
			return err
		}
		r, err := tx.Record(ctx, tenant, recordPasskey, in.ID)
		if errors.Is(err, store.ErrNotFound) {
			return ErrPasskeyNotFound
		}
		if err != nil {
			return err
		}
		found, err := readPasskey(r)
		if err != nil {
			return err
		}
		if found.UserID != in.UserID {
			return ErrPasskeyNotFound
		}
		found.Name = name
		if err := found.swap(ctx, tx); err != nil {
			return err
		}
		renamed = found.shown()
		return tx.record(ctx, event{kind: eventPasskeyRenamed, subject: in.UserID, data: eventData{"passkey": in.ID}})
	})
	return renamed, err
}

// ResetPasskeysParams says whose passkeys an operator removes, and why.
type ResetPasskeysParams struct {
	// Reason stands in the audit log. It must be given.
	UserID, Reason string
}

// Reset removes every passkey of an account, also the last way in: its owner comes
// back by a reset mail. Every session ends, and the account is told by mail. It
// answers ErrUserNotFound, ErrPasskeyNotFound without a passkey, ErrInvalidRequest
// without a reason, or ErrUnavailable.
func (p *Passkeys) Reset(ctx context.Context, in ResetPasskeysParams) error {
	if in.Reason = strings.TrimSpace(in.Reason); in.Reason == "" {
		return ErrInvalidRequest.detail("reason", "is missing")
	}
	if !uuid.Valid(in.UserID) {
		return ErrUserNotFound
	}
	return p.tx(planned(ctx, in.UserID), func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		removed, err := tx.DeleteRecordsOf(ctx, tenant, userRef(user.ID), recordPasskey)
		if err != nil {
			return err
		}
		if removed == 0 {
			return ErrPasskeyNotFound
		}
		_, err = tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: tx.now(), Reason: endedByFactor})
		if err != nil {
			return err
		}
		if err := tx.kill(ctx, afterFactor, user.ID, user.EmailKey); err != nil {
			return err
		}
		return passkeysChanged(ctx, tx, &user, mailer.PasskeyRemoved, event{kind: eventPasskeyRemoved, subject: user.ID, data: eventData{"removed": removed, "why": in.Reason}})
	})
}

// RemovePasskeyParams names a passkey of an account.
type RemovePasskeyParams struct {
	UserID, ID string
}

// Remove removes a passkey and mails a notice. The caller makes sure that
// the account has given a recent proof; the route does. Sessions that the passkey
// has opened go on. It answers ErrPasskeyNotFound, somebody else's passkey
// included, ErrLastAuthMethod where the account has no other way in,
// ErrReauthenticationRequired as BeginRegistration does, or ErrUnavailable.
func (p *Passkeys) Remove(ctx context.Context, in RemovePasskeyParams) error {
	if err := hasPasskeys(&p.config); err != nil {
		return err
	}
	if !uuid.Valid(in.ID) {
		return ErrPasskeyNotFound
	}
	return p.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		if err != nil {
			return err
		}
		if err := factorGiven(ctx, tx.kernel, &user); err != nil {
			return err
		}
		return removePasskey(ctx, tx, &user, in.ID)
	})
}
