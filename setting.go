package admit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file has the rules of settings at run time: settingroutes.go serves them.

// Settings changes at run time what the configuration says about sign-up, passwords,
// magic links and providers. A change takes effect at once in every process.
type Settings struct {
	*kernel
}

// PasswordPolicy are the rules for new passwords: see PasswordConfig.
type PasswordPolicy struct {
	MinLength           int  `json:"minLength"`
	RequireUppercase    bool `json:"requireUppercase"`
	RequireLowercase    bool `json:"requireLowercase"`
	RequireNumbers      bool `json:"requireNumbers"`
	RequireSpecialChars bool `json:"requireSpecialChars"`
}

// EmailSettings is what counts now for sign-in by e-mail.
type EmailSettings struct {
	PasswordPolicy PasswordPolicy `json:"passwordPolicy"`
	// SignUpEnabled says whether people can make accounts, in any way.
	SignUpEnabled bool `json:"signUpEnabled"`
	// MagicLinkEnabled says whether mailed links and codes sign in.
	MagicLinkEnabled bool `json:"magicLinkEnabled"`
	// MagicLinkExpirationMinutes is how long a new link works. A part of a minute
	// counts as a minute.
	MagicLinkExpirationMinutes int `json:"magicLinkExpirationMinutes"`
	// Changed names what an operator has set; everything else is what the
	// configuration says.
	Changed []string `json:"changed"`
}

// UpdateEmailSettingsParams is what an operator changes. A field that is not set
// stays as it is. A field that is set to nil goes back to what the configuration
// says.
type UpdateEmailSettingsParams struct {
	// MinLength is from 8 to 64.
	MinLength           Optional[*int]
	RequireUppercase    Optional[*bool]
	RequireLowercase    Optional[*bool]
	RequireNumbers      Optional[*bool]
	RequireSpecialChars Optional[*bool]
	SignUpEnabled       Optional[*bool]
	MagicLinkEnabled    Optional[*bool]
	// MagicLinkExpirationMinutes is from 1 to 60. Links that were mailed keep their
	// life.
	MagicLinkExpirationMinutes Optional[*int]
}

// Email returns what counts now for sign-in by e-mail. ErrUnavailable.
func (s *Settings) Email(ctx context.Context) (EmailSettings, error) {
	r, err := recordOrNone(ctx, s.store, recordSettings, recordEmailSettings)
	if err != nil {
		return EmailSettings{}, err
	}
	set, err := readEmailSettings(r.Data)
	if err != nil {
		return EmailSettings{}, err
	}
	return set.shown(&s.config), nil
}

// shown returns the settings over those of a configuration.
func (e *emailSettings) shown(c *Config) EmailSettings {
	rules := e.over(c)
	p := rules.passwords
	return EmailSettings{
		PasswordPolicy: PasswordPolicy{p.MinLength, p.RequireUppercase, p.RequireLowercase, p.RequireNumbers, p.RequireSpecialChars},
		SignUpEnabled:  rules.signUp, MagicLinkEnabled: !rules.magicLink.Disabled,
		MagicLinkExpirationMinutes: int((rules.magicLink.TTL + time.Minute - 1) / time.Minute), Changed: e.changed(),
	}
}

// changed names the fields that are set.
func (e *emailSettings) changed() []string {
	names := []string{}
	for _, field := range []struct {
		name string
		set  bool
	}{
		{"passwordPolicy.minLength", e.MinLength != nil}, {"passwordPolicy.requireUppercase", e.RequireUppercase != nil},
		{"passwordPolicy.requireLowercase", e.RequireLowercase != nil}, {"passwordPolicy.requireNumbers", e.RequireNumbers != nil},
		{"passwordPolicy.requireSpecialChars", e.RequireSpecialChars != nil}, {"signUpEnabled", e.SignUpEnabled != nil},
		{"magicLinkEnabled", e.MagicLinkEnabled != nil}, {"magicLinkExpirationMinutes", e.MagicLinkMinutes != nil},
	} {
		if field.set {
			names = append(names, field.name)
		}
	}
	return names
}

// UpdateEmail changes settings in one step: of two changes of different fields at
// one time none is lost. It returns ErrInvalidRequest, ErrSettingsWouldLockOut or
// ErrUnavailable.
func (s *Settings) UpdateEmail(ctx context.Context, in UpdateEmailSettingsParams) (EmailSettings, error) {
	if n := in.MinLength.Value; n != nil && (*n < 8 || *n > 64) {
		return EmailSettings{}, ErrInvalidRequest.detail("passwordPolicy.minLength", "must be from 8 to 64")
	}
	if n := in.MagicLinkExpirationMinutes.Value; n != nil && (*n < 1 || *n > 60) {
		return EmailSettings{}, ErrInvalidRequest.detail("magicLinkExpirationMinutes", "must be from 1 to 60")
	}
	return s.changeEmail(ctx, func(set *emailSettings) (fields []string) {
		override(&set.MinLength, in.MinLength, "passwordPolicy.minLength", &fields)
		override(&set.RequireUppercase, in.RequireUppercase, "passwordPolicy.requireUppercase", &fields)
		override(&set.RequireLowercase, in.RequireLowercase, "passwordPolicy.requireLowercase", &fields)
		override(&set.RequireNumbers, in.RequireNumbers, "passwordPolicy.requireNumbers", &fields)
		override(&set.RequireSpecialChars, in.RequireSpecialChars, "passwordPolicy.requireSpecialChars", &fields)
		override(&set.SignUpEnabled, in.SignUpEnabled, "signUpEnabled", &fields)
		override(&set.MagicLinkEnabled, in.MagicLinkEnabled, "magicLinkEnabled", &fields)
		override(&set.MagicLinkMinutes, in.MagicLinkExpirationMinutes, "magicLinkExpirationMinutes", &fields)
		return fields
	})
}

// ResetEmail goes back to what the configuration says. It returns
// ErrSettingsWouldLockOut or ErrUnavailable.
func (s *Settings) ResetEmail(ctx context.Context) (EmailSettings, error) {
	return s.changeEmail(ctx, func(set *emailSettings) []string {
		fields := set.changed()
		*set = emailSettings{}
		return fields
	})
}

// changeEmail changes the settings. Change returns the names of the fields that it
// has set.
func (s *Settings) changeEmail(ctx context.Context, change func(set *emailSettings) []string) (now EmailSettings, err error) {
	err = untilUnmoved(ctx, s.kernel, func(ctx context.Context, tx *txn) error {
		var fields []string
		closing := false
		err := changeRecord(ctx, tx, recordSettings, recordEmailSettings, func(data []byte) ([]byte, error) {
			set, err := readEmailSettings(data)
			if err != nil {
				return nil, err
			}
			before := set.over(&tx.config)
			fields = change(&set)
			after := set.over(&tx.config)
			closing = after.magicLink.Disabled && !before.magicLink.Disabled
			now = set.shown(&tx.config)
			if len(now.Changed) == 0 {
				return nil, nil
			}
			set.Version = emailSettingsFormat
			return json.Marshal(set)
		})
		if err != nil {
			return err
		}
		return settled(ctx, tx, recordEmailSettings, fields, closing)
	})
	return onlyDone(now, err)
}

// settled records a change of settings, which are written. Closing says that the
// change has closed a way in.
func settled(ctx context.Context, t *txn, name string, fields []string, closing bool) error {
	if len(fields) == 0 {
		return nil
	}
	t.then = append(t.then, t.rules.Forget)
	if closing {
		if err := keepWayIn(ctx, t); err != nil {
			return err
		}
	}
	return t.record(ctx, event{kind: eventSettingsChanged, data: eventData{"settings": name, "fields": fields}})
}

// keepWayIn refuses what was written if no administrator can sign in with it. The
// lock on an administrator who can is held until the transaction ends, so another
// change that closes this administrator's other way in waits, and sees this one.
func keepWayIn(ctx context.Context, t *txn) error {
	some := false
	enters, err := otherAdmin(ctx, t.kernel, t, "", func(listed *store.User) (bool, error) {
		some = true
		held, err := t.LockUser(ctx, tenant, listed.ID)
		if err != nil || !administers(t.kernel, &held) {
			return false, err
		}
		rules, err := readEmailRules(ctx, t.kernel, t)
		if err != nil {
			return false, err
		}
		if !rules.magicLink.Disabled && !held.EmailVerifiedAt.IsZero() && held.Email != "" {
			return true, nil
		}
		return entersWithout(ctx, t, &held, nil)
	})
	if err == nil && enters == "" && some {
		err = ErrSettingsWouldLockOut
	}
	return err
}

// ProviderSettings are the settings of a provider that count now, without its
// secret.
type ProviderSettings struct {
	Provider string `json:"provider"`
	// ClientID is "" where neither the code nor an operator gives one.
	ClientID string `json:"clientId"`
	// HasClientSecret says whether there is a client secret. The secret itself is
	// never read back.
	HasClientSecret bool   `json:"hasClientSecret"`
	RedirectURI     string `json:"redirectUri"`
	// Scopes are asked for in place of the scopes of the provider itself. Nil if nobody
	// has set any.
	Scopes []string `json:"scopes,omitzero"`
	// Enabled says whether people can sign in by the provider now.
	Enabled bool `json:"enabled"`
	// Changed names what an operator has set; everything else is what the code says.
	Changed []string `json:"changed"`
}

// UpdateProviderSettingsParams is what an operator changes of a provider. A field
// that is not set stays as it is. A field that is set to nil goes back to what the
// code says. The issuer and the endpoints of a provider come from the code only.
type UpdateProviderSettingsParams struct {
	Provider string
	// ClientID comes with a ClientSecret where the provider has one: the secret of
	// another client is of no use.
	ClientID     Optional[*string]
	ClientSecret Optional[*string]
	// RedirectURI is on the origin of Config.BaseURL, or one of AllowedRedirects.
	RedirectURI Optional[*string]
	Scopes      Optional[*[]string]
	// Enabled switches the provider on or off. Nil is on.
	Enabled Optional[*bool]
}

// Provider returns the settings of a provider. It returns ErrUnsupportedProvider or
// ErrUnavailable.
func (s *Settings) Provider(ctx context.Context, name string) (ProviderSettings, error) {
	p, err := providerNamed(&s.config, name)
	if err != nil {
		return ProviderSettings{}, err
	}
	set, err := settingsOf(ctx, s.store, name)
	if err != nil {
		return ProviderSettings{}, fault(err)
	}
	return set.shown(s.kernel, p), nil
}

// shown returns the settings over those of the code.
func (p *providerSettings) shown(k *kernel, provider Provider) ProviderSettings {
	code := provider.Credentials()
	shown := ProviderSettings{
		Provider: provider.Name(), ClientID: cmp.Or(p.ClientID, code.ClientID), HasClientSecret: len(p.Secret) > 0 || code.ClientSecret != "",
		RedirectURI: cmp.Or(p.RedirectURI, code.RedirectURI, k.config.BaseURL+k.config.BasePath+"/auth/"+provider.Name()+"/callback"),
		Scopes:      slices.Clone(code.Scopes), Changed: []string{},
	}
	if len(p.Scopes) > 0 {
		shown.Scopes = slices.Clone(p.Scopes)
	}
	shown.Enabled = !p.Disabled && shown.ClientID != ""
	set := map[string]bool{
		"clientId": p.ClientID != "", "clientSecret": len(p.Secret) > 0, "redirectUri": p.RedirectURI != "", "scopes": len(p.Scopes) > 0, "enabled": p.Disabled,
	}
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if set[name] {
			shown.Changed = append(shown.Changed, name)
		}
	}
	return shown
}

// check answers ErrInvalidRequest or ErrInvalidCallbackURL for values that cannot be
// right.
func (in *UpdateProviderSettingsParams) check(k *kernel) error {
	for _, text := range []struct {
		name  string
		value *string
		most  int
	}{{"clientId", in.ClientID.Value, 500}, {"clientSecret", in.ClientSecret.Value, 8000}} {
		if v := text.value; v != nil && (*v == "" || len(*v) > text.most || strings.ContainsFunc(*v, func(r rune) bool { return r <= ' ' || r > '~' })) {
			return ErrInvalidRequest.detail(text.name, "must be printable ASCII without blanks, or null")
		}
	}
	if uri := in.RedirectURI.Value; uri != nil {
		if *uri == "" || strings.Contains(*uri, "#") {
			return ErrInvalidCallbackURL.detail("redirectUri", "must be an address without a fragment, or null")
		}
		if err := k.checkCallback(*uri); err != nil {
			return err
		}
	}
	if scopes := in.Scopes.Value; scopes != nil {
		if len(*scopes) < 1 || len(*scopes) > 50 {
			return ErrInvalidRequest.detail("scopes", "must be 1 to 50 scopes, or null")
		}
		for _, scope := range *scopes { // RFC 6749, section 3.3
			if scope == "" || len(scope) > 200 || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
				return ErrInvalidRequest.detail("scopes", "must be items without blanks and quotation marks")
			}
		}
	}
	return nil
}

// UpdateProvider changes the settings of a provider in one step: of two changes of
// different fields at one time none is lost. It returns ErrUnsupportedProvider,
// ErrInvalidRequest, ErrInvalidCallbackURL, ErrSettingsWouldLockOut or
// ErrUnavailable.
func (s *Settings) UpdateProvider(ctx context.Context, in UpdateProviderSettingsParams) (ProviderSettings, error) {
	p, err := providerNamed(&s.config, in.Provider)
	if err != nil {
		return ProviderSettings{}, err
	}
	if err := in.check(s.kernel); err != nil {
		return ProviderSettings{}, err
	}
	var box []byte
	if in.ClientSecret.Value != nil {
		if box, err = s.ring.Seal(settingsPurpose, settingsContext(in.Provider), []byte(*in.ClientSecret.Value)); err != nil {
			return ProviderSettings{}, ErrInternal.because(err)
		}
	}
	return s.changeProvider(ctx, p, func(set *providerSettings) (fields []string, err error) {
		override(&set.ClientID, flat(in.ClientID), "clientId", &fields)
		override(&set.Secret, Optional[[]byte]{Value: box, Set: in.ClientSecret.Set}, "clientSecret", &fields)
		override(&set.RedirectURI, flat(in.RedirectURI), "redirectUri", &fields)
		override(&set.Scopes, flat(in.Scopes), "scopes", &fields)
		override(&set.Disabled, Optional[bool]{Value: in.Enabled.Value != nil && !*in.Enabled.Value, Set: in.Enabled.Set}, "enabled", &fields)
		code := p.Credentials()
		id := cmp.Or(set.ClientID, code.ClientID)
		switch on := in.Enabled.Value != nil && *in.Enabled.Value; {
		case on && id == "":
			return nil, ErrInvalidRequest.detail("enabled", "needs a clientId")
		case id == "" && len(set.Secret) > 0:
			return nil, ErrInvalidRequest.detail("clientSecret", "needs a clientId")
		case id != code.ClientID && len(set.Secret) == 0 && code.ClientSecret != "":
			return nil, ErrInvalidRequest.detail("clientId", "needs the clientSecret of the same client")
		}
		return fields, nil
	})
}

// ResetProvider goes back to what the code says of a provider. It returns
// ErrUnsupportedProvider, ErrSettingsWouldLockOut or ErrUnavailable.
func (s *Settings) ResetProvider(ctx context.Context, name string) (ProviderSettings, error) {
	p, err := providerNamed(&s.config, name)
	if err != nil {
		return ProviderSettings{}, err
	}
	return s.changeProvider(ctx, p, func(set *providerSettings) ([]string, error) {
		fields := set.shown(s.kernel, p).Changed
		*set = providerSettings{}
		return fields, nil
	})
}

func (s *Settings) changeProvider(ctx context.Context, p Provider, change func(set *providerSettings) ([]string, error)) (now ProviderSettings, err error) {
	err = untilUnmoved(ctx, s.kernel, func(ctx context.Context, tx *txn) error {
		var fields []string
		closing := false
		err := changeRecord(ctx, tx, recordProvider, p.Name(), func(data []byte) ([]byte, error) {
			var set providerSettings
			var err error
			if data != nil {
				if set, err = readSettings(store.Record{ID: p.Name(), Data: data}); err != nil {
					return nil, err
				}
			}
			before := set.shown(tx.kernel, p)
			if fields, err = change(&set); err != nil {
				return nil, err
			}
			now = set.shown(tx.kernel, p)
			closing = before.Enabled && !now.Enabled
			if len(now.Changed) == 0 {
				return nil, nil
			}
			set.Version = settingsVersion
			return set.encode()
		})
		if err != nil {
			return err
		}
		return settled(ctx, tx, "provider/"+p.Name(), fields, closing)
	})
	return onlyDone(now, err)
}
