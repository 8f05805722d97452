package issuer

import (
	"crypto/rand"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Callback is what the browser brings back to the host.
type Callback struct {
	// URL is where the browser goes.
	URL string
	// Form is posted there. Nil: the browser only goes there.
	Form url.Values
}

// Answer does what the page would: somebody signs in at the address that the browser was
// sent to. An empty email refuses.
func (s *Server) Answer(authorizationURL, email string) (Callback, error) {
	u, err := url.Parse(authorizationURL)
	if err != nil {
		return Callback{}, fmt.Errorf("issuer: %w", err)
	}
	which, known := map[string]shape{
		"/authorize": shapeOpenID, "/apple/authorize": shapeApple, "/github/login/oauth/authorize": shapeGitHub,
	}[u.Path]
	if strings.HasPrefix(u.Path, "/microsoft/") {
		which, known = shapeMicrosoft, true
	}
	if !known || !strings.HasPrefix(authorizationURL, s.url+"/") {
		return Callback{}, errors.New("issuer: the address is none of this server")
	}
	asked, err := s.read(u.Query(), which)
	if err != nil {
		return Callback{}, err
	}
	if email == "" {
		return s.deny(asked), nil
	}
	return s.allow(asked, s.person(email)), nil
}

// read checks an authorization request (RFC 6749, section 4.1.1).
func (s *Server) read(query url.Values, shape shape) (*grant, error) {
	asked := &grant{
		shape: shape, client: query.Get("client_id"), redirect: query.Get("redirect_uri"), nonce: query.Get("nonce"), scope: query.Get("scope"),
		challenge: query.Get("code_challenge"), state: query.Get("state"), answer: query.Get("response_mode"), made: s.options.Now(),
	}
	target, err := url.Parse(asked.redirect)
	_, known := s.options.Clients[asked.client]
	switch {
	case asked.client == "" || s.options.Clients != nil && !known:
		return nil, errors.New("issuer: the client_id is not known")
	case err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("issuer: the redirect_uri is no URL")
	case query.Get("response_type") != "code":
		return nil, errors.New("issuer: the response_type is not code")
	case asked.challenge != "" && query.Get("code_challenge_method") != "S256":
		return nil, errors.New("issuer: the code_challenge_method is not S256")
	case shape == shapeApple && asked.scope != "" && asked.answer != "form_post":
		return nil, errors.New("issuer: the response_mode must be form_post when scopes are asked for")
	}
	return asked, nil
}

func (s *Server) allow(asked *grant, person Person) Callback {
	asked.person = person
	code := rand.Text()
	s.mu.Lock()
	s.codes[code] = asked
	first := asked.shape == shapeApple && !s.named[person.subject()] && slices.Contains(strings.Fields(asked.scope), "name")
	if first {
		s.named[person.subject()] = true
	}
	s.mu.Unlock()
	values := url.Values{"code": {code}}
	if first {
		given, family, _ := strings.Cut(person.Name, " ")
		values.Set("user", fmt.Sprintf(`{"name":{"firstName":%q,"lastName":%q},"email":%q}`, given, family, person.Email))
	}
	return s.callback(asked, values)
}

func (s *Server) deny(asked *grant) Callback {
	if asked.shape == shapeApple {
		return s.callback(asked, url.Values{"error": {"user_cancelled_authorize"}})
	}
	return s.callback(asked, url.Values{"error": {"access_denied"}, "error_description": {"The person refused."}})
}

func (s *Server) callback(asked *grant, values url.Values) Callback {
	if asked.state != "" {
		values.Set("state", asked.state)
	}
	switch asked.shape {
	case shapeOpenID:
		values.Set("iss", s.url)
	case shapeGitHub:
		values.Set("iss", s.GitHub()+"/login/oauth")
	}
	if asked.answer == "form_post" {
		return Callback{asked.redirect, values}
	}
	separator := "?"
	if strings.Contains(asked.redirect, "?") {
		separator = "&"
	}
	return Callback{asked.redirect + separator + values.Encode(), nil}
}

func (s *Server) authorize(w http.ResponseWriter, r *http.Request, shape shape) {
	if _, err := s.read(r.URL.Query(), shape); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	show(w, loginPage(), map[string]any{
		"People": s.options.People, "Client": r.URL.Query().Get("client_id"), "Request": r.URL.RequestURI(), "Hint": r.URL.Query().Get("login_hint"),
	})
}

// decide ends the page.
func (s *Server) decide(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	email := strings.TrimSpace(r.FormValue("email"))
	if typed := strings.TrimSpace(r.FormValue("typed")); email == "" && r.FormValue("refuse") == "" {
		email = typed
	}
	callback, err := s.Answer(s.url+r.FormValue("request"), email)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if callback.Form == nil {
		http.Redirect(w, r, callback.URL, http.StatusSeeOther)
		return
	}
	fields := map[string]string{}
	for key := range callback.Form {
		fields[key] = callback.Form.Get(key)
	}
	show(w, postPage(), map[string]any{"URL": callback.URL, "Fields": fields})
}

func (s *Server) welcome(w http.ResponseWriter, _ *http.Request) {
	show(w, welcomePage(), map[string]any{"Issuer": s.Issuer(), "GitHub": s.GitHub(), "Apple": s.Apple(), "Microsoft": s.Microsoft()})
}

func show(w http.ResponseWriter, page *template.Template, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Frame-Options", "DENY")
	_ = page.Execute(w, data)
}

const head = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<style>body{font:1rem/1.5 system-ui;max-width:26rem;margin:3rem auto;padding:0 1rem;color:#222;background:#fff}
button,input{font:inherit;width:100%;box-sizing:border-box;padding:.6rem .8rem;margin:.25rem 0;border:1px solid #888;border-radius:.4rem;text-align:left;background:#fff;color:#222}
button:hover,button:focus{background:#eef}.note{color:#555;font-size:.9rem}</style>`

func loginPage() *template.Template {
	return template.Must(template.New("").Parse(head + `<title>Development sign-in</title></head><body>
<h1>Development sign-in</h1><p class="note">This server is for tests. It asks for no password. {{.Client}} asks who you are.</p>
<form method="post" action="/decide"><input type="hidden" name="request" value="{{.Request}}">
{{range .People}}<button name="email" value="{{.Email}}">{{.Name}} &lt;{{.Email}}&gt;{{if .Unverified}} (not verified){{end}}</button>
{{end}}</form>
<form method="post" action="/decide"><input type="hidden" name="request" value="{{.Request}}">
<label for="typed">Another address</label><input id="typed" name="typed" type="email" value="{{.Hint}}" required autocomplete="off"><button id="typed-go">Sign in with this address</button></form>
<form method="post" action="/decide"><input type="hidden" name="request" value="{{.Request}}"><button name="refuse" value="1">Refuse</button></form>
</body></html>`))
}

func postPage() *template.Template {
	return template.Must(template.New("").Parse(head + `<title>Going back</title></head><body onload="document.forms[0].submit()">
<form method="post" action="{{.URL}}">{{range $name, $value := .Fields}}<input type="hidden" name="{{$name}}" value="{{$value}}">{{end}}<button>Go back</button></form>
</body></html>`))
}

func welcomePage() *template.Template {
	return template.Must(template.New("").Parse(head + `<title>Development issuer</title></head><body><h1>Development issuer</h1>
<p>OpenID Connect: {{.Issuer}}<br>GitHub: {{.GitHub}}<br>Apple: {{.Apple}}<br>Microsoft: {{.Microsoft}}</p></body></html>`))
}
