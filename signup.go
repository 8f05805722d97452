package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Errors of signing up.
var (
	ErrInvalidEmail = &Error{Code: "auth/invalid-email", Status: http.StatusBadRequest, Message: "That is not an e-mail address we can use."}
	ErrInvalidName  = &Error{Code: "auth/invalid-name", Status: http.StatusBadRequest, Message: "A name has 1 to 100 characters and no control characters."}
	ErrEmailTaken   = &Error{Code: "auth/email-already-exists", Status: http.StatusConflict, Message: "There is already an account with this address."}
)

var signUp = feature{
	name: "signup",
	routes: []route{
		{method: http.MethodPost, path: "/auth/email/signup", who: anyone, scope: "auth:signup", limit: limitSignUp, exchanges: true, serve: (*Auth).handleSignUp},
	},
	mails:  []mailer.Kind{mailer.SignupConfirmation},
	events: []string{eventUserCreated},
	errors: []*Error{ErrInvalidEmail, ErrInvalidName, ErrEmailTaken},
}

// SignUpParams is what somebody gives to get an account.
type SignUpParams struct {
	// Email, Password and Name are required.
	Email, Password, Name string
}

// SignUp makes an account with a password, mails a confirmation and signs in;
// with Config.RequireVerifiedEmail or PrivateSignUp it signs nobody in and
// returns nil.
// It answers ErrInvalidEmail, ErrInvalidName, ErrInvalidPassword,
// ErrWeakPassword, ErrEmailTaken or ErrUnavailable.
func (a *Auth) SignUp(ctx context.Context, in SignUpParams) (*SignedIn, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return nil, err
	}
	if err := a.checkNewPassword(ctx, in.Password, address, name); err != nil {
		return nil, err
	}
	hash, err := a.hash(ctx, in.Password)
	if err != nil {
		return nil, err
	}
	if err := a.askSignUp(ctx, SignUpAttempt{Email: address.Display, Name: name, Method: "password"}); err != nil {
		return nil, err
	}
	user := a.newUser(address, name, RoleUser)
	register := func(ctx context.Context, tx store.Store) error {
		if err := a.createUser(ctx, tx, user, hash); err != nil {
			return err
		}
		client := clientFrom(ctx)
		origin := signUpOrigin{Device: device.Name(client.UserAgent), IPAddress: client.IPAddress, At: user.CreatedAt}
		return a.sendVerification(ctx, tx, &user, "", origin, true)
	}
	if !a.config.RequireVerifiedEmail && !a.config.PrivateSignUp {
		return a.admit(ctx, nil, func(ctx context.Context, tx store.Store) (*pass, error) {
			if err := register(ctx, tx); err != nil {
				return nil, err
			}
			return a.enter(ctx, tx, entrance{userID: user.ID, methods: "pwd", created: true})
		})
	}
	err = a.tx(ctx, register)
	if errors.Is(err, ErrEmailTaken) && a.config.PrivateSignUp {
		err = a.tellOwner(ctx, address)
	}
	return nil, err
}

// tellOwner mails the owner of an address that somebody tried to sign up with
// it. Nothing that was submitted is kept.
func (a *Auth) tellOwner(ctx context.Context, address emailaddress.Address) error {
	if err := a.spend(ctx, errDecoyLimit, budget(mailBudget, address.Key, mailBounds())...); err != nil {
		if errors.Is(err, errDecoyLimit) {
			return nil // the answer stays the same, and the mailbox is spared
		}
		return err
	}
	return a.mailQuietly(ctx, address, false, func(ctx context.Context, tx store.Store, user *store.User, wanted bool) error {
		mail := mailer.AccountExists
		if !wanted {
			mail = decoyMail
		}
		return a.outbox.add(ctx, tx, mail, user.Email, user.Locale, a.about(ctx, user, mailer.Values{}))
	})
}

// errDecoyLimit never leaves this package.
var errDecoyLimit = &Error{Code: "auth/limit", Status: http.StatusTooManyRequests}

// askSignUp asks the host whether somebody may sign up.
func (a *Auth) askSignUp(ctx context.Context, in SignUpAttempt) error {
	hook := a.config.Hooks.BeforeSignUp
	if hook == nil {
		return nil
	}
	return a.runHook(ctx, "BeforeSignUp", func(ctx context.Context) error { return hook(ctx, in) })
}

// CreateUserParams is what an operator gives to make an account.
type CreateUserParams struct {
	Email, Name string
	// Password may be "": then the account signs in by other means.
	Password string
	// Role defaults to RoleUser.
	Role string
	// EmailVerified says that the operator vouches for the address.
	EmailVerified bool
}

// CreateUser makes an account without signing anybody in. The password is held
// to the same rules as at sign-up. It answers as SignUp does.
func (a *Auth) CreateUser(ctx context.Context, in CreateUserParams) (User, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return User{}, err
	}
	if in.Role == "" {
		in.Role = RoleUser
	}
	if !validRole(in.Role) {
		return User{}, ErrInvalidRequest.detail("role", "must be 1 to 50 of a-z, 0-9, - and _")
	}
	user := a.newUser(address, name, in.Role)
	if in.EmailVerified {
		user.EmailVerifiedAt = user.CreatedAt
	}
	var hash string
	if in.Password != "" {
		if err := a.checkNewPassword(ctx, in.Password, address, name); err != nil {
			return User{}, err
		}
		if hash, err = a.hash(ctx, in.Password); err != nil {
			return User{}, err
		}
	}
	return user, a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		return a.createUser(ctx, tx, user, hash)
	})
}

func (a *Auth) newUser(address emailaddress.Address, name, role string) store.User {
	now := a.now()
	return store.User{
		Tenant: tenant, ID: a.newID(), Email: address.Display, EmailKey: address.Key, Name: name, Role: role,
		Onboarding: "pending", CreatedAt: now, UpdatedAt: now, Version: 1,
	}
}

// createUser stores an account and, unless hash is "", its password.
func (a *Auth) createUser(ctx context.Context, tx store.Store, user store.User, hash string) error {
	err := tx.CreateUser(ctx, user)
	if errors.Is(err, store.ErrConflict) {
		return ErrEmailTaken
	}
	if err != nil {
		return err
	}
	if hash != "" {
		err = tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: user.CreatedAt})
		if err != nil {
			return err
		}
	}
	if hook := a.config.Hooks.UserCreated; hook != nil {
		err := a.runHook(ctx, "UserCreated", func(ctx context.Context) error { return hook(ctx, tx, user) })
		if err != nil {
			return err
		}
	}
	return a.record(ctx, tx, event{kind: eventUserCreated, actor: user.ID, subject: user.ID, data: eventData{"role": user.Role}})
}

func parseAccount(email, name string) (emailaddress.Address, string, error) {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return address, "", ErrInvalidEmail.because(err)
	}
	name, ok := cleanName(name, 100)
	if !ok {
		return address, "", ErrInvalidName
	}
	return address, name, nil
}

// cleanName trims and composes a name and says whether it may be shown: 1 to
// limit characters, none of which steers a terminal, a mail header or the
// direction of the text around it.
func cleanName(name string, limit int) (string, bool) {
	if len(name) > 16*limit || !utf8.ValidString(name) {
		return "", false
	}
	name = norm.NFC.String(strings.TrimSpace(name))
	count := utf8.RuneCountInString(name)
	if count < 1 || count > limit {
		return "", false
	}
	for _, r := range name {
		if unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return "", false
		}
	}
	return name, true
}

func validRole(role string) bool {
	for _, r := range role {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return role != "" && len(role) <= 50
}

type signUpInput struct {
	Method      *string `json:"method"`
	Email       string  `json:"email"`
	Password    string  `json:"password"`
	Name        string  `json:"name"`
	CallbackURL string  `json:"callbackUrl"`
}

func (a *Auth) handleSignUp(w http.ResponseWriter, r *http.Request) error {
	var in signUpInput
	if err := decode(r, &in); err != nil {
		return err
	}
	byLink, err := byMagicLink(in.Method)
	if err != nil {
		return err
	}
	if byLink {
		return a.answerMagicLink(w, r, http.StatusCreated, in.Email, in.CallbackURL)
	}
	signed, err := a.SignUp(r.Context(), SignUpParams{Email: in.Email, Password: in.Password, Name: in.Name})
	if err != nil {
		return err
	}
	if signed == nil {
		return writeSent(w, http.StatusCreated, in.Email, "")
	}
	return writeJSON(w, http.StatusCreated, signed.Tokens)
}

// byMagicLink reads the method of a sign-up or sign-in; left out, it is
// "password".
func byMagicLink(method *string) (bool, error) {
	switch {
	case method == nil || *method == "password":
		return false, nil
	case *method == "magiclink":
		return true, nil
	}
	return false, ErrInvalidRequest.detail("method", "must be password or magiclink")
}

// answerMagicLink answers a request for a link, whoever it is for: signing up
// with an address that has an account signs in to it.
func (a *Auth) answerMagicLink(w http.ResponseWriter, r *http.Request, status int, email, callbackURL string) error {
	id, err := a.RequestMagicLink(r.Context(), email, callbackURL, status == http.StatusCreated)
	if err != nil {
		return err
	}
	return writeSent(w, status, email, id)
}
