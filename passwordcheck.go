package admit

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/commonpassword"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"golang.org/x/text/unicode/norm"
)

// Errors about a password that somebody chooses.
var (
	ErrInvalidPasswordFormat = &Error{Code: "auth/invalid-password-format", Status: http.StatusBadRequest, Message: "The password does not meet the rules."}
	ErrWeakPassword          = &Error{Code: "auth/weak-password", Status: http.StatusBadRequest, Message: "That password is too easy to guess. Please choose another."}
)

func hashRefused(ctx context.Context, k *kernel) {
	if refused := k.config.Instrument.HashRefused; refused != nil {
		tell(ctx, k.log, "HashRefused", func() { refused(ctx) })
	}
}

// maxPassword is the greatest length of a password in characters. Longer ones
// are refused, never cut.
const maxPassword = 128

// errHashInHostTx refuses to hash while a host's transaction is open.
var errHashInHostTx = errors.New("no password is hashed inside a host's transaction, which would hold its locks meanwhile: " +
	"call Passwords.Prepare before the transaction begins, and sign in outside it")

// PreparedPassword is a password that meets the rules, hashed. It is for
// SignUpParams, CreateUserParams and one account: an address other than the one
// it was prepared for is refused.
type PreparedPassword struct {
	emailKey, hash string
}

// String hides the hash.
func (PreparedPassword) String() string { return "PreparedPassword(hidden)" }

// GoString hides the hash.
func (p PreparedPassword) GoString() string { return p.String() }

// LogValue hides the hash.
func (p PreparedPassword) LogValue() slog.Value { return slog.StringValue(p.String()) }

// newHash is the hash of a new password, or the one that was prepared.
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

// knownPassword is a password that was verified against a stored hash, and the
// hash to store instead when its parameters are out of date.
type knownPassword struct {
	stored  store.Password
	upgrade string
}

// checkPassword finds the account of an address and verifies its password.
func (k *kernel) checkPassword(ctx context.Context, address emailaddress.Address, given string) (store.User, knownPassword, error) {
	var known knownPassword
	if k.after != nil {
		return store.User{}, known, ErrInternal.because(errHashInHostTx)
	}
	user, stored, err := holderPassword(ctx, k, address)
	known.stored = stored
	if errors.Is(err, store.ErrNotFound) || err == nil && stored.Hash == "" {
		// Nobody, or nobody with a password: the same work, the same answer.
		if err := k.hasher.Waste(ctx, clientName(ctx), given); err != nil {
			return user, known, k.hashFault(ctx, err)
		}
		return user, known, ErrInvalidCredentials
	}
	if err != nil {
		return user, known, fault(err)
	}
	ok, upgrade, err := k.hasher.Verify(ctx, clientName(ctx), known.stored.Hash, given)
	if err != nil {
		return user, known, k.hashFault(ctx, err)
	}
	if !ok {
		return user, known, ErrInvalidCredentials
	}
	if upgrade {
		// A hash that cannot be renewed now is renewed at another sign-in.
		known.upgrade, _ = k.hasher.Hash(ctx, clientName(ctx), given)
	}
	return user, known, nil
}

// provePassword verifies the password of a user who is signed in, within the
// budget of sign-in: a stolen token is no oracle. A right password gives the guess
// back, but clears no budget, since no session is made. It answers
// ErrInvalidCredentials, ErrTooManyLoginAttempts or ErrUnavailable.
func provePassword(ctx context.Context, k *kernel, user *store.User, given string) (knownPassword, error) {
	if given == "" || tooLong(given) {
		return knownPassword{}, ErrInvalidCredentials
	}
	address, err := emailaddress.Parse(user.Email)
	if err != nil {
		return knownPassword{}, ErrInternal.because(err)
	}
	try, err := k.attempt(ctx, firstFactor, address.Key, clientHashes)
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

// stillThePassword refuses when the password that the locked account has is
// another one than was verified, and renews its hash otherwise: never over
// another password.
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

// lockStillThePassword locks the account whose password was verified, and refuses
// where its password is another one by now.
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

// hash makes the stored form of a new password.
func (k *kernel) hash(ctx context.Context, password string) (string, error) {
	if k.after != nil {
		return "", ErrInternal.because(errHashInHostTx)
	}
	encoded, err := k.hasher.Hash(ctx, clientName(ctx), password)
	return encoded, k.hashFault(ctx, err)
}

// hashFault maps what can go wrong with a password hash: too many at once is
// 503, and the client is told to come back.
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

// checkNewPassword holds a password that somebody chooses to the rules. The
// words around an account are as easy to guess as the common ones.
func (k *kernel) checkNewPassword(ctx context.Context, password string, address emailaddress.Address, name string) error {
	rules := k.config.Passwords
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

// tooLong refuses a password before any work is spent on it.
func tooLong(password string) bool {
	return len(password) > passhash.MaxPasswordBytes || utf8.RuneCountInString(password) > maxPassword
}

// NewPassword says what a new password left alive.
type NewPassword struct {
	// LiveAPIKeys counts the API keys of the account that still work.
	LiveAPIKeys int
	// RevokedAPIKeys counts those that were revoked because the caller asked.
	RevokedAPIKeys int
}

// replacePassword stores a new password and ends what the old one opened. API
// keys are ended where that was asked for, and counted else.
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

// liveAPIKeys counts the API keys that an account has made and that work. Those
// of an account that is no administrator do not.
func liveAPIKeys(ctx context.Context, s store.Store, user *store.User, now time.Time) (live int, err error) {
	if user.Role != RoleAdmin {
		return 0, nil
	}
	page := store.Page{Number: 1, Limit: 100}
	for ; ; page.Number++ {
		keys, total, err := s.ListAPIKeys(ctx, tenant, page)
		if err != nil {
			return 0, err
		}
		for _, key := range keys {
			if key.OwnerID == user.ID && key.RevokedAt.IsZero() && (key.ExpiresAt.IsZero() || now.Before(key.ExpiresAt)) {
				live++
			}
		}
		if len(keys) == 0 || page.Number*page.Limit >= total {
			return live, nil
		}
	}
}

// inWords says what a new password needs beside its length.
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

// samePassword tells whether two spellings are one password.
func samePassword(a, b string) bool { return norm.NFC.String(a) == norm.NFC.String(b) }

// hashLimits bound the work of hashing. There is nothing to share where a hash
// costs nothing.
func hashLimits(c Config) passhash.Limits {
	if c.InsecureNoLimits || c.Passwords.InsecureFastHash {
		return passhash.Limits{Share: -1}
	}
	return passhash.Limits{}
}
