package admit_test

import (
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A forgotten password is replaced with a mailed token. A password that is
// refused leaves the token usable; one that is taken ends every session.
func Example_reset() {
	kit := authtest.New(t)
	auth, ann := kit.Auth, kit.SignedIn("")

	// Both answer alike; only one of them sends something.
	fmt.Println(auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: "nobody@example.com"}))
	fmt.Println(auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: ann.User.Email, CallbackURL: "https://app.example/new-password"}))
	fmt.Println("mails:", len(kit.Mailbox.Messages()))

	confirm := func(password string) error {
		_, err := auth.PasswordResets.Confirm(t.Context(), admit.ConfirmPasswordResetParams{
			Email: ann.User.Email, Token: kit.Mailbox.Link(ann.User.Email).Query().Get("token"), NewPassword: password,
		})
		return err
	}
	fmt.Println("too common:", errors.Is(confirm("password123"), admit.ErrWeakPassword))
	fmt.Println("taken:", confirm("green bicycle tower"))
	_, _, err := auth.VerifyToken(t.Context(), ann.Tokens.AccessToken)
	fmt.Println("the old session has ended:", errors.Is(err, admit.ErrSessionExpired))
	_, err = auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: ann.User.Email, Password: "green bicycle tower"})
	fmt.Println("the new password:", err)

	// Output:
	// <nil>
	// <nil>
	// mails: 1
	// too common: true
	// taken: <nil>
	// the old session has ended: true
	// the new password: <nil>
}
