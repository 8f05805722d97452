package crash

import (
	"database/sql"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// backup is a copy of a database, made and put back while no server runs.
type backup struct {
	place      string
	take, give func()
}

func sqliteBackup(t *testing.T, folder string) backup {
	t.Helper()
	file, copied := filepath.Join(folder, "admit.db"), filepath.Join(folder, "backup.db")
	vacuum := func(from, into string) {
		db := openSQL(t, "sqlite", from)
		defer db.Close()
		if _, err := db.Exec("VACUUM INTO ?", into); err != nil {
			t.Fatal(err)
		}
	}
	return backup{
		place: "sqlite:" + file,
		take:  func() { vacuum(file, copied) },
		give: func() {
			for _, name := range []string{file, file + "-wal", file + "-shm"} {
				if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
					t.Fatal(err)
				}
			}
			vacuum(copied, file)
		},
	}
}

func postgresBackup(t *testing.T) backup {
	t.Helper()
	place := pgtest.Open(t)
	u, err := url.Parse(place)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	u.Path = "/postgres"
	admin, err := sql.Open("pgx", u.String())
	if err != nil {
		t.Fatal(err)
	}
	do := func(statements ...string) {
		for _, statement := range statements {
			if _, err := admin.Exec(statement); err != nil {
				t.Fatalf("%s: %v", statement, err)
			}
		}
	}
	t.Cleanup(func() {
		do("DROP DATABASE IF EXISTS " + name + "_backup WITH (FORCE)")
		admin.Close()
	})
	return backup{
		place: place,
		take:  func() { do("CREATE DATABASE " + name + "_backup TEMPLATE " + name) },
		give:  func() { do("DROP DATABASE "+name+" WITH (FORCE)", "CREATE DATABASE "+name+" TEMPLATE "+name+"_backup") },
	}
}

// AC-220, RL-04: a database that is put back to an earlier state has forgotten
// what was signed out, exchanged and redeemed since, as docs/postgres.md says;
// the operator's command ends all that lives again, and nothing else.
func TestAC220_AfterARestoreTheCommandEndsWhatLivesAgain(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			b := sqliteBackup(t, folder)
			if kind == "postgres" {
				b = postgresBackup(t)
			}
			client := newClient(t)
			s := start(t, folder, b.place)
			resets := prepareResets(t, s, 2)
			out, idle, moved := signedUp(t, s, client), signedUp(t, s, client), signedUp(t, s, client)
			if err := s.terminate(); err != nil {
				t.Fatal(err)
			}
			b.take()

			s = start(t, folder, b.place)
			if a := s.signOut(client, out.access); a.status != http.StatusOK {
				t.Fatalf("sign-out: %+v", a)
			}
			if a := s.redeem(client, resets[0]); a.status != http.StatusOK {
				t.Fatalf("reset: %+v", a)
			}
			later := s.refresh(client, moved.token)
			if later.status != http.StatusOK {
				t.Fatalf("refresh: %+v", later)
			}
			if err := s.terminate(); err != nil {
				t.Fatal(err)
			}
			b.give()

			s = start(t, folder, b.place)
			for what, a := range map[string]answer{
				"a session that was signed out": s.me(client, out.access),
				"a reset that was used":         s.redeem(client, resets[0]),
			} {
				if a.status != http.StatusOK {
					t.Errorf("the backup does not hold %s: %d %v", what, a.status, a.body)
				}
			}
			// A token newer than the backup is known to be one.
			if a := s.refresh(client, later.text("refreshToken")); a.status != http.StatusUnauthorized {
				t.Errorf("a token that the backup does not know: %d %v", a.status, a.body)
			}

			command := exec.Command(program(t, "admit"), "sessions", "revoke-before", "now", "--yes", "--store", b.place)
			command.Dir = folder
			if out, err := command.CombinedOutput(); err != nil {
				t.Fatalf("revoke-before: %v\n%s", err, out)
			}
			for _, p := range []reset{out, idle, moved, resets[1]} {
				if a := s.me(client, p.access); a.status != http.StatusUnauthorized {
					t.Errorf("an access token from before: %d %v", a.status, a.body)
				}
			}
			for _, p := range []reset{out, idle, moved} {
				if a := s.refresh(client, p.token); a.status != http.StatusUnauthorized {
					t.Errorf("a refresh token from before: %d %v", a.status, a.body)
				}
			}
			if a := s.redeem(client, resets[1]); a.status == http.StatusOK {
				t.Error("a link from before was redeemed")
			}
			a := s.signIn(client, idle.email, password)
			if a.status != http.StatusOK || s.me(client, a.text("accessToken")).status != http.StatusOK {
				t.Errorf("signing in afterwards: %d %v", a.status, a.body)
			}
			checkWhole(t, b.place)
		})
	}
}
