package contract_test

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/admit-go/admit/e2e/internal/contract"
)

const document = "../../../openapi.yaml"

func load(t *testing.T) *contract.Contract {
	t.Helper()
	c, err := contract.Load(document)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// reports collects the reports of a transport.
type reports []string

func (r *reports) Helper() {}

func (r *reports) Errorf(format string, args ...any) {
	*r = append(*r, fmt.Sprintf(format, args...))
}

// answer is the response of the fake handler. header has the changes to the
// correct headers.
type answer struct {
	status int
	body   string
	header map[string]string
}

func (a answer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	header := map[string]string{
		"Content-Type":           "application/json",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
	}
	if a.status == http.StatusUnauthorized {
		header["WWW-Authenticate"] = "Bearer"
	}
	maps.Copy(header, a.header)
	for name, value := range header {
		if value != "" {
			w.Header().Set(name, value)
		}
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

// send gives a request to a handler that answers a, and returns what the
// transport reported.
func send(t *testing.T, ctx context.Context, a answer, method, path, body string) reports {
	t.Helper()
	server := httptest.NewServer(a)
	defer server.Close()
	var found reports
	client := &http.Client{
		Transport:     load(t).Transport(&found, http.DefaultTransport, nil),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, _ := io.ReadAll(response.Body); string(got) != a.body && method != http.MethodHead {
		t.Errorf("the transport passed on %q, not %q", got, a.body)
	}
	return found
}

const (
	me = `{"id":"0190d9a4-0000-7000-8000-000000000001","role":"user","name":"Ada","email":"ada@x.test","emailVerified":null,` +
		`"onboardingStatus":"pending","mfaEnabled":false,"createdAt":"2026-01-02T03:04:05.678Z","updatedAt":"2026-01-02T03:04:05.678Z"}`
	tokens = `{"accessToken":"a","refreshToken":"r","tokenType":"Bearer","expiresIn":3600}`
)

func refusal(code string) string {
	return `{"error":{"code":"` + code + `","message":"No."}}`
}

// page returns a page with the headers that a page needs, and changes to them.
func page(status int, change map[string]string) answer {
	header := map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
	}
	maps.Copy(header, change)
	return answer{status, "<!doctype html>", header}
}

func TestWhatTheDocumentPromisesPasses(t *testing.T) {
	for name, try := range map[string]struct {
		method, path string
		answer       answer
	}{
		"an object":         {"GET", "/v1/auth/me", answer{200, me, nil}},
		"one of two":        {"POST", "/v1/auth/email/signup", answer{201, tokens, nil}},
		"the other of two":  {"POST", "/v1/auth/email/signup", answer{201, `{"message":"m","email":"e@x.test"}`, nil}},
		"a code of its own": {"POST", "/v1/auth/email/signup", answer{409, refusal("auth/email-already-exists"), nil}},
		"a general code":    {"GET", "/v1/auth/me", answer{503, refusal("auth/unavailable"), map[string]string{"Retry-After": "1"}}},
		"a parameter":       {"DELETE", "/v1/auth/sessions/x", answer{404, refusal("auth/session-not-found"), nil}},
		"an unknown path":   {"GET", "/v1/nothing", answer{404, refusal("auth/not-found"), nil}},
		"a wrong method": {"PUT", "/v1/auth/me", answer{
			405, refusal("auth/method-not-allowed"), map[string]string{"Allow": "GET, HEAD, OPTIONS"},
		}},
		"a page":        {"GET", "/v1/auth/signup/email/confirm", page(200, nil)},
		"a redirect":    {"GET", "/v1/auth/signup/email/confirm", answer{302, "", map[string]string{"Location": "https://app.example/"}}},
		"HEAD":          {"HEAD", "/v1/auth/me", answer{200, "", nil}},
		"OPTIONS":       {"OPTIONS", "/v1/auth/me", answer{204, "", map[string]string{"Allow": "GET, HEAD, OPTIONS"}}},
		"cacheable":     {"GET", "/.well-known/jwks.json", answer{200, `{"keys":[]}`, map[string]string{"Cache-Control": "public, max-age=300"}}},
		"a fuller sort": {"POST", "/v1/auth/email/callback", answer{200, strings.Replace(tokens, "}", `,"is_new_user":true}`, 1), nil}},
	} {
		t.Run(name, func(t *testing.T) {
			if found := send(t, t.Context(), try.answer, try.method, try.path, ""); len(found) > 0 {
				t.Errorf("reported %q", found)
			}
		})
	}
}

func TestEveryDeviationIsReported(t *testing.T) {
	for name, try := range map[string]struct {
		method, path string
		answer       answer
		// names is a word of the report.
		names string
	}{
		"a field too many": {"GET", "/v1/auth/me", answer{200, strings.Replace(me, "{", `{"hash":"$argon2id$",`, 1), nil}, "hash"},
		"a field too many in a composed schema": {
			"POST", "/v1/auth/refresh", answer{200, strings.Replace(tokens, "{", `{"generation":3,`, 1), nil}, "generation",
		},
		"a field missing":     {"GET", "/v1/auth/me", answer{200, strings.Replace(me, `"role":"user",`, "", 1), nil}, "role"},
		"a wrong type":        {"GET", "/v1/auth/me", answer{200, strings.Replace(me, `"mfaEnabled":false`, `"mfaEnabled":0`, 1), nil}, "mfaEnabled"},
		"an empty text":       {"GET", "/v1/auth/me", answer{200, strings.Replace(me, `"role"`, `"nickname":"","role"`, 1), nil}, "nickname"},
		"a time of its own":   {"GET", "/v1/auth/me", answer{200, strings.Replace(me, ".678Z", "Z", 1), nil}, "createdAt"},
		"an id that is not 7": {"GET", "/v1/auth/me", answer{200, strings.Replace(me, "-7000-", "-4000-", 1), nil}, "id"},
		"an unknown status":   {"GET", "/v1/auth/me", answer{202, me, nil}, "202"},
		"an unknown redirect": {"GET", "/v1/auth/me", answer{302, "", map[string]string{"Location": "/"}}, "302"},
		"a redirect nobody checks": {
			"GET", "/v1/auth/me", answer{307, "", map[string]string{"Location": "/"}}, "307",
		},
		"a code of another status": {"POST", "/v1/auth/email/signup", answer{400, refusal("auth/email-already-exists"), nil}, "must be one of"},
		"a code of another route":  {"GET", "/v1/auth/me", answer{401, refusal("auth/invalid-credentials"), nil}, "must be one of"},
		"a general code with another status": {
			"GET", "/v1/auth/me", answer{500, refusal("auth/unavailable"), map[string]string{"Retry-After": "1"}}, "500",
		},
		"503 without Retry-After": {"GET", "/v1/auth/me", answer{503, refusal("auth/unavailable"), nil}, "Retry-After"},
		"429 without Retry-After": {"POST", "/v1/auth/email/signin", answer{429, refusal("auth/too-many-login-attempts"), nil}, "Retry-After"},
		"401 without a challenge": {
			"GET", "/v1/auth/me", answer{401, refusal("auth/unauthorized"), map[string]string{"WWW-Authenticate": ""}}, "WWW-Authenticate",
		},
		"no body":             {"GET", "/v1/auth/me", answer{401, "", nil}, "decode"},
		"no JSON":             {"GET", "/v1/auth/me", answer{200, "<p>", nil}, "decode"},
		"another type":        {"GET", "/v1/auth/me", answer{200, me, map[string]string{"Content-Type": "text/plain"}}, "text/plain"},
		"cacheable":           {"GET", "/v1/auth/me", answer{200, me, map[string]string{"Cache-Control": "private"}}, "no-store"},
		"a cacheable refusal": {"GET", "/v1/x", answer{404, refusal("auth/not-found"), map[string]string{"Cache-Control": ""}}, "no-store"},
		"a key set that may not be cached": {
			"GET", "/.well-known/jwks.json", answer{200, `{"keys":[]}`, nil}, "Cache-Control",
		},
		"a private key": {
			"GET", "/.well-known/jwks.json",
			answer{
				200, `{"keys":[{"kty":"EC","kid":"1","alg":"ES256","use":"sig","d":"secret"}]}`,
				map[string]string{"Cache-Control": "public, max-age=300"},
			}, "'d'",
		},
		"a page where none is known": {"GET", "/v1/auth/me", page(200, nil), "a page here"},
		"a page that can be framed": {
			"GET", "/v1/auth/signup/email/confirm", page(200, map[string]string{"Content-Security-Policy": "default-src 'none'; base-uri 'none'"}), "frame-ancestors",
		},
		"a page that tells its address": {
			"GET", "/v1/auth/signup/email/confirm", page(200, map[string]string{"Referrer-Policy": ""}), "Referrer-Policy",
		},
		"a redirect to nowhere":  {"GET", "/v1/auth/signup/email/confirm", answer{302, "", nil}, "Location"},
		"to be guessed":          {"GET", "/v1/auth/me", answer{200, me, map[string]string{"X-Content-Type-Options": ""}}, "nosniff"},
		"an unknown path served": {"GET", "/v1/secret-door", answer{200, me, nil}, "404"},
		"an unknown path refused in another way": {
			"GET", "/v1/auth//me", answer{401, refusal("auth/unauthorized"), nil}, "404",
		},
		"an unknown path without shape": {"GET", "/v1/x", answer{404, `{"error":{"code":"auth/not-found"}}`, nil}, "message"},
		"an unknown method served":      {"POST", "/v1/auth/me", answer{200, me, nil}, "405"},
		"a wrong Allow": {
			"PUT", "/v1/auth/me", answer{405, refusal("auth/method-not-allowed"), map[string]string{"Allow": "GET, PUT"}}, "Allow",
		},
		"OPTIONS with a body":      {"OPTIONS", "/v1/auth/me", answer{200, me, map[string]string{"Allow": "GET"}}, "204"},
		"OPTIONS without methods":  {"OPTIONS", "/v1/auth/me", answer{204, "", nil}, "no methods"},
		"a refusal with a cookie":  {"GET", "/v1/auth/me", answer{401, refusal("auth/unauthorized"), map[string]string{"Set-Cookie": "a=b"}}, "cookie"},
		"a refusal that tells SQL": {"GET", "/v1/x", answer{404, strings.Replace(refusal("auth/not-found"), "No.", "SELECT id FROM users", 1), nil}, "insides"},
		"a refusal with a stack":   {"GET", "/v1/x", answer{404, strings.Replace(refusal("auth/not-found"), "No.", "at gate.go:12", 1), nil}, "insides"},
	} {
		t.Run(name, func(t *testing.T) {
			found := send(t, t.Context(), try.answer, try.method, try.path, "")
			if len(found) != 1 || !strings.Contains(found[0], try.names) {
				t.Errorf("reported %q, want one report that names %q", found, try.names)
			}
		})
	}
}

func TestRequestsMeantAsValidAreChecked(t *testing.T) {
	ctx := contract.Valid(t.Context())
	good := answer{201, tokens, nil}
	for name, try := range map[string]struct {
		body string
		ok   bool
	}{
		"by password":      {`{"email":"a@x.test","password":"p","name":"n"}`, true},
		"by link":          {`{"method":"magiclink","email":"a@x.test","callbackUrl":"https://app.example/in"}`, true},
		"a misspelled key": {`{"eMail":"a@x.test","password":"p","name":"n"}`, false},
		"unknown fields":   {`{"email":"a@x.test","password":"p","name":"n","role":"admin"}`, true},
		"no body":          {``, false},
	} {
		t.Run(name, func(t *testing.T) {
			found := send(t, ctx, good, "POST", "/v1/auth/email/signup", try.body)
			if ok := len(found) == 0; ok != try.ok {
				t.Errorf("reported %q", found)
			}
			if found := send(t, t.Context(), good, "POST", "/v1/auth/email/signup", try.body); len(found) > 0 {
				t.Errorf("a request not meant as valid was checked: %q", found)
			}
		})
	}
}

func TestOperationsSayWhoMayCall(t *testing.T) {
	want := map[string]string{
		"signUp": "anyone", "me": "user", "signOut": "user", "createAPIKey": "admin", "keySet": "anyone",
	}
	got := map[string]string{}
	for _, o := range load(t).Operations() {
		if _, ok := want[o.ID()]; ok {
			got[o.ID()] = o.Access
		}
		if o.Access == "admin" && o.Scope == "" {
			t.Errorf("%s %s names no scope", o.Method, o.Path)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestDocumentsThatCannotBeCheckedAreRefused(t *testing.T) {
	good, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string][2]string{
		"not valid":          {"openapi: 3.1.1", "openapi: 3.1.1\nunheard: of"},
		"no general refusal": {"x-statuses:", "x-other:"},
		"a route for nobody": {"      security: [{ accessToken: [] }, { accessToken: [], apiKey: ['users:read'] }]\n", ""},
		"an unnamed route":   {"      operationId: me\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(good), change[0], change[1], 1)
			if text == string(good) {
				t.Fatal("the change does not apply")
			}
			file := filepath.Join(t.TempDir(), "openapi.yaml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := contract.Load(file); err == nil {
				t.Error("loaded")
			}
		})
	}
}
