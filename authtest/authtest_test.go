package authtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/mailer"
)

// failing runs a test of a host and returns what it failed with.
func failing(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	inner := &inner{TB: t}
	var done sync.WaitGroup
	done.Go(func() { test(inner) })
	done.Wait()
	if inner.failed == "" {
		t.Error("the test passed")
	}
	return inner.failed
}

// inner is a test inside a test, so that the outer one sees it fail.
type inner struct {
	testing.TB
	failed string
}

func (i *inner) Fatal(args ...any)         { i.failed = fmt.Sprint(args...); runtime.Goexit() }
func (i *inner) Fatalf(s string, a ...any) { i.failed = fmt.Sprintf(s, a...); runtime.Goexit() }

func me(t *testing.T, kit *authtest.Kit, user admit.SignedIn) string {
	t.Helper()
	answer := httptest.NewRecorder()
	kit.Auth.Handler().ServeHTTP(answer, kit.Request(user, "GET", "/v1/auth/me", nil))
	return fmt.Sprint(answer.Code, " ", answer.Body)
}

// A host tests with its own configuration, so each must let people in.
func TestSomebodyIsSignedInUnderEveryConfiguration(t *testing.T) {
	for name, change := range map[string]func(*admit.Config){
		"default":            func(*admit.Config) {},
		"a verified address": func(c *admit.Config) { c.RequireVerifiedEmail = true },
		"private sign-up":    func(c *admit.Config) { c.PrivateSignUp = true },
		"no link":            func(c *admit.Config) { c.MagicLink.Disabled = true },
		"a path":             func(c *admit.Config) { c.BaseURL, c.BasePath = "http://localhost:8080/app", "/v1" },
		"the real hash":      func(c *admit.Config) { c.Passwords.InsecureFastHash = false },
		"a password to dread": func(c *admit.Config) {
			c.Passwords = admit.PasswordConfig{
				MinLength: 64, RequireUppercase: true, RequireLowercase: true, RequireNumbers: true, RequireSpecialChars: true, InsecureFastHash: true,
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			kit := authtest.New(t, change)
			user := kit.SignedIn("editor")
			if got := me(t, kit, user); user.User.Role != "editor" || user.User.EmailVerifiedAt.IsZero() || !strings.HasPrefix(got, "200 ") || !strings.Contains(got, user.User.Email) {
				t.Errorf("the user is %+v, and me answers %s", user.User, got)
			}
		})
	}
}

func TestThereMayBeManyPeopleAndNoneOfThemHasMail(t *testing.T) {
	kit := authtest.New(t)
	seen := map[string]bool{}
	for range 700 { // more than any budget of one client
		seen[kit.SignedIn("").User.ID] = true
	}
	if mail := kit.Mailbox.Messages(); len(seen) != 700 || len(mail) > 0 {
		t.Errorf("%d people and %d messages", len(seen), len(mail))
	}
}

// A test finds out what a limit does to the host's own pages.
func TestTheLimitsAreThoseOfProduction(t *testing.T) {
	kit := authtest.New(t)
	user := kit.SignedIn("").User
	for range 10 {
		if _, err := kit.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: user.Email, Password: "guess after guess"}); !errors.Is(err, admit.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	right := admit.SignInParams{Email: user.Email, Password: authtest.Password}
	if _, err := kit.Auth.Passwords.SignIn(t.Context(), right); !errors.Is(err, admit.ErrTooManyLoginAttempts) {
		t.Errorf("after ten wrong passwords: %v", err)
	}
	kit.Clock.Advance(15 * time.Minute)
	if _, err := kit.Auth.Passwords.SignIn(t.Context(), right); err != nil {
		t.Errorf("a quarter of an hour later: %v", err)
	}
}

// Tokens follow the clock of the kit, and so does a session.
func TestATokenExpiresWhenTheClockSaysSo(t *testing.T) {
	kit := authtest.New(t)
	user := kit.SignedIn("")
	kit.Clock.Advance(2 * time.Hour)
	if got := me(t, kit, user); !strings.HasPrefix(got, "401 ") {
		t.Errorf("two hours later: %s", got)
	}
	user, err := kit.Auth.Sessions.Refresh(t.Context(), user.Tokens.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if got := me(t, kit, user); !strings.HasPrefix(got, "200 ") {
		t.Errorf("after a refresh: %s", got)
	}
}

// Mail is sent by a worker: what a test asked for is there all the same, and
// only that.
func TestTheMailboxWaitsForWhatIsDue(t *testing.T) {
	kit := authtest.New(t)
	for i := range 50 {
		address := fmt.Sprintf("Ann%d@example.com", i)
		if _, err := kit.Auth.SignUps.Create(t.Context(), admit.SignUpParams{Email: address, Password: authtest.Password, Name: "Ann"}); err != nil {
			t.Fatal(err)
		}
		if err := kit.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: address}); err != nil {
			t.Fatal(err)
		}
		if last := kit.Mailbox.Last(strings.ToUpper(address)); last.To != address || last.Kind != mailer.PasswordReset {
			t.Errorf("the last message to %s is %s to %s", address, last.Kind, last.To)
		}
	}
	if err := kit.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: "nobody@example.com"}); err != nil {
		t.Fatal(err)
	}
	if all := kit.Mailbox.Messages(); len(all) != 100 {
		t.Errorf("there are %d messages", len(all))
	}
}

// A link that expires in the jump would never be sent.
func TestMailIsSentBeforeTheClockMoves(t *testing.T) {
	kit := authtest.New(t)
	for i := range 50 {
		address := fmt.Sprintf("ann%d@example.com", i)
		if _, err := kit.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: address, SignUp: true}); err != nil {
			t.Fatal(err)
		}
		kit.Clock.Advance(24 * time.Hour)
		if code := kit.Mailbox.Code(address); len(code) != 6 {
			t.Errorf("the code is %q", code)
		}
	}
}

func TestATestFailsWhereThereIsNoMailOfThatKind(t *testing.T) {
	signUp := func(kit *authtest.Kit) {
		if _, err := kit.Auth.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.com", Password: authtest.Password, Name: "Ann"}); err != nil {
			t.Error(err)
		}
	}
	for want, test := range map[string]func(t testing.TB){
		"none of 0 messages is to ann@example.com": func(t testing.TB) { authtest.New(t).Mailbox.Last("ann@example.com") },
		"none of 1 messages is to bob@example.com": func(t testing.TB) {
			kit := authtest.New(t)
			signUp(kit)
			kit.Mailbox.Link("bob@example.com")
		},
		"the newest message to ann@example.com, signup_confirmation, has no code": func(t testing.TB) {
			kit := authtest.New(t)
			signUp(kit)
			kit.Mailbox.Code("ann@example.com")
		},
		"the newest message to user1@example.com, password_changed, has no link": func(t testing.TB) {
			kit := authtest.New(t)
			user := kit.SignedIn("")
			if _, err := kit.Auth.Passwords.Change(context.Background(), admit.ChangePasswordParams{
				UserID: user.User.ID, Current: authtest.Password, New: "green bicycle tower",
			}); err != nil {
				t.Error(err)
			}
			kit.Mailbox.Link(user.User.Email)
		},
		"Config.Mailer was replaced, so no message comes into this mailbox": func(t testing.TB) {
			authtest.New(t, func(c *admit.Config) { c.Mailer = mailer.Log{Writer: io.Discard} }).Mailbox.Messages()
		},
	} {
		if got := failing(t, test); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestATestFailsWhereTheConfigurationRefuses(t *testing.T) {
	refused := errors.New("no more seats")
	for want, test := range map[string]func(t testing.TB){
		"Mailer is missing":                    func(t testing.TB) { authtest.New(t, func(c *admit.Config) { c.Mailer = nil }) },
		`sign in a user with the role "BOSS!"`: func(t testing.TB) { authtest.New(t).SignedIn("BOSS!") },
		`sign in a user with the role ""`: func(t testing.TB) {
			authtest.New(t, func(c *admit.Config) {
				c.Hooks.UserCreated = func(context.Context, admit.Tx, admit.User) error { return refused }
			}).SignedIn("")
		},
		`make a key with the scopes ["posts"]`: func(t testing.TB) { authtest.New(t).Key("posts") },
		"the body of POST /posts: json":        func(t testing.TB) { authtest.New(t).Request(admit.SignedIn{}, "POST", "/posts", func() {}) },
	} {
		if got := failing(t, test); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestARequestCarriesWhatItWasGiven(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) { c.BaseURL = "http://localhost:8080/app" })
	user := kit.SignedIn("")
	for _, c := range []struct {
		body          any
		content, kind string
	}{
		{nil, "", ""},
		{map[string]int{"n": 1}, `{"n":1}`, "application/json"},
		{`{"n":2}`, `{"n":2}`, "application/json"},
		{[]byte(`{"n":3}`), `{"n":3}`, "application/json"},
		{strings.NewReader(`{"n":4}`), `{"n":4}`, "application/json"},
		{url.Values{"n": {"5 6"}}, "n=5+6", "application/x-www-form-urlencoded"},
	} {
		r := kit.Request(user, http.MethodPut, "/things/1?all=yes", c.body)
		content, err := io.ReadAll(r.Body)
		if err != nil || string(content) != c.content || r.Header.Get("Content-Type") != c.kind {
			t.Errorf("%v is sent as %q of the type %q, %v", c.body, content, r.Header.Get("Content-Type"), err)
		}
		if r.Method != http.MethodPut || r.Host != "localhost:8080" || r.URL.Path != "/things/1" || r.FormValue("all") != "yes" ||
			r.Header.Get("Authorization") != "Bearer "+user.Tokens.AccessToken {
			t.Errorf("%s %s %s %v", r.Method, r.Host, r.URL, r.Header)
		}
	}
	if r := kit.Request(admit.SignedIn{}, http.MethodGet, "https://other.example/x", nil); r.Host != "other.example" || len(r.Header) > 0 {
		t.Errorf("somebody without credentials sends %s %v", r.Host, r.Header)
	}
}

func TestAClientCarriesItsUserAndStaysWhereItIs(t *testing.T) {
	kit := authtest.New(t)
	user, other := kit.SignedIn(""), kit.SignedIn("")
	mux := http.NewServeMux()
	kit.Auth.Mount(mux)
	mux.Handle("/away", http.RedirectHandler("/v1/auth/me", http.StatusSeeOther))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	get := func(as admit.SignedIn, path, header string) (int, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			request.Header.Set("Authorization", header)
		}
		answer, err := kit.Client(as).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		if got := request.Header.Get("Authorization"); got != header {
			t.Errorf("the request of the test was changed to %q", got)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if status, body := get(user, "/v1/auth/me", ""); status != http.StatusOK || !strings.Contains(body, user.User.Email) {
		t.Errorf("a user: %d %s", status, body)
	}
	if status, body := get(user, "/v1/auth/me", "Bearer "+other.Tokens.AccessToken); status != http.StatusOK || !strings.Contains(body, other.User.Email) {
		t.Errorf("a user with the header of another: %d %s", status, body)
	}
	if status, body := get(admit.SignedIn{}, "/v1/auth/me", ""); status != http.StatusUnauthorized {
		t.Errorf("nobody: %d %s", status, body)
	}
	if status, body := get(user, "/away", ""); status != http.StatusSeeOther {
		t.Errorf("a redirect: %d %s", status, body)
	}
}

// Two processes of a host share a store, and what they send is in one mailbox.
func TestTwoKitsMayShareEverything(t *testing.T) {
	var shared admit.Config
	first := authtest.New(t, func(c *admit.Config) { shared = *c })
	second := authtest.New(t, func(c *admit.Config) {
		c.Secrets, c.Store, c.Mailer, c.Now = shared.Secrets, shared.Store, shared.Mailer, shared.Now
	})
	user := first.SignedIn("")
	if got := me(t, second, user); !strings.HasPrefix(got, "200 ") {
		t.Errorf("the other process answers %s", got)
	}
	if err := second.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: user.User.Email}); err != nil {
		t.Fatal(err)
	}
	if other := second.SignedIn(""); other.User.ID == user.User.ID || other.User.Email == user.User.Email {
		t.Errorf("the other process makes the same user %s", other.User.Email)
	}
	first.Clock.Advance(2 * time.Hour)
	for _, kit := range []*authtest.Kit{first, second} {
		if kind := kit.Mailbox.Last(user.User.Email).Kind; kind != mailer.PasswordReset {
			t.Errorf("the message is %s", kind)
		}
		if got := me(t, kit, user); !strings.HasPrefix(got, "401 ") {
			t.Errorf("two hours later: %s", got)
		}
	}
}

func TestAuthIsClosedWhenTheTestEnds(t *testing.T) {
	recorder := &mailer.Recorder{}
	var kit *authtest.Kit
	t.Run("test", func(t *testing.T) {
		kit = authtest.New(t, func(c *admit.Config) { c.Mailer = recorder })
		if _, err := kit.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "ann@example.com", SignUp: true}); err != nil {
			t.Fatal(err)
		}
	})
	if sent := len(recorder.Messages()); sent != 1 {
		t.Errorf("%d messages were sent by the end", sent)
	}
	if _, err := kit.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "bob@example.com", SignUp: true}); err != nil {
		t.Fatal(err)
	}
	if sent := len(recorder.Messages()); sent != 1 { // it sends no mail any more
		t.Errorf("%d messages were sent after the end", sent)
	}
}

// The cheap hash is for tests, whatever is passed off as one.
func TestNoKitIsMadeOutsideATest(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "run", "./testdata/server").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "is no test") || !strings.Contains(string(out), "made a kit: false") {
		t.Errorf("the program printed %s, %v", out, err)
	}
}

// A member works in the organisation that the test names, with the role, and a
// former token of the session works there too.
func TestAMemberIsSignedInToTheOrganization(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) {
		c.Organizations.Roles = map[string][]string{"billing": {}}
		c.RequireVerifiedEmail = true
	})
	owner := kit.SignedIn("")
	acme, other := kit.Organization(owner), kit.Organization(owner)
	if acme.Name == other.Name || acme.Role != admit.RoleOwner {
		t.Errorf("the organisations are %+v and %+v", acme, other)
	}
	for _, role := range []string{"billing", admit.RoleMember, admit.RoleAdmin, admit.RoleOwner} {
		if got := kit.Member(acme, role).Session; got.OrganizationID != acme.ID || got.OrganizationRole != role {
			t.Errorf("the session of a member with the role %q works in %q with the role %q", role, got.OrganizationID, got.OrganizationRole)
		}
	}
	moved := kit.Enter(owner, acme)
	if moved.Session.ID != owner.Session.ID || moved.Session.OrganizationID != acme.ID {
		t.Errorf("the session %s moved to %+v", owner.Session.ID, moved.Session)
	}
	if got := me(t, kit, owner); !strings.Contains(got, acme.ID) {
		t.Errorf("with the former token me answers %s", got)
	}
	if left := kit.Enter(moved, admit.Organization{}); left.Session.OrganizationID != "" {
		t.Errorf("the session is still in %q", left.Session.OrganizationID)
	}
	if mail := kit.Mailbox.Messages(); len(mail) > 0 {
		t.Errorf("the mailbox has %d messages", len(mail))
	}
}

func TestATestFailsWhereNobodyCanBeAMember(t *testing.T) {
	for want, test := range map[string]func(kit *authtest.Kit){
		`make an organization of ""`:           func(kit *authtest.Kit) { kit.Organization(admit.SignedIn{}) },
		`make a member with the role "nobody"`: func(kit *authtest.Kit) { kit.Member(kit.Organization(kit.SignedIn("")), "nobody") },
		"org/not-found":                        func(kit *authtest.Kit) { kit.Enter(kit.SignedIn(""), kit.Organization(kit.SignedIn(""))) },
		"the guard answers 401":                func(kit *authtest.Kit) { kit.Enter(admit.SignedIn{}, admit.Organization{}) },
	} {
		if got := failing(t, func(t testing.TB) { test(authtest.New(t)) }); !strings.Contains(got, want) {
			t.Errorf("failed with %q, want %q", got, want)
		}
	}
}
