package e2e_test

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

var _ = faultFlows.add(faultFlow{
	name:  "ask for a reset",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.PasswordResets.Request(ctx, admit.LinkParams{Email: p.email}))
	},
	done: func(s *harness.Server, p *subject) bool { return mailedTo(s, p, mailer.PasswordReset, p.email) },
}, faultFlow{
	name:  "reset a password",
	calls: 10,
	prepare: mailFor(mailer.PasswordReset, own, func(s *harness.Server, p *subject) error {
		return s.Auth.PasswordResets.Request(s.T.Context(), admit.LinkParams{Email: p.email})
	}),
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.PasswordResets.Confirm(ctx, admit.ConfirmPasswordResetParams{Email: p.email, Token: p.token, NewPassword: otherPassword})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool {
		return passwordIs(s, p, otherPassword) && !sessionLives(s, p)
	},
	again: admit.ErrVerificationTokenNotFound,
}, faultFlow{
	name:  "change a password",
	calls: 8,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Passwords.Change(ctx, admit.ChangePasswordParams{UserID: p.signed.User.ID, Current: strongPassword, New: otherPassword})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool {
		return passwordIs(s, p, otherPassword) && !sessionLives(s, p)
	},
	again: admit.ErrInvalidPassword,
})

var _ = tokenKinds.add(tokenKind{name: "reset"})

var _ = endings.add(ending{
	name:   "reset",
	before: func(s *harness.Server, p harness.Person) string { return resetToken(s, p.Email) },
	cause: func(s *harness.Server, p harness.Person, token string) {
		resetWith(s, p.Email, token, otherPassword).Want(200)
	},
	ends: append([]string{"verify", "reset"}, signIns...),
}, ending{
	name:  "password change",
	cause: func(s *harness.Server, p harness.Person, _ string) { changePassword(s, p.Access).Want(200) },
	ends:  append([]string{"verify", "reset"}, signIns...),
}, ending{
	name:  "new reset link",
	cause: func(s *harness.Server, p harness.Person, _ string) { resetToken(s, p.Email) },
	ends:  []string{"reset"},
})

const otherPassword = "Regen-Leiter-4482"

func TestResetSetsThePasswordEndsEverySessionAndVerifies(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		second := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		token := resetToken(s, "a@x.test")
		s.Mail.Clear()
		resetWith(s, "a@x.test", token, otherPassword).Want(200)
		s.Dead(p.Tokens)
		s.Dead(second)
		s.SignIn("a@x.test", harness.Password).Want(401, "auth/invalid-credentials")
		s.SignIn("a@x.test", otherPassword).Want(200)
		letterTo(s, mailer.PasswordChanged, "a@x.test")
		if m := letterTo(s, mailer.PasswordChanged, "a@x.test"); strings.Contains(m.Text+m.HTML, otherPassword) {
			t.Error("PW-12: the notice holds the password")
		}
	})
}

func TestAC049_OneOfManyResetsWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		token := resetToken(s, "a@x.test")
		other := s
		if !strings.HasSuffix(t.Name(), "memory") {
			other = s.Process()
		}
		password := func(i int) string { return otherPassword + strings.Repeat("x", i+1) }
		answers := harness.Parallel(50, func(i int) *harness.Answer {
			server := s
			if i%2 == 1 {
				server = other
			}
			return resetWith(server, "a@x.test", token, password(i))
		})
		won := -1
		for i, a := range answers {
			switch a.Status {
			case http.StatusOK:
				if won >= 0 {
					t.Errorf("both %d and %d won", won, i)
				}
				won = i
			case http.StatusNotFound, http.StatusServiceUnavailable:
			default:
				t.Errorf("a loser got %d %s", a.Status, a.Body)
			}
		}
		if won < 0 {
			t.Fatal("nobody won")
		}
		s.SignIn("a@x.test", password(won)).Want(200)
		resetWith(s, "a@x.test", token, otherPassword).Want(404, "auth/verification-token-not-found")
		if n := len(s.Events(userOf(s, "a@x.test"), "password.changed")); n != 1 {
			t.Errorf("the password was changed %d times", n)
		}
	}, unlimited)
}

func userOf(s *harness.Server, email string) string {
	s.T.Helper()
	user, err := s.Auth.Users.GetByEmail(s.T.Context(), email)
	if err != nil {
		s.T.Fatal(err)
	}
	return user.ID
}

func TestARefusedPasswordLeavesTheResetTokenUsable(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		token := resetToken(s, "a@x.test")
		resetWith(s, "a@x.test", token, "short").Want(400, "auth/invalid-password-format")
		resetWith(s, "a@x.test", token, "password123").Want(400, "auth/weak-password")
		resetWith(s, "a@x.test", token, "").Want(400)
		resetWith(s, "a@x.test", token, otherPassword).Want(200)
	})
}

func TestAC061_ATokenCountsOnlyWithItsOwnAddress(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		verified(s, "b@x.test")
		token := resetToken(s, "a@x.test")
		resetWith(s, "b@x.test", token, otherPassword).Want(404, "auth/verification-token-not-found")
		for _, email := range []string{"a@x.test", "b@x.test"} {
			s.SignIn(email, harness.Password).Want(200)
		}
		resetWith(s, "A@X.test", token, otherPassword).Want(200)
	})
}

func TestAC065_ResetTokensEndOnTheSecond(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		for _, c := range []struct {
			age    time.Duration
			status int
		}{{24*time.Hour - time.Second, 200}, {24 * time.Hour, 401}, {24*time.Hour + time.Second, 401}} {
			token := resetToken(s, "a@x.test")
			s.Clock.Advance(c.age)
			answer := resetWith(s, "a@x.test", token, otherPassword+c.age.String())
			answer.Want(c.status)
			if c.status == 401 {
				answer.Want(401, "auth/verification-token-expired")
			}
		}
	}, unlimited)
}

func TestAC059_EmptyTokensMatchNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		resetToken(s, "a@x.test")
		for _, token := range []any{"", nil, "null", "undefined", "   ", 0, []string{}, harness.J{}} {
			for path, body := range map[string]harness.J{
				"/v1/auth/password/reset/confirm": {"email": "a@x.test", "token": token, "newPassword": otherPassword},
				"/v1/auth/signup/email/confirm":   {"email": "a@x.test", "token": token},
				"/v1/auth/email/verify/confirm":   {"email": "a@x.test", "token": token},
				"/v1/auth/email/verify/undo":      {"token": token},
				"/v1/auth/email/callback":         {"token": token},
			} {
				answer := s.Do("POST", path, mustJSON(t, body))
				if answer.Status < 400 || answer.Status >= 500 {
					t.Errorf("%s with token %v: %d %s", path, token, answer.Status, answer.Body)
				}
				if _, isText := token.(string); !isText && token != nil && answer.Status != 400 {
					t.Errorf("%s with token %v of another type: %d", path, token, answer.Status)
				}
			}
		}
		s.SignIn("a@x.test", harness.Password).Want(200)
	}, unlimited)
}

func TestAC060_DamagedTokensAreRefused(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		token := resetToken(s, "a@x.test")
		swapped := strings.NewReplacer("-", "+", "_", "/").Replace(token)
		for name, damaged := range map[string]string{
			"cut": token[:len(token)-1], "longer": token + "A", "upper": strings.ToUpper(token), "lower": strings.ToLower(token),
			"padded": token + "=", "first eight": token[:8], "blank inside": token[:9] + " " + token[9:], "encoded": "%" + token[1:],
			"next bits": token[:len(token)-1] + string(rune(token[len(token)-1])+1), "other alphabet": swapped,
		} {
			if damaged == token {
				continue
			}
			resetWith(s, "a@x.test", damaged, otherPassword).Want(404, "auth/verification-token-not-found")
			_ = name
		}
		resetWith(s, "a@x.test", token, otherPassword).Want(200)
	}, unlimited)
}

func TestAC053_ResetGivesAPasswordToAnAccountWithout(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		_, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "a@x.test", Name: "Ada", EmailVerified: true})
		if err != nil {
			t.Fatal(err)
		}
		first := redeem(s, magicToken(s, "a@x.test")).Want(200).Tokens()
		resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		s.Dead(first)
		s.SignIn("a@x.test", otherPassword).Want(200)
	})
}

// A page without scripts tells the rules before and after a password breaks one.
func TestThePageOfAResetTellsTheRules(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) {
		c.Passwords.MinLength, c.Passwords.RequireNumbers, c.Passwords.RequireSpecialChars = 12, true, true
	})
	s.SignUp("a@x.test")
	token := resetToken(s, "a@x.test")
	first := s.Do("GET", "/v1/auth/password/reset/confirm"+query("a@x.test", token), nil, browser()).Want(200)
	refused := sendForm(s, "/v1/auth/password/reset/confirm", url.Values{"email": {"a@x.test"}, "token": {token}, "newPassword": {"Kupferwolken"}}.Encode()).Want(400)
	for _, page := range []*harness.Answer{first, refused} {
		if !strings.Contains(string(page.Body), "At least 12 characters, a digit, a sign that is neither letter nor digit.") {
			t.Errorf("the page is %s", page.Body)
		}
	}
	if !strings.Contains(string(refused.Body), `aria-invalid="true"`) || strings.Contains(string(refused.Body), "Kupferwolken") {
		t.Errorf("the field that was refused is %s", refused.Body)
	}
	sendForm(s, "/v1/auth/password/reset/confirm", url.Values{"email": {"a@x.test"}, "token": {token}, "newPassword": {otherPassword}}.Encode()).Want(200)
}

// A password that is too old is told only to who knows it, and other doors stay
// open.
func TestAnExpiredPasswordSignsNobodyInUntilItIsReplaced(t *testing.T) {
	const life = 30 * 24 * time.Hour
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "a@x.test")
		s.Clock.Advance(life - time.Second)
		s.SignIn("a@x.test", harness.Password).Want(200)
		s.Clock.Advance(time.Second)
		s.SignIn("a@x.test", otherPassword).Want(401, "auth/invalid-credentials")
		s.SignIn("a@x.test", harness.Password).Want(403, "auth/password-expired")
		redeem(s, magicToken(s, "a@x.test")).Want(200)
		resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		s.SignIn("a@x.test", otherPassword).Want(200)
		s.SignIn("a@x.test", harness.Password).Want(401, "auth/invalid-credentials")
	}, func(c *admit.Config) { c.Passwords.ExpiresAfter = life })
}

// What has happened to an account is told to its mailbox. Its owner may want no
// notices, but those of a changed password or address are sent all the same:
// whoever changes them could switch them off first.
func TestNoticesTellWhatHappenedUnlessTheyAreMuted(t *testing.T) {
	happenings := map[mailer.Kind]func(s *harness.Server, prepare func(id string)) (to string){
		mailer.PasswordChanged: func(s *harness.Server, prepare func(string)) string {
			p := verified(s, "change@x.test")
			prepare(p.ID)
			changePassword(s, p.Access).Want(200)
			return p.Email
		},
		mailer.EmailChanged: func(s *harness.Server, prepare func(string)) string {
			p := verified(s, "move@x.test")
			prepare(p.ID)
			confirmMove(s, "new@x.test", askMove(s, p, "new@x.test")).Want(200)
			return p.Email
		},
		mailer.AccountDeleted: func(s *harness.Server, prepare func(string)) string {
			p := s.SignUp("delete@x.test")
			prepare(p.ID)
			s.Do("POST", confirmPath, harness.J{"email": p.Email, "token": confirmationToken(s, p.Email), "action": "disown"}).Want(200)
			return p.Email
		},
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for kind, happens := range happenings {
			letterTo(s, kind, happens(s, func(string) {}))
		}
	}, unlimited)
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for kind, happens := range happenings {
			to := happens(s, func(id string) { s.Change(id, func(u *store.User) { u.MuteAlerts = true }) })
			s.SignUp("z-" + to)
			letterTo(s, mailer.SignupConfirmation, "z-"+to) // what was queued before it has been sent by then
			sent := false
			for _, m := range s.Mail.Messages() {
				sent = sent || m.Kind == kind && m.To == to
			}
			if !sent {
				t.Errorf("%s was not sent to a muted user", kind)
			}
		}
	}, unlimited)
}

func changePassword(s *harness.Server, access string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": harness.Password, "newPassword": otherPassword}, harness.Bearer(access))
}

func TestPW07_AC045_ChangingThePasswordNeedsTheCurrentOneWithinTheBudget(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		change := func(current, next string, access string) *harness.Answer {
			return s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": current, "newPassword": next}, harness.Bearer(access))
		}
		change("Wrong-Wolke-7319", otherPassword, p.Access).Want(401, "auth/invalid-password")
		change(harness.Password, harness.Password, p.Access).Want(400, "auth/same-as-previous-password")
		change(harness.Password, "short", p.Access).Want(400, "auth/invalid-password-format")
		change(harness.Password, "password123", p.Access).Want(400, "auth/weak-password")
		s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": harness.Password, "newPassword": otherPassword}).Want(401, "auth/unauthorized")
		change(harness.Password, otherPassword, p.Access).Want(200)
		s.Dead(p.Tokens)
		next := s.SignIn("a@x.test", otherPassword).Want(200).Tokens()
		refused := 0
		for range 50 {
			if a := change("Wrong-Wolke-7319", harness.Password, next.Access); a.Status == 429 {
				refused++
				if a.Code() != "auth/too-many-login-attempts" || a.Header.Get("Retry-After") == "" {
					t.Errorf("the refusal is %s with Retry-After %q", a.Body, a.Header.Get("Retry-After"))
				}
			}
		}
		// Ten are the account's, five the client's, which the account knows.
		if refused != 35 {
			t.Errorf("%d of 50 guesses were refused, want 35", refused)
		}
		blocked(s, "a@x.test")
	})
}

func TestAC072_NothingIsSentToAnAddressThatIsNotProven(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		mailed(s, mailer.EmailVerification, "new@x.test", func() {
			s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "new@x.test"}, harness.Bearer(p.Access)).Want(200)
		})
		s.Mail.Clear()
		s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "new@x.test"}).Want(200)
		resetToken(s, "a@x.test")
		for _, m := range s.Mail.Messages() {
			if m.Kind == mailer.PasswordReset && m.To != "a@x.test" {
				t.Errorf("a reset went to %s", m.To)
			}
		}
	})
}

// AC-029, AE-01, AE-02, AE-10: asking for a mail answers the same whoever the
// address belongs to, at every attempt.
func TestAC029_AskingForMailAnswersTheSameForEveryKindOfAccount(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		emails := slices.AppendSeq([]string{"unknown0@x.test"}, maps.Values(everyKindOfAccount(s)))
		for path, body := range map[string]harness.J{
			"/v1/auth/password/reset/request": {},
			"/v1/auth/signup/email/resend":    {},
			"/v1/auth/email/verify/send":      {},
			"/v1/auth/email/verify/resend":    {},
			"/v1/auth/email/signin":           {"method": "magiclink", "callbackUrl": callback},
			"/v1/auth/email/signup":           {"method": "magiclink", "callbackUrl": callback},
		} {
			s.Eventually("the outbox is empty", func() bool {
				next, err := s.Store.NextMail(t.Context(), "", store.QueueMail)
				return err == nil && next.IsZero()
			})
			s.Clock.Advance(25 * time.Hour)
			answers := make([][]string, len(emails))
			for i, email := range emails {
				body["email"] = email
				for range 7 {
					answers[i] = append(answers[i], neutral(s.Do("POST", path, body), email))
				}
			}
			for i := range answers {
				for try := range answers[i] {
					if answers[i][try] != answers[0][try] {
						t.Errorf("%s, try %d: %s got\n%s\nan unknown address\n%s", path, try+1, emails[i], answers[i][try], answers[0][try])
					}
				}
			}
			if !strings.HasPrefix(answers[0][0], "20") || !strings.HasPrefix(answers[0][6], "429") {
				t.Errorf("%s: tries begin with %.60q and end with %.60q", path, answers[0][0], answers[0][6])
			}
		}
	}, func(c *admit.Config) { c.BaseURL = harness.BaseURL })
}

// neutral is an answer without what must differ: the address itself, the random
// id, and the headers that name the request.
func neutral(a *harness.Answer, email string) string {
	body := strings.ReplaceAll(string(a.Body), email, "ADDRESS")
	if id := a.String("requestId"); id != "" {
		body = strings.ReplaceAll(body, id, strings.Repeat("I", len(id)))
	}
	header := a.Header.Clone()
	for _, name := range []string{"Date", "X-Request-Id", "Content-Length"} {
		header.Del(name)
	}
	var b strings.Builder
	b.WriteString(http.StatusText(a.Status))
	_ = header.WriteSubset(&b, nil)
	return strings.TrimSpace(strings.Join([]string{statusOf(a), body, b.String()}, "\n"))
}

func statusOf(a *harness.Answer) string {
	return strings.TrimSpace(string(rune('0'+a.Status/100)) + string(rune('0'+a.Status/10%10)) + string(rune('0'+a.Status%10)))
}
