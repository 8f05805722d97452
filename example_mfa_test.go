package admit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// An authenticator app is set up, and every sign-in asks for one of its codes; a
// recovery code stands in for the app once.
func Example_mfa() {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		Logger:  slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return now },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	defer auth.Close(ctx)

	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	id := ann.SignedIn.User.ID
	setup, err := auth.MFA.Enable(ctx, admit.EnableMFAParams{UserID: id, Password: "quiet harbour lamp"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("recovery codes:", len(setup.BackupCodes))
	code, err := totp.GenerateCode(setup.Secret, now) // the app does this
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err = auth.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: id, Code: code}); err != nil {
		fmt.Println(err)
		return
	}

	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("asked for the factor:", errors.Is(err, admit.ErrMFARequired))
	var refusal *admit.Error
	errors.As(err, &refusal)
	ticket := refusal.Details["mfaToken"].(string)

	// The code of the setup is used up.
	_, err = auth.MFA.Verify(ctx, admit.VerifyMFAParams{Ticket: ticket, Code: code})
	fmt.Println("used:", errors.Is(err, admit.ErrInvalidMFACode))
	done, err := auth.MFA.Verify(ctx, admit.VerifyMFAParams{Ticket: ticket, Code: setup.BackupCodes[0]})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("signed in by", done.Session.AMR, "with", done.Session.ACR())

	// Output:
	// recovery codes: 10
	// asked for the factor: true
	// used: true
	// signed in by pwd otp mfa with aal2
}
