//go:build clock

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
)

// AE-01, AE-02: whoever an address belongs to, a request for mail and a sign-in
// take as long as for a stranger's, also while the mailer hangs. Tries
// alternate, so that what else the machine does falls on all, and medians are
// compared.
func TestAE02_NobodyLearnsFromTheTimeWhoHasAnAccount(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
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
		for path, body := range neutralPaths() {
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
