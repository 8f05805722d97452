package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/console"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/passkey"
	"github.com/admit-go/admit/store"
)

// options are what the flags say.
type options struct {
	addr, baseURL, store, secretFile string
	origins, redirects               string
	smtp, mailFrom                   string
	admin                            string
	trustedProxies                   string
	requireAPIKey                    bool
	requireVerifiedEmail             bool
	privateSignUp, confirmOnGet      bool
	cookies                          bool
	noRateLimits                     bool
	staleness                        time.Duration
	accessTTL, refreshTTL            time.Duration
	insecureFastHash                 bool
	mfaRequired                      string
	pages                            bool
	brand                            pages.Brand
	devMailbox                       bool
	pictures                         string

	proxies   []netip.Prefix
	providers providerFlags
}

// durations matches what the package flag says of a duration that it cannot read.
var durations = regexp.MustCompile(`^invalid value ("[^"]*") for flag -(staleness|access-ttl|refresh-ttl): parse error$`)

// parseFlags reads the command line, and answers everything that is wrong with
// it.
func parseFlags(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would print all flags for each problem
	flags.StringVar(&o.addr, "addr", "127.0.0.1:8080", "`address` to listen on; port 0 picks a free one")
	flags.StringVar(&o.baseURL, "base-url", "", "what links in mails start with (default http:// and the address bound)")
	flags.StringVar(&o.store, "store", "sqlite:admit.db", "sqlite:`file`, memory: or a postgres:// URL")
	flags.StringVar(&o.pictures, "pictures", "", "`folder` for the pictures of people; without it there are none")
	flags.StringVar(&o.secretFile, "secret-file", "admit.secret", "`file` with the secret, made when missing; ADMIT_SECRET wins over it")
	flags.StringVar(&o.origins, "origins", "", "comma-separated `origins` whose pages may call the API")
	flags.StringVar(&o.redirects, "redirects", "", "comma-separated `URLs` that a callbackUrl may start with")
	flags.StringVar(&o.smtp, "smtp", "", "`host:port` of an SMTP server; without it mails are kept in /dev/mailbox, on loopback alone")
	flags.BoolVar(&o.devMailbox, "dev-mailbox", false, "keep mails in /dev/mailbox even on an address that others reach: whoever does can read them")
	flags.StringVar(&o.mailFrom, "mail-from", "Admit <no-reply@localhost>", "`sender` of mails")
	flags.StringVar(&o.admin, "admin", "", "`email:password` of an administrator to make when missing")
	flags.StringVar(&o.trustedProxies, "trusted-proxies", "", "comma-separated `prefixes` of proxies in front of this server")
	flags.BoolVar(&o.requireAPIKey, "require-api-key", false, "ask for an X-API-Key on every route")
	flags.BoolVar(&o.requireVerifiedEmail, "require-verified-email", false, "let nobody sign in before the address is proven")
	flags.BoolVar(&o.privateSignUp, "private-signup", false, "answer a sign-up the same whether or not the address has an account")
	flags.BoolVar(&o.confirmOnGet, "confirm-on-get", false, "confirm an address as soon as the mailed link is fetched")
	flags.BoolVar(&o.cookies, "cookies", false, "let clients sign in with a session cookie")
	flags.BoolVar(&o.pages, "pages", true, "hosted pages under /auth and the console under /console, which switch -cookies on")
	flags.Func("brand", "`name,#rrggbb,logo-url` of the hosted pages; each part may be empty", o.readBrand)
	flags.StringVar(&o.mfaRequired, "mfa-required", "", "who must have a second factor: everyone, or a `role`")
	flags.BoolVar(&o.noRateLimits, "no-rate-limits", false, "switch all limits off, for load and crash tests only")
	flags.DurationVar(&o.staleness, "staleness", 0, "how long a session may be believed to live without asking the store")
	flags.DurationVar(&o.accessTTL, "access-ttl", time.Hour, "life of an access token")
	flags.DurationVar(&o.refreshTTL, "refresh-ttl", 7*24*time.Hour, "life of a session without a refresh")
	flags.BoolVar(&o.insecureFastHash, "insecure-fast-hash", false, "hash passwords as cheaply as possible, for load and crash tests only")

	o.providers.register(flags)

	var problems []error
	var unread []string // flags whose duration could not be read
	err := flags.Parse(args)
	for ; err != nil; err = flags.Parse(flags.Args()) {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stderr)
			flags.Usage()
			return nil, err
		}
		if wrong := durations.FindStringSubmatch(err.Error()); wrong != nil {
			unread = append(unread, wrong[2])
			err = fmt.Errorf("-%s %s: must be a duration, such as 90s, 15m or 1h", wrong[2], wrong[1])
		}
		problems = append(problems, err)
		if strings.HasPrefix(err.Error(), "bad flag syntax") {
			break // it stays the first argument
		}
	}
	if flags.NArg() > 0 {
		problems = append(problems, fmt.Errorf("unexpected argument %q", flags.Arg(0)))
	}
	for _, text := range list(o.trustedProxies) {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("-trusted-proxies %q: must be a network, such as 10.0.0.0/8, or an address, such as 192.0.2.7/32", text))
			continue
		}
		o.proxies = append(o.proxies, prefix)
	}
	if err := o.providers.check(); err != nil {
		problems = append(problems, err)
	}
	if _, _, err := o.adminAccount(); err != nil {
		problems = append(problems, err)
	}
	if _, err := mail.ParseAddress(o.mailFrom); err != nil && o.smtp == "" {
		problems = append(problems, fmt.Errorf("-mail-from %q: must be one address, such as \"App <no-reply@app.example>\"", o.mailFrom))
	}
	for name, life := range map[string]time.Duration{"access-ttl": o.accessTTL, "refresh-ttl": o.refreshTTL} {
		if life <= 0 && !slices.Contains(unread, name) {
			problems = append(problems, fmt.Errorf("-%s %v: must be longer, such as 1h", name, life))
		}
	}
	return o, errors.Join(problems...)
}

// adminAccount splits -admin.
func (o *options) adminAccount() (email, password string, err error) {
	if o.admin == "" {
		return "", "", nil
	}
	email, password, ok := strings.Cut(o.admin, ":")
	if !ok || email == "" || password == "" {
		return "", "", errors.New("-admin: must be email:password")
	}
	return email, password, nil
}

// config is the configuration that the flags amount to.
func (o *options) config(s store.Store, m mailer.Mailer, logger *slog.Logger) admit.Config {
	secrets := admit.SecretFile(o.secretFile)
	if secret := os.Getenv("ADMIT_SECRET"); secret != "" {
		secrets = admit.Secrets(secret)
	}
	config := admit.Config{
		BaseURL: o.baseURL, Secrets: secrets, Store: s, Mailer: m, Logger: logger,
		AllowedOrigins: list(o.origins), AllowedRedirects: list(o.redirects),
		TrustedProxies: o.proxies, RequireAPIKey: o.requireAPIKey,
		RequireVerifiedEmail: o.requireVerifiedEmail, PrivateSignUp: o.privateSignUp, ConfirmOnGet: o.confirmOnGet, Cookies: o.cookies,
		InsecureNoLimits: o.noRateLimits,
		Sessions: admit.SessionConfig{
			AccessTTL: o.accessTTL, RefreshTTL: o.refreshTTL, Staleness: o.staleness,
		},
		Passwords: admit.PasswordConfig{InsecureFastHash: o.insecureFastHash},
		Passkeys:  passkeys(o.baseURL),
		Providers: o.providers.providers(),
		MFA:       admit.MFAConfig{Required: o.mfaRequired, Remember: 30 * 24 * time.Hour},
	}
	if o.pages {
		config.Pages = &pages.Pages{Brand: o.brand}
		config.Console = &console.Console{Brand: o.brand}
	}
	return config
}

// signInPage is the page where people sign in: a hosted page, or the way to a provider
// where there are no hosted pages.
func (o *options) signInPage() string {
	if o.pages {
		return o.baseURL + "/auth/sign-in"
	}
	return o.baseURL + "/v1/auth/google"
}

// readBrand splits -brand.
func (o *options) readBrand(text string) error {
	parts := strings.SplitN(text, ",", 3)
	parts = append(parts, "", "")
	o.brand = pages.Brand{Name: strings.TrimSpace(parts[0]), Color: strings.TrimSpace(parts[1]), Logo: strings.TrimSpace(parts[2])}
	return o.brand.Check()
}

// passkeys switches passkeys on where the server has a domain that they can belong
// to. An address is none, a loopback address excepted, which means localhost.
func passkeys(baseURL string) admit.PasskeyConfig {
	if base, err := url.Parse(baseURL); err == nil {
		if address, err := netip.ParseAddr(base.Hostname()); err == nil && !address.IsLoopback() {
			return admit.PasskeyConfig{}
		}
	}
	return admit.PasskeyConfig{Engine: passkey.Engine{}}
}

func list(text string) []string {
	var items []string
	for item := range strings.SplitSeq(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}
