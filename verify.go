package admit

import (
	"context"
	"html/template"
	"net/http"
	"net/url"
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
	in.Token = cleanToken(in.Token)
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
	in.Token = cleanToken(in.Token)
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
	in, err := v.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := v.look(r.Context(), in.Token, kindVerify)
	if err == nil && wantsPage(r) {
		in.Email = found.user.Email // whatever became of the link's
	}
	if r.Method == http.MethodGet && (wantsJSON(r) || v.config.ConfirmOnGet) {
		return v.confirmAndAnswer(w, r, in, http.StatusFound, v.Confirm(r.Context(), TokenParams{Email: in.Email, Token: in.Token}), v.retry(in, found))
	}
	proven := !found.user.EmailVerifiedAt.IsZero()
	switch {
	case err == nil && !found.token.UsedAt.IsZero() && !proven:
		err = ErrInvalidToken
	case err == nil && proven:
		return v.confirmedPage(w, r, in, ui.Page{
			Languages: found.languages(), Title: "Done already", Paragraphs: []string{"This address is confirmed. There is nothing left to do."},
			Facts: []ui.Fact{{Label: "Address", Value: found.user.Email}},
		})
	}
	if err != nil {
		return v.visitor(w, r).failed(err, v.retry(in, found))
	}
	page := ui.Page{
		Languages:  found.languages(),
		Title:      "Confirm your address",
		Paragraphs: []string{"Confirm that this e-mail address is yours. Then your account is ready."},
		Facts:      []ui.Fact{{Label: "Address", Value: found.user.Email}},
		Forms: []ui.Form{
			{Action: v.pagePath(confirmPath), Button: "Confirm my address", Hidden: in.hidden("")},
			{Action: v.pagePath(confirmPath), Button: "I did not create this", Quiet: true, Hidden: in.hidden(actionDisown)},
		},
	}
	var origin signUpOrigin
	if json.Unmarshal(found.token.Data, &origin) == nil {
		page.Facts = append(page.Facts, ui.Fact{Label: "Signed up", At: origin.At})
		if origin.Device != "" {
			page.Facts = append(page.Facts, ui.Fact{Label: "Device", Value: origin.Device})
		}
	}
	return v.visitor(w, r).writePage(http.StatusOK, page)
}

// retry is what the page of a failure offers.
func (v *Verifications) retry(in formInput, found seen) ui.Page {
	if found.user.Email != "" {
		in.Email = found.user.Email
	}
	return ui.Page{Languages: found.languages(), Forms: in.renewal(v.pagePath(confirmPath))}
}

func (v *Verifications) handleConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := v.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if in.Action == actionRenew {
		return v.visitor(w, r).renew(isForm, in, confirmPath, v.Request)
	}
	found, err := v.visitor(w, r).lookAt(in.Token, kindVerify) // before the account may be gone
	if err != nil {
		return err
	}
	switch {
	case in.Action == "":
		return v.confirmAndAnswer(w, r, in, http.StatusSeeOther, v.Confirm(r.Context(), TokenParams{Email: in.Email, Token: in.Token}), v.retry(in, found))
	case in.Action == actionDisown && isForm:
		return v.askDisown(w, r, in)
	case in.Action == actionDisown, in.Action == actionDelete:
		err := v.Disown(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		page := ui.Page{
			Languages: found.languages(), Title: "The account was deleted",
			Paragraphs: []string{"Nothing else was stored under your address. You can close this page."},
		}
		return v.visitor(w, r).answerForm(isForm, err, page, webio.Message("The account was deleted."))
	}
	return ErrInvalidRequest.detail("action", "must be left out, disown, delete or renew")
}

// askDisown asks once more before an account is deleted: machines that look into
// mail press buttons too, and people press the wrong one.
func (v *Verifications) askDisown(w http.ResponseWriter, r *http.Request, in formInput) error {
	in.Token = cleanToken(in.Token)
	found, err := v.look(r.Context(), in.Token, kindVerify)
	if err == nil && (!found.token.UsedAt.IsZero() || !found.user.EmailVerifiedAt.IsZero()) {
		err = ErrInvalidToken
	}
	if err != nil {
		return v.visitor(w, r).failed(err, ui.Page{Languages: found.languages()})
	}
	in.Email = found.user.Email
	back := url.Values{"token": {in.Token}, "email": {in.Email}}
	if in.CallbackURL != "" {
		back.Set("callbackUrl", in.CallbackURL)
	}
	return v.visitor(w, r).writePage(http.StatusOK, ui.Page{
		Languages:  found.languages(),
		Title:      "Delete this account?",
		Paragraphs: []string{"If you did not sign up here, delete the account that was made with your address. This cannot be undone."},
		Facts:      []ui.Fact{{Label: "Address", Value: found.user.Email}},
		Forms:      []ui.Form{{Action: v.pagePath(confirmPath), Button: "Delete the account", Danger: true, Hidden: in.hidden(actionDelete)}},
		Links:      []ui.Link{{Text: "Keep the account", URL: template.URL(v.pagePath(confirmPath) + "?" + back.Encode())}}, //nolint:gosec // a link of this API
	})
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
func (v *Verifications) confirmAndAnswer(w http.ResponseWriter, r *http.Request, in formInput, redirect int, outcome error, otherwise ui.Page) error {
	if outcome != nil && asError(outcome).Status >= http.StatusInternalServerError {
		return outcome
	}
	if in.CallbackURL != "" {
		query := []string{"verified", "true", "email", showEmail(in.Email)}
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
	if outcome != nil {
		return v.visitor(w, r).failed(outcome, otherwise)
	}
	if wantsPage(r) {
		return v.visitor(w, r).writePage(http.StatusOK, ui.Page{
			Languages: otherwise.Languages,
			Title:     "Your address is confirmed", Paragraphs: []string{"You can close this page and go on where you left off."},
		})
	}
	return webio.Write(w, http.StatusOK, verifiedBody{true, verifiedData{true, showEmail(in.Email)}})
}

// confirmedPage shows a page about an address that is confirmed. It leads on to
// the host's page where the link names one.
func (v *Verifications) confirmedPage(w http.ResponseWriter, r *http.Request, in formInput, page ui.Page) error {
	if in.CallbackURL != "" {
		target, err := v.redirects.AddQuery(in.CallbackURL, "verified", "true", "email", page.Facts[0].Value)
		if err != nil {
			return ErrInvalidCallbackURL.because(err)
		}
		page.Links = []ui.Link{{Text: "Go on", URL: template.URL(target)}} //nolint:gosec // an allowed target
	}
	return v.visitor(w, r).writePage(http.StatusOK, page)
}
