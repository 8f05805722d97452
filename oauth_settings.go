package admit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file reads the credentials of providers: those of the code, and the settings
// that an operator has made at run time. They are read at each use, so a change
// takes effect at once in every process.

// recordProvider are the records of settings. Their id is the name of the provider.
const recordProvider = "provider-settings"

const (
	settingsVersion = 1
	settingsPurpose = "provider-settings"
)

// providerSettings is what a record of settings holds. A field that is empty leaves
// what the code says.
type providerSettings struct {
	Version  int    `json:"v"`
	ClientID string `json:"clientId,omitempty"`
	// Secret is the client secret, sealed for the provider.
	Secret      []byte   `json:"secret,omitempty"`
	RedirectURI string   `json:"redirectUri,omitempty"`
	Scopes      []string `json:"scopes,omitempty"`
	// Disabled switches the provider off.
	Disabled bool `json:"disabled,omitzero"`
}

// settingsOf returns the settings of a provider. A provider that nobody has set has
// none.
func settingsOf(ctx context.Context, s store.Store, name string) (set providerSettings, err error) {
	r, err := s.Record(ctx, tenant, recordProvider, name)
	if errors.Is(err, store.ErrNotFound) {
		return set, nil
	}
	if err != nil {
		return set, err
	}
	return readSettings(r)
}

func readSettings(r store.Record) (set providerSettings, err error) {
	if err = json.Unmarshal(r.Data, &set); err == nil && set.Version != settingsVersion {
		err = fmt.Errorf("settings of version %d", set.Version)
	}
	if err != nil {
		return set, ErrInternal.because(fmt.Errorf("the settings of provider %s: %w", r.ID, err))
	}
	return set, nil
}

func (p *providerSettings) encode() ([]byte, error) {
	data, err := json.Marshal(p)
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	return data, nil
}

// settingsContext binds a sealed client secret to its provider.
func settingsContext(name string) []byte { return []byte(name) }

// openSecretOf returns the client secret of settings, or "".
func (p *providerSettings) openSecretOf(k *kernel, name string) (string, error) {
	if len(p.Secret) == 0 {
		return "", nil
	}
	plain, err := k.ring.Open(settingsPurpose, settingsContext(name), p.Secret)
	if err != nil {
		return "", ErrInternal.because(fmt.Errorf("the client secret of provider %s cannot be opened: %w", name, err))
	}
	return string(plain), nil
}

// credentialsOf returns the credentials of a provider that count now. It returns
// ErrOAuthNotConfigured for a provider without a client id, or that is switched
// off.
func credentialsOf(ctx context.Context, k *kernel, s store.Store, p Provider) (ProviderCredentials, error) {
	credentials := p.Credentials()
	set, err := settingsOf(ctx, s, p.Name())
	if err != nil {
		return credentials, fault(err)
	}
	secret, err := set.openSecretOf(k, p.Name())
	if err != nil {
		return credentials, err
	}
	credentials.ClientID = cmp.Or(set.ClientID, credentials.ClientID)
	credentials.ClientSecret = cmp.Or(secret, credentials.ClientSecret)
	credentials.RedirectURI = cmp.Or(set.RedirectURI, credentials.RedirectURI, k.config.BaseURL+k.config.BasePath+"/auth/"+p.Name()+"/callback")
	if len(set.Scopes) > 0 {
		credentials.Scopes = slices.Clone(set.Scopes)
	}
	if set.Disabled || credentials.ClientID == "" {
		return credentials, ErrOAuthNotConfigured
	}
	return credentials, nil
}

// usableProvider says whether people can sign in by a provider now.
func usableProvider(ctx context.Context, t *txn, name string) (bool, error) {
	p, err := providerNamed(&t.config, name)
	if err != nil {
		return false, nil //nolint:nilerr // the configuration no longer has the provider
	}
	_, err = credentialsOf(ctx, t.kernel, t, p)
	if errors.Is(err, ErrOAuthNotConfigured) {
		return false, nil
	}
	return err == nil, err
}

// openProviders returns the providers that are used in place of those of a
// configuration.
func openProviders(configured []Provider) []Provider {
	open := slices.Clone(configured)
	for i, p := range open {
		if opener, ok := p.(ProviderOpener); ok {
			open[i] = opener.Open()
		}
	}
	return open
}

// providerNamed finds a provider of the configuration.
func providerNamed(c *Config, name string) (Provider, error) {
	for _, p := range c.Providers {
		if p.Name() == name {
			return p, nil
		}
	}
	return nil, ErrUnsupportedProvider
}
