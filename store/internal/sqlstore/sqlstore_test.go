package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"testing"
)

func TestStatementsAreWrittenForTheirDialect(t *testing.T) {
	placeholders := map[Dialect]*regexp.Regexp{SQLite: regexp.MustCompile(`\$\d`), Postgres: regexp.MustCompile(`\?`)}
	for d, foreign := range placeholders {
		names := map[string]bool{}
		for _, q := range Statements(d) {
			if names[q.Name] {
				t.Errorf("%s: two statements are named %s", d, q.Name)
			}
			names[q.Name] = true
			if foreign.MatchString(q.Text) {
				t.Errorf("%s: %s has a placeholder of the other dialect: %s", d, q.Name, q.Text)
			}
		}
		if len(names) < 60 {
			t.Errorf("%s: only %d statements are listed", d, len(names))
		}
	}
}

func TestPrefixStandsInEveryStatementAndMigration(t *testing.T) {
	for _, d := range []Dialect{SQLite, Postgres} {
		s := New(nil, d, Options{Prefix: "mine_"})
		for _, q := range s.list {
			if strings.Contains(q.text, DefaultPrefix) || !strings.Contains(q.text, "mine_") {
				t.Errorf("%s: %s: %s", d, q.name, q.text)
			}
		}
		text, err := fs.ReadFile(s.Migrations(), "0001_init.sql")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), DefaultPrefix) || !strings.Contains(string(text), "CREATE TABLE mine_users") {
			t.Errorf("%s: the migration has another prefix", d)
		}
		info, err := fs.Stat(s.Migrations(), "0001_init.sql")
		if err != nil || info.Size() != int64(len(text)) {
			t.Errorf("%s: the file is said to have %v bytes, %v; it has %d", d, info, err, len(text))
		}
	}
}

func TestSettingsThatCannotWorkAreTheErrorOfEveryVerb(t *testing.T) {
	for _, o := range []Options{{}, {Prefix: "Upper"}, {Timeout: -1}} {
		s := New(nil, SQLite, o)
		if s.Problem() == nil {
			t.Errorf("%+v without a *sql.DB is no problem", o)
		}
		if err := s.Ping(context.Background()); !errors.Is(err, s.Problem()) {
			t.Errorf("%+v: a verb gave %v", o, err)
		}
		if err := s.Migrate(context.Background()); !errors.Is(err, s.Problem()) {
			t.Errorf("%+v: Migrate gave %v", o, err)
		}
	}
}

type stated string

func (s stated) Error() string    { return "an error" }
func (s stated) SQLState() string { return string(s) }

type coded int

func (c coded) Error() string { return "an error" }
func (c coded) Code() int     { return int(c) }

func TestOnlyABusyDatabaseIsWorthAnotherTry(t *testing.T) {
	for _, c := range []struct {
		dialect Dialect
		err     error
		again   bool
	}{
		{Postgres, nil, false},
		{Postgres, stated("40001"), true},
		{Postgres, fmt.Errorf("wrapped: %w", stated("40P01")), true},
		{Postgres, stated("23505"), false},
		{Postgres, stated("57P01"), false},
		{Postgres, coded(5), false},
		{Postgres, errors.New("database is locked"), false},
		{SQLite, nil, false},
		{SQLite, coded(5), true},
		{SQLite, coded(517), true},
		{SQLite, coded(6), true},
		{SQLite, coded(13), false},
		{SQLite, coded(2067), false},
		{SQLite, fmt.Errorf("wrapped: %w", coded(5)), true},
		{SQLite, errors.New("database is locked"), true},
		{SQLite, errors.New("database table is locked: admit_users"), true},
		{SQLite, errors.New("disk I/O error"), false},
		{SQLite, stated("40001"), false},
	} {
		if got := c.dialect.again(c.err); got != c.again {
			t.Errorf("%s, %#v: %v, should be %v", c.dialect, c.err, got, c.again)
		}
	}
}
