package admit_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

// asked collects what a store is asked.
type asked struct {
	mu    sync.Mutex
	verbs []string
}

func (a *asked) around(ctx context.Context, verb string, call func(context.Context) error) error {
	a.mu.Lock()
	a.verbs = append(a.verbs, verb)
	a.mu.Unlock()
	return call(ctx)
}

// take returns what was asked since the last time.
func (a *asked) take() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() { a.verbs = nil }()
	return strings.Join(a.verbs, " ")
}

// What a request costs is first of all what it asks of the store. Each line is
// the whole of it; one that grows is a decision, and belongs into
// docs/performance.md too.
func TestWhatEachRequestAsksOfTheStore(t *testing.T) {
	var store asked
	h := newHost(t, func(c *admit.Config) {
		c.Store = storetest.Wrap(memory.New(), store.around)
		c.Sessions.Staleness = 0
	})
	const account = `{"email":"ann@example.test","password":"quiet-harbour-lamp","name":"Ann"}`
	_, tokens := h.call(http.MethodPost, "/v1/auth/email/signup", "", account)
	access, refresh := tokens["accessToken"].(string), tokens["refreshToken"].(string)
	// The workers' own questions come and go; without them only the requests ask.
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	// A sign-in from the same device before, so that it is a known one. Another one
	// after the pause, so that it is known which policies of organisations there are.
	h.call(http.MethodPost, "/v1/auth/email/signin", "", account)
	h.Clock.Advance(time.Minute / 2)
	h.call(http.MethodPost, "/v1/auth/email/signin", "", account)
	store.take()
	for _, c := range []struct{ name, method, path, token, body, want string }{
		{"me", http.MethodGet, "/v1/auth/me", access, "", "SessionUser"},
		{"me once more", http.MethodGet, "/v1/auth/me", access, "", "SessionUser"},
		{"refresh", http.MethodPost, "/v1/auth/refresh", "", `{"refreshToken":"` + refresh + `"}`, "RotateSessionUser"},
		{"refresh with junk", http.MethodPost, "/v1/auth/refresh", "", `{"refreshToken":"` + strings.Repeat("A", len(refresh)) + `"}`, ""},
		{"sign-in", http.MethodPost, "/v1/auth/email/signin", "", account, "Hit UserPassword " +
			"Tx LockUserPassword Write Commit"},
		{"sign-in of nobody", http.MethodPost, "/v1/auth/email/signin", "", strings.Replace(account, "ann", "eve", 1), "Hit UserPassword"},
		{"reset with a short token", http.MethodPost, "/v1/auth/password/reset/confirm", "",
			`{"email":"ann@example.test","token":"c2hvcnQ","newPassword":"calm-harbour-lamp"}`, ""},
		{"confirmation with a short token", http.MethodPost, "/v1/auth/signup/email/confirm", "", `{"email":"ann@example.test","token":"c2hvcnQ"}`, ""},
		{"callback with a short token", http.MethodPost, "/v1/auth/email/callback", "", `{"token":"c2hvcnQ"}`, ""},
		{"me with junk", http.MethodGet, "/v1/auth/me", access[:len(access)-1], "", ""},
	} {
		status, answer := h.call(c.method, c.path, c.token, c.body)
		if got := store.take(); got != c.want {
			t.Errorf("%s asks %q, want %q (%d %v)", c.name, got, c.want, status, answer)
		}
	}
}

// Within the staleness that a host allows, a token seen before asks nothing.
func TestWithinItsStalenessTheGuardAsksNothing(t *testing.T) {
	var store asked
	h, tokens := signedInHost(t, 1, func(c *admit.Config) {
		c.Store = storetest.Wrap(memory.New(), store.around)
		c.Sessions.Staleness = 10 * time.Second
	})
	if err := h.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	store.take()
	var counts []int
	for _, after := range []time.Duration{0, 9 * time.Second, 2 * time.Second} {
		h.Clock.Advance(after)
		if _, _, err := h.VerifyToken(context.Background(), tokens[0]); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, strings.Count(store.take(), "SessionUser"))
	}
	if want := []int{1, 0, 1}; !slices.Equal(counts, want) {
		t.Errorf("the store was asked %v times, want %v", counts, want)
	}
}
