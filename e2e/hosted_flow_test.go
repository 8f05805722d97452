package e2e_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
)

// hostedLink is the path and query of a mailed link.
func hostedLink(s *harness.Server, kind mailer.Kind, email, base string) string {
	s.T.Helper()
	return strings.TrimPrefix(letterTo(s, kind, email).Values.Link, base)
}

func TestHostedTheSecondStepIsAskedAndADeviceIsRemembered(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	app := s.EnrollTOTP(s.SignUp("ada@x.test"))
	p := newPerson(t, base)
	p.open("/app/page?n=1").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Confirm it is you", `autocomplete="one-time-code"`)
	if strings.Contains(p.at.String(), "ticket") || strings.Contains(p.body, p.cookie("flow")) || p.cookie("session") != "" {
		t.Error("the ticket stands in the page, or the browser has a session already")
	}
	// A guard leads a sign-in on that waits, instead of to its beginning.
	p.open("/app/page?n=1").sees(200, "Confirm it is you")
	p.send("/auth/second-step", "factorCode", "000000").sees(422, "The code is wrong", `aria-invalid="true"`)
	p.send("/auth/second-step", "factorCode", " "+app.Code(s.Clock.Now())[:3]+" "+app.Code(s.Clock.Now())[3:], "remember", "true").sees(200, "/app/page?n=1")
	if p.cookie("flow") != "" || p.cookie("device") == "" {
		t.Error("the ticket is kept, or the device is not")
	}
	p.open("/auth/account").send("/auth/sign-out").sees(200, "You are signed out")
	s.Clock.Advance(time.Minute)
	p.open("/app/page").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Hello")
	// The second step of a session that is there leads on: somebody went back.
	p.open("/auth/second-step?return_to=/app/page").sees(200, "Hello")
}

// A session that has not given the second step changes none: the page asks for it,
// and for nothing else.
func TestHostedTheSecondStepIsAskedBeforeItIsChanged(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	app := s.EnrollTOTP(verified(s, "ada@x.test"))
	p := newPerson(t, base)
	enter := func() *person {
		return p.open("/auth/sign-in").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password)
	}
	enter().send("/auth/second-step", "factorCode", app.Code(s.Clock.Now()), "remember", "true").sees(200)
	p.open("/auth/account/two-step").sees(200, "Make new recovery codes")
	p.open("/auth/account").send("/auth/sign-out").sees(200, "You are signed out")
	s.Clock.Advance(time.Minute)
	enter().sees(200)
	p.open("/app/recent").sees(200, "Hello") // the password is proof enough for anything else
	for _, page := range []string{"/auth/account/two-step", "/auth/account/passkeys"} {
		p.open(page).sees(200, `name="factorCode"`, `name="return_to" value="`+page+`"`)
		if strings.Contains(p.body, `name="currentPassword"`) || strings.Contains(p.body, `value="link"`) {
			t.Errorf("%s takes something else: %s", page, p.body)
		}
	}
	p.send("/auth/reauthenticate", "factorCode", "000000").sees(422, "The code is wrong")
	p.send("/auth/reauthenticate", "factorCode", app.Code(s.Clock.Now())).sees(200, "/auth/account/passkeys", `name="passkeyName"`)
	p.open("/auth/account/two-step").sees(200, "Make new recovery codes")
}

func TestHostedATicketThatIsTooOldBeginsAgain(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	app := s.EnrollTOTP(s.SignUp("ada@x.test"))
	p := newPerson(t, base)
	p.open("/app/page").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Confirm it is you")
	s.Clock.Advance(10 * time.Minute)
	p.send("/auth/second-step", "factorCode", app.Code(s.Clock.Now())).sees(422, "That took too long", `name="return_to" value="/app/page"`)
	if p.cookie("flow") != "" {
		t.Error("the old ticket is kept")
	}
	p.send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Confirm it is you")
}

func TestHostedASecondFactorThatIsRequiredIsSetUpDuringTheSignIn(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { c.MFA.Required = admit.RequiredOfEveryone })
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Set up a second step")
	p.open("/app/page").sees(200, "Set up a second step")
	p.send("/auth/set-up", "action", "begin").sees(200, "data:image/svg", `name="setUpCode"`)
	_, rest, _ := strings.Cut(p.body, `name="secret" value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	s.Keep("secret", secret)
	p.send("/auth/set-up", "setUpCode", "000000").sees(422, secret, "The code is wrong")
	p.send("/auth/set-up", "setUpCode", harness.App{Secret: secret}.Code(s.Clock.Now())).sees(200, "Save your recovery codes", "/app/page")
	for part := range strings.SplitSeq(p.body, "<li>") {
		if code, _, ok := strings.Cut(part, "</li>"); ok && !strings.Contains(code, "<") {
			s.Keep("recovery code", code)
		}
	}
	p.open("/app/page").sees(200, "Hello Ada")
}

func TestHostedALinkAndItsCodeSignIn(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	s.SignUp("ada@x.test")
	p := newPerson(t, base)
	p.open("/app/page?q=1").send("/auth/sign-in", "action", "link", "email", "ada@x.test", "currentPassword", "").sees(200, "Check your email", "ada@x.test", "six-digit")
	letter := letterTo(s, mailer.MagicLink, "ada@x.test")
	p.send("/auth/check-mail", "mailCode", "12").sees(422, `id="mailCode-error"`)
	// Another browser opens the link: nothing is used up before the button.
	other := newPerson(t, base)
	link := strings.TrimPrefix(letter.Values.Link, base)
	for range 2 {
		other.open(link).sees(200, "press the button")
	}
	if other.cookie("session") != "" || other.header.Get("Referrer-Policy") != "no-referrer" {
		t.Error("opening a link signs in, or names its token to others")
	}
	p.send("/auth/check-mail", "mailCode", letter.Values.Code).sees(200, "/app/page?q=1")
	other.send("/auth/link").sees(401, "This link no longer works", "Sign in")

	s.Clock.Advance(time.Minute)
	again := newPerson(t, base)
	again.open("/app/page").send("/auth/sign-in", "action", "link", "email", "ada@x.test").sees(200, "Check your email")
	first := letter.Values.Link
	letter, err := s.Mail.Wait(t.Context(), func(m mailer.Message) bool { return m.Kind == mailer.MagicLink && m.Values.Link != first })
	if err != nil {
		t.Fatal(err)
	}
	s.Keep("token", tokenIn(letter))
	again.open(strings.TrimPrefix(letter.Values.Link, base)).send("/auth/link").sees(200, "Hello")
	// The button is pressed twice.
	form := url.Values{"token": {letter.Values.Link[strings.Index(letter.Values.Link, "token=")+6:]}}
	again.ask("POST", "/auth/link", form, nil).sees(200, "Home")
}

func TestHostedALinkWithoutACallbackHasAButton(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	s.SignUp("ada@x.test")
	s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": "ada@x.test", "callbackUrl": base + "/"}).Want(200)
	if _, err := s.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: "ada@x.test"}); err != nil {
		t.Fatal(err)
	}
	letter, err := s.Mail.Wait(t.Context(), func(m mailer.Message) bool {
		return m.Kind == mailer.MagicLink && strings.Contains(m.Values.Link, "/v1/auth/email/callback")
	})
	if err != nil || letter.Values.CodeOnly {
		t.Fatalf("the button of the mail only shows the code: %v", err)
	}
	s.Keep("token", tokenIn(letter))
	p := newPerson(t, base)
	p.open(strings.TrimPrefix(letter.Values.Link, base)).sees(200, `action="/auth/link"`, "Sign in").send("/auth/link").sees(200, "Home")
	if p.cookie("session") == "" {
		t.Error("the button does not sign in")
	}
}

// mainOf is what a page says, without what stands around it on every page.
func mainOf(t *testing.T, page string) string {
	t.Helper()
	_, main, found := strings.Cut(page, "<main")
	if !found {
		t.Fatalf("the page has no main part: %s", page)
	}
	return main
}

func TestHostedAForgottenPasswordIsReplaced(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	s.SignUp("ada@x.test")
	p := newPerson(t, base)
	p.open("/auth/forgot").send("/auth/forgot", "email", "nobody").sees(400, "Enter an email address", `value="nobody"`)
	unknown := p.send("/auth/forgot", "email", "nobody@x.test").sees(200, "Check your email").body
	known := p.open("/auth/forgot").send("/auth/forgot", "email", "ada@x.test").sees(200, "Check your email").body
	if strings.ReplaceAll(mainOf(t, unknown), "nobody@x.test", "ada@x.test") != mainOf(t, known) {
		t.Error("the page tells whether an address has an account")
	}
	p.open(hostedLink(s, mailer.PasswordReset, "ada@x.test", base)).sees(200, "Choose a new password", `autocomplete="username"`, `autocomplete="new-password"`)
	p.send("/auth/reset", "newPassword", "short").sees(400, "does not meet the rules")
	p.send("/auth/reset", "newPassword", hostedPassword).sees(200, "Your new password is set", "<h1>Sign in</h1>", `value="ada@x.test"`)
	if strings.Contains(p.at.String(), "token") {
		t.Errorf("the token stands in %s", p.at)
	}
	p.signIn("ada@x.test").sees(200, "Home")
}

func TestHostedAPausedSignInSaysWhatIsMissing(t *testing.T) {
	t.Run("unverified", func(t *testing.T) {
		s, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { c.RequireVerifiedEmail = true })
		p := newPerson(t, base)
		p.signUp("ada@x.test").sees(200, "Check your email", "ada@x.test")
		older := hostedLink(s, mailer.SignupConfirmation, "ada@x.test", base)
		p.open("/auth/sign-in").signIn("ada@x.test").sees(200, "Confirm your address first")
		p.send("/auth/verify").sees(200, "Check your email")
		ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
		defer cancel()
		newer, err := s.Mail.Wait(ctx, func(m mailer.Message) bool {
			return m.Kind == mailer.SignupConfirmation && m.Values.Link != base+older
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Keep("token", tokenIn(newer))
		p.open(strings.TrimPrefix(newer.Values.Link, base)).sees(200, "Confirm your address")
	})
	t.Run("expired", func(t *testing.T) {
		s, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { c.Passwords.ExpiresAfter = 24 * time.Hour })
		s.SignUp("ada@x.test")
		s.Clock.Advance(25 * time.Hour)
		p := newPerson(t, base)
		p.open("/auth/sign-in").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Your password can no longer be used", "ada@x.test")
		p.send("/auth/expired").sees(200, "Check your email")
		letterTo(s, mailer.PasswordReset, "ada@x.test")
	})
	t.Run("banned", func(t *testing.T) {
		s, base := hostedHost(t, &pages.Pages{Brand: pages.Brand{Support: "help@x.test"}})
		p := newPerson(t, base)
		p.signUp("ada@x.test").sees(200, "Home")
		user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@x.test")
		if err == nil {
			err = s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: user.ID, Reason: "test"})
		}
		if err != nil {
			t.Fatal(err)
		}
		// Neither page sends the browser in a circle.
		p.open("/app/page").sees(200, "<h1>Sign in</h1>").signIn("ada@x.test").sees(403, "This account is blocked", "mailto:help@x.test")
	})
	t.Run("private", func(t *testing.T) {
		_, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { c.PrivateSignUp = true })
		first := newPerson(t, base).signUp("ada@x.test").sees(200, "Check your email").body
		if second := newPerson(t, base).signUp("ada@x.test").sees(200, "Check your email").body; mainOf(t, first) != mainOf(t, second) {
			t.Error("the page tells whether an address has an account")
		}
	})
}

// 2anki#2352, itsaplan#316: a cookie that has ended must not send a browser in a
// circle between a page and the sign-in.
func TestHostedADeadCookieLeadsToTheSignInOnce(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	alive := p.cookie("session")
	user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@x.test")
	if err == nil {
		_, err = s.Auth.Sessions.EndOthers(t.Context(), admit.EndOtherSessionsParams{UserID: user.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range []string{alive, "junk", strings.Repeat("x", 3000)} {
		for _, path := range []string{"/app/page", "/auth/account", "/auth/sign-in", "/app/recent", "/app/verified"} {
			p.client.Jar.SetCookies(nil, []*http.Cookie{{Name: "session", Value: value}})
			p.open(path).sees(200, "<h1>Sign in</h1>")
			if p.cookie("session") != "" {
				t.Errorf("%s keeps a cookie that has ended", path)
			}
		}
	}
}

func TestHostedABrowserThatIsSignedInNeedsNoSignInPage(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	first := p.cookie("session")
	for _, path := range []string{"sign-in", "sign-up", "second-step", "set-up"} {
		p.open("/auth/"+path+"?return_to=/app/page").sees(200, "Hello Ada")
		p.open("/auth/"+path+"?return_to=//evil.example").sees(200, "Home")
	}
	// A form of a page that the browser kept: the account may be another.
	s.SignUp("ben@x.test")
	p.ask("POST", "/auth/sign-in", url.Values{"email": {"ben@x.test"}, "currentPassword": {harness.Password}}, nil).sees(200, "Home")
	if p.cookie("session") == first {
		t.Error("the session stays the same")
	}
	p.client.Jar.SetCookies(nil, []*http.Cookie{{Name: "session", Value: first}})
	p.open("/app/page").sees(200, "<h1>Sign in</h1>") // it has ended
}

func TestSE09_HostedFormsOfOtherSitesAreRefused(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	s.SignUp("mallory@x.test")
	for name, change := range map[string]func(h http.Header){
		"cross-site":  func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", "https://evil.example") },
		"same-site":   func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site"); h.Set("Origin", "https://sub.app.example") },
		"old browser": func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "https://evil.example") },
		"null":        func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "null") },
		"other port":  func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "http://localhost:1") },
	} {
		form := url.Values{"email": {"mallory@x.test"}, "currentPassword": {harness.Password}}
		p.ask("POST", "/auth/sign-in", form, change).sees(403, "from another website", "To the home page")
		if p.cookie("session") != "" {
			t.Errorf("%s: a page of another site signs a browser in", name)
		}
	}
	// A browser of today says same-origin, whatever the referrer policy makes of Origin.
	form := url.Values{"email": {"mallory@x.test"}, "currentPassword": {harness.Password}}
	p.ask("POST", "/auth/sign-in", form, func(h http.Header) { h.Set("Origin", "null") }).sees(200, "Home")
	p.ask("POST", "/auth/sign-out", url.Values{}, func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", "https://evil.example") }).sees(403, "from another website")
	p.open("/app/page").sees(200, "Hello")
}

func TestHostedAGuardForPagesAnswersProgramsWithJSON(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	for name, change := range map[string]func(h http.Header){
		"fetch":   func(h http.Header) { h.Set("Sec-Fetch-Mode", "cors") },
		"program": func(h http.Header) { h.Set("Accept", "*/*"); h.Del("Sec-Fetch-Mode") },
		"JSON":    func(h http.Header) { h.Set("Accept", "application/json") },
		"bearer":  func(h http.Header) { h.Set("Authorization", "Bearer x") },
		"jQuery":  func(h http.Header) { h.Set("X-Requested-With", "XMLHttpRequest") },
	} {
		for _, path := range []string{"/app/page", "/app/verified", "/app/recent"} {
			if p.ask("GET", path, nil, change).sees(401, `"error"`); !strings.Contains(p.header.Get("Content-Type"), "json") {
				t.Errorf("%s gets %s", name, p.header.Get("Content-Type"))
			}
		}
	}
}

// cloud-in-a-bottle#297: after a form whose session has ended, a browser comes back
// to the page of the form, since its target may take no GET.
func TestHostedAfterAFormTheBrowserComesBackToItsPage(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.ask("POST", "/app/page", url.Values{"note": {"x"}}, func(h http.Header) { h.Set("Referer", base+"/app/verified?n=1") }).
		sees(200, "<h1>Sign in</h1>", `name="return_to" value="/app/verified?n=1"`)
	p.ask("POST", "/app/page", url.Values{"note": {"x"}}, func(h http.Header) { h.Set("Referer", "https://evil.example/app") }).sees(200, "<h1>Sign in</h1>")
	if strings.Contains(p.body, "return_to") {
		t.Error("a browser comes back to another site")
	}
}

func TestHostedThePagesOfGuardsAskForWhatIsMissing(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	p.open("/app/verified?x=1").sees(200, "Confirm your address first", "ada@x.test")
	p.open("/app/recent").sees(200, "Hello Ada")
	s.Clock.Advance(20 * time.Minute)
	p.open("/app/recent?x=1").sees(200, "Confirm it is you")
	p.send("/auth/reauthenticate", "currentPassword", "not this one").sees(422, `aria-invalid="true"`)
	p.send("/auth/reauthenticate", "currentPassword", hostedPassword).sees(200, "Hello Ada", "/app/recent?x=1")
	s.Clock.Advance(20 * time.Minute)
	p.open("/auth/account/email").sees(200, "Confirm it is you").send("/auth/reauthenticate", "currentPassword", hostedPassword).sees(200, "Change your email address")
}

func TestHostedTheAccountIsChanged(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p, other := newPerson(t, base), newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	other.open("/auth/sign-in").signIn("ada@x.test").sees(200, "Home")
	p.open("/auth/account/name").send("/auth/account/name", "name", "").sees(400, "Enter a name")
	p.send("/auth/account/name", "name", "<b>Ada</b>").sees(200, "Your name was changed", "&lt;b&gt;Ada&lt;/b&gt;")
	p.open("/auth/account/devices").sees(200, "This device", "Sign out all other devices")
	p.send("/auth/account/devices", "action", "others").sees(200, "The devices were signed out")
	other.open("/app/page").sees(200, "<h1>Sign in</h1>")
	p.open("/auth/account/password").sees(200, `autocomplete="current-password"`, `autocomplete="new-password"`, `autocomplete="username"`)
	p.send("/auth/account/password", "currentPassword", "wrong one", "newPassword", hostedPassword+" two").sees(422, "The present password is wrong", `id="currentPassword-error"`)
	p.send("/auth/account/password", "currentPassword", hostedPassword, "newPassword", hostedPassword).sees(400, `id="newPassword-error"`)
	p.send("/auth/account/password", "currentPassword", hostedPassword, "newPassword", hostedPassword+" two").sees(200, "Your password was changed")
	p.open("/auth/account/email").send("/auth/account/email", "newEmail", "ada").sees(400, `id="newEmail-error"`, `value="ada"`)
	p.send("/auth/account/email", "newEmail", "ada2@x.test").sees(200, "a link is on its way to the new address")
	letterTo(s, mailer.EmailVerification, "ada2@x.test")
	p.open("/.well-known/change-password").sees(200, "Change your password")
	newPerson(t, base).open("/.well-known/change-password").sees(200, "<h1>Sign in</h1>", `value="/auth/account/password"`)
}

func TestHostedPagesKnowTheirMethodsAndPaths(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.open("/auth/nowhere").sees(404, "Page not found")
	p.open("/auth/passkey").sees(405, "cannot be opened like that")
	p.ask("POST", "/auth/confirm", url.Values{}, nil).sees(405)
	p.ask("PUT", "/auth/sign-in", nil, nil).sees(405)
	if p.header.Get("Allow") != "GET, HEAD, POST" {
		t.Error(p.header.Get("Allow"))
	}
	p.ask("POST", "/auth/sign-in", url.Values{"email": {strings.Repeat("x", 70_000)}}, nil).sees(413)
	p.ask("POST", "/auth/sign-in", url.Values{"email": {"a@x.test", "b@x.test"}}, nil).sees(400)
	p.ask("POST", "/auth/sign-in", url.Values{"email": {"a\x00b"}}, nil).sees(400)
	p.ask("POST", "/auth/sign-in", url.Values{}, func(h http.Header) { h.Set("Content-Type", "application/json") }).sees(415)
	p.open("/auth").sees(200, "<h1>Sign in</h1>")
	p.open("/auth/sign-out").sees(200, "You are signed out")
}

func TestHostedTheLimitsOfTheAPIHoldForThePages(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	s.SignUp("ada@x.test")
	p := newPerson(t, base).open("/auth/sign-in")
	for range 30 {
		p.send("/auth/sign-in", "email", "ada@x.test", "currentPassword", "wrong password")
		if p.status == http.StatusTooManyRequests {
			break
		}
	}
	p.sees(http.StatusTooManyRequests, "Too many attempts", "minutes")
	if p.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	for range 200 {
		p.open("/auth/sign-up").send("/auth/sign-up", "name", "", "email", "x", "newPassword", "x")
		if p.status == http.StatusTooManyRequests {
			return
		}
	}
	t.Error("a client can try to sign up for ever")
}

// keycloak#36012, product-is#8417: a form that is sent twice does what it does
// once, and no page says that something went wrong.
func TestHostedAFormThatIsSentTwice(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	app := s.EnrollTOTP(s.SignUp("ada@x.test"))
	p := newPerson(t, base)
	p.open("/app/page").send("/auth/sign-in", "email", "ada@x.test", "currentPassword", harness.Password).sees(200, "Confirm it is you")
	p.send("/auth/second-step", "factorCode", app.Code(s.Clock.Now())).sees(200, "Hello")
	// The second of two clicks comes with the cookies of the first answer.
	p.ask("POST", "/auth/second-step", url.Values{"factorCode": {app.Code(s.Clock.Now())}, "return_to": {"/app/page"}}, nil).sees(200, "Hello")
}

func TestHostedTwoBrowsersSignInAndOutAtOnce(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	s.SignUp("ada@x.test")
	s.SignUp("ben@x.test")
	var all sync.WaitGroup
	for _, email := range []string{"ada@x.test", "ben@x.test"} {
		all.Go(func() {
			p := newPerson(t, base)
			for range 5 {
				p.open("/app/page").send("/auth/sign-in", "email", email, "currentPassword", harness.Password)
				p.open("/auth/account")
				if !strings.Contains(p.body, email) {
					t.Errorf("%s sees %s", email, p.body)
				}
				p.send("/auth/sign-out")
			}
		})
	}
	all.Wait()
}

func TestHostedPagesStayBelowThePathOfTheBaseURL(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) {
		c.BaseURL, c.Pages = harness.BaseURL+"/base", &pages.Pages{Path: "/login"}
	})
	ask := func(path string) *http.Response {
		r, err := http.NewRequestWithContext(context.Background(), "GET", s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Accept", "text/html")
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		defer client.CloseIdleConnections()
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer
	}
	if got := ask("/login/account").Header.Get("Location"); got != "/base/login/sign-in?return_to=%2Fbase%2Flogin%2Faccount" {
		t.Error(got)
	}
}

func TestHostedASignInWithAnotherSiteMeetsTheSecondStep(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{Providers: []pages.Provider{{Label: "Example", URL: "/v1/auth/example"}}})
	app := s.EnrollTOTP(s.SignUp("ada@x.test"))
	ticket := s.Paused(s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "ada@x.test", "password": harness.Password}))
	p := newPerson(t, base)
	p.open("/app/page").sees(200, "Continue with Example", "/v1/auth/example?mode=cookie&amp;callbackUrl="+
		strings.ReplaceAll(url.QueryEscape(base+"/auth/provider?return_to=%2Fapp%2Fpage"), "+", "%2b"))
	p.open("/auth/provider?error=auth/invalid-oauth-code&return_to=/app/page").sees(422, "or you cancelled there", `value="/app/page"`)
	p.open("/auth/provider?error=auth/account-exists-different-provider").sees(422, "already an account with this address", "link this way")
	p.open("/auth/provider?error=auth/oauth-email-missing").sees(422, "gave no email address", "Allow it to share")
	p.open("/auth/provider?error=auth/mfa-required").sees(422, "The sign-in was not completed")
	p.client.Jar.SetCookies(nil, []*http.Cookie{{Name: "mfa", Value: ticket}})
	p.open("/auth/provider?error=auth/mfa-required&return_to=/app/page").sees(200, "Confirm it is you")
	p.send("/auth/second-step", "factorCode", app.Code(s.Clock.Now())).sees(200, "Hello")
}

// A page that needs a second factor asks for the factor, however recent the password is,
// and leads who has none to the setup and back.
func TestHostedAPageThatNeedsASecondFactorAsksForIt(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.open("/app/vault").sees(200, "<h1>Sign in</h1>")
	p.signUp("ada@x.test")
	p.open("/app/vault").sees(200, "Two-step sign-in", `value="/app/vault"`).
		send("/auth/account/two-step", "action", "begin", "proofPassword", hostedPassword).sees(200, `name="setUpCode"`)
	_, rest, _ := strings.Cut(p.body, `name="secret" value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	s.Keep("secret", secret)
	app := harness.App{Secret: secret}
	p.send("/auth/account/two-step", "action", "confirm", "setUpCode", app.Code(s.Clock.Now())).sees(200, "Save your recovery codes", `href="/app/vault"`)
	for part := range strings.SplitSeq(p.body, "<li>") {
		if code, _, ok := strings.Cut(part, "</li>"); ok && !strings.Contains(code, "<") {
			s.Keep("recovery code", code)
		}
	}
	p.open("/app/vault").sees(200, "Hello Ada")
	// Another browser is remembered: its next session has one factor.
	s.Clock.Advance(time.Minute)
	q := newPerson(t, base)
	q.open("/app/page").signIn("ada@x.test").send("/auth/second-step", "factorCode", app.Code(s.Clock.Now()), "remember", "true").sees(200, "Hello Ada")
	q.open("/auth/account").send("/auth/sign-out").open("/app/page").signIn("ada@x.test").sees(200, "Hello Ada")
	s.Clock.Advance(time.Minute)
	q.open("/app/vault?n=1").sees(200, "Your account asks for a second step", `autocomplete="one-time-code"`)
	if strings.Contains(q.body, "currentPassword") {
		t.Error("the page takes a password for a second factor")
	}
	q.send("/auth/reauthenticate", "factorCode", "000000").sees(422, "The code is wrong", `name="factor" value="true"`)
	q.send("/auth/reauthenticate", "currentPassword", hostedPassword, "factorCode", app.Code(s.Clock.Now())).sees(200, "Hello Ada", "/app/vault?n=1")
}

// A browser that may not pass a guard of the host sees a page; a script gets the error.
func TestHostedARefusalIsAPageForABrowser(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.signUp("ada@x.test").open("/app/staff").sees(403, "You may not do that.", "<title>", "Notebook")
	if !strings.Contains(strings.Join(p.header.Values("Vary"), ","), "Sec-Fetch-Mode") {
		t.Errorf("a cache may mix the answers up: %v", p.header.Values("Vary"))
	}
	p.ask("GET", "/app/staff", nil, func(h http.Header) { h.Set("Sec-Fetch-Mode", "cors") }).sees(403, `"auth/forbidden"`)
	p.ask("GET", "/app/staff", nil, func(h http.Header) { h.Set("Accept", "application/json") }).sees(403, `"auth/forbidden"`)
	for _, route := range []string{`"route":"/auth/sign-up"`, `"route":"/auth/assets/{name}"`} {
		p.open("/auth/assets/style.css")
		if !strings.Contains(s.Log.String(), route) {
			t.Errorf("the log has no line with %s", route)
		}
	}
	if strings.Contains(s.Log.String(), `"status":0`) {
		t.Error("the log has a request without a status")
	}
}
