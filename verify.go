package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// Errors of proving an address.
var (
	ErrInvalidCallbackURL = &Error{Code: "auth/invalid-callback-url", Status: http.StatusBadRequest, Message: "That is not a place to return to."}
	ErrAlreadyVerified    = &Error{Code: "auth/already-verified", Status: http.StatusBadRequest, Message: "The address is verified already."}
	ErrEmailNotVerified   = &Error{Code: "auth/email-not-verified", Status: http.StatusForbidden, Message: "Please confirm your address first: we have sent you a mail."}
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

var verification = feature{
	name: "verify",
	routes: []route{
		{method: http.MethodPost, path: "/auth/signup/email/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: (*Auth).handleResend},
		{method: http.MethodGet, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleConfirmPage},
		{method: http.MethodPost, path: confirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleConfirm},
		{method: http.MethodPost, path: "/auth/email/verify/send", who: anyone, scope: "auth:verify", limit: limitMail, fresh: true, serve: (*Auth).handleVerifySend},
		{method: http.MethodPost, path: "/auth/email/verify/resend", who: anyone, scope: "auth:verify", limit: limitMail, exchanges: true, serve: (*Auth).handleResend},
		{method: http.MethodGet, path: verifyConfirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleVerifyPage},
		{method: http.MethodPost, path: verifyConfirmPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleVerifyConfirm},
		{method: http.MethodGet, path: undoPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleUndoPage},
		{method: http.MethodPost, path: undoPath, who: anyone, scope: "auth:verify", exchanges: true, navigated: true, serve: (*Auth).handleUndo},
	},
	mails:  []mailer.Kind{mailer.EmailVerification, mailer.EmailChanged, mailer.AccountExists},
	events: []string{eventEmailVerified, eventEmailChanged, eventEmailChangeUndone, eventUserDeleted, eventAccountClaimed},
	errors: []*Error{ErrInvalidCallbackURL, ErrAlreadyVerified, ErrEmailNotVerified, ErrTooManyCodeRequests},
}

// sendVerification mails a link that proves the account's current address, and
// kills the one before. The mail, and the page that it leads to, say where the
// account came from, as far as that is known.
func (a *Auth) sendVerification(ctx context.Context, tx store.Store, user *store.User, callbackURL string, origin signUpOrigin, wanted bool) error {
	kind, mail := kindVerify, mailer.SignupConfirmation
	if !wanted {
		kind, mail = decoyMail, decoyMail
	}
	if err := killTokens(ctx, tx, afterNewVerify, user.ID, ""); err != nil {
		return err
	}
	data, err := json.Marshal(origin)
	if err != nil {
		return ErrInternal.because(err)
	}
	secret, expires, err := a.newToken(ctx, tx, store.Token{
		Kind: kind, UserID: user.ID, EmailKey: user.EmailKey, Data: data,
	}, verifyLife)
	if err != nil {
		return err
	}
	link, err := a.verifyLink(confirmPath, callbackURL, secret, user.Email)
	if err != nil {
		return err
	}
	values := a.about(ctx, user, mailer.Values{Link: link, ExpiresAt: expires})
	values.Device, values.IPAddress, values.SignedUpAt = origin.Device, origin.IPAddress, origin.At
	return a.outbox.add(ctx, tx, mail, user.Email, user.Locale, values)
}

// signUpOrigin is where an account came from.
type signUpOrigin struct {
	Device    string    `json:"device,omitzero"`
	IPAddress string    `json:"ipAddress,omitzero"`
	At        time.Time `json:"at"`
}

// verifyLink leads to the page of this API, which sends the browser on to the
// host's: what a mail scanner fetches must not be the host's page with a token.
func (a *Auth) verifyLink(path, callbackURL, secret, email string) (string, error) {
	query := []string{"token", secret, "email", email}
	if callbackURL != "" {
		query = append(query, "callbackUrl", callbackURL)
	}
	return a.callbackLink("", path, query...)
}

// newToken stores a one-time token and returns its secret.
func (a *Auth) newToken(ctx context.Context, tx store.Tokens, t store.Token, life time.Duration) (secret string, expires time.Time, err error) {
	secret, t.Hash, err = newSecret()
	if err != nil {
		return "", expires, err
	}
	t.Tenant, t.CreatedAt = tenant, a.now()
	t.ExpiresAt = t.CreatedAt.Add(life)
	return secret, t.ExpiresAt, tx.CreateToken(ctx, t)
}

// about fills in what every message about an account says.
func (a *Auth) about(ctx context.Context, user *store.User, values mailer.Values) mailer.Values {
	client := clientFrom(ctx)
	values.UserName, values.UserEmail, values.Verified = user.Name, user.Email, !user.EmailVerifiedAt.IsZero()
	values.Device, values.IPAddress, values.At = device.Name(client.UserAgent), client.IPAddress, a.now()
	return values
}

// ResendVerification mails a new confirmation to an address that belongs to an
// account and is not verified. It answers the same, and costs the same, for any
// other address. ErrInvalidEmail, ErrInvalidCallbackURL, ErrTooManyCodeRequests
// or ErrUnavailable.
func (a *Auth) ResendVerification(ctx context.Context, email, callbackURL string) error {
	return a.mailTo(ctx, email, callbackURL, func(ctx context.Context, tx store.Store, user *store.User, wanted bool) error {
		return a.resendVerification(ctx, tx, user, callbackURL, wanted)
	})
}

// resendVerification asks the owner of an address once more whether the account
// is theirs. Where the account came from is told as it was at sign-up: whoever
// asks for the mail may be another.
func (a *Auth) resendVerification(ctx context.Context, tx store.Store, user *store.User, callbackURL string, wanted bool) error {
	created, err := tx.ListEvents(ctx, store.EventQuery{Tenant: tenant, SubjectID: user.ID, Kind: eventUserCreated, Limit: 1})
	if err != nil {
		return err
	}
	if !user.EmailVerifiedAt.IsZero() {
		nobody := a.nobody(emailaddress.Address{Display: user.Email, Key: user.EmailKey})
		user, wanted = &nobody, false
	}
	origin := signUpOrigin{At: user.CreatedAt}
	if len(created) > 0 {
		origin.Device, origin.IPAddress = device.Name(created[0].UserAgent), created[0].IPAddress
	}
	return a.sendVerification(ctx, tx, user, callbackURL, origin, wanted)
}

// ConfirmEmail proves an address with a mailed token: the account's own, or the
// one it moves to, which then becomes the account's. Repeating it with the same
// token is a success. It answers ErrInvalidEmail, ErrInvalidToken,
// ErrTokenExpired, ErrEmailTaken or ErrUnavailable.
func (a *Auth) ConfirmEmail(ctx context.Context, email, token string) error {
	return a.confirmEmail(ctx, email, token, kindVerify, kindChange)
}

func (a *Auth) confirmEmail(ctx context.Context, email, token string, kinds ...string) error {
	address, err := emailaddress.Parse(email)
	if err != nil {
		return ErrInvalidEmail.because(err)
	}
	if token == "" {
		return ErrInvalidRequest.detail("token", "is missing")
	}
	if !wellFormed(token) {
		return ErrInvalidToken
	}
	var changed string
	err = a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		for _, kind := range kinds {
			found, err := tx.Token(ctx, tenant, kind, hashSecret(token))
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if found.EmailKey != address.Key {
				return ErrInvalidToken
			}
			changed = found.UserID
			if kind == kindChange {
				return a.changeAddress(ctx, tx, address, found)
			}
			return a.verifyAddress(ctx, tx, found)
		}
		return ErrInvalidToken
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(changed) })
	}
	return err
}

// spendToken locks the account of a token and uses the token up. A token that
// was used is told from one that has run out.
func (a *Auth) spendToken(ctx context.Context, tx store.Store, found store.Token) (user store.User, used bool, err error) {
	if user, err = tx.LockUser(ctx, tenant, found.UserID); errors.Is(err, store.ErrNotFound) {
		return user, false, ErrInvalidToken
	} else if err != nil {
		return user, false, err
	}
	now := a.now()
	if user.Deleted() {
		return user, false, ErrInvalidToken
	}
	if user.Banned(now) {
		return user, false, ErrAccountBanned
	}
	after, won, err := tx.ConsumeToken(ctx, tenant, found.Kind, found.Hash, now)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return user, false, ErrInvalidToken
	case err != nil:
		return user, false, err
	case won:
		return user, false, nil
	case after.UsedAt.IsZero():
		return user, false, ErrTokenExpired
	}
	return user, true, nil
}

func (a *Auth) verifyAddress(ctx context.Context, tx store.Store, found store.Token) error {
	user, used, err := a.spendToken(ctx, tx, found)
	if err != nil {
		return err
	}
	if user.EmailKey != found.EmailKey || used && user.EmailVerifiedAt.IsZero() {
		return ErrInvalidToken
	}
	if used {
		return nil
	}
	verified, err := tx.VerifyEmail(ctx, tenant, user.ID, found.EmailKey, a.now())
	if err != nil || !verified {
		return err
	}
	return a.record(ctx, tx, event{kind: eventEmailVerified, actor: user.ID, subject: user.ID})
}

func (a *Auth) handleResend(w http.ResponseWriter, r *http.Request) error {
	var in formInput
	if err := decode(r, &in); err != nil {
		return err
	}
	if err := a.ResendVerification(r.Context(), in.Email, in.CallbackURL); err != nil {
		return err
	}
	return writeSent(w, http.StatusOK, in.Email, "")
}

type sentBody struct {
	Message   string `json:"message"`
	Email     string `json:"email"`
	RequestID string `json:"requestId,omitempty"`
}

// writeSent answers every request for a mail, whoever it is for.
func writeSent(w http.ResponseWriter, status int, email, requestID string) error {
	return writeJSON(w, status, sentBody{"If the address can be used, a mail is on its way.", showEmail(email), requestID})
}

// showEmail gives back an address as it is kept.
func showEmail(email string) string {
	if address, err := emailaddress.Parse(email); err == nil {
		return address.Display
	}
	return ""
}

// handleConfirmPage is what the mailed link opens. Mail scanners open links
// too, so only a program that declares itself, and not HEAD, is acted on.
func (a *Auth) handleConfirmPage(w http.ResponseWriter, r *http.Request) error {
	in, err := readQuery(r)
	if err != nil {
		return err
	}
	if err := a.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	if r.Method == http.MethodGet && (wantsJSON(r) || a.config.ConfirmOnGet) {
		return a.confirmAndAnswer(w, r, in, http.StatusFound, a.confirmEmail(r.Context(), in.Email, in.Token, kindVerify), in.renewal(a.config.BasePath+confirmPath)...)
	}
	page := ui.Page{
		Title:      "Confirm your address",
		Paragraphs: []string{"Somebody signed up here with this address. If it was you, confirm it."},
		Facts:      []ui.Fact{{Label: "Address", Value: in.Email}},
		Forms: []ui.Form{
			{Action: a.config.BasePath + confirmPath, Button: "Confirm my address", Hidden: in.hidden("")},
			{Action: a.config.BasePath + confirmPath, Button: "I did not create this", Quiet: true, Hidden: in.hidden(actionDisown)},
		},
	}
	if wellFormed(in.Token) {
		found, err := a.store.Token(r.Context(), tenant, kindVerify, hashSecret(in.Token))
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fault(err)
		}
		var origin signUpOrigin
		if err == nil && json.Unmarshal(found.Data, &origin) == nil {
			page.Facts = append(page.Facts,
				ui.Fact{Label: "Signed up", Value: origin.At.UTC().Format("2 January 2006, 15:04 UTC")})
			if origin.Device != "" {
				page.Facts = append(page.Facts, ui.Fact{Label: "Device", Value: origin.Device})
			}
		}
	}
	return a.writePage(w, http.StatusOK, page)
}

func (a *Auth) handleConfirm(w http.ResponseWriter, r *http.Request) error {
	in, isForm, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := a.checkCallback(in.CallbackURL); err != nil {
		return err
	}
	switch in.Action {
	case "":
		return a.confirmAndAnswer(w, r, in, http.StatusSeeOther, a.confirmEmail(r.Context(), in.Email, in.Token, kindVerify), in.renewal(a.config.BasePath+confirmPath)...)
	case actionRenew:
		return a.renew(w, r, isForm, in, a.ResendVerification)
	case actionDisown:
		err := a.Disown(r.Context(), in.Email, in.Token)
		page := ui.Page{Title: "The account was deleted", Paragraphs: []string{"Nothing else was stored under your address. You can close this page."}}
		return a.answerForm(w, r, isForm, err, page, messageBody{"The account was deleted."})
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
func (a *Auth) confirmAndAnswer(w http.ResponseWriter, r *http.Request, in formInput, redirect int, outcome error, otherwise ...ui.Form) error {
	if outcome != nil && asError(outcome).Status >= http.StatusInternalServerError {
		return outcome
	}
	if in.CallbackURL != "" {
		query := []string{"verified", "true", "email", in.Email}
		if outcome != nil {
			query = []string{"verified", "false", "error", asError(outcome).Code}
		}
		target, err := a.redirects.AddQuery(in.CallbackURL, query...)
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
			return a.writeErrorPage(w, outcome, otherwise...)
		}
		return a.writePage(w, http.StatusOK, ui.Page{
			Title: "Your address is confirmed", Paragraphs: []string{"You can close this page and go on where you left off."},
		})
	}
	if outcome != nil {
		return outcome
	}
	return writeJSON(w, http.StatusOK, verifiedBody{true, verifiedData{true, showEmail(in.Email)}})
}
