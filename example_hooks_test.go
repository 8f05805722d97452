package admit_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// Hooks refuse with an error of the host's own, which reaches the client as it
// is, and add claims to access tokens.
func Example_hooks() {
	errNotInvited := &admit.Error{Code: "app/not-invited", Status: http.StatusForbidden, Message: "Please ask for an invitation."}
	auth := authtest.New(t, func(c *admit.Config) {
		c.Hooks.BeforeSignUp = func(_ context.Context, in admit.SignUpAttempt) error {
			if !strings.HasSuffix(in.Email, "@example.com") {
				return errNotInvited
			}
			return nil
		}
		c.Hooks.AccessTokenClaims = func(context.Context, admit.User, admit.Session) (map[string]any, error) {
			return map[string]any{"plan": "free"}, nil
		}
	}).Auth

	_, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "eve@elsewhere.example", Password: "quiet harbour lamp", Name: "Eve"})
	fmt.Println(errors.Is(err, errNotInvited), err)
	ann, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	_, _, err = jwt.NewParser().ParseUnverified(ann.SignedIn.Tokens.AccessToken, claims)
	fmt.Println(claims["plan"], claims["role"], err)

	// Output:
	// true app/not-invited: Please ask for an invitation.
	// free user <nil>
}
