package admit

import (
	"context"
	"errors"
	"html/template"
	"net/http"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// Withdrawals let people delete their own account, and take that back for a time.
type Withdrawals struct {
	*kernel
}

func (d *Withdrawals) feature() feature {
	return feature{
		name: "withdraw",
		routes: []route{
			{method: http.MethodDelete, path: "/auth/withdraw", who: signedIn, scope: "auth:withdraw", limit: limitGuess, fresh: true, serve: d.handleWithdraw},
			{method: http.MethodGet, path: restorePath, who: anyone, scope: "auth:restore", exchanges: true, navigated: true, serve: d.handleRestorePage},
			{method: http.MethodPost, path: restorePath, who: anyone, scope: "auth:restore", exchanges: true, navigated: true, serve: d.handleRestore},
		},
		mails:  []mailer.Kind{mailer.AccountWithdrawn},
		events: []string{eventUserRestored, eventUserPurged},
		holds:  holding{nothing: "a deleted account has no export, and what it was is in the other parts"},
	}
}

// WithdrawParams names the account that its owner deletes.
type WithdrawParams struct {
	UserID string
	// Password proves who the owner is. It may be "" if the session of the context,
	// which a guard has found, is the account's and has a recent proof of identity.
	Password string
}

// Withdraw deletes an account for its owner and mails a link that restores it
// within Config.Deletion.Grace. Sessions, pending tokens, linked accounts and API
// keys are gone at once, and the address is free again. It returns
// ErrInvalidCredentials, ErrReauthenticationRequired, ErrLastAdmin, ErrLastOwner,
// ErrTooManyLoginAttempts, ErrUserNotFound, ErrUnavailable, or the error of
// Hooks.BeforeDelete.
func (d *Withdrawals) Withdraw(ctx context.Context, in WithdrawParams) error {
	still, err := d.prove(ctx, in)
	if err != nil {
		return err
	}
	return onAccount(ctx, d.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		if err := still(ctx, tx); err != nil {
			return err
		}
		if err := keepOwners(ctx, tx, user.ID); err != nil {
			return err
		}
		return deleteAccount(ctx, tx, user, departure{why: "owner", link: true})
	})
}

// prove verifies the password, or that the session of the caller is the account's
// and has a recent proof. What it returns asks again in the transaction.
func (d *Withdrawals) prove(ctx context.Context, in WithdrawParams) (still func(context.Context, *txn) error, err error) {
	user, err := existing(d.store.User(ctx, tenant, in.UserID))
	if err != nil {
		return nil, err
	}
	if in.Password != "" {
		known, err := provePassword(ctx, d.kernel, &user, in.Password)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, tx *txn) error { return lockStillThePassword(ctx, tx, known) }, nil
	}
	pay(ctx) // a session is no guess
	return func(context.Context, *txn) error { return nil }, recentOwner(ctx, d.kernel, &user)
}

// Restore takes a deletion back with the mailed token and signs in. The account has
// its password, its second factors and its profile again; linked accounts and API
// keys stay gone. An account whose address was never verified is taken over by the
// reader of the mailbox. It returns ErrInvalidToken, ErrTokenExpired,
// ErrEmailAlreadyExists if the address was taken since, ErrAccountBanned,
// ErrMFARequired, ErrMFAEnrollmentRequired, ErrInvalidRequest or ErrUnavailable.
func (d *Withdrawals) Restore(ctx context.Context, token string) (SignedIn, error) {
	given, err := readSecret("", token)
	if err != nil {
		return SignedIn{}, err
	}
	return d.admit(ctx, nil, func(ctx context.Context, tx *txn) (outcome, error) {
		user, err := bringBack(ctx, tx, given)
		if err != nil {
			return outcome{}, err
		}
		return tx.enter(ctx, proof{userID: user.ID, methods: "otp"})
	})
}

// restoreOnly is Restore without a sign-in, for a page that gives no tokens. It
// returns the errors of Restore but those of second factors.
func (d *Withdrawals) restoreOnly(ctx context.Context, token string) error {
	given, err := readSecret("", token)
	if err != nil {
		return err
	}
	return d.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		_, err := bringBack(ctx, tx, given)
		return err
	})
}

// bringBack redeems a token of a deletion.
func bringBack(ctx context.Context, tx *txn, given mailedSecret) (store.User, error) {
	found, err := tx.openSecret(ctx, given.token, kindRestore)
	if err != nil {
		return store.User{}, err
	}
	if found.used {
		return store.User{}, ErrInvalidToken
	}
	err = restoreAccount(ctx, tx, &found.user, "owner")
	if errors.Is(err, ErrUserNotFound) {
		err = ErrInvalidToken
	}
	if err != nil {
		return store.User{}, err
	}
	return found.user, tx.claim(ctx, &found.user)
}

type withdrawInput struct {
	Password string `json:"password"`
}

func (d *Withdrawals) handleWithdraw(w http.ResponseWriter, r *http.Request) error {
	var in withdrawInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := d.Withdraw(r.Context(), WithdrawParams{UserID: c.user.ID, Password: in.Password}); err != nil {
		return err
	}
	if d.config.Cookies {
		clearCookie(d.kernel, w.Header())
	}
	return webio.Write(w, http.StatusOK, webio.Message("The account was deleted."))
}

// handleRestorePage asks before it restores, because mail scanners open links too.
func (d *Withdrawals) handleRestorePage(w http.ResponseWriter, r *http.Request) error {
	in, err := d.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := lookAt(r.Context(), d.kernel, in.Token, kindRestore)
	if err == nil && !found.token.UsedAt.IsZero() {
		err = ErrInvalidToken
	}
	if err != nil {
		return d.visitor(w, r).failed(err, ui.Page{Languages: found.languages()})
	}
	return d.visitor(w, r).writePage(http.StatusOK, ui.Page{
		Languages:  found.languages(),
		Title:      "Restore your account",
		Paragraphs: []string{"Your account was deleted. You can take that back now."},
		Facts:      []ui.Fact{{Label: "Account", Value: found.user.Email}},
		Forms:      []ui.Form{{Action: d.pagePath(restorePath), Button: "Restore the account", Hidden: []ui.Field{{Name: "token", Value: in.Token}}}},
	})
}

func (d *Withdrawals) handleRestore(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if isForm {
		found, err := d.visitor(w, r).lookAt(in.Token, kindRestore)
		if err != nil {
			return err
		}
		err = d.restoreOnly(r.Context(), in.Token)
		page := ui.Page{
			Languages: found.languages(), Title: "Your account is back",
			Paragraphs: []string{"Sign in as before. If you signed in with an account of another site, ask for a link by mail instead."},
		}
		if d.hosted.Way != nil {
			page.Links = []ui.Link{{Text: "Sign in", URL: template.URL(d.hosted.Way(r, NeedUser, ""))}} //nolint:gosec // a path of the hosted pages
		}
		return d.visitor(w, r).answerForm(isForm, err, page, webio.Message("The account was restored."))
	}
	signed, err := d.Restore(r.Context(), in.Token)
	if err != nil {
		return err
	}
	return writeSignedIn(d.kernel, w, r, http.StatusOK, &signed, false)
}
