package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
)

// The role of a record may be a slip of the hand, as with 'admit user role'.
func TestAnImportListsRolesAndAsksForNewOnes(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	file := s.file("u.csv", "email,role,passwordHash\na@example.com,edtior,\nb@example.com,admin,\nc@example.com,edtior,\n")
	var found surveyed
	run := s.document(&found, "import", file, "--from", "phc", "--roles", "--dry-run")
	if run.code != 1 || found.Roles["edtior"] != 2 || found.Roles["admin"] != 1 || found.Passwordless != 3 || !strings.Contains(run.err, `"edtior"`) {
		t.Errorf("exit %d, %+v, %s", run.code, found, run.err)
	}
	s.fails(1, []string{`"edtior"`, "--new-role", "nothing was imported"}, "import", file, "--from", "phc", "--roles")
	s.fails(1, []string{"no such account"}, "user", "show", "b@example.com")
	said := s.ok("import", file, "--from", "phc", "--roles", "--new-role")
	if !strings.Contains(said, "Roles in the file: admin 1, edtior 2.") || !strings.Contains(said, "3 accounts have no password: their owners sign in by a mailed link") {
		t.Errorf("the import says: %s", said)
	}
	// Somebody has the role now. A second import makes no account.
	said = s.ok("import", file, "--from", "phc", "--roles")
	if !strings.Contains(said, "0 updated") || strings.Contains(said, "no password") {
		t.Errorf("the second import says: %s", said)
	}
}

// Every document of a command that fails has error.code and error.message.
func TestEveryFailureInJSONHasACode(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	file := s.file("u.csv", "email\na@example.com\nx\n")
	for _, c := range []struct {
		code string
		args []string
	}{
		{"command/usage", []string{"import", file}},
		{"command/usage", []string{"user", "show"}},
		{"command/usage", []string{"key", "list", "--nonsense"}},
		{"command/failed", []string{"import", file, "--from", "phc", "--dry-run"}},
		{"command/failed", []string{"import", file, "--from", "phc"}},
		{"user/not-found", []string{"user", "show", "nobody@example.com"}},
	} {
		var told struct {
			Rejected int
			Reasons  []rejection
			Error    problem
		}
		run := s.document(&told, c.args...)
		if run.code == 0 || told.Error.Code != c.code || told.Error.Message == "" {
			t.Errorf("%q: exit %d, %s", c.args, run.code, run.out)
		}
		if told.Rejected != len(told.Reasons) || c.code == "command/failed" && told.Rejected != 1 {
			t.Errorf("%q has no reasons: %s", c.args, run.out)
		}
	}
}

func TestARefusalNamesTheFlagAndTheCure(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	s.fails(1, []string{"--scope", `"reports"`, "such as users:read"}, "key", "create", "report", "--type", "secret", "--scope", "reports")
	s.ok("user", "create", "ann@example.com")
	s.secret = olderSecret
	done := s.fails(1, []string{"--base-url"}, "user", "send-reset", "ann@example.com", "--base-url", "http://wrong.example")
	if strings.Contains(done.err, "secret new") {
		t.Errorf("an address that is wrong is blamed on the secret: %s", done.err)
	}
	var sent mailer.Recorder
	s.ok("user", "send-reset", "ann@example.com", "--base-url", "http://127.0.0.1:8080", "--site-name", "Harbour Notes")
	s.host(func(c *admit.Config) { c.Mailer = &sent }).Start()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	mail, err := sent.Wait(ctx, func(mailer.Message) bool { return true })
	if err != nil || mail.Values.SiteName != "Harbour Notes" || !strings.Contains(mail.Subject+mail.Text, "Harbour Notes") {
		t.Errorf("the mail does not name the application: %q, %v", mail.Subject, err)
	}
	s.ok("user", "ban", "ann@example.com", "--until", "2999-01-31")
	if said := s.ok("events", "--kind", "user.banned", "--json"); !strings.Contains(said, `"until": "2999-01-31T00:00:00Z"`) {
		t.Errorf("the event of a ban has no end: %s", said)
	}
}
