package admit

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/store"
)

// Errors about who calls.
var (
	ErrUnauthorized           = &Error{Code: "auth/unauthorized", Status: http.StatusUnauthorized, Message: "Please sign in."}
	ErrInvalidToken           = &Error{Code: "auth/invalid-token", Status: http.StatusUnauthorized, Message: "The token is not valid."}
	ErrTokenExpired           = &Error{Code: "auth/token-expired", Status: http.StatusUnauthorized, Message: "The token has expired."}
	ErrSessionExpired         = &Error{Code: "auth/session-expired", Status: http.StatusUnauthorized, Message: "The session has ended. Please sign in again."}
	ErrUserNotFound           = &Error{Code: "auth/user-not-found", Status: http.StatusUnauthorized, Message: "The account does not exist any more."}
	ErrAccountBanned          = &Error{Code: "auth/account-banned", Status: http.StatusForbidden, Message: "The account is banned."}
	ErrForbidden              = &Error{Code: "auth/forbidden", Status: http.StatusForbidden, Message: "You may not do that."}
	ErrInsufficientScope      = &Error{Code: "auth/scope-insufficient", Status: http.StatusForbidden, Message: "The API key does not have the scope for that."}
	ErrReauthenticationNeeded = &Error{Code: "auth/reauthentication-required", Status: http.StatusForbidden, Message: "Please sign in again to confirm that it is you."}
)

// User is an account.
type User = store.User

// Session is one sign-in on one device.
type Session = store.Session

// Roles that Admit itself knows. A host may use others.
const (
	RoleAdmin = "admin"
	RoleUser  = "user"
	RoleGuest = "guest"
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

// identify finds out who calls a route of the API and whether they may. The
// order decides which error a caller sees: key, token, scope, role.
func (a *Auth) identify(r *http.Request, c *caller, to *route) error {
	if err := a.identifyKey(r, c); err != nil {
		return err
	}
	if c.key == nil && a.config.RequireAPIKey && !to.navigated {
		return ErrUnauthorized
	}
	if !to.exchanges {
		if err := a.identifyUser(r.Context(), r, c, to.fresh || to.who == adminGroup); err != nil {
			return err
		}
	}
	if to.who == signedIn && !c.signedIn || to.who == adminGroup && !c.identified() {
		return ErrUnauthorized
	}
	if !c.mayUse(to.scope, to.exact) {
		return ErrInsufficientScope
	}
	if to.who == adminGroup && !c.inAdminGroup() {
		return ErrForbidden
	}
	return nil
}

// identifyKey checks X-API-Key when it is there.
func (a *Auth) identifyKey(r *http.Request, c *caller) error {
	values := r.Header["X-Api-Key"]
	if len(values) == 0 {
		return nil
	}
	if len(values) > 1 {
		return ErrInvalidAPIKey
	}
	fromBrowser := len(r.Header["Origin"]) > 0 || len(r.Header["Sec-Fetch-Site"]) > 0
	key, err := a.verifyAPIKey(r.Context(), values[0], fromBrowser)
	if err != nil {
		return err
	}
	c.key = &key
	return nil
}

// identifyUser checks the access token when it is there.
func (a *Auth) identifyUser(ctx context.Context, r *http.Request, c *caller, fresh bool) error {
	raw, err := bearer(r)
	if err != nil || raw == "" {
		return err
	}
	return a.verifyAccess(ctx, raw, fresh, c)
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
func (a *Auth) verifyAccess(ctx context.Context, raw string, fresh bool, c *caller) error {
	now := a.now()
	token, err := a.tokens.verify(ctx, a.store, raw, now)
	if err != nil {
		return err
	}
	if err := a.live.find(ctx, a.store, token.Session, now, fresh, &c.session, &c.user); err != nil {
		return err
	}
	if token.generation > c.session.Generation && !fresh {
		// What is remembered is older than a refresh in another process.
		if err := a.live.find(ctx, a.store, token.Session, now, true, &c.session, &c.user); err != nil {
			return err
		}
	}
	if err := mayGoOn(&c.session, &c.user, token.Subject, now); err != nil {
		return err
	}
	if token.generation == c.session.Generation && c.session.Confirmed < token.generation {
		if err := a.store.ConfirmSession(ctx, tenant, c.session.ID, token.generation); err != nil {
			// The session is read and lives; a store that cannot be written
			// to at the moment must not shut its users out.
			a.log.WarnContext(ctx, "could not confirm a refreshed session", "session", c.session.ID, "error", err)
		} else {
			a.live.forget(c.user.ID)
		}
	}
	a.active.seen(&c.session, now)
	c.signedIn = true
	return nil
}

// mayGoOn refuses a session that has ended and a user who may not be here.
func mayGoOn(session *store.Session, user *store.User, subject string, now time.Time) error {
	switch {
	case session.UserID != subject || user.ID != subject:
		return ErrInvalidToken
	case user.Deleted():
		return ErrUserNotFound
	case user.Banned(now):
		return ErrAccountBanned
	case !session.Live(now):
		return ErrSessionExpired
	}
	return nil
}

// recent refuses a caller whose proof of identity is older than
// Config.RecentFor. A secret key has none to renew.
func (a *Auth) recent(c *caller) error {
	if !c.signedIn {
		return nil
	}
	if now := a.now(); now.Before(c.session.AuthTime.Add(a.config.RecentFor)) {
		return nil
	}
	methods := []string{"password"}
	if !a.config.MagicLink.Disabled {
		methods = append(methods, "magiclink") // for those who have no password, too
	}
	return ErrReauthenticationNeeded.detail("methods", methods)
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
