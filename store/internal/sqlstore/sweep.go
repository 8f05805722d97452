package sqlstore

import (
	"context"
	"time"
)

// newSweepStatements enters one statement for each role that is swept; records
// are apart, because of their keys and refs. Each takes the time and the
// greatest number of records.
func newSweepStatements(c *catalogue) []*query {
	sweep := func(table, key, expiry, condition string) *query {
		return c.write("sweep "+table, c.held(`
			SELECT `+key+` FROM admit_`+table+` WHERE `+condition+expiry+` <= $1 ORDER BY `+expiry+` LIMIT $2`)+`
			DELETE FROM admit_`+table+` WHERE (`+key+`) IN (SELECT `+key+` FROM due)`)
	}
	return []*query{
		sweep("tokens", "tenant, kind, hash", "expires_at", ""),
		sweep("sessions", "tenant, id", "absolute_expires_at", ""),
		// A key that never expires is kept.
		sweep("keys", "tenant, id", "expires_at", "expires_at > 0 AND "),
		sweep("counters", "tenant, key", "reset_at", ""),
		sweep("addresses", "tenant, email_key", "reserved_until", "reserved_until > 0 AND "),
	}
}

// Sweep implements store.Store.
func (s *Store) Sweep(ctx context.Context, now time.Time, limit int) (int, error) {
	var swept int64
	err := s.atomically(ctx, func(ctx context.Context, t *Store) error {
		swept = 0
		for _, q := range t.q.sweep {
			n, err := t.exec(ctx, q, micros(now), int64(limit))
			if err != nil {
				return err
			}
			swept += n
		}
		n, err := t.removeRecords(ctx, t.q.records.sweep, micros(now), int64(limit))
		swept += int64(n)
		return err
	})
	if err != nil {
		return 0, err
	}
	return int(swept), nil
}
