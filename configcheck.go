package admit

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/emailaddress"
	origins "github.com/admit-go/admit/internal/origin"
)

// This file checks a configuration as a whole, and reports all its problems.

// problems collects what is wrong with a configuration.
type problems []error

func (p *problems) addf(format string, args ...any) {
	*p = append(*p, fmt.Errorf(format, args...))
}

// under names the field before each of the problems that its own check joined.
func (p *problems) under(field string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			p.under(field, err)
		}
	} else if err != nil {
		p.addf("%s: %w", field, err)
	}
}

// validate expects the defaults to be filled in.
func (c Config) validate(p *problems) {
	if c.BaseURL == "" {
		p.addf("BaseURL is missing: links in mails must start with it")
	} else if err := checkBaseURL(c.BaseURL, c.InsecureHTTP); err != nil {
		p.addf("BaseURL %q: %w", c.BaseURL, err)
	}
	c.validateHome(p)
	if err := checkBasePath(c.BasePath); err != nil {
		p.addf("BasePath %q: %w", c.BasePath, err)
	}
	if isNil(c.Counters) && c.Counters != nil {
		p.addf("Counters is a nil %T", c.Counters)
	}
	if c.Secrets == nil {
		p.addf("Secrets is missing: use SecretFile or Secrets")
	}
	c.validateStore(p)
	c.validateMailer(p)
	if c.PartitionedCookies && (!c.Cookies || !strings.HasPrefix(c.BaseURL, "https://")) {
		p.addf("PartitionedCookies needs Cookies and a BaseURL with https: browsers take no such cookie over http")
	}
	for _, origin := range c.AllowedOrigins {
		if err := origins.Check(origin); err != nil {
			p.addf("AllowedOrigins %q: %w", origin, err)
		}
	}
	c.Sessions.validate(p)
	c.Passwords.validate(p)
	if c.Blobs != nil && (isNil(c.Blobs) || c.Avatars == nil || isNil(c.Avatars)) {
		p.addf("Blobs needs Avatars, such as &avatar.Engine{}, and neither may be a nil pointer")
	}
	if c.Passkeys.Engine != nil && isNil(c.Passkeys.Engine) {
		p.addf("Passkeys.Engine is a nil %T", c.Passkeys.Engine)
	}
	p.under("Passkeys", c.Passkeys.check(c.BaseURL))
	if c.MagicLink.TTL < time.Minute || c.MagicLink.TTL > time.Hour {
		p.addf("MagicLink.TTL %v: must be from 1m to 1h", c.MagicLink.TTL)
	}
	if c.EventRetention != 0 && c.EventRetention < 24*time.Hour {
		p.addf("EventRetention %v: must be 0 or at least 24h", c.EventRetention)
	}
	if c.Deletion.Grace < time.Hour {
		p.addf("Deletion.Grace %v: must be at least 1h", c.Deletion.Grace)
	}
	if c.Deletion.Retention < c.Deletion.Grace {
		p.addf("Deletion.Retention %v: must be at least Deletion.Grace, %v", c.Deletion.Retention, c.Deletion.Grace)
	}
	c.MFA.validate(p)
	c.Organizations.validate(p)
	c.Domains.validate(p)
	c.validateInvitations(p)
	c.validateNames(p)
	c.validateProviders(p)
	if c.RecentFor < 0 {
		p.addf("RecentFor is negative")
	}
	if c.RequestTimeout < 0 {
		p.addf("RequestTimeout is negative")
	}
}

// validateNames checks the lists of roles, scopes and addresses.
func (c Config) validateNames(p *problems) {
	for name, scopes := range map[string][]string{"UserScopes": c.APIKeys.UserScopes, "OrganizationScopes": c.APIKeys.OrganizationScopes} {
		for _, scope := range scopes {
			if !validScope(scope) {
				p.addf("APIKeys.%s %q: a scope has the form resource:operation", name, scope)
			}
		}
	}
	for _, role := range c.Roles {
		if !validRole(role) {
			p.addf("Roles %q: a role has 1 to 50 of a-z, 0-9, - and _", role)
		}
	}
	for _, admin := range c.Admins {
		if _, err := emailaddress.Parse(admin); err != nil {
			p.addf("Admins %q: %w", admin, err)
		}
	}
	for _, sender := range c.Messages.Senders {
		if _, err := emailaddress.Parse(sender); err != nil {
			p.addf("Messages.Senders %q: %w", sender, err)
		}
	}
}

func (c Config) validateStore(p *problems) {
	if c.Store == nil {
		p.addf("Store is missing: there is no default store")
	} else if isNil(c.Store) {
		p.addf("Store is a nil %T: there is no default store", c.Store)
	} else if s, ok := c.Store.(interface{ Problem() error }); ok {
		p.under("Store", s.Problem())
	}
}

func (c Config) validateMailer(p *problems) {
	if c.Mailer == nil {
		p.addf("Mailer is missing: without mail nobody can confirm an address or reset a password")
	} else if isNil(c.Mailer) {
		p.addf("Mailer is a nil %T: without mail nobody can confirm an address or reset a password", c.Mailer)
	} else if v, ok := c.Mailer.(interface{ Validate() error }); ok {
		p.under("Mailer", v.Validate())
	}
}

// validateHome passes over the default, which is as good as BaseURL.
func (c Config) validateHome(p *problems) {
	home, err := url.Parse(c.HomeURL)
	if c.HomeURL != c.BaseURL+"/" && (err != nil || home.Scheme != "https" && home.Scheme != "http" || home.Host == "") {
		p.addf("HomeURL %q: must be a URL that starts with https:// or http://", c.HomeURL)
	}
}

// validateInvitations passes over the default, which is as good as HomeURL.
func (c Config) validateInvitations(p *problems) {
	at, err := url.Parse(c.Invitations.URL)
	if c.Invitations.URL != "" && c.Invitations.URL != c.HomeURL && (err != nil || at.Scheme != "https" && at.Scheme != "http" || at.Host == "" || strings.Contains(c.Invitations.URL, "#")) {
		p.addf("Invitations.URL %q: must be a URL that starts with https:// or http:// and has no fragment", c.Invitations.URL)
	}
}

func (c Config) validateProviders(p *problems) {
	names := map[string]bool{}
	for i, provider := range c.Providers {
		if isNil(provider) {
			p.addf("Providers[%d] is nil", i)
			continue
		}
		name := provider.Name()
		switch {
		case len(name) > 50 || !isProviderName(name):
			p.addf("Providers[%d]: the name %q must have 1 to 50 of a-z, 0-9 and hyphens", i, name)
		case names[name]:
			p.addf("Providers[%d]: the name %q is used twice", i, name)
		}
		names[name] = true
		p.under("Providers "+name, provider.Check())
		if uri := provider.Credentials().RedirectURI; uri != "" && strings.ContainsAny(uri, "#") {
			p.addf("Providers %s: RedirectURI must not have a fragment (RFC 6749, section 3.1.2)", name)
		}
	}
	if c.AllowNoEmail && (c.RequireVerifiedEmail || c.PrivateSignUp) {
		p.addf("AllowNoEmail: means nothing with RequireVerifiedEmail or PrivateSignUp, which let nobody in without a verified address")
	}
}

// isProviderName reports whether a provider may have a name.
func isProviderName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

func (c MFAConfig) validate(p *problems) {
	if c.Remember < 0 || c.Remember > 90*24*time.Hour {
		p.addf("MFA.Remember %v: must be from 0 to 90 days", c.Remember)
	}
	if strings.Trim(c.Required, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		p.addf("MFA.Required %q: must be everyone or a role", c.Required)
	}
	if c.Required == "" && !c.RequiredFrom.IsZero() {
		p.addf("MFA.RequiredFrom: means nothing without MFA.Required")
	}
}

func (c OrganizationConfig) validate(p *problems) {
	for role, included := range c.Roles {
		if !validRole(role) || role == RoleOwner || role == RoleMember {
			p.addf("Organizations.Roles %q: must have 1 to 50 of a-z, 0-9, - and _, and be neither owner nor member", role)
		}
		for _, other := range included {
			if other == RoleOwner || !c.knows(other) {
				p.addf("Organizations.Roles %q: includes %q, which is owner or no role", role, other)
			} else if other != RoleMember && c.covers(other, role) {
				p.addf("Organizations.Roles %q: includes %q, which includes it", role, other)
			}
		}
	}
	if c.Grace < 0 || c.Grace > 365*24*time.Hour {
		p.addf("Organizations.Grace %v: must be from 0 to 365 days", c.Grace)
	}
	if c.MaxPerUser < 1 {
		p.addf("Organizations.MaxPerUser %d: must be at least 1", c.MaxPerUser)
	}
}

func (c DomainConfig) validate(p *problems) {
	if isNil(c.Resolver) {
		p.addf("Domains.Resolver is a nil %T", c.Resolver)
	}
	for _, domain := range c.Refused {
		if canonical, err := emailaddress.Domain(domain); err != nil || canonical != domain {
			p.addf("Domains.Refused %q: must be a domain in lower-case ASCII", domain)
		}
	}
	if c.Grace < time.Hour || c.Grace > 90*24*time.Hour {
		p.addf("Domains.Grace %v: must be from 1h to 90 days", c.Grace)
	}
}

func (c SessionConfig) validate(p *problems) {
	if c.AccessTTL < time.Second || c.AccessTTL > 24*time.Hour {
		p.addf("Sessions.AccessTTL %v: must be from 1s to 24h", c.AccessTTL)
	}
	if c.RefreshTTL < c.AccessTTL {
		p.addf("Sessions.RefreshTTL %v: must not be shorter than AccessTTL", c.RefreshTTL)
	}
	if c.AbsoluteTTL < c.RefreshTTL {
		p.addf("Sessions.AbsoluteTTL %v: must not be shorter than RefreshTTL", c.AbsoluteTTL)
	}
	if c.AbsoluteTTL > 400*24*time.Hour {
		p.addf("Sessions.AbsoluteTTL %v: must be at most 400 days", c.AbsoluteTTL)
	}
	if c.Staleness < 0 || c.Staleness > 5*time.Minute {
		p.addf("Sessions.Staleness %v: must be from 0 to 5m", c.Staleness)
	}
	if !accesstoken.Supports(c.Algorithm) {
		p.addf("Sessions.Algorithm %q: must be ES256, EdDSA, RS256 or HS256", c.Algorithm)
	}
	if c.TokenType != accesstoken.TypeAccessToken && c.TokenType != accesstoken.TypeJWT {
		p.addf("Sessions.TokenType %q: must be at+jwt or JWT", c.TokenType)
	}
	if c.RefreshGrace < time.Second || c.RefreshGrace > 5*time.Minute {
		p.addf("Sessions.RefreshGrace %v: must be from 1s to 5m", c.RefreshGrace)
	}
	if c.OnReuse != reuseEndsAll && c.OnReuse != reuseEndsOne {
		p.addf("Sessions.OnReuse %q: must be all or session", c.OnReuse)
	}
	if c.MaxPerUser < 1 {
		p.addf("Sessions.MaxPerUser %d: must be at least 1", c.MaxPerUser)
	}
}

func (c PasswordConfig) validate(p *problems) {
	if c.MinLength < 8 || c.MinLength > 64 {
		p.addf("Passwords.MinLength %d: must be from 8 to 64", c.MinLength)
	}
	if c.ExpiresAfter < 0 {
		p.addf("Passwords.ExpiresAfter is negative")
	}
	for i, v := range c.Verifiers {
		if isNil(v) {
			p.addf("Passwords.Verifiers[%d] is nil", i)
		}
	}
}

func checkBaseURL(text string, insecure bool) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return err
	case u.Scheme != "https" && u.Scheme != "http":
		return errors.New("must start with https://")
	case u.Host == "" || u.Hostname() == "":
		return errors.New("names no host")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return errors.New("must hold nothing but scheme, host, port and path")
	case u.Scheme == "http" && !insecure && !isLoopback(u.Hostname()):
		return errors.New("http is for loopback addresses only, use https (or InsecureHTTP in development)")
	}
	return nil
}

// isNil says whether an interface holds nothing, or a nil pointer of some type:
// what a constructor returned beside an error that nobody looked at.
func isNil(v any) bool {
	value := reflect.ValueOf(v)
	switch value.Kind() {
	case reflect.Invalid:
		return true
	case reflect.Pointer, reflect.Map, reflect.Func:
		return value.IsNil()
	}
	return false
}

func checkBasePath(path string) error {
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return errors.New("must start with a slash and not end with one")
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "" || segment == "." || segment == ".." || strings.ContainsAny(segment, "{}%?# \\") {
			return errors.New("must be plain segments")
		}
	}
	return nil
}

func isLoopback(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

func validScope(scope string) bool {
	resource, operation, ok := strings.Cut(scope, ":")
	return ok && validScopePart(resource) && validScopePart(operation)
}

func validScopePart(part string) bool { return part == "*" || validRole(part) }
