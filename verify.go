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
	resets *PasswordResets
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
		events: []string{eventEmailVerified, eventUserDeleted, eventAccountClaimed, eventAccountContested},
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

// originOf is the origin of an account that the client of ctx signs up for.
func originOf(ctx context.Context, at time.Time) signUpOrigin {
	client := clientFrom(ctx)
	return signUpOrigin{Device: device.Name(client.UserAgent), IPAddress: client.IPAddress, At: at}
}

// Request mails a new confirmation to an address that belongs to an
// account and is not verified. It answers the same, and costs the same, for any
// other address. ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests
// or ErrUnavailable.
func (v *Verifications) Request(ctx context.Context, in LinkParams) error {
	return v.mailTo(ctx, mailedVerify, in, func(ctx context.Context, tx *txn, user *store.User, wanted bool) error {
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
// same token is a success. Where a second sign-up has contested the account, the
// proof takes away whatever was in it, and a link to set a password is mailed. It
// answers ErrInvalidEmail, ErrInvalidToken, ErrTokenExpired, ErrAccountBanned or
// ErrUnavailable.
func (v *Verifications) Confirm(ctx context.Context, in TokenParams) error {
	_, err := v.confirmWith(ctx, in)
	return err
}

// confirmation is what a redeemed token has proven.
type confirmation struct {
	// email is the address that is proven now.
	email string
	// reset says that the account had been contested, so that a link to set a
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

// confirm verifies the address that a redeemed token was sent to, where it is
// still the account's.
func (v *Verifications) confirm(ctx context.Context, tx *txn, given mailedSecret, found opened) (confirmation, error) {
	user := &found.user
	done := confirmation{email: user.Email}
	switch {
	case !given.fits(found.token.EmailKey), user.EmailKey != found.token.EmailKey, found.used && user.EmailVerifiedAt.IsZero():
		return done, ErrInvalidToken
	case found.used, !user.EmailVerifiedAt.IsZero():
		return done, nil
	}
	// Whoever reads the mailbox may not be who chose the password: with two
	// sign-ups, nobody can tell.
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
	return done, tx.record(ctx, event{kind: eventEmailVerified, subject: user.ID})
}

// Disown deletes an account that somebody else made with this address: the
// second button of the confirmation page. It works until the address is proven,
// and answers as Confirm does.
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
		return deleteAccount(ctx, tx, user, "disowned")
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

// handleConfirmPage is what the mailed link opens. Mail scanners open links
// too, so only a program that declares itself, and not HEAD, is acted on.
func (v *Verifications) handleConfirmPage(w http.ResponseWriter, r *http.Request) error {
	in, err := openedBy(v.kernel, r)
	if err != nil {
		return pageOr(v.kernel, w, r, err)
	}
	if r.Method == http.MethodGet && (wantsJSON(r) || v.config.ConfirmOnGet) {
		done, err := v.confirmWith(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		return v.confirmAndAnswer(w, r, in, http.StatusFound, done, err, in.renewal(v.config.BasePath+confirmPath)...)
	}
	page := ui.Page{
		Title:      "Confirm your address",
		Paragraphs: []string{"Confirm that this e-mail address is yours. Then your account is ready."},
		Facts:      []ui.Fact{{Label: "Address", Value: showEmail(in.Email)}},
	}
	found, user, err := lookAt(r.Context(), v.kernel, in.Token, kindVerify)
	switch {
	case errors.Is(err, ErrInvalidToken):
	case err != nil && !errors.Is(err, ErrTokenExpired):
		return pageOr(v.kernel, w, r, err)
	case !found.UsedAt.IsZero() && !user.EmailVerifiedAt.IsZero() && user.EmailKey == found.EmailKey:
		return v.writePage(w, r, http.StatusOK, ui.Page{
			Title: "Your address is confirmed", Paragraphs: []string{"That was done already.", "You can close this page and go on where you left off."},
			Facts: []ui.Fact{{Label: "Address", Value: user.Email}},
		})
	case user.EmailKey == found.EmailKey:
		// The account's own address, whatever stands in the link.
		in.Email = user.Email
		page.Facts[0].Value = user.Email
		var origin signUpOrigin
		if json.Unmarshal(found.Data, &origin) == nil {
			page.Facts = append(page.Facts,
				ui.Fact{Label: "Signed up", At: origin.At})
			if origin.Device != "" {
				page.Facts = append(page.Facts, ui.Fact{Label: "Device", Value: origin.Device})
			}
		}
		twice, err := contested(r.Context(), v.store, &user)
		if err != nil {
			return pageOr(v.kernel, w, r, fault(err))
		}
		if twice && user.EmailVerifiedAt.IsZero() {
			page.Paragraphs = append(page.Paragraphs, "This address was used to sign up more than once. When you confirm it, we mail you a link to set a password. Passwords that were set before stop working.")
		}
	}
	page.Forms = []ui.Form{
		{Action: v.config.BasePath + confirmPath, Button: "Confirm my address", Hidden: in.hidden("")},
		{Action: v.config.BasePath + confirmPath, Button: "I did not create this", Quiet: true, Hidden: in.hidden(actionDisown)},
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
		done, err := v.confirmWith(r.Context(), TokenParams{Email: in.Email, Token: in.Token})
		return v.confirmAndAnswer(w, r, in, http.StatusSeeOther, done, err, in.renewal(v.config.BasePath+confirmPath)...)
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
func (v *Verifications) confirmAndAnswer(w http.ResponseWriter, r *http.Request, in formInput, redirect int, done confirmation, outcome error, otherwise ...ui.Form) error {
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
	if wantsPage(r) {
		if outcome != nil {
			return v.writeErrorPage(w, r, outcome, otherwise...)
		}
		page := ui.Page{Title: "Your address is confirmed", Paragraphs: []string{"You can close this page and go on where you left off."}}
		if done.reset {
			page.Paragraphs = []string{"This address was used to sign up more than once. Look into your mailbox for a link to set your password."}
		}
		return v.writePage(w, r, http.StatusOK, page)
	}
	if outcome != nil {
		return outcome
	}
	return webio.Write(w, http.StatusOK, verifiedBody{true, verifiedData{true, done.email}})
}
