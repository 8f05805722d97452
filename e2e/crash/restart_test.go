package crash

import (
	"math/rand/v2"
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// back is how soon a server must serve again once its database does.
var back = patience

// AC-196, RL-04: while PostgreSQL restarts, however it went down, requests are
// 503 and nobody gets in; then the same server goes on, without a restart, and
// everything acknowledged holds. CRASH_RESTARTS is how often each way.
func TestAC196_PostgresMayRestartUnderLoad(t *testing.T) {
	cluster := pgtest.NewCluster(t, "")
	place := cluster.Database("restarted")
	s := start(t, t.TempDir(), place)
	secret := s.secret
	random := rand.New(rand.NewPCG(seed(t), 196))
	client := newClient(t)
	for _, way := range []struct {
		name   string
		signal syscall.Signal
	}{{"fast", syscall.SIGINT}, {"immediate", syscall.SIGQUIT}, {"killed", syscall.SIGKILL}} {
		t.Run(way.name, func(t *testing.T) {
			w := newWitness(t)
			rounds := setting(t, "CRASH_RESTARTS", 1)
			var recovery []time.Duration
			for range rounds {
				w.rest.Store(false)
				wait := w.load(8, s, secret, random)
				somewhen(random)
				cluster.Stop(way.signal)
				a := s.signUp(client, newName())
				if w.saw("sign-up without a database", a, http.StatusCreated) {
					t.Error("somebody got in without a database")
				}
				if health, err := client.Get(s.url + "/healthz"); err != nil || health.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("healthz without a database: %v, %v", health, err)
				} else {
					health.Body.Close()
				}
				cluster.Start()
				recovery = append(recovery, within(t, back, "a sign-up after the database came back", func() bool {
					return w.saw("sign-up", s.signUp(client, newName()), http.StatusCreated)
				}))
				before := w.refused.Load()
				<-time.After(300 * time.Millisecond)
				if late := w.refused.Load() - before; late > 20 {
					t.Errorf("%d requests were refused after the database was back", late)
				}
				w.rest.Store(true)
				wait()
				w.check(s)
			}
			if w.refused.Load() == 0 {
				t.Error("no request fell into the time without a database")
			}
			median, worst := spread(recovery)
			t.Logf("%d restarts, seed %d: %v, none lost or doubled; back in %v (median), %v (worst)", rounds, seed(t), w, median, worst)
		})
	}
	checkWhole(t, place)
}

// somewhen waits for a moment that is not always the same.
func somewhen(random *rand.Rand) {
	<-time.After(time.Duration(100+random.IntN(200)) * time.Millisecond)
}
