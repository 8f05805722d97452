package admit

import (
	"context"
	"net/http"
	"strings"

	"github.com/admit-go/admit/internal/webio"
)

type authKey struct{}

// AuthFrom returns the Auth whose hosted pages answer a request. Outside the
// handler of OpenedPages it returns nil.
func AuthFrom(ctx context.Context) *Auth {
	a, _ := ctx.Value(authKey{}).(*Auth)
	return a
}

// openedPages are the pages that the configuration has: Config.Pages and
// Config.Console.
func (k *kernel) openedPages() (all []*OpenedPages) {
	for _, opened := range []*OpenedPages{&k.hosted, &k.console} {
		if opened.Handler != nil {
			all = append(all, opened)
		}
	}
	return all
}

// pagesAt returns the pages that a path belongs to, or nil.
func (k *kernel) pagesAt(path string) *OpenedPages {
	switch {
	case isHosted(&k.hosted, path):
		return &k.hosted
	case isBelow(&k.console, path):
		return &k.console
	}
	return nil
}

// fromPages reports whether pages of this Auth send a request on behalf of their
// visitor, as the console does. Such a request comes from this process, so it needs
// no API key; every other rule of its route holds.
func fromPages(a *Auth, r *http.Request) bool { return AuthFrom(r.Context()) == a }

// servePages hands a request to pages. Who is signed in is found by the session
// cookie alone. A cookie that has ended is cleared, so that no page sends its
// reader in a circle.
func servePages(a *Auth, to *OpenedPages, w http.ResponseWriter, r *http.Request, ctx *requestContext) error {
	r = r.WithContext(context.WithValue(r.Context(), authKey{}, a))
	r.Pattern = ""
	defer func() { ctx.page = r.Pattern }()
	if strings.HasPrefix(r.URL.Path, to.Path+"/assets/") {
		to.Handler.ServeHTTP(w, r)
		return nil
	}
	// A form with a file is larger than that. The pages read it after they know who
	// sends it, and the rule that takes the file checks the session again.
	if !webio.IsUpload(r) {
		webio.ReadBody(r)
	}
	ctx.lookup.Restart(a.config.RequestTimeout)
	err := identifyCookie(r.Context(), a.kernel, r, &ctx.caller, true)
	switch answer := asError(err); {
	case err == nil && ctx.caller.cookie != nil:
		putCookie(w.Header(), ctx.caller.cookie)
	case err == nil:
	case answer.Status == http.StatusUnauthorized || answer.Is(ErrAccountBanned):
		clearCookie(a.kernel, w.Header())
		ctx.caller = caller{by: a.machinery}
	case answer.Is(ErrCrossOrigin):
		ctx.caller = caller{by: a.machinery} // the pages refuse the request, too
	default:
		return err
	}
	to.Handler.ServeHTTP(w, r)
	return nil
}
