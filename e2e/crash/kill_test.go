package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// setting is a number that .ci/long raises.
func setting(t testing.TB, name string, usual int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// seed makes the runs alike. CRASH_SEED takes another.
func seed(t testing.TB) uint64 {
	t.Helper()
	return uint64(setting(t, "CRASH_SEED", 7))
}

// place is an empty database of a kind.
func place(t testing.TB, kind, folder string) string {
	t.Helper()
	if kind == "postgres" {
		return pgtest.Open(t)
	}
	return "sqlite:" + filepath.Join(folder, "admit.db")
}

// AC-193, AC-194, RL-01, RL-02: what was acknowledged survives SIGKILL, and
// nothing is half there. CRASH_KILLS is how often servers are killed.
func TestAC193_AcknowledgedIsDurable(t *testing.T) {
	for _, c := range []struct {
		kind      string
		processes int
	}{{"sqlite", 1}, {"sqlite", 3}, {"postgres", 1}, {"postgres", 3}} {
		t.Run(fmt.Sprintf("%s_%d_processes", c.kind, c.processes), func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, c.kind, folder)
			killRun(t, folder, place, c.processes, max(setting(t, "CRASH_KILLS", 32)/4, 1))
			checkWhole(t, place)
		})
	}
}

func killRun(t *testing.T, folder, place string, processes, kills int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed(t), uint64(processes)))
	servers := make([]*server, processes)
	for i := range servers {
		servers[i] = start(t, folder, place)
	}
	secret := servers[0].secret
	w := newWitness(t)
	var back []time.Duration
	for range kills {
		w.rest.Store(false)
		var waits []func()
		for _, s := range servers {
			waits = append(waits, w.load(4, s, secret, random))
		}
		// The moment of the kill is what is varied.
		<-time.After(time.Duration(50+random.IntN(150)) * time.Millisecond)
		hit := random.IntN(processes)
		servers[hit].kill()
		w.rest.Store(true)
		for _, wait := range waits {
			wait()
		}
		began := time.Now()
		servers[hit] = start(t, folder, place)
		back = append(back, time.Since(began))
		w.check(servers[hit])
		if t.Failed() {
			return
		}
	}
	median, worst := spread(back)
	t.Logf("%d kills, seed %d: %v, none lost or doubled; back in %v (median), %v (worst)", kills, seed(t), w, median, worst)
}

// AC-195, RL-01: a server that is killed while tokens are redeemed has redeemed
// each of them whole or not at all, and who got no answer can try again.
func TestAC195_ATokenIsRedeemedWholeOrNotAtAll(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, kind, folder)
			random := rand.New(rand.NewPCG(seed(t), 195))
			s := start(t, folder, place)
			w := newWitness(t)
			for range max(setting(t, "CRASH_KILLS", 32)/8, 1) {
				resets := prepareResets(t, s, 12)
				s.redeemUntilKilled(w, resets, 1+random.Int64N(10))
				s = start(t, folder, place)
				w.check(s)
			}
			t.Logf("seed %d: %v", seed(t), w)
			checkWhole(t, place)
		})
	}
}

// AC-207, RL-05: mail that was committed with what caused it and not sent when
// the server was killed is sent by the next one, and its token works.
func TestAC207_MailOutlivesTheServerThatWasToSendIt(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, kind, folder)
			client := newClient(t)
			s := start(t, folder, place, "-smtp", silent(t))
			email := newName()
			if a := s.signUp(client, email); a.status != http.StatusCreated {
				t.Fatalf("sign-up: %+v", a)
			}
			// The mail server hangs in the sign-up's mail, so this one waits.
			if a := s.ask(client, "POST", "/v1/auth/password/reset/request", "", object{"email": email}); a.status != http.StatusOK {
				t.Fatalf("asking for a reset: %+v", a)
			}
			s.kill()
			s = start(t, folder, place)
			token := ""
			within(t, waiting, "the reset is mailed", func() bool {
				for _, l := range s.mailbox(t, client) {
					if found := resetToken(l.Text); found != "" && l.To == email {
						token = found
					}
				}
				return token != ""
			})
			confirm := object{"email": email, "token": token, "newPassword": another}
			if a := s.ask(client, "POST", "/v1/auth/password/reset/confirm", "", confirm); a.status != http.StatusOK {
				t.Errorf("the mailed token: %+v", a)
			}
			if a := s.signIn(client, email, another); a.status != http.StatusOK {
				t.Errorf("the new password: %+v", a)
			}
		})
	}
}

// reset is somebody who has asked for a new password.
type reset struct {
	email, token, access string
}

func prepareResets(t *testing.T, s *server, n int) []reset {
	t.Helper()
	client := newClient(t)
	resets := make([]reset, n)
	at := map[string]*reset{}
	for i := range resets {
		email := newName()
		a := s.signUp(client, email)
		if a.status != http.StatusCreated {
			t.Fatalf("sign-up: %+v", a)
		}
		resets[i] = reset{email: email, access: a.text("accessToken")}
		at[email] = &resets[i]
		if a := s.ask(client, "POST", "/v1/auth/password/reset/request", "", object{"email": email}); a.status != http.StatusOK {
			t.Fatalf("asking for a reset: %+v", a)
		}
	}
	within(t, waiting, "every reset is mailed", func() bool {
		missing := n
		for _, l := range s.mailbox(t, client) {
			if token := resetToken(l.Text); token != "" && at[l.To] != nil {
				at[l.To].token = token
				missing--
			}
		}
		return missing == 0
	})
	return resets
}

var resetLink = regexp.MustCompile(`/auth/password/reset/confirm\?\S*\btoken=([\w.~-]+)`)

func resetToken(text string) string {
	if found := resetLink.FindStringSubmatch(text); found != nil {
		return found[1]
	}
	return ""
}

// redeemUntilKilled sets all the new passwords, and kills the server when some
// have been acknowledged, which finds the others at any moment.
func (s *server) redeemUntilKilled(w *witness, resets []reset, acknowledged int64) {
	enough := make(chan struct{})
	var done atomic.Int64
	var clients sync.WaitGroup
	for share := range slices.Chunk(resets, 3) {
		clients.Go(func() {
			client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for _, r := range share {
				ok := w.saw("reset", s.redeem(client, r), http.StatusOK)
				w.note(r.holds(ok))
				if ok && done.Add(1) == acknowledged {
					close(enough)
				}
			}
		})
	}
	<-enough
	s.kill()
	clients.Wait()
}

func (s *server) redeem(client *http.Client, r reset) answer {
	return s.ask(client, "POST", "/v1/auth/password/reset/confirm", "", object{"email": r.email, "token": r.token, "newPassword": another})
}

// holds: what was acknowledged is done; what was not is done or can be.
func (r reset) holds(acknowledged bool) fact {
	return func(s *server, client *http.Client) string {
		if undone := s.signIn(client, r.email, password).status == http.StatusOK; undone {
			if acknowledged {
				return "an acknowledged reset is lost"
			}
			if a := s.me(client, r.access); a.status != http.StatusOK {
				return fmt.Sprintf("half a reset: the old password lives and the session is gone: %d", a.status)
			}
			if a := s.redeem(client, r); a.status != http.StatusOK {
				return fmt.Sprintf("half a reset: the token is used and the password as before: %d %v", a.status, a.body)
			}
		}
		if a := s.signIn(client, r.email, another); a.status != http.StatusOK {
			return fmt.Sprintf("half a reset: neither password lets in: %d %v", a.status, a.body)
		}
		if a := s.me(client, r.access); a.status != http.StatusUnauthorized {
			return fmt.Sprintf("half a reset: the session lives on: %d", a.status)
		}
		if a := s.redeem(client, r); a.status == http.StatusOK {
			return "a token was redeemed twice"
		}
		return ""
	}
}
