package e2e_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/store"
)

// revoking is a provider that wants to be told of tokens that are gone, as Apple
// does. fails are the errors of its next answers.
type revoking struct {
	*harness.Provider
	mu    sync.Mutex
	told  []string
	fails []error
}

func (r *revoking) Revoke(_ context.Context, credentials admit.ProviderCredentials, token string, _ time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.fails) > 0 {
		failed := r.fails[0]
		r.fails = r.fails[1:]
		return failed
	}
	r.told = append(r.told, credentials.ClientID+" "+token)
	return nil
}

func (r *revoking) tokens() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.told)
}

func withTokens(p *revoking, subject, email, refresh string) admit.ProviderIdentity {
	who := p.Person(subject, email, admit.ProofAuthoritative)
	who.Tokens = admit.ProviderTokens{AccessToken: "access of " + subject, RefreshToken: refresh}
	return who
}

func linkWithCode(s *harness.Server, p *revoking, who admit.ProviderIdentity, access string) {
	s.T.Helper()
	redirect := harness.BaseURL + "/app"
	s.Do("POST", "/v1/auth/accounts", harness.J{
		"provider": p.Name(), "code": p.Code(who, redirect, "a-verifier"), "redirectUri": redirect, "codeVerifier": "a-verifier",
	}, harness.Bearer(access)).Want(http.StatusCreated)
}

// A provider is told of each token that is gone: after unlinking, and after the
// deletion of the account. The credentials are those that count now.
func TestAProviderIsToldToRevokeTheTokensOfIdentitiesThatAreGone(t *testing.T) {
	p := &revoking{Provider: harness.NewProvider("acme")}
	plain := harness.NewProvider("plain")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Keep("refreshToken", "refresh-of-ann-71c2")
		admin := harness.Bearer(s.Admin().Access)
		ann := s.SignUp("ann@x.test")
		linkWithCode(s, p, withTokens(p, "1", "ann@x.test", "refresh-of-ann-71c2"), ann.Access)
		linkAt(s, plain, plain.Person("1", "", ""), ann.Access).Want(http.StatusCreated)
		s.Do("DELETE", "/v1/auth/accounts/plain", nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		if told := p.tokens(); len(told) != 0 {
			t.Errorf("told of %v", told)
		}
		s.Do("DELETE", "/v1/auth/accounts/acme", nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		id := p.Credentials().ClientID
		s.Eventually("the token is revoked", func() bool { return slices.Equal(p.tokens(), []string{id + " refresh-of-ann-71c2"}) })

		// The account goes, and its provider is switched off meanwhile.
		eve := by(s, p.Provider, withTokens(p, "2", "eve@x.test", "refresh-of-eve-71c2")).Want(http.StatusOK).Tokens()
		s.Keep("refreshToken", "refresh-of-eve-71c2")
		s.Do("PATCH", acmeSettings, harness.J{"enabled": false}, admin).Want(http.StatusOK)
		s.Do("DELETE", users+"/"+s.Me(eve.Access).Want(http.StatusOK).String("id"), nil, admin).Want(http.StatusOK)
		s.Eventually("the token is revoked", func() bool { return slices.Contains(p.tokens(), id+" refresh-of-eve-71c2") })
	}, func(c *admit.Config) { c.Providers = []admit.Provider{p, plain} })
}

// A provider that is down is told later, by whatever process; the unlinking does not
// wait for it.
func TestARevocationIsTriedUntilTheProviderTakesIt(t *testing.T) {
	p := &revoking{Provider: harness.NewProvider("acme"), fails: []error{errors.New("down"), admit.ErrOAuthCallbackFailed}}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ann := s.SignUp("ann@x.test")
		linkWithCode(s, p, withTokens(p, "1", "ann@x.test", "refresh-of-ann-71c2"), ann.Access)
		s.Do("DELETE", "/v1/auth/accounts/acme", nil, harness.Bearer(ann.Access)).Want(http.StatusOK)
		s.Eventually("the token is revoked", func() bool {
			if next, err := s.Store.NextMail(t.Context(), "", store.QueueRevocation); err == nil && next.After(s.Clock.Now()) {
				s.Clock.Advance(next.Sub(s.Clock.Now()))
				sender, err := admit.New(admit.Config{ // another process sends what is due
					BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: s.Store, Mailer: s.Mail, Now: s.Clock.Now,
					Logger: slog.New(slog.DiscardHandler), Passwords: admit.PasswordConfig{InsecureFastHash: true}, Providers: []admit.Provider{p},
				})
				if err != nil {
					t.Fatal(err)
				}
				sender.Start()
				closeSoon(sender)
			}
			return len(p.tokens()) == 1
		})
	}, func(c *admit.Config) { c.Providers = []admit.Provider{p} })
}
