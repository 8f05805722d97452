package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store/internal/text"
)

type leaseStatements struct{ acquire *query }

func newLeaseStatements(c *catalogue) leaseStatements {
	return leaseStatements{
		acquire: c.write("acquire lease", `
			INSERT INTO admit_leases AS l (tenant, name, holder, until) VALUES ($1, $2, $3, $5)
			ON CONFLICT (tenant, name) DO UPDATE SET holder = excluded.holder, until = excluded.until
			WHERE l.holder = excluded.holder OR l.until <= $4
				OR excluded.until > $4 AND l.until > excluded.until + (excluded.until - $4)`),
	}
}

// AcquireLease implements store.Leases.
func (s *Store) AcquireLease(ctx context.Context, tenant, name, holder string, now, until time.Time) (bool, error) {
	if err := text.Key(tenant, name, holder); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.leases.acquire, tenant, name, holder, micros(now), micros(until))
}
