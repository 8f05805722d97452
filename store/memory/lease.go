package memory

import (
	"context"
	"time"

	"github.com/admit-go/admit/store/internal/text"
)

// lease says who does a task, until when.
type lease struct {
	holder string
	until  time.Time
}

// AcquireLease is described at store.Leases.
func (s *Store) AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (acquired bool, err error) {
	err = s.write(ctx, text.Key(tenant, name, holder), func(st *state) error {
		now, until, at := cut(now), cut(until), row{tenant, name}
		held := st.leases.get(at)
		if held != nil && held.holder != holder && now.Before(held.until) &&
			(!until.After(now) || !held.until.After(until.Add(until.Sub(now)))) {
			return nil
		}
		// A lease whose end is not after now is held by nobody, so that giving
		// one up needs no rule of its own.
		st.leases = st.leases.put(at, lease{holder, until})
		acquired = true
		return nil
	})
	return acquired, err
}
