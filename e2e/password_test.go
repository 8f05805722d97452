package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

var _ = faultFlows.add(faultFlow{
	name:  "sign in",
	calls: 6,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return gave(a.Passwords.SignIn(ctx, admit.SignInParams{Email: p.email, Password: strongPassword}))
	},
	done: func(s *harness.Server, p *subject) bool { return liveSessions(s, p) >= 2 },
})

func TestAC023_LongPasswordsAreRefused(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.Passwords.InsecureFastHash = false })
	for _, length := range []int{129, 10_000, 1 << 20, 10 << 20} {
		password := strings.Repeat("Ab3-", length/4+1)[:length]
		want := http.StatusBadRequest
		if length > 64<<10 {
			want = http.StatusRequestEntityTooLarge
		}
		s.SignIn("a@x.test", password).Want(want)
		signUp(s, "a@x.test", password, "Ada").Want(want)
	}
	signUp(s, "a@x.test", strings.Repeat("Ab3-", 32), "Ada").Want(http.StatusCreated)
}

func TestAC024_NoPasswordIsCut(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		password := strings.Repeat("Kupfer-Wolke", 9)[:100]
		signUp(s, "a@x.test", password, "Ada").Want(http.StatusCreated)
		for _, wrong := range []string{password[:72], password[:72] + strings.Repeat("x", 28), password[:99], password + "x", password[:72] + "\t"} {
			s.SignIn("a@x.test", wrong).Want(http.StatusUnauthorized, "auth/invalid-credentials")
		}
		s.SignIn("a@x.test", password).Want(http.StatusOK)
	})
}

func TestAC027_APasswordIsComparedAsTyped(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for i, password := range []string{"  Kupfer Wolke  ", "KUPFER wolke 7319", "Käfer-Straße-früh", "пароль-облако-медь", "🦊🦊🦊🦊🦊🦊🦊🐻"} {
			email := fmt.Sprintf("a%d@x.test", i)
			signUp(s, email, password, "Ada").Want(http.StatusCreated)
			for _, wrong := range []string{strings.TrimSpace(password), strings.ToLower(password), strings.ToUpper(password)} {
				if wrong != password {
					s.SignIn(email, wrong).Want(http.StatusUnauthorized, "auth/invalid-credentials")
				}
			}
			s.SignIn(email, password).Want(http.StatusOK)
		}
		for _, short := range []string{"", "1234567", "🦊🦊🦊🦊🦊🦊🦊"} {
			signUp(s, "short@x.test", short, "Ada").Want(http.StatusBadRequest, "auth/invalid-password-format")
		}
	})
}

// AC-025, PW-02: neither a long address nor a long beginning of the password
// leaves anything of it out of the hash.
func TestAC025_NoPartOfAPasswordIsCutOff(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		long := strings.Repeat("Kupfer-Wolke ", 9)
		for _, email := range []string{"a@x.test", strings.Repeat("a", 64) + "@" + strings.Repeat("long.", 35) + "x.test"} {
			signUp(s, email, long+"1", "Ada").Want(http.StatusCreated)
			for _, wrong := range []string{long + "2", long, long[:72], otherPassword} {
				s.SignIn(email, wrong).Want(http.StatusUnauthorized, "auth/invalid-credentials")
			}
			s.SignIn(email, long+"1").Want(http.StatusOK)
		}
	}, unlimited)
}

func TestAC028_PasswordsThatAreEasyToGuessAreRefused(t *testing.T) {
	s := harness.New(t)
	for _, weak := range []string{
		"password", "12345678", "qwertyuiop", "iloveyou", "Password1", "password123", "ada.lovelace@x.test", "ada.lovelace",
		"ADA.LOVELACE", "app.example", "Ada Lovelace",
	} {
		s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "ada.lovelace@x.test", "password": weak, "name": "Ada Lovelace"}).
			Want(http.StatusBadRequest, "auth/weak-password")
	}
}

// TestAC029_SignInAnswersTheSameForEveryKindOfAccount: nobody, a password that
// is wrong, no password at all, banned, deleted, unverified.
func TestAC029_SignInAnswersTheSameForEveryKindOfAccount(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("unverified@x.test")
		s.Ban(s.SignUp("banned@x.test").ID)
		deleted := s.SignUp("deleted@x.test")
		if _, err := s.Store.DeleteUser(t.Context(), "", deleted.ID, s.Clock.Now(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		for email, in := range map[string]admit.CreateUserParams{
			"verified@x.test": {InsecurePassword: harness.Password, EmailVerified: true}, "no-password@x.test": {EmailVerified: true},
		} {
			in.Email, in.Name = email, "Ada"
			if _, err := s.Auth.Users.Create(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		}
		want := s.SignIn("unknown@x.test", "Wrong-Wolke-7319").Want(http.StatusUnauthorized, "auth/invalid-credentials")
		for _, email := range []string{"unverified@x.test", "banned@x.test", "deleted@x.test", "verified@x.test", "no-password@x.test"} {
			got := s.SignIn(email, "Wrong-Wolke-7319")
			if got.Status != want.Status || string(got.Body) != string(want.Body) {
				t.Errorf("%s: answered %d %s, an unknown address %d %s", email, got.Status, got.Body, want.Status, want.Body)
			}
			for name := range want.Header {
				if name != "Date" && name != "X-Request-Id" && got.Header.Get(name) != want.Header.Get(name) {
					t.Errorf("%s: %s is %q, for an unknown address %q", email, name, got.Header.Get(name), want.Header.Get(name))
				}
			}
			if len(got.Header) != len(want.Header) {
				t.Errorf("%s: headers %v, for an unknown address %v", email, got.Header, want.Header)
			}
		}
		s.SignIn("deleted@x.test", harness.Password).Want(http.StatusUnauthorized, "auth/invalid-credentials")
		s.SignIn("no-password@x.test", "").Want(http.StatusBadRequest)
	})
}

// failures is how often an account may be guessed at in 15 minutes.
const failures = 10

func guess(s *harness.Server, email string) *harness.Answer {
	s.T.Helper()
	return s.SignIn(email, "Wrong-Wolke-7319")
}

func blocked(s *harness.Server, email string) {
	s.T.Helper()
	s.SignIn(email, harness.Password).Want(http.StatusTooManyRequests, "auth/too-many-login-attempts")
}

func TestAC033_ParallelGuessesGetNoMoreThanTheBudget(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		processes := []*harness.Server{s, s.Process(), s.Process()}
		answers := harness.Parallel(90, func(i int) *harness.Answer { return guess(processes[i%3], "a@x.test") })
		if got := harness.Count(answers); got[http.StatusUnauthorized] != failures || got[http.StatusTooManyRequests] != 90-failures {
			t.Errorf("answered %v, want %d evaluated", got, failures)
		}
		for _, p := range processes {
			blocked(p, "a@x.test")
		}
		guess(s, "other@x.test").Want(http.StatusUnauthorized)
	})
}

func TestAC033_UnknownAddressesAreBlockedAtTheSameAttempt(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("known@x.test")
		for i := range failures + 2 {
			known, unknown := guess(s, "known@x.test"), guess(s, "unknown@x.test")
			if known.Status != unknown.Status || string(known.Body) != string(unknown.Body) ||
				known.Header.Get("Retry-After") != unknown.Header.Get("Retry-After") {
				t.Errorf("attempt %d: known %d %s, unknown %d %s", i+1, known.Status, known.Body, unknown.Status, unknown.Body)
			}
			if want := i >= failures; (known.Status == http.StatusTooManyRequests) != want {
				t.Errorf("attempt %d: answered %d", i+1, known.Status)
			}
		}
	})
}

func TestAC035_EverySpellingOfAnAddressSpendsOneBudget(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("ada@bücher.test")
		spellings := []string{"ada@bücher.test", "ADA@bücher.test", " ada@bücher.test", "ada@BÜCHER.test", "Ada@xn--bcher-kva.test ", "ada@XN--BCHER-KVA.TEST"}
		for i := range failures {
			guess(s, spellings[i%len(spellings)]).Want(http.StatusUnauthorized, "auth/invalid-credentials")
		}
		for _, spelling := range spellings {
			blocked(s, spelling)
		}
	})
}

// guesses is how often one client address may fail in 15 minutes.
const guesses = 100

func TestAC036_ForgedForwardingHeadersChangeNothing(t *testing.T) {
	s := harness.New(t)
	forged := []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Client-Ip"}
	for i := range guesses {
		value := fmt.Sprintf("203.0.113.%d", i)
		if forged[i%len(forged)] == "Forwarded" {
			value = "for=" + value
		}
		s.SignIn(fmt.Sprintf("a%d@x.test", i), harness.Password, harness.Header(forged[i%len(forged)], value)).
			Want(http.StatusUnauthorized)
	}
	for _, name := range forged {
		s.SignIn("z@x.test", harness.Password, harness.Header(name, "203.0.113.250")).Want(http.StatusTooManyRequests)
	}
	s.Clock.Advance(15 * time.Minute)
	s.SignIn("z@x.test", harness.Password).Want(http.StatusUnauthorized)
}

func TestAC036_OnlyWhatATrustedProxyAddsCounts(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	for i := range guesses {
		s.SignIn(fmt.Sprintf("a%d@x.test", i), harness.Password, harness.Header("X-Forwarded-For", fmt.Sprintf("203.0.113.%d, 198.51.100.7", i))).
			Want(http.StatusUnauthorized)
	}
	from := func(address string) harness.Set { return harness.Header("X-Forwarded-For", address) }
	s.SignIn("z@x.test", harness.Password, from("203.0.113.9, 198.51.100.7")).Want(http.StatusTooManyRequests)
	s.SignIn("z@x.test", harness.Password, from("198.51.100.7, 198.51.100.8")).Want(http.StatusUnauthorized)
	for i := range guesses {
		s.SignIn(fmt.Sprintf("b%d@x.test", i), harness.Password, from(fmt.Sprintf("2001:db8:1:2::%x", i+1))).Want(http.StatusUnauthorized)
	}
	s.SignIn("z@x.test", harness.Password, from("2001:db8:1:2:ffff::1")).Want(http.StatusTooManyRequests)
	s.SignIn("z@x.test", harness.Password, from("2001:db8:1:3::1")).Want(http.StatusUnauthorized)
}

func TestAC037_NoSpellingOfThePathGetsAFreeGuess(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	body := harness.J{"email": "a@x.test", "password": harness.Password}
	for _, path := range []string{
		"//v1/auth/email/signin", "/v1//auth/email/signin", "/v1/auth/email/signin/", "/v1/./auth/email/signin", "/v1/auth/../auth/email/signin",
		"/v1/auth/email/sign%69n", "/v1/auth/email%2Fsignin", "/v1/auth/email/%2e/signin", "/V1/auth/email/signin", "/v1/auth/email/SIGNIN",
		"/v1/auth/email/signin;x=1", "/v1/auth/email/signin%20", "/v1/auth/email/signin.json", "/v1/auth/email/signin%00", "/v1/auth/email\\signin",
	} {
		s.Do("POST", path, body).Want(http.StatusNotFound, "auth/not-found")
	}
	for _, header := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		s.Do("GET", "/v1/auth/email/signin", nil, harness.Header(header, "POST")).Want(http.StatusMethodNotAllowed)
		s.Do("POST", "/v1/auth/me", nil, harness.Header(header, "GET")).Want(http.StatusMethodNotAllowed)
	}
	s.Do("POST", "/v1/auth/email/signin?_method=GET", body).Want(http.StatusOK)
}

func TestAC038_ABlockLeavesTheOwnerIn(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		owner := s.SignUp("a@x.test")
		for range 30 {
			guess(s, "a@x.test")
		}
		blocked(s, "a@x.test")
		owner.Tokens = s.Alive(owner.Tokens)
		s.Clock.Advance(15*time.Minute - time.Second)
		blocked(s, "a@x.test")
		s.Clock.Advance(time.Second)
		s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
		s.Alive(owner.Tokens)
	})
}

func TestAC039_ABlockComesBackAndADayIsBounded(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		evaluated := 0
		for range 24 * 4 {
			for range failures + 1 {
				if guess(s, "a@x.test").Status == http.StatusUnauthorized {
					evaluated++
				}
			}
			blocked(s, "a@x.test")
			if evaluated >= 100 {
				break
			}
			s.Clock.Advance(15 * time.Minute)
		}
		if evaluated != 100 {
			t.Errorf("%d guesses were evaluated before the budget of a day was spent, want 100", evaluated)
		}
		s.Clock.Advance(12 * time.Hour)
		blocked(s, "a@x.test")
		// A hundred failures since the last success leave link and reset alone.
		s.Clock.Advance(12 * time.Hour)
		blocked(s, "a@x.test")
		redeem(s, mailed(s, mailer.MagicLink, "a@x.test", func() { askMagic(s, "a@x.test") })).Want(http.StatusOK)
	})
}

func TestAC039_OnlyASessionClearsTheBudget(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		for range 3 {
			for range failures - 1 {
				guess(s, "a@x.test").Want(http.StatusUnauthorized)
			}
			s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
		}
	})
}

func TestAC040_SprayingOnePasswordIsBoundedByItsSource(t *testing.T) {
	s := harness.New(t)
	for i := range 20 {
		s.SignUp(fmt.Sprintf("a%d@x.test", i))
	}
	answers := map[int]int{}
	for i := range 150 {
		answers[guess(s, fmt.Sprintf("a%d@x.test", i)).Status]++
	}
	if answers[http.StatusUnauthorized] != guesses || answers[http.StatusTooManyRequests] != 150-guesses {
		t.Errorf("answered %v", answers)
	}
}

func TestAC041_ABannedAccountComesInByNoDoor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		made := s.Do("POST", "/v1/admin/api-keys", harness.J{"name": "n", "type": "secret"}, harness.Bearer(admin.Access)).Want(http.StatusCreated)
		key := made.String("key")
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(key)).Want(http.StatusOK)
		s.Ban(admin.ID)
		s.SignIn(admin.Email, harness.Password).Want(http.StatusForbidden, "auth/account-banned")
		s.Refresh(admin.Refresh).Want(http.StatusForbidden, "auth/account-banned")
		s.Me(admin.Access).Want(http.StatusForbidden, "auth/account-banned")
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/account-banned")
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(key)).Want(http.StatusUnauthorized, "auth/api-key-revoked")
		for _, path := range append(harness.Guards(), "/app/admin", "/app/optional") {
			s.Do("GET", path, nil, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/account-banned")
		}
		if _, _, err := s.Auth.VerifyToken(t.Context(), admin.Access); err == nil {
			t.Error("VerifyToken lets a banned account in")
		}
	})
}

func TestAC041_ADeletedAccountComesInByNoDoor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		if _, err := s.Store.DeleteUser(t.Context(), "", p.ID, s.Clock.Now(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		s.SignIn(p.Email, harness.Password).Want(http.StatusUnauthorized, "auth/invalid-credentials")
		s.Me(p.Access).Want(http.StatusUnauthorized, "auth/user-not-found")
		s.Refresh(p.Refresh).Want(http.StatusUnauthorized)
		for _, path := range harness.Guards() {
			s.Do("GET", path, nil, harness.Bearer(p.Access)).Want(http.StatusUnauthorized)
		}
	})
}

func TestAC043_RenewingAHashNeverUndoesANewPassword(t *testing.T) {
	const newPassword = "Silber-Regen-2847"
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test") // with the fast hash, which the other process renews
		modern := s.Process(func(c *admit.Config) { c.Passwords.InsecureFastHash = false })
		signUp(s, "b@x.test", newPassword, "B").Want(http.StatusCreated)
		other, err := s.Store.UserByEmail(t.Context(), "", "b@x.test")
		if err != nil {
			t.Fatal(err)
		}
		changed, err := s.Store.Password(t.Context(), "", other.ID)
		if err != nil {
			t.Fatal(err)
		}
		changed.UserID, changed.ChangedAt = p.ID, s.Clock.Now().Add(time.Second)
		answers := harness.Parallel(9, func(i int) *harness.Answer {
			if i == 4 {
				if err := s.Store.PutPassword(context.Background(), changed); err != nil {
					t.Error(err)
				}
			}
			return modern.SignIn("a@x.test", harness.Password)
		})
		for _, a := range answers {
			if a.Status != http.StatusOK && a.Status != http.StatusUnauthorized {
				t.Errorf("answered %d %s", a.Status, a.Body)
			}
		}
		s.SignIn("a@x.test", newPassword).Want(http.StatusOK)
		s.SignIn("a@x.test", harness.Password).Want(http.StatusUnauthorized)
	})
}

// overtaking is a store in which something happens just before the next
// transaction.
type overtaking struct {
	store.Store
	event func()
}

func (o *overtaking) Tx(ctx context.Context, fn func(context.Context, store.Store) error) error {
	if event := o.event; event != nil {
		o.event = nil
		event()
	}
	return o.Store.Tx(ctx, fn)
}

// TestAC043_AProofThatWasOvertakenIsRefused changes an account between the
// moment its password was verified and the moment its session would be made.
func TestAC043_AProofThatWasOvertakenIsRefused(t *testing.T) {
	var between *overtaking
	s := harness.New(t, func(c *admit.Config) {
		between = &overtaking{Store: c.Store}
		c.Store = between
	})
	p := s.SignUp("a@x.test")
	stored, err := s.Store.Password(t.Context(), "", p.ID)
	if err != nil {
		t.Fatal(err)
	}
	for name, try := range map[string]struct {
		event func() error
		undo  func()
		want  int
		code  string
	}{
		"another password": {
			func() error {
				other := stored
				other.Hash, other.ChangedAt = stored.Hash+"x", s.Clock.Now().Add(time.Second)
				return s.Store.PutPassword(context.Background(), other)
			},
			func() {}, http.StatusUnauthorized, "auth/invalid-credentials",
		},
		"no password": {
			func() error { return s.Store.DeletePassword(context.Background(), "", p.ID) },
			func() {}, http.StatusUnauthorized, "auth/invalid-credentials",
		},
		"a ban": {
			func() error { s.Ban(p.ID); return nil },
			func() { s.Change(p.ID, func(u *store.User) { u.BannedAt = time.Time{} }) }, http.StatusForbidden, "auth/account-banned",
		},
	} {
		t.Run(name, func(t *testing.T) {
			between.event = func() {
				if err := try.event(); err != nil {
					t.Error(err)
				}
			}
			s.SignIn("a@x.test", harness.Password).Want(try.want, try.code)
			try.undo()
			if err := s.Store.PutPassword(t.Context(), stored); err != nil {
				t.Fatal(err)
			}
			s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
		})
	}
}

func TestAC047_AWrongTypeIsNoPassword(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	for _, value := range []string{"1", "true", "null", "[]", `["a@x.test"]`, "{}", `{"$ne":null}`, "1e400", `[["a"]]`} {
		for _, body := range []string{
			`{"email":` + value + `,"password":"Kupfer-Wolke-7319","name":"n"}`,
			`{"email":"a@x.test","password":` + value + `,"name":"n"}`,
			`{"email":"b@x.test","password":"Kupfer-Wolke-7319","name":` + value + `}`,
			`{"method":` + strings.Replace(value, "null", "7", 1) + `,"email":"b@x.test","password":"Kupfer-Wolke-7319","name":"n"}`,
		} {
			s.Do("POST", "/v1/auth/email/signup", body).Want(http.StatusBadRequest)
			if !strings.Contains(body, `"name":`+value) {
				s.Do("POST", "/v1/auth/email/signin", body).Want(http.StatusBadRequest)
			}
		}
		s.Do("POST", "/v1/auth/refresh", `{"refreshToken":`+value+`}`).Want(http.StatusBadRequest)
	}
	s.Do("POST", "/v1/auth/email/signin", `"{\"email\":\"a@x.test\",\"password\":\"Kupfer-Wolke-7319\"}"`).Want(http.StatusBadRequest)
	s.Do("POST", "/v1/auth/email/signin", `{"email":"b@x.test","email":"a@x.test","password":"Kupfer-Wolke-7319"}`).Want(http.StatusBadRequest)
}

func TestAC048_SQLInAFieldIsText(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		_, key := s.NewKey("secret")
		for i, probe := range []string{
			`'; drop table admit_users; --`, `" or ""="`, `' or '1'='1`, `%`, `_`, `\`, `$1`, `?`, `:id`, `$$x$$`, `/*`, "`", `||`, `{{`, `%s%n`,
		} {
			email := fmt.Sprintf("a%d@x.test", i)
			tokens := signUp(s, email, "Kupfer-"+probe+"-7319", probe).Want(http.StatusCreated).Tokens()
			if name := s.Me(tokens.Access).Want(http.StatusOK).String("name"); name != probe {
				t.Errorf("the name %q became %q", probe, name)
			}
			s.SignIn(email, "Kupfer-"+probe+"-7319").Want(http.StatusOK)
			s.SignIn(email, "Kupfer-x-7319").Want(http.StatusUnauthorized)
			if answer := s.SignIn("a"+probe+"@x.test", harness.Password); answer.Status != http.StatusUnauthorized && answer.Status != http.StatusBadRequest {
				t.Errorf("%q in an address: answered %d %s", probe, answer.Status, answer.Body)
			}
			escaped := strings.NewReplacer("%", "%25", "/", "%2F", "?", "%3F", " ", "%20", `"`, "%22", "`", "%60", `\`, "%5C", "{", "%7B", "|", "%7C").Replace(probe)
			s.Do("DELETE", "/v1/auth/sessions/"+escaped, nil, harness.Bearer(p.Access)).Want(http.StatusNotFound, "auth/session-not-found")
			s.Do("GET", "/v1/auth/sessions?page="+escaped, nil, harness.Bearer(p.Access)).Want(http.StatusBadRequest)
			made := s.Do("POST", "/v1/admin/api-keys", harness.J{"name": probe, "type": "publishable"}, harness.Key(key)).Want(http.StatusCreated)
			if made.String("name") != probe {
				t.Errorf("the name %q of a key became %q", probe, made.String("name"))
			}
			s.Refresh(probe).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
		}
	})
}
