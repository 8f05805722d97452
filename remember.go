package admit

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/store"
)

// This file remembers devices that need no second factor for a time. The gate
// asks for them; mfa.go makes, lists and forgets them.

// maxRemembered is how many devices an account may have.
const maxRemembered = 20

// RememberedDevice is a device that needs no second factor to sign in to an
// account.
type RememberedDevice struct {
	ID string
	// Device names the browser and system, IPAddress is where it signed in from.
	Device, IPAddress    string
	CreatedAt, ExpiresAt time.Time
}

// rememberedData is the Data of a record of kindRemembered.
type rememberedData struct {
	Version   int    `json:"v"`
	Device    string `json:"device"`
	IPAddress string `json:"ipAddress,omitempty"`
}

// rememberedKey finds a device by the secret that it was given.
func rememberedKey(secret string) string { return hex.EncodeToString(hashSecret("device " + secret)) }

// remembered says whether a sign-in comes from a device of the account that needs
// no second factor. A token of another account is worth nothing, and so is one
// that was given before the host switched remembering off.
func remembered(ctx context.Context, t *txn, userID string) (bool, error) {
	secret := cleanSecret(deviceTokenFrom(ctx))
	if t.config.MFA.Remember == 0 || !wellFormed(secret) {
		return false, nil
	}
	record, err := t.RecordByKey(ctx, tenant, kindRemembered, rememberedKey(secret))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return len(record.Refs) == 1 && record.Refs[0] == userRef(userID) && t.now().Before(record.ExpiresAt), nil
}

// rememberDevice makes the device at the other end one that needs no second
// factor, and returns the secret that it shows for that. Where an account has too
// many, the oldest is forgotten.
func rememberDevice(ctx context.Context, t *txn, userID string) (string, error) {
	secret, _, err := newSecret()
	if err != nil {
		return "", err
	}
	client := clientFrom(ctx)
	data, err := json.Marshal(rememberedData{Version: 1, Device: device.Name(client.UserAgent), IPAddress: client.IPAddress})
	if err != nil {
		return "", ErrInternal.because(err)
	}
	oldest, total, err := t.ListRecords(ctx, tenant, kindRemembered, userRef(userID), store.Page{Number: 1, Limit: 1})
	if err != nil {
		return "", err
	}
	if total >= maxRemembered {
		if _, err := t.DeleteRecord(ctx, tenant, kindRemembered, oldest[0].ID); err != nil {
			return "", err
		}
	}
	now := t.now()
	record := store.Record{
		Tenant: tenant, Kind: kindRemembered, ID: t.newID(), Keys: []string{rememberedKey(secret)}, Refs: []string{userRef(userID)},
		Data: data, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(t.config.MFA.Remember),
	}
	if err := t.CreateRecord(ctx, record); err != nil {
		return "", err
	}
	return secret, t.record(ctx, event{kind: eventDeviceRemembered, subject: userID, data: eventData{"device": record.ID}})
}

func readRemembered(r store.Record) (RememberedDevice, error) {
	var d rememberedData
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return RememberedDevice{}, ErrInternal.because(fmt.Errorf("device %s: %w", r.ID, err))
	}
	return RememberedDevice{ID: r.ID, Device: d.Device, IPAddress: d.IPAddress, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt}, nil
}
