package memory

import (
	"bytes"
	"cmp"
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// ownSession gives a session the form in which it is kept, and bytes that
// nobody else holds.
func ownSession(x store.Session) store.Session {
	x.SecretHash, x.OrganizationRole = clone(x.SecretHash), ""
	x.RotatedAt, x.AuthTime = cut(x.RotatedAt), cut(x.AuthTime)
	x.CreatedAt, x.LastActivityAt = cut(x.CreatedAt), cut(x.LastActivityAt)
	x.ExpiresAt, x.AbsoluteExpiresAt, x.EndedAt = cut(x.ExpiresAt), cut(x.AbsoluteExpiresAt), cut(x.EndedAt)
	return x
}

// handSession returns a kept session with bytes of its own.
func handSession(x *store.Session) store.Session {
	handed := *x
	handed.SecretHash = clone(x.SecretHash)
	return handed
}

// putSession keeps a session whose user, creation and absolute end are as
// they were, if it is not new.
func (st *state) putSession(x store.Session) {
	at := row{x.Tenant, x.ID}
	if st.sessions.get(at) == nil {
		st.sessionsOf = st.sessionsOf.put(place(x.Tenant, x.UserID, x.ID), at)
		st.sessionsExpiring = st.sessionsExpiring.put(due(x.AbsoluteExpiresAt, x.Tenant, x.ID), at)
		st.sessionsOpen = st.sessionsOpen.put(created(x.Tenant, x.CreatedAt, x.ID), at)
	}
	if !x.EndedAt.IsZero() {
		st.sessionsOf = st.sessionsOf.drop(place(x.Tenant, x.UserID, x.ID))
		st.sessionsOpen = st.sessionsOpen.drop(created(x.Tenant, x.CreatedAt, x.ID))
	}
	st.sessions = st.sessions.put(at, x)
}

// dropSession removes a session and its place in every index.
func (st *state) dropSession(at row) {
	x := st.sessions.get(at)
	st.sessionsOf = st.sessionsOf.drop(place(x.Tenant, x.UserID, x.ID))
	st.sessionsExpiring = st.sessionsExpiring.drop(due(x.AbsoluteExpiresAt, x.Tenant, x.ID))
	st.sessionsOpen = st.sessionsOpen.drop(created(x.Tenant, x.CreatedAt, x.ID))
	st.sessions = st.sessions.drop(at)
}

// endSession marks a session as ended.
func (st *state) endSession(x *store.Session, at time.Time, reason string) {
	ended := *x
	ended.EndedAt, ended.EndReason = at, reason
	st.putSession(ended)
}

// liveSessions returns the account's sessions that are live at now, by id.
func (st *state) liveSessions(tenant, userID string, now time.Time) []*store.Session {
	var live []*store.Session
	for _, at := range st.sessionsOf.in(under(tenant, userID)) {
		if x := st.sessions.get(at); x.Live(now) {
			live = append(live, x)
		}
	}
	return live
}

// CreateSession is described at store.Sessions.
func (s *Store) CreateSession(ctx context.Context, x store.Session) error {
	return s.write(ctx, text.Session(x), func(st *state) error {
		if st.sessions.get(row{x.Tenant, x.ID}) != nil {
			return store.ErrConflict
		}
		st.putSession(ownSession(x))
		return nil
	})
}

// SessionUser is described at store.Sessions. Every guarded request asks it, so
// it checks the texts only of what it does not find: what is kept was checked.
func (s *Store) SessionUser(ctx context.Context, tenant, id string) (x store.Session, u store.User, err error) {
	st, err := s.read(ctx, nil)
	if err != nil {
		return x, u, err
	}
	if kept := st.sessions.get(row{tenant, id}); kept != nil {
		if owner := st.users.get(row{tenant, kept.UserID}); owner != nil {
			x, u = *kept, *owner
			x.SecretHash = clone(kept.SecretHash)
			x.OrganizationRole = st.roleIn(tenant, kept.OrganizationID, kept.UserID)
			return x, u, nil
		}
	}
	if err := text.Key(tenant, id); err != nil {
		return x, u, err
	}
	return x, u, store.ErrNotFound
}

// RotateSession is described at store.Sessions.
func (s *Store) RotateSession(ctx context.Context, r store.Rotation) (bool, error) {
	_, _, rotated, err := s.RotateSessionUser(ctx, r)
	return rotated, err
}

// RotateSessionUser is described at store.Sessions.
func (s *Store) RotateSessionUser(ctx context.Context, r store.Rotation) (rotatedTo store.Session, owner store.User, rotated bool, err error) {
	err = s.write(ctx, text.Key(r.Tenant, r.ID), func(st *state) error {
		now := cut(r.Now)
		old := st.sessions.get(row{r.Tenant, r.ID})
		if old == nil || !old.Live(now) || old.Generation != r.Generation || !bytes.Equal(old.SecretHash, r.SecretHash) {
			return nil
		}
		// A ban or a deletion need not wait until the sessions have been ended.
		u := st.living(r.Tenant, old.UserID)
		if u == nil || u.Banned(now) {
			return nil
		}
		x := *old
		x.Generation, x.Confirmed, x.SecretHash = r.Generation+1, r.Generation, clone(r.NextHash)
		x.Answers, x.UsedBefore, x.Used = 0, x.Used, store.NoAnswer
		x.RotatedAt, x.LastActivityAt, x.ExpiresAt = now, now, cut(r.ExpiresAt)
		if x.ExpiresAt.After(x.AbsoluteExpiresAt) {
			x.ExpiresAt = x.AbsoluteExpiresAt
		}
		st.putSession(x)
		rotatedTo, owner, rotated = x, *u, true
		rotatedTo.SecretHash = clone(x.SecretHash)
		rotatedTo.OrganizationRole = st.roleIn(x.Tenant, x.OrganizationID, x.UserID)
		return nil
	})
	return rotatedTo, owner, rotated, err
}

// ConfirmSession is described at store.Sessions.
func (s *Store) ConfirmSession(ctx context.Context, tenant, id string, generation, answer int64) error {
	return s.write(ctx, text.Key(tenant, id), func(st *state) error {
		old := st.sessions.get(row{tenant, id})
		if old == nil || old.Generation != generation || old.Confirmed >= generation {
			return nil
		}
		x := *old
		x.Confirmed, x.Used = generation, answer
		st.putSession(x)
		return nil
	})
}

// AnswerSession is described at store.Sessions.
func (s *Store) AnswerSession(ctx context.Context, tenant, id string, generation int64) (answers int64, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		old := st.sessions.get(row{tenant, id})
		if old == nil || old.Generation != generation {
			return store.ErrNotFound
		}
		x := *old
		x.Answers++
		st.putSession(x)
		answers = x.Answers
		return nil
	})
	return answers, err
}

// ProveSession is described at store.Sessions.
func (s *Store) ProveSession(ctx context.Context, tenant, id, amr string, at time.Time) error {
	return s.write(ctx, cmp.Or(text.Key(tenant, id), text.Plain(amr)), func(st *state) error {
		old := st.sessions.get(row{tenant, id})
		if old == nil || !old.Live(cut(at)) {
			return nil
		}
		x := *old
		x.AuthTime, x.AMR = cut(at), amr
		st.putSession(x)
		return nil
	})
}

// TouchSessions is described at store.Sessions.
func (s *Store) TouchSessions(ctx context.Context, activity []store.Activity) error {
	var checked error
	for _, a := range activity {
		if checked = text.Key(a.Tenant, a.ID); checked != nil {
			break
		}
	}
	return s.write(ctx, checked, func(st *state) error {
		for _, a := range activity {
			old := st.sessions.get(row{a.Tenant, a.ID})
			if old == nil || !old.EndedAt.IsZero() || !cut(a.At).After(old.LastActivityAt) {
				continue
			}
			x := *old
			x.LastActivityAt = cut(a.At)
			st.putSession(x)
		}
		return nil
	})
}

// ListSessions is described at store.Sessions.
func (s *Store) ListSessions(ctx context.Context, tenant, userID string, now time.Time, page store.Page) ([]store.Session, int, error) {
	st, err := s.read(ctx, text.Key(tenant, userID))
	if err != nil {
		return nil, 0, err
	}
	live := st.liveSessions(tenant, userID, cut(now))
	var listed []store.Session
	for i, x := range live {
		if onPage(i, page) {
			listed = append(listed, handSession(x))
		}
	}
	return listed, len(live), nil
}
