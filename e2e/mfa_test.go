package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// step is how long an authenticator app shows one code.
const step = 30 * time.Second

// pause signs in by password as far as the second factor.
func pause(s *harness.Server, email string) string {
	s.T.Helper()
	return s.Paused(s.SignIn(email, harness.Password))
}

func disable(s *harness.Server, access, password, code string, sets ...harness.Set) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/mfa/disable", harness.J{"password": password, "code": code}, append(sets, harness.Bearer(access))...)
}

func enable(s *harness.Server, access, password string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/mfa/enable", harness.J{"password": password}, harness.Bearer(access))
}

func confirmMFA(s *harness.Server, access, code string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/mfa/confirm", harness.J{"code": code}, harness.Bearer(access))
}

func newCodes(s *harness.Server, access, password, code string) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/mfa/backup-codes", harness.J{"password": password, "code": code}, harness.Bearer(access))
}

func TestAFactorIsSetUpUsedAndRemoved(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		other := s.SignIn("a@x.test", harness.Password).Want(200).Tokens()
		setup := enable(s, p.Access, harness.Password).Want(200)
		app := s.AppOf(setup)
		uri, err := url.Parse(setup.String("qrCodeUrl"))
		if err != nil || uri.Query().Get("secret") != app.Secret || uri.Path != "/app.example:a@x.test" || len(app.BackupCodes) != 10 {
			t.Errorf("the setup is %s", setup.Body)
		}
		if s.Me(p.Access).Get("mfaEnabled") != false {
			t.Error("the factor counts before it is confirmed")
		}
		s.Mail.Clear()
		answer := confirmMFA(s, p.Access, app.Code(s.Clock.Now())).Want(200)
		if again := s.AppOf(answer); !slices.Equal(again.BackupCodes, app.BackupCodes) {
			t.Error("the confirmation gives other recovery codes")
		}
		letterTo(s, mailer.MFAEnabled, "a@x.test")
		if s.Me(p.Access).Get("mfaEnabled") != true {
			t.Error("the account does not say that it has a factor")
		}
		s.Alive(other) // other sessions stay
		enable(s, p.Access, harness.Password).Want(409, "auth/mfa-already-enabled")
		confirmMFA(s, p.Access, app.Code(s.Clock.Now().Add(step))).Want(409, "auth/mfa-already-enabled")

		s.Clock.Advance(step)
		refused := s.SignIn("a@x.test", harness.Password)
		ticket := s.Paused(refused)
		if methods := fmt.Sprint(refused.Get("error", "details", "methods")); methods != "[totp recovery-code]" {
			t.Errorf("the methods are %s", methods)
		}
		if refused.String("error", "details", "startOverToken") != "" {
			t.Error("the owner of a proven mailbox is offered to start over")
		}
		tokens := s.Complete(ticket, app.Code(s.Clock.Now())).Want(200).Tokens()
		_, session, err := s.Auth.VerifyToken(t.Context(), tokens.Access)
		if err != nil || session.AMR != "pwd otp mfa" || session.ACR() != store.TwoFactors {
			t.Errorf("the session has methods %q, %v", session.AMR, err)
		}
		s.Complete(ticket, app.Code(s.Clock.Now().Add(step))).Want(401, "auth/token-expired")

		s.Clock.Advance(step)
		s.Mail.Clear()
		disable(s, tokens.Access, harness.Password, app.Code(s.Clock.Now())).Want(200)
		letterTo(s, mailer.MFADisabled, "a@x.test")
		s.Alive(tokens)
		s.Dead(p.Tokens)
		if s.Me(tokens.Access).Get("mfaEnabled") != false {
			t.Error("the account still has a factor")
		}
		disable(s, tokens.Access, harness.Password, app.Code(s.Clock.Now())).Want(400, "auth/mfa-not-enabled")
		s.SignIn("a@x.test", harness.Password).Want(200)
		for _, kind := range []string{"mfa.enabled", "mfa.disabled"} {
			if n := len(s.Events(p.ID, kind)); n != 1 {
				t.Errorf("%s was recorded %d times", kind, n)
			}
		}
	})
}

// The code may come with the password.
func TestASignInMayBringItsCodeAlong(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		with := func(code string) *harness.Answer {
			return s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": harness.Password, "mfaCode": code})
		}
		with("000000").Want(401, "auth/invalid-mfa-code")
		s.Alive(with(app.Code(s.Clock.Now())).Want(200).Tokens())
		s.Alive(with(app.BackupCodes[0]).Want(200).Tokens())
		wrong := s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": "Wrong-Wolke-7319", "mfaCode": app.BackupCodes[1]})
		wrong.Want(401, "auth/invalid-credentials")
		s.Alive(with(app.BackupCodes[1]).Want(200).Tokens())
		s.Paused(with("")) // a form that sends its empty field
		verified(s, "b@x.test")
		s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "b@x.test", "password": harness.Password, "mfaCode": "123456"}).Want(200) // a password manager fills it in
	})
}

// waysIn are all ways in over HTTP, for somebody whose address is proven.
var waysIn = map[string]func(s *harness.Server, email string) *harness.Answer{
	"password": func(s *harness.Server, email string) *harness.Answer { return s.SignIn(email, harness.Password) },
	"magic link": func(s *harness.Server, email string) *harness.Answer {
		return redeem(s, magicToken(s, email))
	},
	"mailed code": func(s *harness.Server, email string) *harness.Answer {
		s.T.Helper()
		var id string
		s.Mail.Clear()
		id = askMagic(s, email).Want(200).String("requestId")
		code := letterTo(s, mailer.MagicLink, email).Values.Code
		return s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": id, "code": code})
	},
	"reset and password": func(s *harness.Server, email string) *harness.Answer {
		resetWith(s, email, resetToken(s, email), otherPassword).Want(200)
		return s.SignIn(email, otherPassword)
	},
	"address change and password": func(s *harness.Server, email string) *harness.Answer {
		s.T.Helper()
		user, err := s.Auth.Users.GetByEmail(s.T.Context(), email)
		if err != nil {
			s.T.Fatal(err)
		}
		s.Change(user.ID, func(u *store.User) { u.Name = "Ada" })
		moved := "moved-" + email
		if err := s.Store.ClaimEmail(s.T.Context(), store.EmailClaim{UserID: user.ID, FromKey: user.Email, Email: moved, EmailKey: moved, VerifiedAt: s.Clock.Now(), Now: s.Clock.Now()}); err != nil {
			s.T.Fatal(err)
		}
		return s.SignIn(moved, harness.Password)
	},
}

// AC-137, MF-01: with a confirmed factor every way in ends at it, and what a
// paused sign-in gives opens its completion alone.
func TestAC137_NoDoorGoesAroundTheFactor(t *testing.T) {
	for name, way := range waysIn {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p := verified(s, "a@x.test")
				app := s.EnrollTOTP(p)
				ticket := s.Paused(way(s, "a@x.test"))
				for _, r := range s.Auth.Routes() {
					for how, set := range map[string]harness.Set{"Authorization": harness.Bearer(ticket), "X-API-Key": harness.Key(ticket)} {
						if strings.HasPrefix(r.Path, "/.well-known/") || strings.HasPrefix(r.Path, "/v1/avatars/") {
							continue // public, whoever asks
						}
						body := fmt.Sprintf(`{"mfaToken":%q,"token":%[1]q,"refreshToken":%[1]q,"startOverToken":%[1]q,"email":"a@x.test","newPassword":"Neu-Wolke-7319","requestId":%[1]q,"code":"123456"}`, ticket)
						if r.Path == "/v1/auth/mfa/verify" {
							body = "{}"
						}
						var with any = body
						if r.Method == "GET" {
							with = nil
						}
						a := s.Do(r.Method, fill(r.Path, ticket), with, set)
						if a.Status < 300 && !strings.Contains(r.Path, "/signup/") && !strings.Contains(r.Path, "/request") && !strings.Contains(r.Path, "/resend") && !strings.Contains(r.Path, "/email/verify/") && !strings.Contains(string(a.Body), "mail is on its way") {
							t.Errorf("%s %s with a ticket in %s answered %d %.200s", r.Method, r.Path, how, a.Status, a.Body)
						}
						if a.String("accessToken") != "" {
							t.Errorf("%s %s gave tokens for a ticket", r.Method, r.Path)
						}
					}
				}
				for _, path := range harness.Guards() {
					s.Do("GET", path, nil, harness.Bearer(ticket)).Want(401)
				}
				s.Alive(s.Complete(ticket, app.Code(s.Clock.Now())).Want(200).Tokens())
			}, unlimited)
		})
	}
}

// AC-138: nothing in the answer of a pause is worth anything elsewhere.
func TestAC138_APauseLeavesNothingBehind(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.EnrollTOTP(verified(s, "a@x.test"))
		a := s.SignIn("a@x.test", harness.Password)
		ticket := s.Paused(a)
		if cookies := a.Header.Values("Set-Cookie"); len(cookies) > 0 {
			t.Errorf("a pause sets %v", cookies)
		}
		values := []string{ticket, a.Header.Get("X-Request-Id")}
		for _, value := range values {
			s.Me(value).Want(401)
			s.Refresh(value).Want(401)
			s.Do("GET", "/v1/auth/me", nil, harness.Header("Cookie", "__Host-session="+value)).Want(401)
		}
	})
}

// AC-139, MF-02: a code is accepted once, wherever it comes again, and none from
// before it is accepted any more.
func TestAC139_ACodeIsAcceptedOnce(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.SetUpTOTP(p)
		first := app.Code(s.Clock.Now())
		confirmMFA(s, p.Access, first).Want(200)
		again := func(when, code string) {
			t.Helper()
			s.Complete(pause(s, "a@x.test"), code).Want(401, "auth/invalid-mfa-code")
			disable(s, p.Access, harness.Password, code).Want(401, "auth/invalid-mfa-code")
			newCodes(s, p.Access, harness.Password, code).Want(401, "auth/invalid-mfa-code")
			if a := s.Do("POST", "/v1/auth/reauthenticate", harness.J{"code": code}, harness.Bearer(p.Access)); a.Status != 401 {
				t.Errorf("%s: proving again with the code answered %d", when, a.Status)
			}
		}
		again("the code of the setup", first)
		s.Clock.Advance(step)
		older, newer := app.Code(s.Clock.Now()), app.Code(s.Clock.Now().Add(step))
		s.Complete(pause(s, "a@x.test"), newer).Want(200)
		again("a code", newer)
		again("a code before one that was accepted", older)
		s.Clock.Advance(step)
		again("a code in the next step", newer)
		// A second spelling is the same code (MF-11).
		again("a code in full-width digits", strings.Map(func(r rune) rune { return r - '0' + '０' }, newer))
		s.Clock.Advance(step)
		if a := s.Do("POST", "/v1/auth/reauthenticate", harness.J{"code": app.Code(s.Clock.Now())}, harness.Bearer(p.Access)); a.Status != 200 {
			t.Errorf("a fresh code answered %d %s", a.Status, a.Body)
		}
		again("a code that a session was proven with", app.Code(s.Clock.Now()))
	}, unlimited)
}

// AC-140: of fifty right answers that come at once, in three processes, one wins.
func TestAC140_OneOfManyRightCodesWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		processes := []*harness.Server{s}
		if s.Kind != "memory" {
			processes = append(processes, s.Process(), s.Process())
		}
		var tickets []string
		for range 50 {
			tickets = append(tickets, pause(s, "a@x.test"))
		}
		code := app.Code(s.Clock.Now())
		answers := harness.Parallel(len(tickets), func(i int) *harness.Answer {
			return processes[i%len(processes)].Complete(tickets[i], code)
		})
		counts := harness.Count(answers)
		if counts[200] != 1 || counts[200]+counts[401]+counts[503] != len(answers) {
			t.Errorf("the answers are %v, want one 200", counts)
		}
	}, unlimited)
}

// MF-02, MF-06: two processes race for one code and for one recovery code, round
// after round.
func TestMF02_MF06_OfTwoProcessesOneWins(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		processes := []*harness.Server{s, s}
		if s.Kind != "memory" {
			processes[1] = s.Process()
		}
		ctx := context.Background()
		race := func(code string) {
			t.Helper()
			tickets := []string{pause(s, "a@x.test"), pause(s, "a@x.test")}
			errs := make(chan error, 2)
			for i, at := range processes {
				go func() {
					_, err := at.Auth.MFA.Verify(ctx, admit.VerifyMFAParams{Ticket: tickets[i], Code: code})
					errs <- err
				}()
			}
			won := 0
			for range processes {
				if err := <-errs; err == nil {
					won++
				}
			}
			if won != 1 {
				t.Fatalf("%d of two won with one code", won)
			}
		}
		codes := app.BackupCodes
		for round := range 200 {
			race(app.Code(s.Clock.Now()))
			s.Clock.Advance(step)
			if len(codes) == 0 {
				answer, err := s.Auth.MFA.NewBackupCodes(ctx, admit.ChangeMFAParams{UserID: p.ID, Password: harness.Password, Code: app.Code(s.Clock.Now())})
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				codes = answer
				s.Clock.Advance(step)
			}
			race(codes[0])
			codes = codes[1:]
		}
	}, unlimited)
}

// AC-143, MF-05: guesses count for the account, whatever the ticket and whichever
// kind of code; a session alone clears the count.
func TestAC143_GuessesOfTheSecondFactorHaveABudgetOfTheirOwn(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		wrong := func(i int) string {
			if i%2 == 1 {
				return fmt.Sprintf("0000-0000-0000-%04d", i)
			}
			return fmt.Sprintf("%06d", i)
		}
		counts := map[int]int{}
		for i := range 30 {
			counts[s.Complete(pause(s, "a@x.test"), wrong(i)).Status]++
		}
		if counts[401] != 10 || counts[429] != 20 {
			t.Errorf("of thirty guesses %v were answered, want ten 401", counts)
		}
		// A right code is refused now, too: else it would tell itself.
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(429, "auth/too-many-login-attempts")
		// The first factor is as good as before.
		s.SignIn("a@x.test", "Wrong-Wolke-7319").Want(401, "auth/invalid-credentials")
		pause(s, "a@x.test")
		s.Clock.Advance(15*time.Minute + time.Second)
		s.Alive(s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(200).Tokens())
		s.Clock.Advance(step)
		for i := range 9 {
			s.Complete(pause(s, "a@x.test"), wrong(i)).Want(401)
		}
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(200) // clears
		for i := range 9 {
			s.Complete(pause(s, "a@x.test"), wrong(i)).Want(401)
		}
	})
}

// A ticket has five tries of its own.
func TestATicketHasFiveTries(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		ticket := pause(s, "a@x.test")
		s.Complete(ticket, "12345").Want(401, "auth/invalid-mfa-code") // no code, no try
		for range 5 {
			s.Complete(ticket, "000000").Want(401, "auth/invalid-mfa-code")
		}
		spent := s.Complete(ticket, app.Code(s.Clock.Now())).Want(401, "auth/token-expired")
		if wait := spent.Header.Get("Retry-After"); wait != "" {
			t.Errorf("a client is told to wait %s s with a ticket that is spent", wait)
		}
		late := pause(s, "a@x.test")
		s.Clock.Advance(5 * time.Minute)
		s.Complete(late, app.Code(s.Clock.Now())).Want(401, "auth/token-expired")
		s.Complete("no ticket", app.Code(s.Clock.Now())).Want(401, "auth/invalid-token")
	})
}

// MF-05: the tries of a ticket are counted before a code is verified, so that
// guesses at the same time get no more of them.
func TestParallelGuessesWithOneTicketGetFiveTries(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		ticket := pause(s, "a@x.test")
		tried := 0
		for _, answer := range harness.Parallel(30, func(int) *harness.Answer { return s.Complete(ticket, "000000") }) {
			switch {
			case answer.Status == 401 && answer.Code() == "auth/invalid-mfa-code":
				tried++
			default:
				answer.Want(401, "auth/token-expired")
			}
		}
		if tried != 5 {
			t.Errorf("of thirty guesses %d were verified, want five", tried)
		}
		s.Complete(ticket, app.Code(s.Clock.Now())).Want(401, "auth/token-expired")
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(200)
	})
}

// A paused sign-in clears no budget; the session that completes it does.
func TestAPauseKeepsTheBudgetOfTheFirstFactor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		wrong := func() *harness.Answer { return s.SignIn("a@x.test", "Wrong-Wolke-7319") }
		for range 9 {
			wrong().Want(401)
		}
		ticket := pause(s, "a@x.test")
		wrong().Want(401)
		s.Clock.Advance(0)
		blockedBy(s, "a@x.test")
		s.Complete(ticket, app.Code(s.Clock.Now())).Want(200)
		for range 9 {
			wrong().Want(401)
		}
	})
}

// blockedBy demands that a stranger's guess at an account is refused.
func blockedBy(s *harness.Server, email string) {
	s.T.Helper()
	ctx := admit.WithClient(s.T.Context(), admit.Client{IPAddress: "203.0.113.77"})
	_, err := s.Auth.Passwords.SignIn(ctx, admit.SignInParams{Email: email, Password: "Wrong-Wolke-7319"})
	if err == nil || !strings.Contains(err.Error(), "too-many-login-attempts") {
		s.T.Errorf("a stranger's guess answered %v", err)
	}
}

// AC-145, MF-04: a setup that was never confirmed changes nothing, and its
// recovery codes are worth nothing.
func TestAC145_ASetupThatIsNotConfirmedChangesNothing(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.SetUpTOTP(p)
		s.SignIn("a@x.test", harness.Password).Want(200)
		confirmMFA(s, p.Access, "000000").Want(401, "auth/invalid-mfa-code")
		confirmMFA(s, p.Access, app.BackupCodes[0]).Want(401, "auth/invalid-mfa-code")
		s.Clock.Advance(10 * time.Minute)
		confirmMFA(s, p.Access, app.Code(s.Clock.Now())).Want(400, "auth/mfa-setup-expired")
		s.SignIn("a@x.test", harness.Password).Want(200)
		next := s.SetUpTOTP(p)
		confirmMFA(s, p.Access, next.Code(s.Clock.Now())).Want(200)
		s.Complete(pause(s, "a@x.test"), app.BackupCodes[1]).Want(401, "auth/invalid-mfa-code")
		s.Clock.Advance(step)
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(401, "auth/invalid-mfa-code")
	}, unlimited)
}

// AC-147: of two setups the later counts, and is confirmed whole.
func TestAC147_OfTwoSetupsTheLaterCounts(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		first, second := s.SetUpTOTP(p), s.SetUpTOTP(p)
		confirmMFA(s, p.Access, first.Code(s.Clock.Now())).Want(401, "auth/invalid-mfa-code")
		confirmed := s.AppOf(confirmMFA(s, p.Access, second.Code(s.Clock.Now())).Want(200))
		if !slices.Equal(confirmed.BackupCodes, second.BackupCodes) {
			t.Error("the recovery codes are not those of the setup that was confirmed")
		}
		s.Complete(pause(s, "a@x.test"), first.BackupCodes[0]).Want(401)
		s.Complete(pause(s, "a@x.test"), second.BackupCodes[0]).Want(200)

		q := verified(s, "b@x.test")
		answers := harness.Parallel(8, func(int) *harness.Answer { return enable(s, q.Access, harness.Password) })
		won := 0
		for _, a := range answers {
			if a.Status != 200 {
				t.Errorf("one of many setups answered %d %s", a.Status, a.Body)
			}
			if app := s.AppOf(a); confirmMFA(s, q.Access, app.Code(s.Clock.Now())).Status == 200 {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d of the setups could be confirmed", won)
		}
	}, unlimited)
}

// AC-148, MF-06: a recovery code works once, in whatever spelling, and those from
// before are dead when there are new ones.
func TestAC148_ARecoveryCodeWorksOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		code := app.BackupCodes[0]
		s.Mail.Clear()
		s.Complete(pause(s, "a@x.test"), " "+strings.ToUpper(strings.ReplaceAll(code, "-", " "))).Want(200)
		letterTo(s, mailer.RecoveryCodeUsed, "a@x.test")
		for _, spelling := range []string{code, strings.ToUpper(code), strings.ReplaceAll(code, "-", ""), strings.ReplaceAll(code, "0", "O"), code + "\u200b"} {
			s.Complete(pause(s, "a@x.test"), spelling).Want(401, "auth/invalid-mfa-code")
		}
		tickets := make([]string, 20)
		for i := range tickets {
			tickets[i] = pause(s, "a@x.test")
		}
		counts := harness.Count(harness.Parallel(20, func(i int) *harness.Answer { return s.Complete(tickets[i], app.BackupCodes[1]) }))
		if counts[200] != 1 {
			t.Errorf("one recovery code gave %v", counts)
		}
		s.Mail.Clear()
		fresh := s.AppOf(newCodes(s, p.Access, harness.Password, app.Code(s.Clock.Now())).Want(200))
		letterTo(s, mailer.RecoveryCodesMade, "a@x.test")
		for _, dead := range app.BackupCodes[2:4] {
			s.Complete(pause(s, "a@x.test"), dead).Want(401, "auth/invalid-mfa-code")
		}
		for _, good := range fresh.BackupCodes[:2] {
			s.Complete(pause(s, "a@x.test"), good).Want(200)
		}
		factors, err := s.Auth.MFA.Factors(t.Context(), p.ID)
		if err != nil || len(factors) != 1 || factors[0].RecoveryCodesLeft != 8 {
			t.Errorf("the factors are %+v, %v, want 8 codes left", factors, err)
		}
		// A code of another account is worth nothing.
		other := s.EnrollTOTP(verified(s, "b@x.test"))
		s.Complete(pause(s, "a@x.test"), other.BackupCodes[0]).Want(401)
	}, unlimited)
}

// AC-149, MF-07, AE-11: removing a factor asks for both proofs, and tells nothing
// to who lacks the password.
func TestAC149_RemovingAFactorAsksForBothProofs(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p, without := verified(s, "a@x.test"), verified(s, "b@x.test")
		app := s.EnrollTOTP(p)
		code := func() string { return app.Code(s.Clock.Now()) }
		disable(s, p.Access, harness.Password, "").Want(401, "auth/invalid-mfa-code")
		disable(s, p.Access, "", code()).Want(401, "auth/invalid-credentials")
		has, hasNot := disable(s, p.Access, "Wrong-Wolke-7319", code()), disable(s, without.Access, "Wrong-Wolke-7319", code())
		if has.Want(401, "auth/invalid-credentials"); string(has.Body) != string(hasNot.Body) {
			t.Errorf("who lacks the password learns of the factor: %s, %s", has.Body, hasNot.Body)
		}
		_, secret := s.NewKey("secret")
		s.Do("POST", "/v1/auth/mfa/disable", harness.J{"password": harness.Password, "code": code()}, harness.Key(secret)).Want(401, "auth/unauthorized")
		s.Do("POST", "/v1/auth/mfa/disable", harness.J{"password": harness.Password, "code": code()}).Want(401, "auth/unauthorized")
		s.Do("POST", "/v1/auth/mfa/disable", "password=x", harness.Bearer(p.Access), harness.Header("Content-Type", "application/x-www-form-urlencoded")).Want(415)
		for range 20 {
			disable(s, p.Access, "Wrong-Wolke-7319", code())
		}
		disable(s, p.Access, "Wrong-Wolke-7319", code()).Want(429, "auth/too-many-login-attempts")
		s.Clock.Advance(16 * time.Minute)
		if s.Me(p.Access).Get("mfaEnabled") != true {
			t.Error("the factor is gone")
		}
		disable(s, p.Access, harness.Password, code()).Want(200)
	})
}

// AC-150, CR-05: a sealed secret opens in its own row alone, and whoever moves it
// is told of in the log.
func TestAC150_ASecretOpensInItsOwnRowAlone(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		a, b := verified(s, "a@x.test"), verified(s, "b@x.test")
		thief, victim := s.EnrollTOTP(a), s.EnrollTOTP(b)
		ctx := t.Context()
		record := func(id string) store.Record {
			r, err := s.Store.RecordByKey(ctx, "", "factor", "totp/"+id)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		from, to := record(a.ID), record(b.ID)
		to.Data = []byte(strings.ReplaceAll(string(from.Data), a.ID, b.ID))
		if swapped, err := s.Store.SwapRecord(ctx, to); err != nil || !swapped {
			t.Fatal(swapped, err)
		}
		s.Log.ExpectErrors()
		s.Complete(pause(s, "b@x.test"), thief.Code(s.Clock.Now())).Want(500, "auth/internal")
		s.Complete(pause(s, "b@x.test"), victim.Code(s.Clock.Now())).Want(500, "auth/internal")
		s.Eventually("the log names the factor", func() bool {
			return strings.Contains(s.Log.String(), "the secret of factor "+to.ID+" cannot be opened")
		})
	})
}

// AC-151, RL-08: one step of drift each way, and no code twice after the clock
// was set back.
func TestAC151_ClocksMayDifferByAStep(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		s.Clock.Advance(10 * time.Minute)
		for off, status := range map[time.Duration]int{-90 * time.Second: 401, -60 * time.Second: 401, 60 * time.Second: 401, 90 * time.Second: 401} {
			s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now().Add(off))).Want(status)
		}
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now().Add(-step))).Want(200)
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(200)
		s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now().Add(step))).Want(200)
		s.Clock.Advance(-time.Hour)
		for _, off := range []time.Duration{-step, 0, step} {
			s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now().Add(off))).Want(401, "auth/invalid-mfa-code")
		}
		s.Complete(pause(s, "a@x.test"), app.BackupCodes[0]).Want(200)
	}, unlimited)
}

// AC-051, MF-09: a reset gives no session and leaves the factor.
func TestAC051_AResetLeavesTheFactor(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		ticket := pause(s, "a@x.test")
		answer := resetWith(s, "a@x.test", resetToken(s, "a@x.test"), otherPassword).Want(200)
		if answer.String("accessToken") != "" {
			t.Error("a reset gave a session")
		}
		s.Complete(ticket, app.Code(s.Clock.Now())).Want(401, "auth/token-expired")
		after := s.Paused(s.SignIn("a@x.test", otherPassword))
		s.Complete(after, app.Code(s.Clock.Now())).Want(http.StatusOK)
	})
}

// EM-07: a ticket dies with what changes the account.
func TestEM07_ATicketDiesWithAChange(t *testing.T) {
	for name, cause := range map[string]func(s *harness.Server, p harness.Person, app harness.App){
		"ban": func(s *harness.Server, p harness.Person, _ harness.App) {
			if err := s.Auth.Users.Ban(s.T.Context(), admit.BanParams{UserID: p.ID}); err != nil {
				s.T.Fatal(err)
			}
			if err := s.Auth.Users.Unban(s.T.Context(), p.ID); err != nil {
				s.T.Fatal(err)
			}
		},
		"password change": func(s *harness.Server, p harness.Person, _ harness.App) { changePassword(s, p.Access).Want(200) },
		"factor change": func(s *harness.Server, p harness.Person, app harness.App) {
			disable(s, p.Access, harness.Password, app.Code(s.Clock.Now())).Want(200)
			s.Clock.Advance(step)
		},
		"operator's reset": func(s *harness.Server, p harness.Person, _ harness.App) {
			if err := s.Auth.MFA.Reset(s.T.Context(), admit.ResetMFAParams{UserID: p.ID, Reason: "lost"}); err != nil {
				s.T.Fatal(err)
			}
		},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				p := verified(s, "a@x.test")
				app := s.EnrollTOTP(p)
				ticket := pause(s, "a@x.test")
				cause(s, p, app)
				s.Complete(ticket, app.Code(s.Clock.Now())).Want(401, "auth/token-expired")
				s.Complete(ticket, app.BackupCodes[0]).Want(401, "auth/token-expired")
			})
		})
	}
}

// MF-04: a setup that waits proves nothing, even to the session that began it.
func TestMF04_ASetupThatWaitsProvesNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.SetUpTOTP(p)
		reauthenticate(s, p.Access, harness.J{"code": app.Code(s.Clock.Now())}).Want(401, "auth/invalid-mfa-code")
		reauthenticate(s, p.Access, harness.J{"code": app.BackupCodes[0]}).Want(401, "auth/invalid-mfa-code")
		disable(s, p.Access, harness.Password, app.Code(s.Clock.Now())).Want(400, "auth/mfa-not-enabled")
		newCodes(s, p.Access, harness.Password, app.Code(s.Clock.Now())).Want(400, "auth/mfa-not-enabled")
	})
}

// Codes are taken as people type and paste them; what can be no code is told as
// such, and costs no try.
func TestFieldCodesOfAppsAreTakenAsTyped(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		for _, spell := range []func(string) string{
			func(c string) string { return c[:3] + " " + c[3:] },
			func(c string) string { return c[:3] + "-" + c[3:] },
			func(c string) string { return "\n" + c + "\r\n" },
			func(c string) string { return c[:2] + "\u200b" + c[2:] + "\ufeff" },
			func(c string) string { return c[:3] + " • " + c[3:] },
			func(c string) string { return "\"" + c[:3] + "\u2212" + c[3:] + "\"," },
			func(c string) string { return strings.Map(func(r rune) rune { return r - '0' + '٠' }, c) },
			func(c string) string { return strings.Map(func(r rune) rune { return r - '0' + '０' }, c) },
		} {
			s.Complete(pause(s, "a@x.test"), spell(app.Code(s.Clock.Now()))).Want(200)
			s.Clock.Advance(step)
		}
		ticket := pause(s, "a@x.test")
		for _, junk := range []string{"", "12345", "1234567", "abcdef", "12345x", "hunter2hunter2", strings.Repeat("1", 1000), "🦊🦊🦊🦊🦊🦊"} {
			a := s.Complete(ticket, junk).Want(401, "auth/invalid-mfa-code")
			if !strings.Contains(a.String("error", "message"), "six digits") {
				t.Errorf("%q is told %q", junk, a.String("error", "message"))
			}
		}
		s.Complete(ticket, app.Code(s.Clock.Now())).Want(200)
		for _, body := range []string{`{"mfaToken":1,"code":"123456"}`, `{"mfaToken":"x","code":123456}`, `{"code":["1"]}`, `[]`, `{"mfaToken":"x","code":"1","code":"2"}`, `{"mfaToken":"x","code":"\u0000"}`} {
			if a := s.Do("POST", "/v1/auth/mfa/verify", body); a.Status != 400 {
				t.Errorf("%s answered %d %s", body, a.Status, a.Body)
			}
		}
	}, unlimited)
}

// A session that is refreshed says what it has proven.
func TestARefreshedSessionKeepsItsFactors(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		tokens := s.Complete(pause(s, "a@x.test"), app.Code(s.Clock.Now())).Want(200).Tokens()
		proven := s.Clock.Now().Unix()
		s.Clock.Advance(time.Hour)
		claims := payloadOf(t, s.Refresh(tokens.Refresh).Want(200).Tokens().Access)
		if fmt.Sprint(claims["amr"]) != "[pwd otp mfa]" || claims["acr"] != "aal2" || claims["auth_time"] != float64(proven) {
			t.Errorf("the token says %v", claims)
		}
	})
}

// enrolled sets an authenticator app up for somebody, from Go.
func enrolled(s *harness.Server, p *heldPerson) harness.App {
	s.T.Helper()
	app := s.EnrollTOTP(p.Person)
	signed := s.Complete(s.Paused(s.SignIn(p.current, harness.Password)), app.Code(s.Clock.Now())).Want(http.StatusOK).Tokens()
	p.Access, p.Refresh = signed.Access, signed.Refresh
	s.Clock.Advance(30 * time.Second)
	return app
}

var _ = feeds.add(feed{route: "POST /v1/auth/mfa/enable", prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
	return nil, harness.J{"password": harness.Password}
}}, feed{route: "POST /v1/auth/mfa/confirm", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	return nil, harness.J{"code": s.SetUpTOTP(p.Person).Code(s.Clock.Now())}
}}, feed{route: "POST /v1/auth/mfa/disable", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	return nil, harness.J{"password": harness.Password, "code": enrolled(s, p).Code(s.Clock.Now())}
}}, feed{route: "POST /v1/auth/mfa/backup-codes", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	return nil, harness.J{"password": harness.Password, "code": enrolled(s, p).Code(s.Clock.Now())}
}}, feed{route: "POST /v1/auth/mfa/verify", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	app := enrolled(s, p)
	return nil, harness.J{"mfaToken": s.Paused(s.SignIn(p.current, harness.Password)), "code": app.Code(s.Clock.Now())}
}}, feed{route: "DELETE /v1/auth/mfa/devices/{id}", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	app := enrolled(s, p)
	ticket := s.Paused(s.SignIn(p.current, harness.Password))
	answer := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": ticket, "code": app.Code(s.Clock.Now()), "remember": true}).Want(http.StatusOK)
	s.Keep("deviceToken", answer.String("deviceToken"))
	devices, err := s.Auth.MFA.Devices(s.T.Context(), p.ID)
	if err != nil || len(devices) != 1 {
		s.T.Fatal(devices, err)
	}
	return map[string]string{"id": devices[0].ID}, nil
}}, feed{route: "DELETE /v1/admin/users/{userId}/factors", prepare: func(s *harness.Server, p *heldPerson) (map[string]string, harness.J) {
	owner := s.SignUp("owner-" + p.Email)
	s.EnrollTOTP(owner)
	return map[string]string{"userId": owner.ID}, harness.J{"reason": "lost the phone"}
}})
