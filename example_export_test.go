package admit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// An export has a part of each feature, and what the host holds.
func Example_export() {
	kit := authtest.New(t, func(c *admit.Config) {
		c.Hooks.Export = func(_ context.Context, user admit.User) (any, error) {
			return map[string]any{"notes": []string{"a note of " + user.Name}}, nil
		}
	})
	ann := kit.SignedIn("")

	var out bytes.Buffer
	fmt.Println(kit.Auth.Exports.Write(t.Context(), ann.User.ID, &out))

	var export struct {
		Account  struct{ Role string }
		Sessions []struct{ Methods string }
		Host     struct{ Notes []string }
	}
	fmt.Println(json.Unmarshal(out.Bytes(), &export))
	fmt.Println(export.Account.Role, len(export.Sessions), export.Sessions[0].Methods, export.Host.Notes)

	// Output:
	// <nil>
	// <nil>
	// user 1 pwd [a note of User 1]
}
