package admit

import (
	"context"
	"errors"
	"strings"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file has the rules about keys that were made with other keys.

// RevokeFamily ends a key and every key that was made with it, or with a key that
// was, and returns how many of those it ended beside the key itself.
// ErrAPIKeyNotFound when there is no such key.
func (a *APIKeys) RevokeFamily(ctx context.Context, id string) (children int, err error) {
	if !uuid.Valid(id) {
		return 0, ErrAPIKeyNotFound
	}
	err = a.tx(ctx, func(ctx context.Context, tx *txn) error {
		if _, err := revokeKey(ctx, tx, id); err != nil {
			return err
		}
		// A key is revoked before its children are listed: what it was making
		// meanwhile has been made, or is refused.
		children = 0
		return eachDescendant(ctx, tx, id, func(child string) error {
			revoked, err := revokeKey(ctx, tx, child)
			if revoked {
				children++
			}
			return err
		})
	})
	return children, err
}

// Children returns the keys that work and were made with a key, or with a key
// that was; the key itself may be revoked. It is empty for an unknown id.
func (a *APIKeys) Children(ctx context.Context, id string) ([]APIKey, error) {
	var ids []string
	err := eachDescendant(ctx, a.store, id, func(child string) error {
		ids = append(ids, child)
		return nil
	})
	if err != nil || len(ids) == 0 {
		return nil, fault(err)
	}
	var live []APIKey
	for _, child := range ids {
		key, err := a.store.APIKey(ctx, tenant, child)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, fault(err)
		}
		if err == nil && keyLives(&key, a.now()) {
			live = append(live, apiKeyOf(&key))
		}
	}
	return live, nil
}

// eachDescendant calls do with each key that was made with a key, or with a key
// that was: a key before what was made with it.
func eachDescendant(ctx context.Context, s store.Store, id string, do func(child string) error) error {
	for parents := []string{id}; len(parents) > 0; parents = parents[1:] {
		for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
			records, total, err := s.ListRecords(ctx, tenant, recordMintedKey, mintedBy(parents[0]), page)
			if err != nil {
				return err
			}
			for _, r := range records {
				if err := do(r.ID); err != nil {
					return err
				}
				parents = append(parents, r.ID)
			}
			if len(records) == 0 || page.Number*page.Limit >= total {
				break
			}
		}
	}
	return nil
}

// makerOf is the id of the key that made a key, or that of the account. It is "" for
// a key of an organisation that the host has made, or an account that is no more.
func makerOf(ctx context.Context, k *kernel, key *APIKey) (string, error) {
	maker, err := refOf(ctx, k.store, recordMintedKey, key.ID, mintedByPrefix)
	switch {
	case err != nil || maker != "":
		return maker, err
	case key.OwnerKind == OwnerOrganization:
		return refOf(ctx, k.store, recordKeyMaker, key.ID, userRef(""))
	}
	return key.OwnerID, nil
}

// refOf is what the ref with a prefix names in a record, or "" without the record.
func refOf(ctx context.Context, s store.Store, kind, id, prefix string) (string, error) {
	found, err := s.Record(ctx, tenant, kind, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return "", fault(err)
	}
	for _, ref := range found.Refs {
		if named, ok := strings.CutPrefix(ref, prefix); ok {
			return named, nil
		}
	}
	return "", nil
}
