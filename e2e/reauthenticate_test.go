package e2e_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/storetest"
)

var _ = faultFlows.add(faultFlow{
	name:  "prove a session again by password",
	calls: 5,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(asCaller(ctx, a, p, admit.ReauthenticateParams{Password: strongPassword}))
	},
	done: provenAgain,
}, faultFlow{
	name:    "prove a session again by code",
	calls:   8,
	prepare: pausedSubject,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(asCaller(ctx, a, p, admit.ReauthenticateParams{Code: p.code}))
	},
	done:  provenAgain,
	again: admit.ErrInvalidMFACode,
})

func provenAgain(s *harness.Server, p *subject) bool {
	_, session, err := s.Auth.VerifyToken(context.Background(), p.signed.Tokens.AccessToken)
	return err == nil && session.AuthTime.Equal(s.Clock.Now()) && len(s.Events(p.signed.User.ID, "session.reauthenticated")) > 0
}

// asCaller proves the session of somebody again, in a handler of a host behind a
// guard.
func asCaller(ctx context.Context, a *admit.Auth, p *subject, in admit.ReauthenticateParams) error {
	answer := httptest.NewRecorder()
	var proven error = admit.ErrUnauthorized
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	request.Header.Set("Authorization", "Bearer "+p.signed.Tokens.AccessToken)
	a.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		proven = a.Reauthentication.Prove(r.Context(), in)
	})).ServeHTTP(answer, request)
	if answer.Code == http.StatusServiceUnavailable {
		return admit.ErrUnavailable
	}
	return proven
}

func reauthenticate(s *harness.Server, access string, proof harness.J) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/reauthenticate", proof, harness.Bearer(access))
}

// SE-07: a proof makes a session recent again, and adds its method.
func TestSE07_ASessionIsProvenAgain(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		other := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		recent := func(access string) *harness.Answer { return s.Do("GET", "/app/recent", nil, harness.Bearer(access)) }
		s.Clock.Advance(10 * time.Minute)
		recent(p.Access).Want(403, "auth/reauthentication-required")
		reauthenticate(s, p.Access, harness.J{"password": "Wrong-Wolke-7319"}).Want(401, "auth/invalid-credentials")
		recent(p.Access).Want(403)
		reauthenticate(s, p.Access, harness.J{"password": harness.Password}).Want(200)
		recent(p.Access).Want(200)
		recent(other.Access).Want(403) // this session alone
		_, session, err := s.Auth.VerifyToken(t.Context(), p.Access)
		if err != nil || session.AMR != "pwd" || !session.AuthTime.Equal(s.Clock.Now()) {
			t.Errorf("the session has methods %q from %v, %v", session.AMR, session.AuthTime, err)
		}
		app := s.EnrollTOTP(p)
		s.Clock.Advance(10 * time.Minute)
		answer := recent(other.Access).Want(403, "auth/reauthentication-required")
		if methods, _ := answer.Get("error", "details", "methods").([]any); fmt.Sprint(methods) != "[password magiclink totp recovery-code]" {
			t.Errorf("the methods are %v", methods)
		}
		s.Do("GET", "/app/factor", nil, harness.Bearer(other.Access)).Want(403, "auth/reauthentication-required")
		reauthenticate(s, other.Access, harness.J{"code": app.Code(s.Clock.Now())}).Want(200)
		recent(other.Access).Want(200)
		s.Do("GET", "/app/factor", nil, harness.Bearer(other.Access)).Want(200)
		next := s.Refresh(other.Refresh).Want(200).Tokens()
		claims := payloadOf(t, next.Access)
		if claims["acr"] != "aal2" || claims["auth_time"] != float64(s.Clock.Now().Unix()) {
			t.Errorf("the token says %v", claims)
		}
		if n := len(s.Events(p.ID, "session.reauthenticated")); n != 2 {
			t.Errorf("%d proofs were recorded, want 2", n)
		}
	})
}

// What is no proof, and more than one, is refused before anything is looked at.
func TestAProofIsOneProof(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		reauthenticate(s, p.Access, harness.J{}).Want(400, "auth/invalid-request")
		reauthenticate(s, p.Access, harness.J{"password": harness.Password, "code": app.Code(s.Clock.Now())}).Want(400, "auth/invalid-request")
		reauthenticate(s, p.Access, harness.J{"code": "12"}).Want(401, "auth/invalid-mfa-code")
		reauthenticate(s, p.Access, harness.J{"code": app.Code(s.Clock.Now())}).Want(200)
		s.Do("POST", "/v1/auth/reauthenticate", harness.J{"password": harness.Password}).Want(401, "auth/unauthorized")
		if err := s.Auth.Reauthentication.Prove(t.Context(), admit.ReauthenticateParams{Password: harness.Password}); err == nil {
			t.Error("a proof without a session was taken")
		}
		without := verified(s, "b@x.test")
		reauthenticate(s, without.Access, harness.J{"code": "123456"}).Want(401, "auth/invalid-mfa-code")
		s.Do("GET", "/app/factor", nil, harness.Bearer(without.Access)).Want(403, "auth/mfa-enrollment-required")
		s.Do("GET", "/app/factor", nil).Want(401, "auth/unauthorized")
	})
}

// An account without a password sets a factor up with a recent sign-in.
func TestAFactorWithoutAPasswordNeedsARecentSignIn(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		token := mailed(s, mailer.MagicLink, "a@x.test", func() {
			s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": callback}).Want(201)
		})
		p := harness.Person{Email: "a@x.test", Tokens: redeem(s, token).Want(200).Tokens()}
		s.Clock.Advance(10 * time.Minute)
		enable(s, p.Access, "").Want(403, "auth/reauthentication-required")
		enable(s, p.Access, "anything-at-all").Want(403, "auth/reauthentication-required")
		p.Tokens = redeem(s, magicToken(s, "a@x.test")).Want(200).Tokens()
		app := s.AppOf(enable(s, p.Access, "").Want(200))
		confirmMFA(s, p.Access, app.Code(s.Clock.Now())).Want(200)
		s.Clock.Advance(step)
		disable(s, p.Access, "", "000000").Want(401, "auth/invalid-mfa-code")
		disable(s, p.Access, "", app.Code(s.Clock.Now())).Want(200)
	})
}

// payloadOf reads the claims of an access token.
func payloadOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	if err == nil {
		err = json.Unmarshal(raw, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

// AE-04: codes that prove a session again count as those of a sign-in do.
func TestReauthenticationByCodeHasTheBudgetOfTheSecondFactor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		for range 5 {
			reauthenticate(s, p.Access, harness.J{"code": "000000"}).Want(401, "auth/invalid-mfa-code")
			s.Complete(pause(s, "a@x.test"), "000000").Want(401, "auth/invalid-mfa-code")
		}
		reauthenticate(s, p.Access, harness.J{"code": app.Code(s.Clock.Now())}).Want(429, "auth/too-many-login-attempts")
		// The password has its own.
		reauthenticate(s, p.Access, harness.J{"password": harness.Password}).Want(200)
	})
}

// The answer lists what the account can prove itself with, and nothing else.
func TestTheAnswerListsTheMethodsOfTheAccount(t *testing.T) {
	acme := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		plain, app, key := verified(s, "plain@x.test"), verified(s, "app@x.test"), verified(s, "key@x.test")
		linked := by(s, acme, acme.Person("1", "linked@x.test", admit.ProofAsserted)).Want(200).Tokens()
		before, earlier := s.SignIn("app@x.test", harness.Password).Want(200).Tokens(), s.SignIn("key@x.test", harness.Password).Want(200).Tokens()
		s.EnrollTOTP(app)
		s.AddPasskey(key, harness.NewDevice(t)).Want(201)
		s.Clock.Advance(11 * time.Minute)
		for name, want := range map[string]struct{ access, recent, factor string }{
			"a password":              {plain.Access, "[password magiclink]", ""},
			"an app":                  {before.Access, "[password magiclink totp recovery-code]", "[totp recovery-code]"},
			"a passkey":               {earlier.Access, "[password magiclink passkey]", "[passkey]"},
			"a provider, no password": {linked.Access, "[magiclink acme]", ""},
		} {
			refused := s.Do("GET", "/app/recent", nil, harness.Bearer(want.access)).Want(403, "auth/reauthentication-required")
			if methods := fmt.Sprint(refused.Get("error", "details", "methods")); methods != want.recent {
				t.Errorf("%s: a recent proof by %s", name, methods)
			}
			if want.factor == "" {
				continue
			}
			refused = s.Do("GET", "/app/factor", nil, harness.Bearer(want.access)).Want(403, "auth/reauthentication-required")
			if methods := fmt.Sprint(refused.Get("error", "details", "methods")); methods != want.factor {
				t.Errorf("%s: a second factor by %s", name, methods)
			}
		}
		// A list that cannot be read is no list.
		broken := s.Process(func(c *admit.Config) {
			c.Store = storetest.Wrap(s.Store, func(ctx context.Context, verb string, call func(context.Context) error) error {
				if verb == "ListRecords" {
					return errors.New("down")
				}
				return call(ctx)
			})
		})
		broken.Do("GET", "/app/recent", nil, harness.Bearer(plain.Access)).Want(503, "auth/unavailable")
	}, harness.With(acme))
}
