package admit

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/activity"
	"github.com/admit-go/admit/internal/chain"
	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/internal/delivery"
	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/liveness"
	"github.com/admit-go/admit/internal/origin"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/redirect"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/router"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// Auth is the authentication of one host. It is safe for use by any number of
// goroutines; any number of processes may share one Store.
//
// Auth itself has the life cycle (New, Handler, Mount, Start, Close, WithTx) and
// the guards for the host's routes (RequireUser and the other Require methods).
// Everything else is a method of one of its fields, such as
// auth.Passwords.SignIn.
type Auth struct {
	*kernel

	SignUps          *SignUps
	MFA              *MFA
	Reauthentication *Reauthentication
	StartOvers       *StartOvers
	Passwords        *Passwords
	Passkeys         *Passkeys
	PasswordResets   *PasswordResets
	MagicLinks       *MagicLinks
	Verifications    *Verifications
	EmailChanges     *EmailChanges
	Sessions         *Sessions
	Users            *Users
	Withdrawals      *Withdrawals
	Exports          *Exports
	Profiles         *Profiles
	Events           *Events
	Statistics       *Statistics
	Providers        *Providers
	Identities       *Identities
	APIKeys          *APIKeys
	Organizations    *Organizations
	Domains          *Domains
	Invitations      *Invitations
	Imports          *Imports
	Avatars          *Avatars
	Outbox           *Outbox
	Sealing          *Sealing
	Settings         *Settings
	Templates        *Templates
	Webhooks         *Webhooks
	Impersonations   *Impersonations

	router   router.Router[*route]
	features []feature
}

// assemble makes the features of one kernel. It is the one place that says
// which feature stands on which.
func assemble(k *kernel) *Auth {
	a := &Auth{
		kernel:           k,
		Passwords:        &Passwords{k},
		Passkeys:         &Passkeys{k},
		MagicLinks:       &MagicLinks{k},
		Sessions:         &Sessions{k},
		Events:           &Events{k},
		Statistics:       &Statistics{k, &knownStats{}},
		APIKeys:          &APIKeys{k},
		Identities:       &Identities{k},
		Avatars:          &Avatars{k},
		Profiles:         &Profiles{k},
		Organizations:    &Organizations{k},
		Domains:          &Domains{k},
		Invitations:      &Invitations{k},
		Imports:          &Imports{k},
		Outbox:           &Outbox{k},
		Sealing:          &Sealing{k},
		Settings:         &Settings{k},
		Templates:        &Templates{k},
		Webhooks:         &Webhooks{k},
		Impersonations:   &Impersonations{k},
		MFA:              &MFA{k},
		Reauthentication: &Reauthentication{k},
		StartOvers:       &StartOvers{k},
		Withdrawals:      &Withdrawals{k},
		Exports:          &Exports{k},
	}
	a.PasswordResets = &PasswordResets{k}
	a.Verifications = &Verifications{k, a.PasswordResets}
	a.SignUps = &SignUps{k, a.Verifications}
	a.Providers = &Providers{k, a.Verifications}
	a.Users = &Users{k, a.PasswordResets, &userTotal{}}
	a.EmailChanges = &EmailChanges{k, a.Verifications, a.PasswordResets}
	return a
}

// declared lists what this Auth can do, one file each.
func declared(a *Auth) []feature {
	k := a.kernel
	return []feature{
		(&emailDoors{k, a.SignUps, a.Passwords, a.MagicLinks, a.MFA}).feature(), a.SignUps.feature(), a.Passwords.feature(),
		a.MagicLinks.feature(), (&keySet{k}).feature(), a.Sessions.feature(), a.PasswordResets.feature(),
		a.Verifications.feature(), a.EmailChanges.feature(), (&me{k}).feature(), a.Users.feature(), (&userDoors{k, a.Users, a.Profiles, a.Withdrawals}).feature(), (&profileDoors{k, a.Profiles}).feature(), a.Events.feature(), (&auditDoors{k, a.Events}).feature(), a.Statistics.feature(), a.Imports.feature(), a.APIKeys.feature(), (&keyDoors{k, a.APIKeys}).feature(), a.Avatars.feature(), (&avatarDoors{k, a.Avatars}).feature(),
		(&passkeyDoors{k, a.Passkeys}).feature(), (&providerDoors{k, a.Providers}).feature(), (&linkDoors{k, a.Identities}).feature(),
		(&mfaDoors{k, a.MFA}).feature(), a.Reauthentication.feature(), a.StartOvers.feature(),
		(&organizationDoors{k, a.Organizations}).feature(), (&domainDoors{k, a.Domains}).feature(), (&policyDoors{k, a.Organizations}).feature(), (&invitationDoors{k, a.Invitations}).feature(), (&settingDoors{k, a.Settings}).feature(), (&templateDoors{k, a.Templates}).feature(), (&webhookDoors{k, a.Webhooks}).feature(),
		(&adminDoors{k, a.Sessions, a.Passkeys, a.Verifications, a.PasswordResets, a.Outbox}).feature(), a.Impersonations.feature(),
		a.Withdrawals.feature(), a.Exports.feature(),
	}
}

// New checks the whole configuration and returns an Auth, or every problem
// found, joined. It touches neither network nor store and starts nothing.
func New(config Config) (*Auth, error) {
	config = config.withDefaults()
	var p problems
	config.validate(&p)
	var ring *sealed.Ring
	if config.Secrets != nil {
		secrets, err := config.Secrets.secrets(config.Logger)
		if err == nil {
			ring, err = sealed.New(secrets)
		}
		p.under("Secrets", err)
	}
	clients, err := clientip.New(config.TrustedProxies, "")
	p.under("TrustedProxies", err)
	if clients != nil {
		clients.TrustUnixSocket = config.TrustUnixSocket
	}
	words, err := wording.Load(texts.Options{Own: config.Languages.Texts, Default: config.Languages.Default, Only: config.Languages.Only})
	p.under("Languages", err)
	letters, err := letter.New(letter.Options{Logger: config.Logger, Files: config.Messages.Files, Rewrite: config.Messages.Rewrite, Texts: words})
	p.under("Messages", err)
	base := config.BaseURL
	if checkBaseURL(base, config.InsecureHTTP) != nil {
		base = "https://said.invalid" // what is wrong with it stands in the list
	}
	var insecure redirect.Option
	if config.InsecureHTTP {
		insecure = redirect.InsecureHTTP
	}
	redirects, err := redirect.New(base, config.AllowedRedirects, insecure)
	p.under("AllowedRedirects", err)
	hosted, err := openPages(config, config.Pages)
	p.under("Pages", err)
	console, err := openConsole(config, hosted)
	p.under("Console", err)
	config.Invitations.URL = cmp.Or(config.Invitations.URL, hosted.InvitationURL, config.HomeURL)
	pages, err := ui.New(hosted.Brand, ui.Texts{Files: config.Languages.Texts, Default: config.Languages.Default, Only: config.Languages.Only})
	if words != nil { // what is wrong with the texts stands in the list
		p.under("ui", err)
	}
	if err := errors.Join(p...); err != nil {
		return nil, fmt.Errorf("admit: the configuration cannot work:\n%w", err)
	}
	config.Providers = openProviders(config.Providers)
	k := &kernel{config: config, store: config.Store, machinery: &machinery{
		log: config.Logger, ring: ring, clients: clients, redirects: redirects, pages: pages, words: words, hosted: hosted, console: console, begin: recheck, admitted: joinByDomain, letters: letters, orgRoles: config.Organizations,
	}}
	k.linkOff.Store(config.MagicLink.Disabled)
	for _, target := range redirects.Wildcards() {
		k.log.Warn("AllowedRedirects has a wildcard: whoever can have a host of that name can be sent mailed tokens", "target", target)
	}
	var params passhash.Params
	if config.Passwords.InsecureFastHash {
		params = passhash.InsecureParams()
		k.log.Warn("passwords are stored with an insecure fast hash")
	}
	if config.Webhooks.AllowPrivate {
		k.log.Warn("webhooks may lead to this machine and into private networks")
	}
	if config.InsecureHTTP {
		k.log.Warn("the base URL may be http, so tokens and passwords can be read on the way")
	}
	if config.InsecureNoLimits {
		k.log.Warn("all limits are switched off")
	}
	k.hasher = passhash.New(params, hashLimits(config))
	k.hasher.Use(verifiers(config.Passwords.Verifiers, config.Logger)...)
	k.tokens = accesstoken.New(accesstoken.Options{
		Issuer: config.Issuer, Audience: config.Audience, TTL: config.Sessions.AccessTTL, Algorithm: config.Sessions.Algorithm,
		Type: config.Sessions.TokenType, Tenant: tenant, Ring: ring, Remembered: config.Sessions.RememberedTokens, Logger: config.Logger,
	})
	k.refresh, k.cookies = refreshtoken.New(ring), refreshtoken.NewFor(ring, cookiePurpose)
	if k.origin, err = origin.Of(config.BaseURL); err != nil {
		return nil, fmt.Errorf("admit: BaseURL: %w", err)
	}
	k.live = liveness.New(liveness.Options{Staleness: config.Sessions.Staleness, Tenant: tenant})
	k.keysUsed = activity.New(activity.Options{Write: touchKeys(config.Store), What: "keys", Tenant: tenant, Logger: config.Logger})
	k.active = activity.New(activity.Options{Write: config.Store.TouchSessions, What: "sessions", Tenant: tenant, Logger: config.Logger})
	holder := k.ids.New(time.Now())
	k.mailQueue = newMailQueue(config, ring, &k.ids, letters, holder)
	k.revocations = newRevocations(k, holder)
	k.events = delivery.NewDispatcher(delivery.Events{
		Store: config.Store, Tenant: tenant, Holder: holder, Now: config.Now, Logger: config.Logger, OnEvent: toldEvents(config.OnEvent),
		Before: func(ctx context.Context, events []store.Event) error { return fanOut(ctx, k, events) },
	})
	k.hooks = newHookSender(k, holder)
	k.chain = newChain(k, holder)
	k.sweeper = delivery.NewSweeper(delivery.Sweeps{
		Store: config.Store, Tenant: tenant, Holder: holder, Expire: k.chain.Expire, Now: config.Now, Logger: config.Logger,
		More: func(ctx context.Context) error { return errors.Join(sweepAvatars(ctx, k), recheckDomains(ctx, k)) },
		Purge: func(ctx context.Context, now time.Time, after string) (string, error) {
			return purgeDue(ctx, k, now, after)
		},
	})
	k.notices = newNotices(k)
	k.checkpoints = checkpointsOf()
	a := assemble(k)
	a.features = declared(a)
	if err := register(a); err != nil {
		return nil, err
	}
	return a, nil
}

// newChain returns what links the events of the audit log.
func newChain(k *kernel, holder string) *chain.Chain {
	c := &k.config
	return chain.New(chain.Options{
		Store: c.Store, Tenant: tenant, Holder: holder, Ring: k.ring, IDs: &k.ids, Now: c.Now, Logger: c.Logger,
		Erasable: func(kind string) bool { return slices.Contains(purgeBlank(), kind) }, Purged: eventUserPurged,
		Retention: c.EventRetention, OnCheckpoint: c.OnCheckpoint,
		Count: func(ctx context.Context, tx store.Store, events []store.Event) error {
			return countEvents(ctx, k.now(), tx, events)
		},
	})
}

// register makes known what the features of an Auth declare: their mails, events
// and routes. It returns an error if two features declare the same.
func register(a *Auth) error {
	k := a.kernel
	k.mails, k.kinds = map[mailer.Kind]bool{}, map[string]bool{}
	for _, f := range a.features {
		k.holdings = append(k.holdings, f.holds)
		if f.reproofs != nil {
			k.reproofs = append(k.reproofs, f.reproofs)
		}
		for _, mail := range f.mails {
			if k.mails[mail] {
				return fmt.Errorf("admit: the mail %q is declared twice", mail)
			}
			k.mails[mail] = true
		}
		for _, kind := range f.events {
			if k.kinds[kind] {
				return fmt.Errorf("admit: the event %q is declared twice", kind)
			}
			k.kinds[kind] = true
		}
		for i := range f.routes {
			if err := freeOfProviders(&k.config, f.routes[i].path); err != nil {
				return err
			}
			if err := a.router.Add(f.routes[i].method, pathOf(a, f.routes[i]), &f.routes[i]); err != nil {
				return fmt.Errorf("admit: %w", err)
			}
		}
	}
	return nil
}

// freeOfProviders refuses a provider with the name of a segment of a route.
func freeOfProviders(c *Config, path string) error {
	rest, _ := strings.CutPrefix(path, "/auth/")
	segment, _, _ := strings.Cut(rest, "/")
	if _, err := providerNamed(c, segment); err == nil {
		return fmt.Errorf("admit: Providers: the name %q is a segment of the route %s", segment, path)
	}
	return nil
}

// openPages makes pages of a configuration ready.
func openPages(config Config, pages HostedPages) (OpenedPages, error) {
	switch {
	case pages == nil:
		return OpenedPages{}, nil
	case isNil(pages):
		return OpenedPages{}, errors.New("is a nil pointer")
	}
	opened, err := pages.Open(config)
	if err != nil || opened.Path == "" { // New says what is wrong with the rest
		return OpenedPages{}, err
	}
	if err := checkBasePath(opened.Path); err != nil {
		return OpenedPages{}, fmt.Errorf("Path %q: %w", opened.Path, err)
	}
	if overlap(opened.Path, config.BasePath) {
		return OpenedPages{}, fmt.Errorf("Path %q: must not overlap BasePath %q", opened.Path, config.BasePath)
	}
	return opened, nil
}

// openConsole makes Config.Console ready, beside the hosted pages.
func openConsole(config Config, hosted OpenedPages) (OpenedPages, error) {
	console, err := openPages(config, config.Console)
	switch {
	case err != nil || console.Handler == nil:
		return OpenedPages{}, err
	case config.Pages == nil:
		return OpenedPages{}, errors.New("needs Pages, where administrators sign in")
	case hosted.Handler != nil && overlap(console.Path, hosted.Path):
		return OpenedPages{}, fmt.Errorf("Path %q: must not overlap the path %q of Pages", console.Path, hosted.Path)
	}
	return console, nil
}

// overlap reports whether one of two paths is the other, or is below it.
func overlap(a, b string) bool {
	return strings.HasPrefix(a+"/", b+"/") || strings.HasPrefix(b+"/", a+"/")
}

// Start begins the periodic work (sending mail, sweeping) at once instead of
// with the first call that needs it: a process that only sends mail wants it.
func (a *Auth) Start() { a.wakeWorkers(false) }

// Close sends the mail that waits, writes what is pending and stops all work,
// within ctx and 10 seconds at most. Mail that could not be sent stays in the
// store for the next process. Closing twice does nothing more; an Auth that is
// closed still answers requests, but sends no mail.
func (a *Auth) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return errors.Join(a.active.Close(ctx), a.keysUsed.Close(ctx), a.notices.Close(ctx), a.sweeper.Close(ctx), a.chain.Close(ctx), a.mailQueue.Close(ctx), a.revocations.Close(ctx), a.events.Close(ctx), a.hooks.Close(ctx))
}

// Routes lists every route that Handler serves, in the order of the features.
func (a *Auth) Routes() []Route {
	var routes []Route
	for _, f := range a.features {
		for _, r := range f.routes {
			routes = append(routes, Route{
				Feature: f.name, Method: r.method, Path: pathOf(a, r), Access: string(r.who),
				Scope: r.scope, Exchanges: r.exchanges, Limit: string(cmp.Or(r.limit, unlimited)), NeedsAPIKey: !r.vouched && (!r.navigated || r.method != http.MethodGet),
			})
		}
	}
	return routes
}

// pathOf is where a route is served.
func pathOf(a *Auth, r route) string {
	if r.root {
		return r.path
	}
	return a.config.BasePath + r.path
}

// mounted is the pattern of a path in a multiplexer that refuses two patterns of
// which neither is more specific, as /auth/{provider}/callback and
// /auth/invitations/{id}.
func mounted(path string) string {
	if before, _, ok := strings.Cut(path, "{provider}/"); ok {
		return before + "{provider}/{rest...}"
	}
	return path
}

// WithTx returns an Auth whose rules take part in a host's transaction, so that
// rows of the host and of this library are committed, or vanish, together. A
// rule that refuses leaves the transaction usable. The host calls committed
// after its commit: it makes caches forget and mail go out at once. Forgetting
// the call only delays that. The store must keep its records in the database of
// tx; one without SQL answers every rule with ErrUnavailable.
func (a *Auth) WithTx(tx *sql.Tx) (scoped *Auth, committed func()) {
	pending := &afterCommit{}
	scoped = assemble(&kernel{config: a.config, store: a.store.WithTx(tx), after: pending, machinery: a.machinery})
	scoped.router, scoped.features = a.router, a.features
	return scoped, func() {
		for _, action := range pending.actions {
			action()
		}
		pending.actions = nil
	}
}

// Route describes one route of the handler, for tools and documentation.
type Route struct {
	// Feature is the name of the feature that the route belongs to.
	Feature string
	// Method and Path are as a client uses them; parameters stand in braces.
	Method, Path string
	// Access is "anyone", "user", "admin", "any-user" (a user or a secret key),
	// "self-or-admin" (the user whom the path names, or an administrator) or "self"
	// (the user whom the path names, and no key).
	Access string
	// Scope is what an API key needs.
	Scope string
	// Limit is the class of its rate limit: "none", "guess", "signup", "mail",
	// "ceremony" or "provider".
	Limit string
	// Exchanges says that it takes another proof and ignores Authorization.
	Exchanges bool
	// NeedsAPIKey says whether Config.RequireAPIKey holds for it. A form that a
	// page of a mailed link sends needs none all the same.
	NeedsAPIKey bool
}

// ErrorCodes lists the stable codes of every error, sorted.
func ErrorCodes() []string {
	var codes []string
	for _, e := range []*Error{
		ErrInternal, ErrUnavailable, ErrNotFound, ErrMethodNotAllowed, ErrInvalidRequest, ErrPayloadTooLarge, ErrUnsupportedMediaType, ErrTooManyRequests,
	} {
		codes = append(codes, e.Code)
	}
	for _, f := range declared(assemble(&kernel{})) {
		for _, e := range f.errors {
			codes = append(codes, e.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}
