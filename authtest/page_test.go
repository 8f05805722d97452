package authtest_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// The tests of this file are the snippets of docs/testing.md.

func TestPostsAreForEditors(t *testing.T) {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)

	for _, c := range []struct {
		caller admit.SignedIn
		want   int
	}{
		{kit.SignedIn("editor"), http.StatusOK},
		{kit.SignedIn(""), http.StatusForbidden},
		{admit.SignedIn{}, http.StatusUnauthorized},
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(c.caller, "POST", "/posts", map[string]string{"title": "Lamps"}))
		if answer.Code != c.want {
			t.Errorf("%s gets %d %s", c.caller.User.Name, answer.Code, answer.Body)
		}
	}
}

func TestHelloNamesTheUser(t *testing.T) {
	kit := authtest.New(t)
	server := httptest.NewServer(newHandler(kit.Auth))
	defer server.Close()

	answer, err := kit.Client(kit.SignedIn("")).Get(server.URL + "/hello")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "hello, User 1" {
		t.Errorf("the answer is %q, %v", body, err)
	}
}

func TestTheImportTakesItsScopeAlone(t *testing.T) {
	kit := authtest.New(t)
	for scope, want := range map[string]int{"posts:write": http.StatusOK, "posts:read": http.StatusForbidden} {
		request := httptest.NewRequest("POST", "/import", nil)
		request.Header.Set("X-API-Key", kit.Key(scope))
		answer := httptest.NewRecorder()
		newHandler(kit.Auth).ServeHTTP(answer, request)
		if answer.Code != want {
			t.Errorf("a key with the scope %s gets %d %s", scope, answer.Code, answer.Body)
		}
	}
}

func TestBillsAreForThoseWhoManageTheTeam(t *testing.T) {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)
	acme := kit.Organization(kit.SignedIn(""))
	other := kit.Organization(kit.SignedIn(""))

	for _, c := range []struct {
		caller admit.SignedIn
		want   int
	}{
		{kit.Member(acme, admit.RoleAdmin), http.StatusOK},
		{kit.Member(acme, admit.RoleMember), http.StatusForbidden},
		{kit.Enter(kit.Member(acme, admit.RoleAdmin), admit.Organization{}), http.StatusForbidden}, // outside of any
		{kit.Member(other, admit.RoleOwner), http.StatusOK},
	} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(c.caller, "POST", "/bills", nil))
		if answer.Code != c.want {
			t.Errorf("%s gets %d %s", c.caller.User.Name, answer.Code, answer.Body)
		}
	}
}

func TestSomebodyWhoForgotThePasswordSetsAnother(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) { c.SiteName = "Lamps Ltd" })
	user := kit.SignedIn("").User

	if err := kit.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: user.Email}); err != nil {
		t.Fatal(err)
	}
	if subject := kit.Mailbox.Last(user.Email).Subject; !strings.Contains(subject, "Lamps Ltd") {
		t.Errorf("the subject is %q", subject)
	}
	_, err := kit.Auth.PasswordResets.Confirm(t.Context(), admit.ConfirmPasswordResetParams{
		Email: user.Email, Token: kit.Mailbox.Link(user.Email).Query().Get("token"), NewPassword: "green bicycle tower",
	})
	if err != nil {
		t.Error(err)
	}
}

func TestDeletingTheAccountAsksForARecentSignIn(t *testing.T) {
	kit := authtest.New(t)
	user := kit.SignedIn("")
	kit.Clock.Advance(11 * time.Minute)

	answer := httptest.NewRecorder()
	newHandler(kit.Auth).ServeHTTP(answer, kit.Request(user, "DELETE", "/account", nil))
	if answer.Code != http.StatusForbidden {
		t.Errorf("an old sign-in gets %d %s", answer.Code, answer.Body)
	}
}

func TestPayingAsksForASecondFactor(t *testing.T) {
	kit := authtest.New(t)
	handler := newHandler(kit.Auth)
	pay := func(user admit.SignedIn) int {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, kit.Request(user, "POST", "/pay", nil))
		return answer.Code
	}

	user := kit.SignedIn("")
	if status := pay(user); status != http.StatusForbidden {
		t.Errorf("a password alone gets %d", status)
	}
	kit.EnrollTOTP(user)
	if status := pay(user); status != http.StatusOK {
		t.Errorf("a session with a second factor gets %d", status)
	}
}

func TestASignInIsCompletedByACode(t *testing.T) {
	kit := authtest.New(t)
	user := kit.SignedIn("")
	recovery := kit.EnrollTOTP(user)

	for _, code := range []string{kit.Code(user), recovery[0]} {
		_, err := kit.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: user.User.Email, Password: authtest.Password})
		var paused *admit.Error
		if !errors.As(err, &paused) || !errors.Is(err, admit.ErrMFARequired) {
			t.Fatalf("the password alone gives %v", err)
		}
		ticket, _ := paused.Details["mfaToken"].(string)
		signed, err := kit.Auth.MFA.Verify(t.Context(), admit.VerifyMFAParams{Ticket: ticket, Code: code})
		if err != nil || signed.User.ID != user.User.ID {
			t.Errorf("the code gives %v", err)
		}
	}
}

func TestTheSnippetsOfThePageAreTheTestsOfThisFile(t *testing.T) {
	page, err := os.ReadFile("../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests []byte
	for _, file := range []string{"page_test.go", "../passkey/authtest_test.go"} { // this module has no engine for passkeys
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tests = append(tests, text...)
	}
	snippets := strings.Split(string(page), "```go\n")[1:]
	if len(snippets) == 0 {
		t.Error("the page has no snippets")
	}
	for _, snippet := range snippets {
		code, _, _ := strings.Cut(snippet, "```")
		if !strings.Contains(string(tests), "\n"+code) {
			t.Errorf("this is no test of the file:\n%s", code)
		}
	}
}
