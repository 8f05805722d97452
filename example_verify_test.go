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

// With RequireVerifiedEmail nobody is let in before the address is proven. The
// mailed link opens a page with a button, since mail scanners open links too;
// the button ends in ConfirmEmail.
func Example_verify() {
	mail := &mailer.Recorder{}
	auth, err := admit.New(admit.Config{
		BaseURL:              "https://app.example",
		Secrets:              admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:                memory.New(),
		Mailer:               mail,
		RequireVerifiedEmail: true,
		Logger:               slog.New(slog.DiscardHandler),
		Now:                  func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer auth.Close(ctx)

	signed, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	fmt.Println("signed in by signing up:", signed.SignedIn != nil, err)
	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("not yet:", errors.Is(err, admit.ErrEmailNotVerified))

	letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.SignupConfirmation })
	if err != nil {
		fmt.Println(err)
		return
	}
	link, err := url.Parse(letter.Values.Link)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(link.Path)
	fmt.Println("confirmed:", auth.EmailChanges.Confirm(ctx, admit.TokenParams{Email: link.Query().Get("email"), Token: link.Query().Get("token")}))
	ann, err := auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("welcome,", ann.User.Name)

	// Output:
	// signed in by signing up: false <nil>
	// not yet: true
	// /v1/auth/signup/email/confirm
	// confirmed: <nil>
	// welcome, Ann
}
