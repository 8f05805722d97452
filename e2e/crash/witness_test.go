package crash

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	_ "modernc.org/sqlite"             // the SQLite driver
)

// fact is something that must hold from now on. It is told to a server, and
// answers what is wrong, "" for nothing.
type fact func(s *server, client *http.Client) string

// witness sends requests and remembers what must hold because of the answers.
type witness struct {
	t testing.TB
	// rest tells the clients to stop.
	rest atomic.Bool

	mu      sync.Mutex
	facts   []fact
	checked int
	// repeated is how many questions about facts were asked again after a 503.
	repeated int64
	odd      map[string]int
	slowest  time.Duration

	acknowledged, refused, unknown atomic.Int64
}

func newWitness(t testing.TB) *witness { return &witness{t: t, odd: map[string]int{}} }

// String is the balance.
func (w *witness) String() string {
	return fmt.Sprintf("%d requests acknowledged, %d refused, %d unknown, slowest %v; %d facts checked, with %d questions asked again",
		w.acknowledged.Load(), w.refused.Load(), w.unknown.Load(), w.slowest.Round(time.Millisecond), w.checked, w.repeated)
}

func (w *witness) note(f fact) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.facts = append(w.facts, f)
}

// saw counts an answer and says whether it is the wanted one. A refusal that is
// not 503 with the time to come again is odd, and fails the test.
func (w *witness) saw(what string, a answer, want int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.slowest = max(w.slowest, a.took)
	switch {
	case a.status == want:
		w.acknowledged.Add(1)
		return true
	case a.status == 0:
		w.unknown.Add(1)
	case a.status == http.StatusServiceUnavailable && a.code() == "auth/unavailable" && a.retryAfter != "":
		w.refused.Add(1)
	default:
		w.odd[fmt.Sprintf("%s answered %d %v", what, a.status, a.body)]++
	}
	return false
}

var names atomic.Int64

func newName() string { return fmt.Sprintf("user%d@x.test", names.Add(1)) }

// load lets n clients work until rest is set, and returns how to wait for them.
func (w *witness) load(n int, s *server, secret string, random *rand.Rand) (wait func()) {
	var clients sync.WaitGroup
	for i := range n {
		own := rand.New(rand.NewPCG(random.Uint64(), uint64(i)))
		clients.Go(func() {
			client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for !w.rest.Load() {
				if !w.story(s, client, secret, own) {
					// Refused or cut off: not at once again.
					<-time.After(25 * time.Millisecond)
				}
			}
		})
	}
	return clients.Wait
}

// story is what one person does, and says whether everything was acknowledged.
func (w *witness) story(s *server, client *http.Client, secret string, random *rand.Rand) bool {
	email := newName()
	a := s.signUp(client, email)
	if !w.saw("sign-up", a, http.StatusCreated) {
		w.note(retriedSignUp(email))
		return false
	}
	w.note(signsIn(email))
	access, chain := a.text("accessToken"), []string{a.text("refreshToken")}
	for range random.IntN(4) {
		a := s.refresh(client, chain[len(chain)-1])
		if !w.saw("refresh", a, http.StatusOK) {
			w.note(oneSuccessor(chain))
			return false
		}
		access = a.text("accessToken")
		chain = append(chain, a.text("refreshToken"))
	}
	if !w.saw("me", s.me(client, access), http.StatusOK) {
		w.note(oneSuccessor(chain))
		return false
	}
	switch random.IntN(3) {
	case 0:
		if !w.saw("sign-out", s.signOut(client, access), http.StatusOK) {
			w.note(retriedSignOut(access, chain[len(chain)-1]))
			return false
		}
		w.note(signedOut(access, chain[len(chain)-1]))
	case 1:
		a := s.ask(client, "POST", "/v1/admin/api-keys", secret, object{"name": "crash", "type": "secret"})
		if !w.saw("new key", a, http.StatusCreated) {
			return false
		}
		if !w.saw("revocation", s.ask(client, "DELETE", "/v1/admin/api-keys/"+a.text("id"), secret, nil), http.StatusOK) {
			w.note(retriedRevocation(secret, a.text("id"), a.text("key")))
			return false
		}
		w.note(revoked(a.text("key")))
	default:
		w.note(oneSuccessor(chain))
	}
	return true
}

func signsIn(email string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.signIn(client, email, password); a.status != http.StatusOK {
			return fmt.Sprintf("an acknowledged sign-up is lost: %d %v", a.status, a.body)
		}
		return ""
	}
}

// retriedSignUp: one that was not acknowledged has been done or not, and either
// way trying again ends well.
func retriedSignUp(email string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.signUp(client, email); a.status != http.StatusCreated && a.status != http.StatusConflict {
			return fmt.Sprintf("a sign-up cannot be tried again: %d %v", a.status, a.body)
		}
		return signsIn(email)(s, client)
	}
}

func signedOut(access, refresh string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.me(client, access); a.status != http.StatusUnauthorized {
			return fmt.Sprintf("an acknowledged sign-out is lost: me answers %d", a.status)
		}
		if a := s.refresh(client, refresh); a.status != http.StatusUnauthorized {
			return fmt.Sprintf("an acknowledged sign-out is lost: refresh answers %d", a.status)
		}
		return ""
	}
}

func retriedSignOut(access, refresh string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.signOut(client, access); a.status != http.StatusOK && a.status != http.StatusUnauthorized {
			return fmt.Sprintf("a sign-out cannot be tried again: %d %v", a.status, a.body)
		}
		return signedOut(access, refresh)(s, client)
	}
}

func revoked(key string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.ask(client, "GET", "/v1/admin/api-keys", key, nil); a.status != http.StatusUnauthorized {
			return fmt.Sprintf("an acknowledged revocation is lost: %d", a.status)
		}
		return ""
	}
}

func retriedRevocation(secret, id, key string) fact {
	return func(s *server, client *http.Client) string {
		if a := s.ask(client, "DELETE", "/v1/admin/api-keys/"+id, secret, nil); a.status != http.StatusOK {
			return fmt.Sprintf("a revocation cannot be tried again: %d %v", a.status, a.body)
		}
		return revoked(key)(s, client)
	}
}

// oneSuccessor: the last token that was acknowledged has one successor, however
// often it is shown, also when an exchange of it was refused or cut off; the
// one before it is worth nothing.
func oneSuccessor(chain []string) fact {
	return func(s *server, client *http.Client) string {
		last := chain[len(chain)-1]
		a := s.refresh(client, last)
		if a.status != http.StatusOK {
			return fmt.Sprintf("an acknowledged refresh token is lost: %d %v", a.status, a.body)
		}
		if again := s.refresh(client, last); again.status != http.StatusOK || again.text("refreshToken") != a.text("refreshToken") {
			return fmt.Sprintf("a refresh token has two successors: %d %v", again.status, again.body)
		}
		if len(chain) > 1 {
			if a := s.refresh(client, chain[len(chain)-2]); a.status != http.StatusUnauthorized {
				return fmt.Sprintf("a refresh token was accepted twice: %d", a.status)
			}
		}
		return ""
	}
}

// check asks a healthy server whether every fact noted since the last check
// holds, and forgets them.
func (w *witness) check(s *server) {
	w.t.Helper()
	w.mu.Lock()
	facts := w.facts
	w.facts = nil
	w.checked += len(facts)
	for what, times := range w.odd {
		w.t.Errorf("%d times: %s", times, what)
	}
	clear(w.odd)
	w.mu.Unlock()
	s.patient.Store(true)
	defer s.patient.Store(false)
	var workers sync.WaitGroup
	const hands = 8
	for i := range hands {
		workers.Go(func() {
			client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			for at := i; at < len(facts); at += hands {
				if wrong := facts[at](s, client); wrong != "" {
					w.t.Error(wrong)
				}
			}
		})
	}
	workers.Wait()
	w.repeated += s.repeated.Swap(0)
}

// open opens a database beside the servers, until the test ends.
func open(t testing.TB, place string) *sql.DB {
	t.Helper()
	driver, source := "pgx", place
	if file, ok := strings.CutPrefix(place, "sqlite:"); ok {
		driver, source = "sqlite", file
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// checkWhole looks into a database for damage and for halves of accounts.
func checkWhole(t testing.TB, place string) {
	t.Helper()
	db := open(t, place)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if strings.HasPrefix(place, "sqlite:") {
		var verdict string
		if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
			t.Errorf("integrity check: %s %v", verdict, err)
		}
	} else if _, err := db.ExecContext(ctx, "CREATE EXTENSION IF NOT EXISTS amcheck"); err != nil {
		t.Error(err)
	} else if _, err := db.ExecContext(ctx, `SELECT bt_index_check(c.oid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relname LIKE 'admit\_%'`); err != nil {
		t.Errorf("amcheck: %v", err)
	}
	for what, query := range map[string]string{
		"accounts without a password":  "SELECT count(*) FROM admit_users u WHERE NOT EXISTS (SELECT 1 FROM admit_passwords p WHERE p.user_id = u.id)",
		"passwords without an account": "SELECT count(*) FROM admit_passwords p WHERE NOT EXISTS (SELECT 1 FROM admit_users u WHERE u.id = p.user_id)",
		"sessions without an account":  "SELECT count(*) FROM admit_sessions s WHERE NOT EXISTS (SELECT 1 FROM admit_users u WHERE u.id = s.user_id)",
		"addresses with two accounts":  "SELECT count(*) FROM (SELECT email_key FROM admit_users GROUP BY email_key HAVING count(*) > 1) AS d",
	} {
		var n int
		if err := db.QueryRowContext(ctx, query).Scan(&n); err != nil || n != 0 {
			t.Errorf("%s: %d %v", what, n, err)
		}
	}
}

// median and worst of durations.
func spread(all []time.Duration) (median, worst time.Duration) {
	if len(all) == 0 {
		return 0, 0
	}
	slices.Sort(all)
	return all[len(all)/2].Round(time.Millisecond), all[len(all)-1].Round(time.Millisecond)
}
