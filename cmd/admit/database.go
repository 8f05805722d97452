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
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the PostgreSQL driver
	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // the SQLite driver, which needs no cgo

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/postgres"
	"github.com/admit-go/admit/store/sqlite"
)

// patience is the limit of one verb of the store. It is long, because the
// network to the database may be slow, and no request waits for the command.
const patience = 30 * time.Second

// connections is the number of connections to a PostgreSQL database.
const connections = 8

// database has the methods of the SQL stores that are not verbs on records.
type database interface {
	store.Store
	Migrate(ctx context.Context) error
	Pending(ctx context.Context) ([]string, error)
	Migrations() fs.FS
	Check(ctx context.Context) ([]store.Finding, error)
}

// place is the database that holds the records.
type place struct {
	// file is the SQLite file, or "".
	file string
	// url is the URL of the PostgreSQL database, or "".
	url string
}

// hasStore says that --store or the environment names a store.
func (a *app) hasStore() bool { return a.store != "" || a.getenv("ADMIT_STORE") != "" }

// place reads --store or the environment.
func (a *app) place() (place, error) {
	text := a.store
	if text == "" {
		text = a.getenv("ADMIT_STORE")
	}
	if text == "" {
		return place{}, usagef("which store? Give --store sqlite:FILE or --store postgres://…, or set ADMIT_STORE")
	}
	return parsePlace(text)
}

// parsePlace reads the name of a store.
func parsePlace(text string) (place, error) {
	file, isFile := strings.CutPrefix(text, "sqlite:")
	switch {
	case isFile && (strings.HasPrefix(file, "file:") || strings.HasPrefix(file, "//") || strings.Contains(file, ":memory:")):
		return place{}, usagef("the store %q must be a path behind sqlite:, such as sqlite:app.db, and no URL", text)
	case isFile && file != "":
		return place{file: file}, nil
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		if _, err := pgx.ParseConfig(text); err != nil {
			return place{}, usagef("the store is no URL of PostgreSQL that can be used: %v; give postgres://USER:PASSWORD@HOST/DATABASE, with %%40 for an @ in the password", err)
		}
		return place{url: text}, nil
	}
	return place{}, usagef("%s", misnamed(text))
}

// unusable says of a file what is wrong with it and what to do.
func unusable(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; correct the path (the folder here is %s)", name, folder())
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be opened by this user of the machine; run the command as its owner, or change its mode", name)
	}
	return fmt.Errorf("%s cannot be used: %w", name, err)
}

// folder is the current one, for a message.
func folder() string {
	name, err := os.Getwd()
	if err != nil {
		return "unknown"
	}
	return name
}

// cannot says of the store what is wrong with it and what to do.
func (p place) cannot(err error) error {
	if errors.Is(err, store.ErrPooler) {
		return err // its text says what to do
	}
	if p.file == "" {
		return fmt.Errorf("%w\nSee whether the server runs, and whether --store has its host, port, user, password and database", err)
	}
	if info, failed := os.Stat(p.file); failed == nil && info.IsDir() {
		return fmt.Errorf("%s is a folder; give the SQLite file, such as sqlite:%s/app.db", p.file, strings.TrimSuffix(p.file, "/"))
	}
	return fmt.Errorf("%s cannot be read as an SQLite file of an application: %w\nGive the file that the application opens, and see who may read it", p.file, err)
}

// misnamed returns the error for a text that names no store. It quotes the text
// without a password, and suggests what was probably meant.
func misnamed(text string) string {
	scheme, rest, hasScheme := strings.Cut(text, ":")
	came := strconv.Quote(text)
	if u, err := url.Parse(text); err == nil && u.User != nil {
		came = strconv.Quote(u.Redacted())
	} else if strings.Contains(text, "@") || strings.Contains(strings.ToLower(text), "password") {
		came = "what came" // the text may contain a password
	}
	if strings.Contains(text, "@") || came == "what came" {
		rest = "FILE"
	}
	switch {
	case hasScheme && scheme == "sqlite":
		return fmt.Sprintf("the store %s names no file; give sqlite:FILE, such as sqlite:app.db", came)
	case hasScheme && slices.Contains([]string{"postgresql+psycopg2", "postgresql+asyncpg", "pgx", "pg", "jdbc", "postgres"}, scheme):
		return fmt.Sprintf("the store %s is no URL of PostgreSQL; give postgres://USER:PASSWORD@HOST/DATABASE", came)
	case hasScheme && scheme == "file", hasScheme && scheme == "sqlite3":
		return fmt.Sprintf("the store %s has a scheme that is not known; did you mean sqlite:%s?", came, strings.TrimPrefix(rest, "//"))
	case !hasScheme && strings.Contains(text, "host="):
		return fmt.Sprintf("the store %s is a list of settings; give them as a URL: postgres://USER:PASSWORD@HOST/DATABASE", came)
	case !hasScheme && !strings.ContainsAny(text, " @"):
		return fmt.Sprintf("the store %s has no scheme; did you mean sqlite:%s?", came, text)
	}
	return fmt.Sprintf("the store %s is neither sqlite:FILE nor a postgres:// URL", came)
}

// missing returns the error of an SQLite file that does not exist.
func (p place) missing() bool {
	if p.file == "" {
		return false
	}
	_, err := os.Stat(p.file)
	return errors.Is(err, fs.ErrNotExist)
}

// open opens the store without a look at its schema. A missing SQLite file
// would be made at the first use.
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

// withDatabase calls work with a store whose schema is up to date.
func (a *app) withDatabase(ctx context.Context, work func(p place, d database) (result, error)) (result, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	return a.openUp(ctx, p, func(d database, _ *sql.DB) (result, error) { return work(p, d) })
}

// openUp opens a store whose schema is up to date.
func (a *app) openUp(ctx context.Context, p place, work func(d database, db *sql.DB) (result, error)) (result, error) {
	if p.missing() {
		return nil, fmt.Errorf("%s does not exist; 'admit migrate --apply' makes it", p.file)
	}
	d, db, err := p.open()
	if err != nil {
		return nil, err
	}
	defer db.Close()
	pending, err := d.Pending(ctx)
	if err != nil && ctx.Err() == nil {
		return nil, p.cannot(err)
	}
	if err != nil {
		return nil, err
	}
	if len(pending) > 0 {
		return nil, fmt.Errorf("the schema lacks %s; run 'admit migrate --apply'", strings.Join(pending, ", "))
	}
	return work(d, db)
}

// withRecords calls work with the rules of the library and with the records.
func (a *app) withRecords(ctx context.Context, secrets admit.SecretSource, work func(r records) (result, error)) (result, error) {
	p, err := a.place()
	if err != nil {
		return nil, err
	}
	return a.openUp(ctx, p, func(d database, db *sql.DB) (result, error) {
		auth, err := a.auth(newGuest(d, true), secrets)
		if err != nil {
			return nil, err
		}
		defer func() { _ = auth.Close(context.WithoutCancel(ctx)) }()
		return work(records{app: a, place: p, database: d, db: db, auth: auth})
	})
}

// withAuth calls work with the rules of the library over the store. Without
// secrets (nil) the rules can seal and open nothing.
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

// auth returns the library's rules over a store.
func (a *app) auth(s store.Store, secrets admit.SecretSource) (*admit.Auth, error) {
	return a.authAt(site{base: "http://localhost"}, s, secrets)
}

// site is the application, as its mails name it.
type site struct {
	// base is its BaseURL.
	base string
	// name is its SiteName. "" means the host in base.
	name string
}

// flags defines the flags of a command that queues mail.
func (s *site) flags(c *cobra.Command, use string) {
	c.Flags().StringVar(&s.base, "base-url", "", "`URL` of the application, as its BaseURL says; "+use)
	c.Flags().StringVar(&s.name, "site-name", "", "`name` of the application in the mail, as its SiteName says (default: the host in --base-url)")
}

// authAt is auth for rules that queue mail and make links.
func (a *app) authAt(s site, records store.Store, secrets admit.SecretSource) (*admit.Auth, error) {
	return a.authOf(admit.Config{BaseURL: s.base, SiteName: s.name, Store: records}, secrets)
}

// authOf completes the settings.
func (a *app) authOf(config admit.Config, secrets admit.SecretSource) (*admit.Auth, error) {
	if secrets == nil {
		// This secret exists only in this process. guest stores nothing that it
		// seals.
		var random [32]byte
		if _, err := rand.Read(random[:]); err != nil {
			return nil, err
		}
		secrets = admit.Secrets(hex.EncodeToString(random[:]))
	}
	config.Secrets, config.Mailer, config.Now = secrets, noMailer{}, a.now
	config.Logger = slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	auth, err := admit.New(config)
	if err != nil {
		// The settings are flags and files here.
		_, wrong, _ := strings.Cut(err.Error(), ":\n")
		mend := "\nCorrect that"
		if strings.Contains(wrong, "Secrets: ") {
			mend += "; 'admit secret new' prints a good secret"
		}
		named := strings.NewReplacer("BaseURL ", "--base-url ", "SiteName", "--site-name", "Secrets: ", "--secret-file or ADMIT_SECRET: ")
		return nil, errors.New(named.Replace(wrong) + mend)
	}
	return auth, nil
}
