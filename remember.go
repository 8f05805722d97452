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
//
// The secret of a device is a token, so that everything that ends tokens ends it
// in the same step, also while the host has switched remembering off. The record
// is what people are shown.

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

// hashRemembered is what the token of a device is found by.
func hashRemembered(secret string) []byte { return hashSecret("device " + secret) }

// deviceStands says whether the token of a device is one of an account, and is
// good.
func deviceStands(token *store.Token, c *Config, userID string, now time.Time) bool {
	return token.UserID == userID && token.UsedAt.IsZero() && now.Before(rememberedUntil(c, token.CreatedAt, token.ExpiresAt))
}

// rememberedUntil is when a device is forgotten. A host that has made
// MFAConfig.Remember shorter means the devices of before, too.
func rememberedUntil(c *Config, created, expires time.Time) time.Time {
	if now := created.Add(c.MFA.Remember); c.MFA.Remember != 0 && now.Before(expires) {
		return now
	}
	return expires
}

// remembered says whether a sign-in comes from a device of the account that needs
// no second factor. A token of another account is worth nothing, and so is one
// that was given before the host switched remembering off.
func remembered(ctx context.Context, t *txn, userID string) (bool, error) {
	secret := cleanSecret(deviceTokenFrom(ctx))
	if t.config.MFA.Remember == 0 || !wellFormed(secret) {
		return false, nil
	}
	token, err := t.Token(ctx, tenant, kindRemembered, hashRemembered(secret))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return deviceStands(&token, &t.config, userID, t.now()), nil
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
		if err := forgetDevice(ctx, t, oldest[0]); err != nil {
			return "", err
		}
	}
	now, hash := t.now(), hashRemembered(secret)
	record := store.Record{
		Tenant: tenant, Kind: kindRemembered, ID: t.newID(), Keys: []string{hex.EncodeToString(hash)}, Refs: []string{userRef(userID)},
		Data: data, CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(t.config.MFA.Remember),
	}
	if err := t.CreateRecord(ctx, record); err != nil {
		return "", err
	}
	addNewToken(t, store.Token{
		Tenant: tenant, Kind: kindRemembered, Hash: hash, UserID: userID, CreatedAt: now, ExpiresAt: record.ExpiresAt,
	})
	return secret, t.record(ctx, event{kind: eventDeviceRemembered, subject: userID, data: eventData{"device": record.ID}})
}

// deviceHash is the hash of the token that belongs to the record of a device.
func deviceHash(r store.Record) ([]byte, error) {
	if len(r.Keys) != 1 {
		return nil, ErrInternal.because(fmt.Errorf("device %s has %d keys", r.ID, len(r.Keys)))
	}
	hash, err := hex.DecodeString(r.Keys[0])
	if err != nil {
		return nil, ErrInternal.because(fmt.Errorf("device %s: %w", r.ID, err))
	}
	return hash, nil
}

// forgetDevice makes a device need the second factor again.
func forgetDevice(ctx context.Context, t *txn, r store.Record) error {
	hash, err := deviceHash(r)
	if err != nil {
		return err
	}
	if _, _, err := t.ConsumeToken(ctx, tenant, kindRemembered, hash, t.now()); err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	_, err = t.DeleteRecord(ctx, tenant, kindRemembered, r.ID)
	return err
}

func readRemembered(r store.Record) (RememberedDevice, error) {
	var d rememberedData
	if err := json.Unmarshal(r.Data, &d); err != nil {
		return RememberedDevice{}, ErrInternal.because(fmt.Errorf("device %s: %w", r.ID, err))
	}
	return RememberedDevice{ID: r.ID, Device: d.Device, IPAddress: d.IPAddress, CreatedAt: r.CreatedAt, ExpiresAt: r.ExpiresAt}, nil
}
