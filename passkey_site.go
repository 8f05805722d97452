package admit

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// This file says for which site passkeys are made.

// passkeySite is the relying party of a configuration.
func passkeySite(c *Config) PasskeySite {
	site := PasskeySite{ID: c.Passkeys.RPID, Name: c.SiteName}
	if base, err := url.Parse(c.BaseURL); err == nil {
		host := strings.ToLower(base.Host)
		if address, err := netip.ParseAddr(base.Hostname()); err == nil && address.IsLoopback() {
			// Pages at an address cannot ask for passkeys; those at localhost can.
			host = strings.TrimSuffix("localhost:"+base.Port(), ":")
		}
		site.Origins = append(site.Origins, base.Scheme+"://"+defaultPortOff(base.Scheme, host))
	}
	site.Origins = append(site.Origins, c.Passkeys.Origins...)
	return site
}

// defaultPortOff takes a port off that browsers leave out of an origin.
func defaultPortOff(scheme, host string) string {
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	return strings.TrimSuffix(host, port)
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
