package admit

import (
	"context"
	"errors"
	"net/http"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Errors of signing up.
var (
	ErrInvalidEmail       = &Error{Code: "auth/invalid-email", Status: http.StatusBadRequest, Message: "That is not an e-mail address we can use."}
	ErrInvalidName        = &Error{Code: "auth/invalid-name", Status: http.StatusBadRequest, Message: "A name has 1 to 100 characters and no control characters."}
	ErrEmailAlreadyExists = &Error{Code: "auth/email-already-exists", Status: http.StatusConflict, Message: "There is already an account with this address."}
)

// SignUps makes accounts for people who sign up with a password.
type SignUps struct {
	*kernel
	verifications *Verifications
}

func (s *SignUps) feature() feature {
	return feature{
		name:   "signup",
		mails:  []mailer.Kind{mailer.SignupConfirmation},
		events: []string{eventUserCreated},
		errors: []*Error{ErrInvalidEmail, ErrInvalidName, ErrEmailAlreadyExists},
	}
}

// SignUpParams is what somebody gives to get an account.
type SignUpParams struct {
	// Email, Password and Name are required.
	Email, Password, Name string
	// Prepared is given instead of Password inside a host's transaction; see
	// Passwords.Prepare.
	Prepared PreparedPassword
	// CallbackURL is where the page that confirms the address leads. Default:
	// nowhere.
	CallbackURL string
}

// SignUpResult says what a sign-up did.
type SignUpResult struct {
	// UserID is the account that was made. It is "" with Config.PrivateSignUp,
	// where it would tell whether the address had an account before.
	UserID string
	// SignedIn is nil where nobody is signed in before the address is proven:
	// with Config.RequireVerifiedEmail and with PrivateSignUp.
	SignedIn *SignedIn
}

// Create makes an account with a password, mails a confirmation and, unless the
// address must be proven first, signs in. It answers ErrInvalidEmail,
// ErrInvalidName, ErrInvalidPasswordFormat, ErrWeakPassword,
// ErrEmailAlreadyExists or ErrUnavailable.
func (s *SignUps) Create(ctx context.Context, in SignUpParams) (SignUpResult, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return SignUpResult{}, err
	}
	hash, err := s.newHash(ctx, in.Password, in.Prepared, address, name)
	if err != nil {
		return SignUpResult{}, err
	}
	if err := s.checkCallback(in.CallbackURL); err != nil {
		return SignUpResult{}, err
	}
	if err := s.askSignUp(ctx, SignUpAttempt{Email: address.Display, Name: name, Method: "password"}); err != nil {
		return SignUpResult{}, err
	}
	user := s.newUser(address, name, RoleUser)
	register := func(ctx context.Context, tx *txn) error {
		if err := tx.createUser(ctx, user, hash); err != nil {
			return err
		}
		client := clientFrom(ctx)
		origin := signUpOrigin{Device: device.Name(client.UserAgent), IPAddress: client.IPAddress, At: user.CreatedAt}
		return s.verifications.send(ctx, tx, &user, in.CallbackURL, origin, true)
	}
	if !s.config.RequireVerifiedEmail && !s.config.PrivateSignUp {
		signed, err := s.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
			if err := register(ctx, tx); err != nil {
				return outcome{}, err
			}
			return tx.enter(ctx, proof{userID: user.ID, methods: "pwd", created: true})
		})
		if err != nil {
			return SignUpResult{}, err
		}
		return SignUpResult{UserID: user.ID, SignedIn: &signed}, nil
	}
	err = s.tx(ctx, register)
	switch {
	case s.config.PrivateSignUp && errors.Is(err, ErrEmailAlreadyExists):
		return SignUpResult{}, s.tellOwner(ctx, address)
	case err != nil, s.config.PrivateSignUp:
		return SignUpResult{}, err
	}
	return SignUpResult{UserID: user.ID}, nil
}

// tellOwner mails the owner of an address that somebody tried to sign up with
// it. Nothing that was submitted is kept.
func (s *SignUps) tellOwner(ctx context.Context, address emailaddress.Address) error {
	if _, err := s.spend(ctx, mailedExists, address.Key); errors.Is(err, errSpentQuietly) {
		return nil // the answer stays the same, and the mailbox is spared
	} else if err != nil {
		return err
	}
	return s.mailQuietly(ctx, address, false, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		mail := mailer.AccountExists
		if !wanted {
			mail = outbox.Decoy
		}
		return tx.mail(ctx, mail, user.Email, user.Locale, s.about(ctx, user, mailer.Values{}))
	})
}

// CreateUserParams is what an operator gives to make an account.
type CreateUserParams struct {
	Email, Name string
	// Password may be "": then the account signs in by other means.
	Password string
	// Prepared is given instead of Password inside a host's transaction; see
	// Passwords.Prepare.
	Prepared PreparedPassword
	// Role defaults to RoleUser.
	Role string
	// EmailVerified says that the operator vouches for the address.
	EmailVerified bool
}
