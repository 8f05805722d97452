package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/outbox"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// SignUps makes accounts for people who sign up with a password.
type SignUps struct {
	*kernel
	verifications *Verifications
}

func (s *SignUps) feature() feature {
	return feature{
		name:   "signup",
		mails:  []mailer.Kind{mailer.AccountExists},
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
	// Locale is the language (BCP 47) to write in, such as "pt-BR". It is kept
	// with the account. Default: what the request's Accept-Language asks for.
	Locale string
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
// ErrEmailAlreadyExists or ErrUnavailable. A second sign-up for an address that
// nobody has proven contests the account, whatever the answer: confirming the
// address then takes password and sessions of the first one away, and mails a
// link to set another.
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
	if err := askSignUp(ctx, s.kernel, SignUpAttempt{Email: address.Display, Name: name, Method: "password"}); err != nil {
		return SignUpResult{}, err
	}
	user := s.newUser(address, name, RoleUser)
	user.Locale = localeFor(ctx, in.Locale)
	if s.config.PrivateSignUp {
		return SignUpResult{}, s.createPrivately(ctx, user, hash, in.CallbackURL)
	}
	register := func(ctx context.Context, tx *txn) error {
		if err := tx.createUser(ctx, user, hash); err != nil {
			return err
		}
		return s.verifications.send(ctx, tx, &user, in.CallbackURL, originOf(ctx, user.CreatedAt), true)
	}
	result := SignUpResult{UserID: user.ID}
	if s.config.RequireVerifiedEmail {
		err = s.tx(ctx, register)
	} else {
		var signed SignedIn
		signed, err = s.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
			if err := register(ctx, tx); err != nil {
				return outcome{}, err
			}
			return tx.enter(ctx, proof{userID: user.ID, methods: "pwd", created: true, lock: alreadyLocked(tx, &user)})
		})
		result.SignedIn = &signed
	}
	if errors.Is(err, ErrEmailAlreadyExists) {
		if failed := s.contest(ctx, address); failed != nil {
			err = failed
		}
	}
	if err != nil {
		return SignUpResult{}, err
	}
	return result, nil
}

// contest notes that somebody signed up with an address that has an account. It
// changes nothing where the address is proven.
func (s *SignUps) contest(ctx context.Context, address emailaddress.Address) error {
	return s.mailQuietly(ctx, address, false, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		if !wanted || !user.EmailVerifiedAt.IsZero() {
			return nil
		}
		return contest(ctx, tx, user)
	})
}

// createPrivately answers the same whether or not the address has an account.
// Without one it makes it. The owner of a proven address is told. An account
// whose address nobody has proven is contested: confirming it then proves the
// mailbox, and nothing that the first registrant chose outlives that. Every
// sign-up spends the budget of the mailbox; without room nothing is mailed.
func (s *SignUps) createPrivately(ctx context.Context, user store.User, hash, callbackURL string) error {
	_, err := s.spend(ctx, mailedExists, user.EmailKey)
	if err != nil && !errors.Is(err, errSpentQuietly) {
		return err
	}
	room := err == nil
	err = s.tx(ctx, func(ctx context.Context, tx *txn) error {
		if err := tx.createUser(ctx, user, hash); err != nil {
			return err
		}
		return s.verifications.send(ctx, tx, &user, callbackURL, originOf(ctx, user.CreatedAt), room)
	})
	if !errors.Is(err, ErrEmailAlreadyExists) {
		return err
	}
	address := emailaddress.Address{Display: user.Email, Key: user.EmailKey}
	return s.mailQuietly(ctx, address, false, func(ctx context.Context, tx *txn, holder *store.User, wanted bool) error {
		unproven := wanted && holder.EmailVerifiedAt.IsZero()
		if unproven {
			if err := contest(ctx, tx, holder); err != nil {
				return err
			}
		}
		if !room {
			nobody := s.nobody(address) // and the link that was mailed before stays
			holder, wanted = &nobody, false
		}
		if unproven {
			return s.verifications.send(ctx, tx, holder, callbackURL, originOf(ctx, s.now()), wanted)
		}
		mail := mailer.AccountExists
		if !wanted {
			mail = outbox.Decoy
		}
		return tx.mail(ctx, mail, holder.Email, holder.Locale, s.about(ctx, holder, mailer.Values{}))
	})
}
