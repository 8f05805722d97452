package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps second factors: the record of an authenticator app and its
// codec, and which factors an account has. Everything about second factors stands
// on it.

// Errors of second factors.
var (
	ErrInvalidMFACode    = &Error{Code: "auth/invalid-mfa-code", Status: http.StatusUnauthorized, Message: "The code is wrong, or was used already."}
	ErrMFANotEnabled     = &Error{Code: "auth/mfa-not-enabled", Status: http.StatusBadRequest, Message: "There is no second factor to change."}
	ErrMFAAlreadyEnabled = &Error{Code: "auth/mfa-already-enabled", Status: http.StatusConflict, Message: "The second factor is set up already."}
	ErrMFASetupExpired   = &Error{Code: "auth/mfa-setup-expired", Status: http.StatusBadRequest, Message: "The setup took too long. Please begin again."}
	// ErrDeviceNotFound answers for a remembered device that does not exist or
	// belongs to somebody else.
	ErrDeviceNotFound = &Error{Code: "auth/device-not-found", Status: http.StatusNotFound, Message: "There is no such device."}

	// The gate asks for a second factor. Details have the ticket that completes the
	// sign-in (mfaToken), and what it can be completed with (methods).

	ErrMFARequired           = &Error{Code: "auth/mfa-required", Status: http.StatusForbidden, Message: "Please complete the sign-in with your second factor."}
	ErrMFAEnrollmentRequired = &Error{Code: "auth/mfa-enrollment-required", Status: http.StatusForbidden, Message: "Please set up a second factor first."}
)

const (
	// kindFactor are the records of authenticator apps.
	kindFactor = "factor"

	factorPurpose = "totp"
	// setupLife is how long a setup waits to be confirmed.
	setupLife = 10 * time.Minute
)

// Factor is a second factor of an account.
type Factor struct {
	ID string
	// Type is FactorTOTP or FactorPasskey.
	Type string
	// CreatedAt is when the setup began, ConfirmedAt when it was completed. It is
	// zero while the setup waits, and for a passkey that has never verified its
	// user or that the browser made without asking: no sign-in asks for such a
	// factor.
	CreatedAt, ConfirmedAt time.Time
	// RecoveryCodesLeft counts the recovery codes that were not used.
	RecoveryCodesLeft int

	// planted says that the owner of the mailbox took the account over after the
	// factor was confirmed: the factor may be a stranger's.
	planted bool
	// verifies says that a passkey has verified its user.
	verifies bool
	// marked says that the recovery codes have a mark.
	marked bool
}

// factorKind is a kind of record that holds second factors.
type factorKind struct {
	kind string
	read func(r store.Record) (Factor, error)
}

// factorKinds are the kinds of record that count as second factors.
func factorKinds() []factorKind {
	return []factorKind{{kindFactor, readFactor}, {recordPasskey, readPasskeyFactor}}
}

// totpKey is the key of an account's one authenticator app.
func totpKey(userID string) string { return FactorTOTP + "/" + userID }

// factorData is the Data of a record of kindFactor. Its view in SQL reads user,
// type, codes and confirmedAt.
type factorData struct {
	Version int    `json:"v"`
	Type    string `json:"type"`
	User    string `json:"user"`
	// Secret is a sealed factorSecret, bound to the record.
	Secret []byte `json:"secret"`
	// Codes counts the recovery codes that were not used.
	Codes int `json:"codes"`
	// Marked says that the set of recovery codes has a mark: see hasRecoveryCodes.
	Marked bool `json:"marked,omitzero"`
	// Step is the last step that was accepted: none before it is any more.
	Step int64 `json:"step"`
	// ConfirmedAt is in microseconds since 1970; 0 while the setup waits.
	ConfirmedAt int64 `json:"confirmedAt"`
	Planted     bool  `json:"planted,omitzero"`
}

// factorSecret is what is sealed. Codes stand here until the setup is confirmed;
// afterwards only their hashes are kept.
type factorSecret struct {
	Secret []byte   `json:"secret"`
	Codes  []string `json:"codes,omitempty"`
}

const factorVersion = 1

func (d *factorData) encode() ([]byte, error) {
	d.Version = factorVersion
	data, err := json.Marshal(d)
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	return data, nil
}

func readFactorData(r store.Record) (d factorData, err error) {
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return d, ErrInternal.because(fmt.Errorf("factor %s: %w", r.ID, err))
	}
	if d.Version != factorVersion {
		return d, ErrInternal.because(fmt.Errorf("factor %s has version %d, this program reads %d", r.ID, d.Version, factorVersion))
	}
	return d, nil
}

func readFactor(r store.Record) (Factor, error) {
	d, err := readFactorData(r)
	f := Factor{ID: r.ID, Type: d.Type, CreatedAt: r.CreatedAt, RecoveryCodesLeft: d.Codes, planted: d.Planted, marked: d.Marked}
	if d.ConfirmedAt != 0 {
		f.ConfirmedAt = time.UnixMicro(d.ConfirmedAt).UTC()
	}
	return f, err
}

// readPasskeyFactor reads a passkey as a factor. A passkey counts once it has
// verified its user. One that a browser made without asking does not: its owner
// may not know of it, and could not come in from another device.
func readPasskeyFactor(r store.Record) (Factor, error) {
	p, err := readPasskey(r)
	f := Factor{ID: r.ID, Type: FactorPasskey, CreatedAt: r.CreatedAt, verifies: p.Verified}
	if p.Verified && !p.Conditional {
		f.ConfirmedAt = r.CreatedAt
	}
	return f, err
}

// factorContext binds a sealed secret to its record and account.
func factorContext(recordID, userID string) []byte {
	return []byte(kindFactor + " " + recordID + " " + userID)
}

func sealFactor(k *kernel, recordID, userID string, secret factorSecret) ([]byte, error) {
	plain, err := json.Marshal(secret)
	if err == nil {
		plain, err = k.ring.Seal(factorPurpose, factorContext(recordID, userID), plain)
	}
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	return plain, nil
}

// openFactor answers ErrInternal, which is logged as an error, for a secret that
// was sealed for another row or under a secret that is gone.
func openFactor(k *kernel, recordID, userID string, sealed []byte) (secret factorSecret, err error) {
	plain, err := k.ring.Open(factorPurpose, factorContext(recordID, userID), sealed)
	if err == nil {
		err = json.Unmarshal(plain, &secret)
	}
	if err != nil {
		return secret, ErrInternal.because(fmt.Errorf("the secret of factor %s cannot be opened: %w", recordID, err))
	}
	return secret, nil
}

// factorsOf lists the second factors of an account, of every kind: confirmed ones
// and setups that wait.
func factorsOf(ctx context.Context, s store.Store, userID string) (factors []Factor, err error) {
	for _, kind := range factorKinds() {
		records, _, err := s.ListRecords(ctx, tenant, kind.kind, userRef(userID), store.Page{Number: 1, Limit: 100})
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			f, err := kind.read(r)
			if err != nil {
				return nil, err
			}
			factors = append(factors, f)
		}
	}
	return factors, nil
}

// confirmed are the factors that are asked for.
func confirmed(factors []Factor) []Factor {
	return slices.DeleteFunc(slices.Clone(factors), func(f Factor) bool { return f.ConfirmedAt.IsZero() })
}

// settleFactors writes down on the account whether it has a confirmed factor.
// Whatever adds or removes a factor calls it, with the account locked.
func settleFactors(ctx context.Context, t *txn, user *store.User) error {
	factors, err := factorsOf(ctx, t, user.ID)
	if err != nil {
		return err
	}
	has := len(confirmed(factors)) > 0
	if user.MFAEnabled == has {
		return nil
	}
	user.MFAEnabled, user.UpdatedAt = has, t.now()
	if err := t.UpdateUser(ctx, *user); err != nil {
		return err
	}
	user.Version++
	return nil
}

// markPlanted notes that the owner of a mailbox took an account over that had a
// factor. The factor is asked for all the same: who cannot present it may start
// over with an empty account.
func markPlanted(ctx context.Context, t *txn, user *store.User) error {
	if !user.MFAEnabled {
		return nil
	}
	record, d, err := totpOf(ctx, t, user.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Planted = true
	_, err = swapFactor(ctx, t, record, d)
	return err
}

// totpOf finds the authenticator app of an account. store.ErrNotFound where there
// is none; one that waits to be confirmed is found, too.
func totpOf(ctx context.Context, s store.Store, userID string) (store.Record, factorData, error) {
	record, err := s.RecordByKey(ctx, tenant, kindFactor, totpKey(userID))
	if err != nil {
		return record, factorData{}, err
	}
	d, err := readFactorData(record)
	return record, d, err
}

// swapFactor writes a factor, only if nobody has changed it since it was read.
func swapFactor(ctx context.Context, t *txn, record store.Record, d factorData) (bool, error) {
	var err error
	if record.Data, err = d.encode(); err != nil {
		return false, err
	}
	record.UpdatedAt = t.now()
	return t.SwapRecord(ctx, record)
}
