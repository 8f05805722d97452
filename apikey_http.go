package admit

import (
	"cmp"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file has the routes of apikey.go, apikey_family.go and apikey_rotate.go.

const (
	apiKeyPath  = "/admin/api-keys"
	ownKeysPath = usersPath + "/{userId}/api-keys"
	// organizationKeysPath has the keys of an organisation.
	organizationKeysPath = "/organizations/{id}/api-keys"
)

// keyDoors are the routes of API keys.
type keyDoors struct {
	*kernel
	keys *APIKeys
}

func (d *keyDoors) feature() feature {
	return feature{
		name:  "apikeys",
		holds: holding{nothing: "the API keys behind the routes hold it"},
		routes: []route{
			{method: http.MethodPost, path: apiKeyPath, who: adminGroup, scope: mintScope, exact: true, serve: d.handleCreateAPIKey},
			{method: http.MethodGet, path: apiKeyPath, who: adminGroup, scope: "api-keys:read", serve: d.handleListAPIKeys},
			{method: http.MethodDelete, path: apiKeyPath + "/{id}", who: adminGroup, scope: "api-keys:revoke", serve: d.handleRevokeAPIKey},
			{method: http.MethodPost, path: apiKeyPath + "/{id}/rotate", who: adminGroup, scope: mintScope, exact: true, serve: d.handleRotateAPIKey},
			{method: http.MethodPost, path: ownKeysPath, who: selfOnly, scope: mintScope, exact: true, serve: d.handleCreateOwnKey},
			{method: http.MethodGet, path: ownKeysPath, who: selfOnly, scope: "api-keys:read", serve: d.handleListOwnKeys},
			{method: http.MethodDelete, path: ownKeysPath + "/{id}", who: selfOnly, scope: "api-keys:revoke", serve: d.handleRevokeOwnKey},
			{method: http.MethodPost, path: ownKeysPath + "/{id}/rotate", who: selfOnly, scope: mintScope, exact: true, serve: d.handleRotateOwnKey},
			{method: http.MethodPost, path: organizationKeysPath, who: signedIn, scope: mintScope, exact: true, fresh: true, serve: d.handleCreateOrganizationKey},
			{method: http.MethodGet, path: organizationKeysPath, who: signedIn, scope: "api-keys:read", fresh: true, serve: d.handleListOrganizationKeys},
			{method: http.MethodDelete, path: organizationKeysPath + "/{keyId}", who: signedIn, scope: "api-keys:revoke", fresh: true, serve: d.handleRevokeOrganizationKey},
			{method: http.MethodPost, path: organizationKeysPath + "/{keyId}/rotate", who: signedIn, scope: mintScope, exact: true, fresh: true, serve: d.handleRotateOrganizationKey},
		},
	}
}

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
	Scopes *[]string `json:"scopes"`
	// OwnerType is "application", "user" or "organization". OwnerID names the user or
	// the organisation.
	OwnerType  string         `json:"ownerType"`
	OwnerID    webio.Optional `json:"ownerId"`
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
	owner, ownerID := "application", ""
	if k.OwnerKind != "" {
		owner, ownerID = k.OwnerKind, k.OwnerID
	}
	return apiKeyBody{
		OwnerType: owner, OwnerID: webio.Optional(ownerID),
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

// params are what a body asks for, without the owner.
func (in *createAPIKeyInput) params() (CreateAPIKeyParams, error) {
	params := CreateAPIKeyParams{Name: in.Name, Type: in.Type, Environment: in.Environment}
	if in.Scopes != nil {
		params.Scopes = *in.Scopes
		if params.Scopes == nil {
			params.Scopes = []string{}
		}
	}
	if in.ExpiresAt != nil {
		expires, err := time.Parse(time.RFC3339, *in.ExpiresAt)
		if err != nil {
			return params, ErrInvalidRequest.detail("expiresAt", "must be an RFC 3339 time")
		}
		params.ExpiresAt = expires
	}
	return params, nil
}

// readKey reads what a caller with a recent proof asks for.
func (d *keyDoors) readKey(r *http.Request) (*caller, CreateAPIKeyParams, error) {
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return c, CreateAPIKeyParams{}, err
	}
	var in createAPIKeyInput
	if err := webio.Decode(r, &in); err != nil {
		return c, CreateAPIKeyParams{}, err
	}
	params, err := in.params()
	return c, params, err
}

func (d *keyDoors) handleCreateAPIKey(w http.ResponseWriter, r *http.Request) error {
	c, params, err := d.readKey(r)
	if err != nil {
		return err
	}
	params.OwnerID = makerID(c)
	if !c.signedIn {
		params.Environment = cmp.Or(params.Environment, c.key.Environment)
		if params.ExpiresAt.IsZero() {
			params.ExpiresAt = c.key.ExpiresAt
		}
	}
	created, err := d.keys.Create(r.Context(), params)
	if err != nil {
		return err
	}
	return d.writeNew(w, r, created)
}

// writeNew answers with a new key, which is shown this once.
func (d *keyDoors) writeNew(w http.ResponseWriter, r *http.Request, created CreatedAPIKey) error {
	maker := created.OwnerID
	if created.OwnerKind == OwnerOrganization {
		maker = callerFrom(r.Context()).user.ID
	}
	body := showAPIKey(created.APIKey, cmp.Or(mintingKey(r.Context(), d.kernel), maker))
	body.Key = created.Key
	return webio.Write(w, http.StatusCreated, body)
}

type rotateInput struct {
	// Overlap is a number of seconds.
	Overlap Optional[int64] `json:"overlap"`
}

// rotate replaces a key of an owner, for a caller with a recent proof.
func (d *keyDoors) rotate(w http.ResponseWriter, r *http.Request, in RotateAPIKeyParams) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	var body rotateInput
	if err := webio.DecodeOptional(r, &body); err != nil {
		return err
	}
	if seconds := body.Overlap.Value; seconds < 0 || seconds > int64(maxOverlap/time.Second) {
		return ErrInvalidRequest.detail("overlap", "must be from 0 to 604800 seconds")
	}
	in.Overlap = Optional[time.Duration]{Set: body.Overlap.Set, Value: time.Duration(body.Overlap.Value) * time.Second}
	created, err := d.keys.Rotate(r.Context(), in)
	if err != nil {
		return err
	}
	return d.writeNew(w, r, created)
}

func (d *keyDoors) handleRotateAPIKey(w http.ResponseWriter, r *http.Request) error {
	return d.rotate(w, r, RotateAPIKeyParams{ID: r.PathValue("id")})
}

func (d *keyDoors) handleRotateOwnKey(w http.ResponseWriter, r *http.Request) error {
	return d.rotate(w, r, RotateAPIKeyParams{ID: r.PathValue("id"), OwnerKind: OwnerUser, OwnerID: r.PathValue("userId")})
}

func (d *keyDoors) handleCreateOwnKey(w http.ResponseWriter, r *http.Request) error {
	_, params, err := d.readKey(r)
	if err != nil {
		return err
	}
	params.Type = cmp.Or(params.Type, SecretKey)
	params.OwnerKind, params.OwnerID = OwnerUser, r.PathValue("userId")
	created, err := d.keys.Create(r.Context(), params)
	if err != nil {
		return err
	}
	return d.writeNew(w, r, created)
}

func (d *keyDoors) handleListOwnKeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	keys, err := d.keys.ListOwned(r.Context(), ListAPIKeysParams{OwnerKind: OwnerUser, OwnerID: r.PathValue("userId"), Page: PageParams(page)})
	if err != nil {
		return err
	}
	return webio.WriteList(w, keys.Items, keys.Total, page, func(k APIKey) apiKeyBody { return showAPIKey(k, k.OwnerID) })
}

func (d *keyDoors) handleRevokeOwnKey(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	err := d.keys.RevokeOwned(r.Context(), OwnedAPIKey{OwnerKind: OwnerUser, OwnerID: r.PathValue("userId"), ID: r.PathValue("id")})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The key was revoked."))
}

func (d *keyDoors) handleListAPIKeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	keys, err := d.keys.List(r.Context(), PageParams(page))
	if err != nil {
		return err
	}
	return d.writeKeys(w, r, keys, page)
}

// writeKeys answers with a page of keys and who has made each.
func (d *keyDoors) writeKeys(w http.ResponseWriter, r *http.Request, keys Page[APIKey], page store.Page) error {
	makers := map[string]string{}
	for i := range keys.Items {
		maker, err := makerOf(r.Context(), d.kernel, &keys.Items[i])
		if err != nil {
			return err
		}
		makers[keys.Items[i].ID] = maker
	}
	return webio.WriteList(w, keys.Items, keys.Total, page, func(k APIKey) apiKeyBody { return showAPIKey(k, makers[k.ID]) })
}

func (d *keyDoors) handleCreateOrganizationKey(w http.ResponseWriter, r *http.Request) error {
	c, params, err := d.readKey(r)
	if err != nil {
		return err
	}
	params.Type = cmp.Or(params.Type, SecretKey)
	params.OwnerKind, params.OwnerID, params.ActorID = OwnerOrganization, r.PathValue("id"), c.user.ID
	created, err := d.keys.Create(r.Context(), params)
	if err != nil {
		return err
	}
	return d.writeNew(w, r, created)
}

func (d *keyDoors) handleListOrganizationKeys(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	id, err := managedOrganization(d.kernel, r)
	if err != nil {
		return err
	}
	keys, err := d.keys.ListOwned(r.Context(), ListAPIKeysParams{OwnerKind: OwnerOrganization, OwnerID: id, Page: PageParams(page)})
	if err != nil {
		return err
	}
	return d.writeKeys(w, r, keys, page)
}

func (d *keyDoors) handleRevokeOrganizationKey(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := d.recent(c); err != nil {
		return err
	}
	err := d.keys.RevokeOwned(r.Context(), OwnedAPIKey{
		OwnerKind: OwnerOrganization, OwnerID: r.PathValue("id"), ID: r.PathValue("keyId"), ActorID: c.user.ID,
	})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The key was revoked."))
}

func (d *keyDoors) handleRotateOrganizationKey(w http.ResponseWriter, r *http.Request) error {
	return d.rotate(w, r, RotateAPIKeyParams{
		ID: r.PathValue("keyId"), OwnerKind: OwnerOrganization, OwnerID: r.PathValue("id"), ActorID: callerFrom(r.Context()).user.ID,
	})
}

func (d *keyDoors) handleRevokeAPIKey(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	body := revokedKeyBody{Message: "The key was revoked."}
	var err error
	switch r.URL.Query().Get("children") {
	case "true":
		body.RevokedChildren, err = d.keys.RevokeFamily(r.Context(), id)
	case "", "false":
		err = d.keys.Revoke(r.Context(), id)
	default:
		err = ErrInvalidRequest.detail("children", "must be true or false")
	}
	if err != nil {
		return err
	}
	live, err := d.keys.Children(r.Context(), id)
	if err != nil {
		return err
	}
	body.LiveChildren = len(live)
	return webio.Write(w, http.StatusOK, body)
}
