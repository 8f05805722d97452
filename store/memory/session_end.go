package memory

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// EndSession is described at store.Sessions.
func (s *Store) EndSession(ctx context.Context, tenant, userID, id string, at time.Time, reason string) (ended bool, err error) {
	checked := text.SessionEnd(store.SessionEnd{Tenant: tenant, UserID: userID, Except: id, Reason: reason})
	err = s.write(ctx, checked, func(st *state) error {
		if x := st.sessions.get(row{tenant, id}); x != nil && x.UserID == userID && x.Live(cut(at)) {
			st.endSession(x, cut(at), reason)
			ended = true
		}
		return nil
	})
	return ended, err
}

// EndSessions is described at store.Sessions.
func (s *Store) EndSessions(ctx context.Context, e store.SessionEnd) (ended int, err error) {
	err = s.write(ctx, text.SessionEnd(e), func(st *state) error {
		for _, at := range st.sessionsOf.in(under(e.Tenant, e.UserID)) {
			x := st.sessions.get(at)
			// Expired sessions end too, so that a clock that is set back does not
			// revive them. They are not counted.
			if x.ID == e.Except {
				continue
			}
			if x.Live(cut(e.At)) {
				ended++
			}
			st.endSession(x, cut(e.At), e.Reason)
		}
		return nil
	})
	return ended, err
}

// EndOldestSessions is described at store.Sessions.
func (s *Store) EndOldestSessions(ctx context.Context, e store.SessionEnd, keep int) (ended int, err error) {
	err = s.write(ctx, text.SessionEnd(e), func(st *state) error {
		// Most accounts have not as many as they may, expired ones counted too.
		open := 0
		for range st.sessionsOf.in(under(e.Tenant, e.UserID)) {
			open++
		}
		if open <= keep {
			return nil
		}
		// Ids grow with time, so the first in order are the oldest.
		live := st.liveSessions(e.Tenant, e.UserID, cut(e.At))
		for _, x := range live[:max(len(live)-max(keep, 0), 0)] {
			if x.ID != e.Except {
				st.endSession(x, cut(e.At), e.Reason)
				ended++
			}
		}
		return nil
	})
	return ended, err
}

// EndSessionsBefore is described at store.Sessions.
func (s *Store) EndSessionsBefore(ctx context.Context, tenant string, t, at time.Time, reason string, limit int) (ended int, err error) {
	checked := text.SessionEnd(store.SessionEnd{Tenant: tenant, Reason: reason})
	err = s.write(ctx, checked, func(st *state) error {
		// The index changes under the loop, which goes on over what it was.
		for _, key := range st.sessionsOpen.before(under(tenant), moment(cut(t))) {
			if ended == limit {
				break
			}
			st.endSession(st.sessions.get(key), cut(at), reason)
			ended++
		}
		return nil
	})
	return ended, err
}
