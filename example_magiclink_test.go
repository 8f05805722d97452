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

// One mail carries a link and a 6-digit code; either signs in, and makes the
// account where there was none. Using one of them up ends the other.
func Example_magicLink() {
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

	requestID, err := auth.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: "ann@example.com", CallbackURL: "https://app.example/signed-in", SignUp: true})
	if err != nil {
		fmt.Println(err)
		return
	}
	letter, err := mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.MagicLink })
	if err != nil {
		fmt.Println(err)
		return
	}
	// The link opens the host's page, which gives the token to
	// POST /v1/auth/email/callback. Here the code is typed instead.
	link, err := url.Parse(letter.Values.Link)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(link.Host+link.Path, "and a code of", len(letter.Values.Code), "digits")

	ann, err := auth.MagicLinks.RedeemCode(ctx, admit.RedeemCodeParams{RequestID: requestID, Code: letter.Values.Code})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("new:", ann.IsNewUser, "verified:", !ann.User.EmailVerifiedAt.IsZero())
	_, err = auth.MagicLinks.Redeem(ctx, link.Query().Get("token"))
	fmt.Println("the link is spent:", errors.Is(err, admit.ErrInvalidToken))

	// Output:
	// app.example/signed-in and a code of 6 digits
	// new: true verified: true
	// the link is spent: true
}
