package admit

import (
	"context"
	"errors"
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
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

// RequestEmailChange mails a link to an address that a user wants to move to.
// Whether the address is free shows only to whoever reads its mail. It answers
// ErrInvalidEmail, ErrAlreadyVerified when it is the user's own and verified,
// ErrInvalidCallbackURL, ErrTooManyCodeRequests or ErrUnavailable. The caller
// makes sure that the user has given a recent proof of identity.
func (a *Auth) RequestEmailChange(ctx context.Context, userID, email, callbackURL string) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if err := a.checkCallback(callbackURL); err != nil {
		return err
	}
	user, err := a.store.User(ctx, tenant, userID)
	if err != nil {
		return fault(err)
	}
	if user.EmailKey == address.Key && !user.EmailVerifiedAt.IsZero() {
		return ErrAlreadyVerified
	}
	if err := a.spend(ctx, ErrTooManyCodeRequests, budget(mailBudget, address.Key, mailBounds())...); err != nil {
		return err
	}
	holder, err := a.store.UserByEmail(ctx, tenant, address.Key)
	taken := err == nil && holder.ID != userID
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fault(err)
	}
	return a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, err := tx.LockUser(ctx, tenant, userID)
		if err != nil {
			return err
		}
		switch {
		case user.EmailKey == address.Key:
			// It may be a stranger's, typed at sign-up: its owner is asked as then.
			return a.resendVerification(ctx, tx, &user, callbackURL, true)
		case taken:
			// Its owner learns of it, and no token exists that could work.
			return a.outbox.add(ctx, tx, mailer.AccountExists, holder.Email, holder.Locale, a.about(ctx, &holder, mailer.Values{}))
		}
		return a.sendAddressChange(ctx, tx, &user, address, callbackURL)
	})
}

// sendAddressChange replaces what was pending by one token, bound to both
// addresses.
func (a *Auth) sendAddressChange(ctx context.Context, tx store.Store, user *store.User, address emailaddress.Address, callbackURL string) error {
	if err := killTokens(ctx, tx, afterNewChange, user.ID, ""); err != nil {
		return err
	}
	data, err := json.Marshal(addressMove{From: user.Email, FromKey: user.EmailKey, To: address.Display})
	if err != nil {
		return ErrInternal.because(err)
	}
	secret, expires, err := a.newToken(ctx, tx, store.Token{Kind: kindChange, UserID: user.ID, EmailKey: address.Key, Data: data}, verifyLife)
	if err != nil {
		return err
	}
	link, err := a.verifyLink(verifyConfirmPath, callbackURL, secret, address.Display)
	if err != nil {
		return err
	}
	values := a.about(ctx, user, mailer.Values{Link: link, ExpiresAt: expires, NewEmail: address.Display})
	return a.outbox.add(ctx, tx, mailer.EmailVerification, address.Display, user.Locale, values)
}

// changeAddress moves an account to the address that a token proved. The one it
// leaves stays reserved, and can take the change back.
func (a *Auth) changeAddress(ctx context.Context, tx store.Store, address emailaddress.Address, found store.Token) error {
	user, used, err := a.spendToken(ctx, tx, found)
	if err != nil {
		return err
	}
	if used {
		if user.EmailKey == found.EmailKey {
			return nil // repeated
		}
		return ErrInvalidToken
	}
	var move addressMove
	if err := json.Unmarshal(found.Data, &move); err != nil {
		return ErrInternal.because(err)
	}
	now := a.now()
	err = tx.ClaimEmail(ctx, store.EmailClaim{
		Tenant: tenant, UserID: user.ID, FromKey: move.FromKey, Email: move.To, EmailKey: address.Key,
		VerifiedAt: now, ReserveUntil: now.Add(undoLife), Now: now,
	})
	switch {
	case errors.Is(err, store.ErrConflict):
		return ErrEmailTaken
	case errors.Is(err, store.ErrNotFound):
		return ErrInvalidToken // the account has moved since
	case err != nil:
		return err
	}
	if err := killTokens(ctx, tx, afterAddressChange, user.ID, move.FromKey); err != nil {
		return err
	}
	secret, expires, err := a.newToken(ctx, tx, store.Token{Kind: kindUndo, UserID: user.ID, EmailKey: move.FromKey, Data: found.Data}, undoLife)
	if err != nil {
		return err
	}
	link, err := a.callbackLink("", undoPath, "token", secret)
	if err != nil {
		return err
	}
	values := a.about(ctx, &user, mailer.Values{Link: link, ExpiresAt: expires, NewEmail: move.To})
	if err := a.outbox.add(ctx, tx, mailer.EmailChanged, move.From, user.Locale, values); err != nil {
		return err
	}
	return a.record(ctx, tx, event{kind: eventEmailChanged, actor: user.ID, subject: user.ID})
}

// UndoEmailChange gives an account back to the address it had, with the token
// that was mailed there. Every session, pending token and the password go, and
// a link to set a new password is mailed. It answers ErrInvalidToken,
// ErrTokenExpired or ErrUnavailable.
func (a *Auth) UndoEmailChange(ctx context.Context, token string) error {
	if token == "" {
		return ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(token) {
		return ErrInvalidToken
	}
	var undone string
	err := a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		found, err := tx.Token(ctx, tenant, kindUndo, hashSecret(token))
		if errors.Is(err, store.ErrNotFound) {
			return ErrInvalidToken
		}
		if err != nil {
			return err
		}
		user, used, err := a.spendToken(ctx, tx, found)
		if err != nil {
			return err
		}
		if used {
			return ErrInvalidToken
		}
		undone = user.ID
		var move addressMove
		if err := json.Unmarshal(found.Data, &move); err != nil {
			return ErrInternal.because(err)
		}
		now := a.now()
		claim := store.EmailClaim{
			Tenant: tenant, UserID: user.ID, FromKey: user.EmailKey, Email: move.From, EmailKey: move.FromKey, VerifiedAt: now, Now: now,
		}
		if err := tx.ClaimEmail(ctx, claim); errors.Is(err, store.ErrConflict) {
			return ErrInvalidToken
		} else if err != nil {
			return err
		}
		if err := a.strip(ctx, tx, &user, afterUndo, endedByUndo); err != nil {
			return err
		}
		user.Email, user.EmailKey, user.EmailVerifiedAt = move.From, move.FromKey, now
		if err := a.sendReset(ctx, tx, &user, "", true); err != nil {
			return err
		}
		return a.record(ctx, tx, event{kind: eventEmailChangeUndone, actor: user.ID, subject: user.ID})
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(undone) })
	}
	return err
}

func (a *Auth) handleVerifySend(w http.ResponseWriter, r *http.Request) error {
	var in formInput
	if err := decode(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if !c.signedIn {
		if err := a.ResendVerification(r.Context(), in.Email, in.CallbackURL); err != nil {
			return err
		}
		return writeSent(w, http.StatusOK, in.Email, "")
	}
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if address.Key != c.user.EmailKey {
		if err := a.recent(c); err != nil {
			return err
		}
	}
	if err := a.RequestEmailChange(r.Context(), c.user.ID, in.Email, in.CallbackURL); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

func (a *Auth) handleVerifyPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	if err := a.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	return a.writePage(w, http.StatusOK, ui.Page{
		Title:      "Confirm this address",
		Paragraphs: []string{"If you asked to use this address here, confirm it. If not, close this page: nothing will change."},
		Facts:      []ui.Fact{{Label: "Address", Value: in.Email}},
		Forms:      []ui.Form{{Action: a.config.BasePath + verifyConfirmPath, Button: "Confirm this address", Hidden: in.hidden("")}},
	})
}

func (a *Auth) handleVerifyConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := a.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if in.Action != "" {
		// Above all not "disown": confirming is the opposite.
		return ErrInvalidRequest.detail("action", "must be left out")
	}
	err = a.ConfirmEmail(r.Context(), in.Email, in.Token)
	if isForm {
		return a.confirmAndAnswer(w, r, in, http.StatusSeeOther, err)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Message  string `json:"message"`
		Verified bool   `json:"verified"`
	}{"The address is confirmed.", true})
}

func (a *Auth) handleUndoPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	return a.writePage(w, http.StatusOK, ui.Page{
		Title: "Take the change of address back",
		Paragraphs: []string{
			"The account moved to another address. If that was not you, take it back.",
			"Every device will be signed out, and we will mail you a link to set a new password.",
		},
		Forms: []ui.Form{{Action: a.config.BasePath + undoPath, Button: "Take it back", Hidden: []ui.Field{{Name: "token", Value: in.Token}}}},
	})
}

func (a *Auth) handleUndo(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	err = a.UndoEmailChange(r.Context(), in.Token)
	page := ui.Page{Title: "Your address is back", Paragraphs: []string{"Every device was signed out. Look into your mailbox for a link to set a new password."}}
	return a.answerForm(w, r, isForm, err, page, messageBody{"The change of address was taken back."})
}
