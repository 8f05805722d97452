package admit_test

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// OnEvent is told everything that was committed, in order and at least once.
// Close hands on what is left.
func Example_events() {
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		OnEvent: func(_ context.Context, e admit.Event) error {
			if e.Kind != "mail.requested" { // recorded after the answer, so its place varies
				fmt.Println(e.Kind)
			}
			return nil
		},
		Logger: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := auth.Users.Ban(ctx, admit.BanParams{UserID: ann.UserID, Reason: "spam"}); err != nil {
		fmt.Println(err)
		return
	}
	if err := auth.Close(ctx); err != nil {
		fmt.Println(err)
	}

	// Output:
	// user.created
	// session.created
	// user.banned
}
