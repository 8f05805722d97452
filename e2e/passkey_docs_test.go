package e2e_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// fenced returns the first block of a language in a page of docs.
func fenced(t *testing.T, page, language, containing string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(found[1], containing) {
			return found[1]
		}
	}
	t.Fatalf("%s has no block of %s with %q", page, language, containing)
	return ""
}

// The script of docs/passkey.md, as somebody would run it: the reference server
// with the flags of the page, and the page's JavaScript in Chromium.
func TestTheScriptOfThePageOfPasskeysRuns(t *testing.T) {
	const page = "../docs/passkey.md"
	command := strings.TrimSpace(fenced(t, page, "sh", "./examples/server"))
	flags, ok := strings.CutPrefix(command, "go run ./examples/server ")
	if !ok {
		t.Fatalf("the command is %s", command)
	}
	program := filepath.Join(t.TempDir(), "server")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/admit-go/admit/examples/server").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	args := []string{"-addr", "127.0.0.1:0", "-secret-file", filepath.Join(t.TempDir(), "secret"), "-insecure-fast-hash"}
	for flag := range strings.FieldsSeq(flags) {
		args = append(args, strings.Trim(flag, "'"))
	}
	server := exec.Command(program, args...)
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
	base := ""
	for lines := bufio.NewScanner(out); base == "" && lines.Scan(); {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			base = strings.Replace(url, "127.0.0.1", "localhost", 1)
		}
	}
	if base == "" {
		t.Fatal("the server did not start")
	}
	b := openPasskeyBrowser(t, base, "/app/passkeys", nil)
	script := fenced(t, page, "js", "My laptop: Bearer")
	want := strings.TrimSpace(script[strings.LastIndex(script, "//")+2:])
	repl := func(p *runtime.EvaluateParams) *runtime.EvaluateParams {
		return p.WithAwaitPromise(true).WithReplMode(true)
	}
	var got string
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(script, &got, repl)); err != nil || got != want {
		t.Fatalf("the script gives %q, %v; the page says %q", got, err, want)
	}
	// The page of the server, too: a button signs in.
	if err := chromedp.Run(b.ctx, chromedp.Click("#signin"), chromedp.Poll(`document.getElementById("said").textContent.startsWith("Signed in as ann@example.com")`, nil)); err != nil {
		t.Errorf("the page of the server: %v", err)
	}
}
