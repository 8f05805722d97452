package admit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/store"
)

// This file keeps identities: records that say which account a person at a
// provider signs in to. Social sign-in, linking and the claim of an account stand
// on it.

// recordIdentity are the records of identities. A record is found by the issuer and
// the subject, and listed by the account.
const recordIdentity = "identity"

const (
	identityVersion = 1
	identityPurpose = "provider-tokens"
	// maxIdentities is how many identities an account may have.
	maxIdentities = 50
)

// Identity is a person at a provider, who signs in to an account.
type Identity struct {
	// ID is a UUIDv7.
	ID string
	// UserID is the account that the person signs in to.
	UserID string
	// Provider is the name of the provider, such as "google".
	Provider string
	// Issuer and Subject name the person for good.
	Issuer, Subject string
	// Email is the address that the provider gave last; "" if it gave none. It does
	// not decide who the person is.
	Email string
	// ConnectedAt is when the identity was linked with the account.
	ConnectedAt time.Time
}

// identityData is what a record of an identity holds. The view admit_identities
// reads all but v, tokens and refreshing.
type identityData struct {
	Version  int    `json:"v"`
	UserID   string `json:"user"`
	Provider string `json:"provider"`
	Issuer   string `json:"issuer"`
	Subject  string `json:"subject"`
	Email    string `json:"email,omitempty"`
	// Tokens are sealed ProviderTokens, bound to the record and the account.
	Tokens []byte `json:"tokens,omitempty"`
	// Refreshing is until when one process renews the tokens, in microseconds since
	// 1970.
	Refreshing int64 `json:"refreshing,omitzero"`
}

// storedIdentity is a record with its data read.
type storedIdentity struct {
	record store.Record
	identityData
}

// identityKey is what the record of an identity is found by.
func identityKey(issuer, subject string) string { return hexHash(issuer + "\x00" + subject) }

// subjectRef lists the identities of a subject at a provider. Several issuers of
// one provider may have the subject.
func subjectRef(provider, subject string) string {
	return "provider/" + provider + "/" + hexHash(subject)
}

func hexHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func readIdentity(r store.Record) (storedIdentity, error) {
	i := storedIdentity{record: r}
	err := json.Unmarshal(r.Data, &i.identityData)
	if err == nil && i.Version != identityVersion {
		err = fmt.Errorf("an identity of version %d", i.Version)
	}
	if err != nil {
		return i, ErrInternal.because(err)
	}
	return i, nil
}

func (i *storedIdentity) encode() (err error) {
	if i.record.Data, err = json.Marshal(i.identityData); err != nil {
		return ErrInternal.because(err)
	}
	return nil
}

// swap writes an identity, only if nobody has changed it since it was read.
func (i *storedIdentity) swap(ctx context.Context, s store.Store, now time.Time) (bool, error) {
	if err := i.encode(); err != nil {
		return false, err
	}
	i.record.UpdatedAt = now
	return s.SwapRecord(ctx, i.record)
}

func (i *storedIdentity) shown() Identity {
	return Identity{
		ID: i.record.ID, UserID: i.UserID, Provider: i.Provider, Issuer: i.Issuer, Subject: i.Subject, Email: i.Email, ConnectedAt: i.record.CreatedAt,
	}
}

// identityOf finds the identity of a person at a provider. store.ErrNotFound for
// a person who has never been here.
func identityOf(ctx context.Context, s store.Store, id *ProviderIdentity) (storedIdentity, error) {
	r, err := s.RecordByKey(ctx, tenant, recordIdentity, identityKey(id.Issuer, id.Subject))
	if err != nil {
		return storedIdentity{}, err
	}
	found, err := readIdentity(r)
	if err == nil && (found.Issuer != id.Issuer || found.Subject != id.Subject) {
		err = ErrInternal.because(errors.New("the record of an identity names somebody else"))
	}
	return found, err
}

// identitiesOf returns the identities of an account, oldest first.
func identitiesOf(ctx context.Context, s store.Store, userID string) ([]storedIdentity, error) {
	records, _, err := s.ListRecords(ctx, tenant, recordIdentity, userRef(userID), store.Page{Number: 1, Limit: 100})
	if err != nil {
		return nil, err
	}
	identities := make([]storedIdentity, len(records))
	for n, r := range records {
		if identities[n], err = readIdentity(r); err != nil {
			return nil, err
		}
	}
	return identities, nil
}

// providersOf names the providers at which the user of an account can prove itself.
func providersOf(ctx context.Context, k *kernel, user *store.User) (names []string, err error) {
	identities, err := identitiesOf(ctx, k.store, user.ID)
	for _, id := range identities {
		if _, unknown := providerNamed(&k.config, id.Provider); unknown == nil && !slices.Contains(names, id.Provider) {
			names = append(names, id.Provider)
		}
	}
	return names, err
}

// addIdentity links a person at a provider with an account whose lock is held. It
// returns ErrAccountAlreadyLinked if the person has an account here.
func addIdentity(ctx context.Context, t *txn, user *store.User, p Provider, id *ProviderIdentity) (storedIdentity, error) {
	now := t.now()
	added := storedIdentity{
		record: store.Record{
			Tenant: tenant, Kind: recordIdentity, ID: t.newID(), Keys: []string{identityKey(id.Issuer, id.Subject)},
			Refs: []string{userRef(user.ID), subjectRef(p.Name(), id.Subject)}, CreatedAt: now, UpdatedAt: now,
		},
		identityData: identityData{
			Version: identityVersion, UserID: user.ID, Provider: p.Name(), Issuer: id.Issuer, Subject: id.Subject, Email: addressShown(id.Email),
		},
	}
	if _, err := added.keepTokens(t.kernel, p, id.Tokens); err != nil {
		return added, err
	}
	if err := added.encode(); err != nil {
		return added, err
	}
	err := t.CreateRecord(ctx, added.record)
	if errors.Is(err, store.ErrConflict) {
		return added, ErrAccountAlreadyLinked
	}
	return added, err
}

// identityContext binds sealed tokens to their record and account.
func identityContext(recordID, userID string) []byte {
	return []byte(recordIdentity + " " + recordID + " " + userID)
}

// keepTokens seals the tokens of a provider, if the host asks for that, and returns
// whether it changed the identity. A provider that wants to be told when an
// identity is unlinked needs its refresh token for that. A refresh token is never
// replaced by nothing, because many providers give one only at the first sign-in.
func (i *storedIdentity) keepTokens(k *kernel, p Provider, given ProviderTokens) (changed bool, err error) {
	if _, revokes := p.(ProviderRevoker); !k.config.KeepTokens {
		if !revokes || given.RefreshToken == "" {
			return false, nil
		}
		given = ProviderTokens{RefreshToken: given.RefreshToken}
	}
	if given.AccessToken == "" && given.RefreshToken == "" {
		return false, nil // an id token alone
	}
	if given.RefreshToken == "" && len(i.Tokens) > 0 {
		before, err := i.openTokens(k)
		if err != nil {
			return false, err
		}
		given.RefreshToken = before.RefreshToken
	}
	plain, err := json.Marshal(given)
	if err == nil {
		i.Tokens, err = k.ring.Seal(identityPurpose, identityContext(i.record.ID, i.UserID), plain)
	}
	if err != nil {
		return false, ErrInternal.because(err)
	}
	return true, nil
}

// openTokens returns the tokens that were kept.
func (i *storedIdentity) openTokens(k *kernel) (tokens ProviderTokens, err error) {
	plain, err := k.ring.Open(identityPurpose, identityContext(i.record.ID, i.UserID), i.Tokens)
	if err == nil {
		err = json.Unmarshal(plain, &tokens)
	}
	if err != nil {
		return tokens, ErrInternal.because(fmt.Errorf("the tokens of identity %s cannot be opened: %w", i.record.ID, err))
	}
	return tokens, nil
}

// entersByProvider says whether an account has an identity at a provider that is
// switched on, beside those that are gone.
func entersByProvider(ctx context.Context, t *txn, userID string, gone func(i *storedIdentity) bool) (bool, error) {
	identities, err := identitiesOf(ctx, t, userID)
	if err != nil {
		return false, err
	}
	for _, i := range identities {
		if gone != nil && gone(&i) {
			continue
		}
		if usable, err := usableProvider(ctx, t, i.Provider); err != nil || usable {
			return usable, err
		}
	}
	return false, nil
}

// addressShown is an address in the form in which it is kept, or "".
func addressShown(email string) string {
	if address, err := emailaddress.Parse(email); err == nil {
		return address.Display
	}
	return ""
}
