package console

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/admit-go/admit"
)

// settingsView is the page of settings.
type settingsView struct {
	Email     admit.EmailSettings
	Providers []admit.ProviderSettings
}

func (v *visit) settingsPage() error { return v.showSettings(http.StatusOK) }

func (v *visit) showSettings(status int) error {
	v.view.Section = "settings"
	var data settingsView
	var err error
	if data.Email, err = v.auth.Settings.Email(v.r.Context()); err != nil {
		return err
	}
	for _, p := range v.config.Providers {
		settings, err := v.auth.Settings.Provider(v.r.Context(), p.Name())
		if err != nil {
			return err
		}
		data.Providers = append(data.Providers, settings)
	}
	v.view.Data = data
	return v.show(status, "settings")
}

// saveSettings sends what the form changes, and nothing else: what another
// administrator has changed meanwhile stays.
func (v *visit) saveSettings() error {
	if v.form.Get("action") == "reset" {
		if _, err := v.call(http.MethodDelete, "/admin/settings/email", nil); err != nil {
			return v.settingsAgain(err)
		}
		return v.done("settings", "settings-reset")
	}
	policy, body := map[string]any{}, map[string]any{}
	for _, name := range []string{"requireUppercase", "requireLowercase", "requireNumbers", "requireSpecialChars"} {
		v.switched(name, policy)
	}
	for _, name := range []string{"signUpEnabled", "magicLinkEnabled"} {
		v.switched(name, body)
	}
	for name, into := range map[string]map[string]any{"minLength": policy, "magicLinkExpirationMinutes": body} {
		if v.form.Get(name) == v.form.Get("was."+name) {
			continue
		}
		number, err := strconv.Atoi(v.form.Get(name))
		if err != nil {
			return v.settingsAgain(admit.ErrInvalidRequest)
		}
		into[name] = number
	}
	if len(policy) > 0 {
		body["passwordPolicy"] = policy
	}
	if len(body) == 0 {
		return v.goTo("settings")
	}
	if _, err := v.call(http.MethodPatch, "/admin/settings/email", body); err != nil {
		return v.settingsAgain(err)
	}
	return v.done("settings", "settings")
}

// switched notes a switch that the form has changed.
func (v *visit) switched(name string, into map[string]any) {
	if is, was := v.form.Get(name) == "true", v.form.Get("was."+name) == "true"; is != was {
		into[name] = is
	}
}

func (v *visit) settingsAgain(err error) error {
	refused := asError(err)
	if refused.Status != http.StatusBadRequest && refused.Status != http.StatusConflict {
		return err
	}
	v.view.Alert = v.explain(refused)
	return v.showSettings(http.StatusUnprocessableEntity)
}

func (v *visit) providerPage() error { return v.showProvider(http.StatusOK) }

func (v *visit) showProvider(status int) error {
	v.view.Section = "settings"
	settings, err := v.auth.Settings.Provider(v.r.Context(), v.params["provider"])
	if err != nil {
		return err
	}
	v.view.Title, v.view.Data = settings.Provider, settings
	return v.show(status, "provider")
}

// saveProvider sends what the form changes. The secret is sent where one was typed,
// and comes back on no page.
func (v *visit) saveProvider() error {
	path := v.filled("/admin/settings/providers/{provider}")
	if v.form.Get("action") == "reset" {
		if _, err := v.call(http.MethodDelete, path, nil); err != nil {
			return v.providerAgain(err)
		}
		return v.done("settings", "settings-reset")
	}
	body := map[string]any{}
	for _, name := range []string{"clientId", "redirectUri"} {
		if is := strings.TrimSpace(v.form.Get(name)); is != v.form.Get("was."+name) {
			body[name] = orNull(is)
		}
	}
	if secret := strings.TrimSpace(v.form.Get("clientSecret")); secret != "" {
		body["clientSecret"] = secret
	}
	if is, was := words(v.form.Get("scopes")), words(v.form.Get("was.scopes")); !slices.Equal(is, was) {
		if body["scopes"] = is; len(is) == 0 {
			body["scopes"] = nil
		}
	}
	v.switched("enabled", body)
	if len(body) == 0 {
		return v.goTo("settings")
	}
	if _, err := v.call(http.MethodPatch, path, body); err != nil {
		return v.providerAgain(err)
	}
	return v.done("settings", "settings")
}

func (v *visit) providerAgain(err error) error {
	refused := asError(err)
	if refused.Status != http.StatusBadRequest && refused.Status != http.StatusConflict {
		return err
	}
	v.view.Alert = v.explain(refused)
	return v.showProvider(http.StatusUnprocessableEntity)
}

// orNull is nil for "", which goes back to the default.
func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}
