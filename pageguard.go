package admit

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// RequirePage guards pages. It lets signed-in users pass, also guests. It sends a
// browser that navigates to the sign-in page (303), and from there back to the
// page that was asked for. A browser whose sign-in waits for a second factor is
// sent to that page. Any other request is answered as RequireUser answers it.
// RequirePage needs Config.Pages.
func (a *Auth) RequirePage(next http.Handler) http.Handler {
	return pageGuard(a, next, 0, NeedUser, func(*caller) error { return nil })
}

// RequireVerifiedPage is RequireVerified for pages. A browser whose user has not
// verified the address is sent to a page that says so.
func (a *Auth) RequireVerifiedPage(next http.Handler) http.Handler {
	return pageGuard(a, next, freshly, NeedVerified, func(c *caller) error {
		if c.user.EmailVerifiedAt.IsZero() {
			return ErrEmailNotVerified
		}
		return nil
	})
}

// RequireRecentPage is RequireRecent for pages. A browser whose user has given no
// recent proof of identity is sent to a page that asks for one.
func (a *Auth) RequireRecentPage(next http.Handler) http.Handler {
	return pageGuard(a, next, freshly, NeedRecent, a.recent)
}

// RequireFactorPage is RequireFactor for pages. A browser whose user has a second
// factor and came in without it is sent to a page that asks for the factor. A browser
// whose user has none is sent to the page that sets one up.
func (a *Auth) RequireFactorPage(next http.Handler) http.Handler {
	return pageGuard(a, next, freshly, NeedFactor, func(c *caller) error { return needsFactor(a.kernel, c) })
}

// pageGuard guards a page: pass is asked about signed-in users, and need is what
// a user lacks whom pass refuses.
func pageGuard(a *Auth, next http.Handler, how manner, need PageNeed, pass func(*caller) error) http.Handler {
	if a.hosted.Handler == nil {
		return a.nobody(errNoPages)(next)
	}
	lacks := func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return pass(c)
	}
	// A browser with a cookie that has ended is not signed in: that is no error to
	// show, but a reason to sign in.
	program := a.guard(next, how, lacks)
	browser := guardOr(a, next, how|deadCookie, lacks, func(w http.ResponseWriter, r *http.Request, err error) {
		answer := asError(err)
		switch {
		case answer.Is(ErrUnauthorized):
			sendToPage(a, w, r, NeedUser)
		case answer.Is(ErrAccountBanned):
			// The sign-in says so, in words for people.
			clearCookie(a.kernel, w.Header())
			sendToPage(a, w, r, NeedUser)
		case answer.Is(ErrEmailNotVerified), answer.Is(ErrReauthenticationRequired):
			sendToPage(a, w, r, need)
		case answer.Is(ErrMFAEnrollmentRequired):
			sendToPage(a, w, r, NeedSetUp)
		default:
			a.refuse(w, r, err)
		}
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// One address has two answers, of which a cache may not mix up the readers.
		w.Header().Add("Vary", "Accept, Cookie, Sec-Fetch-Mode")
		if navigatesToPage(r) {
			browser.ServeHTTP(w, r)
			return
		}
		program.ServeHTTP(w, r)
	})
}

// sendToPage sends a browser to a page, and from there back to where it wants to go.
func sendToPage(a *Auth, w http.ResponseWriter, r *http.Request, need PageNeed) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Location", a.hosted.Way(r, need, wantedPath(a.kernel, r)))
	w.WriteHeader(http.StatusSeeOther)
}

// wantedPath returns the path and query that a browser wants to see. After a form
// that is the page of the form: its target may take no GET, and what was typed is
// lost.
func wantedPath(k *kernel, r *http.Request) string {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		from, err := url.Parse(r.Header.Get("Referer"))
		if err != nil || from.Scheme+"://"+from.Host != k.origin {
			return ""
		}
		return from.RequestURI()
	}
	// RequestURI still has a prefix that http.StripPrefix removed.
	wanted := r.RequestURI
	if !strings.HasPrefix(wanted, "/") {
		wanted = r.URL.RequestURI()
	}
	if base, err := url.Parse(k.config.BaseURL); err == nil && base.EscapedPath() != "" && !strings.HasPrefix(wanted, base.EscapedPath()+"/") {
		wanted = base.EscapedPath() + wanted
	}
	return wanted
}

// errNoPages is the reason why a guard for pages lets nobody pass.
var errNoPages = errors.New("a guard for pages needs Config.Pages")
