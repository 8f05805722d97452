package admit

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/commonpassword"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"golang.org/x/text/unicode/norm"
)

// Errors of passwords.
var (
	ErrInvalidPasswordFormat  = &Error{Code: "auth/invalid-password-format", Status: http.StatusBadRequest, Message: "The password does not meet the rules."}
	ErrWeakPassword           = &Error{Code: "auth/weak-password", Status: http.StatusBadRequest, Message: "That password is too easy to guess. Please choose another."}
	ErrInvalidPassword        = &Error{Code: "auth/invalid-password", Status: http.StatusUnauthorized, Message: "The current password is wrong."}
	ErrSameAsPreviousPassword = &Error{Code: "auth/same-as-previous-password", Status: http.StatusBadRequest, Message: "The new password must differ from the current one."}
	ErrPasswordExpired        = &Error{Code: "auth/password-expired", Status: http.StatusForbidden, Message: "The password can no longer be used. Please set a new one."}
)

func hashRefused(ctx context.Context, k *kernel) {
	if refused := k.config.Instrument.HashRefused; refused != nil {
		tell(ctx, k.log, "HashRefused", func() { refused(ctx) })
	}
}

// maxPassword is the greatest length of a password in characters. Longer
// passwords are refused, never cut.
const maxPassword = 128

// errHashInHostTx refuses to hash while a host's transaction is open.
var errHashInHostTx = errors.New("no password is hashed inside a host's transaction, which would hold its locks meanwhile: " +
	"call Passwords.Prepare before the transaction begins, and sign in outside it")

// PreparedPassword is the hash of a password that meets the rules. Pass it in
// SignUpParams or CreateUserParams. It is refused with an address other than
// the address that it was prepared for.
type PreparedPassword struct {
	emailKey, hash string
}

// String hides the hash.
func (PreparedPassword) String() string { return "PreparedPassword(hidden)" }

// GoString hides the hash.
func (p PreparedPassword) GoString() string { return p.String() }

// LogValue hides the hash.
func (p PreparedPassword) LogValue() slog.Value { return slog.StringValue(p.String()) }

// newHash returns the prepared hash if there is one, else the hash of a new
// password that meets the rules.
func (k *kernel) newHash(ctx context.Context, password string, prepared PreparedPassword, address emailaddress.Address, name string) (string, error) {
	if prepared != (PreparedPassword{}) {
		if password != "" || prepared.emailKey != address.Key {
			return "", ErrInvalidPasswordFormat.detail("password", "was prepared for another address, or stands beside a prepared one")
		}
		return prepared.hash, nil
	}
	if err := k.checkNewPassword(ctx, password, address, name); err != nil {
		return "", err
	}
	return k.hash(ctx, password)
}

// knownPassword is the stored hash that a password was verified against.
// upgrade is the hash to store instead if the parameters of the stored hash are
// out of date, else "".
type knownPassword struct {
	stored  store.Password
	upgrade string
}

// leakedMark stands before the stored hash of a password that was found to have
// leaked. The mark comes and goes with the hash: a new password has none.
const leakedMark = "leaked:"

// unmarked returns a stored hash without the mark.
func unmarked(hash string) string { return strings.TrimPrefix(hash, leakedMark) }

// mustChange reports whether the password has leaked, and so opens no session.
func (p knownPassword) mustChange() bool { return strings.HasPrefix(p.stored.Hash, leakedMark) }

// checkPassword finds the account of an address and verifies its password.
func (k *kernel) checkPassword(ctx context.Context, address emailaddress.Address, given string) (store.User, knownPassword, error) {
	var known knownPassword
	if k.after != nil {
		return store.User{}, known, ErrInternal.because(errHashInHostTx)
	}
	user, stored, err := holderPassword(ctx, k, address)
	known.stored = stored
	if errors.Is(err, store.ErrNotFound) || err == nil && stored.Hash == "" {
		// There is no account, or no password: the same work and the same answer as
		// for a wrong password.
		if err := k.hasher.Waste(ctx, clientName(ctx), given); err != nil {
			return user, known, k.hashFault(ctx, err)
		}
		return user, known, ErrInvalidCredentials
	}
	if err != nil {
		return user, known, fault(err)
	}
	ok, upgrade, err := k.hasher.Verify(ctx, clientName(ctx), unmarked(known.stored.Hash), given)
	if err != nil {
		return user, known, k.hashFault(ctx, err)
	}
	if !ok {
		return user, known, ErrInvalidCredentials
	}
	if upgrade {
		// If the hash cannot be renewed now, a later sign-in renews it.
		known.upgrade, _ = k.hasher.Hash(ctx, clientName(ctx), given)
		if known.upgrade != "" && known.mustChange() {
			known.upgrade = leakedMark + known.upgrade
		}
	}
	return user, known, nil
}

// provePassword verifies the password of a signed-in user. It spends the budget
// of sign-in, so that a stolen token does not allow more guesses. A right
// password refunds the guess but clears no budget, because no session is made.
// It returns ErrInvalidCredentials, ErrTooManyLoginAttempts or ErrUnavailable.
func provePassword(ctx context.Context, k *kernel, user *store.User, given string) (knownPassword, error) {
	if given == "" || tooLong(given) {
		return knownPassword{}, ErrInvalidCredentials
	}
	address, err := emailaddress.Parse(user.Email)
	if err != nil {
		return knownPassword{}, ErrInternal.because(err)
	}
	try, err := k.attempt(ctx, firstFactor, address.Key, clientCounters(ctx, clientHashes)...)
	if err != nil {
		return knownPassword{}, err
	}
	_, known, err := k.checkPassword(ctx, address, given)
	if err == nil && known.stored.UserID != user.ID {
		err = ErrInvalidCredentials // the address has moved to another account
	}
	if err == nil {
		try.giveBack(ctx)
	}
	try.settle(ctx, err)
	return known, err
}

// stillThePassword refuses if the locked account has another password than the
// verified one. Otherwise it stores the renewed hash, if there is one, and so
// never overwrites another password.
func stillThePassword(t *txn, known knownPassword, now store.Password) error {
	same := now.Hash == known.stored.Hash
	if !same && !now.ChangedAt.Equal(known.stored.ChangedAt) {
		return ErrInvalidCredentials
	}
	if same && known.upgrade != "" {
		now.Hash = known.upgrade
		t.batch.Passwords = append(t.batch.Passwords, now)
	}
	return nil
}

// lockStillThePassword locks the account whose password was verified, and
// refuses if the password has changed since.
func lockStillThePassword(ctx context.Context, t *txn, known knownPassword) error {
	t.touch(known.stored.UserID)
	_, stored, err := t.LockUserPassword(ctx, tenant, known.stored.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return ErrInvalidCredentials
	}
	if err != nil {
		return err
	}
	return stillThePassword(t, known, stored)
}

// hash returns the stored form of a new password.
func (k *kernel) hash(ctx context.Context, password string) (string, error) {
	if k.after != nil {
		return "", ErrInternal.because(errHashInHostTx)
	}
	encoded, err := k.hasher.Hash(ctx, clientName(ctx), password)
	return encoded, k.hashFault(ctx, err)
}

// hashFault maps the errors of password hashing. If too many hashes wait, the
// answer is 503 with a time to retry after.
func (k *kernel) hashFault(ctx context.Context, err error) error {
	if busy, ok := errors.AsType[*passhash.BusyError](err); ok {
		hashRefused(ctx, k)
		return ErrUnavailable.after(busy.RetryAfter).because(err)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ErrUnavailable.because(err)
	}
	return ErrInternal.because(err)
}

// checkNewPassword checks a new password against the rules. It also refuses
// common passwords, and passwords made of the address, the name or the name of
// the site, which are as easy to guess.
func (k *kernel) checkNewPassword(ctx context.Context, password string, address emailaddress.Address, name string) error {
	now, err := emailRulesOf(ctx, k, k.store)
	if err != nil {
		return err
	}
	rules := now.passwords
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return ErrInvalidPasswordFormat.detail("password", "must be valid UTF-8")
	case length < rules.MinLength:
		return ErrInvalidPasswordFormat.detail("minLength", rules.MinLength)
	case length > maxPassword:
		return ErrInvalidPasswordFormat.detail("maxLength", maxPassword)
	}
	var upper, lower, digit, special bool
	for _, r := range password {
		switch {
		case unicode.IsUpper(r):
			upper = true
		case unicode.IsLower(r):
			lower = true
		case unicode.IsDigit(r):
			digit = true
		case !unicode.IsLetter(r):
			special = true
		}
	}
	missing := []string{}
	for _, rule := range []struct {
		required, met bool
		name          string
	}{
		{rules.RequireUppercase, upper, "uppercase"},
		{rules.RequireLowercase, lower, "lowercase"},
		{rules.RequireNumbers, digit, "number"},
		{rules.RequireSpecialChars, special, "special"},
	} {
		if rule.required && !rule.met {
			missing = append(missing, rule.name)
		}
	}
	if len(missing) > 0 {
		return ErrInvalidPasswordFormat.detail("missing", missing)
	}
	if commonpassword.Contains(password) || commonpassword.Contextual(password, address.Display, address.Key, name, k.config.SiteName) {
		return ErrWeakPassword
	}
	if rules.Leaked == nil {
		return nil
	}
	leaked, err := rules.Leaked(ctx, password)
	switch {
	case err != nil:
		return ErrUnavailable.because(err)
	case leaked:
		return ErrWeakPassword
	}
	return nil
}

// tooLong reports whether a password is too long to be verified, before any
// work is spent on it.
func tooLong(password string) bool {
	return len(password) > passhash.MaxPasswordBytes || utf8.RuneCountInString(password) > maxPassword
}

// NewPassword is the result of setting a new password: what happened to the API
// keys of the account.
type NewPassword struct {
	// LiveAPIKeys counts the API keys of the account that still work.
	LiveAPIKeys int
	// RevokedAPIKeys counts the API keys that were revoked because the caller
	// asked for it.
	RevokedAPIKeys int
}

// replacePassword stores a new password, ends all sessions of the account,
// removes pending tokens and mails a notice. With revokeKeys it revokes the API
// keys of the account, otherwise it counts them.
func (t *txn) replacePassword(ctx context.Context, user *store.User, h happening, hash string, revokeKeys bool) (done NewPassword, err error) {
	now := t.now()
	t.batch.Passwords = append(t.batch.Passwords, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: now})
	ended, err := t.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByPassword})
	if err != nil {
		return done, err
	}
	if revokeKeys {
		done.RevokedAPIKeys, err = t.RevokeAPIKeysOf(ctx, tenant, user.ID, now)
	} else {
		done.LiveAPIKeys, err = liveAPIKeys(ctx, t, user, now)
	}
	if err != nil {
		return done, err
	}
	if err := t.kill(ctx, h, user.ID, user.EmailKey); err != nil {
		return done, err
	}
	if err := t.notify(ctx, user, mailer.PasswordChanged); err != nil {
		return done, err
	}
	told := eventData{"by": string(h), "ended": ended}
	if done.RevokedAPIKeys > 0 {
		told["revokedKeys"] = done.RevokedAPIKeys
	}
	return done, t.record(ctx, event{kind: eventPasswordChanged, subject: user.ID, data: told})
}

// inWords lists in English what a new password needs in addition to its length.
func (c PasswordConfig) inWords() (rules []string) {
	for _, rule := range []struct {
		required bool
		words    string
	}{
		{c.RequireUppercase, "an upper-case letter"},
		{c.RequireLowercase, "a lower-case letter"},
		{c.RequireNumbers, "a digit"},
		{c.RequireSpecialChars, "a sign that is neither letter nor digit"},
	} {
		if rule.required {
			rules = append(rules, rule.words)
		}
	}
	return rules
}

// samePassword reports whether two texts are the same password: their NFC forms
// are equal.
func samePassword(a, b string) bool { return norm.NFC.String(a) == norm.NFC.String(b) }

// hashLimits returns the limits of the hashing work. A client's share is not
// limited if limits are off or the hash is the cheapest.
func hashLimits(c Config) passhash.Limits {
	if c.InsecureNoLimits || c.Passwords.InsecureFastHash {
		return passhash.Limits{Share: -1}
	}
	return passhash.Limits{}
}
