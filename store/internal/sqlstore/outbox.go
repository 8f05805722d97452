package sqlstore

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const mailColumns = "tenant, id, queue, kind, sealed, tries, created_at, next_at, lease_until, holder, last_error, dead_at"

// mailFields returns the variables that mailColumns are read into.
func mailFields(m *store.Mail) []any {
	return []any{
		&m.Tenant, &m.ID, &m.Queue, &m.Kind, &m.Sealed, &m.Tries, (*moment)(&m.CreatedAt), (*moment)(&m.NextAt),
		(*moment)(&m.LeaseUntil), &m.Holder, &m.LastError, (*moment)(&m.DeadAt),
	}
}

type outboxStatements struct {
	add, claim, remove, putOff, bury, next, revive, erase, reseal *query

	listWaiting, countWaiting, listDead, countDead *query
}

func newOutboxStatements(c *catalogue) outboxStatements {
	// held is the condition that the holder $3 has claimed the message $2.
	held := ` WHERE tenant = $1 AND id = $2 AND holder = $3 AND holder <> '' AND ` + unset("dead_at")
	const (
		waiting = ` FROM admit_outbox WHERE tenant = $1 AND queue = $2 AND dead_at = 0`
		dead    = ` FROM admit_outbox WHERE tenant = $1 AND queue = $2 AND dead_at > 0`
		page    = ` ORDER BY id LIMIT $3 OFFSET $4`
		due     = `SELECT id` + waiting + ` AND next_at <= $4 AND lease_until <= $4 ORDER BY next_at, id LIMIT $6`
		claim   = `UPDATE admit_outbox AS m SET holder = $3, lease_until = $5, tries = tries + 1`
	)
	return outboxStatements{
		add: c.write("add mail", `INSERT INTO admit_outbox (`+mailColumns+`) VALUES (`+values(12)+`) ON CONFLICT DO NOTHING`),
		// Messages that another worker is claiming at the same time are skipped
		// without waiting.
		claim: c.write("claim mail", c.pick(
			claim+` WHERE tenant = $1 AND id IN (`+due+`) RETURNING `+mailColumns,
			`WITH due AS (`+due+` FOR UPDATE SKIP LOCKED) `+claim+` FROM due WHERE m.tenant = $1 AND m.id = due.id
			RETURNING `+qualified("m", mailColumns))),
		remove: c.write("remove mail", `DELETE FROM admit_outbox`+held),
		putOff: c.write("defer mail", `UPDATE admit_outbox SET next_at = $4, last_error = $5, holder = '', lease_until = 0`+held),
		bury:   c.write("bury mail", `UPDATE admit_outbox SET dead_at = $4, last_error = $5, holder = '', lease_until = 0`+held),
		next: c.read("find next mail", `
			SELECT COALESCE(min(at), 0) FROM (
				SELECT at FROM (SELECT next_at AS at`+waiting+` AND lease_until = 0 ORDER BY next_at LIMIT 1) AS unclaimed
				UNION ALL
				SELECT at FROM (SELECT lease_until AS at`+waiting+` AND lease_until > 0 ORDER BY lease_until LIMIT 1) AS claimed
			) AS first`),
		revive: c.write("revive mail", `
			UPDATE admit_outbox SET dead_at = 0, next_at = $3, tries = 0, holder = '', lease_until = 0
			WHERE tenant = $1 AND id = $2 AND dead_at > 0`),
		erase:        c.write("delete mail", `DELETE FROM admit_outbox WHERE tenant = $1 AND id = $2`),
		reseal:       c.write("reseal mail", `UPDATE admit_outbox SET sealed = $4 WHERE tenant = $1 AND id = $2 AND sealed = $3`),
		listWaiting:  c.read("list waiting mail", `SELECT `+mailColumns+waiting+page),
		countWaiting: c.read("count waiting mail", `SELECT count(*)`+waiting),
		listDead:     c.read("list dead mail", `SELECT `+mailColumns+dead+page),
		countDead:    c.read("count dead mail", `SELECT count(*)`+dead),
	}
}

// AddMail implements store.Outbox.
func (s *Store) AddMail(ctx context.Context, m store.Mail) error {
	if err := text.Mail(m); err != nil {
		return err
	}
	return s.create(ctx, s.q.outbox.add, mailArguments(m)...)
}

func mailArguments(m store.Mail) []any {
	return []any{
		m.Tenant, m.ID, text.Queue(m.Queue), m.Kind, full(m.Sealed), int64(m.Tries), micros(m.CreatedAt), micros(m.NextAt),
		micros(m.LeaseUntil), m.Holder, m.LastError, micros(m.DeadAt),
	}
}

// ClaimMail implements store.Outbox.
func (s *Store) ClaimMail(ctx context.Context, tenant, queue, holder string, now, until time.Time, limit int) ([]store.Mail, error) {
	if err := text.Key(tenant, queue, holder); err != nil {
		return nil, err
	}
	claimed, err := all(ctx, s, s.q.outbox.claim, mailFields, tenant, text.Queue(queue), holder, micros(now), micros(until), int64(limit))
	slices.SortFunc(claimed, func(a, b store.Mail) int { return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID)) })
	return claimed, err
}

// RemoveMail implements store.Outbox.
func (s *Store) RemoveMail(ctx context.Context, tenant, id, holder string) (bool, error) {
	if err := text.Key(tenant, id, holder); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.outbox.remove, tenant, id, holder)
}

// DeferMail implements store.Outbox.
func (s *Store) DeferMail(ctx context.Context, tenant, id, holder string, next time.Time, reason string) (bool, error) {
	return s.endClaim(ctx, s.q.outbox.putOff, tenant, id, holder, next, reason)
}

// BuryMail implements store.Outbox.
func (s *Store) BuryMail(ctx context.Context, tenant, id, holder string, at time.Time, reason string) (bool, error) {
	return s.endClaim(ctx, s.q.outbox.bury, tenant, id, holder, at, reason)
}

func (s *Store) endClaim(ctx context.Context, q *query, tenant, id, holder string, at time.Time, reason string) (bool, error) {
	if err := text.Mail(store.Mail{Tenant: tenant, ID: id, Holder: holder, LastError: reason}); err != nil {
		return false, err
	}
	return s.done(ctx, q, tenant, id, holder, micros(at), reason)
}

// NextMail implements store.Outbox.
func (s *Store) NextMail(ctx context.Context, tenant, queue string) (time.Time, error) {
	if err := text.Key(tenant, queue); err != nil {
		return time.Time{}, err
	}
	var next moment
	err := s.one(ctx, s.q.outbox.next, []any{&next}, tenant, text.Queue(queue))
	return time.Time(next), err
}

// ListMail implements store.Outbox.
func (s *Store) ListMail(ctx context.Context, tenant, queue string, dead bool, page store.Page) ([]store.Mail, int, error) {
	if err := text.Key(tenant, queue); err != nil {
		return nil, 0, err
	}
	if dead {
		return paged(ctx, s, s.q.outbox.countDead, s.q.outbox.listDead, mailFields, page, tenant, text.Queue(queue))
	}
	return paged(ctx, s, s.q.outbox.countWaiting, s.q.outbox.listWaiting, mailFields, page, tenant, text.Queue(queue))
}

// ReviveMail implements store.Outbox.
func (s *Store) ReviveMail(ctx context.Context, tenant, id string, now time.Time) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.outbox.revive, tenant, id, micros(now))
}

// DeleteMail implements store.Outbox.
func (s *Store) DeleteMail(ctx context.Context, tenant, id string) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.outbox.erase, tenant, id)
}

// ResealMail implements store.Outbox.
func (s *Store) ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.outbox.reseal, tenant, id, full(old), full(sealed))
}
