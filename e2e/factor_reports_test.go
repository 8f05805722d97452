package e2e_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// The tests of this file try on second factors what users of other systems
// reported.

// A stolen session that has not given the second factor puts no factor of its own
// beside that of the owner, and takes none away: not one from before the factor, nor
// one of a remembered device, each with the password.
func TestFieldOnlyASessionThatGaveTheFactorChangesFactors(t *testing.T) {
	const refusal = "auth/reauthentication-required"
	refused := func(s *harness.Server, access string) {
		s.T.Helper()
		for _, body := range []harness.J{{}, {"conditional": true}} {
			s.BeginPasskey(access, body).Want(403, refusal)
		}
	}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		before := s.SignIn(p.Email, harness.Password).Want(200).Tokens().Access
		begun := s.BeginPasskey(before, harness.J{}).Want(200)
		app := s.EnrollTOTP(p)
		s.FinishPasskey(before, begun, harness.NewDevice(t).Register(begun)).Want(400, "auth/invalid-passkey")
		ticket := pause(s, p.Email)
		device := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": ticket, "code": app.Code(s.Clock.Now()), "remember": true}).Want(200).String("deviceToken")
		s.Keep("deviceToken", device)
		s.Clock.Advance(step)
		remembered := s.Do("POST", "/v1/auth/email/signin", harness.J{"email": p.Email, "password": harness.Password, "deviceToken": device}).Want(200).Tokens().Access
		for _, access := range []string{before, remembered} {
			refused(s, access)
			reauthenticate(s, access, harness.J{"password": harness.Password}).Want(200)
			refused(s, access)
		}
		reauthenticate(s, before, harness.J{"code": app.Code(s.Clock.Now())}).Want(200)
		begun = s.BeginPasskey(before, harness.J{}).Want(200)
		s.FinishPasskey(before, begun, harness.NewDevice(t).Register(begun)).Want(201)
		refused(s, remembered)
	}, remembering, unlimited)
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		before := s.SignIn(p.Email, harness.Password).Want(200).Tokens().Access
		waiting := s.AppOf(enable(s, before, harness.Password).Want(200))
		d := harness.NewDevice(t)
		path := "/v1/auth/passkeys/" + s.AddPasskey(p, d).Want(201).String("id")
		if got := acr(s, p.Access); got != "aal2" {
			t.Errorf("the session that made the passkey is %s", got)
		}
		confirmMFA(s, before, waiting.Code(s.Clock.Now())).Want(403, refusal)
		enable(s, before, harness.Password).Want(403, refusal)
		s.Do("DELETE", path, nil, harness.Bearer(before)).Want(403, refusal)
		refused(s, before)
		s.Do("POST", "/v1/auth/reauthenticate", answering(s, d, harness.J{}), harness.Bearer(before)).Want(200)
		enable(s, before, harness.Password).Want(200)
		s.Do("DELETE", path, nil, harness.Bearer(before)).Want(200)
		s.AddPasskey(p, harness.NewDevice(t)).Want(201)
	}, unlimited)
	// One that was only touched, or made without asking, gives nothing.
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, touched, quiet := verified(s, "a@x.test"), harness.NewDevice(t), harness.NewDevice(t)
		touched.Verified = false
		s.AddPasskey(p, touched).Want(201)
		begun := s.BeginPasskey(p.Access, harness.J{"conditional": true}).Want(200)
		s.FinishPasskey(p.Access, begun, quiet.Register(begun)).Want(201)
		if got := acr(s, p.Access); got != "aal1" {
			t.Errorf("the session is %s", got)
		}
	}, unlimited)
}

// A host that makes the time shorter for which devices are remembered means those of
// before, too.
func TestFieldAShorterTimeHoldsForRememberedDevicesOfBefore(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		device := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": pause(s, p.Email), "code": app.Code(s.Clock.Now()), "remember": true}).Want(200).String("deviceToken")
		s.Keep("deviceToken", device)
		made := s.Clock.Now()
		signIn := func(at *harness.Server) *harness.Answer {
			return at.Do("POST", "/v1/auth/email/signin", harness.J{"email": p.Email, "password": harness.Password, "deviceToken": device})
		}
		week := s.Process(func(c *admit.Config) { c.MFA.Remember = 7 * 24 * time.Hour })
		s.Clock.Advance(7*24*time.Hour - time.Second)
		signIn(week).Want(200)
		if list, err := week.Auth.MFA.Devices(t.Context(), p.ID); err != nil || len(list) != 1 || !list[0].ExpiresAt.Equal(made.Add(7*24*time.Hour)) {
			t.Errorf("the devices are %+v, %v", list, err)
		}
		s.Clock.Advance(time.Second)
		signIn(week).Want(403, "auth/mfa-required")
		if list, err := week.Auth.MFA.Devices(t.Context(), p.ID); err != nil || len(list) != 0 {
			t.Errorf("the devices are %+v, %v", list, err)
		}
		signIn(s).Want(200) // a process that still has the longer time
	}, remembering)
}

// Recovery codes stand in for the app wherever it is asked for, and are offered only
// while there are some.
func TestFieldRecoveryCodesMakeOthersAndRunOut(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		app = s.AppOf(newCodes(s, p.Access, harness.Password, app.BackupCodes[0]).Want(http.StatusOK))
		if list, err := s.Auth.MFA.Factors(t.Context(), p.ID); err != nil || len(list) != 1 || list[0].RecoveryCodesLeft != 10 {
			t.Errorf("the factors are %+v, %v", list, err)
		}
		for _, code := range app.BackupCodes[:9] {
			s.Complete(pause(s, p.Email), code).Want(http.StatusOK)
		}
		methods := func() string {
			return fmt.Sprint(s.SignIn(p.Email, harness.Password).Want(http.StatusForbidden).Get("error", "details", "methods"))
		}
		if got := methods(); got != "[totp recovery-code]" {
			t.Errorf("with one code left the methods are %s", got)
		}
		s.Complete(pause(s, p.Email), app.BackupCodes[9]).Want(http.StatusOK)
		if got := methods(); got != "[totp]" {
			t.Errorf("without a code the methods are %s", got)
		}
	}, unlimited)
}
