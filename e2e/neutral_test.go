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
)

// AE-01, AE-02: whoever an address belongs to, a request for mail and a sign-in
// take as long as for a stranger's, also while the mailer hangs. Tries
// alternate, so that what else the machine does falls on all, and medians are
// compared.
func TestAE02_NobodyLearnsFromTheTimeWhoHasAnAccount(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		// The rules are the same on every store, and the race detector is no clock.
		tries := 40
		switch {
		case raced:
			tries = 16
		case strings.HasSuffix(t.Name(), "memory"):
			tries = 200
		}
		accounts := everyKindOfAccount(s)
		release := make(chan struct{})
		hanging := s.Process(func(c *admit.Config) {
			c.Mailer = mailer.Func(func(ctx context.Context, _ mailer.Message) error {
				select {
				case <-release:
				case <-ctx.Done():
				}
				return ctx.Err()
			})
		})
		defer close(release)
		for path, body := range map[string]harness.J{
			"/v1/auth/password/reset/request": {},
			"/v1/auth/signup/email/resend":    {},
			"/v1/auth/email/signin":           {"method": "magiclink", "callbackUrl": callback},
			"/v1/auth/email/signin?password":  {"password": otherPassword},
		} {
			// What differs by nature does so however often it is tried, what the
			// machine does to one of them evens out.
			took := map[string][]time.Duration{}
			var apart []string
			for range 20 {
				measureTimes(t, []*harness.Server{s, hanging}, path, body, accounts, tries, took)
				if apart = compareTimes(took); len(apart) == 0 {
					break
				}
			}
			for _, difference := range apart {
				t.Errorf("%s: %s", path, difference)
			}
		}
	}, unlimited)
}

// measureTimes sends requests for each account and as many for strangers.
func measureTimes(t *testing.T, servers []*harness.Server, path string, body harness.J, accounts map[string]string, tries int, took map[string][]time.Duration) {
	t.Helper()
	for i := range tries {
		accounts["stranger"] = fmt.Sprintf("stranger%d@x.test", len(took["stranger"]))
		for _, who := range shuffled(accounts) {
			body["email"] = accounts[who]
			began := time.Now()
			a := servers[i%len(servers)].Do("POST", path, body)
			took[who] = append(took[who], time.Since(began))
			if a.Status != http.StatusOK && body["password"] == nil || a.Status != http.StatusUnauthorized && body["password"] != nil {
				t.Fatalf("%s for %s: %d %s", path, who, a.Status, a.Body)
			}
		}
	}
}

// compareTimes returns whose median is not a stranger's.
func compareTimes(took map[string][]time.Duration) (apart []string) {
	medians := map[string]time.Duration{}
	for who, all := range took {
		medians[who] = slices.Sorted(slices.Values(all))[len(all)/2]
	}
	for who, median := range medians {
		if ratio := float64(median) / float64(medians["stranger"]); ratio < 0.7 || ratio > 1.4 {
			apart = append(apart, fmt.Sprintf("%v for %s, %v for strangers", median, who, medians["stranger"]))
		}
	}
	return apart
}

// shuffled are the keys of a map in an order of no pattern: what one request
// leaves to be done in the background must not fall on the same next one.
func shuffled(m map[string]string) []string {
	keys := slices.Sorted(maps.Keys(m))
	rand.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	return keys
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
