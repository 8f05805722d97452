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

// Accounts of another system keep their passwords: a hash is taken as it is
// and replaced by Argon2id at the next sign-in.
func Example_import() {
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

	ann := admit.ImportUserParams{
		Email: "ann@example.com", Name: "Ann", EmailVerified: true,
		PasswordHash: "$2a$10$TfexOsEoZ0EyK3bxDRsRO.omopffsvfsfi76fcsz0SvW.l/Dq5j9i", // bcrypt
		CreatedAt:    time.Date(2019, 8, 7, 0, 0, 0, 0, time.UTC),
	}
	for range 2 { // an import that was cut off is simply run again
		imported, err := auth.Imports.User(ctx, ann)
		fmt.Println(imported.User.Email, imported.Outcome, err)
	}
	_, err = auth.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("the old password:", err)

	// Output:
	// ann@example.com created <nil>
	// ann@example.com unchanged <nil>
	// the old password: <nil>
}
