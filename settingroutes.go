package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
)

// This file has the routes of setting.go.

const (
	emailSettingsPath    = "/admin/settings/email"
	providerSettingsPath = "/admin/settings/providers/{provider}"
	// settingsScope is the scope that a key needs to change settings. No wildcard
	// covers it.
	settingsScope = "settings:write"
)

// settingDoors are the routes of settings.
type settingDoors struct {
	*kernel
	settings *Settings
}

func (d *settingDoors) feature() feature {
	return feature{
		name:  "setting",
		holds: holding{nothing: "settings are of the host"},
		routes: []route{
			{method: http.MethodGet, path: emailSettingsPath, who: adminGroup, scope: "settings:read", serve: d.handleEmail},
			{method: http.MethodPatch, path: emailSettingsPath, who: adminGroup, scope: settingsScope, exact: true, serve: d.handleUpdateEmail},
			{method: http.MethodDelete, path: emailSettingsPath, who: adminGroup, scope: settingsScope, exact: true, serve: d.handleResetEmail},
			{method: http.MethodGet, path: providerSettingsPath, who: adminGroup, scope: "settings:read", serve: d.handleProvider},
			{method: http.MethodPatch, path: providerSettingsPath, who: adminGroup, scope: settingsScope, exact: true, serve: d.handleUpdateProvider},
			{method: http.MethodDelete, path: providerSettingsPath, who: adminGroup, scope: settingsScope, exact: true, serve: d.handleResetProvider},
		},
		events: []string{eventSettingsChanged},
		errors: []*Error{ErrSettingsWouldLockOut},
	}
}

// shown answers with settings.
func shown[T any](w http.ResponseWriter, settings T, err error) error {
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, settings)
}

func (d *settingDoors) handleEmail(w http.ResponseWriter, r *http.Request) error {
	settings, err := d.settings.Email(r.Context())
	return shown(w, settings, err)
}

// passwordPolicyInput is a part of the rules. Null goes back to the configuration.
type passwordPolicyInput struct {
	MinLength           Optional[*int]  `json:"minLength"`
	RequireUppercase    Optional[*bool] `json:"requireUppercase"`
	RequireLowercase    Optional[*bool] `json:"requireLowercase"`
	RequireNumbers      Optional[*bool] `json:"requireNumbers"`
	RequireSpecialChars Optional[*bool] `json:"requireSpecialChars"`
}

type emailSettingsInput struct {
	PasswordPolicy             Optional[*passwordPolicyInput] `json:"passwordPolicy"`
	SignUpEnabled              Optional[*bool]                `json:"signUpEnabled"`
	MagicLinkEnabled           Optional[*bool]                `json:"magicLinkEnabled"`
	MagicLinkExpirationMinutes Optional[*int]                 `json:"magicLinkExpirationMinutes"`
}

func (d *settingDoors) handleUpdateEmail(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in emailSettingsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	params := UpdateEmailSettingsParams{
		SignUpEnabled: in.SignUpEnabled, MagicLinkEnabled: in.MagicLinkEnabled, MagicLinkExpirationMinutes: in.MagicLinkExpirationMinutes,
	}
	policy := in.PasswordPolicy.Value
	if in.PasswordPolicy.Set && policy == nil {
		none := Optional[*bool]{Set: true}
		policy = &passwordPolicyInput{Optional[*int]{Set: true}, none, none, none, none}
	}
	if policy != nil {
		params.MinLength, params.RequireUppercase, params.RequireLowercase = policy.MinLength, policy.RequireUppercase, policy.RequireLowercase
		params.RequireNumbers, params.RequireSpecialChars = policy.RequireNumbers, policy.RequireSpecialChars
	}
	settings, err := d.settings.UpdateEmail(r.Context(), params)
	return shown(w, settings, err)
}

func (d *settingDoors) handleResetEmail(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	settings, err := d.settings.ResetEmail(r.Context())
	return shown(w, settings, err)
}

func (d *settingDoors) handleProvider(w http.ResponseWriter, r *http.Request) error {
	settings, err := d.settings.Provider(r.Context(), r.PathValue("provider"))
	return shown(w, settings, err)
}

type providerSettingsInput struct {
	ClientID     Optional[*string]   `json:"clientId"`
	ClientSecret Optional[*string]   `json:"clientSecret"`
	RedirectURI  Optional[*string]   `json:"redirectUri"`
	Scopes       Optional[*[]string] `json:"scopes"`
	Enabled      Optional[*bool]     `json:"enabled"`
}

func (d *settingDoors) handleUpdateProvider(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var in providerSettingsInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	settings, err := d.settings.UpdateProvider(r.Context(), UpdateProviderSettingsParams{
		Provider: r.PathValue("provider"), ClientID: in.ClientID, ClientSecret: in.ClientSecret, RedirectURI: in.RedirectURI, Scopes: in.Scopes, Enabled: in.Enabled,
	})
	return shown(w, settings, err)
}

func (d *settingDoors) handleResetProvider(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	settings, err := d.settings.ResetProvider(r.Context(), r.PathValue("provider"))
	return shown(w, settings, err)
}
