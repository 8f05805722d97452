package admit

import (
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
)

// This file has the routes of mfa.go.

// mfaDoors are the routes of second factors.
type mfaDoors struct {
	*kernel
	mfa *MFA
}

func (d *mfaDoors) feature() feature {
	return feature{
		name:     "mfa",
		holds:    holding{part: "secondFactors", export: exportFactors},
		reproofs: factorMethods,
		routes: []route{
			// A sign-in that must set up a factor first comes with its ticket alone.
			{method: http.MethodPost, path: "/auth/mfa/enable", who: signedIn, scope: "auth:mfa", limit: limitGuess, fresh: true, orRefresh: true, serve: d.handleEnable},
			{method: http.MethodPost, path: "/auth/mfa/confirm", who: signedIn, scope: "auth:mfa", limit: limitGuess, fresh: true, orRefresh: true, serve: d.handleConfirm},
			{method: http.MethodPost, path: "/auth/mfa/disable", who: signedIn, scope: "auth:mfa", limit: limitGuess, fresh: true, serve: d.handleDisable},
			{method: http.MethodPost, path: "/auth/mfa/backup-codes", who: signedIn, scope: "auth:mfa", limit: limitGuess, fresh: true, serve: d.handleBackupCodes},
			{method: http.MethodPost, path: "/auth/mfa/verify", who: anyone, scope: "auth:signin", limit: limitGuess, exchanges: true, serve: d.handleVerify},
			{method: http.MethodGet, path: "/auth/mfa/devices", who: signedIn, scope: "auth:mfa", acting: true, serve: d.handleDevices},
			{method: http.MethodDelete, path: "/auth/mfa/devices/{id}", who: signedIn, scope: "auth:mfa", fresh: true, serve: d.handleForgetDevice},
			{method: http.MethodGet, path: "/admin/users/{userId}/factors", who: adminGroup, scope: "users:read", serve: d.handleFactors},
			{method: http.MethodDelete, path: "/admin/users/{userId}/factors", who: adminGroup, scope: "users:write", serve: d.handleReset},
		},
		mails: []mailer.Kind{mailer.MFAEnabled, mailer.MFADisabled, mailer.RecoveryCodesMade, mailer.RecoveryCodeUsed},
		events: []string{
			eventMFAEnabled, eventMFADisabled, eventMFAReset, eventRecoveryCodesMade, eventRecoveryCodeUsed, eventDeviceRemembered, eventDeviceForgotten,
		},
		errors: []*Error{
			ErrMFARequired, ErrMFAEnrollmentRequired, ErrInvalidMFACode, ErrMFANotEnabled, ErrMFAAlreadyEnabled, ErrMFASetupExpired, ErrDeviceNotFound,
		},
	}
}

type mfaInput struct {
	Password string `json:"password"`
	Code     string `json:"code"`
	MFAToken string `json:"mfaToken"`
	Remember bool   `json:"remember"`
	passkeyInput
}

// caller returns the id of the signed-in user, or refuses where there is neither
// one nor a ticket.
func (in mfaInput) caller(r *http.Request) (string, error) {
	c := callerFrom(r.Context())
	switch {
	case in.MFAToken != "":
		return "", nil
	case c.signedIn:
		return c.user.ID, nil
	case c.refusal != nil:
		return "", c.refusal
	}
	return "", ErrUnauthorized
}

type setupBody struct {
	Secret      string   `json:"secret"`
	QRCodeURL   string   `json:"qrCodeUrl"`
	QRCode      string   `json:"qrCode"`
	BackupCodes []string `json:"backupCodes"`
}

func (d *mfaDoors) handleEnable(w http.ResponseWriter, r *http.Request) error {
	var in mfaInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if !callerFrom(r.Context()).signedIn {
		in.MFAToken = ticketIn(d.kernel, r, in.MFAToken)
	}
	userID, err := in.caller(r)
	if err != nil {
		return err
	}
	setup, err := d.mfa.Enable(r.Context(), EnableMFAParams{UserID: userID, Password: in.Password, Ticket: in.MFAToken})
	if err != nil {
		return err
	}
	picture, err := setup.PNG()
	if err != nil {
		return ErrInternal.because(err)
	}
	return webio.Write(w, http.StatusOK, setupBody{
		setup.Secret, setup.URI, "data:image/png;base64," + base64.StdEncoding.EncodeToString(picture), setup.BackupCodes,
	})
}

type confirmedBody struct {
	BackupCodes []string `json:"backupCodes"`
}

type confirmedCookieBody struct {
	User        json.RawMessage `json:"user"`
	BackupCodes []string        `json:"backupCodes"`
}

type confirmedTokensBody struct {
	Tokens
	BackupCodes []string `json:"backupCodes"`
}

func (d *mfaDoors) handleConfirm(w http.ResponseWriter, r *http.Request) error {
	var in mfaInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if !callerFrom(r.Context()).signedIn {
		in.MFAToken = ticketIn(d.kernel, r, in.MFAToken)
	}
	userID, err := in.caller(r)
	if err != nil {
		return err
	}
	done, err := d.mfa.Confirm(r.Context(), ConfirmMFAParams{UserID: userID, Code: in.Code, Ticket: in.MFAToken})
	switch {
	case err != nil:
		return err
	case done.SignedIn != nil && wantsCookie(d.kernel, r):
		if err := setCookie(d.kernel, w, done.SignedIn); err != nil {
			return err
		}
		return webio.Write(w, http.StatusOK, confirmedCookieBody{showMe(&done.SignedIn.User, &done.SignedIn.Session), done.BackupCodes})
	case done.SignedIn != nil:
		return webio.Write(w, http.StatusOK, confirmedTokensBody{done.SignedIn.Tokens, done.BackupCodes})
	}
	return webio.Write(w, http.StatusOK, confirmedBody{done.BackupCodes})
}

func (d *mfaDoors) handleDisable(w http.ResponseWriter, r *http.Request) error {
	var in mfaInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	err := d.mfa.Disable(r.Context(), ChangeMFAParams{UserID: callerFrom(r.Context()).user.ID, Password: in.Password, Code: in.Code})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct{}{})
}

func (d *mfaDoors) handleBackupCodes(w http.ResponseWriter, r *http.Request) error {
	var in mfaInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	codes, err := d.mfa.NewBackupCodes(r.Context(), ChangeMFAParams{UserID: callerFrom(r.Context()).user.ID, Password: in.Password, Code: in.Code})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, confirmedBody{codes})
}

type mfaVerifiedBody struct {
	Tokens
	DeviceToken string `json:"deviceToken,omitempty"`
}

func (d *mfaDoors) handleVerify(w http.ResponseWriter, r *http.Request) error {
	var in mfaInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	in.MFAToken = ticketIn(d.kernel, r, in.MFAToken)
	done, err := d.mfa.Verify(r.Context(), VerifyMFAParams{Ticket: in.MFAToken, Code: in.Code, Passkey: in.answer(), Remember: in.Remember})
	if err != nil {
		return err
	}
	if wantsCookie(d.kernel, r) {
		if done.DeviceToken != "" {
			putCookie(w.Header(), deviceCookie(d.kernel, done.DeviceToken))
		}
		return writeSignedIn(d.kernel, w, r, http.StatusOK, &done.SignedIn, false)
	}
	return webio.Write(w, http.StatusOK, mfaVerifiedBody{done.Tokens, done.DeviceToken})
}

type deviceBody struct {
	ID        string        `json:"id"`
	Device    string        `json:"device"`
	IPAddress string        `json:"ipAddress,omitempty"`
	CreatedAt webio.Instant `json:"createdAt"`
	ExpiresAt webio.Instant `json:"expiresAt"`
}

func (d *mfaDoors) handleDevices(w http.ResponseWriter, r *http.Request) error {
	devices, err := d.mfa.Devices(r.Context(), callerFrom(r.Context()).user.ID)
	if err != nil {
		return err
	}
	list := make([]deviceBody, len(devices))
	for i, d := range devices {
		list[i] = deviceBody{d.ID, d.Device, d.IPAddress, webio.Instant(d.CreatedAt), webio.Instant(d.ExpiresAt)}
	}
	return webio.Write(w, http.StatusOK, list)
}

func (d *mfaDoors) handleForgetDevice(w http.ResponseWriter, r *http.Request) error {
	err := d.mfa.ForgetDevice(r.Context(), ForgetDeviceParams{UserID: callerFrom(r.Context()).user.ID, DeviceID: r.PathValue("id")})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The device needs the second factor again."))
}

type factorBody struct {
	ID              string         `json:"id"`
	Type            string         `json:"type"`
	CreatedAt       webio.Instant  `json:"createdAt"`
	ConfirmedAt     *webio.Instant `json:"confirmedAt"`
	BackupCodesLeft int            `json:"backupCodesLeft"`
}

func (d *mfaDoors) handleFactors(w http.ResponseWriter, r *http.Request) error {
	factors, err := d.mfa.Factors(r.Context(), r.PathValue("userId"))
	if err != nil {
		return err
	}
	list := make([]factorBody, len(factors))
	for i, f := range factors {
		list[i] = factorBody{ID: f.ID, Type: f.Type, CreatedAt: webio.Instant(f.CreatedAt), BackupCodesLeft: f.RecoveryCodesLeft}
		if !f.ConfirmedAt.IsZero() {
			list[i].ConfirmedAt = new(webio.Instant(f.ConfirmedAt))
		}
	}
	return webio.Write(w, http.StatusOK, list)
}

type resetFactorsInput struct {
	Reason string `json:"reason"`
}

func (d *mfaDoors) handleReset(w http.ResponseWriter, r *http.Request) error {
	var in resetFactorsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	if err := d.mfa.Reset(r.Context(), ResetMFAParams{UserID: r.PathValue("userId"), Reason: in.Reason}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The second factor was removed. Every session of the account has ended."))
}
