package admit_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/mailer"
)

// host is an Auth in a kit, and calls its API.
type host struct {
	*admit.Auth
	*authtest.Kit
	t testing.TB
}

func newHost(t testing.TB, change ...func(*admit.Config)) *host {
	t.Helper()
	kit := authtest.New(t, change...)
	return &host{kit.Auth, kit, t}
}

// call sends one request, with a token unless it is "", and returns the status
// and the decoded body.
func (h *host) call(method, path, token string, body any) (int, map[string]any) {
	h.t.Helper()
	w := httptest.NewRecorder()
	h.Handler().ServeHTTP(w, h.Request(admit.SignedIn{Tokens: admit.Tokens{AccessToken: token}}, method, path, body))
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
	if tokens["expiresIn"] != float64(3600) || tokens["tokenType"] != "Bearer" {
		t.Errorf("a token is said to live for %v s, and to be of type %v", tokens["expiresIn"], tokens["tokenType"])
	}
	status, me := h.call(http.MethodGet, "/v1/auth/me", access, nil)
	if status != http.StatusOK || me["email"] != "Ann@example.test" || me["name"] != "Ann" || me["emailVerified"] != nil {
		t.Fatalf("me: %d %v", status, me)
	}
	h.Clock.Advance(time.Minute)
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
	if kind := h.Mailbox.Last("Ann@example.test").Kind; kind != mailer.SignupConfirmation {
		t.Errorf("the mail after a sign-up is %s", kind)
	}
}
