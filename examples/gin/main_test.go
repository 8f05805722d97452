package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
	"github.com/gin-gonic/gin"
)

// TestGuardsHoldInGin: the API answers, a refusal stops the chain, and the handler
// behind a guard knows the user.
func TestGuardsHoldInGin(t *testing.T) {
	auth, err := admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store: memory.New(), Mailer: &mailer.Recorder{}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close(context.Background()) })
	ann, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	reached := 0
	gin.SetMode(gin.TestMode)
	handler := routes(auth, func(*gin.Context) { reached++ })
	for _, c := range []struct {
		method, path, token string
		status              int
		body                string
		reached             int
	}{
		{"GET", "/v1/auth/me", "", 401, `"auth/unauthorized"`, 0},
		{"GET", "/v1/auth/me", ann.SignedIn.Tokens.AccessToken, 200, `"ann@example.com"`, 0},
		{"DELETE", "/v1/auth/sessions/x", ann.SignedIn.Tokens.AccessToken, 404, `"auth/session-not-found"`, 0},
		{"POST", "/v1/auth/me", "", 405, `"auth/method-not-allowed"`, 0},
		{"GET", "/.well-known/jwks.json", "", 200, `"keys"`, 0},
		{"GET", "/hello", "", 401, `"auth/unauthorized"`, 0},
		{"GET", "/hello", "nonsense", 401, `"auth/invalid-token"`, 0},
		{"GET", "/hello", ann.SignedIn.Tokens.AccessToken, 200, "hello, Ann", 1},
		{"GET", "/office", ann.SignedIn.Tokens.AccessToken, 403, `"auth/forbidden"`, 0},
	} {
		reached = 0
		r := httptest.NewRequest(c.method, c.path, nil)
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		status, body := w.Code, w.Body.String()
		if status != c.status || !strings.Contains(body, c.body) || reached != c.reached {
			t.Errorf("%s %s answered %d %s, and the handler ran %d times", c.method, c.path, status, body, reached)
		}
	}
}

// Gin panics when a route of the host stands beside /v1/*path. NoRoute, and a BasePath
// of its own, have no such limit.
func TestTheHostHasRoutesBelowV1Too(t *testing.T) {
	gin.SetMode(gin.TestMode)
	notes := func(c *gin.Context) { c.String(200, "notes") }
	for name, way := range map[string]struct {
		base  string
		mount func(r *gin.Engine, api http.Handler)
	}{
		"NoRoute":  {"/v1", func(r *gin.Engine, api http.Handler) { r.NoRoute(gin.WrapH(api)) }},
		"BasePath": {"/identity", func(r *gin.Engine, api http.Handler) { r.Any("/identity/*path", gin.WrapH(api)) }},
	} {
		auth, err := admit.New(admit.Config{
			BaseURL: "http://127.0.0.1:8080", BasePath: way.base, Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
			Store: memory.New(), Mailer: &mailer.Recorder{}, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = auth.Close(context.Background()) })
		r := gin.New()
		r.GET("/v1/notes", notes)
		way.mount(r, auth.Handler())
		for path, status := range map[string]int{"/v1/notes": 200, way.base + "/auth/me": 401} {
			w := httptest.NewRecorder()
			r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
			if w.Code != status {
				t.Errorf("%s: %s answered %d %s", name, path, w.Code, w.Body)
			}
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("gin takes /v1/notes beside /v1/*path now: docs/gin.md says otherwise")
		}
	}()
	r := gin.New()
	r.Any("/v1/*path", notes)
	r.GET("/v1/notes", notes)
}
