package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/store"
)

// fifty writes a CSV of fifty people under the given head.
func fifty(head, row string) string {
	text := head + "\r\n"
	for i := range 50 {
		text += strings.ReplaceAll(row, "?", fmt.Sprint(i)) + "\r\n"
	}
	return text
}

func TestAColumnThatIsMisspelledStopsTheImportAndImportingAgainMends(t *testing.T) {
	onEachStore(t, func(s *scene) {
		name := s.file("users.csv", fifty("email,name,verified", "person?@example.com,Person ?,true"))
		s.fails(1, []string{`"verified"`, "emailVerified", "--ignore-column", "nothing was imported"}, "import", name, "--from", "phc")
		d, _ := s.database()
		if _, err := d.UserByEmail(context.Background(), "", email(7)); !errors.Is(err, store.ErrNotFound) {
			s.t.Errorf("something was imported: %v", err)
		}
		s.fails(1, []string{`"Verified"`, "nothing was imported"}, "import", s.file("users.jsonl", many(600)+`{"email":"z@example.com","Verified":true}`), "--from", "phc")

		var first, second imported
		if s.document(&first, "import", name, "--from", "phc", "--ignore-column", "verified"); first.Created != 50 {
			s.t.Fatalf("first: %+v", first)
		}
		name = s.file("users.csv", fifty("email,name,email_verified", "person?@example.com,Person ?,true"))
		if s.document(&second, "import", name, "--from", "phc"); second.Updated != 50 || second.Created+second.Existing+second.Rejected != 0 {
			s.t.Errorf("second: %+v", second)
		}
		if user, err := d.UserByEmail(context.Background(), "", email(7)); err != nil || user.EmailVerifiedAt.IsZero() {
			s.t.Errorf("still unverified: %+v, %v", user, err)
		}
	})
}

func TestS12_TheCommandCountsAnAccountThatAnImportClaims(t *testing.T) {
	onEachStore(t, func(s *scene) {
		h := s.host(withoutMail)
		squatter, err := h.SignUps.Create(context.Background(), admit.SignUpParams{Email: email(0), Password: password, Name: "Squatter"})
		if err != nil {
			s.t.Fatal(err)
		}
		var done imported
		record := `{"email":"` + email(0) + `","name":"Person 0","emailVerified":true,"passwordHash":"$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"}`
		if s.document(&done, "import", s.file("u.jsonl", record), "--from", "phc"); done.Claimed != 1 || done.Created+done.Existing+done.Updated != 0 {
			s.t.Errorf("counted as %+v", done)
		}
		if _, _, err := s.host().VerifyToken(context.Background(), squatter.SignedIn.Tokens.AccessToken); err == nil {
			s.t.Error("the squatter is still in")
		}
		signInAll(s, []vector{{Maker: "the owner", Password: "correct horse battery staple"}})
	})
}

// A file that breaks off is found before the first account is made.
func TestAMalformedFileNeverImportsAHalf(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	var list []string
	for i := range 1200 {
		list = append(list, `{"email":"`+email(i)+`"}`)
	}
	whole := "[\n" + strings.Join(list, ",\n") + "\n]\n"
	for what, text := range map[string]string{
		"cut":      whole[:len(whole)-10],
		"damaged":  strings.Replace(whole, email(1100)+`"`, email(1100), 1),
		"no list":  `{"a":1}`,
		"two":      whole + whole,
		"empty":    "",
		"a number": "17",
	} {
		done := s.fails(1, []string{"u.json", "nothing was imported"}, "import", s.file("u.json", text), "--from", "phc")
		if what == "damaged" && !strings.Contains(done.err, "line 1102") {
			t.Errorf("%s: %s", what, done.err)
		}
	}
	s.fails(1, []string{"columns", "nothing was imported"}, "import", s.file("u.csv", ""), "--from", "phc")
	d, _ := s.database()
	if _, err := d.UserByEmail(context.Background(), "", email(0)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("half a file was imported: %v", err)
	}
	var done imported
	if s.document(&done, "import", s.file("u.json", whole), "--from", "phc"); done.Created != 1200 || done.Line < 1200 {
		t.Errorf("the whole file: %+v", done)
	}
}

func TestMendedFieldsAreReportedByLineCountedAndNoFailure(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	text := `{"email":"a@example.com","name":"` + strings.Repeat("x", 101) + `","createdAt":"0000-00-00","role":"user,admin","emailVerified":"2024-05-06"}` + "\n" + `{"email":"b@example.com"}`
	var done imported
	run := s.document(&done, "import", s.file("u.jsonl", text), "--from", "phc", "--roles")
	if run.code != 0 || done.Created != 2 || done.Adjusted != 1 || len(done.Notes) != 4 || strings.Count(run.err, "line 1: changed or left out: ") != 4 {
		t.Errorf("exit %d, %+v\n%s", run.code, done, run.err)
	}
	user, err := s.host().Users.GetByEmail(context.Background(), "a@example.com")
	if err != nil || len(user.Name) != 100 || user.EmailVerifiedAt.IsZero() || user.Role != admit.RoleUser {
		t.Errorf("imported as %+v, %v", user, err)
	}
}

func TestTwoRowsForOneAddressAreNeverMerged(t *testing.T) {
	onEachStore(t, func(s *scene) {
		text := "email,name,emailVerified\na@example.com,Ann,false\nb@example.com,Bob,true\nA@Example.com,Eve,true\nc@example.com,Cy,true\n"
		var done imported
		run := s.document(&done, "import", s.file("u.csv", text), "--from", "phc")
		if run.code != 1 || done.Created != 3 || done.Rejected != 1 || done.Claimed+done.Updated != 0 || done.Reasons[0].Line != 4 || !strings.Contains(done.Reasons[0].Reason, "line 2") {
			s.t.Errorf("exit %d, %+v", run.code, done)
		}
		user, err := s.host().Users.GetByEmail(context.Background(), "a@example.com")
		if err != nil || user.Name != "Ann" || !user.EmailVerifiedAt.IsZero() {
			s.t.Errorf("merged into %+v, %v", user, err)
		}
	})
}

func TestDryRunImportsNothingAndReportsAll(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	var found surveyed
	run := s.document(&found, "import", s.file("u.csv", "email,name\na@example.com,A\nx,B\n"), "--from", "phc", "--dry-run")
	if run.code != 1 || found.Records != 2 || found.Usable != 1 || found.Rejected != 1 || !strings.Contains(run.err, "line 3: ") {
		t.Errorf("exit %d, %+v, %s", run.code, found, run.err)
	}
	s.fails(1, []string{"no such account"}, "user", "show", "a@example.com")
	if left, err := filepath.Glob(filepath.Join(s.folder, "*.admit")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// TestFilesOfOtherMakersSignIn imports one person from files as their makers
// write them.
func TestFilesOfOtherMakersSignIn(t *testing.T) {
	const hash = "$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"
	for what, c := range map[string]struct{ name, text string }{
		"PowerShell":      {"u.csv", "\ufeff\"email\",\"name\",\"emailVerified\",\"passwordHash\"\r\n\"person0@example.com\",\"Person 0\",\"True\",\"" + hash + "\"\r\n"},
		"PowerShell 5":    {"u.csv", "\ufeff#TYPE Selected.System.Data.DataRow\r\n\"email\",\"name\",\"emailVerified\",\"passwordHash\"\r\n\"person0@example.com\",\"Person 0\",\"True\",\"" + hash + "\"\r\n"},
		"pandas":          {"u.csv", ",email,name,emailVerified,passwordHash,createdAt\n0,person0@example.com,Person 0,1.0," + hash + ",2024-05-06 07:08:09.123456+00:00\n"},
		"pandas JSON":     {"u.json", `[{"email":"person0@example.com","name":"Person 0","emailVerified":true,"passwordHash":"` + strings.ReplaceAll(hash, "/", `\/`) + `","createdAt":1714979289000,"role":null}]`},
		"DBeaver":         {"u.csv", "\"email\",\"name\",\"emailVerified\",\"passwordHash\",\"createdAt\",\"role\"\n\"person0@example.com\",\"Person 0\",[v]," + hash + ",2024-05-06 07:08:09.123 +0000,[NULL]\n"},
		"DBeaver JSON":    {"u.json", "{\n\"users\": [\n\t{\n\t\t\"email\" : \"person0@example.com\",\n\t\t\"name\" : \"Person 0\",\n\t\t\"emailVerified\" : true,\n\t\t\"passwordHash\" : \"" + hash + "\"\n\t}\n]}\n"},
		"German Excel":    {"u.csv", "email;name;emailVerified;passwordHash\r\nperson0@example.com;Person 0;TRUE;" + hash + "\r\n"},
		"MySQL Workbench": {"u.csv", "email,name,emailVerified,passwordHash,role\nperson0@example.com,Person 0,1," + hash + ",NULL\n"},
	} {
		t.Run(what, func(t *testing.T) {
			s := newScene(t)
			s.ok("migrate", "--apply")
			s.ok("import", s.file(c.name, c.text), "--from", "phc")
			signInAll(s, []vector{{Maker: what, Password: "correct horse battery staple"}})
		})
	}
}

func TestApplicationHearsOfImportedUsersOnlyWhenTold(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	d, _ := s.database()
	for i, args := range [][]string{{}, {"--tell-application"}} {
		s.ok(append([]string{"import", s.file("u.jsonl", fmt.Sprintf(`{"email":"%s"}`, email(i))), "--from", "phc"}, args...)...)
		if pending, err := d.PendingEvents(context.Background(), "", 10); err != nil || len(pending) != i {
			t.Errorf("with %q %d events wait, %v", args, len(pending), err)
		}
	}
}

func TestHashConfigIsReadAsTheConsoleShowsIt(t *testing.T) {
	const good = "hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: abc+/=,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}"
	want := passhash.FirebaseProject{SignerKey: "abc+/=", SaltSeparator: "Bw==", Rounds: 8, MemoryCost: 14}
	asJSON := "{\n \"algorithm\": \"SCRYPT\",\n \"base64_signer_key\": \"abc+/=\",\n \"base64_salt_separator\": \"Bw==\",\n \"rounds\": 8,\n \"mem_cost\": 14\n}"
	for _, text := range []string{good, asJSON, strings.ReplaceAll(good, "\n", "\r\n")} {
		if got, err := readHashConfig(text); err != nil || got != want {
			t.Errorf("%q is read as %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "rounds: 8", strings.Replace(good, "SCRYPT", "BCRYPT", 1), strings.Replace(good, "rounds: 8", "rounds: many", 1)} {
		if got, err := readHashConfig(text); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

func TestResumeRefusesAnotherImport(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	name := s.file("users.jsonl", many(10))
	s.fails(1, []string{"nothing to resume"}, "import", name, "--from", "phc", "--resume")
	p := progress{name: progressName(name), Store: filepath.Join(s.folder, "app.db"), Size: int64(len(many(10))), System: "phc", Format: "jsonl"}
	p.Offset, p.Line, p.Records = int64(len(many(4))), 4, 4
	for what, change := range map[string]func(p *progress){
		"store": func(p *progress) { p.Store = "elsewhere" }, "file": func(p *progress) { p.Size++ },
		"system": func(p *progress) { p.System = "clerk" }, "format": func(p *progress) { p.Format = "csv" },
	} {
		other := p
		change(&other)
		if err := other.save(); err != nil {
			t.Fatal(err)
		}
		if done := s.fails(1, []string{"another import"}, "import", name, "--from", "phc", "--resume"); done.out != "" {
			t.Errorf("another %s: %s", what, done.out)
		}
	}
	if err := p.save(); err != nil {
		t.Fatal(err)
	}
	var done imported
	if s.document(&done, "import", name, "--from", "phc", "--resume"); done.Created != 6 || done.Records != 10 {
		t.Errorf("resumed as %+v", done)
	}
	var again imported
	if s.document(&again, "import", name, "--from", "phc"); again.Created != 4 || again.Earlier != 0 {
		t.Errorf("from the beginning: %+v", again)
	}
}

// FuzzHashConfig holds that any text is read or refused.
func FuzzHashConfig(f *testing.F) {
	f.Add("hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: abc+/=,\n  base64_salt_separator: Bw==,\n  rounds: 8,\n  mem_cost: 14,\n}")
	f.Add("{\"rounds\":99999999999999999999}")
	f.Fuzz(func(t *testing.T, text string) {
		project, err := readHashConfig(text)
		if err == nil && project.SignerKey == "" {
			t.Fatalf("%q has no key", text)
		}
		if err == nil {
			if _, err := passhash.FromFirebase(project, "c2FsdA==", "aGFzaA=="); err != nil && !errors.Is(err, passhash.ErrUnrecognised) {
				t.Fatal(err)
			}
		}
	})
}

// FuzzProgress holds that a damaged note of an earlier import is refused.
func FuzzProgress(f *testing.F) {
	f.Add(`{"store":"x","size":1,"system":"phc","format":"csv","offset":1}`)
	f.Add(`{`)
	folder := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		p := progress{name: filepath.Join(folder, "note"), Store: "x", Size: 10, System: "phc", Format: "csv"}
		if err := os.WriteFile(p.name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := p.begin(true); err == nil && (p.Offset < 0 || p.Line < 0 || p.Records < 0) {
			t.Fatalf("goes on from %+v", p)
		}
	})
}
