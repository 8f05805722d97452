package admit_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/store/storetest"
)

func TestDeletionSettingsAreChecked(t *testing.T) {
	for want, set := range map[string]admit.DeletionConfig{
		"Deletion.Grace 1m0s: must be at least 1h":                         {Grace: time.Minute},
		"Deletion.Retention 1h0m0s: must be at least Deletion.Grace, 2h0m": {Grace: 2 * time.Hour, Retention: time.Hour},
	} {
		_, err := admit.New(admit.Config{Deletion: set})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", set, err, want)
		}
	}
}

// A purge removes the mail of the person from the outbox, whether it waits or was
// given up, and no other mail.
func TestAPurgeRemovesTheMailOfThePerson(t *testing.T) {
	records := memory.New()
	kit := authtest.New(t, func(c *admit.Config) {
		c.Store, c.Logger = records, slog.New(slog.DiscardHandler)
		c.Mailer = mailer.Func(func(_ context.Context, m mailer.Message) error {
			return &mailer.PermanentError{Err: errors.New("550 no such user " + m.To)}
		})
	})
	ann, bob := kit.SignedIn(""), kit.SignedIn("")
	for _, user := range []admit.SignedIn{ann, bob} {
		if err := kit.Auth.PasswordResets.Request(t.Context(), admit.LinkParams{Email: user.User.Email}); err != nil {
			t.Fatal(err)
		}
	}
	if err := kit.Auth.Close(t.Context()); err != nil { // sends what waits
		t.Fatal(err)
	}
	if err := kit.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: ann.User.ID}); err != nil {
		t.Fatal(err)
	}
	count := func(dead bool) int {
		_, n, err := records.ListMail(t.Context(), "", store.QueueMail, dead, store.Page{Number: 1, Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if count(true) != 4 || count(false) != 1 { // of each a notice of a device and a reset
		t.Fatalf("%d are dead, %d wait", count(true), count(false))
	}
	if err := kit.Auth.Users.Purge(t.Context(), ann.User.ID); err != nil {
		t.Fatal(err)
	}
	if count(true) != 2 || count(false) != 0 {
		t.Errorf("%d are dead, %d wait", count(true), count(false))
	}
}

// Whoever has the address now keeps the mail and the counts of the address.
func TestAPurgeLeavesTheNextOwnerOfTheAddressAlone(t *testing.T) {
	records := memory.New()
	kit := authtest.New(t, func(c *admit.Config) { c.Store = records })
	ann := kit.SignedIn("")
	if err := kit.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: ann.User.ID, NoMail: true}); err != nil {
		t.Fatal(err)
	}
	next, err := kit.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: ann.User.Email, Name: "Next", InsecurePassword: "quiet harbour lamp", EmailVerified: true})
	if err != nil {
		t.Fatal(err)
	}
	guess := func() error {
		_, err := kit.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: ann.User.Email, Password: "wrong"})
		return err
	}
	for range 10 {
		if err := guess(); !errors.Is(err, admit.ErrInvalidCredentials) {
			t.Fatal(err)
		}
	}
	if err := kit.Auth.Users.Purge(t.Context(), ann.User.ID); err != nil {
		t.Fatal(err)
	}
	if err := guess(); !errors.Is(err, admit.ErrTooManyLoginAttempts) {
		t.Errorf("the purge has given guesses at another account: %v", err)
	}
	if got, err := kit.Auth.Users.GetByEmail(t.Context(), ann.User.Email); err != nil || got.ID != next.ID {
		t.Errorf("the address has %v, %v", got.ID, err)
	}
}

// The address of a banned account stays reserved after a purge, until the ban ends.
func TestAPurgeLiftsNoBan(t *testing.T) {
	kit := authtest.New(t)
	eve := kit.SignedIn("")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(kit.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: eve.User.ID, Until: kit.Clock.Now().Add(time.Hour)}))
	must(kit.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: eve.User.ID, NoMail: true}))
	must(kit.Auth.Users.Restore(t.Context(), eve.User.ID))
	if user, err := kit.Auth.Users.Get(t.Context(), eve.User.ID); err != nil || !user.Banned(kit.Clock.Now()) {
		t.Errorf("a restore has lifted the ban: %+v, %v", user, err)
	}
	must(kit.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: eve.User.ID, NoMail: true}))
	must(kit.Auth.Users.Purge(t.Context(), eve.User.ID))
	again := admit.SignUpParams{Email: eve.User.Email, Name: "Eve", Password: "quiet harbour lamp"}
	if _, err := kit.Auth.SignUps.Create(t.Context(), again); !errors.Is(err, admit.ErrEmailAlreadyExists) {
		t.Errorf("during the ban: %v", err)
	}
	kit.Clock.Advance(time.Hour)
	if _, err := kit.Auth.SignUps.Create(t.Context(), again); err != nil {
		t.Errorf("after the ban: %v", err)
	}
}

// A purge acts on deleted accounts alone.
func TestAPurgeTouchesNoLivingAccount(t *testing.T) {
	kit := authtest.New(t)
	ann := kit.SignedIn("")
	for _, id := range []string{ann.User.ID, "", "nobody", "0198c0de-0000-7000-8000-000000000000"} {
		if err := kit.Auth.Users.Purge(t.Context(), id); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("purged %q: %v", id, err)
		}
		if err := kit.Auth.Users.Restore(t.Context(), id); !errors.Is(err, admit.ErrUserNotFound) {
			t.Errorf("restored %q: %v", id, err)
		}
	}
	if _, err := kit.Auth.Users.Get(t.Context(), ann.User.ID); err != nil {
		t.Error(err)
	}
	listed, err := kit.Auth.Users.Deleted(t.Context(), admit.ListDeletedParams{})
	if err != nil || len(listed.Items) != 0 {
		t.Errorf("listed are %v, %v", listed, err)
	}
}

// The deletion of the owner's own account is mailed also where notices are muted.
func TestTheMailOfADeletionAlwaysArrives(t *testing.T) {
	records := memory.New()
	kit := authtest.New(t, func(c *admit.Config) { c.Store = records })
	ann := kit.SignedIn("")
	user, err := records.User(t.Context(), "", ann.User.ID)
	if err != nil {
		t.Fatal(err)
	}
	user.MuteAlerts = true
	if err := records.UpdateUser(t.Context(), user); err != nil {
		t.Fatal(err)
	}
	if err := kit.Auth.Withdrawals.Withdraw(t.Context(), admit.WithdrawParams{UserID: ann.User.ID, Password: authtest.Password}); err != nil {
		t.Fatal(err)
	}
	if link := kit.Mailbox.Link(ann.User.Email); !strings.HasPrefix(link.String(), "https://app.example/v1/auth/restore?token=") {
		t.Errorf("the link is %s", link)
	}
}

// A link that was mailed before the deletion opens nothing after a restore.
func TestPendingLinksDieWithTheAccount(t *testing.T) {
	kit := authtest.New(t)
	ann := kit.SignedIn("")
	if _, err := kit.Auth.MagicLinks.Request(t.Context(), admit.MagicLinkParams{Email: ann.User.Email}); err != nil {
		t.Fatal(err)
	}
	token := kit.Mailbox.Link(ann.User.Email).Query().Get("token")
	if err := kit.Auth.Users.Delete(t.Context(), admit.DeleteUserParams{UserID: ann.User.ID, NoMail: true}); err != nil {
		t.Fatal(err)
	}
	if err := kit.Auth.Users.Restore(t.Context(), ann.User.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := kit.Auth.MagicLinks.Redeem(t.Context(), token); !errors.Is(err, admit.ErrInvalidToken) {
		t.Errorf("the link of before: %v", err)
	}
}

// A link that was used restores nothing, even if its token is still stored.
func TestAUsedLinkRestoresNoAccount(t *testing.T) {
	records := memory.New()
	kit := authtest.New(t, func(c *admit.Config) { c.Store = records })
	ann := kit.SignedIn("")
	if err := kit.Auth.Withdrawals.Withdraw(t.Context(), admit.WithdrawParams{UserID: ann.User.ID, Password: authtest.Password}); err != nil {
		t.Fatal(err)
	}
	token := kit.Mailbox.Link(ann.User.Email).Query().Get("token")
	hash := sha256.Sum256([]byte(token))
	spend := func(ctx context.Context, tx store.Store) error {
		_, _, spent, err := tx.SpendToken(ctx, "", "restore", hash[:], kit.Clock.Now())
		if err == nil && !spent {
			err = errors.New("the token was not spent")
		}
		return err
	}
	if err := records.Tx(t.Context(), spend); err != nil {
		t.Fatal(err)
	}
	if _, err := kit.Auth.Withdrawals.Restore(t.Context(), token); !errors.Is(err, admit.ErrInvalidToken) {
		t.Errorf("the used link: %v", err)
	}
	if _, err := kit.Auth.Users.Get(t.Context(), ann.User.ID); !errors.Is(err, admit.ErrUserNotFound) {
		t.Errorf("the account is back: %v", err)
	}
}

// AC-178: a password that was changed after it was verified deletes nobody.
func TestADeletionAsksForThePasswordAgainUnderTheLock(t *testing.T) {
	type rule struct{} // what only the rule's own transaction has in its context
	records := memory.New()
	var change func()
	kit := authtest.New(t, func(c *admit.Config) {
		c.Store = storetest.Wrap(records, func(ctx context.Context, verb string, call func(context.Context) error) error {
			if verb == "Tx" && ctx.Value(rule{}) != nil {
				change()
			}
			return call(ctx)
		})
	})
	ann := kit.SignedIn("")
	change = func() {
		if err := records.PutPassword(t.Context(), store.Password{UserID: ann.User.ID, Hash: "another", ChangedAt: kit.Clock.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.WithValue(t.Context(), rule{}, true)
	err := kit.Auth.Withdrawals.Withdraw(ctx, admit.WithdrawParams{UserID: ann.User.ID, Password: authtest.Password})
	if _, found := kit.Auth.Users.Get(t.Context(), ann.User.ID); !errors.Is(err, admit.ErrInvalidCredentials) || found != nil {
		t.Errorf("the deletion: %v, the account: %v", err, found)
	}
}
