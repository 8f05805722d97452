package e2e_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store/drivertest/pgtest"
)

// rowsRole is the role of the database that the policies hold for: they hold for
// no superuser.
const rowsRole = "admit_test_rows"

// callerOf is the context of a request with the credentials, behind a guard.
func callerOf(s *harness.Server, sets ...harness.Set) context.Context {
	s.T.Helper()
	var found *http.Request
	guarded := s.Auth.OptionalUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { found = r }))
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, set := range sets {
		set(r)
	}
	guarded.ServeHTTP(httptest.NewRecorder(), r)
	if found == nil {
		s.T.Fatal("the guard refused")
	}
	return context.WithoutCancel(found.Context())
}

// rowTerm is a term of a policy: what it is in SQL, and whether a caller meets it.
type rowTerm struct {
	sql string
	met func(id, role, owner string) bool
}

var rowTerms = []rowTerm{
	{"true", func(string, string, string) bool { return true }},
	{"current_setting('admit.role', true) <> 'guest'", func(_, role, _ string) bool { return role != "guest" }},
	{"current_setting('admit.role', true) = 'admin'", func(_, role, _ string) bool { return role == "admin" }},
	{"current_setting('admit.role', true) = 'editor'", func(_, role, _ string) bool { return role == "editor" }},
	{"owner = nullif(current_setting('admit.user_id', true), '')", func(id, _, owner string) bool { return id != "" && id == owner }},
	{"current_setting('admit.organization_id', true) = 'nowhere'", func(string, string, string) bool { return false }},
}

// AZ-01: with RowSecurity a table shows each caller what its policy says, and no
// other row, whatever the connection was used for before.
func TestRowSecurityShowsEachCallerItsRows(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		db := rowsDatabase(t)
		people := map[string]harness.Person{"user": s.SignUp("u@x.test"), "editor": s.SignUp("e@x.test"), "guest": s.SignUp("g@x.test"), "admin": s.Admin()}
		s.Role(people["editor"].ID, "editor")
		s.Role(people["guest"].ID, "guest")
		_, key := s.NewKey("secret")
		_, scoped := s.NewKey("secret", "*:*")
		type who struct {
			ctx      context.Context
			id, role string
		}
		callers := map[string]who{
			"nobody": {callerOf(s), "", "guest"}, "a key": {callerOf(s, harness.Key(key)), "", "admin"}, "a key with scopes": {callerOf(s, harness.Key(scoped)), "", "guest"},
			"no guard": {t.Context(), "", "guest"},
		}
		owners := []string{"", "somebody else"}
		for role, p := range people {
			callers[role] = who{callerOf(s, harness.Bearer(p.Access)), p.ID, role}
			owners = append(owners, p.ID)
		}
		for _, owner := range owners {
			if _, err := db.Exec("INSERT INTO notes (owner) VALUES ($1)", owner); err != nil {
				t.Fatal(err)
			}
		}
		seen := func(c who) (rows []string) {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = tx.Rollback() }()
			if _, err := tx.Exec("SET LOCAL ROLE " + rowsRole); err != nil {
				t.Fatal(err)
			}
			if err := s.Auth.RowSecurity(c.ctx, tx); err != nil {
				t.Fatal(err)
			}
			return column(t, tx, "SELECT owner FROM notes ORDER BY owner")
		}
		random := rand.New(rand.NewPCG(4, 1000))
		for range 1000 {
			var alternatives []string
			var policy [][]rowTerm
			for range 1 + random.IntN(3) {
				var terms []rowTerm
				var texts []string
				for range 1 + random.IntN(3) {
					term := rowTerms[random.IntN(len(rowTerms))]
					terms, texts = append(terms, term), append(texts, "("+term.sql+")")
				}
				policy, alternatives = append(policy, terms), append(alternatives, "("+strings.Join(texts, " AND ")+")")
			}
			text := strings.Join(alternatives, " OR ")
			if _, err := db.Exec("ALTER POLICY p ON notes USING (" + text + ")"); err != nil {
				t.Fatal(err)
			}
			names := []string{"nobody", "a key", "a key with scopes", "no guard", "user", "editor", "guest", "admin"}
			name := names[random.IntN(len(names))]
			c := callers[name]
			want := []string{}
			for _, owner := range owners {
				if slices.ContainsFunc(policy, func(terms []rowTerm) bool {
					return !slices.ContainsFunc(terms, func(term rowTerm) bool { return !term.met(c.id, c.role, owner) })
				}) {
					want = append(want, owner)
				}
			}
			slices.Sort(want)
			if got := seen(c); !slices.Equal(got, want) {
				t.Fatalf("%s sees %q by %s, want %q", name, got, text, want)
			}
		}
		// The settings end with the transaction, though the connection is kept.
		if got := column(t, db, "SELECT coalesce(current_setting('admit.user_id', true), '') || coalesce(current_setting('admit.role', true), '')"); !slices.Equal(got, []string{""}) {
			t.Errorf("the connection remembers %q", got)
		}
	})
}

// rowsDatabase has a table notes with a policy p, and one connection.
func rowsDatabase(t *testing.T) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", pgtest.Schema(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		`DO $$ BEGIN CREATE ROLE ` + rowsRole + ` NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
		`CREATE TABLE notes (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner TEXT COLLATE "C" NOT NULL)`,
		`ALTER TABLE notes ENABLE ROW LEVEL SECURITY`,
		`CREATE POLICY p ON notes USING (false)`,
		`DO $$ BEGIN EXECUTE format('GRANT USAGE ON SCHEMA %I TO ` + rowsRole + `', current_schema()); END $$`,
		`GRANT SELECT ON notes TO ` + rowsRole,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", statement, err))
		}
	}
	return db
}

func column(t *testing.T, q interface {
	Query(query string, args ...any) (*sql.Rows, error)
}, query string) []string {
	t.Helper()
	rows, err := q.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := []string{}
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// The database is told the organisation of a key as well as that of a session.
func TestRowSecurityTellsTheOrganizationOfAKey(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		db := rowsDatabase(t)
		ada := verified(s, "ada@x.test")
		org := team(s, ada)
		key := harness.Key(teamKey(s, org, "posts:write").Key)
		for want, ctx := range map[string]context.Context{"|guest|" + org: callerOf(s, key), ada.ID + "|user|": callerOf(s, key, harness.Bearer(ada.Access))} {
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Auth.RowSecurity(ctx, tx); err != nil {
				t.Fatal(err)
			}
			got := column(t, tx, "SELECT current_setting('admit.user_id') || '|' || current_setting('admit.role') || '|' || current_setting('admit.organization_id')")
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("the database is told %q, want %q", got, want)
			}
		}
	}, hostScopes)
}
