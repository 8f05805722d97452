package oauth

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
)

// faults are what a server does in place of its answer.
func faults(elsewhere string) map[string]http.HandlerFunc {
	text := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	return map[string]http.HandlerFunc{
		"500":      text(500, "application/json", `{"error":"server_error"}`),
		"HTML":     text(200, "text/html", "<html>please wait</html>"),
		"503 HTML": text(503, "text/html", "<html>down</html>"),
		"nothing":  text(200, "application/json", ""),
		"null":     text(200, "application/json", "null"),
		"half":     text(200, "application/json", `{"issuer":"`),
		"a list":   text(200, "application/json", `[1,2]`),
		"deep":     text(200, "application/json", strings.Repeat(`[`, 50_000)),
		"10 MB":    text(200, "application/json", `{"keys":[`+strings.Repeat(" ", 10<<20)+`]}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
		},
		"reset": func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		},
		"hang": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"drip": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(`{"access_token":"`))
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		},
	}
}

func TestAC134_AProviderThatFailsIsAnErrorInTime(t *testing.T) {
	var wrong atomic.Pointer[http.HandlerFunc]
	var path atomic.Value
	path.Store("")
	elsewhere := atomic.Int64{}
	thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer thief.Close()
	server := start(t, issuer.Options{
		People: []issuer.Person{{Email: "ada@example.com", Nickname: "ada"}},
		Wrap: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if fault := wrong.Load(); fault != nil && r.URL.Path == path.Load() {
					(*fault)(w, r)
					return
				}
				next.ServeHTTP(w, r)
			})
		},
		Claims: func(claims map[string]any) {
			if claims["aud"] != nil {
				delete(claims, "email") // so that userinfo is asked
			}
		},
	})
	openID := func() *engine {
		d := OIDC{Provider: "acme", Issuer: server.Issuer()}.dialect()
		d.limit = 300 * time.Millisecond
		return newEngine(d)
	}
	github := func() *engine {
		d := GitHub{BaseURL: server.GitHub()}.dialect()
		d.limit = 300 * time.Millisecond
		return newEngine(d)
	}
	credentials := admit.ProviderCredentials{ClientID: "client", ClientSecret: "s3cr3t", RedirectURI: redirectURI}
	signIn := func(e *engine) error {
		verifier := oauth2.GenerateVerifier()
		redirect, err := e.begin(t.Context(), credentials, admit.ProviderRequest{State: "s", Nonce: "n", CodeVerifier: verifier})
		if err != nil {
			return err
		}
		callback, err := server.Answer(redirect, "ada@example.com")
		if err != nil {
			t.Fatal(err)
		}
		u, _ := url.Parse(callback.URL)
		_, err = e.finish(t.Context(), credentials, admit.ProviderAnswer{
			Code: u.Query().Get("code"), CodeVerifier: verifier, Nonce: "n", NonceRequired: true, Issuer: u.Query().Get("iss"), Now: now(),
		})
		if err != nil && strings.Contains(err.Error(), u.Query().Get("code")) {
			t.Errorf("the error repeats the code: %v", err)
		}
		return err
	}
	before := runtime.NumGoroutine()
	for at, engine := range map[string]func() *engine{
		"/.well-known/openid-configuration": openID, "/token": openID, "/keys": openID, "/userinfo": openID,
		"/github/login/oauth/access_token": github, "/github/api/v3/user": github, "/github/api/v3/user/emails": github,
	} {
		for what, fault := range faults(thief.URL + at) {
			path.Store(at)
			wrong.Store(&fault)
			e := engine()
			began := time.Now()
			err := signIn(e)
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("%s, %s: took %s", at, what, took)
			}
			if !errors.Is(err, admit.ErrOAuthCallbackFailed) && (at != "/github/api/v3/user/emails" || err != nil || what != "a list" && what != "null") {
				t.Errorf("%s, %s: %v", at, what, err)
			}
			if err != nil && (strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "html") || len(err.Error()) > 500) {
				t.Errorf("%s, %s: the error repeats what came: %v", at, what, err)
			}
			wrong.Store(nil)
			if err := signIn(e); err != nil {
				t.Errorf("%s, %s: a retry: %v", at, what, err)
			}
			e.client.CloseIdle()
		}
	}
	if elsewhere.Load() != 0 {
		t.Errorf("%d redirects were followed", elsewhere.Load())
	}
	for deadline := time.Now().Add(time.Minute); runtime.NumGoroutine() > before+10 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if after := runtime.NumGoroutine(); after > before+10 {
		t.Errorf("%d goroutines before, %d after", before, after)
	}
}

func TestACallIsBoundedByTenSeconds(t *testing.T) {
	if e := newEngine(Google{}.dialect()); e.dialect.limit != 10*time.Second || e.client.HTTP.Timeout != 10*time.Second {
		t.Errorf("%s, %s", e.dialect.limit, e.client.HTTP.Timeout)
	}
}

func TestAC125_MetadataThatLeadsAstrayIsRefused(t *testing.T) {
	for what, c := range map[string]struct {
		change  string // old to new in the document, parted by a bar
		private bool
		good    bool
	}{
		"as it is":                   {"", false, true},
		"another issuer":             {`"issuer":"HOST"|"issuer":"https://evil.example"`, false, false},
		"a slash more":               {`"issuer":"HOST"|"issuer":"HOST/"`, false, false},
		"no issuer":                  {`"issuer":"HOST",|`, false, false},
		"http elsewhere":             {`HOST/token|http://example.com/token`, false, false},
		"the metadata of clouds":     {`HOST/token|https://169.254.169.254/token`, true, false},
		"a private network":          {`HOST/keys|https://10.0.0.1/keys`, false, false},
		"a private network, allowed": {`HOST/keys|https://10.0.0.1/keys`, true, true},
		"a file":                     {`HOST/keys|file:///etc/passwd`, false, false},
		"a name with a password":     {`HOST/token|https://a:b@example.com/token`, false, false},
		"a script":                   {`HOST/authorize|javascript:alert(1)`, false, false},
		"no keys":                    {`,"jwks_uri":"HOST/keys"|`, false, false},
		"no token endpoint":          {`,"token_endpoint":"HOST/token"|`, false, false},
	} {
		var document string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(strings.ReplaceAll(document, "HOST", "http://"+r.Host)))
		}))
		document = `{"issuer":"HOST","authorization_endpoint":"HOST/authorize","token_endpoint":"HOST/token","jwks_uri":"HOST/keys"}`
		if old, changed, found := strings.Cut(c.change, "|"); found {
			if !strings.Contains(document, old) {
				t.Fatalf("%s changes nothing", what)
			}
			document = strings.Replace(document, old, changed, 1)
		}
		p := OIDC{Provider: "acme", Issuer: server.URL, ClientID: "client", ClientSecret: "s", AllowPrivateNetwork: c.private}
		_, err := p.Begin(t.Context(), p.Credentials(), admit.ProviderRequest{State: "s"})
		if (err == nil) != c.good || err != nil && !errors.Is(err, admit.ErrOAuthCallbackFailed) {
			t.Errorf("%s: %v", what, err)
		}
		server.Close()
	}
	// What an issuer of the Internet says of itself leads to no loopback address.
	public := newEngine(OIDC{Provider: "acme", Issuer: "https://id.example"}.dialect())
	at := Endpoints{Issuer: "https://id.example", Authorization: "https://id.example/a", Token: "http://127.0.0.1:8080/t", Keys: "https://id.example/k"}
	if err := checkEndpoints(at, public.dialect.allowed()); err == nil {
		t.Error("loopback of a public issuer is called")
	}
}

func TestAnIssuerThatIsDownLaterIsUsedOn(t *testing.T) {
	var down atomic.Bool
	var asked atomic.Int64
	server := start(t, issuer.Options{Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/.well-known/") {
				asked.Add(1)
				if down.Load() {
					http.Error(w, "down", http.StatusServiceUnavailable)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}})
	e := newEngine(OIDC{Provider: "acme", Issuer: server.Issuer()}.dialect())
	defer e.client.CloseIdle()
	at := func(when time.Time) {
		t.Helper()
		if _, err := e.endpoints(t.Context(), when); err != nil {
			t.Error(err)
		}
	}
	at(time.Time{})
	at(now())
	at(now().Add(time.Hour))
	if asked.Load() != 1 {
		t.Errorf("asked %d times in an hour", asked.Load())
	}
	down.Store(true)
	at(now().Add(25 * time.Hour))
	at(now().Add(26 * time.Hour))
	if asked.Load() != 2 {
		t.Errorf("an issuer that is down was asked %d times", asked.Load()-1)
	}
}

func TestNoProviderPrintsASecret(t *testing.T) {
	text, _ := appleKey(t)
	const secret = "s3cr3t"
	for _, p := range []admit.Provider{
		Google{ClientID: "id", ClientSecret: secret}, GitHub{ClientID: "id", ClientSecret: secret}, Microsoft{ClientID: "id", ClientSecret: secret},
		GitLab{ClientID: "id", ClientSecret: secret}, LinkedIn{ClientID: "id", ClientSecret: secret}, Discord{ClientID: "id", ClientSecret: secret},
		Slack{ClientID: "id", ClientSecret: secret}, Facebook{ClientID: "id", ClientSecret: secret}, X{ClientID: "id", ClientSecret: secret},
		OIDC{Provider: "acme", Issuer: "https://id.example", ClientID: "id", ClientSecret: secret}, OAuth2{Provider: "acme", ClientID: "id", ClientSecret: secret},
		Apple{ClientID: "id", PrivateKey: text},
	} {
		for _, p := range []admit.Provider{p, p.(admit.ProviderOpener).Open()} {
			var log strings.Builder
			slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "provider", p)
			slog.New(slog.NewTextHandler(&log, nil)).Info("x", "provider", p, "list", []admit.Provider{p})
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
				fmt.Fprintf(&log, verb, p)
				fmt.Fprintf(&log, verb, []any{p})
			}
			if strings.Contains(log.String(), secret) || strings.Contains(log.String(), "PRIVATE") || strings.Contains(log.String(), fmt.Sprintf("%x", secret)) {
				t.Errorf("%s prints its secret", p.Name())
			}
			if !strings.Contains(log.String(), "ClientID") {
				t.Errorf("%s prints nothing that tells it apart", p.Name())
			}
			if _, ok := p.(admit.ProviderPoster); ok != (p.Name() == "apple") {
				t.Errorf("%s: form post %v", p.Name(), ok)
			}
		}
	}
}

func TestCheckFindsWhatCannotWork(t *testing.T) {
	text, _ := appleKey(t)
	for what, c := range map[string]struct {
		provider admit.Provider
		good     bool
	}{
		"nothing is set":              {Google{}, true},
		"all is set":                  {Google{ClientID: "id", ClientSecret: "s", RedirectURI: "https://app.example/cb", Scopes: []string{"email"}}, true},
		"a secret without an id":      {Google{ClientSecret: "s"}, false},
		"an id with a blank":          {Google{ClientID: "id ", ClientSecret: "s"}, false},
		"a secret with a line":        {GitHub{ClientID: "id", ClientSecret: "s\n"}, false},
		"a redirect without TLS":      {Google{ClientID: "id", ClientSecret: "s", RedirectURI: "http://app.example/cb"}, false},
		"a redirect to loopback":      {Google{ClientID: "id", ClientSecret: "s", RedirectURI: "http://localhost:8080/cb"}, true},
		"a redirect with a fragment":  {Google{ClientID: "id", ClientSecret: "s", RedirectURI: "https://app.example/cb#x"}, false},
		"two scopes in one":           {Google{ClientID: "id", ClientSecret: "s", Scopes: []string{"openid email"}}, false},
		"an issuer without TLS":       {OIDC{Provider: "acme", Issuer: "http://id.example"}, false},
		"an issuer on loopback":       {OIDC{Provider: "acme", Issuer: "http://127.0.0.1:9000"}, true},
		"no issuer":                   {OIDC{Provider: "acme"}, false},
		"a private issuer":            {OIDC{Provider: "acme", Issuer: "https://10.0.0.1"}, false},
		"a private issuer, allowed":   {OIDC{Provider: "acme", Issuer: "https://10.0.0.1", AllowPrivateNetwork: true}, true},
		"no name":                     {OIDC{Issuer: "https://id.example"}, false},
		"a name in capitals":          {OIDC{Provider: "Acme", Issuer: "https://id.example"}, false},
		"a name with a slash":         {OIDC{Provider: "a/b", Issuer: "https://id.example"}, false},
		"an OAuth 2 without a reader": {OAuth2{Provider: "acme", Endpoints: Endpoints{Issuer: "https://a.example", Authorization: "https://a.example/a", Token: "https://a.example/t", UserInfo: "https://a.example/u"}}, false},
		"Apple, whole":                {Apple{ClientID: "id", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: text}, true},
		"Apple, no key":               {Apple{ClientID: "id", TeamID: "TEAM567890", KeyID: "KEY4567890"}, false},
		"Apple, junk":                 {Apple{ClientID: "id", TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: "junk"}, false},
		"Apple, no team":              {Apple{ClientID: "id", KeyID: "KEY4567890", PrivateKey: text}, false},
		"Apple, no id":                {Apple{TeamID: "TEAM567890", KeyID: "KEY4567890", PrivateKey: text}, false},
		"Apple, by settings":          {Apple{}, true},
	} {
		if err := c.provider.Check(); (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestTheAddressThatTheBrowserIsSentTo(t *testing.T) {
	request := admit.ProviderRequest{State: "st", Nonce: "no", CodeVerifier: strings.Repeat("v", 43), LoginHint: "ada@example.com"}
	for want, p := range map[string]admit.Provider{
		"https://accounts.google.com/o/oauth2/v2/auth?access_type=offline&client_id=id&code_challenge=C&code_challenge_method=S256&hd=corp.example&login_hint=ada%40example.com&nonce=no&prompt=consent&redirect_uri=R&response_type=code&scope=openid+email+profile&state=st": Google{HostedDomain: "corp.example", Offline: true},
		"https://github.com/login/oauth/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&redirect_uri=R&response_type=code&scope=read%3Auser+user%3Aemail&state=st":                                                                                          GitHub{},
		"https://appleid.apple.com/auth/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&nonce=no&redirect_uri=R&response_mode=form_post&response_type=code&scope=name+email&state=st":                                                                       Apple{},
		"https://login.microsoftonline.com/common/oauth2/v2.0/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&login_hint=ada%40example.com&nonce=no&redirect_uri=R&response_type=code&scope=openid+email+profile&state=st":                                  Microsoft{},
		"https://www.linkedin.com/oauth/v2/authorization?client_id=id&nonce=no&redirect_uri=R&response_type=code&scope=openid+email+profile&state=st":                                                                                                                          LinkedIn{},
		"https://discord.com/oauth2/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&redirect_uri=R&response_type=code&scope=identify+email&state=st":                                                                                                        Discord{},
		"https://www.facebook.com/v23.0/dialog/oauth?client_id=id&code_challenge=C&code_challenge_method=S256&redirect_uri=R&response_type=code&scope=email+public_profile&state=st":                                                                                           Facebook{},
		"https://slack.com/openid/connect/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&nonce=no&redirect_uri=R&response_type=code&scope=openid+email+profile&state=st&team=T1":                                                                           Slack{Team: "T1"},
		"https://x.com/i/oauth2/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&redirect_uri=R&response_type=code&scope=users.read+tweet.read+users.email&state=st":                                                                                         X{},
		"https://gitlab.com/oauth/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&nonce=no&redirect_uri=R&response_type=code&scope=openid+email+profile&state=st":                                                                                           GitLab{},
		"https://ghe.example/login/oauth/authorize?client_id=id&code_challenge=C&code_challenge_method=S256&redirect_uri=R&response_type=code&scope=read%3Auser+user%3Aemail&state=st":                                                                                         GitHub{BaseURL: "https://ghe.example/"},
	} {
		got, err := p.Begin(t.Context(), admit.ProviderCredentials{ClientID: "id", ClientSecret: "s3cr3t", RedirectURI: "R"}, request)
		challenge := oauth2.S256ChallengeFromVerifier(request.CodeVerifier)
		if err != nil || strings.Replace(got, challenge, "C", 1) != want {
			t.Errorf("%s:\ngot  %s\nwant %s (%v)", p.Name(), got, want, err)
		}
	}
	// Scopes of the host keep openid, and parameters of the host replace none of ours.
	p := OAuth2{Provider: "acme", Endpoints: Endpoints{Issuer: "https://a.example", Authorization: "https://a.example/a", Token: "https://a.example/t", UserInfo: "https://a.example/u"}, Parameters: map[string]string{"state": "evil", "prompt": "login", "client_id": "evil", "redirect_uri": "evil"}}
	got, err := p.Begin(t.Context(), admit.ProviderCredentials{ClientID: "id", RedirectURI: "R"}, request)
	if err != nil || strings.Contains(got, "evil") || !strings.Contains(got, "prompt=login") {
		t.Errorf("%s, %v", got, err)
	}
	if p.Check() == nil {
		t.Error("parameters that are not the host's are taken")
	}
	google, err := Google{}.Begin(t.Context(), admit.ProviderCredentials{ClientID: "id", RedirectURI: "R", Scopes: []string{"email"}}, request)
	if err != nil || !strings.Contains(google, "scope=openid+email&") {
		t.Errorf("%s, %v", google, err)
	}
}

func TestOA04_GitHubNamesItsIssuer(t *testing.T) {
	r := newRecorded(t, nil, map[string]string{"/token": `{"access_token":"t","token_type":"bearer"}`, "/user": `{"id":1,"login":"x"}`, "/emails": `[]`})
	github := GitHub{ClientID: "client", ClientSecret: "s3cr3t", Endpoints: r.at(githubURL)}
	for iss, good := range map[string]bool{"": true, "https://github.com/login/oauth": true, "https://github.com": true, "https://evil.example": false, "https://github.com/login/oauth/": false} {
		_, err := github.Finish(t.Context(), github.Credentials(), admit.ProviderAnswer{Code: "c", Issuer: iss, NonceRequired: true, Now: now()})
		if (err == nil) != good {
			t.Errorf("iss %q: %v", iss, err)
		}
	}
}
