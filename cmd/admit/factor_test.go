package main

import (
	"context"
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/totp"
	"github.com/admit-go/admit/store"
)

// MF-10: an operator sees the factors of a user, and removes them with a reason:
// sessions end, the owner is told by mail, and the audit log knows.
func TestFactorsAreListedAndReset(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		at := time.Now()
		h := s.host(withoutMail, func(c *admit.Config) { c.Now = func() time.Time { return at } })
		made, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		ann := made.SignedIn
		if text := s.ok("user", "factors", "ann@example.com"); !strings.Contains(text, "no second factor") {
			s.t.Errorf("shown is %q", text)
		}
		s.secret = olderSecret
		reset := []string{"user", "reset-factors", "ann@example.com", "--reason", "lost phone", "--base-url", "http://127.0.0.1:8080", "--site-name", "Harbour Notes", "--yes"}
		s.fails(1, []string{"no second factor"}, reset...)
		setup, err := h.MFA.Enable(ctx, admit.EnableMFAParams{UserID: ann.User.ID, Password: password})
		if err != nil {
			s.t.Fatal(err)
		}
		var list struct {
			Factors []struct{ ConfirmedAt *time.Time }
		}
		if s.document(&list, "user", "factors", "ann@example.com"); len(list.Factors) != 1 || list.Factors[0].ConfirmedAt != nil {
			s.t.Errorf("a setup that waits is shown as %+v", list.Factors)
		}
		secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(setup.Secret)
		if err != nil {
			s.t.Fatal(err)
		}
		code, err := totp.Code(secret, totp.Step(at))
		if err != nil {
			s.t.Fatal(err)
		}
		if _, err := h.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: ann.User.ID, Code: code}); err != nil {
			s.t.Fatal(err)
		}
		if text := s.ok("user", "factors", "ann@example.com"); !strings.Contains(text, "totp") || !strings.Contains(text, "10") || strings.Contains(text, setup.Secret) {
			s.t.Errorf("shown is %q", text)
		}
		s.fails(2, []string{"reason"}, "user", "reset-factors", "ann@example.com", "--base-url", "http://127.0.0.1:8080")
		s.fails(1, []string{"--yes"}, reset[:len(reset)-1]...)
		s.secret = newerSecret
		s.fails(1, []string{"the application uses"}, reset...)
		s.secret = olderSecret
		if _, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password}); !errors.Is(err, admit.ErrMFARequired) {
			s.t.Errorf("before the reset a sign-in answered %v", err)
		}
		if text := s.ok(reset...); !strings.Contains(text, "removed") {
			s.t.Errorf("told is %q", text)
		}
		if _, _, err := h.VerifyToken(ctx, ann.Tokens.AccessToken); !errors.Is(err, admit.ErrSessionExpired) {
			s.t.Errorf("the session from before answers %v", err)
		}
		if _, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: "ann@example.com", Password: password}); err != nil {
			s.t.Errorf("after the reset a sign-in answered %v", err)
		}
		d, _ := s.database()
		events, err := d.ListEvents(ctx, store.EventQuery{SubjectID: ann.User.ID, Kind: "mfa.reset", Limit: 2})
		if err != nil || len(events) != 1 || string(events[0].Data) != `{"passkeys":0,"reason":"lost phone"}` || events[0].ActorID != "" {
			s.t.Errorf("recorded was %+v, %v", events, err)
		}
		mails, _, err := d.ListMail(ctx, "", store.QueueMail, false, store.Page{Number: 1, Limit: 20})
		told := 0
		for _, m := range mails {
			if m.Kind == "mfa_disabled" {
				told++
			}
		}
		if err != nil || told != 1 {
			s.t.Errorf("%d mails tell of it, %v", told, err)
		}
	})
}
