package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/avatar"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/passkey"
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
	// calls is how many calls of the store the flow makes at least, so that a
	// change that hides some of them from the test is noticed.
	calls int
	// inSteps says that the flow is not one transaction, and may take effect
	// although it fails.
	inSteps bool
}

// faultFlows are those of all features, each handed in by the test file of its
// feature.
var faultFlows rows[faultFlow]

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
	list, err := s.Auth.Sessions.List(context.Background(), p.signed.User.ID, admit.PageParams{Number: 1, Limit: 1})
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

// mailedTo says whether a mail waits for an address or has been sent to it. The
// outbox is emptied first, so that nothing is still under way: a new process
// sends what is due, and what the disturbed one took along once its lease is over.
// A mail with the token that the subject had before does not count: it may have
// been sent twice.
func mailedTo(s *harness.Server, p *subject, kind mailer.Kind, to string) bool {
	s.Eventually("the outbox is empty", func() bool {
		next, err := s.Store.NextMail(context.Background(), "", store.QueueMail)
		if err != nil || next.IsZero() {
			return err == nil
		}
		if wait := next.Sub(s.Clock.Now()); wait > 0 {
			s.Clock.Advance(wait)
		}
		sender := processOn(s, s.Store)
		sender.Start()
		closeSoon(sender)
		return false
	})
	for _, m := range s.Mail.Messages() {
		if m.Kind == kind && m.To == to && tokenIn(m.Message) != p.token {
			return true
		}
	}
	return false
}

// AC-204, RL-01, RL-04: whatever call of the store fails, however it fails, a
// flow is done whole or not at all, gives nothing away unless it is done, never
// tells of a success that did not happen, and can be tried again.
func TestAC204_EveryCallOfEveryFlowMayFail(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		for _, flow := range faultFlows {
			t.Run(strings.ReplaceAll(flow.name, " ", "_"), func(t *testing.T) {
				for _, fault := range faultsOn(s.Kind) {
					calls := 0
					for faultPoint(t, s, flow, fault, calls+1) {
						calls++
					}
					if calls < flow.calls {
						t.Errorf("%d calls were disturbed, %d are known", calls, flow.calls)
					}
				}
			})
		}
	}, unlimited, harness.With(heldProvider))
}

// processOn starts another process of the host on a store, without HTTP.
func processOn(s *harness.Server, records store.Store, options ...harness.Option) *admit.Auth {
	config := admit.Config{
		BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: records, Mailer: s.Mail, Now: s.Clock.Now,
		Logger: slog.New(slog.DiscardHandler), RequestTimeout: harness.Patience, Passwords: admit.PasswordConfig{InsecureFastHash: true}, InsecureNoLimits: true,
		Passkeys: admit.PasskeyConfig{Engine: passkey.Engine{}}, Providers: []admit.Provider{heldProvider}, KeepTokens: true, Blobs: s.Blobs, Avatars: &avatar.Engine{}, Domains: admit.DomainConfig{Resolver: s.DNS},
	}
	for _, change := range options {
		change(&config)
	}
	auth, err := admit.New(config)
	if err != nil {
		s.T.Fatal(err)
	}
	return auth
}

// closeSoon ends a process. On a store with a fault it need not succeed.
func closeSoon(auth *admit.Auth) {
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	_ = auth.Close(ctx)
}

// faultsOn says which faults are tried on a kind of store. All are tried on
// memory. On SQL stores a lost answer alone is tried: it is the only fault in
// which the call has taken effect, so that the database has a part in it.
// FAULTS=all, which `.ci/long faults` sets, tries all faults on every store.
func faultsOn(kind string) []storetest.Fault {
	if kind != "memory" && os.Getenv("FAULTS") != "all" {
		return []storetest.Fault{storetest.Lose}
	}
	return []storetest.Fault{storetest.Refuse, storetest.Lose, storetest.Cancel, storetest.Stall}
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
	disturbed := processOn(s, failing)
	gave, failed := flow.run(ctx, disturbed, p)
	calls := failing.Calls()
	verb, _ := failing.Struck()
	// What is left to the workers is done by healthy ones.
	closeSoon(disturbed)
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
	case failed != nil && effect && fault == storetest.Refuse && !flow.inSteps:
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
