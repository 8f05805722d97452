package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

const (
	resetPath = "/auth/password/reset/confirm"
	// resetLife is how long a link to set a new password works.
	resetLife = 24 * time.Hour
)

// PasswordResets lets people set a new password by a mailed link.
type PasswordResets struct {
	*kernel
}

func (p *PasswordResets) feature() feature {
	return feature{
		name: "reset",
		routes: []route{
			{method: http.MethodPost, path: "/auth/password/reset/request", who: anyone, scope: "auth:reset", limit: limitMail, exchanges: true, serve: p.handleResetRequest},
			{method: http.MethodGet, path: resetPath, who: anyone, scope: "auth:reset", exchanges: true, navigated: true, serve: p.handleResetPage},
			{method: http.MethodPost, path: resetPath, who: anyone, scope: "auth:reset", exchanges: true, navigated: true, serve: p.handleResetConfirm},
		},
		mails:  []mailer.Kind{mailer.PasswordReset, mailer.PasswordChanged},
		events: []string{eventPasswordChanged},
		errors: []*Error{ErrVerificationTokenNotFound, ErrVerificationTokenExpired},
	}
}

// Request mails a link to set a new password to the account of an
// address. It answers the same, and costs the same, for any other address.
// ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests or
// ErrUnavailable.
func (p *PasswordResets) Request(ctx context.Context, in LinkParams) error {
	return p.mailTo(ctx, in, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		return p.send(ctx, tx, user, in.CallbackURL, wanted)
	})
}

// send mails a link to set a new password, and kills the one before.
func (p *PasswordResets) send(ctx context.Context, tx *txn, user *store.User, callbackURL string, wanted bool) error {
	return tx.mailLink(ctx, link{
		kind: kindReset, mail: mailer.PasswordReset, kills: afterNewReset, life: resetLife, user: user, wanted: wanted,
		url: func(secret string) (string, error) {
			return p.callbackLink(callbackURL, resetPath, "token", secret, "email", user.Email)
		},
	})
}

// ConfirmPasswordResetParams is the mailed token, the address it was mailed to,
// and the password to set.
type ConfirmPasswordResetParams struct {
	Email, Token, NewPassword string
}

// Confirm sets a new password with a mailed token. Every session ends and
// every pending token dies; the address counts as verified. A password that is
// refused leaves the token usable. It answers ErrInvalidEmail,
// ErrInvalidPasswordFormat, ErrWeakPassword, ErrVerificationTokenNotFound,
// ErrVerificationTokenExpired, ErrAccountBanned or ErrUnavailable.
func (p *PasswordResets) Confirm(ctx context.Context, in ConfirmPasswordResetParams) error {
	token, newPassword := cleanToken(in.Token), in.NewPassword
	address, err := addressOf(in.Email, token)
	if errors.Is(err, ErrInvalidToken) {
		return ErrVerificationTokenNotFound
	}
	if err != nil {
		return err
	}
	user, err := p.find(ctx, address, token)
	if err != nil {
		return err
	}
	if err := p.checkNewPassword(ctx, newPassword, address, user.Name); err != nil {
		return err
	}
	hash, err := p.hash(ctx, newPassword)
	if err != nil {
		return err
	}
	err = p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, token, kindReset)
		switch {
		case errors.Is(err, ErrTokenExpired):
			return ErrVerificationTokenExpired
		case errors.Is(err, ErrInvalidToken), err == nil && (found.used || found.token.EmailKey != address.Key || found.user.EmailKey != address.Key):
			return ErrVerificationTokenNotFound
		case err != nil:
			return err
		}
		if err := tx.claim(ctx, &found.user); err != nil {
			return err
		}
		return tx.replacePassword(ctx, &found.user, afterReset, hash)
	})
	if err == nil {
		p.clearBudget(ctx, budget(firstFactor, address.Key, accountBounds()))
	}
	return err
}

// find returns the account of a reset token without using the token up.
func (p *PasswordResets) find(ctx context.Context, address emailaddress.Address, token string) (store.User, error) {
	found, err := p.store.Token(ctx, tenant, kindReset, hashSecret(token))
	if errors.Is(err, store.ErrNotFound) || err == nil && (!found.UsedAt.IsZero() || found.EmailKey != address.Key) {
		return store.User{}, ErrVerificationTokenNotFound
	}
	if err != nil {
		return store.User{}, fault(err)
	}
	if !p.now().Before(found.ExpiresAt) {
		return store.User{}, ErrVerificationTokenExpired
	}
	user, err := p.store.User(ctx, tenant, found.UserID)
	if errors.Is(err, store.ErrNotFound) {
		return user, ErrVerificationTokenNotFound
	}
	return user, fault(err)
}

type resetRequestInput struct {
	Email       string `json:"email"`
	CallbackURL string `json:"callbackUrl"`
}

func (p *PasswordResets) handleResetRequest(w http.ResponseWriter, r *http.Request) error {
	var in resetRequestInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := p.Request(r.Context(), LinkParams{Email: in.Email, CallbackURL: in.CallbackURL}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("If there is an account with this address, a mail is on its way."))
}

func (p *PasswordResets) handleResetPage(w http.ResponseWriter, r *http.Request) error {
	in, err := p.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := p.lookAtReset(r.Context(), in.Token)
	if err != nil {
		return p.visitor(w, r).failed(err, p.retry(in, found))
	}
	return p.resetPage(w, r, http.StatusOK, in, found, "")
}

// lookAtReset tells what a link is worth before a password is typed.
func (p *PasswordResets) lookAtReset(ctx context.Context, token string) (seen, error) {
	found, err := p.look(ctx, cleanToken(token), kindReset)
	switch {
	case errors.Is(err, ErrInvalidToken), err == nil && !found.token.UsedAt.IsZero():
		return found, ErrVerificationTokenNotFound
	case errors.Is(err, ErrTokenExpired):
		return found, ErrVerificationTokenExpired
	}
	return found, err
}

// retry is what the page of a failure offers.
func (p *PasswordResets) retry(in formInput, found seen) ui.Page {
	if found.user.Email != "" {
		in.Email = found.user.Email
	}
	return ui.Page{Languages: found.languages(), Forms: in.renewal(p.pagePath(resetPath))}
}

func (p *PasswordResets) resetPage(w http.ResponseWriter, r *http.Request, status int, in formInput, found seen, alert string) error {
	in.Email = found.user.Email // whatever became of the link's
	return p.visitor(w, r).writePage(status, ui.Page{
		Languages: found.languages(),
		Title:     "Choose a new password", Alert: alert,
		Paragraphs: []string{"You will be signed out on every device."},
		Facts:      []ui.Fact{{Label: "Account", Value: in.Email}},
		Forms: []ui.Form{{
			Action: p.pagePath(resetPath), Button: "Set the password", Hidden: in.hidden(""),
			NewPassword: true, MinLength: p.config.Passwords.MinLength, Rules: p.config.Passwords.inWords(),
		}},
	})
}

func (p *PasswordResets) handleResetConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if in.Action == actionRenew {
		return p.visitor(w, r).renew(isForm, in, resetPath, p.Request)
	}
	found, err := p.visitor(w, r).lookAt(in.Token, kindReset)
	if err != nil {
		return err
	}
	err = p.Confirm(r.Context(), ConfirmPasswordResetParams{Email: in.Email, Token: in.Token, NewPassword: in.NewPassword})
	if isForm && wantsPage(r) && (errors.Is(err, ErrInvalidPasswordFormat) || errors.Is(err, ErrWeakPassword)) {
		return p.resetPage(w, r, http.StatusBadRequest, in, found, asError(err).Message)
	}
	page := ui.Page{
		Languages: found.languages(), Title: "Your password is set",
		Paragraphs: []string{"Every device was signed out. Sign in with the new password."},
	}
	return p.visitor(w, r).answerForm(isForm, err, page, webio.Message("The password was set. Every session has ended."), p.retry(in, found).Forms...)
}
