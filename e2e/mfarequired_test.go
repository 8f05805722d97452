package e2e_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

var _ = faultFlows.add(faultFlow{
	name:  "set up a factor",
	calls: 8,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		setup, err := a.MFA.Enable(ctx, admit.EnableMFAParams{UserID: p.signed.User.ID, Password: strongPassword})
		return setup.Secret != "", err
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Store.RecordByKey(context.Background(), "", "factor", "totp/"+p.signed.User.ID)
		return err == nil
	},
}, faultFlow{
	name:  "confirm a factor",
	calls: 20,
	prepare: func(s *harness.Server, p *subject) {
		p.extra = setUp(s, p)
		p.code = harness.App{Secret: p.extra}.Code(s.Clock.Now())
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		done, err := a.MFA.Confirm(ctx, admit.ConfirmMFAParams{UserID: p.signed.User.ID, Code: p.code})
		return len(done.BackupCodes) > 0, err
	},
	done:  hasFactor,
	again: admit.ErrMFAAlreadyEnabled,
}, faultFlow{
	name:    "complete a sign-in",
	calls:   9,
	prepare: pausedSubject,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		done, err := a.MFA.Verify(ctx, admit.VerifyMFAParams{Ticket: p.token, Code: p.code})
		return gave(done.SignedIn, err)
	},
	done:  func(s *harness.Server, p *subject) bool { return liveSessions(s, p) == 2 },
	again: admit.ErrTokenExpired,
}, faultFlow{
	name:    "remove a factor",
	calls:   15,
	prepare: pausedSubject,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.MFA.Disable(ctx, admit.ChangeMFAParams{UserID: p.signed.User.ID, Password: strongPassword, Code: p.code}))
	},
	done:  func(s *harness.Server, p *subject) bool { return !hasFactor(s, p) },
	again: admit.ErrMFANotEnabled,
}, faultFlow{
	name:    "replace recovery codes",
	calls:   20,
	prepare: pausedSubject,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		codes, err := a.MFA.NewBackupCodes(ctx, admit.ChangeMFAParams{UserID: p.signed.User.ID, Password: strongPassword, Code: p.code})
		return len(codes) > 0, err
	},
	done: func(s *harness.Server, p *subject) bool {
		return len(s.Events(p.signed.User.ID, "mfa.recovery-codes-made")) > 0
	},
	again: admit.ErrInvalidMFACode,
}, faultFlow{
	name:    "reset a factor",
	calls:   10,
	prepare: pausedSubject,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.MFA.Reset(ctx, admit.ResetMFAParams{UserID: p.signed.User.ID, Reason: "lost"}))
	},
	done:  func(s *harness.Server, p *subject) bool { return !hasFactor(s, p) },
	again: admit.ErrMFANotEnabled,
})

// setUp begins to set up an authenticator app from Go.
func setUp(s *harness.Server, p *subject) (secret string) {
	s.T.Helper()
	setup, err := s.Auth.MFA.Enable(context.Background(), admit.EnableMFAParams{UserID: p.signed.User.ID, Password: strongPassword})
	if err != nil {
		s.T.Fatal(err)
	}
	return setup.Secret
}

// pausedSubject has a factor, a sign-in that waits for it, and the app's next
// code.
func pausedSubject(s *harness.Server, p *subject) {
	s.T.Helper()
	app := harness.App{Secret: setUp(s, p)}
	if _, err := s.Auth.MFA.Confirm(context.Background(), admit.ConfirmMFAParams{UserID: p.signed.User.ID, Code: app.Code(s.Clock.Now())}); err != nil {
		s.T.Fatal(err)
	}
	s.Clock.Advance(step)
	p.token, p.code = ticketOf(s, p.email), app.Code(s.Clock.Now())
}

// ticketOf signs in from Go as far as the second factor.
func ticketOf(s *harness.Server, email string) string {
	s.T.Helper()
	_, err := s.Auth.Passwords.SignIn(context.Background(), admit.SignInParams{Email: email, Password: strongPassword})
	refusal, _ := err.(*admit.Error) //nolint:errorlint // nothing wraps it here
	if refusal == nil || refusal.Code != "auth/mfa-required" {
		s.T.Fatalf("a sign-in answered %v", err)
	}
	return refusal.Details["mfaToken"].(string)
}

func hasFactor(s *harness.Server, p *subject) bool {
	user, err := s.Auth.Users.Get(context.Background(), p.signed.User.ID)
	return err == nil && user.MFAEnabled
}

var _ = tokenKinds.add(tokenKind{name: "mfa-ticket"}, tokenKind{name: "recovery-code", kept: true, endedBy: []string{"factor removed", "deletion"}},
	// The table is walked with MFA.Remember off: what was given before must not
	// come back when the host switches remembering on again.
	tokenKind{name: "mfa-device", kept: true, endedBy: []string{
		"reset", "password change", "factor confirmed", "factor removed", "new passkey", "removed passkey", "ban", "deletion",
		"proof of the mailbox", "address change undone", "sign-out everywhere",
	}})

var _ = endings.add(ending{
	name: "factor confirmed",
	cause: func(s *harness.Server, p harness.Person, _ string) {
		// The recovery codes of a setup replace those that are there.
		app := s.SetUpTOTP(p)
		confirmMFA(s, p.Access, app.Code(s.Clock.Now())).Want(200)
	},
	ends: append([]string{"verify", "reset", "recovery-code"}, signIns...),
}, ending{
	name: "factor removed",
	before: func(s *harness.Server, p harness.Person) string {
		app := s.EnrollTOTP(p)
		return app.Code(s.Clock.Now())
	},
	cause: func(s *harness.Server, p harness.Person, code string) {
		disable(s, p.Access, harness.Password, code).Want(200)
	},
	ends: append([]string{"verify", "reset"}, signIns...),
})

func required(of string) harness.Option {
	return func(c *admit.Config) { c.MFA.Required = of }
}

// enrolling demands that a sign-in asks for a factor to be set up, and returns its
// ticket.
func enrolling(s *harness.Server, a *harness.Answer) string {
	s.T.Helper()
	a.Want(http.StatusForbidden, "auth/mfa-enrollment-required")
	ticket := a.String("error", "details", "mfaToken")
	s.Keep("mfaToken", ticket)
	return ticket
}

// MF-01: where everybody needs a factor, a sign-in without one goes through
// setting it up, and gives nothing before.
func TestARequiredFactorIsSetUpDuringTheSignIn(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		s.Keep("password", harness.Password)
		signedUp := s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "a@x.test", "password": harness.Password, "name": "Ada"})
		ticket := enrolling(s, signedUp)
		s.Complete(ticket, "123456").Want(401, "auth/token-expired") // it completes nothing else
		for _, r := range []string{"/v1/auth/me", "/v1/auth/mfa/devices"} {
			s.Do("GET", r, nil, harness.Bearer(ticket)).Want(401)
		}
		app := s.AppOf(s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": ticket}, harness.Bearer("stale")).Want(200))
		with := func(code string) *harness.Answer {
			return s.Do("POST", "/v1/auth/mfa/confirm", harness.J{"mfaToken": ticket, "code": code}, harness.Bearer("stale"))
		}
		with("000000").Want(401, "auth/invalid-mfa-code")
		done := with(app.Code(s.Clock.Now())).Want(200)
		_, session, err := s.Auth.VerifyToken(t.Context(), done.Tokens().Access)
		if err != nil || session.AMR != "pwd otp mfa" {
			t.Errorf("the session has methods %q, %v", session.AMR, err)
		}
		s.Alive(done.Tokens())
		with(app.Code(s.Clock.Now().Add(step))).Want(401, "auth/token-expired")
		s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": ticket}).Want(401, "auth/token-expired")
		s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": "junk"}).Want(401, "auth/invalid-token")
		s.Clock.Advance(step)
		// The ticket of the factor itself sets none up.
		waits := pause(s, "a@x.test")
		s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": waits}).Want(401, "auth/token-expired")
		s.Do("POST", "/v1/auth/mfa/confirm", harness.J{"mfaToken": waits, "code": app.Code(s.Clock.Now())}).Want(401, "auth/token-expired")
		s.Complete(waits, app.Code(s.Clock.Now())).Want(200)
	}, required(admit.RequiredOfEveryone), unlimited)
}

// A reset is no way around it, and neither is a ticket whose account changed.
func TestARequiredFactorIsAskedForAfterAReset(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		ticket := enrolling(s, s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "a@x.test", "password": harness.Password, "name": "Ada"}))
		resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": ticket}).Want(401, "auth/token-expired")
		enrolling(s, s.SignIn("a@x.test", otherPassword))
		enrolling(s, redeem(s, magicToken(s, "a@x.test")))
	}, required(admit.RequiredOfEveryone))
}

// A role and a date bound whom it holds for.
func TestAFactorIsRequiredOfARoleFromADayOn(t *testing.T) {
	var day time.Time
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		day = s.Clock.Now().Add(time.Hour)
		at := s.Process(func(c *admit.Config) { c.MFA = admit.MFAConfig{Required: "admin", RequiredFrom: day} })
		admin := s.Admin()
		s.SignUp("a@x.test")
		at.SignIn(admin.Email, harness.Password).Want(200)
		s.Clock.Advance(time.Hour)
		enrolling(at, at.SignIn(admin.Email, harness.Password))
		at.SignIn("a@x.test", harness.Password).Want(200)
	})
}

func remembering(c *admit.Config) { c.MFA.Remember = 30 * 24 * time.Hour }

// AC-152: a remembered device belongs to one account, and dies with what changes
// the account.
func TestAC152_ARememberedDeviceNeedsNoFactorForATime(t *testing.T) {
	signIn := func(s *harness.Server, email, device string) *harness.Answer {
		return s.Do("POST", "/v1/auth/email/signin", harness.J{"email": email, "password": harness.Password, "deviceToken": device})
	}
	remember := func(s *harness.Server, email string, app harness.App) string {
		s.T.Helper()
		ticket := pause(s, email)
		answer := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": ticket, "code": app.Code(s.Clock.Now()), "remember": true}).Want(200)
		s.Clock.Advance(step)
		token := answer.String("deviceToken")
		s.Keep("deviceToken", token)
		if token == "" {
			s.T.Errorf("no device token: %s", answer.Body)
		}
		return token
	}
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		device := remember(s, "a@x.test", app)
		for range 3 { // it is not used up
			tokens := signIn(s, "a@x.test", device).Want(200).Tokens()
			if _, session, err := s.Auth.VerifyToken(t.Context(), tokens.Access); err != nil || session.AMR != "pwd" || session.ACR() != store.OneFactor {
				t.Errorf("the session has methods %q, %v", session.AMR, err)
			}
			s.Do("GET", "/app/factor", nil, harness.Bearer(tokens.Access)).Want(403, "auth/reauthentication-required")
		}
		token := magicToken(s, "a@x.test")
		s.Do("POST", "/v1/auth/email/callback", harness.J{"token": token, "deviceToken": device}).Want(200)
		// The password is asked for as before, and another account is asked for its
		// factor.
		s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": "Wrong-Wolke-7319", "deviceToken": device}).Want(401)
		s.EnrollTOTP(verified(s, "b@x.test"))
		signIn(s, "b@x.test", device).Want(403, "auth/mfa-required")
		// It is listed and can be forgotten, by its own account alone.
		list := s.Do("GET", "/v1/auth/mfa/devices", nil, harness.Bearer(p.Access)).Want(200)
		devices, _ := list.Get().([]any)
		if len(devices) != 1 {
			t.Fatalf("the devices are %s", list.Body)
		}
		id, _ := devices[0].(map[string]any)["id"].(string)
		other := s.SignUp("c@x.test")
		s.Do("DELETE", "/v1/auth/mfa/devices/"+id, nil, harness.Bearer(other.Access)).Want(404, "auth/device-not-found")
		signIn(s, "a@x.test", device).Want(200)
		s.Do("DELETE", "/v1/auth/mfa/devices/"+id, nil, harness.Bearer(p.Access)).Want(200)
		s.Do("DELETE", "/v1/auth/mfa/devices/"+id, nil, harness.Bearer(p.Access)).Want(404, "auth/device-not-found")
		signIn(s, "a@x.test", device).Want(403, "auth/mfa-required")

		device = remember(s, "a@x.test", app)
		s.Clock.Advance(30*24*time.Hour - step)
		signIn(s, "a@x.test", device).Want(403, "auth/mfa-required")
	}, remembering, unlimited)
	for name, cause := range map[string]func(s *harness.Server, p harness.Person, app harness.App){
		"reset": func(s *harness.Server, _ harness.Person, _ harness.App) {
			resetWith(s, "a@x.test", resetToken(s, "a@x.test"), harness.Password+"x").Want(200)
			resetWith(s, "a@x.test", resetToken(s, "a@x.test"), harness.Password).Want(200)
		},
		"sign-out everywhere": func(s *harness.Server, p harness.Person, _ harness.App) {
			s.Do("POST", "/v1/auth/signout", harness.J{"everywhere": true}, harness.Bearer(p.Access)).Want(200)
		},
		"change of factor": func(s *harness.Server, p harness.Person, app harness.App) {
			disable(s, p.Access, harness.Password, app.Code(s.Clock.Now())).Want(200)
			s.Clock.Advance(step)
			s.EnrollTOTP(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p := verified(s, "a@x.test")
				app := s.EnrollTOTP(p)
				device := remember(s, "a@x.test", app)
				signIn(s, "a@x.test", device).Want(200)
				cause(s, p, app)
				signIn(s, "a@x.test", device).Want(403, "auth/mfa-required")
			}, remembering, unlimited)
		})
	}
	t.Run("password change while remembering is off", func(t *testing.T) {
		harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
			p := verified(s, "a@x.test")
			device := remember(s, "a@x.test", s.EnrollTOTP(p))
			off := processOn(s, s.Store)
			closeSoon(off)
			_, err := off.Passwords.Change(t.Context(), admit.ChangePasswordParams{UserID: p.ID, Current: harness.Password, New: harness.Password + "x"})
			if err != nil {
				t.Fatal(err)
			}
			s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": harness.Password + "x", "deviceToken": device}).Want(403, "auth/mfa-required")
			if devices, err := s.Auth.MFA.Devices(t.Context(), p.ID); err != nil || len(devices) != 0 {
				t.Errorf("the devices are %v, %v", devices, err)
			}
		}, remembering, unlimited)
	})
	t.Run("where the host remembers nothing", func(t *testing.T) {
		harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
			app := s.EnrollTOTP(verified(s, "a@x.test"))
			answer := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": pause(s, "a@x.test"), "code": app.Code(s.Clock.Now()), "remember": true}).Want(200)
			if answer.String("deviceToken") != "" {
				t.Error("a device is remembered although the host does not want it")
			}
		})
	})
}

// MF-10: an operator removes a factor with a reason; the owner is told, sessions
// end, and the log knows.
func TestMF10_AnOperatorRemovesAFactor(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		admin := s.Admin()
		path := "/v1/admin/users/" + p.ID + "/factors"
		as := harness.Bearer(admin.Access)
		list, _ := s.Do("GET", path, nil, as).Want(200).Get().([]any)
		if len(list) != 1 || list[0].(map[string]any)["backupCodesLeft"] != 10.0 {
			t.Errorf("the factors are %v", list)
		}
		s.Do("GET", path, nil, harness.Bearer(p.Access)).Want(403, "auth/forbidden")
		s.Do("DELETE", path, harness.J{"reason": " "}, as).Want(400, "auth/invalid-request")
		s.Do("DELETE", "/v1/admin/users/"+admin.ID+"/factors", harness.J{"reason": "none"}, as).Want(400, "auth/mfa-not-enabled")
		s.Do("DELETE", "/v1/admin/users/0194f000-0000-7000-8000-000000000001/factors", harness.J{"reason": "none"}, as).Want(404, "user/not-found")
		s.Mail.Clear()
		s.Do("DELETE", path, harness.J{"reason": "lost phone"}, as).Want(200)
		letterTo(s, mailer.MFADisabled, "a@x.test")
		s.Dead(p.Tokens)
		events := s.Events(p.ID, "mfa.reset")
		if len(events) != 1 || events[0].ActorID != admin.ID || string(events[0].Data) != `{"passkeys":0,"reason":"lost phone"}` {
			t.Errorf("recorded was %+v", events)
		}
		tokens := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		s.Do("POST", "/v1/auth/reauthenticate", harness.J{"code": app.BackupCodes[0]}, harness.Bearer(tokens.Access)).Want(401, "auth/invalid-mfa-code")
	})
}

// After the restore of a backup recovery codes from before are gone, and the list
// of factors says so. Those that were made since go on.
func TestRecoveryCodesThatWereRevokedAreNotCounted(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		old, fresh := verified(s, "a@x.test"), verified(s, "b@x.test")
		app, other := s.EnrollTOTP(old), s.EnrollTOTP(fresh)
		s.Clock.Advance(10 * time.Minute)
		restored := s.Clock.Now()
		newCodes(s, fresh.Access, harness.Password, other.Code(restored)).Want(200)
		if _, err := s.Auth.Sessions.RevokeIssuedBefore(t.Context(), restored); err != nil {
			t.Fatal(err)
		}
		left := func(p harness.Person) int {
			factors, err := s.Auth.MFA.Factors(t.Context(), p.ID)
			if err != nil || len(factors) != 1 {
				t.Fatalf("the factors are %v, %v", factors, err)
			}
			return factors[0].RecoveryCodesLeft
		}
		if n, m := left(old), left(fresh); n != 0 || m != 10 {
			t.Errorf("%d and %d codes are left, want 0 and 10", n, m)
		}
		s.Complete(pause(s, "a@x.test"), app.BackupCodes[0]).Want(401, "auth/invalid-mfa-code")
		s.Complete(s.Paused(s.SignIn("a@x.test", harness.Password)), app.Code(s.Clock.Now())).Want(200)
	}, unlimited)
}

// An account that remembers a device more than it may forgets the oldest one.
func TestAC152_TheNumberOfRememberedDevicesIsBounded(t *testing.T) {
	const most = 20
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		var tokens []string
		for range most + 2 {
			s.Clock.Advance(step)
			answer := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": pause(s, "a@x.test"), "code": app.Code(s.Clock.Now()), "remember": true}).Want(200)
			tokens = append(tokens, answer.String("deviceToken"))
			s.Keep("deviceToken", answer.String("deviceToken"))
		}
		if devices, err := s.Auth.MFA.Devices(t.Context(), p.ID); err != nil || len(devices) != most {
			t.Errorf("%d devices are remembered, %v, want %d", len(devices), err, most)
		}
		for i, token := range tokens {
			want := 200
			if i < 2 {
				want = 403
			}
			s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": harness.Password, "deviceToken": token}).Want(want)
		}
		records, total, err := s.Store.ListRecords(t.Context(), "", "mfa-device", "user/"+p.ID, store.Page{Number: 1, Limit: 100})
		if err != nil || total != most {
			t.Errorf("the store has %d devices (%d shown), %v, want %d", total, len(records), err, most)
		}
	}, remembering, unlimited)
}
