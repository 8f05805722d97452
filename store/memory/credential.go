package memory

import (
	"context"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

func (st *state) putPassword(p store.Password) {
	p.ChangedAt = cut(p.ChangedAt)
	st.passwords = st.passwords.put(row{p.Tenant, p.UserID}, p)
}

// Password is described at store.Credentials.
func (s *Store) Password(ctx context.Context, tenant, userID string) (store.Password, error) {
	st, err := s.read(ctx, text.Key(tenant, userID))
	if err != nil {
		return store.Password{}, err
	}
	if p := st.passwords.get(row{tenant, userID}); p != nil {
		return *p, nil
	}
	return store.Password{}, store.ErrNotFound
}

// UserPassword is described at store.Credentials.
func (s *Store) UserPassword(ctx context.Context, tenant, emailKey string) (store.User, store.Password, error) {
	st, err := s.read(ctx, text.Key(tenant, emailKey))
	if err != nil {
		return store.User{}, store.Password{}, err
	}
	u := st.holder(tenant, emailKey)
	if u == nil {
		return store.User{}, store.Password{}, store.ErrNotFound
	}
	if p := st.passwords.get(row{tenant, u.ID}); p != nil {
		return *u, *p, nil
	}
	return *u, store.Password{}, nil
}

// LockUserPassword is described at store.Credentials.
func (s *Store) LockUserPassword(ctx context.Context, tenant, id string) (store.User, store.Password, error) {
	st, err := s.read(ctx, text.Key(tenant, id))
	if err != nil {
		return store.User{}, store.Password{}, err
	}
	u, p := st.users.get(row{tenant, id}), st.passwords.get(row{tenant, id})
	if u == nil || p == nil {
		return store.User{}, store.Password{}, store.ErrNotFound
	}
	return *u, *p, nil
}

// PutPassword is described at store.Credentials.
func (s *Store) PutPassword(ctx context.Context, p store.Password) error {
	return s.write(ctx, text.Password(p), func(st *state) error {
		st.putPassword(p)
		return nil
	})
}

// SwapPassword is described at store.Credentials.
func (s *Store) SwapPassword(ctx context.Context, oldHash string, p store.Password) (swapped bool, err error) {
	checked := text.Password(p)
	if checked == nil {
		checked = text.Plain(oldHash)
	}
	err = s.write(ctx, checked, func(st *state) error {
		if old := st.passwords.get(row{p.Tenant, p.UserID}); old != nil && old.Hash == oldHash {
			st.putPassword(p)
			swapped = true
		}
		return nil
	})
	return swapped, err
}

// DeletePassword is described at store.Credentials.
func (s *Store) DeletePassword(ctx context.Context, tenant, userID string) error {
	return s.write(ctx, text.Key(tenant, userID), func(st *state) error {
		st.passwords = st.passwords.drop(row{tenant, userID})
		return nil
	})
}
