package crash

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// drainTime is how long the server may take to stop, and what a busy machine
// adds to that.
var drainTime = 10*time.Second + patience

// silent accepts connections and says nothing, like a mail server that hangs.
func silent(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			if _, err := listener.Accept(); err != nil {
				return
			}
		}
	}()
	return listener.Addr().String()
}

// closed is an address where nobody listens.
func closed(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// ended sends SIGTERM and demands that the server ends well and in time.
func (s *server) ended(t *testing.T) {
	t.Helper()
	began := time.Now()
	if err := s.terminate(); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, s.log.String())
	}
	if took := time.Since(began); took > drainTime {
		t.Errorf("the server took %v to end", took)
	}
}

// AC-214, RL-10: a server that is told to stop under load answers whatever it
// has taken on; what it did not answer it has not done; it ends with 0 in time,
// and mail that could not be sent goes out with the next server.
func TestAC214_AServerThatIsToldToStopBreaksNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind string
		smtp func(*testing.T) string
	}{{"sqlite", silent}, {"postgres", closed}} {
		t.Run(c.kind, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			place := place(t, c.kind, folder)
			s := start(t, folder, place, "-smtp", c.smtp(t))
			w := newWitness(t)
			var mu sync.Mutex
			var mailed []string
			var clients sync.WaitGroup
			var served atomic.Int64
			for range 8 {
				clients.Go(func() {
					client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{}}
					defer client.CloseIdleConnections()
					for {
						email := newName()
						a := s.signUp(client, email)
						if !w.saw("sign-up", a, http.StatusCreated) {
							w.note(untouched(email))
							return
						}
						mu.Lock()
						mailed = append(mailed, email)
						mu.Unlock()
						w.note(signsIn(email))
						if !w.saw("sign-out", s.signOut(client, a.text("accessToken")), http.StatusOK) {
							w.note(stillIn(a.text("accessToken")))
							return
						}
						w.note(signedOut(a.text("accessToken"), a.text("refreshToken")))
						served.Add(1)
					}
				})
			}
			within(t, waiting, "some are served", func() bool { return served.Load() > 30 })
			s.ended(t)
			clients.Wait()
			if n := w.refused.Load(); n > 0 {
				t.Errorf("%d requests were refused:\n%s", n, s.log.String())
			}

			s = start(t, folder, place)
			w.check(s)
			client := newClient(t)
			// What the old server has claimed is free after its lease of a minute.
			within(t, waiting, "everybody's mail is sent", func() bool {
				sent := map[string]bool{}
				for _, l := range s.mailbox(t, client) {
					sent[l.To] = true
				}
				for _, email := range mailed {
					if !sent[email] {
						return false
					}
				}
				return true
			})
			t.Logf("%v; %d mails sent by the next server", w, len(mailed))
			checkWhole(t, place)
		})
	}
}

// untouched: a sign-up without an answer was not begun.
func untouched(email string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.signUp(client, email); a.status != http.StatusCreated {
			return fmt.Sprintf("a sign-up without an answer was done: %d %v", a.status, a.body)
		}
		return ""
	}
}

// stillIn: a sign-out without an answer was not begun.
func stillIn(access string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.me(client, access); a.status != http.StatusOK {
			return fmt.Sprintf("a sign-out without an answer was done: %d %v", a.status, a.body)
		}
		return ""
	}
}

// AC-214, RL-10: requests that wait for the database when the server is told to
// stop are answered before it ends.
func TestAC214_RequestsUnderWayAreAnswered(t *testing.T) {
	place := pgtest.Open(t)
	s := start(t, t.TempDir(), place)
	client := newClient(t)
	db := openSQL(t, "pgx", place)
	end := begin(t, db, "BEGIN", "LOCK TABLE admit_users IN ACCESS EXCLUSIVE MODE")
	defer end()
	const crowded = 8
	var answers []answer
	var under sync.WaitGroup
	under.Go(func() { answers = crowd(crowded, func() answer { return s.signUp(client, newName()) }) })
	within(t, back, "all wait for the lock", func() bool {
		var waiting int
		err := db.QueryRow("SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())").Scan(&waiting)
		return err == nil && waiting >= crowded
	})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		s.ended(t)
	}()
	within(t, back, "nobody new is let in", func() bool {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			connection.Close()
		}
		return err != nil
	})
	end()
	under.Wait()
	<-stopped
	for _, a := range answers {
		if a.status != http.StatusCreated {
			t.Errorf("a request under way: %d %v %v", a.status, a.body, a.err)
		}
	}
}
