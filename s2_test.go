package admit

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

// between is a store that lets something happen once between what a guard read and the
// transaction of the rule, which has the context of ruleContext. The workers have
// transactions of their own at the same time.
type between struct {
	store.Store
	once atomic.Pointer[func()]
}

type betweenKey struct{}

// ruleContext is the context of the rules of a test.
func ruleContext(t *testing.T) context.Context {
	return context.WithValue(t.Context(), betweenKey{}, true)
}

func (b *between) Tx(ctx context.Context, fn func(ctx context.Context, tx store.Store) error) error {
	if ctx.Value(betweenKey{}) != nil {
		if do := b.once.Swap(nil); do != nil {
			(*do)()
		}
	}
	return b.Store.Tx(ctx, fn)
}

func (b *between) before(do func()) { b.once.Store(&do) }

// A request that was let in before a revocation does nothing after it.
func TestS2_RulesLookAtTheCallerAgain(t *testing.T) {
	held := &between{Store: memory.New()}
	p := newPausing(t, func(c *Config) { c.Store = held })
	p.strict = false
	ctx := ruleContext(t)
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made := 0
	person := func(role string) (User, context.Context) {
		t.Helper()
		made++
		email := string(rune('a'+made)) + "@example.com"
		_, err := p.Users.Create(ctx, CreateUserParams{Email: email, Name: "Ann", InsecurePassword: "quiet harbour lamp", EmailVerified: true, Role: role})
		fail(err)
		signed, err := p.Passwords.SignIn(ctx, SignInParams{Email: email, Password: "quiet harbour lamp"})
		fail(err)
		return signed.User, context.WithValue(ctx, callerKey{}, p.caller(t, signed))
	}
	// Each rule is tried as somebody who is signed in, and returns its error.
	rules := map[string]func(ctx context.Context, u User) error{
		"change of password": func(ctx context.Context, u User) error {
			_, err := p.Passwords.Change(ctx, ChangePasswordParams{UserID: u.ID, Current: "quiet harbour lamp", New: "green bicycle tower"})
			return err
		},
		"change of address": func(ctx context.Context, u User) error {
			return p.EmailChanges.Request(ctx, EmailChangeParams{UserID: u.ID, Email: "x" + u.Email})
		},
		"end of a session": func(ctx context.Context, u User) error {
			_, err := p.Sessions.EndOthers(ctx, EndOtherSessionsParams{UserID: u.ID})
			return err
		},
		"new key": func(ctx context.Context, u User) error {
			_, err := p.APIKeys.Create(ctx, CreateAPIKeyParams{Name: "n", Type: SecretKey, OwnerID: u.ID})
			return err
		},
		"new passkey": func(ctx context.Context, u User) error {
			_, err := p.Passkeys.BeginRegistration(ctx, BeginPasskeyParams{UserID: u.ID})
			return err
		},
		"new name of a passkey": func(ctx context.Context, u User) error {
			_, err := p.Passkeys.Rename(ctx, RenamePasskeyParams{UserID: u.ID, ID: p.newID(), Name: "n"})
			return err
		},
		"end of a passkey": func(ctx context.Context, u User) error {
			return p.Passkeys.Remove(ctx, RemovePasskeyParams{UserID: u.ID, ID: p.newID()})
		},
		"role of another": func(ctx context.Context, _ User) error {
			other, _ := person(RoleUser)
			return p.Users.SetRole(ctx, SetRoleParams{UserID: other.ID, Role: "editor"})
		},
	}
	causes := map[string]struct {
		do   func(u User) error
		want *Error
	}{
		"sign-out": {func(u User) error {
			_, err := p.Sessions.EndOthers(ctx, EndOtherSessionsParams{UserID: u.ID})
			return err
		}, ErrSessionExpired},
		"ban":      {func(u User) error { return p.Users.Ban(ctx, BanParams{UserID: u.ID}) }, ErrAccountBanned},
		"demotion": {func(u User) error { return p.Users.SetRole(ctx, SetRoleParams{UserID: u.ID, Role: RoleUser}) }, ErrForbidden},
	}
	person(RoleAdmin) // so that nobody below is the last administrator
	for rule, run := range rules {
		for cause, c := range causes {
			user, asCaller := person(RoleAdmin)
			var failed error
			held.once.Store(nil)
			if rule == "role of another" {
				// The other account is made first, so the rule's own transaction is the next.
				other, _ := person(RoleUser)
				run = func(ctx context.Context, _ User) error {
					return p.Users.SetRole(ctx, SetRoleParams{UserID: other.ID, Role: "editor"})
				}
			}
			held.before(func() { failed = c.do(user) })
			err := run(asCaller, user)
			if failed != nil {
				t.Fatalf("%s: %v", cause, failed)
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%s after a %s answered %v, want %v", rule, cause, err, c.want)
			}
		}
	}
}

// A key that was revoked between guard and rule does nothing.
func TestS2_ARevokedKeyDoesNothing(t *testing.T) {
	held := &between{Store: memory.New()}
	p := newPausing(t, func(c *Config) { c.Store = held })
	ctx := ruleContext(t)
	parent, err := p.APIKeys.Create(ctx, CreateAPIKeyParams{Name: "n", Type: SecretKey})
	if err != nil {
		t.Fatal(err)
	}
	program := &caller{by: p.machinery}
	if err := p.APIKeys.findKey(ctx, parent.Key, false, program); err != nil {
		t.Fatal(err)
	}
	asKey := context.WithValue(ctx, callerKey{}, program)
	held.before(func() { err = p.APIKeys.Revoke(ctx, parent.ID) })
	if _, refused := p.APIKeys.Create(asKey, CreateAPIKeyParams{Name: "child", Type: SecretKey}); err != nil || !errors.Is(refused, ErrAPIKeyRevoked) {
		t.Errorf("a revoked key made a key: %v (revoked: %v)", refused, err)
	}
}

// caller is who signed in, as the guards find it.
func (p *pausing) caller(t *testing.T, signed SignedIn) *caller {
	t.Helper()
	session, user, err := p.store.SessionUser(t.Context(), tenant, signed.Session.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &caller{by: p.machinery, user: user, session: session, signedIn: true}
}

// What exchanges another proof does not depend on who is signed in.
func TestSigningInDoesNotDependOnWhoIsSignedIn(t *testing.T) {
	p := newPausing(t)
	p.strict = false
	user := p.user(t)
	signed, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: "quiet harbour lamp"})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithValue(t.Context(), callerKey{}, p.caller(t, signed))
	if err := p.Sessions.SignOut(ctx, signed.Session); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Passwords.SignIn(ctx, SignInParams{Email: user.Email, Password: "quiet harbour lamp"}); err != nil {
		t.Errorf("signing in again: %v", err)
	}
}
