package console

import (
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/webio"
)

// visit is one request to the console, and its answer.
type visit struct {
	*site
	auth *admit.Auth
	w    http.ResponseWriter
	r    *http.Request
	// query is that of the URL, and form is what was sent; empty for GET.
	query, form url.Values
	// params are the parts of the path that the pattern of the page names.
	params  map[string]string
	user    admit.User
	session admit.Session
	words   *texts.Catalogue
	view    *view
}

// page is what stands at a path below Console.Path.
type page struct {
	// path is a pattern: a segment in braces is a parameter.
	path string
	// get shows the page, post takes its form. Every post needs a recent proof of
	// identity; asksFirst asks for the proof before the form is shown, so that nothing
	// typed is lost.
	get, post func(v *visit) error
	asksFirst bool
	// framed says that the answer stands in a frame of a page of the console.
	framed bool
}

func pages() []page {
	return []page{
		{path: "", get: (*visit).startPage},
		{path: "sign-out", post: (*visit).signOut},
		{path: "prove", get: (*visit).provedPage, asksFirst: true},
		{path: "people", get: (*visit).peoplePage},
		{path: "people/new", get: (*visit).newPersonPage, post: (*visit).newPerson, asksFirst: true},
		{path: "people/{id}", get: (*visit).personPage},
		{path: "people/{id}/{action}", get: (*visit).actionPage, post: (*visit).act, asksFirst: true},
		{path: "keys", get: (*visit).keysPage},
		{path: "keys/new", get: (*visit).newKeyPage, post: (*visit).newKey, asksFirst: true},
		{path: "keys/{key}/rotate", get: (*visit).rotateKeyPage, post: (*visit).rotateKey, asksFirst: true},
		{path: "keys/{key}/revoke", get: (*visit).revokeKeyPage, post: (*visit).revokeKey, asksFirst: true},
		{path: "mail", get: (*visit).mailPage},
		{path: "mail/{mail}/retry", post: (*visit).retryMail},
		{path: "settings", get: (*visit).settingsPage, post: (*visit).saveSettings, asksFirst: true},
		{path: "settings/{provider}", get: (*visit).providerPage, post: (*visit).saveProvider, asksFirst: true},
		{path: "templates", get: (*visit).templatesPage},
		{path: "templates/{category}", get: (*visit).templatePage, post: (*visit).saveTemplate, asksFirst: true},
		{path: "templates/{category}/preview", post: (*visit).previewTemplate, framed: true},
		{path: "organizations", get: (*visit).organizationsPage},
		{path: "organizations/{organization}", get: (*visit).organizationPage},
		{path: "audit", get: (*visit).auditPage},
	}
}

// Routes lists what the console serves, such as "POST /people/{id}/{action}", below
// Console.Path.
func Routes() []string {
	var all []string
	for _, p := range pages() {
		if p.get != nil {
			all = append(all, "GET /"+p.path)
		}
		if p.post != nil {
			all = append(all, "POST /"+p.path)
		}
	}
	return all
}

// find returns the page of a path, and its parameters.
func find(at string) (page, map[string]string, bool) {
	segments := strings.Split(at, "/")
next:
	for _, p := range pages() {
		pattern := strings.Split(p.path, "/")
		if len(pattern) != len(segments) {
			continue
		}
		params := map[string]string{}
		for i, want := range pattern {
			if name, ok := strings.CutPrefix(want, "{"); ok && segments[i] != "" {
				params[strings.TrimSuffix(name, "}")] = segments[i]
			} else if want != segments[i] {
				continue next
			}
		}
		return p, params, true
	}
	return page{}, nil, false
}

// errNoSuchPage answers a path without a page.
var errNoSuchPage = &admit.Error{Code: "auth/not-found", Status: http.StatusNotFound, Message: "There is nothing here."}

// ServeHTTP answers a request to the console.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, s.path), "/")
	if name, ok := strings.CutPrefix(at, "assets/"); ok {
		r.Pattern = s.path + "/assets/{name}"
		s.serveAsset(w, r, name)
		return
	}
	found, params, ok := find(at)
	if ok = ok && (at == "" || path.Clean("/"+at) == "/"+at); ok {
		r.Pattern = strings.TrimSuffix(s.path+"/"+found.path, "/")
	}
	v := &visit{site: s, auth: admit.AuthFrom(r.Context()), w: w, query: r.URL.Query(), form: url.Values{}}
	v.r = r.WithContext(admit.WithLanguages(r.Context(), r.Header.Get("Accept-Language")))
	var signedIn bool
	v.user, signedIn = admit.UserFrom(r.Context())
	v.words = s.texts.Match(append([]string{v.user.Locale}, locale.Accepted(r.Header.Get("Accept-Language"))...))
	v.session, _ = admit.SessionFrom(r.Context())
	v.view = s.newView(v)
	if err := v.sameOrigin(); err != nil {
		v.fail(err)
		return
	}
	switch {
	case !signedIn:
		v.askToSignIn()
		return
	case v.user.Role != admit.RoleAdmin:
		v.fail(admit.ErrForbidden)
		return
	case !ok:
		v.fail(errNoSuchPage)
		return
	}
	v.params = params
	if err := v.serve(found); err != nil {
		v.fail(err)
	}
}

// askToSignIn sends a browser to the sign-in page, and refuses a program.
func (v *visit) askToSignIn() {
	v.auth.RequirePage(http.HandlerFunc(v.refuseProgram)).ServeHTTP(v.w, v.r)
}

// refuseProgram stands behind a guard that sends the visitor to another page. A guard
// that lets the visitor pass nevertheless leads to no page of the console.
func (v *visit) refuseProgram(http.ResponseWriter, *http.Request) { v.fail(admit.ErrForbidden) }

func (v *visit) serve(found page) error {
	allowed := strings.Join(methods(found), ", ")
	switch v.r.Method {
	case http.MethodGet, http.MethodHead:
		if found.get == nil {
			return v.otherMethod(allowed)
		}
		if found.asksFirst && !v.recent() {
			return v.askForProof(v.r.URL.RequestURI())
		}
		return found.get(v)
	case http.MethodPost:
		if found.post == nil {
			return v.otherMethod(allowed)
		}
		if err := v.readForm(); err != nil {
			return err
		}
		if found.path != "sign-out" && !v.recent() {
			return v.askForProofOf(found)
		}
		return found.post(v)
	}
	return v.otherMethod(allowed)
}

func methods(p page) []string {
	var all []string
	if p.get != nil {
		all = append(all, http.MethodGet, http.MethodHead)
	}
	if p.post != nil {
		all = append(all, http.MethodPost)
	}
	return all
}

func (v *visit) otherMethod(allowed string) error {
	v.w.Header().Set("Allow", allowed)
	return admit.ErrMethodNotAllowed
}

// clockError is how far a time may lie ahead that another process wrote.
const clockError = time.Minute

// recent says whether the visitor has given a recent proof of identity, as
// Auth.RequireRecent judges it.
func (v *visit) recent() bool {
	now := v.config.Now()
	return now.Before(v.session.AuthTime.Add(v.config.RecentFor)) && !v.session.AuthTime.After(now.Add(clockError))
}

// askForProof sends the browser to the page that asks for a proof of identity, and
// from there to a page of the console.
func (v *visit) askForProof(back string) error {
	target, err := url.Parse(back)
	if err != nil {
		return err
	}
	r := v.r.Clone(v.r.Context())
	r.Method, r.URL, r.RequestURI = http.MethodGet, target, target.RequestURI()
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	v.auth.RequireRecentPage(http.HandlerFunc(v.refuseProgram)).ServeHTTP(v.w, r)
	return nil
}

// secrets are the fields that no page repeats.
func secrets() []string { return []string{"clientSecret"} }

// askForProofOf asks for a proof of identity before a form is taken. What was typed
// stays on the page, to be sent again.
func (v *visit) askForProofOf(found page) error {
	if found.framed {
		return v.framed(http.StatusForbidden, v.words.Say("prove.text"))
	}
	for _, name := range secrets() {
		if v.form.Get(name) != "" && found.get != nil {
			return v.askForProof(v.r.URL.RequestURI())
		}
	}
	type kept struct{ Name, Value string }
	var fields []kept
	for name, values := range v.form {
		for _, value := range values {
			fields = append(fields, kept{name, value})
		}
	}
	v.view.Data = map[string]any{"Fields": fields, "Action": v.here(), "Prove": v.prefix + "/prove"}
	return v.show(http.StatusForbidden, "prove")
}

// here is the page of this request, as a browser reaches it.
func (v *visit) here() string {
	return v.prefix + strings.TrimPrefix(v.r.URL.EscapedPath(), v.path)
}

// sameOrigin refuses a form that a page of another site sends. The browser says where
// a request comes from (W3C Fetch Metadata; RFC 6454), so the pages have no token that
// could expire while a page stays open.
func (v *visit) sameOrigin() error {
	if err := v.guard.Check(v.r); err != nil {
		v.config.Logger.WarnContext(v.r.Context(), "a page of another origin sent a form of the console, and was refused",
			"origin", clip(v.r.Header.Get("Origin")), "expected", v.origin, "site", clip(v.r.Header.Get("Sec-Fetch-Site")))
		return admit.ErrCrossOrigin
	}
	return nil
}

// readForm reads what was sent.
func (v *visit) readForm() error {
	if !webio.IsForm(v.r) {
		return admit.ErrUnsupportedMediaType
	}
	form, err := webio.Form(v.w, v.r)
	switch {
	case errors.Is(err, webio.ErrTooLarge):
		return admit.ErrPayloadTooLarge
	case err != nil:
		return admit.ErrInvalidRequest
	}
	v.form, v.view.form = form, form
	into := map[string]*string{}
	for name := range form {
		into[name] = new(string)
	}
	if webio.Fields(form, into) != nil {
		return admit.ErrInvalidRequest
	}
	return nil
}

// clip bounds what a log repeats of a header.
func clip(text string) string { return strings.ToValidUTF8(text[:min(len(text), 200)], "?") }

// goTo sends the browser on with GET, so that going back or loading again sends no
// form twice.
func (v *visit) goTo(to string) error {
	v.w.Header().Set("Location", v.prefix+"/"+to)
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// done leads to a page that says what was done.
func (v *visit) done(to, what string) error {
	join := "?"
	if strings.Contains(to, "?") {
		join = "&"
	}
	return v.goTo(to + join + "done=" + url.QueryEscape(what))
}

// fail shows what went wrong. The log has the cause of what is not the visitor's
// doing.
func (v *visit) fail(err error) {
	refused := asError(err)
	if errors.Is(refused, admit.ErrReauthenticationRequired) {
		if err := v.askForProof(v.path + "/"); err == nil {
			return
		}
	}
	v.view = v.newView(v)
	if refused.Status >= http.StatusInternalServerError {
		v.view.Reference = v.w.Header().Get("X-Request-Id")
		v.config.Logger.ErrorContext(v.r.Context(), "a page of the console failed", "request", v.view.Reference, "error", err)
	}
	name := "error"
	switch {
	case errors.Is(refused, admit.ErrForbidden):
		name = "forbidden"
	case refused.Status == http.StatusNotFound:
		name = "not-found"
	default:
		v.view.Alert = v.explain(refused)
	}
	if failed := v.show(refused.Status, name); failed != nil {
		v.config.Logger.ErrorContext(v.r.Context(), "a page of the console cannot be shown", "page", name, "error", failed)
		http.Error(v.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// explain says an error. What is wrong with single fields follows.
func (v *visit) explain(e *admit.Error) string {
	said := []string{e.Message}
	if own := "error." + e.Code; v.words.Has(own) {
		said[0] = v.words.Say(own)
	}
	for _, field := range sortedKeys(e.Details) {
		if reason, ok := e.Details[field].(string); ok && field != "requestId" {
			said = append(said, field+": "+reason+".")
		}
	}
	return strings.Join(said, " ")
}

// provedPage is where a proof of identity in another tab ends.
func (v *visit) provedPage() error { return v.show(http.StatusOK, "proved") }

func (v *visit) signOut() error {
	if err := v.auth.Sessions.SignOut(v.r.Context(), v.session); err != nil {
		return err
	}
	v.auth.Sessions.ClearCookie(v.w)
	return v.goTo("")
}
