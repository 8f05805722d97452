package admit

import (
	"slices"
	"strings"
)

// This file says for which site passkeys are made.

// passkeySite is the relying party of a configuration.
func passkeySite(c *Config) PasskeySite {
	site := PasskeySite{ID: c.Passkeys.RPID, Name: c.SiteName}
	if origin, err := passkeyOrigin(c.BaseURL); err == nil {
		site.Origins = append(site.Origins, origin.String())
	}
	site.Origins = append(site.Origins, c.Passkeys.Origins...)
	return site
}

// relatedOrigins are the origins that /.well-known/webauthn lists; none where every
// origin is of the same domain as BaseURL.
func relatedOrigins(c *Config) []string {
	if c.Passkeys.Engine == nil || len(c.Passkeys.Origins) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(passkeySite(c).Origins), func(origin string) bool { return !strings.HasPrefix(origin, "https://") })
}

// hasPasskeys answers ErrNotFound where there are none.
func hasPasskeys(c *Config) error {
	if c.Passkeys.Engine == nil {
		return ErrNotFound
	}
	return nil
}
