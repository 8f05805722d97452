package admit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// A policy lets the owner of a thing and certain roles at it. The host says who
// the owner is.
func Example_policy() {
	kit := authtest.New(t)

	mux := http.NewServeMux()
	owner := func(r *http.Request) string { return r.PathValue("owner") }
	notes := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "notes") })
	mux.Handle("GET /notes/{owner}", kit.Auth.RequirePolicy("self | role:editor", owner)(notes))

	ann, editor, other := kit.SignedIn(""), kit.SignedIn("editor"), kit.SignedIn("")
	for _, caller := range []admit.SignedIn{ann, editor, other} {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, kit.Request(caller, "GET", "/notes/"+ann.User.ID, nil))
		fmt.Println(answer.Code)
	}

	// Output:
	// 200
	// 200
	// 403
}
