package admit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// Guards stand before the routes of a host. Signing out, a ban and a new role
// hold from the next request on.
func Example_guard() {
	kit := authtest.New(t)
	auth := kit.Auth
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		fmt.Fprint(w, "hello, ", user.Name)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /hello", auth.RequireUser(hello))
	mux.Handle("GET /office", auth.RequireRole("editor")(hello))
	get := func(path string, as admit.SignedIn) {
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, kit.Request(as, "GET", path, nil))
		fmt.Println(answer.Code, answer.Body)
	}

	user, nobody := kit.SignedIn(""), admit.SignedIn{}
	get("/hello", nobody)
	get("/hello", user)
	get("/office", user)
	fmt.Println(auth.Users.SetRole(t.Context(), admit.SetRoleParams{UserID: user.User.ID, Role: "editor"}))
	get("/office", user)
	fmt.Println(auth.Sessions.SignOut(t.Context(), user.Session))
	get("/hello", user)

	// Output:
	// 401 {"error":{"code":"auth/unauthorized","message":"Please sign in."}}
	// 200 hello, User 1
	// 403 {"error":{"code":"auth/forbidden","message":"You may not do that."}}
	// <nil>
	// 200 hello, User 1
	// <nil>
	// 401 {"error":{"code":"auth/session-expired","message":"The session has ended. Please sign in again."}}
}
