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

// A refresh token works once. A client whose answer got lost is given the same
// successor again; a token that comes back after its successor was used has
// been copied, and every session of its user ends.
func Example_refresh() {
	start := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	var passed atomic.Int64
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		Logger:  slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return start.Add(time.Duration(passed.Load())) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer auth.Close(ctx)
	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}

	first := ann.SignedIn.Tokens.RefreshToken
	second, err := auth.Sessions.Refresh(ctx, first)
	if err != nil {
		fmt.Println(err)
		return
	}
	again, err := auth.Sessions.Refresh(ctx, first)
	fmt.Println("the same successor:", err == nil && again.Tokens.RefreshToken == second.Tokens.RefreshToken)

	passed.Store(int64(time.Minute))
	_, _, err = auth.VerifyToken(ctx, second.Tokens.AccessToken)
	fmt.Println("the new access token is used:", err)
	_, err = auth.Sessions.Refresh(ctx, first)
	fmt.Println("the old token comes back:", errors.Is(err, admit.ErrInvalidRefreshToken))
	_, _, err = auth.VerifyToken(ctx, second.Tokens.AccessToken)
	fmt.Println("all sessions have ended:", errors.Is(err, admit.ErrSessionExpired))

	// Output:
	// the same successor: true
	// the new access token is used: <nil>
	// the old token comes back: true
	// all sessions have ended: true
}
