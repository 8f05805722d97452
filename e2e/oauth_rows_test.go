package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// heldProvider serves the tables of all features.
var heldProvider = harness.NewProvider("held")

// linkHeld links a person at heldProvider with an account.
func linkHeld(s *harness.Server, userID, email string) admit.ProviderIdentity {
	s.T.Helper()
	who := heldProvider.Person("subject of "+email, email, admit.ProofAuthoritative)
	_, err := s.Auth.Identities.Link(s.T.Context(), admit.LinkIdentityParams{
		UserID: userID, ProviderSignInParams: admit.ProviderSignInParams{Provider: "held", IDToken: heldProvider.IDToken(who, "")},
	})
	if err != nil {
		s.T.Fatal(err)
	}
	return who
}

var atHeld = map[string]string{"provider": "held"}

var _ = feeds.add(
	feed{route: "GET /v1/auth/{provider}", redirects: true, prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return atHeld, harness.J{"callbackUrl": back}
	}},
	feed{route: "POST /v1/auth/{provider}", prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return atHeld, harness.J{"callbackUrl": back}
	}},
	feed{route: "GET /v1/auth/{provider}/callback", redirects: true, prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		b := leave(s, heldProvider, "")
		code, state := heldProvider.Approve(b.url, heldProvider.Person("subject of "+p.Email, p.Email, admit.ProofAuthoritative))
		p.sets = append(p.sets, b.with())
		return atHeld, harness.J{"code": code, "state": state}
	}},
	feed{route: "POST /v1/auth/{provider}/callback", prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return atHeld, harness.J{"idToken": heldProvider.IDToken(heldProvider.Person("subject of "+p.Email, p.Email, admit.ProofAuthoritative), "")}
	}},
	feed{route: "POST /v1/auth/{provider}/onetap", redirects: true, form: true, prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		p.sets = append(p.sets, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "g_csrf_token", Value: "t"}) })
		return atHeld, harness.J{"g_csrf_token": "t", "credential": heldProvider.IDToken(heldProvider.Person("subject of "+p.Email, p.Email, admit.ProofAuthoritative), "")}
	}},
	feed{route: "POST /v1/auth/{provider}/notifications", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		who := linkHeld(s, p.ID, p.Email)
		heldProvider.Notices(fmt.Sprintf(`{"notice":%q}`, p.Email), admit.ProviderNotice{ID: p.Email, Kind: "email-disabled", Subject: who.Subject})
		return atHeld, harness.J{"notice": p.Email}
	}},
	feed{route: "POST /v1/auth/accounts", prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"provider": "held", "idToken": heldProvider.IDToken(heldProvider.Person("subject of "+p.Email, p.Email, admit.ProofAuthoritative), "")}
	}},
	feed{route: "DELETE /v1/auth/accounts/{provider}", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		linkHeld(s, p.ID, p.Email)
		return atHeld, nil
	}},
	feed{route: "POST /v1/auth/accounts/check", prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"type": "credentials", "provider": "email", "providerAccountId": p.Email}
	}},
)

var _ = tokenKinds.add(tokenKind{
	name: "oauth-state", endedBy: []string{"address change", "reset", "password change", "sign-out everywhere", "factor confirmed", "factor removed"},
})

var _ = endings.add(ending{
	name: "provider unlinked",
	before: func(s *harness.Server, p harness.Person) string {
		linkHeld(s, p.ID, p.Email)
		return ""
	},
	cause: func(s *harness.Server, p harness.Person, _ string) {
		if err := s.Auth.Identities.Unlink(s.T.Context(), admit.UnlinkIdentityParams{UserID: p.ID, Provider: "held"}); err != nil {
			s.T.Error(err)
		}
	},
	ends: []string{"oauth-result", "oauth-state"},
})

// linked says whether a person at heldProvider signs in to the account.
func linked(s *harness.Server, p *subject) bool {
	list, err := s.Auth.Identities.List(context.Background(), p.signed.User.ID)
	if err != nil {
		s.T.Fatal(err)
	}
	for _, one := range list {
		if one.Provider == "held" {
			return true
		}
	}
	return false
}

func (p *subject) atProvider() admit.ProviderIdentity {
	return heldProvider.Person("subject of "+p.email, p.email, admit.ProofAuthoritative)
}

var _ = faultFlows.add(
	faultFlow{
		name: "provider sign-in", calls: 9,
		run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
			return gave(a.Providers.SignIn(ctx, admit.ProviderSignInParams{Provider: "held", IDToken: heldProvider.IDToken(p.atProvider(), "")}))
		},
		done: linked,
	},
	faultFlow{
		name: "provider redirect", calls: 9,
		run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
			begun, err := a.Providers.Begin(ctx, admit.BeginProviderParams{Provider: "held", CallbackURL: back})
			if err != nil {
				return false, err
			}
			code, state := heldProvider.Approve(begun.URL, p.atProvider())
			done, err := a.Providers.Finish(ctx, admit.FinishProviderParams{Provider: "held", State: state, Binding: begun.Binding, Code: code})
			return done.Token != "", err
		},
		done: linked,
	},
	faultFlow{
		name: "result redeemed", calls: 5,
		prepare: func(s *harness.Server, p *subject) {
			begun, err := s.Auth.Providers.Begin(context.Background(), admit.BeginProviderParams{Provider: "held", CallbackURL: back})
			if err != nil {
				s.T.Fatal(err)
			}
			code, state := heldProvider.Approve(begun.URL, p.atProvider())
			done, err := s.Auth.Providers.Finish(context.Background(), admit.FinishProviderParams{Provider: "held", State: state, Binding: begun.Binding, Code: code})
			if err != nil {
				s.T.Fatal(err)
			}
			p.token = done.Token
		},
		run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
			return gave(a.MagicLinks.Redeem(ctx, p.token))
		},
		done:  func(s *harness.Server, p *subject) bool { return liveSessions(s, p) == 1 },
		again: admit.ErrInvalidToken,
	},
	faultFlow{
		name: "provider linked", calls: 5,
		run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
			_, err := a.Identities.Link(ctx, admit.LinkIdentityParams{
				UserID: p.signed.User.ID, ProviderSignInParams: admit.ProviderSignInParams{Provider: "held", IDToken: heldProvider.IDToken(p.atProvider(), "")},
			})
			return told(err)
		},
		done: linked, again: admit.ErrAccountAlreadyLinked,
	},
	faultFlow{
		name: "provider unlinked", calls: 6,
		prepare: func(s *harness.Server, p *subject) { linkHeld(s, p.signed.User.ID, p.email) },
		run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
			return told(a.Identities.Unlink(ctx, admit.UnlinkIdentityParams{UserID: p.signed.User.ID, Provider: "held"}))
		},
		done: func(s *harness.Server, p *subject) bool { return !linked(s, p) }, again: admit.ErrAccountNotFound,
	},
)

// The answer names no reason. The log does, with the id of the request.
func TestTheLogSaysWhyAProofWasRefused(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ada := verified(s, "ada@x.test")
		who := p.Person("1", "grace@x.test", admit.ProofAsserted)
		logged := func(answer *harness.Answer, why string) {
			t.Helper()
			for line := range strings.Lines(s.Log.String()) {
				if strings.Contains(line, `"request":"`+answer.Header.Get("X-Request-Id")+`"`) && strings.Contains(line, `"provider":"acme"`) && strings.Contains(line, why) {
					return
				}
			}
			t.Errorf("no line of the log says %q", why)
		}
		logged(s.Do("POST", "/v1/auth/acme/callback", harness.J{"idToken": p.IDToken(who, "n")}).Want(401, "auth/invalid-oauth-code"), "the nonce is another")
		logged(s.Do("POST", "/v1/auth/acme/callback", harness.J{"code": "none"}).Want(401, "auth/invalid-oauth-code"), "no such code")
		logged(s.Do("POST", "/v1/auth/accounts", harness.J{"provider": "acme", "code": "none"}, harness.Bearer(ada.Access)).Want(401, "auth/invalid-oauth-code"), "no such code")
		b := leave(s, p, "")
		code, state := p.Approve(b.url, who)
		answer, _ := b.callback(url.Values{"code": {code}, "state": {state}, "iss": {"https://other.test"}})
		logged(answer, "the issuer is another")
		logged(s.Do("POST", "/v1/auth/acme/notifications", "junk").Want(401, "auth/invalid-oauth-code"), "invalid-oauth-code")
		b = leave(s, p, "")
		_, state = p.Approve(b.url, who)
		answer, _ = b.callback(url.Values{"error": {"invalid_scope"}, "state": {state}})
		if !strings.Contains(s.Log.String(), "the provider answered with invalid_scope") {
			t.Errorf("%d: the log does not say what the provider answered", answer.Status)
		}
	}, harness.With(p))
}
