package e2e_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/pages"
)

// A person adds a passkey on the account page, and signs in with it by the button
// and by the autofill of the address.
func TestHostedAPasskeyIsAddedAndSignsIn(t *testing.T) {
	s, base := hostedHost(t, &pages.Pages{})
	b := openPasskeyBrowser(t, base, "/auth/sign-up", nil)
	limited, cancel := context.WithTimeout(b.ctx, harness.Patience)
	defer cancel()
	b.ctx = limited
	g := &gallery{t: t, s: s, ctx: b.ctx, base: base}
	g.fill("main button", "Home", "name", "Ada", "email", "ada@x.test", "newPassword", hostedPassword)
	// A passkey needs a confirmed address.
	g.open("/auth/account/passkeys", "Confirm your address first")
	user, err := s.Auth.Users.GetByEmail(t.Context(), "ada@x.test")
	if err == nil {
		err = s.Auth.Users.Verify(t.Context(), user.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	g.open("/auth/account/passkeys", "Passkeys")
	g.fill("form[data-passkey] button", "Passkeys", "passkeyName", "Test key")
	g.do(shows("The passkey was added", "Test key", "Added"))
	g.view("account-passkeys-one")
	g.open("/auth/sign-out?return_to=/app/page", "Sign out?")
	// The virtual authenticator answers the autofill of the sign-in page by itself.
	g.do(chromedp.Click("main button", chromedp.ByQuery), heading("Hello Ada"))

	g.forgetCookies()
	g.do(chromedp.ActionFunc(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, false).Do(ctx)
	}))
	g.open("/auth/sign-in?return_to=/app/page", "Sign in")
	g.do(chromedp.WaitVisible("form[data-passkey] button", chromedp.ByQuery), chromedp.ActionFunc(func(ctx context.Context) error {
		return webauthn.SetAutomaticPresenceSimulation(b.authenticator, true).Do(ctx)
	}), chromedp.Click("form[data-passkey] button", chromedp.ByQuery), heading("Hello Ada"))
}

// The pages work with the keyboard alone, and without scripts.
func TestAC184_HostedPagesWorkByKeyboardAloneWithoutScripts(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	ctx := openBrowser(t, 390, 844)
	tab := chromedp.KeyEvent(kb.Tab)
	var times string
	err := chromedp.Run(ctx,
		emulation.SetScriptExecutionDisabled(true),
		chromedp.Navigate(base+"/app/page"), heading("Sign in"),
		// The address has the keyboard; the link to sign up is the last but none.
		tab, tab, tab, tab, tab, chromedp.KeyEvent(kb.Enter), heading("Create your account"),
		chromedp.KeyEvent("Ada"), tab, chromedp.KeyEvent("ada@x.test"), tab, chromedp.KeyEvent(hostedPassword), chromedp.KeyEvent(kb.Enter), heading("Hello Ada"),
		chromedp.Navigate(base+"/auth/account/devices"), heading("Your devices"), chromedp.Text("time", &times, chromedp.ByQuery),
		chromedp.Navigate(base+"/auth/account/name"), heading("Change your name"), chromedp.KeyEvent(" Lovelace"), chromedp.KeyEvent(kb.Enter),
		shows("Your name was changed", "Lovelace"),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(times, "UTC") {
		t.Errorf("without a script, a time is %q", times)
	}
}

// With the script, a time is in the zone of the reader, and two clicks send a form
// once.
func TestHostedTheScriptShowsTimesInTheZoneOfTheReader(t *testing.T) {
	_, base := hostedHost(t, &pages.Pages{})
	ctx := openBrowser(t, 390, 844)
	var times, title string
	var twice bool
	err := chromedp.Run(ctx, emulation.SetTimezoneOverride("Asia/Tokyo"),
		chromedp.Navigate(base+"/auth/sign-up"), heading("Create your account"),
		chromedp.SendKeys("#name", "Ada", chromedp.ByQuery), chromedp.SendKeys("#email", "ada@x.test", chromedp.ByQuery),
		chromedp.SendKeys("#newPassword", hostedPassword+kb.Enter, chromedp.ByQuery), heading("Home"),
		chromedp.Navigate(base+"/auth/account/devices"), heading("Your devices"),
		chromedp.Text("time", &times, chromedp.ByQuery), chromedp.AttributeValue("time", "title", &title, nil, chromedp.ByQuery),
		chromedp.Navigate(base+"/auth/account/name"), heading("Change your name"),
		chromedp.Evaluate(`(() => {
			const form = document.querySelector("main form");
			let sent = 0;
			addEventListener("submit", (e) => { if (!e.defaultPrevented) sent++; e.preventDefault(); });
			form.requestSubmit(); form.requestSubmit();
			return sent === 1;
		})()`, &twice),
	)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(times, "12:04") || strings.Contains(times, "UTC") || !strings.Contains(title, "03:04 UTC") {
		t.Errorf("the time is %q, its title %q", times, title)
	}
	if !twice {
		t.Error("two clicks send a form twice")
	}
}
