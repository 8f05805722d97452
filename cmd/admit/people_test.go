package main

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/store"
)

const password = "quiet-harbour-lamp"

// shown is a user as --json shows it.
type shown struct {
	User struct {
		ID, Email, Name, Role, BanReason string
		EmailVerifiedAt, BanExpiresAt    *time.Time
		Banned                           bool
	}
	Sessions int
}

func TestUserIsCreatedWithThePasswordFromStandardInput(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		done := s.run(password+"\nanother line\n", "user", "create", "Ann@Example.com", "--role", "admin", "--verified", "--password")
		if done.code != 0 || strings.Contains(done.out+done.err, password) {
			s.t.Fatalf("exit %d: %s%s", done.code, done.out, done.err)
		}
		signed, err := s.host().Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password})
		if err != nil {
			s.t.Fatal(err)
		}
		if signed.User.Role != admit.RoleAdmin || signed.User.EmailVerifiedAt.IsZero() || signed.User.Name != "Ann" {
			s.t.Errorf("made %+v", signed.User)
		}
		s.fails(1, []string{"already an account"}, "user", "create", "ANN@example.com")
		s.fails(1, []string{"no password"}, "user", "create", "bob@example.com", "--password")
		if done := s.run("password1\n", "user", "create", "bob@example.com", "--password"); done.code != 1 {
			s.t.Errorf("a common password: exit %d: %s", done.code, done.err)
		}
		var bob shown
		s.document(&bob, "user", "create", "bob@example.com", "--name", "Bob Kane")
		if _, err := s.host().Passwords.SignIn(ctx, admit.SignInParams{Email: "bob@example.com", Password: password}); !errors.Is(err, admit.ErrInvalidCredentials) {
			s.t.Errorf("signing in without a password: %v", err)
		}
		if bob.User.Name != "Bob Kane" || bob.User.Role != admit.RoleUser || bob.User.EmailVerifiedAt != nil {
			s.t.Errorf("made %+v", bob.User)
		}
	})
}

func TestUserIsFoundByAddressInAnySpellingAndById(t *testing.T) {
	onEachStore(t, func(s *scene) {
		var ann, again shown
		s.document(&ann, "user", "create", "ann@example.com")
		for _, name := range []string{"ANN@EXAMPLE.COM", ann.User.ID} {
			if s.document(&again, "user", "show", name); again.User.ID != ann.User.ID {
				s.t.Errorf("%s shows %+v", name, again.User)
			}
		}
		if text := s.ok("user", "show", "ann@example.com"); !strings.Contains(text, ann.User.ID) || !strings.Contains(text, "never") {
			s.t.Errorf("shown as %q", text)
		}
		s.fails(1, []string{"no such account"}, "user", "show", "bob@example.com")
		s.fails(1, []string{"no such account"}, "user", "show", "nobody")
		s.fails(1, []string{"not an e-mail address"}, "user", "show", "@")
	})
}

func TestBanRoleAndUnbanHoldOnLiveSessions(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		var ann shown
		if s.document(&ann, "user", "show", "ann@example.com"); ann.Sessions != 1 {
			s.t.Errorf("%d sessions are shown", ann.Sessions)
		}
		s.ok("user", "role", "ann@example.com", "editor", "--new-role")
		if user, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err != nil || user.Role != "editor" {
			s.t.Errorf("after the change of role: %+v, %v", user, err)
		}
		s.document(&ann, "user", "ban", "ann@example.com", "--reason", "spam", "--until", "2h")
		if !ann.User.Banned || ann.User.BanReason != "spam" || time.Until(*ann.User.BanExpiresAt) > 2*time.Hour {
			s.t.Errorf("banned as %+v", ann.User)
		}
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err == nil {
			s.t.Error("a token of a banned user is taken")
		}
		if text := s.ok("user", "unban", ann.User.ID); strings.Contains(text, "banned") {
			s.t.Errorf("after the unban: %s", text)
		}
		if _, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password}); err != nil {
			s.t.Errorf("signing in after the unban: %v", err)
		}
		if text := s.ok("user", "ban", ann.User.ID); !strings.Contains(text, "for good") {
			s.t.Errorf("banned without end: %s", text)
		}
	})
}

func TestKeyIsShownOnceWorksAndIsRevoked(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		var made struct {
			ID, Key   string
			Scopes    []string
			ExpiresAt time.Time
		}
		s.document(&made, "key", "create", "nightly report", "--type", "secret", "--environment", "prod",
			"--scope", "users:read", "--scope", "sessions:*", "--expires", "2160h")
		key, err := s.host().APIKeys.Verify(ctx, made.Key)
		if err != nil || key.ID != made.ID || key.Environment != "prod" || len(key.Scopes) != 2 || time.Until(key.ExpiresAt) < 2159*time.Hour {
			s.t.Fatalf("the key is %+v, %v", key, err)
		}
		list := s.ok("key", "list")
		if strings.Contains(list, made.Key) || !strings.Contains(list, made.ID) || !strings.Contains(list, "nightly report") {
			s.t.Errorf("the list: %s", list)
		}
		s.ok("key", "revoke", made.ID)
		if _, err := s.host().APIKeys.Verify(ctx, made.Key); !errors.Is(err, admit.ErrAPIKeyRevoked) {
			s.t.Errorf("after revoking: %v", err)
		}
		var all struct {
			Keys []struct{ RevokedAt *time.Time }
		}
		if s.document(&all, "key", "list"); len(all.Keys) != 1 || all.Keys[0].RevokedAt == nil {
			s.t.Errorf("listed as %+v", all)
		}
		s.fails(1, []string{"no such API key"}, "key", "revoke", "nothing")
		s.fails(1, []string{"type"}, "key", "create", "web", "--type", "open")
	})
}

func TestRevokeBeforeEndsWhatWasMadeBefore(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		signed, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		var done struct{ Sessions, Tokens int }
		if s.document(&done, "sessions", "revoke-before", "2020-01-01T00:00:00Z"); done.Sessions != 0 || done.Tokens != 0 {
			s.t.Errorf("ended %+v made before 2020", done)
		}
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err != nil {
			s.t.Errorf("a later session has ended: %v", err)
		}
		if s.document(&done, "sessions", "revoke-before", "now", "--yes"); done.Sessions != 1 || done.Tokens == 0 {
			s.t.Errorf("ended %+v", done)
		}
		if _, _, err := h.VerifyToken(ctx, signed.SignedIn.Tokens.AccessToken); err == nil {
			s.t.Error("the session lives on")
		}
	})
}

// TestTheCommandDoesNothingOfTheApplicationsWork holds it to what it was asked:
// mail that waits is not claimed, nothing is swept, and the application hears of
// what an operator did.
func TestTheCommandDoesNothingOfTheApplicationsWork(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		d, _ := s.database()
		h := s.host(withoutMail)
		if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"}); err != nil {
			s.t.Fatal(err)
		}
		if err := h.Close(ctx); err != nil { // or it sweeps
			s.t.Fatal(err)
		}
		old := store.Token{Kind: "reset", Hash: []byte("old"), UserID: "x", CreatedAt: time.Unix(1, 0), ExpiresAt: time.Unix(2, 0)}
		if err := d.CreateToken(ctx, old); err != nil {
			s.t.Fatal(err)
		}
		before, total, err := d.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 10})
		if err != nil || total == 0 {
			s.t.Fatalf("mail: %v, %v", before, err)
		}
		s.ok("user", "ban", "ann@example.com")
		s.ok("user", "unban", "ann@example.com")
		s.ok("key", "create", "web", "--type", "publishable")

		after, _, err := d.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 10})
		if err != nil || len(after) != len(before) || after[0].Tries != 0 || after[0].Holder != "" || !after[0].NextAt.Equal(before[0].NextAt) {
			s.t.Errorf("mail was touched: %+v, %v", after, err)
		}
		if _, err := d.Token(ctx, "", "reset", []byte("old")); err != nil {
			s.t.Errorf("an old token was swept: %v", err)
		}
		pending, err := d.PendingEvents(ctx, "", 10)
		if err != nil {
			s.t.Fatal(err)
		}
		var kinds []string
		for _, e := range pending {
			kinds = append(kinds, e.Kind)
		}
		if got := strings.Join(kinds, " "); got != "user.banned user.unbanned apikey.created" {
			s.t.Errorf("the application will hear of %q", got)
		}
	})
}

func TestGuestQueuesNoMailAndMakesNoKeys(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	d, _ := s.database()
	a := &app{now: time.Now, err: t.Output()}
	auth, err := a.auth(newGuest(d, true), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"}); !errors.Is(err, errGuest) {
		t.Errorf("a sign-up, which sends mail: %v", err)
	}
	if _, err := auth.Users.GetByEmail(ctx, "ann@example.com"); !errors.Is(err, admit.ErrUserNotFound) {
		t.Errorf("it left something: %v", err)
	}
	if err := newGuest(d, true).CreateKey(ctx, store.Key{ID: "k"}); !errors.Is(err, errGuest) {
		t.Errorf("making a signing key: %v", err)
	}
}
