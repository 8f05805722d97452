package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
	"github.com/go-json-experiment/json"
)

// addressMove is what a change of address keeps between its mail and its
// confirmation, and its undoing.
type addressMove struct {
	// From and FromKey are the address left behind; the change counts only
	// while the account still has it.
	From    string `json:"from"`
	FromKey string `json:"fromKey"`
	// To is the new address as typed.
	To string `json:"to"`
}

// EmailChanges moves accounts to another address, and takes that back.
type EmailChanges struct {
	*kernel
	verifications *Verifications
	resets        *PasswordResets
}

func (e *EmailChanges) feature() feature {
	return feature{
		name: "address",
		routes: []route{
			{method: http.MethodPost, path: "/auth/email/verify/send", who: anyone, scope: "auth:verify", limit: limitMail, fresh: true, serve: e.handleVerifySend},
			{method: http.MethodGet, path: verifyConfirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: e.handleVerifyPage},
			{method: http.MethodPost, path: verifyConfirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: e.handleVerifyConfirm},
			{method: http.MethodGet, path: undoPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: e.handleUndoPage},
			{method: http.MethodPost, path: undoPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: e.handleUndo},
		}, mails: []mailer.Kind{mailer.EmailVerification, mailer.EmailChanged},
		events: []string{eventEmailChanged, eventEmailChangeUndone},
	}
}

// EmailChangeParams names a user and the address to move to.
type EmailChangeParams struct {
	UserID, Email string
	// CallbackURL is where the page that confirms leads. Default: nowhere.
	CallbackURL string
}

// Request mails a link to an address that a user wants to move to.
// Whether the address is free shows only to whoever reads its mail. It answers
// ErrInvalidEmail, ErrAlreadyVerified when it is the user's own and verified,
// ErrInvalidCallbackURL, ErrTooManyCodeRequests or ErrUnavailable. The caller
// makes sure that the user has given a recent proof of identity.
func (e *EmailChanges) Request(ctx context.Context, in EmailChangeParams) error {
	userID, callbackURL := in.UserID, in.CallbackURL
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if err := e.checkCallback(callbackURL); err != nil {
		return err
	}
	user, err := existing(e.store.User(ctx, tenant, userID))
	if err != nil {
		return err
	}
	if user.EmailKey == address.Key && !user.EmailVerifiedAt.IsZero() {
		return ErrAlreadyVerified
	}
	if err := e.spend(ctx, ErrTooManyCodeRequests, budget(mailBudget, address.Key, mailBounds())...); err != nil {
		return err
	}
	holder, err := e.store.UserByEmail(ctx, tenant, address.Key)
	taken := err == nil && holder.ID != userID
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fault(err)
	}
	return e.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, userID))
		if err != nil {
			return err
		}
		switch {
		case user.EmailKey == address.Key:
			// It may be a stranger's, typed at sign-up: its owner is asked as then.
			return e.verifications.resend(ctx, tx, &user, callbackURL, true)
		case taken:
			// Its owner learns of it, and no token exists that could work.
			return tx.mail(ctx, mailer.AccountExists, holder.Email, holder.Locale, e.about(ctx, &holder, mailer.Values{}))
		}
		return e.send(ctx, tx, &user, address, callbackURL)
	})
}

// send replaces what was pending by one token, bound to both addresses.
func (e *EmailChanges) send(ctx context.Context, tx *txn, user *store.User, address emailaddress.Address, callbackURL string) error {
	data, err := json.Marshal(addressMove{From: user.Email, FromKey: user.EmailKey, To: address.Display})
	if err != nil {
		return ErrInternal.because(err)
	}
	return tx.mailLink(ctx, link{
		kind: kindChange, mail: mailer.EmailVerification, kills: afterNewChange, life: verifyLife, user: user, to: address, data: data, wanted: true,
		url: func(secret string) (string, error) {
			return e.verifyLink(verifyConfirmPath, callbackURL, secret, address.Display)
		},
		values: mailer.Values{NewEmail: address.Display},
	})
}

// Confirm proves an address with a mailed token: the address that an account
// moves to, which then becomes the account's, or the account's own. Repeating it
// with the same token is a success. It answers ErrInvalidEmail, ErrInvalidToken,
// ErrTokenExpired, ErrEmailAlreadyExists, ErrAccountBanned or ErrUnavailable.
func (e *EmailChanges) Confirm(ctx context.Context, in TokenParams) error {
	in.Token = cleanToken(in.Token)
	address, err := addressOf(in.Email, in.Token)
	if err != nil {
		return err
	}
	return e.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, in.Token, kindVerify, kindChange)
		switch {
		case err != nil:
			return err
		case found.token.EmailKey != address.Key:
			return ErrInvalidToken
		case found.kind == kindVerify:
			return e.verifications.confirm(ctx, tx, address, found)
		case !found.used:
			return e.move(ctx, tx, address, found)
		case found.user.EmailKey == address.Key:
			return nil // repeated
		}
		return ErrInvalidToken
	})
}

// move gives an account the address that a token proved. The address it leaves
// stays reserved, and can take the change back.
func (e *EmailChanges) move(ctx context.Context, tx *txn, address emailaddress.Address, found opened) error {
	var move addressMove
	if err := json.Unmarshal(found.token.Data, &move); err != nil {
		return ErrInternal.because(err)
	}
	user := &found.user
	now := e.now()
	err := tx.ClaimEmail(ctx, store.EmailClaim{
		Tenant: tenant, UserID: user.ID, FromKey: move.FromKey, Email: move.To, EmailKey: address.Key,
		VerifiedAt: now, ReserveUntil: now.Add(undoLife), Now: now,
	})
	switch {
	case errors.Is(err, store.ErrConflict):
		return ErrEmailAlreadyExists
	case errors.Is(err, store.ErrNotFound):
		return ErrInvalidToken // the account has moved since
	case err != nil:
		return err
	}
	err = tx.mailLink(ctx, link{
		kind: kindUndo, mail: mailer.EmailChanged, kills: afterAddressChange, life: undoLife, user: user,
		to: emailaddress.Address{Display: move.From, Key: move.FromKey}, data: found.token.Data, wanted: true,
		url:    func(secret string) (string, error) { return e.callbackLink("", undoPath, "token", secret) },
		values: mailer.Values{NewEmail: move.To},
	})
	if err != nil {
		return err
	}
	return tx.record(ctx, event{kind: eventEmailChanged, subject: user.ID})
}

// Undo gives an account back to the address it had, with the token that was
// mailed there. Every session, pending token and the password go, and a link to
// set a new password is mailed. It answers ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable.
func (e *EmailChanges) Undo(ctx context.Context, token string) error {
	token = cleanToken(token)
	if token == "" {
		return ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(token) {
		return ErrInvalidToken
	}
	return e.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, token, kindUndo)
		if err != nil {
			return err
		}
		if found.used {
			return ErrInvalidToken
		}
		user := &found.user
		var move addressMove
		if err := json.Unmarshal(found.token.Data, &move); err != nil {
			return ErrInternal.because(err)
		}
		now := e.now()
		claim := store.EmailClaim{
			Tenant: tenant, UserID: user.ID, FromKey: user.EmailKey, Email: move.From, EmailKey: move.FromKey, VerifiedAt: now, Now: now,
		}
		if err := tx.ClaimEmail(ctx, claim); errors.Is(err, store.ErrConflict) {
			return ErrInvalidToken
		} else if err != nil {
			return err
		}
		if err := tx.strip(ctx, user, afterUndo, endedByUndo); err != nil {
			return err
		}
		user.Email, user.EmailKey, user.EmailVerifiedAt = move.From, move.FromKey, now
		if err := e.resets.send(ctx, tx, user, "", true); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventEmailChangeUndone, subject: user.ID})
	})
}

func (e *EmailChanges) handleVerifySend(w http.ResponseWriter, r *http.Request) error {
	var in formInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if !c.signedIn {
		if err := e.verifications.Request(r.Context(), LinkParams{Email: in.Email, CallbackURL: in.CallbackURL}); err != nil {
			return err
		}
		return writeSent(w, http.StatusOK, in.Email, "")
	}
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if address.Key != c.user.EmailKey {
		if err := e.recent(c); err != nil {
			return err
		}
	}
	if err := e.Request(r.Context(), EmailChangeParams{UserID: c.user.ID, Email: in.Email, CallbackURL: in.CallbackURL}); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

func (e *EmailChanges) handleVerifyPage(w http.ResponseWriter, r *http.Request) error {
	in, err := e.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := e.look(r.Context(), in.Token, kindVerify, kindChange)
	if err != nil {
		return e.visitor(w, r).failed(err, againWhereAsked(found))
	}
	to := emailaddress.Address{Display: found.user.Email, Key: found.user.EmailKey}
	if found.token.Kind == kindChange {
		var move addressMove
		if err := json.Unmarshal(found.token.Data, &move); err != nil {
			return ErrInternal.because(err)
		}
		to = emailaddress.Address{Display: move.To, Key: found.token.EmailKey}
	}
	in.Email = to.Display
	page := ui.Page{Languages: found.languages(), Facts: []ui.Fact{{Label: "Address", Value: to.Display}}}
	switch proven := found.user.EmailKey == to.Key && !found.user.EmailVerifiedAt.IsZero(); {
	case proven:
		page.Title, page.Paragraphs = "Done already", []string{"This address is confirmed. There is nothing left to do."}
		return e.verifications.confirmedPage(w, r, in, page)
	case !found.token.UsedAt.IsZero():
		return e.visitor(w, r).failed(ErrInvalidToken, againWhereAsked(found))
	}
	page.Title = "Confirm this address"
	page.Paragraphs = []string{"Confirm that this e-mail address is to be used with your account here.", "If you did not ask for this, close this page: nothing will change."}
	if found.token.Kind == kindChange {
		page.Paragraphs[0] = "Confirm that this e-mail address replaces the present one of your account here."
		page.Facts[0].Label = "New address"
		page.Facts = append(page.Facts, ui.Fact{Label: "Account", Value: masked(found.user.Email)})
	}
	page.Forms = []ui.Form{{Action: e.pagePath(verifyConfirmPath), Button: "Confirm this address", Hidden: in.hidden("")}}
	return e.visitor(w, r).writePage(http.StatusOK, page)
}

// masked shows enough of an address to whoever owns it, and not enough to write
// to it.
func masked(email string) string {
	local, domain, _ := strings.Cut(email, "@")
	for i := range local {
		if i > 0 {
			local = local[:i]
			break
		}
	}
	return local + "…@" + domain
}

func (e *EmailChanges) handleVerifyConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := e.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if in.Action != "" {
		// Above all not "disown": confirming is the opposite.
		return ErrInvalidRequest.detail("action", "must be left out")
	}
	found, err := e.visitor(w, r).lookAt(in.Token, kindVerify, kindChange)
	if err != nil {
		return err
	}
	err = e.Confirm(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
	if isForm {
		return e.verifications.confirmAndAnswer(w, r, in, http.StatusSeeOther, err, againWhereAsked(found))
	}
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct {
		Message  string `json:"message"`
		Verified bool   `json:"verified"`
	}{"The address is confirmed.", true})
}

func (e *EmailChanges) handleUndoPage(w http.ResponseWriter, r *http.Request) error {
	in, err := e.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := e.look(r.Context(), in.Token, kindUndo)
	if err == nil && !found.token.UsedAt.IsZero() {
		err = ErrInvalidToken
	}
	if err != nil {
		return e.visitor(w, r).failed(err, ui.Page{Languages: found.languages()})
	}
	return e.visitor(w, r).writePage(http.StatusOK, ui.Page{
		Languages: found.languages(),
		Title:     "Take the change of address back",
		Paragraphs: []string{
			"The account moved to another address. If that was not you, take it back.",
			"Every device will be signed out, and we will mail you a link to set a new password.",
		},
		Forms: []ui.Form{{Action: e.pagePath(undoPath), Button: "Take it back", Hidden: []ui.Field{{Name: "token", Value: in.Token}}}},
	})
}

func (e *EmailChanges) handleUndo(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	found, err := e.visitor(w, r).lookAt(in.Token, kindUndo)
	if err != nil {
		return err
	}
	err = e.Undo(r.Context(), in.Token)
	page := ui.Page{
		Languages: found.languages(), Title: "Your address is back",
		Paragraphs: []string{"Every device was signed out. Look into your mailbox for a link to set a new password."},
	}
	return e.visitor(w, r).answerForm(isForm, err, page, webio.Message("The change of address was taken back."))
}
