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

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// Errors of API keys.
var (
	ErrAPIKeyNotFound = &Error{Code: "auth/api-key-not-found", Status: http.StatusNotFound, Message: "There is no such API key."}
)

const apiKeyPath = "/admin/api-keys"

// Minting a key needs this very scope: no wildcard gives it.
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

// CreateAPIKeyParams is what a new key is to be.
type CreateAPIKeyParams struct {
	// Name tells people what it is for, 1 to 100 characters.
	Name string
	// Type is PublishableKey or SecretKey.
	Type string
	// Environment is "dev", "staging" or "prod". Default "dev".
	Environment string
	// Scopes limit the key, such as "users:read"; either part may be "*". Nil
	// allows everything, an empty list nothing.
	Scopes []string
	// ExpiresAt is when it stops working; zero is never.
	ExpiresAt time.Time
	// OwnerID is the account that makes the key: it dies with that account and
	// with its being an administrator. "" is the operator.
	OwnerID string
}

// CreatedAPIKey is a new key.
type CreatedAPIKey struct {
	APIKey
	// Key is the key itself. It is stored nowhere, so this is the only time that
	// it is shown.
	Key string
}

// Create makes a key and returns it, this once. It answers
// ErrInvalidRequest with the field that is wrong, or ErrUnavailable.
func (a *APIKeys) Create(ctx context.Context, in CreateAPIKeyParams) (CreatedAPIKey, error) {
	name, ok := cleanName(in.Name)
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
		return tx.record(ctx, event{kind: eventAPIKeyCreated, data: eventData{
			"key": key.ID, "type": key.Type, "prefix": key.Prefix,
		}})
	})
	if err != nil {
		return CreatedAPIKey{}, err
	}
	return CreatedAPIKey{APIKey: key, Key: text}, nil
}

// List returns one page of all keys, oldest first, and their total.
func (a *APIKeys) List(ctx context.Context, page PageParams) (Page[APIKey], error) {
	keys, total, err := a.store.ListAPIKeys(ctx, tenant, page)
	return Page[APIKey]{keys, total}, fault(err)
}

// Revoke ends a key for good, in every process at its next use. Revoking
// twice is no error. ErrAPIKeyNotFound when there is no such key.
func (a *APIKeys) Revoke(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrAPIKeyNotFound
	}
	return a.tx(ctx, func(ctx context.Context, tx *txn) error {
		revoked, err := tx.RevokeAPIKey(ctx, tenant, id, a.now())
		if errors.Is(err, store.ErrNotFound) {
			return ErrAPIKeyNotFound
		}
		if err != nil || !revoked {
			return err
		}
		return tx.record(ctx, event{kind: eventAPIKeyRevoked, data: eventData{"key": id}})
	})
}

// Verify checks a key as the guards do, for use where there is no
// request. It answers ErrInvalidAPIKey, ErrAPIKeyRevoked, ErrAPIKeyExpired or
// ErrUnavailable.
func (a *APIKeys) Verify(ctx context.Context, key string) (APIKey, error) {
	return a.verifyAPIKey(ctx, key, false)
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

// apiKeyBody shows a key by its first and last characters.
type apiKeyBody struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	Environment string `json:"environment"`
	Prefix      string `json:"prefix"`
	Suffix      string `json:"suffix"`
	// Scopes is null where all are allowed, which is not the same as none.
	Scopes     *[]string      `json:"scopes"`
	CreatedBy  webio.Optional `json:"createdBy"`
	CreatedAt  webio.Instant  `json:"createdAt"`
	ExpiresAt  webio.Instant  `json:"expiresAt"`
	LastUsedAt webio.Instant  `json:"lastUsedAt"`
	RevokedAt  webio.Instant  `json:"revokedAt"`
	Key        string         `json:"key,omitempty"`
}

func showAPIKey(k store.APIKey) apiKeyBody {
	var scopes *[]string
	if k.Scopes != nil {
		scopes = &k.Scopes
	}
	return apiKeyBody{
		ID: k.ID, Name: k.Name, Type: k.Type, Environment: k.Environment, Prefix: k.Prefix, Suffix: k.Suffix,
		Scopes: scopes, CreatedBy: webio.Optional(k.OwnerID), CreatedAt: webio.Instant(k.CreatedAt), ExpiresAt: webio.Instant(k.ExpiresAt),
		LastUsedAt: webio.Instant(k.LastUsedAt), RevokedAt: webio.Instant(k.RevokedAt),
	}
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
			// A key never mints one that may do more than itself.
			return ErrScopeInsufficient
		}
		if params.Environment == "" {
			params.Environment = c.key.Environment
		}
		if validEnvironment(params.Environment) && params.Environment != c.key.Environment {
			return ErrScopeInsufficient // nor one for another environment
		}
		params.ExpiresAt = c.key.ExpiresAt
	}
	if in.ExpiresAt != nil {
		expires, err := time.Parse(time.RFC3339, *in.ExpiresAt)
		if err != nil {
			return ErrInvalidRequest.detail("expiresAt", "must be an RFC 3339 time")
		}
		if !c.signedIn && !c.key.ExpiresAt.IsZero() && expires.After(c.key.ExpiresAt) {
			return ErrScopeInsufficient // nor one that outlives it
		}
		params.ExpiresAt = expires
	}
	created, err := a.Create(r.Context(), params)
	if err != nil {
		return err
	}
	body := showAPIKey(created.APIKey)
	body.Key = created.Key
	return webio.Write(w, http.StatusCreated, body)
}

func (a *APIKeys) handleListAPIKeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	keys, err := a.List(r.Context(), page)
	if err != nil {
		return err
	}
	return webio.WriteList(w, keys.Items, keys.Total, page, showAPIKey)
}

func (a *APIKeys) handleRevokeAPIKey(w http.ResponseWriter, r *http.Request) error {
	if err := a.Revoke(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The key was revoked."))
}
