package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

var _ = faultFlows.add(faultFlow{
	name:    "ask to change an address",
	calls:   6,
	prepare: func(s *harness.Server, p *subject) { letterTo(s, mailer.SignupConfirmation, p.email) },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p)}))
	},
	done: func(s *harness.Server, p *subject) bool { return mailedTo(s, p, mailer.EmailVerification, moved(p)) },
}, faultFlow{
	name:  "change an address",
	calls: 6,
	prepare: mailFor(mailer.EmailVerification, moved, func(s *harness.Server, p *subject) error {
		return s.Auth.EmailChanges.Request(s.T.Context(), admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p)})
	}),
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.EmailChanges.Confirm(ctx, admit.TokenParams{Email: moved(p), Token: p.token}))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.Users.GetByEmail(s.T.Context(), moved(p))
		return err == nil
	},
}, faultFlow{
	name:  "undo a change of address",
	calls: 8,
	prepare: func(s *harness.Server, p *subject) {
		// Only an address that was verified can take a change back.
		token := tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
		if err := s.Auth.Verifications.Confirm(s.T.Context(), admit.TokenParams{Token: token}); err != nil {
			s.T.Fatal(err)
		}
		mailFor(mailer.EmailVerification, moved, func(s *harness.Server, p *subject) error {
			return s.Auth.EmailChanges.Request(s.T.Context(), admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p)})
		})(s, p)
		mailFor(mailer.EmailChanged, own, func(s *harness.Server, p *subject) error {
			return s.Auth.EmailChanges.Confirm(s.T.Context(), admit.TokenParams{Email: moved(p), Token: p.token})
		})(s, p)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.EmailChanges.Undo(ctx, p.token))
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.Users.GetByEmail(s.T.Context(), p.email)
		return err == nil && !sessionLives(s, p)
	},
	again: admit.ErrInvalidToken,
})

var _ = tokenKinds.add(tokenKind{name: "change"}, tokenKind{name: "undo"})

var _ = endings.add(ending{
	name:   "address change",
	before: func(s *harness.Server, p harness.Person) string { return askMove(s, p, "new@x.test") },
	cause: func(s *harness.Server, _ harness.Person, token string) {
		confirmMove(s, "new@x.test", token).Want(200)
	},
	ends: append([]string{"verify", "reset"}, signIns...),
}, ending{
	name:   "address change undone",
	before: func(s *harness.Server, p harness.Person) string { return moveTo(s, p, "new@x.test") },
	cause: func(s *harness.Server, _ harness.Person, token string) {
		s.Do("POST", "/v1/auth/email/verify/undo", harness.J{"token": token}).Want(200)
	},
	ends: every,
}, ending{
	name:  "new address to change",
	cause: func(s *harness.Server, p harness.Person, _ string) { askMove(s, p, "new@x.test") },
	ends:  []string{"change"},
})

func askMove(s *harness.Server, p harness.Person, to string) string {
	s.T.Helper()
	return mailed(s, mailer.EmailVerification, to, func() {
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": to}, harness.Bearer(p.Access)).Want(200)
	})
}

func confirmMove(s *harness.Server, to, token string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/verify/confirm", harness.J{"email": to, "token": token})
}

// moveTo changes an address and returns the token that takes it back.
func moveTo(s *harness.Server, p harness.Person, to string) string {
	s.T.Helper()
	token := askMove(s, p, to)
	return mailed(s, mailer.EmailChanged, p.Email, func() { confirmMove(s, to, token).Want(200) })
}

func TestEM05_AnAddressMovesOnlyAfterItsMailboxIsProven(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		token := askMove(s, p, "New@x.test")
		if got := s.Me(p.Access).String("email"); got != "a@x.test" {
			t.Errorf("the address moved early, to %s", got)
		}
		confirmMove(s, "a@x.test", token).Want(401, "auth/invalid-token")
		s.Do("POST", "/v1/auth/email/verify/confirm", harness.J{"email": "new@x.test", "token": token, "action": "disown"}).Want(400, "auth/invalid-request")
		confirmMove(s, "new@x.test", token).Want(200)
		confirmMove(s, "new@x.test", token).Want(200) // repeated
		me := s.Me(p.Access).Want(200)
		if me.String("email") != "New@x.test" || me.String("emailVerified") == "" {
			t.Errorf("after the move: %s", me.Body)
		}
		s.SignIn("a@x.test", harness.Password).Want(401)
		s.SignIn("new@x.test", harness.Password).Want(200)
		// The old address stays reserved for seven days.
		signUp(s, "a@x.test", harness.Password, "Eve").Want(409, "auth/email-already-exists")
		s.Clock.Advance(7 * 24 * time.Hour)
		signUp(s, "a@x.test", harness.Password, "Eve").Want(201)
	}, unlimited)
}

func TestAC071_MovingNeedsARecentProof(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		s.Clock.Advance(10 * time.Minute)
		answer := s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "new@x.test"}, harness.Bearer(p.Access)).Want(403, "auth/reauthentication-required")
		if answer.Get("error", "details", "methods") == nil {
			t.Errorf("the refusal names no methods: %s", answer.Body)
		}
		next := s.Refresh(p.Refresh).Want(200).Tokens()
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "new@x.test"}, harness.Bearer(next.Access)).Want(403)
		fresh := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "new@x.test"}, harness.Bearer(fresh.Access)).Want(200)
		s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "a@x.test"}, harness.Bearer(p.Access)).Want(400, "auth/already-verified")
	})
}

func TestAC069_MovingToATakenAddressShowsNothingAndTellsItsOwner(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		verified(s, "taken@x.test")
		s.Mail.Clear()
		taken := s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "taken@x.test"}, harness.Bearer(p.Access)).Want(200)
		free := s.Do("POST", "/v1/auth/email/verify/send", harness.J{"email": "free@x.test"}, harness.Bearer(p.Access)).Want(200)
		if neutral(taken, "taken@x.test") != neutral(free, "free@x.test") {
			t.Errorf("taken: %s, free: %s", taken.Body, free.Body)
		}
		letterTo(s, mailer.AccountExists, "taken@x.test")
		// Taken between request and confirmation: the constraint decides.
		token := tokenIn(letterTo(s, mailer.EmailVerification, "free@x.test"))
		s.SignUp("free@x.test")
		confirmMove(s, "free@x.test", token).Want(409, "auth/email-already-exists")
		if got := s.Me(p.Access).String("email"); got != "a@x.test" {
			t.Errorf("the address is %s", got)
		}
	}, unlimited)
}

func TestEM06_ASecondChangeReplacesTheFirst(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		first := askMove(s, p, "one@x.test")
		second := askMove(s, p, "two@x.test")
		confirmMove(s, "one@x.test", first).Want(401, "auth/invalid-token")
		confirmMove(s, "one@x.test", second).Want(401, "auth/invalid-token")
		confirmMove(s, "two@x.test", second).Want(200)
	})
}

func TestUndoGivesTheAccountBackToItsOldMailbox(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		undo := moveTo(s, p, "eve@x.test")
		// The hijacker asks for a reset and changes the password.
		resetWith(s, "eve@x.test", resetToken(s, "eve@x.test"), otherPassword).Want(200)
		hijacker := s.SignIn("eve@x.test", otherPassword).Want(200).Tokens()
		page := s.Do("GET", "/v1/auth/email/verify/undo?token="+undo, nil, browser()).Want(200)
		if !strings.Contains(string(page.Body), `method="post"`) {
			t.Error("the page has no form")
		}
		s.Alive(hijacker)
		reset := mailed(s, mailer.PasswordReset, "a@x.test", func() {
			s.Do("POST", "/v1/auth/email/verify/undo", harness.J{"token": undo}).Want(200)
		})
		s.Dead(hijacker)
		s.SignIn("eve@x.test", otherPassword).Want(401)
		s.SignIn("a@x.test", otherPassword).Want(401)
		s.Do("POST", "/v1/auth/email/verify/undo", harness.J{"token": undo}).Want(401, "auth/invalid-token")
		resetWith(s, "a@x.test", reset, "Fluss-Kerze-9921").Want(200)
		me := s.Me(s.SignIn("a@x.test", "Fluss-Kerze-9921").Want(200).Tokens().Access)
		if me.String("id") != p.ID || me.String("email") != "a@x.test" {
			t.Errorf("the account is %s", me.Body)
		}
		s.SignUp("eve@x.test") // free again
	}, unlimited)
}

// S7: what becomes of a change that was pending does not tell whether the address
// that was asked for next has an account.
func TestS7_APendingChangeDiesWhoeverHasTheNextAddress(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "taken@x.test")
		for i, next := range []string{"free@x.test", "taken@x.test"} {
			p := verified(s, []string{"a@x.test", "b@x.test"}[i])
			ask := func(address string) {
				t.Helper()
				if err := s.Auth.EmailChanges.Request(t.Context(), admit.EmailChangeParams{UserID: p.ID, Email: address}); err != nil {
					t.Fatal(err)
				}
			}
			own := "own-" + p.Email
			token := mailed(s, mailer.EmailVerification, own, func() { ask(own) })
			ask(next)
			s.Do("POST", "/v1/auth/email/verify/confirm", harness.J{"token": token}).Want(401, "auth/invalid-token")
			if user, err := s.Auth.Users.Get(t.Context(), p.ID); err != nil || user.Email != p.Email {
				t.Errorf("after a change to %s was asked for, the pending one moved the account to %s, %v", next, user.Email, err)
			}
		}
	}, unlimited)
}
