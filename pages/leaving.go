package pages

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/admit-go/admit"
)

// This file has what binds an account to others and what ends it: linked accounts,
// API keys, the export and the deletion.

func (v *visit) linksPage() error {
	if v.view.Done = v.said("unlinked"); v.r.URL.Query().Get("linked") != "" {
		text, err := v.words.Text("done.linked")
		if err != nil {
			return err
		}
		v.view.Done = text
	}
	status := http.StatusOK
	if code := v.r.URL.Query().Get("error"); code != "" {
		key := "links.failed"
		if v.words.Has("error." + code) {
			key = "error." + code
		}
		text, err := v.words.Text(key)
		if err != nil {
			return err
		}
		v.view.Alert, status = text, http.StatusUnprocessableEntity
	}
	if err := v.loadLinks(); err != nil {
		return err
	}
	return v.show(status, "account-links")
}

// loadLinks reads which providers the account is linked with, and which of the
// others it can be linked with.
func (v *visit) loadLinks() error {
	identities, err := v.auth.Identities.List(v.r.Context(), v.user.ID)
	if err != nil {
		return err
	}
	rows := &v.view.Settings.Links
	for _, i := range identities {
		if i.Provider != emailIdentity {
			*rows = append(*rows, LinkRow{Name: i.Provider, Label: v.labelOf(i.Provider), Email: i.Email, ConnectedAt: i.ConnectedAt, Open: v.switchedOn(i.Provider)})
		}
	}
	for _, one := range v.linkables {
		linked := slices.ContainsFunc(*rows, func(row LinkRow) bool { return row.Name == one.Name })
		if !linked && v.switchedOn(one.Name) {
			*rows = append(*rows, LinkRow{Name: one.Name, Label: one.Label, Open: true})
		}
	}
	return nil
}

// emailIdentity is the provider under which a sign-in by address is listed.
const emailIdentity = "email"

func (s *site) labelOf(name string) string {
	for _, one := range s.linkables {
		if one.Name == name {
			return one.Label
		}
	}
	return label(name)
}

func (v *visit) links() error {
	provider := v.form.Get("provider")
	if v.form.Get("action") == "link" {
		return v.leaveFor(provider, "link", v.config.BaseURL+v.pages.Path+"/account/links")
	}
	err := v.auth.Identities.Unlink(v.r.Context(), admit.UnlinkIdentityParams{UserID: v.user.ID, Provider: provider})
	switch {
	case errors.Is(err, admit.ErrAccountNotFound): // the button was pressed twice
	case err != nil:
		if failed := v.loadLinks(); failed != nil {
			return failed
		}
		return v.refused(err, "account-links")
	}
	return v.goTo(v.to("account/links", "") + "?done=unlinked")
}

// leaveFor begins a redirect to a provider. A browser follows no redirect from a form
// to another site that the policy of the page does not name, so a page leads on.
func (v *visit) leaveFor(provider, purpose, callback string) error {
	begun, err := v.auth.Providers.Begin(v.r.Context(), admit.BeginProviderParams{
		Provider: provider, Purpose: purpose, CallbackURL: callback, Language: v.words.Tag,
	})
	if err != nil {
		return err
	}
	v.auth.Providers.Bind(v.w, v.r, provider, begun)
	v.view.Settings.Onward = begun.URL
	v.view.Settings.Links = []LinkRow{{Name: provider, Label: v.labelOf(provider)}}
	v.w.Header().Set("Refresh", "0;url="+begun.URL)
	return v.show(http.StatusOK, "leaving")
}

func (v *visit) keysPage() error {
	if !v.pages.APIKeys {
		return errNoSuchPage
	}
	v.view.Done = v.said("key-revoked")
	v.view.values["keyDays"] = "90"
	if err := v.loadKeys(); err != nil {
		return err
	}
	return v.show(http.StatusOK, "account-keys")
}

// loadKeys reads the keys that work.
func (v *visit) loadKeys() error {
	keys, err := v.auth.APIKeys.ListOwned(v.r.Context(), admit.ListAPIKeysParams{
		OwnerKind: admit.OwnerUser, OwnerID: v.user.ID, Page: admit.PageParams{Number: 1, Limit: mostSessions},
	})
	now := v.config.Now()
	for _, key := range keys.Items {
		if (key.RevokedAt.IsZero() || key.RevokedAt.After(now)) && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(now)) {
			v.view.Settings.Keys = append(v.view.Settings.Keys, key)
		}
	}
	return err
}

func (v *visit) keys() error {
	if !v.pages.APIKeys {
		return errNoSuchPage
	}
	ctx := v.r.Context()
	if v.form.Get("action") == "revoke" {
		err := v.auth.APIKeys.RevokeOwned(ctx, admit.OwnedAPIKey{OwnerKind: admit.OwnerUser, OwnerID: v.user.ID, ID: v.form.Get("id")})
		if err != nil && asError(err).Status != http.StatusNotFound { // the button was pressed twice
			return err
		}
		return v.goTo(v.to("account/keys", "") + "?done=key-revoked")
	}
	name, given := v.form.Get("keyName"), v.form.Get("keyDays")
	days, err := strconv.Atoi(given)
	if err != nil || days < 0 || days > 365 {
		return admit.ErrInvalidRequest
	}
	in := admit.CreateAPIKeyParams{Name: name, Type: admit.SecretKey, Environment: "prod", OwnerKind: admit.OwnerUser, OwnerID: v.user.ID}
	if days > 0 {
		in.ExpiresAt = v.config.Now().Add(time.Duration(days) * 24 * time.Hour)
	}
	made, err := v.auth.APIKeys.Create(ctx, in)
	if failed := v.loadKeys(); failed != nil {
		return failed
	}
	if errors.Is(err, admit.ErrInvalidRequest) {
		v.view.values["keyName"], v.view.values["keyDays"] = name, given
		if v.view.errors["keyName"], err = v.words.Text("error.auth/invalid-name"); err != nil {
			return err
		}
		return v.show(http.StatusUnprocessableEntity, "account-keys")
	}
	if err != nil {
		return v.refused(err, "account-keys", "keyName", "keyDays")
	}
	v.view.Settings.NewKey, v.view.values["keyDays"] = made.Key, "90"
	return v.show(http.StatusOK, "account-keys")
}

func (v *visit) exportPage() error { return v.show(http.StatusOK, "account-export") }

// export sends what is held about the account as a file.
func (v *visit) export() error {
	name := "account-" + v.config.Now().UTC().Format("2006-01-02") + ".json"
	out := &download{visit: v, name: name}
	err := v.auth.Exports.WriteOwn(v.r.Context(), out)
	switch {
	case err != nil && out.began:
		v.config.Logger.WarnContext(v.r.Context(), "an export broke off", "error", err)
		panic(http.ErrAbortHandler) // the browser must not take it for complete
	case errors.Is(err, admit.ErrReauthenticationRequired):
		return v.goTo(v.way(v.r, admit.NeedRecent, v.here()))
	case err != nil:
		return v.refused(err, "account-export")
	}
	return nil
}

// download is a file that begins with its first byte: an error before is a page.
type download struct {
	*visit
	name  string
	began bool
}

func (d *download) Write(b []byte) (int, error) {
	if !d.began {
		d.began = true
		h := d.w.Header()
		h.Set("Content-Type", "application/json")
		h.Set("Content-Disposition", `attachment; filename="`+d.name+`"`)
		h.Set("Cache-Control", "no-store")
		h.Set("X-Content-Type-Options", "nosniff")
		d.w.WriteHeader(http.StatusOK)
	}
	return d.w.Write(b)
}

func (v *visit) deletePage() error {
	v.aboutDeletion()
	return v.show(http.StatusOK, "account-delete")
}

func (v *visit) aboutDeletion() {
	v.view.Email = v.user.Email
	v.view.Settings.Password = !v.recent()
	v.view.Settings.Days = int(v.config.Deletion.Grace / (24 * time.Hour))
}

func (v *visit) delete() error {
	v.aboutDeletion()
	if v.form.Get("sure") != "true" {
		text, err := v.words.Text("delete.unsure")
		if err != nil {
			return err
		}
		v.view.errors["sure"] = text
		return v.show(http.StatusUnprocessableEntity, "account-delete")
	}
	v.view.values["sure"] = "true"
	err := v.auth.Withdrawals.Withdraw(v.r.Context(), admit.WithdrawParams{UserID: v.user.ID, Password: v.form.Get("proofPassword")})
	switch {
	case errors.Is(err, admit.ErrReauthenticationRequired):
		return v.goTo(v.way(v.r, admit.NeedRecent, v.here()))
	case errors.Is(err, admit.ErrLastOwner):
		if alone, ok := asError(err).Details["organizations"].([]map[string]string); ok {
			for _, one := range alone {
				v.view.Settings.Alone = append(v.view.Settings.Alone, one["name"])
			}
		}
		return v.refused(err, "account-delete")
	case errors.Is(err, admit.ErrInvalidCredentials):
		if v.view.errors["proofPassword"], err = v.words.Text("error.auth/invalid-password"); err != nil {
			return err
		}
		return v.show(http.StatusUnprocessableEntity, "account-delete")
	case err != nil:
		return v.refused(err, "account-delete")
	}
	v.auth.Sessions.ClearCookie(v.w)
	v.endFlow()
	return v.goTo(v.prefix + "/account-deleted")
}

func (v *visit) deletedPage() error {
	v.view.Settings.Days = int(v.config.Deletion.Grace / (24 * time.Hour))
	return v.show(http.StatusOK, "account-deleted")
}
