package sqlstore

import (
	"context"
	"slices"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const recordColumns = "tenant, kind, id, keys, refs, data, version, created_at, updated_at, expires_at"

// recordFields returns the variables that recordColumns are read into.
func recordFields(r *store.Record) []any {
	return []any{
		&r.Tenant, &r.Kind, &r.ID, (*set)(&r.Keys), (*set)(&r.Refs), &r.Data, &r.Version,
		(*moment)(&r.CreatedAt), (*moment)(&r.UpdatedAt), (*moment)(&r.ExpiresAt),
	}
}

// recordIDFields returns the variables that the columns tenant, kind and id are
// read into.
func recordIDFields(r *store.Record) []any { return []any{&r.Tenant, &r.Kind, &r.ID} }

// set is the keys or the refs of a record in one column: a JSON array, or nil
// if there are none.
type set []string

// Scan implements sql.Scanner.
func (s *set) Scan(column any) error {
	err := (*list)(s).Scan(column)
	if len(*s) == 0 {
		*s = nil
	}
	return err
}

type recordStatements struct {
	create, get, lock, byKey, list, listOf, count, countOf *query

	swap, swapData, remove, removeOf, sweep *query

	takeKeys, freeKeys, addRefs, dropRefs *query
}

func newRecordStatements(c *catalogue) recordStatements {
	const (
		from    = ` FROM admit_records`
		byID    = ` WHERE tenant = $1 AND kind = $2 AND id = $3`
		written = ` data = $5, updated_at = $6, expires_at = $7, version = version + 1`
		ofRef   = ` FROM admit_record_refs WHERE tenant = $1 AND kind = $2 AND ref = $3`
		pageOf  = ofRef + ` ORDER BY id LIMIT $4 OFFSET $5`
		page    = ` LIMIT $3 OFFSET $4`
		removed = ` RETURNING tenant, kind, id`
	)
	each := c.pick(`json_each($4)`, `jsonb_array_elements_text(CAST($4 AS JSONB)) AS e(value)`)
	return recordStatements{
		create: c.write("create record", `INSERT INTO admit_records (`+recordColumns+`) VALUES (`+values(10)+`) ON CONFLICT DO NOTHING`),
		get:    c.read("read record", `SELECT `+recordColumns+from+byID),
		lock:   c.read("lock record", `SELECT `+recordColumns+from+byID+c.pick("", " FOR UPDATE")),
		byKey: c.read("read record by key", `SELECT `+recordColumns+from+` WHERE tenant = $1 AND kind = $2
			AND id = (SELECT id FROM admit_record_keys WHERE tenant = $1 AND kind = $2 AND key = $3)`),
		list:  c.read("list records", `SELECT `+recordColumns+from+` WHERE tenant = $1 AND kind = $2 ORDER BY id`+page),
		count: c.read("count records", `SELECT count(*)`+from+` WHERE tenant = $1 AND kind = $2`),
		// The statement selects the ids of the page first and then finds each
		// record by its id. Otherwise PostgreSQL would join all records of the
		// kind before it has counted the tables. OFFSET 0 prevents that.
		listOf: c.read("list records of ref", c.pick(
			`SELECT `+recordColumns+from+` WHERE tenant = $1 AND kind = $2 AND id IN (SELECT id`+pageOf+`) ORDER BY id`,
			`SELECT `+qualified("r", recordColumns)+` FROM (SELECT id`+pageOf+`) f
			CROSS JOIN LATERAL (SELECT `+recordColumns+from+` WHERE tenant = $1 AND kind = $2 AND id = f.id OFFSET 0) r ORDER BY r.id`)),
		countOf: c.read("count records of ref", `SELECT count(*)`+ofRef),
		// Most swaps do not change keys and refs. They are one statement.
		swapData: c.write("swap record's data", `
			UPDATE admit_records SET`+written+byID+` AND version = $4 AND keys = $8 AND refs = $9`),
		swap: c.write("swap record", `
			UPDATE admit_records SET`+written+`, keys = $8, refs = $9`+byID+` AND version = $4`),
		remove: c.write("delete record", `DELETE`+from+byID+removed),
		// PostgreSQL locks the records in one order, and reads the refs again
		// after the wait: a record may have lost the ref meanwhile.
		removeOf: c.write("delete records of ref", `
			WITH due AS (SELECT r.tenant, r.kind, r.id
				FROM admit_record_refs f JOIN admit_records r ON r.tenant = f.tenant AND r.kind = f.kind AND r.id = f.id
				WHERE f.tenant = $1 AND f.ref = $2 AND (CAST($3 AS TEXT) = '[]' OR `+c.among("f.kind", "$3")+`)`+c.pick(``, `
				AND CAST(r.refs AS JSONB) @> to_jsonb(CAST($2 AS TEXT)) ORDER BY r.kind, r.id FOR UPDATE OF r`)+`)
			DELETE`+from+` WHERE (tenant, kind, id) IN (SELECT tenant, kind, id FROM due)`+removed),
		sweep: c.write("sweep records", c.held(`
			SELECT tenant, kind, id`+from+` WHERE expires_at > 0 AND expires_at <= $1 ORDER BY expires_at LIMIT $2`)+`
			DELETE`+from+` WHERE (tenant, kind, id) IN (SELECT tenant, kind, id FROM due)`+removed),

		// A record gets a key if no record has the key, or if the record has the key
		// already.
		takeKeys: c.write("take record's keys", `
			INSERT INTO admit_record_keys AS k (tenant, kind, id, key) SELECT $1, $2, $3, value FROM `+each+` WHERE true
			ON CONFLICT (tenant, kind, key) DO UPDATE SET id = excluded.id WHERE k.id = excluded.id`),
		freeKeys: c.write("free record's keys", `DELETE FROM admit_record_keys`+byID),
		addRefs: c.write("add record's refs", `
			INSERT INTO admit_record_refs (tenant, kind, id, ref) SELECT $1, $2, $3, value FROM `+each),
		dropRefs: c.write("drop record's refs", `DELETE FROM admit_record_refs`+byID),
	}
}

// CreateRecord implements store.Records.
func (s *Store) CreateRecord(ctx context.Context, r store.Record) error {
	if err := text.Record(r); err != nil {
		return err
	}
	r.Keys, r.Refs, r.Version = text.Set(r.Keys), text.Set(r.Refs), 1
	keys, refs, err := setColumns(r)
	if err != nil {
		return err
	}
	create := func(ctx context.Context, t *Store) error {
		return t.create(ctx, t.q.records.create, r.Tenant, r.Kind, r.ID, keys, refs, full(r.Data), r.Version,
			micros(r.CreatedAt), micros(r.UpdatedAt), micros(r.ExpiresAt))
	}
	if len(r.Keys) == 0 && len(r.Refs) == 0 {
		return create(ctx, s)
	}
	return s.atomically(ctx, func(ctx context.Context, t *Store) error {
		if err := create(ctx, t); err != nil {
			return err
		}
		if err := t.takeKeys(ctx, r, keys); err != nil {
			return err
		}
		return t.addRefs(ctx, r, refs)
	})
}

// setColumns returns the keys and the refs of a record in the form of their
// columns.
func setColumns(r store.Record) (keys, refs string, err error) {
	if keys, err = jsonText(append([]string{}, r.Keys...)); err != nil {
		return "", "", err
	}
	refs, err = jsonText(append([]string{}, r.Refs...))
	return keys, refs, err
}

// takeKeys gives a record its keys. It returns ErrConflict if another record
// has one of them.
func (s *Store) takeKeys(ctx context.Context, r store.Record, keys string) error {
	if len(r.Keys) == 0 {
		return nil
	}
	taken, err := s.exec(ctx, s.q.records.takeKeys, r.Tenant, r.Kind, r.ID, keys)
	if err == nil && taken < int64(len(r.Keys)) {
		return store.ErrConflict
	}
	return err
}

func (s *Store) addRefs(ctx context.Context, r store.Record, refs string) error {
	if len(r.Refs) == 0 {
		return nil
	}
	_, err := s.exec(ctx, s.q.records.addRefs, r.Tenant, r.Kind, r.ID, refs)
	return err
}

// Record implements store.Records.
func (s *Store) Record(ctx context.Context, tenant, kind, id string) (store.Record, error) {
	return s.record(ctx, s.q.records.get, tenant, kind, id)
}

// RecordByKey implements store.Records.
func (s *Store) RecordByKey(ctx context.Context, tenant, kind, key string) (store.Record, error) {
	return s.record(ctx, s.q.records.byKey, tenant, kind, key)
}

func (s *Store) record(ctx context.Context, q *query, tenant, kind, id string) (store.Record, error) {
	if err := text.Key(tenant, kind, id); err != nil {
		return store.Record{}, err
	}
	var r store.Record
	if err := s.one(ctx, q, recordFields(&r), tenant, kind, id); err != nil {
		return store.Record{}, err
	}
	return r, nil
}

// ListRecords implements store.Records.
func (s *Store) ListRecords(ctx context.Context, tenant, kind, ref string, page store.Page) ([]store.Record, int, error) {
	if err := text.Key(tenant, kind, ref); err != nil {
		return nil, 0, err
	}
	if ref == "" {
		return paged(ctx, s, s.q.records.count, s.q.records.list, recordFields, page, tenant, kind)
	}
	return paged(ctx, s, s.q.records.countOf, s.q.records.listOf, recordFields, page, tenant, kind, ref)
}

// SwapRecord implements store.Records.
func (s *Store) SwapRecord(ctx context.Context, r store.Record) (bool, error) {
	if err := text.Record(r); err != nil {
		return false, err
	}
	r.Keys, r.Refs = text.Set(r.Keys), text.Set(r.Refs)
	keys, refs, err := setColumns(r)
	if err != nil {
		return false, err
	}
	args := []any{r.Tenant, r.Kind, r.ID, r.Version, full(r.Data), micros(r.UpdatedAt), micros(r.ExpiresAt), keys, refs}
	swapped, err := s.done(ctx, s.q.records.swapData, args...)
	if err != nil || swapped {
		return swapped, err
	}
	err = s.atomically(ctx, func(ctx context.Context, t *Store) error {
		swapped = false
		old, err := t.record(ctx, t.q.records.lock, r.Tenant, r.Kind, r.ID)
		if err != nil || old.Version != r.Version {
			return ignoreNotFound(err)
		}
		if _, err := t.exec(ctx, t.q.records.swap, args...); err != nil {
			return err
		}
		if !slices.Equal(old.Keys, r.Keys) {
			if err := t.freeKeys(ctx, old); err != nil {
				return err
			}
			if err := t.takeKeys(ctx, r, keys); err != nil {
				return err
			}
		}
		if !slices.Equal(old.Refs, r.Refs) {
			if err := t.dropRefs(ctx, old); err != nil {
				return err
			}
			if err := t.addRefs(ctx, r, refs); err != nil {
				return err
			}
		}
		swapped = true
		return nil
	})
	return swapped && err == nil, err
}

func (s *Store) freeKeys(ctx context.Context, r store.Record) error {
	_, err := s.exec(ctx, s.q.records.freeKeys, r.Tenant, r.Kind, r.ID)
	return err
}

func (s *Store) dropRefs(ctx context.Context, r store.Record) error {
	_, err := s.exec(ctx, s.q.records.dropRefs, r.Tenant, r.Kind, r.ID)
	return err
}

// DeleteRecord implements store.Records.
func (s *Store) DeleteRecord(ctx context.Context, tenant, kind, id string) (bool, error) {
	if err := text.Key(tenant, kind, id); err != nil {
		return false, err
	}
	n, err := s.removeRecords(ctx, s.q.records.remove, tenant, kind, id)
	return n > 0, err
}

// DeleteRecordsOf implements store.Records.
func (s *Store) DeleteRecordsOf(ctx context.Context, tenant, ref string, kinds ...string) (int, error) {
	if err := text.RecordsOf(tenant, ref, kinds); err != nil {
		return 0, err
	}
	argument, err := jsonText(append([]string{}, kinds...))
	if err != nil {
		return 0, err
	}
	return s.removeRecords(ctx, s.q.records.removeOf, tenant, ref, argument)
}

// removeRecords runs a statement that deletes records and returns how many.
// Their keys and refs are deleted too: by foreign keys on PostgreSQL, and one
// by one on SQLite, where a host may have foreign keys off.
func (s *Store) removeRecords(ctx context.Context, q *query, args ...any) (removed int, err error) {
	if s.dialect == Postgres {
		gone, err := all(ctx, s, q, recordIDFields, args...)
		return len(gone), err
	}
	err = s.atomically(ctx, func(ctx context.Context, t *Store) error {
		gone, err := all(ctx, t, q, recordIDFields, args...)
		if err != nil {
			return err
		}
		for _, r := range gone {
			if err := t.freeKeys(ctx, r); err != nil {
				return err
			}
			if err := t.dropRefs(ctx, r); err != nil {
				return err
			}
		}
		removed = len(gone)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return removed, nil
}
