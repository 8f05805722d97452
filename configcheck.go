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
	if home, err := url.Parse(c.HomeURL); err != nil || home.Scheme != "https" && home.Scheme != "http" || home.Host == "" {
		p.addf("HomeURL %q: must be a URL that starts with https:// or http://", c.HomeURL)
	}
	if err := checkBasePath(c.BasePath); err != nil {
		p.addf("BasePath %q: %w", c.BasePath, err)
	}
	if isNil(c.Counters) && c.Counters != nil {
		p.addf("Counters is a nil %T", c.Counters)
	}
	if c.Secrets == nil {
		p.addf("Secrets is missing: use SecretFile or Secrets")
	}
	if c.Store == nil {
		p.addf("Store is missing: there is no default store")
	} else if isNil(c.Store) {
		p.addf("Store is a nil %T: there is no default store", c.Store)
	} else if s, ok := c.Store.(interface{ Problem() error }); ok {
		p.under("Store", s.Problem())
	}
	if c.Mailer == nil {
		p.addf("Mailer is missing: without mail nobody can confirm an address or reset a password")
	} else if isNil(c.Mailer) {
		p.addf("Mailer is a nil %T: without mail nobody can confirm an address or reset a password", c.Mailer)
	} else if v, ok := c.Mailer.(interface{ Validate() error }); ok {
		p.under("Mailer", v.Validate())
	}
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
	c.MFA.validate(p)
	if c.RecentFor < 0 {
		p.addf("RecentFor is negative")
	}
	if c.RequestTimeout < 0 {
		p.addf("RequestTimeout is negative")
	}
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
