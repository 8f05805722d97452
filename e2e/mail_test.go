package e2e_test

import (
	"context"
	"net/url"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const callback = "https://app.example/signed-in"

// letterTo waits for the newest mail of a kind to an address. What was mailed
// before the call must have been cleared, or is found too.
func letterTo(s *harness.Server, kind mailer.Kind, to string) mailer.Message {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	m, err := s.Mail.Wait(ctx, func(m mailer.Message) bool {
		return m.Kind == kind && strings.EqualFold(m.To, to)
	})
	if err != nil {
		s.T.Fatalf("no %s was mailed to %s", kind, to)
	}
	s.Keep("token", tokenIn(m))
	return m
}

func tokenIn(m mailer.Message) string {
	link, err := url.Parse(m.Values.Link)
	if err != nil {
		return ""
	}
	return link.Query().Get("token")
}

// mailed runs what asks for a mail and returns its token.
func mailed(s *harness.Server, kind mailer.Kind, to string, ask func()) string {
	s.T.Helper()
	s.Mail.Clear()
	ask()
	return tokenIn(letterTo(s, kind, to))
}

func resetToken(s *harness.Server, email string) string {
	s.T.Helper()
	return mailed(s, mailer.PasswordReset, email, func() {
		s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": email}).Want(200)
	})
}

// confirmationToken asks for another confirmation, once that of the sign-up has
// been sent.
func confirmationToken(s *harness.Server, email string) string {
	s.T.Helper()
	s.Eventually("the outbox is empty", func() bool {
		next, err := s.Store.NextMail(context.Background(), "", store.QueueMail)
		return err == nil && next.IsZero()
	})
	return mailed(s, mailer.SignupConfirmation, email, func() {
		s.Do("POST", "/v1/auth/signup/email/resend", harness.J{"email": email}).Want(200)
	})
}

func magicToken(s *harness.Server, email string) string {
	s.T.Helper()
	return mailed(s, mailer.MagicLink, email, func() { askMagic(s, email).Want(200) })
}

func askMagic(s *harness.Server, email string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": email, "callbackUrl": callback})
}

func redeem(s *harness.Server, token string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/callback", harness.J{"token": token})
}

func resetWith(s *harness.Server, email, token, password string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/password/reset/confirm", harness.J{"email": email, "token": token, "newPassword": password})
}

func confirm(s *harness.Server, email, token string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/signup/email/confirm", harness.J{"email": email, "token": token})
}

// verified makes an account whose owner has confirmed the sign-up.
func verified(s *harness.Server, email string) harness.Person {
	s.T.Helper()
	var p harness.Person
	token := mailed(s, mailer.SignupConfirmation, email, func() { p = s.SignUp(email) })
	confirm(s, email, token).Want(200)
	return p
}

func unlimited(c *admit.Config) { c.InsecureNoLimits = true }

// EM-02: whatever spelling of an address a form was given, the mail goes to the
// one that is stored, and a look-alike is nobody's.
func TestEM02_MailGoesToTheStoredAddress(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		const stored = "Mike@x.test"
		s.SignUp(stored)
		letterTo(s, mailer.SignupConfirmation, stored)
		s.Mail.Clear()
		for _, spelled := range []string{"mike@x.test", "MIKE@X.TEST", " mike@x.test", "m\u0131ke@x.test", "mike@x.test."} {
			s.Do("POST", "/v1/auth/password/reset/request", harness.J{"email": spelled})
			s.Do("POST", "/v1/auth/signup/email/resend", harness.J{"email": spelled})
			s.Do("POST", "/v1/auth/email/signin", harness.J{"email": spelled, "method": "magiclink", "callbackUrl": callback})
		}
		s.SignUp("last@x.test")
		letterTo(s, mailer.SignupConfirmation, "last@x.test") // what was queued before it has been sent by then
		kinds := map[mailer.Kind]int{}
		for _, m := range s.Mail.Messages() {
			kinds[m.Kind]++
			if m.To != stored && m.To != "last@x.test" {
				t.Errorf("%s went to %q", m.Kind, m.To)
			}
		}
		for _, kind := range []mailer.Kind{mailer.PasswordReset, mailer.MagicLink, mailer.SignupConfirmation} {
			if kinds[kind] < 2 {
				t.Errorf("%d mails of the kind %s", kinds[kind], kind)
			}
		}
	}, unlimited)
}
