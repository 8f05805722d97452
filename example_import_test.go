package admit_test

import (
	"fmt"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// Accounts of another system keep their passwords: a hash is taken as it is
// and replaced by Argon2id at the next sign-in.
func Example_import() {
	auth := authtest.New(t).Auth

	ann := admit.ImportUserParams{
		Email: "ann@example.com", Name: "Ann", EmailVerified: true,
		PasswordHash: "$2a$10$TfexOsEoZ0EyK3bxDRsRO.omopffsvfsfi76fcsz0SvW.l/Dq5j9i", // bcrypt
		CreatedAt:    time.Date(2019, 8, 7, 0, 0, 0, 0, time.UTC),
	}
	for range 2 { // an import that was cut off is simply run again
		imported, err := auth.Imports.User(t.Context(), ann)
		fmt.Println(imported.User.Email, imported.Outcome, err)
	}
	_, err := auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "ann@example.com", Password: "quiet harbour lamp"})
	fmt.Println("the old password:", err)

	// Output:
	// ann@example.com created <nil>
	// ann@example.com unchanged <nil>
	// the old password: <nil>
}
