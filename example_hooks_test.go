package admit_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// Hooks refuse with an error of the host's own, which reaches the client as it
// is, and add claims to access tokens.
func Example_hooks() {
	errNotInvited := &admit.Error{Code: "app/not-invited", Status: http.StatusForbidden, Message: "Please ask for an invitation."}
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example",
		Secrets: admit.Secrets("5f0d6c2b9e8a71430c4b6d1f8e2a973551b0c7d96e3f8a24"),
		Store:   memory.New(),
		Mailer:  &mailer.Recorder{},
		Hooks: admit.Hooks{
			BeforeSignUp: func(_ context.Context, in admit.SignUpAttempt) error {
				if !strings.HasSuffix(in.Email, "@example.com") {
					return errNotInvited
				}
				return nil
			},
			AccessTokenClaims: func(_ context.Context, user admit.User, _ admit.Session) (map[string]any, error) {
				return map[string]any{"plan": "free"}, nil
			},
		},
		Logger: slog.New(slog.DiscardHandler),
		Now:    func() time.Time { return time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	defer auth.Close(ctx)

	_, err = auth.SignUps.Create(ctx, admit.SignUpParams{Email: "eve@elsewhere.example", Password: "quiet harbour lamp", Name: "Eve"})
	fmt.Println(errors.Is(err, errNotInvited), err)
	ann, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		fmt.Println(err)
		return
	}
	claims := jwt.MapClaims{}
	_, _, err = jwt.NewParser().ParseUnverified(ann.SignedIn.Tokens.AccessToken, claims)
	fmt.Println(claims["plan"], claims["role"], err)

	// Output:
	// true app/not-invited: Please ask for an invitation.
	// free user <nil>
}
