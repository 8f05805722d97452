// Package harness starts an Auth behind a real HTTP server, on memory or on
// every store, with a clock of its own, a mailbox and a log that can be
// searched. Every response is checked against the contract. After each test the
// harness checks that the server still answers, that no goroutine is left, and
// that no secret of the test is in the log, in the database or in an event.
package harness

import (
	"context"
	"errors"
	"hash/fnv"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/avatar"
	"github.com/admit-go/admit/e2e/internal/contract"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/passkey"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// Secret is the secret of the servers of all tests.
const Secret = "6f1d8a3c5b7e90124d3f6a8b9c0e1d2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9"

// BaseURL is the Config.BaseURL of all servers.
const BaseURL = "https://app.example"

// Patience is how long a test waits for something that must happen, before it
// fails. No test measures time with it, because the machine may be busy.
const Patience = time.Minute

// settleTime is how long the clock waits for mail before it moves. A mailer that
// hangs makes each move take as long.
const settleTime = 10 * time.Second

// Server is one process of a host.
type Server struct {
	T     testing.TB
	Auth  *admit.Auth
	Store store.Store
	// URL is the address at which the server listens.
	URL string
	// The processes on one store share a clock, a mailbox and a log.
	*World

	server    *httptest.Server
	transport *http.Transport
	client    *http.Client
}

// World is the surroundings that all processes of a test share.
type World struct {
	// Kind is the name of the store: memory, sqlite or postgres.
	Kind  string
	Clock *Clock
	Mail  *mailer.Recorder
	Log   *Log
	// Blobs are the files of every process.
	Blobs *memory.Blobs
	// DNS is the name server of every process.
	DNS *DNS

	secrets   sync.Map // the place that each text comes from, by the text
	addresses sync.Map // every address that was sent
	first     store.Store
	place     place
	options   []Option
}

// Option changes the configuration of a server.
type Option func(*admit.Config)

// EveryStore runs a test on every store, each time with a new server. Use it where
// requests meet, and where the store decides. With the race detector it runs on memory
// alone. store/drivertest runs the SQL stores with the race detector.
func EveryStore(t *testing.T, test func(t *testing.T, s *Server), options ...Option) {
	t.Helper()
	eachOf(t, kinds, test, options)
}

// Each runs a test on memory and on one SQL store, which the name of the test chooses.
// Use it for what is written and read back. With STORES=all, which `.ci/long stores`
// sets, it runs on every store.
func Each(t *testing.T, test func(t *testing.T, s *Server), options ...Option) {
	t.Helper()
	chosen := kinds
	if len(kinds) > 2 && os.Getenv("STORES") != "all" {
		h := fnv.New32a()
		h.Write([]byte(t.Name()))
		chosen = []kind{kinds[0], kinds[1+h.Sum32()%uint32(len(kinds)-1)]}
	}
	eachOf(t, chosen, test, options)
}

// OnMemory runs a test of a rule that does not depend on the store. With
// STORES=all, which `.ci/long stores` sets, it runs on every store.
func OnMemory(t *testing.T, test func(t *testing.T, s *Server), options ...Option) {
	t.Helper()
	if os.Getenv("STORES") == "all" {
		eachOf(t, kinds, test, options)
		return
	}
	eachOf(t, kinds[:1], test, options)
}

func eachOf(t *testing.T, kinds []kind, test func(t *testing.T, s *Server), options []Option) {
	t.Helper()
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) {
			test(t, start(t, kind, options))
		})
	}
}

// New starts a server on the memory store, for a test that does not depend on
// the store.
func New(t *testing.T, options ...Option) *Server {
	t.Helper()
	return start(t, memoryKind, options)
}

// counted are the tests whose goroutines are counted at the end of their first server.
var counted sync.Map

func start(t testing.TB, kind kind, options []Option) *Server {
	t.Helper()
	loadContract(t)
	at := kind.place(t)
	goroutines := runtime.NumGoroutine()
	world := &World{Kind: kind.name, Mail: &mailer.Recorder{}, Log: &Log{}, Blobs: &memory.Blobs{}, DNS: &DNS{}, place: at, options: options}
	world.Clock = &Clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), settle: world.settle}
	// The workers of one server start while another server of the test begins, so the
	// goroutines are counted when all servers of the test have ended.
	_, another := counted.LoadOrStore(t, true)
	t.Cleanup(func() {
		if !another {
			counted.Delete(t)
			world.checkGoroutines(t, goroutines)
		}
		world.checkLog(t)
		world.checkSecrets(t, "the database", at.dump(t))
	})
	return world.process(t)
}

// Process starts another process of the host on the same store.
func (s *Server) Process(options ...Option) *Server {
	s.T.Helper()
	return s.process(s.T, options...)
}

func (w *World) process(t testing.TB, options ...Option) *Server {
	t.Helper()
	s := &Server{T: t, World: w, Store: w.place.open(t)}
	if w.first == nil {
		w.first = s.Store
	}
	config := admit.Config{
		BaseURL: BaseURL,
		Secrets: admit.Secrets(Secret),
		Store:   s.Store,
		Mailer:  w.Mail,
		Logger:  slog.New(slog.NewJSONHandler(w.Log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     w.Clock.Now,
		// A machine that is busy with other tests must not look like a store that is
		// down.
		RequestTimeout: Patience,
		Passkeys:       admit.PasskeyConfig{Engine: passkey.Engine{}},
		Blobs:          w.Blobs,
		Avatars:        &avatar.Engine{},
		Domains:        admit.DomainConfig{Resolver: w.DNS},
	}
	config.Passwords.InsecureFastHash = true
	for _, option := range slices.Concat(w.options, options) {
		option(&config)
	}
	var err error
	if s.Auth, err = admit.New(config); err != nil {
		t.Fatal(err)
	}
	s.server = httptest.NewServer(s.handler())
	s.URL = s.server.URL
	s.transport = &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}
	s.client = &http.Client{
		Transport:     loadContract(t).Transport(t, s.transport, covered),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       2 * Patience,
	}
	t.Cleanup(s.stop)
	return s
}

// covered reports whether a path belongs to the API. The other paths belong to
// the host.
func covered(path string) bool { return !strings.HasPrefix(path, "/app/") }

// handler passes requests of the API on with their path unchanged, and serves
// the host's own routes with a multiplexer.
func (s *Server) handler() http.Handler {
	host := http.NewServeMux()
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, ok := admit.UserFrom(r.Context())
		if !ok {
			user.ID = "nobody"
		}
		w.Header().Set("X-User", user.ID)
	})
	host.Handle("/app/hello", s.Auth.RequireUser(hello))
	host.Handle("/app/optional", s.Auth.OptionalUser(hello))
	host.Handle("/app/admin", s.Auth.RequireRole("admin")(hello))
	host.Handle("/app/editor", s.Auth.RequireRole("editor")(hello))
	host.Handle("/app/posts", s.Auth.RequireUserOrKey("posts:write")(hello))
	host.Handle("/app/cron", s.Auth.RequireKey("cron:run")(hello))
	host.Handle("/app/verified", s.Auth.RequireVerified(hello))
	host.Handle("/app/recent", s.Auth.RequireRecent(hello))
	host.Handle("/app/factor", s.Auth.RequireFactor(hello))
	host.Handle("/app/notes/{owner}", s.Auth.RequirePolicy("admin | self", func(r *http.Request) string {
		return r.PathValue("owner")
	})(hello))
	api := s.Auth.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if covered(r.URL.Path) {
			api.ServeHTTP(w, r)
			return
		}
		host.ServeHTTP(w, r)
	})
}

// Guards are the host's own routes that only a signed-in caller may use.
func Guards() []string { return []string{"/app/hello", "/app/recent", "/app/posts"} }

// stop checks that the server still answers, and ends it.
func (s *Server) stop() {
	s.T.Helper()
	s.Do("GET", "/v1/auth/me", nil).Want(http.StatusUnauthorized, "auth/unauthorized")
	s.transport.CloseIdleConnections()
	s.server.Close()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := s.Auth.Close(ctx); err != nil {
		s.T.Errorf("close: %v", err)
	}
}

// Handler serves a request without a socket.
func (s *Server) Handler() http.Handler { return s.server.Config.Handler }

var loadContract = func() func(testing.TB) *contract.Contract {
	load := sync.OnceValues(func() (*contract.Contract, error) {
		file, err := specification()
		if err != nil {
			return nil, err
		}
		return contract.Load(file)
	})
	return func(t testing.TB) *contract.Contract {
		t.Helper()
		c, err := load()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}()

// specification finds openapi.yaml in the folder of the test or above it. A binary
// that is built with -trimpath does not know where its source is.
func specification() (string, error) {
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		file := filepath.Join(folder, "openapi.yaml")
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
		above := filepath.Dir(folder)
		if above == folder {
			return "", errors.New("there is no openapi.yaml in the folder of the test or above it")
		}
		folder = above
	}
}

// Contract returns the contract that every response is checked against.
func Contract(t testing.TB) *contract.Contract {
	t.Helper()
	return loadContract(t)
}

// checkGoroutines waits until no more goroutines run than before the test.
func (w *World) checkGoroutines(t testing.TB, before int) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for runtime.NumGoroutine() > before {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<16)
			t.Errorf("%d goroutines more than before the test:\n%s",
				runtime.NumGoroutine()-before, stacks[:runtime.Stack(stacks, true)])
			return
		}
		<-time.After(5 * time.Millisecond)
	}
}

// checkLog fails the test if the log contains a secret or an unexpected
// failure.
func (w *World) checkLog(t testing.TB) {
	t.Helper()
	text := w.Log.String()
	w.checkSecrets(t, "the log", text)
	w.addresses.Range(func(address, _ any) bool {
		if strings.Contains(text, address.(string)) {
			t.Errorf("the log holds the address %s", address)
		}
		return true
	})
	if w.Log.expected {
		return
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, `"level":"ERROR"`) {
			t.Errorf("the log holds an error: %.1000s", line)
		}
	}
}

// checkSecrets fails the test if a text contains a secret of the test (LG-02). It goes
// through a long text once, however many secrets there are.
func (w *World) checkSecrets(t testing.TB, where, text string) {
	t.Helper()
	const head = 6
	byHead := map[string][]string{}
	w.secrets.Range(func(key, what any) bool {
		secret := key.(string)
		if len(secret) >= head {
			byHead[secret[:head]] = append(byHead[secret[:head]], secret)
		} else if strings.Contains(text, secret) {
			t.Errorf("%s holds a %s", where, what)
		}
		return true
	})
	found := map[string]bool{}
	for i := range max(len(text)-head+1, 0) {
		for _, secret := range byHead[text[i:i+head]] {
			if strings.HasPrefix(text[i:], secret) && !found[secret] {
				found[secret] = true
				what, _ := w.secrets.Load(secret)
				t.Errorf("%s holds a %s", where, what)
			}
		}
	}
}

// Dump returns all content of the database as text, as a thief would read it. Of the
// store in memory it is the events.
func (w *World) Dump(t testing.TB) string {
	t.Helper()
	return w.place.dump(t)
}

// Keep makes the harness search everything that is logged, stored or answered
// with an error for a secret.
func (w *World) Keep(what, secret string) {
	if len(secret) >= 8 {
		w.secrets.Store(secret, what)
	}
}

// Log collects the log of the servers of a test.
type Log struct {
	mu       sync.Mutex
	text     strings.Builder
	expected bool
}

// Write takes a line.
func (l *Log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

// String returns everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// ExpectErrors says that the test makes the server fail.
func (l *Log) ExpectErrors() { l.expected = true }

// Clock is the time of all processes of a test. It stands still.
type Clock struct {
	mu     sync.Mutex
	now    time.Time
	settle func()
}

// Now is the time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance waits until the queued mail is sent, and then moves the time.
// Otherwise the jump would expire the mail.
func (c *Clock) Advance(by time.Duration) {
	c.settle()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// settle waits for the outbox to be empty, but not for a mailer that fails.
func (w *World) settle() {
	if w.first == nil {
		return
	}
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); <-time.After(time.Millisecond) {
		if next, err := w.first.NextMail(context.Background(), "", store.QueueMail); err != nil || next.IsZero() || next.After(w.Clock.Now()) {
			return
		}
	}
}
