package admit

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file holds what the rules of passkeys are made of: which passkeys an
// account has, may have, and may lose.

// What is kept of a passkey is bounded. The first figure is that of WebAuthn Level
// 3, section 7.1, step 25.
const (
	maxCredentialID  = 1023
	maxPublicKey     = 2048
	maxTransports    = 8
	maxTransportName = 32
)

// waitingTicket finds the ticket of a paused sign-in, without spending it.
func waitingTicket(ctx context.Context, k *kernel, ticket string) (store.Token, ticketState, error) {
	var state ticketState
	found, err := lookAt(ctx, k, ticket, kindTicket)
	switch {
	case err != nil:
		return found.token, state, err
	case !found.token.UsedAt.IsZero():
		return found.token, state, ErrInvalidToken
	}
	if state, err = readTicket(found.token); err == nil && !state.waitsIn(ctx) {
		err = ErrInvalidToken
	}
	return found.token, state, err
}

// passkeysToComplete prepares a ceremony that completes a paused sign-in.
func passkeysToComplete(ctx context.Context, k *kernel, ticket string, c *ceremony, request *PasskeyRequest) (userID string, err error) {
	found, state, err := waitingTicket(ctx, k, ticket)
	if err != nil {
		return "", err
	}
	if state.Checkpoint != atFactor {
		return "", ErrInvalidToken // it asks for something else
	}
	has, err := passkeysOf(ctx, k.store, found.UserID)
	if err != nil {
		return "", fault(err)
	}
	if len(has) == 0 {
		return "", ErrInvalidPasskey
	}
	c.Purpose, c.Ticket = toComplete, found.Hash
	c.Verify = c.Verify || byPasskey(state.Methods)
	request.Allow, request.UserHandle = descriptors(has), has[0].Handle
	return found.UserID, nil
}

// passkeysOfAddress names the passkeys of an address, or decoys. Both ask the store the same.
func passkeysOfAddress(ctx context.Context, k *kernel, email string, request *PasskeyRequest) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	user, err := k.store.UserByEmail(ctx, tenant, address.Key)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fault(err)
	}
	request.UserHandle, request.Allow = decoys(k, address.Key)
	has, err := passkeysOf(ctx, k.store, user.ID)
	if err != nil {
		return fault(err)
	}
	if len(has) > 0 {
		request.UserHandle, request.Allow = has[0].Handle, descriptors(has)
	}
	return nil
}

// call gives the passkey of a ceremony its name; "" leaves it as it is.
func (c *ceremony) call(name string) error {
	if name == "" {
		return nil
	}
	clean, ok := cleanName(name)
	if !ok {
		return ErrInvalidName
	}
	c.Name = clean
	return nil
}

// mayHaveOneMore returns the passkeys of an account that may have another one. A
// passkey of an account whose address nobody has proven would outlive the proof
// of the owner of the mailbox.
func mayHaveOneMore(ctx context.Context, tx *txn, user *store.User) ([]storedPasskey, error) {
	if user.EmailVerifiedAt.IsZero() {
		return nil, ErrEmailNotVerified
	}
	has, err := passkeysOf(ctx, tx, user.ID)
	if err == nil && len(has) >= maxPasskeys {
		err = ErrTooManyPasskeys
	}
	return has, err
}

// handleOf returns the user handle of an account whose lock is held, and makes it
// the first time: 64 random bytes, which tell nothing about the person (WebAuthn
// Level 3, section 14.6.1).
func handleOf(ctx context.Context, tx *txn, userID string) ([]byte, error) {
	kept, err := tx.Record(ctx, tenant, recordHandle, userID)
	if err == nil {
		return kept.Data, nil
	}
	if !errors.Is(err, store.ErrNotFound) {
		return nil, err
	}
	handle := make([]byte, 64)
	if _, err := rand.Read(handle); err != nil {
		return nil, ErrInternal.because(err)
	}
	now := tx.now()
	return handle, tx.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordHandle, ID: userID, Refs: []string{userRef(userID)}, Data: handle, CreatedAt: now, UpdatedAt: now,
	})
}

// checkMade asks of a new passkey what is asked of every one. An authenticator
// that makes a passkey without asking anybody can show neither presence nor
// verification.
func checkMade(made *PasskeyCredential, c *ceremony) error {
	switch flags := made.Flags; {
	case !flags.UserPresent && !c.Conditional, c.Verify && !flags.UserVerified, flags.BackedUp && !flags.BackupEligible,
		len(made.ID) == 0, len(made.ID) > maxCredentialID, len(made.PublicKey) == 0, len(made.PublicKey) > maxPublicKey:
		return ErrInvalidPasskey
	}
	made.Transports = slices.DeleteFunc(made.Transports, func(name string) bool { return name == "" || len(name) > maxTransportName })
	if len(made.Transports) > maxTransports {
		made.Transports = made.Transports[:maxTransports]
	}
	return nil
}

// addPasskey spends a ceremony and keeps the passkey that was made in it.
func addPasskey(ctx context.Context, tx *txn, token store.Token, c *ceremony, made *PasskeyCredential) (Passkey, error) {
	found, err := openHash(ctx, tx, token.Kind, token.Hash)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrTokenExpired) || found.used {
		return Passkey{}, ErrInvalidPasskey
	}
	if err != nil {
		return Passkey{}, err
	}
	user := found.user
	if _, err := mayHaveOneMore(ctx, tx, &user); err != nil {
		return Passkey{}, err
	}
	handle, err := handleOf(ctx, tx, user.ID)
	if err != nil {
		return Passkey{}, err
	}
	now := tx.now()
	kept := storedPasskey{
		record: store.Record{
			Tenant: tenant, Kind: recordPasskey, ID: tx.newID(), Keys: []string{credentialKey(made.ID)}, Refs: []string{userRef(user.ID)},
			CreatedAt: now, UpdatedAt: now,
		},
		passkeyData: passkeyData{
			Version: passkeyVersion, UserID: user.ID, Name: c.Name, CredentialID: made.ID, PublicKey: made.PublicKey, Handle: handle,
			SignCount: made.SignCount, Eligible: made.Flags.BackupEligible, BackedUp: made.Flags.BackedUp, Verified: made.Flags.UserVerified,
			Conditional: c.Conditional, Transports: made.Transports, AAGUID: made.AAGUID,
		},
	}
	if kept.Name == "" {
		kept.Name = passkeyName(made.AAGUID)
	}
	if err := kept.encode(); err != nil {
		return Passkey{}, err
	}
	if err := tx.CreateRecord(ctx, kept.record); errors.Is(err, store.ErrConflict) {
		return Passkey{}, ErrPasskeyExists
	} else if err != nil {
		return Passkey{}, err
	}
	return kept.shown(), passkeysChanged(ctx, tx, &user, mailer.PasskeyAdded, event{
		kind: eventPasskeyAdded, subject: user.ID, data: eventData{"passkey": kept.record.ID},
	})
}

// passkeysChanged settles whether the account has a second factor, ends what waits for the factors that the account had before,
// tells its owner and records the change.
func passkeysChanged(ctx context.Context, tx *txn, user *store.User, mail mailer.Kind, change event) error {
	if err := settleFactors(ctx, tx, user); err != nil {
		return err
	}
	if err := tx.kill(ctx, afterPasskeyChange, user.ID, ""); err != nil {
		return err
	}
	if err := tx.notify(ctx, user, mail); err != nil {
		return err
	}
	return tx.record(ctx, change)
}

// removePasskey removes a passkey of an account whose lock is held, unless it is
// the only way in.
func removePasskey(ctx context.Context, tx *txn, user *store.User, id string) error {
	has, err := passkeysOf(ctx, tx, user.ID)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(has, func(p storedPasskey) bool { return p.record.ID == id }) {
		return ErrPasskeyNotFound
	}
	if len(has) == 1 {
		other, err := entersOtherwise(ctx, tx, user)
		if err != nil {
			return err
		}
		if !other {
			return ErrLastAuthMethod
		}
	}
	if _, err := tx.DeleteRecord(ctx, tenant, recordPasskey, id); err != nil {
		return err
	}
	return passkeysChanged(ctx, tx, user, mailer.PasskeyRemoved, event{kind: eventPasskeyRemoved, subject: user.ID, data: eventData{"passkey": id}})
}

// entersOtherwise says whether an account has a way in beside its passkeys: a
// link to its address, an identity at a provider, or a password.
func entersOtherwise(ctx context.Context, tx *txn, user *store.User) (bool, error) {
	rules, err := emailRulesOf(ctx, tx.kernel, tx)
	if err != nil || !rules.magicLink.Disabled {
		return err == nil, err
	}
	_, err = tx.Password(ctx, tenant, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return entersByProvider(ctx, tx, user.ID, nil)
	}
	return err == nil, err
}

// dropPasskeysSince removes the passkeys that were made at a time or later: a
// thief who moved an account to another address may have made one to come back
// with.
func dropPasskeysSince(ctx context.Context, t *txn, user *store.User, since time.Time) error {
	passkeys, err := passkeysOf(ctx, t, user.ID)
	if err != nil {
		return err
	}
	for _, p := range passkeys {
		if p.record.CreatedAt.Before(since) {
			continue
		}
		if _, err := t.DeleteRecord(ctx, tenant, recordPasskey, p.record.ID); err != nil {
			return err
		}
		if err := t.record(ctx, event{kind: eventPasskeyRemoved, subject: user.ID, data: eventData{"passkey": p.record.ID, "reason": "address-undone"}}); err != nil {
			return err
		}
	}
	return settleFactors(ctx, t, user)
}
