package e2e_test

import (
	"context"
	"errors"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/oauth"
)

// consoleHeading waits for a page of the console with that heading.
func consoleHeading(text string) chromedp.Action { return shows("<h1><bdi>" + text + "</bdi></h1>") }

// TestConsoleEveryPageIsAccessible puts every page of the console before axe-core, in
// the light and in the dark, and before the eyes of a person where ADMIT_SCREENSHOTS
// names a folder.
func TestConsoleEveryPageIsAccessible(t *testing.T) {
	s, base := consoleHost(t, func(c *admit.Config) {
		c.Providers = []admit.Provider{oauth.Google{ClientID: "id", ClientSecret: "secret"}}
	})
	account(t, s, "root@x.test", "Root", admit.RoleAdmin)
	ada := account(t, s, "ada@x.test", "Ada Lovelace", admit.RoleUser)
	bob := account(t, s, "bob.with.a.rather.long.address.that.breaks@subdomain.example.test", "Bob", "editor")
	s.SignIn("ada@x.test", hostedPassword).Want(200)
	for range 3 {
		s.SignIn("ada@x.test", "not the password").Want(401)
	}
	s.Eventually("the failure stands in the log", func() bool { return len(s.Events(ada.ID, "signin.failed")) > 0 })
	if err := s.Auth.Users.Ban(t.Context(), admit.BanParams{UserID: bob.ID, Reason: "spam"}); err != nil {
		t.Fatal(err)
	}
	org, err := s.Auth.Organizations.Create(t.Context(), admit.CreateOrganizationParams{Name: "Acme", OwnerID: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.Auth.APIKeys.Create(t.Context(), admit.CreateAPIKeyParams{Name: "robot", Type: admit.SecretKey, Scopes: []string{"users:read"}})
	if err != nil {
		t.Fatal(err)
	}
	g := &gallery{t: t, s: s, ctx: openBrowser(t, 1280, 860), base: base, prefix: "console-"}
	g.do(chromedp.Navigate(base+"/console/"), heading("Sign in"))
	g.do(chromedp.SendKeys("#email", "root@x.test", chromedp.ByQuery), chromedp.SendKeys("#currentPassword", hostedPassword+kb.Enter, chromedp.ByQuery), consoleHeading("Overview"))
	g.view("start")
	for _, page := range [][3]string{
		{"people", "/people", "People"}, {"person", "/people/" + ada.ID, "Ada Lovelace"}, {"person-banned", "/people/" + bob.ID, "Bob"}, {"person-new", "/people/new", "Add a person"},
		{"delete", "/people/" + ada.ID + "/delete", "Delete this account?"}, {"ban", "/people/" + ada.ID + "/ban", "Ban this person?"},
		{"keys", "/keys", "API keys"}, {"key-new", "/keys/new", "Make a key"}, {"key-revoke", "/keys/" + made.ID + "/revoke", "Revoke this key?"},
		{"mail", "/mail", "Mail"}, {"settings", "/settings", "Settings"}, {"provider", "/settings/google", "google"},
		{"templates", "/templates", "Mail templates"}, {"template", "/templates/password_reset?locale=de", "New password"},
		{"organizations", "/organizations", "Organizations"}, {"organization", "/organizations/" + org.ID, "Acme"}, {"audit", "/audit", "Audit log"}, {"not-found", "/nothing", "Not found"},
	} {
		g.do(chromedp.Navigate(base+"/console"+page[1]), consoleHeading(page[2]))
		g.view(page[0])
	}
}

// The search begins while an administrator types.
func TestConsoleSearchFollowsTheTyping(t *testing.T) {
	s, base := consoleHost(t)
	account(t, s, "root@x.test", "Root", admit.RoleAdmin)
	account(t, s, "ada@x.test", "Ada Lovelace", admit.RoleUser)
	account(t, s, "bob@x.test", "Bob", admit.RoleUser)
	g := &gallery{t: t, s: s, ctx: openBrowser(t, 1280, 860), base: base}
	g.do(chromedp.Navigate(base+"/console/people"), heading("Sign in"))
	g.do(chromedp.SendKeys("#email", "root@x.test", chromedp.ByQuery), chromedp.SendKeys("#currentPassword", hostedPassword+kb.Enter, chromedp.ByQuery), consoleHeading("People"), shows("3 accounts on this page"))
	g.do(chromedp.SendKeys("#q", "lovel", chromedp.ByQuery), shows("1 account on this page", "ada@x.test"))
	g.do(chromedp.Poll(`location.search.includes("q=lovel")`, nil))
}

// An administrator finds a person and ends its sessions with the keyboard alone, and
// without scripts.
func TestAC184_TheConsoleWorksByKeyboardAloneWithoutScripts(t *testing.T) {
	s, base := consoleHost(t)
	account(t, s, "root@x.test", "Root", admit.RoleAdmin)
	ada := account(t, s, "ada@x.test", "Ada", admit.RoleUser)
	s.SignIn("ada@x.test", hostedPassword).Want(200)
	ctx := openBrowser(t, 390, 844)
	tab := chromedp.KeyEvent(kb.Tab)
	focused := func(selector string) chromedp.Action {
		// The keyboard moves on until it stands on what is looked for.
		return chromedp.ActionFunc(func(ctx context.Context) error {
			for range 80 {
				var there bool
				if err := chromedp.Evaluate("document.activeElement?.matches("+quoted(selector)+") ?? false", &there).Do(ctx); err != nil {
					return err
				}
				if there {
					return nil
				}
				if err := tab.Do(ctx); err != nil {
					return err
				}
			}
			return errors.New("the keyboard does not get to " + selector)
		})
	}
	enter := chromedp.KeyEvent(kb.Enter)
	err := chromedp.Run(ctx,
		emulation.SetScriptExecutionDisabled(true),
		chromedp.Navigate(base+"/console/"), heading("Sign in"),
		chromedp.KeyEvent("root@x.test"), focused("#currentPassword"), chromedp.KeyEvent(hostedPassword), enter, consoleHeading("Overview"),
		focused("nav a[href='/console/people']"), enter, consoleHeading("People"),
		focused("#q"), chromedp.KeyEvent("ada@x.test"), enter, shows("1 account on this page"),
		focused(".rows a"), enter, consoleHeading("Ada"),
		focused("a[href$='/end-sessions']"), enter, consoleHeading("End every session?"),
		focused("#reason"), chromedp.KeyEvent("lost phone"), enter, shows("Every session has ended."),
	)
	if err != nil {
		t.Fatal(err)
	}
	if list, err := s.Auth.Sessions.List(t.Context(), ada.ID, admit.PageParams{Number: 1, Limit: 1}); err != nil || list.Total != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func quoted(text string) string { return `"` + text + `"` }
