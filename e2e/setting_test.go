package e2e_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

const (
	emailSettings = "/v1/admin/settings/email"
	acmeSettings  = "/v1/admin/settings/providers/acme"
)

var _ = feeds.add(feed{
	route: "PATCH " + emailSettings,
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return nil, harness.J{"passwordPolicy": harness.J{"minLength": 9}}
	},
}, feed{
	route: "PATCH /v1/admin/settings/providers/{provider}",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"provider": heldProvider.Name()}, harness.J{"scopes": []string{"openid"}}
	},
}, feed{
	route: "DELETE /v1/admin/settings/providers/{provider}",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"provider": heldProvider.Name()}, nil
	},
}, feed{
	route: "GET /v1/admin/settings/providers/{provider}",
	prepare: func(*harness.Server, *heldPerson) (map[string]string, harness.J) {
		return map[string]string{"provider": heldProvider.Name()}, nil
	},
})

func signUpWith(s *harness.Server, email, password string) *harness.Answer {
	return s.Do("POST", "/v1/auth/email/signup", harness.J{"email": email, "password": password, "name": "Ann"})
}

func askForLink(s *harness.Server, way, email string) *harness.Answer {
	return s.Do("POST", "/v1/auth/email/"+way, harness.J{"method": "magiclink", "email": email, "callbackUrl": callback})
}

func TestSettingsTakeEffectOnEveryProcessAndGoBack(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		other := s.Process(unlimited)
		ann := verified(s, "ann@x.test")
		got := s.Do("GET", emailSettings, nil, admin).Want(http.StatusOK)
		if got.Get("passwordPolicy", "minLength") != 8.0 || got.Get("signUpEnabled") != true || got.Get("magicLinkExpirationMinutes") != 15.0 || len(got.Get("changed").([]any)) != 0 {
			t.Errorf("the defaults are %s", got.Body)
		}
		s.Do("PATCH", emailSettings, harness.J{
			"passwordPolicy": harness.J{"minLength": 12, "requireNumbers": true}, "signUpEnabled": true, "magicLinkExpirationMinutes": 5,
		}, admin).Want(http.StatusOK)
		s.Clock.Advance(5 * time.Second)
		for _, p := range []*harness.Server{s, other} {
			if got := signUpWith(p, "bob@x.test", "quiet-1amp").Want(http.StatusBadRequest, "auth/invalid-password-format"); got.Get("error", "details", "minLength") != 12.0 {
				t.Errorf("a short password: %s", got.Body)
			}
			signUpWith(p, "bob@x.test", "quiet-harbour-lamp").Want(http.StatusBadRequest, "auth/invalid-password-format")
			s.Mail.Clear()
			askForLink(p, "signin", ann.Email).Want(http.StatusOK)
			m := letterTo(s, mailer.MagicLink, ann.Email)
			if life := m.Values.ExpiresAt.Sub(s.Clock.Now()); life > 5*time.Minute {
				t.Errorf("a link lives %v", life)
			}
		}
		// A password in use stays valid, and null goes back to the configuration.
		other.SignIn(ann.Email, harness.Password).Want(http.StatusOK)
		got = other.Do("PATCH", emailSettings, harness.J{"passwordPolicy": nil, "signUpEnabled": false}, admin).Want(http.StatusOK)
		if got.Get("passwordPolicy", "minLength") != 8.0 || got.Get("signUpEnabled") != false || got.Get("magicLinkExpirationMinutes") != 5.0 {
			t.Errorf("the settings are %s", got.Body)
		}
		// Sign-up is off, for known and unknown addresses alike, and magic links sign
		// only known ones in.
		s.Mail.Clear()
		signUpWith(other, "bob@x.test", strongPassword).Want(http.StatusForbidden, "auth/signup-disabled") // its own change, at once
		s.Clock.Advance(5 * time.Second)
		for _, email := range []string{ann.Email, "bob@x.test"} {
			signUpWith(s, email, strongPassword).Want(http.StatusForbidden, "auth/signup-disabled")
			askForLink(s, "signup", email).Want(http.StatusForbidden, "auth/signup-disabled")
			askForLink(s, "signin", email).Want(http.StatusOK)
		}
		s.Do("POST", "/v1/users", harness.J{"name": "Eve", "email": "eve@x.test"}, admin).Want(http.StatusCreated)
		if n := len(s.Events("", "user.created")); n != 3 {
			t.Errorf("%d accounts were made", n)
		}
		s.Do("DELETE", emailSettings, nil, admin).Want(http.StatusOK)
		if got := other.Do("GET", emailSettings, nil, admin).Want(http.StatusOK); len(got.Get("changed").([]any)) != 0 || got.Get("signUpEnabled") != true {
			t.Errorf("the settings are %s", got.Body)
		}
		s.Clock.Advance(5 * time.Second)
		signUpWith(other, "bob@x.test", strongPassword).Want(http.StatusCreated)
		events := s.Events("", "settings.changed")
		if len(events) != 3 || !strings.Contains(string(events[0].Data), `"passwordPolicy.minLength"`) || strings.Contains(string(events[0].Data), "12") {
			t.Errorf("the events are %s", events[0].Data)
		}
	}, unlimited)
}

// A link to sign up that was mailed before sign-up was closed makes no account, and
// a provider brings no new person in.
func TestAClosedSignUpIsClosedToLinksUnderWayAndToProviders(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		known := p.Person("1", "ada@x.test", admit.ProofAsserted)
		by(s, p, known).Want(http.StatusOK)
		askForLink(s, "signup", "new@x.test").Want(http.StatusCreated)
		token := tokenIn(letterTo(s, mailer.MagicLink, "new@x.test"))
		s.Do("PATCH", emailSettings, harness.J{"signUpEnabled": false}, admin).Want(http.StatusOK)
		s.Do("POST", "/v1/auth/email/callback", harness.J{"token": token}).Want(http.StatusForbidden, "auth/signup-disabled")
		by(s, p, p.Person("2", "bob@x.test", admit.ProofAsserted)).Want(http.StatusForbidden, "auth/signup-disabled")
		by(s, p, known).Want(http.StatusOK) // who is known comes in
		s.Do("PATCH", emailSettings, harness.J{"signUpEnabled": nil}, admin).Want(http.StatusOK)
		s.Do("POST", "/v1/auth/email/callback", harness.J{"token": token}).Want(http.StatusOK)
	}, harness.With(p), unlimited)
}

func TestMagicLinksThatWaitAreRefusedWhileTheyAreSwitchedOff(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		ann := verified(s, "ann@x.test")
		id := askForLink(s, "signin", ann.Email).Want(http.StatusOK).String("requestId")
		m := letterTo(s, mailer.MagicLink, ann.Email)
		s.Do("PATCH", emailSettings, harness.J{"magicLinkEnabled": false}, admin).Want(http.StatusOK)
		s.Do("POST", "/v1/auth/email/callback", harness.J{"token": tokenIn(m)}).Want(http.StatusBadRequest, "auth/magiclink-disabled")
		s.Do("POST", "/v1/auth/email/callback", harness.J{"requestId": id, "code": m.Values.Code}).Want(http.StatusBadRequest, "auth/magiclink-disabled")
		askForLink(s, "signin", ann.Email).Want(http.StatusBadRequest, "auth/magiclink-disabled")
		s.Clock.Advance(11 * time.Minute)
		stale := s.Do("DELETE", emailSettings, nil, admin).Want(http.StatusForbidden, "auth/reauthentication-required")
		if methods := stale.Get("error", "details", "methods").([]any); slices.Contains(methods, any("magiclink")) {
			t.Errorf("the methods are %v", methods)
		}
	}, unlimited)
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	p := harness.NewProvider("acme")
	bare := harness.NewProvider("bare").Unconfigured()
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		for _, c := range []struct {
			path string
			body any
			code string
		}{
			{emailSettings, harness.J{"passwordPolicy": harness.J{"minLength": 7}}, "auth/invalid-request"},
			{emailSettings, harness.J{"passwordPolicy": harness.J{"minLength": 65}}, "auth/invalid-request"},
			{emailSettings, harness.J{"passwordPolicy": harness.J{"minLength": "12"}}, "auth/invalid-request"},
			{emailSettings, harness.J{"magicLinkExpirationMinutes": 0}, "auth/invalid-request"},
			{emailSettings, harness.J{"magicLinkExpirationMinutes": 61}, "auth/invalid-request"},
			{emailSettings, harness.J{"signUpEnabled": "no"}, "auth/invalid-request"},
			{acmeSettings, harness.J{"redirectUri": "https://evil.example/cb"}, "auth/invalid-callback-url"},
			{acmeSettings, harness.J{"redirectUri": harness.BaseURL + "/cb#x"}, "auth/invalid-callback-url"},
			{acmeSettings, harness.J{"redirectUri": ""}, "auth/invalid-callback-url"},
			{acmeSettings, harness.J{"clientId": ""}, "auth/invalid-request"},
			{acmeSettings, harness.J{"clientId": "other"}, "auth/invalid-request"}, // with the secret of the first client
			{acmeSettings, harness.J{"clientSecret": "a\r\nb"}, "auth/invalid-request"},
			{acmeSettings, harness.J{"scopes": []string{"openid email"}}, "auth/invalid-request"},
			{acmeSettings, harness.J{"scopes": []string{}}, "auth/invalid-request"},
			{strings.Replace(acmeSettings, "acme", "bare", 1), harness.J{"enabled": true}, "auth/invalid-request"},
			{strings.Replace(acmeSettings, "acme", "bare", 1), harness.J{"clientSecret": "s"}, "auth/invalid-request"},
			{strings.Replace(acmeSettings, "acme", "nobody", 1), harness.J{"enabled": false}, "auth/unsupported-provider"},
		} {
			raw, err := json.Marshal(c.body) // as text, since openapi.yaml refuses most of them too
			if err != nil {
				t.Fatal(err)
			}
			s.Do("PATCH", c.path, raw, admin).Want(http.StatusBadRequest, c.code)
		}
		if events := s.Events("", "settings.changed"); len(events) != 0 {
			t.Errorf("something was changed: %s", events[0].Data)
		}
		// A field that no operator may set is not read.
		s.Do("PATCH", acmeSettings, harness.J{"issuer": "https://evil.example", "endpoints": harness.J{}}, admin).Want(http.StatusOK)
	}, harness.With(p, bare))
}

// The credentials of a provider change at run time, in every process, and the secret
// is never read back.
func TestTheSecretOfAProviderIsWrittenAndNeverReadBack(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		other := s.Process()
		const secret = "run-time-secret-5b1f"
		s.Keep("clientSecret", secret)
		got := s.Do("PATCH", acmeSettings, harness.J{"clientId": "client-two", "clientSecret": secret, "scopes": []string{"openid"}, "redirectUri": harness.BaseURL + "/cb"}, admin).Want(http.StatusOK)
		if got.String("clientId") != "client-two" || got.Get("hasClientSecret") != true || strings.Contains(string(got.Body), secret) {
			t.Errorf("the settings are %s", got.Body)
		}
		if got := other.Do("GET", acmeSettings, nil, admin).Want(http.StatusOK); got.String("redirectUri") != harness.BaseURL+"/cb" || strings.Contains(string(got.Body), secret) {
			t.Errorf("the settings are %s", got.Body)
		}
		begun := other.Do("GET", "/v1/auth/acme", nil)
		if at := begun.Header.Get("Location"); begun.Status != http.StatusFound || !strings.Contains(at, "client-two") {
			t.Errorf("a sign-in begins at %s (%d)", at, begun.Status)
		}
		r, err := s.Store.Record(t.Context(), "", "provider-settings", "acme")
		if err != nil || strings.Contains(string(r.Data), secret) {
			t.Errorf("the record has %s, %v", r.Data, err)
		}
		for _, e := range s.Events("", "settings.changed") {
			if strings.Contains(string(e.Data), secret) || strings.Contains(string(e.Data), "client-two") || !strings.Contains(string(e.Data), `"clientSecret"`) {
				t.Errorf("the event has %s", e.Data)
			}
		}
		other.Do("PATCH", acmeSettings, harness.J{"enabled": false}, admin).Want(http.StatusOK)
		s.Do("GET", "/v1/auth/acme", nil).Want(http.StatusBadRequest, "auth/oauth-not-configured")
		if got := s.Do("DELETE", acmeSettings, nil, admin).Want(http.StatusOK); got.Get("enabled") != true || got.String("clientId") == "client-two" {
			t.Errorf("the settings are %s", got.Body)
		}
		if at := other.Do("GET", "/v1/auth/acme", nil).Header.Get("Location"); strings.Contains(at, "client-two") {
			t.Errorf("a sign-in begins at %s", at)
		}
	}, harness.With(p))
}

// Two changes of different fields at one time are both kept.
func TestSettingsThatAreChangedAtOnceLoseNothing(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		bodies := []harness.J{
			{"passwordPolicy": harness.J{"minLength": 10}}, {"passwordPolicy": harness.J{"requireNumbers": true}},
			{"passwordPolicy": harness.J{"requireUppercase": true}}, {"signUpEnabled": false}, {"magicLinkExpirationMinutes": 7}, {"magicLinkEnabled": true},
		}
		for _, a := range harness.Parallel(len(bodies), func(i int) *harness.Answer { return s.Do("PATCH", emailSettings, bodies[i], admin) }) {
			a.Want(http.StatusOK)
		}
		if got := s.Do("GET", emailSettings, nil, admin).Want(http.StatusOK); len(got.Get("changed").([]any)) != len(bodies) {
			t.Errorf("kept are %s", got.Body)
		}
	}, unlimited)
}

// lonely is an administrator who signs in by acme and by nothing else.
func lonely(s *harness.Server, p *harness.Provider) (harness.Set, string) {
	signed := by(s, p, p.Person("1", "root@x.test", admit.ProofAsserted)).Want(http.StatusOK).Tokens()
	id := s.Me(signed.Access).Want(http.StatusOK).String("id")
	s.Role(id, "admin")
	return harness.Bearer(signed.Access), id
}

func TestASettingThatLocksAllAdministratorsOutIsRefused(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin, _ := lonely(s, p)
		// The link to the verified address is another way in.
		s.Do("PATCH", acmeSettings, harness.J{"enabled": false}, admin).Want(http.StatusOK)
		s.Do("PATCH", emailSettings, harness.J{"magicLinkEnabled": false}, admin).Want(http.StatusBadRequest, "settings/would-lock-out")
		if got := s.Do("GET", emailSettings, nil, admin).Want(http.StatusOK); got.Get("magicLinkEnabled") != true {
			t.Errorf("the refused change stands: %s", got.Body)
		}
		s.Do("DELETE", acmeSettings, nil, admin).Want(http.StatusOK)
		s.Do("PATCH", emailSettings, harness.J{"magicLinkEnabled": false}, admin).Want(http.StatusOK)
		s.Do("PATCH", acmeSettings, harness.J{"enabled": false}, admin).Want(http.StatusBadRequest, "settings/would-lock-out")
		// What closes nothing may be changed, and another administrator with a password
		// is enough.
		s.Do("PATCH", acmeSettings, harness.J{"scopes": []string{"openid"}}, admin).Want(http.StatusOK)
		s.Role(s.SignUp("second@x.test").ID, "admin")
		s.Do("PATCH", acmeSettings, harness.J{"enabled": false}, admin).Want(http.StatusOK)
	}, harness.With(p))
}

// Two operators close one way in each, at one time: one of them is refused.
func TestTwoSettingsAtOnceLockNobodyOut(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		lonely(s, p)
		// Each has a key, since a transaction locks the key that it acts with.
		_, key := s.NewKey("secret")
		_, second := s.NewKey("secret")
		for range 10 {
			answers := harness.Parallel(2, func(i int) *harness.Answer {
				if i == 0 {
					return s.Do("PATCH", acmeSettings, harness.J{"enabled": false}, harness.Key(key))
				}
				return s.Do("PATCH", emailSettings, harness.J{"magicLinkEnabled": false}, harness.Key(second))
			})
			if got := harness.Count(answers); got[http.StatusOK] != 1 || got[http.StatusBadRequest] != 1 {
				t.Fatalf("the answers are %v: %s %s", got, answers[0].Body, answers[1].Body)
			}
			s.Do("DELETE", acmeSettings, nil, harness.Key(key)).Want(http.StatusOK)
			s.Do("DELETE", emailSettings, nil, harness.Key(key)).Want(http.StatusOK)
		}
	}, harness.With(p), unlimited)
}

// A key changes settings only with the very scope, and a user only with a recent
// proof.
func TestSettingsNeedTheVeryScopeOrARecentProof(t *testing.T) {
	p := harness.NewProvider("acme")
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		admin := harness.Bearer(s.Admin().Access)
		_, wild := s.NewKey("secret", "*:*", "settings:*")
		_, named := s.NewKey("secret", "settings:write")
		s.Clock.Advance(11 * time.Minute)
		for _, path := range []string{emailSettings, acmeSettings} {
			for _, method := range []string{"PATCH", "DELETE"} {
				s.Do(method, path, bodyFor(method, path), harness.Key(wild)).Want(http.StatusForbidden, "auth/scope-insufficient")
				s.Do(method, path, bodyFor(method, path), harness.Key(named)).Want(http.StatusOK)
				s.Do(method, path, bodyFor(method, path), admin).Want(http.StatusForbidden, "auth/reauthentication-required")
			}
			s.Do("GET", path, nil, harness.Key(wild)).Want(http.StatusOK)
			s.Do("GET", path, nil, harness.Key(named)).Want(http.StatusForbidden, "auth/scope-insufficient")
			s.Do("GET", path, nil, admin).Want(http.StatusOK)
		}
	}, harness.With(p))
}

// A record that this program cannot read opens nothing.
func TestSettingsThatCannotBeReadCloseSignUp(t *testing.T) {
	harness.OnMemory(t, func(t *testing.T, s *harness.Server) {
		s.Log.ExpectErrors()
		if err := s.Store.CreateRecord(t.Context(), store.Record{Kind: "settings", ID: "email", Data: []byte(`{"v":99}`), CreatedAt: s.Clock.Now(), UpdatedAt: s.Clock.Now()}); err != nil {
			t.Fatal(err)
		}
		signUpWith(s, "ann@x.test", strongPassword).Want(http.StatusInternalServerError, "auth/internal")
	})
}
