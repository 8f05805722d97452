package admit

import (
	"net/http"

	"github.com/admit-go/admit/mailer"
)

// feature is one thing that Admit can do, declared at the top of its file. The
// list of features in auth.go builds the router; Routes shows it to the test
// that compares it with openapi.yaml.
type feature struct {
	name   string
	routes []route
	// mails are the letters that the feature sends, events the facts that it
	// records, errors the refusals that it adds to the general ones. Each is
	// declared by one feature: a rule that sends or records anything else fails.
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
	// orRefresh says that a refresh token, or the ticket of a paused sign-in, in
	// the body may stand in for an access token that is missing or no good. The
	// rule of the route refuses the caller otherwise.
	orRefresh bool
	// navigated says that a browser reaches it by following a link or sending
	// a form, where no header can be set: such requests need no API key.
	navigated bool
	// cacheable responses are public and the same for everyone.
	cacheable bool
	// limit bounds how often it is used, see ratelimit.go.
	limit limitClass
	// fresh asks the store about the session, whatever Sessions.Staleness.
	fresh bool
	serve func(w http.ResponseWriter, r *http.Request) error
}
