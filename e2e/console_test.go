package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/console"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/oauth"
	"github.com/admit-go/admit/pages"
)

// consoleHost serves a host with hosted pages and the console at localhost.
func consoleHost(t *testing.T, options ...harness.Option) (s *harness.Server, base string) {
	t.Helper()
	return hostedHost(t, &pages.Pages{}, append([]harness.Option{func(c *admit.Config) { c.Console = &console.Console{} }}, options...)...)
}

// account makes an account with a password and a verified address.
func account(t *testing.T, s *harness.Server, email, name, role string) admit.User {
	t.Helper()
	user, err := s.Auth.Users.Create(t.Context(), admit.CreateUserParams{
		Email: email, Name: name, Role: role, InsecurePassword: hostedPassword, EmailVerified: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// operator is a browser in which an administrator has signed in.
func operator(t *testing.T, s *harness.Server, base, email string) *person {
	t.Helper()
	account(t, s, email, "Root", admit.RoleAdmin)
	p := newPerson(t, base)
	return p.open("/console/").sees(200, "<h1>Sign in</h1>").signIn(email).sees(200, "<h1><bdi>Overview</bdi></h1>")
}

// does opens the page of an action and sends its form.
func (p *person) does(id, action string, fields ...string) *person {
	p.t.Helper()
	p.open("/console/people/"+id+"/"+action).sees(200, "What will be lost")
	return p.send("/console/people/"+id+"/"+action, append([]string{"sure", "yes"}, fields...)...)
}

func TestConsoleAnAdministratorLooksAfterAPerson(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	ada := account(t, s, "ada@x.test", "Ada <b>Lovelace</b>", admit.RoleUser)
	s.SignIn("ada@x.test", hostedPassword).Want(200)
	p.open("/console/people?q=lovelace").sees(200, "Ada &lt;b&gt;Lovelace&lt;/b&gt;", "/console/people/"+ada.ID)
	p.open("/console/people?q=ADA@x.test").sees(200, "1 account on this page", "ada@x.test")
	p.open("/console/people?q="+ada.ID).sees(200, "1 account on this page", "ada@x.test")
	p.open("/console/people?q=nobody@x.test").sees(200, "No account fits.")
	p.open("/console/people/"+ada.ID).sees(200, "1 session", "The last sign-in worked", "Ban")

	p.does(ada.ID, "end-sessions", "reason", "lost phone").sees(200, "Every session has ended.", "0 sessions")
	p.does(ada.ID, "ban", "reason", "spam").sees(200, "The person is banned.", "The account is banned, without an end. Reason: spam")
	s.SignIn("ada@x.test", hostedPassword).Want(403)
	p.send("/console/people/"+ada.ID+"/unban").sees(200, "The ban was lifted.")
	p.does(ada.ID, "role", "role", "guest").sees(200, "The role was changed.")
	p.send("/console/people/"+ada.ID+"/send-reset").sees(200, "A mail is on its way.")
	// The first press only asks.
	p.send("/console/people/"+ada.ID+"/delete").sees(200, "What will be lost")
	p.send("/console/people/"+ada.ID+"/delete", "sure", "yes", "address", "ada@y.test").sees(422, "That is not the address")
	if _, err := s.Auth.Users.Get(t.Context(), ada.ID); err != nil {
		t.Fatalf("the account is gone: %v", err)
	}
	p.send("/console/people/"+ada.ID+"/delete", "sure", "yes", "address", "ada@x.test").sees(200, "The account was deleted.")
	p.open("/console/people/"+ada.ID).sees(404, "There is nothing here.")

	p.open("/console/people/new").sees(200, "Add a person")
	p.send("/console/people/new", "name", "Bob", "email", "not an address", "role", "user").sees(422, "Error: Add a person", `value="Bob"`)
	p.send("/console/people/new", "name", "Bob", "email", "bob@x.test", "role", "user").sees(200, "The person was added", "bob@x.test")
	p.send("/console/people/new", "name", "Bob", "email", "bob@x.test", "role", "user").sees(422)

	// Each change stands in the audit log under the name of the administrator.
	root, err := s.Auth.Users.GetByEmail(t.Context(), "root@x.test")
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Auth.Events.List(t.Context(), admit.ListEventsParams{UserID: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	by := map[string]string{}
	for _, e := range list.Items {
		by[e.Kind] = e.ActorID
	}
	for _, kind := range []string{"user.banned", "user.unbanned", "role.changed", "user.deleted", "session.ended"} {
		if by[kind] != root.ID {
			t.Errorf("%s was done by %q", kind, by[kind])
		}
	}
}

// consolePaths are the routes of the console, with the id of an account in place of
// their parameters.
func consolePaths(id string) (all [][2]string) {
	for _, r := range console.Routes() {
		method, path, _ := strings.Cut(r, " ")
		for _, action := range []string{"delete", "ban", "role", "unban"} {
			filled := strings.NewReplacer("{id}", id, "{action}", action, "{category}", "password_reset", "{provider}", "google", "{key}", id, "{mail}", id, "{organization}", id).Replace(path)
			all = append(all, [2]string{method, "/console" + filled})
			if !strings.Contains(path, "{action}") {
				break
			}
		}
	}
	return all
}

// Every route of the console is closed to everybody but administrators who sign in
// with a browser.
func TestAZ01_EveryRouteOfTheConsoleRefusesWhoIsNoAdministrator(t *testing.T) {
	s, base := consoleHost(t)
	account(t, s, "root@x.test", "Root", admit.RoleAdmin)
	victim := account(t, s, "victim@x.test", "Victim", admit.RoleUser)
	account(t, s, "user@x.test", "User", admit.RoleUser)
	account(t, s, "guest@x.test", "Guest", admit.RoleGuest)
	account(t, s, "editor@x.test", "Editor", "editor")
	people := map[string]*person{"stranger": newPerson(t, base)}
	for _, name := range []string{"user", "guest", "editor"} {
		p := newPerson(t, base)
		people[name] = p.open("/app/page").signIn(name+"@x.test").sees(200, "Hello")
	}
	_, secret := s.NewKey("secret")
	admin := s.SignIn("root@x.test", hostedPassword).Want(200).String("accessToken")
	headers := map[string]func(h http.Header){
		"key":         func(h http.Header) { h.Set("X-API-Key", secret) },
		"admin token": func(h http.Header) { h.Set("Authorization", "Bearer "+admin) },
	}
	for _, route := range consolePaths(victim.ID) {
		for name, p := range people {
			p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			p.at, _ = p.at.Parse(base)
			var form = formOf(route[0])
			p.ask(route[0], route[1], form, nil)
			switch {
			case name == "stranger" && p.status == 303 && strings.HasPrefix(p.header.Get("Location"), "/auth/sign-in"):
			case name != "stranger" && p.status == 403 && strings.Contains(p.body, "For administrators only"):
			default:
				t.Errorf("%s: %s %s: status %d %s", name, route[0], route[1], p.status, p.header.Get("Location"))
			}
		}
		for name, change := range headers {
			p := newPerson(t, base)
			p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			if p.ask(route[0], route[1], formOf(route[0]), change); p.status != 401 && p.status != 403 {
				t.Errorf("%s: %s %s: status %d", name, route[0], route[1], p.status)
			}
		}
	}
	if found, err := s.Auth.Users.Get(t.Context(), victim.ID); err != nil || found.Banned(s.Clock.Now()) || found.Role != admit.RoleUser {
		t.Errorf("something was done: %+v, %v", found, err)
	}
}

func formOf(method string) map[string][]string {
	if method == http.MethodGet {
		return nil
	}
	return map[string][]string{"sure": {"yes"}, "address": {"victim@x.test"}, "role": {"admin"}, "name": {"x"}, "email": {"made@x.test"}, "type": {"secret"}}
}

// A page of another site sends no form of the console, whatever it can say of itself.
func TestSE09_FormsOfOtherSitesAreRefusedByTheConsole(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	victim := account(t, s, "victim@x.test", "Victim", admit.RoleUser)
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for name, change := range map[string]func(h http.Header){
		"another site":      func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", "https://evil.example") },
		"a sister":          func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site"); h.Set("Origin", "https://evil.localhost") },
		"an old browser":    func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "https://evil.example") },
		"a hidden origin":   func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "null") },
		"no origin at all":  func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Del("Origin") },
		"JSON without form": func(h http.Header) { h.Set("Content-Type", "application/json") },
		"plain text":        func(h http.Header) { h.Set("Content-Type", "text/plain") },
	} {
		for _, route := range consolePaths(victim.ID) {
			if route[0] != http.MethodPost {
				continue
			}
			if p.ask("POST", route[1], formOf("POST"), change); p.status < 400 {
				t.Errorf("%s: POST %s: status %d", name, route[1], p.status)
			}
		}
	}
	if found, err := s.Auth.Users.Get(t.Context(), victim.ID); err != nil || found.Banned(s.Clock.Now()) || found.Role != admit.RoleUser {
		t.Errorf("something was done: %+v, %v", found, err)
	}
}

// Every change asks for a recent proof of identity, and loses nothing that was typed.
func TestConsoleAChangeNeedsARecentProof(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	ada := account(t, s, "ada@x.test", "Ada", admit.RoleUser)
	s.Clock.Advance(11 * time.Minute)
	p.send("/console/people/"+ada.ID+"/ban", "sure", "yes", "reason", "the reason").sees(403, "Prove that it is you", `name="reason" value="the reason"`)
	p.send("/console/people/"+ada.ID+"/send-reset").sees(403, "Prove that it is you")
	if found, err := s.Auth.Users.Get(t.Context(), ada.ID); err != nil || found.Banned(s.Clock.Now()) {
		t.Fatalf("%+v, %v", found, err)
	}
	p.open("/console/people/"+ada.ID).sees(200, "ada@x.test")
	p.open("/console/people/"+ada.ID+"/ban").sees(200, `action="/auth/reauthenticate"`).
		send("/auth/reauthenticate", "currentPassword", hostedPassword).sees(200, "What will be lost")
	p.send("/console/people/"+ada.ID+"/ban", "sure", "yes").sees(200, "The person is banned.")
}

// An administrator cannot lock itself out, and the last one stays.
func TestConsoleAnAdministratorDoesNothingDangerousToItself(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	root, err := s.Auth.Users.GetByEmail(t.Context(), "root@x.test")
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"ban", "role", "delete"} {
		p.open("/console/people/"+root.ID+"/"+action).sees(409, "You cannot do this to your own account")
		p.send("/console/people/"+root.ID+"/"+action, "sure", "yes", "role", "user", "address", "root@x.test").sees(409)
	}
	p.open("/console/people/"+root.ID).sees(200, "root@x.test")
	if strings.Contains(p.body, "Dangerous") {
		t.Error("the page offers it")
	}
}

// A dangerous action only asks where its form does not say sure.
func TestConsoleDangerAsksTwice(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	ada := account(t, s, "ada@x.test", "Ada", admit.RoleUser)
	for _, action := range []string{"ban", "role", "delete", "end-sessions", "reset-factors", "reset-passkeys"} {
		p.send("/console/people/"+ada.ID+"/"+action, "role", "admin", "address", "ada@x.test").sees(200, "What will be lost")
	}
	if found, err := s.Auth.Users.Get(t.Context(), ada.ID); err != nil || found.Banned(s.Clock.Now()) || found.Role != admit.RoleUser {
		t.Errorf("%+v, %v", found, err)
	}
}

// What somebody types, and what a client says of itself, is text on every page.
func TestConsoleJunkIsText(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	const junk = `"><script>alert(1)</script>`
	ada := account(t, s, "ada@x.test", junk, admit.RoleUser)
	s.Do("POST", "/v1/auth/email/signin", map[string]any{"email": "ada@x.test", "password": hostedPassword}, harness.Header("User-Agent", junk), harness.Header("X-Forwarded-For", junk))
	if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: ada.ID, Reason: junk}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{
		"/console/people", "/console/people?q=" + urlOf(junk), "/console/people?state=" + urlOf(junk) + "&role=" + urlOf(junk), "/console/people/" + ada.ID,
		"/console/people/" + ada.ID + "/delete?what=" + urlOf(junk), "/console/?done=" + urlOf(junk), "/console/people/" + ada.ID + "/end-sessions?reason=" + urlOf(junk),
	} {
		p.open(path)
		if p.status >= 500 || strings.Contains(p.body, "<script>alert") {
			t.Errorf("%s: status %d", path, p.status)
		}
	}
	for path, want := range map[string]int{
		"/console/people?after=x": 400, "/console/people/x": 404, "/console/people/" + ada.ID + "/nothing": 404, "/console/nothing": 404, "/console/people//": 404,
		"/console/people/..%2f..%2fv1": 404, "/console/people/" + ada.ID + "/end-session?what=..": 404, "/console/people?q=" + strings.Repeat("x", 5000): 200, "/console/people?q=%00%ff": 400,
		"/console/assets/x": 404,
	} {
		if p.open(path); p.status != want {
			t.Errorf("%s: status %d, want %d", path, p.status, want)
		}
	}
	p.ask("PUT", "/console/people", nil, nil).sees(405)
	p.ask("POST", "/console/people", map[string][]string{}, nil).sees(405)
	p.ask("POST", "/console/people/"+ada.ID+"/ban", map[string][]string{"sure": {"yes", "no"}}, nil).sees(400)
}

func urlOf(text string) string {
	return strings.NewReplacer(`"`, "%22", "<", "%3C", ">", "%3E", "(", "%28").Replace(text)
}

// The console is there only where the host asks for it, and needs the hosted pages.
func TestConsoleIsThereOnlyWhereItIsAskedFor(t *testing.T) {
	var config admit.Config
	s, _ := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { config = *c })
	w := httptest.NewRecorder()
	s.Auth.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/console/", nil))
	if w.Code != 404 {
		t.Errorf("status %d", w.Code)
	}
	config.Pages, config.Console = nil, &console.Console{}
	if _, err := admit.New(config); err == nil || !strings.Contains(err.Error(), "Console: needs Pages") {
		t.Error(err)
	}
	for path, want := range map[string]string{"/auth/console": "must not overlap the path", "/v1/console": "must not overlap BasePath", "console": "must start with a slash"} {
		config.Pages, config.Console = &pages.Pages{}, &console.Console{Path: path}
		if _, err := admit.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// Where every route of the API needs a key, the console works all the same: it is a
// part of the server.
func TestConsoleWorksWhereTheAPINeedsAKey(t *testing.T) {
	s, base := consoleHost(t, func(c *admit.Config) { c.RequireAPIKey = true })
	p := operator(t, s, base, "root@x.test")
	ada := account(t, s, "ada@x.test", "Ada", admit.RoleUser)
	p.does(ada.ID, "ban").sees(200, "The person is banned.")
}

func TestConsoleKeysAreShownOnceRotatedAndRevoked(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	p.open("/console/keys").sees(200, "There are no keys.")
	p.open("/console/keys/new").sees(200, "Make a key")
	p.send("/console/keys/new", "name", "", "type", "secret", "environment", "prod", "rights", "some", "scopes", "users:read").sees(422, "Error: Make a key", "users:read")
	p.send("/console/keys/new", "name", "robot", "type", "secret", "environment", "prod", "rights", "some", "scopes", "users:read", "expires", "soon").sees(422, "That is not a day")
	p.send("/console/keys/new", "name", "robot <i>", "type", "secret", "environment", "prod", "rights", "some", "scopes", "users:read, audit:read").sees(201, "Copy it now", "sk_", "robot &lt;i&gt;")
	key := keyIn(t, p.body)
	s.Do("GET", "/v1/users", nil, harness.Key(key)).Want(200)
	s.Do("GET", "/v1/admin/outbox", nil, harness.Key(key)).Want(403)
	p.open("/console/keys").sees(200, "robot &lt;i&gt;", "users:read, audit:read", key[:7])
	if strings.Contains(p.body, key) {
		t.Error("the list has the whole key")
	}
	list, err := s.Auth.APIKeys.List(t.Context(), admit.PageParams{Number: 1, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	id := list.Items[0].ID
	p.open("/console/keys/"+id+"/rotate").sees(200, "Rotate this key?")
	p.send("/console/keys/"+id+"/rotate", "overlap", "now").sees(201, "Copy it now")
	next := keyIn(t, p.body)
	s.Do("GET", "/v1/users", nil, harness.Key(key)).Want(401)
	s.Do("GET", "/v1/users", nil, harness.Key(next)).Want(200)
	p.send("/console/keys/"+id+"/rotate", "overlap", "now").sees(422)
	p.send("/console/keys/"+id+"/rotate", "overlap", "forever").sees(400)
	made, err := s.Auth.APIKeys.Verify(t.Context(), next)
	if err != nil {
		t.Fatal(err)
	}
	p.send("/console/keys/"+made.ID+"/revoke").sees(200, "What will be lost")
	s.Do("GET", "/v1/users", nil, harness.Key(next)).Want(200)
	p.send("/console/keys/"+made.ID+"/revoke", "sure", "yes").sees(200, "The key was revoked.", "revoked")
	s.Do("GET", "/v1/users", nil, harness.Key(next)).Want(401)
	p.open("/console/keys/x/revoke").sees(404)
}

// keyIn is the key that a page shows.
func keyIn(t *testing.T, body string) string {
	t.Helper()
	_, rest, _ := strings.Cut(body, `<code class="secret" dir="ltr">`)
	key, _, ok := strings.Cut(rest, "<")
	if !ok {
		t.Fatalf("no key in %s", body)
	}
	return key
}

func TestConsoleSettingsChangeWhatTheFormChangesAndShowNoSecret(t *testing.T) {
	s, base := consoleHost(t, func(c *admit.Config) {
		c.Providers = []admit.Provider{oauth.Google{ClientID: "id", ClientSecret: "the-first-secret"}}
	})
	p := operator(t, s, base, "root@x.test")
	p.open("/console/settings").sees(200, "People can sign up", `href="/console/settings/google"`)
	was := []string{"was.minLength", "8", "was.magicLinkExpirationMinutes", "15", "magicLinkExpirationMinutes", "15", "was.signUpEnabled", "true", "signUpEnabled", "true", "was.magicLinkEnabled", "true", "magicLinkEnabled", "true"}
	ten := 10
	// Another administrator has changed something else meanwhile.
	if _, err := s.Auth.Settings.UpdateEmail(t.Context(), admit.UpdateEmailSettingsParams{MagicLinkExpirationMinutes: admit.Some(&ten)}); err != nil {
		t.Fatal(err)
	}
	p.send("/console/settings", append(was, "minLength", "12")...).sees(200, "The settings count now.", "minLength")
	now, err := s.Auth.Settings.Email(t.Context())
	if err != nil || now.PasswordPolicy.MinLength != 12 || now.MagicLinkExpirationMinutes != 10 || !now.SignUpEnabled {
		t.Errorf("%+v, %v", now, err)
	}
	p.send("/console/settings", append(was, "minLength", "3")...).sees(422, "Error: Settings")
	p.send("/console/settings", append(was, "minLength", "many")...).sees(422)
	p.send("/console/settings", "action", "reset").sees(200, "What the code says counts now.")

	p.open("/console/settings/google").sees(200, "There is one. It is shown nowhere.", `value="id"`)
	p.send("/console/settings/google", "was.enabled", "true", "enabled", "true", "was.clientId", "id", "clientId", "id2", "clientSecret", "the-second-secret").sees(200, "The settings count now.")
	p.open("/console/settings/google").sees(200, `value="id2"`)
	p.send("/console/settings/google", "was.enabled", "true", "enabled", "true", "was.clientId", "id2", "clientId", "", "clientSecret", "the-third-secret", "redirectUri", "javascript:x").sees(422)
	for _, secret := range []string{"the-first-secret", "the-second-secret", "the-third-secret"} {
		if strings.Contains(p.body, secret) {
			t.Errorf("a page shows %s", secret)
		}
	}
	p.open("/console/settings/nothing").sees(400)
	// A form that comes too late asks for the secret again, and does not repeat it.
	s.Clock.Advance(11 * time.Minute)
	p.send("/console/settings/google", "clientSecret", "the-third-secret").sees(200, `action="/auth/reauthenticate"`)
	if strings.Contains(p.body, "the-third-secret") {
		t.Error("a page shows the secret that was typed")
	}
}

func TestConsoleAMailIsEditedInTwoLanguages(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	p.open("/console/templates").sees(200, "New password", "the built-in mail")
	const page, link = "/console/templates/password_reset", `<p><a href="{{resetLink}}">Go</a></p>`
	p.open(page+"?locale=de").sees(200, "{{resetLink}}", "German (de)")
	p.send(page+"?locale=de", "subject", "Neues Passwort", "body", "<p>Hallo {{userName}}</p>"+link, "overrideDefaults", "true").sees(200, "The mail was saved.", "Neues Passwort")
	p.send(page, "subject", "New password", "body", "<p>Hello {{userName}}</p>"+link, "overrideDefaults", "true", "saved", "").sees(200, "The mail was saved.")
	p.open("/console/templates").sees(200, "German (de)", "everybody else")
	p.send(page+"/preview?locale=de", "subject", "Hallo <b>", "body", "<p>Hallo {{userName}}</p>"+link).sees(200, "Hallo &lt;b&gt;", "Hallo ")
	for name, want := range map[string]string{"Content-Security-Policy": "sandbox", "X-Frame-Options": "SAMEORIGIN"} {
		if !strings.Contains(p.header.Get(name), want) {
			t.Errorf("%s: %s", name, p.header.Get(name))
		}
	}
	p.send(page+"/preview", "subject", "x", "body", "<p>{{secret}}</p>").sees(400, "secret")
	p.send(page+"/preview", "subject", "", "body", "").sees(200, "New password")
	p.open(page + "?locale=de")
	saved := between(p.body, `name="saved" value="`, `"`)
	p.send(page+"?locale=de", "subject", "x", "body", "<script>alert(1)</script>"+link, "saved", saved).sees(422, "Error:", "&lt;script&gt;alert")
	// Two administrators have the page open: who saves second is told.
	p.send(page+"?locale=de", "subject", "Der erste", "body", link, "overrideDefaults", "true", "saved", saved).sees(200, "The mail was saved.")
	p.send(page+"?locale=de", "subject", "Der zweite", "body", link, "overrideDefaults", "true", "saved", saved).sees(409, "Somebody else has saved this mail", "Der zweite")
	now, err := s.Auth.Templates.Get(t.Context(), admit.TemplateParams{Category: "password_reset", Locale: "de"})
	if err != nil || now.Subject != "Der erste" {
		t.Errorf("%+v, %v", now, err)
	}
	p.send(page+"?locale=de", "subject", "Der zweite", "body", link, "overrideDefaults", "true", "saved", between(p.body, `name="saved" value="`, `"`)).sees(200, "The mail was saved.", "Der erste")
	saved = between(p.body, `name="saved" value="`, `"`)
	p.send(page+"?locale=de", "action", "revert", "number", between(p.body, `name="number" value="`, `"`), "saved", saved).sees(200, "The former text counts now.", `value="Der erste"`)
	p.send(page+"?locale=de", "action", "test").sees(200, "A test is on its way")
	saved = between(p.body, `name="saved" value="`, `"`)
	p.send(page+"?locale=de", "action", "reset", "saved", saved).sees(200, "The built-in mail counts now.")
	p.open("/console/templates/nothing").sees(404)
	p.open(page + "?locale=%3F%3F").sees(400)
	s.Clock.Advance(11 * time.Minute)
	p.send(page+"/preview", "subject", "x", "body", "y").sees(403, "too old")
}

// between is the text between two others.
func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return unescape(found)
}

func TestConsoleShowsMailTheDayAndTheLog(t *testing.T) {
	s, base := consoleHost(t)
	p := operator(t, s, base, "root@x.test")
	ada := account(t, s, "ada@x.test", "Ada", admit.RoleUser)
	for range 3 {
		s.SignIn("ada@x.test", "not the password").Want(401)
	}
	s.Eventually("the failure stands in the log", func() bool { return len(s.Events(ada.ID, "signin.failed")) > 0 })
	p.open("/console/").sees(200, "Sign-ins in 24 hours", `<svg class="chart"`, "Wrong password, code or passkey", "Mails given up")
	p.open("/console/people/"+ada.ID).sees(200, "a wrong password or code was given", "Sign-in failed")
	p.open("/console/audit?person=ada@x.test").sees(200, "Account made", "Sign-in failed", ada.ID)
	p.open("/console/audit?kind=signin.failed").sees(200, "Sign-in failed")
	p.open("/console/audit?person=nobody@x.test").sees(422, "No account has that address.")
	p.open("/console/audit?after=x").sees(400)
	p.open("/console/audit?from=junk&kind="+urlOf(`"><script>`)).sees(200, "Nothing in this time.")
	p.open("/console/mail").sees(200, "0 messages")
	p.open("/console/mail?state=waiting&queue=webhook").sees(200, "0 messages")
	p.open("/console/mail?queue=nothing").sees(400)
	p.open("/console/mail?state=nothing").sees(400)
	p.open("/console/mail?page=-1").sees(200)
	p.send("/console/mail/x/retry").sees(404)

	org, err := s.Auth.Organizations.Create(t.Context(), admit.CreateOrganizationParams{Name: "Acme <b>", OwnerID: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	p.open("/console/people/"+ada.ID).sees(200, "Acme &lt;b&gt;", "/console/organizations/"+org.ID)
	p.open("/console/organizations?id="+org.ID).sees(200, "Acme &lt;b&gt;", "1 member", "ada@x.test", "owner")
	p.open("/console/organizations?id=x").sees(422, "No organization has that id.")
	p.open("/console/organizations/x").sees(404)
}
