package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

var _ = faultFlows.add(faultFlow{
	name:  "ask for a magic link",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: p.email, CallbackURL: callback})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool { return mailedTo(s, p, mailer.MagicLink, p.email) },
}, faultFlow{
	name:    "redeem a magic link",
	calls:   10,
	prepare: func(s *harness.Server, p *subject) { askLink(s, p, false) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		signed, err := a.MagicLinks.Redeem(ctx, p.token)
		return gave(signed, err)
	},
	done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) && liveSessions(s, p) == 1 },
	again: admit.ErrInvalidToken,
}, faultFlow{
	name:    "sign in by code",
	calls:   12,
	prepare: func(s *harness.Server, p *subject) { askLink(s, p, false) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		signed, err := a.MagicLinks.RedeemCode(ctx, admit.RedeemCodeParams{RequestID: p.extra, Code: p.code})
		return gave(signed, err)
	},
	done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) && liveSessions(s, p) == 1 },
	again: admit.ErrInvalidToken,
}, faultFlow{
	name:  "sign up by magic link",
	calls: 7,
	prepare: func(s *harness.Server, p *subject) {
		p.email = "new-" + p.email
		askLink(s, p, true)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		signed, err := a.MagicLinks.Redeem(ctx, p.token)
		return gave(signed, err)
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.Users.GetByEmail(s.T.Context(), p.email)
		if err != nil {
			return false
		}
		list, err := s.Auth.Sessions.List(s.T.Context(), user.ID, admit.PageParams{Number: 1, Limit: 1})
		return err == nil && list.Total == 1 && !user.EmailVerifiedAt.IsZero()
	},
	again: admit.ErrInvalidToken,
})

var _ = tokenKinds.add(tokenKind{name: "magic"}, tokenKind{name: "code"})

var _ = endings.add(ending{
	name:   "sign-in by link",
	before: func(s *harness.Server, p harness.Person) string { return magicToken(s, p.Email) },
	cause:  func(s *harness.Server, _ harness.Person, token string) { redeem(s, token).Want(200) },
	ends:   []string{"magic", "code"},
}, ending{
	name:  "new magic link",
	cause: func(s *harness.Server, p harness.Person, _ string) { magicToken(s, p.Email) },
	ends:  []string{"magic", "code"},
})

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestMagicLinkSignsInAndSignsUp(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		token := magicToken(s, "a@x.test")
		answer := redeem(s, token).Want(200)
		if answer.Get("is_new_user") != false {
			t.Errorf("a known address is new: %s", answer.Body)
		}
		s.Alive(answer.Tokens())
		s.Alive(p.Tokens)
		redeem(s, token).Want(401, "auth/invalid-token")

		link := mailed(s, mailer.MagicLink, "New.User@x.test", func() {
			s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "New.User@x.test", "callbackUrl": callback}).Want(201)
		})
		answer = redeem(s, link).Want(200)
		if answer.Get("is_new_user") != true {
			t.Errorf("a new address is not new: %s", answer.Body)
		}
		me := s.Me(answer.Tokens().Access).Want(200)
		if me.String("name") != "New.User" || me.String("emailVerified") == "" || me.String("email") != "New.User@x.test" {
			t.Errorf("the new account is %s", me.Body)
		}
	})
}

// EM-04: a link proves the mailbox, so whoever follows it needs no other proof,
// even where nobody comes in without one.
func TestEM04_AMagicLinkProvesTheAddressItWasSentTo(t *testing.T) {
	for name, option := range map[string]harness.Option{
		"required": func(c *admit.Config) { c.RequireVerifiedEmail = true },
		"private":  func(c *admit.Config) { c.PrivateSignUp = true },
	} {
		t.Run(name, func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "a@x.test", "password": harness.Password, "name": "Ada"}).Want(201)
				s.SignIn("a@x.test", harness.Password).Want(403, "auth/email-not-verified")
				me := s.Me(redeem(s, magicToken(s, "a@x.test")).Want(200).Tokens().Access).Want(200)
				if me.String("emailVerified") == "" {
					t.Errorf("the address is not proven: %s", me.Body)
				}
				// The password was set by who had proven nothing.
				s.SignIn("a@x.test", harness.Password).Want(401, "auth/invalid-credentials")

				s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "b@x.test", "password": harness.Password, "name": "Bob"}).Want(201)
				id, code, _ := askCode(s, "b@x.test")
				enterCode(s, id, code).Want(200)
			}, option, unlimited)
		})
	}
}

func TestMagicLinksCanBeSwitchedOffAndNeedAnAllowedCallback(t *testing.T) {
	s := harness.New(t)
	for _, target := range []string{" ", "https://evil.test/", "https://app.example.evil.test/", "//app.example/", "javascript:alert(1)"} {
		s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": target}).Want(400, "auth/invalid-callback-url")
	}
	off := harness.New(t, func(c *admit.Config) { c.MagicLink.Disabled = true })
	askMagic(off, "a@x.test").Want(400, "auth/magiclink-disabled")
	off.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": callback}).Want(400, "auth/magiclink-disabled")
}

func TestAMagicLinkWithoutCallbackLeadsToAPageThatSpendsNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Mail.Clear()
		id := s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test"}).Want(201).String("requestId")
		m := letterTo(s, mailer.MagicLink, "a@x.test")
		link, ok := strings.CutPrefix(m.Values.Link, harness.BaseURL)
		if !ok || !strings.HasPrefix(link, "/v1/auth/email/callback?token=") {
			t.Fatalf("the link is %s", m.Values.Link)
		}
		for range 2 {
			s.Do("HEAD", link, nil).Want(200)
			page := s.Do("GET", link, nil, browser()).Want(200)
			if !strings.Contains(string(page.Body), "a@x.test") || strings.Contains(string(page.Body), "<form") {
				t.Errorf("the page is %s", page.Body)
			}
		}
		enterCode(s, id, m.Values.Code).Want(200)
		if page := s.Do("GET", link, nil, browser()).Want(401); !strings.Contains(string(page.Body), "That did not work") {
			t.Errorf("of a spent link the page says %s", page.Body)
		}
		s.Do("GET", link, nil).Want(401, "auth/invalid-token")
		s.Do("GET", "/v1/auth/email/callback", nil).Want(401, "auth/invalid-token")

		late := mailed(s, mailer.MagicLink, "a@x.test", func() {
			s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": nil}).Want(200)
		})
		s.Clock.Advance(10*time.Minute - time.Second)
		s.Do("GET", "/v1/auth/email/callback?token="+late, nil, browser()).Want(200)
		s.Clock.Advance(time.Second) // the link itself lives on, but not the code that the page asks for
		s.Do("GET", "/v1/auth/email/callback?token="+late, nil).Want(401, "auth/token-expired")
	})
}

func TestAC055_OpeningALinkSpendsNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		token := magicToken(s, "a@x.test")
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			for range 3 {
				a := s.Do(method, "/v1/auth/email/callback?token="+token, nil)
				if len(a.Header["Set-Cookie"]) > 0 || strings.Contains(string(a.Body), "accessToken") {
					t.Errorf("%s gave something: %s", method, a.Body)
				}
			}
		}
		redeem(s, token).Want(200)
	})
}

// AC-057, OT-09: nobody is signed in to somebody else's account by a page they
// opened: the link names its account and signs nobody in, and no form of
// another site can send what does.
func TestAC057_ALinkSignsNobodyInUnasked(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.MagicLink, "eve@x.test", func() {
			s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "eve@x.test"}).Want(201)
		})
		page := s.Do("GET", "/v1/auth/email/callback?token="+token, nil, browser(), harness.Header("Sec-Fetch-Site", "cross-site")).Want(200)
		if len(page.Header.Values("Set-Cookie")) > 0 || !strings.Contains(string(page.Body), "eve@x.test") {
			t.Errorf("the page is %v %s", page.Header, page.Body)
		}
		for kind, body := range map[string]string{
			"application/x-www-form-urlencoded": "token=" + token, "text/plain": `{"token":"` + token + `"}`, "multipart/form-data; boundary=x": "--x--",
		} {
			s.Do("POST", "/v1/auth/email/callback", body, harness.Header("Content-Type", kind)).Want(415)
		}
		redeem(s, token).Want(200)
	})
}

func TestOT03_OneOfManyRedemptionsWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		token := magicToken(s, "a@x.test")
		other := s
		if !strings.HasSuffix(t.Name(), "memory") {
			other = s.Process()
		}
		counts := harness.Count(harness.Parallel(50, func(i int) *harness.Answer {
			return redeem([]*harness.Server{s, other}[i%2], token)
		}))
		if counts[200] != 1 || counts[200]+counts[401]+counts[503] != 50 {
			t.Errorf("50 redemptions: %v", counts)
		}
	}, unlimited)
}

func TestAC065_MagicLinksAndCodesEndOnTheSecond(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		for _, c := range []struct {
			age        time.Duration
			link, code int
		}{
			{10*time.Minute - time.Second, 200, 200}, {10 * time.Minute, 200, 401},
			{15*time.Minute - time.Second, 200, 401}, {15 * time.Minute, 401, 401}, {15*time.Minute + time.Second, 401, 401},
		} {
			id, code, _ := askCode(s, "a@x.test")
			s.Clock.Advance(c.age)
			enterCode(s, id, code).Want(c.code)
			token := magicToken(s, "a@x.test")
			s.Clock.Advance(c.age)
			redeem(s, token).Want(c.link)
		}
	}, unlimited)
}

func askCode(s *harness.Server, email string) (requestID, code, token string) {
	s.T.Helper()
	s.Mail.Clear()
	requestID = askMagic(s, email).Want(200).String("requestId")
	m := letterTo(s, mailer.MagicLink, email)
	return requestID, m.Values.Code, tokenIn(m)
}

func enterCode(s *harness.Server, requestID, code string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": requestID, "code": code})
}

func wrongCode(code string) string {
	if code == "123456" {
		return "654321"
	}
	return "123456"
}

func TestAC062_ACodeMayBeTriedFiveTimesAndOnlyWithItsRequest(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		verified(s, "b@x.test")
		id, code, _ := askCode(s, "a@x.test")
		foreign := askMagic(s, "b@x.test").Want(200).String("requestId")
		enterCode(s, foreign, code).Want(401)
		enterCode(s, strings.Repeat("A", 43), code).Want(401, "auth/invalid-token")
		for range 4 {
			enterCode(s, id, wrongCode(code)).Want(401, "auth/invalid-token")
		}
		enterCode(s, id, code).Want(200)

		id, code, token := askCode(s, "a@x.test")
		for range 5 {
			enterCode(s, id, wrongCode(code)).Want(401, "auth/invalid-token")
		}
		enterCode(s, id, code).Want(401, "auth/invalid-token")
		// AC-064: the link in the same mail is untouched by what was guessed.
		redeem(s, token).Want(200)
	})
}

func TestAC062_ParallelGuessesAtACodeGetNoMoreThanItsTries(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		id, code, _ := askCode(s, "a@x.test")
		answers := harness.Parallel(40, func(i int) *harness.Answer {
			if i == 39 {
				return enterCode(s, id, code)
			}
			return enterCode(s, id, fmt.Sprintf("%06d", (i*7919+1)%1_000_000))
		})
		counts := harness.Count(answers)
		if counts[200] > 1 || counts[500] > 0 {
			t.Errorf("40 guesses: %v", counts)
		}
		if counts[200] == 0 {
			enterCode(s, id, code).Want(401)
		}
	}, unlimited)
}

func TestAC067_ANewLinkKillsTheOneBefore(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		older := magicToken(s, "a@x.test")
		newer := magicToken(s, "a@x.test")
		redeem(s, older).Want(401, "auth/invalid-token")
		id, code, third := askCode(s, "a@x.test")
		redeem(s, newer).Want(401, "auth/invalid-token")
		redeem(s, third).Want(200)
		// Using the link kills the code of the same mail.
		enterCode(s, id, code).Want(401, "auth/invalid-token")

		first := resetToken(s, "a@x.test")
		second := resetToken(s, "a@x.test")
		resetWith(s, "a@x.test", first, otherPassword).Want(404)
		resetWith(s, "a@x.test", second, otherPassword).Want(200)
	})
}

func TestAC041_ABannedAccountIsRefusedAtEveryDoor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		link, reset := magicToken(s, "a@x.test"), resetToken(s, "a@x.test")
		// Banned behind the library's back: the tokens are still there, and the
		// gate is what refuses.
		s.Ban(p.ID)
		redeem(s, link).Want(403, "auth/account-banned")
		resetWith(s, "a@x.test", reset, otherPassword).Want(403, "auth/account-banned")
		s.SignIn("a@x.test", harness.Password).Want(403, "auth/account-banned")
		s.Refresh(p.Refresh).Want(403, "auth/account-banned")
		s.Me(p.Access).Want(403, "auth/account-banned")
		s.Mail.Clear()
		askMagic(s, "a@x.test").Want(200)
		s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "a@x.test"}).Want(200)
		s.SignUp("b@x.test")
		letterTo(s, mailer.SignupConfirmation, "b@x.test") // what was queued before it has been sent by then
		for _, m := range s.Mail.Messages() {
			if m.To == "a@x.test" {
				t.Errorf("a %s to a banned account", m.Kind)
			}
		}
		if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: p.ID, Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Auth.Users.Unban(t.Context(), p.ID); err != nil {
			t.Fatal(err)
		}
		// SE-04: the ban itself ended all of it.
		redeem(s, link).Want(401, "auth/invalid-token")
		resetWith(s, "a@x.test", reset, otherPassword).Want(404)
		s.Dead(p.Tokens)
		s.SignIn("a@x.test", harness.Password).Want(200)
	}, unlimited)
}

func TestAC066_AFloodOfRequestsSendsFewMails(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		s.Mail.Clear()
		accepted := 0
		for range 100 {
			switch a := askMagic(s, "a@x.test"); a.Status {
			case 200:
				accepted++
			default:
				a.Want(429, "auth/too-many-code-requests")
				if a.Header.Get("Retry-After") == "" {
					t.Error("no Retry-After")
				}
			}
		}
		if accepted != 5 {
			t.Errorf("%d of 100 requests were accepted, want 5", accepted)
		}
	})
}

func TestAC054_LinksComeFromTheConfigurationAlone(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		forged := []harness.Set{
			func(r *http.Request) { r.Host = "evil.test" }, harness.Header("X-Forwarded-Host", "evil.test"),
			harness.Header("X-Forwarded-Proto", "ftp"), harness.Header("X-Forwarded-Prefix", "/evil"),
			harness.Header("Forwarded", "host=evil.test"), harness.Header("Referer", "https://evil.test/"),
			harness.Header("Origin", "https://evil.test"),
		}
		s.Mail.Clear()
		s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "a@x.test"}, forged...).Want(200)
		s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": callback}, forged...).Want(200)
		for _, kind := range []mailer.Kind{mailer.PasswordReset, mailer.MagicLink} {
			m := letterTo(s, kind, "a@x.test")
			if !strings.HasPrefix(m.Values.Link, harness.BaseURL+"/") || strings.Contains(m.Text+m.HTML, "evil") {
				t.Errorf("%s links to %s", kind, m.Values.Link)
			}
		}
	})
}
