package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit/internal/letter"
	"github.com/admit-go/admit/mailer"
)

// outside lists what reaches beyond a phone 320 pixels wide, on either side.
const outside = `[...document.querySelectorAll('body *')].filter(e => e.getClientRects().length && (e.getBoundingClientRect().right > 320.5 || e.getBoundingClientRect().left < -.5))
	.map(e => e.tagName + ' ' + e.textContent.trim().slice(0, 40)).concat(document.documentElement.scrollWidth > 320 ? ['the page scrolls'] : [])`

// unreadable lists the texts whose colours are too close to their ground.
const unreadable = `axe.run({runOnly: ["color-contrast"]}).then(r => r.violations.flatMap(v => v.nodes.map(n => n.html)))`

// inScheme looks at the page in light or dark.
func inScheme(name string, faint *[]string) chromedp.Tasks {
	return chromedp.Tasks{
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}),
		chromedp.Evaluate(unreadable, faint, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
	}
}

// A mail is read on a phone. Neither a long German word, nor an address, nor
// Japanese may push it beyond the screen.
func TestMailEveryMessageFitsAPhone(t *testing.T) {
	ctx := openBrowser(t, 320, 640)
	set, err := letter.New(letter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, time.January, 2, 3, 4, 0, 0, time.UTC)
	values := mailer.Values{
		SiteName: "Rechtsschutzversicherungsgesellschaftenverzeichnis", UserName: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerk",
		UserEmail: "ada@example.com", NewEmail: "a-very-long-mailbox-name-without-any-place-to-break@subdomain.of.a.long.example.com", Verified: true,
		Link: "https://app.example/v1/auth/confirm?token=" + fmt.Sprintf("%0200d", 1), Code: "482915", Device: "Samsung Internet on Android",
		IPAddress: "2001:0db8:85a3:0000:0000:8a2e:0370:7334", At: at, ExpiresAt: at.Add(24 * time.Hour),
	}
	var page string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(page))
	}))
	defer server.Close()
	if err := chromedp.Run(ctx, emulation.SetDeviceMetricsOverride(320, 640, 2, true)); err != nil {
		t.Fatal(err)
	}
	for _, locale := range measured() {
		for _, kind := range mailer.Kinds() {
			for _, codeOnly := range []bool{false, true} {
				v := values
				v.CodeOnly = codeOnly
				if locale == "ja" {
					v.SiteName = "株式会社日本語長名称試験用通信販売総合案内窓口"
				}
				if _, _, page, err = set.Render(kind, locale, v); err != nil {
					t.Fatal(err)
				}
				var beyond, faint, faintInDark []string
				look := chromedp.Tasks{chromedp.Navigate(server.URL), chromedp.Evaluate(outside, &beyond)}
				if locale == "en" { // the colours are the same in all languages
					look = append(look, chromedp.Evaluate(axeCore+"; 1", nil), inScheme("light", &faint), inScheme("dark", &faintInDark))
				}
				if err := chromedp.Run(ctx, look); err != nil {
					t.Fatal(err)
				}
				if faint = append(faint, faintInDark...); len(faint) > 0 {
					t.Errorf("%s %s: hard to read: %q", locale, kind, faint)
				}
				if len(beyond) > 0 {
					t.Errorf("%s %s: beyond the screen: %q", locale, kind, beyond)
				}
				if kind != mailer.MagicLink {
					break // only that one has a code
				}
			}
		}
	}
}
