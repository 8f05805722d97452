package admit

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/store"
)

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
	ErrKeyRequired              = &Error{Code: "auth/key-required", Status: http.StatusForbidden, Message: "Only a program with a secret API key may do that."}
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
	// refusal is what was wrong with an access token where the route takes a
	// refresh token as well.
	refusal error
	// cookie goes out with the answer: the session cookie was renewed.
	cookie *http.Cookie
}

// inAdminGroup says whether the caller may use the routes of administration: by
// role, or by a secret key that acts for no user. The scope that each of those
// routes names binds the key.
func (c *caller) inAdminGroup() bool {
	if c.signedIn {
		return c.user.Role == RoleAdmin
	}
	return c.hasSecretKey()
}

// administers says whether the caller is an administrator where no scope is
// named: by role, or by a secret key that acts for no user and whose scopes are
// nil. A key that was given scopes was given no more than those.
func (c *caller) administers() bool {
	return c.inAdminGroup() && (c.signedIn || c.key.Scopes == nil)
}

// identified says whether the caller is anybody: a publishable key names a
// project, not a caller.
func (c *caller) identified() bool { return c.signedIn || c.hasSecretKey() }

func (c *caller) hasSecretKey() bool { return c.key != nil && c.key.Type == SecretKey }

func (c *caller) mayUse(scope string, exact bool) bool {
	return c.key == nil || scope == "" || scopesAllow(c.key.Scopes, scope, exact)
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
// Config.RecentFor. A proof from more than a minute ahead comes from a clock that
// was wrong, and proves nothing. A secret key has no proof to renew.
func (k *kernel) recent(c *caller) error {
	if !c.signedIn {
		return nil
	}
	proven, now := c.session.AuthTime, k.now()
	if now.Before(proven.Add(k.config.RecentFor)) && !proven.After(now.Add(time.Minute)) {
		return nil
	}
	return ErrReauthenticationRequired.detail("methods", reproofMethods(k, &c.user))
}

// reproofMethods are the ways in which an account can prove itself again.
func reproofMethods(k *kernel, user *store.User) []string {
	methods := []string{"password"}
	if user.MFAEnabled {
		methods = append(methods, FactorTOTP, FactorRecoveryCode)
	}
	if !k.config.MagicLink.Disabled {
		methods = append(methods, "magiclink") // for those who have no password, too
	}
	return methods
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

// describe says where a request comes from. Requests of which nobody knows that
// count as one client: a limit that nobody is counted by is none.
func describe(k *kernel, r *http.Request, id string) *Client {
	c := &Client{address: k.clients.Address(r), UserAgent: device.Clean(r.UserAgent()), RequestID: id}
	if c.address.IsValid() {
		c.IPAddress = c.address.String()
		return c
	}
	c.address = netip.IPv6Unspecified()
	k.unknownClient.Do(func() {
		k.log.Warn("a request came over a connection without an IP address, such as a Unix socket: all such requests share one limit per class; "+
			"where a proxy of yours is at the other end, set Config.TrustUnixSocket and let it write X-Forwarded-For", "remote", r.RemoteAddr)
	})
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
		return describe(c.auth, c.request, c.requestID)
	}
	return c.Context.Value(key)
}

const (
	apiKeyBytes   = 32
	apiKeyLength  = len("pk_") + 2*apiKeyBytes
	apiKeyTouched = 5 * time.Minute
)
