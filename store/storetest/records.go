package storetest

import (
	"slices"

	"github.com/admit-go/admit/store"
)

// newRecord makes a record of an account that may be added.
func (s *scene) newRecord(u store.User) store.Record {
	id := s.id()
	return store.Record{
		Tenant: s.tenant, Kind: "identity", ID: id, Keys: []string{"github/" + id, "google/" + id},
		Refs: []string{"organization/7", "user/" + u.ID}, Data: []byte("{ \"a\":1 }\x00\xff"),
		Version: 1, CreatedAt: after(-8), UpdatedAt: after(-7), ExpiresAt: after(500),
	}
}

// record adds a record of an account.
func (s *scene) record(u store.User) store.Record {
	s.Helper()
	r := s.newRecord(u)
	s.must(s.store.CreateRecord(s.ctx, r))
	return r
}

// keptRecord returns a record as it is kept.
func (s *scene) keptRecord(r store.Record) store.Record {
	s.Helper()
	got, err := s.store.Record(s.ctx, r.Tenant, r.Kind, r.ID)
	s.must(err)
	return got
}

// noRecord reports a record that is there though it must not be.
func (s *scene) noRecord(r store.Record) {
	s.Helper()
	_, err := s.store.Record(s.ctx, r.Tenant, r.Kind, r.ID)
	s.is(err, store.ErrNotFound)
}

// hasKeys reports keys that do not find the record, and others that find any.
func (s *scene) hasKeys(r store.Record, others ...string) {
	s.Helper()
	for _, key := range r.Keys {
		got, err := s.store.RecordByKey(s.ctx, r.Tenant, r.Kind, key)
		s.must(err)
		equal(s, got, r)
	}
	for _, key := range others {
		_, err := s.store.RecordByKey(s.ctx, r.Tenant, r.Kind, key)
		s.is(err, store.ErrNotFound)
	}
}

// listsRecords reports another list of the records that have a ref.
func (s *scene) listsRecords(kind, ref string, want ...store.Record) {
	s.Helper()
	got, total, err := s.store.ListRecords(s.ctx, s.tenant, kind, ref, page)
	s.count(len(want))(total, err)
	equalAll(s, got, want)
}

// recordChecks prove store.Records.
var recordChecks = []check{
	{"CreateRecord keeps every field", func(s *scene) {
		r := s.newRecord(s.user())
		r.Version = 9
		s.must(s.store.CreateRecord(s.ctx, r))
		r.Version = 1
		equal(s, s.keptRecord(r), r)
		s.hasKeys(r, "", "google/", "Google/"+r.ID)
		s.listsRecords(r.Kind, r.Refs[1], r)
		s.listsRecords(r.Kind, "", r)
		bare := store.Record{Tenant: s.tenant, Kind: r.Kind, ID: s.id(), Version: 1}
		s.must(s.store.CreateRecord(s.ctx, bare))
		equal(s, s.keptRecord(bare), bare)
	}},
	{"Keys and Refs come back as sets", func(s *scene) {
		r := s.newRecord(s.user())
		given := []string{"b", "", "a", "B", "a", "å", "b"}
		r.Keys, r.Refs = slices.Clone(given), slices.Clone(given)
		s.must(s.store.CreateRecord(s.ctx, r))
		equalAll(s, r.Keys, given)
		r.Keys, r.Refs = []string{"B", "a", "b", "å"}, []string{"B", "a", "b", "å"}
		equal(s, s.keptRecord(r), r)
		s.hasKeys(r, "")
		s.listsRecords(r.Kind, "a", r)
		for _, none := range [][]string{{""}, {}, nil} {
			r.Keys, r.Refs = none, none
			s.yes(s.store.SwapRecord(s.ctx, r))
			r.Keys, r.Refs, r.Version = nil, nil, r.Version+1
			equal(s, s.keptRecord(r), r)
		}
	}},
	{"CreateRecord refuses an id or a key that is taken", func(s *scene) {
		u := s.user()
		r := s.record(u)
		sameID, sameKey := s.newRecord(u), s.newRecord(u)
		sameID.ID = r.ID
		sameKey.Keys = append([]string{"a", "z"}, r.Keys[1])
		s.is(s.store.CreateRecord(s.ctx, sameID), store.ErrConflict)
		s.is(s.store.CreateRecord(s.ctx, sameKey), store.ErrConflict)
		equal(s, s.keptRecord(r), r)
		s.noRecord(sameKey)
		s.hasKeys(r, append(sameID.Keys, "a", "z")...)
		s.listsRecords(r.Kind, r.Refs[1], r)
	}},
	{"a refusal leaves the transaction and what it did", func(s *scene) {
		u := s.user()
		r, added := s.record(u), s.newRecord(u)
		taken := s.newRecord(u)
		taken.Keys = append(taken.Keys, r.Keys...)
		s.must(s.tx(func(in *scene) error {
			in.must(in.store.CreateRecord(in.ctx, added))
			in.is(in.store.CreateRecord(in.ctx, taken), store.ErrConflict)
			swap := r
			swap.Keys, swap.Refs = []string{"new", added.Keys[0]}, nil
			_, err := in.store.SwapRecord(in.ctx, swap)
			in.is(err, store.ErrConflict)
			in.hasKeys(r, append(taken.Keys[:2:2], "new")...)
			return nil
		}))
		s.hasKeys(r, append(taken.Keys[:2:2], "new")...)
		s.hasKeys(added)
		s.listsRecords(r.Kind, r.Refs[1], r, added)
	}},
	{"a key belongs to one record of its tenant and kind", func(s *scene) {
		r := s.record(s.user())
		for _, other := range []func(*store.Record){
			func(r *store.Record) { r.Kind = "Identity" },
			func(r *store.Record) { r.Tenant = s.elsewhere().tenant },
		} {
			twin := r
			twin.Data = []byte("twin")
			other(&twin)
			s.must(s.store.CreateRecord(s.ctx, twin))
			s.hasKeys(twin)
		}
		s.hasKeys(r)
		s.listsRecords(r.Kind, r.Refs[1], r)
		_, err := s.store.Record(s.ctx, s.tenant, "other", r.ID)
		s.is(err, store.ErrNotFound)
	}},
	{"SwapRecord follows the version and moves keys and refs", func(s *scene) {
		u := s.user()
		r := s.record(u)
		next := r
		next.Keys, next.Refs = []string{"apple/1", r.Keys[1]}, []string{"team/1", r.Refs[1]}
		next.Data, next.UpdatedAt, next.ExpiresAt, next.CreatedAt = []byte("next"), after(1), after(2), after(3)
		s.yes(s.store.SwapRecord(s.ctx, next))
		s.no(s.store.SwapRecord(s.ctx, r))
		next.Version, next.CreatedAt = 2, r.CreatedAt
		s.hasKeys(next, r.Keys[0])
		s.listsRecords(r.Kind, "team/1", next)
		s.listsRecords(r.Kind, r.Refs[0])
		s.listsRecords(r.Kind, r.Refs[1], next)
		free := s.newRecord(u)
		free.Keys = r.Keys[:1]
		s.must(s.store.CreateRecord(s.ctx, free))
	}},
	{"SwapRecord changes data alone", func(s *scene) {
		r := s.record(s.user())
		for range 3 {
			r.Data = s.hash()
			s.yes(s.store.SwapRecord(s.ctx, r))
			r.Version++
			s.hasKeys(r)
			s.listsRecords(r.Kind, r.Refs[0], r)
		}
	}},
	{"SwapRecord refuses what it must", func(s *scene) {
		u := s.user()
		r, holder := s.record(u), s.record(u)
		absent, far := s.newRecord(u), r
		far.Tenant = s.elsewhere().tenant
		s.no(s.store.SwapRecord(s.ctx, absent))
		s.no(s.store.SwapRecord(s.ctx, far))
		taken := r
		taken.Keys, taken.Refs, taken.Data = []string{"new", holder.Keys[0]}, []string{"new"}, []byte("taken")
		_, err := s.store.SwapRecord(s.ctx, taken)
		s.is(err, store.ErrConflict)
		// The version is compared before the keys.
		taken.Version = 7
		s.no(s.store.SwapRecord(s.ctx, taken))
		equal(s, s.keptRecord(r), r)
		s.hasKeys(r, "new")
		s.hasKeys(holder)
		s.listsRecords(r.Kind, "new")
	}},
	{"DeleteRecord happens once and frees the keys", func(s *scene) {
		u := s.user()
		r, kept := s.record(u), s.record(u)
		s.no(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, "unknown"))
		s.no(s.store.DeleteRecord(s.ctx, s.tenant, "other", r.ID))
		s.no(s.store.DeleteRecord(s.ctx, s.elsewhere().tenant, r.Kind, r.ID))
		s.yes(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, r.ID))
		s.no(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, r.ID))
		s.noRecord(r)
		s.hasKeys(kept, r.Keys...)
		s.listsRecords(r.Kind, r.Refs[1], kept)
		heir := s.newRecord(u)
		heir.Keys = r.Keys
		s.must(s.store.CreateRecord(s.ctx, heir))
		s.hasKeys(heir)
		r.Keys = nil
		s.must(s.store.CreateRecord(s.ctx, r))
	}},
	{"DeleteRecordsOf removes what has the ref", func(s *scene) {
		u, other := s.user(), s.user()
		one, two, kept := s.record(u), s.record(u), s.record(other)
		factor, far := s.newRecord(u), s.newRecord(u)
		factor.Kind, far.Tenant = "factor", s.elsewhere().tenant
		s.must(s.store.CreateRecord(s.ctx, factor))
		s.must(s.store.CreateRecord(s.ctx, far))
		ref := one.Refs[1]
		s.count(0)(s.store.DeleteRecordsOf(s.ctx, s.tenant, ""))
		s.count(0)(s.store.DeleteRecordsOf(s.ctx, s.tenant, "user/"))
		s.count(0)(s.store.DeleteRecordsOf(s.ctx, s.tenant, ref, "Identity"))
		s.count(2)(s.store.DeleteRecordsOf(s.ctx, s.tenant, ref, "other", one.Kind))
		s.listsRecords("factor", ref, factor)
		for _, r := range []store.Record{one, two} {
			s.noRecord(r)
		}
		s.hasKeys(kept, one.Keys...)
		kept.Keys = append(kept.Keys, two.Keys...)
		slices.Sort(kept.Keys)
		s.yes(s.store.SwapRecord(s.ctx, kept))
		kept.Version++
		s.hasKeys(kept)
		s.count(1)(s.store.DeleteRecordsOf(s.ctx, s.tenant, ref))
		s.listsRecords("factor", ref)
		s.listsRecords(kept.Kind, "organization/7", kept)
		equal(s, s.keptRecord(far), far)
	}},
	{"an expired record is there until it is swept", func(s *scene) {
		r := s.newRecord(s.user())
		r.ExpiresAt = after(-1000)
		s.must(s.store.CreateRecord(s.ctx, r))
		s.hasKeys(r)
		s.is(s.store.CreateRecord(s.ctx, r), store.ErrConflict)
		r.Data = []byte("later")
		s.yes(s.store.SwapRecord(s.ctx, r))
	}},
}
