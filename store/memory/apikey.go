package memory

import (
	"context"
	"slices"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// handAPIKey returns a key with a hash and scopes that nobody else holds.
func handAPIKey(k store.APIKey) store.APIKey {
	k.Hash, k.Scopes = clone(k.Hash), slices.Clone(k.Scopes)
	return k
}

// CreateAPIKey is described at store.APIKeys.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	return s.write(ctx, text.APIKey(k), func(st *state) error {
		at, hash := place(k.Tenant, k.ID), row{k.Tenant, string(k.Hash)}
		if st.apiKeys.get(at) != nil || st.apiKeyHashes.get(hash) != nil {
			return store.ErrConflict
		}
		k := handAPIKey(k)
		k.CreatedAt, k.ExpiresAt = cut(k.CreatedAt), cut(k.ExpiresAt)
		k.LastUsedAt, k.RevokedAt = cut(k.LastUsedAt), cut(k.RevokedAt)
		st.apiKeys = st.apiKeys.put(at, k)
		st.apiKeyHashes = st.apiKeyHashes.put(hash, at)
		return nil
	})
}

// APIKeyOwner is described at store.APIKeys.
func (s *Store) APIKeyOwner(ctx context.Context, tenant string, hash []byte) (store.APIKey, store.User, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return store.APIKey{}, store.User{}, err
	}
	at := st.apiKeyHashes.get(row{tenant, string(hash)})
	if at == nil {
		return store.APIKey{}, store.User{}, store.ErrNotFound
	}
	k := handAPIKey(*st.apiKeys.get(*at))
	// An account with the id "" would not be the operator.
	if u := st.living(tenant, k.OwnerID); u != nil && k.OwnerID != "" {
		return k, *u, nil
	}
	return k, store.User{}, nil
}

// APIKey is described at store.APIKeys.
func (s *Store) APIKey(ctx context.Context, tenant, id string) (store.APIKey, error) {
	st, err := s.read(ctx, text.Key(tenant, id))
	if err != nil {
		return store.APIKey{}, err
	}
	k := st.apiKeys.get(place(tenant, id))
	if k == nil {
		return store.APIKey{}, store.ErrNotFound
	}
	return handAPIKey(*k), nil
}

// ListAPIKeys is described at store.APIKeys.
func (s *Store) ListAPIKeys(ctx context.Context, tenant string, owner store.KeyOwner, page store.Page) ([]store.APIKey, int, error) {
	st, err := s.read(ctx, text.Key(tenant, owner.Kind, owner.ID))
	if err != nil {
		return nil, 0, err
	}
	var listed []store.APIKey
	total := 0
	for _, k := range st.apiKeys.in(under(tenant)) {
		if owner != (store.KeyOwner{}) && (owner.ID == "" || owner != store.KeyOwner{Kind: k.OwnerKind, ID: k.OwnerID}) {
			continue
		}
		if onPage(total, page) {
			listed = append(listed, handAPIKey(k))
		}
		total++
	}
	return listed, total, nil
}

// RevokeAPIKey is described at store.APIKeys.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant, id string, at time.Time) (revoked bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		old := st.apiKeys.get(place(tenant, id))
		if old == nil {
			return store.ErrNotFound
		}
		revoked = st.revoke(*old, cut(at))
		return nil
	})
	return revoked, err
}

// RevokeAPIKeysOf is described at store.APIKeys.
func (s *Store) RevokeAPIKeysOf(ctx context.Context, tenant, ownerID string, at time.Time) (revoked int, err error) {
	err = s.write(ctx, text.Key(tenant, ownerID), func(st *state) error {
		for _, k := range st.apiKeys.in(under(tenant)) {
			if k.OwnerID == ownerID && ownerID != "" && st.revoke(k, cut(at)) {
				revoked++
			}
		}
		return nil
	})
	return revoked, err
}

// revoke revokes a key from a time on and reports whether it was not revoked from
// that time on already.
func (st *state) revoke(k store.APIKey, at time.Time) bool {
	if !k.RevokedAt.IsZero() && !k.RevokedAt.After(at) {
		return false
	}
	k.RevokedAt = at
	st.apiKeys = st.apiKeys.put(place(k.Tenant, k.ID), k)
	return true
}

// TouchAPIKey is described at store.APIKeys.
func (s *Store) TouchAPIKey(ctx context.Context, tenant, id string, at time.Time) error {
	return s.write(ctx, text.Key(tenant, id), func(st *state) error {
		if old := st.apiKeys.get(place(tenant, id)); old != nil && cut(at).After(old.LastUsedAt) {
			k := *old
			k.LastUsedAt = cut(at)
			st.apiKeys = st.apiKeys.put(place(tenant, id), k)
		}
		return nil
	})
}
