package admit

import (
	"context"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/store"
)

// This file keeps preferences. The language is that of the account, because mails and
// pages are written in it, and the account is at hand wherever a mail is.

// preferencesData is what the record of preferences holds. The view
// admit_preferences reads it. "" is what is not given.
type preferencesData struct {
	Timezone string `json:"timezone,omitempty"`
	Theme    string `json:"theme,omitempty"`
}

func (preferencesData) kind() string   { return recordPreferences }
func (preferencesData) version() int   { return 1 }
func (preferencesData) keys() []string { return nil }
func (preferencesData) refs() []string { return nil }

// Preferences are what a person has chosen of the host's pages. "" is what is not
// given.
type Preferences struct {
	// Locale is a language (BCP 47), such as "de-AT". Mails and pages are written in
	// it, where they have texts in it. "" is the default of the host.
	Locale string
	// Timezone is a name of the IANA time zone database, such as "Europe/Vienna".
	Timezone string
	// Theme is "light", "dark" or "system".
	Theme string
}

func preferencesOf(user *store.User, data preferencesData) Preferences {
	return Preferences{Locale: shownLocale(user.Locale), Timezone: data.Timezone, Theme: data.Theme}
}

// shownLocale is the language of an account in the spelling of RFC 5646. Accounts
// keep languages as they were first given.
func shownLocale(kept string) string {
	if canonical := locale.Canonical(kept); canonical != "" {
		return canonical
	}
	return kept
}

// exportPreferences returns the preferences of an account for an export.
func exportPreferences(ctx context.Context, k *kernel, userID string) (Preferences, error) {
	user, err := existing(k.store.User(ctx, tenant, userID))
	if err != nil {
		return Preferences{}, err
	}
	data, _, err := personalOf[preferencesData](ctx, k.store, userID)
	if err != nil {
		return Preferences{}, fault(err)
	}
	return preferencesOf(&user, data), nil
}
