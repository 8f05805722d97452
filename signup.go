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
		holds:  holding{nothing: "what is signed up with is the account"},
		mails:  []mailer.Kind{mailer.AccountExists},
		events: []string{eventUserCreated},
		errors: []*Error{ErrInvalidEmail, ErrInvalidName, ErrEmailAlreadyExists, ErrSignUpDisabled},
	}
}

// SignUpParams is the input of SignUps.Create.
type SignUpParams struct {
	// Email, Password and Name are required.
	Email, Password, Name string
	// Prepared replaces Password inside a transaction of the host. See
	// Passwords.Prepare.
	Prepared PreparedPassword
	// CallbackURL is the page of the host that the confirmation page links to.
	// Default: none.
	CallbackURL string
	// InvitationToken is the secret of a mailed invitation to this address. The
	// account joins in the same step. The mail has proven the mailbox, so the
	// address is verified, and no confirmation is mailed. "" is none.
	InvitationToken string
	// Locale is the language of mails (BCP 47), such as "pt-BR". It is kept
	// with the account. Default: the best match for the Accept-Language of the
	// request.
	Locale string
}

// SignUpResult is the result of SignUps.Create.
type SignUpResult struct {
	// UserID is the id of the new account. It is "" with Config.PrivateSignUp,
	// because it would tell whether the address had an account before.
	UserID string
	// SignedIn is nil if nobody is signed in before the address is verified:
	// with Config.RequireVerifiedEmail and with Config.PrivateSignUp.
	SignedIn *SignedIn
}

// Create makes an account with a password and mails a confirmation. It also
// signs in, unless the address must be verified first.
// If somebody signs up with an address that has an account and is not verified,
// Create contests the account. When the address is confirmed later, the
// password and the sessions of the account end, and a link to set a new
// password is mailed.
// Create returns ErrSignUpDisabled, ErrInvalidEmail, ErrInvalidName, ErrInvalidPasswordFormat,
// ErrWeakPassword, ErrInvalidCallbackURL, ErrEmailAlreadyExists or
// ErrUnavailable. With InvitationToken it also returns ErrInvalidToken,
// ErrInvitationExpired, ErrInvitationAlreadyAccepted, ErrNoSeat or ErrTooManyOrgs,
// and makes no account then.
func (s *SignUps) Create(ctx context.Context, in SignUpParams) (SignUpResult, error) {
	if in.InvitationToken == "" { // an invited person is not stopped by a closed sign-up
		if err := refuseClosedSignUp(ctx, s.kernel, s.store); err != nil {
			return SignUpResult{}, err
		}
	}
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
	user.Locale = localeFor(ctx, s.kernel, in.Locale)
	if in.InvitationToken != "" {
		return s.createInvited(ctx, user, hash, in.InvitationToken)
	}
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

// createInvited makes an account for the reader of a mailed invitation, and lets it
// join, in one transaction. The invitation has proven the mailbox, so the answer may
// tell whether the address has an account.
func (s *SignUps) createInvited(ctx context.Context, user store.User, hash, secret string) (SignUpResult, error) {
	invitation, err := invitedTo(ctx, s.kernel, secret, user.EmailKey)
	if err != nil {
		return SignUpResult{}, err
	}
	user.EmailVerifiedAt = user.CreatedAt
	signed, err := s.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		if err := tx.createUser(ctx, user, hash); err != nil {
			return outcome{}, err
		}
		if err := tx.record(ctx, event{kind: eventEmailVerified, subject: user.ID, data: eventData{"invitation": invitation.record.ID}}); err != nil {
			return outcome{}, err
		}
		if _, err := acceptInvitation(ctx, tx, &invitation, &user); err != nil {
			return outcome{}, err
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: "pwd", created: true, lock: alreadyLocked(tx, &user)})
	})
	if err != nil {
		return SignUpResult{}, err
	}
	return SignUpResult{UserID: user.ID, SignedIn: &signed}, nil
}

// contest records that somebody signed up with an address that has an account.
// It changes nothing if the address is verified.
func (s *SignUps) contest(ctx context.Context, address emailaddress.Address) error {
	return s.mailQuietly(ctx, address, false, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		if !wanted || !user.EmailVerifiedAt.IsZero() {
			return nil
		}
		return contest(ctx, tx, user)
	})
}

// createPrivately returns the same result whether the address has an account or
// not. Without an account it makes one. The owner of a verified address gets a
// mail. An account whose address is not verified is contested: a later
// confirmation proves the mailbox and removes everything that the first
// registrant set up. Every sign-up spends the mail budget of the address. If
// the budget is spent, nothing is mailed.
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
			nobody := s.nobody(address) // the link that was mailed before keeps working
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
