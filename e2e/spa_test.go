package e2e_test

import (
	"bufio"
	"context"
	"encoding/base32"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/internal/totp"
)

const spaFolder = "../examples/spa/web"

// vite runs Vite in the folder of the app in examples/spa.
func vite(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	const program = "node_modules/vite/bin/vite.js"
	if _, err := os.Stat(filepath.Join(spaFolder, program)); err != nil {
		t.Skip("the packages of the app in React are missing: install Node.js 20 and npm, and run npm --prefix examples/spa/web ci")
	}
	command := node(t)
	ctx, cancel := context.WithTimeout(context.Background(), 4*harness.Patience)
	t.Cleanup(cancel)
	command = exec.CommandContext(ctx, command.Path, append([]string{program}, args...)...)
	command.Dir, command.Env = spaFolder, append(os.Environ(), "NO_COLOR=1")
	return command
}

// The app of examples/spa, as it is built and served by Go.
func TestTheAppInReactWorksFromTheServer(t *testing.T) {
	dist := t.TempDir()
	if out, err := vite(t, "build", "--emptyOutDir", "--outDir", dist).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	base := exampleProgram(t, "spa", "-dist", dist)
	useNotes(t, base, base+"/any/page")
}

// The app of examples/spa, as it is developed: Vite serves the pages, and passes the
// API on.
func TestTheAppInReactWorksBehindVite(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	origin := fmt.Sprintf("http://127.0.0.1:%d", port)
	base := exampleProgram(t, "spa", "-vite", origin)
	_ = listener.Close()
	command := vite(t, "--host", "127.0.0.1", "--strictPort", "--port", fmt.Sprint(port))
	command.Env = append(command.Env, "API="+base)
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.Contains(lines.Text(), "Local") {
			useNotes(t, base, origin)
			return
		}
	}
	t.Fatal("Vite did not start")
}

// useNotes signs up, writes a note, signs out, and signs in with a second factor.
func useNotes(t *testing.T, base, page string) {
	ctx := openBrowser(t, 390, 800)
	heading := func(text string) chromedp.Action { return chromedp.WaitVisible(`//p[contains(., "` + text + `")]`) }
	button := func(text string) chromedp.Action { return chromedp.Click(`//button[.="` + text + `"]`) }
	field := func(name, value string) chromedp.Action {
		input := `input[name="` + name + `"]`
		return chromedp.Tasks{
			chromedp.WaitVisible(input, chromedp.ByQuery), chromedp.Evaluate(`document.querySelector('`+input+`').value = ""`, nil), chromedp.SendKeys(input, value, chromedp.ByQuery),
		}
	}
	var said, held string
	err := chromedp.Run(ctx,
		chromedp.Navigate(page), button("I am new here"),
		field("name", "Ann"), field("email", "ann@example.com"), field("password", "short"), button("Sign up"),
		chromedp.WaitVisible(`[role=alert]`, chromedp.ByQuery), chromedp.Text(`[role=alert]`, &said, chromedp.ByQuery),
		field("password", "quiet harbour lamp"), button("Sign up"),
		heading("Notes of Ann"), field("note", "<b>buy milk</b>"), button("Add"),
		chromedp.WaitVisible(`//li[.="<b>buy milk</b>"]`),
		chromedp.Reload(), chromedp.WaitVisible(`//li[.="<b>buy milk</b>"]`),
		chromedp.Evaluate(`document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)`, &held),
	)
	if err != nil {
		t.Fatal(err)
	}
	if said == "" || held != "{}{}" {
		t.Errorf("a short password is answered with %q, and scripts can read %s", said, held)
	}
	code := enrollInPage(ctx, t)
	err = chromedp.Run(ctx,
		button("Sign out"), field("email", "ann@example.com"), field("password", "wrong"), button("Sign in"),
		chromedp.WaitVisible(`[role=alert]`, chromedp.ByQuery),
		field("password", "quiet harbour lamp"), button("Sign in"),
		field("code", code), button("Continue"), chromedp.WaitVisible(`//li[.="<b>buy milk</b>"]`),
		// The session ends elsewhere: the next request leads to the form.
		chromedp.Evaluate(`fetch('/v1/auth/signout', { method: 'POST' }).then((a) => String(a.status))`, &said, awaited),
		field("note", "too late"), button("Add"), chromedp.WaitVisible(`input[name="email"]`, chromedp.ByQuery),
	)
	if err != nil || said != "200" {
		t.Errorf("signing in again: %v, %s", err, said)
	}
	stranger, err := http.Get(base + "/api/notes")
	if err != nil {
		t.Fatal(err)
	}
	_ = stranger.Body.Close()
	if stranger.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger reads the notes: %d", stranger.StatusCode)
	}
}

func awaited(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }

// enrollInPage turns the second factor on by the API, with the cookie of the page, and
// returns a recovery code.
func enrollInPage(ctx context.Context, t *testing.T) string {
	t.Helper()
	ask := func(path, body string, to any) {
		t.Helper()
		script := fmt.Sprintf(`fetch('/v1/auth/mfa/%s', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '%s' }).then((a) => a.json())`, path, body)
		if err := chromedp.Run(ctx, chromedp.Evaluate(script, to, awaited)); err != nil {
			t.Fatal(err)
		}
	}
	var begun struct{ Secret string }
	ask("enable", `{"password":"quiet harbour lamp"}`, &begun)
	secret, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(begun.Secret)
	if err != nil {
		t.Fatalf("the secret %q: %v", begun.Secret, err)
	}
	code, err := totp.Code(secret, totp.Step(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	var done struct{ BackupCodes []string }
	if ask("confirm", `{"code":"`+code+`"}`, &done); len(done.BackupCodes) == 0 {
		t.Fatal("no recovery codes")
	}
	return done.BackupCodes[0]
}
