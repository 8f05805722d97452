package admit_test

import (
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// Ten wrong passwords close the account's first-factor budget for 15 minutes,
// for every spelling of its address and for the right password too. Sessions
// that live go on, and a mailed link still lets the owner in.
func Example_rateLimit() {
	kit := authtest.New(t)
	kit.SignedIn("")
	signIn := func(email, password string) error {
		_, err := kit.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: email, Password: password})
		return err
	}

	wrong := 0
	for range 10 {
		if errors.Is(signIn("user1@example.com", "guess after guess"), admit.ErrInvalidCredentials) {
			wrong++
		}
	}
	fmt.Println("guesses answered:", wrong)
	var refusal *admit.Error
	fmt.Println(errors.As(signIn("USER1@Example.com", authtest.Password), &refusal), refusal.Code, refusal.RetryAfter)

	kit.Clock.Advance(refusal.RetryAfter)
	fmt.Println("after the wait:", signIn("user1@example.com", authtest.Password))

	// Output:
	// guesses answered: 10
	// true auth/too-many-login-attempts 15m0s
	// after the wait: <nil>
}
