package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestWrongInvocationsAreToldTheThingTheReasonAndTheCure: each of these is a slip
// that somebody makes at a shell. The answer names what came, says what is wrong
// with it, and what to do.
func TestWrongInvocationsAreToldTheThingTheReasonAndTheCure(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	s.ok("user", "create", "ann@example.com")
	for name, text := range map[string]string{
		"empty.csv": "", "columns.csv": "foo,bar\n1,2\n", "one.csv": "email,name\nb@x.test,B\n", "broken.jsonl": "no JSON\n",
		"unknown.jsonl": `{"email":"b@x.test","verified":true}` + "\n", "database.txt": "this is no database, whatever its name says\n",
		"weak.secret": "short\n",
	} {
		s.file(name, text)
	}
	if err := os.Mkdir(filepath.Join(s.folder, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []struct {
		args                []string
		code                int
		thing, reason, mend string
	}{
		{[]string{"frobnicate"}, 2, `"frobnicate"`, "unknown command", "admit --help"},
		{[]string{"user", "shwo"}, 2, `"shwo"`, "has no command", `did you mean "show"?`},
		{[]string{"user"}, 2, "admit user", "needs one of", "create, delete"},
		{[]string{"user", "show"}, 2, "USER", "got 0 arguments", "takes 1"},
		{[]string{"user", "create", "ann"}, 1, `"ann"`, "not an e-mail address", "name@domain"},
		{[]string{"user", "create", "ann@example.com"}, 1, `"ann@example.com"`, "already an account", "admit user show"},
		{[]string{"user", "create", "b@x.test", "--role", "No!"}, 1, "b@x.test", "A role has", "a-z, 0-9"},
		{[]string{"user", "show", "missing@x.test"}, 1, `"missing@x.test"`, "no such account", "admit user list"},
		{[]string{"user", "show", "ann"}, 1, `"ann"`, "no such account", "admit user list"},
		{[]string{"user", "role", "ann@example.com", "superuser"}, 1, `"superuser"`, "nobody has the role", "--new-role"},
		{[]string{"user", "ban", "ann@example.com", "--until", "tomorrow"}, 2, `"tomorrow"`, "neither a time", "such as 2027-01-31"},
		{[]string{"user", "list", "--limit", "many"}, 2, `--limit "many"`, "must be", "a whole number, such as 50"},
		{[]string{"user", "list", "--limit", "0"}, 2, "--limit", "must be", "at least 1"},
		{[]string{"user", "list", "--after", "ann"}, 2, `--after "ann"`, "is no id", "the last id of the list before"},
		{[]string{"user", "list", "--verbose"}, 2, "--verbose", "unknown flag", "admit user list --help"},
		{[]string{"user", "delete", "ann@example.com"}, 1, "ann@example.com", "deletes", "--yes"},
		{[]string{"user", "rename", "ann@example.com", strings.Repeat("x", 101)}, 1, "A name", "1 to 100 characters", "no control characters"},
		{[]string{"user", "sessions", "ann@example.com", "--end", "first"}, 1, `"first"`, "no such session", "admit user sessions"},
		{[]string{"user", "send-reset", "ann@example.com"}, 2, "base-url", "not set", "admit user send-reset --help"},
		{[]string{"user", "send-reset", "ann@example.com", "--base-url", "https://x.test"}, 1, "admit.secret", "does not exist", "give --secret-file"},
		{[]string{"key", "create", "web"}, 2, "which kind of key", "Give --type", "publishable"},
		{[]string{"key", "create", "web", "--type", "both"}, 1, "type", "cannot be used", "publishable or secret"},
		{[]string{"key", "create", "web", "--type", "secret", "--expires", "yesterday"}, 2, `"yesterday"`, "neither a time", "such as 3d"},
		{[]string{"key", "create", "web", "--type", "secret", "--scope", "all of it"}, 1, "scopes", "cannot be used", "resource:operation"},
		{[]string{"key", "revoke", "web"}, 1, "API key", "no such", "admit key list"},
		{[]string{"sessions", "revoke-before", "noon"}, 2, `"noon"`, "neither a time", `"now"`},
		{[]string{"sessions", "revoke-before", "2999-01-01T00:00:00Z"}, 2, "2999-01-01T00:00:00Z", "in the future", "--help"},
		{[]string{"events", "--user", "missing@x.test"}, 1, `"missing@x.test"`, "no such account", "admit user list"},
		{[]string{"events", "--after", "1"}, 2, `--after "1"`, "is no id", "the last id"},
		{[]string{"secret", "rekey", "--secret-file", "weak.secret"}, 1, "--secret-file", "5 bytes long", "admit secret new"},
		{[]string{"mail", "retry"}, 2, "messages", "name the", "--all"},
		{[]string{"mail", "retry", "first"}, 1, `"first"`, "was given up", "admit mail dead"},
		{[]string{"mail", "test", "ann", "--smtp", "localhost:1", "--from", "a@x.test"}, 2, `"ann"`, "no address", "such as ann@example.com"},
		{[]string{"mail", "test", "ann@x.test"}, 2, "mail server", "which", "--smtp HOST:PORT"},
		{[]string{"mail", "test", "ann@x.test", "--smtp", "127.0.0.1:1", "--from", "a@x.test"}, 1, "127.0.0.1:1", "connection refused", "correct the port"},
		{[]string{"import", "missing.csv", "--from", "phc"}, 1, "missing.csv", "does not exist", "correct the path"},
		{[]string{"import", "folder", "--from", "phc"}, 2, "folder", "is a folder", "give the file"},
		{[]string{"import", "book.xlsx", "--from", "phc"}, 2, "book.xlsx", "is a spreadsheet", "save it as CSV"},
		{[]string{"import", "users.csv.gz", "--from", "phc"}, 2, "users.csv.gz", "is compressed", "unpack it first"},
		{[]string{"import", "one.csv"}, 2, "from", "not set", "admit import --help"},
		{[]string{"import", "one.csv", "--from", "phpbb"}, 2, "--from", "must be one of", "auth0"},
		{[]string{"import", "one.csv", "--from", "phc", "--format", "yaml"}, 2, "--format", "must be one of", "jsonl"},
		{[]string{"import", "one.csv", "--from", "firebase"}, 2, "--from firebase", "needs", "--hash-config"},
		{[]string{"import", "one.csv", "--from", "firebase", "--hash-config", "none"}, 1, "--hash-config: none", "does not exist", "correct the path"},
		{[]string{"import", "one.csv", "--from", "phc", "--resume"}, 1, "one.csv.admit", "does not exist", "nothing to resume"},
		{[]string{"import", "empty.csv", "--from", "phc"}, 1, "empty.csv", "is empty", "must name the columns"},
		{[]string{"import", "columns.csv", "--from", "phc"}, 1, `"bar", "foo"`, "does not know", "--ignore-column"},
		{[]string{"import", "unknown.jsonl", "--from", "phc"}, 1, `"verified"`, "does not know", "is it emailVerified?"},
		{[]string{"import", "broken.jsonl", "--from", "phc"}, 1, "line 1", "not one JSON object", "1 record was rejected"},
		{[]string{"export", "one.csv"}, 1, "one.csv", "file exists", "a new file"},
		{[]string{"export", "nowhere/users.jsonl"}, 1, "nowhere/users.jsonl", "does not exist", "make the folder"},
		{[]string{"copy", "sqlite:a.db", "sqlite:a.db"}, 2, "FROM and TO", "same database", "admit copy --help"},
		{[]string{"copy", "sqlite:a.db", "redis://x"}, 2, `"redis://x"`, "neither", "sqlite:FILE"},
		{[]string{"key", "list", "--store", "notes.db"}, 2, `"notes.db"`, "has no scheme", "sqlite:notes.db"},
		{[]string{"key", "list", "--store", "sqlite:"}, 2, `"sqlite:"`, "names no file", "sqlite:app.db"},
		{[]string{"key", "list", "--store", "sqlite:file:a.db"}, 2, `"sqlite:file:a.db"`, "no URL", "a path behind sqlite:"},
		{[]string{"key", "list", "--store", "sqlite:folder"}, 1, "folder", "is a folder", "give the SQLite file"},
		{[]string{"key", "list", "--store", "sqlite:database.txt"}, 1, "database.txt", "cannot be read", "Give the file that the application opens"},
		{[]string{"key", "list", "--store", "sqlite:missing.db"}, 1, "missing.db", "does not exist", "admit migrate --apply"},
		{[]string{"key", "list", "--store", "postgres:app"}, 2, `"postgres:app"`, "no URL of PostgreSQL", "postgres://USER:PASSWORD@HOST/DATABASE"},
		{[]string{"key", "list", "--store", "postgres://u:hush@[::1"}, 2, "xxxxx@[::1", "no URL of PostgreSQL", "postgres://USER:PASSWORD@HOST/DATABASE"},
		{[]string{"key", "list", "--store", "postgres://u:hush@127.0.0.1:1/d"}, 1, "127.0.0.1:1", "connection refused", "See whether the server runs"},
	} {
		done := s.fails(wrong.code, []string{wrong.thing, wrong.reason, wrong.mend}, wrong.args...)
		for _, never := range []string{"hush", "strconv.", "admit: admit:", "auth/", "user/"} {
			if strings.Contains(done.err, never) {
				t.Errorf("admit %q answers with %q: %s", wrong.args, never, done.err)
			}
		}
	}
}

// FuzzPlace holds that no store that is misspelled is answered with its password.
func FuzzPlace(f *testing.F) {
	for _, seed := range []string{"postgres://u", "postgresql://[::1", "mysql://u", "jdbc:postgresql://u", "file:u", "sqlite:u", "sqlite3://u", "file://u", "host=x password=y u", "", "pg:"} {
		f.Add(seed, "host:5432/app?sslmode=disable")
		f.Add(seed, "[::1/%zz")
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		p, err := parsePlace(before + ":hush-hush@" + after)
		if err != nil && strings.Contains(err.Error(), "hush-hush") {
			t.Fatalf("%v", err)
		}
		if err == nil && p.file == "" && p.url == "" {
			t.Fatal("it is no place")
		}
	})
}
