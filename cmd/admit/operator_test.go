package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/drivertest/pgtest"
)

func TestKeyCreateNamesTheType(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	done := s.fails(2, []string{"--type", "publishable", "secret"}, "key", "create", "web")
	if done.out != "" {
		t.Errorf("a key was made: %s", done.out)
	}
	if list := s.ok("key", "list"); !strings.Contains(list, "no API keys") {
		t.Errorf("a key was made: %s", list)
	}
	s.ok("key", "create", "web", "--type", "publishable")
}

func TestSecretNewMakesNoSecondFileWithoutAWord(t *testing.T) {
	onEachStore(t, func(s *scene) {
		h := s.host(withoutMail)
		s.ok("secret", "new", "--write", "--secret-file", "first") // nothing is under a secret yet
		if _, err := h.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"}); err != nil {
			s.t.Fatal(err)
		}
		s.fails(1, []string{"second does not exist", "signing key", "--secret-file", "--new-file"}, "secret", "new", "--write", "--secret-file", "second")
		s.secret = olderSecret
		s.fails(1, []string{"ADMIT_SECRET", "--new-file"}, "secret", "new", "--write", "--secret-file", "second")
		if _, err := os.Stat(filepath.Join(s.folder, "second")); err == nil {
			s.t.Error("a second file was made")
		}
		if said := s.ok("secret", "new", "--write", "--secret-file", "first"); !strings.Contains(said, "Appended") {
			s.t.Errorf("to a file that exists: %s", said)
		}
		s.ok("secret", "new", "--write", "--new-file", "--secret-file", "second")
		s.fails(2, []string{"--write"}, "secret", "new", "--new-file")
	})
}

func TestDurationsHaveDaysAndWeeks(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3d": 72 * time.Hour, "30d": 720 * time.Hour, "2w": 336 * time.Hour, "1w2d3h": 219 * time.Hour, "1d12h": 36 * time.Hour, "90m": 90 * time.Minute,
	} {
		if got, ok := duration(text); !ok || got != want {
			t.Errorf("%s is %v, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "d", "-3d", "3 d", "3d3d", "1.5d", "999999999999d", "106751d", "106750d999999h", "d3", "3dx", "1d2w"} {
		got, ok := duration(text)
		if text == "106751d" { // the longest there is
			if !ok || got < 0 {
				t.Errorf("%s is %v, %v", text, got, ok)
			}
			continue
		}
		if ok {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

// FuzzDuration holds that no text is a length that goes backwards by overflow.
func FuzzDuration(f *testing.F) {
	for _, seed := range []string{"3d", "2w1d", "106751d23h", "9w", "1h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := duration(text); ok && got < 0 && !strings.Contains(text, "-") {
			t.Fatalf("%q is %v", text, got)
		}
	})
}

func TestRevokeBeforeAsksAndSaysHowMany(t *testing.T) {
	onEachStore(t, func(s *scene) {
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(context.Background(), admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		s.fails(1, []string{"1 session of 1 person", "--yes"}, "sessions", "revoke-before", "now")
		if _, _, err := h.VerifyToken(context.Background(), signed.SignedIn.Tokens.AccessToken); err != nil {
			s.t.Errorf("the session has ended: %v", err)
		}
		s.ok("sessions", "revoke-before", "now", "--yes")
		if _, _, err := h.VerifyToken(context.Background(), signed.SignedIn.Tokens.AccessToken); err == nil {
			s.t.Error("the session lives on")
		}
	})
}

func TestARoleThatNobodyHasIsASlipOfTheHand(t *testing.T) {
	onEachStore(t, func(s *scene) {
		s.ok("user", "create", "ann@example.com")
		s.fails(1, []string{`"superuser"`, "admin, guest, user", "--new-role"}, "user", "role", "ann@example.com", "superuser")
		s.fails(1, []string{"--new-role"}, "user", "create", "bob@example.com", "--role", "editr")
		s.fails(1, []string{"no such account"}, "user", "show", "bob@example.com")
		s.ok("user", "role", "ann@example.com", "editor", "--new-role")
		s.ok("user", "create", "bob@example.com", "--role", "editor")
	})
}

func TestAStoreThatCannotBeMeantIsQuotedAndGuessed(t *testing.T) {
	s := newScene(t)
	for text, want := range map[string]string{
		"notes.db":                                "did you mean sqlite:notes.db?",
		"./data/notes.sqlite":                     "did you mean sqlite:./data/notes.sqlite?",
		"file:app.db?cache=shared":                `"file:app.db?cache=shared"`,
		"sqlite3:app.db":                          "did you mean sqlite:app.db?",
		"sqlite:file:app.db?cache=shared":         "must be a path",
		"sqlite://app.db":                         "must be a path",
		"sqlite::memory:":                         "must be a path",
		"sqlite:":                                 "sqlite:app.db",
		"mysql://ann:hush@db/app":                 `"mysql://ann:xxxxx@db/app"`,
		"postgres:app":                            "postgres://USER:PASSWORD@HOST/DATABASE",
		"host=db user=app password=hush dbname=a": "postgres://USER:PASSWORD@HOST/DATABASE",
	} {
		done := s.fails(2, []string{want}, "migrate", "--store", text)
		if strings.Contains(done.err, "hush") {
			t.Errorf("%s: the password is shown: %s", text, done.err)
		}
	}
}

func TestNoTalkOfHTTPInAShell(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	for _, args := range [][]string{
		{"user", "create", "ann@example.com", "--role", "No!"}, {"user", "show", "missing@example.com"}, {"key", "revoke", "nothing"},
		{"key", "create", "x", "--type", "secret", "--scope", "not a scope"}, {"mail", "retry", "nothing"}, {"key", "create", "", "--type", "secret"},
	} {
		done := s.fails(1, nil, args...)
		for _, word := range []string{"request", "body", "header", "Please", "service", "our side", "JSON", "400", "404"} {
			if strings.Contains(done.err, word) {
				t.Errorf("%q answers %q", args, done.err)
			}
		}
	}
}

func TestUsersAreListedVerifiedRenamedAndDeleted(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "eve@example.com", Password: password, Name: "Eve 100%"})
		if err != nil {
			s.t.Fatal(err)
		}
		s.ok("user", "create", "ann@example.com", "--role", "admin", "--verified")
		s.ok("user", "create", "bob@other.example")
		s.ok("user", "ban", "bob@other.example")
		for args, want := range map[string]string{
			"": "eve ann bob", "--search EXAMPLE.com": "eve ann", "--search 100%": "eve", "--search _": "", "--role admin": "ann", "--unverified": "eve bob",
			"--banned": "bob", "--limit 1": "eve", "--after " + signed.SignedIn.User.ID: "ann bob",
		} {
			var list struct {
				Users []userShown
				More  bool
			}
			s.document(&list, append([]string{"user", "list"}, strings.Fields(args)...)...)
			var got []string
			for _, u := range list.Users {
				name, _, _ := strings.Cut(u.Email, "@")
				got = append(got, name)
			}
			if strings.Join(got, " ") != want || list.More != (args == "--limit 1") {
				s.t.Errorf("user list %s: %q, more %v, want %q", args, got, list.More, want)
			}
		}
		if text := s.ok("user", "verify", "eve@example.com"); strings.Contains(text, "verified  never") {
			s.t.Errorf("verified: %s", text)
		}
		s.ok("user", "verify", "eve@example.com")
		if text := s.ok("user", "rename", "eve@example.com", "Eve Lee"); !strings.Contains(text, "Eve Lee") {
			s.t.Errorf("renamed: %s", text)
		}
		s.fails(1, []string{"100 characters"}, "user", "rename", "eve@example.com", "a\nb")
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err != nil {
			s.t.Errorf("the session has ended: %v", err)
		}
		if text := s.ok("user", "sessions", "eve@example.com"); !strings.Contains(text, "pwd") {
			s.t.Errorf("sessions: %s", text)
		}
		s.fails(1, []string{"eve@example.com (Eve Lee)", "1 live session", "--yes"}, "user", "delete", "eve@example.com")
		s.ok("user", "delete", "eve@example.com", "--yes")
		s.fails(1, []string{"no such account"}, "user", "show", signed.SignedIn.User.ID)
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err == nil {
			s.t.Error("the session of a deleted user lives on")
		}
		if _, err := h.Sessions.Refresh(ctx, signed.SignedIn.Tokens.RefreshToken); err == nil {
			s.t.Error("the refresh token of a deleted user works")
		}
		s.ok("user", "create", "eve@example.com") // the address is free again

		var log struct{ Events []struct{ Kind string } }
		s.document(&log, "events", "--user", signed.SignedIn.User.ID)
		var kinds []string
		for _, e := range log.Events {
			if e.Kind != "mail.requested" { // noted after the answer, at its own time
				kinds = append(kinds, e.Kind)
			}
		}
		if got := strings.Join(kinds, " "); got != "user.created session.created email.verified user.renamed user.deleted" {
			s.t.Errorf("events: %q", got)
		}
		if text := s.ok("events", "--kind", "user.banned", "--limit", "1"); !strings.Contains(text, "user.banned") {
			s.t.Errorf("events of a kind: %s", text)
		}
	})
}

// userShown is a user of a list.
type userShown struct{ ID, Email string }

func TestSessionsOfAUserAreEnded(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"}); err != nil {
			s.t.Fatal(err)
		}
		for range 2 {
			if _, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password}); err != nil {
				s.t.Fatal(err)
			}
		}
		var list struct{ Sessions []struct{ ID string } }
		if s.document(&list, "user", "sessions", "ann@example.com"); len(list.Sessions) != 3 {
			s.t.Fatalf("%d sessions", len(list.Sessions))
		}
		s.ok("user", "sessions", "ann@example.com", "--end", list.Sessions[0].ID)
		s.fails(1, []string{"no such session"}, "user", "sessions", "ann@example.com", "--end", list.Sessions[0].ID)
		if text := s.ok("user", "sessions", "ann@example.com", "--end-all"); !strings.Contains(text, "2 sessions") {
			s.t.Errorf("ended: %s", text)
		}
		if text := s.ok("user", "sessions", "ann@example.com"); !strings.Contains(text, "no live sessions") {
			s.t.Errorf("left: %s", text)
		}
	})
}

func TestSendResetQueuesWhatTheApplicationCanOpen(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err != nil {
			s.t.Fatal(err)
		}
		s.secret = newerSecret
		s.fails(1, []string{"does not open", "the application uses"}, "user", "send-reset", "ann@example.com", "--base-url", "http://127.0.0.1:8080")
		s.secret = olderSecret
		s.fails(1, []string{"no such account"}, "user", "send-reset", "bob@example.com", "--base-url", "http://127.0.0.1:8080")
		s.ok("user", "send-reset", "ann@example.com", "--base-url", "http://127.0.0.1:8080")
		d, _ := s.database()
		mails, _, err := d.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 10})
		found := 0
		for _, m := range mails {
			if strings.Contains(m.Kind, "reset") {
				found++
			}
		}
		if err != nil || found != 1 {
			s.t.Errorf("%d mails wait, %v", found, err)
		}
	})
}

func TestExportIsReadByImport(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		if _, err := s.host(withoutMail).SignUps.Create(ctx, admit.SignUpParams{Email: email(0), Password: password, Name: "Person 0"}); err != nil {
			s.t.Fatal(err)
		}
		s.ok("user", "verify", email(0))
		s.ok("user", "create", email(1), "--role", "admin", "--name", "Person 1")
		s.ok("user", "create", email(3), "--role", "admin", "--name", "Person 3") // an administrator must stay
		s.ok("user", "ban", email(1))
		s.ok("import", s.file("more.jsonl", `{"email":"`+email(2)+`","name":"Person 2","passwordHash":"$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a","emailVerified":true}`), "--from", "phc")
		file := filepath.Join(s.folder, "out.jsonl")
		if text := s.ok("export", file); !strings.Contains(text, "4 users") {
			s.t.Errorf("exported: %s", text)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			s.t.Errorf("the file is %v, %v", info, err)
		}
		s.fails(1, []string{"file exists"}, "export", file)

		other := newScene(s.t)
		other.ok("migrate", "--apply")
		other.ok("import", file, "--from", "phc", "--roles")
		for address, with := range map[string]string{email(0): password, email(2): "correct horse battery staple"} {
			if _, err := other.host().Passwords.SignIn(ctx, admit.SignInParams{Email: address, Password: with}); err != nil {
				s.t.Errorf("%s: %v", address, err)
			}
		}
		var boss shown
		if other.document(&boss, "user", "show", email(1)); boss.User.Role != "admin" || !boss.User.Banned {
			s.t.Errorf("imported as %+v", boss.User)
		}
	})
}

func TestCopyTakesEverythingButSessions(t *testing.T) {
	for _, way := range []string{"sqlite to postgres", "postgres to sqlite"} {
		t.Run(way, func(t *testing.T) {
			ctx := context.Background()
			from, to := newScene(t), newScene(t)
			if way == "sqlite to postgres" {
				to.store = pgtest.Open(t)
			} else {
				from.store = pgtest.Open(t)
			}
			from.ok("migrate", "--apply")
			from.fails(1, []string{"migrate --apply"}, "copy", from.store, to.store)
			to.ok("migrate", "--apply")
			from.fails(2, []string{"same database"}, "copy", from.store, from.store)

			h := from.host(withoutMail)
			signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
			if err != nil {
				t.Fatal(err)
			}
			from.ok("import", from.file("users.jsonl", many(1700)), "--from", "phc")
			var key struct{ Key string }
			from.document(&key, "key", "create", "job", "--type", "secret", "--scope", "users:read")
			var done copied
			if run := from.document(&done, "copy", from.store, to.store); run.code != 0 {
				t.Fatalf("exit %d: %s", run.code, run.err)
			}
			rows := map[string]int{}
			for _, table := range done.Tables {
				rows[table.Table] = table.To
			}
			if rows["admit_users"] != 1701 || rows["admit_passwords"] != 1701 || rows["admit_keys"] == 0 || rows["admit_outbox"] == 0 || rows["admit_events"] < 1701 {
				t.Errorf("copied %v", rows)
			}
			for _, table := range uncopied {
				if _, found := rows[table]; found {
					t.Errorf("%s was copied", table)
				}
			}
			there := to.host()
			if _, _, err := there.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err == nil {
				t.Error("a session was copied")
			}
			if _, err := there.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password}); err != nil {
				t.Errorf("signing in: %v", err)
			}
			if _, err := there.Passwords.SignIn(ctx, admit.SignInParams{Email: email(1699), Password: "correct horse battery staple"}); err != nil {
				t.Errorf("signing in with an imported hash: %v", err)
			}
			if _, err := there.APIKeys.Verify(ctx, key.Key); err != nil {
				t.Errorf("the API key: %v", err)
			}
			from.fails(1, []string{"TO is not empty", "--resume"}, "copy", from.store, to.store)
		})
	}
}

func TestCopyThatWasInterruptedGoesOnAndCountsTellTheTruth(t *testing.T) {
	from, to := newScene(t), newScene(t)
	to.store = pgtest.Open(t)
	from.ok("migrate", "--apply")
	to.ok("migrate", "--apply")
	from.ok("import", from.file("users.jsonl", many(1200)), "--from", "phc")
	from.ok("copy", from.store, to.store)
	_, db := to.database()
	// What an interruption leaves: some rows are missing, some are of before.
	for _, statement := range []string{
		`DELETE FROM admit_users WHERE id > (SELECT min(id) FROM admit_users)`, `UPDATE admit_users SET name = 'of before'`, `DELETE FROM admit_events`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	var done copied
	if run := from.document(&done, "copy", from.store, to.store, "--resume"); run.code != 0 {
		t.Fatalf("exit %d: %s", run.code, run.err)
	}
	var users, old int
	if err := db.QueryRow(`SELECT count(*), count(*) FILTER (WHERE name = 'of before') FROM admit_users`).Scan(&users, &old); err != nil || users != 1200 || old != 0 {
		t.Errorf("%d users, %d of before, %v", users, old, err)
	}
	// A row that FROM does not have is told of.
	d, _ := to.database()
	now := time.Now()
	if err := d.CreateUser(context.Background(), store.User{ID: "0198c0de-0000-7000-8000-000000000000", Email: "x@example.com", EmailKey: "x@example.com", Name: "X", Role: "user", CreatedAt: now, UpdatedAt: now}); err != nil {
		t.Fatal(err)
	}
	from.fails(1, []string{"1,201", "running"}, "copy", from.store, to.store, "--resume")
}

func TestEventsAreDocuments(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	s.ok("user", "create", "ann@example.com")
	out := s.run("", "events", "--json").out
	var list struct{ Events []struct{ Kind string } }
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list.Events) != 1 || list.Events[0].Kind != "user.created" {
		t.Errorf("%s: %v", out, err)
	}
	s.fails(2, []string{"--limit"}, "events", "--limit", "0")
	if text := s.ok("events", "--user", fmt.Sprint("0198c0de-0000-7000-8000-", "000000000000")); !strings.Contains(text, "no such events") {
		t.Errorf("of nobody: %s", text)
	}
	if _, err := s.host().Users.GetByEmail(context.Background(), "bob@example.com"); !errors.Is(err, admit.ErrUserNotFound) {
		t.Errorf("bob: %v", err)
	}
}
