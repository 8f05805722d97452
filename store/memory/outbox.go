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

// dueAt is when a message that is alive is worth looking at, if nothing happens
// to it before. Whether it may then be claimed, ClaimMail decides.
func dueAt(m *store.Mail) time.Time {
	if m.Holder != "" {
		return m.LeaseUntil
	}
	return m.NextAt
}

// putMail keeps a message.
func (st *state) putMail(m store.Mail) {
	st.dropMail(m.Tenant, m.ID)
	at := place(m.Tenant, m.ID)
	st.mail = st.mail.put(at, m)
	if m.DeadAt.IsZero() {
		st.mailDue = st.mailDue.put(created(m.Tenant, dueAt(&m), m.ID), at)
	}
}

func (st *state) dropMail(tenant, id string) {
	if old := st.mail.get(place(tenant, id)); old != nil {
		st.mailDue = st.mailDue.drop(created(tenant, dueAt(old), id))
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
		m.CreatedAt, m.NextAt, m.LeaseUntil, m.DeadAt = cut(m.CreatedAt), cut(m.NextAt), cut(m.LeaseUntil), cut(m.DeadAt)
		st.putMail(m)
		return nil
	})
}

// ClaimMail is described at store.Outbox.
func (s *Store) ClaimMail(ctx context.Context, tenant, holder string, now, until time.Time, limit int) (claimed []store.Mail, err error) {
	err = s.write(ctx, text.Key(tenant, holder), func(st *state) error {
		now := cut(now)
		var ready []store.Mail
		for _, at := range st.mailDue.before(under(tenant), moment(now.Add(time.Microsecond))) {
			// A lease that ran out makes nothing due before its time.
			if m := st.mail.get(at); !m.NextAt.After(now) {
				ready = append(ready, *m)
			}
		}
		slices.SortStableFunc(ready, func(a, b store.Mail) int {
			return cmp.Or(a.NextAt.Compare(b.NextAt), cmp.Compare(a.ID, b.ID))
		})
		for _, m := range ready[:min(len(ready), max(limit, 0))] {
			m.Holder, m.LeaseUntil, m.Tries = holder, cut(until), m.Tries+1
			st.putMail(m)
			claimed = append(claimed, handMail(m))
		}
		return nil
	})
	return claimed, err
}

// held lets change act on a message of which a claim by holder stands, and
// answers whether it did. Change is given the message without the claim. One
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
func (s *Store) NextMail(ctx context.Context, tenant string) (time.Time, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return time.Time{}, err
	}
	for _, at := range st.mailDue.in(under(tenant)) {
		return dueAt(st.mail.get(at)), nil
	}
	return time.Time{}, nil
}

// ListMail is described at store.Outbox.
func (s *Store) ListMail(ctx context.Context, tenant string, dead bool, page store.Page) ([]store.Mail, int, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return nil, 0, err
	}
	var listed []store.Mail
	total := 0
	for _, m := range st.mail.in(under(tenant)) {
		if m.DeadAt.IsZero() == dead {
			continue
		}
		if onPage(total, page) {
			listed = append(listed, handMail(m))
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
