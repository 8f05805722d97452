package e2e_test

import (
	"context"
	_ "embed"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// openBrowser starts Chromium with an empty profile.
func openBrowser(t *testing.T, width, height int64) context.Context {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("no Chromium: apt-get install chromium")
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(program), chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(int(width), int(height)),
		chromedp.Flag("headless", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, cancel := chromedp.NewContext(allocator)
	ctx, cancelTime := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx)
		cancelTime()
		cancel()
		cancelAllocator()
	})
	return ctx
}

// here turns a link of a mail into one of the test's server.
func here(s *harness.Server, m mailer.Message) string {
	return s.URL + strings.TrimPrefix(m.Values.Link, harness.BaseURL)
}

// press moves to the n-th thing that takes the keyboard and presses Enter.
func press(n int) chromedp.Tasks {
	var tasks chromedp.Tasks
	for range n {
		tasks = append(tasks, chromedp.KeyEvent(kb.Tab))
	}
	return append(tasks, chromedp.KeyEvent(kb.Enter))
}

// heading waits for a page with that heading. It looks again and again, since
// what is looked at may be replaced by the next page meanwhile.
func heading(text string) chromedp.Action { return shows("<h1>" + text + "</h1>") }

// shows waits for a page that holds all of the pieces.
func shows(pieces ...string) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		for {
			var body string
			look, cancel := context.WithTimeout(ctx, 10*time.Second)
			err := chromedp.OuterHTML("body", &body).Do(look)
			cancel()
			if err == nil && !slices.ContainsFunc(pieces, func(p string) bool { return !strings.Contains(body, p) }) {
				return nil
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("no page with %q, but %s", pieces, body)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}

//go:embed testdata/axe-core/axe.min.js
var axeCore string

// axe looks at the page that is shown with axe-core and fails for what it finds.
func axe(t *testing.T) chromedp.Action {
	return chromedp.ActionFunc(func(ctx context.Context) error {
		var found []string
		err := chromedp.Tasks{
			chromedp.Evaluate(axeCore+"; 1", nil),
			chromedp.Evaluate(`axe.run({resultTypes: ["violations"]}).then(r => r.violations.flatMap(v =>
				v.nodes.map(n => document.title + ": " + v.id + ", " + v.help + ": " + n.html)))`, &found,
				func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }),
		}.Do(ctx)
		for _, problem := range found {
			t.Error(problem)
		}
		return err
	})
}

// AC-184: the pages work with the keyboard alone, on a phone and in the dark.
// Their policy allows no script, so there is none to switch off.
func TestAC184_PagesWorkWithoutScriptsByKeyboardAlone(t *testing.T) {
	s := harness.New(t)
	ctx := openBrowser(t, 390, 844)
	if err := chromedp.Run(ctx, emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}})); err != nil {
		t.Fatal(err)
	}
	p := s.SignUp("a@x.test")
	link := here(s, letterTo(s, mailer.SignupConfirmation, "a@x.test"))
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Confirm your address"), press(1), heading("Your address is confirmed"), axe(t)); err != nil {
		t.Fatal(err)
	}
	if s.Me(p.Access).Want(200).String("emailVerified") == "" {
		t.Error("the button did not confirm the address")
	}

	resetToken(s, "a@x.test")
	link = here(s, letterTo(s, mailer.PasswordReset, "a@x.test"))
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Choose a new password"),
		chromedp.SendKeys("#newPassword", "password123"), chromedp.KeyEvent(kb.Enter),
		shows(`role="alert"`, "too easy to guess"), axe(t), chromedp.SendKeys("#newPassword", otherPassword), chromedp.KeyEvent(kb.Enter),
		heading("Your password is set"), axe(t)); err != nil {
		t.Fatal(err)
	}
	s.SignIn("a@x.test", otherPassword).Want(200)

	q := s.SignUp("b@x.test")
	link = here(s, letterTo(s, mailer.SignupConfirmation, "b@x.test"))
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Confirm your address"), press(2), heading("Delete this account?"), axe(t)); err != nil {
		t.Fatal(err)
	}
	s.Me(q.Access).Want(200)
	if err := chromedp.Run(ctx, press(1), heading("The account was deleted"), axe(t)); err != nil {
		t.Fatal(err)
	}
	s.Dead(q.Tokens)

	s.SignUp("e@x.test")
	link = here(s, letterTo(s, mailer.SignupConfirmation, "e@x.test"))
	s.Clock.Advance(24 * time.Hour)
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("That did not work"), axe(t),
		press(1), heading("Check your mail"), axe(t)); err != nil {
		t.Fatal(err)
	}
	letterTo(s, mailer.SignupConfirmation, "e@x.test")

	person := verified(s, "c@x.test")
	moveTo(s, person, "d@x.test")
	link = here(s, letterTo(s, mailer.EmailChanged, "c@x.test"))
	if err := chromedp.Run(ctx, chromedp.Navigate(link), heading("Take the change of address back"), press(1), heading("Your address is back"), axe(t)); err != nil {
		t.Fatal(err)
	}
}

// The pages have what assistive programs go by (axe-core finds nothing), hold no
// script, and fit.
func TestPagesAreAccessible(t *testing.T) {
	s := harness.New(t)
	ctx := openBrowser(t, 1280, 900)
	s.Do("POST", "/v1/auth/email/signup", harness.J{"method": "magiclink", "email": "a@x.test"}).Want(201)
	magic := strings.TrimPrefix(here(s, letterTo(s, mailer.MagicLink, "a@x.test")), s.URL)
	pages := []string{
		"/v1/auth/signup/email/confirm?token=x&email=a%40x.test", "/v1/auth/email/verify/confirm?token=x&email=a%40x.test",
		"/v1/auth/email/verify/undo?token=x", "/v1/auth/password/reset/confirm?token=x&email=a%40x.test",
		"/v1/auth/email/callback?token=x", magic,
	}
	for _, scheme := range []string{"light", "dark"} {
		for _, page := range pages {
			var problems []string
			tasks := chromedp.Tasks{
				emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
				chromedp.Navigate(s.URL + page), shows("<h1>"),
				chromedp.Evaluate(`[
					document.documentElement.lang ? "" : "no language",
					document.title ? "" : "no title",
					document.querySelectorAll("h1").length === 1 ? "" : "not one heading",
					document.querySelector("main") ? "" : "no main part",
					[...document.querySelectorAll("input:not([type=hidden])")].every(i => i.labels.length) ? "" : "a field without a label",
					document.scripts.length ? "a script" : "",
					document.documentElement.scrollWidth > innerWidth ? "wider than the window" : "",
				].filter(Boolean)`, &problems),
			}
			if err := chromedp.Run(ctx, tasks, axe(t)); err != nil {
				t.Fatalf("%s: %v", page, err)
			}
			for _, problem := range problems {
				t.Errorf("%s, %s: %s", page, scheme, problem)
			}
		}
	}
}
