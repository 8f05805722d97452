package memory

import (
	"context"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// address says whose an e-mail key is: an account's current one, or, when
// until is set, one reserved for it until then.
type address struct {
	userID string
	until  time.Time
}

// free reports whether an account may take the address at now.
func (st *state) free(tenant, emailKey, userID string, now time.Time) bool {
	a := st.addresses.get(row{tenant, emailKey})
	return a == nil || a.userID == userID || !a.until.IsZero() && !now.Before(a.until)
}

// hold gives the address to an account, for ever when until is zero.
func (st *state) hold(tenant, emailKey, userID string, until time.Time) {
	st.release(tenant, emailKey)
	at := row{tenant, emailKey}
	st.addresses = st.addresses.put(at, address{userID, until})
	if !until.IsZero() {
		st.reserved = st.reserved.put(due(until, tenant, emailKey), at)
	}
}

// release makes the address nobody's.
func (st *state) release(tenant, emailKey string) {
	at := row{tenant, emailKey}
	if a := st.addresses.get(at); a != nil {
		st.reserved = st.reserved.drop(due(a.until, tenant, emailKey))
		st.addresses = st.addresses.drop(at)
	}
}

// leave makes the address free at once, or at the given time.
func (st *state) leave(tenant, emailKey, userID string, until time.Time) {
	if until.IsZero() {
		st.release(tenant, emailKey)
		return
	}
	st.hold(tenant, emailKey, userID, until)
}

// holder returns the account whose current address it is, nil when it is nobody's.
func (st *state) holder(tenant, emailKey string) *store.User {
	if a := st.addresses.get(row{tenant, emailKey}); a != nil && a.until.IsZero() {
		return st.users.get(row{tenant, a.userID})
	}
	return nil
}

// living returns an account that was not deleted, nil when there is none.
func (st *state) living(tenant, id string) *store.User {
	if u := st.users.get(row{tenant, id}); u != nil && !u.Deleted() {
		return u
	}
	return nil
}

// putUser keeps the account as it is given.
func (st *state) putUser(u store.User) {
	at := row{u.Tenant, u.ID}
	if old := st.users.get(at); u.Deleted() {
		st.listed = st.listed.drop(place(u.Tenant, u.ID))
	} else if old == nil {
		st.listed = st.listed.put(place(u.Tenant, u.ID), at)
	}
	st.users = st.users.put(at, u)
}

// ownUser gives an account the form in which it is kept.
func ownUser(u store.User) store.User {
	u.EmailVerifiedAt, u.BannedAt, u.BanExpiresAt = cut(u.EmailVerifiedAt), cut(u.BannedAt), cut(u.BanExpiresAt)
	u.DeletedAt, u.CreatedAt, u.UpdatedAt = cut(u.DeletedAt), cut(u.CreatedAt), cut(u.UpdatedAt)
	return u
}

// CreateUser is described at store.Users.
func (s *Store) CreateUser(ctx context.Context, u store.User) error {
	return s.write(ctx, text.User(u), func(st *state) error {
		u := ownUser(u)
		u.Version = 1
		if st.users.get(row{u.Tenant, u.ID}) != nil || !st.free(u.Tenant, u.EmailKey, u.ID, u.CreatedAt) {
			return store.ErrConflict
		}
		st.hold(u.Tenant, u.EmailKey, u.ID, time.Time{})
		st.putUser(u)
		return nil
	})
}

// User is described at store.Users.
func (s *Store) User(ctx context.Context, tenant, id string) (store.User, error) {
	st, err := s.read(ctx, text.Key(tenant, id))
	if err != nil {
		return store.User{}, err
	}
	if u := st.users.get(row{tenant, id}); u != nil {
		return *u, nil
	}
	return store.User{}, store.ErrNotFound
}

// LockUser is User: a transaction keeps every other writer out from its start.
func (s *Store) LockUser(ctx context.Context, tenant, id string) (store.User, error) {
	return s.User(ctx, tenant, id)
}

// UserByEmail is described at store.Users.
func (s *Store) UserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	st, err := s.read(ctx, text.Key(tenant, emailKey))
	if err != nil {
		return store.User{}, err
	}
	if u := st.holder(tenant, emailKey); u != nil {
		return *u, nil
	}
	return store.User{}, store.ErrNotFound
}

// LockUserByEmail is UserByEmail: a transaction keeps every other writer out from
// its start.
func (s *Store) LockUserByEmail(ctx context.Context, tenant, emailKey string) (store.User, error) {
	return s.UserByEmail(ctx, tenant, emailKey)
}

// UpdateUser is described at store.Users.
func (s *Store) UpdateUser(ctx context.Context, u store.User) error {
	return s.write(ctx, text.User(u), func(st *state) error {
		u := ownUser(u)
		old := st.living(u.Tenant, u.ID)
		switch {
		case old == nil:
			return store.ErrNotFound
		case old.Version != u.Version:
			return store.ErrConflict
		}
		u.Email, u.EmailKey, u.CreatedAt, u.DeletedAt = old.Email, old.EmailKey, old.CreatedAt, old.DeletedAt
		u.Version++
		st.putUser(u)
		return nil
	})
}

// VerifyEmail is described at store.Users.
func (s *Store) VerifyEmail(ctx context.Context, tenant, id, emailKey string, at time.Time) (verified bool, err error) {
	err = s.write(ctx, text.Key(tenant, id, emailKey), func(st *state) error {
		old := st.living(tenant, id)
		if old == nil || old.EmailKey != emailKey || !old.EmailVerifiedAt.IsZero() {
			return nil
		}
		u := *old
		u.EmailVerifiedAt, u.UpdatedAt, u.Version = cut(at), cut(at), u.Version+1
		st.putUser(u)
		verified = true
		return nil
	})
	return verified, err
}

// ClaimEmail is described at store.Users.
func (s *Store) ClaimEmail(ctx context.Context, c store.EmailClaim) error {
	return s.write(ctx, text.EmailClaim(c), func(st *state) error {
		old := st.living(c.Tenant, c.UserID)
		switch {
		case old == nil || old.EmailKey != c.FromKey:
			return store.ErrNotFound
		case !st.free(c.Tenant, c.EmailKey, c.UserID, cut(c.Now)):
			return store.ErrConflict
		}
		// Leaving comes first: the address moved to may be the one moved from.
		st.leave(c.Tenant, c.FromKey, c.UserID, cut(c.ReserveUntil))
		st.hold(c.Tenant, c.EmailKey, c.UserID, time.Time{})
		u := *old
		u.Email, u.EmailKey, u.EmailVerifiedAt = c.Email, c.EmailKey, cut(c.VerifiedAt)
		u.UpdatedAt, u.Version = cut(c.Now), u.Version+1
		st.putUser(u)
		return nil
	})
}

// ListUsers is described at store.Users. Letters of all alphabets match in either
// case.
func (s *Store) ListUsers(ctx context.Context, q store.UserQuery) ([]store.User, error) {
	st, err := s.read(ctx, text.UserQuery(q))
	if err != nil {
		return nil, err
	}
	var listed []store.User
	for _, at := range st.listed.from(under(q.Tenant), place(q.Tenant, q.After)) {
		if len(listed) >= q.Limit {
			break
		}
		if u := st.users.get(at); u.ID > q.After && selects(q, *u) {
			listed = append(listed, *u)
		}
	}
	return listed, nil
}

// selects answers whether a query wants an account that is not deleted, wherever
// the query starts.
func selects(q store.UserQuery, u store.User) bool {
	holds := func(in string) bool { return strings.Contains(strings.ToLower(in), strings.ToLower(q.Search)) }
	return (q.Role == "" || u.Role == q.Role) && (!q.Unverified || u.EmailVerifiedAt.IsZero()) &&
		(q.BannedAt.IsZero() || u.Banned(q.BannedAt)) && (holds(u.EmailKey) || holds(u.Name))
}

// DeleteUser is described at store.Users.
func (s *Store) DeleteUser(ctx context.Context, tenant, id string, at, reserveUntil time.Time) (deleted bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		old := st.living(tenant, id)
		if old == nil {
			return nil
		}
		st.leave(tenant, old.EmailKey, id, cut(reserveUntil))
		u := *old
		u.DeletedAt, u.UpdatedAt, u.Version = cut(at), cut(at), u.Version+1
		st.putUser(u)
		deleted = true
		return nil
	})
	return deleted, err
}
