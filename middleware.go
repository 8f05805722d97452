package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/admit-go/admit/internal/deadline"
)

// RequireUser lets requests of signed-in users pass, guests too. Everyone else
// gets the JSON error of the API. The handler finds the user with [UserFrom].
func (a *Auth) RequireUser(next http.Handler) http.Handler {
	return a.guard(next, false, func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return nil
	})
}

// OptionalUser lets everybody pass; [UserFrom] tells who is signed in. A
// credential that is there but no good is refused all the same.
func (a *Auth) OptionalUser(next http.Handler) http.Handler {
	return a.guard(next, false, func(*caller) error { return nil })
}

// RequireRole lets users with a role pass, and administrators with every role.
// For RoleAdmin a secret API key passes too. Roles are always asked of the
// store, whatever SessionConfig.Staleness.
func (a *Auth) RequireRole(role string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return a.guard(next, true, func(c *caller) error {
			switch {
			case !c.identified():
				return ErrUnauthorized
			case c.inAdminGroup() || c.signedIn && c.user.Role == role:
				return nil
			}
			return ErrForbidden
		})
	}
}

// RequireScope lets a caller pass who is signed in or sends a secret key, and
// whose API key, where one is sent, has the scope.
func (a *Auth) RequireScope(scope string) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return a.guard(next, false, func(c *caller) error {
			switch {
			case !c.identified():
				return ErrUnauthorized
			case !c.mayUse(scope, false):
				return ErrScopeInsufficient
			}
			return nil
		})
	}
}

// RequireRecent lets signed-in users pass whose proof of identity is younger
// than Config.RecentFor; others get 403 auth/reauthentication-required.
func (a *Auth) RequireRecent(next http.Handler) http.Handler {
	return a.guard(next, true, func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return a.recent(c)
	})
}

// UserFrom returns the signed-in user of a request that passed one of the
// guards.
func UserFrom(ctx context.Context) (User, bool) {
	if c := callerFrom(ctx); c != nil && c.signedIn {
		return c.user, true
	}
	return User{}, false
}

// SessionFrom returns the session of a request that passed one of the guards.
func SessionFrom(ctx context.Context) (Session, bool) {
	if c := callerFrom(ctx); c != nil && c.signedIn {
		return c.session, true
	}
	return Session{}, false
}

// APIKeyFrom returns the API key of a request that passed one of the guards.
func APIKeyFrom(ctx context.Context) (APIKey, bool) {
	if c := callerFrom(ctx); c != nil && c.key != nil {
		return *c.key, true
	}
	return APIKey{}, false
}

// VerifyToken checks an access token as RequireUser does, for use where there
// is no request (a WebSocket message, a queue). It answers the errors that the
// guards answer, and ErrUnavailable when the store cannot be asked.
func (a *Auth) VerifyToken(ctx context.Context, token string) (User, Session, error) {
	var limit deadline.Context
	limit.Start(ctx, a.config.RequestTimeout)
	defer limit.Stop()
	var c caller
	if err := a.verifyAccess(&limit, token, false, &c); err != nil {
		return User{}, Session{}, err
	}
	return c.user, c.session, nil
}

// guard identifies the caller once, however many guards stand before a handler,
// and asks whether the request may pass.
func (a *Auth) guard(next http.Handler, fresh bool, pass func(*caller) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer := callerFrom(r.Context())
		if outer != nil && outer.by == a.machinery && !fresh {
			if err := pass(outer); err != nil {
				a.refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		ctx := &requestContext{Context: r.Context(), request: r, auth: a.kernel, caller: caller{by: a.machinery}}
		ctx.lookup.Start(r.Context(), a.config.RequestTimeout)
		err := a.identifyHost(r, ctx, fresh)
		ctx.lookup.Stop()
		if err == nil {
			err = pass(&ctx.caller)
		}
		if err != nil {
			a.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (a *Auth) identifyHost(r *http.Request, ctx *requestContext, fresh bool) error {
	if len(r.Header["X-Api-Key"]) > 0 {
		if err := a.identifyKey(r.WithContext(&ctx.lookup), &ctx.caller); err != nil {
			return err
		}
	}
	return a.identifyUser(&ctx.lookup, r, &ctx.caller, fresh)
}

// refuse answers a request to a host's route with an error of the API.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("X-Request-Id") == "" {
		h.Set("X-Request-Id", requestID())
	}
	a.fail(w, r, err)
}

// RequirePolicy lets a caller pass who meets a policy such as
// "user & role:editor | self". Its terms are public, guest (anyone), user,
// admin, self (the caller is the user that owner names), role:name, role:* (any
// role but guest) and org:name (the caller's role in the organisation of the
// session); & binds tighter than |, and administrators always pass. A policy
// that cannot be read is logged and lets nobody pass.
func (a *Auth) RequirePolicy(text string, owner func(*http.Request) string) func(http.Handler) http.Handler {
	parsed, err := parsePolicy(text)
	if err == nil && owner == nil && strings.Contains(text, "self") {
		err = errors.New("it says self, but no function names the owner")
	}
	if err != nil {
		err = fmt.Errorf("policy %q: %w", text, err)
		a.log.Error("a policy cannot be read, so it lets nobody pass", "error", err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err != nil {
				a.refuse(w, r, ErrInternal.because(err))
				return
			}
			a.guard(next, true, func(c *caller) error {
				switch {
				case c.inAdminGroup() || parsed.allows(c, func() bool { return owner(r) == c.user.ID }):
					return nil
				case !c.identified():
					return ErrUnauthorized
				}
				return ErrForbidden
			}).ServeHTTP(w, r)
		})
	}
}
