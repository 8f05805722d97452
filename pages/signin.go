package pages

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/admit-go/admit"
)

// clockError is how far a time may lie ahead that another process wrote.
const clockError = time.Minute

// start leads on from the path of all pages.
func (v *visit) start() error {
	if v.signedIn {
		return v.goTo(v.to("account", ""))
	}
	return v.goTo(v.to("sign-in", ""))
}

// changePassword leads a password manager to the form.
func (v *visit) changePassword() error { return v.goTo(v.to("account/password", "")) }

// refused shows a form again with what is wrong, beside its field where the error
// is about one. What was typed is kept, but no password. An error that is not the
// visitor's doing is returned.
func (v *visit) refused(err error, name string, keep ...string) error {
	answer := asError(err)
	if answer.Status >= http.StatusInternalServerError {
		return err
	}
	for _, field := range keep {
		v.view.values[field] = v.form.Get(field)
	}
	if answer.RetryAfter > 0 {
		v.w.Header().Set("Retry-After", retryAfter(answer))
	}
	text := v.explain(answer)
	if field := fieldOf(answer, name); field != "" {
		v.view.errors[field] = text
	} else {
		v.view.Alert = text
	}
	status := answer.Status
	if status == http.StatusUnauthorized {
		// 401 asks for a header (RFC 9110, section 15.5.2), which no form sends.
		status = http.StatusUnprocessableEntity
	}
	return v.show(status, name)
}

func retryAfter(e *admit.Error) string {
	return strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds())))
}

// fieldOf is the field that an error is about, on a page; "" is the whole form.
func fieldOf(e *admit.Error, page string) string {
	newPassword, code := "newPassword", "factorCode"
	switch page {
	case "sign-in", "account-email":
		newPassword = "currentPassword"
	case "check-mail":
		code = "mailCode"
	case "set-up", "account-two-step":
		code = "setUpCode"
	}
	email, name := "email", "name"
	if page == "organizations" {
		name = "teamName"
	}
	if page == "account-email" {
		email = "newEmail"
	}
	for field, all := range map[string][]*admit.Error{
		email:       {admit.ErrInvalidEmail, admit.ErrEmailAlreadyExists, admit.ErrAlreadyVerified, admit.ErrAlreadyMember, admit.ErrInvitationAlreadyPending},
		newPassword: {admit.ErrInvalidPasswordFormat, admit.ErrWeakPassword, admit.ErrSameAsPreviousPassword},
		name:        {admit.ErrInvalidName},
		code:        {admit.ErrInvalidMFACode},
	} {
		if slices.ContainsFunc(all, func(one *admit.Error) bool { return errors.Is(e, one) }) {
			return field
		}
	}
	switch {
	case errors.Is(e, admit.ErrInvalidPassword):
		return "currentPassword"
	case errors.Is(e, admit.ErrInvalidCredentials) && page == "account-two-step":
		return "proofPassword"
	case errors.Is(e, admit.ErrInvalidCredentials):
		return "currentPassword"
	case page == "check-mail" && errors.Is(e, admit.ErrInvalidToken):
		return "mailCode"
	}
	return ""
}

// enter ends a sign-in: the browser gets its session and goes on. The session that
// it had before ends, so that none is left that nobody sees.
func (v *visit) enter(signed admit.SignedIn) error {
	if err := v.begin(signed); err != nil {
		return err
	}
	return v.goTo(v.onward())
}

func (v *visit) begin(signed admit.SignedIn) error {
	if v.signedIn && v.session.ID != signed.Session.ID {
		if err := v.auth.Sessions.SignOut(v.r.Context(), v.session); err != nil {
			v.config.Logger.WarnContext(v.r.Context(), "the session before a sign-in could not be ended", "session", v.session.ID, "error", err)
		}
	}
	if err := v.auth.Sessions.SetCookie(v.w, v.r, signed); err != nil {
		return err
	}
	v.endFlow()
	return nil
}

// paused leads a sign-in on that the gate did not let in: to the second step, to
// its setup, or to the page that says what is missing. Anything else is shown on
// the form again.
func (v *visit) paused(err error, email, name string, keep ...string) error {
	answer := asError(err)
	ticket, _ := answer.Details["mfaToken"].(string)
	methods, _ := answer.Details["methods"].([]string)
	f := flow{Ticket: ticket, Email: email, Passkey: slices.Contains(methods, admit.FactorPasskey)}
	f.NoCode = f.Passkey && !slices.Contains(methods, admit.FactorTOTP) && !slices.Contains(methods, admit.FactorRecoveryCode)
	f.StartOver, _ = answer.Details["startOverToken"].(string)
	switch {
	case errors.Is(err, admit.ErrMFARequired):
		f.Kind = flowFactor
	case errors.Is(err, admit.ErrMFAEnrollmentRequired):
		f.Kind = flowSetUp
	case errors.Is(err, admit.ErrEmailNotVerified):
		v.keepFlow(flow{Kind: flowVerify, Email: email})
		return v.goTo(v.to("verify", v.returnTo()))
	case errors.Is(err, admit.ErrPasswordExpired):
		v.keepFlow(flow{Kind: flowExpired, Email: email})
		return v.goTo(v.to("expired", v.returnTo()))
	case errors.Is(err, admit.ErrAccountBanned):
		return err
	default:
		return v.refused(err, name, keep...)
	}
	v.keepFlow(f)
	return v.goTo(v.to(f.page(), v.returnTo()))
}

func (v *visit) signInPage() error {
	if v.signedIn {
		return v.goTo(v.onward())
	}
	v.view.values["email"] = v.flow.Email
	v.view.Done = v.said("password-set", "signed-out")
	return v.show(http.StatusOK, "sign-in")
}

// said returns the text of what was just done, which the query names. Only the
// names that a page lists are taken.
func (v *visit) said(names ...string) string {
	name := v.r.URL.Query().Get("done")
	if !slices.Contains(names, name) {
		return ""
	}
	text, err := v.words.Text("done." + name)
	if err != nil {
		return ""
	}
	return text
}

func (v *visit) signIn() error {
	email := v.form.Get("email")
	if v.form.Get("action") == "link" {
		return v.mailLink(email)
	}
	signed, err := v.auth.Passwords.SignIn(v.r.Context(), admit.SignInParams{Email: email, Password: v.form.Get("currentPassword")})
	if err != nil {
		return v.paused(err, email, "sign-in", "email")
	}
	return v.enter(signed)
}

// mailLink sends a link that signs in, and a code, to an address.
func (v *visit) mailLink(email string) error {
	callback := v.config.BaseURL + v.pages.Path + "/link"
	if to := v.returnTo(); to != "" {
		callback += "?" + url.Values{"return_to": {to}}.Encode()
	}
	id, err := v.auth.MagicLinks.Request(v.r.Context(), admit.MagicLinkParams{Email: email, CallbackURL: callback, Locale: v.words.Tag})
	if err != nil {
		return v.refused(err, "sign-in", "email")
	}
	v.keepFlow(flow{Kind: flowLink, Ticket: id, Email: email})
	return v.goTo(v.to("check-mail", v.returnTo()))
}

// linkPage asks before a mailed link signs in: programs that look for danger in
// mails open links, too.
func (v *visit) linkPage() error {
	v.view.Token = v.r.URL.Query().Get("token")
	if v.view.Token == "" {
		return admit.ErrInvalidToken
	}
	return v.show(http.StatusOK, "link")
}

func (v *visit) link() error {
	signed, err := v.auth.MagicLinks.Redeem(v.r.Context(), v.form.Get("token"))
	switch {
	case err == nil:
		return v.enter(signed)
	case isDeadLink(err) && v.signedIn:
		return v.goTo(v.onward()) // the button was pressed twice
	case isDeadLink(err):
		return err
	}
	return v.paused(err, "", "link")
}

func (v *visit) passkeySignIn() error {
	signed, err := v.auth.Passkeys.SignIn(v.r.Context(), v.passkeyAnswer())
	if err != nil {
		return v.paused(err, v.form.Get("email"), "sign-in", "email")
	}
	return v.enter(signed)
}

func (v *visit) passkeyAnswer() admit.PasskeyAnswer {
	return admit.PasskeyAnswer{CeremonyID: v.form.Get("ceremonyId"), Credential: []byte(v.form.Get("credential"))}
}

// passkeyOptions begins a ceremony for the script of a page.
func (v *visit) passkeyOptions() error {
	ctx := v.r.Context()
	var begun admit.PasskeyOptions
	var err error
	switch purpose := v.form.Get("purpose"); {
	case purpose == "sign-in":
		begun, err = v.auth.Passkeys.BeginSignIn(ctx, admit.PasskeySignInParams{})
	case purpose == "second-step" && v.flow.Kind == flowFactor:
		begun, err = v.auth.Passkeys.BeginSignIn(ctx, admit.PasskeySignInParams{MFAToken: v.flow.Ticket})
	case purpose == "set-up" && v.flow.Kind == flowSetUp:
		begun, err = v.auth.Passkeys.BeginRegistration(ctx, admit.BeginPasskeyParams{MFAToken: v.flow.Ticket})
	case purpose == "reauthenticate" && v.signedIn:
		begun, err = v.auth.Passkeys.BeginSignIn(ctx, admit.PasskeySignInParams{Email: v.user.Email})
	case purpose == "register" && v.recent():
		begun, err = v.auth.Passkeys.BeginRegistration(ctx, admit.BeginPasskeyParams{
			UserID: v.user.ID, SessionID: v.session.ID, Name: v.form.Get("passkeyName"),
		})
	default:
		err = admit.ErrUnauthorized
	}
	if err != nil {
		answer := asError(err)
		v.w.Header().Set("Content-Type", "application/json")
		v.w.WriteHeader(answer.Status)
		return writeJSON(v.w, map[string]any{"message": v.explain(answer)})
	}
	v.w.Header().Set("Content-Type", "application/json")
	return writeJSON(v.w, map[string]any{"ceremonyId": begun.CeremonyID, "publicKey": json.RawMessage(begun.Options)})
}

func writeJSON(w http.ResponseWriter, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, _ = w.Write(raw) // a reader who left is not our error
	return nil
}

func (v *visit) signOutPage() error {
	if !v.signedIn {
		return v.show(http.StatusOK, "signed-out")
	}
	return v.show(http.StatusOK, "sign-out")
}

func (v *visit) signOut() error {
	if v.signedIn {
		if err := v.auth.Sessions.SignOut(v.r.Context(), v.session); err != nil {
			return err
		}
	}
	v.auth.Sessions.ClearCookie(v.w)
	v.endFlow()
	if to := v.returnTo(); to != "" {
		return v.goTo(to)
	}
	return v.goTo(v.to("sign-out", ""))
}

func (v *visit) secondStepPage() error {
	switch {
	case v.flow.Kind != flowFactor && v.signedIn:
		return v.goTo(v.onward())
	case v.flow.Kind != flowFactor:
		return v.goTo(v.to("sign-in", v.returnTo()))
	}
	v.aboutFlow()
	return v.show(http.StatusOK, "second-step")
}

// aboutFlow tells the page what the sign-in waits for.
func (v *visit) aboutFlow() {
	v.view.Email, v.view.Passkey, v.view.StartOver = v.flow.Email, v.flow.Passkey, v.flow.StartOver != ""
	v.view.Kind, v.view.NoCode = v.flow.Kind, v.flow.NoCode
}

func (v *visit) secondStep() error {
	if v.flow.Kind != flowFactor {
		// The button was pressed twice, or the page stood open too long.
		return v.secondStepPage()
	}
	v.aboutFlow()
	ctx := v.r.Context()
	if v.form.Get("action") == "start-over" && v.flow.StartOver != "" {
		signed, err := v.auth.StartOvers.Redeem(ctx, v.flow.StartOver)
		if err != nil {
			return v.paused(err, v.flow.Email, "second-step")
		}
		return v.enter(signed)
	}
	in := admit.VerifyMFAParams{Ticket: v.flow.Ticket, Code: v.form.Get("factorCode"), Remember: v.form.Get("remember") == "true"}
	if v.form.Get("credential") != "" {
		in.Ticket, in.Code, in.Passkey = "", "", v.passkeyAnswer()
	}
	done, err := v.auth.MFA.Verify(ctx, in)
	switch {
	case errors.Is(err, admit.ErrTokenExpired), errors.Is(err, admit.ErrInvalidToken):
		v.endFlow()
		v.view.Email = ""
		v.view.Alert, err = v.words.Text("sign-in.again")
		if err != nil {
			return err
		}
		return v.show(http.StatusUnprocessableEntity, "sign-in")
	case err != nil:
		return v.paused(err, v.flow.Email, "second-step")
	}
	if done.DeviceToken != "" {
		v.setCookie(v.cookie(deviceCookie, done.DeviceToken, v.config.MFA.Remember))
	}
	return v.enter(done.SignedIn)
}

func (v *visit) setUpPage() error {
	switch {
	case v.flow.Kind != flowSetUp && v.signedIn:
		return v.goTo(v.onward())
	case v.flow.Kind != flowSetUp:
		return v.goTo(v.to("sign-in", v.returnTo()))
	}
	v.aboutFlow()
	return v.show(http.StatusOK, "set-up")
}

// setUp begins and completes the setup of a second factor that a sign-in needs.
func (v *visit) setUp() error {
	if v.flow.Kind != flowSetUp {
		return v.setUpPage()
	}
	v.aboutFlow()
	ctx := v.r.Context()
	var signed *admit.SignedIn
	var err error
	switch {
	case v.form.Get("credential") != "":
		var made admit.RegisteredPasskey
		made, err = v.auth.Passkeys.FinishRegistration(ctx, admit.FinishPasskeyParams{PasskeyAnswer: v.passkeyAnswer()})
		signed = made.SignedIn
	case v.form.Get("action") == "begin":
		var begun admit.MFASetup
		if begun, err = v.auth.MFA.Enable(ctx, admit.EnableMFAParams{Ticket: v.flow.Ticket}); err == nil {
			return v.showSetup(begun.URI, begun.Secret, "set-up", http.StatusOK)
		}
	default:
		var done admit.ConfirmedMFA
		done, err = v.auth.MFA.Confirm(ctx, admit.ConfirmMFAParams{Ticket: v.flow.Ticket, Code: v.form.Get("setUpCode")})
		signed, v.view.Codes = done.SignedIn, done.BackupCodes
	}
	switch {
	case errors.Is(err, admit.ErrTokenExpired), errors.Is(err, admit.ErrInvalidToken):
		v.endFlow()
		if v.view.Alert, err = v.words.Text("sign-in.again"); err != nil {
			return err
		}
		return v.show(http.StatusUnprocessableEntity, "sign-in")
	case err != nil && v.keepSetup():
		return v.paused(err, v.flow.Email, "set-up")
	case err != nil:
		return v.paused(err, v.flow.Email, "set-up")
	case signed == nil:
		return admit.ErrInternal
	case len(v.view.Codes) == 0:
		return v.enter(*signed)
	}
	if err := v.begin(*signed); err != nil {
		return err
	}
	v.view.SignedIn = true
	return v.show(http.StatusOK, "recovery-codes")
}

// ticketCookie is the cookie in which a sign-in with another site leaves its
// ticket where it waits for a second factor.
const ticketCookie = "mfa"

// providerDone is where a sign-in with an account of another site comes back to.
func (v *visit) providerDone() error {
	code := v.r.URL.Query().Get("error")
	if code == "" && v.signedIn {
		return v.goTo(v.onward())
	}
	kind := map[string]string{admit.ErrMFARequired.Code: flowFactor, admit.ErrMFAEnrollmentRequired.Code: flowSetUp}[code]
	if ticket := v.readCookie(v.r, ticketCookie); kind != "" && ticket != "" {
		f := flow{Kind: kind, Ticket: ticket, Passkey: v.config.Passkeys.Engine != nil}
		v.setCookie(v.cookie(ticketCookie, "", 0))
		v.keepFlow(f)
		return v.goTo(v.to(f.page(), v.returnTo()))
	}
	text, err := v.words.Text("provider.failed")
	if v.words.Has("error." + code) {
		text, err = v.words.Text("error." + code)
	}
	if err != nil {
		return err
	}
	v.view.Alert = text
	return v.show(http.StatusUnprocessableEntity, "sign-in")
}
