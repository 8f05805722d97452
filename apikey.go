package admit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// APIKeys makes, lists, revokes and checks API keys.
type APIKeys struct {
	*kernel
}

func (a *APIKeys) feature() feature {
	return feature{
		name:   "apikey",
		holds:  holding{part: "apiKeys", list: true, export: exportAPIKeys},
		mails:  []mailer.Kind{mailer.APIKeyCreated},
		events: []string{eventAPIKeyCreated, eventAPIKeyRotated, eventAPIKeyRevoked, eventKeyRefused},
		errors: []*Error{ErrInvalidAPIKey, ErrAPIKeyRevoked, ErrAPIKeyExpired, ErrAPIKeyNotFound, ErrAPIKeyNotActive, ErrAPIKeyLimit, ErrKeyRequired},
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
	// allows everything that the owner may do. An empty list allows nothing.
	Scopes []string
	// ExpiresAt is when the key expires. The zero time means never.
	ExpiresAt time.Time
	// OwnerKind is what the key belongs to: "" is the application, OwnerUser is an
	// account, OwnerOrganization is an organisation. A key of a user or of an
	// organisation is a SecretKey.
	OwnerKind string
	// OwnerID is the account that a key of a user belongs to. The key acts with at
	// most the rights of the account, and ends with its ban or deletion. For a key
	// of the application, OwnerID is the account that makes the key. That key stops
	// working when the account is deleted or banned, or is no longer an
	// administrator. "" means the operator. A key of an organisation names the
	// organisation, and ends with its deletion.
	OwnerID string
	// ActorID is the account that makes a key of an organisation. Its role there must
	// include RoleAdmin. "" is the host itself. Other keys do not read it.
	ActorID string
}

// CreatedAPIKey is a new key.
type CreatedAPIKey struct {
	APIKey
	// Key is the key itself. It is not stored, so it is shown only this once.
	Key string
}

// Create makes a key and returns it. The key cannot be read again later. Create
// returns ErrInvalidRequest with the field that is wrong, or ErrUnavailable. For a
// key of a user it also returns ErrScopeInsufficient if a scope is wider than those
// that the account may give (Config.APIKeys), ErrAPIKeyLimit if 50 keys of the
// account work, and ErrUserNotFound. For a key of an organisation it returns the same
// of the organisation, and ErrOrgNotFound or ErrForbidden instead of ErrUserNotFound.
// The key outlives the membership of the actor. The owner of a key of a user is told
// by mail, which no setting of the user switches off.
func (a *APIKeys) Create(ctx context.Context, in CreateAPIKeyParams) (CreatedAPIKey, error) {
	now := a.now()
	if err := in.check(now); err != nil {
		return CreatedAPIKey{}, err
	}
	key := store.APIKey{
		Tenant: tenant, Type: in.Type, Name: in.Name, Environment: in.Environment, Scopes: slices.Clone(in.Scopes),
		OwnerKind: in.OwnerKind, OwnerID: in.OwnerID, CreatedAt: now, ExpiresAt: in.ExpiresAt.UTC().Truncate(time.Microsecond),
	}
	text, err := mint(a.kernel, &key)
	if err != nil {
		return CreatedAPIKey{}, err
	}
	switch in.OwnerKind {
	case OwnerUser:
		err = onAccount(ctx, a.kernel, in.OwnerID, func(ctx context.Context, tx *txn, user *store.User) error {
			if err := mayOwn(ctx, tx, user, in.Scopes); err != nil {
				return err
			}
			if err := addKey(ctx, tx, &key); err != nil {
				return err
			}
			return tellOwner(ctx, tx, user, &key)
		})
	case OwnerOrganization:
		err = inOrganizationOfKeys(ctx, a.kernel, in.OwnerID, in.ActorID, func(ctx context.Context, tx *txn) error {
			owner := store.KeyOwner{Kind: in.OwnerKind, ID: in.OwnerID}
			if err := mayHold(ctx, tx, owner, a.config.APIKeys.OrganizationScopes, in.Scopes); err != nil {
				return err
			}
			if err := addKey(ctx, tx, &key); err != nil {
				return err
			}
			return noteMaker(ctx, tx, &key, in.ActorID)
		})
	default:
		err = a.tx(ctx, func(ctx context.Context, tx *txn) error { return addKey(ctx, tx, &key) })
	}
	if err != nil {
		return CreatedAPIKey{}, err
	}
	return CreatedAPIKey{APIKey: apiKeyOf(&key), Key: text}, nil
}

// check answers ErrInvalidRequest for a key that cannot be made, and fills in the
// defaults.
func (in *CreateAPIKeyParams) check(now time.Time) error {
	name, ok := cleanName(in.Name)
	if !ok {
		return ErrInvalidRequest.detail("name", "must have 1 to 100 characters")
	}
	in.Name = name
	if in.Environment == "" {
		in.Environment = "dev"
	}
	switch {
	case !slices.Contains([]string{"", OwnerUser, OwnerOrganization}, in.OwnerKind):
		return ErrInvalidRequest.detail("ownerKind", "must be empty, user or organization")
	case in.OwnerKind != "" && in.Type != SecretKey:
		return ErrInvalidRequest.detail("type", "must be secret")
	case in.Type != PublishableKey && in.Type != SecretKey:
		return ErrInvalidRequest.detail("type", "must be publishable or secret")
	case !validEnvironment(in.Environment):
		return ErrInvalidRequest.detail("environment", "must be dev, staging or prod")
	case len(in.Scopes) > 50:
		return ErrInvalidRequest.detail("scopes", "must be at most 50")
	case !in.ExpiresAt.IsZero() && !in.ExpiresAt.After(now):
		return ErrInvalidRequest.detail("expiresAt", "must be in the future")
	}
	for _, scope := range in.Scopes {
		if !validScope(scope) {
			return ErrInvalidRequest.detail("scopes", fmt.Sprintf("%.50q must have the form resource:operation, such as users:read", scope))
		}
	}
	return nil
}

// mayOwn refuses a key of a locked account whose scopes are wider than those of the
// account, and a key too many.
func mayOwn(ctx context.Context, t *txn, user *store.User, scopes []string) error {
	if err := usable(user, t.now()); err != nil {
		return err
	}
	return mayHold(ctx, t, store.KeyOwner{Kind: OwnerUser, ID: user.ID}, ownerScopes(&t.config, user), scopes)
}

// tellOwner mails a notice of a new key to the user whom it belongs to. The name of
// the key is left out, because a thief of a session chooses it.
func tellOwner(ctx context.Context, t *txn, user *store.User, key *store.APIKey) error {
	values := t.about(ctx, user, mailer.Values{ResourceName: key.Prefix + "…" + key.Suffix})
	return t.mail(ctx, mailer.APIKeyCreated, user.Email, user.Locale, values)
}

// inOrganizationOfKeys runs a rule about keys of an organisation, whose lock is held,
// for an actor who manages it.
func inOrganizationOfKeys(ctx context.Context, k *kernel, id, actorID string, rule func(ctx context.Context, tx *txn) error) error {
	return inOrganization(ctx, k, id, actorID, nil, func(ctx context.Context, tx *txn, _ *store.Organization, own string) error {
		if !k.config.Organizations.manages(own) {
			return ErrForbidden
		}
		return rule(ctx, tx)
	})
}

// List returns one page of all keys, oldest first, and their total.
func (a *APIKeys) List(ctx context.Context, page PageParams) (Page[APIKey], error) {
	return a.listOf(ctx, store.KeyOwner{}, page)
}

// ListAPIKeysParams selects one page of the keys of an owner.
type ListAPIKeysParams struct {
	// OwnerKind and OwnerID are those of the keys: see APIKey.
	OwnerKind, OwnerID string
	Page               PageParams
}

// ListOwned returns one page of the keys of an owner, oldest first, and their
// total. It returns no key for an unknown owner, or ErrUnavailable.
func (a *APIKeys) ListOwned(ctx context.Context, in ListAPIKeysParams) (Page[APIKey], error) {
	if in.OwnerID == "" {
		return Page[APIKey]{}, nil
	}
	return a.listOf(ctx, store.KeyOwner{Kind: in.OwnerKind, ID: in.OwnerID}, in.Page)
}

func (a *APIKeys) listOf(ctx context.Context, owner store.KeyOwner, page PageParams) (Page[APIKey], error) {
	keys, total, err := a.store.ListAPIKeys(ctx, tenant, owner, store.Page(page))
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

// OwnedAPIKey names a key of an owner.
type OwnedAPIKey struct {
	// OwnerKind and OwnerID are those of the key: see APIKey.
	OwnerKind, OwnerID string
	// ID is the id of the key.
	ID string
	// ActorID is the account that asks for a key of an organisation. Its role there
	// must include RoleAdmin. "" is the host itself. Other keys do not read it.
	ActorID string
}

// RevokeOwned is Revoke for a key of one owner. It returns ErrAPIKeyNotFound for a
// key of anybody else, and for a key of an organisation ErrOrgNotFound or
// ErrForbidden.
func (a *APIKeys) RevokeOwned(ctx context.Context, in OwnedAPIKey) error {
	if in.OwnerKind != OwnerOrganization && (!uuid.Valid(in.ID) || in.OwnerID == "") {
		return ErrAPIKeyNotFound
	}
	revoke := func(ctx context.Context, tx *txn) error {
		if !uuid.Valid(in.ID) {
			return ErrAPIKeyNotFound
		}
		key, err := tx.APIKey(ctx, tenant, in.ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		if err != nil || key.OwnerKind != in.OwnerKind || key.OwnerID != in.OwnerID {
			return ErrAPIKeyNotFound
		}
		_, err = revokeKey(ctx, tx, in.ID)
		return err
	}
	if in.OwnerKind == OwnerOrganization {
		return inOrganizationOfKeys(ctx, a.kernel, in.OwnerID, in.ActorID, revoke)
	}
	return a.tx(ctx, revoke)
}

// Verify checks a key where there is no request. The scopes of a key of a user or of
// an organisation are those that the owner has too. Verify returns ErrInvalidAPIKey,
// ErrAPIKeyRevoked, ErrAPIKeyExpired, ErrTooManyRequests or ErrUnavailable.
func (a *APIKeys) Verify(ctx context.Context, key string) (APIKey, error) {
	var found caller
	if err := a.findKey(ctx, key, false, &found); err != nil {
		return APIKey{}, err
	}
	return apiKeyOf(found.key), nil
}

func validEnvironment(name string) bool {
	return slices.Contains([]string{"dev", "staging", "prod"}, name)
}
