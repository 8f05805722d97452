package admit

import (
	"context"
	"errors"
	"net/http"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/commonpassword"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/store"
)

// Errors of signing in with a password.
var (
	ErrInvalidCredentials = &Error{Code: "auth/invalid-credentials", Status: http.StatusUnauthorized, Message: "The address or the password is wrong."}
	ErrInvalidPassword    = &Error{Code: "auth/invalid-password-format", Status: http.StatusBadRequest, Message: "The password does not meet the rules."}
	ErrPasswordExpired    = &Error{Code: "auth/password-expired", Status: http.StatusForbidden, Message: "The password is too old. Please set a new one."}
	ErrWeakPassword       = &Error{Code: "auth/weak-password", Status: http.StatusBadRequest, Message: "That password is too easy to guess. Please choose another."}
)

var password = feature{
	name: "password",
	routes: []route{
		{method: http.MethodPost, path: "/auth/email/signin", who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: (*Auth).handleSignIn},
	},
	errors: []*Error{ErrInvalidCredentials, ErrInvalidPassword, ErrWeakPassword, ErrPasswordExpired, ErrTooManyLoginAttempts},
}

// maxPassword is the greatest length of a password in characters. Longer ones
// are refused, never cut.
const maxPassword = 128

// SignInParams is what somebody signs in with.
type SignInParams struct {
	Email, Password string
}

// SignIn signs a user in with a password. It answers ErrInvalidEmail,
// ErrInvalidCredentials, ErrAccountBanned or ErrUnavailable. Every call that
// gets as far as a password costs one password hash, whoever the address
// belongs to and whether or not it has a password.
func (a *Auth) SignIn(ctx context.Context, in SignInParams) (*SignedIn, error) {
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return nil, ErrInvalidEmail.because(err)
	}
	if in.Password == "" || tooLong(in.Password) {
		return nil, ErrInvalidPassword.detail("password", "must have 1 to 128 characters")
	}
	try, err := a.attempt(ctx, firstFactor, address.Key)
	if err != nil {
		return nil, err
	}
	signed, err := a.signIn(ctx, try, address.Key, in.Password)
	try.settle(ctx, err)
	return signed, err
}

func (a *Auth) signIn(ctx context.Context, try *attempt, emailKey, given string) (*SignedIn, error) {
	user, known, err := a.checkPassword(ctx, emailKey, given)
	if err != nil {
		return nil, err
	}
	return a.admit(ctx, try, func(ctx context.Context, tx store.Store) (*pass, error) {
		return a.enter(ctx, tx, entrance{userID: user.ID, methods: "pwd", still: func(ctx context.Context, tx store.Store) error {
			if err := a.stillThePassword(ctx, tx, known); err != nil {
				return err
			}
			if life := a.config.Passwords.ExpiresAfter; life > 0 && !a.now().Before(known.stored.ChangedAt.Add(life)) {
				return ErrPasswordExpired
			}
			return nil
		}})
	})
}

// knownPassword is a password that was verified against a stored hash, and the
// hash to store instead when its parameters are out of date.
type knownPassword struct {
	stored  store.Password
	upgrade string
}

// checkPassword finds the account of an address and verifies its password.
func (a *Auth) checkPassword(ctx context.Context, emailKey, given string) (store.User, knownPassword, error) {
	var known knownPassword
	user, err := a.store.UserByEmail(ctx, tenant, emailKey)
	if err == nil {
		known.stored, err = a.store.Password(ctx, tenant, user.ID)
	}
	if errors.Is(err, store.ErrNotFound) {
		// Nobody, or nobody with a password: the same work, the same answer.
		if err := a.hasher.Waste(ctx, given); err != nil {
			return user, known, a.hashFault(ctx, err)
		}
		return user, known, ErrInvalidCredentials
	}
	if err != nil {
		return user, known, fault(err)
	}
	ok, upgrade, err := a.hasher.Verify(ctx, known.stored.Hash, given)
	if err != nil {
		return user, known, a.hashFault(ctx, err)
	}
	if !ok {
		return user, known, ErrInvalidCredentials
	}
	if upgrade {
		// A hash that cannot be renewed now is renewed at another sign-in.
		known.upgrade, _ = a.hasher.Hash(ctx, given)
	}
	return user, known, nil
}

// stillThePassword refuses when the password has changed since it was verified,
// and renews its hash otherwise: never over another password.
func (a *Auth) stillThePassword(ctx context.Context, tx store.Store, known knownPassword) error {
	if known.upgrade != "" {
		renewed := known.stored
		renewed.Hash = known.upgrade
		swapped, err := tx.SwapPassword(ctx, known.stored.Hash, renewed)
		if err != nil || swapped {
			return err
		}
	}
	now, err := tx.Password(ctx, tenant, known.stored.UserID)
	if errors.Is(err, store.ErrNotFound) || err == nil && now.Hash != known.stored.Hash && !now.ChangedAt.Equal(known.stored.ChangedAt) {
		return ErrInvalidCredentials
	}
	return err
}

// hash makes the stored form of a new password.
func (a *Auth) hash(ctx context.Context, password string) (string, error) {
	encoded, err := a.hasher.Hash(ctx, password)
	return encoded, a.hashFault(ctx, err)
}

// hashFault maps what can go wrong with a password hash: too many at once is
// 503, and the client is told to come back.
func (a *Auth) hashFault(ctx context.Context, err error) error {
	if busy, ok := errors.AsType[*passhash.BusyError](err); ok {
		a.hashRefused(ctx)
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
func (a *Auth) checkNewPassword(ctx context.Context, password string, address emailaddress.Address, name string) error {
	rules := a.config.Passwords
	length := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password):
		return ErrInvalidPassword.detail("password", "must be valid UTF-8")
	case length < rules.MinLength:
		return ErrInvalidPassword.detail("minLength", rules.MinLength)
	case length > maxPassword:
		return ErrInvalidPassword.detail("maxLength", maxPassword)
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
		return ErrInvalidPassword.detail("missing", missing)
	}
	if commonpassword.Contains(password) || commonpassword.Contextual(password, address.Display, address.Key, name, a.config.SiteName) {
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

// tooLong refuses a password before any work is spent on it.
func tooLong(password string) bool {
	return len(password) > passhash.MaxPasswordBytes || utf8.RuneCountInString(password) > maxPassword
}

type signInInput struct {
	Method      *string `json:"method"`
	Email       string  `json:"email"`
	Password    string  `json:"password"`
	CallbackURL string  `json:"callbackUrl"`
}

func (a *Auth) handleSignIn(w http.ResponseWriter, r *http.Request) error {
	var in signInInput
	if err := decode(r, &in); err != nil {
		return err
	}
	byLink, err := byMagicLink(in.Method)
	if err != nil {
		return err
	}
	if byLink {
		return a.answerMagicLink(w, r, http.StatusOK, in.Email, in.CallbackURL)
	}
	signed, err := a.SignIn(r.Context(), SignInParams{Email: in.Email, Password: in.Password})
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, signed.Tokens)
}
