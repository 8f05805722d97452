package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/admit-go/admit/store"
)

// asker runs a query for one row.
type asker interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

// hasTable reports whether a table or an index exists in the store's schema. On
// PostgreSQL this is the first schema of the search path, in which CREATE makes
// tables. Tables in a later schema of the path belong to another application.
func (s *Store) hasTable(ctx context.Context, on asker, name string) (there bool, err error) {
	// The query does not use to_regclass, which uses the cache of the
	// connection.
	query := `SELECT EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = current_schema() AND c.relname = CAST(CAST($1 AS TEXT) AS NAME))`
	if s.dialect == SQLite {
		query = `SELECT EXISTS (SELECT 1 FROM sqlite_master WHERE name = ?1)`
	}
	err = on.QueryRowContext(ctx, query, name).Scan(&there)
	return there, err
}

// placed returns nil if the store's tables are in the first schema of the
// search path, and otherwise the reason why no verb may run. Without this check
// a verb would use another application's tables in a later schema until Migrate
// has run. A transaction of the host may have another search path than the
// pool, so it is checked separately.
func (s *Store) placed(ctx context.Context) error {
	known, on := &s.found, asker(s.db)
	switch {
	case s.dialect == SQLite:
		return nil
	case s.scope != nil && !s.scope.host:
		return nil // this was checked before its transaction began
	case s.scope != nil:
		known, on = &s.scope.found, s.scope.tx
	}
	if known.Load() {
		return nil
	}
	if s.scope != nil {
		s.scope.mu.Lock()
		defer s.scope.mu.Unlock()
	}
	there, err := s.hasTable(ctx, on, s.prefix+"migrations")
	if err != nil {
		return s.fault(ctx, "look for the tables", err)
	}
	if !there {
		return fmt.Errorf("%s: the first schema of the search path has no table %smigrations (has Migrate been run?)", s.dialect, s.prefix)
	}
	known.Store(true)
	return nil
}

// withRights adds the missing right to an error of a step, if a right is
// missing.
func (s *Store) withRights(ctx context.Context, err error) error {
	if s.dialect != Postgres || sqlState(err) != insufficientPrivilege || errors.Is(err, store.ErrNewerSchema) {
		return err
	}
	var role, schema, owner string
	var create bool
	const query = `SELECT quote_ident(current_user), quote_ident(current_schema()), has_schema_privilege(current_schema(), 'CREATE'),
		COALESCE((SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class
			WHERE oid = to_regclass(quote_ident(current_schema()) || '.' || quote_ident($1))), '')`
	if failed := s.db.QueryRowContext(ctx, query, s.prefix+"migrations").Scan(&role, &schema, &create, &owner); failed != nil {
		return err
	}
	if !create {
		return fmt.Errorf("%w: this step needs the right CREATE on the schema %s, which the role %s lacks "+
			"(GRANT CREATE ON SCHEMA %s TO %s, or migrate as a role that has it)", err, schema, role, schema, role)
	}
	return fmt.Errorf("%w: this step changes tables of the role %s, which the role %s may not do (migrate as %s)", err, owner, role, owner)
}
