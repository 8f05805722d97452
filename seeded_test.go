package admit

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// What two accounts, two clients or two transactions must not share. Each test
// kills mistakes that stay green where one account and one client are tried.

// twoOwners are two accounts with verified addresses.
func twoOwners(t *testing.T, change ...func(*Config)) (l living, ann, bob store.User) {
	t.Helper()
	l = newLiving(t, false, change...)
	ann = l.verified("ann@x.test")
	_, err := l.signUp("bob@x.test", password(1))
	l.ok(err)
	l.ok(l.Verifications.Confirm(t.Context(), TokenParams{Token: l.token(mailer.SignupConfirmation, "bob@x.test")}))
	bob, _ = l.at("bob@x.test")
	return l, ann, bob
}

// A client is known to the account that it has signed in to, and to no other: an
// account of one's own earns no guesses at others.
func TestAClientIsKnownToItsOwnAccountAlone(t *testing.T) {
	l, _, _ := twoOwners(t, func(c *Config) { c.InsecureNoLimits = false })
	bobs := at(t, "192.0.2.77")
	_, err := l.Passwords.SignIn(bobs, SignInParams{Email: "bob@x.test", Password: password(1)})
	l.ok(err)
	for i := range 12 {
		_, err = l.Passwords.SignIn(bobs, SignInParams{Email: "ann@x.test", Password: password(1)})
		if want := ErrInvalidCredentials; i < 10 && !errors.Is(err, want) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if !errors.Is(err, ErrTooManyLoginAttempts) {
		t.Errorf("a client of another account guesses on: %v", err)
	}
}

// Each owner is told of a new device, also of one that others use too.
func TestADeviceIsNewToEachAccount(t *testing.T) {
	l, _, _ := twoOwners(t)
	l.ok(l.signIn("ann@x.test", password(0)))
	l.ok(l.signIn("bob@x.test", password(1)))
	phone := WithClient(t.Context(), Client{IPAddress: "192.0.2.1", UserAgent: "curl/8.1"})
	for i, box := range []string{"ann@x.test", "bob@x.test"} {
		before := len(l.letters(mailer.NewDevice, box))
		_, err := l.Passwords.SignIn(phone, SignInParams{Email: box, Password: password(i)})
		l.ok(err)
		if told := len(l.letters(mailer.NewDevice, box)) - before; told != 1 {
			t.Errorf("%s was told %d times", box, told)
		}
	}
}

// A session whose address has moved to another account proves nothing with the
// password of that account.
func TestAPasswordProvesItsOwnAccountAlone(t *testing.T) {
	l, ann, _ := twoOwners(t)
	stale := ann
	stale.Email, stale.EmailKey = "bob@x.test", "bob@x.test"
	if _, err := provePassword(t.Context(), l.kernel, &stale, password(1)); !errors.Is(err, ErrInvalidCredentials) {
		t.Errorf("the password of another account: %v", err)
	}
}

// Nothing that waits for a commit happens where there was none.
func TestWhatWaitsForACommitWaitsForItsOwn(t *testing.T) {
	l, _, _ := twoOwners(t)
	happened := 0
	for _, own := range []error{errors.New("rolled back"), nil} {
		err := l.tx(t.Context(), func(_ context.Context, tx *txn) error {
			tx.then = append(tx.then, func() { happened++ })
			return own
		})
		if (err == nil) != (own == nil) {
			t.Fatal(err)
		}
	}
	if happened != 1 {
		t.Errorf("it happened %d times", happened)
	}
}

// An event of the operator has no actor; one of a mailed secret has its owner.
func TestAnEventNamesWhoDidIt(t *testing.T) {
	l, ann, _ := twoOwners(t)
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	_, err := l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: l.token(mailer.PasswordReset, "ann@x.test"), NewPassword: "calm meadow bridge"})
	l.ok(err)
	l.ok(l.Users.Ban(t.Context(), BanParams{UserID: ann.ID}))
	for kind, actor := range map[string]string{eventPasswordChanged: ann.ID, eventUserBanned: ""} {
		events, err := l.store.ListEvents(t.Context(), store.EventQuery{SubjectID: ann.ID, Kind: kind, Limit: 10})
		if l.ok(err); len(events) != 1 || events[0].ActorID != actor {
			t.Errorf("%s: %+v", kind, events)
		}
	}
}

// A budget that ends only with a success tells a client to come back tomorrow, and
// not in ten years.
func TestNobodyIsToldToWaitForYears(t *testing.T) {
	l, _, _ := twoOwners(t, func(c *Config) { c.InsecureNoLimits = false })
	var err error
	for i := range 130 {
		if _, err = l.Passwords.SignIn(at(t, "203.0.113.9"), SignInParams{Email: "ann@x.test", Password: password(1)}); errors.Is(err, ErrTooManyLoginAttempts) {
			if wait := asError(err).RetryAfter; wait > longestRetry || wait < time.Second {
				t.Fatalf("after %d guesses: come back in %v", i, wait)
			}
			l.advance(2 * time.Hour)
		}
	}
	if !errors.Is(err, ErrTooManyLoginAttempts) {
		t.Errorf("130 wrong guesses end with %v", err)
	}
}

func TestAMethodStandsOnceInASession(t *testing.T) {
	for in, want := range map[[2]string]string{
		{"pwd", "otp mfa"}: "pwd otp mfa", {"pwd otp mfa", "otp mfa"}: "pwd otp mfa", {"", "pwd"}: "pwd", {"pwd", ""}: "pwd",
	} {
		if got := withMethods(in[0], in[1]); got != want {
			t.Errorf("%q and %q are %q", in[0], in[1], got)
		}
	}
}

// A ticket that is too old, or was used, is found by nobody who only looks.
func TestATicketThatIsOverIsNotFound(t *testing.T) {
	p := newPausing(t)
	user := p.user(t)
	_, err := p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: annsPassword})
	ticket, _ := asError(err).Details["mfaToken"].(string)
	if _, err := ticketAt(t.Context(), p.kernel, p.store, ticket, "test"); err != nil {
		t.Fatalf("a ticket that is good: %v", err)
	}
	p.advance(ticketLife)
	if _, err := ticketAt(t.Context(), p.kernel, p.store, ticket, "test"); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("a ticket that is too old: %v", err)
	}
	_, err = p.Passwords.SignIn(t.Context(), SignInParams{Email: user.Email, Password: annsPassword})
	ticket, _ = asError(err).Details["mfaToken"].(string)
	err = p.tx(t.Context(), func(ctx context.Context, tx *txn) error {
		_, err := tx.openSecret(ctx, ticket, kindTicket)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ticketAt(t.Context(), p.kernel, p.store, ticket, "test"); !errors.Is(err, ErrTokenExpired) {
		t.Errorf("a ticket that was used: %v", err)
	}
}

// A reset counts the keys of its own account that still work.
func TestAResetCountsTheKeysThatWork(t *testing.T) {
	l, ann, bob := twoOwners(t)
	for _, id := range []string{ann.ID, bob.ID} {
		l.ok(l.Users.SetRole(t.Context(), SetRoleParams{UserID: id, Role: RoleAdmin}))
	}
	soon := l.kernel.now().Add(time.Hour)
	for _, in := range []CreateAPIKeyParams{
		{Name: "works", OwnerID: ann.ID}, {Name: "revoked", OwnerID: ann.ID}, {Name: "expired", OwnerID: ann.ID, ExpiresAt: soon}, {Name: "bob's", OwnerID: bob.ID},
	} {
		in.Type = SecretKey
		made, err := l.APIKeys.Create(t.Context(), in)
		l.ok(err)
		if in.Name == "revoked" {
			l.ok(l.APIKeys.Revoke(t.Context(), made.ID))
		}
	}
	l.advance(2 * time.Hour)
	now, _ := l.at("ann@x.test")
	live, err := liveAPIKeys(t.Context(), l.store, &now, l.kernel.now())
	if l.ok(err); live != 1 {
		t.Errorf("%d keys work, of ann", live)
	}
}

// The two lives of a session are not each other's. The sweeper may have removed a
// session that has ended.
func TestASessionSlidesForAWeekAndEndsAfterAMonth(t *testing.T) {
	ended := func(err error) bool {
		return errors.Is(err, ErrSessionExpired) || errors.Is(err, ErrInvalidRefreshToken)
	}
	l, _, _ := twoOwners(t)
	signed, err := l.Passwords.SignIn(t.Context(), SignInParams{Email: "ann@x.test", Password: password(0)})
	l.ok(err)
	for range 5 {
		l.advance(6 * 24 * time.Hour)
		if signed, err = l.Sessions.Refresh(t.Context(), signed.Tokens.RefreshToken); err != nil {
			break
		}
	}
	if !ended(err) {
		t.Errorf("after 30 days of refreshing: %v", err)
	}
	signed, err = l.Passwords.SignIn(t.Context(), SignInParams{Email: "ann@x.test", Password: password(0)})
	l.ok(err)
	l.advance(7 * 24 * time.Hour)
	if _, err := l.Sessions.Refresh(t.Context(), signed.Tokens.RefreshToken); !ended(err) {
		t.Errorf("after a week without a refresh: %v", err)
	}
}
