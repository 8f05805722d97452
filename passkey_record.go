package admit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps passkeys: records that are found by the hash of the credential
// id and listed by their account.

// The kinds of record. A passkey is one of recordPasskey. The random user handle
// of an account is kept in recordHandle for as long as the account, so that a
// passkey that is made later replaces the old one in the authenticator.
const (
	recordPasskey = "passkey"
	recordHandle  = "passkey-handle"
)

// maxPasskeys is how many passkeys an account may have.
const maxPasskeys = 20

// Passkey is a passkey of an account, as its owner sees it.
type Passkey struct {
	// ID is a UUIDv7. It is not the credential id.
	ID, UserID string
	// Name tells people which one it is.
	Name string
	// BackedUp says that the authenticator keeps a copy elsewhere, such as in the
	// account of a password manager.
	BackedUp bool
	// CredentialID and UserHandle are the ids that browsers and authenticators use
	// for the passkey and for the account.
	CredentialID, UserHandle []byte
	CreatedAt                time.Time
	// LastUsedAt is zero for a passkey that was never used.
	LastUsedAt time.Time
}

// passkeyVersion is that of the codec below.
const passkeyVersion = 1

// passkeyData is what a record of a passkey holds. The view admit_passkeys reads user,
// name, backedUp, userVerified and lastUsedAt.
type passkeyData struct {
	Version      int       `json:"v"`
	UserID       string    `json:"user"`
	Name         string    `json:"name"`
	CredentialID []byte    `json:"credentialId"`
	PublicKey    []byte    `json:"publicKey"`
	Handle       []byte    `json:"handle"`
	SignCount    uint32    `json:"signCount"`
	Eligible     bool      `json:"backupEligible"`
	BackedUp     bool      `json:"backedUp"`
	Verified     bool      `json:"userVerified"`
	Conditional  bool      `json:"conditional,omitzero"`
	Transports   []string  `json:"transports,omitempty"`
	AAGUID       []byte    `json:"aaguid,omitempty"`
	LastUsedAt   time.Time `json:"lastUsedAt,omitzero"`
}

// storedPasskey is a record with its data read.
type storedPasskey struct {
	record store.Record
	passkeyData
}

// credentialKey is what the record of a credential is found by. A credential id
// has up to 1023 bytes, a key of a record at most 512.
func credentialKey(credentialID []byte) string {
	sum := sha256.Sum256(credentialID)
	return hex.EncodeToString(sum[:])
}

func readPasskey(r store.Record) (storedPasskey, error) {
	p := storedPasskey{record: r}
	err := json.Unmarshal(r.Data, &p.passkeyData)
	if err == nil && p.Version != passkeyVersion {
		err = fmt.Errorf("a passkey of version %d", p.Version)
	}
	if err != nil {
		return p, ErrInternal.because(err)
	}
	return p, nil
}

func (p *storedPasskey) encode() (err error) {
	if p.record.Data, err = json.Marshal(p.passkeyData); err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// passkeysOf returns the passkeys of an account, oldest first.
func passkeysOf(ctx context.Context, s store.Store, userID string) ([]storedPasskey, error) {
	records, _, err := s.ListRecords(ctx, tenant, recordPasskey, userRef(userID), store.Page{Number: 1, Limit: 100})
	if err != nil {
		return nil, err
	}
	passkeys := make([]storedPasskey, len(records))
	for i, r := range records {
		if passkeys[i], err = readPasskey(r); err != nil {
			return nil, err
		}
	}
	return passkeys, nil
}

// swap writes a passkey that was read in the same transaction, with its account
// locked.
func (p *storedPasskey) swap(ctx context.Context, t *txn) error {
	if err := p.encode(); err != nil {
		return err
	}
	p.record.UpdatedAt = t.now()
	won, err := t.SwapRecord(ctx, p.record)
	if err == nil && !won {
		err = fmt.Errorf("the record of passkey %s changed under the lock of its account", p.record.ID)
	}
	return err
}

// shown is the passkey as its owner sees it.
func (p *storedPasskey) shown() Passkey {
	return Passkey{
		ID: p.record.ID, UserID: p.UserID, Name: p.Name, BackedUp: p.BackedUp, CredentialID: slices.Clone(p.CredentialID),
		UserHandle: slices.Clone(p.Handle), CreatedAt: p.record.CreatedAt, LastUsedAt: p.LastUsedAt,
	}
}

// credential is the passkey as an engine takes it.
func (p *storedPasskey) credential() PasskeyCredential {
	return PasskeyCredential{
		ID: p.CredentialID, PublicKey: p.PublicKey, UserHandle: p.Handle, SignCount: p.SignCount, Transports: p.Transports, AAGUID: p.AAGUID,
		Flags: PasskeyFlags{UserVerified: p.Verified, BackupEligible: p.Eligible, BackedUp: p.BackedUp},
	}
}

func descriptors(passkeys []storedPasskey) []PasskeyDescriptor {
	list := make([]PasskeyDescriptor, len(passkeys))
	for i, p := range passkeys {
		list[i] = PasskeyDescriptor{ID: p.CredentialID, Transports: p.Transports}
	}
	return list
}

// byPasskey says whether methods name a passkey.
func byPasskey(methods string) bool {
	fields := strings.Fields(methods)
	return slices.Contains(fields, "hwk") || slices.Contains(fields, "swk")
}
