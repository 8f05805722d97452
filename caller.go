package admit

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/store"
)

// Errors about who calls.
var (
	ErrUnauthorized             = &Error{Code: "auth/unauthorized", Status: http.StatusUnauthorized, Message: "Please sign in."}
	ErrForbidden                = &Error{Code: "auth/forbidden", Status: http.StatusForbidden, Message: "You may not do that."}
	ErrScopeInsufficient        = &Error{Code: "auth/scope-insufficient", Status: http.StatusForbidden, Message: "The API key does not have the scope for that."}
	ErrKeyRequired              = &Error{Code: "auth/key-required", Status: http.StatusForbidden, Message: "Only a program with a secret API key may do that."}
	ErrReauthenticationRequired = &Error{Code: "auth/reauthentication-required", Status: http.StatusForbidden, Message: "Please sign in again to confirm that it is you."}
	// ErrImpersonating means that an administrator acts as the user, and that only the
	// user may do that.
	ErrImpersonating = &Error{Code: "auth/impersonating", Status: http.StatusForbidden, Message: "You act as another person. Only that person may do that."}
	// ErrCrossOrigin answers a request that a page of another origin made with the
	// session cookie of its reader. Details name both origins, and the setting that
	// allows an origin.
	ErrCrossOrigin = &Error{Code: "auth/cross-origin", Status: http.StatusForbidden, Message: "The request comes from a page of another site."}

	// The API key cannot be used.

	ErrInvalidAPIKey = &Error{Code: "auth/invalid-api-key", Status: http.StatusUnauthorized, Message: "The API key is not valid."}
	ErrAPIKeyRevoked = &Error{Code: "auth/api-key-revoked", Status: http.StatusUnauthorized, Message: "The API key was revoked."}
	ErrAPIKeyExpired = &Error{Code: "auth/api-key-expired", Status: http.StatusUnauthorized, Message: "The API key has expired."}
)

// caller is who makes a request: nobody, a user, a key, or both.
type caller struct {
	// by is the machinery that identified the caller. A host may have several
	// Auths, and a user of one is not a user of another.
	by       *machinery
	user     store.User
	session  store.Session
	signedIn bool
	// key is nil if no API key was sent. Most requests of users have none. The scopes
	// of a key of a user or of an organisation are those that the owner has too.
	key *store.APIKey
	// owner is the account that a key of a user belongs to. Nil without such a key.
	owner *store.User
	// member says that the key belongs to an organisation and has every scope that
	// keys of organisations may have: alone, it passes as a plain member.
	member bool
	// actor is the administrator who acts as the user. Nil in sessions of the user.
	actor *acting
	// counted says that the use of the key was counted already.
	counted bool
	// refusal is the error of the access token, on a route that takes a refresh
	// token as well.
	refusal error
	// cookie is the renewed session cookie, which is sent with the answer. Nil if
	// the cookie was not renewed.
	cookie *http.Cookie
}

// acting is an administrator who acts as a user, and the session of the
// administrator.
type acting struct {
	user    store.User
	session store.Session
}

// inAdminGroup reports whether the caller may use the routes of administration:
// by the role, or by a secret key of the application without a user. Each of these
// routes also names a scope that the key must have. A key of a user without a user
// beside it has the group of its owner.
func (c *caller) inAdminGroup() bool {
	switch {
	case c.signedIn:
		return c.user.Role == RoleAdmin
	case c.owner != nil:
		return c.owner.Role == RoleAdmin
	}
	return c.hasApplicationKey()
}

// workplace is the organisation that the caller works in and its role there. A key
// of an organisation works there alone, and is no more than a member.
func (c *caller) workplace() (organizationID, role string) {
	switch {
	case c.signedIn:
		return workplace(&c.session)
	case !c.hasOrganizationKey():
		return "", ""
	case c.member:
		return c.key.OwnerID, RoleMember
	}
	return c.key.OwnerID, ""
}

// administers reports whether the caller is an administrator for a rule that
// names no scope: by the role, or by a secret key of the application without a user
// whose scopes are nil. A key with scopes may do only what its scopes name. A key
// of a user never administers.
func (c *caller) administers() bool {
	if c.signedIn {
		return c.user.Role == RoleAdmin
	}
	return c.hasApplicationKey() && c.key.Scopes == nil
}

// is reports whether the caller is an account, or comes with a key of the account
// alone.
func (c *caller) is(userID string) bool {
	if c.signedIn {
		return c.user.ID == userID
	}
	return c.owner != nil && c.owner.ID == userID
}

// identified reports whether the caller is a user or a program with a secret
// key. A publishable key names a project, not a caller.
func (c *caller) identified() bool { return c.signedIn || c.hasSecretKey() }

func (c *caller) hasSecretKey() bool { return c.key != nil && c.key.Type == SecretKey }

// hasApplicationKey reports whether the caller has a secret key of the application.
func (c *caller) hasApplicationKey() bool { return c.hasSecretKey() && c.key.OwnerKind == "" }

// hasOrganizationKey reports whether the caller has a key of an organisation.
func (c *caller) hasOrganizationKey() bool {
	return c.hasSecretKey() && c.key.OwnerKind == OwnerOrganization
}

// actsAsOwner reports whether a key of a user or of an organisation is all that the
// caller has.
func (c *caller) actsAsOwner() bool {
	return !c.signedIn && c.hasSecretKey() && !c.hasApplicationKey()
}

func (c *caller) mayUse(scope string, exact bool) bool {
	return c.key == nil || scope == "" || scopesAllow(c.key.Scopes, scope, exact)
}

// mayGoOn refuses a session that has ended or belongs to another subject, and a
// user who was deleted or is banned.
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
// Config.RecentFor. A proof more than a minute in the future comes from a wrong
// clock and does not count. A secret key of the application passes, because it has
// no proof to renew. A key of a user does not pass: it is no proof of its owner. Nor
// does a key of an organisation.
func (k *kernel) recent(c *caller) error {
	if c.actor != nil {
		return ErrImpersonating // the user has proven nothing
	}
	if !c.signedIn {
		if c.owner != nil {
			return proofMissing(k, c.owner)
		}
		if c.hasOrganizationKey() {
			return ErrForbidden // nobody could renew it
		}
		return nil
	}
	proven, now := c.session.AuthTime, k.now()
	if now.Before(proven.Add(k.config.RecentFor)) && !proven.After(now.Add(time.Minute)) {
		return nil
	}
	return proofMissing(k, &c.user)
}

// proofMissing is the answer to a user whose proof of identity is too old. It lists
// the methods that the account has, which are read when the answer is written.
func proofMissing(k *kernel, user *store.User) *Error {
	return ErrReauthenticationRequired.listing(func(ctx context.Context) (methods []string, err error) {
		for _, list := range k.reproofs {
			more, err := list(ctx, k, user)
			if err != nil {
				return nil, err
			}
			methods = append(methods, more...)
		}
		return methods, nil
	})
}

// scopesAllow reports whether scopes cover a need such as "users:read". Nil
// scopes cover everything. Either part of a scope may be "*". With exact, a
// scope covers only the need that is written the same.
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

// describe returns the client of a request. All requests without an IP address
// count as one client, because a limit must count each request.
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

// paidKey finds whether a request has paid for what it guesses.
type paidKey struct{}

// pay notes in the request of ctx that a budget was spent for it, or that it gave
// a secret that nobody can guess. The pipeline gives no success of a guess route
// to a request that has not paid.
func pay(ctx context.Context) {
	if paid, ok := ctx.Value(paidKey{}).(*atomic.Bool); ok {
		paid.Store(true)
	}
}

func hasPaid(ctx context.Context) bool {
	paid, ok := ctx.Value(paidKey{}).(*atomic.Bool)
	return !ok || paid.Load()
}

type callerKey struct{}

func callerFrom(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// requestContext carries everything that this package knows of a request in one
// allocation, because every guarded request makes one.
type requestContext struct {
	context.Context
	lookup deadline.Context
	caller caller
	// The client is worked out from request and requestID when it is asked for.
	request   *http.Request
	requestID string
	auth      *kernel
	// paid says that a guess of this request was paid for: see pay.
	paid atomic.Bool
	// browser is nil for routes that no sign-in goes through, and without cookies.
	browser *browser
	// page is the pattern of the hosted page that answers.
	page string
}

func (c *requestContext) Value(key any) any {
	switch key.(type) {
	case paidKey:
		return &c.paid
	case callerKey:
		return &c.caller
	case hangUpKey:
		return c.request.Context()
	case clientKey:
		return describe(c.auth, c.request, c.requestID)
	case browserKey:
		return c.browser
	}
	return c.Context.Value(key)
}

// hangUpKey finds the context of a request that ends when the client hangs up, and
// not with the time limit of the store.
type hangUpKey struct{}

// afresh returns a context with the values of ctx and a time limit of its own, for
// work around a call of a provider, which may take longer than a request may wait
// for the store. It ends when the client hangs up.
func afresh(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	until := ctx
	if request, ok := ctx.Value(hangUpKey{}).(context.Context); ok {
		until = request
	}
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	stop := context.AfterFunc(until, cancel)
	return own, func() {
		stop()
		cancel()
	}
}
