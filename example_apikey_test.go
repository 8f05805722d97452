package admit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A program sends a secret key in X-API-Key. It is shown once, may be limited
// to scopes, and is worth nothing from the moment it is revoked.
func Example_apiKey() {
	auth := authtest.New(t).Auth

	key, err := auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{
		Name: "nightly report", Type: admit.SecretKey, Environment: "prod",
		Scopes: []string{"posts:read"}, ExpiresAt: time.Date(2027, 5, 1, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(key.Name, key.Scopes, len(key.Key))

	done := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") })
	mux := http.NewServeMux()
	mux.Handle("GET /posts", auth.RequireKey("posts:read")(done))
	mux.Handle("POST /posts", auth.RequireKey("posts:write")(done))
	call := func(method string) {
		request := httptest.NewRequest(method, "/posts", nil)
		request.Header.Set("X-API-Key", key.Key)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}
	call(http.MethodGet)
	call(http.MethodPost)
	fmt.Println(auth.APIKeys.Revoke(t.Context(), key.ID))
	call(http.MethodGet)

	// Output:
	// nightly report [posts:read] 67
	// 200 done
	// 403 {"error":{"code":"auth/scope-insufficient","message":"The API key does not have the scope for that."}}
	// <nil>
	// 401 {"error":{"code":"auth/api-key-revoked","message":"The API key was revoked."}}
}
