package admit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// Ten wrong passwords close the account's first-factor budget for 15 minutes,
// for every spelling of its address and for the right password too. Sessions
// that live go on, and a mailed link still lets the owner in.
func Example_rateLimit() {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var passed atomic.Int64
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		// This example guesses a lot; no host may set it.
		Passwords: admit.PasswordConfig{InsecureFastHash: true},
		Logger:    slog.New(slog.DiscardHandler),
		Now:       func() time.Time { return start.Add(time.Duration(passed.Load())) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer auth.Close(ctx)
	if _, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"}); err != nil {
		fmt.Println(err)
		return
	}

	wrong := 0
	for range 10 {
		_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "guess after guess"})
		if errors.Is(err, admit.ErrInvalidCredentials) {
			wrong++
		}
	}
	fmt.Println("guesses answered:", wrong)
	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ANN@Example.com", Password: "quiet harbour lamp"})
	var refusal *admit.Error
	fmt.Println(errors.As(err, &refusal), refusal.Code, refusal.RetryAfter)

	passed.Store(int64(refusal.RetryAfter))
	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("after the wait:", err)

	// Output:
	// guesses answered: 10
	// true auth/too-many-login-attempts 15m0s
	// after the wait: <nil>
}
