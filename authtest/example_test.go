package authtest_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// t stands for the *testing.T of a test, which an example does not have. It
// panics where a test fails, and what is to be cleaned up ends with the process.
var t testing.TB = inExample{}

type inExample struct{ testing.TB }

func (inExample) Helper()                   {}
func (inExample) Cleanup(func())            {}
func (inExample) Output() io.Writer         { return io.Discard }
func (inExample) Context() context.Context  { return context.Background() }
func (inExample) Fatal(args ...any)         { panic(fmt.Sprint(args...)) }
func (inExample) Fatalf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }
func (inExample) Errorf(s string, a ...any) { panic(fmt.Sprintf(s, a...)) }

// newHandler is the handler of a host: what its tests are about.
func newHandler(auth *admit.Auth) http.Handler {
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		fmt.Fprintf(w, "hello, %s", user.Name)
	})
	mux := http.NewServeMux()
	auth.Mount(mux)
	mux.Handle("GET /hello", auth.RequireUser(hello))
	mux.Handle("POST /posts", auth.RequireRole("editor")(hello))
	mux.Handle("POST /import", auth.RequireKey("posts:write")(hello))
	mux.Handle("POST /pay", auth.RequireFactor(hello))
	mux.Handle("DELETE /account", auth.RequireRecent(hello))
	mux.Handle("POST /bills", auth.RequireOrganization(admit.RoleAdmin)(hello))
	return mux
}

// A handler is called with the requests of people who have different roles.
func Example() {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)

	user, editor, nobody := kit.SignedIn(""), kit.SignedIn("editor"), admit.SignedIn{}
	for _, caller := range []admit.SignedIn{user, editor, nobody} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(caller, "POST", "/posts", map[string]string{"title": "Lamps"}))
		fmt.Println(answer.Code)
	}

	// Output:
	// 403
	// 200
	// 401
}

// The options change the configuration.
func ExampleNew() {
	kit := authtest.New(t, func(c *admit.Config) { c.RequireVerifiedEmail = true })

	_, err := kit.Auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@example.com", Password: authtest.Password, Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = kit.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "ann@example.com", Password: authtest.Password})
	fmt.Println(err)

	// Output:
	// auth/email-not-verified: Please confirm your address first: we have sent you a mail.
}

// A form is sent as a browser sends it.
func ExampleKit_Request() {
	kit := authtest.New(t)
	search := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		fmt.Fprintf(w, "%s looks for %s", user.Email, r.FormValue("q"))
	})

	answer := httptest.NewRecorder()
	kit.Auth.RequireUser(search).ServeHTTP(answer, kit.Request(kit.SignedIn(""), "POST", "/search", url.Values{"q": {"lamps"}}))
	fmt.Println(answer.Body)

	// Output:
	// user1@example.com looks for lamps
}

// A program calls with a key that has a scope.
func ExampleKit_Key() {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)

	for _, scope := range []string{"posts:write", "posts:read"} {
		request := httptest.NewRequest("POST", "/import", nil)
		request.Header.Set("X-API-Key", kit.Key(scope))
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		fmt.Println(scope, answer.Code)
	}

	// Output:
	// posts:write 200
	// posts:read 403
}

// A server is called over a socket.
func ExampleKit_Client() {
	kit := authtest.New(t)
	server := httptest.NewServer(newHandler(kit.Auth))
	defer server.Close()

	answer, err := kit.Client(kit.SignedIn("")).Get(server.URL + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	fmt.Println(string(body), err)

	// Output:
	// hello, User 1 <nil>
}

// Time passes when the test says so. Deleting an account here asks for a sign-in
// that is no older than ten minutes.
func ExampleClock_Advance() {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)
	user := kit.SignedIn("")

	for range 2 {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(user, "DELETE", "/account", nil))
		fmt.Println(answer.Code)
		kit.Clock.Advance(11 * time.Minute)
	}

	// Output:
	// 200
	// 403
}

// A handler is called by members of an organisation who have different roles.
func ExampleKit_Member() {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)

	owner := kit.SignedIn("")
	acme := kit.Organization(owner)
	for _, caller := range []admit.SignedIn{kit.Enter(owner, acme), kit.Member(acme, admit.RoleMember), kit.SignedIn("")} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(caller, "POST", "/bills", nil))
		fmt.Println(caller.User.Name, answer.Code)
	}

	// Output:
	// User 1 200
	// User 2 403
	// User 3 403
}

// A mailed link leads somebody who forgot a password to a new one.
func ExampleMailbox_Link() {
	kit := authtest.New(t)
	user := kit.SignedIn("").User

	if err := kit.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: user.Email}); err != nil {
		t.Fatal(err)
	}
	link := kit.Mailbox.Link(user.Email)
	fmt.Println(link.Host + link.Path)
	_, err := kit.Auth.PasswordResets.Confirm(t.Context(), admit.ConfirmPasswordResetParams{
		Email: user.Email, Token: link.Query().Get("token"), NewPassword: "green bicycle tower",
	})
	fmt.Println(err)
	fmt.Println(kit.Mailbox.Last(user.Email).Kind)

	// Output:
	// app.example/v1/auth/password/reset/confirm
	// <nil>
	// password_changed
}

// A mailed code is typed into the page that asked for it.
func ExampleMailbox_Code() {
	kit := authtest.New(t)

	id, err := kit.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "ann@example.com", SignUp: true})
	if err != nil {
		t.Fatal(err)
	}
	ann, err := kit.Auth.MagicLinks.RedeemCode(t.Context(), admit.RedeemCodeParams{RequestID: id, Code: kit.Mailbox.Code("ann@example.com")})
	fmt.Println(ann.User.Email, ann.IsNewUser, err)

	// Output:
	// ann@example.com true <nil>
}
