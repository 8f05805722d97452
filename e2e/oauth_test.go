package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

const back = harness.BaseURL + "/done"

// traveller is a browser on its way to a provider and back.
type traveller struct {
	s        *harness.Server
	provider *harness.Provider
	cookies  []*http.Cookie
	url      string
}

func (b *traveller) with() harness.Set {
	return func(r *http.Request) {
		for _, c := range b.cookies {
			r.AddCookie(c)
		}
	}
}

// keep stores the cookies of an answer as a browser does.
func (b *traveller) keep(a *harness.Answer) {
	response := http.Response{Header: a.Header}
	for _, c := range response.Cookies() {
		var left []*http.Cookie
		for _, old := range b.cookies {
			if old.Name != c.Name {
				left = append(left, old)
			}
		}
		if b.cookies = left; c.MaxAge >= 0 {
			b.cookies = append(b.cookies, &http.Cookie{Name: c.Name, Value: c.Value})
			b.s.Keep("cookie", c.Value)
		}
	}
}

// leave begins a sign-in.
func leave(s *harness.Server, p *harness.Provider, query string) *traveller {
	s.T.Helper()
	b := &traveller{s: s, provider: p}
	b.leave(query)
	return b
}

func (b *traveller) leave(query string) {
	b.s.T.Helper()
	answer := b.s.Do("GET", "/v1/auth/"+b.provider.Name()+"?callbackUrl="+url.QueryEscape(back)+query, nil, b.with()).Want(http.StatusFound)
	b.keep(answer)
	b.url = answer.Header.Get("Location")
}

// back comes back with a code, and returns what the host's page gets.
func (b *traveller) back(who admit.ProviderIdentity, sets ...harness.Set) (*harness.Answer, url.Values) {
	b.s.T.Helper()
	code, state := b.provider.Approve(b.url, who)
	return b.callback(url.Values{"code": {code}, "state": {state}}, sets...)
}

func (b *traveller) callback(query url.Values, sets ...harness.Set) (*harness.Answer, url.Values) {
	b.s.T.Helper()
	answer := b.s.Do("GET", "/v1/auth/"+b.provider.Name()+"/callback?"+query.Encode(), nil, append([]harness.Set{b.with()}, sets...)...)
	b.keep(answer)
	return answer, landed(b.s, answer)
}

func landed(s *harness.Server, a *harness.Answer) url.Values {
	s.T.Helper()
	target, err := url.Parse(a.Header.Get("Location"))
	if err != nil {
		s.T.Fatal(err)
	}
	s.Keep("result", target.Query().Get("token"))
	return target.Query()
}

// redeemResult gives a result to the callback of the API.
func redeemResult(s *harness.Server, token string, sets ...harness.Set) *harness.Answer {
	s.T.Helper()
	return s.Do("POST", "/v1/auth/email/callback", harness.J{"token": token}, sets...)
}

// by signs in with a code, as an app does.
func by(s *harness.Server, p *harness.Provider, who admit.ProviderIdentity, sets ...harness.Set) *harness.Answer {
	s.T.Helper()
	redirect := harness.BaseURL + "/app"
	return s.Do("POST", "/v1/auth/"+p.Name()+"/callback", harness.J{"code": p.Code(who, redirect, "a-verifier"), "redirectUri": redirect, "codeVerifier": "a-verifier"}, sets...)
}

func cookies(c *admit.Config) { c.Cookies = true }

func TestARedirectSignsInWithAResult(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		b := leave(s, p, "")
		q, _ := url.Parse(b.url)
		if q.Query().Get("code_challenge_method") != "S256" || len(q.Query().Get("code_challenge")) != 43 || len(q.Query().Get("state")) < 22 || q.Query().Get("nonce") == "" {
			t.Errorf("the redirect is %s", b.url)
		}
		if cookie := b.cookies[0]; !strings.HasPrefix(cookie.Name, "__Host-oauth-") {
			t.Errorf("the cookie is %v", cookie)
		}
		answer, query := b.back(p.Person("1", "grace@x.test", admit.ProofAsserted))
		answer.Want(http.StatusFound)
		if !strings.HasPrefix(answer.Header.Get("Location"), back+"?token=") || len(b.cookies) != 0 || answer.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("the browser is sent to %s with cookies %v", answer.Header.Get("Location"), b.cookies)
		}
		signed := redeemResult(s, query.Get("token")).Want(200)
		if signed.Get("is_new_user") != true {
			t.Errorf("the answer is %s", signed.Body)
		}
		me := s.Me(signed.Tokens().Access).Want(200)
		if me.String("name") != "Grace Hopper" || me.String("email") != "grace@x.test" || me.String("emailVerified") == "" || me.String("image") != "https://pictures.test/grace.png" {
			t.Errorf("the account is %s", me.Body)
		}
		redeemResult(s, query.Get("token")).Want(401, "auth/invalid-token")
		// Another time, on another process, with another address at the provider.
		other := s.Process()
		b = leave(s, p, "")
		b.s = other
		_, query = b.back(p.Person("1", "moved@y.test", admit.ProofAsserted))
		again := redeemResult(other, query.Get("token")).Want(200)
		if again.Get("is_new_user") != false || s.Me(again.Tokens().Access).String("id") != me.String("id") {
			t.Errorf("the second sign-in is %s", again.Body)
		}
		_, session, err := s.Auth.VerifyToken(t.Context(), again.Tokens().Access)
		if err != nil || session.AMR != "fed" {
			t.Errorf("the session has methods %q, %v", session.AMR, err)
		}
	}, harness.With(p))
}

func TestARedirectSignsInWithACookie(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		b := leave(s, p, "&mode=cookie")
		answer, query := b.back(p.Person("1", "grace@x.test", admit.ProofAsserted))
		answer.Want(http.StatusFound)
		if len(query) != 0 || len(b.cookies) != 1 || b.cookies[0].Name != "__Host-session" {
			t.Fatalf("the browser has %v and %v", query, b.cookies)
		}
		s.Do("GET", "/v1/auth/me", nil, b.with()).Want(200)
	}, harness.With(p), cookies)
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		if _, query := leave(s, p, "&mode=cookie").back(p.Person("1", "grace@x.test", admit.ProofAsserted)); query.Get("token") == "" {
			t.Errorf("without Config.Cookies the flow ends in %v", query)
		}
	}, harness.With(p))
}

// AC-115, OA-02: a state is issued by this server, for one browser, one provider and
// one purpose, and works once.
func TestAC115_AStateWorksOnceForItsBrowserAndProvider(t *testing.T) {
	p, q := harness.NewProvider("acme"), harness.NewProvider("other")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "grace@x.test", admit.ProofAsserted)
		sessions := func() int { return len(s.Events("", "session.created")) }
		for name, try := range map[string]func(b *traveller, query url.Values) *harness.Answer{
			"missing": func(b *traveller, query url.Values) *harness.Answer {
				query.Del("state")
				a, _ := b.callback(query)
				return a
			},
			"wrong": func(b *traveller, query url.Values) *harness.Answer {
				query.Set("state", strings.Repeat("A", 43))
				a, _ := b.callback(query)
				return a
			},
			"from another browser": func(b *traveller, query url.Values) *harness.Answer {
				b.cookies = leave(s, p, "").cookies
				a, _ := b.callback(query)
				return a
			},
			"from no browser": func(b *traveller, query url.Values) *harness.Answer {
				b.cookies = nil
				a, _ := b.callback(query)
				return a
			},
			"with a planted cookie": func(b *traveller, query url.Values) *harness.Answer {
				b.cookies[0].Value = strings.Repeat("B", 43)
				a, _ := b.callback(query)
				return a
			},
			"with two cookies": func(b *traveller, query url.Values) *harness.Answer {
				b.cookies = append(b.cookies, &http.Cookie{Name: b.cookies[0].Name, Value: strings.Repeat("B", 43)})
				a, _ := b.callback(query)
				return a
			},
			"of another provider": func(b *traveller, query url.Values) *harness.Answer {
				b.provider = q
				a, _ := b.callback(query)
				return a
			},
		} {
			b := leave(s, p, "")
			code, state := p.Approve(b.url, who)
			asked := p.Asked() + q.Asked()
			if a := try(b, url.Values{"code": {code}, "state": {state}}); a.Status != 401 || a.Code() != "auth/invalid-state" || a.Header.Get("Location") != "" {
				t.Errorf("%s: answered %d %s", name, a.Status, a.Body)
			}
			if p.Asked()+q.Asked() != asked {
				t.Errorf("%s: the provider was given the code", name)
			}
		}
		// Too old: the browser is sent back to the application.
		b := leave(s, p, "")
		code, state := p.Approve(b.url, who)
		s.Clock.Advance(15 * time.Minute)
		if _, query := b.callback(url.Values{"code": {code}, "state": {state}}); query.Get("error") != "auth/invalid-state" || query.Has("token") {
			t.Errorf("a state that is too old: %v", query)
		}
		// Used: the back button, with the cookie that a browser no longer has, and without.
		b = leave(s, p, "")
		code, state = p.Approve(b.url, who)
		before := b.cookies
		answer := url.Values{"code": {code}, "state": {state}}
		if _, query := b.callback(answer); query.Get("token") == "" {
			t.Fatalf("the flow ends in %v", query)
		}
		b.callback(answer)
		a, _ := b.callback(answer)
		a.Want(401, "auth/invalid-state")
		b.cookies = before
		if _, query := b.callback(answer); query.Get("error") != "auth/invalid-state" || query.Has("token") {
			t.Errorf("a state that was used: %v", query)
		}
		if p.Asked() != 1 || sessions() != 0 {
			t.Errorf("the provider was asked %d times, there are %d sessions", p.Asked(), sessions())
		}
	}, harness.With(p, q))
}

// AC-127, OA-09: of many callbacks at once, in two processes, one wins.
func TestAC127_OfManyCallbacksOneWins(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		b := leave(s, p, "&mode=cookie")
		code, state := p.Approve(b.url, p.Person("1", "grace@x.test", admit.ProofAsserted))
		query := "?" + url.Values{"code": {code}, "state": {state}}.Encode()
		answers := harness.Parallel(50, func(i int) *harness.Answer {
			at := s
			if i%2 == 1 {
				at = other
			}
			return at.Do("GET", "/v1/auth/acme/callback"+query, nil, b.with())
		})
		won := 0
		for _, a := range answers {
			switch query := landed(s, a); {
			case len(query) == 0 && strings.Contains(a.Header.Get("Set-Cookie"), "__Host-"):
				won++
			case query.Get("error") != "auth/invalid-state":
				t.Errorf("a callback ended in %d %v", a.Status, query)
			}
		}
		if n := len(s.Events("", "session.created")); won != 1 || n != 1 || p.Asked() != 1 {
			t.Errorf("%d won, %d sessions, asked %d times", won, n, p.Asked())
		}
		p = harness.NewProvider("acme")
	}, func(c *admit.Config) { c.Providers = []admit.Provider{p} }, cookies, unlimited)
}

// Two tabs sign in at the same time; neither ends the other.
func TestTwoTabsSignInAtTheSameTime(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		b := leave(s, p, "")
		first := b.url
		b.leave("")
		second := b.url
		for _, b.url = range []string{first, second} {
			if _, query := b.back(p.Person("1", "grace@x.test", admit.ProofAsserted)); query.Get("token") == "" {
				t.Errorf("a tab ended in %v", query)
			}
		}
		for range 20 {
			b.leave("")
		}
		if len(b.cookies) > 6 {
			t.Errorf("the browser keeps %d cookies", len(b.cookies))
		}
		if _, query := b.back(p.Person("1", "grace@x.test", admit.ProofAsserted)); query.Get("token") == "" {
			t.Errorf("the last of many tabs ended in %v", query)
		}
	}, harness.With(p))
}

// AC-001, AC-005, OA-07, LK-01: what an address opens, for every proof and every
// account.
func TestLK01_AnAddressOpensOnlyWhatIsProvenOnBothSides(t *testing.T) {
	const conflict = "auth/account-exists-different-provider"
	for _, proof := range []admit.AddressProof{admit.ProofNone, admit.ProofAsserted, admit.ProofAuthoritative, "", "true"} {
		for _, account := range []string{"nobody", "unproven", "proven"} {
			t.Run(string(proof)+" meets "+account, func(t *testing.T) {
				p := harness.NewProvider("acme")
				harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
					var owner harness.Person
					switch account {
					case "unproven":
						owner = s.SignUp("grace@x.test")
					case "proven":
						owner = verified(s, "grace@x.test")
					}
					who := p.Person("1", "Grace@X.test", proof)
					vouched := proof == admit.ProofAsserted || proof == admit.ProofAuthoritative
					answer := by(s, p, who)
					switch {
					case account == "nobody":
						me := s.Me(answer.Want(200).Tokens().Access)
						if (me.String("emailVerified") != "") != vouched {
							t.Errorf("the account is %s", me.Body)
						}
						if !vouched {
							letterTo(s, mailer.SignupConfirmation, "Grace@x.test")
						}
					case account == "unproven" && vouched:
						// AC-001: what the registrant had is dead.
						me := s.Me(answer.Want(200).Tokens().Access)
						if me.String("id") != owner.ID || me.String("emailVerified") == "" || me.String("name") != "Grace Hopper" || answer.Get("is_new_user") != false {
							t.Errorf("the account is %s", me.Body)
						}
						s.Dead(owner.Tokens)
						s.SignIn("grace@x.test", harness.Password).Want(401)
						if n := len(s.Events(owner.ID, "account.claimed")); n != 1 {
							t.Errorf("%d claims", n)
						}
					case account == "proven" && proof == admit.ProofAuthoritative:
						if me := s.Me(answer.Want(200).Tokens().Access); me.String("id") != owner.ID {
							t.Errorf("the account is %s", me.Body)
						}
						s.Alive(owner.Tokens)
						s.SignIn("grace@x.test", harness.Password).Want(200)
						letterTo(s, mailer.AccountLinked, "grace@x.test")
					default:
						answer.Want(409, conflict)
						if answer.String("error", "details", "link") == "" {
							t.Errorf("nobody tells how to link: %s", answer.Body)
						}
						s.Alive(owner.Tokens)
						if n := len(s.Events("", "identity.linked")); n != 0 {
							t.Errorf("%d links", n)
						}
						// AC-005: the owner links, and then signs in.
						s.Do("POST", "/v1/auth/accounts", harness.J{"provider": "acme", "idToken": p.IDToken(who, "")}, harness.Bearer(s.SignIn("grace@x.test", harness.Password).Tokens().Access)).Want(201)
						if me := s.Me(by(s, p, who).Want(200).Tokens().Access); me.String("id") != owner.ID {
							t.Errorf("after linking the account is %s", me.Body)
						}
					}
				}, harness.With(p))
			})
		}
	}
}

// AC-121, OA-07: issuer and subject are compared as they are.
func TestAC121_OneSubjectAtTwoIssuersIsTwoPeople(t *testing.T) {
	p, q := harness.NewProvider("acme"), harness.NewProvider("other")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		seen := map[string]bool{}
		for i, who := range []admit.ProviderIdentity{
			p.Person("1", "a@x.test", admit.ProofAsserted), q.Person("1", "b@x.test", admit.ProofAsserted),
			p.Person("1 ", "c@x.test", admit.ProofAsserted), p.Person("abc", "d@x.test", admit.ProofAsserted), p.Person("ABC", "e@x.test", admit.ProofAsserted),
		} {
			at := p
			if i == 1 {
				at = q
			}
			me := s.Me(by(s, at, who).Want(200).Tokens().Access)
			if seen[me.String("id")] {
				t.Errorf("%q got an account that there was already", who.Subject)
			}
			seen[me.String("id")] = true
		}
		for _, subject := range []string{"", strings.Repeat("x", 256), strings.Repeat("x", 10<<10), "a\x00b", "a\nb", "\xff"} {
			by(s, p, p.Person(subject, "z@x.test", admit.ProofAsserted)).Want(401, "auth/invalid-oauth-code")
		}
	}, harness.With(p, q))
}

// A provider without an address.
func TestAProviderThatGivesNoAddress(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for _, email := range []string{"", "no address", "a@b@c"} {
			by(s, p, p.Person("1", email, admit.ProofAsserted)).Want(400, "auth/oauth-email-missing")
		}
	}, harness.With(p))
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		first := by(s, p, p.Person("1", "", admit.ProofNone)).Want(200)
		me := s.Me(first.Tokens().Access).Want(200)
		if me.Get("email") != nil || me.Get("emailVerified") != nil {
			t.Errorf("the account is %s", me.Body)
		}
		if second := s.Me(by(s, p, p.Person("2", "", admit.ProofNone)).Want(200).Tokens().Access); second.String("id") == me.String("id") {
			t.Error("two people without an address share an account")
		}
		if again := s.Me(by(s, p, p.Person("1", "", admit.ProofNone)).Want(200).Tokens().Access); again.String("id") != me.String("id") {
			t.Error("the person got another account")
		}
		_, secret := s.NewKey("secret")
		listed := s.Do("GET", "/v1/users/"+me.String("id"), nil, harness.Key(secret)).Want(200)
		if listed.Get("email") != nil {
			t.Errorf("an administrator sees the account as %s", listed.Body)
		}
		found := s.Do("GET", "/v1/users?includeAccounts=true", nil, harness.Key(secret)).Want(200)
		if strings.Contains(string(found.Body), `""`) {
			t.Errorf("the list shows what is absent as an empty text: %s", found.Body)
		}
		s.Alive(first.Tokens())
	}, harness.With(p), func(c *admit.Config) { c.AllowNoEmail = true })
}

// MF-01, AC-133, AC-041, AC-136: the gate holds for providers.
func TestTheGateHoldsForProviders(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "grace@x.test", admit.ProofAsserted)
		first := by(s, p, who).Want(200)
		id := s.Me(first.Tokens().Access).String("id")
		app := s.EnrollTOTP(harness.Person{Email: "grace@x.test", ID: id, Tokens: first.Tokens()})
		s.Clock.Advance(step)
		// In an app.
		refused := by(s, p, who).Want(403, "auth/mfa-required")
		s.Complete(s.Paused(refused), app.Code(s.Clock.Now())).Want(200)
		// By a result.
		_, query := leave(s, p, "").back(who)
		s.Clock.Advance(step)
		s.Complete(s.Paused(redeemResult(s, query.Get("token"))), app.Code(s.Clock.Now())).Want(200)
		redeemResult(s, query.Get("token")).Want(401, "auth/invalid-token")
		// By a cookie: no ticket stands in the address, no session is there.
		b := leave(s, p, "&mode=cookie")
		answer, query := b.back(who)
		if answer.Want(302); query.Get("error") != "auth/mfa-required" || len(query) != 1 || len(b.cookies) != 1 || b.cookies[0].Name != "__Host-mfa" {
			t.Fatalf("the browser has %v and %v", query, b.cookies)
		}
		s.Do("GET", "/v1/auth/me", nil, b.with()).Want(401)
		s.Clock.Advance(step)
		done := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"code": app.Code(s.Clock.Now())}, b.with(), harness.Header("X-Session-Mode", "cookie")).Want(200)
		b.keep(done)
		s.Do("GET", "/v1/auth/me", nil, b.with()).Want(200)
		// Banned.
		_, query = leave(s, p, "").back(who)
		s.Ban(id)
		by(s, p, who).Want(403, "auth/account-banned")
		redeemResult(s, query.Get("token")).Want(403, "auth/account-banned")
		if _, query := leave(s, p, "").back(who); query.Get("error") != "auth/account-banned" {
			t.Errorf("a banned person: %v", query)
		}
	}, harness.With(p), cookies)
}

// The gate about addresses: verification that is required, private sign-up, and a
// host that lets nobody sign up.
func TestTheGateHoldsForAddressesOfProviders(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "grace@x.test", admit.ProofNone)
		by(s, p, who).Want(403, "auth/email-not-verified")
		token := tokenIn(letterTo(s, mailer.SignupConfirmation, "grace@x.test"))
		by(s, p, who).Want(403, "auth/email-not-verified")
		if err := s.Auth.Verifications.Confirm(t.Context(), admit.TokenParams{Token: token}); err != nil {
			t.Fatal(err)
		}
		by(s, p, who).Want(200)
	}, harness.With(p), func(c *admit.Config) { c.RequireVerifiedEmail = true })
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		// Known and unknown addresses are answered alike.
		if _, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{Email: "known@x.test", Name: "K", EmailVerified: true, NoMail: true}); err != nil {
			t.Fatal(err)
		}
		known := by(s, p, p.Person("1", "known@x.test", admit.ProofNone)).Want(403, "auth/email-not-verified")
		unknown := by(s, p, p.Person("2", "unknown@x.test", admit.ProofNone)).Want(403, "auth/email-not-verified")
		if string(known.Body) != string(unknown.Body) {
			t.Errorf("%s and %s differ", known.Body, unknown.Body)
		}
		letterTo(s, mailer.AccountExists, "known@x.test")
		letterTo(s, mailer.SignupConfirmation, "unknown@x.test")
		by(s, p, p.Person("3", "proven@x.test", admit.ProofAsserted)).Want(200)
	}, harness.With(p), func(c *admit.Config) { c.PrivateSignUp = true })
	closed := &admit.Error{Code: "host/closed", Status: 403, Message: "Nobody signs up here."}
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		verified(s, "known@x.test")
		_, err := s.Auth.Providers.SignIn(t.Context(), admit.ProviderSignInParams{Provider: "acme", IDToken: p.IDToken(p.Person("1", "new@x.test", admit.ProofAsserted), "")})
		if err == nil || err.Error() != closed.Error() {
			t.Errorf("a sign-up answered %v", err)
		}
		by(s, p, p.Person("2", "known@x.test", admit.ProofAuthoritative)).Want(200)
	}, harness.With(p), func(c *admit.Config) {
		c.Hooks.BeforeSignUp = func(_ context.Context, in admit.SignUpAttempt) error {
			if in.Provider == "acme" {
				return closed
			}
			return nil
		}
	})
}

// AC-117, AC-118, OA-01, OA-03: codes are bound to the flow that they were made in.
func TestAC117_ACodeOfAnotherFlowIsRefused(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		mallory, grace := p.Person("666", "mallory@x.test", admit.ProofAsserted), p.Person("1", "grace@x.test", admit.ProofAsserted)
		hers, his := leave(s, p, ""), leave(s, p, "")
		stolen, _ := p.Approve(his.url, mallory)
		_, state := p.Approve(hers.url, grace)
		if _, query := hers.callback(url.Values{"code": {stolen}, "state": {state}}); query.Get("error") != "auth/invalid-oauth-code" || query.Has("token") {
			t.Errorf("an injected code: %v", query)
		}
		// A code begun here is refused in the door for apps: without the state, and with it
		// from another browser.
		b := leave(s, p, "")
		code, state := p.Approve(b.url, grace)
		post := func(body harness.J, sets ...harness.Set) *harness.Answer {
			return s.Do("POST", "/v1/auth/acme/callback", body, sets...)
		}
		post(harness.J{"code": code, "state": state}).Want(401, "auth/invalid-state")
		post(harness.J{"code": code, "state": state}, b.with()).Want(200)
		b = leave(s, p, "")
		code, state = p.Approve(b.url, grace)
		post(harness.J{"code": code}).Want(401, "auth/invalid-oauth-code")
		_ = state
		// The state of the app itself is nobody's business.
		redirect := harness.BaseURL + "/app"
		post(harness.J{"code": p.Code(grace, redirect, ""), "redirectUri": redirect, "state": "my own"}).Want(200)
		post(harness.J{"code": p.Code(grace, redirect, ""), "redirectUri": redirect, "state": strings.Repeat("x", 43)}).Want(200)
		// Id tokens: the nonce is compared where there is one.
		post(harness.J{"idToken": p.IDToken(grace, "")}).Want(200)
		post(harness.J{"idToken": p.IDToken(grace, "n")}).Want(401, "auth/invalid-oauth-code")
		post(harness.J{"idToken": p.IDToken(grace, "n"), "nonce": "m"}).Want(401, "auth/invalid-oauth-code")
		post(harness.J{"idToken": p.IDToken(grace, "n"), "nonce": "n"}).Want(200)
		// AC-129: an access token is no proof.
		s.Do("POST", "/v1/auth/acme/callback", `{"accessToken":"x"}`).Want(400, "auth/invalid-request")
		s.Do("POST", "/v1/auth/acme/callback", `{"code":"x","idToken":"y"}`).Want(400, "auth/invalid-request")
		post(harness.J{"code": "x", "redirectUri": "https://evil.test/"}).Want(400, "auth/invalid-callback-url")
	}, harness.With(p))
}

func TestUnknownAndUnconfiguredProviders(t *testing.T) {
	p := harness.NewProvider("acme").Unconfigured()
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for _, name := range []string{"acme", "nothing"} {
			code := map[string]string{"acme": "auth/oauth-not-configured", "nothing": "auth/unsupported-provider"}[name]
			s.Do("GET", "/v1/auth/"+name, nil).Want(400, code)
			s.Do("POST", "/v1/auth/"+name+"/callback", harness.J{"code": "x"}).Want(400, code)
			user := s.SignUp(name + "@x.test")
			s.Do("POST", "/v1/auth/accounts", harness.J{"provider": name, "code": "x"}, harness.Bearer(user.Access)).Want(400, code)
			s.Do("POST", "/v1/auth/"+name, nil, harness.Bearer(user.Access)).Want(400, code)
		}
		s.Do("GET", "/v1/auth/acme?callbackUrl=https://evil.test/", nil).Want(400, "auth/invalid-callback-url")
		page := s.Do("GET", "/v1/auth/nothing", nil, harness.Header("Accept", "text/html")).Want(400)
		if !strings.Contains(string(page.Body), "<html") {
			t.Errorf("a browser gets %s", page.Body)
		}
	}, harness.With(p))
}

// AC-135, OA-11: whatever the provider answers with is mapped to codes of ours.
func TestAC135_ErrorsOfTheProviderAreNotRepeated(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for text, code := range map[string]string{
			"access_denied": "auth/invalid-oauth-code", "user_cancelled_login": "auth/invalid-oauth-code", "server_error": "auth/oauth-callback-failed",
			"<script>alert(1)</script>": "auth/oauth-callback-failed", "a\r\nSet-Cookie: x=y": "auth/oauth-callback-failed",
		} {
			b := leave(s, p, "")
			_, state := p.Approve(b.url, p.Person("1", "", ""))
			answer, query := b.callback(url.Values{"state": {state}, "error": {text}, "error_description": {"<b>" + text}})
			if answer.Want(302); query.Get("error") != code || len(query) != 1 {
				t.Errorf("%q: %v", text, query)
			}
			page := s.Do("GET", "/v1/auth/acme/callback?"+url.Values{"error": {text}, "error_description": {"<b>" + text}}.Encode(), nil, harness.Header("Accept", "text/html")).Want(401)
			if strings.Contains(string(page.Body), text) && text != "access_denied" {
				t.Errorf("the page repeats %q", text)
			}
		}
		if p.Asked() != 0 {
			t.Errorf("the provider was asked %d times", p.Asked())
		}
	}, harness.With(p))
}

// AC-134, OA-11: a provider that fails, panics or hangs.
func TestAC134_AProviderThatFails(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		who := p.Person("1", "grace@x.test", admit.ProofAsserted)
		for name, do := range map[string]func(ctx context.Context) error{
			"fails":  func(context.Context) error { return fmt.Errorf("it said %q", "refresh-of-1") },
			"panics": func(context.Context) error { panic("broken") },
			"is a provider that says so": func(context.Context) error {
				return fmt.Errorf("%w: connection refused", admit.ErrOAuthCallbackFailed)
			},
		} {
			p.Before(do)
			by(s, p, who).Want(502, "auth/oauth-callback-failed")
			b := leave(s, p, "")
			if _, query := b.back(who); query.Get("error") != "auth/oauth-callback-failed" || query.Has("token") {
				t.Errorf("a provider that %s: %v", name, query)
			}
			p.Before(nil)
			if _, query := leave(s, p, "").back(who); query.Get("token") == "" {
				t.Errorf("after a provider that %s, trying again: %v", name, query)
			}
		}
	}, harness.With(p))
}

// AC-116, OA-04: the issuer that the callback names must be that of the flow's
// provider (RFC 9207), and a code goes to that provider alone.
func TestAC116_AMixUpIsRefused(t *testing.T) {
	p, q := harness.NewProvider("acme"), harness.NewProvider("other")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		b := leave(s, p, "")
		code, state := p.Approve(b.url, p.Person("1", "grace@x.test", admit.ProofAsserted))
		if _, query := b.callback(url.Values{"code": {code}, "state": {state}, "iss": {"https://other.test"}}); query.Get("error") != "auth/invalid-oauth-code" {
			t.Errorf("another issuer: %v", query)
		}
		b = leave(s, p, "")
		code, state = p.Approve(b.url, p.Person("1", "grace@x.test", admit.ProofAsserted))
		b.provider = q
		a, _ := b.callback(url.Values{"code": {code}, "state": {state}})
		if a.Want(401, "auth/invalid-state"); q.Asked() != 0 {
			t.Error("the code went to another provider")
		}
	}, harness.With(p, q))
}
