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

// A forgotten password is replaced with a mailed token. A password that is
// refused leaves the token usable; one that is taken ends every session.
func Example_reset() {
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
	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}

	// Both answer alike; only one of them sends something.
	fmt.Println(auth.PasswordResets.Request(ctx, admit.LinkParams{Email: "nobody@example.com", CallbackURL: ""}))
	fmt.Println(auth.PasswordResets.Request(ctx, admit.LinkParams{Email: "ann@example.com", CallbackURL: "https://app.example/new-password"}))
	letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.PasswordReset })
	if err != nil {
		fmt.Println(err)
		return
	}
	link, err := url.Parse(letter.Values.Link)
	if err != nil {
		fmt.Println(err)
		return
	}
	token := link.Query().Get("token")

	_, err = auth.PasswordResets.Confirm(ctx, admit.ConfirmPasswordResetParams{Email: "ann@example.com", Token: token, NewPassword: "password123"})
	fmt.Println("too common:", errors.Is(err, admit.ErrWeakPassword))
	_, err = auth.PasswordResets.Confirm(ctx, admit.ConfirmPasswordResetParams{Email: "ann@example.com", Token: token, NewPassword: "green bicycle tower"})
	fmt.Println("taken:", err)
	_, _, err = auth.VerifyToken(ctx, ann.SignedIn.Tokens.AccessToken)
	fmt.Println("the old session has ended:", errors.Is(err, admit.ErrSessionExpired))
	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "green bicycle tower"})
	fmt.Println("the new password:", err)

	// Output:
	// <nil>
	// <nil>
	// too common: true
	// taken: <nil>
	// the old session has ended: true
	// the new password: <nil>
}
