package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// The tests of this file try what users of other systems reported.

// Somebody asks for a reset with capitals, or with a blank that a phone adds.
func TestFieldAResetIsAskedForInEverySpellingOfTheAddress(t *testing.T) {
	for _, typed := range []string{"Ann.Lee@X.TEST", "ann.lee@x.test ", " ann.lee@x.test", "ANN.LEE@x.test"} {
		s := harness.New(t)
		s.SignUp("ann.lee@x.test")
		s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": typed}).Want(http.StatusOK)
		if m := letterTo(s, mailer.PasswordReset, "ann.lee@x.test"); m.To != "ann.lee@x.test" {
			t.Errorf("%q: the mail goes to %q", typed, m.To)
		}
		s.SignIn(typed, harness.Password).Want(http.StatusOK)
	}
}

// A key comes out of a file or a variable, with what an editor adds at its end.
func TestFieldAKeyIsTakenWithBlanksAroundIt(t *testing.T) {
	s := harness.New(t)
	_, key := s.NewKey("secret", "cron:run")
	for _, written := range []string{key, " " + key, key + " ", "\t" + key + "\t "} {
		s.Do("GET", "/app/cron", nil, harness.Header("X-API-Key", written)).Want(http.StatusOK)
	}
	for _, written := range []string{`"` + key + `"`, key[:20] + " " + key[20:], key + "," + key, strings.ToUpper(key)} {
		s.Do("GET", "/app/cron", nil, harness.Header("X-API-Key", written)).Want(http.StatusUnauthorized)
	}
}

// A browser has the cookie of an account that is gone. A page for everybody is
// shown, and takes the cookie away; a guarded page answers 401, at which a host
// shows its form. There is no loop between the two.
func TestFieldTheCookieOfADeletedAccountLeadsIntoNoLoop(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.Cookies = true })
	p := s.SignUp("a@x.test")
	signed := s.SignIn("a@x.test", harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(http.StatusOK)
	cookie := harness.Header("Cookie", strings.SplitN(signed.Header.Get("Set-Cookie"), ";", 2)[0])
	s.Do("GET", "/app/hello", nil, cookie).Want(http.StatusOK)
	if err := s.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: p.ID, NoMail: true}); err != nil {
		t.Fatal(err)
	}
	s.Do("GET", "/app/hello", nil, cookie).Want(http.StatusUnauthorized)
	answer := s.Do("GET", "/app/optional", nil, cookie).Want(http.StatusOK)
	if gone := answer.Header.Get("Set-Cookie"); !strings.Contains(gone, "Max-Age=0") || answer.Header.Get("X-User") != "nobody" {
		t.Errorf("the page is shown to %q with Set-Cookie %q", answer.Header.Get("X-User"), gone)
	}
}

// Clients write the scheme and the type of the body as they like.
func TestFieldHeadersAreReadInEverySpelling(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	for _, written := range []string{"Bearer " + p.Access, "bearer " + p.Access, "BEARER " + p.Access, "Bearer " + p.Access + " "} {
		s.Do("GET", "/v1/auth/me", nil, harness.Header("Authorization", written)).Want(http.StatusOK)
	}
	for _, kind := range []string{"application/json", "application/json;charset=UTF-8", "Application/JSON; charset=utf-8", `application/json; charset="utf-8"`} {
		s.Do("POST", "/v1/auth/email/signin", `{"email":"a@x.test","password":"`+harness.Password+`"}`, harness.Header("Content-Type", kind)).Want(http.StatusOK)
	}
}
