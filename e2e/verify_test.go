package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

var _ = faultFlows.add(faultFlow{
	name:  "ask for a confirmation again",
	calls: 5,
	prepare: func(s *harness.Server, p *subject) {
		p.token = tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Verifications.Request(ctx, admit.LinkParams{Email: p.email}))
	},
	done: func(s *harness.Server, p *subject) bool { return mailedTo(s, p, mailer.SignupConfirmation, p.email) },
}, faultFlow{
	name:  "confirm an address",
	calls: 6,
	prepare: func(s *harness.Server, p *subject) {
		p.token = tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.EmailChanges.Confirm(ctx, admit.TokenParams{Email: p.email, Token: p.token}))
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.Users.GetByEmail(s.T.Context(), p.email)
		return err == nil && !user.EmailVerifiedAt.IsZero()
	},
}, faultFlow{
	name:  "disown an account",
	calls: 9,
	prepare: func(s *harness.Server, p *subject) {
		p.token = tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Verifications.Disown(ctx, admit.TokenParams{Email: p.email, Token: p.token}))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.Users.GetByEmail(s.T.Context(), p.email)
		return errors.Is(err, admit.ErrUserNotFound)
	},
	again: admit.ErrInvalidToken,
})

var _ = tokenKinds.add(tokenKind{name: "verify"})

var _ = endings.add(ending{
	name:   "deletion",
	before: func(s *harness.Server, p harness.Person) string { return confirmationToken(s, p.Email) },
	cause: func(s *harness.Server, p harness.Person, token string) {
		s.Do("POST", confirmPath, harness.J{"email": p.Email, "token": token, "action": "disown"}).Want(200)
	},
	ends: every, unproven: true,
}, ending{
	name:     "confirmation of the sign-up",
	before:   func(s *harness.Server, p harness.Person) string { return confirmationToken(s, p.Email) },
	cause:    func(s *harness.Server, p harness.Person, token string) { confirm(s, p.Email, token).Want(200) },
	unproven: true,
}, ending{
	name:  "new confirmation",
	cause: func(s *harness.Server, p harness.Person, _ string) { confirmationToken(s, p.Email) },
	ends:  []string{"verify"}, unproven: true,
})

const confirmPath = "/v1/auth/signup/email/confirm"

func browser() harness.Set {
	return harness.Header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
}

func query(email, token string, more ...string) string {
	values := url.Values{"email": {email}, "token": {token}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return "?" + values.Encode()
}

func TestAC055_OT06_OnlyDeclaredProgramsConfirmByGET(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		var p harness.Person
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { p = s.SignUp("a@x.test") })
		target := confirmPath + query("a@x.test", token)
		proven := func() bool { return s.Me(p.Access).Want(200).String("emailVerified") != "" }
		for _, set := range []harness.Set{browser(), harness.Header("Accept", "*/*"), harness.Header("Accept", "application/json, text/plain"), harness.Header("User-Agent", "scanner")} {
			page := s.Do("GET", target, nil, set).Want(200)
			for _, want := range []string{"a@x.test", "2 January 2026", "I did not create this", `method="post"`} {
				if !strings.Contains(string(page.Body), want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		}
		s.Do("HEAD", target, nil, harness.Header("Accept", "application/json")).Want(200)
		s.Do("OPTIONS", target, nil).Want(204)
		if proven() {
			t.Fatal("a page, HEAD or OPTIONS confirmed the address")
		}
		answer := s.Do("GET", target, nil, harness.Header("Accept", "application/json")).Want(200)
		if answer.Get("success") != true || answer.Get("data", "verified") != true || answer.String("data", "email") != "a@x.test" {
			t.Errorf("answered %s", answer.Body)
		}
		if !proven() {
			t.Fatal("a declared program was not acted on")
		}
		// Repeating it is a success, by POST too.
		confirm(s, "a@x.test", token).Want(200)
	})
}

func TestConfirmSendsOnToAnAllowedPage(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { s.SignUp("a@x.test") })
		s.Do("GET", confirmPath+query("a@x.test", token, "callbackUrl", "https://evil.test/"), nil).Want(400, "auth/invalid-callback-url")
		if page := s.Do("GET", confirmPath+query("a@x.test", token, "callbackUrl", "https://evil.test/"), nil, browser()).Want(200); strings.Contains(string(page.Body), "evil.test") {
			t.Errorf("the page names a target that is not allowed: %s", page.Body)
		}
		form := url.Values{"email": {"a@x.test"}, "token": {token}, "callbackUrl": {"https://app.example/welcome?x=1"}}.Encode()
		post := func(form string) *harness.Answer { return sendForm(s, confirmPath, form) }
		wrong := post(strings.Replace(form, "token="+token, "token="+strings.Repeat("A", 43), 1)).Want(303)
		if l := wrong.Header.Get("Location"); !strings.HasPrefix(l, "https://app.example/welcome?") || !strings.Contains(l, "verified=false") || !strings.Contains(l, "error=auth%2Finvalid-token") {
			t.Errorf("a wrong token leads to %s", l)
		}
		right := post(form).Want(303)
		if l := right.Header.Get("Location"); !strings.Contains(l, "verified=true") || !strings.Contains(l, "email=a%40x.test") || strings.Contains(l, token) {
			t.Errorf("the right token leads to %s", l)
		}
		post(form + "&token=" + token).Want(400)
		post("token=%ff&email=a@x.test").Want(400)
	})
}

// AC-075, OT-11: no token leaves in an address that a page of the host is opened
// with, and no page of ours tells where its visitor came from.
func TestAC075_NoTokenReachesThePageThatIsReturnedTo(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { s.SignUp("a@x.test") })
		link := confirmPath + query("a@x.test", token, "callbackUrl", "https://app.example/welcome")
		page := s.Do("GET", link, nil, browser()).Want(200)
		if page.Header.Get("Referrer-Policy") != "no-referrer" || page.Header.Get("Cache-Control") != "no-store" ||
			!strings.Contains(page.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("the page says %v", page.Header)
		}
		done := sendForm(s, confirmPath, url.Values{"email": {"a@x.test"}, "token": {token}, "callbackUrl": {"https://app.example/welcome"}}.Encode()).Want(303)
		if l := done.Header.Get("Location"); strings.Contains(l, token) || !strings.HasPrefix(l, "https://app.example/welcome?") || done.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("it leads to %s with %v", l, done.Header)
		}
	})
}

// sendForm sends what a page of the library sends.
func sendForm(s *harness.Server, path, form string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", path, form, harness.Header("Content-Type", "application/x-www-form-urlencoded"), browser())
}

// A link that is too old offers a new one, within the limits of every mail.
func TestAnOldLinkIsRenewedFromItsPage(t *testing.T) {
	const resetPath = "/v1/auth/password/reset/confirm"
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		old := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { s.SignUp("a@x.test") })
		reset := resetToken(s, "a@x.test")
		s.Clock.Advance(24 * time.Hour)
		form := url.Values{"email": {"a@x.test"}, "token": {old}}
		if page := sendForm(s, confirmPath, form.Encode()).Want(401); !strings.Contains(string(page.Body), `value="renew"`) || strings.Contains(string(page.Body), old) {
			t.Errorf("the page of an old link is %s", page.Body)
		}
		form.Set("token", reset)
		form.Set("newPassword", otherPassword)
		if page := sendForm(s, resetPath, form.Encode()).Want(401); !strings.Contains(string(page.Body), `value="renew"`) {
			t.Errorf("the page of an old reset is %s", page.Body)
		}
		renew := url.Values{"email": {"a@x.test"}, "action": {"renew"}}.Encode()
		for path, kind := range map[string]mailer.Kind{confirmPath: mailer.SignupConfirmation, resetPath: mailer.PasswordReset} {
			mailed(s, kind, "a@x.test", func() {
				if page := sendForm(s, path, renew).Want(200); !strings.Contains(string(page.Body), "Check your mail") {
					t.Errorf("asking again shows %s", page.Body)
				}
			})
		}
		// Strangers see the same page, and nobody fills a mailbox.
		s.Mail.Clear()
		stranger := url.Values{"email": {"b@x.test"}, "action": {"renew"}}.Encode()
		for range 5 {
			sendForm(s, confirmPath, stranger).Want(200)
		}
		if a := sendForm(s, confirmPath, stranger).Want(429); a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
		sendForm(s, confirmPath, "email=x&action=renew").Want(400)
		var last *harness.Answer
		for i := range 60 {
			last = sendForm(s, confirmPath, fmt.Sprintf("email=b%d@x.test&action=renew", i))
		}
		last.Want(429)
		if n := len(s.Mail.Messages()); n > 0 {
			t.Errorf("%d mails to a stranger", n)
		}
	})
}

func TestConfirmOnGetActsOnEveryGETButNotOnHEAD(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.ConfirmOnGet = true })
	var p harness.Person
	token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { p = s.SignUp("a@x.test") })
	target := confirmPath + query("a@x.test", token)
	s.Do("HEAD", target, nil).Want(200)
	if s.Me(p.Access).String("emailVerified") != "" {
		t.Fatal("HEAD confirmed the address")
	}
	s.Do("GET", target, nil, browser()).Want(200)
	if s.Me(p.Access).String("emailVerified") == "" {
		t.Fatal("GET did not confirm the address")
	}
}

func TestAC065_ConfirmationsEndOnTheSecondAndTellWhy(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for i, c := range []struct {
			age    time.Duration
			status int
		}{{24*time.Hour - time.Second, 200}, {24 * time.Hour, 401}, {24*time.Hour + time.Second, 401}} {
			email := string(rune('a'+i)) + "@x.test"
			token := mailed(s, mailer.SignupConfirmation, email, func() { s.SignUp(email) })
			s.Clock.Advance(c.age)
			answer := confirm(s, email, token).Want(c.status)
			if c.status == 401 {
				answer.Want(401, "auth/token-expired")
			}
		}
	})
}

func TestRequireVerifiedEmailGivesNoTokensBefore(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		var answer *harness.Answer
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { answer = signUp(s, "a@x.test", harness.Password, "Ada").Want(201) })
		if answer.String("accessToken") != "" || answer.String("email") != "a@x.test" {
			t.Errorf("sign-up answered %s", answer.Body)
		}
		s.SignIn("a@x.test", harness.Password).Want(403, "auth/email-not-verified")
		s.SignIn("a@x.test", "Wrong-Wolke-7319").Want(401, "auth/invalid-credentials")
		confirm(s, "a@x.test", token).Want(200)
		s.SignIn("a@x.test", harness.Password).Want(200)
		signUp(s, "a@x.test", harness.Password, "Ada").Want(409, "auth/email-already-exists")
	}, func(c *admit.Config) { c.RequireVerifiedEmail = true })
}

func TestAE03_PrivateSignUpAnswersTheSameAndTellsTheOwner(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { signUp(s, "a@x.test", harness.Password, "Ada").Want(201) })
		s.SignIn("a@x.test", harness.Password).Want(403, "auth/email-not-verified")
		confirm(s, "a@x.test", token).Want(200)
		s.Mail.Clear()
		known := signUp(s, "a@x.test", "Regen-Leiter-4482", "Eve").Want(201)
		unknown := signUp(s, "b@x.test", "Regen-Leiter-4482", "Eve").Want(201)
		if neutral(known, "a@x.test") != neutral(unknown, "b@x.test") {
			t.Errorf("a known address got\n%s\nan unknown one\n%s", known.Body, unknown.Body)
		}
		if m := letterTo(s, mailer.AccountExists, "a@x.test"); strings.Contains(m.Text+m.HTML, "Eve") {
			t.Error("what was submitted is in the mail")
		}
		s.SignIn("a@x.test", "Regen-Leiter-4482").Want(401, "auth/invalid-credentials")
		s.SignIn("a@x.test", harness.Password).Want(200)
	}, func(c *admit.Config) { c.PrivateSignUp = true })
}

// EM-04: a confirmation that is mailed again tells of the sign-up, not of who
// asked for the mail, or its owner confirms what a stranger signed up for.
func TestAConfirmationMailedAgainTellsOfTheSignUp(t *testing.T) {
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "victim@x.test", "password": harness.Password, "name": "Eve"},
			harness.Header("User-Agent", firefox)).Want(201)
		first := letterTo(s, mailer.SignupConfirmation, "victim@x.test")
		s.Clock.Advance(30 * time.Hour)
		for path, sets := range map[string][]harness.Set{
			"/v1/auth/signup/email/resend": nil,
			"/v1/auth/email/verify/resend": nil,
			"/v1/auth/email/verify/send":   {harness.Bearer(s.SignIn("victim@x.test", harness.Password).Want(200).Tokens().Access)},
		} {
			s.Mail.Clear()
			s.Do("POST", path, harness.J{"email": "victim@x.test"}, sets...).Want(200)
			again := letterTo(s, mailer.SignupConfirmation, "victim@x.test")
			for _, fact := range []string{"Signed up: Friday, 2 January 2026, 03:04 UTC", "Device: Firefox on Linux", "IP address: 127.0.0.1", "I did not create this", "24 hours"} {
				if !strings.Contains(first.Text, fact) || !strings.Contains(again.Text, fact) {
					t.Errorf("%s: %q is not in\n%s\nand\n%s", path, fact, first.Text, again.Text)
				}
			}
			page := string(s.Do("GET", strings.TrimPrefix(again.Values.Link, harness.BaseURL), nil, browser()).Want(200).Body)
			for _, fact := range []string{"2 January 2026, 03:04 UTC", "Firefox on Linux", "I did not create this"} {
				if !strings.Contains(page, fact) {
					t.Errorf("%s: %q is not on the page %s", path, fact, page)
				}
			}
		}
	}, unlimited)
}

func TestSignInFromAnUnknownDeviceIsToldOnceUnlessMuted(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		s.Mail.Clear()
		phone := harness.Header("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1")
		s.SignIn("a@x.test", harness.Password).Want(200)
		s.SignIn("a@x.test", harness.Password, phone).Want(200)
		letterTo(s, mailer.NewDevice, "a@x.test")
		s.Mail.Clear()
		s.SignIn("a@x.test", harness.Password, phone).Want(200)
		s.Change(p.ID, func(u *store.User) { u.MuteAlerts = true })
		s.SignIn("a@x.test", harness.Password, harness.Header("User-Agent", "curl/8.1")).Want(200)
		resetToken(s, "a@x.test") // what was queued before it has been sent by then
		for _, m := range s.Mail.Messages() {
			if m.Kind == mailer.NewDevice {
				t.Error("a known device, or a muted user, was told of")
			}
		}
	})
}
