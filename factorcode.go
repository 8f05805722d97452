package admit

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/admit-go/admit/internal/totp"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file reads and spends the codes of second factors: those of authenticator
// apps, and recovery codes, each of which stands in for a factor once and is kept
// as a hash.

const (
	// recoveryCodes is how many there are, recoveryLength how many characters each
	// has: 80 bits.
	recoveryCodes  = 10
	recoveryLength = 16
	// recoveryLife is until the codes are used or replaced.
	recoveryLife = 100 * 365 * 24 * time.Hour
	// recoveryDigits are those of Crockford's base32, in small letters.
	recoveryDigits = "0123456789abcdefghjkmnpqrstvwxyz"
)

// factorCode is a code as it was typed: of an app, or for recovery.
type factorCode struct {
	app, recovery string
}

// readFactorCode reads what somebody types or pastes: six digits, or a recovery
// code. What can be neither loses no try.
func readFactorCode(typed string) (factorCode, error) {
	if code, ok := cleanCode(typed); ok {
		return factorCode{app: code}, nil
	}
	if code, ok := cleanRecoveryCode(typed); ok {
		return factorCode{recovery: code}, nil
	}
	e := *ErrInvalidMFACode
	e.Message = "A code of an authenticator app has six digits, a recovery code has sixteen letters and digits."
	return factorCode{}, &e
}

// passCode verifies a code against the confirmed factor of an account, which is
// locked, and spends it: a step of an app and a recovery code are accepted once,
// by whichever process, and no step before one that was. It answers
// ErrInvalidMFACode.
func passCode(ctx context.Context, t *txn, user *store.User, code factorCode) error {
	record, d, err := totpOf(ctx, t, user.ID)
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && d.ConfirmedAt == 0:
		return ErrInvalidMFACode
	case err != nil:
		return err
	}
	if code.app != "" {
		err = passStep(t, user, record.ID, &d, code.app)
	} else {
		err = passRecovery(ctx, t, user, &d, code.recovery)
	}
	if err != nil {
		return err
	}
	d.Planted = false // the person who holds the factor is the owner of the account
	t.proven = user.ID
	swapped, err := swapFactor(ctx, t, record, d)
	if err == nil && !swapped {
		err = ErrInvalidMFACode // another process was faster
	}
	return err
}

func passStep(t *txn, user *store.User, recordID string, d *factorData, code string) error {
	secret, err := openFactor(t.kernel, recordID, user.ID, d.Secret)
	if err != nil {
		return err
	}
	step, ok, err := totp.Search(secret.Secret, code, t.now())
	switch {
	case err != nil:
		return ErrInternal.because(err)
	case !ok || step <= d.Step:
		return ErrInvalidMFACode
	}
	d.Step = step
	return nil
}

// newRecoveryCodes makes a set of codes as they are shown, in groups of four.
func newRecoveryCodes() ([]string, error) {
	codes := make([]string, recoveryCodes)
	for i := range codes {
		var raw [recoveryLength]byte
		if _, err := rand.Read(raw[:]); err != nil {
			return nil, ErrInternal.because(err)
		}
		var text strings.Builder
		for j, b := range raw {
			if j > 0 && j%4 == 0 {
				text.WriteByte('-')
			}
			text.WriteByte(recoveryDigits[b%32])
		}
		codes[i] = text.String()
	}
	return codes, nil
}

// cleanRecoveryCode reads a recovery code without blanks, punctuation and invisible
// characters, in letters of either case and digits of any script. As Crockford's
// base32 has it, o stands for 0, and i and l for 1.
func cleanRecoveryCode(typed string) (string, bool) {
	const longest = 256 // bytes looked at
	if len(typed) > longest {
		return "", false
	}
	var out []byte
	for _, r := range strings.ToLower(norm.NFKC.String(typed)) {
		value, digit := digitOf(r)
		switch {
		case digit:
			r = '0' + rune(value)
		case r == 'o':
			r = '0'
		case r == 'i', r == 'l':
			r = '1'
		case ignoredInCode(r):
			continue
		}
		if r > 'z' || strings.IndexByte(recoveryDigits, byte(r)) < 0 {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), len(out) == recoveryLength
}

// hashRecovery is what a recovery code of an account is looked up by.
func hashRecovery(userID, code string) []byte { return hashSecret("recovery " + userID + " " + code) }

// putRecoveryCodes replaces the recovery codes of an account.
func putRecoveryCodes(ctx context.Context, t *txn, userID string, codes []string) error {
	if err := dropRecoveryCodes(ctx, t, userID); err != nil {
		return err
	}
	now := t.now()
	addNewToken(t, store.Token{
		Tenant: tenant, Kind: kindRecovery, Hash: hashRecovery(userID, recoveryMark), UserID: userID,
		CreatedAt: now, ExpiresAt: now.Add(recoveryLife),
	})
	for _, code := range codes {
		clean, ok := cleanRecoveryCode(code)
		if !ok {
			return ErrInternal.because(errors.New("a recovery code was made that cannot be read"))
		}
		err := t.CreateToken(ctx, store.Token{
			Tenant: tenant, Kind: kindRecovery, Hash: hashRecovery(userID, clean), UserID: userID,
			CreatedAt: now, ExpiresAt: now.Add(recoveryLife),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recoveryMark stands for a set of recovery codes. It is too short to be a code,
// so nobody can spend it.
const recoveryMark = "set"

// hasRecoveryCodes says whether the recovery codes of an account are still there.
// The account counts them, and does not notice that the tokens were deleted after
// the restore of a backup, with all others.
func hasRecoveryCodes(ctx context.Context, s store.Store, userID string) (bool, error) {
	_, err := s.Token(ctx, tenant, kindRecovery, hashRecovery(userID, recoveryMark))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func dropRecoveryCodes(ctx context.Context, t *txn, userID string) error {
	_, err := t.DeleteTokens(ctx, store.TokenFilter{Tenant: tenant, UserID: userID, Kinds: []string{kindRecovery}})
	return err
}

// passRecovery spends a recovery code of an account, which is locked.
func passRecovery(ctx context.Context, t *txn, user *store.User, d *factorData, code string) error {
	_, won, err := t.ConsumeToken(ctx, tenant, kindRecovery, hashRecovery(user.ID, code), t.now())
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && !won:
		return ErrInvalidMFACode
	case err != nil:
		return err
	}
	d.Codes = max(0, d.Codes-1)
	if err := t.notify(ctx, user, mailer.RecoveryCodeUsed); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventRecoveryCodeUsed, subject: user.ID, data: eventData{"left": d.Codes}})
}

// replaceCodes gives an account other recovery codes; the former are dead.
func replaceCodes(ctx context.Context, t *txn, user *store.User, codes []string) error {
	record, d, err := totpOf(ctx, t, user.ID)
	if err != nil {
		return err
	}
	d.Codes, d.Marked = len(codes), true
	swapped, err := swapFactor(ctx, t, record, d)
	if err == nil && !swapped {
		err = ErrInvalidMFACode // another process was faster
	}
	if err != nil {
		return err
	}
	if err := putRecoveryCodes(ctx, t, user.ID, codes); err != nil {
		return err
	}
	if err := t.notify(ctx, user, mailer.RecoveryCodesMade); err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventRecoveryCodesMade, subject: user.ID})
}
