package memory

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

// keyPlace is the place of a signing key among the others.
func keyPlace(k *store.Key) string {
	var sequence [8]byte
	binary.BigEndian.PutUint64(sequence[:], uint64(k.Sequence)^1<<63)
	return under(k.Tenant, k.Purpose) + string(sequence[:])
}

// dropKey removes a key and its place in every index, if there is one.
func (st *state) dropKey(at row) {
	if p := st.keyPlaces.get(at); p != nil {
		st.keysExpiring = st.keysExpiring.drop(due(st.keys.get(*p).ExpiresAt, at.tenant, at.id))
		st.keys = st.keys.drop(*p)
		st.keyPlaces = st.keyPlaces.drop(at)
	}
}

// CreateKey is described at store.Keys.
func (s *Store) CreateKey(ctx context.Context, k store.Key) error {
	return s.write(ctx, text.SigningKey(k), func(st *state) error {
		at, p := row{k.Tenant, k.ID}, keyPlace(&k)
		if st.keyPlaces.get(at) != nil || st.keys.get(p) != nil {
			return store.ErrConflict
		}
		k := k
		k.Sealed = clone(k.Sealed)
		k.CreatedAt, k.ActiveAt, k.ExpiresAt = cut(k.CreatedAt), cut(k.ActiveAt), cut(k.ExpiresAt)
		st.keys = st.keys.put(p, k)
		st.keyPlaces = st.keyPlaces.put(at, p)
		st.keysExpiring = st.keysExpiring.put(due(k.ExpiresAt, k.Tenant, k.ID), at)
		return nil
	})
}

// ListKeys is described at store.Keys.
func (s *Store) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	st, err := s.read(ctx, text.Key(tenant))
	if err != nil {
		return nil, err
	}
	var listed []store.Key
	for _, k := range st.keys.in(under(tenant)) {
		k.Sealed = clone(k.Sealed)
		listed = append(listed, k)
	}
	return listed, nil
}

// ResealKey is described at store.Keys.
func (s *Store) ResealKey(ctx context.Context, tenant, id string, old, sealed []byte) (resealed bool, err error) {
	err = s.write(ctx, text.Key(tenant, id), func(st *state) error {
		p := st.keyPlaces.get(row{tenant, id})
		if p == nil || !bytes.Equal(st.keys.get(*p).Sealed, old) {
			return nil
		}
		k := *st.keys.get(*p)
		k.Sealed = clone(sealed)
		st.keys = st.keys.put(*p, k)
		resealed = true
		return nil
	})
	return resealed, err
}
