package admit_test

import (
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// An account moves to another address once that mailbox is proven. The old
// mailbox is told. Because it was verified, it can take the change back for 7
// days.
func Example_address() {
	kit := authtest.New(t)
	auth, ann := kit.Auth, kit.SignedIn("").User
	tokenTo := func(address string) string { return kit.Mailbox.Link(address).Query().Get("token") }
	address := func() {
		user, err := auth.Users.Get(t.Context(), ann.ID)
		fmt.Println("address:", user.Email, err)
	}

	if err := auth.EmailChanges.Request(t.Context(), admit.EmailChangeParams{UserID: ann.ID, Email: "ann@new.example"}); err != nil {
		t.Fatal(err)
	}
	address()
	fmt.Println("confirmed:", auth.EmailChanges.Confirm(t.Context(), admit.TokenParams{Email: "ann@new.example", Token: tokenTo("ann@new.example")}))
	address()
	fmt.Println("undone:", auth.EmailChanges.Undo(t.Context(), tokenTo(ann.Email)))
	address()

	// Output:
	// address: user1@example.com <nil>
	// confirmed: <nil>
	// address: ann@new.example <nil>
	// undone: <nil>
	// address: user1@example.com <nil>
}
