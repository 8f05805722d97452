package passkey_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/passkey"
)

// The first test of this file is a snippet of docs/testing.md.

func TestAPasskeySignsIn(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) { c.Passkeys.Engine = passkey.Engine{} })
	user := kit.SignedIn("")
	phone := kit.EnrollPasskey(user)

	begun, err := kit.Auth.Passkeys.BeginSignIn(t.Context(), admit.PasskeySignInParams{})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := kit.Auth.Passkeys.SignIn(t.Context(), phone.Get(begun))
	if err != nil || signed.User.ID != user.User.ID || signed.Session.AMR != "hwk user mfa" {
		t.Errorf("the passkey signs in %s by %q, %v", signed.User.ID, signed.Session.AMR, err)
	}
}

// inTest is a test that goes on after it has failed, so that a test can look at it.
type inTest struct {
	testing.TB
	failed string
}

func (i *inTest) Helper() {}
func (i *inTest) Fatal(args ...any) {
	i.failed, _ = args[0].(string)
	panic(i)
}

func (i *inTest) Fatalf(format string, _ ...any) { i.Fatal(format) }

func failsWith(t *testing.T, want string, in *inTest, do func()) {
	t.Helper()
	defer func() {
		t.Helper()
		if recover() == nil || !strings.Contains(in.failed, want) {
			t.Errorf("the test fails with %q, not with %q", in.failed, want)
		}
	}()
	do()
}

// What a software passkey shows is what its fields say, and an engine that knows
// nothing of it looks at each.
func TestASoftwarePasskeyShowsWhatItsFieldsSay(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) { c.Passkeys.Engine = passkey.Engine{} })
	user := kit.SignedIn("")
	phone := kit.EnrollPasskey(user)
	signIn := func() (admit.SignedIn, error) {
		begun, err := kit.Auth.Passkeys.BeginSignIn(t.Context(), admit.PasskeySignInParams{Email: user.User.Email})
		if err != nil {
			t.Fatal(err)
		}
		return kit.Auth.Passkeys.SignIn(t.Context(), phone.Get(begun))
	}
	phone.Synced, phone.SignCount = true, 7
	if signed, err := signIn(); err != nil || signed.Session.AMR != "swk user mfa" {
		t.Errorf("a synced passkey signs in by %q, %v", signed.Session.AMR, err)
	}
	phone.Origin = "https://app.example.evil"
	if _, err := signIn(); !errors.Is(err, admit.ErrInvalidPasskey) {
		t.Errorf("a page of another site gets %v", err)
	}
	phone.Origin, phone.Verifies = "https://app.example", false
	if _, err := signIn(); !errors.Is(err, admit.ErrMFARequired) {
		t.Errorf("a passkey that is only touched gets %v", err)
	}
	list, err := kit.Auth.Passkeys.List(t.Context(), user.User.ID)
	if err != nil || len(list) != 1 || !list[0].BackedUp {
		t.Errorf("the passkeys are %v, %v", list, err)
	}
}

// The routes of the API take what the passkey answers, too, at a loopback address
// as browsers see it.
func TestASoftwarePasskeyAnswersTheRoutes(t *testing.T) {
	kit := authtest.New(t, func(c *admit.Config) { c.Passkeys.Engine, c.BaseURL = passkey.Engine{}, "http://127.0.0.1:8080" })
	phone := kit.EnrollPasskey(kit.SignedIn(""))
	if phone.Origin != "http://localhost:8080" {
		t.Errorf("the page is of %s", phone.Origin)
	}
	begun, err := kit.Auth.Passkeys.BeginSignIn(t.Context(), admit.PasskeySignInParams{})
	if err != nil {
		t.Fatal(err)
	}
	answer := phone.Get(begun)
	body := `{"ceremonyId":"` + answer.CeremonyID + `","credential":` + string(answer.Credential) + `}`
	got := httptest.NewRecorder()
	kit.Auth.Handler().ServeHTTP(got, kit.Request(admit.SignedIn{}, "POST", "/v1/auth/passkeys/signin/verify", body))
	if got.Code != http.StatusOK {
		t.Errorf("the route answers %d %s", got.Code, got.Body)
	}
}

// A test that cannot go on says why.
func TestASoftwarePasskeyFailsTheTest(t *testing.T) {
	in := &inTest{TB: t}
	kit := authtest.New(in)
	user := kit.SignedIn("")
	failsWith(t, "Config.Passkeys.Engine is not set", in, func() { kit.EnrollPasskey(user) })
	failsWith(t, "call Create first", in, func() { kit.NewPasskey().Get(admit.PasskeyOptions{}) })
	failsWith(t, "call EnrollTOTP first", in, func() { kit.Code(user) })
}
