package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// living is a village whose test fails for what goes wrong.
type living struct {
	*village
	t *testing.T
}

func newLiving(t *testing.T, private bool, change ...func(*Config)) living {
	t.Helper()
	v, err := newVillage(private, change...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close(context.Background()) })
	return living{v, t}
}

func (l living) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

// letters are the mails of a kind to an address, the newest last.
func (l living) letters(kind mailer.Kind, to string) (found []queuedMail) {
	l.t.Helper()
	l.ok(l.deliver())
	for i, m := range l.boxes[to] {
		if l.kinds[to][i] == kind {
			found = append(found, m)
		}
	}
	return found
}

// token is the secret of the newest mail of a kind to an address.
func (l living) token(kind mailer.Kind, to string) string {
	l.t.Helper()
	found := l.letters(kind, to)
	if len(found) == 0 {
		l.t.Fatalf("no %s was mailed to %s", kind, to)
	}
	link, err := url.Parse(found[len(found)-1].Values.Link)
	l.ok(err)
	return link.Query().Get("token")
}

func (l living) signUp(email, password string) (store.User, error) {
	l.t.Helper()
	_, err := l.SignUps.Create(l.t.Context(), SignUpParams{Email: email, Password: password, Name: "Ann"})
	user, known := l.at(email)
	if !known {
		l.t.Fatalf("%s has no account: %v", email, err)
	}
	return user, err
}

func (l living) verified(email string) store.User {
	l.t.Helper()
	_, err := l.signUp(email, password(0))
	l.ok(err)
	l.ok(l.Verifications.Confirm(l.t.Context(), TokenParams{Token: l.token(mailer.SignupConfirmation, email)}))
	user, _ := l.at(email)
	return user
}

func (l living) signIn(email, password string) error {
	_, err := l.Passwords.SignIn(l.t.Context(), SignInParams{Email: email, Password: password})
	return err
}

// move asks for a change of address and returns the token that was mailed.
func (l living) move(user store.User, to string) string {
	l.t.Helper()
	l.ok(l.EmailChanges.Request(l.t.Context(), EmailChangeParams{UserID: user.ID, Email: to}))
	return l.token(mailer.EmailVerification, to)
}

// page opens a link as a browser does.
func (l living) page(path string) (int, string) {
	l.t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	r.Header.Set("Accept", "text/html,application/xhtml+xml")
	w := httptest.NewRecorder()
	l.Handler().ServeHTTP(w, r)
	if kind := w.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/html") {
		l.t.Errorf("%s answers a browser with %s: %s", path, kind, w.Body)
	}
	return w.Code, w.Body.String()
}

func TestS3_AnAddressThatWasOnlyTypedCannotTakeAChangeBack(t *testing.T) {
	l := newLiving(t, false)
	user, err := l.signUp("mistyped@y.test", password(0))
	l.ok(err)
	l.ok(l.EmailChanges.Confirm(t.Context(), TokenParams{Token: l.move(user, "ann@x.test")}))
	told := l.letters(mailer.EmailChanged, "mistyped@y.test")
	if len(told) != 1 || told[0].Values.Link != "" {
		t.Fatalf("the address that was typed is told %+v", told)
	}
	if strings.Contains(told[0].Values.NewEmail, "ann@") {
		t.Errorf("a stranger is told of %s", told[0].Values.NewEmail)
	}
	// S10: nor is it kept from whoever owns it.
	if other, err := l.signUp("mistyped@y.test", password(1)); err != nil || other.ID == user.ID {
		t.Errorf("the owner of the mailbox signs up: %v", err)
	}
}

func TestS3_AVerifiedAddressTakesAChangeBack(t *testing.T) {
	l := newLiving(t, false)
	user := l.verified("ann@x.test")
	l.ok(l.EmailChanges.Confirm(t.Context(), TokenParams{Token: l.move(user, "thief@y.test")}))
	_, err := l.SignUps.Create(t.Context(), SignUpParams{Email: "ann@x.test", Password: password(1), Name: "Eve"})
	if !errors.Is(err, ErrEmailAlreadyExists) {
		t.Errorf("the address is not reserved: %v", err)
	}
	l.ok(l.EmailChanges.Undo(t.Context(), l.token(mailer.EmailChanged, "ann@x.test")))
	if now, known := l.at("ann@x.test"); !known || now.ID != user.ID {
		t.Error("the account did not come back")
	}
}

// The link of a change works for a day, as every link to confirm an address, and
// not for the week of the link that takes the change back.
func TestAC065_TheLinkOfAChangeEndsOnTheSecond(t *testing.T) {
	for age, want := range map[time.Duration]error{verifyLife - time.Second: nil, verifyLife: ErrTokenExpired, verifyLife + time.Second: ErrTokenExpired} {
		l := newLiving(t, false)
		token := l.move(l.verified("ann@x.test"), "new@x.test")
		l.advance(age)
		if err := l.EmailChanges.Confirm(t.Context(), TokenParams{Token: token}); !errors.Is(err, want) {
			t.Errorf("after %v: %v, want %v", age, err, want)
		}
	}
	if verifyLife != 24*time.Hour || undoLife != 7*24*time.Hour {
		t.Errorf("links work for %v and %v", verifyLife, undoLife)
	}
}

func TestS3_MailAndPageOfAChangeNameTheAccount(t *testing.T) {
	l := newLiving(t, false)
	token := l.move(l.verified("annabel@x.test"), "new@y.test")
	mail := l.letters(mailer.EmailVerification, "new@y.test")[0]
	_, body := l.page("/v1" + verifyConfirmPath + "?token=" + token + "&email=mallory%40evil.test")
	if mail.Values.UserEmail != "a•••@x.test" || !strings.Contains(body, "a•••@x.test") || !strings.Contains(body, "new@y.test") {
		t.Errorf("the mail names %q, the page says %s", mail.Values.UserEmail, body)
	}
	if strings.Contains(body, "annabel") || strings.Contains(body, "evil.test") {
		t.Errorf("the page says too much: %s", body)
	}
}

func TestS16_ASecondSignUpContestsTheAccount(t *testing.T) {
	for name, private := range map[string]bool{"in public": false, "in private": true} {
		t.Run(name, func(t *testing.T) {
			l := newLiving(t, private)
			first, err := l.SignUps.Create(t.Context(), SignUpParams{Email: "ann@x.test", Password: password(1), Name: "Eve"})
			l.ok(err)
			user, err := l.signUp("ann@x.test", password(0))
			if private && err != nil || !private && !errors.Is(err, ErrEmailAlreadyExists) {
				t.Fatalf("the second sign-up: %v", err)
			}
			token := l.token(mailer.SignupConfirmation, "ann@x.test")
			if _, body := l.page("/v1" + confirmPath + "?token=" + token); !strings.Contains(body, "more than once") {
				t.Errorf("the page does not warn: %s", body)
			}
			for range 2 { // repeating it is a success
				l.ok(l.Verifications.Confirm(t.Context(), TokenParams{Token: token}))
			}
			for _, known := range []string{password(0), password(1)} {
				if err := l.signIn("ann@x.test", known); !errors.Is(err, ErrInvalidCredentials) {
					t.Errorf("a password that was set before: %v", err)
				}
			}
			if first.SignedIn != nil {
				if _, _, err := l.VerifyToken(t.Context(), first.SignedIn.Tokens.AccessToken); err == nil {
					t.Error("the session of the first registrant lives")
				}
			}
			_, err = l.PasswordResets.Confirm(t.Context(), ConfirmPasswordResetParams{
				Token: l.token(mailer.PasswordReset, "ann@x.test"), NewPassword: "calm meadow bridge",
			})
			l.ok(err)
			l.ok(l.signIn("ann@x.test", "calm meadow bridge"))
			if now, _ := l.at("ann@x.test"); now.ID != user.ID || now.EmailVerifiedAt.IsZero() {
				t.Errorf("the account is now %+v", now)
			}
		})
	}
}

func TestS16_AProvenAccountIsNotContested(t *testing.T) {
	l := newLiving(t, true)
	l.verified("ann@x.test")
	_, err := l.signUp("ann@x.test", password(1))
	l.ok(err)
	l.ok(l.signIn("ann@x.test", password(0)))
	if len(l.letters(mailer.AccountExists, "ann@x.test")) != 1 {
		t.Error("the owner is not told")
	}
}

func TestS7_TwelvePrivateSignUpsMailAtMostFiveTimes(t *testing.T) {
	for name, prepare := range map[string]func(l living){
		"unknown": func(living) {}, "unproven": func(l living) { _, _ = l.signUp("ann@x.test", password(0)) },
		"proven": func(l living) { l.verified("ann@x.test"); l.advance(budgetOf(mailedVerify).Bounds[0].Window) },
	} {
		l := newLiving(t, true, func(c *Config) { c.InsecureNoLimits = false })
		prepare(l)
		l.ok(l.deliver())
		before := len(l.boxes["ann@x.test"])
		for range 12 {
			_, err := l.signUp("ann@x.test", password(1))
			l.ok(err)
		}
		l.ok(l.deliver())
		if n := len(l.boxes["ann@x.test"]) - before; n > 5 || n < 4 {
			t.Errorf("%s: 12 sign-ups sent %d mails", name, n)
		}
	}
}

// The account of one mailbox never opens by what was mailed to another, and an
// account that was stored under the key of both is found and makes room.
func TestS8_AccountsUnderAFormerKeyAreFoundAndMakeRoom(t *testing.T) {
	for name, first := range map[string]func(l living) error{
		"its owner comes first": func(l living) error { return l.signIn("straße@x.test", password(0)) },
		"its owner signs up again": func(l living) error {
			if _, err := l.signUp("Straße@x.test", password(1)); !errors.Is(err, ErrEmailAlreadyExists) {
				return fmt.Errorf("the mailbox has two accounts: %w", err)
			}
			return nil
		},
		"the other is imported": func(l living) error {
			_, err := l.Imports.User(l.t.Context(), ImportUserParams{Email: "strasse@x.test", Name: "Eve", EmailVerified: true})
			return err
		},
		"the other comes first": func(l living) error { _, err := l.signUp("strasse@x.test", password(1)); return err },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLiving(t, false)
			hash, err := l.hash(t.Context(), password(0))
			l.ok(err)
			old := l.newUser(mustParse(t, "straße@x.test"), "Ann", RoleUser)
			old.EmailKey, old.EmailVerifiedAt = "strasse@x.test", l.kernel.now()
			l.ok(l.store.CreateUser(t.Context(), old))
			l.ok(l.store.PutPassword(t.Context(), store.Password{UserID: old.ID, Hash: hash, ChangedAt: old.CreatedAt}))
			l.ok(first(l))
			l.ok(l.signIn("straße@x.test", password(0)))
			if _, known := l.at("strasse@x.test"); !known {
				_, err := l.signUp("strasse@x.test", password(1))
				l.ok(err)
			}
			if other, _ := l.at("strasse@x.test"); other.ID == old.ID {
				t.Error("both mailboxes have one account")
			}
			if mine, _ := l.at("straße@x.test"); mine.ID != old.ID || mine.EmailVerifiedAt.IsZero() {
				t.Errorf("the stored account is now %+v", mine)
			}
		})
	}
}

func TestS8_ALinkMailedBeforeThereWasAnAccountOpensNoOther(t *testing.T) {
	l := newLiving(t, false)
	_, err := l.MagicLinks.Request(t.Context(), MagicLinkParams{Email: "Ann@x.test", SignUp: true})
	l.ok(err)
	_, err = l.signUp("ann@x.test", password(1))
	l.ok(err)
	if _, err := l.MagicLinks.Redeem(t.Context(), l.token(mailer.MagicLink, "Ann@x.test")); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a link to Ann@ opens ann@: %v", err)
	}
}

func TestS26_DisownAfterAnotherProofIsRefused(t *testing.T) {
	for name, prove := range map[string]func(l living, user store.User) error{
		"a link": func(l living, _ store.User) error {
			if _, err := l.MagicLinks.Request(l.t.Context(), MagicLinkParams{Email: "ann@x.test"}); err != nil {
				return err
			}
			_, err := l.MagicLinks.Redeem(l.t.Context(), l.token(mailer.MagicLink, "ann@x.test"))
			return err
		},
		// This proof ends no token, so the rule looks at the account.
		"the operator": func(l living, user store.User) error { return l.Users.Verify(l.t.Context(), user.ID) },
	} {
		l := newLiving(t, false)
		user, err := l.signUp("ann@x.test", password(0))
		l.ok(err)
		disown := l.token(mailer.SignupConfirmation, "ann@x.test")
		l.ok(prove(l, user))
		if err := l.Verifications.Disown(t.Context(), TokenParams{Token: disown}); !errors.Is(err, ErrInvalidToken) || asError(err).Status != http.StatusUnauthorized {
			t.Errorf("disown after a proof by %s: %v", name, err)
		}
	}
}

func TestS26_PagesPrintNoTextOfTheLink(t *testing.T) {
	l := newLiving(t, false)
	_, err := l.signUp("ann@x.test", password(0))
	l.ok(err)
	l.ok(l.PasswordResets.Request(t.Context(), LinkParams{Email: "ann@x.test"}))
	lure := url.QueryEscape("Call +1 900 LURE now")
	for path, token := range map[string]string{
		confirmPath: l.token(mailer.SignupConfirmation, "ann@x.test"), resetPath: l.token(mailer.PasswordReset, "ann@x.test"),
		verifyConfirmPath: l.token(mailer.SignupConfirmation, "ann@x.test"), undoPath: "x", callbackPath: "x",
	} {
		for _, token := range []string{token, lure, strings.Repeat("A", secretLength)} {
			_, body := l.page("/v1" + path + "?token=" + token + "&email=" + lure + "&callbackUrl=" + lure)
			visible := strings.Join(strings.Split(body, "<input"), "\n")
			for line := range strings.Lines(visible) {
				if strings.Contains(line, "LURE") && !strings.HasPrefix(line, ` type="hidden"`) {
					t.Errorf("%s shows %s", path, line)
				}
			}
		}
	}
}

func mustParse(t *testing.T, email string) emailaddress.Address {
	t.Helper()
	address, err := emailaddress.Parse(email)
	if err != nil {
		t.Fatal(err)
	}
	return address
}
