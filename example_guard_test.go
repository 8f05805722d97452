package admit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// Guards stand before the routes of a host. Signing out, a ban and a new role
// hold from the next request on.
func Example_guard() {
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		Logger:  slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer auth.Close(ctx)

	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		fmt.Fprint(w, "hello, ", user.Name)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.RequireUser(hello))
	mux.Handle("GET /office", auth.RequireRole("editor")(hello))
	get := func(path, token string) {
		request := httptest.NewRequest(http.MethodGet, path, nil)
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(answer.Code, answer.Body)
	}

	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	get("/hello", "")
	get("/hello", ann.SignedIn.Tokens.AccessToken)
	get("/office", ann.SignedIn.Tokens.AccessToken)
	fmt.Println(auth.Users.SetRole(ctx, admit.SetRoleParams{UserID: ann.UserID, Role: "editor"}))
	get("/office", ann.SignedIn.Tokens.AccessToken)
	fmt.Println(auth.Sessions.SignOut(ctx, ann.SignedIn.Session))
	get("/hello", ann.SignedIn.Tokens.AccessToken)

	// Output:
	// 401 {"error":{"code":"auth/unauthorized","message":"Please sign in."}}
	// 200 hello, Ann
	// 403 {"error":{"code":"auth/forbidden","message":"You may not do that."}}
	// <nil>
	// 200 hello, Ann
	// <nil>
	// 401 {"error":{"code":"auth/session-expired","message":"The session has ended. Please sign in again."}}
}
