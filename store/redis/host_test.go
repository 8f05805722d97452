package redis_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/redis"
)

// evaluated counts the passwords that are fetched to be compared.
type evaluated struct {
	*memory.Store
	passwords atomic.Int64
}

func (s *evaluated) UserPassword(ctx context.Context, tenant, emailKey string) (store.User, store.Password, error) {
	s.passwords.Add(1)
	return s.Store.UserPassword(ctx, tenant, emailKey)
}

func newHost(t *testing.T, records store.Store, counters store.Counters) *admit.Auth {
	t.Helper()
	a, err := admit.New(admit.Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
		Store: records, Counters: counters, Mailer: &mailer.Recorder{},
		Passwords:      admit.PasswordConfig{InsecureFastHash: true},
		RequestTimeout: time.Minute, // a busy machine is not what is tested
		Logger:         slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	return a
}

// call sends one request and returns the status and the body.
func call(a *admit.Auth, method, path, token, body string) (int, string) {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	w := httptest.NewRecorder()
	a.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const right = `{"email":"ann@example.test","password":"quiet-harbour-lamp"}`

func signUp(t *testing.T, a *admit.Auth) (accessToken string) {
	t.Helper()
	signed, err := a.SignUps.Create(t.Context(), admit.SignUpParams{Email: "ann@example.test", Password: "quiet-harbour-lamp", Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	return signed.SignedIn.Tokens.AccessToken
}

func TestAC033_ParallelGuessingOverTwoProcessesIsBoundedByOneBudget(t *testing.T) {
	options := redis.Options{Prefix: "{admit-test-AC033" + time.Now().Format("150405.000000") + "}:"}
	records := &evaluated{Store: memory.New()}
	hosts := [2]*admit.Auth{
		newHost(t, records, open(t, options)), newHost(t, records, open(t, options)),
	}
	token := signUp(t, hosts[0])
	records.passwords.Store(0)

	var wrong, blocked atomic.Int64
	var guesses sync.WaitGroup
	for i := range 200 {
		guesses.Go(func() {
			status, body := call(hosts[i%2], http.MethodPost, "/v1/auth/email/signin", "", strings.Replace(right, "lamp", "lump", 1))
			switch {
			case status == http.StatusUnauthorized:
				wrong.Add(1)
			case status == http.StatusTooManyRequests && strings.Contains(body, "auth/too-many-login-attempts"):
				blocked.Add(1)
			default:
				t.Errorf("guess: %d %s", status, body)
			}
		})
	}
	guesses.Wait()
	if looked := records.passwords.Load(); wrong.Load() != 10 || blocked.Load() != 190 || looked != 10 {
		t.Errorf("%d of 200 were told wrong and %d to wait, and %d passwords were compared; should be 10, 190 and 10",
			wrong.Load(), blocked.Load(), looked)
	}
	for _, host := range hosts {
		if status, body := call(host, http.MethodPost, "/v1/auth/email/signin", "", right); status != http.StatusTooManyRequests {
			t.Errorf("the right password while blocked: %d %s", status, body)
		}
		if status, body := call(host, http.MethodGet, "/v1/auth/me", token, ""); status != http.StatusOK {
			t.Errorf("AC-038 the session of who is guessed at: %d %s", status, body)
		}
	}
}

func TestASignInClearsTheBudgetOfTheAccount(t *testing.T) {
	host := newHost(t, memory.New(), open(t, redis.Options{}))
	signUp(t, host)
	for range 3 {
		for range 9 {
			if status, body := call(host, http.MethodPost, "/v1/auth/email/signin", "", strings.Replace(right, "lamp", "lump", 1)); status != http.StatusUnauthorized {
				t.Fatalf("guess: %d %s", status, body)
			}
		}
		if status, body := call(host, http.MethodPost, "/v1/auth/email/signin", "", right); status != http.StatusOK {
			t.Fatalf("sign-in: %d %s", status, body)
		}
	}
}

func TestRL04_WithoutRedisGuessingStopsAndSessionsGoOn(t *testing.T) {
	redisServer := startServer(t)
	host := newHost(t, memory.New(), openAt(t, redisServer.url, redis.Options{}))
	careless := newHost(t, memory.New(), openAt(t, redisServer.url, redis.Options{FailOpen: true, Logger: slog.New(slog.DiscardHandler)}))
	token := signUp(t, host)
	signUp(t, careless)
	redisServer.kill()

	// Rules count once they have read the body; a sign-up alone counts before.
	guesses := map[string]string{
		"/v1/auth/email/signin":    right,
		"/v1/auth/password/change": `{"currentPassword":"quiet-harbour-lamp","newPassword":"lively-copper-door"}`,
	}
	refused := 0
	for _, route := range host.Routes() {
		body, guess := guesses[route.Path]
		switch {
		case route.Limit == "mail":
			body = `{"email":"ann@example.com"}`
		case route.Limit != "signup" && !guess:
			continue
		}
		refused++
		if status, answer := call(host, route.Method, route.Path, token, body); status != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d %s", route.Method, route.Path, status, answer)
		}
	}
	if refused < 6 {
		t.Errorf("only %d routes were tried", refused)
	}
	if status, body := call(host, http.MethodGet, "/v1/auth/me", token, ""); status != http.StatusOK {
		t.Errorf("me: %d %s", status, body)
	}
	if status, body := call(careless, http.MethodPost, "/v1/auth/email/signin", "", right); status != http.StatusOK {
		t.Errorf("sign-in with FailOpen: %d %s", status, body)
	}
	redisServer.start()
	eventually(t, "people sign in again", func() bool {
		status, _ := call(host, http.MethodPost, "/v1/auth/email/signin", "", right)
		return status == http.StatusOK
	})
}
