package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/e2e/harness"
)

// printed is what a program prints; safe while it runs.
type printed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (p *printed) Write(line []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(line)
}

// waitFor waits until the program has printed what the pattern matches, and
// returns the first group.
func (p *printed) waitFor(t *testing.T, pattern string) string {
	t.Helper()
	for deadline := time.Now().Add(harness.Patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		p.mu.Lock()
		found := regexp.MustCompile(pattern).FindStringSubmatch(p.text.String())
		p.mu.Unlock()
		if found != nil {
			return found[1]
		}
	}
	t.Fatalf("the program has not printed %s, but:\n%s", pattern, p.text.String())
	return ""
}

// quickstart builds examples/quickstart, for another port than 8080, which others
// may use.
func quickstart(t *testing.T, folder, address string) (program string) {
	t.Helper()
	source, err := filepath.Abs("../examples/quickstart/main.go")
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	moved, program := filepath.Join(folder, "main.go"), filepath.Join(folder, "quickstart")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{source: moved}})
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{moved: bytes.ReplaceAll(text, []byte("127.0.0.1:8080"), []byte(address)), filepath.Join(folder, "overlay.json"): overlay} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.Command("go", "build", "-overlay", filepath.Join(folder, "overlay.json"), "-o", program, "github.com/admit-go/admit/examples/quickstart")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// transcript plays the commands of blocks in one shell, and compares what each
// prints with what the README says. A word that ends in "…" stands for any other.
func transcript(t *testing.T, folder, address string, blocks ...string) {
	t.Helper()
	var script strings.Builder
	var want []string
	for _, block := range blocks {
		goesOn := false
		for line := range strings.Lines(block) {
			line = strings.NewReplacer("127.0.0.1:8080", address, "/tmp/tokens", filepath.Join(folder, "tokens")).Replace(line)
			command, isCommand := strings.CutPrefix(line, "$ ")
			switch {
			case isCommand:
				script.WriteString("\nprintf '\\n\\001\\n'\n" + command)
				want = append(want, "")
			case goesOn:
				script.WriteString(line)
			default:
				want[len(want)-1] += line
			}
			goesOn = (isCommand || goesOn) && strings.HasSuffix(line, "\\\n")
		}
	}
	out, err := exec.Command("bash", "-c", script.String()).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script.String(), out)
	}
	got := strings.Split(string(out), "\n\001\n")[1:]
	if len(got) != len(want) || len(want) == 0 {
		t.Fatalf("%d commands were played, want %d:\n%s", len(got), len(want), out)
	}
	for i, text := range want {
		pattern := "^" + regexp.MustCompile(`\w+…`).ReplaceAllString(regexp.QuoteMeta(strings.TrimSpace(text)), `[\w.-]+`) + "$"
		if !regexp.MustCompile(pattern).MatchString(strings.TrimSpace(got[i])) {
			t.Errorf("command %d prints\n%s\nand the README says\n%s", i+1, got[i], text)
		}
	}
}

// TestTheTranscriptOfTheReadmeRuns plays the first ten minutes: every command, the
// mail and its page, and the second start.
func TestTheTranscriptOfTheReadmeRuns(t *testing.T) {
	for _, program := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: apt-get install %[1]s", program)
		}
	}
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, found := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, found[1])
	}
	if len(blocks) != 4 || !strings.HasPrefix(blocks[0], "$ go run ./examples/quickstart\n") {
		t.Fatalf("the README has %d transcripts, and this test knows four, the first of which starts the server", len(blocks))
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	program := quickstart(t, folder, address)
	start := func() (*printed, func()) {
		out := &printed{}
		server := exec.Command(program)
		server.Dir, server.Stdout, server.Stderr = folder, out, out
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		stop := sync.OnceFunc(func() {
			_ = server.Process.Kill()
			_ = server.Wait()
		})
		t.Cleanup(stop)
		out.waitFor(t, `listening on (http://\S+)`)
		for deadline := time.Now().Add(harness.Patience); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
			if connection, err := net.Dial("tcp", address); err == nil {
				_ = connection.Close()
				break
			}
		}
		return out, stop
	}
	out, stop := start()
	for path, want := range map[string]int{"/hello": http.StatusUnauthorized, "/": http.StatusNotFound} {
		if answer := fetched(t, "GET", "http://"+address+path, nil); answer.status != want {
			t.Errorf("%s answers %d, and the README says %d", path, answer.status, want)
		}
	}
	transcript(t, folder, address, blocks[1], blocks[2])

	link := html.UnescapeString(out.waitFor(t, `(?s)Confirm your sign-up.*?(http://127\.0\.0\.1\S+/signup/email/confirm\S+)`))
	page := fetched(t, "GET", link, nil)
	first, _, _ := strings.Cut(page.body, "</form>")
	form := url.Values{}
	for _, field := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(first, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	done := fetched(t, "POST", "http://"+address+"/v1/auth/signup/email/confirm", form)
	if done.status != http.StatusOK || !strings.Contains(done.body, "confirmed") {
		t.Errorf("the button is answered %d %s", done.status, done.body)
	}
	if again := fetched(t, "GET", link, nil); again.status != http.StatusOK || !strings.Contains(again.body, "already") {
		t.Errorf("a link that is opened twice is answered %d %s", again.status, again.body)
	}
	stop()
	_, stop = start()
	transcript(t, folder, address, blocks[3])
	stop()
}

type answered struct {
	status int
	body   string
}

// fetched sends a request as a browser does.
func fetched(t *testing.T, method, target string, form url.Values) answered {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/html")
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", target, err))
	}
	return answered{answer.StatusCode, string(body)}
}
