package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// DefaultPrefix is the start of the names of all tables and indexes, unless the
// host chooses another prefix. The SQL in this package and in its migrations is
// written with it.
const DefaultPrefix = "admit_"

// Statement is one of the statements that the engine runs.
type Statement struct {
	// Name says what the statement does.
	Name string
	// Text is the SQL, with the dialect's placeholders.
	Text string
	// Arguments is the number of its arguments.
	Arguments int
}

// Statements lists every statement that the engine runs on records, in the
// dialect and with the default prefix. The list is complete, because making a
// statement enters it in the list.
func Statements(d Dialect) []Statement {
	c := &catalogue{dialect: d, prefix: DefaultPrefix}
	newStatements(c)
	list := make([]Statement, len(c.list))
	for i, q := range c.list {
		list[i] = Statement{Name: q.name, Text: q.text, Arguments: q.arguments}
	}
	return list
}

// statements are the engine's statements, by role.
type statements struct {
	lock          *query
	users         userStatements
	password      passwordStatements
	sessions      sessionStatements
	tokens        tokenStatements
	apiKeys       apiKeyStatements
	keys          keyStatements
	records       recordStatements
	organizations organizationStatements
	events        eventStatements
	counters      counterStatements
	outbox        outboxStatements
	leases        leaseStatements
	purge         purgeStatements
	sweep         []*query
	ping          *query
}

func newStatements(c *catalogue) statements {
	return statements{
		lock:          c.write("take the write lock", `UPDATE admit_leases SET until = until WHERE tenant = '' AND name = ''`),
		ping:          c.read("ping", `SELECT count(*) FROM admit_leases WHERE tenant = '' AND name = ''`),
		users:         newUserStatements(c),
		password:      newPasswordStatements(c),
		sessions:      newSessionStatements(c),
		tokens:        newTokenStatements(c),
		apiKeys:       newAPIKeyStatements(c),
		keys:          newKeyStatements(c),
		records:       newRecordStatements(c),
		organizations: newOrganizationStatements(c),
		events:        newEventStatements(c),
		counters:      newCounterStatements(c),
		outbox:        newOutboxStatements(c),
		leases:        newLeaseStatements(c),
		purge:         newPurgeStatements(c),
		sweep:         newSweepStatements(c),
	}
}

// query is one statement, ready for one dialect and prefix.
type query struct {
	name, text string
	arguments  int
	writes     bool
	// soft is set if the change may be lost in a power cut, but not when the
	// process ends.
	soft bool
	// packed is set if the only column is a JSON array of all values that are
	// read.
	packed bool
	// prepared is nil until the statement has run outside a transaction, or a
	// transaction has wanted it prepared. Only SQLite uses it. Drivers of
	// PostgreSQL keep their own prepared statements, unless the host has told them
	// not to.
	prepared atomic.Pointer[sql.Stmt]
	// wanted is set if a transaction had to run the statement unprepared.
	wanted atomic.Bool
}

// prepare returns the prepared statement. The first call makes it. The caller
// must not hold a connection, because in a pool with one connection prepare
// would then wait for ever.
func (q *query) prepare(ctx context.Context, db *sql.DB) (*sql.Stmt, error) {
	if p := q.prepared.Load(); p != nil {
		return p, nil
	}
	p, err := db.PrepareContext(ctx, q.text)
	if err != nil {
		return nil, err
	}
	if q.prepared.CompareAndSwap(nil, p) {
		return p, nil
	}
	return q.prepared.Load(), p.Close()
}

// catalogue makes statements and keeps the list of them.
type catalogue struct {
	dialect Dialect
	prefix  string
	list    []*query
}

// read enters a statement that changes nothing.
func (c *catalogue) read(name, text string) *query { return c.add(name, text, false) }

// write enters a statement that may change something.
func (c *catalogue) write(name, text string) *query { return c.add(name, text, true) }

// soft enters a statement that counts. A power cut may undo its changes.
func (c *catalogue) soft(name, text string) *query {
	q := c.write(name, text)
	q.soft = true
	return q
}

// pick returns the text for the dialect, if the dialects need different texts.
func (c *catalogue) pick(sqlite, postgres string) string {
	if c.dialect == SQLite {
		return sqlite
	}
	return postgres
}

// by names the index by which rows of a table are found. If nobody runs
// ANALYZE, SQLite has no statistics, and considers the key of the whole tenant
// as good as the index of one account. PostgreSQL has no syntax for this; see
// unset.
func (c *catalogue) by(index string) string { return c.pick(" INDEXED BY "+index, "") }

// unset is the condition that a time is not set, for a statement that finds its
// row by key. It is written so that it matches no partial index. As long as
// PostgreSQL has no statistics of a table, it considers a scan of all rows of a
// tenant in a partial index cheaper than the key.
func unset(column string) string { return column + " + 0 = 0" }

// held is a list named due of the rows that a statement is about to change, at
// most as many as the LIMIT of the selection. On PostgreSQL the rows are
// locked. A row that another transaction has changed meanwhile is replaced by
// the next row, so no rows means that none are left.
func (c *catalogue) held(selection string) string {
	return "WITH due AS (" + selection + c.pick("", " FOR UPDATE") + ") "
}

// among is the condition that column is one of the texts in the JSON array that
// argument holds.
func (c *catalogue) among(column, argument string) string {
	return column + c.pick(` IN (SELECT value FROM json_each(`+argument+`))`,
		` = ANY (ARRAY(SELECT jsonb_array_elements_text(CAST(`+argument+` AS JSONB))))`)
}

// contains is the condition that column contains the text of an argument, in
// upper or lower case.
func (c *catalogue) contains(column, argument string) string {
	return c.pick("instr", "strpos") + "(lower(" + column + "), lower(" + argument + ")) > 0"
}

// packed enters a statement that reads one row of many columns. blob, unless it
// is "", is the column that contains bytes. The columns are read as one column,
// because all drivers need more time for a column than for finding the row.
func (c *catalogue) packed(name, columns, blobs, rest string) *query {
	q := c.read(name, "SELECT "+c.pack(columns, blobs)+" "+rest)
	q.packed = true
	return q
}

// pack returns columns as the single column of a packed row.
func (c *catalogue) pack(columns, blobs string) string {
	if blobs != "" {
		all := strings.Split(columns, ", ")
		for i, column := range all {
			if slices.Contains(strings.Split(blobs, ", "), column) {
				all[i] = c.pick("hex("+column+")", "encode("+column+", 'hex')")
			}
		}
		columns = strings.Join(all, ", ")
	}
	return c.pick("json_array("+columns+")", "CAST(json_build_array("+columns+") AS TEXT)")
}

// add enters a statement. Its text has the placeholders $1, $2 … and the
// default prefix.
func (c *catalogue) add(name, text string, writes bool) *query {
	q := &query{name: name, writes: writes}
	text = strings.Join(strings.Fields(text), " ")
	text = strings.ReplaceAll(text, DefaultPrefix, c.prefix)
	for strings.Contains(text, "$"+strconv.Itoa(q.arguments+1)) {
		q.arguments++
	}
	if c.dialect == SQLite {
		text = strings.ReplaceAll(text, "$", "?")
	}
	q.text = text
	c.list = append(c.list, q)
	return q
}

// values lists the placeholders $1 to $n.
func values(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		if i > 1 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(i))
	}
	return b.String()
}

// qualified puts an alias before every column of a list.
func qualified(alias, columns string) string {
	return alias + "." + strings.ReplaceAll(columns, ", ", ", "+alias+".")
}
