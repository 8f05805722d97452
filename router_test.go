package admit

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func testRouter(t *testing.T, routes ...string) *router {
	t.Helper()
	var tree router
	for i := 0; i < len(routes); i += 2 {
		if err := tree.add(routes[i+1], &route{method: routes[i], path: routes[i+1]}); err != nil {
			t.Fatal(err)
		}
	}
	return &tree
}

func TestRouterPrefersALiteralToAParameter(t *testing.T) {
	tree := testRouter(t,
		"GET", "/v1/auth/{provider}", "GET", "/v1/auth/me", "GET", "/v1/auth/{provider}/callback",
		"GET", "/v1/auth/invitations/{id}", "DELETE", "/v1/auth/sessions/{sessionId}", "GET", "/v1/auth/sessions",
	)
	for path, want := range map[string]string{
		"/v1/auth/me":                  "/v1/auth/me",
		"/v1/auth/google":              "/v1/auth/{provider}",
		"/v1/auth/google/callback":     "/v1/auth/{provider}/callback",
		"/v1/auth/invitations/7":       "/v1/auth/invitations/{id}",
		"/v1/auth/sessions":            "/v1/auth/sessions",
		"/v1/auth/sessions/callback":   "/v1/auth/sessions/{sessionId}",
		"/v1/auth/invitations":         "",
		"/v1/auth/a%2Fb":               "/v1/auth/{provider}",
		"/v1/auth/..":                  "/v1/auth/{provider}",
		"/v1/auth/me/":                 "",
		"/v1//auth/me":                 "",
		"/v1/./auth/me":                "",
		"/v1/auth/%6de":                "/v1/auth/{provider}",
		"/v1/auth":                     "",
		"/":                            "",
		"/v1/auth/":                    "",
		"/V1/auth/me":                  "",
		"/v1/auth/google/callback/x":   "",
		"/v1/auth/sessions/1/2":        "",
		"/v1/auth/invitations/7/extra": "",
	} {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		got := ""
		if at := tree.find(r); at != nil {
			for _, found := range at.methods {
				got = found.path
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestRouterGivesParametersDecoded(t *testing.T) {
	tree := testRouter(t, "GET", "/v1/users/{userId}/avatar")
	r := httptest.NewRequest(http.MethodGet, "/v1/users/..%2F..%2Fx/avatar", nil)
	if tree.find(r) == nil || r.PathValue("userId") != "../../x" {
		t.Fatalf("got %q", r.PathValue("userId"))
	}
}

func TestRouterRefusesAmbiguousTables(t *testing.T) {
	var tree router
	if err := tree.add("/a/{x}", &route{method: "GET"}); err != nil {
		t.Fatal(err)
	}
	if tree.add("/a/{y}", &route{method: "POST"}) == nil {
		t.Error("two names for one parameter were taken")
	}
	if tree.add("/a/{x}", &route{method: "GET"}) == nil {
		t.Error("a route was declared twice")
	}
}

func FuzzRouterNeverPanics(f *testing.F) {
	f.Add("/v1/auth/%6d%65")
	f.Add("//%2f/..")
	f.Fuzz(func(t *testing.T, path string) {
		tree := testRouter(t, "GET", "/v1/auth/{provider}", "GET", "/v1/auth/me", "POST", "/v1/{a}/{b}/x")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawPath = path, path
		if at := tree.find(r); at != nil && len(at.methods) == 0 {
			t.Fatal("found a place where no route ends")
		}
	})
}
