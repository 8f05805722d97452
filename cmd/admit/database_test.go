package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/drivertest/pgtest"
)

func TestMigrateSaysPlansAndApplies(t *testing.T) {
	run := func(s *scene) {
		d, _ := s.database()
		files, err := fs.Glob(d.Migrations(), "*.sql")
		if err != nil {
			s.t.Fatal(err)
		}
		if said := s.ok("migrate"); !strings.Contains(said, "pending") || !strings.Contains(said, strings.TrimSuffix(files[0], ".sql")) {
			s.t.Errorf("what is pending: %s", said)
		}
		plan := s.ok("migrate", "--plan")
		for _, name := range files {
			text, err := fs.ReadFile(d.Migrations(), name)
			if err != nil || !strings.Contains(plan, strings.TrimSpace(string(text))) {
				s.t.Errorf("the plan lacks %s (%v)", name, err)
			}
		}
		if pending, err := d.Pending(context.Background()); err != nil || len(pending) != len(files) {
			s.t.Errorf("looking changed something: %q pending, %v", pending, err)
		}
		var done migration
		if s.document(&done, "migrate", "--apply"); !done.Applied || len(done.Steps) != len(files) {
			s.t.Errorf("applied %+v", done)
		}
		if said := s.ok("migrate"); !strings.Contains(said, "up to date") {
			s.t.Errorf("afterwards: %s", said)
		}
		if plan := s.ok("migrate", "--plan"); plan != "" {
			s.t.Errorf("the plan of nothing is %q", plan)
		}
		s.ok("migrate", "--apply")
		s.ok("key", "list")
	}
	t.Run("sqlite", func(t *testing.T) { run(newScene(t)) })
	t.Run("postgres", func(t *testing.T) {
		s := newScene(t)
		s.store = pgtest.Schema(t)
		s.fails(1, []string{"the schema lacks", "migrate --apply"}, "key", "list")
		run(s)
	})
}

func TestMigrateMakesAnSQLiteFileForItsOwnerAloneAndNeverByLooking(t *testing.T) {
	s := newScene(t)
	s.ok("migrate")
	s.ok("migrate", "--plan")
	if left, err := os.ReadDir(s.folder); err != nil || len(left) > 0 {
		t.Errorf("looking made %v, %v", left, err)
	}
	s.ok("migrate", "--apply")
	info, err := os.Stat(filepath.Join(s.folder, "app.db"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("made %v, %v", info.Mode(), err)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	onEachStore(t, func(s *scene) {
		_, db := s.database()
		if _, err := db.Exec(`INSERT INTO admit_migrations (version, name, checksum, applied_at) VALUES (999, '0999_later', 'x', 0)`); err != nil {
			s.t.Fatal(err)
		}
		for _, args := range []string{"migrate", "migrate --plan", "migrate --apply", "key list"} {
			s.fails(1, []string{"newer schema"}, strings.Fields(args)...)
		}
		var found report
		if done := s.document(&found, "check"); done.code != 1 || codes(found) != "schema-newer" {
			s.t.Errorf("check: exit %d, %s", done.code, codes(found))
		}
	})
}

func codes(r report) string {
	var codes []string
	for _, f := range r.Findings {
		codes = append(codes, f.Code)
		if f.Message == "" || f.Mend == "" {
			codes = append(codes, "(without words)")
		}
	}
	return strings.Join(codes, " ")
}

func TestCheckFindsNothingWhereAllIsWell(t *testing.T) {
	onEachStore(t, func(s *scene) {
		s.secret = olderSecret
		if _, err := s.host(withoutMail).SignUps.Create(context.Background(), admit.SignUpParams{Email: "a@example.com", Password: password, Name: "A"}); err != nil {
			s.t.Fatal(err)
		}
		if said := s.ok("check"); said != "Nothing to mend.\n" {
			s.t.Errorf("check says %q", said)
		}
		s.secret = ""
		if said := s.ok("check"); !strings.Contains(said, "not looked at: the secret") {
			s.t.Errorf("without a secret check says %q", said)
		}
	})
}

func TestCheckFindsWhatShouldBeMended(t *testing.T) {
	ctx := context.Background()
	signUp := func(s *scene, m mailer.Mailer) *admit.Auth {
		h := s.host(func(c *admit.Config) { c.Mailer = m })
		if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "a@example.com", Password: password, Name: "A"}); err != nil {
			s.t.Fatal(err)
		}
		return h
	}
	for name, c := range map[string]struct {
		want  string
		spoil func(s *scene) []string
	}{
		"a secret file that others can read": {"secret-readable", func(s *scene) []string {
			s.secret = ""
			if err := os.Chmod(s.file("admit.secret", olderSecret), 0o640); err != nil {
				s.t.Fatal(err)
			}
			return nil
		}},
		"a secret that can be guessed": {"secret-weak", func(s *scene) []string {
			s.secret = "please-change-this-supersecret-value"
			return nil
		}},
		"a secret that is not the application's": {"secret-lost", func(s *scene) []string {
			signUp(s, &mailer.Recorder{})
			s.secret = newerSecret
			return nil
		}},
		"rows under the second secret": {"rekey-pending", func(s *scene) []string {
			signUp(s, &mailer.Recorder{})
			s.secret = newerSecret + "\n" + olderSecret
			return nil
		}},
		"mail that was given up": {"mail-dead", func(s *scene) []string {
			giveUp(s, signUp(s, refusing{}))
			return nil
		}},
		"an index that is gone": {"index-missing", func(s *scene) []string {
			_, db := s.database()
			if _, err := db.Exec(`DROP INDEX admit_tokens_expiry`); err != nil {
				s.t.Fatal(err)
			}
			return nil
		}},
		"a schema that is behind": {"schema-pending", func(s *scene) []string {
			_, db := s.database()
			if _, err := db.Exec(`DELETE FROM admit_migrations`); err != nil {
				s.t.Fatal(err)
			}
			return nil
		}},
		"a key from the future": {"clock-behind", func(s *scene) []string {
			ahead := s.host(func(c *admit.Config) { c.Now = func() time.Time { return time.Now().Add(time.Minute) } })
			if _, err := ahead.SignUps.Create(ctx, admit.SignUpParams{Email: "a@example.com", Password: password, Name: "A"}); err != nil {
				s.t.Fatal(err)
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			onEachStore(t, func(s *scene) {
				s.secret = olderSecret
				args := c.spoil(s)
				var found report
				if done := s.document(&found, append(args, "check")...); done.code != 1 || codes(found) != c.want {
					s.t.Errorf("exit %d, found %q, want %q", done.code, codes(found), c.want)
				}
				if done := s.run("", "check"); done.code != 1 || !strings.Contains(done.out, c.want) || !strings.Contains(done.out, "mend: ") {
					s.t.Errorf("exit %d, says %q", done.code, done.out)
				}
			})
		})
	}
}

func TestCheckFindsAnSQLiteFileThatEverybodyCanRead(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	if err := os.Chmod(filepath.Join(s.folder, "app.db"), 0o644); err != nil {
		t.Fatal(err)
	}
	var found report
	if s.document(&found, "check"); codes(found) != "database-readable" {
		t.Errorf("found %q", codes(found))
	}
}

func TestCheckFindsAConnectionThatMayGoUnencrypted(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://u@db.example/app":                             "connection-plain",
		"postgres://u@db.example/app?sslmode=disable":             "connection-plain",
		"postgres://u@192.0.2.1/app?sslmode=allow":                "connection-plain",
		"postgres://u@127.0.0.1,db.example/app?sslmode=disable":   "connection-plain",
		"postgres://u@db.example/app?sslmode=require":             "",
		"postgres://u@db.example/app?sslmode=verify-full":         "",
		"postgres://u@127.0.0.1/app?sslmode=disable":              "",
		"postgres://u@localhost/app?sslmode=disable":              "",
		"postgres://u@[::1]:5432/app":                             "",
		"postgres:///app?host=/var/run/postgresql&sslmode=prefer": "",
	} {
		var r report
		if err := (place{url: url}).look(&r); err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if got := codes(r); got != want {
			t.Errorf("%s: found %q, want %q", url, got, want)
		}
	}
}

// refusing is a mailer whose server takes nothing, for good.
type refusing struct{}

func (refusing) Send(context.Context, mailer.Message) error {
	return &mailer.PermanentError{Err: errors.New("550 no such\x1b[2J mailbox")}
}

// giveUp waits until a host has given up its mail, and closes it.
func giveUp(s *scene, h *admit.Auth) {
	await(s.t, "the mail is given up", func() bool {
		dead, err := h.Outbox.Dead(context.Background(), admit.PageParams{Number: 1, Limit: 1})
		return err == nil && dead.Total > 0
	})
	if err := h.Close(context.Background()); err != nil {
		s.t.Fatal(err)
	}
}

func TestDeadMailIsListedWithItsReasonAndRetried(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(func(c *admit.Config) { c.Mailer = refusing{} })
		const people = 3
		for i := range people {
			if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: fmt.Sprintf("p%d@example.com", i), Password: password, Name: "P"}); err != nil {
				s.t.Fatal(err)
			}
		}
		await(s.t, "all mail is given up", func() bool {
			dead, err := h.Outbox.Dead(ctx, admit.PageParams{Number: 1, Limit: 1})
			return err == nil && dead.Total == people
		})
		if err := h.Close(ctx); err != nil {
			s.t.Fatal(err)
		}
		list := s.ok("mail", "dead", "--limit", "2")
		if !strings.Contains(list, "550 no such") || !strings.Contains(list, "and 1 more") || strings.Contains(list, "@example.com") || strings.Contains(list, "\x1b") {
			s.t.Errorf("the list: %q", list)
		}
		var dead struct {
			Mail  []struct{ ID, Kind string }
			Total int
		}
		if s.document(&dead, "mail", "dead"); dead.Total != people || len(dead.Mail) != people || dead.Mail[0].Kind != "signup_confirmation" {
			s.t.Errorf("the list: %+v", dead)
		}
		s.ok("mail", "retry", dead.Mail[0].ID)
		s.fails(1, []string{dead.Mail[0].ID}, "mail", "retry", dead.Mail[0].ID)
		var again retried
		if s.document(&again, "mail", "retry", "--all"); again.Retried != people-1 {
			s.t.Errorf("retried %+v", again)
		}
		recorder := &mailer.Recorder{}
		s.host(func(c *admit.Config) { c.Mailer = recorder }).Start()
		await(s.t, "all mail is sent", func() bool { return len(recorder.Messages()) == people })
		if said := s.ok("mail", "dead"); !strings.Contains(said, "No mail") {
			s.t.Errorf("afterwards: %s", said)
		}
	})
}

func TestSecretIsMadeOfRandomBytes(t *testing.T) {
	s := newScene(t)
	first, second := strings.TrimSpace(s.ok("secret", "new")), strings.TrimSpace(s.ok("secret", "new"))
	if raw, err := hex.DecodeString(first); err != nil || len(raw) != 32 || first == second {
		t.Errorf("made %q and %q", first, second)
	}
	if left, err := os.ReadDir(s.folder); err != nil || len(left) > 0 {
		t.Errorf("printing one made %v, %v", left, err)
	}
}

func TestSecretFileIsMadeForItsOwnerAndAppendedTo(t *testing.T) {
	s := newScene(t)
	name := filepath.Join(s.folder, "admit.secret")
	line := regexp.MustCompile(`(?m)^[0-9a-f]{64}$`)
	var text []byte
	for want := 1; want <= 2; want++ {
		before := text
		said := s.ok("secret", "new", "--write")
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("made %v, %v", info, err)
		}
		if text, err = os.ReadFile(name); err != nil || len(line.FindAll(text, -1)) != want || !bytes.HasPrefix(text, before) {
			t.Errorf("after %d: %q, %v", want, text, err)
		}
		if secret := string(line.Find(text)); strings.Contains(said, secret) {
			t.Errorf("the secret is printed: %s", said)
		}
	}
	bare := s.file("bare", olderSecret)
	s.ok("secret", "new", "--write", "--secret-file", bare)
	if text, err := os.ReadFile(bare); err != nil || !strings.HasPrefix(string(text), olderSecret+"\n") {
		t.Errorf("appended to a file without a last newline: %q, %v", text, err)
	}
}

func TestAfterRekeyTheOldSecretIsNotNeeded(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		// A worker makes the key of the audit log; from here on it is there.
		if _, err := h.Events.Verify(ctx, ""); err != nil {
			s.t.Fatal(err)
		}
		s.fails(1, []string{"admit.secret does not exist"}, "secret", "rekey")
		if _, err := os.Stat(filepath.Join(s.folder, "admit.secret")); !errors.Is(err, fs.ErrNotExist) {
			s.t.Errorf("a secret was made: %v", err)
		}
		s.file("admit.secret", newerSecret+"\n")
		s.fails(1, []string{"signing key", "not configured"}, "secret", "rekey")

		s.file("admit.secret", newerSecret+"\n"+olderSecret+"\n")
		var done rekeyed
		if s.document(&done, "secret", "rekey"); done.Rows != 3 {
			s.t.Errorf("sealed %d rows again, want two keys and a message", done.Rows)
		}
		newer := s.host(withoutMail, func(c *admit.Config) { c.Secrets = admit.Secrets(newerSecret) })
		if _, _, err := newer.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err != nil {
			s.t.Errorf("a token from before: %v", err)
		}
		s.file("admit.secret", newerSecret+"\n")
		if said := s.ok("check"); said != "Nothing to mend.\n" {
			s.t.Errorf("check without the old secret: %s", said)
		}
	})
}

func TestSecretsOfTheEnvironmentWin(t *testing.T) {
	s := newScene(t)
	s.file("admit.secret", newerSecret)
	for text, want := range map[string][]string{
		"":                     {newerSecret},
		olderSecret:            {olderSecret},
		"one line with spaces": {"one line with spaces"},
		olderSecret + "\n" + newerSecret + "\r\n": {olderSecret, newerSecret},
	} {
		a := &app{secretFile: filepath.Join(s.folder, "admit.secret"), getenv: func(string) string { return text }}
		got, _, err := a.secrets()
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("ADMIT_SECRET=%q gives %q, %v", text, got, err)
		}
	}
	s.file("admit.secret", "\n\n")
	if _, _, err := (&app{secretFile: filepath.Join(s.folder, "admit.secret"), getenv: func(string) string { return "" }}).secrets(); err == nil {
		t.Error("an empty file is taken")
	}
}

// The error says which setting to add to --store, and nothing about a server that
// does not run.
func TestBehindPgBouncerAVerbThatFailsNamesTheSettingOfTheURL(t *testing.T) {
	s := newScene(t)
	url := pgtest.Open(t)
	at := pgtest.Bouncer(t, url)
	s.store = url
	s.ok("migrate", "--apply")
	s.store = at(url)
	// The server keeps what the command before has prepared.
	var done outcome
	for range 20 {
		if done = s.run("", "key", "list"); done.code != 0 {
			break
		}
	}
	if done.code != 1 || !strings.Contains(done.err, "default_query_exec_mode=exec") || strings.Contains(done.err, "whether the server runs") {
		t.Errorf("exit %d: %s", done.code, done.err)
	}
	s.store += "&default_query_exec_mode=exec"
	for range 3 {
		s.ok("key", "list")
	}
}
