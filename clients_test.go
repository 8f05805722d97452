package admit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// send sends a request to a handler.
func send(handler http.Handler, method, path, body string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(r.Header, header)
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}

func TestAPreflightAllowsWhateverHeadersAListedOriginAsksFor(t *testing.T) {
	h := newHost(t, func(c *admit.Config) {
		c.AllowedOrigins = []string{"https://app.example", "capacitor://localhost", "chrome-extension://abcdefghijklmnop"}
	})
	preflight := func(origin []string, asked ...string) http.Header {
		return send(h.Handler(), http.MethodOptions, "/v1/auth/me", "", http.Header{
			"Origin": origin, "Access-Control-Request-Method": {"GET"}, "Access-Control-Request-Headers": asked,
		}).Result().Header
	}
	for _, origin := range []string{"https://app.example", "capacitor://localhost", "chrome-extension://abcdefghijklmnop"} {
		got := preflight([]string{origin}, "sentry-trace,baggage,traceparent,x-requested-with,authorization")
		if got.Get("Access-Control-Allow-Origin") != origin ||
			got.Get("Access-Control-Allow-Headers") != "sentry-trace,baggage,traceparent,x-requested-with,authorization" ||
			!strings.Contains(got.Get("Vary"), "Origin") || !strings.Contains(got.Get("Vary"), "Access-Control-Request-Headers") {
			t.Errorf("%s: %v", origin, got)
		}
		answer := send(h.Handler(), http.MethodGet, "/v1/auth/me", "", http.Header{"Origin": {origin}}).Header()
		if answer.Get("Access-Control-Expose-Headers") != "Retry-After, WWW-Authenticate, X-Request-Id" || answer.Get("Vary") != "Origin" {
			t.Errorf("%s: %v", origin, answer)
		}
	}
	for _, odd := range []string{"a b(c)", "x:y", "ünicode", "a\x00b"} {
		if got := preflight([]string{"https://app.example"}, odd).Get("Access-Control-Allow-Headers"); strings.Contains(got, odd) {
			t.Errorf("%q, which names no header, is echoed: %q", odd, got)
		}
	}
	if got := preflight([]string{"https://app.example"}, "a", "b").Get("Access-Control-Allow-Headers"); got != "a, b" {
		t.Errorf("two lines are answered %q", got)
	}
	// Two Origin headers come from no browser; neither is allowed.
	for _, origins := range [][]string{
		{"https://app.example", "https://evil.test"}, {"https://evil.test", "https://app.example"}, {"https://app.example", "https://app.example"},
	} {
		for name := range preflight(origins, "authorization") {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%v: sends %s", origins, name)
			}
		}
	}
}

func TestNewNamesTheOriginThatBrowsersSend(t *testing.T) {
	_, err := admit.New(admit.Config{AllowedOrigins: []string{"https://App.Example:443/", "capacitor://localhost"}})
	if err == nil || !strings.Contains(err.Error(), `AllowedOrigins "https://App.Example:443/"`) || !strings.Contains(err.Error(), `write "https://app.example"`) ||
		strings.Contains(err.Error(), "capacitor") {
		t.Errorf("got %v", err)
	}
}

// chiLike takes patterns as chi's routers do.
type chiLike struct{ patterns []string }

func (c *chiLike) Handle(pattern string, _ http.Handler) { c.patterns = append(c.patterns, pattern) }
func (c *chiLike) Mount(string, http.Handler)            {}

func TestMountGoesBesideWhateverMethodPatternsTheHostHas(t *testing.T) {
	h := newHost(t)
	spa := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-Spa", "yes") })
	for _, before := range [][]string{
		{"GET /"}, {"/"}, {"GET /", "POST /", "DELETE /"}, {"GET /{path...}"}, {"GET /{$}", "PUT /{any}/"}, {"GET other.example/"}, nil,
	} {
		for _, mountFirst := range []bool{false, true} {
			mux := http.NewServeMux()
			if mountFirst {
				h.Mount(mux)
			}
			for _, pattern := range before {
				mux.Handle(pattern, spa)
			}
			if !mountFirst {
				h.Mount(mux)
			}
			for request, want := range map[string]int{
				"GET /v1/auth/me": 401, "HEAD /v1/auth/me": 401, "OPTIONS /v1/auth/me": 204, "POST /v1/auth/me": 405, "PUT /v1/auth/me": 405,
				"TRACE /v1/auth/me": 405, "GET /v1/nothing": 404, "PATCH /v1/nothing": 404, "POST /v1/auth/signout": 401,
				"GET /.well-known/jwks.json": 200, "GET /.well-known/openid-configuration": 200, "POST /.well-known/jwks.json": 405,
			} {
				method, path, _ := strings.Cut(request, " ")
				w := send(mux, method, path, "", nil)
				if w.Code != want || w.Header().Get("X-Request-Id") == "" {
					t.Errorf("beside %v, %s answered %d, want %d", before, request, w.Code, want)
				}
			}
			if len(before) > 0 && before[0] == "GET /" && send(mux, http.MethodGet, "/notes", "", nil).Header().Get("X-Spa") == "" {
				t.Error("the host's own page is gone")
			}
		}
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{user}/{page}", spa)
	mux.Handle("PUT /{user}/settings", spa)
	h.Mount(mux)
	for request, want := range map[string]int{
		"GET /v1/auth/me": 401, "POST /v1/auth/signout": 401, "OPTIONS /v1/auth/me": 204, "DELETE /v1/auth/sessions/x": 401, "GET /ann/notes": 200,
	} {
		method, path, _ := strings.Cut(request, " ")
		if w := send(mux, method, path, "", nil); w.Code != want {
			t.Errorf("beside patterns with wildcards, %s answered %d, want %d", request, w.Code, want)
		}
	}
	var chi chiLike
	h.Mount(&chi)
	if want := []string{"/.well-known/jwks.json", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/.well-known/webauthn", "/v1/*"}; !slices.Equal(chi.patterns, want) {
		t.Errorf("chi is given %v, want %v", chi.patterns, want)
	}
}

func TestServicesThatKnowTheIssuerAloneFindTheKeys(t *testing.T) {
	for _, algorithm := range []string{"ES256", "EdDSA", "HS256"} {
		h := newHost(t, func(c *admit.Config) { c.Issuer, c.Sessions.Algorithm = "https://id.example", algorithm })
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			w := send(h.Handler(), http.MethodGet, path, "", http.Header{"Authorization": {"Bearer stale"}})
			var got map[string]any
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK {
				t.Fatalf("%s: %d %s", path, w.Code, w.Body)
			}
			if got["issuer"] != "https://id.example" || got["jwks_uri"] != "https://app.example/.well-known/jwks.json" ||
				!slices.Equal(got["id_token_signing_alg_values_supported"].([]any), []any{algorithm}) {
				t.Errorf("%s: %s", path, w.Body)
			}
			if cache := w.Header().Get("Cache-Control"); cache != "public, max-age=300" {
				t.Errorf("%s: Cache-Control is %q", path, cache)
			}
			if got["authorization_endpoint"] != nil || len(got["grant_types_supported"].([]any)) > 0 {
				t.Errorf("%s promises what is not there: %s", path, w.Body)
			}
		}
	}
}

func TestSigningOutNeedsNoAccessTokenBesideARefreshToken(t *testing.T) {
	h := newHost(t)
	signIn := func() admit.Tokens {
		signed, err := h.Passwords.SignIn(context.Background(), admit.SignInParams{Email: "user1@example.com", Password: authtest.Password})
		if err != nil {
			t.Fatal(err)
		}
		return signed.Tokens
	}
	alive := func(tokens admit.Tokens) bool {
		status, _ := h.call(http.MethodPost, "/v1/auth/refresh", "", map[string]string{"refreshToken": tokens.RefreshToken})
		return status == http.StatusOK
	}
	signOut := func(access string, body map[string]any) int {
		text := ""
		if body != nil {
			raw, _ := json.Marshal(body)
			text = string(raw)
		}
		status, _ := h.call(http.MethodPost, "/v1/auth/signout", access, text)
		return status
	}
	h.SignedIn("")
	leaving, staying := signIn(), signIn()
	h.Clock.Advance(2 * time.Hour) // the access tokens have expired
	if status := signOut(leaving.AccessToken, nil); status != http.StatusUnauthorized {
		t.Errorf("an expired access token alone answered %d", status)
	}
	if status := signOut(leaving.AccessToken, map[string]any{"refreshToken": "rt_nonsense"}); status != http.StatusUnauthorized {
		t.Errorf("a damaged refresh token answered %d", status)
	}
	if status := signOut(leaving.AccessToken, map[string]any{"refreshToken": leaving.RefreshToken}); status != http.StatusOK {
		t.Errorf("an expired access token beside a refresh token answered %d", status)
	}
	if alive(leaving) || !alive(staying) {
		t.Errorf("the session that was left lives: %v, the other one: %v", alive(leaving), alive(staying))
	}
	one, two := signIn(), signIn()
	if status := signOut("", map[string]any{"refreshToken": one.RefreshToken, "everywhere": true}); status != http.StatusOK || alive(two) {
		t.Errorf("signing out everywhere answered %d and left a session: %v", status, alive(two))
	}
	three, four := signIn(), signIn()
	if status := signOut(three.AccessToken, map[string]any{"everywhere": true}); status != http.StatusOK || alive(four) {
		t.Errorf("signing out everywhere by access token answered %d", status)
	}
	if status := signOut("", map[string]any{"everywhere": true}); status != http.StatusUnauthorized {
		t.Errorf("nobody signed out everywhere: %d", status)
	}
	// A token that was replaced long ago is theft here as it is at refresh.
	first := signIn()
	status, second := h.call(http.MethodPost, "/v1/auth/refresh", "", map[string]string{"refreshToken": first.RefreshToken})
	if status != http.StatusOK {
		t.Fatal(status)
	}
	h.call(http.MethodGet, "/v1/auth/me", second["accessToken"].(string), nil)
	h.Clock.Advance(time.Minute)
	if status := signOut("", map[string]any{"refreshToken": first.RefreshToken}); status != http.StatusUnauthorized {
		t.Errorf("an old refresh token signed out: %d", status)
	}
	if status, _ := h.call(http.MethodGet, "/v1/auth/me", second["accessToken"].(string), nil); status != http.StatusUnauthorized {
		t.Errorf("after the theft the session answers %d", status)
	}
}

func TestEndingOtherSessionsAsksForAProofWhenTheSignInIsOld(t *testing.T) {
	h := newHost(t)
	signed := h.SignedIn("")
	h.Clock.Advance(24 * time.Hour)
	renewed, err := h.Sessions.Refresh(context.Background(), signed.Tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := h.call(http.MethodDelete, "/v1/auth/sessions", renewed.Tokens.AccessToken, nil); status != http.StatusOK {
		t.Errorf("within a day: %d %v", status, body)
	}
	h.Clock.Advance(time.Second)
	if status, body := h.call(http.MethodDelete, "/v1/auth/sessions", renewed.Tokens.AccessToken, nil); status != http.StatusForbidden ||
		body["error"].(map[string]any)["code"] != "auth/reauthentication-required" {
		t.Errorf("after a day: %d %v", status, body)
	}
}

// TestS11_ClientsWithoutAnAddressShareOneLimit talks to a host over a real Unix
// socket, as nginx does.
func TestS11_ClientsWithoutAnAddressShareOneLimit(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		var log strings.Builder
		h := newHost(t, func(c *admit.Config) {
			c.TrustUnixSocket = trusted
			c.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		})
		socket := filepath.Join(t.TempDir(), "s")
		listener, err := net.Listen("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: h.Handler(), ReadHeaderTimeout: time.Minute}}
		server.Start()
		client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}
		guess := func(from, email string) int {
			body, _ := json.Marshal(map[string]string{"email": email, "password": "wrong-harbour-lamp"})
			r, _ := http.NewRequest(http.MethodPost, "http://host/v1/auth/email/signin", bytes.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("X-Forwarded-For", from)
			answer, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer answer.Body.Close()
			return answer.StatusCode
		}
		refused := 0
		for i := range 130 {
			if guess("203.0.113.9", string(rune('a'+i%26))+strings.Repeat("x", i/26)+"@x.test") == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused < 20 {
			t.Errorf("trusted %v: of 130 guesses %d were refused", trusted, refused)
		}
		want := http.StatusTooManyRequests
		if trusted {
			want = http.StatusUnauthorized // another client has a limit of its own
		}
		if got := guess("203.0.113.10", "other@x.test"); got != want {
			t.Errorf("trusted %v: another client is answered %d, want %d", trusted, got, want)
		}
		if got, want := strings.Count(log.String(), "TrustUnixSocket"), map[bool]int{false: 1, true: 0}[trusted]; got != want {
			t.Errorf("trusted %v: %d warnings, want %d", trusted, got, want)
		}
		client.CloseIdleConnections()
		server.Close()
	}
}

func TestAHostsOwnFormsStandUnderTheSameLimits(t *testing.T) {
	h := newHost(t)
	form := func(w http.ResponseWriter, r *http.Request) {
		_, err := h.SignUps.Create(r.Context(), admit.SignUpParams{Email: r.FormValue("email"), Password: "quiet-harbour-lamp", Name: "Ann"})
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}
	signUp := h.Limit(admit.SignUpLimit)(http.HandlerFunc(form))
	passed := 0
	var last *httptest.ResponseRecorder
	for i := range 70 {
		last = send(signUp, http.MethodPost, "/join?email=u"+strings.Repeat("x", i)+"@x.test", "", nil)
		if last.Code == http.StatusOK {
			passed++
		}
	}
	if passed != 60 || last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") == "" {
		t.Errorf("%d of 70 sign-ups passed, then %d", passed, last.Code)
	}
	if status, _ := h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{"email": "b@x.test", "password": "quiet-harbour-lamp", "name": "B"}); status != http.StatusTooManyRequests {
		t.Errorf("the route of the API is answered %d: the limit is not the same", status)
	}
	if w := send(h.Limit("nonsense")(http.HandlerFunc(form)), http.MethodPost, "/", "", nil); w.Code != http.StatusInternalServerError {
		t.Errorf("a class that does not exist answers %d", w.Code)
	}
}

func TestClientGivesTheAddressToAHostsOwnHandlers(t *testing.T) {
	h := newHost(t)
	h.SignedIn("")
	var signed admit.SignedIn
	handler := h.Auth.Client(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var err error
		if signed, err = h.Passwords.SignIn(r.Context(), admit.SignInParams{Email: "user1@example.com", Password: authtest.Password}); err != nil {
			t.Error(err)
		}
	}))
	send(handler, http.MethodPost, "/", "", http.Header{"User-Agent": {"Firefox/140"}})
	if signed.Session.IPAddress != "192.0.2.1" || signed.Session.UserAgent != "Firefox/140" {
		t.Errorf("the session comes from %q, %q", signed.Session.IPAddress, signed.Session.UserAgent)
	}
	for i := range 101 {
		w := send(h.Auth.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, err := h.Passwords.SignIn(r.Context(), admit.SignInParams{Email: strings.Repeat("x", i+1) + "@x.test", Password: "wrong"})
			if errors.Is(err, admit.ErrTooManyLoginAttempts) {
				w.WriteHeader(http.StatusTooManyRequests)
			}
		})), http.MethodPost, "/", "", nil)
		if (w.Code == http.StatusTooManyRequests) != (i == 100) {
			t.Fatalf("guess %d is answered %d", i+1, w.Code)
		}
	}
}

// TestS27_OnlyWhatABrowserSendsByItselfNeedsNoKey: JSON comes from a program,
// which can send the key.
func TestS27_OnlyWhatABrowserSendsByItselfNeedsNoKey(t *testing.T) {
	h := newHost(t, func(c *admit.Config) { c.RequireAPIKey = true })
	navigated := 0
	for _, r := range h.Routes() {
		path := strings.ReplaceAll(r.Path, "{provider}", "google")
		get := send(h.Handler(), r.Method, path, "", nil)
		if r.Method == http.MethodGet || strings.HasSuffix(r.Path, "/notifications") || strings.HasSuffix(r.Path, "/{ticket}") {
			continue // a provider, which signs its notices, has no key, and neither has a ticket
		}
		json := send(h.Handler(), r.Method, path, `{}`, nil)
		if !strings.Contains(json.Body.String(), `"auth/unauthorized"`) || !strings.Contains(get.Body.String(), `"auth/unauthorized"`) {
			t.Errorf("%s %s: JSON without a key is answered %d %s", r.Method, r.Path, json.Code, json.Body)
		}
		form := send(h.Handler(), r.Method, path, "a=b", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
		if form.Code != http.StatusUnauthorized || !strings.Contains(form.Body.String(), `"auth/unauthorized"`) {
			navigated++
		}
	}
	if navigated < 4 {
		t.Errorf("forms of %d routes need no key, want those of the mailed pages", navigated)
	}
}

func TestTheLogNamesARouteWithItsBasePath(t *testing.T) {
	var log strings.Builder
	h := newHost(t, func(c *admit.Config) {
		c.BasePath, c.Logger = "/api/v2", slog.New(slog.NewTextHandler(&log, nil))
	})
	send(h.Handler(), http.MethodGet, "/api/v2/auth/me", "", nil)
	send(h.Handler(), http.MethodGet, "/.well-known/jwks.json", "", nil)
	for _, route := range []string{"route=/api/v2/auth/me ", "route=/.well-known/jwks.json "} {
		if !strings.Contains(log.String(), route) {
			t.Errorf("the log lacks %q:\n%s", route, log.String())
		}
	}
}

// brokenStore says what is wrong with it, as a store over a nil *sql.DB does.
type brokenStore struct{ store.Store }

func (brokenStore) Problem() error { return errors.New("no *sql.DB given") }

func TestNewListsWhatCannotWork(t *testing.T) {
	good := func() admit.Config {
		return admit.Config{
			BaseURL: "https://app.example", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"), Store: memory.New(), Mailer: &mailer.Recorder{},
			Logger: slog.New(slog.DiscardHandler),
		}
	}
	for name, c := range map[string]struct {
		change func(*admit.Config)
		want   string
	}{
		"a nil mailer of a type": {func(c *admit.Config) { c.Mailer = (*mailer.Recorder)(nil) }, "\nMailer is a nil *mailer.Recorder"},
		"a nil store of a type":  {func(c *admit.Config) { c.Store = (*memory.Store)(nil) }, "\nStore is a nil *memory.Store"},
		"a store without its DB": {func(c *admit.Config) { c.Store = brokenStore{memory.New()} }, "\nStore: no *sql.DB given"},
		"nil counters of a type": {func(c *admit.Config) { c.Counters = (*memory.Store)(nil) }, "\nCounters is a nil *memory.Store"},
		"a life of 401 days":     {func(c *admit.Config) { c.Sessions.AbsoluteTTL = 401 * 24 * time.Hour }, "\nSessions.AbsoluteTTL 9624h0m0s: must be at most 400 days"},
		"a refresh of 401 days":  {func(c *admit.Config) { c.Sessions.RefreshTTL = 401 * 24 * time.Hour }, "\nSessions.AbsoluteTTL"},
		"http elsewhere":         {func(c *admit.Config) { c.BaseURL = "http://app.test" }, "InsecureHTTP"},
		"a day's figure in ns":   {func(c *admit.Config) { c.EventRetention = 90 }, "\nEventRetention 90ns: must be 0 or at least 24h"},
		"a negative retention":   {func(c *admit.Config) { c.EventRetention = -time.Hour }, "\nEventRetention -1h0m0s"},
		"a day of events":        {func(c *admit.Config) { c.EventRetention = 24 * time.Hour }, ""},
		"a device for 91 days":   {func(c *admit.Config) { c.MFA.Remember = 91 * 24 * time.Hour }, "\nMFA.Remember 2184h0m0s: must be from 0 to 90 days"},
		"a device for less":      {func(c *admit.Config) { c.MFA.Remember = -1 }, "\nMFA.Remember"},
		"a device for 90 days":   {func(c *admit.Config) { c.MFA.Remember = 90 * 24 * time.Hour }, ""},
		"a factor of nobody":     {func(c *admit.Config) { c.MFA.RequiredFrom = time.Unix(1, 0) }, "\nMFA.RequiredFrom: means nothing"},
		"a factor of no role":    {func(c *admit.Config) { c.MFA.Required = "No Role" }, "\nMFA.Required \"No Role\": must be everyone or a role"},
		"a factor of a role":     {func(c *admit.Config) { c.MFA.Required = "admin" }, ""},
		"400 days":               {func(c *admit.Config) { c.Sessions.AbsoluteTTL = 400 * 24 * time.Hour }, ""},
	} {
		config := good()
		c.change(&config)
		_, err := admit.New(config)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestInsecureHTTPTakesPlainHTTPAndWarns(t *testing.T) {
	for _, url := range []string{"http://app.test", "http://192.168.1.5:8080"} {
		var log strings.Builder
		h := newHost(t, func(c *admit.Config) {
			c.BaseURL, c.InsecureHTTP, c.AllowedRedirects = url, true, []string{"http://front.test:3000/in"}
			c.Logger = slog.New(slog.NewTextHandler(&log, nil))
		})
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "http") {
			t.Errorf("nobody is warned: %s", log.String())
		}
		if status, body := h.call(http.MethodGet, "/v1/auth/me", h.SignedIn("").Tokens.AccessToken, nil); status != http.StatusOK {
			t.Errorf("%s: %d %v", url, status, body)
		}
	}
}
