package admit_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
)

// asksTheStore says which routes find a session in the store, whatever
// Sessions.Staleness is: every route that changes something, all of
// administration, and what a member of an organisation sees.
func asksTheStore(r admit.Route) bool {
	switch {
	case r.Exchanges:
		return false // the route takes another proof and looks at no session
	case r.Method != http.MethodGet, r.Access != "anyone" && r.Access != "user":
		return true
	}
	return strings.HasPrefix(r.Path, "/v1/organizations/") || strings.HasPrefix(r.Path, "/v1/auth/invitations")
}

// TestS2_EveryRouteThatMattersSeesWhatAnotherProcessEnded: with Staleness on, each
// route that changes something refuses a session that another process has ended,
// and each route of administration refuses an administrator whom another process
// has demoted, though this process remembers both. Each call has a session of its
// own, because the first refusal makes the process forget what it remembers.
func TestS2_EveryRouteThatMattersSeesWhatAnotherProcessEnded(t *testing.T) {
	ctx := context.Background()
	var config admit.Config
	h := newHost(t, func(c *admit.Config) {
		c.Sessions.Staleness, c.InsecureNoLimits = 5*time.Minute, true
		config = *c
	})
	other, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close(ctx) })
	call := func(method, path, body string, as admit.SignedIn) (status int, code string) {
		w := send(h.Handler(), method, path, body, http.Header{"Authorization": {"Bearer " + as.Tokens.AccessToken}})
		var answer struct {
			Error struct{ Code string }
		}
		_ = json.Unmarshal(w.Body.Bytes(), &answer) // a success may have no body
		return w.Code, answer.Error.Code
	}
	const nobody = "0194f000-0000-7000-8000-0000000000ff"
	target := func(r admit.Route, user string) string {
		path := strings.ReplaceAll(r.Path, "{userId}", user)
		for strings.Contains(path, "{") {
			before, rest, _ := strings.Cut(path, "{")
			_, after, _ := strings.Cut(rest, "}")
			path = before + nobody + after
		}
		return path
	}
	remembered := func(role string) admit.SignedIn {
		t.Helper()
		signed := h.SignedIn(role)
		if status, code := call(http.MethodGet, "/v1/auth/me", "", signed); status != http.StatusOK {
			t.Fatalf("/v1/auth/me: %d %s", status, code)
		}
		return signed
	}
	sent := func(r admit.Route) string {
		if r.Method == http.MethodGet {
			return ""
		}
		return "{}"
	}
	ended, demoted := 0, 0
	for _, r := range h.Routes() {
		if !asksTheStore(r) {
			continue
		}
		ended++
		ann := remembered("admin")
		if err := other.Sessions.SignOut(ctx, ann.Session); err != nil {
			t.Fatal(err)
		}
		if status, _ := call(http.MethodGet, "/v1/auth/me", "", ann); status != http.StatusOK {
			t.Fatalf("this process does not remember the session: %d", status)
		}
		if status, code := call(r.Method, target(r, ann.User.ID), sent(r), ann); status != http.StatusUnauthorized || code != "auth/session-expired" {
			t.Errorf("%s %s after a sign-out elsewhere answered %d %s", r.Method, r.Path, status, code)
		}
		if r.Access != "admin" && r.Access != "self-or-admin" {
			continue
		}
		demoted++
		bob := remembered("admin")
		if err := other.Users.SetRole(ctx, admit.SetRoleParams{UserID: bob.User.ID, Role: "user"}); err != nil {
			t.Fatal(err)
		}
		if status, code := call(r.Method, target(r, nobody), sent(r), bob); status != http.StatusForbidden || !strings.HasSuffix(code, "/forbidden") {
			t.Errorf("%s %s after a demotion elsewhere answered %d %s", r.Method, r.Path, status, code)
		}
	}
	if ended < 60 || demoted < 30 {
		t.Errorf("only %d and %d routes were tried", ended, demoted)
	}
}
