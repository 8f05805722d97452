package admit

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/store"
)

// held is a format of stored passwords whose verification lasts until the test
// lets it go on, so that the places among the running and the queue fill as the
// test wants, on a machine of any speed.
type held struct {
	mu sync.Mutex
	// served names the accounts in the order in which they had their turn.
	served []string
	goOn   chan struct{}
}

func (*held) Recognises(stored string) bool { return strings.HasPrefix(stored, "held:") }

func (h *held) Verify(stored, _ string) (bool, error) {
	h.mu.Lock()
	h.served = append(h.served, strings.TrimPrefix(stored, "held:"))
	h.mu.Unlock()
	<-h.goOn
	return false, nil // a wrong password costs one turn, and no hash to renew
}

// turns counts who had a turn.
func (h *held) turns() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.served)
}

// holdHashes gives an Auth a queue of passwords whose places the test controls.
func holdHashes(t *testing.T, p *pausing, limits passhash.Limits) *held {
	t.Helper()
	h := &held{goOn: make(chan struct{})}
	limits.Wait = time.Hour
	p.hasher = passhash.New(passhash.InsecureParams(), limits)
	p.hasher.Use(h)
	return h
}

// account makes an account whose password is in the held format.
func (h *held) account(t *testing.T, p *pausing, name string) (email string) {
	t.Helper()
	email = name + "@example.com"
	user, err := p.Users.Create(t.Context(), CreateUserParams{Email: email, Name: "Ann"})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.store.PutPassword(t.Context(), store.Password{UserID: user.ID, Hash: "held:" + name, ChangedAt: p.time()}); err != nil {
		t.Fatal(err)
	}
	return email
}

// signInFrom sends a sign-in of a client over HTTP, and gives its status.
func signInFrom(p *pausing, client, email string) int {
	r := httptest.NewRequest(http.MethodPost, "/v1/auth/email/signin", strings.NewReader(fmt.Sprintf(`{"email":%q,"password":"quiet harbour lamp"}`, email)))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Forwarded-For", client)
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	return w.Code
}

func behindProxy(c *Config) {
	c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")} // where httptest's requests come from
	c.RequestTimeout = time.Hour
}

// S4: a client that floods with many accounts fills its share of the queue, the
// rest of its requests is refused, and whoever comes after it waits for one turn
// of it.
func TestS4_AFloodOfOneClientLeavesOthersTheirTurn(t *testing.T) {
	const parallel, share, others, flooding = 2, 8, 24, 24
	p := newOpen(t, behindProxy)
	h := holdHashes(t, p, passhash.Limits{Parallel: parallel})
	var floods []string
	for i := range 9 {
		floods = append(floods, h.account(t, p, fmt.Sprintf("flood%d", i)))
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	answers := map[string][]int{}
	send := func(who, client, email string) {
		group.Go(func() {
			status := signInFrom(p, client, email)
			mu.Lock()
			defer mu.Unlock()
			answers[who] = append(answers[who], status)
		})
	}
	count := func(who string) int {
		mu.Lock()
		defer mu.Unlock()
		return len(answers[who])
	}
	for i := range flooding {
		send("flood", "203.0.113.7", floods[i%len(floods)])
		waitFor(t, "a place, a place in the queue, or a refusal", func() bool {
			running := h.turns()
			return running == min(i+1, parallel) && running+p.hasher.Waiting()+count("flood") == i+1
		})
	}
	if got := p.hasher.Waiting(); got != share {
		t.Errorf("%d requests of one client wait, want %d", got, share)
	}
	for i := range others {
		send("others", fmt.Sprintf("198.51.100.%d", i+1), h.account(t, p, fmt.Sprintf("other%d", i)))
		waitFor(t, "a place in the queue", func() bool { return p.hasher.Waiting() == share+i+1 })
	}
	// One place after the other becomes free, and is taken before the next does.
	for i := range share + others {
		h.goOn <- struct{}{}
		waitFor(t, "the next turn", func() bool { return h.turns() == parallel+i+1 })
	}
	close(h.goOn)
	group.Wait()
	refused := func(who string) (n int) {
		for _, status := range answers[who] {
			switch status {
			case http.StatusServiceUnavailable:
				n++
			case http.StatusUnauthorized:
			default:
				t.Errorf("%s: answered %d", who, status)
			}
		}
		return n
	}
	if n := refused("others"); n != 0 {
		t.Errorf("%d of %d other clients were refused", n, others)
	}
	if n := refused("flood"); n != flooding-parallel-share {
		t.Errorf("%d requests of the flood were refused, want %d", n, flooding-parallel-share)
	}
	for i, name := range h.served[parallel+1:][:others] {
		if name != fmt.Sprintf("other%d", i) {
			t.Fatalf("others wait for more than one turn of the flood: %v", h.served)
		}
	}
}

// AC-044: what is beyond the queue is turned away without a hash and without
// waiting, guarded requests go on meanwhile, and whoever was taken is answered.
func TestAC044_TooManyHashesAtOnceAreTurnedAway(t *testing.T) {
	const parallel, queue, crowd = 2, 64, 200
	p := newOpen(t, behindProxy, func(c *Config) { c.InsecureNoLimits = true })
	user := p.user(t)
	signed, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: annsPassword})
	if err != nil {
		t.Fatal(err)
	}
	h := holdHashes(t, p, passhash.Limits{Parallel: parallel, Queue: queue, Share: -1})
	email := h.account(t, p, "held")
	answers := make(chan int, crowd)
	for i := range crowd {
		go func() { answers <- signInFrom(p, fmt.Sprintf("203.0.113.%d", i), email) }()
	}
	for range crowd - parallel - queue {
		if status := <-answers; status != http.StatusServiceUnavailable {
			t.Errorf("beyond the queue: %d", status)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/v1/auth/me", nil)
	r.Header.Set("Authorization", "Bearer "+signed.Tokens.AccessToken)
	w := httptest.NewRecorder()
	if p.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("a guarded request beside the queue: %d", w.Code)
	}
	if runs := p.hasher.Runs(); runs != parallel {
		t.Errorf("%d hashes run, want %d", runs, parallel)
	}
	close(h.goOn)
	for range parallel + queue {
		if status := <-answers; status != http.StatusUnauthorized {
			t.Errorf("from the queue: %d", status)
		}
	}
	if !slices.Equal(h.served, slices.Repeat([]string{"held"}, parallel+queue)) {
		t.Errorf("served %v", h.served)
	}
}
