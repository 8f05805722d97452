package crash

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// patience is how long anybody may have to wait for a refusal: the time limit of a
// request, and what a machine that is busy with other tests adds. CRASH_PATIENCE
// sets it in seconds; .ci/long measures with 5.
var patience = func() time.Duration {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("CRASH_PATIENCE"), "60"))
	if err != nil {
		panic(err)
	}
	return time.Duration(n) * time.Second
}()

// waiting is how long a test waits for what must come at some time.
const waiting = 3 * time.Minute

// requestTimeout is the server's own time limit for a request.
const requestTimeout = 4 * time.Second

// openSQL opens the database of a server once more, as another program would.
func openSQL(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// begin runs statements in a transaction and leaves it open.
func begin(t *testing.T, db *sql.DB, statements ...string) (end func()) {
	t.Helper()
	c, err := db.Conn(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	// A worker of the server may be writing just then.
	within(t, waiting, strings.Join(statements, ", "), func() bool {
		for _, statement := range statements {
			if _, err = c.ExecContext(context.Background(), statement); err != nil {
				return false
			}
		}
		return true
	})
	return sync.OnceFunc(func() {
		if _, err := c.ExecContext(context.Background(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// crowd sends n requests at once and returns the answers.
func crowd(n int, send func() answer) []answer {
	answers := make([]answer, n)
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() { answers[i] = send() })
	}
	clients.Wait()
	return answers
}

// refusedInTime demands that everybody was refused, and soon.
func refusedInTime(t *testing.T, w *witness, what string, answers []answer) {
	t.Helper()
	for _, a := range answers {
		if w.saw(what, a, http.StatusOK) {
			t.Errorf("%s let somebody in: %v", what, a.body)
		}
		if a.status != http.StatusServiceUnavailable || a.took > patience {
			t.Errorf("%s: %d after %v", what, a.status, a.took)
			return
		}
	}
}

// AC-198, RL-04: with every connection of the server waiting for somebody's idle
// transaction, everybody is 503 within seconds, and nothing is stuck afterwards.
func TestAC198_AServerWhoseConnectionsAreAllHeldRefusesInTime(t *testing.T) {
	place := pgtest.Open(t)
	s := start(t, t.TempDir(), place)
	client, w := newClient(t), newWitness(t)
	w.rest.Store(true)
	email := newName()
	tokens := s.signUp(client, email)
	end := begin(t, openSQL(t, "pgx", place), "BEGIN", "LOCK TABLE admit_users, admit_sessions IN ACCESS EXCLUSIVE MODE")
	defer end()
	// More than the server has connections, through every kind of verb.
	refusedInTime(t, w, "a crowd before a held lock", crowd(60, func() answer {
		switch rand.N(3) {
		case 0:
			return s.signIn(client, email, password)
		case 1:
			return s.me(client, tokens.text("accessToken"))
		default:
			return s.refresh(client, tokens.text("refreshToken"))
		}
	}))
	end()
	within(t, back, "a sign-in after the lock", func() bool { return s.signIn(client, email, password).status == http.StatusOK })
	for _, a := range crowd(60, func() answer { return s.signIn(client, email, password) }) {
		if !w.saw("sign-in", a, http.StatusOK) {
			t.Errorf("after the lock: %d %v", a.status, a.body)
		}
	}
	w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
	w.check(s)
}

// AC-198, RL-04: a database that gives no more connections is one that is away.
func TestAC198_ADatabaseWithoutFreeConnectionsIsAway(t *testing.T) {
	t.Parallel()
	const all = 8
	cluster := pgtest.NewCluster(t, "")
	cluster.Stop(syscall.SIGINT)
	cluster.Set(fmt.Sprintf("max_connections=%d", all), "superuser_reserved_connections=0", "max_wal_senders=0", "autovacuum=off")
	cluster.Start()
	place := cluster.Database("crowded")
	s := start(t, t.TempDir(), place)
	client, w := newClient(t), newWitness(t)
	email := newName()
	tokens := s.signUp(client, email)
	// The server's own connections are ended, and all there are taken and left idle
	// in a transaction.
	db := openSQL(t, "pgx", place)
	var held []*sql.Conn
	within(t, back, "every connection is taken", func() bool {
		c, err := db.Conn(t.Context())
		if err == nil {
			held = append(held, c)
			_, err = c.ExecContext(t.Context(), "BEGIN")
		}
		if err != nil || len(held) == 1 {
			// A transaction sees the list as it was first unless it forgets that.
			for _, statement := range []string{
				"SELECT pg_stat_clear_snapshot()",
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND datname = 'crowded'",
			} {
				if _, err := held[0].ExecContext(t.Context(), statement); err != nil {
					t.Fatal(err)
				}
			}
		}
		return len(held) == all
	})
	refusedInTime(t, w, "a crowd without a connection", crowd(40, func() answer {
		if rand.N(2) == 0 {
			return s.signIn(client, email, password)
		}
		return s.me(client, tokens.text("accessToken"))
	}))
	for _, c := range held {
		if _, err := c.ExecContext(t.Context(), "ROLLBACK"); err != nil {
			t.Error(err)
		}
		c.Close()
	}
	db.Close()
	within(t, back, "a sign-in with connections", func() bool { return s.signIn(client, email, password).status == http.StatusOK })
	w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
	w.check(s)
}

// AC-200, RL-04: another process that holds the lock of an SQLite file for a
// while delays writers; one that keeps it makes them 503. Readers go on.
func TestAC200_AnotherProcessMayHoldTheLockOfTheFile(t *testing.T) {
	folder := t.TempDir()
	file := filepath.Join(folder, "admit.db")
	s := start(t, folder, "sqlite:"+file)
	client, w := newClient(t), newWitness(t)
	email := newName()
	tokens := s.signUp(client, email)
	db := openSQL(t, "sqlite", file)

	end := begin(t, db, "BEGIN IMMEDIATE")
	time.AfterFunc(2*time.Second, end)
	for _, a := range crowd(20, func() answer { return s.signIn(client, email, password) }) {
		// On a machine that is busy with others a request may come to its own limit.
		if !w.saw("sign-in behind a lock of 2 s", a, http.StatusOK) && (a.status != http.StatusServiceUnavailable || a.took < requestTimeout) {
			t.Errorf("behind a lock of 2 s: %d %v after %v", a.status, a.body, a.took)
		}
	}

	end = begin(t, db, "BEGIN IMMEDIATE")
	defer end()
	var writers sync.WaitGroup
	writers.Go(func() {
		refusedInTime(t, w, "a crowd before a lock for ever", crowd(20, func() answer { return s.signIn(client, email, password) }))
	})
	writers.Go(func() {
		refusedInTime(t, w, "refreshes before a lock for ever", crowd(5, func() answer { return s.refresh(client, tokens.text("refreshToken")) }))
	})
	for range 20 {
		if a := s.me(client, tokens.text("accessToken")); a.status != http.StatusOK { // who waits for the lock is refused
			t.Errorf("a reader beside a lock for ever: %d after %v", a.status, a.took)
		}
	}
	writers.Wait()
	end()
	within(t, back, "a sign-in after the lock", func() bool { return s.signIn(client, email, password).status == http.StatusOK })
	w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
	w.check(s)
	checkWhole(t, "sqlite:"+file)
}

// AC-202, RL-04: a database that takes no writes lets nobody in; who has a
// session goes on.
func TestAC202_AServerOnAReadOnlyDatabaseLetsNobodyIn(t *testing.T) {
	place := pgtest.Open(t)
	s := start(t, t.TempDir(), place)
	client, w := newClient(t), newWitness(t)
	email := newName()
	tokens := s.signUp(client, email)
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	name := u.Path[1:]
	readOnly := func(on string) {
		u.Path = "/postgres"
		db := openSQL(t, "pgx", u.String())
		for _, statement := range []string{
			"ALTER DATABASE " + name + " SET default_transaction_read_only = " + on,
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'",
		} {
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
	}
	readOnly("on")
	within(t, back, "reading goes on with new connections", func() bool {
		return s.me(client, tokens.text("accessToken")).status == http.StatusOK
	})
	refusedInTime(t, w, "sign-in on a read-only database", crowd(8, func() answer { return s.signIn(client, email, password) }))
	refusedInTime(t, w, "sign-up on a read-only database", crowd(8, func() answer { return s.signUp(client, newName()) }))
	refusedInTime(t, w, "refresh on a read-only database", crowd(8, func() answer { return s.refresh(client, tokens.text("refreshToken")) }))
	refusedInTime(t, w, "sign-out on a read-only database", crowd(8, func() answer { return s.signOut(client, tokens.text("accessToken")) }))
	if a := s.me(client, tokens.text("accessToken")); a.status != http.StatusOK {
		t.Errorf("a session that was not signed out: %d", a.status)
	}
	readOnly("off")
	within(t, back, "a sign-in with writes again", func() bool { return s.signIn(client, email, password).status == http.StatusOK })
	w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
	w.check(s)
}

// AC-205, RL-04: behind a database that takes two seconds for every exchange,
// two hundred clients are answered in time, and once it is quick again nothing
// is piled up.
func TestAC205_ASlowDatabaseIsGivenUpInTime(t *testing.T) {
	wire := newWire(t, pgtest.Open(t))
	s := start(t, t.TempDir(), wire.URL)
	client, w := newClient(t), newWitness(t)
	email := newName()
	tokens := s.signUp(client, email)
	wire.slow(2 * time.Second)
	for _, a := range crowd(200, func() answer {
		if rand.N(2) == 0 {
			return s.me(client, tokens.text("accessToken"))
		}
		return s.signIn(client, email, password)
	}) {
		w.saw("a request behind a slow database", a, http.StatusOK)
		if a.took > patience {
			t.Errorf("%d after %v", a.status, a.took)
		}
	}
	wire.slow(0)
	within(t, back, "a sign-in with a quick database", func() bool { return s.signIn(client, email, password).status == http.StatusOK })
	for _, a := range crowd(200, func() answer { return s.me(client, tokens.text("accessToken")) }) {
		if a.status != http.StatusOK {
			t.Errorf("after the pile: %d after %v", a.status, a.took)
		}
	}
	w.note(oneSuccessor([]string{tokens.text("refreshToken")}))
	w.check(s)
	t.Log(w)
	client.CloseIdleConnections()
	within(t, back, "the connections of the crowd are closed", func() bool { return s.files(t) < 60 })
	if n := s.goroutines(t); n > 80 {
		t.Errorf("%d goroutines are left", n)
	}
}
