package sqlstore

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"embed"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"github.com/admit-go/admit/store"
)

//go:embed migrations
var embedded embed.FS

// migration is one step of the schema.
type migration struct {
	version        int64
	name           string
	text, checksum string
}

// Migrations are the schema's steps, one file each, applied in the order of
// their names, with the store's prefix in place.
func (s *Store) Migrations() fs.FS { return prefixedFS{s.migrationFS(), s.prefix} }

func (s *Store) migrationFS() fs.FS {
	if s.steps != nil {
		return s.steps
	}
	folder := "migrations/postgres"
	if s.dialect == SQLite {
		folder = "migrations/sqlite"
	}
	// A folder that is embedded is a valid path.
	steps, _ := fs.Sub(embedded, folder)
	return steps
}

// migrations reads the steps in order. The checksum is the same for every prefix.
func (s *Store) migrations() ([]migration, error) {
	names, err := fs.Glob(s.migrationFS(), "*.sql")
	if err != nil {
		return nil, err
	}
	steps := make([]migration, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(s.migrationFS(), name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("migration %s is not the file number %d", name, i+1)
		}
		sum := sha256.Sum256(text)
		steps[i] = migration{
			version: version, name: strings.TrimSuffix(name, path.Ext(name)),
			text: s.prefixed(string(text)), checksum: hex.EncodeToString(sum[:]),
		}
	}
	return steps, nil
}

func (c *core) prefixed(text string) string { return strings.ReplaceAll(text, DefaultPrefix, c.prefix) }

// Migrate brings the schema up to date, with one transaction for each step.
// Many processes may call it at once: one of them applies a step while the
// others wait. Only ctx bounds its time. If no step is pending it only reads,
// and needs only the right to read. If the schema is newer than the program, it
// changes nothing and returns store.ErrNewerSchema. On SQLite it also switches
// the file to write-ahead logging permanently.
func (s *Store) Migrate(ctx context.Context) error {
	if err := s.usableAnywhere(ctx); err != nil {
		return err
	}
	steps, err := s.migrations()
	if err != nil {
		return s.fault(ctx, "migrate", err)
	}
	if s.dialect == SQLite {
		if err := s.retrying(ctx, func() error { return s.keepLog(ctx) }); err != nil {
			return s.fault(ctx, "set the journal mode", err)
		}
	}
	var pending []migration
	if err := s.retrying(ctx, func() (err error) {
		pending, err = s.pendingOf(ctx, steps)
		return err
	}); err != nil {
		return s.fault(ctx, "migrate", err)
	}
	for more := len(pending) > 0; more; {
		if err := s.retrying(ctx, func() (err error) {
			more, err = s.migrateStep(ctx, steps)
			return err
		}); err != nil {
			return s.fault(ctx, "migrate", s.withRights(ctx, err))
		}
	}
	return nil
}

// keepLog switches an SQLite file to write-ahead logging, unless it has it.
func (s *Store) keepLog(ctx context.Context) error {
	var mode string
	if err := s.db.QueryRowContext(ctx, "PRAGMA journal_mode").Scan(&mode); err != nil || strings.EqualFold(mode, "wal") {
		return err
	}
	return s.db.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
}

// migrateStep applies the first pending step, and returns whether there was one.
// It holds the lock until the step is committed, so a process that waited for the
// lock sees the step.
func (s *Store) migrateStep(ctx context.Context, steps []migration) (more bool, err error) {
	if err := s.lockAlone(ctx); err != nil {
		return false, err
	}
	defer s.unlockWriter()
	c, err := s.db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { _ = c.Close() }()
	begin := "BEGIN"
	if s.dialect == SQLite {
		begin = "BEGIN IMMEDIATE"
	}
	if _, err := c.ExecContext(ctx, begin); err != nil {
		return false, err
	}
	if more, err = s.applyNext(ctx, c, steps); err == nil {
		_, err = c.ExecContext(ctx, "COMMIT")
	}
	if err != nil {
		if _, failed := c.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); failed != nil {
			// A connection in an unknown state does not go back to the pool.
			_ = c.Raw(func(any) error { return driver.ErrBadConn })
		}
		return false, err
	}
	return more, nil
}

func (s *Store) applyNext(ctx context.Context, c *sql.Conn, steps []migration) (more bool, err error) {
	if s.dialect == Postgres {
		lock := fnv.New64a()
		_, _ = lock.Write([]byte("admit migrations " + s.prefix))
		if _, err := c.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(lock.Sum64())); err != nil {
			return false, err
		}
	}
	there, err := s.hasTable(ctx, c, s.prefix+"migrations")
	if err != nil {
		return false, err
	}
	if !there {
		if _, err := c.ExecContext(ctx, s.prefixed(`CREATE TABLE admit_migrations (
			version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied_at BIGINT NOT NULL)`)); err != nil {
			return false, fmt.Errorf("%s: %w", steps[0].name, err)
		}
	}
	pending, err := s.pending(ctx, c, steps)
	if err != nil || len(pending) == 0 {
		return false, err
	}
	next := pending[0]
	if _, err := c.ExecContext(ctx, next.text); err != nil {
		return false, fmt.Errorf("%s: %w", next.name, err)
	}
	now := "CAST(strftime('%s', 'now') AS INTEGER) * 1000000"
	if s.dialect == Postgres {
		now = "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)"
	}
	record := `INSERT INTO admit_migrations (version, name, checksum, applied_at) VALUES ($1, $2, $3, ` + now + `)`
	if _, err = c.ExecContext(ctx, s.prefixed(record), next.version, next.name, next.checksum); err != nil {
		return false, fmt.Errorf("%s: %w", next.name, err)
	}
	return true, nil
}

// pending returns the steps that were not applied yet.
func (s *Store) pending(ctx context.Context, on conn, steps []migration) ([]migration, error) {
	rows, err := on.QueryContext(ctx, s.prefixed(`SELECT version, checksum FROM admit_migrations ORDER BY version`))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var version int64
		var checksum string
		if err := rows.Scan(&version, &checksum); err != nil {
			return nil, err
		}
		if len(steps) == 0 || steps[0].version != version {
			return nil, fmt.Errorf("step %d: %w", version, store.ErrNewerSchema)
		}
		if steps[0].checksum != checksum {
			return nil, fmt.Errorf("%s was applied with another text than this program has", steps[0].name)
		}
		steps = steps[1:]
	}
	return steps, rows.Err()
}

// Pending names the steps that Migrate would apply. It changes nothing.
func (s *Store) Pending(ctx context.Context) ([]string, error) {
	if err := s.usableAnywhere(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	steps, err := s.migrations()
	if err != nil {
		return nil, s.fault(ctx, "read migrations", err)
	}
	if steps, err = s.pendingOf(ctx, steps); err != nil {
		return nil, s.fault(ctx, "read the schema's version", err)
	}
	names := make([]string, len(steps))
	for i, step := range steps {
		names[i] = step.name
	}
	return names, nil
}

// pendingOf returns the steps that were not applied yet. If the database has no
// record of any step, these are all steps.
func (s *Store) pendingOf(ctx context.Context, steps []migration) ([]migration, error) {
	there, err := s.hasTable(ctx, s.db, s.prefix+"migrations")
	if err != nil || !there {
		return steps, err
	}
	return s.pending(ctx, s.db, steps)
}
