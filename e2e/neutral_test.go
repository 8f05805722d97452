package e2e_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

// AE-01, AE-02: whoever an address belongs to, a request for mail and a sign-in
// ask the same of the store as for a stranger's, in the same order: each call is
// an exchange with a database, and takes its time. The hashes are counted by
// TestAE02_EveryPathRunsExactlyOneDerivation; `.ci/long clock` compares the times.
func TestAE02_NobodyLearnsFromTheWorkWhoHasAnAccount(t *testing.T) {
	s := harness.New(t, unlimited)
	accounts := everyKindOfAccount(s)
	accounts["another stranger"] = "another-stranger@x.test"
	var asked []string
	counted := s.Process(func(c *admit.Config) {
		c.Store = storetest.Wrap(s.Store, func(ctx context.Context, verb string, call func(context.Context) error) error {
			asked = append(asked, verb)
			return call(ctx)
		})
	})
	// The workers ask too, whenever they like; without them only the request does.
	if err := counted.Auth.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, body := range neutralPaths() {
		work := func(email string) string {
			asked = nil
			body["email"] = email
			counted.Do("POST", path, body)
			return strings.Join(asked, " ")
		}
		work("early@x.test") // reads the settings, which count for some seconds
		want := work("stranger@x.test")
		if want == "" {
			t.Errorf("%s asks nothing", path)
		}
		for who, email := range accounts {
			if got := work(email); got != want {
				t.Errorf("%s asks for %s\n%s\nfor a stranger\n%s", path, who, got, want)
			}
		}
	}
}

// neutralPaths are requests whose answers must not tell whether there is an
// account, with their bodies but for the address.
func neutralPaths() map[string]harness.J {
	return map[string]harness.J{
		"/v1/auth/password/reset/request": {},
		"/v1/auth/signup/email/resend":    {},
		"/v1/auth/email/verify/send":      {},
		"/v1/auth/email/signin":           {"method": "magiclink", "callbackUrl": callback},
		"/v1/auth/email/signin?password":  {"password": otherPassword},
	}
}

// importedHash is harness.Password as another system stored it.
const importedHash = "$2a$04$nt.WsOPaH2Ss5cMQndgGfuZEvcFWVFFLphGlOz9044Mjvu2ZWlojm"

// neutralCalls are what a stranger can do with an address, and whose answers must
// not tell whether it has an account.
func neutralCalls(s *harness.Server) map[string]func(email string, from harness.Set) *harness.Answer {
	post := func(path string, body harness.J) func(string, harness.Set) *harness.Answer {
		return func(email string, from harness.Set) *harness.Answer {
			sent := harness.J{"email": email}
			maps.Copy(sent, body)
			return s.Do("POST", path, sent, from)
		}
	}
	return map[string]func(string, harness.Set) *harness.Answer{
		"wrong password":  post("/v1/auth/email/signin", harness.J{"password": "Wrong-Wolke-7319"}),
		"link":            post("/v1/auth/email/signin", harness.J{"method": "magiclink", "callbackUrl": callback}),
		"sign-up by link": post("/v1/auth/email/signup", harness.J{"method": "magiclink", "callbackUrl": callback}),
		"private sign-up": post("/v1/auth/email/signup", harness.J{"password": otherPassword, "name": "Eve"}),
		"reset":           post("/v1/auth/password/reset/request", nil),
		"resend":          post("/v1/auth/signup/email/resend", nil),
		"verify":          post("/v1/auth/email/verify/send", nil),
		"wrong code": func(email string, from harness.Set) *harness.Answer {
			asked := s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": email, "callbackUrl": callback}, from)
			if asked.Status != http.StatusOK {
				return asked
			}
			return s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": asked.String("requestId"), "code": "000000"}, from)
		},
	}
}

// S7: no sequence of calls tells who has an account. Every kind of account, and an
// address without one, goes through every pair of calls and through random
// sequences, in step and each from a client of its own; every answer must be that
// of the unknown address: status, body, headers, Retry-After.
func TestS7_NoSequenceOfCallsTellsWhoHasAnAccount(t *testing.T) {
	s := harness.New(t, proxied)
	accounts := everyKindOfAccount(s)
	// From here on sign-up is private, as it is where existence is secret.
	private := s.Process(func(c *admit.Config) { c.PrivateSignUp = true })
	private.Clock.Advance(48 * time.Hour)
	calls := neutralCalls(private)
	names := slices.Sorted(maps.Keys(calls))
	who := append([]string{"unknown"}, slices.Sorted(maps.Keys(accounts))...)
	accounts["unknown"] = "unknown@x.test"
	chance := rand.New(rand.NewPCG(7, 11))
	var history []string
	step := func(name string) {
		t.Helper()
		history = append(history, name)
		var want string
		for i, kind := range who {
			email := accounts[kind]
			got := neutral(calls[name](email, fromClient(fmt.Sprintf("198.51.100.%d", i+1))), email)
			if i == 0 {
				want = got
			} else if got != want {
				t.Fatalf("after %v: %s got\n%s\nan unknown address\n%s", history[max(0, len(history)-12):], kind, got, want)
			}
		}
	}
	// A sign-up gives the unknown address an account, so the pairs with it come last.
	const signUp = "private sign-up"
	for _, withSignUp := range []bool{false, true} {
		for _, first := range names {
			for _, second := range names {
				if (first == signUp || second == signUp) == withSignUp {
					step(first)
					step(second)
				}
			}
			private.Clock.Advance(25 * time.Hour)
		}
	}
	for range 30 {
		for range 4 + chance.IntN(10) {
			step(names[chance.IntN(len(names))])
		}
		private.Clock.Advance([]time.Duration{0, time.Second, time.Minute, 15 * time.Minute, time.Hour, 25 * time.Hour}[chance.IntN(6)])
	}
}

// everyKindOfAccount makes an account of each kind and returns the addresses.
func everyKindOfAccount(s *harness.Server) map[string]string {
	s.T.Helper()
	verified(s, "verified@x.test")
	s.SignUp("unverified@x.test")
	s.Ban(s.SignUp("banned@x.test").ID)
	deleted := s.SignUp("deleted@x.test")
	if _, err := s.Store.DeleteUser(s.T.Context(), "", deleted.ID, s.Clock.Now(), time.Time{}); err != nil {
		s.T.Fatal(err)
	}
	_, err := s.Auth.Users.Create(s.T.Context(), admit.CreateUserParams{Email: "no-password@x.test", Name: "Ada"})
	if err != nil {
		s.T.Fatal(err)
	}
	imported, err := s.Auth.Users.Create(s.T.Context(), admit.CreateUserParams{Email: "imported@x.test", Name: "Ada", EmailVerified: true})
	if err != nil {
		s.T.Fatal(err)
	}
	err = s.Store.PutPassword(s.T.Context(), store.Password{UserID: imported.ID, Hash: importedHash, ChangedAt: s.Clock.Now()})
	if err != nil {
		s.T.Fatal(err)
	}
	return map[string]string{
		"imported": "imported@x.test", "verified": "verified@x.test", "unverified": "unverified@x.test", "banned": "banned@x.test", "deleted": "deleted@x.test",
		"no password": "no-password@x.test",
	}
}

// AC-206, RL-05: a mailer that hangs holds nobody up, and what it did not take
// is sent once it is mended.
func TestAC206_AMailerThatHangsHoldsNobodyUp(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		release := make(chan struct{})
		stuck := make(chan struct{}, 100)
		hanging := s.Process(func(c *admit.Config) {
			c.Mailer = mailer.Func(func(ctx context.Context, m mailer.Message) error {
				stuck <- struct{}{}
				select {
				case <-release:
				case <-ctx.Done():
					return ctx.Err()
				}
				return s.Mail.Send(ctx, m)
			})
		})
		for i := range 10 {
			// The mailer hangs until all of them have been answered.
			hanging.SignUp(fmt.Sprintf("a%d@x.test", i))
		}
		select {
		case <-stuck:
		case <-time.After(harness.Patience):
			t.Fatal("the mailer was not called")
		}
		close(release)
		for i := range 10 {
			letterTo(s, mailer.SignupConfirmation, fmt.Sprintf("a%d@x.test", i))
		}
	}, unlimited)
}
