package admit

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/admit-go/admit/internal/webio"
)

const providerPath = "/auth/{provider}"

// providerDoors serves the rules of oauth.go.
type providerDoors struct {
	*kernel
	providers *Providers
}

func (d *providerDoors) feature() feature {
	return feature{
		name:  "oauth",
		holds: holding{nothing: "linked accounts are in the part of the links, and a redirect is kept for minutes"},
		routes: []route{
			{method: http.MethodGet, path: providerPath, who: anyone, scope: "auth:signin", exchanges: true, navigated: true, limit: limitProvider, serve: d.handleStart},
			{method: http.MethodPost, path: providerPath, who: signedIn, scope: "accounts:create", limit: limitProvider, fresh: true, serve: d.handleStartForSession},
			{method: http.MethodGet, path: providerPath + "/callback", who: anyone, scope: "auth:signin", exchanges: true, navigated: true, limit: limitProvider, serve: d.handleCallback},
			{method: http.MethodPost, path: providerPath + "/callback", who: anyone, scope: "auth:signin", exchanges: true, navigated: true, limit: limitProvider, serve: d.handlePost},
			{method: http.MethodPost, path: providerPath + "/onetap", who: anyone, scope: "auth:signin", exchanges: true, navigated: true, limit: limitProvider, serve: d.handleOneTap},
			{method: http.MethodPost, path: providerPath + "/notifications", who: anyone, exchanges: true, vouched: true, serve: d.handleNotice},
		},
		events: []string{eventIdentityNotice},
		errors: []*Error{
			ErrUnsupportedProvider, ErrOAuthNotConfigured, ErrInvalidState, ErrInvalidOAuthCode, ErrOAuthCallbackFailed,
			ErrAccountExistsDifferentProvider, ErrOAuthEmailMissing,
		},
	}
}

// handleStart sends the browser to the provider.
func (d *providerDoors) handleStart(w http.ResponseWriter, r *http.Request) error {
	values, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := BeginProviderParams{Provider: r.PathValue("provider"), Language: r.Header.Get("Accept-Language")}
	err = webio.Fields(values, map[string]*string{"callbackUrl": &in.CallbackURL, "mode": &in.Mode, "loginHint": &in.LoginHint})
	if err != nil {
		return err
	}
	if r.Method == http.MethodHead {
		_, err := providerNamed(&d.config, in.Provider)
		return err
	}
	begun, err := d.providers.Begin(anonymous(r.Context()), in)
	if err != nil {
		return err
	}
	d.providers.Bind(w, r, in.Provider, begun)
	return sendTo(w, http.StatusFound, begun.URL)
}

type startInput struct {
	CallbackURL string `json:"callbackUrl"`
	Purpose     string `json:"purpose"`
}

type startBody struct {
	URL string `json:"url"`
}

// handleStartForSession begins a redirect that links a provider, or proves a session
// again. It is a POST, which a page of another site cannot make with the cookie of
// its reader. A form is sent on; a program gets the address to open in the same
// browser.
func (d *providerDoors) handleStartForSession(w http.ResponseWriter, r *http.Request) error {
	var in startInput
	form := webio.IsForm(r)
	if form {
		values, err := webio.Form(w, r)
		if err == nil {
			err = webio.Fields(values, map[string]*string{"callbackUrl": &in.CallbackURL, "purpose": &in.Purpose})
		}
		if err != nil {
			return err
		}
	} else if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	params := BeginProviderParams{
		Provider: r.PathValue("provider"), CallbackURL: in.CallbackURL, Purpose: cmp.Or(in.Purpose, flowLink), Language: r.Header.Get("Accept-Language"),
	}
	if params.Purpose == flowSignIn {
		return ErrInvalidRequest.detail("purpose", "must be link or reauthenticate")
	}
	begun, err := d.providers.Begin(r.Context(), params)
	if err != nil {
		return err
	}
	d.providers.Bind(w, r, params.Provider, begun)
	if form {
		return sendTo(w, http.StatusSeeOther, begun.URL)
	}
	return webio.Write(w, http.StatusOK, startBody{begun.URL})
}

// Bind sets the cookie that binds a redirect to the browser, as the routes do. Call
// it before the browser is sent to BegunProvider.URL. The route of the callback
// reads the cookie.
func (p *Providers) Bind(w http.ResponseWriter, r *http.Request, provider string, begun BegunProvider) {
	posted := false
	if found, err := providerNamed(&p.config, provider); err == nil {
		poster, ok := found.(ProviderPoster)
		posted = ok && poster.FormPost()
	}
	for _, surplus := range surplusBindings(p.kernel, r) {
		putCookie(w.Header(), bindingCookie(p.kernel, surplus, "", false))
	}
	putCookie(w.Header(), bindingCookie(p.kernel, bindingName(p.kernel, begun.State), begun.Binding, posted))
}

// sendTo redirects a browser. No address of this flow reaches the next page.
func sendTo(w http.ResponseWriter, status int, target string) error {
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", target)
	w.WriteHeader(status)
	return nil
}

// handleCallback ends a redirect flow.
func (d *providerDoors) handleCallback(w http.ResponseWriter, r *http.Request) error {
	values, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := FinishProviderParams{Provider: r.PathValue("provider")}
	err = webio.Fields(values, map[string]*string{"code": &in.Code, "state": &in.State, "iss": &in.Issuer, "error": &in.Error})
	if err != nil || r.Method == http.MethodHead {
		return err
	}
	in.Binding = bindingIn(d.kernel, r, in.State)
	done, err := d.providers.Finish(remembering(d.kernel, anonymous(r.Context()), r), in)
	return d.arrived(w, r, http.StatusFound, in.State, done, err)
}

// remembering lets a device that needs no second factor be known by its cookie.
func remembering(k *kernel, ctx context.Context, r *http.Request) context.Context { //nolint:revive // the kernel comes first
	if !k.config.Cookies {
		return ctx
	}
	return WithDeviceToken(ctx, rememberedBy(k, r))
}

// arrived sends the browser back to the host. An error is shown here unless it is
// known where the flow began.
func (d *providerDoors) arrived(w http.ResponseWriter, r *http.Request, status int, state string, done FinishedProvider, failed error) error {
	if done.CallbackURL == "" {
		return failed
	}
	var query []string
	switch {
	case failed != nil:
		refusal := asError(failed)
		if refusal.Status >= http.StatusInternalServerError {
			noteFailure(d.kernel, r, refusal, failed)
		}
		query = []string{"error", refusal.Code}
		if ticket, ok := refusal.Details["mfaToken"].(string); ok && done.Mode == modeCookie {
			putCookie(w.Header(), ticketCookie(d.kernel, ticket))
		}
	case done.SignedIn != nil:
		if err := setCookie(d.kernel, w, done.SignedIn); err != nil {
			return err
		}
	case done.Token != "":
		query = []string{"token", done.Token}
	case done.Purpose == flowLink:
		query = []string{"linked", r.PathValue("provider")}
	default:
		query = []string{"reauthenticated", "true"}
	}
	target := done.CallbackURL
	if d.redirects.Allows(target) {
		var err error
		if target, err = d.redirects.AddQuery(target, query...); err != nil {
			return ErrInternal.because(err)
		}
	} else if done.Token != "" {
		return ErrInvalidCallbackURL // the home page is one of another host
	}
	if state != "" {
		putCookie(w.Header(), bindingCookie(d.kernel, bindingName(d.kernel, state), "", false))
	}
	return sendTo(w, status, target)
}

// noteFailure logs a failure that the browser is told by its code alone.
func noteFailure(k *kernel, r *http.Request, refusal *Error, cause error) {
	request := clientFrom(r.Context()).RequestID
	if errors.Is(refusal, ErrInternal) {
		k.log.ErrorContext(r.Context(), "request failed", "request", request, "error", cause)
		return
	}
	k.log.WarnContext(r.Context(), "a sign-in by a provider failed", "request", request, "error", cause)
}

// handlePost takes the answer of an app that ran the redirect itself, or the form
// that Apple makes the browser post.
func (d *providerDoors) handlePost(w http.ResponseWriter, r *http.Request) error {
	if webio.IsForm(r) {
		return d.reflectForm(w, r)
	}
	var in providerInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	ctx := WithDeviceToken(r.Context(), cmp.Or(in.DeviceToken, rememberedIn(d.kernel, r)))
	ctx = WithLanguages(ctx, r.Header.Get("Accept-Language"))
	signed, err := d.providers.SignIn(ctx, in.params(d.kernel, r, r.PathValue("provider")))
	if err != nil {
		return err
	}
	return writeSignedIn(d.kernel, w, r, http.StatusOK, &signed, true)
}

// reflectForm sends a form on to the GET of the same path: a browser sends the
// cookies of the site there, which it holds back from the form of another site.
func (d *providerDoors) reflectForm(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("provider")
	p, err := providerNamed(&d.config, name)
	if err != nil {
		return err
	}
	values, err := webio.Form(w, r)
	if err != nil {
		return err
	}
	var code, state, issuer, failure, user string
	fields := map[string]*string{"code": &code, "state": &state, "iss": &issuer, "error": &failure, "user": &user}
	if err := webio.Fields(values, fields); err != nil {
		return err
	}
	if poster, ok := p.(ProviderPoster); ok && poster.FormPost() && user != "" {
		if err := d.spendClient(r.Context(), clientProvider); err != nil {
			return err
		}
		if err := keepName(r.Context(), d.kernel, name, state, user); err != nil {
			return err
		}
	}
	query := url.Values{}
	for field, value := range fields {
		if field != "user" && *value != "" {
			query.Set(field, *value)
		}
	}
	return sendTo(w, http.StatusSeeOther, d.pagePath("/auth/"+name+"/callback")+"?"+query.Encode())
}

// handleOneTap ends Google's button and One Tap in the mode login_uri.
func (d *providerDoors) handleOneTap(w http.ResponseWriter, r *http.Request) error {
	if !webio.IsForm(r) {
		return ErrUnsupportedMediaType
	}
	in := OneTapParams{Provider: r.PathValue("provider"), Language: r.Header.Get("Accept-Language")}
	query, err := webio.Query(r)
	if err == nil {
		err = webio.Fields(query, map[string]*string{"callbackUrl": &in.CallbackURL, "mode": &in.Mode})
	}
	if err != nil {
		return err
	}
	values, err := webio.Form(w, r)
	if err == nil {
		err = webio.Fields(values, map[string]*string{"credential": &in.Credential, "g_csrf_token": &in.CSRFToken})
	}
	if err != nil {
		return err
	}
	if found := r.CookiesNamed("g_csrf_token"); len(found) == 1 {
		in.CSRFCookie = found[0].Value
	}
	done, err := d.providers.OneTap(remembering(d.kernel, r.Context(), r), in)
	return d.arrived(w, r, http.StatusSeeOther, "", done, err)
}

// handleNotice takes a notice that the provider has signed.
func (d *providerDoors) handleNotice(w http.ResponseWriter, r *http.Request) error {
	if r.ContentLength > webio.MaxBody {
		return ErrPayloadTooLarge
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, webio.MaxBody+1))
	switch {
	case err != nil:
		return ErrInvalidRequest.because(err)
	case len(body) > webio.MaxBody:
		return ErrPayloadTooLarge
	}
	if err := d.providers.Notice(r.Context(), r.PathValue("provider"), body); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct{}{})
}
