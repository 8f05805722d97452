package crash

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// smallDisk mounts a disk of some megabytes and returns where. Only root may.
func smallDisk(t *testing.T, megabytes int) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "admit-disk-") //nolint:usetesting // the user of the database must reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(folder) })
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, fmt.Sprintf("size=%dm,mode=0755", megabytes)); err != nil {
		t.Skipf("no small disk: %v; run the test as root, where tmpfs may be mounted", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount %s: %v", folder, err)
			_ = syscall.Unmount(folder, syscall.MNT_DETACH)
		}
	})
	return folder
}

// fill takes all the space of a disk, and returns how to give it back.
func fill(t *testing.T, disk string) (empty func()) {
	t.Helper()
	name := filepath.Join(disk, "ballast")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var zeros endless
	if _, err := io.Copy(file, zeros); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	return sync.OnceFunc(func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	})
}

// endless gives zeros.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// starved runs clients against a server whose database loses what it needs, and
// demands: writes come to be 503, who is signed in is known meanwhile (where
// reads go on), the same server serves again once it has what it needs, and
// everything acknowledged holds.
type starved struct {
	server *server
	place  string
	// take takes what the database needs; give gives it back.
	take func() (give func())
	// blind says that reading is impossible too.
	blind bool
}

func (c starved) run(t *testing.T) {
	t.Helper()
	w, client, s := newWitness(t), newClient(t), c.server
	random := rand.New(rand.NewPCG(seed(t), 201))
	rounds := setting(t, "CRASH_STARVED", 1)
	var recovery []time.Duration
	for range rounds {
		w.rest.Store(false)
		email := newName()
		tokens := s.signUp(client, email)
		if tokens.status != http.StatusCreated {
			t.Fatalf("sign-up: %+v", tokens)
		}
		wait := w.load(4, s, s.secret, random)
		somewhen(random)
		give := c.take()
		// What room there is in the pages may be used up first.
		within(t, waiting, "a sign-up is refused", func() bool {
			return !w.saw("sign-up", s.signUp(client, newName()), http.StatusCreated)
		})
		for range 5 {
			if a := s.me(client, tokens.text("accessToken")); c.blind {
				w.saw("me", a, http.StatusOK)
			} else if a.status != http.StatusOK {
				t.Errorf("who is signed in is not known meanwhile: %d %v", a.status, a.body)
			}
			if a := s.signIn(client, email, password); !w.saw("sign-in", a, http.StatusOK) && a.text("accessToken") != "" {
				t.Error("a refusal holds a token")
			}
		}
		give()
		recovery = append(recovery, within(t, back, "a sign-up with what it needs", func() bool {
			return w.saw("sign-up", s.signUp(client, newName()), http.StatusCreated)
		}))
		w.rest.Store(true)
		wait()
		w.note(signsIn(email))
		w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
		w.check(s)
	}
	median, worst := spread(recovery)
	t.Logf("%d times, seed %d: %v, none lost or doubled; back in %v (median), %v (worst)", rounds, seed(t), w, median, worst)
	checkWhole(t, c.place)
}

// AC-201, RL-04, on a disk that is really full.
func TestAC201_AServerOutlivesAFullDisk(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		disk := smallDisk(t, 8)
		place := "sqlite:" + filepath.Join(disk, "admit.db")
		s := start(t, t.TempDir(), place)
		starved{server: s, place: place, take: func() func() { return fill(t, disk) }}.run(t)
		// What was acknowledged is in the file, not only in the server.
		s.kill()
		checkWhole(t, place)
	})
	t.Run("postgres", func(t *testing.T) {
		disk := smallDisk(t, 96)
		// The log of what was written has a disk of its own.
		cluster := pgtest.NewCluster(t, disk, "--wal-segsize=1", "--waldir="+pgtest.Folder(t))
		place := cluster.Database("filled")
		starved{server: start(t, t.TempDir(), place), place: place, take: func() func() { return fill(t, disk) }}.run(t)
	})
	// Without room for its log PostgreSQL ends itself; somebody starts it again
	// when there is room.
	t.Run("postgres_log", func(t *testing.T) {
		disk := smallDisk(t, 96)
		cluster := pgtest.NewCluster(t, disk, "--wal-segsize=1")
		cluster.Set("min_wal_size=2MB", "max_wal_size=4MB", "wal_recycle=off", "checkpoint_timeout=30s")
		cluster.Stop(syscall.SIGINT)
		cluster.Start()
		place := cluster.Database("filled")
		starved{
			server: start(t, t.TempDir(), place), place: place, blind: true,
			take: func() func() {
				empty := fill(t, disk)
				return func() {
					empty()
					cluster.Stop(syscall.SIGQUIT)
					cluster.Start()
				}
			},
		}.run(t)
	})
}
