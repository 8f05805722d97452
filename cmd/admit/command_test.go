package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// asCommand makes the test program be the command, so that tests run it as a
// process of its own, race detector and all.
const asCommand = "ADMIT_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(pgtest.Main(m))
}

// place is where a test's command runs: a folder and a store of its own.
type scene struct {
	t      *testing.T
	folder string
	store  string
	secret string
}

// onEachStore runs a test on an SQLite file and on a PostgreSQL database, with
// the schema in place.
func onEachStore(t *testing.T, test func(s *scene)) {
	t.Run("sqlite", func(t *testing.T) {
		s := newScene(t)
		s.ok("migrate", "--apply")
		test(s)
	})
	t.Run("postgres", func(t *testing.T) {
		s := newScene(t)
		s.store = pgtest.Schema(t)
		s.ok("migrate", "--apply")
		test(s)
	})
}

// newScene has an SQLite file that does not exist yet.
func newScene(t *testing.T) *scene {
	folder := t.TempDir()
	return &scene{t: t, folder: folder, store: "sqlite:" + filepath.Join(folder, "app.db")}
}

// outcome is what a run of the command left.
type outcome struct {
	code     int
	out, err string
}

func (s *scene) command(args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	c := exec.Command(self, args...)
	c.Dir = s.folder
	c.Env = append(os.Environ(), asCommand+"=1", "ADMIT_STORE="+s.store, "ADMIT_SECRET="+s.secret)
	return c
}

// run runs the command with text on standard input.
func (s *scene) run(input string, args ...string) outcome {
	s.t.Helper()
	c := s.command(args...)
	var out, failed bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &failed
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return outcome{c.ProcessState.ExitCode(), out.String(), failed.String()}
}

// ok runs the command and expects it to succeed without a word of complaint.
func (s *scene) ok(args ...string) string {
	s.t.Helper()
	done := s.run("", args...)
	if done.code != 0 || done.err != "" {
		s.t.Fatalf("admit %s: exit %d\n%s%s", strings.Join(args, " "), done.code, done.out, done.err)
	}
	return done.out
}

// fails runs the command and expects an exit code and a complaint that holds all
// the given texts.
func (s *scene) fails(code int, complaint []string, args ...string) outcome {
	s.t.Helper()
	done := s.run("", args...)
	if done.code != code {
		s.t.Errorf("admit %s: exit %d, want %d\n%s%s", strings.Join(args, " "), done.code, code, done.out, done.err)
	}
	for _, text := range complaint {
		if !strings.Contains(done.err, text) {
			s.t.Errorf("admit %s complains without %q: %s", strings.Join(args, " "), text, done.err)
		}
	}
	return done
}

// document runs the command with --json and reads its one document.
func (s *scene) document(into any, args ...string) outcome {
	s.t.Helper()
	done := s.run("", append(args, "--json")...)
	decoder := json.NewDecoder(strings.NewReader(done.out))
	if err := decoder.Decode(into); err != nil {
		s.t.Fatalf("admit %s: %v in %q\n%s", strings.Join(args, " "), err, done.out, done.err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		s.t.Errorf("admit %s prints more than one document: %s", strings.Join(args, " "), done.out)
	}
	return done
}

func (s *scene) file(name, text string) string {
	s.t.Helper()
	name = filepath.Join(s.folder, name)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return name
}

// database opens the store as a host does.
func (s *scene) database() (database, *sql.DB) {
	s.t.Helper()
	a := &app{store: s.store}
	p, err := a.place()
	if err != nil {
		s.t.Fatal(err)
	}
	d, db, err := p.open()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = db.Close() })
	return d, db
}

const (
	olderSecret = "wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"
	newerSecret = "Zq4mN8bV1xC6kL0jH5gF9dS3aP7oI2uYtRwE"
)

// host is an application on the same store.
func (s *scene) host(change ...func(*admit.Config)) *admit.Auth {
	s.t.Helper()
	d, _ := s.database()
	config := admit.Config{
		BaseURL: "http://127.0.0.1:8080", Secrets: admit.Secrets(olderSecret), Store: d, Mailer: &mailer.Recorder{},
		Passwords: admit.PasswordConfig{InsecureFastHash: true}, InsecureNoLimits: true,
		Logger: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&config)
	}
	a, err := admit.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = a.Close(context.Background()) })
	return a
}

// withoutMail keeps a host from sending what it queues.
func withoutMail(c *admit.Config) { c.Store = quiet{c.Store} }

type quiet struct{ store.Store }

func (quiet) NextMail(context.Context, string, string) (time.Time, error) { return time.Time{}, nil }

// await waits for what another goroutine or process brings about.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("this does not happen: %s", what)
		case <-tick.C:
		}
	}
}
