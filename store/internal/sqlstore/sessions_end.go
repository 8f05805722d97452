package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// EndSession implements store.Sessions.
func (s *Store) EndSession(ctx context.Context, tenant, userID, id string, at time.Time, reason string) (bool, error) {
	if err := text.SessionEnd(store.SessionEnd{Tenant: tenant, UserID: userID, Except: id, Reason: reason}); err != nil {
		return false, err
	}
	return s.done(ctx, s.q.sessions.end, tenant, id, userID, micros(at), reason)
}

// EndSessions implements store.Sessions.
func (s *Store) EndSessions(ctx context.Context, e store.SessionEnd) (int, error) {
	if err := text.SessionEnd(e); err != nil {
		return 0, err
	}
	wereLive, err := all(ctx, s, s.q.sessions.endAll, func(f *flag) []any { return []any{f} },
		e.Tenant, e.UserID, micros(e.At), e.Except, e.Reason)
	n := 0
	for _, live := range wereLive {
		if live {
			n++
		}
	}
	return n, err
}

// EndOldestSessions implements store.Sessions.
func (s *Store) EndOldestSessions(ctx context.Context, e store.SessionEnd, keep int) (int, error) {
	if err := text.SessionEnd(e); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.sessions.endOldest, e.Tenant, e.UserID, micros(e.At), e.Except, e.Reason, int64(max(keep, 0)))
	return int(n), err
}

// EndSessionsBefore implements store.Sessions.
func (s *Store) EndSessionsBefore(ctx context.Context, tenant string, t, at time.Time, reason string, limit int) (int, error) {
	if err := text.SessionEnd(store.SessionEnd{Tenant: tenant, Reason: reason}); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.sessions.endBefore, tenant, micros(t), micros(at), reason, int64(limit))
	return int(n), err
}
