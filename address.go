package admit

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
	"github.com/go-json-experiment/json"
)

// addressMove is the data of a change of address. It is kept with the tokens of
// the confirmation and of the undo.
type addressMove struct {
	// From and FromKey are the old address. The change takes effect only while
	// the account still has this address.
	From    string `json:"from"`
	FromKey string `json:"fromKey"`
	// To is the new address as typed.
	To string `json:"to"`
}

// EmailChanges moves accounts to another address, and undoes such moves.
type EmailChanges struct {
	*kernel
	verifications *Verifications
	resets        *PasswordResets
}

func (e *EmailChanges) feature() feature {
	return feature{
		name:  "address",
		holds: holding{nothing: "links are kept as hashes, for a week at most"},
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

// EmailChangeParams is the input of EmailChanges.Request.
type EmailChangeParams struct {
	UserID, Email string
	// CallbackURL is the page of the host that the browser goes to after the
	// confirmation. Default: none.
	CallbackURL string
	// Locale is the language of the mail (BCP 47). Default: the language of the
	// account, or else the best match for the Accept-Language of the request.
	Locale string
}

// Request mails a link to the address that a user wants to move to. The result
// is the same if another account has the address. The owner of the address then
// gets a notice, and no link is sent.
// The caller must check that the user has given a recent proof of identity.
// Request returns ErrInvalidEmail, ErrAlreadyVerified if the address is the
// user's own and verified, ErrInvalidCallbackURL, ErrTooManyCodeRequests,
// ErrUserNotFound or ErrUnavailable.
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
	kind := mailedChange
	if user.EmailKey == address.Key {
		kind = mailedVerify
	}
	if err := e.spendMail(ctx, kind, address.Key); err != nil {
		return err
	}
	holder, err := holder(ctx, e.kernel, e.store, address)
	taken := err == nil && holder.ID != userID
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fault(err)
	}
	return e.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, userID))
		switch {
		case err != nil:
			return err
		case user.EmailKey != address.Key && taken:
			// Its owner learns of it, and no token exists that could work. What was
			// pending dies as for a free address, so that nobody learns which it is.
			if err := tx.kill(ctx, afterNewChange, user.ID, user.EmailKey); err != nil {
				return err
			}
			return tx.mail(ctx, mailer.AccountExists, holder.Email, holder.Locale, e.about(ctx, &holder, mailer.Values{}))
		}
		return inLanguage(e.kernel, in.Locale, func(ctx context.Context, tx *txn, user *store.User, _ bool) error {
			if user.EmailKey == address.Key {
				// The address of the account is not verified, so it may belong
				// to a stranger. Its reader gets the confirmation of the
				// sign-up again.
				return e.verifications.resend(ctx, tx, user, callbackURL, true)
			}
			return e.send(ctx, tx, user, address, callbackURL)
		})(ctx, tx, &user, true)
	})
}

// send replaces the pending token by a new one that is bound to both addresses.
// The mail shows the account's present address, so that its reader notices an
// account that is not theirs. The present address is masked, because the new
// address may be mistyped.
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
		values: mailer.Values{NewEmail: address.Display, UserEmail: masked(user.Email)},
	})
}

// Confirm verifies an address with a mailed token. With the token of a change,
// the account gets the new address. With the token of a confirmation, the
// account's own address is verified. A second call with the same token succeeds
// too. Confirm returns ErrInvalidEmail, ErrInvalidToken, ErrTokenExpired,
// ErrEmailAlreadyExists, ErrAccountBanned or ErrUnavailable.
func (e *EmailChanges) Confirm(ctx context.Context, in TokenParams) error {
	_, err := e.confirmWith(ctx, in)
	return err
}

func (e *EmailChanges) confirmWith(ctx context.Context, in TokenParams) (done confirmation, err error) {
	given, err := readSecret(in.Email, in.Token)
	if err != nil {
		return done, err
	}
	err = e.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, given.token, kindVerify, kindChange)
		switch {
		case err != nil:
			return err
		case !given.fits(found.token.EmailKey):
			return ErrInvalidToken
		case found.kind == kindVerify:
			done, err = e.verifications.confirm(ctx, tx, given, found)
			return err
		case !found.used:
			done.email, err = e.move(ctx, tx, found)
			return err
		case found.user.EmailKey == found.token.EmailKey:
			done.email = found.user.Email
			return nil // the same token again
		}
		return ErrInvalidToken
	})
	return done, err
}

// move gives an account the address that a token proved. The old address gets a
// mail. If the old address was verified, it stays reserved, and its mail has a
// link that undoes the change. If the old address was not verified, it may
// belong to a stranger, so its mail has no such link.
func (e *EmailChanges) move(ctx context.Context, tx *txn, found opened) (email string, err error) {
	var move addressMove
	if err := json.Unmarshal(found.token.Data, &move); err != nil {
		return "", ErrInternal.because(err)
	}
	user := &found.user
	now := e.now()
	claim := store.EmailClaim{
		Tenant: tenant, UserID: user.ID, FromKey: move.FromKey, Email: move.To, EmailKey: found.token.EmailKey, VerifiedAt: now, Now: now,
	}
	proven := !user.EmailVerifiedAt.IsZero()
	if proven {
		claim.ReserveUntil = now.Add(undoLife)
	}
	if err := refile(ctx, tx, claim.Email); err != nil {
		return "", err
	}
	err = tx.ClaimEmail(ctx, claim)
	if errors.Is(err, store.ErrConflict) {
		if moved, failed := makeRoom(ctx, tx, claim.EmailKey); failed != nil {
			return "", failed
		} else if moved {
			err = tx.ClaimEmail(ctx, claim)
		}
	}
	switch {
	case errors.Is(err, store.ErrConflict):
		return "", ErrEmailAlreadyExists
	case errors.Is(err, store.ErrNotFound):
		return "", ErrInvalidToken // the account has moved since
	case err != nil:
		return "", err
	}
	if proven {
		err = tx.mailLink(ctx, link{
			kind: kindUndo, mail: mailer.EmailChanged, kills: afterAddressChange, clearsAddress: true, life: undoLife, user: user,
			to: emailaddress.Address{Display: move.From, Key: move.FromKey}, data: found.token.Data, wanted: true,
			url:    func(secret string) (string, error) { return e.callbackLink("", undoPath, "token", secret) },
			values: mailer.Values{NewEmail: move.To},
		})
	} else {
		err = e.leave(ctx, tx, user, move)
	}
	if err != nil {
		return "", err
	}
	moved := *user
	moved.Email, moved.EmailKey, moved.EmailVerifiedAt = claim.Email, claim.EmailKey, now
	if err := joinByDomain(ctx, tx, &moved); err != nil {
		return "", err
	}
	return move.To, tx.record(ctx, event{kind: eventEmailChanged, subject: user.ID})
}

// leave mails a notice to an old address that was never verified. The reader
// may be a stranger, so the notice shows the new address in masked form only.
func (e *EmailChanges) leave(ctx context.Context, tx *txn, user *store.User, move addressMove) error {
	if err := tx.kill(ctx, afterAddressChange, user.ID, move.FromKey); err != nil {
		return err
	}
	values := e.about(ctx, user, mailer.Values{NewEmail: masked(move.To)})
	return tx.mail(ctx, mailer.EmailChanged, move.From, user.Locale, values)
}

// masked returns an address that its owner recognises and that a stranger
// cannot write to, such as "a•••@example.com".
func masked(email string) string {
	at := strings.LastIndexByte(email, '@')
	if at < 1 {
		return ""
	}
	_, size := utf8.DecodeRuneInString(email)
	return email[:size] + "•••" + email[at:]
}

// Undo gives an account its old address back, with the token that was mailed
// there. The password is deleted, every session and every pending token ends,
// and a link to set a new password is mailed. Undo returns ErrInvalidToken,
// ErrTokenExpired, ErrAccountBanned or ErrUnavailable.
func (e *EmailChanges) Undo(ctx context.Context, token string) error {
	given, err := readSecret("", token)
	if err != nil {
		return err
	}
	return e.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, given.token, kindUndo)
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
		if err := dropPasskeysSince(ctx, tx, user, found.token.CreatedAt); err != nil {
			return err
		}
		if err := dropIdentitiesSince(ctx, tx, user.ID, found.token.CreatedAt); err != nil {
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
		if err := e.verifications.Request(asked(r), in.linkParams()); err != nil {
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
	if err := e.Request(asked(r), EmailChangeParams{UserID: c.user.ID, Email: in.Email, CallbackURL: in.CallbackURL, Locale: in.Locale}); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

// handleVerifyPage shows the account and its new address. Both addresses come
// from the token. The page shows nothing from the link.
func (e *EmailChanges) handleVerifyPage(w http.ResponseWriter, r *http.Request) error {
	in, err := e.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := lookAt(r.Context(), e.kernel, in.Token, kindVerify, kindChange)
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
		page.Paragraphs = []string{
			"When you confirm it, the account below has the new address instead of its present one.",
			"If the account is not yours, or you did not ask for this, close this page: nothing will change.",
		}
		page.Facts[0].Label = "New address"
		page.Facts = append(page.Facts, ui.Fact{Label: "Account", Value: masked(found.user.Email)})
	}
	page.Forms = []ui.Form{{Action: e.pagePath(verifyConfirmPath), Button: "Confirm this address", Hidden: in.hidden("")}}
	return e.visitor(w, r).writePage(http.StatusOK, page)
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
		// Above all "disown" is refused: it is the opposite of a confirmation.
		return ErrInvalidRequest.detail("action", "must be left out")
	}
	found, err := e.visitor(w, r).lookAt(in.Token, kindVerify, kindChange)
	if err != nil {
		return err
	}
	done, err := e.confirmWith(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
	if isForm {
		return e.verifications.confirmAndAnswer(w, r, in, http.StatusSeeOther, done, err, againWhereAsked(found))
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
	found, err := lookAt(r.Context(), e.kernel, in.Token, kindUndo)
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
