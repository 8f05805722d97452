package admit

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"golang.org/x/crypto/bcrypt"
)

// A password that leaks after it was chosen is found at the next sign-in. From
// then on it opens no session, and the owner's other doors stay open.

// corpusOf is what is known to have leaked, and how often it was asked.
type corpusOf struct {
	leaked map[string]bool
	asked  int
	down   error
	then   func()
	// bounded says whether the last question had a time limit.
	bounded bool
}

func (c *corpusOf) ask(ctx context.Context, password string) (bool, error) {
	c.asked++
	if c.then != nil {
		c.then()
	}
	_, c.bounded = ctx.Deadline()
	return c.leaked[password], c.down
}

func newLeaking(t *testing.T, change ...func(*Config)) (living, *corpusOf, store.User) {
	t.Helper()
	known := &corpusOf{leaked: map[string]bool{}}
	l := newLiving(t, false, append(change, func(c *Config) { c.Passwords.Leaked = known.ask })...)
	user := l.verified("ann@x.test")
	known.asked = 0
	return l, known, user
}

func TestALeakedPasswordOpensNoSessionFromTheSignInThatFindsIt(t *testing.T) {
	l, known, user := newLeaking(t)
	l.ok(l.signIn("ann@x.test", password(0)))
	signed, err := l.Passwords.SignIn(t.Context(), SignInParams{Email: "ann@x.test", Password: password(0)})
	l.ok(err)
	known.leaked[password(0)] = true
	known.asked = 0
	if err := l.signIn("ann@x.test", password(1)); !errors.Is(err, ErrInvalidCredentials) || known.asked != 0 {
		t.Errorf("a wrong password: %v, and %d questions about it", err, known.asked)
	}
	for range 2 {
		if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrPasswordExpired) {
			t.Fatalf("a leaked password: %v", err)
		}
	}
	if known.asked != 1 {
		t.Errorf("%d questions about a password that is marked", known.asked)
	}
	// The mark outlives the answer, and the server.
	known.leaked, known.down = nil, errors.New("down")
	if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrPasswordExpired) {
		t.Errorf("a marked password, later: %v", err)
	}
	events, err := l.store.ListEvents(t.Context(), store.EventQuery{SubjectID: user.ID, Kind: eventPasswordLeaked, Limit: 10})
	if l.ok(err); len(events) != 1 {
		t.Errorf("%d events", len(events))
	}
	// Who is signed in stays so, and can change it, knowing it.
	if _, _, err := l.VerifyToken(t.Context(), signed.Tokens.AccessToken); err != nil {
		t.Errorf("the session of the owner: %v", err)
	}
	known.down = nil
	_, err = l.Passwords.Change(t.Context(), ChangePasswordParams{UserID: user.ID, Current: password(0), New: password(1)})
	l.ok(err)
	l.ok(l.signIn("ann@x.test", password(1)))
}

func TestTheOwnerOfALeakedPasswordHasTheDoorsOfTheMailbox(t *testing.T) {
	l, known, _ := newLeaking(t)
	known.leaked[password(0)] = true
	if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrPasswordExpired) {
		t.Fatalf("a leaked password: %v", err)
	}
	_, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "ann@x.test"})
	l.ok(err)
	_, err = l.MagicLinks.Redeem(t.Context(), l.token(mailer.MagicLink, "ann@x.test"))
	l.ok(err)
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	token := l.token(mailer.PasswordReset, "ann@x.test")
	if _, err := l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: token, NewPassword: password(0)}); !errors.Is(err, ErrWeakPassword) {
		t.Errorf("the leaked password is chosen again: %v", err)
	}
	_, err = l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: token, NewPassword: password(1)})
	l.ok(err)
	l.ok(l.signIn("ann@x.test", password(1)))
}

// A sign-in does not depend on the server that knows the leaked passwords.
func TestASignInGoesOnWhereNobodyKnowsWhetherItsPasswordHasLeaked(t *testing.T) {
	l, known, _ := newLeaking(t)
	known.down = errors.New("down")
	l.ok(l.signIn("ann@x.test", password(0)))
}

func TestASignInWaitsForNoServerForEver(t *testing.T) {
	l, known, _ := newLeaking(t)
	l.ok(l.signIn("ann@x.test", password(0)))
	if !known.bounded {
		t.Error("the question about a leak has no time limit")
	}
}

// The mark is for the password that was asked about, and for no newer one.
func TestAMarkMeetsNoNewerPassword(t *testing.T) {
	l, known, user := newLeaking(t)
	known.leaked[password(0)] = true
	known.then = func() {
		known.then = nil
		hash, err := l.hash(t.Context(), password(1))
		l.ok(err)
		l.ok(l.store.PutPassword(t.Context(), store.Password{UserID: user.ID, Hash: hash, ChangedAt: l.kernel.now().Add(time.Second)}))
	}
	if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("a password that was replaced meanwhile: %v", err)
	}
	l.ok(l.signIn("ann@x.test", password(1)))
}

// Of two sign-ins at the same time, neither opens a session.
func TestASignInBesideTheOneThatFindsALeakIsRefusedToo(t *testing.T) {
	l, known, _ := newLeaking(t)
	known.leaked[password(0)] = true
	var beside error
	known.then = func() {
		known.then = nil
		beside = l.signIn("ann@x.test", password(0))
	}
	if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrPasswordExpired) || !errors.Is(beside, ErrPasswordExpired) {
		t.Errorf("the two were answered %v and %v", err, beside)
	}
}

// An import that is run again takes no mark away.
func TestAMarkStaysWhenTheImportIsRunAgain(t *testing.T) {
	l, known, _ := newLeaking(t)
	hash, err := bcrypt.GenerateFromPassword([]byte(password(1)), bcrypt.MinCost)
	l.ok(err)
	known.leaked[password(1)] = true
	for range 2 {
		_, err := l.Imports.User(t.Context(), ImportUserParams{Email: "bob@x.test", Name: "Bob", PasswordHash: string(hash), EmailVerified: true})
		l.ok(err)
		if err := l.signIn("bob@x.test", password(1)); !errors.Is(err, ErrPasswordExpired) {
			t.Errorf("a leaked password that was imported: %v", err)
		}
		known.leaked, known.down = nil, errors.New("down") // the mark alone refuses now
	}
}

// Neither a proof inside a session nor the renewed hash that follows it takes the
// mark away. An export has the hash alone.
func TestAMarkStaysUntilThePasswordIsReplaced(t *testing.T) {
	l, known, user := newLeaking(t)
	known.leaked[password(0)] = true
	if err := l.signIn("ann@x.test", password(0)); !errors.Is(err, ErrPasswordExpired) {
		t.Fatalf("a leaked password: %v", err)
	}
	marked := func() bool {
		stored, err := l.store.Password(t.Context(), tenant, user.ID)
		l.ok(err)
		return strings.HasPrefix(stored.Hash, leakedMark)
	}
	old, err := bcrypt.GenerateFromPassword([]byte(password(0)), bcrypt.MinCost)
	l.ok(err)
	l.ok(l.store.PutPassword(t.Context(), store.Password{UserID: user.ID, Hash: leakedMark + string(old), ChangedAt: l.kernel.now()}))
	proven, err := provePassword(t.Context(), l.kernel, &user, password(0))
	l.ok(err)
	if proven.upgrade == "" {
		t.Fatal("the hash is not renewed, so this proves nothing")
	}
	l.ok(l.tx(t.Context(), func(ctx context.Context, tx *txn) error { return lockStillThePassword(ctx, tx, proven) }))
	if !marked() {
		t.Error("a proof inside a session took the mark away")
	}
	for one, err := range l.Users.Export(t.Context(), ExportUsersParams{}) {
		l.ok(err)
		if !strings.Contains(one.PasswordHash, "$argon2id$") || strings.Contains(one.PasswordHash, leakedMark) {
			t.Errorf("the export has %q", one.PasswordHash)
		}
	}
}
