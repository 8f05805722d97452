package admit

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/clientip"
	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/store"
)

// verifyAPIKey asks the store each time, so that a revocation holds at once.
func (k *kernel) verifyAPIKey(ctx context.Context, text string, fromBrowser bool) (store.APIKey, error) {
	secret := strings.HasPrefix(text, "sk_")
	if !secret && !strings.HasPrefix(text, "pk_") || len(text) != apiKeyLength ||
		strings.Trim(text[len("pk_"):], "0123456789abcdef") != "" || secret && fromBrowser {
		return store.APIKey{}, ErrInvalidAPIKey
	}
	hash := sha256.Sum256([]byte(text))
	key, owner, err := k.store.APIKeyOwner(ctx, tenant, hash[:])
	if errors.Is(err, store.ErrNotFound) {
		return store.APIKey{}, ErrInvalidAPIKey
	}
	if err != nil {
		return store.APIKey{}, fault(err)
	}
	now := k.now()
	if err := keyStands(&key, &owner, now); err != nil {
		return store.APIKey{}, err
	}
	if now.Sub(key.LastUsedAt) >= apiKeyTouched {
		if err := k.store.TouchAPIKey(ctx, tenant, key.ID, now); err != nil {
			k.log.WarnContext(ctx, "could not note the use of an API key", "key", key.ID, "error", err)
		}
	}
	return key, nil
}

// keyStands refuses a key that was revoked or has expired, and one whose owner
// may no longer use it.
func keyStands(key *store.APIKey, owner *store.User, now time.Time) error {
	switch {
	case !key.RevokedAt.IsZero():
		return ErrAPIKeyRevoked
	case !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt):
		return ErrAPIKeyExpired
	case key.OwnerID != "" && (owner.ID != key.OwnerID || usable(owner, now) != nil || owner.Role != RoleAdmin):
		return ErrAPIKeyRevoked
	}
	return nil
}

// Errors about who calls.
var (
	ErrUnauthorized             = &Error{Code: "auth/unauthorized", Status: http.StatusUnauthorized, Message: "Please sign in."}
	ErrForbidden                = &Error{Code: "auth/forbidden", Status: http.StatusForbidden, Message: "You may not do that."}
	ErrScopeInsufficient        = &Error{Code: "auth/scope-insufficient", Status: http.StatusForbidden, Message: "The API key does not have the scope for that."}
	ErrReauthenticationRequired = &Error{Code: "auth/reauthentication-required", Status: http.StatusForbidden, Message: "Please sign in again to confirm that it is you."}
)

// Errors of API keys.
var (
	ErrInvalidAPIKey = &Error{Code: "auth/invalid-api-key", Status: http.StatusUnauthorized, Message: "The API key is not valid."}
	ErrAPIKeyRevoked = &Error{Code: "auth/api-key-revoked", Status: http.StatusUnauthorized, Message: "The API key was revoked."}
	ErrAPIKeyExpired = &Error{Code: "auth/api-key-expired", Status: http.StatusUnauthorized, Message: "The API key has expired."}
)

// caller is who makes a request: nobody, a user, a key, or both.
type caller struct {
	// by is who found that out. A host may have several Auths, whose users are
	// strangers to each other.
	by       *machinery
	user     store.User
	session  store.Session
	signedIn bool
	// key is nil where none was sent, as with most requests of users.
	key *store.APIKey
}

// inAdminGroup says whether the caller is an administrator: by role, or by a
// secret key that acts for no user.
func (c *caller) inAdminGroup() bool {
	if c.signedIn {
		return c.user.Role == RoleAdmin
	}
	return c.key != nil && c.key.Type == SecretKey
}

// identified says whether the caller is anybody: a publishable key names a
// project, not a caller.
func (c *caller) identified() bool {
	return c.signedIn || c.key != nil && c.key.Type == SecretKey
}

func (c *caller) mayUse(scope string, exact bool) bool {
	return c.key == nil || scope == "" || scopesAllow(c.key.Scopes, scope, exact)
}

// identifyKey checks X-API-Key when it is there.
func (k *kernel) identifyKey(r *http.Request, c *caller) error {
	values := r.Header["X-Api-Key"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return ErrInvalidAPIKey
	}
	fromBrowser := len(r.Header["Origin"]) > 0 || len(r.Header["Sec-Fetch-Site"]) > 0
	key, err := k.verifyAPIKey(r.Context(), values[0], fromBrowser)
	if err != nil {
		return err
	}
	c.key = &key
	return nil
}

// mayGoOn refuses a session that has ended and a user who may not be here.
func mayGoOn(session *store.Session, user *store.User, subject string, now time.Time) error {
	switch {
	case session.UserID != subject || user.ID != subject:
		return ErrInvalidToken
	case usable(user, now) != nil:
		return usable(user, now)
	case !session.Live(now):
		return ErrSessionExpired
	}
	return nil
}

// recent refuses a caller whose proof of identity is older than
// Config.RecentFor. A secret key has none to renew.
func (k *kernel) recent(c *caller) error {
	if !c.signedIn {
		return nil
	}
	if now := k.now(); now.Before(c.session.AuthTime.Add(k.config.RecentFor)) {
		return nil
	}
	methods := []string{"password"}
	if !k.config.MagicLink.Disabled {
		methods = append(methods, "magiclink") // for those who have no password, too
	}
	return ErrReauthenticationRequired.detail("methods", methods)
}

// scopesAllow says whether scopes cover a need such as "users:read". Nil
// covers everything, and either part may be "*"; where exact, only nil and the
// very scope do.
func scopesAllow(scopes []string, need string, exact bool) bool {
	if scopes == nil || slices.Contains(scopes, need) {
		return true
	}
	if exact {
		return false
	}
	resource, operation, _ := strings.Cut(need, ":")
	for _, scope := range scopes {
		has, can, _ := strings.Cut(scope, ":")
		if (has == "*" || has == resource) && (can == "*" || can == operation) {
			return true
		}
	}
	return false
}

// Client is the other end of a request: what sessions, events and messages say
// about where something came from. Handlers fill it in; code that calls rules
// itself may, with [WithClient].
type Client struct {
	IPAddress, UserAgent, RequestID string

	// address is IPAddress, parsed: what limits count by.
	address netip.Addr
}

type clientKey struct{}

// WithClient returns a context whose calls are recorded as coming from c.
func WithClient(ctx context.Context, c Client) context.Context {
	if address, err := netip.ParseAddr(c.IPAddress); err == nil {
		c.address = address
	}
	return context.WithValue(ctx, clientKey{}, &c)
}

func clientFrom(ctx context.Context) Client {
	if c, ok := ctx.Value(clientKey{}).(*Client); ok {
		return *c
	}
	return Client{}
}

// describe says where a request comes from.
func describe(clients *clientip.Resolver, r *http.Request, id string) *Client {
	c := &Client{address: clients.Address(r), UserAgent: device.Clean(r.UserAgent()), RequestID: id}
	if c.address.IsValid() {
		c.IPAddress = c.address.String()
	}
	return c
}

type callerKey struct{}

func callerFrom(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// requestContext carries all that this package knows of a request in one
// allocation, since the guarded path of every request makes one.
type requestContext struct {
	context.Context
	lookup deadline.Context
	caller caller
	// Where the request comes from is worked out when somebody asks.
	request   *http.Request
	requestID string
	auth      *kernel
}

func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case callerKey:
		return &c.caller
	case clientKey:
		return describe(c.auth.clients, c.request, c.requestID)
	}
	return c.Context.Value(key)
}

const (
	apiKeyBytes   = 32
	apiKeyLength  = len("pk_") + 2*apiKeyBytes
	apiKeyTouched = 5 * time.Minute
)
