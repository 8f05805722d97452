package admit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// An account moves to another address once that mailbox is proven. The old
// mailbox is told. Because it was verified, it can take the change back for 7
// days.
func Example_address() {
	mail := &mailer.Recorder{}
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  mail,
		Logger:  slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer auth.Close(ctx)
	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@old.example", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	mailed := func(kind mailer.Kind) (to, token string) {
		letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == kind })
		link, failed := url.Parse(letter.Values.Link)
		if err = errors.Join(err, failed); err != nil {
			fmt.Println(err)
			return "", ""
		}
		return letter.To, link.Query().Get("token")
	}
	_, token := mailed(mailer.SignupConfirmation)
	if err := auth.Verifications.Confirm(ctx, admit.TokenParams{Token: token}); err != nil {
		fmt.Println(err)
		return
	}
	address := func() {
		user, err := auth.Users.Get(ctx, ann.UserID)
		fmt.Println("address:", user.Email, err)
	}

	if err := auth.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: ann.UserID, Email: "ann@new.example", CallbackURL: ""}); err != nil {
		fmt.Println(err)
		return
	}
	to, token := mailed(mailer.EmailVerification)
	address()
	fmt.Println("confirmed:", auth.EmailChanges.Confirm(ctx, admit.TokenParams{Email: to, Token: token}))
	address()
	to, token = mailed(mailer.EmailChanged)
	fmt.Println("told:", to)
	fmt.Println("undone:", auth.EmailChanges.Undo(ctx, token))
	address()

	// Output:
	// address: ann@old.example <nil>
	// confirmed: <nil>
	// address: ann@new.example <nil>
	// told: ann@old.example
	// undone: <nil>
	// address: ann@old.example <nil>
}
