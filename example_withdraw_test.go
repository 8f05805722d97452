package admit_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A person deletes the own account and takes that back with the mailed token. A
// deletion that is not taken back ends with a purge, in which the host removes its
// own rows.
func Example_withdraw() {
	kit := authtest.New(t, func(c *admit.Config) {
		c.Hooks.BeforeDelete = func(_ context.Context, _ admit.Tx, user admit.User, reason string) error {
			fmt.Println("about to delete", user.Name, "for the", reason)
			return nil
		}
		c.Hooks.UserPurged = func(_ context.Context, _ admit.Tx, user admit.User) error {
			fmt.Println("purging", user.Name) // tx.SQL() removes the rows of the host
			return nil
		}
	})
	auth, ann := kit.Auth, kit.SignedIn("")

	params := admit.WithdrawParams{UserID: ann.User.ID, Password: authtest.Password}
	fmt.Println("deleted:", auth.Withdrawals.Withdraw(t.Context(), params))
	_, _, err := auth.VerifyToken(t.Context(), ann.Tokens.AccessToken)
	fmt.Println("the session has ended:", err != nil)

	token := kit.Mailbox.Link(ann.User.Email).Query().Get("token")
	back, err := auth.Withdrawals.Restore(t.Context(), token)
	fmt.Println("the same account:", back.User.ID == ann.User.ID, err)

	fmt.Println("deleted:", auth.Withdrawals.Withdraw(t.Context(), params))
	fmt.Println("purged:", auth.Users.Purge(t.Context(), ann.User.ID))
	fmt.Println("nothing to restore:", errors.Is(auth.Users.Restore(t.Context(), ann.User.ID), admit.ErrUserNotFound))

	// Output:
	// about to delete User 1 for the owner
	// deleted: <nil>
	// the session has ended: true
	// the same account: true <nil>
	// about to delete User 1 for the owner
	// deleted: <nil>
	// purging User 1
	// purged: <nil>
	// nothing to restore: true
}
