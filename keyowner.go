package admit

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
)

// This file has the rules about who owns an API key: what the key may do, who may
// still use it, and what ends with the owner.

// Errors of API keys.
var (
	ErrAPIKeyNotFound  = &Error{Code: "auth/api-key-not-found", Status: http.StatusNotFound, Message: "There is no such API key."}
	ErrAPIKeyNotActive = &Error{Code: "auth/api-key-not-active", Status: http.StatusConflict, Message: "The API key has expired, or was revoked or replaced."}
	ErrAPIKeyLimit     = &Error{Code: "auth/api-key-limit", Status: http.StatusConflict, Message: "There are too many API keys. Please revoke one first."}
)

const (
	apiKeyBytes  = 32
	apiKeyLength = len("pk_") + 2*apiKeyBytes
	// maxOwnKeys is how many keys of a user or of an organisation may work at once.
	maxOwnKeys = 50
)

// mintScope is the scope that makes keys. A wildcard does not include it.
const mintScope = "api-keys:create"

// ownerScopes returns the scopes that a key of an account may have at most. Nil is
// every scope.
func ownerScopes(c *Config, owner *store.User) []string {
	if owner.Role == RoleAdmin {
		return nil
	}
	return c.APIKeys.UserScopes
}

// within reports whether no scope is wider than the limit. Nil scopes are as wide
// as anything.
func within(limit, scopes []string) bool {
	if limit == nil {
		return true
	}
	return scopes != nil && !slices.ContainsFunc(scopes, func(scope string) bool { return !covers(limit, scope) })
}

// covers reports whether a limit includes a scope, which may be a wildcard. A
// wildcard does not include the scope that makes keys.
func covers(limit []string, scope string) bool {
	return scopesAllow(limit, scope, scope == mintScope || strings.Contains(scope, "*"))
}

// bounded returns those of the scopes of a key that its owner has. Nil scopes are
// all that the owner has.
func bounded(limit, scopes []string) []string {
	switch {
	case limit == nil:
		return scopes
	case scopes == nil:
		return slices.Clone(limit)
	}
	both := []string{}
	for _, scope := range scopes {
		if covers(limit, scope) {
			both = append(both, scope)
		}
	}
	return both
}

// keyStands refuses a key that was revoked or has expired, and a key whose
// owner may no longer use it. A key of the application is bound to the account that
// made it, which must be an administrator. Whether the organisation of a key is
// there, standingKey asks. No key of another owner is known.
func keyStands(key *store.APIKey, owner *store.User, now time.Time) error {
	gone := owner.ID != key.OwnerID || usable(owner, now) != nil
	switch {
	case !key.RevokedAt.IsZero() && !now.Before(key.RevokedAt):
		return ErrAPIKeyRevoked
	case !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt):
		return ErrAPIKeyExpired
	case key.OwnerKind == OwnerUser:
		if gone || key.OwnerID == "" {
			return ErrAPIKeyRevoked
		}
	case key.OwnerKind == OwnerOrganization:
		return nil
	case key.OwnerKind != "":
		return ErrAPIKeyRevoked
	case key.OwnerID != "" && (gone || owner.Role != RoleAdmin):
		return ErrAPIKeyRevoked
	}
	return nil
}

// standingKey returns a key that may be used now, and the account that owns it or
// has made it. The key of an organisation takes a second read: it is worth nothing
// without its organisation, also where another program has deleted that.
func standingKey(ctx context.Context, s store.Store, hash []byte, now time.Time) (key store.APIKey, owner store.User, err error) {
	key, owner, err = s.APIKeyOwner(ctx, tenant, hash)
	if errors.Is(err, store.ErrNotFound) {
		return key, owner, ErrInvalidAPIKey
	}
	if err != nil {
		return key, owner, err
	}
	if err := keyStands(&key, &owner, now); err != nil || key.OwnerKind != OwnerOrganization {
		return key, owner, err
	}
	o, err := s.Organization(ctx, tenant, key.OwnerID)
	if errors.Is(err, store.ErrNotFound) || err == nil && o.Deleted() {
		err = ErrAPIKeyRevoked
	}
	return key, owner, err
}

// keyLives reports whether a key is neither revoked nor expired.
func keyLives(key *store.APIKey, now time.Time) bool {
	return (key.RevokedAt.IsZero() || now.Before(key.RevokedAt)) && (key.ExpiresAt.IsZero() || now.Before(key.ExpiresAt))
}

// findKey asks the store at each use, so that a revocation takes effect at once. It
// fills in the key and the owner of c.
func (k *kernel) findKey(ctx context.Context, text string, fromBrowser bool, c *caller) error {
	secret := strings.HasPrefix(text, "sk_")
	if !secret && !strings.HasPrefix(text, "pk_") || len(text) != apiKeyLength ||
		strings.Trim(text[len("pk_"):], "0123456789abcdef") != "" || secret && fromBrowser {
		return ErrInvalidAPIKey
	}
	hash := sha256.Sum256([]byte(text))
	now := k.now()
	key, owner, err := standingKey(ctx, k.store, hash[:], now)
	if err != nil {
		return fault(err)
	}
	if key.OwnerKind != "" {
		if err := countUse(ctx, k, &key, c.counted, now); err != nil {
			return err
		}
	}
	switch key.OwnerKind {
	case OwnerUser:
		key.Scopes = bounded(ownerScopes(&k.config, &owner), key.Scopes)
		c.owner = &owner
	case OwnerOrganization:
		limit := k.config.APIKeys.OrganizationScopes
		c.member = key.Scopes == nil && len(limit) > 0
		key.Scopes = bounded(limit, key.Scopes)
	}
	k.keysUsed.Seen(key.ID, key.LastUsedAt, now)
	c.key = &key
	return nil
}

// countUse refuses a key of a user or of an organisation that was used too often in a
// minute. All processes share the count. A request counts once, however many guards
// stand before its handler.
func countUse(ctx context.Context, k *kernel, key *store.APIKey, counted bool, now time.Time) error {
	limit := k.config.APIKeys.RequestsPerMinute
	if limit < 0 || counted || k.config.InsecureNoLimits {
		return nil
	}
	ctx, cancel := k.beyondHangUp(ctx)
	defer cancel()
	used, err := k.counters().Hit(ctx, now, store.Counter{Tenant: tenant, Key: "key-uses/" + key.ID, Limit: limit, Window: time.Minute})
	switch {
	case err != nil:
		return ErrUnavailable.because(err)
	case !used.OK:
		return ErrTooManyRequests.after(max(used.ResetAt.Sub(now), time.Second))
	}
	return nil
}

// identifyKey checks the X-API-Key of a request, if there is one.
func (k *kernel) identifyKey(r *http.Request, c *caller) error {
	values := r.Header["X-Api-Key"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return ErrInvalidAPIKey
	}
	fromBrowser := len(r.Header["Origin"]) > 0 || len(r.Header["Sec-Fetch-Site"]) > 0
	err := k.findKey(r.Context(), values[0], fromBrowser, c)
	if err == nil {
		return nil
	}
	if refused := asError(err); refused.Status == http.StatusUnauthorized {
		k.notice(r.Context(), notice{kind: eventKeyRefused, about: refused.Code, once: true, data: eventData{"code": refused.Code}})
	}
	return err
}

// touchKeys returns the function that writes when keys were last used. The keys of
// a batch are written in one transaction, in the order of their ids.
func touchKeys(s store.Store) func(context.Context, []store.Activity) error {
	return func(ctx context.Context, batch []store.Activity) error {
		return s.Tx(ctx, func(ctx context.Context, s store.Store) error {
			for _, used := range batch {
				if err := s.TouchAPIKey(ctx, used.Tenant, used.ID, used.At); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

// eachKeyOf calls do with each key of an owner.
func eachKeyOf(ctx context.Context, s store.Store, owner store.KeyOwner, do func(key *store.APIKey) error) error {
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		keys, total, err := s.ListAPIKeys(ctx, tenant, owner, page)
		if err != nil {
			return err
		}
		for i := range keys {
			if err := do(&keys[i]); err != nil {
				return err
			}
		}
		if len(keys) == 0 || page.Number*page.Limit >= total {
			return nil
		}
	}
}

// liveAPIKeys counts the API keys of an account that still work: its own, and, of
// an administrator, those that the account has made for the application.
func liveAPIKeys(ctx context.Context, s store.Store, user *store.User, now time.Time) (live int, err error) {
	kinds := []string{OwnerUser}
	if user.Role == RoleAdmin {
		kinds = append(kinds, "")
	}
	for _, kind := range kinds {
		err = errors.Join(err, eachKeyOf(ctx, s, store.KeyOwner{Kind: kind, ID: user.ID}, func(key *store.APIKey) error {
			if keyLives(key, now) {
				live++
			}
			return nil
		}))
	}
	return live, err
}

// revokeOwnKeys revokes the keys of an account for good. The keys that the account
// has made for the application are left.
func revokeOwnKeys(ctx context.Context, t *txn, userID string) error {
	return eachKeyOf(ctx, t, store.KeyOwner{Kind: OwnerUser, ID: userID}, func(key *store.APIKey) error {
		_, err := t.RevokeAPIKey(ctx, tenant, key.ID, t.now())
		return err
	})
}

// revokeKey revokes one key and says whether it was not revoked before.
func revokeKey(ctx context.Context, tx *txn, id string) (bool, error) {
	revoked, err := tx.RevokeAPIKey(ctx, tenant, id, tx.now())
	if errors.Is(err, store.ErrNotFound) {
		return false, ErrAPIKeyNotFound
	}
	if err != nil || !revoked {
		return false, err
	}
	key, err := tx.APIKey(ctx, tenant, id)
	if err != nil {
		return false, err
	}
	return true, tx.record(ctx, event{kind: eventAPIKeyRevoked, data: withOrganization(eventData{"key": id}, &key)})
}

// withOrganization returns the data of an event with the organisation of a key.
func withOrganization(data eventData, key *store.APIKey) eventData {
	if key.OwnerKind != OwnerOrganization {
		return data
	}
	return withData(data, "organization", key.OwnerID)
}

// mayHold refuses a key with wider scopes than its owner has, which are the limit,
// and a key too many of an owner whose lock is held.
func mayHold(ctx context.Context, t *txn, owner store.KeyOwner, limit, scopes []string) error {
	switch {
	case limit != nil && len(limit) == 0:
		return ErrForbidden
	case scopes != nil && !within(limit, scopes):
		return ErrScopeInsufficient
	}
	working := 0
	err := eachKeyOf(ctx, t, owner, func(key *store.APIKey) error {
		if keyLives(key, t.now()) && key.RevokedAt.IsZero() {
			working++
		}
		return nil
	})
	if err == nil && working >= maxOwnKeys {
		return ErrAPIKeyLimit
	}
	return err
}

// recordKeyMaker is the kind of the record of the account that has made a key of an
// organisation: its id is that of the key, its ref names the account. It goes with
// the account for good.
const recordKeyMaker = "key-maker"

// noteMaker stores which account has made a key of an organisation. The host itself,
// which has the id "", leaves no record.
func noteMaker(ctx context.Context, t *txn, key *store.APIKey, userID string) error {
	if userID == "" {
		return nil
	}
	return t.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordKeyMaker, ID: key.ID, Refs: []string{userRef(userID)}, Data: []byte("{}"), CreatedAt: key.CreatedAt, UpdatedAt: key.CreatedAt,
	})
}

// recordMintedKey is the kind of the record of a key that was made with another:
// its id is that of the key, its ref names the other.
const recordMintedKey = "minted-key"

const mintedByPrefix = "key/"

// mintedBy is the ref of what a key has made.
func mintedBy(keyID string) string { return mintedByPrefix + keyID }

// mintingKey is the id of the key that acts alone; "" where a user or the host
// itself does.
func mintingKey(ctx context.Context, k *kernel) string {
	c := callerFrom(ctx)
	if c == nil || c.by != k.machinery || c.signedIn || c.key == nil {
		return ""
	}
	return c.key.ID
}

// mint gives a key its id, a new text and the hash of the text, and returns the
// text.
func mint(k *kernel, key *store.APIKey) (text string, err error) {
	var raw [apiKeyBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return "", ErrInternal.because(err)
	}
	text = map[string]string{PublishableKey: "pk_", SecretKey: "sk_"}[key.Type] + hex.EncodeToString(raw[:])
	hash := sha256.Sum256([]byte(text))
	key.ID, key.Hash, key.Prefix, key.Suffix = k.newID(), hash[:], text[:7], text[len(text)-4:]
	return text, nil
}

// addKey adds a new key and names the key that made it.
func addKey(ctx context.Context, t *txn, key *store.APIKey) error {
	if err := storeKey(ctx, t, key); err != nil {
		return err
	}
	told := event{kind: eventAPIKeyCreated, data: withOrganization(eventData{"key": key.ID, "type": key.Type, "prefix": key.Prefix}, key)}
	if key.OwnerKind == OwnerUser {
		told.subject = key.OwnerID
	}
	return t.record(ctx, told)
}

// storeKey stores a new key that the caller may make.
func storeKey(ctx context.Context, t *txn, key *store.APIKey) error {
	if err := mayMint(ctx, t.kernel, key); err != nil {
		return err
	}
	if err := t.CreateAPIKey(ctx, *key); err != nil {
		return err
	}
	parent := mintingKey(ctx, t.kernel)
	if parent == "" {
		return nil
	}
	return t.CreateRecord(ctx, store.Record{
		Tenant: tenant, Kind: recordMintedKey, ID: key.ID, Refs: []string{mintedBy(parent)}, Data: []byte("{}"), CreatedAt: key.CreatedAt, UpdatedAt: key.CreatedAt,
	})
}

// mayMint refuses a key that gives the key that makes it more rights than it has:
// another environment, more scopes or a later end. A key of a user or of an
// organisation makes no key. mayMint refuses nothing to a user and to the host.
func mayMint(ctx context.Context, k *kernel, key *store.APIKey) error {
	if mintingKey(ctx, k) == "" {
		return nil
	}
	own := callerFrom(ctx).key
	switch {
	case own.OwnerKind != "":
		return ErrForbidden
	case !within(own.Scopes, key.Scopes), key.Environment != own.Environment,
		!own.ExpiresAt.IsZero() && (key.ExpiresAt.IsZero() || key.ExpiresAt.After(own.ExpiresAt)):
		return ErrScopeInsufficient
	}
	return nil
}

// makerID is the account in whose name a caller makes keys of the application.
func makerID(c *caller) string {
	if c.signedIn || c.key == nil {
		return c.user.ID
	}
	return c.key.OwnerID
}
