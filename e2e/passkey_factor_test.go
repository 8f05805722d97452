package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// keyPath is the path parameter of a passkey of an account.
func keyPath(s *harness.Server, p *heldPerson) map[string]string {
	return map[string]string{"id": s.AddPasskey(p.Person, harness.NewDevice(s.T)).Want(http.StatusCreated).String("id")}
}

var _ = feeds.add(feed{
	route: "POST /v1/auth/passkeys/register/options",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"name": "Key"}
	},
}, feed{
	route: "POST /v1/auth/passkeys/register/verify",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		options := s.BeginPasskey(p.Access, harness.J{}).Want(http.StatusOK)
		return nil, harness.J{"ceremonyId": options.String("ceremonyId"), "credential": harness.NewDevice(s.T).Register(options)}
	},
}, feed{
	route: "POST /v1/auth/passkeys/signin/options",
	prepare: func(_ *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"email": p.current}
	},
}, feed{
	route: "POST /v1/auth/passkeys/signin/verify",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		d := harness.NewDevice(s.T)
		s.AddPasskey(p.Person, d).Want(http.StatusCreated)
		options := s.PasskeyOptions(harness.J{}).Want(http.StatusOK)
		return nil, harness.J{"ceremonyId": options.String("ceremonyId"), "credential": d.Assert(options)}
	},
}, feed{
	route: "PATCH /v1/auth/passkeys/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return keyPath(s, p), harness.J{"name": "Blue key"}
	},
}, feed{
	route: "DELETE /v1/auth/passkeys/{id}",
	prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
		return keyPath(s, p), harness.J{}
	},
})

// answering is the body of a request that a passkey answers.
func answering(s *harness.Server, d *harness.Device, begin harness.J) harness.J {
	s.T.Helper()
	options := s.PasskeyOptions(begin).Want(http.StatusOK)
	return harness.J{"ceremonyId": options.String("ceremonyId"), "credential": d.Assert(options)}
}

func acr(s *harness.Server, access string) string {
	s.T.Helper()
	_, session, err := s.Auth.VerifyToken(s.T.Context(), access)
	if err != nil {
		s.T.Fatal(err)
	}
	return session.ACR()
}

// MF-01: a passkey that verifies its user is asked for after a password, completes
// the sign-in, and is two factors by itself.
func TestAPasskeyThatVerifiesIsAskedForAsASecondFactor(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		id := s.AddPasskey(p, d).Want(201).String("id")
		paused := s.SignIn(p.Email, harness.Password).Want(403, "auth/mfa-required")
		if methods, _ := paused.Get("error", "details", "methods").([]any); len(methods) != 1 || methods[0] != "passkey" {
			t.Errorf("the methods are %v", methods)
		}
		ticket, _ := paused.Get("error", "details", "mfaToken").(string)
		body := answering(s, d, harness.J{"mfaToken": ticket})
		done := s.Do("POST", "/v1/auth/mfa/verify", body).Want(200)
		if got := acr(s, done.Tokens().Access); got != "aal2" {
			t.Errorf("a password and a passkey are %s", got)
		}
		s.Do("POST", "/v1/auth/mfa/verify", body).Want(401, "auth/invalid-passkey")
		alone := s.ByPasskey(d).Want(200).Tokens()
		if got := acr(s, alone.Access); got != "aal2" {
			t.Errorf("a passkey that verifies is %s", got)
		}
		s.Clock.Advance(11 * time.Minute)
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(alone.Access)).Want(403, "auth/reauthentication-required")
		s.Do("POST", "/v1/auth/reauthenticate", answering(s, d, harness.J{}), harness.Bearer(alone.Access)).Want(200)
		s.Do("DELETE", "/v1/auth/passkeys/"+id, nil, harness.Bearer(alone.Access)).Want(200)
		s.SignIn(p.Email, harness.Password).Want(200)
	})
}

// SE-07: the passkey of somebody else proves nothing again.
func TestSE07_AForeignPasskeyProvesNothingAgain(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		s.Do("POST", "/v1/auth/reauthenticate", answering(s, d, harness.J{}), harness.Bearer(q.Access)).Want(401, "auth/invalid-passkey")
		body := answering(s, d, harness.J{})
		body["password"] = harness.Password
		s.Do("POST", "/v1/auth/reauthenticate", body, harness.Bearer(p.Access)).Want(400, "auth/invalid-request")
	})
}

// MF-01: a passkey that has never verified its user, and one that the browser made
// without asking, count as no second factor: no sign-in asks for them.
func TestAPasskeyThatWasOnlyTouchedOrMadeQuietlyShutsNobodyOut(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, q := verified(s, "a@x.test"), verified(s, "b@x.test")
		touched, quiet := harness.NewDevice(t), harness.NewDevice(t)
		touched.Verified = false
		s.AddPasskey(p, touched).Want(201)
		if got := acr(s, s.ByPasskey(touched).Want(200).Tokens().Access); got != "aal1" {
			t.Errorf("a passkey that was touched is %s", got)
		}
		options := s.BeginPasskey(q.Access, harness.J{"conditional": true}).Want(200)
		s.FinishPasskey(q.Access, options, quiet.Register(options)).Want(201)
		s.ByPasskey(quiet).Want(200)
		for _, email := range []string{p.Email, q.Email} {
			s.SignIn(email, harness.Password).Want(200)
		}
		// It counts once it has verified its user.
		touched.Verified = true
		s.ByPasskey(touched).Want(200)
		s.SignIn(p.Email, harness.Password).Want(403, "auth/mfa-required")
	})
}

// A required factor is set up by a passkey, in the sign-in that waits for it.
func TestARequiredFactorIsSetUpByAPasskey(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "a@x.test", Name: "Ann", InsecurePassword: harness.Password, EmailVerified: true})
		if err != nil {
			t.Fatal(err)
		}
		paused := s.SignIn(p.Email, harness.Password).Want(403, "auth/mfa-enrollment-required")
		ticket, _ := paused.Get("error", "details", "mfaToken").(string)
		options := s.Do("POST", "/v1/auth/passkeys/register/options", harness.J{"mfaToken": ticket}).Want(200)
		d := harness.NewDevice(t)
		made := s.Do("POST", "/v1/auth/passkeys/register/verify", harness.J{"ceremonyId": options.String("ceremonyId"), "credential": d.Register(options)}).Want(201)
		if got := acr(s, made.String("accessToken")); got != "aal2" {
			t.Errorf("the session is %s", got)
		}
		s.SignIn(p.Email, harness.Password).Want(403, "auth/mfa-required")
		s.ByPasskey(d).Want(200)
	}, func(c *admit.Config) { c.MFA.Required = "user" })
}

// Cookie mode holds for passkeys, too.
func TestAPasskeySignsInToACookie(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		signed := s.Do("POST", "/v1/auth/passkeys/signin/verify", answering(s, d, harness.J{}), harness.Header("X-Session-Mode", "cookie")).Want(200)
		if id, _ := signed.Get("user", "id").(string); id != p.ID || signed.Get("accessToken") != nil {
			t.Errorf("the answer is %s", signed.Body)
		}
	}, func(c *admit.Config) { c.Cookies = true })
}

// An operator helps somebody who has lost the only passkey.
func TestAResetOfFactorsRemovesThePasskeys(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		d := harness.NewDevice(t)
		s.AddPasskey(p, d).Want(201)
		s.SignIn(p.Email, harness.Password).Want(403, "auth/mfa-required")
		s.Mail.Clear()
		if err := s.Auth.MFA.Reset(t.Context(), admit.ResetMFAParams{UserID: p.ID, Reason: "lost"}); err != nil {
			t.Fatal(err)
		}
		told := letterTo(s, mailer.MFADisabled, p.Email)
		if !strings.Contains(told.Text, "passkeys") || !strings.Contains(told.Text, "people who run") ||
			strings.Contains(told.Text, "If it was you") || strings.Contains(told.Text, "Unknown device") {
			t.Errorf("the mail of an operator's reset says: %s", told.Text)
		}
		if events := s.Events(p.ID, "mfa.reset"); len(events) != 1 || string(events[0].Data) != `{"passkeys":1,"reason":"lost"}` {
			t.Errorf("recorded was %+v", events)
		}
		s.ByPasskey(d).Want(401, "auth/invalid-passkey")
		s.SignIn(p.Email, harness.Password).Want(200)
	})
}
