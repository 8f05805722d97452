package e2e_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// exampleServer starts examples/server on a free port and returns its URL.
func exampleServer(t *testing.T, flags ...string) string {
	t.Helper()
	return exampleProgram(t, "server", append([]string{"-secret-file", filepath.Join(t.TempDir(), "secret"), "-insecure-fast-hash"}, flags...)...)
}

// exampleProgram starts a program of examples on a free port, in a folder of its own,
// and returns the URL that it prints.
func exampleProgram(t *testing.T, name string, flags ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), name)
	if out, err := exec.Command("go", "build", "-o", program, "github.com/admit-go/admit/examples/"+name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	server := exec.Command(program, append([]string{"-addr", "127.0.0.1:0"}, flags...)...)
	server.Dir = t.TempDir()
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			return url
		}
	}
	t.Fatal("the server did not start")
	return ""
}

// The code of docs/app-react.md, in a page of a server with cookies.
func TestTheScriptsOfThePageOfReactRun(t *testing.T) {
	const page = "../docs/app-react.md"
	script := strings.ReplaceAll(fenced(t, page, "js", "X-Session-Mode"), "export const", "var")
	script = strings.Replace(script, "async function call", "var call = async function", 1)
	base := exampleServer(t, "-store", "memory:", "-cookies")
	ctx := openBrowser(t, 1280, 900)
	repl := func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true).WithReplMode(true)
	}
	var got string
	err := chromedp.Run(ctx, chromedp.Navigate(base+"/app/passkeys"), chromedp.Evaluate(script+`
		var said = [await me()]
		said.push((await signUp('ann@example.com', 'quiet harbour lamp', 'Ann')).user.name, (await me()).email)
		await signOut()
		said.push(await me(), (await signIn('ann@example.com', 'quiet harbour lamp')).user.name)
		said.push(await signIn('ann@example.com', 'wrong').catch((error) => error.code), document.cookie)
		JSON.stringify(said)`, &got, repl))
	if want := `[null,"Ann","ann@example.com",null,"Ann","auth/invalid-credentials",""]`; err != nil || got != want {
		t.Errorf("the page of React gives %s, %v, want %s", got, err, want)
	}
	parsed(t, fenced(t, page, "js", "useState"))
	parsed(t, fenced(t, page, "js", "proxy"))
}

func TestTheScriptOfThePageOfProvidersIsJavaScript(t *testing.T) {
	parsed(t, fenced(t, "../docs/oauth.md", "js", "code_challenge"))
}

// parsed demands that a module of JavaScript has no error of syntax.
func parsed(t *testing.T, module string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "module.mjs")
	if err := os.WriteFile(name, []byte(module), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := node(t, "--check", name).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func node(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := exec.LookPath("node")
	if err != nil {
		t.Skip("no node: apt-get install nodejs")
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	t.Cleanup(cancel)
	return exec.CommandContext(ctx, program, args...)
}

// The code of docs/app-mobile.md: two requests find the access token expired and
// refresh once, a second start of the app goes on with the stored token, and the
// app signs out when the access token has expired.
func TestTheScriptOfThePageOfMobileAppsRuns(t *testing.T) {
	s := harness.New(t, func(c *admit.Config) { c.AllowedRedirects = []string{"myapp://welcome"} })
	folder := t.TempDir()
	for name, text := range map[string]string{"session.mjs": fenced(t, "../docs/app-mobile.md", "js", "class Session"), "run.mjs": `
import { createInterface } from 'node:readline'
import { Session } from './session.mjs'
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const pause = async (what) => { console.log(what); await lines.next() }
let kept = null, stored = 0
const keychain = { get: async () => kept, set: async (t) => { kept = t; stored++ }, remove: async () => { kept = null } }
const app = new Session(process.argv[2], keychain)
await app.signUp('ann@x.test', 'Kupfer-Wolke-7319', 'Ann')
await pause('signed up')
const both = await Promise.all([app.fetch('/v1/auth/me'), app.fetch('/v1/auth/sessions')])
await pause('after an hour ' + both.map((a) => a.status) + ' ' + stored)
const again = new Session(process.argv[2], keychain)
await pause('after a start ' + (await again.fetch('/v1/auth/me')).status)
await again.signOut()
const refused = await app.fetch('/v1/auth/me').catch((error) => error.code)
await pause('signed out ' + kept + ' ' + refused)
process.exit(0)
`} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	app := node(t, filepath.Join(folder, "run.mjs"), s.URL)
	in, err := app.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := app.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	app.Stderr = os.Stderr
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"signed up", "after an hour 200,200 2", "after a start 200", "signed out null signed-out"} {
		if !lines.Scan() || lines.Text() != want {
			t.Errorf("the app says %q, want %q", lines.Text(), want)
		}
		s.Clock.Advance(2 * time.Hour) // the access token has expired
		if _, err := in.Write([]byte("\n")); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Wait(); err != nil {
		t.Error(err)
	}
}
