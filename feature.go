package admit

import (
	"context"
	"net/http"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// feature is the declaration of one feature, at the top of its file. auth.go
// builds the router from the list of features. A test compares the result of
// Routes with openapi.yaml.
type feature struct {
	name   string
	routes []route
	// mails are the messages that the feature sends, events the facts that it
	// records, and errors the refusals that it adds to the general ones. Each
	// of them is declared by one feature. A rule that sends or records anything
	// else fails.
	mails  []mailer.Kind
	events []string
	errors []*Error
	// holds is what the feature keeps about people, for exports and deletions.
	holds holding
	// reproofs lists the methods of the feature by which an account can prove itself
	// again. Nil if there are none.
	reproofs func(ctx context.Context, k *kernel, user *store.User) ([]string, error)
}

// access says who may use a route.
type access string

const (
	// anyone needs no account.
	anyone access = "anyone"
	// signedIn needs an account. Guests may use the route too.
	signedIn access = "user"
	// adminGroup needs the token of an administrator or a secret key.
	adminGroup access = "admin"
)

// usersPath is where the routes start whose errors have the codes of userCode.
const usersPath = "/users"

// Access to the routes under /users.
const (
	// anyUser needs an account, or a secret key.
	anyUser access = "any-user"
	// selfOrAdmin needs the account that the parameter userId of the path names,
	// or the group of administrators.
	selfOrAdmin access = "self-or-admin"
	// selfOnly needs the account that the parameter userId of the path names. No key
	// will do, and no administrator.
	selfOnly access = "self"
)

// route is one method on one path.
type route struct {
	method string
	// path starts at Config.BasePath, or at the root of the host if root is
	// set. A segment in braces is a parameter.
	path string
	root bool
	who  access
	// scope is the scope that an API key needs.
	scope string
	// exact needs the exact scope: a wildcard does not include it.
	exact bool
	// ownKeys says that a key of a user may use the route, as its owner. No other
	// route of accounts and of administration takes such a key.
	ownKeys bool
	// acting says that an administrator may use the route who acts as the user.
	acting bool
	// exchanges says that the route takes another proof and ignores
	// Authorization and cookies, because clients attach old ones there.
	exchanges bool
	// orRefresh says that a refresh token in the body may replace an access
	// token that is missing or invalid. The rule of the route refuses the
	// caller if both are.
	orRefresh bool
	// navigated says that a browser reaches the route by following a link or
	// sending a form. A browser cannot set headers then, so the request needs
	// no API key.
	navigated bool
	// vouched says that the request proves itself and needs no API key: the body is
	// signed by a provider, or the path has a ticket.
	vouched bool
	// streams says that the rule reads the body itself. It must ask again who may
	// call after it has read the body.
	streams bool
	// cacheable says that the response is public and the same for everyone.
	cacheable bool
	// limit is the class of the route. ratelimit.go describes the classes.
	limit limitClass
	// fresh reads the session from the store, whatever Sessions.Staleness is.
	fresh bool
	serve func(w http.ResponseWriter, r *http.Request) error
}
