package admit_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A refresh token works once. A client whose answer got lost is given the same
// successor again; a token that comes back after its successor was used has
// been copied, and every session of its user ends.
func Example_refresh() {
	kit := authtest.New(t)
	auth := kit.Auth

	first := kit.SignedIn("").Tokens.RefreshToken
	second, err := auth.Sessions.Refresh(t.Context(), first)
	if err != nil {
		t.Fatal(err)
	}
	again, err := auth.Sessions.Refresh(t.Context(), first)
	fmt.Println("the same successor:", err == nil && again.Tokens.RefreshToken == second.Tokens.RefreshToken)

	kit.Clock.Advance(time.Minute)
	_, _, err = auth.VerifyToken(t.Context(), second.Tokens.AccessToken)
	fmt.Println("the new access token is used:", err)
	_, err = auth.Sessions.Refresh(t.Context(), first)
	fmt.Println("the old token comes back:", errors.Is(err, admit.ErrInvalidRefreshToken))
	_, _, err = auth.VerifyToken(t.Context(), second.Tokens.AccessToken)
	fmt.Println("all sessions have ended:", errors.Is(err, admit.ErrSessionExpired))

	// Output:
	// the same successor: true
	// the new access token is used: <nil>
	// the old token comes back: true
	// all sessions have ended: true
}
