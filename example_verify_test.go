package admit_test

import (
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// With RequireVerifiedEmail nobody is let in before the address is proven. The
// mailed link opens a page with a button, since mail scanners open links too;
// the button ends in EmailChanges.Confirm.
func Example_verify() {
	kit := authtest.New(t, func(c *admit.Config) { c.RequireVerifiedEmail = true })
	auth := kit.Auth

	signed, err := auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@example.com", Password: "quiet harbour lamp", Name: "Ann"})
	fmt.Println("signed in by signing up:", signed.SignedIn != nil, err)
	_, err = auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("not yet:", errors.Is(err, admit.ErrEmailNotVerified))

	link := kit.Mailbox.Link("ann@example.com")
	fmt.Println(link.Path)
	fmt.Println("confirmed:", auth.EmailChanges.Confirm(t.Context(), admit.TokenParams{Email: link.Query().Get("email"), Token: link.Query().Get("token")}))
	ann, err := auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("welcome,", ann.User.Name, err)

	// Output:
	// signed in by signing up: false <nil>
	// not yet: true
	// /v1/auth/signup/email/confirm
	// confirmed: <nil>
	// welcome, Ann <nil>
}
