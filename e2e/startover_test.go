package e2e_test

import (
	"context"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

var _ = faultFlows.add(faultFlow{
	name:  "start over",
	calls: 14,
	prepare: func(s *harness.Server, p *subject) {
		app := harness.App{Secret: setUp(s, p)}
		if _, err := s.Auth.MFA.Confirm(context.Background(), admit.ConfirmMFAParams{UserID: p.signed.User.ID, Code: app.Code(s.Clock.Now())}); err != nil {
			s.T.Fatal(err)
		}
		askLink(s, p, false)
		_, err := s.Auth.MagicLinks.Redeem(context.Background(), p.token)
		refusal, _ := err.(*admit.Error) //nolint:errorlint // nothing wraps it here
		if refusal == nil {
			s.T.Fatalf("the link answered %v", err)
		}
		p.extra, _ = refusal.Details["startOverToken"].(string)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return gave(a.StartOvers.Redeem(ctx, p.extra))
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.Users.GetByEmail(context.Background(), p.email)
		return err == nil && user.ID != p.signed.User.ID
	},
	again: admit.ErrInvalidToken,
})

var _ = tokenKinds.add(tokenKind{name: "start-over"})

func startOver(s *harness.Server, token string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/start-over", harness.J{"startOverToken": token})
}

// plantedFactor makes an account whose address nobody has proven, with a factor.
func plantedFactor(s *harness.Server, email string) (harness.Person, harness.App) {
	s.T.Helper()
	p := s.SignUp(email)
	return p, s.EnrollTOTP(p)
}

// offered demands that a sign-in offers to start over.
func offered(s *harness.Server, a *harness.Answer) string {
	s.T.Helper()
	s.Paused(a)
	token := a.String("error", "details", "startOverToken")
	s.Keep("startOverToken", token)
	if token == "" {
		s.T.Errorf("the owner of the mailbox is not offered to start over: %s", a.Body)
	}
	return token
}

// MF-09: proof of the mailbox alone never removes a factor. Whoever owns the
// mailbox of an account that was never proven, and cannot present its factor,
// gets an empty account.
func TestTheOwnerOfAMailboxStartsOver(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		stranger, app := plantedFactor(s, "a@x.test")
		token := offered(s, redeem(s, magicToken(s, "a@x.test")))
		s.Dead(stranger.Tokens)
		s.Me(token).Want(401)
		s.Mail.Clear()
		tokens := startOver(s, token).Want(201).Tokens()
		letterTo(s, mailer.AccountDeleted, "a@x.test")
		me := s.Me(tokens.Access).Want(200)
		if me.String("id") == stranger.ID || me.Get("mfaEnabled") != false || me.Get("emailVerified") == nil {
			t.Errorf("the account is %s, it was %s", me.Body, stranger.ID)
		}
		s.Alive(tokens)
		startOver(s, token).Want(401)
		s.SignIn("a@x.test", harness.Password).Want(401, "auth/invalid-credentials")
		redeem(s, magicToken(s, "a@x.test")).Want(200)
		reauthenticate(s, tokens.Access, harness.J{"code": app.BackupCodes[0]}).Want(401)
		if n := len(s.Events(me.String("id"), "account.started-over")); n != 1 {
			t.Errorf("it was recorded %d times", n)
		}
	}, unlimited)
}

// The same after a reset: whoever has set the new password owns the mailbox.
func TestTheOwnerOfAMailboxStartsOverAfterAReset(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		stranger, _ := plantedFactor(s, "a@x.test")
		resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		tokens := startOver(s, offered(s, s.SignIn("a@x.test", otherPassword))).Want(201).Tokens()
		if s.Me(tokens.Access).String("id") == stranger.ID {
			t.Error("the account is the stranger's")
		}
	})
}

// Whoever presents the factor is the owner, and keeps the account.
func TestWhoeverPresentsTheFactorKeepsTheAccount(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		owner, app := plantedFactor(s, "a@x.test")
		a := redeem(s, magicToken(s, "a@x.test"))
		token := offered(s, a)
		tokens := s.Complete(a.String("error", "details", "mfaToken"), app.Code(s.Clock.Now())).Want(200).Tokens()
		if s.Me(tokens.Access).String("id") != owner.ID {
			t.Error("the account is another one")
		}
		startOver(s, token).Want(401, "auth/invalid-token")
		again := redeem(s, magicToken(s, "a@x.test"))
		s.Paused(again)
		if again.String("error", "details", "startOverToken") != "" {
			t.Error("the account can be retired after its owner has presented the factor")
		}
	})
}

// A confirmed sign-up proves the address in the ordinary way: no mailbox retires
// the account then.
func TestAProvenAccountIsNotRetired(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.SignupConfirmation, "a@x.test", func() { s.SignUp("a@x.test") })
		tokens := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		confirm(s, "a@x.test", token).Want(200)
		s.EnrollTOTP(harness.Person{Email: "a@x.test", Tokens: tokens})
		a := redeem(s, magicToken(s, "a@x.test"))
		s.Paused(a)
		if a.String("error", "details", "startOverToken") != "" {
			t.Error("the mailbox alone retires a proven account")
		}
	})
}

// The token works for five minutes, and once however many come with it.
func TestStartingOverHappensOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		plantedFactor(s, "a@x.test")
		token := offered(s, redeem(s, magicToken(s, "a@x.test")))
		counts := harness.Count(harness.Parallel(8, func(int) *harness.Answer { return startOver(s, token) }))
		if counts[201] != 1 || counts[201]+counts[401] != 8 {
			t.Errorf("the answers are %v", counts)
		}
		plantedFactor(s, "b@x.test")
		late := offered(s, redeem(s, magicToken(s, "b@x.test")))
		s.Clock.Advance(5 * time.Minute)
		startOver(s, late).Want(401, "auth/token-expired")
		startOver(s, "junk").Want(401, "auth/invalid-token")
		s.Do("POST", "/v1/auth/start-over", harness.J{"startOverToken": ""}).Want(400, "auth/invalid-request")
	}, unlimited)
}

var _ = feeds.add(feed{route: "POST /v1/auth/start-over", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	// What is revoked is the account that is to be retired.
	planted, _ := plantedFactor(s, p.fresh)
	p.ID, p.current = planted.ID, p.fresh
	return nil, harness.J{"startOverToken": offered(s, s.Do("POST", "/v1/auth/email/callback", harness.J{"token": magicToken(s, p.fresh)}))}
}})
