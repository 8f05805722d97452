package storetest

import (
	"slices"

	"github.com/admit-go/admit/store"
)

// pages reads every page of a list and reports other ids, or another total.
func pages[T any](s *scene, want []string, id func(T) string, list func(store.Page) ([]T, int, error)) {
	s.Helper()
	for _, limit := range []int{1, 3, len(want), len(want) + 1} {
		var got []string
		for number := 1; ; number++ {
			part, total, err := list(store.Page{Number: number, Limit: limit})
			s.count(len(want))(total, err)
			if len(part) > limit {
				s.Errorf("page %d of %d records holds %d", number, limit, len(part))
			}
			if len(part) == 0 {
				break
			}
			got = append(got, idsOf(part, id)...)
		}
		equalAll(s, got, want)
	}
}

// idsThatSort are ids that sort by their bytes in another way than they are
// added, and in another way than a language sorts them.
func (s *scene) idsThatSort() (added, sorted []string) {
	prefix := s.id()
	for _, id := range []string{"b", "a", "B", "A", "_", "-", "a-b", "ab", "å", "z", "Z", "10", "9"} {
		added = append(added, prefix+id)
	}
	sorted = slices.Clone(added)
	slices.Sort(sorted)
	return added, sorted
}

// pagingChecks prove that lists have one order, and pages no gaps.
var pagingChecks = []check{
	{"ListSessions is ordered by the bytes of the id, each on one page", func(s *scene) {
		u := s.user()
		added, sorted := s.idsThatSort()
		for _, id := range added {
			x := s.newSession(u)
			x.ID = id
			s.must(s.store.CreateSession(s.ctx, x))
		}
		pages(s, sorted, func(x store.Session) string { return x.ID }, func(p store.Page) ([]store.Session, int, error) {
			return s.store.ListSessions(s.ctx, s.tenant, u.ID, now, p)
		})
		s.count(len(sorted) - 2)(s.store.EndOldestSessions(s.ctx, store.SessionEnd{Tenant: s.tenant, UserID: u.ID, At: now}, 2))
		pages(s, sorted[len(sorted)-2:], func(x store.Session) string { return x.ID }, func(p store.Page) ([]store.Session, int, error) {
			return s.store.ListSessions(s.ctx, s.tenant, u.ID, now, p)
		})
	}},
	{"ListAPIKeys is ordered by the bytes of the id, each on one page", func(s *scene) {
		u, other := s.user(), s.user()
		added, sorted := s.idsThatSort()
		own := map[store.KeyOwner][]string{{}: sorted}
		for i, id := range added {
			k := s.newAPIKey([]store.User{u, u, other}[i%3])
			k.ID, k.OwnerKind = id, []string{"", "user", "user"}[i%3]
			s.must(s.store.CreateAPIKey(s.ctx, k))
			owner := store.KeyOwner{Kind: k.OwnerKind, ID: k.OwnerID}
			own[owner] = append(own[owner], id)
		}
		for owner, want := range own {
			slices.Sort(want)
			pages(s, want, func(k store.APIKey) string { return k.ID }, func(p store.Page) ([]store.APIKey, int, error) {
				return s.store.ListAPIKeys(s.ctx, s.tenant, owner, p)
			})
		}
	}},
	{"ListRecords is ordered by the bytes of the id, each on one page", func(s *scene) {
		u := s.user()
		added, sorted := s.idsThatSort()
		var want []string
		for i, id := range added {
			r := s.newRecord(u)
			if r.ID = id; i%3 == 0 {
				r.Refs = append(r.Refs, "third")
				want = append(want, id)
			}
			s.must(s.store.CreateRecord(s.ctx, r))
			r.Kind = "other"
			s.must(s.store.CreateRecord(s.ctx, r))
		}
		slices.Sort(want)
		for ref, want := range map[string][]string{"": sorted, "user/" + u.ID: sorted, "third": want} {
			pages(s, want, func(r store.Record) string { return r.ID }, func(p store.Page) ([]store.Record, int, error) {
				return s.store.ListRecords(s.ctx, s.tenant, "identity", ref, p)
			})
		}
	}},
	{"ListMail is ordered by the bytes of the id, each on one page", func(s *scene) {
		for _, dead := range []bool{false, true} {
			added, sorted := s.idsThatSort()
			for _, id := range added {
				m := s.newMail()
				if m.ID = id; dead {
					m.DeadAt = now
				}
				s.must(s.store.AddMail(s.ctx, m))
			}
			pages(s, sorted, func(m store.Mail) string { return m.ID }, func(p store.Page) ([]store.Mail, int, error) {
				return s.store.ListMail(s.ctx, s.tenant, store.QueueMail, dead, p)
			})
		}
	}},
	{"ListEvents and PendingEvents are ordered by the bytes of the id", func(s *scene) {
		added, sorted := s.idsThatSort()
		for _, id := range added {
			e := s.newEvent()
			e.ID = id
			s.must(s.store.AppendEvent(s.ctx, e))
		}
		pending, err := s.store.PendingEvents(s.ctx, s.tenant, 100)
		s.must(err)
		equalAll(s, idsOf(pending, func(e store.Event) string { return e.ID }), sorted)
		for i, id := range sorted {
			got, err := s.store.ListEvents(s.ctx, store.EventQuery{Tenant: s.tenant, After: id, Limit: 1})
			s.must(err)
			equalAll(s, idsOf(got, func(e store.Event) string { return e.ID }), sorted[i+1:min(i+2, len(sorted))])
		}
	}},
	{"pages stay the same while records are added", func(s *scene) {
		u := s.user()
		var before []store.APIKey
		for range 6 {
			before = append(before, s.apiKey(u))
		}
		for number := 1; number <= 3; number++ {
			got, total, err := s.store.ListAPIKeys(s.ctx, s.tenant, store.KeyOwner{}, store.Page{Number: number, Limit: 2})
			s.count(5+number)(total, err)
			equalAll(s, got, before[2*number-2:2*number])
			s.apiKey(u)
		}
	}},
	{"a page beyond the end is empty and still tells the total", func(s *scene) {
		s.apiKey(s.user())
		for _, p := range []store.Page{{Number: 2, Limit: 1}, {Number: 1 << 20, Limit: 1 << 20}} {
			got, total, err := s.store.ListAPIKeys(s.ctx, s.tenant, store.KeyOwner{}, p)
			s.count(1)(total, err)
			equalAll(s, got, nil)
		}
	}},
}
