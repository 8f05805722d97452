package admit

import (
	"context"
	"io/fs"
	"log/slog"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Config is everything that a host decides. BaseURL, Secrets, Store and Mailer
// are required. Every other field has a safe default. [New] checks all fields
// and reports all problems at once.
type Config struct {
	// BaseURL is the URL at which users reach the host, such as
	// "https://app.example". Links in mails start with it, never with the host
	// name of a request. The scheme is https; http is allowed on a loopback
	// address.
	BaseURL string
	// HomeURL is the target of the link on a page where nothing is left to do.
	// Default: BaseURL.
	HomeURL string
	// InsecureHTTP allows an http BaseURL and http redirect targets on any host,
	// for development in a local network. It MUST NOT be set where real people
	// sign in: others on the network can read tokens and passwords.
	InsecureHTTP bool
	// BasePath is the start of the path of every route. Default: "/v1".
	BasePath string
	// SiteName is the name of the application in mails and on pages. Default: the
	// host name of BaseURL.
	SiteName string
	// Issuer is the issuer (iss) of access tokens. Default: BaseURL.
	Issuer string
	// Audience is the audience (aud) of access tokens. Default: BaseURL.
	Audience string

	// Secrets seal stored data and authenticate tokens: [SecretFile] or [Secrets].
	Secrets SecretSource
	// Store keeps all records. There is no default.
	Store store.Store
	// Mailer sends all messages. There is no default. [mailer.Log] is for
	// development.
	Mailer mailer.Mailer

	// AllowedOrigins are the exact origins, such as "https://app.example" or
	// "capacitor://localhost", whose pages may call the API from a browser.
	// Default: none.
	AllowedOrigins []string
	// AllowedRedirects are the targets that a callbackUrl may have beside BaseURL:
	// exact scheme, host and port, and the start of the path. A fragment that
	// begins with "#/" is for hash routers. One "*" matches a part of the first
	// host label, if the host has at least three labels, as in
	// https://app-*.preview.example. New logs a warning for each "*".
	AllowedRedirects []string
	// TrustedProxies are the prefixes of the proxies in front of the host. Only
	// the addresses that these proxies add to X-Forwarded-For are trusted.
	// Default: none.
	TrustedProxies []netip.Prefix
	// TrustUnixSocket trusts X-Forwarded-For on connections without an IP address.
	// Set it if your proxy connects to the host over a Unix socket. Otherwise all
	// requests over connections without an IP address share one limit.
	TrustUnixSocket bool

	// RequireAPIKey makes every route require an X-API-Key, except for the routes
	// that a browser reaches by navigating and the discovery documents.
	RequireAPIKey bool

	// Blobs keeps the pictures of people: store/diskblob, store/s3blob or, for tests,
	// memory.Blobs. Default nil: the routes of pictures answer 404.
	Blobs store.Blobs
	// Avatars makes small pictures of what people upload: &avatar.Engine{} of the
	// package github.com/admit-go/admit/avatar. It is needed with Blobs.
	Avatars AvatarEngine
	// APIKeys: see [APIKeyConfig].
	APIKeys APIKeyConfig

	// Counters is the store of failure budgets and rate limits, such as
	// store/redis. Default: Store.
	Counters store.Counters
	// InsecureNoLimits switches all limits off. It MUST NOT be set where real
	// people sign in: it is for load and crash tests.
	InsecureNoLimits bool

	// Sessions and Passwords: see the comments of their types.
	Sessions  SessionConfig
	Passwords PasswordConfig

	// Cookies lets clients sign in with a session cookie instead of tokens: they
	// send the header X-Session-Mode: cookie. The cookie lives as long as a
	// session (Sessions.RefreshTTL and AbsoluteTTL). Default: the header is
	// ignored and no cookie is read.
	Cookies bool
	// PartitionedCookies makes session cookies for a host that is shown in a frame
	// of another site: SameSite=None; Partitioned. It needs https. Default: off.
	PartitionedCookies bool
	// Pages are pages for people who sign in with a browser: &pages.Pages{} of the
	// package github.com/admit-go/admit/pages. They switch Cookies on. Default nil:
	// the host has pages of its own, or none.
	Pages HostedPages
	// Console has the pages of operators: &console.Console{}. It needs Pages.
	Console HostedPages

	// RequireVerifiedEmail refuses every sign-in before the address is verified. A
	// password sign-up then gives no tokens.
	RequireVerifiedEmail bool
	// PrivateSignUp makes a password sign-up give the same answer if the address
	// has an account and if it has none. The sign-up gives no tokens before the
	// address is verified, and the owner of an existing account gets a mail.
	PrivateSignUp bool
	// SignUpDisabled lets nobody make an account alone: every sign-up is refused with
	// ErrSignUpDisabled, except a sign-up with SignUpParams.InvitationToken. Operators
	// still make accounts. Settings.UpdateEmail changes it at run time.
	SignUpDisabled bool
	// ConfirmOnGet verifies an address as soon as the mailed link is fetched,
	// without a button. Mail scanners fetch links too, so the fetch does not prove
	// that a person has read the mail.
	ConfirmOnGet bool
	// MagicLink: see [MagicLinkConfig].
	MagicLink MagicLinkConfig
	// Passkeys: see [PasskeyConfig].
	Passkeys PasskeyConfig
	// MFA: see [MFAConfig].
	MFA MFAConfig
	// Providers are the providers that people can sign in by, such as those of package
	// oauth. Default: none.
	Providers []Provider
	// KeepTokens keeps the tokens of providers, sealed, for Identities.Token. Default:
	// they are forgotten after the sign-in.
	KeepTokens bool
	// AllowNoEmail makes accounts without an address for people whose provider gives
	// none. Such an account gets no mail. Default: ErrOAuthEmailMissing.
	AllowNoEmail bool
	// AllowAccountCheck lets everybody ask whether an address, or a person at a
	// provider, has an account. Default: only programs with a secret key may.
	AllowAccountCheck bool
	// Hooks: see [Hooks].
	Hooks Hooks
	// OnEvent is called with every event after its commit, in order and at least
	// once, by one process at a time. If it returns an error or panics, it is
	// called with the same event again a little later, and the following events
	// wait.
	OnEvent func(ctx context.Context, e Event) error
	// Webhooks: see [WebhookConfig].
	Webhooks WebhookConfig
	// EventRetention is how long events are kept before they are deleted, at least
	// 24 hours. Events that OnEvent has not accepted yet are kept longer. Default
	// 0: events are kept for ever.
	EventRetention time.Duration
	// OnCheckpoint gets a checkpoint of the audit log every hour with new events, and
	// again after an error. See docs/audit.md.
	OnCheckpoint func(ctx context.Context, checkpoint string) error
	// Deletion: see [DeletionConfig].
	Deletion DeletionConfig
	// Instrument: see [Instrument].
	Instrument Instrument
	// Messages replaces built-in texts of mails. Default: the built-in texts.
	Messages MessageConfig
	// Languages are those that people are addressed in. Default: the built-in ones.
	Languages LanguageConfig

	// Roles are the roles of the host's own, 1 to 50 of a-z, 0-9, - and _ each. If
	// Roles is empty, Go code may give any such role, and the HTTP API gives only
	// RoleAdmin, RoleUser and RoleGuest. Otherwise both give those three and Roles.
	Roles []string
	// Admins are e-mail addresses. While no account administers, an account whose
	// verified address is one of them becomes an administrator when it signs in.
	Admins []string

	// Organizations: see [OrganizationConfig].
	Organizations OrganizationConfig
	// Domains: see [DomainConfig].
	Domains DomainConfig
	// Invitations: see [InvitationConfig].
	Invitations InvitationConfig
	// SeatLimit is asked in each transaction that adds a member to an organisation.
	// Default nil: an organisation may have any number of members.
	SeatLimit SeatLimit

	// RecentFor is how long a sign-in counts as a recent proof of identity.
	// Default 10 minutes.
	RecentFor time.Duration
	// RequestTimeout is how long a request waits for the store and for its turn at
	// the password hash before the answer is 503. It also bounds how long a hook
	// may run. Default 4 seconds.
	RequestTimeout time.Duration

	// Logger takes the log. Default [slog.Default].
	Logger *slog.Logger
	// LogClientAddress adds the client address to the log line of every request.
	// Client addresses are personal data in many countries, so the default is off.
	LogClientAddress bool
	// Now is the clock. Default [time.Now].
	Now func() time.Time
}

// HostedPages are pages that people open in a browser. Package pages has those of
// an account, and package console those of an administrator.
type HostedPages interface {
	// Open checks the pages against the configuration of their host, with its
	// defaults filled in, and makes them ready. New calls Open once and reports its
	// error together with the other problems.
	Open(config Config) (OpenedPages, error)
}

// The values of Sessions.OnReuse.
const (
	reuseEndsAll = "all"
	reuseEndsOne = "session"
)

// SessionConfig sets how long sessions and tokens live, and how tokens are
// signed.
type SessionConfig struct {
	// AccessTTL is the life of an access token. Default 1 hour.
	AccessTTL time.Duration
	// RefreshTTL is the life of a session without a refresh. Default 7 days.
	RefreshTTL time.Duration
	// AbsoluteTTL is the life of a session in any case. Default 30 days, or
	// RefreshTTL if that is longer; at most 400 days.
	AbsoluteTTL time.Duration
	// Staleness is how long a guard may use a cached session and the cached role
	// of its user. Default 0: the store is asked each time. Changes by this
	// process are always seen at once. Routes of administration and of credentials
	// always ask the store. At most 5 minutes.
	Staleness time.Duration
	// Algorithm signs access tokens: "ES256" (default), "EdDSA", "RS256" or
	// "HS256". With HS256 no key is published, so only this host can verify access
	// tokens.
	Algorithm string
	// TokenType is the type (typ) in the header of access tokens: "at+jwt" (RFC
	// 9068, default) or "JWT", for verifiers that accept only "JWT". Tokens of the
	// other type are refused, so clients refresh once after a change of this
	// setting.
	TokenType string
	// RememberedTokens is how many verified access tokens a process remembers.
	// Each takes about 250 bytes. Default 65,536; a negative number remembers
	// none.
	RememberedTokens int
	// RefreshGrace is the time after a refresh in which the previous refresh token
	// gives the same successor again, even if the successor was used. It is needed
	// when an answer is lost, when two tabs refresh at once, and when a page is
	// rendered on a server that cannot store the new token. Default 10 seconds, at
	// most 5 minutes.
	RefreshGrace time.Duration
	// OnReuse says what ends after a refresh token was used twice: "all" sessions
	// of the user (default), or only that "session".
	OnReuse string
	// MaxPerUser is the number of sessions that a user may have. With one more
	// session the oldest session ends. Default 100.
	MaxPerUser int
}

// PasswordConfig sets which passwords are accepted and how they are stored.
type PasswordConfig struct {
	// MinLength is the shortest password in characters (code points), from 8 to
	// 64. Default: 8. The longest password has 128 characters.
	MinLength int
	// RequireUppercase, RequireLowercase, RequireNumbers and RequireSpecialChars
	// require a character of the class in a new password. Default: off, as NIST SP
	// 800-63B-4 advises.
	RequireUppercase, RequireLowercase, RequireNumbers, RequireSpecialChars bool
	// ExpiresAfter is how long a password may be used to sign in. After that it
	// can only be reset. Default 0: passwords do not expire, as NIST SP 800-63B-4
	// advises.
	ExpiresAfter time.Duration
	// Leaked reports whether a new password is in a corpus of leaked passwords.
	// [LeakedPasswords] makes such a function. It is also asked for the right
	// password of a sign-in: the sign-in is refused with ErrPasswordExpired if the
	// password has leaked since it was set. At a sign-in, an error, or no answer
	// within 3 seconds, counts as no leak. Default nil: only the built-in list of
	// common passwords is used.
	Leaked func(ctx context.Context, password string) (bool, error)
	// Verifiers check imported passwords in formats that Admit does not know. They
	// are asked in this order. Default: none.
	Verifiers []PasswordVerifier
	// InsecureFastHash stores passwords with the cheapest hash. It is for load
	// tests and crash tests. It MUST NOT be set for a store with passwords of real
	// people.
	InsecureFastHash bool
}

// MagicLinkConfig sets how people sign in by a mailed link or code.
type MagicLinkConfig struct {
	// Disabled switches sign-in by mail off: every request for a link is refused
	// with ErrMagicLinkDisabled.
	Disabled bool
	// TTL is how long a link works. Default 15 minutes, at most 1 hour. The code
	// in the same mail works for 10 minutes.
	TTL time.Duration
}

// RequiredOfEveryone as MFAConfig.Required means that every user needs a second
// factor.
const RequiredOfEveryone = "everyone"

// MFAConfig sets who must have a second factor, and how long a device is
// remembered.
type MFAConfig struct {
	// Required says who must have a second factor: RequiredOfEveryone, or a role.
	// A user who has none sets one up during the next sign-in. Default "": nobody.
	Required string
	// RequiredFrom is the time from which Required holds. Default: at once.
	RequiredFrom time.Time
	// Remember is how long a device needs no second factor after its user asked to
	// be remembered, such as 30 days. At most 90 days. Default 0: devices are not
	// remembered.
	Remember time.Duration
	// Issuer is the name of the application in authenticator apps. Default:
	// SiteName.
	Issuer string
}

// knowsRole says whether an account may be given a role from Go.
func (c Config) knowsRole(role string) bool {
	return validRole(role) && (len(c.Roles) == 0 || c.configured(role))
}

// configured says whether a role is one of Admit's own or of Config.Roles.
func (c Config) configured(role string) bool {
	return role == RoleAdmin || role == RoleUser || role == RoleGuest || slices.Contains(c.Roles, role)
}

func validRole(role string) bool {
	return role != "" && len(role) <= 50 && strings.Trim(role, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// requires reports whether an account with a role must have a second factor at
// a time.
func (c MFAConfig) requires(role string, now time.Time) bool {
	return (c.Required == RequiredOfEveryone || c.Required != "" && c.Required == role) && !now.Before(c.RequiredFrom)
}

// DeletionConfig sets how long a deleted account is kept.
type DeletionConfig struct {
	// Grace is how long the mailed link restores an account that its owner has
	// deleted, at least 1 hour. Default 14 days.
	Grace time.Duration
	// Retention is how long after its deletion an account is kept, at least Grace.
	// The sweeper then purges the account: nothing of the person stays but the audit
	// log. Default 30 days, or Grace if that is longer.
	Retention time.Duration
}

// MessageConfig replaces texts of mails.
type MessageConfig struct {
	// Files holds templates named <kind>.subject.txt, <kind>.txt (text/template)
	// and <kind>.html (html/template), and <kind>.<locale>.… for one language.
	// They may name the fields of mailer.Values, and .Kind and .Locale.
	Files fs.FS
	// Rewrite changes Subject, Text and HTML of each message last. It must escape
	// the values that it puts into HTML.
	Rewrite func(m mailer.Message) mailer.Message
	// Senders are the addresses that operators may choose as the sender of a mail
	// (Templates.Update), such as "billing@app.example". The mail server must accept
	// them. Default: none, so the sender is that of the Mailer.
	Senders []string
}

// LanguageConfig says in which languages people read mails, pages and errors. Built in
// are English, German, French, Spanish, Portuguese, Japanese, Korean, Chinese and
// Arabic.
type LanguageConfig struct {
	// Default is the language of mails and pages for people who want none that there
	// is (BCP 47). Default "en".
	Default string
	// Only are the languages that are used. Without a Default, English among them is the
	// default, else the first. Default: all that there are texts for.
	Only []string
	// Texts adds languages, or replaces single texts of mails, of the pages of mailed
	// links, and of errors: one file for each language, such as "nl.json".
	// docs/languages.md has its form. The texts of package pages are in Pages.Texts.
	Texts fs.FS
	// EnglishErrors keeps the messages of the API's errors in English. Default: a
	// request with Accept-Language gets them in the best language for it, and a
	// request without it gets them in English.
	EnglishErrors bool
}

// withDefaults returns the configuration with every default filled in.
func (c Config) withDefaults() Config {
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	setDefault(&c.BasePath, "/v1")
	c.Cookies = c.Cookies || c.Pages != nil
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
	c.APIKeys = c.APIKeys.withDefaults()
	setDefault(&c.MagicLink.TTL, 15*time.Minute)
	c.Passkeys = c.Passkeys.withDefaults(c.BaseURL)
	c.Organizations, c.Domains = c.Organizations.withDefaults(), c.Domains.withDefaults()
	if c.Pages == nil { // else the pages have their own
		setDefault(&c.Invitations.URL, c.HomeURL)
	}
	setDefault(&c.MFA.Issuer, c.SiteName)
	setDefault(&c.RecentFor, 10*time.Minute)
	setDefault(&c.Deletion.Grace, 14*24*time.Hour)
	setDefault(&c.Deletion.Retention, max(30*24*time.Hour, c.Deletion.Grace))
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
