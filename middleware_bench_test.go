package admit_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/admit-go/admit"
)

// discarded is a response that is thrown away without allocating.
type discarded struct{ header http.Header }

func (n *discarded) Header() http.Header         { return n.header }
func (n *discarded) Write(p []byte) (int, error) { return len(p), nil }
func (n *discarded) WriteHeader(int)             {}

// signedInHost has a number of users with a session each, and their access
// tokens.
func signedInHost(t testing.TB, sessions int, change ...func(*admit.Config)) (*host, []string) {
	t.Helper()
	h := newHost(t, append(change, func(c *admit.Config) { c.InsecureNoLimits = true })...)
	tokens := make([]string, sessions)
	for i := range tokens {
		signed, err := h.SignUps.Create(context.Background(), admit.SignUpParams{
			Email: fmt.Sprintf("user%d@example.test", i), Password: "quiet-harbour-lamp", Name: "Ann",
		})
		if err != nil {
			t.Fatal(err)
		}
		tokens[i] = signed.SignedIn.Tokens.AccessToken
	}
	return h, tokens
}

func bareHandler() http.Handler { return http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}) }

// serveAll returns a function that sends the i-th caller's request to a handler.
// Its header is made each time, as a server does that has just read it.
func serveAll(handler http.Handler, tokens []string) func(i int) {
	request := httptest.NewRequest(http.MethodGet, "/notes", nil)
	header := []string{""}
	request.Header["Authorization"] = header
	w := &discarded{header: http.Header{}}
	return func(i int) {
		header[0] = "Bearer " + tokens[i%len(tokens)]
		handler.ServeHTTP(w, request)
	}
}

func BenchmarkGuard(b *testing.B) {
	h, tokens := signedInHost(b, 1000)
	if err := h.Close(context.Background()); err != nil { // sends the mail of the sign-ups first
		b.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bareHandler()}, {"RequireUser", h.RequireUser(bareHandler())}} {
		b.Run(c.name, func(b *testing.B) {
			serve := serveAll(c.handler, tokens)
			for i := range tokens {
				serve(i)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				serve(i)
			}
		})
	}
}

// The guarded path of a token seen before costs at most three allocations.
func TestGuardAllocatesAtMostThreeTimes(t *testing.T) {
	h, tokens := signedInHost(t, 1)
	allocations := func(handler http.Handler) float64 {
		serve := serveAll(handler, tokens)
		serve(0)
		return testing.AllocsPerRun(1000, func() { serve(0) })
	}
	// What workers allocate at the same time counts too, so the least of some runs counts.
	least := math.Inf(1)
	for range 5 {
		least = min(least, allocations(h.RequireUser(bareHandler()))-allocations(bareHandler()))
	}
	if least > 3 {
		t.Fatalf("the guard allocates %v times, at most 3 are allowed", least)
	}
}
