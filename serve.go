package admit

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/router"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/ui"
)

// identify finds the caller of a route of the API and checks the caller's
// rights. The order of the checks decides which error a caller gets: key,
// token, scope, role.
func (a *Auth) identify(r *http.Request, c *caller, to *route) error {
	if err := a.identifyKey(r, c); err != nil {
		return err
	}
	if c.key == nil && a.config.RequireAPIKey && !to.vouched && !(to.navigated && navigates(r)) && !fromPages(a, r) {
		return ErrUnauthorized.because(errNoKey)
	}
	if err := a.identifyProof(r, c, to); err != nil {
		return err
	}
	return mayCall(r, c, to)
}

// identifyProof finds the signed-in user of a request, unless the route exchanges
// another proof.
func (a *Auth) identifyProof(r *http.Request, c *caller, to *route) error {
	if to.exchanges && wantsCookie(a.kernel, r) {
		if err := sameOrigin(a.kernel, r); err != nil {
			return err
		}
	}
	if !to.exchanges {
		if err := a.identifyUser(r.Context(), r, c, to.fresh || to.who != anyone && to.who != signedIn); err != nil {
			if !to.orRefresh || asError(err).Status != http.StatusUnauthorized {
				return err
			}
			c.refusal = err
		}
	}
	return nil
}

// mayCall checks the rights of a caller that is known.
func mayCall(r *http.Request, c *caller, to *route) error {
	if c.actor != nil && !to.acting {
		return ErrImpersonating
	}
	switch {
	case (to.who == signedIn && !to.orRefresh || to.who == selfOnly) && !c.signedIn,
		(to.who == adminGroup || to.who == anyUser || to.who == selfOrAdmin) && !c.identified():
		return ErrUnauthorized
	}
	if !c.mayUse(to.scope, to.exact) {
		return ErrScopeInsufficient
	}
	switch {
	case to.who != anyone && to.who != signedIn && c.actsAsOwner() && (c.owner == nil || !to.ownKeys),
		to.who == adminGroup && !c.inAdminGroup(),
		to.who == selfOrAdmin && !c.inAdminGroup() && !c.is(r.PathValue("userId")),
		to.who == selfOnly && !c.is(r.PathValue("userId")):
		return ErrForbidden
	}
	return nil
}

// navigates reports whether a browser can send the request by following a link
// or sending a form. A JSON request comes from a program, which can set
// headers.
func navigates(r *http.Request) bool {
	return r.Method == http.MethodGet || r.Method == http.MethodHead || webio.IsForm(r)
}

const (
	corsHeaders = "Authorization, Content-Type, X-API-Key, X-Session-Mode"
	corsExposed = "Retry-After, WWW-Authenticate, X-Request-Id"
)

// crossOrigin adds the headers that let pages of Config.AllowedOrigins read a
// response, and answers OPTIONS. It returns true if the request is answered.
// Origins are compared byte for byte. An origin that is not listed is never
// echoed.
func (a *Auth) crossOrigin(w http.ResponseWriter, r *http.Request, at *router.Node[*route]) bool {
	h := w.Header()
	h["Vary"] = []string{"Origin"}
	origin := r.Header["Origin"]
	allowed := len(origin) == 1 && slices.Contains(a.config.AllowedOrigins, origin[0])
	if allowed {
		h["Access-Control-Allow-Origin"] = origin
		if a.config.Cookies {
			h.Set("Access-Control-Allow-Credentials", "true")
		}
		h.Set("Access-Control-Expose-Headers", corsExposed)
	}
	if r.Method != http.MethodOptions || at == nil {
		return false
	}
	h.Set("Allow", at.Allow)
	if allowed && r.Header.Get("Access-Control-Request-Method") != "" {
		h["Vary"] = []string{"Origin, Access-Control-Request-Headers"}
		h.Set("Access-Control-Allow-Methods", at.Allow)
		h.Set("Access-Control-Allow-Headers", allowedHeaders(r.Header["Access-Control-Request-Headers"]))
		h.Set("Access-Control-Max-Age", "600")
	}
	w.WriteHeader(http.StatusNoContent)
	return true
}

// allowedHeaders allows a listed origin every header that the preflight asks
// for. Tracers and client libraries add their own headers, and a header that
// this package does not read does no harm.
func allowedHeaders(asked []string) string {
	list := strings.Join(asked, ", ")
	noName := func(r rune) bool {
		return r <= ' ' && r != ' ' && r != '\t' || r >= 0x7f || strings.ContainsRune("\"(),/:;<=>?@[\\]{}", r) && r != ','
	}
	if list == "" || strings.ContainsFunc(list, noName) {
		return corsHeaders
	}
	return list
}

// serve answers every request to the handler.
func (a *Auth) serve(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	h := w.Header()
	values := []string{id, "no-store", "nosniff"}
	h["X-Request-Id"], h["Cache-Control"], h["X-Content-Type-Options"] = values[0:1:1], values[1:2:2], values[2:3:3]

	ctx := &requestContext{request: r, requestID: id, auth: a.kernel, caller: caller{by: a.machinery}}
	ctx.lookup.Start(requestBegan(r.Context(), a), a.config.RequestTimeout)
	defer ctx.lookup.Stop()
	ctx.Context = &ctx.lookup
	r = r.WithContext(ctx)
	out := &recorded{ResponseWriter: w}
	w = out
	began := time.Now()
	var at *router.Node[*route]

	if a.config.Instrument.RequestEnded != nil {
		defer func() { requestEnded(ctx, a, r, at, out.status, time.Since(began)) }()
	}
	defer func() {
		if cause := recover(); cause != nil {
			if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(cause)
			}
			a.log.ErrorContext(ctx, "panic while answering a request", "request", id,
				"panic", cause, "stack", string(debug.Stack()))
			a.answer(w, r, at, ErrInternal.detail("requestId", id))
		}
		a.logRequest(ctx, r, at, out.status, began)
	}()

	if opened := a.pagesAt(r.URL.Path); opened != nil {
		if err := servePages(a, opened, w, r, ctx); err != nil {
			a.answer(w, r, nil, report(a.log, w, r, err))
		}
		return
	}
	at = a.router.Find(r)
	if name := r.PathValue("provider"); name != "" && !isProviderName(name) {
		at = nil // the path of no provider
	}
	if done := a.crossOrigin(w, r, at); done {
		return
	}
	if at != nil {
		// The body is read before the caller is identified: reading can take
		// long, and the caller may be revoked meanwhile. The time limit for the
		// store starts after it.
		if to, ok := at.Serves(r.Method); !ok || !to.streams {
			webio.ReadBody(r)
		}
		ctx.lookup.Restart(a.config.RequestTimeout)
	}
	if err := a.dispatch(w, r, at, ctx); err != nil {
		if at != nil {
			if to, ok := at.Serves(r.Method); ok && strings.HasPrefix(to.path, usersPath) {
				err = userCode(err)
			}
		}
		a.answer(w, r, at, report(a.log, w, r, err))
	}
}

// recorded remembers the status that was sent.
type recorded struct {
	http.ResponseWriter
	status int
}

func (w *recorded) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Write sends 200 first where no status was sent, as net/http does.
func (w *recorded) Write(data []byte) (int, error) {
	w.status = cmp.Or(w.status, http.StatusOK)
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach the writer below.
func (w *recorded) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// logRequest writes the one log line of a request. The line has the pattern of
// the route and not the path, because a path may contain text that somebody
// typed.
func (a *Auth) logRequest(ctx *requestContext, r *http.Request, at *router.Node[*route], status int, began time.Time) {
	if !a.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	// The line does not need the source position that slog.Logger would look
	// up.
	took := time.Since(began)
	line := slog.NewRecord(began.Add(took), slog.LevelInfo, "request", 0)
	line.AddAttrs(slog.String("request", ctx.requestID), slog.String("method", method(r.Method)), slog.String("route", routeOf(ctx, a, r, at)),
		slog.Int("status", status), slog.Duration("took", took))
	if a.config.LogClientAddress {
		line.AddAttrs(slog.String("client", clientFrom(ctx).IPAddress))
	}
	_ = a.log.Handler().Handle(ctx, line)
}

// routeOf returns the pattern of the route or of the hosted page that a request is for,
// or "".
func routeOf(ctx *requestContext, a *Auth, r *http.Request, at *router.Node[*route]) string {
	if at != nil {
		if found, ok := at.Serves(r.Method); ok {
			return pathOf(a, *found)
		}
	}
	return ctx.page
}

// method returns the method for the log, and "other" for a method that HTTP
// does not define.
func method(name string) string {
	switch name {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return name
	}
	return "other"
}

// dispatch finds the route, checks the caller, and serves the request.
func (a *Auth) dispatch(w http.ResponseWriter, r *http.Request, at *router.Node[*route], ctx *requestContext) error {
	if at == nil {
		return ErrNotFound
	}
	matched, ok := at.Serves(r.Method)
	if !ok {
		w.Header().Set("Allow", at.Allow)
		return ErrMethodNotAllowed
	}
	if err := a.identify(r, &ctx.caller, matched); err != nil {
		return err
	}
	if a.config.Cookies && (matched.exchanges || matched.orRefresh) {
		ctx.browser = browserAt(a.kernel, r)
	}
	if ctx.caller.cookie != nil {
		putCookie(w.Header(), ctx.caller.cookie)
	}
	if matched.cacheable {
		w.Header().Set("Cache-Control", "public, max-age=300")
	}
	return limited(a, w, r, matched)
}

// answer answers a browser that followed a link with a page, and any other
// client with JSON. The path of a link may be damaged too.
func (a *Auth) answer(w http.ResponseWriter, r *http.Request, at *router.Node[*route], answer *Error) {
	w.Header().Del("Set-Cookie") // a refusal gives nothing, and leads nowhere
	w.Header().Del("Location")
	if answer.browser != "" { // but a pause is no refusal
		putCookie(w.Header(), browserCookie(a.kernel, answer.browser))
	}
	page := at == nil
	if at != nil {
		to, ok := at.Serves(r.Method)
		page = ok && to.navigated && !to.root &&
			answer.Status != http.StatusUnsupportedMediaType && answer.Status != http.StatusRequestEntityTooLarge // no page has such a form
	}
	if page && wantsPage(r) && a.visitor(w, r).showError(answer, ui.Page{}) == nil {
		return
	}
	writeError(a.kernel, w, r, answer)
}

// requestID returns a name for a request in logs. The name is not a secret, so
// it is not made with crypto/rand.
func requestID() string {
	var raw [8]byte
	for i, n := 0, rand.Uint64(); i < 8; i, n = i+1, n>>8 {
		raw[i] = byte(n)
	}
	return hex.EncodeToString(raw[:])
}

// requestBegan returns the context for the rest of the request.
func requestBegan(ctx context.Context, a *Auth) context.Context {
	began := a.config.Instrument.RequestBegan
	if began == nil {
		return ctx
	}
	with := ctx
	tell(ctx, a.log, "RequestBegan", func() {
		if given := began(ctx); given != nil {
			with = given //nolint:fatcontext // once, in the call below
		}
	})
	return with
}

func requestEnded(ctx *requestContext, a *Auth, r *http.Request, at *router.Node[*route], status int, took time.Duration) {
	facts := RequestFacts{ID: ctx.requestID, Method: method(r.Method), Route: routeOf(ctx, a, r, at), Status: status, Duration: took}
	tell(ctx, a.log, "RequestEnded", func() { a.config.Instrument.RequestEnded(ctx, facts) })
}

// Handler returns the handler of every route: the routes under Config.BasePath
// and the documents under /.well-known.
func (a *Auth) Handler() http.Handler { return http.HandlerFunc(a.serve) }

// Mux is the part of a multiplexer that Mount needs. *http.ServeMux and the
// routers of chi have it.
type Mux interface {
	Handle(pattern string, handler http.Handler)
}

// Mount registers Handler on a multiplexer, for Config.BasePath, for the documents
// under /.well-known, and for the pages of Config.Pages and Config.Console. It registers each method separately, because
// *http.ServeMux refuses a pattern without a method beside a pattern such as
// "GET /". Call Mount after the host's own Handle calls: if a pattern such as
// "GET /{user}/{page}" conflicts with the subtree, Mount registers each route
// instead. For other routers see the pages in docs/.
func (a *Auth) Mount(mux Mux) {
	handler := a.Handler()
	var roots []string
	subtrees := []string{a.config.BasePath}
	pages := a.openedPages()
	for _, opened := range pages {
		subtrees = append(subtrees, opened.Path)
		roots = append(roots, opened.Path)
	}
	if a.hosted.Handler != nil {
		roots = append(roots, changePasswordPath)
	}
	for _, r := range a.Routes() {
		if !strings.HasPrefix(r.Path, a.config.BasePath+"/") && !slices.Contains(roots, r.Path) {
			roots = append(roots, r.Path)
		}
	}
	// A router with a method Mount is a router of chi. Its subtrees end in a
	// star, and it accepts a pattern without a method beside those of the host.
	if _, chi := mux.(interface {
		Mount(pattern string, handler http.Handler)
	}); chi {
		for _, path := range subtrees {
			roots = append(roots, path+"/*")
		}
		for _, pattern := range roots {
			mux.Handle(pattern, handler)
		}
		return
	}
	for _, method := range []string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete,
		http.MethodOptions, http.MethodConnect, http.MethodTrace, // GET includes HEAD
	} {
		for _, pattern := range roots {
			mux.Handle(method+" "+pattern, handler)
		}
		for _, opened := range pages {
			mux.Handle(method+" "+opened.Path+"/", handler)
		}
		if taken(mux, method+" "+a.config.BasePath+"/", handler) {
			continue
		}
		var paths []string
		for _, r := range a.Routes() {
			pattern := mounted(r.Path)
			if (r.Method == method || method == http.MethodOptions) && !slices.Contains(append(paths, roots...), pattern) {
				paths = append(paths, pattern)
				mux.Handle(method+" "+pattern, handler)
			}
		}
	}
}

// taken reports whether a multiplexer accepts a pattern. *http.ServeMux panics
// if it does not.
func taken(mux Mux, pattern string, handler http.Handler) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	mux.Handle(pattern, handler)
	return true
}
