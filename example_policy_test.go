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

// A policy lets the owner of a thing and certain roles at it. The host says who
// the owner is.
func Example_policy() {
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

	mux := http.NewServeMux()
	owner := func(r *http.Request) string { return r.PathValue("owner") }
	notes := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "notes") })
	mux.Handle("GET /notes/{owner}", auth.RequirePolicy("self | role:editor", owner)(notes))

	var people []*admit.SignedIn
	for _, name := range []string{"ann", "bob", "cy"} {
		signed, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: name + "@example.com", Password: "quiet harbour lamp", Name: name})
		if err != nil {
			fmt.Println(err)
			return
		}
		people = append(people, signed.SignedIn)
	}
	if err := auth.Users.SetRole(ctx, admit.SetRoleParams{UserID: people[1].User.ID, Role: "editor"}); err != nil {
		fmt.Println(err)
		return
	}
	for _, caller := range people {
		request := httptest.NewRequest(http.MethodGet, "/notes/"+people[0].User.ID, nil)
		request.Header.Set("Authorization", "Bearer "+caller.Tokens.AccessToken)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, request)
		fmt.Println(caller.User.Name, answer.Code)
	}

	// Output:
	// ann 200
	// bob 200
	// cy 403
}
