package memory

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// counter is how often something happened in a window that ends at ends.
type counter struct {
	hits int
	ends time.Time
}

// dropCounter forgets a counter, and where its window stands among the others.
func (st *state) dropCounter(at row) {
	if c := st.counters.get(at); c != nil {
		st.countersExpiring = st.countersExpiring.drop(due(c.ends, at.tenant, at.id))
		st.counters = st.counters.drop(at)
	}
}

// window returns the counter as it stands at now, before it is raised.
func (st *state) window(c store.Counter, now time.Time) counter {
	if old := st.counters.get(row{c.Tenant, c.Key}); old != nil && now.Before(old.ends) {
		return *old
	}
	return counter{ends: cut(now.Add(c.Window))}
}

// Hit is described at store.Counters.
func (s *Store) Hit(ctx context.Context, now time.Time, counters ...store.Counter) (counted store.Counted, err error) {
	err = s.write(ctx, text.Counters(counters...), func(st *state) error {
		now := cut(now)
		// All counters are checked before the first is raised.
		for i, c := range counters {
			if w := st.window(c, now); w.hits >= c.Limit {
				counted = store.Counted{Full: i, ResetAt: w.ends}
				return nil
			}
		}
		for _, c := range counters {
			w, at := st.window(c, now), row{c.Tenant, c.Key}
			w.hits++
			st.dropCounter(at)
			st.counters = st.counters.put(at, w)
			st.countersExpiring = st.countersExpiring.put(due(w.ends, at.tenant, at.id), at)
		}
		counted.OK = true
		return nil
	})
	return counted, err
}

// Unhit is described at store.Counters.
func (s *Store) Unhit(ctx context.Context, tenant string, keys ...string) error {
	return s.eachCounter(ctx, tenant, keys, func(st *state, at row) {
		if old := st.counters.get(at); old != nil && old.hits > 0 {
			st.counters = st.counters.put(at, counter{old.hits - 1, old.ends})
		}
	})
}

// ClearCounters is described at store.Counters.
func (s *Store) ClearCounters(ctx context.Context, tenant string, keys ...string) error {
	return s.eachCounter(ctx, tenant, keys, (*state).dropCounter)
}

// eachCounter lets change act on the counters with these keys.
func (s *Store) eachCounter(ctx context.Context, tenant string, keys []string, change func(*state, row)) error {
	checked := text.Key(tenant)
	if checked == nil {
		checked = text.Key(keys...)
	}
	return s.write(ctx, checked, func(st *state) error {
		for _, k := range keys {
			change(st, row{tenant, k})
		}
		return nil
	})
}
