package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
)

// hostedHost serves a host with hosted pages at localhost, which browsers take for
// a domain. /app/page and its like are behind the guards for pages.
func hostedHost(t *testing.T, hosted *pages.Pages, options ...harness.Option) (s *harness.Server, base string) {
	t.Helper()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	base = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	s = harness.New(t, append([]harness.Option{func(c *admit.Config) {
		c.BaseURL, c.SiteName, c.Pages = base, "Notebook", hosted
		c.MFA.Remember = 30 * 24 * time.Hour
	}}, options...)...)
	s.Auth.Mount(mux)
	show := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, _ := admit.UserFrom(r.Context())
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>host</title><h1>Hello " + user.Name + "</h1><p id=where>" + r.URL.RequestURI() + "</p>"))
	})
	mux.Handle("/app/page", s.Auth.RequirePage(show))
	mux.Handle("/app/verified", s.Auth.RequireVerifiedPage(show))
	mux.Handle("/app/recent", s.Auth.RequireRecentPage(show))
	mux.Handle("/app/vault", s.Auth.RequireFactorPage(show))
	mux.Handle("/app/staff", s.Auth.RequirePage(s.Auth.RequireRole(admit.RoleAdmin)(show)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte("<!doctype html><title>host</title><h1>Home</h1>"))
	})
	return s, base
}

// person is a browser without scripts: it keeps cookies and sends what a browser
// sends.
type person struct {
	t      *testing.T
	base   string
	client *http.Client
	// at is the page that is shown, and body its text.
	at     *url.URL
	status int
	header http.Header
	body   string
}

func newPerson(t *testing.T, base string) *person {
	t.Helper()
	at, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	p := &person{t: t, base: base, at: at}
	p.client = &http.Client{Jar: &jar{kept: map[string]*http.Cookie{}}, Timeout: 2 * harness.Patience}
	t.Cleanup(p.client.CloseIdleConnections)
	return p
}

// jar keeps the cookies of one host.
type jar struct{ kept map[string]*http.Cookie }

func (j *jar) SetCookies(_ *url.URL, cookies []*http.Cookie) {
	for _, c := range cookies {
		if c.MaxAge < 0 {
			delete(j.kept, c.Name)
			continue
		}
		j.kept[c.Name] = c
	}
}

func (j *jar) Cookies(*url.URL) (all []*http.Cookie) {
	for _, c := range j.kept {
		all = append(all, &http.Cookie{Name: c.Name, Value: c.Value})
	}
	return all
}

func (p *person) cookie(name string) string {
	if c := p.client.Jar.(*jar).kept[name]; c != nil {
		return c.Value
	}
	return ""
}

// ask sends a request and follows redirects.
func (p *person) ask(method, target string, form url.Values, change func(h http.Header)) *person {
	p.t.Helper()
	if form == nil {
		return p.askBody(method, target, "", nil, change)
	}
	return p.askBody(method, target, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()), change)
}

func (p *person) askBody(method, target, kind string, body io.Reader, change func(h http.Header)) *person {
	p.t.Helper()
	to, err := p.at.Parse(target)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := http.NewRequest(method, to.String(), body)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Origin", p.base)
	}
	if change != nil {
		change(r.Header)
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	p.at, p.status, p.header, p.body = answer.Request.URL, answer.StatusCode, answer.Header, string(text)
	return p
}

func (p *person) open(target string) *person { return p.ask("GET", target, nil, nil) }

// send fills a form of the page that is shown: its hidden fields go along.
func (p *person) send(target string, fields ...string) *person {
	p.t.Helper()
	form := url.Values{}
	for _, field := range []string{"return_to", "token", "email", "uri", "secret", "saved", "factor"} {
		if _, rest, ok := strings.Cut(p.body, `type="hidden" name="`+field+`" value="`); ok {
			value, _, _ := strings.Cut(rest, `"`)
			form.Set(field, unescape(value))
		}
	}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return p.ask("POST", target, form, nil)
}

func unescape(text string) string {
	return strings.NewReplacer("&#43;", "+", "&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(text)
}

// sees fails unless the page has the status and all of the pieces.
func (p *person) sees(status int, pieces ...string) *person {
	p.t.Helper()
	if p.status != status {
		p.t.Fatalf("%s: status %d, want %d\n%s", p.at, p.status, status, p.body)
	}
	for _, piece := range pieces {
		if !strings.Contains(p.body, piece) {
			p.t.Fatalf("%s: no %q in\n%s", p.at, piece, p.body)
		}
	}
	return p
}

const hostedPassword = "hedge orbit lantern"

func (p *person) signUp(email string) *person {
	p.t.Helper()
	return p.open("/auth/sign-up").sees(200, "Create your account").
		send("/auth/sign-up", "name", "Ada", "email", email, "newPassword", hostedPassword)
}

func (p *person) signIn(email string) *person {
	p.t.Helper()
	return p.send("/auth/sign-in", "email", email, "currentPassword", hostedPassword)
}

func TestHostedAPersonSignsUpOutAndInAgain(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	p := newPerson(t, base)
	p.open("/app/page?note=7&x=%2F").sees(200, "Sign in", `name="return_to" value="/app/page?note=7&amp;x=%2F"`)
	p.open("/auth/sign-up?return_to=/app/page").send("/auth/sign-up", "name", "Ada", "email", "ada@x.test", "newPassword", hostedPassword).sees(200, "Hello Ada")
	p.open("/auth/account").sees(200, "Your account", "ada@x.test", "Not confirmed")
	p.send("/auth/sign-out").sees(200, "You are signed out")
	p.open("/app/page?note=7").sees(200, "<h1>Sign in</h1>")
	p.send("/auth/sign-in", "email", "ada@x.test", "currentPassword", "not this one").
		sees(422, "The address or the password is wrong.", `value="ada@x.test"`, `aria-invalid="true"`, `aria-describedby="currentPassword-error"`, "Error: Sign in")
	if strings.Contains(p.body, "not this one") {
		t.Error("the page repeats a password")
	}
	p.signIn("ada@x.test").sees(200, "Hello Ada", "/app/page?note=7")
	_ = s
}

// shots is where the test of all pages puts its pictures: nowhere, unless the
// environment names a folder.
func shots() string { return os.Getenv("ADMIT_SCREENSHOTS") }

// look is one way to look at a page.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{{"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true}, {"narrow-light", 320, 640, false}, {"desktop-light", 1280, 860, false}, {"desktop-dark", 1280, 860, true}}

// TestHostedEveryPageInEveryState puts every page before axe-core, in the light and
// in the dark, and before the eyes of a person where ADMIT_SCREENSHOTS names a
// folder.
func TestHostedEveryPageInEveryState(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{Brand: pages.Brand{Name: "Notebook", Support: "help@x.test", Terms: "/terms", Privacy: "/privacy"}})
	ctx := openBrowser(t, 1280, 860)
	g := &gallery{t: t, s: s, ctx: ctx, base: base}
	g.run()
}

// gallery walks through all pages.
type gallery struct {
	t      *testing.T
	s      *harness.Server
	ctx    context.Context
	base   string
	prefix string
}

func (g *gallery) do(actions ...chromedp.Action) {
	g.t.Helper()
	if err := chromedp.Run(g.ctx, actions...); err != nil {
		g.t.Fatal(err)
	}
}

func (g *gallery) open(path, title string) {
	g.t.Helper()
	g.do(chromedp.Navigate(g.base+path), heading(title))
}

// fill types into fields and presses the button.
func (g *gallery) fill(button, title string, fields ...string) {
	g.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		g.do(chromedp.Evaluate(fmt.Sprintf("document.querySelector(%q).value = ''", "#"+fields[i]), nil), chromedp.SendKeys("#"+fields[i], fields[i+1], chromedp.ByQuery))
	}
	g.do(chromedp.Evaluate("document.documentElement.dataset.old = 1", nil), chromedp.Click(button, chromedp.ByQuery),
		chromedp.WaitReady("html:not([data-old]) h1", chromedp.ByQuery), heading(title))
}

// view looks at the page that is shown in every way.
func (g *gallery) view(name string) {
	g.t.Helper()
	for _, l := range looks {
		scheme := "light"
		if l.dark {
			scheme = "dark"
		}
		g.do(emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 500),
			emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"}}))
		if l.name == "phone-light" || l.name == "desktop-dark" {
			g.do(axe(g.t))
		}
		if l.width == 320 {
			var wide bool
			g.do(chromedp.Evaluate("document.documentElement.scrollWidth > innerWidth", &wide))
			if wide {
				g.t.Errorf("%s is wider than 320 pixels", name)
			}
		}
		if folder := shots(); folder != "" {
			var picture []byte
			g.do(chromedp.FullScreenshot(&picture, 100))
			if err := os.MkdirAll(folder, 0o755); err != nil {
				g.t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, g.prefix+name+"-"+l.name+".png"), picture, 0o600); err != nil {
				g.t.Fatal(err)
			}
		}
	}
	g.do(emulation.ClearDeviceMetricsOverride())
}

func (g *gallery) forgetCookies() { g.t.Helper(); g.do(network.ClearBrowserCookies()) }

func (g *gallery) link(kind mailer.Kind, email string) string {
	g.t.Helper()
	return strings.TrimPrefix(letterTo(g.s, kind, email).Values.Link, g.base)
}

func (g *gallery) run() {
	g.open("/auth/sign-in", "Sign in")
	g.view("sign-in")
	g.fill("form:not([data-passkey]) button", "Sign in", "email", "ada@x.test", "currentPassword", "wrong password")
	g.view("sign-in-wrong")
	g.open("/auth/sign-up", "Create your account")
	g.view("sign-up")
	g.fill("main button", "Create your account", "name", "Ada Lovelace", "email", "ada@x.test", "newPassword", "password")
	g.view("sign-up-weak")
	g.fill("main button", "Home", "newPassword", hostedPassword)
	g.open("/auth/account", "Your account")
	g.view("account")
	for _, page := range [][2]string{{"name", "Change your name"}, {"email", "Change your email address"}, {"password", "Change your password"}, {"devices", "Your devices"}} {
		g.open("/auth/account/"+page[0], page[1])
		g.view("account-" + page[0])
	}
	g.open("/app/verified", "Confirm your address first")
	g.view("verify")
	g.open(g.link(mailer.SignupConfirmation, "ada@x.test"), "Confirm your address")
	g.view("mailed-confirm")
	g.fill("main button", "Your address is confirmed")
	g.view("confirmed")
	g.open("/auth/account/passkeys", "Passkeys")
	g.view("account-passkeys")
	g.open("/auth/sign-out", "Sign out?")
	g.view("sign-out")
	g.fill("main button", "You are signed out")
	g.view("signed-out")
	g.open("/auth/forgot", "Reset your password")
	g.view("forgot")
	g.fill("main button", "Check your email", "email", "ada@x.test")
	g.view("check-mail-reset")
	g.open(g.link(mailer.PasswordReset, "ada@x.test"), "Choose a new password")
	g.view("reset")
	g.fill("main button", "Sign in", "newPassword", hostedPassword+" two")
	g.view("sign-in-after-reset")
	g.open("/auth/reset?token=nonsense", "Choose a new password")
	g.fill("main button", "This link no longer works", "newPassword", hostedPassword)
	g.view("dead-link")
	g.open("/auth/sign-in", "Sign in")
	g.fill("button[value=link]", "Check your email", "email", "ada@x.test")
	g.view("check-mail-link")
	g.fill("main button", "Check your email", "mailCode", "000000")
	g.view("check-mail-wrong")
	g.open(g.link(mailer.MagicLink, "ada@x.test"), "Sign in")
	g.view("link")
	g.fill("main button", "Home")
	g.open("/auth/account/two-step", "Two-step sign-in")
	g.view("two-step-off")
	g.fill("main button", "Two-step sign-in", "proofPassword", hostedPassword+" two")
	g.view("two-step-setup")
	var secret string
	g.do(chromedp.Value("input[name=secret]", &secret, chromedp.ByQuery))
	g.fill("main button", "Two-step sign-in", "setUpCode", "000000")
	g.view("two-step-wrong")
	g.fill("main button", "Save your recovery codes", "setUpCode", harness.App{Secret: secret}.Code(g.s.Clock.Now()))
	g.view("recovery-codes")
	g.open("/auth/account/two-step", "Two-step sign-in")
	g.view("two-step-on")
	g.forgetCookies()
	g.open("/auth/sign-in", "Sign in")
	g.fill("form:not([data-passkey]) button", "Confirm it is you", "email", "ada@x.test", "currentPassword", hostedPassword+" two")
	g.view("second-step")
	g.fill("form:not([data-passkey]) button", "Confirm it is you", "factorCode", "000000")
	g.view("second-step-wrong")
	g.s.Clock.Advance(time.Minute)
	g.fill("form:not([data-passkey]) button", "Home", "factorCode", harness.App{Secret: secret}.Code(g.s.Clock.Now()))
	g.s.Clock.Advance(20 * time.Minute)
	g.open("/app/recent", "Confirm it is you")
	g.view("reauthenticate")
	g.open("/auth/nowhere", "Page not found")
	g.view("not-found")
	user, err := g.s.Auth.Users.GetByEmail(context.Background(), "ada@x.test")
	if err == nil {
		err = g.s.Auth.Users.Ban(context.Background(), admit.BanParams{UserID: user.ID, Reason: "test"})
	}
	if err != nil {
		g.t.Fatal(err)
	}
	g.forgetCookies()
	g.open("/auth/sign-in", "Sign in")
	g.fill("form:not([data-passkey]) button", "This account is blocked", "email", "ada@x.test", "currentPassword", hostedPassword+" two")
	g.view("banned")
}
