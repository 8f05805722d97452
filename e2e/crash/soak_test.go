package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// AC-215, RL-06: under a mixed load of a fixed population memory, open files,
// goroutines and waiting times stay level, and mail does not pile up.
// CRASH_SOAK is how many seconds; the first third is the server's to warm up.
func TestAC215_UnderLastingLoadNothingGrows(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			place := place(t, kind, folder)
			s := start(t, folder, place)
			soak := &soak{witness: newWitness(t), server: s}
			lasting := time.Duration(setting(t, "CRASH_SOAK", 3)) * time.Second
			random := rand.New(rand.NewPCG(seed(t), 215))
			var clients sync.WaitGroup
			for i := range 8 {
				own := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
				clients.Go(func() { soak.live(own) })
			}
			var thirds [3]state
			for i := range thirds {
				<-time.After(lasting / 3)
				thirds[i] = soak.measure(t)
				t.Logf("third %d: %v", i+1, thirds[i])
			}
			soak.rest.Store(true)
			clients.Wait()
			first, last := thirds[0], thirds[2]
			if last.memory > first.memory*3/2+16<<10 {
				t.Errorf("memory grew from %d kB to %d kB", first.memory, last.memory)
			}
			if last.files > first.files+16 {
				t.Errorf("open files grew from %d to %d", first.files, last.files)
			}
			// In a few seconds one stall of the machine is a hundredth of all.
			if lasting >= time.Minute && last.p99 > 3*first.p99+50*time.Millisecond {
				t.Errorf("the slowest hundredth waited %v, and came to wait %v", first.p99, last.p99)
			}
			soak.check(s)
			driver, source := "pgx", place
			if kind == "sqlite" {
				driver, source = kind, strings.TrimPrefix(place, "sqlite:")
			}
			db := openSQL(t, driver, source)
			within(t, waiting, "all mail is sent", func() bool {
				var waiting int
				return db.QueryRow("SELECT count(*) FROM admit_outbox").Scan(&waiting) == nil && waiting == 0
			})
			if n := s.goroutines(t); n > 80 {
				t.Errorf("%d goroutines are left", n)
			}
			t.Logf("%v, seed %d: %v", lasting, seed(t), soak)
			checkWhole(t, place)
		})
	}
}

// soak is a load that lasts.
type soak struct {
	*witness
	server *server

	mu    sync.Mutex
	waits []time.Duration
}

// state is what may not grow.
type state struct {
	memory int // kB
	files  int
	p99    time.Duration
	served int
}

func (s state) String() string {
	return fmt.Sprintf("%d kB, %d files, %d requests, slowest hundredth %v", s.memory, s.files, s.served, s.p99.Round(time.Millisecond))
}

// live is the life of five people who come again and again.
func (s *soak) live(random *rand.Rand) {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	var people []string
	for range 5 {
		email := newName()
		if s.saw("sign-up", s.server.signUp(client, email), http.StatusCreated) {
			people = append(people, email)
		}
	}
	for !s.rest.Load() && len(people) > 0 {
		email := people[random.IntN(len(people))]
		a := s.timed("sign-in", s.server.signIn(client, email, password), http.StatusOK)
		access, refresh := a.text("accessToken"), a.text("refreshToken")
		for range random.IntN(10) {
			s.timed("me", s.server.me(client, access), http.StatusOK)
		}
		for range random.IntN(3) {
			a := s.timed("refresh", s.server.refresh(client, refresh), http.StatusOK)
			access, refresh = a.text("accessToken"), a.text("refreshToken")
		}
		switch random.IntN(4) {
		case 0:
			s.timed("a wrong password", s.server.signIn(client, email, another), http.StatusUnauthorized)
		case 1:
			s.timed("asking for a reset", s.server.ask(client, "POST", "/v1/auth/password/reset/request", "", object{"email": email}), http.StatusOK)
		}
		s.timed("sign-out", s.server.signOut(client, access), http.StatusOK)
	}
	for _, email := range people {
		s.note(signsIn(email))
	}
}

func (s *soak) timed(what string, a answer, want int) answer {
	s.saw(what, a, want)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waits = append(s.waits, a.took)
	return a
}

// measure looks at the server, and at the requests since it last did.
func (s *soak) measure(t *testing.T) state {
	t.Helper()
	s.mu.Lock()
	waits := s.waits
	s.waits = nil
	s.mu.Unlock()
	slices.Sort(waits)
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.server.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	memory, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil || len(waits) == 0 {
		t.Fatalf("%d requests; %v", len(waits), err)
	}
	return state{memory: memory, files: s.server.files(t), p99: waits[len(waits)*99/100], served: len(waits)}
}
