package admit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

const (
	// defaultOverlap is how long a replaced key works beside its successor, and
	// maxOverlap the longest that it can.
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 7 * 24 * time.Hour
)

// recordRotatedKey is the kind of the record of a key that replaced another: its id
// is that of the new key, its ref names the other.
const recordRotatedKey = "rotated-key"

// RotateAPIKeyParams is the input of APIKeys.Rotate.
type RotateAPIKeyParams struct {
	// ID is the id of the key to replace.
	ID string
	// OwnerKind and OwnerID are those of the key: see APIKey. Without both, the key
	// belongs to the application, and any account may have made it.
	OwnerKind, OwnerID string
	// ActorID is the account that asks for a key of an organisation. Its role there
	// must include RoleAdmin. "" is the host itself. Other keys do not read it.
	ActorID string
	// Overlap is how long the replaced key works beside the new key: at most 7
	// days; 0 ends the replaced key at once. Default, if it is not set: 24 hours.
	Overlap Optional[time.Duration]
}

// Rotate replaces a key by a new key, which has another id and the same name, type,
// environment, scopes and end. The replaced key works until the overlap is over. If
// it had replaced a key itself, and that key still works, that key ends at once. A
// new key of the application has the OwnerID of the caller that rotates it. Rotate
// returns ErrAPIKeyNotFound, ErrAPIKeyNotActive if the key has ended or was replaced,
// ErrScopeInsufficient if a key rotates a key with more rights than its own,
// ErrInvalidRequest or ErrUnavailable, and for a key of an organisation ErrOrgNotFound
// or ErrForbidden. The owner of a key of a user is told by mail, as by Create.
func (a *APIKeys) Rotate(ctx context.Context, in RotateAPIKeyParams) (CreatedAPIKey, error) {
	overlap := defaultOverlap
	if in.Overlap.Set {
		overlap = in.Overlap.Value
	}
	if overlap < 0 || overlap > maxOverlap {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("overlap", "must be from 0 to 7 days")
	}
	if in.OwnerKind != OwnerOrganization && (!uuid.Valid(in.ID) || in.OwnerKind != "" && in.OwnerID == "") {
		return CreatedAPIKey{}, ErrAPIKeyNotFound
	}
	if in.OwnerKind == OwnerUser {
		ctx = planned(ctx, in.OwnerID)
	}
	var created CreatedAPIKey
	replace := func(ctx context.Context, tx *txn) error {
		if !uuid.Valid(in.ID) {
			return ErrAPIKeyNotFound
		}
		// A touch at the zero time changes nothing. It locks the key: of two
		// rotations, the second finds the key replaced.
		if err := tx.TouchAPIKey(ctx, tenant, in.ID, time.Time{}); err != nil {
			return err
		}
		old, err := tx.APIKey(ctx, tenant, in.ID)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && !isOf(&old, in):
			return ErrAPIKeyNotFound
		case err != nil:
			return err
		}
		created, err = rotate(ctx, tx, &old, overlap)
		if err != nil || in.OwnerKind != OwnerOrganization {
			return err
		}
		return noteMaker(ctx, tx, &store.APIKey{ID: created.ID, CreatedAt: created.CreatedAt}, in.ActorID)
	}
	var err error
	if in.OwnerKind == OwnerOrganization {
		err = inOrganizationOfKeys(ctx, a.kernel, in.OwnerID, in.ActorID, replace)
	} else {
		err = a.tx(ctx, replace)
	}
	if err != nil {
		return CreatedAPIKey{}, err
	}
	return created, nil
}

// isOf reports whether a key belongs to the owner that the caller named.
func isOf(key *store.APIKey, in RotateAPIKeyParams) bool {
	return key.OwnerKind == in.OwnerKind && (key.OwnerID == in.OwnerID || in.OwnerKind == "" && in.OwnerID == "")
}

// rotate replaces a locked key.
func rotate(ctx context.Context, t *txn, old *store.APIKey, overlap time.Duration) (CreatedAPIKey, error) {
	now := t.now()
	if !keyLives(old, now) || !old.RevokedAt.IsZero() {
		return CreatedAPIKey{}, ErrAPIKeyNotActive
	}
	if err := endReplaced(ctx, t, old.ID); err != nil {
		return CreatedAPIKey{}, err
	}
	next := *old
	next.CreatedAt, next.LastUsedAt = now, time.Time{}
	if c := callerFrom(ctx); next.OwnerKind == "" && c != nil && c.by == t.machinery {
		// The caller sees the new key. It must end with the rights of the caller.
		next.OwnerID = makerID(c)
	}
	text, err := mint(t.kernel, &next)
	if err != nil {
		return CreatedAPIKey{}, err
	}
	if err := storeKey(ctx, t, &next); err != nil {
		return CreatedAPIKey{}, err
	}
	if err := t.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordRotatedKey, ID: next.ID, Refs: []string{mintedBy(old.ID)}, Data: []byte("{}"), CreatedAt: now, UpdatedAt: now,
	}); err != nil {
		return CreatedAPIKey{}, err
	}
	if _, err := t.RevokeAPIKey(ctx, tenant, old.ID, now.Add(overlap)); err != nil {
		return CreatedAPIKey{}, err
	}
	told := event{kind: eventAPIKeyRotated, data: withOrganization(eventData{"key": next.ID, "replaced": old.ID, "prefix": next.Prefix, "overlap": int(overlap.Seconds())}, &next)}
	if next.OwnerKind == OwnerUser {
		told.subject = next.OwnerID
		owner, err := existing(t.User(ctx, tenant, next.OwnerID))
		if err != nil {
			return CreatedAPIKey{}, err
		}
		if err := tellOwner(ctx, t, &owner, &next); err != nil {
			return CreatedAPIKey{}, err
		}
	}
	return CreatedAPIKey{APIKey: apiKeyOf(&next), Key: text}, t.record(ctx, told)
}

// endReplaced ends the key that a key has replaced, if it still works.
func endReplaced(ctx context.Context, t *txn, id string) error {
	made, err := t.Record(ctx, tenant, recordRotatedKey, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ref := range made.Refs {
		if before, ok := strings.CutPrefix(ref, mintedByPrefix); ok {
			if _, err := revokeKey(ctx, t, before); err != nil {
				return err
			}
		}
	}
	return nil
}
