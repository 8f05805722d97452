package memory

import (
	"context"
	"time"
)

// Sweep is described at store.Store.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (removed int, err error) {
	err = s.write(ctx, nil, func(st *state) error {
		now := cut(now)
		removed = sweep(st.tokensExpiring, now, limit, st.dropToken) +
			sweep(st.keysExpiring, now, limit, st.dropKey) +
			sweep(st.recordsExpiring, now, limit, st.dropRecord) +
			sweep(st.sessionsExpiring, now, limit, st.dropSession) +
			sweep(st.countersExpiring, now, limit, st.dropCounter) +
			sweep(st.purging, now, limit, st.dropOrganization) +
			sweep(st.reserved, now, limit, func(at row) { st.release(at.tenant, at.id) })
		return nil
	})
	return removed, err
}

// sweep drops the first records of an index by time that are due at now, at
// most limit, and returns how many. Those with the zero time are kept.
func sweep[K any](expiring index[K], now time.Time, limit int, drop func(K)) (removed int) {
	// No text has the byte 0xff, so this sorts after every zero time.
	never, end := moment(time.Time{})+"\xff", moment(now.Add(time.Microsecond))
	for due, at := range expiring.from("", never) {
		if removed == limit || due >= end {
			break
		}
		drop(at)
		removed++
	}
	return removed
}
