package admit_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// A host mounts the routes beside its own, and a front end signs somebody up.
// The confirmation mail leaves after the answer, from the outbox.
func Example_signUp() {
	mail := &mailer.Recorder{}
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(), // sqlite.New(db) or postgres.New(db) where accounts must last
		Mailer:  mail,
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
	auth.Mount(mux)

	request := httptest.NewRequest(http.MethodPost, "/v1/auth/email/signup",
		strings.NewReader(`{"email":"Ann@Example.com","password":"quiet harbour lamp","name":"Ann"}`))
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, request)
	fmt.Println(answer.Code, strings.HasPrefix(answer.Body.String(), `{"accessToken":"`))

	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.SignupConfirmation })
	fmt.Println(letter.To, "|", letter.Subject, err)

	// Output:
	// 201 true
	// Ann@example.com | Confirm your sign-up at app.example <nil>
}
