package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/storetest"
)

const cookieName = "__Host-session"

func withCookies(c *admit.Config) { c.Cookies = true }

// fromPage are the headers that a browser sends with a request of a page of the
// same origin.
var (
	fromPage   = harness.Header("Sec-Fetch-Site", "same-origin")
	cookieMode = harness.Header("X-Session-Mode", "cookie")
)

func inCookie(value string) harness.Set { return harness.Header("Cookie", cookieName+"="+value) }

// sessionCookie returns the session cookie that an answer sets, or nil.
func sessionCookie(t testing.TB, a *harness.Answer) *http.Cookie {
	t.Helper()
	var found *http.Cookie
	for _, cookie := range (&http.Response{Header: a.Header}).Cookies() {
		if cookie.Name != cookieName {
			continue
		}
		if found != nil {
			t.Fatalf("two session cookies in one answer: %v", a.Header["Set-Cookie"])
		}
		found = cookie
	}
	return found
}

// signInByCookie signs in by password and returns the value of the cookie.
func signInByCookie(s *harness.Server, email string) string {
	s.T.Helper()
	answer := s.SignIn(email, harness.Password, cookieMode, fromPage).Want(http.StatusOK)
	cookie := sessionCookie(s.T, answer)
	if cookie == nil {
		s.T.Fatalf("no cookie: %v %s", answer.Header, answer.Body)
	}
	s.Keep("session cookie", cookie.Value)
	return cookie.Value
}

// SE-08: what the cookie is like, and that no token stands beside it.
func TestSE08_ASignInByCookieGivesACookieAndNoToken(t *testing.T) {
	s := harness.New(t, withCookies)
	p := verified(s, "a@x.test")
	askLink := func() string {
		s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "magiclink", "email": "a@x.test", "callbackUrl": callback}).Want(http.StatusOK)
		return tokenIn(letterTo(s, mailer.MagicLink, "a@x.test"))
	}
	for name, answer := range map[string]*harness.Answer{
		"sign-up": s.Do("POST", "/v1/auth/email/signup", harness.J{"email": "b@x.test", "password": harness.Password, "name": "Bob"}, cookieMode).Want(http.StatusCreated),
		"sign-in": s.SignIn("a@x.test", harness.Password, cookieMode).Want(http.StatusOK),
		"link":    s.Do("POST", "/v1/auth/email/callback", harness.J{"token": askLink()}, cookieMode).Want(http.StatusOK),
	} {
		cookie := sessionCookie(t, answer)
		if cookie == nil {
			t.Fatalf("%s: no cookie: %v", name, answer.Header)
		}
		s.Keep("session cookie", cookie.Value)
		if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Domain != "" || cookie.MaxAge != 7*24*60*60 {
			t.Errorf("%s: the cookie is %v", name, cookie)
		}
		if strings.Contains(string(answer.Body), "oken") || answer.String("user", "email") == "" {
			t.Errorf("%s: the body is %s", name, answer.Body)
		}
		me := s.Do("GET", "/v1/auth/me", nil, inCookie(cookie.Value)).Want(http.StatusOK)
		if me.String("email") != answer.String("user", "email") {
			t.Errorf("%s: me is %s", name, me.Body)
		}
		s.Do("GET", "/app/hello", nil, inCookie(cookie.Value)).Want(http.StatusOK)
	}
	cookie := signInByCookie(s, "a@x.test")
	out := s.Do("POST", "/v1/auth/signout", nil, inCookie(cookie), fromPage).Want(http.StatusOK)
	if cleared := sessionCookie(t, out); cleared == nil || cleared.MaxAge >= 0 || cleared.Value != "" || !cleared.Secure || cleared.Path != "/" {
		t.Errorf("sign-out sets %v", cleared)
	}
	s.Do("GET", "/v1/auth/me", nil, inCookie(cookie)).Want(http.StatusUnauthorized, "auth/session-expired")
	s.Alive(p.Tokens)
}

// SE-03, AC-103: whatever ends a session ends its cookie at once, and a cookie
// that was planted before a sign-in is worth nothing after it.
func TestSE03_WhatEndsASessionEndsItsCookie(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		for name, end := range map[string]func(p harness.Person, cookie string){
			"ban": func(p harness.Person, _ string) { s.Ban(p.ID) },
			"everywhere": func(p harness.Person, _ string) {
				s.Do("POST", "/v1/auth/signout", harness.J{"everywhere": true}, harness.Bearer(p.Access)).Want(http.StatusOK)
			},
			"password": func(p harness.Person, _ string) {
				s.Do("POST", "/v1/auth/password/change", harness.J{"currentPassword": harness.Password, "newPassword": otherPassword}, harness.Bearer(p.Access)).Want(http.StatusOK)
			},
			"its own sign-out": func(_ harness.Person, cookie string) {
				s.Do("POST", "/v1/auth/signout", nil, inCookie(cookie)).Want(http.StatusOK)
			},
		} {
			p := s.SignUp(strings.ReplaceAll(name, " ", "-") + "@x.test")
			cookie := signInByCookie(s, p.Email)
			s.Do("GET", "/v1/auth/me", nil, inCookie(cookie)).Want(http.StatusOK)
			end(p, cookie)
			if a := s.Do("GET", "/v1/auth/me", nil, inCookie(cookie)); a.Status != http.StatusUnauthorized && a.Status != http.StatusForbidden {
				t.Errorf("after %s: %d %s", name, a.Status, a.Body)
			}
		}
	}, withCookies)
}

func TestAC103_APlantedCookieIsReplaced(t *testing.T) {
	s := harness.New(t, withCookies)
	s.SignUp("a@x.test")
	s.SignUp("mallory@x.test")
	planted := signInByCookie(s, "mallory@x.test")
	answer := s.SignIn("a@x.test", harness.Password, cookieMode, fromPage, inCookie(planted)).Want(http.StatusOK)
	own := sessionCookie(t, answer)
	if own == nil || own.Value == planted {
		t.Fatalf("the cookie after the sign-in is %v", own)
	}
	s.Keep("session cookie", own.Value)
	if me := s.Do("GET", "/v1/auth/me", nil, inCookie(planted)).Want(http.StatusOK); me.String("email") != "mallory@x.test" {
		t.Errorf("the planted cookie is good for %s", me.Body)
	}
}

// AC-104: only the one cookie of the name counts.
func TestAC104_TossedCookiesAreRefused(t *testing.T) {
	s := harness.New(t, withCookies)
	p := s.SignUp("a@x.test")
	s.SignUp("mallory@x.test")
	good, planted := signInByCookie(s, "a@x.test"), signInByCookie(s, "mallory@x.test")
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("c%d=%d", i, i)
	}
	for name, c := range map[string]struct {
		cookies []string
		status  int
	}{
		"two of the name":       {[]string{cookieName + "=" + good + "; " + cookieName + "=" + planted}, http.StatusUnauthorized},
		"two in two headers":    {[]string{cookieName + "=" + good, cookieName + "=" + planted}, http.StatusUnauthorized},
		"the same twice":        {[]string{cookieName + "=" + good + "; " + cookieName + "=" + good}, http.StatusUnauthorized},
		"a shadow":              {[]string{"session=" + planted + "; " + cookieName + "=" + good}, http.StatusOK},
		"the shadow alone":      {[]string{"session=" + good}, http.StatusUnauthorized},
		"another case":          {[]string{"__host-session=" + good}, http.StatusUnauthorized},
		"among a hundred":       {[]string{strings.Join(many, "; ") + "; " + cookieName + "=" + good}, http.StatusOK},
		"empty":                 {[]string{cookieName + "="}, http.StatusUnauthorized},
		"oversized":             {[]string{cookieName + "=" + strings.Repeat("A", 8000)}, http.StatusUnauthorized},
		"cut":                   {[]string{cookieName + "=" + good[:len(good)-1]}, http.StatusUnauthorized},
		"longer":                {[]string{cookieName + "=" + good + "A"}, http.StatusUnauthorized},
		"quoted":                {[]string{cookieName + `="` + good + `"`}, http.StatusOK},
		"an access token in it": {[]string{cookieName + "=" + p.Access}, http.StatusUnauthorized},
		"a refresh token in it": {[]string{cookieName + "=" + p.Refresh}, http.StatusUnauthorized},
	} {
		a := s.Do("GET", "/v1/auth/me", nil, harness.Header("Cookie", c.cookies...))
		if a.Status != c.status || a.Status == http.StatusOK && a.String("email") != "a@x.test" {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
		if len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s sets %v", name, a.Header["Set-Cookie"])
		}
	}
	// The other way round: what stands in the cookie is no refresh token.
	s.Do("POST", "/v1/auth/refresh", harness.J{"refreshToken": good}).Want(http.StatusUnauthorized, "auth/invalid-refresh-token")
	s.Do("GET", "/v1/auth/me", nil, harness.Bearer(good)).Want(http.StatusUnauthorized, "auth/invalid-token")
}

// AC-110, TK-11: an access token wins over a cookie, and a bad one is not made
// good by the cookie beside it.
func TestAC110_AnAccessTokenWinsOverACookie(t *testing.T) {
	s := harness.New(t, withCookies)
	s.SignUp("a@x.test")
	b := s.SignUp("b@x.test")
	cookie := signInByCookie(s, "a@x.test")
	if me := s.Do("GET", "/v1/auth/me", nil, inCookie(cookie), harness.Bearer(b.Access)).Want(http.StatusOK); me.String("email") != "b@x.test" {
		t.Errorf("me is %s", me.Body)
	}
	s.Do("GET", "/v1/auth/me", nil, inCookie(cookie), harness.Bearer("junk")).Want(http.StatusUnauthorized, "auth/invalid-token")
	if me := s.Do("GET", "/v1/auth/me", nil, inCookie(cookie), harness.Header("Authorization", "Basic YTpi")).Want(http.StatusOK); me.String("email") != "a@x.test" {
		t.Errorf("beside Basic me is %s", me.Body)
	}
	// A token is sent by a program that was given it, from wherever its page is.
	s.Do("DELETE", "/v1/auth/sessions", nil, inCookie(cookie), harness.Bearer(b.Access), harness.Header("Sec-Fetch-Site", "cross-site")).Want(http.StatusOK)
}

// SE-09: a page of another origin changes nothing with the cookie of its reader:
// every unsafe route, with everything that a browser may say about the page.
func TestSE09_PagesOfOtherOriginsChangeNothing(t *testing.T) {
	const friend = "https://friend.example"
	s := harness.New(t, withCookies, unlimited, func(c *admit.Config) { c.AllowedOrigins = []string{friend} })
	s.SignUp("a@x.test")
	cookie := signInByCookie(s, "a@x.test")
	origin := func(o string) harness.Set { return harness.Header("Origin", o) }
	site := func(v string) harness.Set { return harness.Header("Sec-Fetch-Site", v) }
	foreign := map[string][]harness.Set{
		"cross-site":                   {site("cross-site"), origin("https://evil.example")},
		"cross-site without an origin": {site("cross-site")},
		"same-site":                    {site("same-site"), origin("https://blog.app.example")},
		"another port":                 {site("same-site"), origin(harness.BaseURL + ":8443")},
		"another scheme":               {origin("http://app.example")},
		"null":                         {origin("null")},
		"an old browser":               {origin("https://evil.example")},
		"an empty origin":              {origin("")},
		"a prefix of the origin":       {origin(harness.BaseURL + ".evil.example")},
		"two origins":                  {harness.Header("Origin", harness.BaseURL, "https://evil.example")},
		"two sites":                    {harness.Header("Sec-Fetch-Site", "same-origin", "cross-site")},
		"an unknown site":              {site("SAME-ORIGIN")},
	}
	own := map[string][]harness.Set{
		"same-origin":          {site("same-origin"), origin(harness.BaseURL)},
		"typed":                {site("none")},
		"no browser":           {},
		"an old browser":       {origin(harness.BaseURL)},
		"an allowed origin":    {site("cross-site"), origin(friend)},
		"an old allowed page":  {origin(friend)},
		"same-origin, no more": {site("same-origin")},
	}
	tried := 0
	for _, route := range s.Auth.Routes() {
		if route.Method == http.MethodGet || route.Exchanges {
			continue
		}
		tried++
		path := strings.NewReplacer("{", "", "}", "").Replace(route.Path)
		for name, sets := range foreign {
			a := s.Do(route.Method, path, "{", append(slices.Clone(sets), inCookie(cookie))...)
			if a.Status != http.StatusForbidden || a.Code() != "auth/cross-origin" || len(a.Header["Set-Cookie"]) > 0 {
				t.Errorf("%s %s from %s: %d %s", route.Method, route.Path, name, a.Status, a.Body)
			}
		}
		for name, sets := range own {
			if a := s.Do(route.Method, path, "{", append(slices.Clone(sets), inCookie(cookie))...); a.Code() == "auth/cross-origin" {
				t.Errorf("%s %s from %s: %d %s", route.Method, route.Path, name, a.Status, a.Body)
			}
		}
	}
	if tried < 7 {
		t.Fatalf("only %d routes were tried", tried)
	}
	for name, sets := range foreign {
		// A page of another site signs nobody in, or out of an account of its own.
		a := s.SignIn("a@x.test", harness.Password, append(slices.Clone(sets), cookieMode)...)
		if a.Status != http.StatusForbidden || a.Code() != "auth/cross-origin" || len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("sign-in from %s: %d %s", name, a.Status, a.Body)
		}
		if a := s.Do("POST", "/app/hello", nil, append(slices.Clone(sets), inCookie(cookie))...); a.Status != http.StatusForbidden {
			t.Errorf("the host's route from %s: %d %s", name, a.Status, a.Body)
		}
		s.Do("GET", "/app/hello", nil, append(slices.Clone(sets), inCookie(cookie))...).Want(http.StatusOK)
		upgrade := append(slices.Clone(sets), inCookie(cookie), harness.Header("Upgrade", "WebSocket"), harness.Header("Connection", "Upgrade"))
		if a := s.Do("GET", "/app/hello", nil, upgrade...); a.Status != http.StatusForbidden {
			t.Errorf("a WebSocket from %s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, sets := range own {
		if a := s.Do("POST", "/app/hello", nil, append(slices.Clone(sets), inCookie(cookie))...); a.Status != http.StatusOK {
			t.Errorf("the host's route from %s: %d %s", name, a.Status, a.Body)
		}
	}
	// The answer and the log name both origins and the setting.
	a := s.Do("POST", "/v1/auth/signout", nil, inCookie(cookie), origin("https://evil.example"), site("cross-site")).Want(http.StatusForbidden, "auth/cross-origin")
	for _, part := range []string{"https://evil.example", harness.BaseURL, "Config.AllowedOrigins"} {
		if !strings.Contains(string(a.Body), part) {
			t.Errorf("the answer does not name %s: %s", part, a.Body)
		}
		if !strings.Contains(s.Log.String(), part) {
			t.Errorf("the log does not name %s", part)
		}
	}
}

// Pages of an allowed origin read answers to requests with cookies, in cookie
// mode alone.
func TestAC109_CredentialsOfOtherOriginsAreForAllowedOrigins(t *testing.T) {
	for _, on := range []bool{false, true} {
		s := harness.New(t, func(c *admit.Config) { c.Cookies, c.AllowedOrigins = on, []string{"https://friend.example"} })
		for origin, want := range map[string]bool{"https://friend.example": on, "https://evil.example": false} {
			for _, method := range []string{"OPTIONS", "GET"} {
				a := s.Do(method, "/v1/auth/me", nil, harness.Header("Origin", origin), harness.Header("Access-Control-Request-Method", "GET"))
				if got := a.Header.Get("Access-Control-Allow-Credentials") == "true"; got != want {
					t.Errorf("cookies %v, %s %s: allow credentials %v", on, method, origin, got)
				}
			}
		}
	}
}

// SE-02: a cookie is renewed after an hour, for browsers alone, and its session
// ends with the session's limits.
func TestSE02_ACookieIsRenewed(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		first := signInByCookie(s, "a@x.test")
		get := func(value string, sets ...harness.Set) *harness.Answer {
			return s.Do("GET", "/app/hello", nil, append(sets, inCookie(value))...)
		}
		renewed := func(a *harness.Answer) string {
			t.Helper()
			cookie := sessionCookie(t, a.Want(http.StatusOK))
			if cookie == nil {
				return ""
			}
			s.Keep("session cookie", cookie.Value)
			if a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("an answer with a cookie may be kept: %v", a.Header)
			}
			return cookie.Value
		}
		s.Clock.Advance(59 * time.Minute)
		if got := renewed(get(first, fromPage)); got != "" {
			t.Fatal("renewed before an hour")
		}
		s.Clock.Advance(2 * time.Minute)
		if got := renewed(get(first)); got != "" {
			t.Fatal("renewed for a program, which cannot store it")
		}
		second := renewed(get(first, fromPage))
		if second == "" || second == first {
			t.Fatal("not renewed after an hour")
		}
		// The answer was lost: the same successor is given again, however late.
		s.Clock.Advance(3 * time.Hour)
		if got := renewed(get(first, fromPage)); got != second {
			t.Fatalf("a lost answer is repeated as %q, want %q", got, second)
		}
		// Another process, and a failure that gives nothing.
		other := s.Process(withCookies)
		failed := other.Do("DELETE", "/v1/auth/sessions/nope", nil, inCookie(second), fromPage).Want(http.StatusNotFound)
		if len(failed.Header["Set-Cookie"]) > 0 {
			t.Errorf("a refusal sets %v", failed.Header["Set-Cookie"])
		}
		third := renewed(other.Do("GET", "/app/hello", nil, inCookie(second), fromPage))
		if third == "" || third == second {
			t.Fatal("another process does not renew")
		}
		renewed(get(third, fromPage))
		// A request of another tab was on its way.
		s.Clock.Advance(30 * time.Second)
		if got := renewed(get(second, fromPage)); got != third {
			t.Fatalf("a late tab is given %q, want %q", got, third)
		}
		// The cookie lives as long as the session: 30 days at most.
		last := third
		for range 29 * 2 {
			s.Clock.Advance(12 * time.Hour)
			if next := renewed(get(last, fromPage)); next != "" {
				last = next
			}
		}
		s.Clock.Advance(24 * time.Hour)
		get(last, fromPage).Want(http.StatusUnauthorized, "auth/session-expired")
	}, withCookies)
}

// SE-04: a cookie that is used after its successor was used is in two hands. The
// session ends, once and with an event; the user's other sessions go on.
func TestSE04_AnOldCookieEndsItsSession(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		first := signInByCookie(s, "a@x.test")
		s.Clock.Advance(61 * time.Minute)
		second := sessionCookie(t, s.Do("GET", "/v1/auth/me", nil, inCookie(first), fromPage).Want(http.StatusOK)).Value
		s.Keep("session cookie", second)
		s.Do("GET", "/v1/auth/me", nil, inCookie(second)).Want(http.StatusOK)
		s.Clock.Advance(59 * time.Second)
		s.Do("GET", "/v1/auth/me", nil, inCookie(first)).Want(http.StatusOK)
		s.Clock.Advance(2 * time.Second)
		for range 2 {
			s.Do("GET", "/v1/auth/me", nil, inCookie(first)).Want(http.StatusUnauthorized, "auth/session-expired")
			s.Do("GET", "/v1/auth/me", nil, inCookie(second)).Want(http.StatusUnauthorized, "auth/session-expired")
		}
		if events := s.Events(p.ID, "refresh.reused"); len(events) != 1 {
			t.Errorf("%d events", len(events))
		}
		s.Refresh(p.Refresh).Want(http.StatusOK)
	}, withCookies)
}

// Many requests at once find the cookie due: each is served, and all are given
// the same successor, also by two processes.
func TestAC084_ManyTabsRenewACookieOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		other := s.Process(withCookies)
		cookie := signInByCookie(s, "a@x.test")
		for range 5 {
			s.Clock.Advance(61 * time.Minute)
			var mu sync.Mutex
			given := map[string]bool{}
			for _, a := range harness.Parallel(16, func(i int) *harness.Answer {
				return []*harness.Server{s, other}[i%2].Do("GET", "/v1/auth/me", nil, inCookie(cookie), fromPage)
			}) {
				set := sessionCookie(t, a.Want(http.StatusOK))
				if set == nil {
					t.Fatal("a tab was given no cookie")
				}
				mu.Lock()
				given[set.Value] = true
				mu.Unlock()
				cookie = set.Value
			}
			if len(given) != 1 {
				t.Fatalf("%d successors were given", len(given))
			}
			s.Keep("session cookie", cookie)
		}
	}, withCookies, unlimited)
}

// A cookie that is no good is refused, but where everybody may pass it counts as
// none and is taken away: its reader could do nothing about it.
func TestOptionalUserForgetsADeadCookie(t *testing.T) {
	s := harness.New(t, withCookies)
	p := s.SignUp("a@x.test")
	cookie := signInByCookie(s, "a@x.test")
	if got := s.Do("GET", "/app/optional", nil, inCookie(cookie)).Want(http.StatusOK); got.Header.Get("X-User") != p.ID {
		t.Errorf("the user is %q", got.Header.Get("X-User"))
	}
	s.Do("POST", "/v1/auth/signout", nil, inCookie(cookie)).Want(http.StatusOK)
	for _, value := range []string{cookie, "junk"} {
		s.Do("GET", "/app/hello", nil, inCookie(value)).Want(http.StatusUnauthorized)
		got := s.Do("GET", "/app/optional", nil, inCookie(value)).Want(http.StatusOK)
		if cleared := sessionCookie(t, got); got.Header.Get("X-User") != "nobody" || cleared == nil || cleared.MaxAge >= 0 {
			t.Errorf("%q: %v", value, got.Header)
		}
	}
	s.Do("GET", "/app/optional", nil, harness.Bearer("junk")).Want(http.StatusUnauthorized)
	s.Do("GET", "/app/optional", nil, inCookie("junk"), harness.Key("sk_junk")).Want(http.StatusUnauthorized, "auth/invalid-api-key")
}

// SE-07: a store that is down signs nobody in, and takes no cookie away.
func TestSE07_AStoreThatIsDownSetsNoCookie(t *testing.T) {
	s := harness.New(t, withCookies)
	s.SignUp("a@x.test")
	cookie := signInByCookie(s, "a@x.test")
	broken := s.Process(func(c *admit.Config) {
		c.Cookies = true
		c.Store = storetest.Wrap(s.Store, func(context.Context, string, func(context.Context) error) error { return errors.New("down") })
	})
	for path, method := range map[string]string{"/v1/auth/me": "GET", "/app/optional": "GET", "/app/hello": "GET", "/v1/auth/signout": "POST"} {
		if a := broken.Do(method, path, nil, inCookie(cookie), fromPage); a.Status != http.StatusServiceUnavailable || len(a.Header["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %v", path, a.Status, a.Header)
		}
	}
	if a := broken.SignIn("a@x.test", harness.Password, cookieMode, fromPage); a.Status != http.StatusServiceUnavailable || len(a.Header["Set-Cookie"]) > 0 {
		t.Errorf("sign-in: %d %v", a.Status, a.Header)
	}
	// A store that can be read but not written to lets the cookie live on.
	s.Clock.Advance(61 * time.Minute)
	reading := s.Process(func(c *admit.Config) {
		c.Cookies = true
		c.Store = storetest.Wrap(s.Store, func(ctx context.Context, verb string, call func(context.Context) error) error {
			if verb == "RotateSessionUser" {
				return errors.New("read-only")
			}
			return call(ctx)
		})
	})
	if a := reading.Do("GET", "/app/hello", nil, inCookie(cookie), fromPage).Want(http.StatusOK); len(a.Header["Set-Cookie"]) > 0 {
		t.Errorf("a cookie that is not stored was given: %v", a.Header)
	}
	s.Do("GET", "/app/hello", nil, inCookie(cookie), fromPage).Want(http.StatusOK)
}

// A host with handlers of its own signs a browser in and out.
func TestAHostSetsAndClearsTheCookieItself(t *testing.T) {
	s := harness.New(t, withCookies)
	s.SignUp("a@x.test")
	signed, err := s.Auth.Passwords.SignIn(t.Context(), admit.SignInParams{Email: "a@x.test", Password: harness.Password})
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, harness.BaseURL+"/login", nil)
	w := httptest.NewRecorder()
	if err := s.Auth.Sessions.SetCookie(w, request, signed); err != nil {
		t.Fatal(err)
	}
	cookies := w.Result().Cookies()
	if len(cookies) != 1 || cookies[0].Name != cookieName {
		t.Fatalf("set %v", cookies)
	}
	s.Keep("session cookie", cookies[0].Value)
	s.Do("GET", "/v1/auth/me", nil, inCookie(cookies[0].Value)).Want(http.StatusOK)
	s.Auth.Sessions.ClearCookie(w)
	if lines := w.Header()["Set-Cookie"]; len(lines) != 1 || !strings.Contains(lines[0], "Max-Age=0") {
		t.Errorf("after ClearCookie: %v", lines)
	}
	request.Header.Set("Origin", "https://evil.example")
	if err := s.Auth.Sessions.SetCookie(httptest.NewRecorder(), request, signed); !errors.Is(err, admit.ErrCrossOrigin) {
		t.Errorf("a form of another site: %v", err)
	}
	request.Header.Del("Origin")
	if err := s.Auth.Sessions.SetCookie(httptest.NewRecorder(), request, admit.SignedIn{}); err == nil {
		t.Error("a cookie of no sign-in was set")
	}
	off := harness.New(t)
	if err := off.Auth.Sessions.SetCookie(httptest.NewRecorder(), request, signed); err == nil {
		t.Error("a cookie was set with Config.Cookies off")
	}
}

// On loopback http, where browsers take no cookie with the prefix, the cookie has
// another name; in a frame of another site it is partitioned.
func TestTheCookieFitsItsHost(t *testing.T) {
	for _, c := range []struct {
		base        string
		partitioned bool
		want        []string
		not         []string
	}{
		{"http://localhost:8080", false, []string{"session=", "HttpOnly", "SameSite=Lax", "Path=/"}, []string{"__Host-", "Secure", "Domain"}},
		{"https://app.example/sub", false, []string{"__Host-session=", "Secure", "Path=/;"}, []string{"Domain", "Partitioned"}},
		{"https://app.example", true, []string{"__Host-session=", "Secure", "SameSite=None", "Partitioned"}, []string{"Lax"}},
	} {
		s := harness.New(t, func(config *admit.Config) {
			config.Cookies, config.BaseURL, config.PartitionedCookies = true, c.base, c.partitioned
		})
		s.SignUp("a@x.test")
		line := s.SignIn("a@x.test", harness.Password, cookieMode).Want(http.StatusOK).Header.Get("Set-Cookie")
		value, _, _ := strings.Cut(strings.SplitN(line, "=", 2)[1], ";")
		s.Keep("session cookie", value)
		for _, part := range c.want {
			if !strings.Contains(line, part) {
				t.Errorf("%s: no %s in %s", c.base, part, line)
			}
		}
		for _, part := range c.not {
			if strings.Contains(line, part) {
				t.Errorf("%s: %s in %s", c.base, part, line)
			}
		}
		name, _, _ := strings.Cut(line, "=")
		s.Do("GET", "/v1/auth/me", nil, harness.Header("Cookie", name+"="+value)).Want(http.StatusOK)
	}
}

// In cookie mode a second factor ends in a session cookie, and a remembered device
// in a cookie of its own.
func TestAC138_TheSecondFactorIsAskedForInCookieModeToo(t *testing.T) {
	s := harness.New(t, withCookies, func(c *admit.Config) { c.MFA.Remember = 30 * 24 * time.Hour })
	p := s.SignUp("a@x.test")
	app := s.EnrollTOTP(p)
	paused := s.SignIn("a@x.test", harness.Password, cookieMode)
	if ticket := s.Paused(paused); sessionCookie(t, paused) != nil {
		t.Errorf("a pause sets %v", paused.Header["Set-Cookie"])
	} else {
		here := browserCookie(s, paused)
		s.Do("GET", "/v1/auth/me", nil, inCookie(ticket)).Want(http.StatusUnauthorized, "auth/invalid-token")
		done := s.Do("POST", "/v1/auth/mfa/verify", harness.J{"mfaToken": ticket, "code": app.Code(s.Clock.Now()), "remember": true}, cookieMode, here).Want(http.StatusOK)
		if strings.Contains(string(done.Body), "oken") {
			t.Errorf("the body is %s", done.Body)
		}
		cookies := map[string]*http.Cookie{}
		for _, cookie := range (&http.Response{Header: done.Header}).Cookies() {
			s.Keep("cookie", cookie.Value)
			cookies[cookie.Name] = cookie
		}
		session, device := cookies[cookieName], cookies["__Host-device"]
		if session == nil || device == nil || !device.HttpOnly || !device.Secure || device.MaxAge != 30*24*60*60 {
			t.Fatalf("set %v", done.Header["Set-Cookie"])
		}
		s.Do("GET", "/v1/auth/me", nil, inCookie(session.Value)).Want(http.StatusOK)
		s.Do("GET", "/v1/auth/me", nil, inCookie(device.Value)).Want(http.StatusUnauthorized, "auth/invalid-token")
		again := harness.Header("Cookie", "__Host-device="+device.Value)
		if sessionCookie(t, s.SignIn("a@x.test", harness.Password, cookieMode, again).Want(http.StatusOK)) == nil {
			t.Error("no cookie from a remembered device")
		}
		s.Paused(s.SignIn("a@x.test", harness.Password, again)) // without the mode cookies are not read
	}
}
