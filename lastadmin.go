package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/admit-go/admit/internal/emailaddress"

	"github.com/admit-go/admit/store"
)

// This file keeps an installation from losing its last administrator. A change
// that takes an administrator away is allowed only while the lock on another
// administrator is held, and that account is read again under the lock. Of two
// administrators who remove each other at the same time, the second is refused.

// ErrLastAdmin refuses a change after which no account would administer.
var ErrLastAdmin = &Error{Code: "user/last-admin", Status: http.StatusConflict, Message: "This is the last administrator. Make another account an administrator first."}

// keepAdmin refuses with ErrLastAdmin if no other account than user administers.
// The caller has locked user, and calls keepAdmin before a change that takes the
// role, the account, or the right to sign in away.
func keepAdmin(ctx context.Context, t *txn, user *store.User) error {
	if !administers(t.kernel, user) {
		return nil
	}
	other, err := otherAdmin(ctx, t.kernel, t, user.ID, func(listed *store.User) (bool, error) {
		held, err := t.LockUser(ctx, tenant, listed.ID)
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return err == nil && administers(t.kernel, &held), err
	})
	if err == nil && other == "" {
		return ErrLastAdmin
	}
	return err
}

// promote makes an account an administrator if nobody administers and the verified
// address of the account stands in Config.Admins.
func promote(ctx context.Context, t *txn, user *store.User) error {
	if user.Role == RoleAdmin || user.EmailVerifiedAt.IsZero() || !slices.ContainsFunc(t.config.Admins, func(admin string) bool {
		address, err := emailaddress.Parse(admin)
		return err == nil && address.Key == user.EmailKey
	}) {
		return nil
	}
	other, err := otherAdmin(ctx, t.kernel, t, user.ID, func(*store.User) (bool, error) { return true, nil })
	if err != nil || other != "" {
		return err
	}
	before := user.Role
	user.Role, user.UpdatedAt = RoleAdmin, t.now()
	if err := t.UpdateUser(ctx, *user); err != nil {
		return err
	}
	user.Version++
	t.touch(user.ID)
	return t.record(ctx, event{kind: eventRoleChanged, subject: user.ID, data: eventData{"from": before, "to": RoleAdmin, "bootstrap": true}})
}

// administers says whether an account has the role of administrators, and is
// neither deleted nor banned.
func administers(k *kernel, user *store.User) bool {
	return user.Role == RoleAdmin && usable(user, k.now()) == nil
}

// otherAdmin returns the id of the first account in the order of ids that
// administers, is not the account without, and is confirmed by still. It returns
// "" if there is none.
func otherAdmin(ctx context.Context, k *kernel, s store.Store, without string, still func(*store.User) (bool, error)) (string, error) {
	const part = 10
	for after := ""; ; {
		admins, err := s.ListUsers(ctx, store.UserQuery{Tenant: tenant, Role: RoleAdmin, After: after, Limit: part})
		if err != nil {
			return "", err
		}
		for i := range admins {
			if admins[i].ID == without || !administers(k, &admins[i]) {
				continue
			}
			if held, err := still(&admins[i]); held || err != nil {
				return admins[i].ID, err
			}
		}
		if len(admins) < part {
			return "", nil
		}
		after = admins[len(admins)-1].ID
	}
}
