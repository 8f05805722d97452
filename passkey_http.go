package admit

import (
	"encoding/base64"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
)

const passkeyPath = "/auth/passkeys"

// passkeyDoors serves the rules of passkey.go.
type passkeyDoors struct {
	*kernel
	passkeys *Passkeys
}

func (p *passkeyDoors) feature() feature {
	return feature{
		name:  "passkey",
		holds: holding{part: "passkeys", list: true, export: exportPasskeys},
		routes: []route{
			{method: http.MethodPost, path: passkeyPath + "/register/options", who: signedIn, scope: "passkeys:create", orRefresh: true, fresh: true, serve: p.handleRegisterOptions},
			{method: http.MethodPost, path: passkeyPath + "/register/verify", who: signedIn, scope: "passkeys:create", orRefresh: true, fresh: true, serve: p.handleRegisterVerify},
			{method: http.MethodPost, path: passkeyPath + "/signin/options", who: anyone, scope: "auth:signin", exchanges: true, limit: limitCeremony, serve: p.handleSignInOptions},
			{method: http.MethodPost, path: passkeyPath + "/signin/verify", who: anyone, scope: "auth:signin", exchanges: true, limit: limitCeremony, serve: p.handleSignInVerify},
			{method: http.MethodGet, path: passkeyPath, who: signedIn, scope: "passkeys:read", acting: true, serve: p.handleListPasskeys},
			{method: http.MethodPatch, path: passkeyPath + "/{id}", who: signedIn, scope: "passkeys:update", fresh: true, serve: p.handleRenamePasskey},
			{method: http.MethodDelete, path: passkeyPath + "/{id}", who: signedIn, scope: "passkeys:delete", fresh: true, serve: p.handleRemovePasskey},
			{method: http.MethodGet, path: "/.well-known/webauthn", root: true, who: anyone, exchanges: true, navigated: true, cacheable: true, serve: p.handleRelatedOrigins},
		},
		mails:  []mailer.Kind{mailer.PasskeyAdded, mailer.PasskeyRemoved},
		events: []string{eventPasskeyAdded, eventPasskeyRenamed, eventPasskeyRemoved, eventPasskeySynced, eventPasskeyCount},
		errors: []*Error{ErrInvalidPasskey, ErrPasskeyExists, ErrPasskeyNotFound, ErrTooManyPasskeys, ErrLastAuthMethod},
	}
}

type passkeyOptionsBody struct {
	CeremonyID string         `json:"ceremonyId"`
	PublicKey  jsontext.Value `json:"publicKey"`
}

func writeOptions(w http.ResponseWriter, begun PasskeyOptions) error {
	return webio.Write(w, http.StatusOK, passkeyOptionsBody{begun.CeremonyID, begun.Options})
}

// passkeyBody shows a passkey. The ids of WebAuthn let a page tell the browser
// which passkeys there are (signalAllAcceptedCredentials).
type passkeyBody struct {
	ID           string        `json:"id"`
	Name         string        `json:"name"`
	CreatedAt    webio.Instant `json:"createdAt"`
	BackedUp     bool          `json:"backedUp"`
	LastUsedAt   webio.Instant `json:"lastUsedAt"`
	CredentialID string        `json:"credentialId"`
	UserHandle   string        `json:"userHandle"`
	RPID         string        `json:"rpId"`
	// User is there in cookie mode, where a sign-in waited for the passkey.
	User    jsontext.Value `json:"user,omitzero"`
	*Tokens `json:",inline"`
}

func (p *passkeyDoors) show(one Passkey) passkeyBody {
	return passkeyBody{
		ID: one.ID, Name: one.Name, CreatedAt: webio.Instant(one.CreatedAt), BackedUp: one.BackedUp, LastUsedAt: webio.Instant(one.LastUsedAt),
		CredentialID: base64.RawURLEncoding.EncodeToString(one.CredentialID), UserHandle: base64.RawURLEncoding.EncodeToString(one.UserHandle),
		RPID: p.config.Passkeys.RPID,
	}
}

type registerOptionsInput struct {
	Name        string `json:"name"`
	MFAToken    string `json:"mfaToken"`
	Conditional bool   `json:"conditional"`
}

// mayStandIn refuses who neither is signed in nor names what stands in for it.
func mayStandIn(c *caller, instead bool) error {
	switch {
	case c.signedIn || instead:
		return nil
	case c.refusal != nil:
		return c.refusal
	}
	return ErrUnauthorized
}

func (p *passkeyDoors) handleRegisterOptions(w http.ResponseWriter, r *http.Request) error {
	var in registerOptionsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := mayStandIn(c, in.MFAToken != ""); err != nil {
		return err
	}
	params := BeginPasskeyParams{MFAToken: in.MFAToken, Name: in.Name, Conditional: in.Conditional}
	if in.MFAToken == "" {
		if err := p.recent(c); err != nil {
			return err
		}
		if in.Conditional && !slices.Contains(strings.Fields(c.session.AMR), "pwd") {
			// A password manager may offer it to somebody who has just filled in a password.
			return ErrReauthenticationRequired.detail("methods", []string{"password"})
		}
		params.UserID, params.SessionID = c.user.ID, c.session.ID
	}
	begun, err := p.passkeys.BeginRegistration(r.Context(), params)
	if err != nil {
		return err
	}
	return writeOptions(w, begun)
}

type passkeyAnswerInput struct {
	CeremonyID string         `json:"ceremonyId"`
	Credential jsontext.Value `json:"credential"`
	Name       string         `json:"name"`
}

func (p *passkeyDoors) handleRegisterVerify(w http.ResponseWriter, r *http.Request) error {
	var in passkeyAnswerInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	if err := mayStandIn(c, in.CeremonyID != ""); err != nil {
		return err
	}
	params := FinishPasskeyParams{PasskeyAnswer: PasskeyAnswer{in.CeremonyID, in.Credential}, Name: in.Name}
	if c.signedIn { // a session that was refused is known by name, and is none
		params.UserID, params.SessionID = c.user.ID, c.session.ID
	}
	made, err := p.passkeys.FinishRegistration(r.Context(), params)
	if errors.Is(err, ErrInvalidPasskey) && c.refusal != nil {
		return c.refusal
	}
	if err != nil {
		return err
	}
	body := p.show(made.Passkey)
	switch {
	case made.SignedIn != nil && wantsCookie(p.kernel, r):
		if err := setCookie(p.kernel, w, made.SignedIn); err != nil {
			return err
		}
		body.User = jsontext.Value(showMe(&made.SignedIn.User, &made.SignedIn.Session))
	case made.SignedIn != nil:
		body.Tokens = &made.SignedIn.Tokens
	}
	return webio.Write(w, http.StatusCreated, body)
}

type signInOptionsInput struct {
	Email    string `json:"email"`
	MFAToken string `json:"mfaToken"`
}

func (p *passkeyDoors) handleSignInOptions(w http.ResponseWriter, r *http.Request) error {
	var in signInOptionsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	begun, err := p.passkeys.BeginSignIn(r.Context(), PasskeySignInParams(in))
	if err != nil {
		return err
	}
	return writeOptions(w, begun)
}

func (p *passkeyDoors) handleSignInVerify(w http.ResponseWriter, r *http.Request) error {
	var in passkeyAnswerInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	signed, err := p.passkeys.SignIn(r.Context(), PasskeyAnswer{in.CeremonyID, in.Credential})
	if err != nil {
		return err
	}
	return writeSignedIn(p.kernel, w, r, http.StatusOK, &signed, false)
}

func (p *passkeyDoors) handleListPasskeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, maxPasskeys)
	if err != nil {
		return err
	}
	list, err := p.passkeys.List(r.Context(), callerFrom(r.Context()).user.ID)
	if err != nil {
		return err
	}
	from := min((page.Number-1)*page.Limit, len(list))
	return webio.WriteList(w, list[from:min(from+page.Limit, len(list))], len(list), page, p.show)
}

func (p *passkeyDoors) handleRenamePasskey(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	renamed, err := p.passkeys.Rename(r.Context(), RenamePasskeyParams{UserID: callerFrom(r.Context()).user.ID, ID: r.PathValue("id"), Name: in.Name})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, p.show(renamed))
}

func (p *passkeyDoors) handleRemovePasskey(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := p.recent(c); err != nil {
		return err
	}
	if err := p.passkeys.Remove(r.Context(), RemovePasskeyParams{UserID: c.user.ID, ID: r.PathValue("id")}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The passkey was removed."))
}

// handleRelatedOrigins serves the origins that may ask for passkeys of this site
// (WebAuthn Level 3, section 5.11.1).
func (p *passkeyDoors) handleRelatedOrigins(w http.ResponseWriter, _ *http.Request) error {
	related := relatedOrigins(&p.config)
	if related == nil {
		return ErrNotFound
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return webio.Write(w, http.StatusOK, struct {
		Origins []string `json:"origins"`
	}{related})
}
