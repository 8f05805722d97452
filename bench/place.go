package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	_ "modernc.org/sqlite"             // the SQLite driver

	"github.com/admit-go/admit/store/sqlite"
)

// place is a store for one server: memory, a file, or a database of its own.
type place struct {
	kind string
	// flag is what the server's -store takes.
	flag string
	// open opens the database beside the server; nil for memory.
	open   func() (*sql.DB, error)
	remove func()
}

func (l *lab) place(kind string) (*place, error) {
	switch kind {
	case "sqlite":
		file, err := os.CreateTemp(l.folder, "*.db")
		if err != nil {
			return nil, err
		}
		path := file.Name()
		return &place{
			kind: kind, flag: "sqlite:" + path, open: func() (*sql.DB, error) { return sqlite.Open(path) },
			remove: func() {
				for _, suffix := range []string{"", "-wal", "-shm"} {
					_ = os.Remove(path + suffix)
				}
			},
		}, file.Close()
	case "postgres":
		return l.database()
	}
	return &place{kind: kind, flag: "memory:", remove: func() {}}, nil
}

// file opens an empty database of SQLite, until done is called.
func (l *lab) file() (db *sql.DB, done func(), err error) {
	at, err := l.place("sqlite")
	if err != nil {
		return nil, nil, err
	}
	if db, err = at.open(); err != nil {
		at.remove()
		return nil, nil, err
	}
	return db, func() {
		_ = db.Close()
		at.remove()
	}, nil
}

// database creates a database on the PostgreSQL server.
func (l *lab) database() (*place, error) {
	admin, err := openPostgres(l.ctx, l.postgres)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	at, err := url.Parse(l.postgres)
	if err != nil {
		return nil, err
	}
	name := "admit_measure_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(l.ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	at.Path = "/" + name
	return &place{
		kind: "postgres", flag: at.String(),
		open: func() (*sql.DB, error) { return openPostgres(l.ctx, at.String()) },
		remove: func() {
			if admin, err := openPostgres(context.WithoutCancel(l.ctx), l.postgres); err == nil {
				_, _ = admin.Exec("DROP DATABASE " + name + " WITH (FORCE)")
				admin.Close()
			}
		},
	}, nil
}

func openPostgres(ctx context.Context, at string) (*sql.DB, error) {
	db, err := sql.Open("pgx", at)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("reach PostgreSQL: %w", err)
	}
	return db, nil
}

// backends are PostgreSQL's processes that serve the connections of a database.
// They can be looked at where the database is on this machine.
func (p *place) backends(ctx context.Context) ([]int, error) {
	if p.kind != "postgres" {
		return nil, nil
	}
	db, err := p.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, `SELECT pid FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var pids []int
	for rows.Next() {
		var pid int
		if err := rows.Scan(&pid); err != nil {
			return nil, err
		}
		pids = append(pids, pid)
	}
	return pids, rows.Err()
}
