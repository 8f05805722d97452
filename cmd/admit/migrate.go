package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"
)

// migrateCommand returns the command that changes the schema only with --apply.
// Without the flag it only reads, so that it is safe on a production database.
func (a *app) migrateCommand() *cobra.Command {
	var plan, apply bool
	c := &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date, or say what it lacks",
		Long: `Without a flag, migrate says which steps the schema lacks and changes nothing.

The steps go forward only, each in a transaction of its own and under a lock, so
that several may run this at once. A database that a newer program migrated is
left alone.`,
		Example: `  admit migrate                   # what is pending?
  admit migrate --plan > up.sql   # the SQL, for review or another tool
  admit migrate --apply`,
		Args: cobra.NoArgs,
	}
	c.Flags().BoolVar(&plan, "plan", false, "print the SQL that --apply would run")
	c.Flags().BoolVar(&apply, "apply", false, "run it")
	c.MarkFlagsMutuallyExclusive("plan", "apply")
	c.RunE = a.does(func(ctx context.Context, _ []string) (result, error) {
		p, err := a.place()
		if err != nil {
			return nil, err
		}
		if apply {
			if err := p.makeFile(); err != nil {
				return nil, err
			}
		}
		d, db, err := p.open()
		if err != nil {
			return nil, err
		}
		defer db.Close()
		steps, err := steps(ctx, d, p.missing())
		if err != nil {
			return nil, err
		}
		if apply {
			return migration{Steps: steps, Applied: true}, d.Migrate(ctx)
		}
		return migration{Steps: steps, plan: plan}, nil
	})
	return c
}

// makeFile makes a missing SQLite file with mode 0600, because the file will
// contain password hashes. SQLite gives the files next to it the same mode.
func (p place) makeFile() error {
	if p.file == "" {
		return nil
	}
	file, err := os.OpenFile(p.file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return file.Close()
}

// steps returns the pending steps of the schema. If there is no SQLite file
// yet, these are all steps; opening the file would make it.
func steps(ctx context.Context, d database, missing bool) ([]step, error) {
	files := d.Migrations()
	var names []string
	var err error
	if missing {
		if names, err = fs.Glob(files, "*.sql"); err != nil {
			return nil, err
		}
	} else if names, err = d.Pending(ctx); err != nil {
		return nil, err
	}
	steps := make([]step, len(names))
	for i, name := range names {
		name = strings.TrimSuffix(path.Base(name), ".sql")
		text, err := fs.ReadFile(files, name+".sql")
		if err != nil {
			return nil, err
		}
		steps[i] = step{Name: name, SQL: string(text)}
	}
	return steps, nil
}

// step is one migration.
type step struct {
	Name string `json:"name"`
	SQL  string `json:"sql"`
}

// migration is the result of migrate: the pending steps, or the steps that were
// applied.
type migration struct {
	Steps   []step `json:"steps"`
	Applied bool   `json:"applied"`
	plan    bool
}

func (m migration) write(w io.Writer) {
	switch {
	case m.plan:
		for _, s := range m.Steps {
			fmt.Fprintf(w, "-- %s\n\n%s\n", s.Name, strings.TrimSpace(s.SQL)+"\n")
		}
		return
	case len(m.Steps) == 0:
		fmt.Fprintln(w, "The schema is up to date.")
		return
	case m.Applied:
		fmt.Fprintf(w, "Applied %s:\n", count(len(m.Steps), "step", "steps"))
	default:
		fmt.Fprintf(w, "%s pending; 'admit migrate --apply' runs:\n", count(len(m.Steps), "step is", "steps are"))
	}
	for _, s := range m.Steps {
		fmt.Fprintf(w, "  %s\n", s.Name)
	}
}
