package admit

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/admit-go/admit/mailer"
)

// feature is one thing that Admit can do, declared at the top of its file. The
// table of features in auth.go builds the router; Routes shows it to the test
// that holds it against openapi.yaml.
type feature struct {
	name   string
	routes []route
	// mails are the letters that the feature sends, events the facts it
	// records, errors the refusals it adds to the general ones.
	mails  []mailer.Kind
	events []string
	errors []*Error
}

// access says who may use a route.
type access string

const (
	// anyone: with or without an account.
	anyone access = "anyone"
	// signedIn: every account, guests too.
	signedIn access = "user"
	// adminGroup: an administrator's token or a secret key.
	adminGroup access = "admin"
)

// route is one method on one path.
type route struct {
	method string
	// path stands under Config.BasePath, or at the root of the host when root
	// is set. A segment in braces is a parameter.
	path string
	root bool
	who  access
	// scope is what an API key needs to pass.
	scope string
	// exact asks for the scope itself: a wildcard does not cover it.
	exact bool
	// exchanges says that the route takes another proof, so it ignores
	// Authorization and cookies: clients attach stale ones.
	exchanges bool
	// navigated says that a browser reaches it by following a link or sending
	// a form, where no header can be set: no API key is asked for.
	navigated bool
	// cacheable responses are public and the same for everyone.
	cacheable bool
	// limit bounds how often it is used, see ratelimit.go.
	limit limitClass
	// fresh asks the store about the session, whatever Sessions.Staleness.
	fresh bool
	serve func(a *Auth, w http.ResponseWriter, r *http.Request) error
}

// Route describes one route of the handler, for tools and documentation.
type Route struct {
	// Feature is the name of the feature that the route belongs to.
	Feature string
	// Method and Path are as a client uses them; parameters stand in braces.
	Method, Path string
	// Access is "anyone", "user" or "admin".
	Access string
	// Scope is what an API key needs.
	Scope string
	// Limit is the class of its rate limit: "none", "guess", "signup" or "mail".
	Limit string
	// Exchanges says that it takes another proof and ignores Authorization.
	Exchanges bool
	// NeedsAPIKey says whether Config.RequireAPIKey holds for it.
	NeedsAPIKey bool
}

// Routes lists every route that Handler serves, in the order of the features.
func (a *Auth) Routes() []Route {
	var routes []Route
	for _, f := range features() {
		for _, r := range f.routes {
			routes = append(routes, Route{
				Feature: f.name, Method: r.method, Path: a.pathOf(r), Access: string(r.who),
				Scope: r.scope, Exchanges: r.exchanges, Limit: string(cmp.Or(r.limit, unlimited)), NeedsAPIKey: !r.navigated,
			})
		}
	}
	return routes
}

// ErrorCodes lists the stable codes of every error, sorted.
func ErrorCodes() []string {
	var codes []string
	for _, e := range []*Error{
		ErrInternal, ErrUnavailable, ErrNotFound, ErrMethodNotAllowed, ErrInvalidRequest, ErrTooLarge, ErrMediaType, ErrTooManyRequests,
	} {
		codes = append(codes, e.Code)
	}
	for _, f := range features() {
		for _, e := range f.errors {
			codes = append(codes, e.Code)
		}
	}
	slices.Sort(codes)
	return slices.Compact(codes)
}

func (a *Auth) pathOf(r route) string {
	if r.root {
		return r.path
	}
	return a.config.BasePath + r.path
}
