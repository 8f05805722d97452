package memory

import (
	"cmp"
	"context"
	"slices"
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
	old, listed := st.users.get(at), place(u.Tenant, u.ID)
	switch {
	case u.Deleted():
		st.listed, st.deleted = st.listed.drop(listed), st.deleted.put(listed, at)
	case old == nil || old.Deleted():
		st.listed, st.deleted = st.listed.put(listed, at), st.deleted.drop(listed)
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

// FindUsers is described at store.Users. Letters of all alphabets match in either
// case.
func (s *Store) FindUsers(ctx context.Context, q store.UserSearch) ([]store.User, int, error) {
	st, err := s.read(ctx, text.UserSearch(q))
	if err != nil {
		return nil, 0, err
	}
	var found []store.User
	for _, at := range st.listed.from(under(q.Tenant), place(q.Tenant, "")) {
		if u := st.users.get(at); searched(q, *u) && st.hasRecord(q, *u) {
			found = append(found, *u)
		}
	}
	slices.SortStableFunc(found, func(a, b store.User) int {
		order := cmp.Or(strings.Compare(sortKey(q.SortBy, a), sortKey(q.SortBy, b)), strings.Compare(a.ID, b.ID))
		if q.Descending {
			return -order
		}
		return order
	})
	first := min(q.Offset, len(found))
	return found[first:min(first+q.Limit, len(found))], min(len(found), q.Count), nil
}

// sortKey is what a search orders an account by before its id.
func sortKey(by string, u store.User) string {
	switch by {
	case store.SortName:
		return asciiLower(u.Name)
	case store.SortEmail:
		return asciiLower(u.EmailKey)
	}
	return ""
}

func asciiLower(in string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, in)
}

// searched answers whether a search wants an account that is not deleted.
func searched(q store.UserSearch, u store.User) bool {
	holds := func(in string) bool { return strings.Contains(strings.ToLower(in), strings.ToLower(q.Search)) }
	return q.In != "name" && holds(u.EmailKey) || q.In != "email" && holds(u.Name)
}

// hasRecord answers whether an account has the record that a search asks for, if it
// asks for one.
func (st *state) hasRecord(q store.UserSearch, u store.User) bool {
	if q.RecordRef == "" {
		return true
	}
	return st.recordRefs.get(place(q.Tenant, q.RecordRef, q.RecordKind, u.ID)) != nil && !u.Banned(q.UnbannedAt)
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
