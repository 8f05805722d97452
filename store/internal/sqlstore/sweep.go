package sqlstore

import (
	"context"
	"time"
)

// newSweepStatements enters one statement for each role that is swept. Each
// takes the time and the greatest number of rows. Records have other
// statements, because of their keys and refs.
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
		// The members of an organisation are deleted before it.
		c.write("sweep members", c.held(`
			SELECT m.tenant, m.organization_id, m.user_id FROM admit_organizations o
			JOIN admit_members m ON m.tenant = o.tenant AND m.organization_id = o.id
			WHERE o.purge_at > 0 AND o.purge_at <= $1 ORDER BY o.purge_at LIMIT $2`)+`
			DELETE FROM admit_members WHERE (tenant, organization_id, user_id) IN (SELECT tenant, organization_id, user_id FROM due)`),
		c.write("sweep organizations", c.held(`
			SELECT tenant, id FROM admit_organizations WHERE purge_at > 0 AND purge_at <= $1 ORDER BY purge_at LIMIT $2`)+`
			DELETE FROM admit_organizations WHERE (tenant, id) IN (SELECT tenant, id FROM due) AND NOT EXISTS (
				SELECT 1 FROM admit_members m WHERE m.tenant = admit_organizations.tenant AND m.organization_id = admit_organizations.id)`),
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
