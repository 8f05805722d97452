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
	switch {
	case !key.RevokedAt.IsZero():
		return store.APIKey{}, ErrAPIKeyRevoked
	case !key.ExpiresAt.IsZero() && !now.Before(key.ExpiresAt):
		return store.APIKey{}, ErrAPIKeyExpired
	case key.OwnerID != "" && (owner.ID != key.OwnerID || owner.Deleted() || owner.Banned(now) || owner.Role != RoleAdmin):
		return store.APIKey{}, ErrAPIKeyRevoked
	}
	if now.Sub(key.LastUsedAt) >= apiKeyTouched {
		if err := k.store.TouchAPIKey(ctx, tenant, key.ID, now); err != nil {
			k.log.WarnContext(ctx, "could not note the use of an API key", "key", key.ID, "error", err)
		}
	}
	return key, nil
}

// Errors about who calls.
var (
	ErrUnauthorized             = &Error{Code: "auth/unauthorized", Status: http.StatusUnauthorized, Message: "Please sign in."}
	ErrInvalidToken             = &Error{Code: "auth/invalid-token", Status: http.StatusUnauthorized, Message: "The token is not valid."}
	ErrTokenExpired             = &Error{Code: "auth/token-expired", Status: http.StatusUnauthorized, Message: "The token has expired."}
	ErrSessionExpired           = &Error{Code: "auth/session-expired", Status: http.StatusUnauthorized, Message: "The session has ended. Please sign in again."}
	ErrAuthUserNotFound         = &Error{Code: "auth/user-not-found", Status: http.StatusUnauthorized, Message: "The account does not exist any more."}
	ErrAccountBanned            = &Error{Code: "auth/account-banned", Status: http.StatusForbidden, Message: "The account is banned."}
	ErrForbidden                = &Error{Code: "auth/forbidden", Status: http.StatusForbidden, Message: "You may not do that."}
	ErrScopeInsufficient        = &Error{Code: "auth/scope-insufficient", Status: http.StatusForbidden, Message: "The API key does not have the scope for that."}
	ErrReauthenticationRequired = &Error{Code: "auth/reauthentication-required", Status: http.StatusForbidden, Message: "Please sign in again to confirm that it is you."}
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
		if refused := asError(err); refused.Status == http.StatusUnauthorized {
			k.notice(r.Context(), notice{kind: eventKeyRefused, about: refused.Code, once: true, data: eventData{"code": refused.Code}})
		}
		return err
	}
	c.key = &key
	return nil
}

// identifyUser checks the access token when it is there.
func (k *kernel) identifyUser(ctx context.Context, r *http.Request, c *caller, fresh bool) error {
	raw, err := bearer(r)
	if err != nil || raw == "" {
		return err
	}
	return k.verifyAccess(ctx, raw, fresh, c)
}

// bearer returns the token of the Authorization header (RFC 6750, section 2.1),
// or "" when there is none. Tokens are taken from nowhere else.
func bearer(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", ErrInvalidToken
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || token == "" || !strings.EqualFold(scheme, "Bearer") {
		return "", ErrInvalidToken
	}
	return token, nil
}

// verifyAccess fills in the caller that an access token stands for: the token
// is genuine, its session lives, and its user may still be here.
func (k *kernel) verifyAccess(ctx context.Context, raw string, fresh bool, c *caller) error {
	now := k.now()
	token, err := k.tokens.Verify(ctx, k.store, raw, now)
	if err != nil {
		return fault(err)
	}
	if err := k.live.Find(ctx, k.store, token.Session, now, fresh, &c.session, &c.user); err != nil {
		return fault(err)
	}
	if token.Generation > c.session.Generation && !fresh {
		// What is remembered is older than a refresh in another process.
		if err := k.live.Find(ctx, k.store, token.Session, now, true, &c.session, &c.user); err != nil {
			return fault(err)
		}
	}
	if err := mayGoOn(&c.session, &c.user, token.Subject, now); err != nil {
		return err
	}
	if token.Generation == c.session.Generation && c.session.Confirmed < token.Generation {
		if err := k.store.ConfirmSession(ctx, tenant, c.session.ID, token.Generation); err != nil {
			// The session is read and lives; a store that cannot be written
			// to at the moment must not shut its users out.
			k.log.WarnContext(ctx, "could not confirm a refreshed session", "session", c.session.ID, "error", err)
		} else {
			k.live.Forget(c.user.ID)
		}
	}
	k.active.Seen(&c.session, now)
	c.signedIn = true
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
func (k *kernel) describe(r *http.Request, id string) *Client {
	c := &Client{address: k.clients.Address(r), UserAgent: device.Clean(r.UserAgent()), RequestID: id}
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
	auth      *Auth
}

func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case callerKey:
		return &c.caller
	case clientKey:
		return c.auth.describe(c.request, c.requestID)
	}
	return c.Context.Value(key)
}
