package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/store"
)

// This file finds the account of an address. Every rule with an address uses
// it.

// holder finds the account whose current address it is. It returns
// store.ErrNotFound if there is none. It also finds an account that an earlier
// version stored under another key, and gives it today's key.
func holder(ctx context.Context, k *kernel, s store.Store, address emailaddress.Address) (store.User, error) {
	user, err := s.UserByEmail(ctx, tenant, address.Key)
	if err == nil && misfiled(&user) {
		// The account has another mailbox, whose former key was this key.
		if _, err := rekey(ctx, k, s, user); err != nil {
			return store.User{}, err
		}
		return store.User{}, store.ErrNotFound
	}
	if former := address.FormerKey(); former != "" && errors.Is(err, store.ErrNotFound) {
		if user, err = s.UserByEmail(ctx, tenant, former); err != nil {
			return user, err
		}
		if keyOf(user.Email) != address.Key {
			return store.User{}, store.ErrNotFound
		}
		return rekey(ctx, k, s, user)
	}
	return user, err
}

// holderPassword is holder, and returns the password of the account: without a
// hash where it has none.
func holderPassword(ctx context.Context, k *kernel, address emailaddress.Address) (store.User, store.Password, error) {
	user, stored, err := k.store.UserPassword(ctx, tenant, address.Key)
	if filed(&user, address, err) {
		return user, stored, err
	}
	if user, err = holder(ctx, k, k.store, address); err == nil {
		stored, err = k.store.Password(ctx, tenant, user.ID)
	}
	return user, stored, err
}

// lockHolder is holder, and locks the account until the transaction ends. The
// account may have left the address by then: its EmailKey tells.
func lockHolder(ctx context.Context, t *txn, address emailaddress.Address) (store.User, error) {
	user, err := t.LockUserByEmail(ctx, tenant, address.Key)
	if filed(&user, address, err) {
		t.touch(user.ID)
		return user, err
	}
	if user, err = holder(ctx, t.kernel, t.Store, address); err != nil {
		return user, err
	}
	return t.lock(ctx, user.ID)
}

// filed answers whether a look-up by the key of an address, which found user or
// returned err, needs no other one: no account is stored under another key.
func filed(user *store.User, address emailaddress.Address, err error) bool {
	if err != nil {
		return address.FormerKey() == "" || !errors.Is(err, store.ErrNotFound)
	}
	return !misfiled(user)
}

// rekey stores an account under the key of its address, where it was stored
// under another one. Its pending links die with the former key.
func rekey(ctx context.Context, k *kernel, s store.Store, user store.User) (store.User, error) {
	key := keyOf(user.Email)
	err := s.ClaimEmail(ctx, store.EmailClaim{
		Tenant: tenant, UserID: user.ID, FromKey: user.EmailKey, Email: user.Email, EmailKey: key,
		VerifiedAt: user.EmailVerifiedAt, Now: k.now(),
	})
	if errors.Is(err, store.ErrNotFound) {
		return s.UserByEmail(ctx, tenant, key) // another process did it, or the account has moved
	}
	user.EmailKey = key
	return user, err
}

// create stores a new account, unless its mailbox has an account, under any
// key. It returns store.ErrConflict if the mailbox has an account, if the
// address is reserved, or if another account has the id.
func create(ctx context.Context, t *txn, user store.User) error {
	if err := refile(ctx, t, user.Email); err != nil {
		return err
	}
	err := t.CreateUser(ctx, user)
	if !errors.Is(err, store.ErrConflict) {
		return err
	}
	moved, failed := makeRoom(ctx, t, user.EmailKey)
	switch {
	case failed != nil:
		return failed
	case moved:
		return t.CreateUser(ctx, user)
	}
	return err
}

// refile gives an account that was stored under a former key of an address the
// key of today.
func refile(ctx context.Context, t *txn, email string) error {
	address, err := emailaddress.Parse(email)
	if err != nil || address.FormerKey() == "" {
		return nil //nolint:nilerr // what cannot be parsed has no former key
	}
	if _, err := holder(ctx, t.kernel, t.Store, address); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	return nil
}

// makeRoom frees a key under which the account of another mailbox was stored,
// and returns whether it did.
func makeRoom(ctx context.Context, t *txn, key string) (bool, error) {
	user, err := t.UserByEmail(ctx, tenant, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && !misfiled(&user) {
		return false, nil
	}
	if err == nil {
		_, err = rekey(ctx, t.kernel, t.Store, user)
	}
	return err == nil, err
}

// misfiled reports whether an account is stored under another key than the key
// of its address.
func misfiled(user *store.User) bool {
	key := keyOf(user.Email)
	return key != "" && key != user.EmailKey
}

// keyOf returns the key of an address that was parsed before.
func keyOf(display string) string {
	address, err := emailaddress.Parse(display)
	if err != nil {
		return ""
	}
	return address.Key
}
