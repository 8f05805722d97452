package admit_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// host is an Auth on a memory store with a clock that tests move.
type host struct {
	*admit.Auth
	t    testing.TB
	mail *mailer.Recorder

	clock sync.Mutex
	now   time.Time
}

// time is what the clock says; advance moves it.
func (h *host) time() time.Time {
	h.clock.Lock()
	defer h.clock.Unlock()
	return h.now
}

func (h *host) advance(by time.Duration) {
	h.clock.Lock()
	defer h.clock.Unlock()
	h.now = h.now.Add(by)
}

func newHost(t testing.TB, change ...func(*admit.Config)) *host {
	t.Helper()
	h := &host{t: t, mail: &mailer.Recorder{}, now: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
	config := admit.Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets("wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"),
		Store: memory.New(), Mailer: h.mail, Now: h.time,
		Passwords: admit.PasswordConfig{InsecureFastHash: true},
		Logger:    slog.New(slog.DiscardHandler),
		// A machine that is busy with other tests is no store that is down.
		RequestTimeout: time.Minute,
	}
	for _, c := range change {
		c(&config)
	}
	a, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(context.Background()) })
	h.Auth = a
	return h
}

// call sends one request and returns the status and the decoded body.
func (h *host) call(method, path, token string, body any) (int, map[string]any) {
	h.t.Helper()
	if body == nil {
		return h.callText(method, path, token, "")
	}
	text, err := json.Marshal(body)
	if err != nil {
		h.t.Fatal(err)
	}
	return h.callText(method, path, token, string(text))
}

// callText is call with a body that is JSON already, or none.
func (h *host) callText(method, path, token, body string) (int, map[string]any) {
	h.t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, r)
	var answer map[string]any
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			h.t.Fatalf("%s %s: %v in %q", method, path, err, w.Body)
		}
	}
	return w.Code, answer
}

func TestMainJobFromSignUpToSignOut(t *testing.T) {
	h := newHost(t)
	status, tokens := h.call(http.MethodPost, "/v1/auth/email/signup", "", map[string]string{
		"email": "Ann@Example.test", "password": "quiet-harbour-lamp", "name": "Ann",
	})
	if status != http.StatusCreated {
		t.Fatalf("sign-up: %d %v", status, tokens)
	}
	access, refresh := tokens["accessToken"].(string), tokens["refreshToken"].(string)
	status, me := h.call(http.MethodGet, "/v1/auth/me", access, nil)
	if status != http.StatusOK || me["email"] != "Ann@example.test" || me["name"] != "Ann" || me["emailVerified"] != nil {
		t.Fatalf("me: %d %v", status, me)
	}
	h.advance(time.Minute)
	status, next := h.call(http.MethodPost, "/v1/auth/refresh", "", map[string]string{"refreshToken": refresh})
	if status != http.StatusOK || next["refreshToken"] == refresh {
		t.Fatalf("refresh: %d %v", status, next)
	}
	status, signed := h.call(http.MethodPost, "/v1/auth/email/signin", "stale", map[string]string{
		"email": "ann@EXAMPLE.test", "password": "quiet-harbour-lamp",
	})
	if status != http.StatusOK {
		t.Fatalf("sign-in: %d %v", status, signed)
	}
	status, list := h.call(http.MethodGet, "/v1/auth/sessions", access, nil)
	if status != http.StatusOK || len(list["items"].([]any)) != 2 {
		t.Fatalf("sessions: %d %v", status, list)
	}
	if status, body := h.call(http.MethodPost, "/v1/auth/signout", access, nil); status != http.StatusOK {
		t.Fatalf("sign-out: %d %v", status, body)
	}
	if status, body := h.call(http.MethodGet, "/v1/auth/me", access, nil); status != http.StatusUnauthorized {
		t.Fatalf("me after sign-out: %d %v", status, body)
	}
	status, body := h.call(http.MethodPost, "/v1/auth/refresh", "", map[string]any{"refreshToken": next["refreshToken"]})
	if status != http.StatusUnauthorized {
		t.Fatalf("refresh after sign-out: %d %v", status, body)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := h.mail.Wait(ctx, func(m mailer.Message) bool { return m.Kind == mailer.SignupConfirmation }); err != nil {
		t.Fatal("no confirmation was mailed:", err)
	}
}
