// Teams is a small SaaS with html/template: people sign up, make a team, invite
// others by mail and by a link, and switch between their teams. Each team has notes
// that no other team sees. Accounts and notes are in one SQLite file, or in
// PostgreSQL, where row-level security guards the notes:
//
//	go run ./examples/teams
//	go run ./examples/teams -store postgres://teams:secret@localhost/teams
//
// Mail is not sent. The page /dev/mailbox shows it.
package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of PostgreSQL
	_ "modernc.org/sqlite"             // the driver of SQLite

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

func main() {
	address := flag.String("addr", "127.0.0.1:8080", "the address to serve, on this machine")
	source := flag.String("store", "teams.db", "an SQLite file, or a postgres:// URL")
	flag.Parse()
	log.Fatal(serve(*address, *source))
}

// serve serves the app until it fails. Whoever reads the mailbox owns the accounts,
// so the app serves this machine alone.
func serve(address, source string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	if at, err := netip.ParseAddrPort(listener.Addr().String()); err != nil || !at.Addr().IsLoopback() {
		return fmt.Errorf("-addr %q is not on this machine, and everybody there could read /dev/mailbox", address)
	}
	base := "http://" + listener.Addr().String()
	a, err := open(context.Background(), source, admit.Config{
		BaseURL: base, SiteName: "Teams", Secrets: admit.SecretFile("teams.secret"), Pages: &pages.Pages{},
		Invitations: admit.InvitationConfig{URL: base + "/invitation"},
	})
	if err != nil {
		return err
	}
	defer func() { _ = errors.Join(a.auth.Close(context.Background()), a.db.Close()) }()
	fmt.Println("listening on", base)
	server := &http.Server{
		Handler:           a.routes(),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute,
	}
	return server.Serve(listener)
}

// app keeps the notes of the teams, and what the library keeps, in one database.
type app struct {
	auth *admit.Auth
	db   *sql.DB
	// rows says that the database shows each team its own rows.
	rows bool
	mail *mailer.Recorder
}

// open opens the database, makes the tables of both, and makes the Auth.
func open(ctx context.Context, source string, config admit.Config) (a *app, err error) {
	a = &app{mail: &mailer.Recorder{}}
	var tables interface {
		store.Store
		Migrate(ctx context.Context) error
	}
	if strings.HasPrefix(source, "postgres://") {
		a.rows = true
		if a.db, err = sql.Open("pgx", source); err != nil {
			return nil, err
		}
		tables = postgres.New(a.db)
	} else {
		if a.db, err = sqlite.Open(source); err != nil {
			return nil, err
		}
		tables = sqlite.New(a.db)
	}
	config.Store, config.Mailer = tables, a.mail
	if err = tables.Migrate(ctx); err == nil {
		err = a.migrate(ctx)
	}
	if err == nil {
		a.auth, err = admit.New(config)
	}
	if err != nil {
		return nil, errors.Join(err, a.db.Close())
	}
	return a, nil
}

// migrate makes the table of the notes. On PostgreSQL a policy shows a transaction
// the rows of the team that RowSecurity names, and lets it write no other row. The
// owner of a table is held to its policies only by FORCE, and a superuser never is.
func (a *app) migrate(ctx context.Context) error {
	statements := []string{`CREATE TABLE IF NOT EXISTS notes (organization_id TEXT NOT NULL, author TEXT NOT NULL, note TEXT NOT NULL, created_at TIMESTAMP NOT NULL)`}
	if a.rows {
		var free bool
		if err := a.db.QueryRowContext(ctx, `SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user`).Scan(&free); err != nil {
			return err
		}
		if free {
			return errors.New("-store: row-level security does not hold for this user of the database. " +
				"Make another: CREATE ROLE teams LOGIN PASSWORD 'secret'; CREATE DATABASE teams OWNER teams")
		}
		statements = append(statements,
			`ALTER TABLE notes ENABLE ROW LEVEL SECURITY`,
			`ALTER TABLE notes FORCE ROW LEVEL SECURITY`,
			`DROP POLICY IF EXISTS team ON notes`,
			`CREATE POLICY team ON notes USING (organization_id = nullif(current_setting('admit.organization_id', true), ''))`,
		)
	}
	for _, statement := range statements {
		if _, err := a.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// note is a row of the table.
type note struct{ Author, Text string }

// notes returns the notes of the team that the session of ctx works in. Behind
// RequireOrganization there is one. On PostgreSQL the query needs no WHERE: without
// it, as here, the database still shows no row of another team.
func (a *app) notes(ctx context.Context) (all []note, err error) {
	err = a.inTeam(ctx, func(tx *sql.Tx, team string) error {
		query, values := `SELECT author, note FROM notes WHERE organization_id = ? ORDER BY created_at`, []any{team}
		if a.rows {
			query, values = `SELECT author, note FROM notes ORDER BY created_at`, nil
		}
		rows, err := tx.QueryContext(ctx, query, values...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n note
			if err := rows.Scan(&n.Author, &n.Text); err != nil {
				return err
			}
			all = append(all, n)
		}
		return rows.Err()
	})
	return all, err
}

// write adds a note to the team that the session of ctx works in.
func (a *app) write(ctx context.Context, author, text string) error {
	return a.inTeam(ctx, func(tx *sql.Tx, team string) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO notes (organization_id, author, note, created_at) VALUES ($1, $2, $3, $4)`, team, author, text, time.Now().UTC())
		return err
	})
}

// inTeam runs fn in a transaction that knows who asks and for which team.
func (a *app) inTeam(ctx context.Context, fn func(tx *sql.Tx, team string) error) error {
	caller, _ := admit.CallerFrom(ctx)
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to roll back
	if a.rows {
		if err := a.auth.RowSecurity(ctx, tx); err != nil {
			return err
		}
	}
	if err := fn(tx, caller.OrganizationID); err != nil {
		return err
	}
	return tx.Commit()
}
