package admit

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/admit-go/admit/internal/deadline"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/ui"
)

// RequireUser lets signed-in users pass, also guests. For anybody else it
// answers with the JSON error of the API. The handler gets the user from
// [UserFrom].
func (a *Auth) RequireUser(next http.Handler) http.Handler {
	return a.guard(next, 0, func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return nil
	})
}

// OptionalUser lets everybody pass. [UserFrom] returns the user if somebody is
// signed in. An invalid credential is still refused.
func (a *Auth) OptionalUser(next http.Handler) http.Handler {
	return a.guard(next, deadCookie, func(*caller) error { return nil })
}

// RequireVerified lets signed-in users with a verified address pass. Other
// users get 403 auth/email-not-verified.
func (a *Auth) RequireVerified(next http.Handler) http.Handler {
	return a.guard(next, freshly, func(c *caller) error {
		switch {
		case !c.signedIn:
			return ErrUnauthorized
		case c.user.EmailVerifiedAt.IsZero():
			return ErrEmailNotVerified
		}
		return nil
	})
}

// RequireRole lets signed-in users with one of the roles pass. An API key
// beside the token changes nothing. An administrator passes only if RoleAdmin
// is listed. If RoleAdmin is listed, a secret key of the application with nil
// scopes passes too. The role is always read from the store, whatever
// SessionConfig.Staleness is.
func (a *Auth) RequireRole(role string, others ...string) func(http.Handler) http.Handler {
	roles := append([]string{role}, others...)
	for _, role := range roles {
		if !validRole(role) {
			return a.nobody(fmt.Errorf("RequireRole(%q): a role has 1 to 50 of a-z, 0-9, - and _", role))
		}
	}
	return func(next http.Handler) http.Handler {
		return a.guard(next, freshly, func(c *caller) error {
			switch {
			case !c.identified():
				return ErrUnauthorized
			case c.signedIn && slices.Contains(roles, c.user.Role):
				return nil
			case c.administers() && slices.Contains(roles, RoleAdmin):
				return nil
			}
			return ErrForbidden
		})
	}
}

// RequireKey lets secret API keys with the scope pass, and nobody else.
// Wildcards and nil scopes include every scope. A key of a user or of an organisation
// has no scope that its owner does not have (Config.APIKeys). A signed-in user without a secret key
// gets 403 auth/key-required.
func (a *Auth) RequireKey(scope string) func(http.Handler) http.Handler {
	if !validScope(scope) {
		return a.nobody(scopeProblem("RequireKey", scope))
	}
	return func(next http.Handler) http.Handler {
		return a.guard(next, freshly, func(c *caller) error {
			switch {
			case !c.identified():
				return ErrUnauthorized
			case !c.hasSecretKey():
				return ErrKeyRequired
			case !scopesAllow(c.key.Scopes, scope, false):
				return ErrScopeInsufficient
			}
			return nil
		})
	}
}

// RequireUserOrKey lets signed-in users pass, and secret API keys with the
// scope. [CallerFrom] tells the user, or the owner or the organisation of the key.
func (a *Auth) RequireUserOrKey(scope string) func(http.Handler) http.Handler {
	if !validScope(scope) {
		return a.nobody(scopeProblem("RequireUserOrKey", scope))
	}
	return func(next http.Handler) http.Handler {
		return a.guard(next, 0, func(c *caller) error {
			switch {
			case c.signedIn:
				return nil
			case !c.identified():
				return ErrUnauthorized
			case !scopesAllow(c.key.Scopes, scope, false):
				return ErrScopeInsufficient
			}
			return nil
		})
	}
}

// RequireRecent lets signed-in users pass whose proof of identity is younger
// than Config.RecentFor. Other users get 403 auth/reauthentication-required.
func (a *Auth) RequireRecent(next http.Handler) http.Handler {
	return a.guard(next, freshly, func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return a.recent(c)
	})
}

// RequireFactor lets signed-in users pass whose session has two factors. A user
// who has a second factor and came in without it, from a remembered device, say,
// gets 403 auth/reauthentication-required; a user who has none gets 403
// auth/mfa-enrollment-required.
func (a *Auth) RequireFactor(next http.Handler) http.Handler {
	return a.guard(next, freshly, func(c *caller) error {
		if !c.signedIn {
			return ErrUnauthorized
		}
		return needsFactor(a.kernel, c)
	})
}

// needsFactor refuses a signed-in user whose session was not proven with two factors.
func needsFactor(k *kernel, c *caller) error {
	switch {
	case c.actor != nil:
		return ErrImpersonating
	case c.session.ACR() == store.TwoFactors:
		return nil
	}
	return factorMissing(k, &c.user)
}

// RequireOrganization lets signed-in users pass whose session works in an
// organisation in which their role is the given one or includes it; see
// [OrganizationConfig]. With RoleMember every member passes. Other users get 403
// auth/forbidden. The role is always read from the store, so that a new role and a
// removal hold at once. [CallerFrom] tells the organisation.
//
// With RoleMember, and with no other role, a key of an organisation passes alone if
// its scopes are nil: it works in its organisation as a member. For a key with scopes
// use RequireKey or RequireUserOrKey, which ask for one.
func (a *Auth) RequireOrganization(role string) func(http.Handler) http.Handler {
	if !a.config.Organizations.knows(role) {
		return a.nobody(fmt.Errorf("RequireOrganization(%q): organisations have no such role", role))
	}
	return func(next http.Handler) http.Handler {
		return a.guard(next, freshly, func(c *caller) error {
			switch {
			case !c.signedIn && c.member && role == RoleMember:
				return nil
			case c.actsAsOwner() && c.hasOrganizationKey():
				return ErrForbidden
			case !c.signedIn:
				return ErrUnauthorized
			case !a.config.Organizations.covers(c.session.OrganizationRole, role):
				return ErrForbidden
			}
			return nil
		})
	}
}

// Caller is who sent a request that passed a guard. What is not there is nil: a
// program that sends a key has no user, and most users send no key.
type Caller struct {
	User    *User
	Session *Session
	// Key has, if it belongs to a user or an organisation, only the scopes that its
	// owner has too.
	Key *APIKey
	// Owner is the account that the key belongs to, if it is a key of a user. The
	// program acts in the name of the account, within the scopes of the key.
	Owner *User
	// Actor is the administrator who acts as User. Nil if nobody does. Show a banner
	// then, and refuse what only the user may do: RequireRecent and RequireFactor do.
	Actor *User
	// OrganizationID is the organisation that the session works in, and
	// OrganizationRole the role of the user there. Both are "" outside of any. Without
	// a user, OrganizationID is the organisation that Key belongs to, and
	// OrganizationRole is RoleMember for a key that was made without scopes, else "":
	// a key with scopes may do only what a guard with a scope lets it do.
	OrganizationID, OrganizationRole string
}

// CallerFrom returns who sent a request that passed a guard. It returns false
// for a request without a credential, and outside a guard.
func CallerFrom(ctx context.Context) (Caller, bool) {
	c := callerFrom(ctx)
	if c == nil || !c.signedIn && c.key == nil {
		return Caller{}, false
	}
	who := Caller{}
	if c.signedIn {
		user, session := userOf(&c.user), sessionOf(&c.session)
		who.User, who.Session = &user, &session
	}
	who.OrganizationID, who.OrganizationRole = c.workplace()
	if c.key != nil {
		key := apiKeyOf(c.key)
		who.Key = &key
	}
	if c.actor != nil {
		actor := userOf(&c.actor.user)
		who.Actor = &actor
	}
	if c.owner != nil {
		owner := userOf(c.owner)
		who.Owner = &owner
	}
	return who, true
}

// UserFrom returns the signed-in user of a request that passed one of the
// guards.
func UserFrom(ctx context.Context) (User, bool) {
	if c := callerFrom(ctx); c != nil && c.signedIn {
		return userOf(&c.user), true
	}
	return User{}, false
}

// SessionFrom returns the session of a request that passed one of the guards.
func SessionFrom(ctx context.Context) (Session, bool) {
	if c := callerFrom(ctx); c != nil && c.signedIn {
		return sessionOf(&c.session), true
	}
	return Session{}, false
}

// APIKeyFrom returns the API key of a request that passed one of the guards.
func APIKeyFrom(ctx context.Context) (APIKey, bool) {
	if c := callerFrom(ctx); c != nil && c.key != nil {
		return apiKeyOf(c.key), true
	}
	return APIKey{}, false
}

// Client gives the rules that next calls the client address, the user agent and
// the request id of the request. Put it around forms of the host that call
// rules. Without it these rules count no client address, and sessions do not
// show where they come from.
func (a *Auth) Client(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := describe(a.kernel, r, w.Header().Get("X-Request-Id"))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), clientKey{}, client)))
	})
}

// LimitClass is a limit per client address. The routes of the API and the forms
// of the host share it.
type LimitClass string

// The classes of limits. docs/ratelimit.md has the figures.
const (
	// GuessLimit is for forms that check something that can be guessed. Every
	// request counts. The rules of this package count guesses themselves, so a
	// form that calls them needs only [Auth.Client].
	GuessLimit = LimitClass(limitGuess)
	// SignUpLimit is for forms that make accounts.
	SignUpLimit = LimitClass(limitSignUp)
	// MailLimit is for forms that send the host's own mail to an address that
	// the client names. The rules of this package count their mails themselves.
	MailLimit = LimitClass(limitMail)
)

// Limit bounds forms of the host by a class, together with the routes of the
// API. If the limit is reached it answers 429 with Retry-After and does not
// call the handler. It also does what [Auth.Client] does.
func (a *Auth) Limit(class LimitClass) func(http.Handler) http.Handler {
	budget := map[LimitClass]string{GuessLimit: clientGuess, SignUpLimit: clientSignUp, MailLimit: clientMail}[class]
	if budget == "" {
		return a.nobody(fmt.Errorf("Limit(%q): there is no such class", class))
	}
	return func(next http.Handler) http.Handler {
		return a.Client(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := a.spendClient(r.Context(), budget); err != nil {
				a.refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		}))
	}
}

// VerifyToken checks an access token as RequireUser does, where there is no
// request (a message on a WebSocket, a job in a queue). It returns the errors
// of the guards, and ErrUnavailable if the store does not answer.
func (a *Auth) VerifyToken(ctx context.Context, token string) (User, Session, error) {
	var limit deadline.Context
	limit.Start(ctx, a.config.RequestTimeout)
	defer limit.Stop()
	var c caller
	if err := a.verifyAccess(&limit, token, false, &c); err != nil {
		return User{}, Session{}, err
	}
	return userOf(&c.user), sessionOf(&c.session), nil
}

// manner is how a guard identifies the caller.
type manner int

const (
	// freshly asks the store, whatever is remembered.
	freshly manner = 1 << iota
	// deadCookie takes a caller whose session cookie is no good for nobody.
	deadCookie
)

// guard identifies the caller once, however many guards stand before a handler,
// and asks whether the request may pass.
func (a *Auth) guard(next http.Handler, how manner, pass func(*caller) error) http.Handler {
	return guardOr(a, next, how, pass, a.refuse)
}

// guardOr is guard with another answer to a request that may not pass.
func guardOr(a *Auth, next http.Handler, how manner, pass func(*caller) error, refuse func(http.ResponseWriter, *http.Request, error)) http.Handler {
	fresh := how&freshly != 0
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		outer := callerFrom(r.Context())
		if outer != nil && outer.by == a.machinery && !fresh {
			if err := pass(outer); err != nil {
				refuse(w, r, err)
				return
			}
			next.ServeHTTP(w, r)
			return
		}
		ctx := &requestContext{Context: r.Context(), request: r, auth: a.kernel, caller: caller{by: a.machinery, counted: outer != nil && outer.by == a.machinery && outer.key != nil}}
		ctx.lookup.Start(r.Context(), a.config.RequestTimeout)
		err := identifyHost(a.kernel, r, ctx, fresh)
		ctx.lookup.Stop()
		if err != nil && how&deadCookie != 0 && cookieRefused(a.kernel, r, &ctx.caller, err) {
			clearCookie(a.kernel, w.Header())
			ctx.caller = caller{by: a.machinery, key: ctx.caller.key, owner: ctx.caller.owner, member: ctx.caller.member}
			err = nil
		}
		if err == nil {
			err = pass(&ctx.caller)
		}
		if err != nil {
			refuse(w, r, err)
			return
		}
		if ctx.caller.cookie != nil {
			putCookie(w.Header(), ctx.caller.cookie)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func identifyHost(k *kernel, r *http.Request, ctx *requestContext, fresh bool) error {
	if len(r.Header["X-Api-Key"]) > 0 {
		if err := k.identifyKey(r.WithContext(&ctx.lookup), &ctx.caller); err != nil {
			return err
		}
	}
	return k.identifyUser(&ctx.lookup, r, &ctx.caller, fresh)
}

// refuse answers a request to a host's route with an error of the API.
func (a *Auth) refuse(w http.ResponseWriter, r *http.Request, err error) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if h.Get("X-Request-Id") == "" {
		h.Set("X-Request-Id", requestID())
	}
	answer := report(a.log, w, r, err)
	if a.hosted.Handler != nil && answer.Status == http.StatusForbidden && navigatesToPage(r) {
		h.Add("Vary", "Accept, Cookie, Sec-Fetch-Mode")
		if a.visitor(w, r).showError(answer, ui.Page{}) == nil {
			return
		}
	}
	writeError(a.kernel, w, r, answer)
}

// RequirePolicy lets a caller pass who meets a policy such as "user &
// role:editor | self". [ParsePolicy] describes the terms. owner returns the id
// of the user who owns the thing that the request is about. A policy with the
// term self needs owner. If the policy cannot be read, RequirePolicy logs an
// error, and the guard lets nobody pass. Call ParsePolicy at the start of the
// host to stop on such a policy.
func (a *Auth) RequirePolicy(text string, owner func(*http.Request) string) func(http.Handler) http.Handler {
	parsed, err := ParsePolicy(text)
	if err == nil && owner == nil {
		err = parsed.withoutOwner()
	}
	if err != nil {
		return a.nobody(err)
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.guard(next, freshly, func(c *caller) error {
				switch {
				case c.administers() || parsed.allows(c, func() bool { return owner(r) == c.user.ID }):
					return nil
				case !c.identified():
					return ErrUnauthorized
				}
				return ErrForbidden
			}).ServeHTTP(w, r)
		})
	}
}

// nobody is the guard for a role, a scope or a policy that cannot be read. It
// logs the cause once and answers 500 to every request.
func (a *Auth) nobody(cause error) func(http.Handler) http.Handler {
	a.log.Error("a guard cannot be read, so it lets nobody pass", "error", cause)
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.refuse(w, r, ErrInternal.because(cause)) })
	}
}

func scopeProblem(guard, scope string) error {
	return fmt.Errorf("%s(%q): a scope has the form resource:operation", guard, scope)
}
