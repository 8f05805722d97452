package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = faultFlows.add(faultFlow{
	name:  "sign out",
	calls: 4,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Sessions.End(ctx, admit.EndSessionParams{UserID: p.signed.User.ID, SessionID: p.signed.Session.ID}))
	},
	done:  func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
	again: admit.ErrSessionNotFound,
}, faultFlow{
	name:  "sign out everywhere",
	calls: 5,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Sessions.EndOthers(ctx, admit.EndOtherSessionsParams{UserID: p.signed.User.ID})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
}, faultFlow{
	name:  "revoke what was issued before",
	calls: 7,
	prepare: func(s *harness.Server, p *subject) {
		s.Clock.Advance(time.Second)
		p.extra = s.Clock.Now().Format(time.RFC3339Nano)
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		before, err := time.Parse(time.RFC3339Nano, p.extra)
		if err != nil {
			return false, err
		}
		_, err = a.Sessions.RevokeIssuedBefore(ctx, before)
		return told(err)
	},
	done:    func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
	inSteps: true,
})

var _ = endings.add(ending{
	name: "sign-out everywhere",
	cause: func(s *harness.Server, p harness.Person, _ string) {
		s.Do("DELETE", "/v1/auth/sessions", nil, harness.Bearer(p.Access)).Want(200)
	},
	ends: signIns,
}, ending{
	name:  "sign-out of one session",
	cause: func(s *harness.Server, p harness.Person, _ string) { s.SignOut(p.Access).Want(200) },
})

func sessions(s *harness.Server, access string) []map[string]any {
	s.T.Helper()
	return s.Do("GET", "/v1/auth/sessions?limit=100", nil, harness.Bearer(access)).Want(http.StatusOK).Items()
}

func current(s *harness.Server, access string) string {
	s.T.Helper()
	for _, item := range sessions(s, access) {
		if item["current"] == true {
			return item["id"].(string)
		}
	}
	s.T.Error("no session is the current one")
	return ""
}

func TestAC091_SignOutBanAndDemotionHoldAtOnce(t *testing.T) {
	for _, staleness := range []time.Duration{0, 5 * time.Minute} {
		t.Run(staleness.String(), func(t *testing.T) {
			harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
				admin, user := s.Admin(), s.SignUp("user@x.test")
				other := s.Process()
				for _, p := range []*harness.Server{s, other} {
					p.Do("GET", "/app/admin", nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
					p.Do("GET", "/v1/admin/api-keys", nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
					p.Me(user.Access).Want(http.StatusOK)
				}
				s.Role(admin.ID, "user")
				for _, p := range []*harness.Server{s, other} {
					// Administration always asks the store.
					first, second := "/app/admin", "/v1/admin/api-keys"
					if p == other {
						first, second = second, first
					}
					p.Do("GET", first, nil, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/forbidden")
					p.Do("GET", second, nil, harness.Bearer(admin.Access)).Want(http.StatusForbidden, "auth/forbidden")
				}
				s.SignOut(user.Access).Want(http.StatusOK)
				s.Dead(user.Tokens) // this process sees its own change whatever the staleness
				if staleness > 0 {
					s.Clock.Advance(staleness)
				}
				other.Dead(user.Tokens)
				for _, path := range harness.Guards() {
					other.Do("GET", path, nil, harness.Bearer(user.Access)).Want(http.StatusUnauthorized, "auth/session-expired")
				}
				s.Ban(admin.ID)
				if staleness > 0 {
					s.Clock.Advance(staleness)
				}
				other.Me(admin.Access).Want(http.StatusForbidden, "auth/account-banned")
			}, func(c *admit.Config) { c.Sessions.Staleness = staleness })
		})
	}
}

func TestSE03_SignOutEndsThisSessionAlone(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		other := s.SignIn("a@x.test", harness.Password).Tokens()
		s.Do("GET", "/v1/auth/signout", nil, harness.Bearer(p.Access)).Want(http.StatusMethodNotAllowed)
		s.Do("POST", "/v1/auth/signout", "{}", harness.Bearer(p.Access)).Want(http.StatusOK)
		s.Dead(p.Tokens)
		s.SignOut(p.Access).Want(http.StatusUnauthorized, "auth/session-expired")
		s.Alive(other)
	})
}

func TestAC105_SessionsOfOthersAreOutOfReach(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		a, b := s.SignUp("a@x.test"), s.SignUp("b@x.test")
		theirs := current(s, b.Access)
		missing := s.Do("DELETE", "/v1/auth/sessions/0190d9a4-0000-7000-8000-00000000ffff", nil, harness.Bearer(a.Access)).
			Want(http.StatusNotFound, "auth/session-not-found")
		foreign := s.Do("DELETE", "/v1/auth/sessions/"+theirs, nil, harness.Bearer(a.Access)).
			Want(http.StatusNotFound, "auth/session-not-found")
		if string(missing.Body) != string(foreign.Body) {
			t.Errorf("a foreign session answers %s, none %s", foreign.Body, missing.Body)
		}
		for _, id := range []string{
			strings.ToUpper(theirs), "%7B" + theirs + "%7D", strings.ReplaceAll(theirs, "-", ""), "..%2F..%2Fme", "0", b.Refresh, strings.Repeat("a", 10_000),
		} {
			s.Do("DELETE", "/v1/auth/sessions/"+id, nil, harness.Bearer(a.Access)).Want(http.StatusNotFound, "auth/session-not-found")
			s.Do("DELETE", "/v1/auth/sessions/"+id, nil, harness.Bearer(b.Access)).Want(http.StatusNotFound, "auth/session-not-found")
		}
		s.Do("DELETE", "/v1/auth/sessions?userId="+b.ID, nil, harness.Bearer(a.Access), harness.Header("X-User-Id", b.ID)).Want(http.StatusOK)
		for _, item := range sessions(s, a.Access) {
			if item["userId"] != a.ID {
				t.Errorf("the list shows a session of %v", item["userId"])
			}
		}
		s.Alive(b.Tokens)
	})
}

func TestAC106_TheListShowsWhatItsOwnerMaySee(t *testing.T) {
	const chrome = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		s.Clock.Advance(time.Minute)
		tokens := s.SignIn("a@x.test", harness.Password, harness.Header("User-Agent", chrome)).Tokens()
		answer := s.Do("GET", "/v1/auth/sessions", nil, harness.Bearer(tokens.Access)).Want(http.StatusOK)
		for _, secret := range []string{p.Access, p.Refresh, tokens.Access, tokens.Refresh, "hash", "Hash", "generation"} {
			if strings.Contains(string(answer.Body), secret) {
				t.Errorf("the list holds %q", secret)
			}
		}
		items := answer.Items()
		if len(items) != 2 || answer.Get("pagination", "total") != float64(2) {
			t.Fatalf("the list is %s", answer.Body)
		}
		mine := slices.IndexFunc(items, func(i map[string]any) bool { return i["current"] == true })
		if mine < 0 || items[1-mine]["current"] != false || items[mine]["deviceInfo"] != "Chrome on Windows" ||
			items[mine]["userAgent"] != chrome || items[mine]["ipAddress"] != "127.0.0.1" ||
			items[mine]["createdAt"] != s.Clock.Now().Format("2006-01-02T15:04:05.000Z") {
			t.Errorf("the list is %s", answer.Body)
		}
	})
}

func TestSessionsEndOneByOneOrAllOthersAtOnce(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		a := s.SignUp("a@x.test").Tokens
		b := s.SignIn("a@x.test", harness.Password).Tokens()
		c := s.SignIn("a@x.test", harness.Password).Tokens()
		d := s.SignIn("a@x.test", harness.Password).Tokens()
		s.Do("DELETE", "/v1/auth/sessions/"+current(s, b.Access), nil, harness.Bearer(a.Access)).Want(http.StatusOK)
		s.Dead(b)
		others := s.Do("DELETE", "/v1/auth/sessions", nil, harness.Bearer(a.Access)).Want(http.StatusOK)
		if others.Get("revoked") != float64(2) {
			t.Errorf("answered %s", others.Body)
		}
		s.Dead(c)
		s.Dead(d)
		a = s.Alive(a)
		s.Do("DELETE", "/v1/auth/sessions/"+current(s, a.Access), nil, harness.Bearer(a.Access)).Want(http.StatusOK)
		s.Dead(a)
	})
}

func TestAC107_NoCookieSignsAnybodyIn(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	for _, cookie := range []string{"__Host-session=" + p.Access, "session=" + p.Access, "__Host-session=" + p.Refresh, "token=" + p.Access} {
		s.Do("GET", "/v1/auth/me", nil, harness.Header("Cookie", cookie)).Want(http.StatusUnauthorized, "auth/unauthorized")
		s.Do("POST", "/v1/auth/signout", nil, harness.Header("Cookie", cookie)).Want(http.StatusUnauthorized, "auth/unauthorized")
		s.Do("GET", "/app/hello", nil, harness.Header("Cookie", cookie)).Want(http.StatusUnauthorized)
	}
	answer := s.SignIn("a@x.test", harness.Password, harness.Header("X-Session-Mode", "cookie")).Want(http.StatusOK)
	if len(answer.Header.Values("Set-Cookie")) > 0 || answer.Tokens().Access == "" {
		t.Errorf("cookie mode is off, but the answer is %v %s", answer.Header, answer.Body)
	}
}

func TestAC108_FormsOfOtherSitesAreNotRead(t *testing.T) {
	s := harness.New(t)
	s.SignUp("a@x.test")
	const body = `{"email":"a@x.test","password":"Kupfer-Wolke-7319","name":"n","refreshToken":"x"}`
	for _, kind := range []string{
		"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/plain; application/json",
		"application/json, text/plain", "application/jsonp", "text/json", "application/json; charset=utf-16", "*/*",
	} {
		for _, path := range []string{"/v1/auth/email/signin", "/v1/auth/email/signup", "/v1/auth/refresh"} {
			set := harness.Header("Content-Type", kind)
			if kind == "" {
				set = harness.Header("Content-Type")
			}
			s.Do("POST", path, body, set, harness.Header("Origin", "https://evil.test"), harness.Header("Sec-Fetch-Site", "cross-site")).
				Want(http.StatusUnsupportedMediaType, "auth/unsupported-media-type")
		}
	}
}

func TestAC109_OnlyListedOriginsMayRead(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.AllowedOrigins = []string{"https://app.example", "http://localhost:3000"} })
	for _, origin := range []string{"https://app.example", "http://localhost:3000"} {
		answer := s.Do("OPTIONS", "/v1/auth/me", nil, harness.Header("Origin", origin), harness.Header("Access-Control-Request-Method", "GET")).
			Want(http.StatusNoContent)
		if got := answer.Header.Get("Access-Control-Allow-Origin"); got != origin {
			t.Errorf("%s: allowed %q", origin, got)
		}
		if got := answer.Header.Get("Access-Control-Allow-Methods"); !strings.Contains(got, "GET") {
			t.Errorf("%s: methods %q", origin, got)
		}
		for _, name := range []string{"Authorization", "Content-Type", "X-API-Key", "X-Session-Mode"} {
			if got := answer.Header.Get("Access-Control-Allow-Headers"); !strings.Contains(got, name) {
				t.Errorf("%s: headers %q lack %s", origin, got, name)
			}
		}
		if got := s.Do("GET", "/v1/auth/me", nil, harness.Header("Origin", origin)).Header; got.Get("Access-Control-Allow-Origin") != origin ||
			got.Get("Access-Control-Expose-Headers") != "Retry-After, WWW-Authenticate, X-Request-Id" || got.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: answered %v", origin, got)
		}
	}
	for _, origin := range []string{
		"https://evil.test", "null", "", "https://app.example.evil.test", "https://evilapp.example", "http://app.example", "https://app.example:8443",
		"https://app.example/", "HTTPS://APP.EXAMPLE", "http://localhost:30000", "https://sub.app.example", "https://app.example https://evil.test",
	} {
		for _, method := range []string{"OPTIONS", "GET", "POST"} {
			answer := s.Do(method, "/v1/auth/me", nil, harness.Header("Origin", origin), harness.Header("Access-Control-Request-Method", "GET"))
			for name := range answer.Header {
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%q %s: sends %s", origin, method, name)
				}
			}
			if !strings.Contains(answer.Header.Get("Vary"), "Origin") {
				t.Errorf("%q %s: Vary is %q", origin, method, answer.Header.Get("Vary"))
			}
		}
	}
	s.Do("GET", "/v1/auth/me", nil, harness.Header("Origin", "https://app.example", "https://evil.test")).Want(http.StatusUnauthorized)
}

func TestAC110_OneCredentialPerRequest(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		a, b := s.SignUp("a@x.test"), s.SignUp("b@x.test")
		_, secret := s.NewKey("secret")
		_, publishable := s.NewKey("publishable")
		for name, values := range map[string][]string{
			"two":          {"Bearer " + a.Access, "Bearer " + b.Access},
			"a list":       {"Bearer " + a.Access + ", Bearer " + b.Access},
			"two tokens":   {"Bearer " + a.Access + " " + b.Access},
			"a tab":        {"Bearer\t" + a.Access},
			"two blanks":   {"Bearer  " + a.Access},
			"no token":     {"Bearer"},
			"an empty one": {"Bearer "},
			"a quoted one": {`Bearer "` + a.Access + `"`},
			"the refresh":  {"Bearer " + a.Refresh},
			"a key":        {"Bearer " + secret},
		} {
			answer := s.Do("GET", "/v1/auth/me", nil, harness.Header("Authorization", values...))
			answer.Want(http.StatusUnauthorized, "auth/invalid-token")
			s.Do("GET", "/app/optional", nil, harness.Header("Authorization", values...)).Want(http.StatusUnauthorized)
			if t.Failed() {
				t.Fatalf("case %q", name)
			}
		}
		for _, scheme := range []string{"Bearer ", "bearer ", "BEARER "} {
			s.Do("GET", "/v1/auth/me", nil, harness.Header("Authorization", scheme+a.Access)).Want(http.StatusOK)
		}
		// A secret key beside a token leaves the caller the token's user.
		both := s.Do("GET", "/v1/auth/me", nil, harness.Bearer(a.Access), harness.Key(secret)).Want(http.StatusOK)
		if both.String("id") != a.ID {
			t.Errorf("the caller is %s", both.Body)
		}
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Bearer(a.Access), harness.Key(secret)).Want(http.StatusForbidden, "auth/forbidden")
		s.Do("GET", "/v1/auth/me", nil, harness.Bearer(a.Access), harness.Header("X-API-Key", publishable, secret)).
			Want(http.StatusUnauthorized, "auth/invalid-api-key")
		// A stale credential where another proof is exchanged is passed over.
		for _, stale := range []string{"Bearer nonsense", "Basic x", "Bearer " + b.Refresh} {
			s.SignIn("a@x.test", harness.Password, harness.Header("Authorization", stale)).Want(http.StatusOK)
		}
	})
}

func TestAC111_NothingInAnAddressIsACredential(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	_, key := s.NewKey("secret")
	for _, query := range []string{
		"access_token=" + p.Access, "token=" + p.Access, "authorization=Bearer%20" + p.Access, "api_key=" + key, "apikey=" + key, "X-API-Key=" + key,
	} {
		s.Do("GET", "/v1/auth/me?"+query, nil).Want(http.StatusUnauthorized, "auth/unauthorized")
		s.Do("GET", "/v1/admin/api-keys?"+query, nil).Want(http.StatusUnauthorized, "auth/unauthorized")
		s.Do("GET", "/app/hello?"+query, nil).Want(http.StatusUnauthorized)
	}
}

func TestAC112_AUserHasABoundedNumberOfSessions(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		first := s.SignUp("a@x.test").Tokens
		var last harness.Tokens
		for range 12 {
			s.Clock.Advance(time.Second)
			last = s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		}
		if list := sessions(s, last.Access); len(list) != 10 {
			t.Errorf("%d sessions live", len(list))
		}
		s.Dead(first)
		s.Alive(last)
		answers := harness.Parallel(20, func(int) *harness.Answer { return s.SignIn("a@x.test", harness.Password) })
		alive := 0
		for _, a := range answers {
			a.Want(http.StatusOK)
			if s.Me(a.Tokens().Access).Status == http.StatusOK {
				alive++
			}
		}
		if alive > 10 {
			t.Errorf("%d sessions of a race live", alive)
		}
	}, func(c *admit.Config) { c.Sessions.MaxPerUser = 10; c.InsecureNoLimits = true })
}

// RL-04: nobody's sign-in waits for another's that waits for the first. The
// harness asks PostgreSQL whether any did.
func TestRL04_SignInsAtOnceTakeTurns(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		s.SignUp("a@x.test")
		for range 10 {
			for _, a := range harness.Parallel(8, func(int) *harness.Answer { return s.SignIn("a@x.test", harness.Password) }) {
				a.Want(http.StatusOK)
			}
		}
	})
}

func TestAC114_ANewAccountIsNotTheOldOne(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		old := s.SignUp("a@x.test")
		if _, err := s.Store.DeleteUser(t.Context(), "", old.ID, s.Clock.Now(), time.Time{}); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(time.Second)
		again := s.SignUp("a@x.test")
		if again.ID == old.ID {
			t.Error("the id was used again")
		}
		s.Dead(old.Tokens)
		if list := sessions(s, again.Access); len(list) != 1 {
			t.Errorf("the new account has %d sessions", len(list))
		}
		s.Alive(again.Tokens)
	})
}

func TestAC172_PagingTakesOnlyWholeNumbersInRange(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := s.Admin()
		for range 4 {
			s.SignIn(admin.Email, harness.Password).Want(http.StatusOK)
		}
		for _, path := range []string{"/v1/auth/sessions", "/v1/admin/api-keys"} {
			for _, bad := range []string{"-1", "0", "1e9", "text", "9223372036854775808", "1.5", "%2B1", "01", "", "0x10", "1%00", "1&limit=2&limit=3"} {
				s.Do("GET", path+"?limit="+bad, nil, harness.Bearer(admin.Access)).Want(http.StatusBadRequest, "auth/invalid-request")
				if !strings.Contains(bad, "&") {
					s.Do("GET", path+"?page="+bad, nil, harness.Bearer(admin.Access)).Want(http.StatusBadRequest, "auth/invalid-request")
				}
			}
			s.Do("GET", path+"?limit=101", nil, harness.Bearer(admin.Access)).Want(http.StatusBadRequest, "auth/invalid-request")
			s.Do("GET", path+"?limit=100&page=1000000", nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
			s.Do("GET", path+"?sortBy=secret_hash'--", nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
		}
		seen := map[any]bool{}
		for page := 1; page <= 3; page++ {
			answer := s.Do("GET", fmt.Sprintf("/v1/auth/sessions?limit=2&page=%d", page), nil, harness.Bearer(admin.Access)).Want(http.StatusOK)
			for _, item := range answer.Items() {
				seen[item["id"]] = true
			}
			if answer.Get("pagination", "total") != float64(5) || answer.Get("pagination", "totalPages") != float64(3) ||
				answer.Get("pagination", "page") != float64(page) || answer.Get("pagination", "limit") != float64(2) {
				t.Errorf("page %d: %s", page, answer.Body)
			}
		}
		if len(seen) != 5 {
			t.Errorf("three pages of two showed %d of 5 sessions", len(seen))
		}
	})
}
