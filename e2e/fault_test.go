package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/storetest"
)

// subject is somebody whose flow is disturbed, and what the flow works on.
type subject struct {
	email  string
	signed *admit.SignedIn
	token  string
	code   string
	extra  string
}

// faultFlow is a flow that is tried with a fault at every call of the store.
type faultFlow struct {
	name string
	// prepare makes what the flow needs, on a healthy store.
	prepare func(s *harness.Server, p *subject)
	// run is the flow; it says whether it gave a token or told of a success.
	run func(ctx context.Context, a *admit.Auth, p *subject) (gave bool, err error)
	// done asks a healthy process whether the flow has taken effect.
	done func(s *harness.Server, p *subject) bool
	// again is what a retry may answer once the flow has taken effect; nil
	// always may.
	again error
}

const (
	strongPassword = "Kupfer-Wolke-7319"
	// bcrypted is strongPassword as another system kept it.
	bcrypted = "$2a$04$gc5w5eunHiLzG6OmERAhquJrxxL8JOqvWZ.GCvdBSgnYyMIGOJQC."
)

func gave(signed admit.SignedIn, err error) (bool, error) {
	return signed.Tokens.AccessToken != "", err
}

func told(err error) (bool, error) { return err == nil, err }

func sessionLives(s *harness.Server, p *subject) bool {
	_, _, err := s.Auth.VerifyToken(context.Background(), p.signed.Tokens.AccessToken)
	return err == nil
}

func passwordIs(s *harness.Server, p *subject, password string) bool {
	_, err := s.Auth.Passwords.SignIn(context.Background(), admit.SignInParams{Email: p.email, Password: password})
	return err == nil
}

func liveSessions(s *harness.Server, p *subject) int {
	list, err := s.Auth.Sessions.List(context.Background(), p.signed.User.ID, store.Page{Number: 1, Limit: 1})
	if err != nil {
		s.T.Fatal(err)
	}
	return list.Total
}

func mailFor(kind mailer.Kind, to func(*subject) string, ask func(*harness.Server, *subject) error) func(*harness.Server, *subject) {
	return func(s *harness.Server, p *subject) {
		s.Mail.Clear()
		if err := ask(s, p); err != nil {
			s.T.Fatal(err)
		}
		p.token = tokenIn(letterTo(s, kind, to(p)))
	}
}

// askLink asks for a magic link, and keeps the link's token and its code.
func askLink(s *harness.Server, p *subject, signUp bool) {
	s.T.Helper()
	s.Mail.Clear()
	var err error
	if p.extra, err = s.Auth.MagicLinks.Request(context.Background(), admit.MagicLinkParams{Email: p.email, CallbackURL: callback, SignUp: signUp}); err != nil {
		s.T.Fatal(err)
	}
	m := letterTo(s, mailer.MagicLink, p.email)
	p.token, p.code = tokenIn(m), m.Values.Code
}

func own(p *subject) string { return p.email }

func moved(p *subject) string { return "new-" + p.email }

func faultFlows() []faultFlow {
	ctx := context.Background()
	return []faultFlow{
		{
			name:    "sign up",
			prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				made, err := a.SignUps.Create(ctx, admit.SignUpParams{Email: p.email, Password: strongPassword, Name: "Ada"})
				return made.SignedIn != nil, err
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.Users.GetByEmail(ctx, p.email)
				return err == nil
			},
			again: admit.ErrEmailAlreadyExists,
		},
		{
			name: "sign in",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return gave(a.Passwords.SignIn(ctx, admit.SignInParams{Email: p.email, Password: strongPassword}))
			},
			done: func(s *harness.Server, p *subject) bool { return liveSessions(s, p) >= 2 },
		},
		{
			name: "refresh",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return gave(a.Sessions.Refresh(ctx, p.signed.Tokens.RefreshToken))
			},
			done: func(s *harness.Server, p *subject) bool {
				session, _, err := s.Store.SessionUser(ctx, "", p.signed.Session.ID)
				return err == nil && session.Generation == 2
			},
		},
		{
			name: "sign out",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Sessions.End(ctx, admit.EndSessionParams{UserID: p.signed.User.ID, SessionID: p.signed.Session.ID}))
			},
			done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
			again: admit.ErrSessionNotFound,
		},
		{
			name: "sign out everywhere",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.Sessions.EndOthers(ctx, admit.EndOtherSessionsParams{UserID: p.signed.User.ID, Except: ""})
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
		},
		{
			name: "revoke what was issued before",
			prepare: func(s *harness.Server, p *subject) {
				s.Clock.Advance(time.Second)
				p.extra = s.Clock.Now().Format(time.RFC3339Nano)
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				before, err := time.Parse(time.RFC3339Nano, p.extra)
				if err != nil {
					return false, err
				}
				_, err = a.Sessions.RevokeIssuedBefore(ctx, before)
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
		},
		{
			name:    "ask for a confirmation again",
			prepare: func(s *harness.Server, p *subject) { letterTo(s, mailer.SignupConfirmation, p.email) },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Verifications.Request(ctx, admit.LinkParams{Email: p.email, CallbackURL: ""}))
			},
			done: func(s *harness.Server, p *subject) bool { return mailedTo(s, mailer.SignupConfirmation, p.email) },
		},
		{
			name: "confirm an address",
			prepare: func(s *harness.Server, p *subject) {
				p.token = tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.EmailChanges.Confirm(ctx, admit.TokenParams{Email: p.email, Token: p.token}))
			},
			done: func(s *harness.Server, p *subject) bool {
				user, err := s.Auth.Users.GetByEmail(ctx, p.email)
				return err == nil && !user.EmailVerifiedAt.IsZero()
			},
		},
		{
			name: "disown an account",
			prepare: func(s *harness.Server, p *subject) {
				p.token = tokenIn(letterTo(s, mailer.SignupConfirmation, p.email))
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Verifications.Disown(ctx, admit.TokenParams{Email: p.email, Token: p.token}))
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.Users.GetByEmail(ctx, p.email)
				return errors.Is(err, admit.ErrUserNotFound)
			},
			again: admit.ErrInvalidToken,
		},
		{
			name: "ask for a reset",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.PasswordResets.Request(ctx, admit.LinkParams{Email: p.email, CallbackURL: ""}))
			},
			done: func(s *harness.Server, p *subject) bool { return mailedTo(s, mailer.PasswordReset, p.email) },
		},
		{
			name: "reset a password",
			prepare: mailFor(mailer.PasswordReset, own, func(s *harness.Server, p *subject) error {
				return s.Auth.PasswordResets.Request(ctx, admit.LinkParams{Email: p.email, CallbackURL: ""})
			}),
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.PasswordResets.Confirm(ctx, admit.ConfirmPasswordResetParams{Email: p.email, Token: p.token, NewPassword: otherPassword})
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool {
				return passwordIs(s, p, otherPassword) && !sessionLives(s, p)
			},
			again: admit.ErrVerificationTokenNotFound,
		},
		{
			name: "change a password",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.Passwords.Change(ctx, admit.ChangePasswordParams{UserID: p.signed.User.ID, Current: strongPassword, New: otherPassword})
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool {
				return passwordIs(s, p, otherPassword) && !sessionLives(s, p)
			},
			again: admit.ErrInvalidPassword,
		},
		{
			name: "ask for a magic link",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.MagicLinks.Request(ctx, admit.MagicLinkParams{Email: p.email, CallbackURL: callback, SignUp: false})
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool { return mailedTo(s, mailer.MagicLink, p.email) },
		},
		{
			name:    "redeem a magic link",
			prepare: func(s *harness.Server, p *subject) { askLink(s, p, false) },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				signed, err := a.MagicLinks.Redeem(ctx, p.token)
				return gave(signed, err)
			},
			done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) && liveSessions(s, p) == 1 },
			again: admit.ErrInvalidToken,
		},
		{
			name:    "sign in by code",
			prepare: func(s *harness.Server, p *subject) { askLink(s, p, false) },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				signed, err := a.MagicLinks.RedeemCode(ctx, admit.RedeemCodeParams{RequestID: p.extra, Code: p.code})
				return gave(signed, err)
			},
			done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) && liveSessions(s, p) == 1 },
			again: admit.ErrInvalidToken,
		},
		{
			name: "sign up by magic link",
			prepare: func(s *harness.Server, p *subject) {
				p.email = "new-" + p.email
				askLink(s, p, true)
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				signed, err := a.MagicLinks.Redeem(ctx, p.token)
				return gave(signed, err)
			},
			done: func(s *harness.Server, p *subject) bool {
				user, err := s.Auth.Users.GetByEmail(ctx, p.email)
				if err != nil {
					return false
				}
				list, err := s.Auth.Sessions.List(ctx, user.ID, store.Page{Number: 1, Limit: 1})
				return err == nil && list.Total == 1 && !user.EmailVerifiedAt.IsZero()
			},
			again: admit.ErrInvalidToken,
		},
		{
			name:    "ask to change an address",
			prepare: func(s *harness.Server, p *subject) { letterTo(s, mailer.SignupConfirmation, p.email) },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p), CallbackURL: ""}))
			},
			done: func(s *harness.Server, p *subject) bool { return mailedTo(s, mailer.EmailVerification, moved(p)) },
		},
		{
			name: "change an address",
			prepare: mailFor(mailer.EmailVerification, moved, func(s *harness.Server, p *subject) error {
				return s.Auth.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p), CallbackURL: ""})
			}),
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.EmailChanges.Confirm(ctx, admit.TokenParams{Email: moved(p), Token: p.token}))
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.Users.GetByEmail(ctx, moved(p))
				return err == nil
			},
		},
		{
			name: "undo a change of address",
			prepare: func(s *harness.Server, p *subject) {
				mailFor(mailer.EmailVerification, moved, func(s *harness.Server, p *subject) error {
					return s.Auth.EmailChanges.Request(ctx, admit.EmailChangeParams{UserID: p.signed.User.ID, Email: moved(p), CallbackURL: ""})
				})(s, p)
				mailFor(mailer.EmailChanged, own, func(s *harness.Server, p *subject) error {
					return s.Auth.EmailChanges.Confirm(ctx, admit.TokenParams{Email: moved(p), Token: p.token})
				})(s, p)
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.EmailChanges.Undo(ctx, p.token))
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.Users.GetByEmail(ctx, p.email)
				return err == nil && !sessionLives(s, p)
			},
			again: admit.ErrInvalidToken,
		},
		{
			name: "create an API key",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				created, err := a.APIKeys.Create(ctx, admit.CreateAPIKeyParams{Name: p.email, Type: admit.SecretKey})
				return created.Key != "", err
			},
			done: func(s *harness.Server, p *subject) bool {
				keys, err := s.Auth.APIKeys.List(ctx, store.Page{Number: 1, Limit: 1000})
				return err == nil && slices.ContainsFunc(keys.Items, func(k admit.APIKey) bool { return k.Name == p.email })
			},
		},
		{
			name: "revoke an API key",
			prepare: func(s *harness.Server, p *subject) {
				p.extra, p.token = s.NewKey("secret")
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.APIKeys.Revoke(ctx, p.extra))
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.APIKeys.Verify(ctx, p.token)
				return errors.Is(err, admit.ErrAPIKeyRevoked)
			},
		},
		{
			name: "ban",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Users.Ban(ctx, admit.BanParams{UserID: p.signed.User.ID, Reason: "spam"}))
			},
			done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
		},
		{
			name: "unban",
			prepare: func(s *harness.Server, p *subject) {
				if err := s.Auth.Users.Ban(ctx, admit.BanParams{UserID: p.signed.User.ID, Reason: "spam"}); err != nil {
					s.T.Fatal(err)
				}
			},
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Users.Unban(ctx, p.signed.User.ID))
			},
			done: func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
		},
		{
			name:    "create an account",
			prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.Users.Create(ctx, admit.CreateUserParams{Email: p.email, Name: "Ada", InsecurePassword: strongPassword})
				return told(err)
			},
			done:  func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
			again: admit.ErrEmailAlreadyExists,
		},
		{
			name:    "import accounts",
			prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				_, err := a.Imports.Users(ctx, []admit.ImportUserParams{
					{Email: p.email, Name: "Ada", PasswordHash: bcrypted}, {Email: "second-" + p.email, Name: "Bob"},
				})
				return told(err)
			},
			done: func(s *harness.Server, p *subject) bool {
				_, err := s.Auth.Users.GetByEmail(ctx, "second-"+p.email)
				return err == nil && passwordIs(s, p, strongPassword)
			},
		},
		{
			name: "change a role",
			run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
				return told(a.Users.SetRole(ctx, admit.SetRoleParams{UserID: p.signed.User.ID, Role: "editor"}))
			},
			done: func(s *harness.Server, p *subject) bool {
				user, err := s.Auth.Users.Get(ctx, p.signed.User.ID)
				return err == nil && user.Role == "editor"
			},
		},
	}
}

// mailedTo says whether a mail waits for an address or has been sent to it. The
// outbox is emptied first, so that nothing is still under way.
func mailedTo(s *harness.Server, kind mailer.Kind, to string) bool {
	s.Auth.Start()
	s.Eventually("the outbox is empty", func() bool {
		next, err := s.Store.NextMail(context.Background(), "", store.QueueMail)
		if wait := next.Sub(s.Clock.Now()); err == nil && wait > 0 {
			s.Clock.Advance(wait) // the disturbed process took it along
		}
		return err == nil && next.IsZero()
	})
	for _, m := range s.Mail.Messages() {
		if m.Kind == kind && m.To == to {
			return true
		}
	}
	return false
}

// faultPoints is how many pairs of flow and call there are at least; a change
// that makes calls unreachable for the test must be noticed.
const faultPoints = 930

// AC-204, RL-01, RL-04: whatever call of the store fails, however it fails, a
// flow is done whole or not at all, gives nothing away unless it is done, never
// tells of a success that did not happen, and can be tried again.
func TestAC204_EveryCallOfEveryFlowMayFail(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		points := 0
		for _, flow := range faultFlows() {
			t.Run(strings.ReplaceAll(flow.name, " ", "_"), func(t *testing.T) {
				for _, fault := range []storetest.Fault{storetest.Refuse, storetest.Lose, storetest.Cancel, storetest.Stall} {
					for k := 1; ; k++ {
						if !faultPoint(t, s, flow, fault, k) {
							break
						}
						points++
					}
				}
			})
		}
		t.Logf("%d points of flow and call", points)
		if points < faultPoints {
			t.Errorf("%d points were tried, %d are known", points, faultPoints)
		}
	}, unlimited)
}

// faultPoint disturbs the k-th call of a flow and says whether there was one.
func faultPoint(t *testing.T, s *harness.Server, flow faultFlow, fault storetest.Fault, k int) bool {
	t.Helper()
	ctx := context.Background()
	p := &subject{email: fmt.Sprintf("%s-%d-%d@x.test", strings.ReplaceAll(flow.name, " ", "-"), fault, k)}
	made, err := s.Auth.SignUps.Create(ctx, admit.SignUpParams{Email: p.email, Password: strongPassword, Name: "Ada"})
	if err != nil {
		t.Fatal(err)
	}
	p.signed = made.SignedIn
	if flow.prepare != nil {
		flow.prepare(s, p)
	}
	s.Mail.Clear()
	failing := storetest.Failing(s.Store, storetest.Plan{Nth: k, Fault: fault})
	disturbed, err := admit.New(admit.Config{
		BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: failing, Mailer: s.Mail, Now: s.Clock.Now,
		Logger: slog.New(slog.DiscardHandler), Passwords: admit.PasswordConfig{InsecureFastHash: true}, InsecureNoLimits: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	gave, failed := flow.run(ctx, disturbed, p)
	calls := failing.Calls()
	verb, _ := failing.Struck()
	// What is left to the workers is done by healthy ones.
	closing, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = disturbed.Close(closing)
	if calls < k {
		if failed != nil {
			t.Fatalf("undisturbed: %v", failed)
		}
		return false
	}
	point := fmt.Sprintf("fault %d at call %d (%s)", fault, k, verb)
	effect := flow.done(s, p)
	switch {
	case failed == nil && !effect:
		t.Errorf("%s: told of a success that did not happen", point)
	case failed != nil && gave:
		t.Errorf("%s: gave something away and failed: %v", point, failed)
	case failed != nil && !errors.Is(failed, admit.ErrUnavailable):
		t.Errorf("%s: failed as %v", point, failed)
	case failed != nil && effect && fault == storetest.Refuse && !inSteps(flow.name):
		t.Errorf("%s: failed and yet took effect", point)
	}
	if failed == nil {
		return true
	}
	if _, err := flow.run(ctx, s.Auth, p); err != nil && !(effect && errors.Is(err, flow.again)) {
		t.Errorf("%s: trying again: %v", point, err)
	}
	if !flow.done(s, p) {
		t.Errorf("%s: trying again had no effect", point)
	}
	return true
}

// inSteps names flows that are not one transaction. The token of a refresh is
// made after its one write: the answer can be lost, and is given again to who
// asks again. What was issued to everybody is revoked in batches.
func inSteps(flow string) bool {
	return flow == "refresh" || flow == "revoke what was issued before"
}
