package memory

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// handMail returns a message with bytes that nobody else holds.
func handMail(m store.Mail) store.Mail {
	m.Sealed = clone(m.Sealed)
	return m
}

// waits names the index in which a message that is alive waits, and its place
// there: by the end of its lease where it has one, else by NextAt.
func (st *state) waits(m *store.Mail) (*index[string], string) {
	if m.LeaseUntil.IsZero() {
		return &st.mailFree, queued(m.Tenant, m.Queue, m.NextAt, m.ID)
	}
	return &st.mailLeased, queued(m.Tenant, m.Queue, m.LeaseUntil, m.ID)
}

// queued is the place of a message in an index by time within its queue.
func queued(tenant, queue string, at time.Time, id string) string {
	return under(tenant, queue) + due(at, id)
}

// listedUnder is the prefix under which a queue's messages are listed: those
// given up, or those that wait.
func listedUnder(tenant, queue string, dead bool) string {
	if dead {
		return under(tenant, queue, "dead")
	}
	return under(tenant, queue, "waiting")
}

// putMail keeps a message.
func (st *state) putMail(m store.Mail) {
	st.dropMail(m.Tenant, m.ID)
	at := place(m.Tenant, m.ID)
	st.mail = st.mail.put(at, m)
	st.mailQueued = st.mailQueued.put(listedUnder(m.Tenant, m.Queue, !m.DeadAt.IsZero())+m.ID, at)
	if m.DeadAt.IsZero() {
		waiting, where := st.waits(&m)
		*waiting = waiting.put(where, at)
	}
}

func (st *state) dropMail(tenant, id string) {
	if old := st.mail.get(place(tenant, id)); old != nil {
		waiting, where := st.waits(old)
		*waiting = waiting.drop(where)
		st.mailQueued = st.mailQueued.drop(listedUnder(tenant, old.Queue, !old.DeadAt.IsZero()) + id)
		st.mail = st.mail.drop(place(tenant, id))
	}
}

// AddMail is described at store.Outbox.
func (s *Store) AddMail(ctx context.Context, m store.Mail) error {
	return s.write(ctx, text.Mail(m), func(st *state) error {
		if st.mail.get(place(m.Tenant, m.ID)) != nil {
			return store.ErrConflict
		}
		m := handMail(m)
		m.Queue = text.Queue(m.Queue)
		m.CreatedAt, m.NextAt, m.LeaseUntil, m.DeadAt = cut(m.CreatedAt), cut(m.NextAt), cut(m.LeaseUntil), cut(m.DeadAt)
		st.putMail(m)
		return nil
	})
}

// ClaimMail is described at store.Outbox.
func (s *Store) ClaimMail(ctx context.Context, tenant, queue, holder string, now, until time.Time, limit int) (claimed []store.Mail, err error) {
	err = s.write(ctx, text.Key(tenant, queue, holder), func(st *state) error {
		now, in := cut(now), under(tenant, text.Queue(queue))
		end := moment(now.Add(time.Microsecond))
		var ready []*store.Mail
		for _, at := range st.mailFree.before(in, end) {
			if len(ready) >= limit {
				break
			}
			ready = append(ready, st.mail.get(at))
		}
		for _, at := range st.mailLeased.before(in, end) {
			// A lease that ran out makes nothing due before its time.
			if m := st.mail.get(at); !m.NextAt.After(now) {
				ready = append(ready, m)
			}
		}
		slices.SortFunc(ready, func(a, b *store.Mail) int {
			return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
		})
		for _, kept := range ready[:min(len(ready), max(limit, 0))] {
			m := *kept
			m.Holder, m.LeaseUntil, m.Tries = holder, cut(until), m.Tries+1
			st.putMail(m)
			claimed = append(claimed, handMail(m))
		}
		return nil
	})
	return claimed, err
}

// held lets change act on a message of which a claim by holder stands, and
// reports whether it did. Change is given the message without the claim. One
// that was given up has no holder, so that nothing acts on it.
func (s *Store) held(ctx context.Context, tenant, id, holder, reason string, change func(*state, store.Mail)) (acted bool, err error) {
	checked := text.Key(tenant, id, holder)
	if checked == nil {
		checked = text.Plain(reason)
	}
	err = s.write(ctx, checked, func(st *state) error {
		m := st.mail.get(place(tenant, id))
		if m == nil || holder == "" || m.Holder != holder {
			return nil
		}
		released := *m
		released.Holder, released.LeaseUntil = "", time.Time{}
		change(st, released)
		acted = true
		return nil
	})
	return acted, err
}

// RemoveMail is described at store.Outbox.
func (s *Store) RemoveMail(ctx context.Context, tenant, id, holder string) (bool, error) {
	return s.held(ctx, tenant, id, holder, "", func(st *state, _ store.Mail) {
		st.dropMail(tenant, id)
	})
}

// DeferMail is described at store.Outbox.
func (s *Store) DeferMail(ctx context.Context, tenant, id, holder string, next time.Time, reason string) (bool, error) {
	return s.held(ctx, tenant, id, holder, reason, func(st *state, m store.Mail) {
		m.NextAt, m.LastError = cut(next), reason
		st.putMail(m)
	})
}

// BuryMail is described at store.Outbox.
func (s *Store) BuryMail(ctx context.Context, tenant, id, holder string, at time.Time, reason string) (bool, error) {
	return s.held(ctx, tenant, id, holder, reason, func(st *state, m store.Mail) {
		m.DeadAt, m.LastError = cut(at), reason
		st.putMail(m)
	})
}

// NextMail is described at store.Outbox.
func (s *Store) NextMail(ctx context.Context, tenant, queue string) (next time.Time, err error) {
	st, err := s.read(ctx, text.Key(tenant, queue))
	if err != nil {
		return time.Time{}, err
	}
	in := under(tenant, text.Queue(queue))
	for _, at := range st.mailFree.in(in) {
		next = st.mail.get(at).NextAt
		break
	}
	for _, at := range st.mailLeased.in(in) {
		if until := st.mail.get(at).LeaseUntil; next.IsZero() || until.Before(next) {
			next = until
		}
		break
	}
	return next, nil
}

// ListMail is described at store.Outbox.
func (s *Store) ListMail(ctx context.Context, tenant, queue string, dead bool, page store.Page) ([]store.Mail, int, error) {
	st, err := s.read(ctx, text.Key(tenant, queue))
	if err != nil {
		return nil, 0, err
	}
	var listed []store.Mail
	total := 0
	for _, at := range st.mailQueued.in(listedUnder(tenant, text.Queue(queue), dead)) {
		if onPage(total, page) {
			listed = append(listed, handMail(*st.mail.get(at)))
		}
		total++
	}
	return listed, total, nil
}

// ReviveMail is described at store.Outbox.
func (s *Store) ReviveMail(ctx context.Context, tenant, id string, now time.Time) (revived bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		if old := st.mail.get(place(tenant, id)); old != nil && !old.DeadAt.IsZero() {
			m := *old
			m.DeadAt, m.NextAt, m.Tries = time.Time{}, cut(now), 0
			st.putMail(m)
			revived = true
		}
		return nil
	})
	return revived, err
}

// DeleteMail is described at store.Outbox.
func (s *Store) DeleteMail(ctx context.Context, tenant, id string) (deleted bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		deleted = st.mail.get(place(tenant, id)) != nil
		st.dropMail(tenant, id)
		return nil
	})
	return deleted, err
}

// ResealMail is described at store.Outbox.
func (s *Store) ResealMail(ctx context.Context, tenant, id string, old, sealed []byte) (resealed bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		if kept := st.mail.get(place(tenant, id)); kept != nil && bytes.Equal(kept.Sealed, old) {
			m := *kept
			m.Sealed = clone(sealed)
			st.putMail(m)
			resealed = true
		}
		return nil
	})
	return resealed, err
}
