package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	_ "modernc.org/sqlite"             // the SQLite driver, which needs no cgo

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

// patience bounds one verb of the store. The network may be long between here
// and the database, and nobody waits behind a request.
const patience = 30 * time.Second

// connections is how many a PostgreSQL database is used with.
const connections = 8

// database is what the SQL stores have beside the records.
type database interface {
	store.Store
	Migrate(ctx context.Context) error
	Pending(ctx context.Context) ([]string, error)
	Migrations() fs.FS
	Check(ctx context.Context) ([]store.Finding, error)
}

// place is where the records are.
type place struct {
	// file is the SQLite file, or "".
	file string
	// url is that of the PostgreSQL database, or "".
	url string
}

// place reads --store or the environment.
func (a *app) place() (place, error) {
	text := a.store
	if text == "" {
		text = a.getenv("ADMIT_STORE")
	}
	file, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case text == "":
		return place{}, usagef("which store? Give --store sqlite:FILE or --store postgres://…, or set ADMIT_STORE")
	case isFile && file != "":
		return place{file: file}, nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return place{url: text}, nil
	}
	// The text may hold a password and is not repeated.
	return place{}, usagef("the store must be sqlite:FILE or a postgres:// URL")
}

// missing says that the SQLite file is not there.
func (p place) missing() bool {
	if p.file == "" {
		return false
	}
	_, err := os.Stat(p.file)
	return errors.Is(err, fs.ErrNotExist)
}

// open opens the store whatever state its schema is in. An SQLite file that is
// missing would be made at the first use.
func (p place) open() (database, *sql.DB, error) {
	if p.file != "" {
		db, err := sqlite.Open(p.file)
		if err != nil {
			return nil, nil, err
		}
		return sqlite.New(db, sqlite.Timeout(patience)), db, nil
	}
	db, err := sql.Open("pgx", p.url)
	if err != nil {
		return nil, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return postgres.New(db, postgres.Timeout(patience)), db, nil
}

// withDatabase gives work a store whose schema is up to date.
func (a *app) withDatabase(ctx context.Context, work func(p place, d database) (result, error)) (result, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	if p.missing() {
		return nil, fmt.Errorf("%s does not exist; 'admit migrate --apply' makes it", p.file)
	}
	d, db, err := p.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	pending, err := d.Pending(ctx)
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		return nil, fmt.Errorf("the schema lacks %s; run 'admit migrate --apply'", strings.Join(pending, ", "))
	}
	return work(p, d)
}

// withAuth gives work the rules of the library over the store. They seal and
// open nothing unless secrets are given; nil is for rules that need none.
func (a *app) withAuth(ctx context.Context, secrets admit.SecretSource, work func(auth *admit.Auth) (result, error)) (result, error) {
	return a.withDatabase(ctx, func(_ place, d database) (result, error) {
		auth, err := a.auth(newGuest(d, true), secrets)
		if err != nil {
			return nil, err
		}
		defer func() { _ = auth.Close(context.WithoutCancel(ctx)) }()
		return work(auth)
	})
}

// auth makes the library's rules available over a store.
func (a *app) auth(s store.Store, secrets admit.SecretSource) (*admit.Auth, error) {
	if secrets == nil {
		// A secret of this process alone; guest keeps what it seals out of the
		// store.
		var random [32]byte
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		secrets = admit.Secrets(hex.EncodeToString(random[:]))
	}
	return admit.New(admit.Config{
		BaseURL: "http://localhost", Secrets: secrets, Store: s, Mailer: noMailer{}, Now: a.now,
		Logger: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}
