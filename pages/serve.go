package pages

import (
	"errors"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/store"
)

// visit is one request to a page, and its answer.
type visit struct {
	*site
	auth *admit.Auth
	w    http.ResponseWriter
	r    *http.Request
	// form is what was sent; empty for GET.
	form url.Values
	// user and session are who is signed in; signedIn says whether somebody is.
	user     admit.User
	session  admit.Session
	signedIn bool
	flow     flow
	words    *texts.Catalogue
	view     *View
}

// page is what stands at a path. need is what a visitor must have before get and
// post are called; "" is nothing.
type page struct {
	need      admit.PageNeed
	get, post func(v *visit) error
	// limited counts every post as a sign-up of the client address.
	limited bool
	// secret says that the URL may hold a mailed token, which no other page may
	// learn.
	secret bool
	// factors says that the page changes the second factors, which an account that has
	// one asks for first.
	factors bool
	// upload says that post reads the form by itself, because it has a file.
	upload bool
}

// pageAt returns the page of a path below Pages.Path.
func pageAt(path string) (page, bool) {
	found, ok := allPages()[path]
	return found, ok
}

// allPages are the pages by their path below Pages.Path.
func allPages() map[string]page {
	return map[string]page{
		"":                          {get: (*visit).start},
		"/":                         {get: (*visit).start},
		"/sign-in":                  {get: (*visit).signInPage, post: (*visit).signIn},
		"/passkey":                  {post: (*visit).passkeySignIn},
		"/passkey/options":          {post: (*visit).passkeyOptions},
		"/provider":                 {get: (*visit).providerDone},
		"/sign-up":                  {get: (*visit).signUpPage, post: (*visit).signUp, limited: true},
		"/sign-out":                 {get: (*visit).signOutPage, post: (*visit).signOut},
		"/forgot":                   {get: (*visit).forgotPage, post: (*visit).forgot},
		"/check-mail":               {get: (*visit).checkMailPage, post: (*visit).checkMail},
		"/link":                     {get: (*visit).linkPage, post: (*visit).link, secret: true},
		"/reset":                    {get: (*visit).resetPage, post: (*visit).reset, secret: true},
		"/confirm":                  {get: (*visit).confirmedPage},
		"/second-step":              {get: (*visit).secondStepPage, post: (*visit).secondStep},
		"/set-up":                   {get: (*visit).setUpPage, post: (*visit).setUp},
		"/verify":                   {get: (*visit).verifyPage, post: (*visit).verify},
		"/expired":                  {get: (*visit).expiredPage, post: (*visit).expired},
		"/reauthenticate":           {need: admit.NeedUser, get: (*visit).reauthenticatePage, post: (*visit).reauthenticate},
		"/language":                 {post: (*visit).language},
		"/account":                  {need: admit.NeedUser, get: (*visit).accountPage},
		"/account/name":             {need: admit.NeedUser, get: (*visit).namePage, post: (*visit).name},
		"/account/email":            {need: admit.NeedRecent, get: (*visit).emailPage, post: (*visit).email},
		"/account/password":         {need: admit.NeedUser, get: (*visit).passwordPage, post: (*visit).password},
		"/account/two-step":         {need: admit.NeedRecent, get: (*visit).twoStepPage, post: (*visit).twoStep, factors: true},
		"/account/passkeys":         {need: admit.NeedRecent, get: (*visit).passkeysPage, post: (*visit).passkeys, factors: true},
		"/account/devices":          {need: admit.NeedUser, get: (*visit).devicesPage, post: (*visit).devices},
		"/account/picture":          {need: admit.NeedUser, get: (*visit).picturePage, post: (*visit).picture, upload: true},
		"/account/picture/remove":   {need: admit.NeedUser, post: (*visit).removePicture},
		"/account/links":            {need: admit.NeedRecent, get: (*visit).linksPage, post: (*visit).links},
		"/account/notifications":    {need: admit.NeedUser, get: (*visit).notificationsPage, post: (*visit).notifications},
		"/account/preferences":      {need: admit.NeedUser, get: (*visit).preferencesPage, post: (*visit).preferences},
		"/account/keys":             {need: admit.NeedRecent, get: (*visit).keysPage, post: (*visit).keys},
		"/account/export":           {need: admit.NeedRecent, get: (*visit).exportPage, post: (*visit).export},
		"/account/delete":           {need: admit.NeedUser, get: (*visit).deletePage, post: (*visit).delete},
		"/organizations":            {need: admit.NeedUser, get: (*visit).organizationsPage, post: (*visit).organizations},
		"/organization":             {need: admit.NeedUser, get: (*visit).organizationPage, post: (*visit).organization},
		"/organization/invitations": {need: admit.NeedUser, get: (*visit).invitedPage, post: (*visit).invited},
		"/invitation":               {get: (*visit).invitationPage, post: (*visit).invitation},
		"/account-deleted":          {get: (*visit).deletedPage},
		changePassword:              {get: (*visit).changePassword},
	}
}

// changePassword is where password managers look for the form (W3C, A Well-Known
// URL for Changing Passwords).
const changePassword = "/.well-known/change-password"

// ServeHTTP answers a request to a page.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if path != changePassword {
		path = strings.TrimPrefix(path, s.pages.Path)
	}
	if name, ok := strings.CutPrefix(path, "/assets/"); ok {
		r.Pattern = s.pages.Path + "/assets/{name}"
		s.assets.serve(w, r, name)
		return
	}
	v := &visit{site: s, auth: admit.AuthFrom(r.Context()), w: w, flow: s.readFlow(r)}
	v.r = r.WithContext(admit.WithDeviceToken(admit.WithLanguages(r.Context(), r.Header.Get("Accept-Language")), s.readCookie(r, deviceCookie)))
	v.user, v.signedIn = admit.UserFrom(r.Context())
	v.session, _ = admit.SessionFrom(r.Context())
	v.words = s.texts.Match(v.languages())
	found, ok := pageAt(path)
	if !ok {
		v.fail(errNoSuchPage)
		return
	}
	r.Pattern = r.URL.Path
	v.view = s.newView(v)
	v.view.secret = found.secret
	if found.get != nil && !found.secret {
		v.view.back = strings.TrimPrefix(strings.TrimPrefix(v.here(), v.prefix), "/")
	}
	if err := v.serve(found); err != nil {
		v.fail(err)
	}
}

// languages are those of the reader, the most wanted first.
func (v *visit) languages() []string {
	return slices.Concat([]string{v.readCookie(v.r, languageCookie), v.user.Locale}, locale.Accepted(v.r.Header.Get("Accept-Language")))
}

// errNoSuchPage answers a path without a page. errMethod answers a method that a
// page does not take.
var (
	errNoSuchPage = &admit.Error{Code: "auth/not-found", Status: http.StatusNotFound, Message: "There is nothing here."}
	errMethod     = &admit.Error{Code: "auth/method-not-allowed", Status: http.StatusMethodNotAllowed, Message: "This path does not take that method."}
)

func (v *visit) serve(at page) error {
	answer := at.get
	switch v.r.Method {
	case http.MethodGet, http.MethodHead:
		// A link that needs a form is followed to the page that has it.
		if at.get == nil {
			v.w.Header().Set("Allow", "POST")
			return errMethod
		}
	case http.MethodPost:
		if answer = at.post; answer == nil {
			v.w.Header().Set("Allow", "GET, HEAD")
			return errMethod
		}
		err := v.fromHere()
		if err == nil && !at.upload {
			err = v.readForm()
		}
		if err != nil {
			return err
		}
		v.view.ReturnTo = v.returnTo()
	default:
		v.w.Header().Set("Allow", "GET, HEAD, POST")
		return errMethod
	}
	switch {
	case at.need == "":
	case !v.signedIn:
		return v.goTo(v.way(v.r, admit.NeedUser, v.comingFrom()))
	case at.need == admit.NeedRecent && !v.recent():
		return v.goTo(v.way(v.r, admit.NeedRecent, v.comingFrom()))
	case at.factors && v.user.MFAEnabled && !v.gaveFactor():
		return v.goTo(v.way(v.r, admit.NeedFactor, v.comingFrom()))
	}
	if at.limited && v.r.Method == http.MethodPost {
		return v.within(admit.SignUpLimit, answer)
	}
	return answer(v)
}

// here is the page of this request, to come back to.
func (v *visit) here() string {
	here := v.base + v.r.URL.EscapedPath()
	if id := v.r.URL.Query().Get("id"); id != "" {
		here += "?" + url.Values{"id": {id}}.Encode()
	}
	return here
}

// comingFrom is the page of this request with what the page itself comes back to.
func (v *visit) comingFrom() string {
	here := v.here()
	if to := v.returnTo(); to != "" && !strings.Contains(here, "?") {
		here += "?" + url.Values{"return_to": {to}}.Encode()
	}
	return here
}

// within calls answer where the limit of a class allows it.
func (v *visit) within(class admit.LimitClass, answer func(v *visit) error) error {
	var err error
	passed := false
	refused := &refusal{header: http.Header{}}
	v.auth.Limit(class)(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		passed = true
		err = answer(v)
	})).ServeHTTP(refused, v.r)
	if passed {
		return err
	}
	if after := refused.header.Get("Retry-After"); after != "" {
		v.w.Header().Set("Retry-After", after)
	}
	if refused.status == http.StatusTooManyRequests {
		return admit.ErrTooManyRequests
	}
	return admit.ErrUnavailable
}

// refusal is an answer that a page says in its own words.
type refusal struct {
	header http.Header
	status int
}

func (f *refusal) Header() http.Header         { return f.header }
func (f *refusal) WriteHeader(status int)      { f.status = status }
func (f *refusal) Write(b []byte) (int, error) { return len(b), nil }

// fromHere refuses a form that a page of another site sends. The browser says where
// a request comes from (W3C Fetch Metadata; RFC 6454), so the pages have no token
// that could expire while a page stays open.
func (v *visit) fromHere() error {
	if err := v.guard.Check(v.r); err != nil {
		v.config.Logger.WarnContext(v.r.Context(), "a page of another origin sent a form of the hosted pages, and was refused",
			"origin", clip(v.r.Header.Get("Origin")), "expected", v.origin, "site", clip(v.r.Header.Get("Sec-Fetch-Site")))
		return admit.ErrCrossOrigin
	}
	return nil
}

// readForm reads a form without files.
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
	v.form = form
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

// returnTo is the path that the visitor comes back to, or "".
func (v *visit) returnTo() string {
	if v.r.Method == http.MethodPost {
		return v.cleanReturn(v.form.Get("return_to"))
	}
	return v.cleanReturn(v.r.URL.Query().Get("return_to"))
}

// onward is where a visitor goes on who has done everything.
func (v *visit) onward() string {
	if to := v.returnTo(); to != "" {
		return to
	}
	return v.home
}

// goTo sends the browser on with GET, so that going back or loading again sends no
// form twice.
func (v *visit) goTo(location string) error {
	h := v.w.Header()
	h.Set("Location", location)
	h.Set("Referrer-Policy", "no-referrer")
	v.w.WriteHeader(http.StatusSeeOther)
	return nil
}

// recent says whether the visitor has given a recent proof of identity, as
// Auth.RequireRecent judges it.
func (v *visit) recent() bool {
	now := v.config.Now()
	return v.signedIn && now.Before(v.session.AuthTime.Add(v.config.RecentFor)) && !v.session.AuthTime.After(now.Add(clockError))
}

// gaveFactor says whether the session was proven with two factors.
func (v *visit) gaveFactor() bool { return v.session.ACR() == store.TwoFactors }

// fail shows what went wrong to a person. The log has the cause of what is not the
// visitor's doing.
func (v *visit) fail(err error) {
	answer := asError(err)
	v.view = v.newView(v)
	v.view.Status = answer.Status
	if answer.Status >= http.StatusInternalServerError {
		id := v.w.Header().Get("X-Request-Id")
		v.config.Logger.ErrorContext(v.r.Context(), "a hosted page failed", "request", id, "error", err)
		v.view.Reference = id
	}
	if answer.RetryAfter > 0 {
		v.w.Header().Set("Retry-After", retryAfter(answer))
	}
	name := "error"
	switch {
	case isDeadLink(answer):
		name = "dead-link"
	case answer.Status == http.StatusNotFound:
		name = "not-found"
	case errors.Is(answer, admit.ErrAccountBanned):
		name = "banned"
	default:
		v.view.Alert = v.explain(answer)
	}
	if failed := v.show(answer.Status, name); failed != nil {
		v.config.Logger.ErrorContext(v.r.Context(), "a hosted page cannot be shown", "page", name, "error", failed)
		http.Error(v.w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
	}
}

// explain says an error in the language of the reader. An error of the host's own
// speaks for itself.
func (v *visit) explain(e *admit.Error) string {
	key := "error." + e.Code
	if e.RetryAfter > 0 && v.words.Has(key+".wait") {
		minutes := int(math.Ceil(e.RetryAfter.Minutes()))
		if text, err := v.words.Text(key+".wait", "minutes", minutes); err == nil {
			return text
		}
	}
	if text, err := v.words.Text(key); err == nil {
		return text
	}
	// The error of a rule that no page has a text for, or of a hook of the host.
	text, _ := wording.Sentence(v.wordsIn(v.words.Tag), e.Message)
	return text
}

// isDeadLink says whether an error is about a mailed link that no longer works.
func isDeadLink(err error) bool {
	return slices.ContainsFunc([]error{
		admit.ErrInvalidToken, admit.ErrTokenExpired, admit.ErrVerificationTokenNotFound, admit.ErrVerificationTokenExpired,
	}, func(dead error) bool { return errors.Is(err, dead) })
}

// asError finds what a rule has answered.
func asError(err error) *admit.Error {
	if known, ok := errors.AsType[*admit.Error](err); ok {
		return known
	}
	return admit.ErrInternal
}

// Names lists the templates of the pages, without those of their frame.
func Names() []string { return slices.Sorted(maps.Keys(titles())) }
