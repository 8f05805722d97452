package storetest

import (
	"errors"
	"strings"

	"github.com/admit-go/admit/store"
)

// recordRaces are those of many calls of one verb of store.Records.
var recordRaces = []race{
	{"CreateRecord gives an id to one record", func(s *scene) contest {
		r := s.newRecord(s.user())
		return one(func(racer int) (int, error) {
			mine := r
			mine.Keys = []string{mine.ID + strings.Repeat("x", racer)}
			return took(s.store.CreateRecord(s.ctx, mine), store.ErrConflict)
		}, func() {
			kept := s.keptRecord(r)
			s.hasKeys(kept)
			for racer := range 2 {
				if key := r.ID + strings.Repeat("x", racer); key != kept.Keys[0] {
					s.hasKeys(kept, key)
				}
			}
		})
	}},
	{"CreateRecord gives a key to one record", func(s *scene) contest {
		u := s.user()
		records := several(racers, func() store.Record { return s.newRecord(u) })
		for i := range records {
			records[i].Keys[1] = records[0].Keys[1]
		}
		return one(func(racer int) (int, error) {
			return took(s.store.CreateRecord(s.ctx, records[racer]), store.ErrConflict)
		}, func() {
			kept, err := s.store.RecordByKey(s.ctx, s.tenant, records[0].Kind, records[0].Keys[1])
			s.must(err)
			s.hasKeys(kept)
			s.listsRecords(kept.Kind, "user/"+u.ID, kept)
		})
	}},
	{"SwapRecord follows one reader", func(s *scene) contest {
		r := s.record(s.user())
		return one(func(racer int) (int, error) {
			mine := r
			if mine.Data = s.hash(); racer%2 == 0 {
				mine.Keys = []string{r.ID + strings.Repeat("x", racer+1), r.Keys[0]}
			}
			return won(s.store.SwapRecord(s.ctx, mine))
		}, func() {
			kept := s.keptRecord(r)
			if kept.Version != 2 {
				s.Errorf("one swap made version %d", kept.Version)
			}
			s.hasKeys(kept)
		})
	}},
	{"SwapRecord gives a key to one record", func(s *scene) contest {
		u, key := s.user(), "wanted-"+s.id()
		records := several(4, func() store.Record { return s.record(u) })
		return one(func(racer int) (int, error) {
			mine := records[racer%4]
			mine.Keys = append([]string{key}, mine.Keys...)
			swapped, err := s.store.SwapRecord(s.ctx, mine)
			if errors.Is(err, store.ErrConflict) {
				err = nil
			}
			return won(swapped, err)
		}, func() {
			kept, err := s.store.RecordByKey(s.ctx, s.tenant, "identity", key)
			s.must(err)
			for _, r := range records {
				if r.ID != kept.ID {
					equal(s, s.keptRecord(r), r)
				}
			}
		})
	}},
	{"DeleteRecord happens once", func(s *scene) contest {
		r := s.record(s.user())
		return one(func(int) (int, error) { return won(s.store.DeleteRecord(s.ctx, s.tenant, r.Kind, r.ID)) }, nil)
	}},
	{"DeleteRecordsOf counts each record once", func(s *scene) contest {
		u := s.user()
		records := several(3, func() store.Record { return s.record(u) })
		return some(3, func(int) (int, error) {
			return s.store.DeleteRecordsOf(s.ctx, s.tenant, records[0].Refs[1])
		}, nil)
	}},
}
