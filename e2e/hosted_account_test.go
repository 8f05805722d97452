package e2e_test

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest/issuer"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/oauth"
	"github.com/admit-go/admit/pages"
)

// accountHost is a host with hosted pages and everything that an account page can
// have: two providers, pictures and API keys.
func accountHost(t *testing.T, options ...harness.Option) (s *harness.Server, base string, at *issuer.Server) {
	t.Helper()
	at, err := issuer.Start(issuer.Options{Now: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }})
	if err != nil {
		t.Fatal(err)
	}
	s, base = hostedHost(t, &pages.Pages{APIKeys: true, Brand: pages.Brand{Name: "Notebook"}}, append([]harness.Option{func(c *admit.Config) {
		c.Providers = []admit.Provider{
			oauth.Google{ClientID: "web", ClientSecret: "dev", Endpoints: oauth.Endpoints{Issuer: at.Issuer()}},
			oauth.GitHub{ClientID: "web", ClientSecret: "dev", BaseURL: at.GitHub()},
		}
	}}, options...)...)
	t.Cleanup(func() { _ = at.Close() })
	return s, base, at
}

// sendFile sends a form with a file, as a browser does.
func (p *person) sendFile(target, field, name string, data []byte, change func(h http.Header)) *person {
	p.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if part, err := form.CreateFormFile(field, name); err != nil {
		p.t.Fatal(err)
	} else if _, err := part.Write(data); err != nil {
		p.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		p.t.Fatal(err)
	}
	return p.askBody("POST", target, form.FormDataContentType(), &body, change)
}

func TestHostedAPictureIsUploadedByAForm(t *testing.T) {
	_, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	p.open("/auth/account/picture").sees(200, `enctype="multipart/form-data"`, "/v1/avatars/users/", "at most 5 MB")
	if strings.Contains(p.body, "picture/remove") {
		t.Error("there is nothing to remove")
	}
	p.sendFile("/auth/account/picture", "picture", "me.png", red, nil).sees(200, "Your picture was changed", "picture/remove")
	_, rest, _ := strings.Cut(p.body, `class="face" src="`)
	source, _, _ := strings.Cut(rest, `"`)
	if shown := newPerson(t, base).open(source).sees(200).header.Get("Content-Type"); shown != "image/png" && shown != "image/jpeg" {
		t.Errorf("%s is %s", source, shown)
	}
	p.sendFile("/auth/account/picture", "picture", "me.png", []byte("<svg onload=alert(1)>"), nil).sees(422, "not a picture that we can read", `aria-describedby="picture-error picture-hint"`, "picture/remove")
	p.sendFile("/auth/account/picture", "picture", "", nil, nil).sees(422, "Choose a file first")
	p.sendFile("/auth/account/picture", "other", "me.png", red, nil).sees(422, "Choose a file first")
	p.sendFile("/auth/account/picture", "picture", "big.png", make([]byte, 6<<20), nil).sees(422, "more than 5 MB")
	p.send("/auth/account/picture").sees(415)
	p.open("/auth/account/picture").send("/auth/account/picture/remove").sees(200, "Your picture was removed", "/v1/avatars/users/")
	for name, change := range map[string]func(h http.Header){
		"cross-site": func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site"); h.Set("Origin", "https://evil.example") },
		"null":       func(h http.Header) { h.Del("Sec-Fetch-Site"); h.Set("Origin", "null") },
	} {
		if p.sendFile("/auth/account/picture", "picture", "me.png", red, change).status != 403 {
			t.Errorf("%s: a page of another site changes the picture", name)
		}
	}
	newPerson(t, base).sendFile("/auth/account/picture", "picture", "me.png", red, nil).sees(200, "<h1>Sign in</h1>")
}

func TestHostedAHostWithoutPicturesHasNoPageForThem(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{}, func(c *admit.Config) { c.Blobs, c.Avatars = nil, nil })
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	if p.open("/auth/account").sees(200, "Your data"); strings.Contains(p.body, "account/picture") || strings.Contains(p.body, "account/keys") || strings.Contains(p.body, "account/links") {
		t.Error(p.body)
	}
	p.open("/auth/account/picture").sees(404)
	p.open("/auth/account/keys").sees(404)
	p.ask("POST", "/auth/account/keys", url.Values{"action": {"make"}}, nil).sees(404)
	p.ask("POST", "/auth/account/picture/remove", url.Values{}, nil).sees(404)
}

func TestHostedAnAccountIsLinkedAndUnlinked(t *testing.T) {
	s, base, at := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@example.com").sees(200, "Home")
	p.open("/auth/account/links").sees(200, "Google", "GitHub", "Not linked")
	p.send("/auth/account/links", "action", "link", "provider", "google").sees(200, "One moment", "You are being taken to Google")
	onward := strings.TrimPrefix(p.header.Get("Refresh"), "0;url=")
	if !strings.HasPrefix(onward, at.Issuer()) || !strings.Contains(unescape(p.body), `href="`+onward+`"`) || strings.Contains(p.header.Get("Content-Security-Policy"), at.Issuer()) {
		t.Fatalf("the page leads to %q: %s", onward, p.body)
	}
	callback, err := at.Answer(onward, "ada@example.com")
	if err != nil {
		t.Fatal(err)
	}
	p.open(callback.URL).sees(200, "The account was linked", "ada@example.com", `aria-label="Unlink Google"`)
	// The flow ends once, and it is bound to the browser that began it.
	p.open("/auth/account/links?error=auth/account-already-linked").sees(422, "is linked with another account here")
	p.open("/auth/account/links?error=x").sees(422, "The other site was not linked")
	// A provider that is switched off is shown where it is linked, and offers no link.
	off := false
	for _, name := range []string{"google", "github"} {
		if _, err := s.Auth.Settings.UpdateProvider(t.Context(), admit.UpdateProviderSettingsParams{Provider: name, Enabled: admit.Some(&off)}); err != nil {
			t.Fatal(err)
		}
	}
	if p.open("/auth/account/links").sees(200, "Switched off here"); strings.Contains(p.body, "GitHub") {
		t.Error("a provider that is switched off can be linked")
	}
	p.send("/auth/account/links", "action", "link", "provider", "github").sees(400)
	p.open("/auth/account/links").send("/auth/account/links", "action", "unlink", "provider", "google").sees(200, "The account was unlinked")
	p.send("/auth/account/links", "action", "unlink", "provider", "google").sees(200) // pressed twice
	s.Clock.Advance(20 * time.Minute)
	p.open("/auth/account/links").sees(200, "Confirm it is you")
}

// The last way in stays, and a person without a password proves who it is by the
// provider.
func TestHostedTheLastWayInStays(t *testing.T) {
	s, base, at := accountHost(t)
	p := newPerson(t, base)
	p.open("/auth/sign-in").sees(200, "Continue with Google")
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.open("/v1/auth/google?mode=cookie&callbackUrl=" + url.QueryEscape(base+"/auth/provider"))
	began := p.header.Get("Location")
	p.client.CheckRedirect = nil
	callback, err := at.Answer(began, "bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	p.open(callback.URL).sees(200, "Home")
	p.open("/auth/account/links").send("/auth/account/links", "action", "unlink", "provider", "google").sees(400, "This is your last way to sign in", `aria-label="Unlink Google"`)
	s.Clock.Advance(20 * time.Minute)
	p.open("/auth/account/delete").sees(200, "Leave this empty if you have no password")
	p.send("/auth/account/delete", "sure", "true").sees(200, "Confirm it is you", "Continue with Google")
	if strings.Contains(p.body, "Continue with GitHub") {
		t.Error("the page offers a provider that is not linked")
	}
	p.send("/auth/reauthenticate", "provider", "google", "currentPassword", "").sees(200, "One moment")
	if callback, err = at.Answer(strings.TrimPrefix(p.header.Get("Refresh"), "0;url="), "bob@example.com"); err != nil {
		t.Fatal(err)
	}
	p.open(callback.URL).sees(200, "Delete your account")
	if strings.Contains(p.body, "proofPassword") {
		t.Error("a person who has just proven who it is must type a password")
	}
}

func TestHostedNotificationsAndPreferencesAreKept(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	p.open("/auth/account/notifications").sees(200, `name="securityAlerts" type="checkbox" value="true" checked`, `name="marketing" type="checkbox" value="true">`)
	p.send("/auth/account/notifications", "securityAlerts", "true", "marketing", "true").sees(200, "Your choice was saved", `name="marketing" type="checkbox" value="true" checked`, `name="service" type="checkbox" value="true">`)
	s.Clock.Advance(20 * time.Minute)
	// The alerts are switched off by the owner alone; the other choices are kept.
	p.send("/auth/account/notifications", "service", "true").sees(200, "Confirm it is you")
	p.send("/auth/reauthenticate", "currentPassword", hostedPassword).sees(200, `name="securityAlerts" type="checkbox" value="true" checked`, `name="service" type="checkbox" value="true" checked`, `name="marketing" type="checkbox" value="true">`)
	p.send("/auth/account/notifications", "service", "true").sees(200, `name="securityAlerts" type="checkbox" value="true">`)

	p.open("/auth/account/preferences").sees(200, "As the browser says", `id="timezone"`)
	p.send("/auth/account/preferences", "locale", "de", "timezone", "Europe/Vindobona").sees(422, "There is no time zone with this name", `value="Europe/Vindobona"`, `<option value="de" lang="de" selected>`)
	p.send("/auth/account/preferences", "locale", "de", "timezone", "europe/vienna").sees(200, `<html lang="de"`, "wurden gespeichert", `value="Europe/Vienna"`)
	p.send("/auth/account/preferences", "locale", "xx", "timezone", "").sees(400)
	p.open("/auth/account/preferences").send("/auth/account/preferences", "locale", "", "timezone", "").sees(200, `<html lang="en"`)
}

func TestHostedAPIKeysAreMadeAndRevoked(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	p.open("/auth/account/keys").sees(200, "Make a key", "90 days")
	p.send("/auth/account/keys", "action", "make", "keyName", "", "keyDays", "30").sees(422, `id="keyName-error"`, `<option value="30" selected>`)
	p.send("/auth/account/keys", "action", "make", "keyName", "x", "keyDays", "-1").sees(400)
	p.open("/auth/account/keys").send("/auth/account/keys", "action", "make", "keyName", "Backup <b>", "keyDays", "30").sees(200, "Copy it now", "Backup &lt;b&gt;", "Expires")
	_, rest, _ := strings.Cut(p.body, `<code class="secret" dir="ltr">`)
	key, _, _ := strings.Cut(rest, "<")
	if _, err := s.Auth.APIKeys.Verify(t.Context(), key); err != nil {
		t.Fatalf("%q: %v", key, err)
	}
	if p.open("/auth/account/keys").sees(200, "Backup"); strings.Contains(p.body, key) {
		t.Error("a key is shown again")
	}
	_, rest, _ = strings.Cut(p.body, `name="id" value="`)
	id, _, _ := strings.Cut(rest, `"`)
	other := newPerson(t, base)
	other.signUp("ben@x.test").sees(200, "Home")
	other.ask("POST", "/auth/account/keys", url.Values{"action": {"revoke"}, "id": {id}}, nil).sees(200)
	if _, err := s.Auth.APIKeys.Verify(t.Context(), key); err != nil {
		t.Errorf("somebody else has revoked the key: %v", err)
	}
	p.send("/auth/account/keys", "action", "revoke", "id", id).sees(200, "The key was revoked")
	if _, err := s.Auth.APIKeys.Verify(t.Context(), key); err == nil || strings.Contains(p.body, "Backup") {
		t.Error("the key still works, or is still shown")
	}
	s.Clock.Advance(20 * time.Minute)
	p.ask("POST", "/auth/account/keys", url.Values{"action": {"make"}, "keyName": {"x"}, "keyDays": {"0"}}, nil).sees(200, "Confirm it is you")
}

func TestHostedTheExportIsAFile(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	p.open("/auth/account/export").sees(200, "Download").send("/auth/account/export").sees(200)
	if got := p.header.Get("Content-Disposition"); got != `attachment; filename="account-2026-01-02.json"` || p.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the file is %q", got)
	}
	var held map[string]any
	if err := json.Unmarshal([]byte(p.body), &held); err != nil || held["account"].(map[string]any)["email"] != "ada@x.test" {
		t.Errorf("%v in %.200s", err, p.body)
	}
	// The budget of the API holds, and the page says so.
	p.send("/auth/account/export").sees(429, "Too many requests", "Download")
	if p.header.Get("Retry-After") == "" {
		t.Error("there is no Retry-After")
	}
	s.Clock.Advance(20 * time.Minute)
	p.ask("POST", "/auth/account/export", url.Values{}, nil).sees(200, "Confirm it is you")
}

func TestHostedAnAccountIsDeletedAndRestored(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@x.test")
	if err == nil {
		err = s.Auth.Users.Verify(t.Context(), user.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Clock.Advance(20 * time.Minute)
	p.open("/auth/account/delete").sees(200, "ada@x.test", "14 days", `autocomplete="current-password"`)
	p.send("/auth/account/delete", "proofPassword", hostedPassword).sees(422, `id="sure-error"`)
	p.send("/auth/account/delete", "sure", "true", "proofPassword", "not this one").sees(422, `id="proofPassword-error"`, `value="true" required checked`)
	if strings.Contains(p.body, "not this one") {
		t.Error("the page repeats a password")
	}
	// The answer to the form itself clears the cookie, not the page it leads to.
	p.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	p.send("/auth/account/delete", "sure", "true", "proofPassword", hostedPassword).sees(303)
	if p.cookie("session") != "" {
		t.Error("the browser keeps the cookie of a deleted account")
	}
	p.client.CheckRedirect = nil
	p.open("/auth/account-deleted").sees(200, "Your account is deleted", "14 days")
	p.open("/auth/account").sees(200, "<h1>Sign in</h1>")
	p.open("/auth/sign-in").signIn("ada@x.test").sees(422)
	link := hostedLink(s, mailer.AccountWithdrawn, "ada@x.test", base)
	p.open(link).sees(200, "Restore your account", "ada@x.test")
	path, _, _ := strings.Cut(link, "?")
	p.send(path).sees(200, "Your account is back", "/auth/sign-in")
	p.open("/auth/sign-in").signIn("ada@x.test").sees(200, "Home")
}

// The owner of a team who deletes the account is told by name what stands in the way.
func TestHostedTheLastOwnerOfATeamIsTold(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.signUp("ada@x.test").sees(200, "Home")
	user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@x.test")
	if err == nil {
		_, err = s.Auth.Organizations.Create(t.Context(), admit.CreateOrganizationParams{Name: "Acme & Sons", OwnerID: user.ID})
	}
	if err != nil {
		t.Fatal(err)
	}
	p.open("/auth/account/delete").send("/auth/account/delete", "sure", "true").sees(400, "needs an owner", "Acme &amp; Sons")
	p.open("/auth/account").sees(200, "Your account")
}

// A button is not shown for a provider that an operator has switched off.
func TestHostedAProviderThatIsSwitchedOffHasNoButton(t *testing.T) {
	s, base, _ := accountHost(t)
	p := newPerson(t, base)
	p.open("/auth/sign-in").sees(200, "Continue with Google", "Continue with GitHub")
	off := false
	if _, err := s.Auth.Settings.UpdateProvider(t.Context(), admit.UpdateProviderSettingsParams{Provider: "google", Enabled: admit.Some(&off)}); err != nil {
		t.Fatal(err)
	}
	if p.open("/auth/sign-in").sees(200, "Continue with GitHub"); strings.Contains(p.body, "Google") {
		t.Error("the button of a provider that is switched off is shown")
	}
	// aspnetcore#5765: after an error the same buttons are there.
	if p.signIn("nobody@x.test").sees(422, "Continue with GitHub"); strings.Contains(p.body, "Google") {
		t.Error("after an error the button is shown")
	}
	if _, err := s.Auth.Settings.UpdateProvider(t.Context(), admit.UpdateProviderSettingsParams{Provider: "github", Enabled: admit.Some(&off)}); err != nil {
		t.Fatal(err)
	}
	if p.open("/auth/sign-in").sees(200, "Sign in"); strings.Contains(p.body, `<p class="or">`) {
		t.Error("there is an \"or\" and nothing before it")
	}
}

// TestHostedEveryPageOfTheAccount puts the pages of an account before axe-core, and
// before the eyes of a person where ADMIT_SCREENSHOTS names a folder.
func TestHostedEveryPageOfTheAccount(t *testing.T) {
	s, base, _ := accountHost(t)
	g := &gallery{t: t, s: s, ctx: openBrowser(t, 1280, 860), base: base, prefix: "own-"}
	g.open("/auth/sign-in", "Sign in")
	g.view("sign-in-providers")
	g.open("/auth/sign-up", "Create your account")
	g.fill("main button", "Home", "name", "Ada Lovelace", "email", "ada@x.test", "newPassword", hostedPassword)
	for _, page := range [][2]string{
		{"account", "Your account"}, {"account/picture", "Your picture"}, {"account/links", "Linked accounts"}, {"account/notifications", "Notifications"},
		{"account/preferences", "Language and time zone"}, {"account/keys", "API keys"}, {"account/export", "Your data"}, {"account/delete", "Delete your account"},
	} {
		g.open("/auth/"+page[0], page[1])
		g.view(strings.ReplaceAll(page[0], "/", "-"))
	}
	g.open("/auth/account/picture", "Your picture")
	g.do(chromedp.Evaluate("document.querySelector('#picture').required = false", nil))
	g.fill("main button", "Your picture")
	g.view("account-picture-none")
	g.open("/auth/account/preferences", "Language and time zone")
	g.fill("main button", "Language and time zone", "timezone", "Nowhere")
	g.view("account-preferences-wrong")
	g.open("/auth/account/keys", "API keys")
	g.fill("main button", "API keys", "keyName", "Backup")
	g.view("account-keys-new")
	g.s.Clock.Advance(20 * time.Minute)
	g.open("/auth/account/delete", "Delete your account")
	g.do(chromedp.Click("input[name=sure]", chromedp.ByQuery))
	g.fill("main button", "Delete your account", "proofPassword", "wrong password")
	g.view("account-delete-wrong")
	g.fill("main button", "Your account is deleted", "proofPassword", hostedPassword)
	g.view("account-deleted")
}

// Linking in Chromium: the policy of the page lets the browser reach the provider.
func TestHostedABrowserLinksAnAccount(t *testing.T) {
	_, base, _ := accountHost(t)
	ctx := openBrowser(t, 390, 844)
	err := chromedp.Run(ctx,
		chromedp.Navigate(base+"/auth/sign-up"), heading("Create your account"),
		chromedp.SendKeys("#name", "Ada", chromedp.ByQuery), chromedp.SendKeys("#email", "ada@example.com", chromedp.ByQuery),
		chromedp.SendKeys("#newPassword", hostedPassword, chromedp.ByQuery), chromedp.Click("main button", chromedp.ByQuery), heading("Home"),
		chromedp.Navigate(base+"/auth/account/links"), heading("Linked accounts"),
		chromedp.Click(`button[aria-label="Link GitHub"]`, chromedp.ByQuery), heading("Development sign-in"),
		chromedp.Click(`button[value="ada@example.com"]`, chromedp.ByQuery), heading("Linked accounts"), shows("The account was linked"),
	)
	if err != nil {
		t.Fatal(err)
	}
}
