package drivertest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/store/internal/sqlstore"
)

// rows is how many each table holds while its plans are judged.
const rows = 100_000

// readsAll are the statements that read as many rows as they answer for, and so
// may walk a whole tenant.
var readsAll = map[string]string{
	"search users by created":             "2,000 accounts at most",
	"search users by created descending":  "2,000 accounts at most",
	"search users by name":                "2,000 accounts at most",
	"search users by name descending":     "2,000 accounts at most",
	"search users by e-mail":              "2,000 accounts at most",
	"search users by e-mail descending":   "2,000 accounts at most",
	"sort users with record":              "the accounts with the record, where a walk over 2,000 accounts has found few",
	"sort users with record descending":   "the accounts with the record, where a walk over 2,000 accounts has found few",
	"count users with record":             "the total of a list, up to a bound",
	"search users with record":            "2,000 accounts at most",
	"search users with record descending": "2,000 accounts at most",
	"count users":                         "the total of a list that an administrator pages through, up to a bound",
	"find users with text":                "SQLite has no index of texts",
	"find users with text descending":     "SQLite has no index of texts",
	"count API keys":                      "the total of a list that an administrator pages through",
	"count records":                       "the total of a list that an administrator pages through",
	"count waiting mail":                  "the total of a list that an administrator pages through",
	"count dead mail":                     "the total of a list that an administrator pages through",
	"count members":                       "the total of a list that a member pages through",
	"count members of role":               "the total of a list that a member pages through",
	"list keys":                           "all signing keys, of which a tenant has a handful",
}

// uncounted are the statements that may touch much on PostgreSQL until their
// table is counted, and why nobody is kept waiting.
var uncounted = map[string]string{
	"list users":                       "an operator waits, not a request, and there are many accounts only long after the table was counted",
	"list users by created":            "an administrator waits, and there are many accounts only long after the table was counted",
	"list users by created descending": "an administrator waits, and there are many accounts only long after the table was counted",
	"list users by name":               "an administrator waits, and there are many accounts only long after the table was counted",
	"list users by name descending":    "an administrator waits, and there are many accounts only long after the table was counted",
	"list users by e-mail":             "an administrator waits, and there are many accounts only long after the table was counted",
	"list users by e-mail descending":  "an administrator waits, and there are many accounts only long after the table was counted",
	"claim mail":                       "a worker sorts the mail that is due, of which there is much only after an outage",
}

// picksBy are the statements that pick a few records out of an ordered list,
// with the index that has only those: without it they would find them too, on a
// walk that no plan shows as one.
var picksBy = map[string]string{
	"end oldest sessions":    "admit_sessions_user",
	"list deleted users":     "admit_users_deleted",
	"list dead mail":         "admit_outbox_dead",
	"list waiting mail":      "admit_outbox_waiting",
	"list events of kind":    "admit_events_kind",
	"list events of subject": "admit_events_subject",
	"list unchained events":  "admit_events_unchained",
	"list chained events":    "admit_events_chained",
	"list pending events":    "admit_events_pending",
	"list sessions":          "admit_sessions_user",
}

// TestEveryStatementHasAnIndexBehindIt explains every statement of the engine
// on tables of 100,000 rows. A statement that is new to the engine fails until
// it has arguments in planArguments.
func TestEveryStatementHasAnIndexBehindIt(t *testing.T) {
	for _, d := range planners() {
		t.Run(d.name, func(t *testing.T) {
			_, db := d.openDB(t)
			fillTables(t, d, db)
			count(t, db)
			explain := explainSQLite
			if d.dialect == sqlstore.Postgres {
				explain = explainPostgres
			}
			arguments := planArguments()
			for _, q := range sqlstore.Statements(d.dialect) {
				t.Run(q.Name, func(t *testing.T) {
					given, ok := arguments[q.Name]
					if !ok || len(given) != q.Arguments {
						t.Fatalf("planArguments has %d arguments, the statement takes %d: %s", len(given), q.Arguments, q.Text)
					}
					explain(t, db, q, given)
				})
				delete(arguments, q.Name)
			}
			// What is one statement on PostgreSQL is two on SQLite.
			others := []string{"rotate session and read user", "create user with address", "lock user and consume token", "make room for session"}
			if d.dialect == sqlstore.Postgres {
				others = []string{"find full counter"}
			}
			for _, name := range others {
				delete(arguments, name)
			}
			if len(arguments) > 0 {
				t.Errorf("planArguments has what the engine does not run: %v", slices.Sorted(maps.Keys(arguments)))
			}
		})
	}
}

// TestEveryStatementHasItsIndexBeforeAnythingIsCounted judges the plans of a
// database that nobody ran ANALYZE on: how most files stay, and how a new
// PostgreSQL database is until autovacuum comes by.
func TestEveryStatementHasItsIndexBeforeAnythingIsCounted(t *testing.T) {
	for _, d := range planners() {
		t.Run(d.name, func(t *testing.T) {
			_, db := d.openDB(t)
			explain := explainSQLite
			if d.dialect == sqlstore.Postgres {
				for _, table := range tables {
					if _, err := db.Exec("ALTER TABLE admit_" + table + " SET (autovacuum_enabled = false)"); err != nil {
						t.Fatal(err)
					}
				}
				fillTables(t, d, db)
				explain = explainPostgres
			}
			arguments := planArguments()
			for _, q := range sqlstore.Statements(d.dialect) {
				if d.dialect == sqlstore.SQLite || uncounted[q.Name] == "" {
					t.Run(q.Name, func(t *testing.T) { explain(t, db, q, arguments[q.Name]) })
				}
			}
		})
	}
}

// planners are one driver for each database, which plans the same behind any.
// For SQLite it is the first, which where there is cgo is the one in C: the race
// detector makes the other too slow to fill tables.
func planners() (chosen []database) {
	for _, dialect := range []sqlstore.Dialect{sqlstore.SQLite, sqlstore.Postgres} {
		all := databases()
		chosen = append(chosen, all[slices.IndexFunc(all, func(d database) bool { return d.dialect == dialect && d.conns > 1 })])
	}
	return chosen
}

// planArguments are arguments as they occur, for each statement by name. The
// tables are filled so that now is half way through their times.
func planArguments() map[string][]any {
	const now, later, user, id, email = rows / 2, rows, "u150000", "i150000", "e150000"
	hash := []byte("h150000")
	page := []any{20, 40}
	page3 := []any{"", 20, 40}
	listed := []any{"", "user/u150000", "kind", "%5%", now, 20, 0}
	userRow := []any{"", "new", "e", "new", 0, "", "", "", "", "", "", 0, 0, 0, "", 0, 0, 0, 1, 0}
	sessionRow := []any{"", "new", user, 1, hash, 1, 0, 0, "", "", "", "", 0, 0, 0, 0, 0, "", 0, 0, 0}
	activity, ids := `[["","i150000",100001],["","i150002",100001]]`, `["i150000","i150001"]`
	counters := `[[0,"","i150000",5,100],[1,"","new",5,100]]`
	return map[string][]any{
		"take the write lock": {}, "ping": {},
		"create user": userRow, "read user": {"", user}, "lock user": {"", user}, "read user by e-mail": {"", email},
		"create user with address": userRow, "lock user by e-mail": {"", email},
		"read user and password by e-mail": {"", email}, "lock user and password": {"", user},
		"lock user and consume token": {"", "k", hash, now}, "read token and user": {"", "k", hash},
		"make room for session": {"", user, now, "", "r", 10, "a", "b", "l"},
		"list users":            {"", user, 20, "", 0, 0, ""},
		"list users of role":    {"", user, 20, "admin", 0, 0, ""},
		"list users by created": page3, "search users by created": {"", 2000, "%5%", "", 20, 0},
		"list users by created descending": page3, "search users by created descending": {"", 2000, "%5%", "", 20, 0},
		"list users by name": page3, "search users by name": {"", 2000, "%5%", "", 20, 0},
		"list users by name descending": page3, "search users by name descending": {"", 2000, "%5%", "", 20, 0},
		"list users by e-mail": page3, "search users by e-mail": {"", 2000, "%5%", "", 20, 0},
		"list users by e-mail descending": page3, "search users by e-mail descending": {"", 2000, "%5%", "", 20, 0},
		"find users with text": {"", "%150000%", "", "", 20, 0}, "find users with text descending": {"", "%150000%", "", "", 20, 0},
		"list users with record": listed, "list users with record descending": listed,
		"sort users with record": listed, "sort users with record descending": listed,
		"search users with record": append(listed[:7:7], 2000), "search users with record descending": append(listed[:7:7], 2000),
		"count users with record": {"", "user/u150000", "kind", "", now, 1000},
		"count users":             {"", "", "", 10_000},
		"update user":             {"", user, 1, 0, "", "", "", "", "", "", 0, 0, 0, "", 0, 0},
		"prove session":           {"", id, now, "pwd"},
		"look for user":           {"", user}, "verify e-mail": {"", user, email, now},
		"change e-mail": {"", user, email, "n", "n", now, now}, "delete user": {"", user, now},
		"list deleted users": {"", user, now, 20}, "restore user": {"", user, now}, "purge user": {"", user},
		"purge sessions": {"", user}, "purge ended sessions": {"", user}, "purge tokens": {"", user}, "purge used tokens": {"", user},
		"purge API keys": {"", user}, "purge addresses": {"", user, email, now},
		"clear events of subject": {"", user, `["k7"]`}, "clear events of actor": {"", user}, "purge mail": {"", ids},
		"claim address": {"", "n", user, now}, "reserve address": {"", email, user, later}, "free address": {"", email, user},
		"read password": {"", user}, "put password": {"", user, "h", now}, "swap password": {"", user, "p", "q", now}, "delete password": {"", user},
		"create session": sessionRow, "read session and user": {"", id}, "rotate session": {"", id, 1, hash, []byte("n"), now, later},
		"rotate session and read user": {"", id, 1, hash, []byte("n"), now, later},
		"confirm session":              {"", id, 1, 0}, "answer session": {"", id, 1}, "touch sessions": {activity}, "list sessions": append([]any{"", user, now}, page...),
		"count sessions": {"", user, now}, "end session": {"", id, user, now, "r"}, "end sessions": {"", user, now, "", "r"},
		"end oldest sessions": {"", user, now, "", "r", 10}, "end sessions before": {"", now, now, "r", 20},
		"create token": {"", "k", []byte("n"), user, email, nil, 0, 0, nil, 0, 0, 0}, "read token": {"", "k", hash},
		"consume token": {"", "k", hash, now}, "try token": {"", "k", hash, now},
		"delete tokens of user": {"", user, `["k"]`}, "delete tokens of e-mail": {"", email, `[]`}, "delete tokens before": {"", now, 20},
		"create API key":         {"", "new", []byte("n"), "", "", "", "", "", nil, "", "", 0, 0, 0, 0},
		"read API key and owner": {"", hash}, "list API keys": append([]any{""}, page...), "count API keys": {""}, "read API key": {"", id},
		"list API keys of owner": append([]any{"", user, ""}, page...), "count API keys of owner": {"", user, ""},
		"revoke API key": {"", id, now}, "look for API key": {"", id}, "revoke API keys of owner": {"", user, now}, "touch API key": {"", id, later},
		"create key": {"", "new", "p", 0, "", []byte("s"), 0, 0, 0}, "list keys": {""},
		"reseal key":    {"", id, hash, []byte("n")},
		"create record": {"", "identity", "new", `["n"]`, `["n"]`, []byte("d"), 1, 0, 0, 0},
		"read record":   {"", "identity", id}, "lock record": {"", "identity", id}, "read record by key": {"", "identity", id},
		"list records": append([]any{"", "identity"}, page...), "count records": {"", "identity"},
		"list records of ref": append([]any{"", "identity", user}, page...), "count records of ref": {"", "identity", user},
		"swap record's data": {"", "identity", id, 1, []byte("d"), now, later, `["i150000"]`, `["u150000"]`},
		"swap record":        {"", "identity", id, 1, []byte("d"), now, later, `["n"]`, `["n"]`},
		"delete record":      {"", "identity", id}, "delete records of ref": {"", user, `["identity"]`}, "sweep records": {now, 20},
		"take record's keys": {"", "identity", id, `["n", "m"]`}, "free record's keys": {"", "identity", id},
		"add record's refs": {"", "identity", id, `["n", "m"]`}, "drop record's refs": {"", "identity", id},
		"create organization": {"", "new", "n", "new", 0, 0, 0, 0, 1}, "read organization": {"", id}, "lock organization": {"", id},
		"update organization": {"", id, 1, "n", "new", 0, 0, now}, "look for organization": {"", id},
		"list organizations of user": append([]any{"", user}, page...), "count organizations of user": {"", user},
		"add member": {"", id, "new", "member", 0, 0}, "read member": {"", id, user}, "set role of member": {"", id, user, "admin", now, "member"},
		"remove member": {"", id, user}, "remove memberships of user": {"", user}, "enter organization": {"", id, id},
		"list members": append([]any{"", id}, page...), "count members": {"", id},
		"list members of role": append([]any{"", id, "member"}, page...), "count members of role": {"", id, "member"},
		"sweep members": {now, 20}, "sweep organizations": {now, 20},
		"append event": {"", "new", "k", "", "", "", "", "", nil, 0, 0, 0, "s", "", ""},
		"list events":  {"", id, "i160000", 20}, "list events, newest first": {"", "", id, 20},
		"list events of subject": {"", "", "j", 20, user, "k7", ""}, "list events of subject, newest first": {"", "", "j", 20, user, "", ""},
		"list events of kind": {"", id, "j", 20, "k7"}, "list events of kind, newest first": {"", "", id, 20, "k7"},
		"list events of actor": {"", "", "j", 20, user, ""}, "list events of actor, newest first": {"", "", "j", 20, user, "k7"},
		"list events of itself": {"", "", "j", 20, user, ""}, "list events of itself, newest first": {"", "", "j", 20, user, "k7"},
		"list pending events": {"", 20}, "deliver events": {"", ids}, "list unchained events": {"", 20},
		"chain events": {`[["","i150000",900000,"s","c","d"],["","i150001",900001,"s","c","d"]]`}, "list chained events": {"", now, 20}, "delete chained events": {"", now, 20},
		"hit counters": {now, counters}, "find full counter": {now, counters}, "unhit counters": {"", ids}, "clear counters": {"", ids},
		"add mail": {"", "new", "mail", "", []byte("s"), 0, 0, 0, 0, "", "", 0}, "claim mail": {"", "webhook", "w", now, later, 20},
		"remove mail": {"", id, "w"}, "delete mail": {"", id}, "defer mail": {"", id, "w", later, "r"}, "bury mail": {"", id, "w", now, "r"},
		"find next mail": {"", "webhook"}, "revive mail": {"", id, now}, "reseal mail": {"", id, hash, []byte("n")},
		"list waiting mail": append([]any{"", "webhook"}, page...), "count waiting mail": {"", "webhook"},
		"list dead mail": append([]any{"", "webhook"}, page...), "count dead mail": {"", "webhook"},
		"acquire lease": {"", id, "w", now, later},
		"sweep tokens":  {now, 20}, "sweep sessions": {now, 20}, "sweep keys": {now, 20}, "sweep counters": {now, 20}, "sweep addresses": {now, 20},
	}
}

// tables are the tables that hold records, without their prefix. One that refers
// to another comes after it.
var tables = []string{"users", "addresses", "passwords", "sessions", "tokens", "api_keys", "keys", "records", "record_keys", "record_refs", "organizations", "members", "events", "counters", "outbox",
	"leases"}

// count has the database count what its tables hold.
func count(t testing.TB, db *sql.DB) {
	t.Helper()
	if _, err := db.Exec("ANALYZE"); err != nil {
		t.Fatal(err)
	}
}

// fillTables gives each table its rows, numbered from 100000 so that numbers
// sort as texts do.
func fillTables(t *testing.T, d database, db *sql.DB) {
	t.Helper()
	numbers, bytes := `generate_series(0, %d) AS n(i)`, `convert_to('h' || (100000 + i), 'UTF8')`
	if d.dialect == sqlstore.SQLite {
		numbers, bytes = `(WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n) AS n`, `CAST('h' || (100000 + i) AS BLOB)`
	}
	from := fmt.Sprintf(" FROM "+numbers, rows-1)
	replace := strings.NewReplacer("ID", "'i' || (100000 + i)", "USER", "'u' || (100000 + i)", "MAIL", "'e' || (100000 + i)", "HASH", bytes)
	filled := map[string]string{
		"users":     `'', USER, MAIL, MAIL, i % 2, 'name', '', '', 'en', 'user', 'completed', 0, 0, 0, '', 0, i, i, 1, 0`,
		"addresses": `'', MAIL, USER, CASE WHEN i % 10 = 0 THEN i ELSE 0 END`,
		"passwords": `'', USER, 'p', i`,
		"sessions": `'', ID, USER, 1, HASH, 1, i, i, 'pwd', ID, 'Mozilla/5.0 (X11; Linux x86_64)', '203.0.113.7', i, i, 100000 + i, 100000 + i,
			CASE WHEN i % 2 = 0 THEN 0 ELSE i END, '', 0, -1, -1`,
		"tokens":   `'', 'k', HASH, USER, MAIL, NULL, 0, 5, NULL, i, 100000 + i, CASE WHEN i % 2 = 0 THEN 0 ELSE i END`,
		"api_keys": `'', ID, HASH, 'secret', 'sk_test', 'abcd', 'name', 'prod', NULL, USER, i, 0, i, CASE WHEN i % 4 = 1 THEN i ELSE 0 END, ''`,
		"keys":     `'', ID, 'p', i, 'ES256', HASH, i, i, i`,
		"events":   `'', ID, 'k' || (i % 50), '', USER, '203.0.113.7', 'Mozilla/5.0', '', NULL, i, CASE WHEN i % 100 = 0 THEN 0 ELSE 1 END, CASE WHEN i % 100 = 0 THEN 0 ELSE i + 1 END, 's', 'c', 'd'`,
		"counters": `'', ID, 1, 5, i`,
		"outbox": `'', ID, 'k', HASH, 0, i, i, CASE WHEN i % 100 = 1 THEN i ELSE 0 END, CASE WHEN i % 100 = 1 THEN 'w' ELSE '' END, '',
			CASE WHEN i % 10 = 0 THEN i + 1 ELSE 0 END, CASE WHEN i % 1000 < 10 THEN 'webhook' ELSE 'mail' END`,
		"records":       `'', 'identity', ID, '["i' || (100000 + i) || '"]', '["u' || (100000 + i) || '"]', HASH, 1, i, i, i`,
		"record_keys":   `'', 'identity', ID, ID`,
		"record_refs":   `'', USER, 'identity', ID`,
		"organizations": `'', ID, 'name', ID, 0, CASE WHEN i % 10 = 0 THEN i ELSE 0 END, i, i, 1`,
		"members":       `'', ID, USER, 'member', i, i`,
		"leases":        `'', ID, 'w', i`,
	}
	for _, table := range tables {
		columns := filled[table]
		if _, err := db.Exec("INSERT INTO admit_" + table + " SELECT " + replace.Replace(columns) + from); err != nil {
			t.Fatalf("%s: %v", table, err)
		}
	}
}

// wholeTenant is a search that an index narrows to a tenant, or a kind, and no
// further.
var wholeTenant = regexp.MustCompile(`^SEARCH \S+ USING .*\(tenant=\?( AND kind=\?)?\)$`)

// explainSQLite reports what faultsOfPlan finds.
func explainSQLite(t *testing.T, db *sql.DB, q sqlstore.Statement, args []any) {
	for _, fault := range faultsOfPlan(t, db, q, args) {
		t.Errorf("%s: %s", fault, q.Text)
	}
}

// faultsOfPlan judges SQLite's plan: no table of the store is walked, and
// nothing is sorted that an index could have in order.
func faultsOfPlan(t *testing.T, db interface {
	Query(text string, args ...any) (*sql.Rows, error)
}, q sqlstore.Statement, args []any) (faults []string) {
	t.Helper()
	if readsAll[q.Name] != "" {
		return nil
	}
	plan, err := db.Query("EXPLAIN QUERY PLAN "+q.Text, args...)
	if err != nil {
		return []string{"cannot be planned: " + err.Error()} // as when its index is not there
	}
	defer plan.Close()
	paged := strings.Contains(q.Text, " LIMIT ")
	index := picksBy[q.Name]
	for plan.Next() {
		var id, parent, unused int
		var detail string
		if err := plan.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		scanned, scans := strings.CutPrefix(detail, "SCAN ")
		name, _, _ := strings.Cut(scanned, " ")
		switch {
		case scans && !slices.Contains([]string{"json_each", "want", "w", "due", "activity", "first", "claimed", "unclaimed", "CONSTANT"}, name):
			faults = append(faults, "walks a table: "+detail)
		case wholeTenant.MatchString(detail) && !paged:
			faults = append(faults, "walks a tenant: "+detail)
		case strings.Contains(detail, "TEMP B-TREE FOR ORDER BY") && !strings.Contains(q.Text, "json_each"):
			faults = append(faults, "sorts: "+detail)
		case index != "" && strings.HasPrefix(detail, "SEARCH ") && !strings.Contains(detail, index):
			faults = append(faults, "does without "+index+": "+detail)
		}
	}
	if err := plan.Err(); err != nil {
		t.Fatal(err)
	}
	return faults
}

// TestEveryIndexIsBehindAStatement drops one index after the other. An index
// that no statement misses costs every write something for nothing.
func TestEveryIndexIsBehindAStatement(t *testing.T) {
	for _, d := range planners() {
		if d.dialect != sqlstore.SQLite {
			continue
		}
		_, db := d.openDB(t)
		fillTables(t, d, db)
		count(t, db)
		var indexes []string
		found, err := db.Query("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%'")
		if err != nil {
			t.Fatal(err)
		}
		for found.Next() {
			var name string
			if err := found.Scan(&name); err != nil {
				t.Fatal(err)
			}
			indexes = append(indexes, name)
		}
		if err := found.Err(); err != nil {
			t.Fatal(err)
		}
		arguments := planArguments()
		for _, name := range indexes {
			// Rolled back, so that the next one is judged by the same statistics.
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.Exec("DROP INDEX " + name); err != nil {
				t.Fatal(err)
			}
			missed := 0
			for _, q := range sqlstore.Statements(d.dialect) {
				missed += len(faultsOfPlan(t, tx, q, arguments[q.Name]))
			}
			// The owners of an organisation are found without reading all its members. A plan
			// names the same columns either way.
			if missed == 0 && name != "admit_members_role" {
				t.Errorf("no statement misses %s", name)
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
		if len(indexes) < 10 {
			t.Errorf("only %d indexes were found", len(indexes))
		}
	}
}

// node is a step of PostgreSQL's plan.
type node struct {
	Type     string `json:"Node Type"`
	Relation string `json:"Relation Name"`
	Hit      int    `json:"Shared Hit Blocks"`
	Read     int    `json:"Shared Read Blocks"`
	Plans    []node `json:"Plans"`
}

// blocks bounds what a statement may touch of tables of more than a thousand
// blocks each: enough for a sweep of 20 rows with all their indexes.
const blocks = 600

// explainPostgres runs the statement as often as makes the server settle for a
// general plan, if that is what it prefers, and judges what the last run did.
func explainPostgres(t *testing.T, db *sql.DB, q sqlstore.Statement, args []any) {
	ctx := context.Background()
	c, err := db.Conn(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.ExecContext(ctx, "PREPARE judged AS "+q.Text); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if _, err := c.ExecContext(ctx, "DEALLOCATE judged"); err != nil {
			t.Error(err)
		}
	}()
	literals := make([]string, len(args))
	for i, a := range args {
		literals[i] = literal(a)
	}
	execute := "EXECUTE judged"
	if len(args) > 0 {
		execute += "(" + strings.Join(literals, ", ") + ")"
	}
	var text string
	for range 7 {
		tx, err := c.BeginTx(ctx, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.QueryRow("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + execute).Scan(&text); err != nil {
			_ = tx.Rollback() // the connection waits for it
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	var plans []struct{ Plan node }
	if err := json.Unmarshal([]byte(text), &plans); err != nil {
		t.Fatal(err)
	}
	if readsAll[q.Name] != "" {
		return
	}
	if touched := plans[0].Plan.Hit + plans[0].Plan.Read; touched > blocks {
		t.Errorf("touches %d blocks: %s\n%s", touched, q.Text, text)
	}
	var judge func(node)
	judge = func(n node) {
		if n.Type == "Seq Scan" {
			t.Errorf("scans %s: %s\n%s", n.Relation, q.Text, text)
		}
		for _, under := range n.Plans {
			judge(under)
		}
	}
	judge(plans[0].Plan)
}

func literal(v any) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case string:
		return "'" + v + "'"
	case []byte:
		return fmt.Sprintf(`'\x%x'`, v)
	default:
		return fmt.Sprint(v)
	}
}
