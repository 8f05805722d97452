package admit_test

import (
	"context"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// OnEvent is told everything that was committed, in order and at least once.
// Close hands on what is left.
func Example_events() {
	kit := authtest.New(t, func(c *admit.Config) {
		c.OnEvent = func(_ context.Context, e admit.Event) error {
			fmt.Println(e.Kind)
			return nil
		}
	})

	ann := kit.SignedIn("").User
	if err := kit.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: ann.ID, Reason: "spam"}); err != nil {
		t.Fatal(err)
	}
	if err := kit.Auth.Close(t.Context()); err != nil {
		t.Fatal(err)
	}

	// Output:
	// user.created
	// session.created
	// user.banned
}
