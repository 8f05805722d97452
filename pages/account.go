package pages

import (
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/wording"
)

// This file has the account of the signed-in user: a page that shows all of it,
// and a page for each change.

// language keeps the language that the reader chose.
func (v *visit) language() error {
	if tag := v.form.Get("language"); slices.Contains(v.texts.Tags(), tag) {
		v.setCookie(v.cookie(languageCookie, tag, languageLife))
	}
	back := cleanReturn(v.form.Get("back"))
	if rest, ok := strings.CutPrefix(back, v.prefix+"/"); !ok || strings.Contains(rest, "token=") {
		back = v.to("sign-in", "")
	}
	return v.goTo(back)
}

func (v *visit) accountPage() error {
	ctx := v.r.Context()
	v.view.Done = v.said("name", "email", "password", "two-step-on", "two-step-off", "passkey-added", "passkey-removed", "passkey-renamed", "devices")
	v.view.Settings.Picture, v.view.Settings.HasPicture = v.pictureOf(&v.user)
	if err := v.loadTeams(); err != nil {
		return err
	}
	v.view.Email = v.user.Email
	if err := v.loadFactors(); err != nil {
		return err
	}
	sessions, err := v.auth.Sessions.List(ctx, v.user.ID, admit.PageParams{Number: 1, Limit: 1})
	if err != nil {
		return err
	}
	v.view.Sessions = make([]SessionRow, sessions.Total)
	return v.show(http.StatusOK, "account")
}

// loadFactors reads the second factors and the passkeys of the account.
func (v *visit) loadFactors() error {
	ctx := v.r.Context()
	factors, err := v.auth.MFA.Factors(ctx, v.user.ID)
	if err != nil {
		return err
	}
	for _, f := range factors {
		if f.Type == admit.FactorTOTP && !f.ConfirmedAt.IsZero() {
			v.view.Factor = &f
		}
	}
	if v.config.Passkeys.Engine != nil {
		v.view.Passkeys, err = v.auth.Passkeys.List(ctx, v.user.ID)
	}
	return err
}

// changed leads back to the account, which says what was done.
func (v *visit) changed(done string) error {
	if to := v.returnTo(); to != "" {
		return v.goTo(to)
	}
	return v.goTo(v.to("account", "") + "?" + url.Values{"done": {done}}.Encode())
}

func (v *visit) namePage() error {
	v.view.values["name"] = v.user.Name
	return v.show(http.StatusOK, "account-name")
}

func (v *visit) name() error {
	if err := v.auth.Users.Rename(v.r.Context(), admit.RenameUserParams{UserID: v.user.ID, Name: v.form.Get("name")}); err != nil {
		return v.refused(err, "account-name", "name")
	}
	return v.changed("name")
}

func (v *visit) emailPage() error {
	v.view.Email = v.user.Email
	return v.show(http.StatusOK, "account-email")
}

func (v *visit) email() error {
	v.view.Email = v.user.Email
	err := v.auth.EmailChanges.Request(v.r.Context(), admit.EmailChangeParams{
		UserID: v.user.ID, Email: v.form.Get("newEmail"), Locale: v.words.Tag, CallbackURL: v.confirmed(),
	})
	if err != nil {
		return v.refused(err, "account-email", "newEmail")
	}
	return v.changed("email")
}

func (v *visit) passwordPage() error {
	v.view.Email = v.user.Email
	return v.show(http.StatusOK, "account-password")
}

func (v *visit) password() error {
	v.view.Email = v.user.Email
	_, err := v.auth.Passwords.Change(v.r.Context(), admit.ChangePasswordParams{
		UserID: v.user.ID, Current: v.form.Get("currentPassword"), New: v.form.Get("newPassword"),
	})
	if err != nil {
		return v.refused(err, "account-password")
	}
	// Every session has ended. The visitor, who has just proven both passwords, gets
	// a new one here; a second factor is asked as at every sign-in.
	v.signedIn = false
	signed, err := v.auth.Passwords.SignIn(v.r.Context(), admit.SignInParams{Email: v.user.Email, Password: v.form.Get("newPassword")})
	if err == nil {
		err = v.begin(signed)
	}
	if err != nil {
		v.auth.Sessions.ClearCookie(v.w)
		return v.paused(err, v.user.Email, "sign-in")
	}
	return v.changed("password")
}

func (v *visit) twoStepPage() error {
	v.view.Email = v.user.Email
	if err := v.loadFactors(); err != nil {
		return err
	}
	var err error
	if v.view.Devices, err = v.auth.MFA.Devices(v.r.Context(), v.user.ID); err != nil {
		return err
	}
	return v.show(http.StatusOK, "account-two-step")
}

func (v *visit) twoStep() error {
	v.view.Email = v.user.Email
	ctx, password := v.r.Context(), v.form.Get("proofPassword")
	if err := v.loadFactors(); err != nil {
		return err
	}
	var err error
	switch v.form.Get("action") {
	case "begin":
		var begun admit.MFASetup
		if begun, err = v.auth.MFA.Enable(ctx, admit.EnableMFAParams{UserID: v.user.ID, Password: password}); err == nil {
			return v.showSetup(begun.URI, begun.Secret, "account-two-step", http.StatusOK)
		}
	case "confirm":
		var done admit.ConfirmedMFA
		if done, err = v.auth.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: v.user.ID, Code: v.form.Get("setUpCode")}); err == nil {
			v.view.Codes = done.BackupCodes
			return v.show(http.StatusOK, "recovery-codes")
		}
		v.keepSetup()
	case "codes":
		if v.view.Codes, err = v.auth.MFA.NewBackupCodes(ctx, v.proof(password)); err == nil {
			return v.show(http.StatusOK, "recovery-codes")
		}
	case "disable":
		if err = v.auth.MFA.Disable(ctx, v.proof(password)); err == nil {
			return v.changed("two-step-off")
		}
	case "forget":
		if err = v.auth.MFA.ForgetDevice(ctx, admit.ForgetDeviceParams{UserID: v.user.ID, DeviceID: v.form.Get("id")}); err == nil {
			return v.goTo(v.to("account/two-step", ""))
		}
	default:
		err = admit.ErrInvalidRequest
	}
	if errors.Is(err, admit.ErrReauthenticationRequired) {
		return v.goTo(v.way(v.r, admit.NeedRecent, v.comingFrom()))
	}
	return v.refused(err, "account-two-step")
}

func (v *visit) proof(password string) admit.ChangeMFAParams {
	return admit.ChangeMFAParams{UserID: v.user.ID, Password: password, Code: v.form.Get("factorCode")}
}

// showSetup shows a new secret as a picture and as text.
func (v *visit) showSetup(uri, secret, name string, status int) error {
	setup, err := setupOf(uri, secret)
	if err != nil {
		return err
	}
	v.view.Setup = setup
	return v.show(status, name)
}

func setupOf(uri, secret string) (*Setup, error) {
	picture, err := admit.MFASetup{URI: uri}.SVG()
	if err != nil {
		return nil, err
	}
	return &Setup{
		Secret: secret, URI: template.URL(uri), //nolint:gosec // otpauth alone
		QR: template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(picture))), //nolint:gosec // a picture
	}, nil
}

// keepSetup shows the same secret again after a wrong code: the page has it in
// hidden fields, as no process keeps anything. It reports whether there is one.
func (v *visit) keepSetup() bool {
	uri, secret := v.form.Get("uri"), v.form.Get("secret")
	if !strings.HasPrefix(uri, "otpauth://totp/") || len(uri) > maxReturn || len(secret) > 128 {
		return false
	}
	setup, err := setupOf(uri, secret)
	v.view.Setup = setup
	return err == nil
}

func (v *visit) passkeysPage() error {
	if v.config.Passkeys.Engine == nil {
		return errNoSuchPage
	}
	if v.user.EmailVerifiedAt.IsZero() {
		return v.goTo(v.way(v.r, admit.NeedVerified, v.here()))
	}
	v.view.Done = v.said("passkey-added", "passkey-removed", "passkey-renamed")
	if err := v.loadFactors(); err != nil {
		return err
	}
	return v.show(http.StatusOK, "account-passkeys")
}

func (v *visit) passkeys() error {
	if v.config.Passkeys.Engine == nil {
		return errNoSuchPage
	}
	ctx, id := v.r.Context(), v.form.Get("id")
	done := ""
	var err error
	switch v.form.Get("action") {
	case "add":
		done = "passkey-added"
		_, err = v.auth.Passkeys.FinishRegistration(ctx, admit.FinishPasskeyParams{
			PasskeyAnswer: v.passkeyAnswer(), UserID: v.user.ID, SessionID: v.session.ID, Name: v.form.Get("passkeyName"),
		})
	case "rename":
		done = "passkey-renamed"
		_, err = v.auth.Passkeys.Rename(ctx, admit.RenamePasskeyParams{UserID: v.user.ID, ID: id, Name: v.form.Get("passkeyName")})
	case "remove":
		done = "passkey-removed"
		err = v.auth.Passkeys.Remove(ctx, admit.RemovePasskeyParams{UserID: v.user.ID, ID: id})
	default:
		err = admit.ErrInvalidRequest
	}
	if err != nil {
		if failed := v.loadFactors(); failed != nil {
			return failed
		}
		return v.refused(err, "account-passkeys")
	}
	return v.goTo(v.to("account/passkeys", "") + "?done=" + done)
}

// mostSessions is how many devices are listed.
const mostSessions = 100

func (v *visit) devicesPage() error {
	found, err := v.auth.Sessions.List(v.r.Context(), v.user.ID, admit.PageParams{Number: 1, Limit: mostSessions})
	if err != nil {
		return err
	}
	for _, s := range found.Items {
		v.view.Sessions = append(v.view.Sessions, SessionRow{
			Session: s, Device: wording.Device(v.wordsIn(v.words.Tag), device.Name(s.UserAgent)), Current: s.ID == v.session.ID,
		})
	}
	v.view.Done = v.said("devices")
	return v.show(http.StatusOK, "account-devices")
}

func (v *visit) devices() error {
	ctx, id := v.r.Context(), v.form.Get("id")
	var err error
	switch v.form.Get("action") {
	case "others":
		_, err = v.auth.Sessions.EndOthers(ctx, admit.EndOtherSessionsParams{UserID: v.user.ID, Except: v.session.ID})
	case "end":
		err = v.auth.Sessions.End(ctx, admit.EndSessionParams{UserID: v.user.ID, SessionID: id})
		if errors.Is(err, admit.ErrSessionNotFound) {
			err = nil // the button was pressed twice
		}
	default:
		err = admit.ErrInvalidRequest
	}
	if err != nil {
		return err
	}
	return v.goTo(v.to("account/devices", "") + "?done=devices")
}

func (v *visit) reauthenticatePage() error {
	if v.proven() {
		return v.goTo(v.onward())
	}
	if err := v.aboutProof(); err != nil {
		return err
	}
	status := http.StatusOK
	if v.r.URL.Query().Get("error") != "" {
		text, err := v.words.Text("links.failed")
		if err != nil {
			return err
		}
		v.view.Alert, status = text, http.StatusUnprocessableEntity
	}
	return v.show(status, "reauthenticate")
}

// proven says whether the visitor has given the proof that the page asks for: a second
// factor or a recent proof.
func (v *visit) proven() bool {
	if v.factorAlone() {
		return v.gaveFactor()
	}
	return v.recent()
}

// factorAlone says whether only a second factor is the proof that the page asks for.
func (v *visit) factorAlone() bool {
	return v.r.URL.Query().Get("factor") != "" || v.form.Get("factor") != ""
}

// aboutProof tells the page by what the reader can prove who it is.
func (v *visit) aboutProof() error {
	v.view.Email, v.view.FactorAlone = v.user.Email, v.factorAlone()
	if err := v.loadFactors(); err != nil {
		return err
	}
	if err := v.loadLinks(); err != nil {
		return err
	}
	links := &v.view.Settings.Links
	*links = slices.DeleteFunc(*links, func(row LinkRow) bool { return row.ConnectedAt.IsZero() || !row.Open })
	return nil
}

func (v *visit) reauthenticate() error {
	if err := v.aboutProof(); err != nil {
		return err
	}
	if provider := v.form.Get("provider"); provider != "" {
		callback := v.config.BaseURL + v.pages.Path + "/reauthenticate"
		if to := v.returnTo(); to != "" {
			callback += "?" + url.Values{"return_to": {to}}.Encode()
		}
		return v.leaveFor(provider, "reauthenticate", callback)
	}
	in := admit.ReauthenticateParams{Password: v.form.Get("currentPassword")}
	switch {
	case v.form.Get("credential") != "":
		in = admit.ReauthenticateParams{Passkey: v.passkeyAnswer()}
	case v.form.Get("factorCode") != "":
		in = admit.ReauthenticateParams{Code: v.form.Get("factorCode")}
	}
	if err := v.auth.Reauthentication.Prove(v.r.Context(), in); err != nil {
		return v.refused(err, "reauthenticate")
	}
	return v.goTo(v.onward())
}
