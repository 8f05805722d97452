package admit

import (
	"context"
	"errors"
	"iter"
	"math"
	"time"

	"github.com/admit-go/admit/store"
)

// UpdateUserParams is what an operator changes of an account. A field that is not
// set stays as it is.
type UpdateUserParams struct {
	UserID string
	// Name is 1 to 100 characters.
	Name Optional[string]
	// EmailVerified says whether the operator vouches for the address.
	EmailVerified Optional[bool]
	// Banned bans the account or lifts the ban. A ban that is not in force begins
	// with the given BanReason and BanExpiresAt alone: nothing stays of an earlier
	// ban.
	Banned Optional[bool]
	// BanReason has at most 500 characters. BanExpiresAt is in the future; the
	// zero time is a ban without end. Both need an account that is banned after
	// the change.
	BanReason    Optional[string]
	BanExpiresAt Optional[time.Time]
}

// Update changes an account in one step. A ban ends its sessions and pending tokens
// at once. It answers ErrInvalidName, ErrInvalidRequest, ErrLastAdmin,
// ErrUserNotFound or ErrUnavailable.
func (u *Users) Update(ctx context.Context, in UpdateUserParams) (User, error) {
	if in.Name.Set {
		name, ok := cleanName(in.Name.Value)
		if !ok {
			return User{}, ErrInvalidName
		}
		in.Name.Value = name
	}
	if in.BanReason.Set && !plainText(in.BanReason.Value, 500) {
		return User{}, ErrInvalidRequest.detail("banReason", "must have at most 500 characters and no control characters")
	}
	if at := in.BanExpiresAt; at.Set && !at.Value.IsZero() && !at.Value.After(u.now()) {
		return User{}, ErrInvalidRequest.detail("banExpiresAt", "must be in the future")
	}
	if in == (UpdateUserParams{UserID: in.UserID, Name: in.Name}) {
		ctx = whileActing(ctx)
	}
	var changed User
	err := onAccount(ctx, u.kernel, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		before := *user
		told, err := update(ctx, tx, user, in)
		if err != nil {
			return err
		}
		if before != *user {
			user.UpdatedAt = tx.now()
			if err := tx.UpdateUser(ctx, *user); errors.Is(err, store.ErrConflict) {
				return ErrUserConflict
			} else if err != nil {
				return err
			}
		}
		for _, e := range told {
			e.subject = user.ID
			if err := tx.record(ctx, e); err != nil {
				return err
			}
		}
		changed = userOf(user)
		return nil
	})
	return changed, err
}

// update changes the fields of a locked account and returns what is to be recorded.
func update(ctx context.Context, t *txn, user *store.User, in UpdateUserParams) (told []event, err error) {
	now := t.now()
	if in.Name.Set && in.Name.Value != user.Name {
		user.Name = in.Name.Value
		told = append(told, event{kind: eventUserRenamed})
	}
	switch verified := !user.EmailVerifiedAt.IsZero(); {
	case !in.EmailVerified.Set || in.EmailVerified.Value == verified:
	case verified:
		user.EmailVerifiedAt = time.Time{}
		told = append(told, event{kind: eventEmailUnverified})
	default:
		user.EmailVerifiedAt = now
		told = append(told, event{kind: eventEmailVerified, data: eventData{"operator": true}})
	}
	banned := user.Banned(now)
	switch wanted := in.Banned.Value; {
	case in.Banned.Set && !wanted && !user.BannedAt.IsZero():
		user.BannedAt, user.BanExpiresAt, user.BanReason = time.Time{}, time.Time{}, ""
		told, banned = append(told, event{kind: eventUserUnbanned}), false
	case in.Banned.Set && wanted && !banned:
		if err := keepAdmin(ctx, t, user); err != nil {
			return nil, err
		}
		user.BannedAt, user.BanExpiresAt, user.BanReason = now, in.BanExpiresAt.Value.UTC(), in.BanReason.Value
		if _, err := t.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: user.ID, At: now, Reason: endedByBan}); err != nil {
			return nil, err
		}
		if err := revokeOwnKeys(ctx, t, user.ID); err != nil {
			return nil, err
		}
		return append(told, event{kind: eventUserBanned, data: banData(user)}), t.kill(ctx, afterBan, user.ID, user.EmailKey)
	}
	given := in.BanReason.Set && in.BanReason.Value != "" || in.BanExpiresAt.Set && !in.BanExpiresAt.Value.IsZero()
	if given && !banned {
		return nil, ErrInvalidRequest.detail("banned", "must be true for a reason or an end of the ban")
	}
	if banned && (in.BanReason.Set || in.BanExpiresAt.Set) {
		if in.BanReason.Set {
			user.BanReason = in.BanReason.Value
		}
		if in.BanExpiresAt.Set {
			user.BanExpiresAt = in.BanExpiresAt.Value.UTC()
		}
		told = append(told, event{kind: eventUserBanned, data: banData(user)})
	}
	return told, nil
}

// FindUsersParams selects one page of the accounts.
type FindUsersParams struct {
	// Search selects accounts whose address or name contains the text, in either
	// case of the letters a to z; "" selects all. No character has a special
	// meaning.
	Search string
	// SearchIn is "email", "name", or "" for both.
	SearchIn string
	// SortBy is "createdAt", "name" or "email". Default: "createdAt".
	SortBy     string
	Descending bool
	// Page is the page, of at most 100 accounts.
	Page PageParams
}

// countedHits is how many accounts with a text are counted.
const countedHits = 1000

// Find returns one page of the accounts that are not deleted. Total is at most 1,000
// with Search, and may be a minute old from 10,000 on. Use All to go through all
// accounts. ErrInvalidRequest or ErrUnavailable.
func (u *Users) Find(ctx context.Context, in FindUsersParams) (Page[User], error) {
	if err := in.check(); err != nil {
		return Page[User]{}, err
	}
	q := in.query()
	total := 0
	if in.Search == "" {
		q.Count = math.MaxInt32
		if total = u.total.known(u.now()); total > 0 {
			q.Count = 0
		}
	}
	users, counted, err := u.store.FindUsers(ctx, q)
	if err != nil {
		return Page[User]{}, fault(err)
	}
	if q.Count > 0 {
		total = counted
	}
	if q.Count == math.MaxInt32 {
		u.total.learn(counted, u.now())
	}
	return pageOf(users, total, userOf), nil
}

// query is what the store is asked for.
func (in FindUsersParams) query() store.UserSearch {
	q := store.UserSearch{
		Tenant: tenant, Search: in.Search, In: in.SearchIn, Descending: in.Descending,
		Offset: store.Page(in.Page).Offset(), Limit: in.Page.Limit, Count: countedHits,
	}
	switch in.SortBy {
	case "name":
		q.SortBy = store.SortName
	case "email":
		q.SortBy = store.SortEmail
	}
	return q
}

// check answers ErrInvalidRequest for what selects nothing.
func (in FindUsersParams) check() error {
	switch {
	case in.SearchIn != "" && in.SearchIn != "email" && in.SearchIn != "name":
		return ErrInvalidRequest.detail("searchType", "must be email or name")
	case in.SortBy != "" && in.SortBy != "createdAt" && in.SortBy != "name" && in.SortBy != "email":
		return ErrInvalidRequest.detail("sortBy", "must be createdAt, name or email")
	case in.Page.Number < 1 || in.Page.Number > 1_000_000 || in.Page.Limit < 1 || in.Page.Limit > 100:
		return ErrInvalidRequest.detail("page", "must be from 1 to 1,000,000, with 1 to 100 accounts")
	}
	return nil
}

// All goes through the selected accounts in the order of their ids, from After on.
// Limit is how many are read at once. It ends at the first error, which is one of
// List.
func (u *Users) All(ctx context.Context, in ListUsersParams) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for {
			part, err := u.List(ctx, in)
			if err != nil {
				yield(User{}, err)
				return
			}
			for _, user := range part.Items {
				if !yield(user, nil) {
					return
				}
			}
			if in.After = part.Next; part.Next == "" {
				return
			}
		}
	}
}
