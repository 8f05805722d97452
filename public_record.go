package admit

import (
	"context"
	"slices"
	"strings"

	"github.com/admit-go/admit/store"
)

// This file keeps which profiles are public, and by what name they are found.

// refPublic lists the records of public profiles.
const refPublic = "public"

// publicData is what the record of public settings holds. The view
// admit_public_settings reads it.
type publicData struct {
	Slug   string `json:"slug,omitempty"`
	Public bool   `json:"public,omitzero"`
}

func (publicData) kind() string { return recordPublic }
func (publicData) version() int { return 1 }

func (d publicData) keys() []string {
	if d.Slug == "" {
		return nil
	}
	return []string{d.Slug}
}

func (d publicData) refs() []string {
	if !d.Public {
		return nil
	}
	return []string{refPublic}
}

// PublicSettings say whether a profile is public.
type PublicSettings struct {
	// Slug is the name by which the profile is found: 3 to 40 of a-z, 0-9 and "-". No
	// two accounts have the same. "" when not given.
	Slug string
	// IsPublic shows the name, the nickname and the picture to everybody.
	IsPublic bool
}

func publicOf(data publicData) PublicSettings { return PublicSettings{data.Slug, data.Public} }

// reservedSlugs are names that a host may want for pages of its own, or that would
// make a person look like the host.
var reservedSlugs = []string{
	"about", "account", "admin", "administrator", "api", "app", "auth", "blog", "contact", "docs", "help", "home", "legal", "login", "logout", "mail",
	"new", "null", "official", "privacy", "profile", "profiles", "root", "search", "security", "settings", "sign-in", "sign-out", "sign-up", "signin",
	"signout", "signup", "status", "support", "system", "terms", "undefined", "user", "users", "webmaster", "www",
}

// slugFault says what is wrong with a slug; "" if nothing is.
func slugFault(slug string) string {
	switch {
	case len(slug) < 3 || len(slug) > 40 || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "":
		return "must have 3 to 40 of a-z, 0-9 and -"
	case slices.Contains(reservedSlugs, slug):
		return "is reserved"
	}
	return ""
}

// PublicProfile is what everybody sees of an account whose profile is public.
type PublicProfile struct {
	// ID is the id of the account.
	ID string
	// Name and Nickname are those of the account, Image is the URL of its picture. ""
	// is what is not given.
	Name, Nickname, Image string
	// Slug is the name by which the profile is found.
	Slug string
}

func publicProfileOf(user *store.User, slug string) PublicProfile {
	return PublicProfile{ID: user.ID, Name: user.Name, Nickname: user.Nickname, Image: user.Image, Slug: slug}
}

// exportPublicSettings returns the public settings of an account for an export.
func exportPublicSettings(ctx context.Context, k *kernel, userID string) (PublicSettings, error) {
	data, _, err := personalOf[publicData](ctx, k.store, userID)
	if err != nil {
		return PublicSettings{}, fault(err)
	}
	return publicOf(data), nil
}
