package admit

import (
	"net/http"
	"strings"

	"github.com/admit-go/admit/ui"
)

// OpenedPages are pages that are ready to be served.
type OpenedPages struct {
	// Path is where the pages start, such as "/auth". Handler answers every
	// request below it; that of Config.Pages answers
	// /.well-known/change-password, too. It finds its Auth with
	// AuthFrom, and the signed-in user with UserFrom. Requests below
	// Path + "/assets/" are not asked who sends them. The handler sets Request.Pattern to
	// the pattern of the page, which the log and Instrument name as the route.
	Path    string
	Handler http.Handler
	// The fields below are for Config.Pages alone.

	// Way returns the URL of the page to which a browser is sent that cannot pass
	// a guard yet. returnTo is the path of this origin to come back to.
	Way func(r *http.Request, need PageNeed, returnTo string) string
	// LinkPath is where the page of a mailed link that signs in sends its token,
	// as a form field with the name token.
	LinkPath string
	// InvitationURL is the page that invitations lead to, unless
	// Config.Invitations.URL names another one.
	InvitationURL string
	// Home is the link of pages where nothing is left to do. Default:
	// Config.HomeURL.
	Home string
	// Brand is how the pages of mailed links look.
	Brand ui.Brand
}

// PageNeed is what a guard for pages asks for.
type PageNeed string

// The needs of the guards for pages.
const (
	// NeedUser is a signed-in user.
	NeedUser PageNeed = "user"
	// NeedVerified is a user whose address is verified.
	NeedVerified PageNeed = "verified"
	// NeedRecent is a user with a recent proof of identity.
	NeedRecent PageNeed = "recent"
	// NeedFactor is a session with two factors, of a user who has a second factor.
	NeedFactor PageNeed = "factor"
	// NeedSetUp is a second factor, of a user who has none.
	NeedSetUp PageNeed = "set-up"
)

// changePasswordPath is where password managers look for the page that changes a
// password (W3C, A Well-Known URL for Changing Passwords).
const changePasswordPath = "/.well-known/change-password"

// isHosted reports whether a path is one of the hosted pages.
func isHosted(p *OpenedPages, path string) bool {
	return isBelow(p, path) || p.Handler != nil && path == changePasswordPath
}

// isBelow reports whether pages are open and a path is one of theirs.
func isBelow(p *OpenedPages, path string) bool {
	return p.Handler != nil && (path == p.Path || strings.HasPrefix(path, p.Path+"/"))
}
