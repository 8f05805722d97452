package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// Errors of resetting and changing a password.
var (
	ErrResetTokenNotFound = &Error{Code: "auth/verification-token-not-found", Status: http.StatusNotFound, Message: "This link is not valid, or was used already."}
	ErrResetTokenExpired  = &Error{Code: "auth/verification-token-expired", Status: http.StatusUnauthorized, Message: "This link is too old. Please ask for a new one."}
	ErrWrongPassword      = &Error{Code: "auth/invalid-password", Status: http.StatusUnauthorized, Message: "The current password is wrong."}
	ErrSamePassword       = &Error{Code: "auth/same-as-previous-password", Status: http.StatusBadRequest, Message: "The new password must differ from the current one."}
)

const (
	resetPath = "/auth/password/reset/confirm"
	// resetLife is how long a link to set a new password works.
	resetLife = 24 * time.Hour
)

var reset = feature{
	name: "reset",
	routes: []route{
		{method: http.MethodPost, path: "/auth/password/reset/request", who: anyone, scope: "auth:reset", limit: limitMail, exchanges: true, serve: (*Auth).handleResetRequest},
		{method: http.MethodGet, path: resetPath, who: anyone, scope: "auth:reset", exchanges: true, navigated: true, serve: (*Auth).handleResetPage},
		{method: http.MethodPost, path: resetPath, who: anyone, scope: "auth:reset", exchanges: true, navigated: true, serve: (*Auth).handleResetConfirm},
		{method: http.MethodPost, path: "/auth/password/change", who: signedIn, scope: "auth:password", limit: limitGuess, fresh: true, serve: (*Auth).handlePasswordChange},
	},
	mails:  []mailer.Kind{mailer.PasswordReset, mailer.PasswordChanged},
	events: []string{eventPasswordChanged},
	errors: []*Error{ErrResetTokenNotFound, ErrResetTokenExpired, ErrWrongPassword, ErrSamePassword},
}

// RequestPasswordReset mails a link to set a new password to the account of an
// address. It answers the same, and costs the same, for any other address.
// ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests or
// ErrUnavailable.
func (a *Auth) RequestPasswordReset(ctx context.Context, email, callbackURL string) error {
	return a.mailTo(ctx, email, callbackURL, func(ctx context.Context, tx store.Store, user *store.User, wanted bool) error {
		return a.sendReset(ctx, tx, user, callbackURL, wanted)
	})
}

// sendReset mails a link to set a new password, and kills the one before.
func (a *Auth) sendReset(ctx context.Context, tx store.Store, user *store.User, callbackURL string, wanted bool) error {
	kind, mail := kindReset, mailer.PasswordReset
	if !wanted {
		kind, mail = decoyMail, decoyMail
	}
	if err := killTokens(ctx, tx, afterNewReset, user.ID, ""); err != nil {
		return err
	}
	secret, expires, err := a.newToken(ctx, tx, store.Token{Kind: kind, UserID: user.ID, EmailKey: user.EmailKey}, resetLife)
	if err != nil {
		return err
	}
	link, err := a.callbackLink(callbackURL, resetPath, "token", secret, "email", user.Email)
	if err != nil {
		return err
	}
	return a.outbox.add(ctx, tx, mail, user.Email, user.Locale, a.about(ctx, user, mailer.Values{Link: link, ExpiresAt: expires}))
}

// ResetPassword sets a new password with a mailed token. Every session ends and
// every pending token dies; the address counts as verified. A password that is
// refused leaves the token usable. It answers ErrInvalidEmail,
// ErrInvalidPassword, ErrWeakPassword, ErrResetTokenNotFound,
// ErrResetTokenExpired, ErrAccountBanned or ErrUnavailable.
func (a *Auth) ResetPassword(ctx context.Context, email, token, newPassword string) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if token == "" {
		return ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(token) {
		return ErrResetTokenNotFound
	}
	found, user, err := a.findReset(ctx, address, token)
	if err != nil {
		return err
	}
	if err := a.checkNewPassword(ctx, newPassword, address, user.Name); err != nil {
		return err
	}
	hash, err := a.hash(ctx, newPassword)
	if err != nil {
		return err
	}
	err = a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, used, err := a.spendToken(ctx, tx, found)
		switch {
		case errors.Is(err, ErrTokenExpired):
			return ErrResetTokenExpired
		case errors.Is(err, ErrInvalidToken), err == nil && (used || user.EmailKey != found.EmailKey):
			return ErrResetTokenNotFound
		case err != nil:
			return err
		}
		if err := a.claim(ctx, tx, &user); err != nil {
			return err
		}
		return a.replacePassword(ctx, tx, &user, afterReset, hash)
	})
	if err == nil {
		a.clearBudget(ctx, budget(firstFactor, address.Key, accountBounds()))
		a.afterCommit(func() { a.live.forget(user.ID) })
	}
	return err
}

// findReset looks at a reset token without using it up.
func (a *Auth) findReset(ctx context.Context, address emailaddress.Address, token string) (store.Token, store.User, error) {
	found, err := a.store.Token(ctx, tenant, kindReset, hashSecret(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && (!found.UsedAt.IsZero() || found.EmailKey != address.Key) {
		return found, store.User{}, ErrResetTokenNotFound
	}
	if err != nil {
		return found, store.User{}, fault(err)
	}
	if !a.now().Before(found.ExpiresAt) {
		return found, store.User{}, ErrResetTokenExpired
	}
	user, err := a.store.User(ctx, tenant, found.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return found, user, ErrResetTokenNotFound
	}
	return found, user, fault(err)
}

// replacePassword stores a new password and ends what the old one opened.
func (a *Auth) replacePassword(ctx context.Context, tx store.Store, user *store.User, h happening, hash string) error {
	now := a.now()
	err := tx.PutPassword(ctx, store.Password{Tenant: tenant, UserID: user.ID, Hash: hash, ChangedAt: now})
	if err != nil {
		return err
	}
	ended, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByPassword})
	if err != nil {
		return err
	}
	if err := killTokens(ctx, tx, h, user.ID, user.EmailKey); err != nil {
		return err
	}
	if err := a.notify(ctx, tx, user, mailer.PasswordChanged); err != nil {
		return err
	}
	return a.record(ctx, tx, event{kind: eventPasswordChanged, actor: user.ID, subject: user.ID, data: eventData{
		"by": string(h), "ended": ended,
	}})
}

// notify mails a security notice, unless the user wants none.
func (a *Auth) notify(ctx context.Context, tx store.Outbox, user *store.User, kind mailer.Kind) error {
	if user.MuteAlerts {
		return nil
	}
	return a.outbox.add(ctx, tx, kind, user.Email, user.Locale, a.about(ctx, user, mailer.Values{}))
}

// ChangePassword replaces the password of a user who knows the current one.
// Every session ends. Wrong guesses count as they do at sign-in. It answers
// ErrWrongPassword, ErrSamePassword, ErrInvalidPassword, ErrWeakPassword,
// ErrTooManyLoginAttempts or ErrUnavailable.
func (a *Auth) ChangePassword(ctx context.Context, userID, current, newPassword string) error {
	user, err := a.store.User(ctx, tenant, userID)
	if err != nil {
		return fault(err)
	}
	address := emailaddress.Address{Display: user.Email, Key: user.EmailKey}
	if current == "" || tooLong(current) {
		return ErrWrongPassword
	}
	if err := a.checkNewPassword(ctx, newPassword, address, user.Name); err != nil {
		return err
	}
	stored, err := a.proveCurrent(ctx, &user, current)
	if err != nil {
		return err
	}
	if current == newPassword {
		return ErrSamePassword
	}
	hash, err := a.hash(ctx, newPassword)
	if err != nil {
		return err
	}
	err = a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, err := tx.LockUser(ctx, tenant, userID)
		if err != nil {
			return err
		}
		if err := mayChange(&user, a.now()); err != nil {
			return err
		}
		swapped, err := tx.SwapPassword(ctx, stored.Hash, store.Password{Tenant: tenant, UserID: userID, Hash: hash, ChangedAt: a.now()})
		if err != nil {
			return err
		}
		if !swapped {
			return ErrWrongPassword // it was changed meanwhile
		}
		return a.replacePassword(ctx, tx, &user, afterChange, hash)
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(userID) })
	}
	return err
}

func mayChange(user *store.User, now time.Time) error {
	switch {
	case user.Deleted():
		return ErrUserNotFound
	case user.Banned(now):
		return ErrAccountBanned
	}
	return nil
}

// proveCurrent verifies the current password of a user who is signed in, within
// the budget of sign-in: a stolen token is no oracle.
func (a *Auth) proveCurrent(ctx context.Context, user *store.User, current string) (store.Password, error) {
	try, err := a.attempt(ctx, firstFactor, user.EmailKey)
	if err != nil {
		return store.Password{}, err
	}
	_, known, err := a.checkPassword(ctx, user.EmailKey, current)
	if errors.Is(err, ErrInvalidCredentials) {
		return known.stored, ErrWrongPassword
	}
	if err == nil && known.stored.UserID != user.ID {
		err = ErrWrongPassword // the address has moved to another account
	}
	if err == nil {
		// No session is issued, so the budget is not cleared; but a right
		// password is no failure either.
		try.giveBack(ctx)
	}
	try.settle(ctx, err)
	return known.stored, err
}

type resetRequestInput struct {
	Email       string `json:"email"`
	CallbackURL string `json:"callbackUrl"`
}

func (a *Auth) handleResetRequest(w http.ResponseWriter, r *http.Request) error {
	var in resetRequestInput
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := a.RequestPasswordReset(r.Context(), in.Email, in.CallbackURL); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, messageBody{"If there is an account with this address, a mail is on its way."})
}

func (a *Auth) handleResetPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	return a.resetPage(w, http.StatusOK, in, "")
}

func (a *Auth) resetPage(w http.ResponseWriter, status int, in formInput, alert string) error {
	return a.writePage(w, status, ui.Page{
		Title: "Choose a new password", Alert: alert,
		Paragraphs: []string{"You will be signed out on every device."},
		Facts:      []ui.Fact{{Label: "Account", Value: in.Email}},
		Forms: []ui.Form{{
			Action: a.config.BasePath + resetPath, Button: "Set the password", Hidden: in.hidden(""),
			NewPassword: true, MinLength: a.config.Passwords.MinLength, Rules: a.config.Passwords.inWords(),
		}},
	})
}

func (a *Auth) handleResetConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if in.Action == actionRenew {
		return a.renew(w, r, isForm, in, a.RequestPasswordReset)
	}
	err = a.ResetPassword(r.Context(), in.Email, in.Token, in.NewPassword)
	if isForm && wantsPage(r) && (errors.Is(err, ErrInvalidPassword) || errors.Is(err, ErrWeakPassword)) {
		return a.resetPage(w, http.StatusBadRequest, in, asError(err).Message)
	}
	page := ui.Page{Title: "Your password is set", Paragraphs: []string{"Every device was signed out. Sign in with the new password."}}
	return a.answerForm(w, r, isForm, err, page, messageBody{"The password was set. Every session has ended."}, in.renewal(a.config.BasePath+resetPath)...)
}

type passwordChangeInput struct {
	CurrentPassword string `json:"currentPassword"`
	NewPassword     string `json:"newPassword"`
}

func (a *Auth) handlePasswordChange(w http.ResponseWriter, r *http.Request) error {
	var in passwordChangeInput
	if err := decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := a.ChangePassword(r.Context(), c.user.ID, in.CurrentPassword, in.NewPassword); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, messageBody{"The password was changed. Every session has ended."})
}
