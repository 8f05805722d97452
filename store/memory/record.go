package memory

import (
	"context"
	"slices"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// refPlace is the place of a record under one of its refs.
func refPlace(r *store.Record, ref string) string { return place(r.Tenant, ref, r.Kind, r.ID) }

// keyRow is where one of a record's keys is found.
func keyRow(r *store.Record, key string) recordKey { return recordKey{r.Tenant, r.Kind, key} }

// ownRecord gives a record the form in which it is kept.
func ownRecord(r store.Record) store.Record {
	r.Keys, r.Refs, r.Data = text.Set(r.Keys), text.Set(r.Refs), clone(r.Data)
	r.CreatedAt, r.UpdatedAt, r.ExpiresAt = cut(r.CreatedAt), cut(r.UpdatedAt), cut(r.ExpiresAt)
	return r
}

// handRecord returns a kept record with memory of its own.
func handRecord(r *store.Record) store.Record {
	handed := *r
	handed.Keys, handed.Refs, handed.Data = slices.Clone(r.Keys), slices.Clone(r.Refs), clone(r.Data)
	return handed
}

// keysFree reports whether no key of the record belongs to another record.
func (st *state) keysFree(r *store.Record) bool {
	at := place(r.Tenant, r.Kind, r.ID)
	return !slices.ContainsFunc(r.Keys, func(key string) bool {
		holder := st.recordKeys.get(keyRow(r, key))
		return holder != nil && *holder != at
	})
}

// putRecord keeps a record in place of what was at its place.
func (st *state) putRecord(r store.Record) {
	at := place(r.Tenant, r.Kind, r.ID)
	st.dropRecord(at)
	st.records = st.records.put(at, r)
	for _, key := range r.Keys {
		st.recordKeys = st.recordKeys.put(keyRow(&r, key), at)
	}
	for _, ref := range r.Refs {
		st.recordRefs = st.recordRefs.put(refPlace(&r, ref), at)
	}
	st.recordsExpiring = st.recordsExpiring.put(due(r.ExpiresAt, at), at)
}

// dropRecord removes a record and its place in every index, if there is one.
func (st *state) dropRecord(at string) {
	r := st.records.get(at)
	if r == nil {
		return
	}
	for _, key := range r.Keys {
		st.recordKeys = st.recordKeys.drop(keyRow(r, key))
	}
	for _, ref := range r.Refs {
		st.recordRefs = st.recordRefs.drop(refPlace(r, ref))
	}
	st.recordsExpiring = st.recordsExpiring.drop(due(r.ExpiresAt, at))
	st.records = st.records.drop(at)
}

// CreateRecord is described at store.Records.
func (s *Store) CreateRecord(ctx context.Context, r store.Record) error {
	return s.write(ctx, text.Record(r), func(st *state) error {
		r := ownRecord(r)
		r.Version = 1
		if st.records.get(place(r.Tenant, r.Kind, r.ID)) != nil || !st.keysFree(&r) {
			return store.ErrConflict
		}
		st.putRecord(r)
		return nil
	})
}

// Record is described at store.Records.
func (s *Store) Record(ctx context.Context, tenant, kind, id string) (store.Record, error) {
	st, err := s.read(ctx, text.Key(tenant, kind, id))
	if err != nil {
		return store.Record{}, err
	}
	if r := st.records.get(place(tenant, kind, id)); r != nil {
		return handRecord(r), nil
	}
	return store.Record{}, store.ErrNotFound
}

// RecordByKey is described at store.Records.
func (s *Store) RecordByKey(ctx context.Context, tenant, kind, key string) (store.Record, error) {
	st, err := s.read(ctx, text.Key(tenant, kind, key))
	if err != nil {
		return store.Record{}, err
	}
	if at := st.recordKeys.get(recordKey{tenant, kind, key}); at != nil {
		return handRecord(st.records.get(*at)), nil
	}
	return store.Record{}, store.ErrNotFound
}

// ListRecords is described at store.Records.
func (s *Store) ListRecords(ctx context.Context, tenant, kind, ref string, page store.Page) ([]store.Record, int, error) {
	st, err := s.read(ctx, text.Key(tenant, kind, ref))
	if err != nil {
		return nil, 0, err
	}
	var listed []store.Record
	total := 0
	list := func(r *store.Record) {
		if onPage(total, page) {
			listed = append(listed, handRecord(r))
		}
		total++
	}
	if ref == "" {
		for _, r := range st.records.in(under(tenant, kind)) {
			list(&r)
		}
		return listed, total, nil
	}
	for _, at := range st.recordRefs.in(under(tenant, ref, kind)) {
		list(st.records.get(at))
	}
	return listed, total, nil
}

// SwapRecord is described at store.Records.
func (s *Store) SwapRecord(ctx context.Context, r store.Record) (swapped bool, err error) {
	err = s.write(ctx, text.Record(r), func(st *state) error {
		old := st.records.get(place(r.Tenant, r.Kind, r.ID))
		if old == nil || old.Version != r.Version {
			return nil
		}
		r := ownRecord(r)
		if !st.keysFree(&r) {
			return store.ErrConflict
		}
		r.CreatedAt, r.Version = old.CreatedAt, old.Version+1
		st.putRecord(r)
		swapped = true
		return nil
	})
	return swapped, err
}

// DeleteRecord is described at store.Records.
func (s *Store) DeleteRecord(ctx context.Context, tenant, kind, id string) (deleted bool, err error) {
	err = s.write(ctx, text.Key(tenant, kind, id), func(st *state) error {
		at := place(tenant, kind, id)
		deleted = st.records.get(at) != nil
		st.dropRecord(at)
		return nil
	})
	return deleted, err
}

// DeleteRecordsOf is described at store.Records.
func (s *Store) DeleteRecordsOf(ctx context.Context, tenant, ref string, kinds ...string) (deleted int, err error) {
	err = s.write(ctx, text.RecordsOf(tenant, ref, kinds), func(st *state) error {
		if ref == "" {
			return nil
		}
		for _, at := range st.recordRefs.in(under(tenant, ref)) {
			if len(kinds) == 0 || slices.Contains(kinds, st.records.get(at).Kind) {
				st.dropRecord(at)
				deleted++
			}
		}
		return nil
	})
	return deleted, err
}
