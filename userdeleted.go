package admit

import (
	"context"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file has what an operator does with accounts that are deleted.

// ListDeletedParams selects accounts that are deleted and not purged yet.
type ListDeletedParams struct {
	// After is the Next of the previous list. "" starts at the first account.
	After string
	// Limit is the greatest number of accounts in the list, 1 to 1000. Default:
	// 100.
	Limit int
}

// Deleted lists accounts that are deleted and not purged yet, in the order of their
// ids. It returns ErrInvalidRequest or ErrUnavailable.
func (u *Users) Deleted(ctx context.Context, in ListDeletedParams) (Listed[User], error) {
	limit, err := listLimit(in.Limit)
	if err != nil {
		return Listed[User]{}, err
	}
	users, err := u.store.ListDeletedUsers(ctx, store.DeletedQuery{Tenant: tenant, After: in.After, Limit: limit + 1})
	if err != nil {
		return Listed[User]{}, fault(err)
	}
	return listed(users, limit, userOf, func(user User) string { return user.ID }), nil
}

// Restore takes the deletion of an account back, until it is purged. The account
// has its password, its second factors and its profile again; linked accounts and
// API keys stay gone. A ban is in force again. It returns ErrUserNotFound for an
// account that is not deleted, ErrEmailAlreadyExists if the address was taken since,
// or ErrUnavailable.
func (u *Users) Restore(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrUserNotFound
	}
	return u.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := tx.lock(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return ErrUserNotFound
		}
		if err != nil {
			return err
		}
		return restoreAccount(ctx, tx, &user, "operator")
	})
}

// Purge removes what is left of a deleted account at once. It cannot be taken back.
// Nothing of the person stays but the audit log, without addresses of clients and
// without reasons. The address of a ban stays reserved until the end of the ban.
// It returns ErrUserNotFound for an account that is not deleted, ErrUnavailable, or
// the error of Hooks.UserPurged.
func (u *Users) Purge(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrUserNotFound
	}
	user, err := u.store.User(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return ErrUserNotFound
	}
	if err != nil {
		return fault(err)
	}
	mails, err := mailsTo(ctx, u.kernel, []store.User{user})
	if err != nil {
		return fault(err)
	}
	return purgeAccount(ctx, u.kernel, id, time.Time{}, mails[user.EmailKey])
}
