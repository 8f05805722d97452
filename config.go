package admit

import (
	"context"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Config is everything that a host decides. BaseURL, Secrets, Store and Mailer
// must be given; every other field has a default that is safe. [New] checks
// all of it and reports every problem at once.
type Config struct {
	// BaseURL is where users reach the host, such as "https://app.example".
	// Links in mails start with it and nothing else decides them. https, or http
	// on a loopback address.
	BaseURL string
	// HomeURL is where pages lead on when nothing is left to do there. Default:
	// BaseURL.
	HomeURL string
	// InsecureHTTP takes an http BaseURL on any host, for development in a local
	// network. It MUST NOT be set where real people sign in: others on the network
	// can read tokens and passwords.
	InsecureHTTP bool
	// BasePath is where the handler's routes start. Default "/v1".
	BasePath string
	// SiteName is what messages call the application. Default: the host name
	// of BaseURL.
	SiteName string
	// Issuer is the issuer (iss) of access tokens. Default: BaseURL.
	Issuer string
	// Audience is the audience (aud) of access tokens. Default: BaseURL.
	Audience string

	// Secrets seal what is stored and authenticate tokens: [SecretFile] or
	// [Secrets].
	Secrets SecretSource
	// Store keeps all records. There is no default.
	Store store.Store
	// Mailer sends all messages. There is no default; [mailer.Log] serves
	// development.
	Mailer mailer.Mailer

	// AllowedOrigins are the exact origins, such as "https://app.example" or
	// "capacitor://localhost", whose pages may call the API from a browser.
	// Default: none.
	AllowedOrigins []string
	// AllowedRedirects are the targets that a callbackUrl may have beside
	// BaseURL: exact scheme, host and port, and the start of the path. A fragment
	// that begins with "#/" serves hash routers, and one "*" stands for a part of
	// the leftmost of at least three host labels, such as
	// https://app-*.preview.example: New warns of each.
	AllowedRedirects []string
	// TrustedProxies are the prefixes of the proxies in front of the host.
	// Only what they add to X-Forwarded-For is believed. Default: none.
	TrustedProxies []netip.Prefix
	// TrustUnixSocket believes X-Forwarded-For on connections without an IP
	// address: set it where a proxy of yours speaks to the host over a Unix
	// socket. Without it all requests over such connections share one limit.
	TrustUnixSocket bool

	// RequireAPIKey makes every route ask for an X-API-Key, but those that a
	// browser reaches by navigating.
	RequireAPIKey bool

	// Counters keeps failure budgets and rate limits elsewhere than Store, such
	// as store/redis. Default: Store.
	Counters store.Counters
	// InsecureNoLimits switches all limits off. It MUST NOT be set where real
	// people sign in: it is for load and crash tests.
	InsecureNoLimits bool

	// Sessions, Passwords: see there.
	Sessions  SessionConfig
	Passwords PasswordConfig

	// Cookies lets clients sign in with a session cookie instead of tokens: they
	// send the header X-Session-Mode: cookie. The cookie lives as long as a session
	// (Sessions.RefreshTTL and AbsoluteTTL). Default: the header is ignored, and no
	// cookie is read.
	Cookies bool
	// PartitionedCookies makes session cookies for a host that is shown in a frame
	// of another site: SameSite=None; Partitioned. It needs https. Default: off.
	PartitionedCookies bool

	// RequireVerifiedEmail lets nobody sign in before the address is proven; a
	// password sign-up then gives no tokens.
	RequireVerifiedEmail bool
	// PrivateSignUp makes a password sign-up answer the same whether or not the
	// address has an account, give no tokens before the address is proven, and
	// tell an existing owner by mail.
	PrivateSignUp bool
	// ConfirmOnGet confirms an address as soon as the mailed link is fetched.
	// Mail scanners fetch links, so this proves less than it seems to.
	ConfirmOnGet bool
	// MagicLink: see there.
	MagicLink MagicLinkConfig
	// Passkeys: see there.
	Passkeys PasskeyConfig
	// MFA: see there.
	MFA MFAConfig
	// Hooks: see there.
	Hooks Hooks
	// OnEvent is told every event, in order and at least once, by one process at
	// a time, after it was committed. When it returns an error or panics, the
	// same event comes again a little later, and those behind it wait.
	OnEvent func(ctx context.Context, e Event) error
	// EventRetention is how long events are kept, at least 24 hours; after that
	// they are deleted. Events that OnEvent has not taken yet are kept longer.
	// Default 0: events are kept for ever.
	EventRetention time.Duration
	// Instrument: see there.
	Instrument Instrument
	// Messages replaces the built-in texts of mails; nil keeps them.
	Messages MessageConfig

	// RecentFor is how long a sign-in counts as a recent proof of identity.
	// Default 10 minutes.
	RecentFor time.Duration
	// RequestTimeout bounds how long a request waits for the store and for its
	// turn at the password hash before it is answered 503. Default 4 seconds.
	RequestTimeout time.Duration

	// Logger takes the log. Default [slog.Default].
	Logger *slog.Logger
	// LogClientAddress adds the client address to the line of every request. It is
	// personal data in many places, so it is off by default.
	LogClientAddress bool
	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// What Sessions.OnReuse may be.
const (
	reuseEndsAll = "all"
	reuseEndsOne = "session"
)

// SessionConfig sets how long a sign-in lasts.
type SessionConfig struct {
	// AccessTTL is the life of an access token. Default 1 hour.
	AccessTTL time.Duration
	// RefreshTTL is how long a session lives without a refresh. Default 7 days.
	RefreshTTL time.Duration
	// AbsoluteTTL is how long a session lives at most. Default 30 days, or
	// RefreshTTL where that is longer; at most 400 days.
	AbsoluteTTL time.Duration
	// Staleness is how long the middleware may answer from memory whether a
	// session lives and what role its user has. Default 0: the store is asked
	// each time. Changes made by this process are always seen at once, and
	// administration and credential routes always ask.
	Staleness time.Duration
	// Algorithm signs access tokens: "ES256" (default), "EdDSA", "RS256" or
	// "HS256". HS256 publishes no key, so only this host can verify.
	Algorithm string
	// TokenType is the type (typ) in the header of access tokens: "at+jwt" (RFC
	// 9068, default) or "JWT", for verifiers that know no other. Tokens of the
	// other type are refused, so a change makes clients refresh once.
	TokenType string
	// RememberedTokens is how many access tokens are remembered as verified, at
	// some 250 bytes each. Default 65,536; a negative number remembers none.
	RememberedTokens int
	// RefreshGrace is how long after a refresh the previous token gives the same
	// successor again, even if the successor was used. It is for lost answers, two
	// tabs, and pages rendered on a server that cannot store the new token.
	// Default 10 seconds, at most 5 minutes.
	RefreshGrace time.Duration
	// OnReuse says what ends when a refresh token was used twice: "all" sessions
	// of the user (default) or that "session" alone.
	OnReuse string
	// MaxPerUser is how many sessions a user may have; the oldest ends when
	// there are more. Default 100.
	MaxPerUser int
}

// PasswordConfig sets what passwords are taken and how they are kept.
type PasswordConfig struct {
	// MinLength counts characters (code points). Default 8, at least 8, at most
	// 64. The greatest length is 128 and fixed.
	MinLength int
	// RequireUppercase, RequireLowercase, RequireNumbers and
	// RequireSpecialChars demand a character of that class. Off by default,
	// as NIST SP 800-63B-4 advises.
	RequireUppercase, RequireLowercase, RequireNumbers, RequireSpecialChars bool
	// ExpiresAfter is how long a password may be used to sign in; it can be reset
	// after that. Default 0: for ever, as NIST SP 800-63B-4 advises.
	ExpiresAfter time.Duration
	// Leaked asks whether a password is known to have leaked; LeakedPasswords
	// makes one. Nil asks nobody beyond the built-in list.
	Leaked func(ctx context.Context, password string) (bool, error)
	// Verifiers check imported passwords in formats that Admit does not know, in
	// this order. Default: none.
	Verifiers []PasswordVerifier
	// InsecureFastHash stores passwords with the cheapest hash there is. It
	// MUST NOT be set where real passwords are: it is for load and crash tests.
	InsecureFastHash bool
}

// MagicLinkConfig sets how people sign in by mail alone.
type MagicLinkConfig struct {
	// Disabled answers every request for a link with ErrMagicLinkDisabled.
	Disabled bool
	// TTL is how long a link works. Default 15 minutes, at most 1 hour. The code
	// in the same mail works for 10 minutes.
	TTL time.Duration
}

// RequiredOfEveryone is the MFAConfig.Required of a host whose users all need a
// second factor.
const RequiredOfEveryone = "everyone"

// MFAConfig sets of whom a second factor is asked.
type MFAConfig struct {
	// Required is who must have a second factor: RequiredOfEveryone, or a role.
	// Who has none sets one up during the next sign-in. Default "": nobody must.
	Required string
	// RequiredFrom is when Required begins to hold. Default: at once.
	RequiredFrom time.Time
	// Remember is how long a device needs no second factor after somebody asked
	// for that, such as 30 days; at most 90. Default 0: devices are not remembered.
	Remember time.Duration
	// Issuer names the application in authenticator apps. Default: SiteName.
	Issuer string
}

// requires says whether an account of a role must have a second factor.
func (c MFAConfig) requires(role string, now time.Time) bool {
	return (c.Required == RequiredOfEveryone || c.Required != "" && c.Required == role) && !now.Before(c.RequiredFrom)
}

// MessageConfig replaces texts of mails.
type MessageConfig struct {
	// Files holds templates named <kind>.subject.txt, <kind>.txt (text/template)
	// and <kind>.html (html/template), and <kind>.<locale>.… for one language.
	// They may name the fields of mailer.Values, and .Kind and .Locale.
	Files fs.FS
	// Rewrite has the last word on Subject, Text and HTML. It must escape what
	// it puts into HTML.
	Rewrite func(m mailer.Message) mailer.Message
}

// withDefaults fills what was left out.
func (c Config) withDefaults() Config {
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	setDefault(&c.BasePath, "/v1")
	setDefault(&c.HomeURL, c.BaseURL+"/")
	setDefault(&c.Issuer, c.BaseURL)
	setDefault(&c.Audience, c.BaseURL)
	if base, err := url.Parse(c.BaseURL); err == nil {
		setDefault(&c.SiteName, base.Hostname())
	}
	setDefault(&c.Sessions.AccessTTL, time.Hour)
	setDefault(&c.Sessions.RefreshTTL, 7*24*time.Hour)
	setDefault(&c.Sessions.AbsoluteTTL, max(30*24*time.Hour, c.Sessions.RefreshTTL))
	setDefault(&c.Sessions.Algorithm, "ES256")
	setDefault(&c.Sessions.TokenType, accesstoken.TypeAccessToken)
	setDefault(&c.Sessions.RefreshGrace, refreshtoken.Grace)
	setDefault(&c.Sessions.OnReuse, reuseEndsAll)
	setDefault(&c.Sessions.MaxPerUser, 100)
	setDefault(&c.Passwords.MinLength, 8)
	setDefault(&c.MagicLink.TTL, 15*time.Minute)
	c.Passkeys = c.Passkeys.withDefaults(c.BaseURL)
	setDefault(&c.MFA.Issuer, c.SiteName)
	setDefault(&c.RecentFor, 10*time.Minute)
	setDefault(&c.RequestTimeout, 4*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
