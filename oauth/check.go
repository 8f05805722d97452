package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/outbound"
)

// check finds what is wrong with a provider that a host has set up.
func (e *engine) check(credentials admit.ProviderCredentials) error {
	d := e.dialect
	var problems []error
	report := func(format string, arguments ...any) {
		problems = append(problems, fmt.Errorf("provider %q: "+format, append([]any{d.name}, arguments...)...))
	}
	if !isName(d.name) {
		report("the name must be made of a-z, 0-9 and hyphens")
	}
	if credentials.ClientID == "" && credentials.ClientSecret != "" {
		report("there is a ClientSecret and no ClientID")
	}
	for _, value := range []string{credentials.ClientID, credentials.ClientSecret} {
		if value != strings.TrimSpace(value) {
			report("there are blanks around the ClientID or the ClientSecret")
			break
		}
	}
	if credentials.RedirectURI != "" {
		if u, err := url.Parse(credentials.RedirectURI); err != nil || u.Fragment != "" || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !outbound.IsLoopback(u.Hostname())) {
			report("RedirectURI must be an https URL without a fragment; http is for loopback addresses")
		}
	}
	for _, scope := range credentials.Scopes {
		// RFC 6749, section 3.3
		if scope == "" || strings.ContainsFunc(scope, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
			report("%q is no scope: each scope is an item of its own", scope)
		}
	}
	for key := range d.parameters {
		if slices.Contains(reserved(), key) {
			report("the parameter %q is not for the host to set", key)
		}
	}
	if err := checkEndpoints(d.endpoints, d.allowed()); err != nil {
		report("%w", err)
	}
	if !d.endpoints.discovered() && (d.endpoints.Authorization == "" || d.endpoints.Token == "") {
		report("there is neither an issuer nor an authorization and a token endpoint")
	}
	return errors.Join(problems...)
}

// allowed is where the client of a provider may go. Loopback is allowed if the host has
// named it, and never because a server did.
func (d dialect) allowed() outbound.Options {
	return outbound.Options{AllowLoopback: d.endpoints.loopback(), AllowPrivate: d.private}
}

// checkEndpoints says which endpoint is not to be called.
func checkEndpoints(at Endpoints, allowed outbound.Options) error {
	for _, endpoint := range at.all() {
		if endpoint == "" {
			continue
		}
		u, err := url.Parse(endpoint)
		if err == nil && u.Fragment != "" {
			err = errors.New("a fragment")
		}
		if err == nil {
			err = allowed.Allowed(u)
		}
		if err != nil {
			return fmt.Errorf("the endpoint %q is not to be called: %w", hostOf(endpoint), outbound.Bare(err))
		}
	}
	return nil
}

func isName(name string) bool {
	return name != "" && len(name) <= 64 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}
