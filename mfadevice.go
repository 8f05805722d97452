package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file lists and forgets the devices of mfa.go that need no second factor.

// Devices lists the devices of an account that need no second factor, oldest
// first.
func (m *MFA) Devices(ctx context.Context, userID string) ([]RememberedDevice, error) {
	records, _, err := m.store.ListRecords(ctx, tenant, kindRemembered, userRef(userID), store.Page{Number: 1, Limit: maxRemembered})
	if err != nil {
		return nil, fault(err)
	}
	devices := make([]RememberedDevice, 0, len(records))
	for _, r := range records {
		d, err := readRemembered(r)
		if err != nil {
			return nil, err
		}
		hash, err := deviceHash(r)
		if err != nil {
			return nil, err
		}
		token, err := m.store.Token(ctx, tenant, kindRemembered, hash)
		switch {
		case errors.Is(err, store.ErrNotFound): // it was forgotten while the host had switched remembering off
		case err != nil:
			return nil, fault(err)
		case deviceStands(&token, &m.config, userID, m.now()):
			d.ExpiresAt = rememberedUntil(&m.config, d.CreatedAt, d.ExpiresAt)
			devices = append(devices, d)
		}
	}
	return devices, nil
}

// ForgetDeviceParams names a remembered device of a user.
type ForgetDeviceParams struct {
	UserID, DeviceID string
}

// ForgetDevice makes a remembered device need the second factor again.
// ErrDeviceNotFound when it is not one of that user.
func (m *MFA) ForgetDevice(ctx context.Context, in ForgetDeviceParams) error {
	if !uuid.Valid(in.DeviceID) {
		return ErrDeviceNotFound
	}
	return m.change(ctx, in.UserID, func(ctx context.Context, tx *txn, user *store.User) error {
		found, err := tx.Record(ctx, tenant, kindRemembered, in.DeviceID)
		if err == nil && (len(found.Refs) != 1 || found.Refs[0] != userRef(user.ID)) {
			err = store.ErrNotFound
		}
		if errors.Is(err, store.ErrNotFound) {
			return ErrDeviceNotFound
		}
		if err != nil {
			return err
		}
		if err := forgetDevice(ctx, tx, found); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventDeviceForgotten, subject: user.ID, data: eventData{"device": found.ID}})
	})
}
