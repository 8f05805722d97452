package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/passhash"
	"github.com/admit-go/admit/store"
)

// vector is a password and what another system stores for it, made by that
// system's own code.
type vector struct {
	Maker, Password, Encoded string
	Firebase                 *struct {
		passhash.FirebaseProject
		Salt, Hash string
	}
	Keycloak *struct{ CredentialData, SecretData string }
}

func vectors(t *testing.T) []vector {
	t.Helper()
	text, err := os.ReadFile("../../internal/passhash/testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []vector
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

// lines writes one JSON object a line.
func lines(t *testing.T, records []map[string]any) string {
	t.Helper()
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	for _, record := range records {
		if err := encoder.Encode(record); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// commas writes the same as CSV, where it is flat.
func commas(t *testing.T, records []map[string]any, columns ...string) string {
	t.Helper()
	var text strings.Builder
	w := csv.NewWriter(&text)
	rows := [][]string{columns}
	for _, record := range records {
		row := make([]string, len(columns))
		for i, column := range columns {
			if value := record[column]; value != nil {
				row[i] = fmt.Sprint(value)
			}
		}
		rows = append(rows, row)
	}
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func email(i int) string { return fmt.Sprintf("person%d@example.com", i) }

// TestEverybodyOfEverySystemSignsInWithTheOldPassword writes what the vectors
// hold as each system exports it, imports that, and signs everybody in.
func TestEverybodyOfEverySystemSignsInWithTheOldPassword(t *testing.T) {
	type export struct {
		record func(i int, v vector) map[string]any
		// columns are those of the system's CSV; none where it has none.
		columns []string
	}
	profile := func(i int) string { return fmt.Sprintf(`{"full_name":"Person %d"}`, i) }
	exports := map[string]export{
		"phc": {func(i int, v vector) map[string]any {
			return map[string]any{"email": email(i), "name": fmt.Sprint("Person ", i), "passwordHash": v.Encoded, "emailVerified": true}
		}, []string{"email", "name", "passwordHash", "emailVerified"}},
		"supabase": {func(i int, v vector) map[string]any {
			return map[string]any{
				"id": fmt.Sprintf("6f9619ff-8b86-4011-b42d-%012d", i), "email": email(i), "encrypted_password": v.Encoded,
				"email_confirmed_at": "2024-05-06 07:08:09.123456+00", "created_at": "2024-05-06 07:08:09+00", "raw_user_meta_data": profile(i),
			}
		}, []string{"id", "email", "encrypted_password", "email_confirmed_at", "created_at", "raw_user_meta_data"}},
		"better-auth": {func(i int, v vector) map[string]any {
			return map[string]any{"id": fmt.Sprint("k", i), "email": email(i), "name": fmt.Sprint("Person ", i), "emailVerified": 1, "password": v.Encoded, "createdAt": 1714979289000}
		}, []string{"id", "email", "name", "emailVerified", "password"}},
		"django": {func(i int, v vector) map[string]any {
			return map[string]any{"model": "auth.user", "pk": i, "fields": map[string]any{
				"email": email(i), "first_name": "Person", "last_name": fmt.Sprint(i), "username": "p", "password": v.Encoded,
				"is_active": true, "is_superuser": false, "date_joined": "2024-05-06T07:08:09.123Z", "verified": true,
			}}
		}, nil},
		"auth0": {func(i int, v vector) map[string]any {
			return map[string]any{
				"_id": map[string]any{"$oid": fmt.Sprintf("%024x", i)}, "email": email(i), "email_verified": true, "passwordHash": v.Encoded,
				"nickname": fmt.Sprint("Person ", i), "password_set_date": map[string]any{"$date": "2024-05-06T07:08:09.123Z"},
			}
		}, nil},
		"clerk": {func(i int, v vector) map[string]any {
			return map[string]any{
				"id": fmt.Sprint("user_", i), "first_name": "Person", "last_name": fmt.Sprint(i), "primary_email_address": email(i),
				"verified_email_addresses": "other@example.com|" + email(i), "password_digest": v.Encoded, "password_hasher": "bcrypt",
			}
		}, []string{"id", "first_name", "last_name", "primary_email_address", "verified_email_addresses", "password_digest", "password_hasher"}},
		"keycloak": {func(i int, v vector) map[string]any {
			return map[string]any{
				"id": fmt.Sprintf("6f9619ff-8b86-4011-b42d-%012d", i), "email": email(i), "firstName": "Person", "lastName": fmt.Sprint(i),
				"emailVerified": true, "enabled": true, "createdTimestamp": 1714979289000, "credentials": []any{
					map[string]any{"type": "otp", "secretData": "{}"},
					map[string]any{"type": "password", "secretData": v.Keycloak.SecretData, "credentialData": v.Keycloak.CredentialData},
				},
			}
		}, nil},
	}
	fits := map[string]func(v vector) bool{
		"better-auth": func(v vector) bool { return strings.HasPrefix(v.Maker, "better-auth") },
		"django":      func(v vector) bool { return strings.HasPrefix(v.Maker, "Django") },
		"auth0":       func(v vector) bool { return strings.HasPrefix(v.Encoded, "$2") },
		"clerk":       func(v vector) bool { return strings.HasPrefix(v.Encoded, "$2") },
		"supabase":    func(v vector) bool { return strings.HasPrefix(v.Encoded, "$2a") || strings.HasPrefix(v.Encoded, "$fb") },
		"keycloak":    func(v vector) bool { return v.Keycloak != nil },
		"phc":         func(v vector) bool { return v.Encoded != "" },
	}
	for system, e := range exports {
		var records []map[string]any
		var people []vector
		for _, v := range vectors(t) {
			// Signing in takes what people may have as a password here.
			if fits[system](v) && len(v.Password) >= 8 {
				records = append(records, e.record(len(people), v))
				people = append(people, v)
			}
		}
		if len(people) < 2 {
			t.Fatalf("%s: %d vectors", system, len(people))
		}
		files := map[string]string{"users.jsonl": lines(t, records)}
		if e.columns != nil {
			files["users.csv"] = commas(t, records, e.columns...)
		}
		for name, text := range files {
			t.Run(system+"/"+name, func(t *testing.T) {
				s := newScene(t)
				s.ok("migrate", "--apply")
				s.ok("import", s.file(name, text), "--from", system)
				signInAll(s, people)
			})
		}
	}
}

func signInAll(s *scene, people []vector) {
	s.t.Helper()
	h := s.host()
	for i, v := range people {
		signed, err := h.Passwords.SignIn(context.Background(), admit.SignInParams{Email: email(i), Password: v.Password})
		if err != nil {
			s.t.Errorf("%s with %q: %v", v.Maker, v.Password, err)
			continue
		}
		if signed.User.Name != fmt.Sprint("Person ", i) || signed.User.EmailVerifiedAt.IsZero() || signed.User.Role != admit.RoleUser {
			s.t.Errorf("%s: imported as %+v", v.Maker, signed.User)
		}
	}
}

func TestFirebaseUsersSignInWithTheOldPassword(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Firebase == nil {
			continue
		}
		f := v.Firebase
		config := fmt.Sprintf("hash_config {\n  algorithm: SCRYPT,\n  base64_signer_key: %s,\n  base64_salt_separator: %s,\n  rounds: %d,\n  mem_cost: %d,\n}\n",
			f.SignerKey, f.SaltSeparator, f.Rounds, f.MemoryCost)
		files := map[string]string{
			"users.jsonl": lines(t, []map[string]any{{
				"localId": "abc", "email": email(0), "emailVerified": true, "passwordHash": f.Hash, "salt": f.Salt, "displayName": "Person 0",
				"createdAt": "1714979289000", "disabled": false,
			}}),
			"users.csv": fmt.Sprintf("abc,%s,true,%s,%s,Person 0,%s1714979289000,1714979289000,,false,,\n", email(0), f.Hash, f.Salt, strings.Repeat(",", 17)),
		}
		for name, text := range files {
			s := newScene(t)
			s.ok("migrate", "--apply")
			s.ok("import", s.file(name, text), "--from", "firebase", "--hash-config", s.file("hash.txt", config))
			signInAll(s, []vector{v})
			user, err := s.host().Users.GetByEmail(context.Background(), email(0))
			if err != nil || user.CreatedAt.Year() != 2024 {
				t.Errorf("%s: made at %v, %v", name, user.CreatedAt, err)
			}
		}
	}
}

// many writes n users, with the hash of one password.
func many(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, `{"id":"old-%d","email":"%s","passwordHash":"$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"}`+"\n", i, email(i))
	}
	return text.String()
}

func TestImportingAgainChangesNothing(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		name := s.file("users.jsonl", many(1200))
		var first, second imported
		if s.document(&first, "import", name, "--from", "phc"); first.Created != 1200 || !first.Done {
			s.t.Errorf("first: %+v", first)
		}
		d, _ := s.database()
		before, err := d.UserByEmail(ctx, "", email(7))
		if err != nil {
			s.t.Fatal(err)
		}
		changed := before
		changed.Name = "Somebody Else"
		if err := d.UpdateUser(ctx, changed); err != nil {
			s.t.Fatal(err)
		}
		if s.document(&second, "import", name, "--from", "phc"); second.Created+second.Updated+second.Claimed != 0 || second.Existing != 1200 {
			s.t.Errorf("second: %+v", second)
		}
		if after, err := d.UserByEmail(ctx, "", email(7)); err != nil || after.ID != before.ID || after.Name != "Somebody Else" {
			s.t.Errorf("imported over: %+v, %v", after, err)
		}
		if _, err := os.Stat(progressName(name)); err == nil {
			s.t.Error("the progress of a finished import stays")
		}
	})
}

func TestRecordsThatCannotBeUsedAreReportedByLineAndTheRestIsImported(t *testing.T) {
	bad := strings.Join([]string{
		`{"email":"a@example.com"}`,
		`{"email":"not an address"}`, // 2
		``,
		`{"name":"Nobody"}`, // 4
		`{"email":"b@example.com","passwordHash":"5f4dcc3b5aa765d61d8327deb882cf99"}`, // 5
		`{"email":"c@example.com","banned":"soon"}`,                                   // 6
		`{"email":"d@example.com","emailVerified":"perhaps"}`,                         // 7
		`not JSON`,                 // 8
		`{"email":"e@example.com"`, // 9
		`["email"]`,                // 10
		`{"email":"f@example.com","email":"g@example.com"}`, // 11
		`{"email":"A@example.com"}`,                         // 12
		`{"email":"i@example.com","passwordHash":{}}`,       // 13
		`{"email":"z@example.com"}`,
	}, "\n")
	want := map[int]string{
		2: "cannot be used", 4: "no e-mail address", 5: "password", 6: "banned is neither true nor false", 7: "emailVerified is neither true nor false",
		8: "not one JSON object", 9: "not one JSON object", 10: "not one JSON object", 11: "not one JSON object", 12: "line 1 already", 13: "unknown shape",
	}
	onEachStore(t, func(s *scene) {
		name := s.file("users.jsonl", bad)
		var done imported
		run := s.document(&done, "import", name, "--from", "phc", "--roles")
		if run.code != 1 || done.Created != 2 || done.Rejected != len(want) || !done.Done || len(done.Reasons) != len(want) {
			s.t.Errorf("exit %d, %+v", run.code, done)
		}
		for _, r := range done.Reasons {
			if !strings.Contains(strings.ToLower(r.Reason), strings.ToLower(want[r.Line])) || want[r.Line] == "" {
				s.t.Errorf("line %d: %s", r.Line, r.Reason)
			}
			if !strings.Contains(run.err, fmt.Sprintf("line %d: %s\n", r.Line, r.Reason)) {
				s.t.Errorf("line %d is not reported: %s", r.Line, run.err)
			}
			if regexp.MustCompile(`example.com|not an address|5f4d|soon|perhaps`).MatchString(r.Reason) && r.Line != 2 {
				s.t.Errorf("the reason quotes the record: %s", r.Reason)
			}
		}
		for _, address := range []string{"a@example.com", "z@example.com"} {
			s.ok("user", "show", address)
		}
		s.fails(1, []string{"line 2: ", "nothing was imported"}, "import", name, "--from", "phc", "--strict")
	})
}

func TestImportOfTheWrongSystemStopsEarly(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	done := s.fails(1, []string{"none of the first 500 records", "supabase"}, "import", s.file("users.jsonl", strings.Repeat(`{"mail":"x"}`+"\n", 2000)), "--from", "supabase")
	if lines := strings.Count(done.err, "\n"); lines > 510 {
		t.Errorf("it goes on for %d lines", lines)
	}
}

func TestDisabledPeopleStayOutAndRolesNeedTheFlag(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	const hash = "$2b$05$BXcZMvpAkOOLa7EzzZVkp.NY9t6CNNXqQ.V5c7NSzL2GFn/m4Ve3a"
	later := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for i, c := range []struct {
		system, disabled, enabled string
	}{
		{"phc", `"banned":true,"email":"%s","passwordHash":"%s"`, `"banned":false,"email":"%s","passwordHash":"%s"`},
		{"supabase", `"banned_until":"` + later + `","email":"%s","encrypted_password":"%s"`, `"banned_until":"2020-01-01 00:00:00+00","email":"%s","encrypted_password":"%s"`},
		{"supabase", `"deleted_at":"2020-01-01 00:00:00+00","email":"%s","encrypted_password":"%s"`, `"deleted_at":null,"email":"%s","encrypted_password":"%s"`},
		{"better-auth", `"banned":true,"email":"%s","password":"%s"`, `"banned":true,"banExpires":"2020-01-01T00:00:00Z","email":"%s","password":"%s"`},
		{"django", `"is_active":false,"email":"%s","password":"bcrypt$%s"`, `"is_active":true,"email":"%s","password":"bcrypt$%s"`},
		{"auth0", `"blocked":true,"email":"%s","passwordHash":"%s"`, `"blocked":false,"email":"%s","passwordHash":"%s"`},
		{"clerk", `"banned":true,"primary_email_address":"%s","password_digest":"%s"`, `"primary_email_address":"%s","password_digest":"%s"`},
	} {
		out, in := fmt.Sprintf("out%d@example.com", i), fmt.Sprintf("in%d@example.com", i)
		s.ok("import", s.file(fmt.Sprint(i, ".jsonl"), fmt.Sprintf("{"+c.disabled+"}\n{"+c.enabled+"}\n", out, hash, in, hash)), "--from", c.system)
		h := s.host()
		if _, err := h.Passwords.SignIn(context.Background(), admit.SignInParams{Email: out, Password: "correct horse battery staple"}); !errors.Is(err, admit.ErrAccountBanned) {
			t.Errorf("%s: who was disabled: %v", c.system, err)
		}
		if _, err := h.Passwords.SignIn(context.Background(), admit.SignInParams{Email: in, Password: "correct horse battery staple"}); err != nil {
			t.Errorf("%s: who was not: %v", c.system, err)
		}
	}
	for i, c := range []struct{ system, record string }{
		{"phc", `{"email":"%s","role":"admin"}`}, {"better-auth", `{"email":"%s","role":"admin"}`}, {"django", `{"email":"%s","is_superuser":true}`},
	} {
		for _, flag := range []string{"--roles=false", "--roles"} {
			address := fmt.Sprintf("boss%d%s@example.com", i, flag)
			s.ok("import", s.file("boss.jsonl", fmt.Sprintf(c.record, address)), "--from", c.system, flag)
			user, err := s.host().Users.GetByEmail(context.Background(), address)
			if err != nil || (user.Role == admit.RoleAdmin) != (flag == "--roles") {
				t.Errorf("%s %s: role %q, %v", c.system, flag, user.Role, err)
			}
		}
	}
}

func TestPasswordsAndAddressesAreTakenAsTheFlagsSay(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	unknown := `{"email":"a@example.com","passwordHash":"5f4dcc3b5aa765d61d8327deb882cf99"}`
	if run := s.run("", "import", s.file("a.jsonl", unknown), "--from", "phc", "--unknown-hashes"); run.code != 0 || !strings.Contains(run.err, "line 1: changed or left out: the password") {
		t.Errorf("an unknown hash: exit %d, %s", run.code, run.err)
	}
	s.ok("import", s.file("b.jsonl", strings.Replace(unknown, "a@", "b@", 1)), "--from", "phc", "--no-passwords", "--assume-verified")
	d, _ := s.database()
	for address, verified := range map[string]bool{"a@example.com": false, "b@example.com": true} {
		user, err := s.host().Users.GetByEmail(context.Background(), address)
		if err != nil || user.EmailVerifiedAt.IsZero() == verified {
			t.Errorf("%s: %+v, %v", address, user, err)
		}
		if _, err := d.Password(context.Background(), "", user.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s has a password: %v", address, err)
		}
	}
}

func TestIDsAreKeptWhereTheyAreUUIDsAndMappedOtherwise(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	const id = "6f9619ff-8b86-4011-b42d-00c04fc964ff"
	text := `{"id":"` + strings.ToUpper(id) + `","email":"a@example.com"}` + "\n" + `{"id":"17","email":"b@example.com"}` + "\n" + `{"id":"18"}` + "\n"
	ids := filepath.Join(s.folder, "ids.csv")
	s.fails(1, []string{"line 3"}, "import", s.file("u.jsonl", text), "--from", "phc", "--id-map", ids)
	b, err := s.host().Users.GetByEmail(context.Background(), "b@example.com")
	if err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(ids)
	if want := "old_id,new_id\n" + strings.ToUpper(id) + "," + id + "\n17," + b.ID + "\n"; err != nil || string(written) != want {
		t.Errorf("the map is %q, want %q (%v)", written, want, err)
	}
	s.fails(1, []string{"exists already; give another name"}, "import", s.file("u.jsonl", text), "--from", "phc", "--id-map", ids)
}

func TestInterruptedImportGoesOnWhereItStopped(t *testing.T) {
	onEachStore(t, func(s *scene) {
		const people = 20_000
		name, ids := s.file("users.jsonl", many(people)), filepath.Join(s.folder, "ids.csv")
		args := []string{"import", name, "--from", "phc", "--id-map", ids}
		c := s.command(args...)
		var complaint bytes.Buffer
		c.Stderr = &complaint
		if err := c.Start(); err != nil {
			s.t.Fatal(err)
		}
		await(s.t, "some progress is noted", func() bool { _, err := os.Stat(progressName(name)); return err == nil })
		if err := c.Process.Signal(syscall.SIGINT); err != nil {
			s.t.Fatal(err)
		}
		if err := c.Wait(); err == nil || c.ProcessState.ExitCode() != 1 || !strings.Contains(complaint.String(), "interrupted") {
			s.t.Fatalf("interrupted: %v, %s", err, &complaint)
		}
		var p progress
		text, err := os.ReadFile(progressName(name))
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		if err != nil || p.Records == 0 || p.Records >= people || p.Line != p.Records {
			s.t.Fatalf("the progress is %s, %v", text, err)
		}

		var done imported
		if run := s.document(&done, append(args, "--resume")...); run.code != 0 {
			s.t.Fatalf("resumed: exit %d\n%s", run.code, run.err)
		}
		if done.Earlier != p.Records || done.Records != people || done.Created+done.Existing != people || done.Rejected != 0 || done.Line != people {
			s.t.Errorf("resumed: %+v", done)
		}
		_, db := s.database()
		var users, passwords int
		if err := db.QueryRow(`SELECT (SELECT count(*) FROM admit_users), (SELECT count(*) FROM admit_passwords)`).Scan(&users, &passwords); err != nil || users != people || passwords != people {
			s.t.Errorf("%d users and %d passwords, %v", users, passwords, err)
		}
		mapped, err := os.ReadFile(ids)
		seen := map[string]bool{}
		for line := range strings.Lines(string(mapped)) {
			seen[line] = true
		}
		if err != nil || len(seen) != people+1 {
			s.t.Errorf("%d lines of ids, want %d and a head (%v)", len(seen), people, err)
		}
	})
}
