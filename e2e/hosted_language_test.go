package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/oauth"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/store"
)

// spoken are the languages that are built in.
var spoken = []string{"ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh"}

// shownPage is a page that a person was shown.
type shownPage struct{ name, html string }

// tour walks through the pages and their states in one language.
func tour(t *testing.T, language string) (s *harness.Server, base string, shown []shownPage) {
	t.Helper()
	s, base = hostedHost(t, &pages.Pages{APIKeys: true, Brand: pages.Brand{Name: "Notebook", Support: "help@x.test", Terms: "/terms", Privacy: "/privacy"}},
		func(c *admit.Config) {
			c.Passwords.RequireUppercase, c.Passwords.RequireSpecialChars = true, true
			c.Providers = []admit.Provider{oauth.GitHub{ClientID: "web", ClientSecret: "dev"}}
		})
	const password = "Hedge orbit, lantern"
	p := newPerson(t, base)
	p.client.Transport = speaking{language, http.DefaultTransport}
	see := func(name string, page *person) {
		t.Helper()
		shown = append(shown, shownPage{name, page.body})
		if page.status >= 500 || !strings.Contains(page.body, `<html lang="`+language+`"`) || strings.Contains(page.body, `dir="rtl"`) != (language == "ar") {
			t.Fatalf("%s in %s: status %d\n%s", name, language, page.status, page.body)
		}
	}
	email := "ada.lovelace.of.the.analytical.engine@mail.example.test"
	see("sign-in", p.open("/auth/sign-in"))
	see("sign-in-wrong", p.send("/auth/sign-in", "email", email, "currentPassword", "wrong"))
	see("sign-up", p.open("/auth/sign-up"))
	see("sign-up-weak", p.send("/auth/sign-up", "name", "Ada Lovelace", "email", email, "newPassword", "password"))
	p.send("/auth/sign-up", "name", "Ada Lovelace", "email", email, "newPassword", password)
	for _, page := range []string{"account", "account/name", "account/email", "account/password", "account/devices", "account/picture", "account/links", "account/notifications", "account/preferences", "account/keys", "account/export", "account/delete"} {
		see(strings.ReplaceAll(page, "/", "-"), p.open("/auth/"+page))
	}
	see("account-picture-none", p.sendFile("/auth/account/picture", "picture", "", nil, nil))
	see("account-picture-wrong", p.sendFile("/auth/account/picture", "picture", "x.png", []byte("x"), nil))
	see("account-preferences-wrong", p.send("/auth/account/preferences", "timezone", "x"))
	see("account-notifications-done", p.send("/auth/account/notifications", "securityAlerts", "true"))
	see("account-keys-new", p.send("/auth/account/keys", "action", "make", "keyName", "A", "keyDays", "365"))
	see("account-delete-unsure", p.send("/auth/account/delete"))
	see("account-deleted", p.open("/auth/account-deleted"))
	see("verify", p.open("/auth/verify"))
	see("check-mail-verify", p.send("/auth/verify"))
	link := func(kind mailer.Kind) string { return strings.TrimPrefix(letterTo(s, kind, email).Values.Link, base) }
	confirm := link(mailer.SignupConfirmation)
	see("mailed-confirm", p.open(confirm))
	path, _, _ := strings.Cut(confirm, "?")
	see("mailed-disown", p.send(path, "action", "disown"))
	see("confirmed", p.open(confirm).send(path))
	see("mailed-again", p.open(confirm))
	see("organizations", p.open("/auth/organizations"))
	p.send("/auth/organizations", "action", "create", "teamName", "A")
	team := p.at.Query().Get("id")
	see("organization", p.open("/auth/organization?id="+team))
	see("organization-last-owner", p.send("/auth/organization", "id", team, "action", "leave"))
	see("organization-invitations", p.open("/auth/organization/invitations?id="+team))
	see("organization-invitations-link", p.send("/auth/organization/invitations", "id", team, "action", "link", "role", "member", "uses", "3"))
	see("organizations-one", p.open("/auth/organizations"))
	see("account-password-wrong", p.open("/auth/account/password").send("/auth/account/password", "currentPassword", "wrong", "newPassword", password+"2"))
	see("account-two-step-off", p.open("/auth/account/two-step"))
	see("account-two-step-setup", p.send("/auth/account/two-step", "action", "begin", "proofPassword", password))
	see("account-two-step-wrong", p.send("/auth/account/two-step", "action", "confirm", "setUpCode", "000000"))
	_, rest, _ := strings.Cut(p.body, `name="secret" value="`)
	secret, _, _ := strings.Cut(rest, `"`)
	see("recovery-codes", p.send("/auth/account/two-step", "action", "confirm", "setUpCode", harness.App{Secret: secret}.Code(s.Clock.Now())))
	see("account-two-step-on", p.open("/auth/account/two-step"))
	see("sign-out", p.open("/auth/sign-out"))
	see("signed-out", p.send("/auth/sign-out"))
	see("second-step", p.open("/auth/sign-in").send("/auth/sign-in", "email", email, "currentPassword", password))
	see("second-step-wrong", p.send("/auth/second-step", "factorCode", "000000"))
	s.Clock.Advance(time.Minute)
	p.send("/auth/second-step", "factorCode", harness.App{Secret: secret}.Code(s.Clock.Now()), "remember", "true")
	see("account-two-step-devices", p.open("/auth/account/two-step"))
	s.Clock.Advance(20 * time.Minute)
	see("reauthenticate", p.open("/app/recent"))
	p.open("/auth/sign-out").send("/auth/sign-out")
	see("forgot", p.open("/auth/forgot"))
	see("forgot-wrong", p.send("/auth/forgot", "email", "nobody"))
	see("check-mail-reset", p.send("/auth/forgot", "email", email))
	see("reset", p.open(link(mailer.PasswordReset)))
	see("reset-weak", p.send("/auth/reset", "newPassword", "short"))
	see("sign-in-after-reset", p.send("/auth/reset", "newPassword", password+"3"))
	see("dead-link", p.open("/auth/reset?token=nonsense").send("/auth/reset", "newPassword", password))
	see("check-mail-link", p.open("/auth/sign-in").send("/auth/sign-in", "action", "link", "email", email))
	see("check-mail-wrong", p.send("/auth/check-mail", "mailCode", "000000"))
	see("link", p.open(link(mailer.MagicLink)))
	see("not-found", p.open("/auth/nowhere"))
	see("error", p.ask("POST", "/auth/forgot", url.Values{"email": {email}}, func(h http.Header) {
		h.Set("Origin", "https://evil.test")
		h.Set("Sec-Fetch-Site", "cross-site")
	}))
	for i := range 20 {
		if p.open("/auth/sign-in").send("/auth/sign-in", "email", email, "currentPassword", fmt.Sprint(i)); p.status == http.StatusTooManyRequests {
			break
		}
	}
	see("too-many", p)
	s.Clock.Advance(24 * time.Hour)
	user, err := s.Auth.Users.GetByEmail(context.Background(), email)
	if err == nil {
		err = s.Auth.Users.Ban(context.Background(), admit.BanParams{UserID: user.ID, Reason: "test"})
	}
	if err != nil {
		t.Fatal(err)
	}
	see("banned", p.open("/auth/sign-in").send("/auth/sign-in", "email", email, "currentPassword", password+"3"))
	return s, base, shown
}

// speaking sends an Accept-Language with every request.
type speaking struct {
	language string
	http.RoundTripper
}

func (s speaking) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Set("Accept-Language", s.language)
	return s.RoundTripper.RoundTrip(r)
}

// squeezed lists what is cut off or reaches beyond the screen, on either side.
const squeezed = `[...document.querySelectorAll('body *')].filter(e => e.getClientRects().length && !e.closest('[hidden]') && !['OPTION', 'SELECT'].includes(e.tagName)
	&& (e.getBoundingClientRect().right > innerWidth + .5 || e.getBoundingClientRect().left < -.5 || e.scrollWidth > e.clientWidth + 1 && e.clientWidth && e.tagName !== 'INPUT' && getComputedStyle(e).display !== 'inline'))
	.map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 40)).concat(document.documentElement.scrollWidth > innerWidth ? ['the page scrolls'] : [])`

// measured are the languages in which texts are measured: one from right to left, that
// with the longest words, one without spaces, and that of the texts in Go. With
// LANGUAGES=all, which `.ci/long languages` sets, all are.
func measured() []string {
	if os.Getenv("LANGUAGES") == "all" {
		return spoken
	}
	return []string{"ar", "de", "en", "ja"}
}

// No text of any page is cut off, or pushes the page beyond a phone 320 pixels wide,
// in any language that is measured. ADMIT_SCREENSHOTS names a folder for pictures, and ADMIT_LANGUAGES
// the languages of which there are pictures of every look, such as "ar,de".
func TestHostedEveryPageFitsAPhone(t *testing.T) {
	ctx := openBrowser(t, 320, 640)
	if err := chromedp.Run(ctx); err != nil { // the servers count goroutines, which the browser has too
		t.Fatal(err)
	}
	photographed := strings.Split(cmp.Or(os.Getenv("ADMIT_LANGUAGES"), "ar,de,ja"), ",")
	for _, language := range measured() {
		_, base, shown := tour(t, language)
		to, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		var page string
		assets := httputil.NewSingleHostReverseProxy(to)
		assets.Transport = &http.Transport{DisableKeepAlives: true} // nothing waits when the test has ended
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				assets.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = w.Write([]byte(page))
		}))
		for _, one := range shown {
			page = strings.ReplaceAll(one.html, "defer></script>", "></script>")
			var cut []string
			if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(320, 640, 1, true), chromedp.Navigate(server.URL), chromedp.Evaluate(squeezed, &cut)); err != nil {
				t.Fatal(err)
			}
			if len(cut) > 0 {
				t.Errorf("%s in %s: %q", one.name, language, cut)
			}
			folder := shots()
			if folder == "" {
				continue
			}
			for _, l := range looks {
				if l.width == 320 || !slices.Contains(photographed, language) {
					continue
				}
				scheme := "light"
				if l.dark {
					scheme = "dark"
				}
				var picture []byte
				err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(l.width, l.height, 1, l.width < 500),
					emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
					chromedp.Navigate(server.URL), chromedp.FullScreenshot(&picture, 100))
				if err == nil {
					err = os.MkdirAll(folder, 0o755)
				}
				if err == nil {
					err = os.WriteFile(filepath.Join(folder, language+"-"+one.name+"-"+l.name+".png"), picture, 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
		}
		server.Close()
	}
}

// No page in another language has a sentence of the English page.
func TestHostedNoPageMixesLanguages(t *testing.T) {
	_, _, english := tour(t, "en")
	for _, language := range spoken {
		if language == "en" {
			continue
		}
		_, _, shown := tour(t, language)
		if len(shown) != len(english) {
			t.Fatalf("%s shows %d pages, English %d", language, len(shown), len(english))
		}
		for i, page := range shown {
			for line := range strings.SplitSeq(english[i].html, "\n") {
				sentence := textOf(line)
				if strings.Count(sentence, " ") >= 2 && !strings.Contains(line, "<option") && strings.Contains(page.html, ">"+sentence+"<") {
					t.Errorf("%s in %s says %q", page.name, language, sentence)
				}
			}
		}
	}
}

// textOf is the text of the first element of a line.
func textOf(line string) string {
	_, rest, _ := strings.Cut(line, ">")
	text, _, _ := strings.Cut(rest, "<")
	return strings.TrimSpace(text)
}

// The errors of the API speak the language of the request, and say nothing about an
// account by it.
func TestTheErrorsOfTheAPISpeakTheLanguageOfTheRequest(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	s.Change(p.ID, func(u *store.User) { u.Locale = "ja" })
	for accepted, want := range map[string][2]string{
		"":                  {"en", "The address or the password is wrong."},
		"de-AT,de;q=0.9":    {"de", "Die Adresse oder das Passwort ist falsch."},
		"ar":                {"ar", "العنوان أو كلمة المرور غير صحيحة."},
		"nl,zh-CN;q=0.5":    {"zh", "邮箱地址或密码不正确。"},
		"nl":                {"en", "The address or the password is wrong."},
		"<script>;q=1,'\"&": {"en", "The address or the password is wrong."},
	} {
		for _, email := range []string{"a@x.test", "nobody@x.test"} {
			answer := s.Do("POST", "/v1/auth/email/signin", harness.J{"method": "password", "email": email, "password": "wrong password"}, harness.Header("Accept-Language", accepted)).Want(401)
			if got := answer.Header.Get("Content-Language"); got != want[0] || !strings.Contains(string(answer.Body), `"message":"`+want[1]+`"`) ||
				!strings.Contains(strings.Join(answer.Header.Values("Vary"), ","), "Accept-Language") || answer.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%q for %s: %q, %s", accepted, email, got, answer.Body)
			}
		}
	}
	english := harness.New(t, func(c *admit.Config) { c.Languages.EnglishErrors = true })
	answer := english.Do("GET", "/v1/auth/me", nil, harness.Header("Accept-Language", "de")).Want(401)
	if !strings.Contains(string(answer.Body), "Please sign in.") || answer.Header.Get("Content-Language") != "" {
		t.Errorf("%s", answer.Body)
	}
}
