package admit_test

import (
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// One mail carries a link and a 6-digit code; either signs in, and makes the
// account where there was none. Using one of them up ends the other.
func Example_magicLink() {
	kit := authtest.New(t)
	auth := kit.Auth

	id, err := auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "ann@example.com", CallbackURL: "https://app.example/signed-in", SignUp: true})
	if err != nil {
		t.Fatal(err)
	}
	// The link opens the host's page, which gives the token to
	// POST /v1/auth/email/callback. Here the code is typed instead.
	link, code := kit.Mailbox.Link("ann@example.com"), kit.Mailbox.Code("ann@example.com")
	fmt.Println(link.Host+link.Path, "and a code of", len(code), "digits")

	ann, err := auth.MagicLinks.RedeemCode(t.Context(), admit.RedeemCodeParams{RequestID: id, Code: code})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("new:", ann.IsNewUser, "verified:", !ann.User.EmailVerifiedAt.IsZero())
	_, err = auth.MagicLinks.Redeem(t.Context(), link.Query().Get("token"))
	fmt.Println("the link is spent:", errors.Is(err, admit.ErrInvalidToken))

	// Output:
	// app.example/signed-in and a code of 6 digits
	// new: true verified: true
	// the link is spent: true
}
