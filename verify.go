package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
	"github.com/go-json-experiment/json"
)

// Errors of proving an address.
var (
	ErrAlreadyVerified = &Error{Code: "auth/already-verified", Status: http.StatusBadRequest, Message: "The address is verified already."}
)

const (
	confirmPath       = "/auth/signup/email/confirm"
	verifyConfirmPath = "/auth/email/verify/confirm"
	undoPath          = "/auth/email/verify/undo"

	// verifyLife is how long a mailed link to prove an address works, undoLife
	// how long a change of address can be taken back.
	verifyLife = 24 * time.Hour
	undoLife   = 7 * 24 * time.Hour
)

// Verifications proves that an account's address is its owner's.
type Verifications struct {
	*kernel
}

func (v *Verifications) feature() feature {
	return feature{
		name: "verify",
		routes: []route{
			{method: http.MethodPost, path: "/auth/signup/email/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: v.handleResend},
			{method: http.MethodGet, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: v.handleConfirmPage},
			{method: http.MethodPost, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: v.handleConfirm},
			{method: http.MethodPost, path: "/auth/email/verify/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: v.handleResend},
		},
		mails:  []mailer.Kind{mailer.SignupConfirmation, mailer.AccountDeleted},
		events: []string{eventEmailVerified, eventUserDeleted, eventAccountClaimed},
		errors: []*Error{ErrInvalidCallbackURL, ErrAlreadyVerified, ErrEmailNotVerified, ErrTooManyCodeRequests},
	}
}

// send mails a link that proves the account's current address. The mail, and the
// page that it leads to, say where the account came from, as far as that is
// known.
func (v *Verifications) send(ctx context.Context, tx *txn, user *store.User, callbackURL string, origin signUpOrigin, wanted bool) error {
	data, err := json.Marshal(origin)
	if err != nil {
		return ErrInternal.because(err)
	}
	return tx.mailLink(ctx, link{
		kind: kindVerify, mail: mailer.SignupConfirmation, kills: afterNewVerify, life: verifyLife, user: user, data: data, wanted: wanted,
		url:    func(secret string) (string, error) { return v.verifyLink(confirmPath, callbackURL, secret, user.Email) },
		values: mailer.Values{Device: origin.Device, IPAddress: origin.IPAddress, SignedUpAt: origin.At},
	})
}

// signUpOrigin is where an account came from.
type signUpOrigin struct {
	Device    string    `json:"device,omitzero"`
	IPAddress string    `json:"ipAddress,omitzero"`
	At        time.Time `json:"at"`
}

// Request mails a new confirmation to an address that belongs to an
// account and is not verified. It answers the same, and costs the same, for any
// other address. ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests
// or ErrUnavailable.
func (v *Verifications) Request(ctx context.Context, in LinkParams) error {
	return v.mailTo(ctx, in, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		return v.resend(ctx, tx, user, in.CallbackURL, wanted)
	})
}

// resend asks the owner of an address once more whether the account
// is theirs. Where the account came from is told as it was at sign-up: whoever
// asks for the mail may be another.
func (v *Verifications) resend(ctx context.Context, tx *txn, user *store.User, callbackURL string, wanted bool) error {
	created, err := tx.ListEvents(ctx, store.EventQuery{Tenant: tenant, SubjectID: user.ID, Kind: eventUserCreated, Limit: 1})
	if err != nil {
		return err
	}
	if !user.EmailVerifiedAt.IsZero() {
		nobody := v.nobody(emailaddress.Address{Display: user.Email, Key: user.EmailKey})
		user, wanted = &nobody, false
	}
	origin := signUpOrigin{At: user.CreatedAt}
	if len(created) > 0 {
		origin.Device, origin.IPAddress = device.Name(created[0].UserAgent), created[0].IPAddress
	}
	return v.send(ctx, tx, user, callbackURL, origin, wanted)
}

// Confirm proves an account's address with a mailed token. Repeating it with the
// same token is a success. It answers ErrInvalidEmail, ErrInvalidToken,
// ErrTokenExpired, ErrAccountBanned or ErrUnavailable.
func (v *Verifications) Confirm(ctx context.Context, in TokenParams) error {
	address, err := addressOf(in.Email, in.Token)
	if err != nil {
		return err
	}
	return v.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, in.Token, kindVerify)
		if err != nil {
			return err
		}
		return v.confirm(ctx, tx, address, found)
	})
}

// confirm verifies the address that a redeemed token was sent to, where it is
// still the account's.
func (v *Verifications) confirm(ctx context.Context, tx *txn, address emailaddress.Address, found opened) error {
	if found.token.EmailKey != address.Key || found.user.EmailKey != address.Key || found.used && found.user.EmailVerifiedAt.IsZero() {
		return ErrInvalidToken
	}
	if found.used {
		return nil
	}
	verified, err := tx.VerifyEmail(ctx, tenant, found.user.ID, address.Key, v.now())
	if err != nil || !verified {
		return err
	}
	return tx.record(ctx, event{kind: eventEmailVerified, subject: found.user.ID})
}

// Disown deletes an account that somebody else made with this address: the
// second button of the confirmation page. It works until the address is proven,
// and answers as Confirm does.
func (v *Verifications) Disown(ctx context.Context, in TokenParams) error {
	address, err := addressOf(in.Email, in.Token)
	if err != nil {
		return err
	}
	return v.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, in.Token, kindVerify)
		if err != nil {
			return err
		}
		if found.used || found.token.EmailKey != address.Key || found.user.EmailKey != address.Key || !found.user.EmailVerifiedAt.IsZero() {
			return ErrInvalidToken
		}
		return tx.deleteAccount(ctx, &found.user, "disowned")
	})
}

func (v *Verifications) handleResend(w http.ResponseWriter, r *http.Request) error {
	var in formInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := v.Request(r.Context(), LinkParams{Email: in.Email, CallbackURL: in.CallbackURL}); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

// handleConfirmPage is what the mailed link opens. Mail scanners open links
// too, so only a program that declares itself, and not HEAD, is acted on.
func (v *Verifications) handleConfirmPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	if err := v.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if r.Method == http.MethodGet && (wantsJSON(r) || v.config.ConfirmOnGet) {
		return v.confirmAndAnswer(w, r, in, http.StatusFound, v.Confirm(r.Context(), TokenParams{Email: in.Email, Token: in.Token}), in.renewal(v.config.BasePath+confirmPath)...)
	}
	page := ui.Page{
		Title:      "Confirm your address",
		Paragraphs: []string{"Confirm that this e-mail address is yours. Then your account is ready."},
		Facts:      []ui.Fact{{Label: "Address", Value: in.Email}},
		Forms: []ui.Form{
			{Action: v.config.BasePath + confirmPath, Button: "Confirm my address", Hidden: in.hidden("")},
			{Action: v.config.BasePath + confirmPath, Button: "I did not create this", Quiet: true, Hidden: in.hidden(actionDisown)},
		},
	}
	if wellFormed(in.Token) {
		found, err := v.store.Token(r.Context(), tenant, kindVerify, hashSecret(in.Token))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fault(err)
		}
		var origin signUpOrigin
		if err == nil && json.Unmarshal(found.Data, &origin) == nil {
			page.Facts = append(page.Facts,
				ui.Fact{Label: "Signed up", At: origin.At})
			if origin.Device != "" {
				page.Facts = append(page.Facts, ui.Fact{Label: "Device", Value: origin.Device})
			}
		}
	}
	return v.writePage(w, r, http.StatusOK, page)
}

func (v *Verifications) handleConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := v.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	switch in.Action {
	case "":
		return v.confirmAndAnswer(w, r, in, http.StatusSeeOther, v.Confirm(r.Context(), TokenParams{Email: in.Email, Token: in.Token}), in.renewal(v.config.BasePath+confirmPath)...)
	case actionRenew:
		return v.renew(w, r, isForm, in, v.Request)
	case actionDisown:
		err := v.Disown(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		page := ui.Page{Title: "The account was deleted", Paragraphs: []string{"Nothing else was stored under your address. You can close this page."}}
		return v.answerForm(w, r, isForm, err, page, webio.Message("The account was deleted."))
	}
	return ErrInvalidRequest.detail("action", "must be left out, disown or renew")
}

type verifiedBody struct {
	Success bool         `json:"success"`
	Data    verifiedData `json:"data"`
}

type verifiedData struct {
	Verified bool   `json:"verified"`
	Email    string `json:"email"`
}

// confirmAndAnswer sends the outcome to the host's page where it named one. A
// page of our own offers what else can be done where it failed.
func (v *Verifications) confirmAndAnswer(w http.ResponseWriter, r *http.Request, in formInput, redirect int, outcome error, otherwise ...ui.Form) error {
	if outcome != nil && asError(outcome).Status >= http.StatusInternalServerError {
		return outcome
	}
	if in.CallbackURL != "" {
		query := []string{"verified", "true", "email", in.Email}
		if outcome != nil {
			query = []string{"verified", "false", "error", asError(outcome).Code}
		}
		target, err := v.redirects.AddQuery(in.CallbackURL, query...)
		if err != nil {
			return ErrInvalidCallbackURL.because(err)
		}
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Location", target)
		w.WriteHeader(redirect)
		return nil
	}
	if wantsPage(r) {
		if outcome != nil {
			return v.writeErrorPage(w, r, outcome, otherwise...)
		}
		return v.writePage(w, r, http.StatusOK, ui.Page{
			Title: "Your address is confirmed", Paragraphs: []string{"You can close this page and go on where you left off."},
		})
	}
	if outcome != nil {
		return outcome
	}
	return webio.Write(w, http.StatusOK, verifiedBody{true, verifiedData{true, showEmail(in.Email)}})
}
