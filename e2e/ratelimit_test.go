package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

// proxied makes X-Forwarded-For name the client.
func proxied(c *admit.Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func fromClient(address string) harness.Set { return harness.Header("X-Forwarded-For", address) }

// requestID asks for a code: five may be tried with each.
func requestID(s *harness.Server, email string, tried *int, id *string) string {
	s.T.Helper()
	if *tried++; *tried%5 == 1 {
		*id = askMagic(s, email).Want(http.StatusOK).String("requestId")
	}
	return *id
}

// wrongGuesses has for every route of the class guess a body whose guess is wrong.
func wrongGuesses(s *harness.Server, p harness.Person) map[string]func() *harness.Answer {
	tried, id := 0, ""
	return map[string]func() *harness.Answer{
		"POST /v1/auth/email/signin": func() *harness.Answer { return guess(s, p.Email) },
		"POST /v1/auth/email/callback": func() *harness.Answer {
			return s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": requestID(s, p.Email, &tried, &id), "code": "000000"})
		},
		"POST /v1/auth/password/change": func() *harness.Answer {
			return s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": "Wrong-Wolke-7319", "newPassword": otherPassword}, harness.Bearer(p.Access))
		},
		"POST /v1/auth/mfa/enable":  func() *harness.Answer { return enable(s, p.Access, "Wrong-Wolke-7319") },
		"POST /v1/auth/mfa/disable": func() *harness.Answer { return disable(s, p.Access, "Wrong-Wolke-7319", "000000") },
		"POST /v1/auth/mfa/backup-codes": func() *harness.Answer {
			return newCodes(s, p.Access, "Wrong-Wolke-7319", "000000")
		},
		"POST /v1/auth/mfa/confirm": func() *harness.Answer {
			if tried++; tried == 1 {
				s.SetUpTOTP(p)
			}
			return confirmMFA(s, p.Access, "000000")
		},
		"POST /v1/auth/mfa/verify": func() *harness.Answer {
			if tried++; tried == 1 {
				s.EnrollTOTP(p)
			}
			return s.Complete(pause(s, p.Email), "000000")
		},
		"DELETE /v1/auth/withdraw": func() *harness.Answer {
			return s.Do("DELETE", "/v1/auth/withdraw", harness.J{"password": "Wrong-Wolke-7319"}, harness.Bearer(p.Access))
		},
		"POST /v1/auth/reauthenticate": func() *harness.Answer {
			return s.Do("POST", "/v1/auth/reauthenticate", harness.J{"password": "Wrong-Wolke-7319"}, harness.Bearer(p.Access))
		},
	}
}

// A route that says guess and forgets to reserve one is found here.
func TestS1_EveryGuessRouteAnswers429AfterItsBudget(t *testing.T) {
	for _, r := range harness.New(t).Auth.Routes() {
		if r.Limit != "guess" {
			continue
		}
		name := r.Method + " " + r.Path
		t.Run(name, func(t *testing.T) {
			s := harness.New(t)
			p := s.SignUp("a@x.test")
			try := wrongGuesses(s, p)[name]
			if try == nil {
				t.Fatal("no wrong guess is known for this route: add one to wrongGuesses")
			}
			for i := range failures + 1 {
				answer := try()
				switch {
				case i < failures:
					answer.Want(http.StatusUnauthorized)
				default:
					answer.Want(http.StatusTooManyRequests, "auth/too-many-login-attempts")
					if answer.Header.Get("Retry-After") == "" {
						t.Error("no Retry-After")
					}
				}
			}
		})
	}
}

// S5: signing in by link is a request for mail, whatever route it came by.
func TestS5_LinksThroughSignInAreBoundedByTheClient(t *testing.T) {
	s := harness.New(t, proxied)
	flood := fromClient("203.0.113.7")
	for i := range 61 {
		body := harness.J{"method": "magiclink", "email": fmt.Sprintf("a%d@x.test", i), "callbackUrl": callback}
		path, want := "/v1/auth/email/signin", http.StatusOK
		if i == 60 {
			want = http.StatusTooManyRequests
		}
		s.Do("POST", path, body, flood).Want(want)
	}
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "b@x.test"}, flood).Want(http.StatusTooManyRequests, "auth/too-many-code-requests")
	s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": "b@x.test"}, fromClient("203.0.113.8")).Want(http.StatusOK)
}

// leaving is a store that looks for no account before the client has hung up.
type leaving struct {
	store.Store
	armed atomic.Bool
	begun chan struct{}
}

func (l *leaving) UserPassword(ctx context.Context, tenant, key string) (store.User, store.Password, error) {
	if l.armed.CompareAndSwap(true, false) {
		l.begun <- struct{}{}
		<-ctx.Done()
	}
	return l.Store.UserPassword(ctx, tenant, key)
}

// Sixty guesses that hang up before they are evaluated are sixty guesses: only
// the system's own failures are given back.
func TestAGuessThatHangsUpIsCounted(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		slow := &leaving{begun: make(chan struct{}, 1)}
		at := s.Process(func(c *admit.Config) {
			slow.Store = c.Store
			c.Store = slow
		})
		for i := range 60 {
			ctx, hangUp := context.WithCancel(t.Context())
			r, err := http.NewRequestWithContext(ctx, "POST", at.URL+"/v1/auth/email/signin", strings.NewReader(`{"email":"a@x.test","password":"Wrong-Wolke-7319"}`))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			slow.armed.Store(i < failures) // the others do not get as far
			done := make(chan int, 1)
			go func() {
				answer, err := http.DefaultClient.Do(r)
				if err != nil {
					done <- 0
					return
				}
				_ = answer.Body.Close()
				done <- answer.StatusCode
			}()
			select {
			case <-slow.begun:
				hangUp()
				<-done
			case status := <-done:
				if i < failures || status != http.StatusTooManyRequests {
					t.Errorf("guess %d answered %d", i+1, status)
				}
			case <-time.After(harness.Patience):
				t.Fatalf("guess %d did not reach the server", i+1)
			}
			hangUp()
		}
		blocked(s, "a@x.test")
		s.Clock.Advance(15 * time.Minute)
		s.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
	})
}

// S14: what fails can be seen, and cannot be used to fill the log.
func TestS14_FailuresLeaveEvents(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		for range failures + 3 {
			guess(s, "a@x.test")
		}
		one := func(subject, kind string) store.Event {
			t.Helper()
			s.Eventually("there is one "+kind, func() bool { return len(s.Events(subject, kind)) == 1 })
			return s.Events(subject, kind)[0]
		}
		if e := one(p.ID, "signin.failed"); !strings.Contains(string(e.Data), `"count":1`) || e.IPAddress != "127.0.0.1" {
			t.Errorf("signin.failed is %+v", e)
		}
		if e := one(p.ID, "limit.reached"); !strings.Contains(string(e.Data), `"budget":"first"`) {
			t.Errorf("limit.reached is %+v", e)
		}
		if e := one(p.ID, "mail.requested"); !strings.Contains(string(e.Data), `"mail":"signup_confirmation"`) {
			t.Errorf("mail.requested is %+v", e)
		}
		// Another process records nothing that this one has recorded.
		other := s.Process()
		blocked(other, "a@x.test")
		if err := other.Auth.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		one(p.ID, "limit.reached")
		// A window later the count tells what came since.
		s.Clock.Advance(15 * time.Minute)
		guess(s, "a@x.test")
		s.Eventually("the second event is there", func() bool { return len(s.Events(p.ID, "signin.failed")) == 2 })
		if e := s.Events(p.ID, "signin.failed")[1]; !strings.Contains(string(e.Data), fmt.Sprintf(`"count":%d`, failures)) {
			t.Errorf("the second signin.failed is %s", e.Data)
		}
		// Addresses without an account are as many as a stranger can make up.
		for i := range 30 {
			guess(s, fmt.Sprintf("nobody%d@x.test", i))
		}
		s.Do("GET", "/v1/auth/me", nil, harness.Key("sk_"+strings.Repeat("0", 64))).Want(http.StatusUnauthorized)
		s.Do("GET", "/v1/auth/me", nil, harness.Key("sk_"+strings.Repeat("1", 64))).Want(http.StatusUnauthorized)
		if e := one("", "key.refused"); !strings.Contains(string(e.Data), `"code":"auth/invalid-api-key"`) {
			t.Errorf("key.refused is %+v", e)
		}
		if n := len(s.Events("", "signin.failed")); n != 3 {
			t.Errorf("%d events of failed sign-ins, want 2 of the account and 1 of the client", n)
		}
	})
}

// S14: who calls stands in the log where the host wants it, and only there.
func TestS14_TheLineOfARequestNamesTheClientBySetting(t *testing.T) {
	for _, wanted := range []bool{false, true} {
		s := harness.New(t, proxied, func(c *admit.Config) { c.LogClientAddress = wanted })
		s.SignIn("a@x.test", harness.Password, fromClient("203.0.113.7"))
		s.Eventually("the line is there", func() bool { return strings.Contains(s.Log.String(), `"route":"/v1/auth/email/signin"`) })
		if got := strings.Contains(s.Log.String(), `"client":"203.0.113.7"`); got != wanted {
			t.Errorf("with LogClientAddress %t the address stands in the log: %t", wanted, got)
		}
	}
}
