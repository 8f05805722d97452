package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

const browserCookieName = "__Host-signin"

// browserCookie demands that a pause in cookie mode sets the cookie of the browser
// and no other, and returns it as the browser sends it.
func browserCookie(s *harness.Server, paused *harness.Answer) harness.Set {
	s.T.Helper()
	cookies := (&http.Response{Header: paused.Header}).Cookies()
	if len(cookies) != 1 || cookies[0].Name != browserCookieName {
		s.T.Fatalf("a pause sets %v", paused.Header["Set-Cookie"])
	}
	cookie := cookies[0]
	s.Keep("browser cookie", cookie.Value)
	if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.MaxAge != 300 {
		s.T.Errorf("the cookie is %s", paused.Header["Set-Cookie"])
	}
	if strings.Contains(string(paused.Body), cookie.Value) {
		s.T.Errorf("a script can read the secret of the browser: %s", paused.Body)
	}
	return harness.Header("Cookie", browserCookieName+"="+cookie.Value)
}

// inAnotherBrowser are requests that come with the ticket from somewhere else.
func inAnotherBrowser(right string) map[string][]harness.Set {
	other := strings.Repeat("A", 43)
	return map[string][]harness.Set{
		"no cookie":     {cookieMode},
		"tokens":        nil,
		"its own":       {cookieMode, harness.Header("Cookie", browserCookieName+"="+other)},
		"two cookies":   {cookieMode, harness.Header("Cookie", right+"; "+browserCookieName+"="+other)},
		"another name":  {cookieMode, harness.Header("Cookie", strings.Replace(right, browserCookieName, "signin", 1))},
		"in the header": {cookieMode, harness.Header("X-Signin", strings.TrimPrefix(right, browserCookieName+"="))},
	}
}

// MF-08: in cookie mode a paused sign-in goes on in the browser that began it
// alone. Elsewhere the ticket opens nothing, and spends neither a try nor a guess.
func TestMF08_ATicketIsWorthNothingInAnotherBrowser(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := verified(s, "a@x.test")
		app := s.EnrollTOTP(p)
		paused := s.SignIn("a@x.test", harness.Password, cookieMode)
		ticket, here := s.Paused(paused), browserCookie(s, paused)
		right, _, _ := strings.Cut(paused.Header.Get("Set-Cookie"), ";")
		for range 2 { // more often than a ticket has tries
			for name, sets := range inAnotherBrowser(right) {
				if answer := s.Complete(ticket, app.Code(s.Clock.Now()), sets...); answer.Status != http.StatusUnauthorized {
					t.Errorf("%s: %d %s", name, answer.Status, answer.Body)
				} else {
					answer.Want(401, "auth/token-expired")
				}
			}
		}
		if sessionCookie(t, s.Complete(ticket, app.Code(s.Clock.Now()), cookieMode, here).Want(200)) == nil {
			t.Error("no session in the browser that began")
		}
	}, withCookies, unlimited)
}

// A browser has one secret: sign-ins that wait in two tabs both go on. A client
// that keeps tokens and sends none of the cookies is bound to nothing.
func TestMF08_TwoTabsGoOnAndTokensAreBoundToNothing(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		app := s.EnrollTOTP(verified(s, "a@x.test"))
		paused := s.SignIn("a@x.test", harness.Password, cookieMode)
		first, here := s.Paused(paused), browserCookie(s, paused)
		again := s.SignIn("a@x.test", harness.Password, cookieMode, here)
		second, still := s.Paused(again), browserCookie(s, again)
		s.Complete(first, app.Code(s.Clock.Now()), cookieMode, still).Want(200)
		s.Clock.Advance(step)
		s.Complete(second, app.Code(s.Clock.Now()), cookieMode, here).Want(200)
		s.Clock.Advance(step)
		paused = s.SignIn("a@x.test", harness.Password)
		if len(paused.Header["Set-Cookie"]) > 0 {
			t.Errorf("a client that keeps tokens gets %v", paused.Header["Set-Cookie"])
		}
		s.Complete(s.Paused(paused), app.Code(s.Clock.Now())).Want(200)
		s.Clock.Advance(step)
		// The code may come along: the cookie is on no way back then.
		answer := s.Do("POST", "/v1/auth/email/signin", harness.J{"email": "a@x.test", "password": harness.Password, "mfaCode": app.Code(s.Clock.Now())}, cookieMode).Want(200)
		if sessionCookie(t, answer) == nil || len(answer.Header["Set-Cookie"]) != 1 {
			t.Errorf("a sign-in with a code sets %v", answer.Header["Set-Cookie"])
		}
	}, withCookies, unlimited)
}

// MF-08: the same holds for a passkey as the second factor: neither the ceremony
// is begun elsewhere, nor is one that was begun here ended elsewhere.
func TestMF08_ACeremonyOfATicketStaysInItsBrowser(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		d := harness.NewDevice(t)
		s.AddPasskey(verified(s, "a@x.test"), d).Want(201)
		paused := s.SignIn("a@x.test", harness.Password, cookieMode)
		ticket, here := s.Paused(paused), browserCookie(s, paused)
		options := func(sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/passkeys/signin/options", harness.J{"mfaToken": ticket}, sets...)
		}
		options(cookieMode).Want(401, "auth/invalid-token")
		begun := options(cookieMode, here).Want(200)
		verify := func(begun *harness.Answer, sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/mfa/verify", harness.J{"ceremonyId": begun.String("ceremonyId"), "credential": d.Assert(begun)}, sets...)
		}
		verify(begun, cookieMode).Want(401, "auth/invalid-token")
		if sessionCookie(t, verify(begun, cookieMode, here).Want(200)) == nil {
			t.Error("no session in the browser that began")
		}
	}, withCookies, unlimited)
}

// MF-08: a factor that must be set up first is set up in the browser of the
// sign-in.
func TestMF08_AnEnrolmentStaysInItsBrowser(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		if _, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "a@x.test", Name: "Ann", InsecurePassword: harness.Password, EmailVerified: true}); err != nil {
			t.Fatal(err)
		}
		asked := s.SignIn("a@x.test", harness.Password, cookieMode).Want(403, "auth/mfa-enrollment-required")
		ticket, here := asked.String("error", "details", "mfaToken"), browserCookie(s, asked)
		enable := func(sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/mfa/enable", harness.J{"mfaToken": ticket}, sets...)
		}
		enable(cookieMode).Want(401, "auth/token-expired")
		app := s.AppOf(enable(cookieMode, here).Want(200))
		confirm := func(sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/mfa/confirm", harness.J{"mfaToken": ticket, "code": app.Code(s.Clock.Now())}, sets...)
		}
		confirm(cookieMode).Want(401, "auth/token-expired")
		s.Do("POST", "/v1/auth/passkeys/register/options", harness.J{"mfaToken": ticket}, cookieMode).Want(401, "auth/invalid-token")
		if sessionCookie(t, confirm(cookieMode, here).Want(200)) == nil {
			t.Error("no session in the browser that began")
		}
	}, withCookies, unlimited, required(admit.RequiredOfEveryone))
}

// MF-08: a token to start over is bound as the ticket beside it is. In another
// browser it neither retires the account nor signs in, and it is not spent.
func TestMF08_ATokenToStartOverStaysInItsBrowser(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		stranger, _ := plantedFactor(s, "a@x.test")
		paused := s.Do("POST", "/v1/auth/email/callback", harness.J{"token": magicToken(s, "a@x.test")}, cookieMode)
		token, here := offered(s, paused), browserCookie(s, paused)
		right, _, _ := strings.Cut(paused.Header.Get("Set-Cookie"), ";")
		for name, sets := range inAnotherBrowser(right) {
			answer := s.Do("POST", "/v1/auth/start-over", harness.J{"startOverToken": token}, sets...)
			if answer.Status != http.StatusUnauthorized || answer.Code() != "auth/token-expired" || len(answer.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s: %d %s %v", name, answer.Status, answer.Body, answer.Header["Set-Cookie"])
			}
		}
		answer := s.Do("POST", "/v1/auth/start-over", harness.J{"startOverToken": token}, cookieMode, here).Want(201)
		if sessionCookie(t, answer) == nil || answer.String("user", "id") == stranger.ID {
			t.Errorf("the browser that began has %s", answer.Body)
		}
		// Ticket and token have one secret, so that either can be chosen.
		second, app := plantedFactor(s, "b@x.test")
		paused = s.Do("POST", "/v1/auth/email/callback", harness.J{"token": magicToken(s, "b@x.test")}, cookieMode)
		offered(s, paused)
		done := s.Complete(s.Paused(paused), app.Code(s.Clock.Now()), cookieMode, browserCookie(s, paused)).Want(200)
		if done.String("user", "id") != second.ID {
			t.Errorf("the ticket beside the token answers %s", done.Body)
		}
	}, withCookies, unlimited)
}

// A stranger's token, which is bound to no browser where a client keeps tokens,
// cannot be played to a visitor's browser: no link, no form and no script of another
// page signs it in there.
func TestNoOtherPageStartsOverInAVisitorsBrowser(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		plantedFactor(s, "a@x.test")
		token := offered(s, redeem(s, magicToken(s, "a@x.test")))
		const path = "/v1/auth/start-over"
		body := `{"startOverToken":"` + token + `"}`
		elsewhere := []harness.Set{harness.Header("Origin", "https://evil.example"), harness.Header("Sec-Fetch-Site", "cross-site")}
		s.Do("POST", path, body, append(elsewhere, cookieMode)...).Want(403, "auth/cross-origin")
		// Without the header of the mode no cookie is set, but it needs a preflight, as JSON does.
		asked := s.Do("OPTIONS", path, nil, append(elsewhere,
			harness.Header("Access-Control-Request-Method", "POST"), harness.Header("Access-Control-Request-Headers", "content-type"))...)
		if asked.Header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("a preflight from elsewhere answers %v", asked.Header)
		}
		s.Do("GET", path+"?startOverToken="+token, nil).Want(405, "auth/method-not-allowed")
		s.Do("POST", path+"?startOverToken="+token, "{}").Want(400, "auth/invalid-request")
		for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"} {
			s.Do("POST", path, body, harness.Header("Content-Type", kind)).Want(415)
		}
		if answer := startOver(s, token).Want(201); len(answer.Header["Set-Cookie"]) > 0 { // nothing of this has spent it
			t.Errorf("a client that keeps tokens gets %v", answer.Header["Set-Cookie"])
		}
	}, withCookies, unlimited)
}
