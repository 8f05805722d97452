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

// Errors of verifying an address.
var (
	ErrAlreadyVerified = &Error{Code: "auth/already-verified", Status: http.StatusBadRequest, Message: "The address is verified already."}
)

const (
	confirmPath       = "/auth/signup/email/confirm"
	verifyConfirmPath = "/auth/email/verify/confirm"
	undoPath          = "/auth/email/verify/undo"

	// verifyLife is how long a mailed link to verify an address works. undoLife
	// is how long a change of address can be undone.
	verifyLife = 24 * time.Hour
	undoLife   = 7 * 24 * time.Hour
)

// Verifications verifies the addresses of accounts.
type Verifications struct {
	*kernel
	resets *PasswordResets
}

func (v *Verifications) feature() feature {
	return feature{
		name:  "verify",
		holds: holding{nothing: "links are kept as hashes, for a day at most"},
		routes: []route{
			{method: http.MethodPost, path: "/auth/signup/email/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: v.handleResend},
			{method: http.MethodGet, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: v.handleConfirmPage},
			{method: http.MethodPost, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: v.handleConfirm},
			{method: http.MethodPost, path: "/auth/email/verify/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: v.handleResend},
		},
		mails:  []mailer.Kind{mailer.SignupConfirmation, mailer.AccountDeleted},
		events: []string{eventEmailVerified, eventUserDeleted, eventAccountClaimed, eventAccountContested},
		errors: []*Error{ErrInvalidCallbackURL, ErrAlreadyVerified, ErrEmailNotVerified, ErrTooManyCodeRequests},
	}
}

// send mails a link that verifies the account's current address. The mail and
// the page behind the link show the origin of the account as far as it is
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

// signUpOrigin is the client and the time of a sign-up.
type signUpOrigin struct {
	Device    string    `json:"device,omitzero"`
	IPAddress string    `json:"ipAddress,omitzero"`
	At        time.Time `json:"at"`
}

// originOf returns the origin of an account that the client of ctx signs up
// for.
func originOf(ctx context.Context, at time.Time) signUpOrigin {
	client := clientFrom(ctx)
	return signUpOrigin{Device: device.Name(client.UserAgent), IPAddress: client.IPAddress, At: at}
}

// Request mails a new confirmation if the address belongs to an account and is
// not verified. For any other address it returns the same and costs the same.
// Request returns ErrInvalidEmail, ErrInvalidCallbackURL,
// ErrTooManyCodeRequests or ErrUnavailable.
func (v *Verifications) Request(ctx context.Context, in LinkParams) error {
	return v.mailTo(ctx, mailedVerify, in, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
		return v.resend(ctx, tx, user, in.CallbackURL, wanted)
	})
}

// RequestFor mails the confirmation of an account again, for an operator. It returns
// ErrUserNotFound, ErrAlreadyVerified, ErrAccountBanned, ErrInvalidRequest without an
// address, ErrTooManyCodeRequests or ErrUnavailable.
func (v *Verifications) RequestFor(ctx context.Context, userID string) error {
	return mailOnBehalf(ctx, v.kernel, mailedVerify, userID, func(ctx context.Context, tx *txn, user *store.User) error {
		if !user.EmailVerifiedAt.IsZero() {
			return ErrAlreadyVerified
		}
		return v.resend(ctx, tx, user, "", true)
	})
}

// resend mails the confirmation again. The mail shows the origin of the
// sign-up, because somebody other than the registrant may have asked for this
// mail.
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

// Confirm verifies an account's address with a mailed token. A second call with
// the same token succeeds too. If a second sign-up has contested the account,
// Confirm removes everything in the account, and a link to set a password is
// mailed. Confirm returns ErrInvalidEmail, ErrInvalidToken, ErrTokenExpired,
// ErrAccountBanned or ErrUnavailable.
func (v *Verifications) Confirm(ctx context.Context, in TokenParams) error {
	_, err := v.confirmWith(ctx, in)
	return err
}

// confirmation is the result of a redeemed token.
type confirmation struct {
	// email is the address that is verified now.
	email string
	// reset says that the account was contested and that a link to set a
	// password was mailed.
	reset bool
}

func (v *Verifications) confirmWith(ctx context.Context, in TokenParams) (done confirmation, err error) {
	given, err := readSecret(in.Email, in.Token)
	if err != nil {
		return done, err
	}
	err = v.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, given.token, kindVerify)
		if err != nil {
			return err
		}
		done, err = v.confirm(ctx, tx, given, found)
		return err
	})
	return done, err
}

// confirm verifies the address that a redeemed token was sent to, if the
// account still has this address.
func (v *Verifications) confirm(ctx context.Context, tx *txn, given mailedSecret, found opened) (confirmation, error) {
	user := &found.user
	done := confirmation{email: user.Email}
	switch {
	case !given.fits(found.token.EmailKey), user.EmailKey != found.token.EmailKey, found.used && user.EmailVerifiedAt.IsZero():
		return done, ErrInvalidToken
	case found.used, !user.EmailVerifiedAt.IsZero():
		return done, nil
	}
	// The reader of the mailbox may not be the person who chose the password.
	// After two sign-ups nobody can tell.
	var err error
	if done.reset, err = contested(ctx, tx, user); err != nil {
		return done, err
	}
	if done.reset {
		if err := claimAfter(ctx, tx, user, afterContest); err != nil {
			return done, err
		}
		return done, v.resets.send(ctx, tx, user, "", true)
	}
	verified, err := tx.VerifyEmail(ctx, tenant, user.ID, user.EmailKey, v.now())
	if err != nil || !verified {
		return done, err
	}
	user.EmailVerifiedAt = v.now()
	if err := joinByDomain(ctx, tx, user); err != nil {
		return done, err
	}
	return done, tx.record(ctx, event{kind: eventEmailVerified, subject: user.ID})
}

// Disown deletes an account that somebody else made with this address. It works
// until the address is verified. Disown returns the errors of Confirm.
func (v *Verifications) Disown(ctx context.Context, in TokenParams) error {
	given, err := readSecret(in.Email, in.Token)
	if err != nil {
		return err
	}
	return v.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		found, err := tx.openSecret(ctx, given.token, kindVerify)
		if err != nil {
			return err
		}
		user := &found.user
		if found.used || !given.fits(found.token.EmailKey) || user.EmailKey != found.token.EmailKey || !user.EmailVerifiedAt.IsZero() {
			return ErrInvalidToken
		}
		return removeAccount(ctx, tx, user, departure{why: "disowned", final: true})
	})
}

func (v *Verifications) handleResend(w http.ResponseWriter, r *http.Request) error {
	var in formInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if err := v.Request(asked(r), in.linkParams()); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

// handleConfirmPage serves the page that the mailed link opens. Mail scanners
// open links too, so a request confirms the address only if it declares itself
// a program's. HEAD never confirms.
func (v *Verifications) handleConfirmPage(w http.ResponseWriter, r *http.Request) error {
	in, err := v.visitor(w, r).readLink()
	if err != nil {
		return err
	}
	found, err := lookAt(r.Context(), v.kernel, in.Token, kindVerify)
	if err == nil && wantsPage(r) {
		in.Email = found.user.Email // the address in the link may be damaged
	}
	if r.Method == http.MethodGet && (wantsJSON(r) || v.config.ConfirmOnGet) {
		done, err := v.confirmWith(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		return v.confirmAndAnswer(w, r, in, http.StatusFound, done, err, v.retry(in, found))
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
	twice, err := contested(r.Context(), v.store, &found.user)
	if err != nil {
		return fault(err)
	}
	if twice {
		page.Paragraphs = append(page.Paragraphs, "This address was used to sign up more than once. When you confirm it, we mail you a link to set a password. Passwords that were set before stop working.")
	}
	return v.visitor(w, r).writePage(http.StatusOK, page)
}

// retry is the page after a failure. It offers a new link.
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
	found, err := v.visitor(w, r).lookAt(in.Token, kindVerify) // looked at first: the account may be gone afterwards
	if err != nil {
		return err
	}
	switch {
	case in.Action == "":
		done, err := v.confirmWith(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		return v.confirmAndAnswer(w, r, in, http.StatusSeeOther, done, err, v.retry(in, found))
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

// askDisown asks again before an account is deleted: mail scanners press
// buttons too, and people press the wrong button.
func (v *Verifications) askDisown(w http.ResponseWriter, r *http.Request, in formInput) error {
	in.Token = cleanSecret(in.Token)
	found, err := lookAt(r.Context(), v.kernel, in.Token, kindVerify)
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

// confirmAndAnswer sends the browser to the page of the host with the outcome,
// if the request names a page. Otherwise it shows a page of this API. otherwise
// is the page after a failure.
func (v *Verifications) confirmAndAnswer(w http.ResponseWriter, r *http.Request, in formInput, redirect int, done confirmation, outcome error, otherwise ui.Page) error {
	if outcome != nil && asError(outcome).Status >= http.StatusInternalServerError {
		return outcome
	}
	if in.CallbackURL != "" {
		query := []string{"verified", "true", "email", done.email}
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
		page := ui.Page{
			Languages: otherwise.Languages,
			Title:     "Your address is confirmed", Paragraphs: []string{"You can close this page and go on where you left off."},
		}
		if done.reset {
			page.Paragraphs = []string{"This address was used to sign up more than once. Look into your mailbox for a link to set your password."}
		}
		return v.visitor(w, r).writePage(http.StatusOK, page)
	}
	return webio.Write(w, http.StatusOK, verifiedBody{true, verifiedData{true, done.email}})
}

// confirmedPage shows a page about an address that is verified. The page links
// to the page of the host if the link names one.
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
