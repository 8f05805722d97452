package pages

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit"
)

// Offers are the ways in that a host has, as the settings say now.
type Offers struct {
	// Link is a mailed link or code, Passkey a passkey, Remember a device that needs
	// no second step for a while, SignUp a new account.
	Link, Passkey, Remember, SignUp bool
	// RememberDays is for how many days.
	RememberDays int
	// Picture is a picture of one's own, Keys are API keys of one's own, Links are
	// accounts of other sites that sign in.
	Picture, Keys, Links bool

	providers func() []Provider
}

// Providers are the buttons of the providers that are switched on.
func (o Offers) Providers() []Provider { return o.providers() }

// switchedOn says whether people can sign in by a provider now. Where the settings
// cannot be read they can: the rules themselves refuse what is switched off.
func (v *visit) switchedOn(name string) bool {
	if v.auth == nil {
		return true
	}
	set, err := v.auth.Settings.Provider(v.r.Context(), name)
	if err != nil {
		v.config.Logger.WarnContext(v.r.Context(), "a hosted page does not know whether a provider is switched on", "provider", name, "error", err)
		return true
	}
	return set.Enabled
}

// buttons are the providers of the pages that are switched on. A button of the host
// that leads to no provider of Config.Providers is always shown.
func (v *visit) buttons() []Provider {
	var on []Provider
	for _, button := range v.pages.Providers {
		name, ok := strings.CutPrefix(button.URL, v.base+v.config.BasePath+"/auth/")
		known := slices.ContainsFunc(v.linkables, func(one linkable) bool { return one.Name == name })
		if !ok || !known || v.switchedOn(name) {
			on = append(on, button)
		}
	}
	return on
}

// offers returns the ways in that are open now, and the rules for new passwords.
// Where the settings cannot be read, they are those of the configuration: the rules
// themselves refuse what is closed.
func (s *site) offers(v *visit) (Offers, admit.PasswordPolicy) {
	p := s.config.Passwords
	now := admit.EmailSettings{
		PasswordPolicy: admit.PasswordPolicy{
			MinLength: p.MinLength, RequireUppercase: p.RequireUppercase, RequireLowercase: p.RequireLowercase,
			RequireNumbers: p.RequireNumbers, RequireSpecialChars: p.RequireSpecialChars,
		},
		SignUpEnabled: !s.config.SignUpDisabled, MagicLinkEnabled: !s.config.MagicLink.Disabled,
	}
	if v.auth != nil {
		if set, err := v.auth.Settings.Email(v.r.Context()); err == nil {
			now = set
		} else {
			v.config.Logger.WarnContext(v.r.Context(), "a hosted page shows the settings of the configuration", "error", err)
		}
	}
	return Offers{
		Link: now.MagicLinkEnabled, SignUp: now.SignUpEnabled, Passkey: s.config.Passkeys.Engine != nil, providers: sync.OnceValue(v.buttons),
		Picture: s.config.Blobs != nil, Keys: s.pages.APIKeys, Links: len(s.linkables) > 0,
		Remember: s.config.MFA.Remember > 0, RememberDays: int(s.config.MFA.Remember / (24 * time.Hour)),
	}, now.PasswordPolicy
}
