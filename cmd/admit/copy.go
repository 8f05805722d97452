package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) copyCommand() *cobra.Command {
	var resume bool
	c := &cobra.Command{
		Use:   "copy FROM TO",
		Short: "Copy a whole database to another, SQLite or PostgreSQL",
		Long: `Copy everything but sessions from one database to another: users, passwords,
addresses, API keys, signing keys, links and codes that wait, events, queued mail.
FROM and TO are sqlite:FILE or a postgres:// URL, each with its schema in place
('admit migrate --apply --store TO').

Stop the application first, and start it on TO afterwards with the same secret.
Everybody signs in again. TO must be empty. A copy that was interrupted goes on
with --resume, over which rows are written that differ. At the end the rows of each
table are counted on both sides; the exit code is 1 where they differ.`,
		Example: `  admit copy sqlite:app.db postgres://app@db.example/app
  admit copy sqlite:app.db postgres://app@db.example/app --resume`,
		Args: exactly(2),
	}
	c.Flags().BoolVar(&resume, "resume", false, "go on with a copy that was interrupted")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		from, err := parsePlace(args[0])
		if err != nil {
			return nil, err
		}
		to, err := parsePlace(args[1])
		if err != nil {
			return nil, err
		}
		if from.name() == to.name() {
			return nil, usagef("FROM and TO are the same database")
		}
		return a.openUp(ctx, from, func(_ database, source *sql.DB) (result, error) {
			return a.openUp(ctx, to, func(_ database, target *sql.DB) (result, error) {
				run := copying{from: side{from, source}, to: side{to, target}, bar: a.bar("copying")}
				r, err := run.run(ctx, resume)
				run.bar.clear()
				return r, err
			})
		})
	})
	return c
}

// uncopied are tables that belong to a running application: sessions, for
// example, and leases. After a copy people sign in again, and no process holds
// a lease.
var uncopied = []string{"admit_sessions", "admit_leases", "admit_migrations"}

// side is one of the two databases.
type side struct {
	place
	db *sql.DB
}

// copying is one run of a copy.
type copying struct {
	from, to side
	bar      *bar
}

// shape is a table: its columns, and the columns of its primary key.
type shape struct {
	name    string
	columns []string
	key     []string
}

func (c copying) run(ctx context.Context, resume bool) (result, error) {
	tables, err := c.from.tables(ctx)
	if err != nil {
		return nil, err
	}
	there, err := c.to.tables(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.EqualFunc(tables, there, func(a, b shape) bool {
		return a.name == b.name && slices.Equal(a.columns, b.columns) && slices.Equal(a.key, b.key)
	}) {
		return nil, errors.New("the two schemas differ; run 'admit migrate --apply' on both with this version of the command")
	}
	if !resume {
		for _, table := range there {
			if n, err := c.to.count(ctx, table); err != nil {
				return nil, err
			} else if n > 0 {
				return nil, fmt.Errorf("TO is not empty: %s has %s. Give --resume to go on with a copy that was interrupted, or another database",
					table.name, count(n, "row", "rows"))
			}
		}
	}
	var done copied
	for _, table := range tables {
		total, err := c.from.count(ctx, table)
		if err != nil {
			return done, err
		}
		if err := c.table(ctx, table, total); err != nil {
			return done, fmt.Errorf("%s: %w; --resume goes on", table.name, err)
		}
		row := copiedTable{Table: table.name, From: total}
		if row.To, err = c.to.count(ctx, table); err != nil {
			return done, err
		}
		done.Tables = append(done.Tables, row)
	}
	for _, row := range done.Tables {
		if row.From != row.To {
			return done, fmt.Errorf("%s has %s in FROM and %s in TO: is an application running on one of them?", row.Table, grouped(row.From), grouped(row.To))
		}
	}
	return done, nil
}

// copyParameters is the greatest number of parameters of one statement. The
// limit of SQLite is 32,766.
const copyParameters = 10_000

// table copies a table in the order of its key, some hundred rows per
// transaction.
func (c copying) table(ctx context.Context, t shape, total int) error {
	batch := max(1, min(500, copyParameters/len(t.columns)))
	var last []any
	for n := 0; ; {
		rows, err := c.from.page(ctx, t, last, batch)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			if err := c.to.write(ctx, t, rows); err != nil {
				return err
			}
			last = nil
			for _, column := range t.key {
				last = append(last, rows[len(rows)-1][slices.Index(t.columns, column)])
			}
		}
		n += len(rows)
		c.bar.show(int64(n), int64(total), n)
		if len(rows) < batch {
			return nil
		}
	}
}

// tables returns the tables to copy, in the order of their names.
func (s side) tables(ctx context.Context) ([]shape, error) {
	names, columns := `SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'admit!_%' ESCAPE '!' ORDER BY name`,
		`SELECT name, pk FROM pragma_table_info($1) ORDER BY name`
	if s.file == "" {
		names = `SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'
			AND table_name LIKE 'admit!_%' ESCAPE '!' ORDER BY table_name COLLATE "C"`
		columns = `SELECT c.column_name::text, coalesce(k.ordinal_position, 0)::bigint FROM information_schema.columns c
			LEFT JOIN information_schema.table_constraints t ON t.table_schema = c.table_schema AND t.table_name = c.table_name AND t.constraint_type = 'PRIMARY KEY'
			LEFT JOIN information_schema.key_column_usage k ON k.constraint_schema = t.constraint_schema AND k.constraint_name = t.constraint_name
				AND k.table_name = c.table_name AND k.column_name = c.column_name
			WHERE c.table_schema = current_schema() AND c.table_name = $1 ORDER BY c.column_name COLLATE "C"`
	}
	rows, err := s.db.QueryContext(ctx, names)
	if err != nil {
		return nil, err
	}
	list, err := texts(rows)
	if err != nil {
		return nil, err
	}
	var shapes []shape
	for _, name := range list {
		if slices.Contains(uncopied, name) {
			continue
		}
		t, err := s.shape(ctx, name, columns)
		if err != nil {
			return nil, err
		}
		shapes = append(shapes, t)
	}
	return shapes, nil
}

func (s side) shape(ctx context.Context, name, query string) (shape, error) {
	rows, err := s.db.QueryContext(ctx, query, name)
	if err != nil {
		return shape{}, err
	}
	defer rows.Close()
	t := shape{name: name}
	positions := map[string]int{}
	for rows.Next() {
		var column string
		var position int
		if err := rows.Scan(&column, &position); err != nil {
			return t, err
		}
		t.columns = append(t.columns, column)
		if position > 0 {
			positions[column] = position
			t.key = append(t.key, column)
		}
	}
	slices.SortFunc(t.key, func(a, b string) int { return positions[a] - positions[b] })
	if len(t.key) == 0 && rows.Err() == nil {
		return t, fmt.Errorf("%s has no primary key", name)
	}
	return t, rows.Err()
}

func (s side) count(ctx context.Context, t shape) (int, error) {
	var n int
	return n, s.db.QueryRowContext(ctx, `SELECT count(*) FROM `+t.name).Scan(&n)
}

// page reads the rows after a key.
func (s side) page(ctx context.Context, t shape, last []any, limit int) ([][]any, error) {
	where := ""
	if last != nil {
		marks := make([]string, len(t.key))
		for i := range marks {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		where = fmt.Sprintf(" WHERE (%s) > (%s)", strings.Join(t.key, ", "), strings.Join(marks, ", "))
	}
	rows, err := s.db.QueryContext(ctx, fmt.Sprintf(`SELECT %s FROM %s%s ORDER BY %s LIMIT %d`,
		strings.Join(t.columns, ", "), t.name, where, strings.Join(t.key, ", "), limit), last...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list [][]any
	for rows.Next() {
		values, into := make([]any, len(t.columns)), make([]any, len(t.columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		list = append(list, values)
	}
	return list, rows.Err()
}

// write writes all rows or none. It replaces rows that an earlier run has
// written.
func (s side) write(ctx context.Context, t shape, rows [][]any) error {
	var text strings.Builder
	fmt.Fprintf(&text, `INSERT INTO %s (%s) VALUES `, t.name, strings.Join(t.columns, ", "))
	args := make([]any, 0, len(rows)*len(t.columns))
	for i, row := range rows {
		if i > 0 {
			text.WriteString(", ")
		}
		for j, value := range row {
			separator := ", "
			if j == 0 {
				separator = "("
			}
			args = append(args, value)
			fmt.Fprintf(&text, "%s$%d", separator, len(args))
		}
		text.WriteString(")")
	}
	fmt.Fprintf(&text, ` ON CONFLICT (%s) DO `, strings.Join(t.key, ", "))
	var set []string
	for _, column := range t.columns {
		if !slices.Contains(t.key, column) {
			set = append(set, column+" = excluded."+column)
		}
	}
	if len(set) == 0 {
		text.WriteString("NOTHING")
	} else {
		text.WriteString("UPDATE SET " + strings.Join(set, ", "))
	}
	_, err := s.db.ExecContext(ctx, text.String(), args...)
	return err
}

// copied is the result of copy: the rows of both databases, counted.
type copied struct {
	Tables []copiedTable `json:"tables"`
}

type copiedTable struct {
	Table string `json:"table"`
	From  int    `json:"from"`
	To    int    `json:"to"`
}

func (c copied) write(w io.Writer) {
	rows := make([][]string, len(c.Tables))
	for i, t := range c.Tables {
		rows[i] = []string{t.Table, grouped(t.From), grouped(t.To)}
	}
	table(w, "TABLE FROM TO", rows)
}
