package memory

import (
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// gone returns an account that is deleted, nil when there is none.
func (st *state) gone(tenant, id string) *store.User {
	if u := st.users.get(row{tenant, id}); u != nil && u.Deleted() {
		return u
	}
	return nil
}

// ListDeletedUsers is described at store.Users.
func (s *Store) ListDeletedUsers(ctx context.Context, q store.DeletedQuery) ([]store.User, error) {
	st, err := s.read(ctx, text.Key(q.Tenant, q.After))
	if err != nil {
		return nil, err
	}
	var listed []store.User
	for _, at := range st.deleted.from(under(q.Tenant), place(q.Tenant, q.After)) {
		if len(listed) >= q.Limit {
			break
		}
		if u := st.users.get(at); u.ID > q.After && (q.Before.IsZero() || u.DeletedAt.Before(cut(q.Before))) {
			listed = append(listed, *u)
		}
	}
	return listed, nil
}

// RestoreUser is described at store.Users.
func (s *Store) RestoreUser(ctx context.Context, tenant, id string, at time.Time) error {
	return s.write(ctx, text.Key(tenant, id), func(st *state) error {
		old := st.gone(tenant, id)
		switch {
		case old == nil:
			return store.ErrNotFound
		case !st.free(tenant, old.EmailKey, id, cut(at)):
			return store.ErrConflict
		}
		u := *old
		u.DeletedAt, u.UpdatedAt, u.Version = time.Time{}, cut(at), u.Version+1
		st.hold(tenant, u.EmailKey, id, time.Time{})
		st.putUser(u)
		return nil
	})
}

// PurgeUser is described at store.Users.
func (s *Store) PurgeUser(ctx context.Context, p store.UserPurge) (purged bool, err error) {
	err = s.write(ctx, text.UserPurge(p), func(st *state) error {
		u := st.gone(p.Tenant, p.UserID)
		if u == nil {
			return nil
		}
		of := row{p.Tenant, p.UserID}
		st.dropCredentials(of)
		st.clearEvents(p)
		for _, at := range st.reserved.in("") {
			a := st.addresses.get(at)
			if at.tenant == of.tenant && a.userID == of.id && (at.id != u.EmailKey || !cut(p.Now).Before(a.until)) {
				st.release(at.tenant, at.id)
			}
		}
		for _, id := range p.Mails {
			st.dropMail(p.Tenant, id)
		}
		st.deleted = st.deleted.drop(place(of.tenant, of.id))
		st.users = st.users.drop(of)
		purged = true
		return nil
	})
	return purged, err
}

// dropCredentials removes the password, the sessions, the tokens and the API keys
// of an account.
func (st *state) dropCredentials(of row) {
	st.passwords = st.passwords.drop(of)
	for _, at := range st.sessionsExpiring.in("") {
		if x := st.sessions.get(at); x.Tenant == of.tenant && x.UserID == of.id {
			st.dropSession(at)
		}
	}
	for _, at := range st.tokensOfUser.in(under(of.tenant, of.id)) {
		st.dropToken(at)
	}
	for at, k := range st.apiKeys.in(under(of.tenant)) {
		if k.OwnerID == of.id {
			st.apiKeyHashes = st.apiKeyHashes.drop(row{k.Tenant, string(k.Hash)})
			st.apiKeys = st.apiKeys.drop(at)
		}
	}
}

// clearEvents removes what events say about the person of a purged account.
func (st *state) clearEvents(p store.UserPurge) {
	for at, e := range st.events.in(under(p.Tenant)) {
		about := e.SubjectID == p.UserID
		if e.ActorID == p.UserID || about && e.ActorID == "" {
			e.IPAddress, e.UserAgent, e.RequestID, e.ClientSalt = "", "", "", ""
		} else if !about {
			continue
		}
		if about && slices.Contains(p.Blank, e.Kind) {
			e.Data, e.DataSalt = nil, ""
		}
		st.events = st.events.put(at, e)
	}
}
