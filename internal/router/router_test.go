package router

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
)

// testRouter holds routes, given as method and path by turns; a route is its
// own path.
func testRouter(t *testing.T, routes ...string) *Router[string] {
	t.Helper()
	var tree Router[string]
	for i := 0; i < len(routes); i += 2 {
		if err := tree.Add(routes[i], routes[i+1], routes[i+1]); err != nil {
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
		if at := tree.Find(r); at != nil {
			for _, found := range at.methods {
				got = found
			}
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
}

func TestRouterGivesParametersDecoded(t *testing.T) {
	tree := testRouter(t, "GET", "/v1/{tenant}/users/{userId}/avatar")
	r := httptest.NewRequest(http.MethodGet, "/v1/a%20b/users/..%2F..%2Fx/avatar", nil)
	if tree.Find(r) == nil || r.PathValue("userId") != "../../x" || r.PathValue("tenant") != "a b" {
		t.Fatalf("got %q and %q", r.PathValue("tenant"), r.PathValue("userId"))
	}
}

func TestRouterFindsNothingForASegmentThatIsNotWellEncoded(t *testing.T) {
	tree := testRouter(t, "GET", "/{a}", "GET", "/x/{b}")
	for _, path := range []string{"%zz", "x/%2", "%"} {
		if at, err := tree.root.find(path, httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, errSegment) || at != nil {
			t.Errorf("%q leads to %v, %v", path, at, err)
		}
	}
	r := httptest.NewRequest(http.MethodOptions, "*", nil)
	if r.URL.Path = "no-slash"; tree.Find(r) != nil {
		t.Error("a path without a slash leads somewhere")
	}
}

func TestRouterRefusesAmbiguousTables(t *testing.T) {
	tree := testRouter(t, "GET", "/a/{x}")
	if tree.Add("POST", "/a/{y}", "") == nil {
		t.Error("two names for one parameter were taken")
	}
	if tree.Add("GET", "/a/{x}", "") == nil {
		t.Error("a route was declared twice")
	}
	if err := tree.Add("POST", "/a/{x}", ""); err != nil {
		t.Errorf("another method was refused: %v", err)
	}
}

func TestAPlaceServesItsMethodsAndListsThem(t *testing.T) {
	at := testRouter(t, "POST", "/a", "GET", "/a", "PATCH", "/b").Find(httptest.NewRequest(http.MethodGet, "/a", nil))
	if at == nil || at.Allow != "GET, HEAD, OPTIONS, POST" {
		t.Fatalf("found %+v", at)
	}
	for method, want := range map[string]bool{"GET": true, "HEAD": true, "POST": true, "PATCH": false, "OPTIONS": false, "get": false} {
		if route, ok := at.Serves(method); ok != want || (route == "/a") != want {
			t.Errorf("%s: got %q, %v", method, route, ok)
		}
	}
}

func FuzzRouterNeverPanics(f *testing.F) {
	f.Add("/v1/auth/%6d%65")
	f.Add("//%2f/..")
	f.Fuzz(func(t *testing.T, path string) {
		tree := testRouter(t, "GET", "/v1/auth/{provider}", "GET", "/v1/auth/me", "POST", "/v1/{a}/{b}/x")
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path, r.URL.RawPath = path, path
		if at := tree.Find(r); at != nil && len(at.methods) == 0 {
			t.Fatal("found a place where no route ends")
		}
	})
}
