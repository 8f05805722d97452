package admit

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

func TestAnOperatorNeverSetsAPasswordThatLasts(t *testing.T) {
	l := newLiving(t, false)
	user, err := l.Users.Create(t.Context(), CreateUserParams{Email: "ann@x.test", Name: "Ann", Role: RoleAdmin})
	l.ok(err)
	if _, err := l.store.Password(t.Context(), tenant, user.ID); err == nil {
		t.Error("the account has a password before its owner has set one")
	}
	_, err = l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: l.token(mailer.PasswordReset, "ann@x.test"), NewPassword: password(0)})
	l.ok(err)
	l.ok(l.signIn("ann@x.test", password(0)))
	_, err = l.Users.Create(t.Context(), CreateUserParams{Email: "dev@x.test", Name: "Dev", InsecurePassword: password(0)})
	l.ok(err)
	if n := len(l.letters(mailer.PasswordReset, "dev@x.test")); n != 0 {
		t.Error("a link is mailed though a password was set")
	}
}

func TestANewPasswordSaysHowManyAPIKeysStillWork(t *testing.T) {
	l := newLiving(t, false)
	user := l.verified("ann@x.test")
	l.ok(l.Users.SetRole(t.Context(), SetRoleParams{UserID: user.ID, Role: RoleAdmin}))
	var keys []CreatedAPIKey
	for range 2 {
		key, err := l.APIKeys.Create(t.Context(), CreateAPIKeyParams{Name: "k", Type: SecretKey, OwnerID: user.ID})
		l.ok(err)
		keys = append(keys, key)
	}
	l.ok(l.APIKeys.Revoke(t.Context(), keys[0].ID))
	reset := func(password string, revoke bool) (NewPassword, string) {
		l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
		token := l.token(mailer.PasswordReset, "ann@x.test")
		_, page := l.page("/v1" + resetPath + "?token=" + token)
		done, err := l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{Token: token, NewPassword: password, RevokeAPIKeys: revoke})
		l.ok(err)
		return done, page
	}
	if done, page := reset(password(1), false); done != (NewPassword{LiveAPIKeys: 1}) || !strings.Contains(page, "revokeApiKeys") {
		t.Errorf("a reset says %+v, its page %s", done, page)
	}
	done, err := l.Passwords.Change(t.Context(), ChangePasswordParams{UserID: user.ID, Current: password(1), New: password(0)})
	if err != nil || done != (NewPassword{LiveAPIKeys: 1}) {
		t.Errorf("a change says %+v, %v", done, err)
	}
	if _, err := l.APIKeys.Verify(t.Context(), keys[1].Key); err != nil {
		t.Errorf("the key: %v", err)
	}
	if done, _ := reset(password(1), true); done != (NewPassword{RevokedAPIKeys: 1}) {
		t.Errorf("a reset that revokes says %+v", done)
	}
	if _, err := l.APIKeys.Verify(t.Context(), keys[1].Key); !errors.Is(err, ErrAPIKeyRevoked) {
		t.Errorf("the key after that: %v", err)
	}
	if done, page := reset(password(0), false); done != (NewPassword{}) || strings.Contains(page, "revokeApiKeys") {
		t.Errorf("without keys a reset says %+v, its page %s", done, page)
	}
}

func TestNoticesOfAChangedPasswordCannotBeMuted(t *testing.T) {
	l := newLiving(t, false)
	user := l.verified("ann@x.test")
	user.MuteAlerts = true
	l.ok(l.store.UpdateUser(t.Context(), user))
	_, err := l.Passwords.Change(t.Context(), ChangePasswordParams{UserID: user.ID, Current: password(0), New: password(1)})
	l.ok(err)
	if n := len(l.letters(mailer.PasswordChanged, "ann@x.test")); n != 1 {
		t.Errorf("%d notices of the change were mailed", n)
	}
}

// A thief of a session would silence first what tells of a new address, factor or
// key. So of all messages only the notice of a new device can be switched off.
func TestNoticesOfAnAddressAFactorOrAKeyCannotBeMuted(t *testing.T) {
	l := newLiving(t, false)
	user := l.verified("ann@x.test")
	user.MuteAlerts = true
	for _, kind := range mailer.Kinds() {
		before := len(l.letters(kind, user.Email))
		l.ok(l.tx(t.Context(), func(ctx context.Context, tx *txn) error { return tx.notify(ctx, &user, kind) }))
		muted := len(l.letters(kind, user.Email)) == before
		if muted != (kind == mailer.NewDevice) {
			t.Errorf("the notice %s is muted: %v", kind, muted)
		}
	}
}

func TestSigningInAgainOnTheSameBrowserEndsItsFormerSession(t *testing.T) {
	const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
	l := newLiving(t, false)
	l.verified("ann@x.test")
	signIn := func(agent, address string) string {
		ctx := WithClient(t.Context(), Client{UserAgent: agent, IPAddress: address})
		signed, err := l.Passwords.SignIn(ctx, SignInParams{Email: "ann@x.test", Password: password(0)})
		l.ok(err)
		return signed.Tokens.AccessToken
	}
	lives := func(token string) bool {
		_, _, err := l.VerifyToken(t.Context(), token)
		return err == nil
	}
	first := signIn(firefox, "192.0.2.1")
	others := []string{
		signIn(firefox, "192.0.2.2"), signIn(firefox+" other", "192.0.2.1"), signIn("Go-http-client/1.1", "192.0.2.1"), signIn(firefox, ""), signIn(firefox, ""),
	}
	if !lives(first) {
		t.Error("another client ended the session")
	}
	second, program := signIn(firefox, "192.0.2.1"), signIn("Go-http-client/1.1", "192.0.2.1")
	if lives(first) {
		t.Error("the former session lives on")
	}
	for i, token := range append(others, second, program) {
		if !lives(token) {
			t.Errorf("session %d of another client has ended", i)
		}
	}
}
