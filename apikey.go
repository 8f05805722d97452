package admit

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// Errors of API keys.
var (
	ErrAPIKeyNotFound = &Error{Code: "auth/api-key-not-found", Status: http.StatusNotFound, Message: "There is no such API key."}
)

const apiKeyPath = "/admin/api-keys"

// mintScope is the scope that makes keys. A wildcard does not include it.
const mintScope = "api-keys:create"

// APIKeys makes, lists, revokes and checks API keys.
type APIKeys struct {
	*kernel
}

func (a *APIKeys) feature() feature {
	return feature{
		name: "apikey",
		routes: []route{
			{method: http.MethodPost, path: apiKeyPath, who: adminGroup, scope: mintScope, exact: true, serve: a.handleCreateAPIKey},
			{method: http.MethodGet, path: apiKeyPath, who: adminGroup, scope: "api-keys:read", serve: a.handleListAPIKeys},
			{method: http.MethodDelete, path: apiKeyPath + "/{id}", who: adminGroup, scope: "api-keys:revoke", serve: a.handleRevokeAPIKey},
		},
		events: []string{eventAPIKeyCreated, eventAPIKeyRevoked, eventKeyRefused},
		errors: []*Error{ErrInvalidAPIKey, ErrAPIKeyRevoked, ErrAPIKeyExpired, ErrAPIKeyNotFound, ErrKeyRequired},
	}
}

// CreateAPIKeyParams is the input of APIKeys.Create.
type CreateAPIKeyParams struct {
	// Name tells people what the key is for. It has 1 to 100 characters.
	Name string
	// Type is PublishableKey or SecretKey.
	Type string
	// Environment is "dev", "staging" or "prod". Default "dev".
	Environment string
	// Scopes limit the key, such as "users:read". Either part may be "*". Nil
	// allows everything. An empty list allows nothing.
	Scopes []string
	// ExpiresAt is when the key expires. The zero time means never.
	ExpiresAt time.Time
	// OwnerID is the account that makes the key. The key stops working when the
	// account is deleted or banned, or is no longer an administrator. "" means
	// the operator.
	OwnerID string
}

// CreatedAPIKey is a new key.
type CreatedAPIKey struct {
	APIKey
	// Key is the key itself. It is not stored, so it is shown only this once.
	Key string
}

// Create makes a key and returns it. The key cannot be read again later. Create
// returns ErrInvalidRequest with the field that is wrong, or ErrUnavailable.
func (a *APIKeys) Create(ctx context.Context, in CreateAPIKeyParams) (CreatedAPIKey, error) {
	name, ok := cleanName(in.Name, 100)
	if !ok {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("name", "must have 1 to 100 characters")
	}
	prefix := map[string]string{PublishableKey: "pk_", SecretKey: "sk_"}[in.Type]
	if prefix == "" {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("type", "must be publishable or secret")
	}
	if in.Environment == "" {
		in.Environment = "dev"
	}
	if !validEnvironment(in.Environment) {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("environment", "must be dev, staging or prod")
	}
	if len(in.Scopes) > 50 || slices.ContainsFunc(in.Scopes, func(s string) bool { return !validScope(s) }) {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("scopes", "must be at most 50 of the form resource:operation")
	}
	now := a.now()
	if !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now) {
		return CreatedAPIKey{}, ErrInvalidRequest.detail("expiresAt", "must be in the future")
	}
	var raw [apiKeyBytes]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return CreatedAPIKey{}, ErrInternal.because(err)
	}
	text := prefix + hex.EncodeToString(raw[:])
	hash := sha256.Sum256([]byte(text))
	key := store.APIKey{
		Tenant: tenant, ID: a.newID(), Hash: hash[:], Type: in.Type, Prefix: text[:7], Suffix: text[len(text)-4:],
		Name: name, Environment: in.Environment, Scopes: slices.Clone(in.Scopes), OwnerID: in.OwnerID,
		CreatedAt: now, ExpiresAt: in.ExpiresAt.UTC().Truncate(time.Microsecond),
	}
	err := a.tx(ctx, func(ctx context.Context, tx *txn) error {
		if err := tx.CreateAPIKey(ctx, key); err != nil {
			return err
		}
		if parent := mintingKey(ctx, a.kernel); parent != "" {
			err := tx.CreateRecord(ctx, store.Record{
				Tenant: tenant, Kind: recordMintedKey, ID: key.ID, Refs: []string{mintedBy(parent)}, Data: []byte("{}"), CreatedAt: now, UpdatedAt: now,
			})
			if err != nil {
				return err
			}
		}
		return tx.record(ctx, event{kind: eventAPIKeyCreated, data: eventData{
			"key": key.ID, "type": key.Type, "prefix": key.Prefix,
		}})
	})
	if err != nil {
		return CreatedAPIKey{}, err
	}
	return CreatedAPIKey{APIKey: apiKeyOf(&key), Key: text}, nil
}

// List returns one page of all keys, oldest first, and their total.
func (a *APIKeys) List(ctx context.Context, page PageParams) (Page[APIKey], error) {
	keys, total, err := a.store.ListAPIKeys(ctx, tenant, store.Page(page))
	return pageOf(keys, total, apiKeyOf), fault(err)
}

// Revoke revokes a key for ever. Every process refuses the key at its next use.
// Revoking a key twice is no error. Revoke returns ErrAPIKeyNotFound if no key
// has the id, or ErrUnavailable.
func (a *APIKeys) Revoke(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrAPIKeyNotFound
	}
	return a.tx(ctx, func(ctx context.Context, tx *txn) error {
		_, err := revokeKey(ctx, tx, id)
		return err
	})
}

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
	now := a.now()
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		keys, total, err := a.store.ListAPIKeys(ctx, tenant, page)
		if err != nil {
			return nil, fault(err)
		}
		for _, key := range keys {
			if slices.Contains(ids, key.ID) && key.RevokedAt.IsZero() && (key.ExpiresAt.IsZero() || now.Before(key.ExpiresAt)) {
				live = append(live, apiKeyOf(&key))
			}
		}
		if len(keys) == 0 || page.Number*page.Limit >= total {
			return live, nil
		}
	}
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

// revokeKey revokes one key and says whether it was not revoked before.
func revokeKey(ctx context.Context, tx *txn, id string) (bool, error) {
	revoked, err := tx.RevokeAPIKey(ctx, tenant, id, tx.now())
	if errors.Is(err, store.ErrNotFound) {
		return false, ErrAPIKeyNotFound
	}
	if err != nil || !revoked {
		return false, err
	}
	return true, tx.record(ctx, event{kind: eventAPIKeyRevoked, data: eventData{"key": id}})
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

// makerOf is the id of the key that made a key, or that of the account.
func makerOf(ctx context.Context, k *kernel, key *APIKey) (string, error) {
	made, err := k.store.Record(ctx, tenant, recordMintedKey, key.ID)
	if errors.Is(err, store.ErrNotFound) {
		return key.OwnerID, nil
	}
	if err != nil {
		return "", fault(err)
	}
	for _, ref := range made.Refs {
		if parent, ok := strings.CutPrefix(ref, mintedByPrefix); ok {
			return parent, nil
		}
	}
	return key.OwnerID, nil
}

// Verify checks a key where there is no request. It returns ErrInvalidAPIKey,
// ErrAPIKeyRevoked, ErrAPIKeyExpired or ErrUnavailable.
func (a *APIKeys) Verify(ctx context.Context, key string) (APIKey, error) {
	found, err := a.verifyAPIKey(ctx, key, false)
	return apiKeyOf(&found), err
}

func validEnvironment(name string) bool {
	return slices.Contains([]string{"dev", "staging", "prod"}, name)
}

func validScope(scope string) bool {
	resource, operation, ok := strings.Cut(scope, ":")
	return ok && validScopePart(resource) && validScopePart(operation)
}

func validScopePart(part string) bool { return part == "*" || validRole(part) }

type createAPIKeyInput struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`
	Environment string    `json:"environment"`
	Scopes      *[]string `json:"scopes"`
	ExpiresAt   *string   `json:"expiresAt"`
}

// apiKeyBody is a key in an answer. It shows only the first and last characters
// of the key.
type apiKeyBody struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Environment string `json:"environment"`
	Prefix      string `json:"prefix"`
	Suffix      string `json:"suffix"`
	// Scopes is null if everything is allowed. An empty list allows nothing.
	Scopes     *[]string      `json:"scopes"`
	CreatedBy  webio.Optional `json:"createdBy"`
	CreatedAt  webio.Instant  `json:"createdAt"`
	ExpiresAt  webio.Instant  `json:"expiresAt"`
	LastUsedAt webio.Instant  `json:"lastUsedAt"`
	RevokedAt  webio.Instant  `json:"revokedAt"`
	Key        string         `json:"key,omitempty"`
}

func showAPIKey(k APIKey, maker string) apiKeyBody {
	var scopes *[]string
	if k.Scopes != nil {
		scopes = &k.Scopes
	}
	return apiKeyBody{
		ID: k.ID, Name: k.Name, Type: k.Type, Environment: k.Environment, Prefix: k.Prefix, Suffix: k.Suffix,
		Scopes: scopes, CreatedBy: webio.Optional(maker), CreatedAt: webio.Instant(k.CreatedAt), ExpiresAt: webio.Instant(k.ExpiresAt),
		LastUsedAt: webio.Instant(k.LastUsedAt), RevokedAt: webio.Instant(k.RevokedAt),
	}
}

// revokedKeyBody offers to revoke what was made with a key as well.
type revokedKeyBody struct {
	Message string `json:"message"`
	// LiveChildren counts the keys made with the key that still work.
	LiveChildren    int `json:"liveChildren"`
	RevokedChildren int `json:"revokedChildren"`
}

func (a *APIKeys) handleCreateAPIKey(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := a.recent(c); err != nil {
		return err
	}
	var in createAPIKeyInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	params := CreateAPIKeyParams{Name: in.Name, Type: in.Type, Environment: in.Environment, OwnerID: c.user.ID}
	if in.Scopes != nil {
		params.Scopes = *in.Scopes
		if params.Scopes == nil {
			params.Scopes = []string{}
		}
	}
	if !c.signedIn {
		params.OwnerID = c.key.OwnerID
		if c.key.Scopes != nil && (params.Scopes == nil || slices.ContainsFunc(params.Scopes, func(scope string) bool {
			return !scopesAllow(c.key.Scopes, scope, scope == mintScope || strings.Contains(scope, "*"))
		})) {
			// A key cannot make a key with more rights than its own.
			return ErrScopeInsufficient
		}
		if params.Environment == "" {
			params.Environment = c.key.Environment
		}
		if validEnvironment(params.Environment) && params.Environment != c.key.Environment {
			return ErrScopeInsufficient // a key cannot make a key for another environment
		}
		params.ExpiresAt = c.key.ExpiresAt
	}
	if in.ExpiresAt != nil {
		expires, err := time.Parse(time.RFC3339, *in.ExpiresAt)
		if err != nil {
			return ErrInvalidRequest.detail("expiresAt", "must be an RFC 3339 time")
		}
		if !c.signedIn && !c.key.ExpiresAt.IsZero() && expires.After(c.key.ExpiresAt) {
			return ErrScopeInsufficient // a key cannot make a key that expires later
		}
		params.ExpiresAt = expires
	}
	created, err := a.Create(r.Context(), params)
	if err != nil {
		return err
	}
	body := showAPIKey(created.APIKey, cmp.Or(mintingKey(r.Context(), a.kernel), created.OwnerID))
	body.Key = created.Key
	return webio.Write(w, http.StatusCreated, body)
}

func (a *APIKeys) handleListAPIKeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	keys, err := a.List(r.Context(), PageParams(page))
	if err != nil {
		return err
	}
	makers := map[string]string{}
	for i := range keys.Items {
		if makers[keys.Items[i].ID], err = makerOf(r.Context(), a.kernel, &keys.Items[i]); err != nil {
			return err
		}
	}
	return webio.WriteList(w, keys.Items, keys.Total, page, func(k APIKey) apiKeyBody { return showAPIKey(k, makers[k.ID]) })
}

func (a *APIKeys) handleRevokeAPIKey(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	body := revokedKeyBody{Message: "The key was revoked."}
	var err error
	switch r.URL.Query().Get("children") {
	case "true":
		body.RevokedChildren, err = a.RevokeFamily(r.Context(), id)
	case "", "false":
		err = a.Revoke(r.Context(), id)
	default:
		err = ErrInvalidRequest.detail("children", "must be true or false")
	}
	if err != nil {
		return err
	}
	live, err := a.Children(r.Context(), id)
	if err != nil {
		return err
	}
	body.LiveChildren = len(live)
	return webio.Write(w, http.StatusOK, body)
}
