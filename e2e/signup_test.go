package e2e_test

import (
	"context"
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
	name:    "sign up",
	calls:   5,
	prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		made, err := a.SignUps.Create(ctx, admit.SignUpParams{Email: p.email, Password: strongPassword, Name: "Ada"})
		return made.SignedIn != nil, err
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.Users.GetByEmail(s.T.Context(), p.email)
		return err == nil
	},
	again: admit.ErrEmailAlreadyExists,
})

func signUp(s *harness.Server, email, password, name string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/signup", harness.J{"email": email, "password": password, "name": name})
}

func TestAC008_AddressesThatDifferInCaseAreOneAccount(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		first := s.SignUp("a@x.test")
		signUp(s, "A@X.TEST", harness.Password, "B").Want(http.StatusConflict, "auth/email-already-exists")
		s.SignIn("A@x.Test", harness.Password).Want(http.StatusOK)
		s.Me(first.Access).Want(http.StatusOK)
		answers := harness.Parallel(2, func(i int) *harness.Answer {
			return signUp(s, []string{"b@x.test", "B@X.TEST"}[i], harness.Password, "B")
		})
		if got := harness.Count(answers); got[http.StatusCreated] != 1 || got[http.StatusConflict] != 1 {
			t.Errorf("two spellings at once: %v", got)
		}
	})
}

func TestAC010_BothFormsOfADomainAreOneAccount(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("user@bücher.test")
		signUp(s, "user@xn--bcher-kva.test", harness.Password, "B").Want(http.StatusConflict, "auth/email-already-exists")
		s.SignIn("user@xn--bcher-kva.test", harness.Password).Want(http.StatusOK)
	})
}

func TestAC012_NothingInAnAddressOrNameReachesAMailHeader(t *testing.T) {
	s := harness.New(t)
	for _, bad := range []string{
		"a@x.test\r\nBcc: evil@evil.test", "a@x.test\nBcc: evil@evil.test", "a\r@x.test", "a@x.test\u2028Bcc:evil@evil.test",
		"a@x.test,evil@evil.test", "a@x.test;evil@evil.test", "Ada <a@x.test>", "<a@x.test>", `"a@x.test evil"@evil.test`,
		"a@x.test (evil@evil.test)", "a@evil.test@x.test", "group:a@x.test;", "a%0d%0aBcc:evil@x.test",
	} {
		answer := signUp(s, bad, harness.Password, "Ada")
		if answer.Status == http.StatusCreated && !strings.Contains(bad, "%0d") {
			t.Errorf("%q was taken as an address", bad)
		}
	}
	for _, bad := range []string{"Ada\r\nBcc: evil@evil.test", "Ada\nX", "Ada\u2028X", "Ada\x00X", "Ada\u202eX", "\t", ""} {
		signUp(s, "name@x.test", harness.Password, bad).Want(http.StatusBadRequest, "auth/invalid-name", "auth/invalid-request")
	}
	signUp(s, "percent@x.test", harness.Password, "%0d%0aBcc:evil@evil.test").Want(http.StatusCreated)
	mail := wait(s, "percent@x.test")
	for name, value := range map[string]string{"To": mail.To, "Subject": mail.Subject} {
		if strings.ContainsAny(value, "\r\n\u2028") {
			t.Errorf("%s is %q", name, value)
		}
	}
}

func wait(s *harness.Server, to string) mailer.Message {
	s.T.Helper()
	message, err := s.Mail.Wait(s.T.Context(), func(m mailer.Message) bool { return m.To == to })
	if err != nil {
		s.T.Fatalf("no mail to %s: %v", to, err)
	}
	return message
}

func TestAC013_NobodyGivesThemselvesMoreAtSignUp(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		answer := s.Do("POST", "/v1/auth/email/signup", harness.J{
			"email": "a@x.test", "password": harness.Password, "name": "Ada",
			"role": "admin", "Role": "admin", "ROLE": "admin", "roles": []string{"admin"}, "is_admin": true, "isAdmin": true,
			"status": "active", "emailVerified": true, "emailVerifiedAt": "2020-01-01T00:00:00Z", "email_verified": true,
			"id": "0190d9a4-0000-7000-8000-000000000001", "createdAt": "2020-01-01T00:00:00Z", "permissions": []string{"*"},
			"providerData": harness.J{"x": 1}, "sessionExpiry": 1 << 40, "mfaEnabled": true, "organizationId": "x", "tenant": "y",
		}).Want(http.StatusCreated)
		me := s.Me(answer.Tokens().Access).Want(http.StatusOK)
		if me.String("role") != "user" || me.Get("emailVerified") != nil || me.Get("organizationId") != nil ||
			me.String("id") == "0190d9a4-0000-7000-8000-000000000001" || !strings.HasPrefix(me.String("createdAt"), "2026-") {
			t.Errorf("the account is %s", me.Body)
		}
		s.Do("POST", "/v1/auth/email/signup", `{"EMAIL":"b@x.test","Password":"`+harness.Password+`","NAME":"B"}`).
			Want(http.StatusBadRequest)
	})
}

// badTexts are texts that JSON can carry, or tries to, and no store should see.
var badTexts = map[string]string{
	"NUL":              `a\u0000b`,
	"raw NUL":          "a\x00b",
	"a bad byte":       "a\xffb",
	"a lone surrogate": `a\ud800b`,
	"overlong":         "a\xc0\xafb",
	"cut short":        "a\xe2\x82",
}

func TestAC015_TextThatNoStoreHoldsIsRefused(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		person := s.SignUp("known@x.test")
		_, key := s.NewKey("secret")
		for name, bad := range badTexts {
			for what, body := range map[string]string{
				"POST /v1/auth/email/signup email":    `{"email":"` + bad + `@x.test","password":"Kupfer-Wolke-7319","name":"n"}`,
				"POST /v1/auth/email/signup domain":   `{"email":"a@` + bad + `.test","password":"Kupfer-Wolke-7319","name":"n"}`,
				"POST /v1/auth/email/signup password": `{"email":"a@x.test","password":"Kupfer-Wolke-` + bad + `","name":"n"}`,
				"POST /v1/auth/email/signup name":     `{"email":"a@x.test","password":"Kupfer-Wolke-7319","name":"` + bad + `"}`,
				"POST /v1/auth/email/signup method":   `{"method":"` + bad + `","email":"a@x.test","password":"Kupfer-Wolke-7319","name":"n"}`,
				"POST /v1/auth/email/signup unknown":  `{"email":"a@x.test","password":"Kupfer-Wolke-7319","name":"n","x":"` + bad + `"}`,
				"POST /v1/auth/email/signin email":    `{"email":"known` + bad + `@x.test","password":"Kupfer-Wolke-7319"}`,
				"POST /v1/auth/email/signin password": `{"email":"known@x.test","password":"` + bad + `"}`,
				"POST /v1/auth/refresh refreshToken":  `{"refreshToken":"` + bad + `"}`,
				"POST /v1/admin/api-keys name":        `{"name":"` + bad + `","type":"secret"}`,
				"POST /v1/admin/api-keys scopes":      `{"name":"n","type":"secret","scopes":["` + bad + `:read"]}`,
				"POST /v1/admin/api-keys expiresAt":   `{"name":"n","type":"secret","expiresAt":"` + bad + `"}`,
			} {
				path := strings.Fields(what)[1]
				sets := []harness.Set{}
				if strings.Contains(path, "admin") {
					sets = append(sets, harness.Key(key))
				}
				if answer := s.Do("POST", path, body, sets...); answer.Status != http.StatusBadRequest {
					t.Errorf("%s in %s: answered %d %s", name, what, answer.Status, answer.Body)
				}
			}
		}
		for _, id := range []string{"a%00b", "%ff", "a%C0%AFb"} {
			s.Do("DELETE", "/v1/auth/sessions/"+id, nil, harness.Bearer(person.Access)).
				Want(http.StatusNotFound, "auth/session-not-found")
			s.Do("DELETE", "/v1/admin/api-keys/"+id, nil, harness.Key(key)).Want(http.StatusNotFound, "auth/api-key-not-found")
		}
		// A user agent is a claim of the client, and never a reason to refuse.
		s.SignIn("known@x.test", harness.Password, harness.Header("User-Agent", "a\xff\xc0b")).Want(http.StatusOK)
	})
}

func TestAC016_LengthsAreBounded(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		for _, length := range []int{255, 321, 10_000} {
			signUp(s, strings.Repeat("a", length-7)+"@x.test", harness.Password, "n").Want(http.StatusBadRequest, "auth/invalid-email")
			s.SignIn(strings.Repeat("a", length-7)+"@x.test", harness.Password).Want(http.StatusBadRequest, "auth/invalid-email")
		}
		signUp(s, strings.Repeat("a", 254-7)+"@x.test", harness.Password, "n").Want(http.StatusCreated)
		signUp(s, "a@x.test", harness.Password, strings.Repeat("n", 60_000)).Want(http.StatusBadRequest, "auth/invalid-name")
		signUp(s, "a@x.test", harness.Password, strings.Repeat("n", 100_000)).Want(http.StatusRequestEntityTooLarge, "auth/payload-too-large")
		signUp(s, "a@x.test", harness.Password, strings.Repeat("🦊", 101)).Want(http.StatusBadRequest, "auth/invalid-name")
		signUp(s, "a@x.test", harness.Password, strings.Repeat("🦊", 100)).Want(http.StatusCreated)
		tokens := s.SignIn("a@x.test", harness.Password, harness.Header("User-Agent", strings.Repeat("u", 60_000))).
			Want(http.StatusOK).Tokens()
		list := s.Do("GET", "/v1/auth/sessions", nil, harness.Bearer(tokens.Access)).Want(http.StatusOK)
		if len(list.Body) > 10_000 {
			t.Errorf("a user agent of 60,000 bytes is kept: the list has %d bytes", len(list.Body))
		}
	})
}

func TestAC017_OfManySignUpsWithOneAddressOneSucceeds(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		processes := []*harness.Server{s, s.Process()}
		answers := harness.Parallel(50, func(i int) *harness.Answer {
			return signUp(processes[i%2], "a@x.test", harness.Password, fmt.Sprint("Ada ", i))
		})
		if got := harness.Count(answers); got[http.StatusCreated] != 1 || got[http.StatusConflict] != 49 {
			t.Errorf("answered %v", got)
		}
		wait(s, "a@x.test")
		if events := s.Events("", "user.created"); len(events) != 1 {
			t.Errorf("%d accounts were made", len(events))
		}
		s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
	})
}

func TestAC018_NobodyBecomesAdministratorByBeingFirst(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		answers := harness.Parallel(50, func(i int) *harness.Answer {
			return signUp(s, fmt.Sprintf("a%d@x.test", i), harness.Password, "Ada")
		})
		for _, a := range answers {
			a.Want(http.StatusCreated)
			if role := s.Me(a.Tokens().Access).String("role"); role != "user" {
				t.Errorf("a new account has the role %q", role)
			}
		}
	})
}

// AC-019, AE-10: one source makes a bounded number of accounts.
func TestAC019_OneSourceSignsUpABoundedNumber(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		made := 0
		for i := range 200 {
			a := signUp(s, fmt.Sprintf("a%d@x.test", i), harness.Password, "Ada")
			if a.Status == 201 {
				made++
			} else if a.Want(429, "auth/too-many-requests"); a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
		if made != 60 {
			t.Errorf("%d accounts, want 60", made)
		}
		s.Clock.Advance(time.Hour)
		signUp(s, "late@x.test", harness.Password, "Ada").Want(201)
	})
}

func TestAC020_SubAddressesAreAccountsOfTheirOwn(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		if a, b := s.SignUp("a@x.test"), s.SignUp("a+1@x.test"); a.ID == b.ID {
			t.Error("a and a+1 share an account")
		}
	})
}

func TestAC021_ANameIsNoLureInAMail(t *testing.T) {
	s := harness.New(t)
	signUp(s, "a@x.test", harness.Password, "Your account is locked, visit http://evil.test now").Want(http.StatusCreated)
	mail := wait(s, "a@x.test")
	askMagic(s, "a@x.test").Want(200)
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "a@x.test"}).Want(200)
	for _, kind := range []mailer.Kind{mailer.SignupConfirmation, mailer.MagicLink, mailer.PasswordReset} {
		if m := letterTo(s, kind, "a@x.test"); strings.Contains(m.Subject+m.Text+m.HTML, "locked") {
			t.Errorf("%s carries a stranger's words to a mailbox that proved nothing: %s", kind, m.Text)
		}
	}
	for part, text := range map[string]string{"text": mail.Text, "HTML": mail.HTML, "subject": mail.Subject} {
		if strings.Contains(text, "http://evil.test") || strings.Contains(text, "evil.test") && strings.Contains(text, "href=\"http://evil") {
			t.Errorf("the %s links to the lure: %s", part, text)
		}
	}
	if !strings.Contains(mail.Text, harness.BaseURL) {
		t.Errorf("the mail has no link of its own: %s", mail.Text)
	}
}

func TestAC022_ANameIsNoTemplate(t *testing.T) {
	s := harness.New(t)
	for i, name := range []string{
		"{{.Token}}", `{{template "x"}}`, "{{.Link}}", "${7*7}", "<%= 7*7 %>", "<script>alert(1)</script>", `"><img src=x onerror=alert(1)>`,
	} {
		to := fmt.Sprintf("a%d@x.test", i)
		signUp(s, to, harness.Password, name).Want(http.StatusCreated)
		mail := wait(s, to)
		for _, bad := range []string{"<script>alert", "<img src=x", "49"} {
			if strings.Contains(mail.HTML, bad) && bad != "49" || bad == "49" && strings.HasPrefix(name, "$") && strings.Contains(mail.Text, ">49<") {
				t.Errorf("the name %q became %q", name, bad)
			}
		}
		if strings.Count(mail.Text, "token=") > 1 {
			t.Errorf("the name %q repeats the secret", name)
		}
	}
}

// TestOT10_LinksComeFromTheConfiguration is AC-054 for the sign-up mail.
func TestOT10_LinksComeFromTheConfiguration(t *testing.T) {
	s := harness.New(t)
	for i, set := range []harness.Set{
		func(r *http.Request) { r.Host = "evil.test" },
		harness.Header("X-Forwarded-Host", "evil.test"),
		harness.Header("X-Forwarded-Proto", "gopher"),
		harness.Header("X-Forwarded-Prefix", "/evil"),
		harness.Header("Forwarded", "host=evil.test;proto=http"),
		harness.Header("Origin", "https://evil.test"),
		harness.Header("Referer", "https://evil.test/"),
	} {
		to := fmt.Sprintf("a%d@x.test", i)
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": to, "password": harness.Password, "name": "Ada"}, set).
			Want(http.StatusCreated)
		mail := wait(s, to)
		if text := mail.Text + mail.HTML; strings.Contains(text, "evil") || !strings.Contains(text, harness.BaseURL+"/v1/") {
			t.Errorf("the mail to %s says %s", to, mail.Text)
		}
	}
}
