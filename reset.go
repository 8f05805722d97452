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

// PasswordResets sets new passwords by mailed links.
type PasswordResets struct {
	*kernel
}

func (p *PasswordResets) feature() feature {
	return feature{
		name:  "reset",
		holds: holding{nothing: "links are kept as hashes, for a day at most"},
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

// Request mails a link to set a new password to the account of an address. For
// an address without an account it returns the same and costs the same. Request
// returns ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests or
// ErrUnavailable.
func (p *PasswordResets) Request(ctx context.Context, in LinkParams) error {
	return p.mailTo(ctx, mailedReset, in, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		return p.send(ctx, tx, user, in.CallbackURL, wanted)
	})
}

// RequestFor mails a link to set a new password to the address of an account, for an
// operator, who never sees the link. It returns ErrUserNotFound, ErrAccountBanned,
// ErrInvalidRequest without an address, ErrTooManyCodeRequests or ErrUnavailable.
func (p *PasswordResets) RequestFor(ctx context.Context, userID string) error {
	return mailOnBehalf(ctx, p.kernel, mailedReset, userID, func(ctx context.Context, tx *txn, user *store.User) error {
		return p.send(ctx, tx, user, "", true)
	})
}

// send mails a link to set a new password. The link replaces the previous one.
func (p *PasswordResets) send(ctx context.Context, tx *txn, user *store.User, callbackURL string, wanted bool) error {
	return tx.mailLink(ctx, link{
		kind: kindReset, mail: mailer.PasswordReset, kills: afterNewReset, life: resetLife, user: user, wanted: wanted,
		url: func(secret string) (string, error) {
			return p.callbackLink(callbackURL, resetPath, "token", secret, "email", user.Email)
		},
	})
}

// ConfirmPasswordResetParams is the input of PasswordResets.Confirm.
type ConfirmPasswordResetParams struct {
	// Email may be "", because the token finds its account. If Email is given,
	// it must be the address that the token was mailed to.
	Email              string
	Token, NewPassword string
	// RevokeAPIKeys also revokes the API keys that the account has made.
	RevokeAPIKeys bool
}

// Confirm sets a new password with a mailed token. Every session ends, every
// pending token except an undo stops working, and the address is verified. API
// keys keep working unless RevokeAPIKeys is set. The result counts them. If the
// password is refused, the token still works. Confirm returns ErrInvalidEmail,
// ErrInvalidPasswordFormat, ErrWeakPassword, ErrVerificationTokenNotFound,
// ErrVerificationTokenExpired, ErrTooManyRequests, ErrAccountBanned or
// ErrUnavailable.
func (p *PasswordResets) Confirm(ctx context.Context, in ConfirmPasswordResetParams) (done NewPassword, err error) {
	given, err := readSecret(in.Email, in.Token)
	if errors.Is(err, ErrInvalidToken) {
		return done, ErrVerificationTokenNotFound
	}
	if err != nil {
		return done, err
	}
	found, err := p.find(ctx, given)
	if err != nil {
		return done, err
	}
	address := emailaddress.Address{Display: found.user.Email, Key: found.user.EmailKey}
	if err := p.checkNewPassword(ctx, in.NewPassword, address, found.user.Name); err != nil {
		return done, err
	}
	// Of many confirmations of one token at the same time, one wins. The budget
	// bounds the hashes of the others.
	tries, err := p.spend(ctx, resetTries, given.token, clientCounters(ctx, clientHashes)...)
	if err != nil {
		return done, err
	}
	hash, err := p.hash(ctx, in.NewPassword)
	if err != nil {
		p.outside(ctx, func(ctx context.Context, counters store.Counters) error {
			return counters.Unhit(ctx, tenant, keysOf(tries)...)
		})
		return done, err
	}
	err = p.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, given.token, kindReset)
		switch {
		case errors.Is(err, ErrTokenExpired):
			return ErrVerificationTokenExpired
		case errors.Is(err, ErrInvalidToken), err == nil && (found.used || found.user.EmailKey != found.token.EmailKey):
			return ErrVerificationTokenNotFound
		case err != nil:
			return err
		}
		if err := tx.claim(ctx, &found.user); err != nil {
			return err
		}
		if done, err = tx.replacePassword(ctx, &found.user, afterReset, hash, in.RevokeAPIKeys); err != nil {
			return err
		}
		if err := rememberClient(ctx, tx, &found.user); err != nil {
			return err
		}
		return tx.ownerProven(ctx, found.user.EmailKey, mailedReset)
	})
	if err != nil {
		return NewPassword{}, err
	}
	return done, nil
}

// find looks up a reset token that works. It does not use the token up. Only
// here the given address is compared with the address of the token; neither
// changes later.
func (p *PasswordResets) find(ctx context.Context, given mailedSecret) (seen, error) {
	found, err := lookAt(ctx, p.kernel, given.token, kindReset)
	switch {
	case errors.Is(err, ErrInvalidToken), found.token.Kind != "" && (!found.token.UsedAt.IsZero() || !given.fits(found.token.EmailKey)):
		return found, ErrVerificationTokenNotFound
	case errors.Is(err, ErrTokenExpired):
		return found, ErrVerificationTokenExpired
	}
	return found, err
}

type resetRequestInput struct {
	Email       string `json:"email"`
	CallbackURL string `json:"callbackUrl"`
	Locale      string `json:"locale"`
}

func (p *PasswordResets) handleResetRequest(w http.ResponseWriter, r *http.Request) error {
	var in resetRequestInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := p.Request(asked(r), LinkParams(in)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("If there is an account with this address, a mail is on its way."))
}

// handleResetPage asks for the new password. If the link does not work, the
// page says so at once.
func (p *PasswordResets) handleResetPage(w http.ResponseWriter, r *http.Request) error {
	in, err := p.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := p.find(r.Context(), mailedSecret{token: in.Token})
	if err != nil {
		return p.visitor(w, r).failed(err, p.retry(in, found))
	}
	return p.resetPage(w, r, http.StatusOK, in, found, "")
}

// retry is the page after a failure. It offers a new link.
func (p *PasswordResets) retry(in formInput, found seen) ui.Page {
	if found.user.Email != "" {
		in.Email = found.user.Email
	}
	return ui.Page{Languages: found.languages(), Forms: in.renewal(p.pagePath(resetPath))}
}

func (p *PasswordResets) resetPage(w http.ResponseWriter, r *http.Request, status int, in formInput, found seen, alert string) error {
	in.Email = found.user.Email // the address in the link may be damaged
	rules, err := emailRulesOf(r.Context(), p.kernel, p.store)
	if err != nil {
		return err
	}
	form := ui.Form{
		Action: p.pagePath(resetPath), Button: "Set the password", Hidden: in.hidden(""),
		NewPassword: true, MinLength: rules.passwords.MinLength, Rules: rules.passwords.inWords(),
	}
	live, err := liveAPIKeys(r.Context(), p.store, &found.user, p.now())
	if err != nil {
		return fault(err)
	}
	if live > 0 {
		form.Checkbox = ui.Field{Name: "revokeApiKeys", Value: "Revoke the API keys that this account has made, too"}
	}
	return p.visitor(w, r).writePage(status, ui.Page{
		Languages: found.languages(),
		Title:     "Choose a new password", Alert: alert,
		Paragraphs: []string{"You will be signed out on every device."},
		Facts:      []ui.Fact{{Label: "Account", Value: in.Email}},
		Forms:      []ui.Form{form},
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
	done, err := p.Confirm(r.Context(), ConfirmPasswordResetParams{
		Email: in.Email, Token: in.Token, NewPassword: in.NewPassword, RevokeAPIKeys: in.RevokeAPIKeys,
	})
	if isForm && wantsPage(r) && (errors.Is(err, ErrInvalidPasswordFormat) || errors.Is(err, ErrWeakPassword)) {
		return p.resetPage(w, r, http.StatusBadRequest, in, found, asError(err).Message)
	}
	page := ui.Page{
		Languages: found.languages(), Title: "Your password is set",
		Paragraphs: []string{"Every device was signed out. Sign in with the new password."},
	}
	if done.LiveAPIKeys > 0 {
		page.Paragraphs = append(page.Paragraphs, "API keys that this account has made still work. Revoke those that you do not know.")
	}
	body := newPasswordBody{"The password was set. Every session has ended.", done.LiveAPIKeys, done.RevokedAPIKeys}
	return p.visitor(w, r).answerForm(isForm, err, page, body, p.retry(in, found).Forms...)
}
