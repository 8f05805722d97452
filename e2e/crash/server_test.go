package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if programs != "" {
		_ = os.RemoveAll(programs)
	}
	os.Exit(code)
}

// programs is the folder of the programs that were built.
var programs string

var built = map[string]func() (string, error){
	"server": sync.OnceValues(func() (string, error) { return build("examples/server") }),
	"admit":  sync.OnceValues(func() (string, error) { return build("cmd/admit") }),
}

func build(path string) (string, error) {
	if programs == "" {
		folder, err := os.MkdirTemp("", "admit-crash-")
		if err != nil {
			return "", err
		}
		programs = folder
	}
	program := filepath.Join(programs, filepath.Base(path))
	if out, err := exec.Command("go", "build", "-o", program, "github.com/admit-go/admit/"+path).CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return program, nil
}

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := built[name]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// server is a reference server in a process of its own.
type server struct {
	command *exec.Cmd
	url     string
	// secret is the secret key that the first server on a store prints.
	secret string
	log    logged
	// patient makes ask try again for a while when it is refused with 503, and
	// count that: for questions to a server that lacks nothing but time.
	patient  atomic.Bool
	repeated atomic.Int64
}

// logged is what a server logs; safe while it runs.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// start runs a server, in a folder that keeps its secret, until it listens. It
// ends with the test.
func start(t testing.TB, folder, place string, flags ...string) *server {
	t.Helper()
	arguments := append([]string{
		"-addr", "127.0.0.1:0", "-base-url", "http://127.0.0.1:1", "-store", place, "-insecure-fast-hash", "-no-rate-limits",
	}, flags...)
	s := &server{command: exec.Command(program(t, "server"), arguments...)}
	s.command.Dir = folder
	s.command.Stderr = &s.log
	out, err := s.command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if key, ok := strings.CutPrefix(lines.Text(), "secret key: "); ok {
			s.secret = key
		}
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			s.url = url
			return s
		}
	}
	_ = s.command.Wait()
	t.Fatalf("the server did not start:\n%s", s.log.String())
	return nil
}

// kill ends the server by SIGKILL, if it still runs.
func (s *server) kill() {
	if s.command.ProcessState == nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait()
	}
}

// terminate asks the server to stop, and returns how it ended.
func (s *server) terminate() error {
	return errors.Join(s.command.Process.Signal(syscall.SIGTERM), s.command.Wait())
}

type object = map[string]any

// answer is a response; status 0 says that there was none, for the reason err.
type answer struct {
	status     int
	retryAfter string
	body       object
	err        error
	took       time.Duration
}

// text is a field of the body.
func (a answer) text(name string) string {
	text, _ := a.body[name].(string)
	return text
}

func (a answer) code() string {
	refusal, _ := a.body["error"].(object)
	code, _ := refusal["code"].(string)
	return code
}

// newClient makes a client with connections of its own.
func newClient(t testing.TB) *http.Client {
	client := &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// ask sends a request, with an access token or an API key, or "".
func (s *server) ask(client *http.Client, method, path, access string, body object) answer {
	for deadline := time.Now().Add(time.Minute); ; <-time.After(50 * time.Millisecond) {
		a := s.askOnce(client, method, path, access, body)
		if a.status != http.StatusServiceUnavailable || !s.patient.Load() || time.Now().After(deadline) {
			return a
		}
		s.repeated.Add(1)
	}
}

func (s *server) askOnce(client *http.Client, method, path, access string, body object) answer {
	var reader io.Reader
	if body != nil {
		text, _ := json.Marshal(body)
		reader = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, s.url+path, reader)
	if err != nil {
		return answer{err: err}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	switch {
	case strings.HasPrefix(access, "sk_"):
		request.Header.Set("X-API-Key", access)
	case access != "":
		request.Header.Set("Authorization", "Bearer "+access)
	}
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return answer{err: err, took: time.Since(began)}
	}
	defer response.Body.Close()
	a := answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	if err := json.NewDecoder(response.Body).Decode(&a.body); err != nil {
		return answer{err: err, took: time.Since(began)}
	}
	a.took = time.Since(began)
	return a
}

const (
	password = "Kupfer-Wolke-7319"
	another  = "Regen-Leiter-4482"
)

func (s *server) signUp(client *http.Client, email string) answer {
	return s.ask(client, "POST", "/v1/auth/email/signup", "", object{"email": email, "password": password, "name": "Ada"})
}

func (s *server) signIn(client *http.Client, email, password string) answer {
	return s.ask(client, "POST", "/v1/auth/email/signin", "", object{"email": email, "password": password})
}

func (s *server) refresh(client *http.Client, token string) answer {
	return s.ask(client, "POST", "/v1/auth/refresh", "", object{"refreshToken": token})
}

func (s *server) signOut(client *http.Client, access string) answer {
	return s.ask(client, "POST", "/v1/auth/signout", access, nil)
}

func (s *server) me(client *http.Client, access string) answer {
	return s.ask(client, "GET", "/v1/auth/me", access, nil)
}

// letter is an entry of the development mailbox.
type letter struct {
	To, Subject, Text string
}

// mailbox reads what a server has sent since it started, newest first.
func (s *server) mailbox(t testing.TB, client *http.Client) []letter {
	t.Helper()
	response, err := client.Get(s.url + "/dev/mailbox.json")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var letters []letter
	if err := json.NewDecoder(response.Body).Decode(&letters); err != nil {
		t.Fatal(err)
	}
	return letters
}

// within asks until the answer is the wanted one, and returns how long that took.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
		<-time.After(5 * time.Millisecond)
	}
	return time.Since(began)
}

// files counts what the server has open: files and connections.
func (s *server) files(t testing.TB) int {
	t.Helper()
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

// goroutines ends the server with the list of what it is at, and counts that.
func (s *server) goroutines(t testing.TB) int {
	t.Helper()
	if err := s.command.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	// It ends by the signal, which is its way to say that it has told all.
	_ = s.command.Wait()
	return strings.Count("\n"+s.log.String(), "\ngoroutine ")
}
