package sqlstore

import (
	"context"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/internal/text"
)

const apiKeyColumns = "tenant, id, hash, type, prefix, suffix, name, environment, scopes, owner_kind, owner_id, " +
	"created_at, expires_at, last_used_at, revoked_at"

// apiKeyFields returns the variables that apiKeyColumns are read into.
func apiKeyFields(k *store.APIKey) []any {
	return []any{
		&k.Tenant, &k.ID, &k.Hash, &k.Type, &k.Prefix, &k.Suffix, &k.Name, &k.Environment, (*list)(&k.Scopes), &k.OwnerKind, &k.OwnerID,
		(*moment)(&k.CreatedAt), (*moment)(&k.ExpiresAt), (*moment)(&k.LastUsedAt), (*moment)(&k.RevokedAt),
	}
}

type apiKeyStatements struct {
	create, withOwner, read, list, count, listOf, countOf, revoke, exists, revokeOf, touch *query
}

func newAPIKeyStatements(c *catalogue) apiKeyStatements {
	return apiKeyStatements{
		create: c.write("create API key", `INSERT INTO admit_api_keys (`+apiKeyColumns+`) VALUES (`+values(15)+`) ON CONFLICT DO NOTHING`),
		withOwner: c.packed("read API key and owner", qualified("k", apiKeyColumns)+", "+qualified("u", userColumns), "k.hash", `
			FROM admit_api_keys k
			LEFT JOIN admit_users u ON u.tenant = k.tenant AND u.id = k.owner_id AND k.owner_id <> '' AND u.deleted_at = 0
			WHERE k.tenant = $1 AND k.hash = $2`),
		read:  c.read("read API key", `SELECT `+apiKeyColumns+` FROM admit_api_keys WHERE tenant = $1 AND id = $2`),
		list:  c.read("list API keys", `SELECT `+apiKeyColumns+` FROM admit_api_keys WHERE tenant = $1 ORDER BY id LIMIT $2 OFFSET $3`),
		count: c.read("count API keys", `SELECT count(*) FROM admit_api_keys WHERE tenant = $1`),
		listOf: c.read("list API keys of owner", `SELECT `+apiKeyColumns+` FROM admit_api_keys`+c.by("admit_api_keys_owner")+`
			WHERE tenant = $1 AND owner_id = $2 AND owner_id <> '' AND owner_kind = $3 ORDER BY id LIMIT $4 OFFSET $5`),
		countOf: c.read("count API keys of owner", `SELECT count(*) FROM admit_api_keys`+c.by("admit_api_keys_owner")+`
			WHERE tenant = $1 AND owner_id = $2 AND owner_id <> '' AND owner_kind = $3`),
		revoke: c.write("revoke API key", `
			UPDATE admit_api_keys SET revoked_at = $3 WHERE tenant = $1 AND id = $2 AND (revoked_at = 0 OR revoked_at > $3)`),
		exists: c.read("look for API key", `SELECT revoked_at FROM admit_api_keys WHERE tenant = $1 AND id = $2`),
		revokeOf: c.write("revoke API keys of owner", `
			UPDATE admit_api_keys`+c.by("admit_api_keys_owner")+` SET revoked_at = $3 WHERE tenant = $1 AND owner_id = $2 AND owner_id <> '' AND (revoked_at = 0 OR revoked_at > $3)`),
		touch: c.write("touch API key", `
			UPDATE admit_api_keys SET last_used_at = CASE WHEN last_used_at < $3 THEN $3 ELSE last_used_at END WHERE tenant = $1 AND id = $2`),
	}
}

// CreateAPIKey implements store.APIKeys.
func (s *Store) CreateAPIKey(ctx context.Context, k store.APIKey) error {
	if err := text.APIKey(k); err != nil {
		return err
	}
	scopes, err := list(k.Scopes).column()
	if err != nil {
		return err
	}
	return s.create(ctx, s.q.apiKeys.create, k.Tenant, k.ID, full(k.Hash), k.Type, k.Prefix, k.Suffix, k.Name, k.Environment,
		scopes, k.OwnerKind, k.OwnerID, micros(k.CreatedAt), micros(k.ExpiresAt), micros(k.LastUsedAt), micros(k.RevokedAt))
}

// APIKeyOwner implements store.APIKeys.
func (s *Store) APIKeyOwner(ctx context.Context, tenant string, hash []byte) (store.APIKey, store.User, error) {
	if err := text.Key(tenant); err != nil {
		return store.APIKey{}, store.User{}, err
	}
	var found struct {
		key   store.APIKey
		owner store.User
	}
	fields := append(apiKeyFields(&found.key), userFields(&found.owner)...)
	if err := s.one(ctx, s.q.apiKeys.withOwner, fields, tenant, full(hash)); err != nil {
		return store.APIKey{}, store.User{}, err
	}
	return found.key, found.owner, nil
}

// APIKey implements store.APIKeys.
func (s *Store) APIKey(ctx context.Context, tenant, id string) (found store.APIKey, err error) {
	if err := text.Key(tenant, id); err != nil {
		return store.APIKey{}, err
	}
	err = s.one(ctx, s.q.apiKeys.read, apiKeyFields(&found), tenant, id)
	return found, err
}

// ListAPIKeys implements store.APIKeys.
func (s *Store) ListAPIKeys(ctx context.Context, tenant string, owner store.KeyOwner, page store.Page) ([]store.APIKey, int, error) {
	if err := text.Key(tenant, owner.Kind, owner.ID); err != nil {
		return nil, 0, err
	}
	if owner != (store.KeyOwner{}) {
		if page.Number == 1 { // most owners have one page, which need not be counted
			keys, err := all(ctx, s, s.q.apiKeys.listOf, apiKeyFields, tenant, owner.ID, owner.Kind, int64(page.Limit), int64(0))
			if err != nil || len(keys) < page.Limit {
				return keys, len(keys), err
			}
		}
		return paged(ctx, s, s.q.apiKeys.countOf, s.q.apiKeys.listOf, apiKeyFields, page, tenant, owner.ID, owner.Kind)
	}
	return paged(ctx, s, s.q.apiKeys.count, s.q.apiKeys.list, apiKeyFields, page, tenant)
}

// RevokeAPIKey implements store.APIKeys.
func (s *Store) RevokeAPIKey(ctx context.Context, tenant, id string, at time.Time) (bool, error) {
	if err := text.Key(tenant, id); err != nil {
		return false, err
	}
	revoked, err := s.done(ctx, s.q.apiKeys.revoke, tenant, id, micros(at))
	if err != nil || revoked {
		return revoked, err
	}
	var before int64
	return false, s.one(ctx, s.q.apiKeys.exists, []any{&before}, tenant, id)
}

// RevokeAPIKeysOf implements store.APIKeys.
func (s *Store) RevokeAPIKeysOf(ctx context.Context, tenant, ownerID string, at time.Time) (int, error) {
	if err := text.Key(tenant, ownerID); err != nil {
		return 0, err
	}
	n, err := s.exec(ctx, s.q.apiKeys.revokeOf, tenant, ownerID, micros(at))
	return int(n), err
}

// TouchAPIKey implements store.APIKeys.
func (s *Store) TouchAPIKey(ctx context.Context, tenant, id string, at time.Time) error {
	if err := text.Key(tenant, id); err != nil {
		return err
	}
	_, err := s.exec(ctx, s.q.apiKeys.touch, tenant, id, micros(at))
	return err
}
