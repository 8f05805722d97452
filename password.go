package admit

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// Passwords signs people in by password and lets them change it.
type Passwords struct {
	*kernel
}

func (p *Passwords) feature() feature {
	return feature{
		name:  "password",
		holds: holding{part: "password", export: exportPassword},
		reproofs: func(ctx context.Context, k *kernel, user *store.User) ([]string, error) {
			_, err := k.store.Password(ctx, tenant, user.ID)
			if errors.Is(err, store.ErrNotFound) {
				return nil, nil
			}
			return []string{"password"}, err
		},
		routes: []route{
			{method: http.MethodPost, path: "/auth/password/change", who: signedIn, scope: "auth:password", limit: limitGuess, fresh: true, serve: p.handlePasswordChange},
		},
		events: []string{eventSignInFailed, eventPasswordLeaked},
		errors: []*Error{ErrInvalidCredentials, ErrInvalidPasswordFormat, ErrWeakPassword, ErrPasswordExpired, ErrInvalidPassword, ErrSameAsPreviousPassword, ErrTooManyLoginAttempts},
	}
}

// SignInParams is the input of Passwords.SignIn.
type SignInParams struct {
	Email, Password string
}

// SignIn signs a user in with a password. Every call with a possible password
// costs one password hash, also for an address without an account and for an
// account without a password. With PasswordConfig.Leaked, a right password that
// has leaked signs nobody in. SignIn returns ErrInvalidEmail,
// ErrInvalidPasswordFormat, ErrInvalidCredentials, ErrTooManyLoginAttempts,
// ErrAccountBanned, ErrEmailNotVerified, ErrPasswordExpired or ErrUnavailable.
func (p *Passwords) SignIn(ctx context.Context, in SignInParams) (SignedIn, error) {
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return SignedIn{}, ErrInvalidEmail.because(err)
	}
	if in.Password == "" || tooLong(in.Password) {
		return SignedIn{}, ErrInvalidPasswordFormat.detail("password", "must have 1 to 128 characters")
	}
	try, err := p.attempt(ctx, firstFactor, address.Key, clientCounters(ctx, clientHashes)...)
	if err != nil {
		return SignedIn{}, err
	}
	signed, err := p.signIn(ctx, try, address, in.Password)
	try.settle(ctx, err)
	return signed, err
}

func (p *Passwords) signIn(ctx context.Context, try *attempt, address emailaddress.Address, given string) (SignedIn, error) {
	user, known, err := p.checkPassword(ctx, address, given)
	if err != nil {
		return SignedIn{}, err
	}
	if err := p.lookForLeak(ctx, &known, given); err != nil {
		return SignedIn{}, err
	}
	return p.admit(ctx, try, func(ctx context.Context, tx *txn) (outcome, error) {
		var stored store.Password
		lock := func(ctx context.Context, tx *txn) (user store.User, err error) {
			tx.touch(known.stored.UserID)
			user, stored, err = tx.LockUserPassword(ctx, tenant, known.stored.UserID)
			return user, err
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: "pwd", lock: lock, clears: keysOf(try.account), still: func(_ context.Context, tx *txn) error {
			if err := stillThePassword(tx, known, stored); err != nil {
				return err
			}
			if (knownPassword{stored: stored}).mustChange() { // another sign-in may have found out meanwhile
				return ErrPasswordExpired
			}
			if life := p.config.Passwords.ExpiresAfter; life > 0 && !p.now().Before(known.stored.ChangedAt.Add(life)) {
				return ErrPasswordExpired
			}
			return nil
		}})
	})
}

// leakPatience is how long a sign-in waits for the answer of
// PasswordConfig.Leaked.
const leakPatience = 3 * time.Second

// lookForLeak asks whether a password that was right at a sign-in has leaked
// since it was chosen, and marks it if it has. No answer is no leak: a sign-in
// does not depend on the server that knows the leaked passwords.
func (p *Passwords) lookForLeak(ctx context.Context, known *knownPassword, given string) error {
	ask := p.config.Passwords.Leaked
	if ask == nil || known.mustChange() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, leakPatience)
	defer cancel()
	leaked, err := ask(limited, given)
	if err != nil {
		p.log.WarnContext(ctx, "a sign-in went on without knowing whether its password has leaked", "error", err)
	}
	if err != nil || !leaked {
		return nil
	}
	marked := known.stored
	marked.Hash = leakedMark + cmp.Or(known.upgrade, marked.Hash)
	return p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		if _, err := tx.lock(ctx, marked.UserID); err != nil {
			if errors.Is(err, store.ErrNotFound) {
				return nil // deleted by now: the gate looks again
			}
			return err
		}
		swapped, err := tx.SwapPassword(ctx, known.stored.Hash, marked)
		if err != nil || !swapped {
			return err // another password by now: the gate looks again
		}
		known.stored, known.upgrade = marked, ""
		return tx.record(ctx, event{kind: eventPasswordLeaked, subject: marked.UserID})
	})
}

// PreparePasswordParams is a new password and the account that it is for. Email
// and Name are those that the account has or will have. A password that repeats
// them is refused.
type PreparePasswordParams struct {
	Email, Name, Password string
}

// Prepare checks and hashes a new password before a transaction of the host
// begins. No password is hashed inside such a transaction, because a hash takes
// long and other transactions would wait for the locks. Prepare returns
// ErrInvalidEmail, ErrInvalidName, ErrInvalidPasswordFormat, ErrWeakPassword or
// ErrUnavailable.
func (p *Passwords) Prepare(ctx context.Context, in PreparePasswordParams) (PreparedPassword, error) {
	address, name, err := parseAccount(in.Email, in.Name)
	if err != nil {
		return PreparedPassword{}, err
	}
	if err := p.checkNewPassword(ctx, in.Password, address, name); err != nil {
		return PreparedPassword{}, err
	}
	hash, err := p.hash(ctx, in.Password)
	return PreparedPassword{address.Key, hash}, err
}

// ChangePasswordParams is the input of Passwords.Change.
type ChangePasswordParams struct {
	UserID string
	// Current is the present password of the user. New is the password to set.
	Current, New string
	// RevokeAPIKeys also revokes the API keys that the account has made.
	RevokeAPIKeys bool
}

// Change replaces the password of a user who knows the current one. Every
// session of the user ends. API keys keep working unless RevokeAPIKeys is set.
// The result counts them. A wrong current password counts as a wrong password
// at sign-in. Change returns ErrInvalidPassword, ErrSameAsPreviousPassword,
// ErrInvalidPasswordFormat, ErrWeakPassword, ErrTooManyLoginAttempts,
// ErrUserNotFound or ErrUnavailable.
func (p *Passwords) Change(ctx context.Context, in ChangePasswordParams) (done NewPassword, err error) {
	userID, current, newPassword := in.UserID, in.Current, in.New
	user, err := existing(p.store.User(ctx, tenant, userID))
	if err != nil {
		return done, err
	}
	address := emailaddress.Address{Display: user.Email, Key: user.EmailKey}
	if current == "" || tooLong(current) {
		return done, ErrInvalidPassword
	}
	// This comparison does not use the stored password and costs no hash.
	if samePassword(current, newPassword) {
		return done, ErrSameAsPreviousPassword
	}
	if err := p.checkNewPassword(ctx, newPassword, address, user.Name); err != nil {
		return done, err
	}
	stored, err := p.proveCurrent(ctx, &user, current)
	if err != nil {
		return done, err
	}
	hash, err := p.hash(ctx, newPassword)
	if err != nil {
		return done, err
	}
	err = p.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, userID))
		if err != nil {
			return err
		}
		if err := usable(&user, p.now()); err != nil {
			return err
		}
		swapped, err := tx.SwapPassword(ctx, stored.Hash, store.Password{Tenant: tenant, UserID: userID, Hash: hash, ChangedAt: p.now()})
		if err != nil {
			return err
		}
		if !swapped {
			return ErrInvalidPassword // another request changed the password meanwhile
		}
		done, err = tx.replacePassword(ctx, &user, afterChange, hash, in.RevokeAPIKeys)
		return err
	})
	if err != nil {
		return NewPassword{}, err
	}
	return done, nil
}

// proveCurrent verifies the current password of a signed-in user. It spends the
// budget of sign-in, so a stolen access token does not allow more guesses.
func (p *Passwords) proveCurrent(ctx context.Context, user *store.User, current string) (store.Password, error) {
	known, err := provePassword(ctx, p.kernel, user, current)
	if errors.Is(err, ErrInvalidCredentials) {
		err = ErrInvalidPassword
	}
	return known.stored, err
}

type passwordChangeInput struct {
	CurrentPassword string `json:"currentPassword"`
	NewPassword     string `json:"newPassword"`
	RevokeAPIKeys   bool   `json:"revokeApiKeys"`
}

func (p *Passwords) handlePasswordChange(w http.ResponseWriter, r *http.Request) error {
	var in passwordChangeInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	done, err := p.Change(r.Context(), ChangePasswordParams{
		UserID: c.user.ID, Current: in.CurrentPassword, New: in.NewPassword, RevokeAPIKeys: in.RevokeAPIKeys,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, newPasswordBody{"The password was changed. Every session has ended.", done.LiveAPIKeys, done.RevokedAPIKeys})
}
