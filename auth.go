package admit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/internal/redirect"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// Auth is the authentication of one host. It is safe for use by any number of
// goroutines; any number of processes may share one Store.
type Auth struct {
	config Config
	store  store.Store
	// after collects what must wait for a host's commit; nil outside WithTx.
	after *afterCommit

	*machinery
}

// machinery is what an Auth and its copies inside host transactions share.
type machinery struct {
	router    router
	log       *slog.Logger
	ids       uuid.Source
	ring      *sealed.Ring
	hasher    *passhash.Hasher
	clients   *clientip.Resolver
	tokens    *accessTokens
	live      *liveness
	active    *activity
	outbox    *outbox
	events    *dispatcher
	sweeper   *sweeper
	pages     *ui.Renderer
	redirects *redirect.Matcher
}

// features lists what this Auth can do, one file each.
func features() []feature {
	return []feature{signUp, password, magicLink, tokens, sessions, reset, verification, account, users, apiKeys}
}

// tenant is the one that this Auth serves. Stores keep it beside every record,
// so that serving several needs no migration.
const tenant = ""

// New checks the whole configuration and returns an Auth, or every problem
// found, joined. It touches neither network nor store and starts nothing.
func New(config Config) (*Auth, error) {
	config = config.withDefaults()
	var p problems
	config.validate(&p)
	var ring *sealed.Ring
	if config.Secrets != nil {
		secrets, err := config.Secrets.secrets()
		if err == nil {
			ring, err = sealed.New(secrets)
		}
		p.under("Secrets", err)
	}
	clients, err := clientip.New(config.TrustedProxies, "")
	p.under("TrustedProxies", err)
	letters, err := letter.New(letter.Options{Logger: config.Logger, Files: config.Messages.Files, Rewrite: config.Messages.Rewrite})
	p.under("Messages", err)
	base := config.BaseURL
	if checkBaseURL(base) != nil {
		base = "https://said.invalid" // what is wrong with it stands in the list
	}
	redirects, err := redirect.New(base, config.AllowedRedirects)
	p.under("AllowedRedirects", err)
	pages, err := ui.New()
	p.under("ui", err)
	if err := errors.Join(p...); err != nil {
		return nil, fmt.Errorf("admit: the configuration cannot work:\n%w", err)
	}
	a := &Auth{config: config, store: config.Store, machinery: &machinery{
		log: config.Logger, ring: ring, clients: clients, redirects: redirects, pages: pages,
	}}
	var params passhash.Params
	if config.Passwords.InsecureFastHash {
		params = passhash.InsecureParams()
		a.log.Warn("passwords are stored with an insecure fast hash")
	}
	if config.InsecureNoLimits {
		a.log.Warn("all limits are switched off")
	}
	a.hasher = passhash.New(params, passhash.Limits{})
	a.tokens = newAccessTokens(config, ring, &a.ids)
	a.live = newLiveness(config.Sessions.Staleness)
	a.active = newActivity(config.Store, config.Logger)
	a.outbox = newOutbox(config, ring, &a.ids, letters)
	a.events = newDispatcher(config, a.outbox.holder)
	a.sweeper = newSweeper(config, a.outbox.holder)
	for _, f := range features() {
		for i := range f.routes {
			if err := a.router.add(a.pathOf(f.routes[i]), &f.routes[i]); err != nil {
				return nil, fmt.Errorf("admit: %w", err)
			}
		}
	}
	return a, nil
}

// Handler serves every route: those under Config.BasePath and
// /.well-known/jwks.json.
func (a *Auth) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// Mux is what Mount needs of a multiplexer; *http.ServeMux is one.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Mount registers Handler on a multiplexer, below Config.BasePath and at
// /.well-known/jwks.json.
func (a *Auth) Mount(mux Mux) {
	mux.Handle(a.config.BasePath+"/", a.Handler())
	mux.Handle(jwksPath, a.Handler())
}

// Start begins the periodic work (sending mail, sweeping) at once instead of
// with the first call that needs it: a process that only sends mail wants it.
func (a *Auth) Start() { a.wakeWorkers(false) }

// wakeWorkers tells the workers that something was committed, mail perhaps.
func (a *Auth) wakeWorkers(mail bool) {
	if mail {
		a.outbox.worker.wake()
	} else {
		a.outbox.worker.wakeOnce()
	}
	a.sweeper.worker.wakeOnce()
	if a.config.OnEvent != nil {
		a.events.worker.wake()
	}
}

// Close sends the mail that waits, writes what is pending and stops all work,
// within ctx and 10 seconds at most. Mail that could not be sent stays in the
// store for the next process. Closing twice does nothing more; an Auth that is
// closed still answers requests, but sends no mail.
func (a *Auth) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return errors.Join(a.active.close(ctx), a.sweeper.close(ctx), a.outbox.close(ctx), a.events.close(ctx))
}

// now is the injected clock, at the store's precision.
func (a *Auth) now() time.Time { return a.config.Now().UTC().Truncate(time.Microsecond) }

// newID returns an identifier for a new record.
func (a *Auth) newID() string { return a.ids.New(a.now()) }

// tx runs fn in a transaction of the store, maps what comes back, and tells the
// workers of what was committed.
func (a *Auth) tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	mail := false
	err := fault(a.store.Tx(context.WithValue(ctx, mailKey{}, &mail), fn))
	if err == nil {
		a.afterCommit(func() { a.wakeWorkers(mail) })
	}
	return err
}
