package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// output is what a server prints; safe while it runs.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(line)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

var listening = regexp.MustCompile(`(?m)^listening on (http://127\.0\.0\.1:[1-9][0-9]*)$`)

// serve runs a server until it listens, and returns its address, what it printed
// and how to stop it.
func serve(t *testing.T, folder string, args ...string) (url string, out *output, stop func() error) {
	t.Helper()
	out = &output{}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	args = append([]string{"-addr", "127.0.0.1:0", "-secret-file", filepath.Join(folder, "secret"), "-insecure-fast-hash"}, args...)
	go func() { ended <- run(ctx, args, out, io.Discard) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = stop() })
	for deadline := time.Now().Add(time.Minute); ; <-time.After(5 * time.Millisecond) {
		if found := listening.FindStringSubmatch(out.String()); found != nil {
			return found[1], out, stop
		}
		select {
		case err := <-ended:
			t.Fatalf("the server did not start: %v", err)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the server does not listen")
		}
	}
}

// ask sends a request and returns the status and the body.
func ask(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// signIn returns an access token and the id of its user.
func signIn(t *testing.T, url, email, password string) (access, id string) {
	t.Helper()
	var tokens struct{ AccessToken string }
	status, body := ask(t, "POST", url+"/v1/auth/email/signin", fmt.Sprintf(`{"email":%q,"password":%q}`, email, password))
	if status != http.StatusOK || json.Unmarshal([]byte(body), &tokens) != nil {
		t.Fatalf("signing in answered %d %s", status, body)
	}
	var me struct{ ID string }
	status, body = ask(t, "GET", url+"/v1/auth/me", "", "Authorization", "Bearer "+tokens.AccessToken)
	if status != http.StatusOK || json.Unmarshal([]byte(body), &me) != nil {
		t.Fatalf("me answered %d %s", status, body)
	}
	return tokens.AccessToken, me.ID
}

func TestEveryProblemOfTheCommandLineIsToldAtOnce(t *testing.T) {
	t.Setenv("ADMIT_SECRET", "changeme")
	err := run(t.Context(), []string{
		"-staleness", "x", "-nope", "-access-ttl", "25h", "-google-client-secret", "hunter2",
		"-addr", "nonsense", "-store", "mysql://u:hunter2@h/d", "-admin", "hunter2", "-trusted-proxies", "10.0.0.0/8,foo",
		"-origins", "*", "-redirects", "*", "-smtp", "@", "-mail-from", "nobody",
	}, io.Discard, io.Discard)
	if _, ok := errors.AsType[*usageError](err); !ok {
		t.Fatalf("it ended with %v", err)
	}
	for _, want := range []string{
		"-staleness", "-nope", "Sessions.AccessTTL",
		"-google-client-id and -google-client-secret: both are needed", "-addr", "-store", "-admin", "-trusted-proxies",
		"AllowedOrigins", "AllowedRedirects", "Mailer: Addr", "Mailer: From", "Secrets: secret 1: 8 bytes",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not told of", want)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("a secret of the command line is told again")
	}
	if t.Failed() {
		t.Log(err)
	}
}

func TestFlagsThatCannotWorkAreUsageErrors(t *testing.T) {
	for _, args := range [][]string{
		{"-oidc", "name=https://issuer.example,id"},
		{"-google-issuer", "https://issuer.example"},
		{"-github-client-id", "id"},
		{"-store", "sqlite:"},
		{"-store", "postgres://u:p@h:99999999/d"},
		{"-admin", "a@x.test:short"},
		{"-admin", "no address:quiet harbour lamp"},
		{"-mail-from", "nobody"},
		{"-base-url", "http://app.example"},
		{"-refresh-ttl", "1m"},
		{"-staleness", "-1s"},
		{"-mfa-required", "No Role"},
		{"---"},
		{"extra"},
	} {
		args = append([]string{"-addr", "127.0.0.1:0", "-store", "memory:", "-secret-file", filepath.Join(t.TempDir(), "secret")}, args...)
		err := run(t.Context(), args, io.Discard, io.Discard)
		if _, ok := errors.AsType[*usageError](err); !ok {
			t.Errorf("%q ended with %v", args[6:], err)
		}
	}
	var help bytes.Buffer
	if err := run(t.Context(), []string{"-h"}, io.Discard, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "-trusted-proxies") {
		t.Errorf("-h ended with %v and showed %q", err, help.String())
	}
}

func TestAFirstStartPrintsItsKeysAndMakesItsAdministratorOnce(t *testing.T) {
	folder := t.TempDir()
	flags := []string{"-store", "sqlite:" + filepath.Join(folder, "admit.db"), "-admin", "root@x.test:quiet harbour lamp"}
	url, out, stop := serve(t, folder, flags...)
	keys := regexp.MustCompile(`(?m)^(?:publishable key: (pk_[0-9a-f]{64})|secret key: (sk_[0-9a-f]{64}))$`).FindAllStringSubmatch(out.String(), -1)
	if len(keys) != 2 || keys[0][1] == "" || keys[1][2] == "" {
		t.Fatalf("it printed %q", out.String())
	}
	access, id := signIn(t, url, "root@x.test", "quiet harbour lamp")
	for path, want := range map[string]string{
		"/app/hello":           `{"hello":"Administrator","userId":"` + id + `"}`,
		"/app/admin":           `{"hello":"administrator"}`,
		"/app/notes/" + id:     id,
		"/app/notes/elsewhere": "elsewhere",
	} {
		if status, body := ask(t, "GET", url+path, "", "Authorization", "Bearer "+access); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s answered %d %s", path, status, body)
		}
	}
	if status, _ := ask(t, "GET", url+"/app/admin", "", "X-API-Key", keys[1][2]); status != http.StatusOK {
		t.Errorf("the printed secret key is answered %d", status)
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}

	url, out, stop = serve(t, folder, flags...)
	if strings.Contains(out.String(), "key:") {
		t.Errorf("a second start prints keys: %s", out)
	}
	if again, _ := signIn(t, url, "root@x.test", "quiet harbour lamp"); again == "" {
		t.Error("the administrator is gone")
	}
	if err := stop(); err != nil {
		t.Errorf("it stopped with %v", err)
	}
}

// The home page, to which end pages lead, says that the server runs, and where.
func TestFieldTheHomePageSaysThatTheServerRuns(t *testing.T) {
	url, _, _ := serve(t, t.TempDir(), "-store", "memory:")
	status, body := ask(t, "GET", url+"/", "")
	for _, said := range []string{"runs", "/v1", "/auth/sign-in", "/dev/mailbox"} {
		if status != http.StatusOK || !strings.Contains(body, said) {
			t.Errorf("the home page answered %d %q, without %q", status, body, said)
		}
	}
}

func TestTheServersOwnRoutes(t *testing.T) {
	url, _, _ := serve(t, t.TempDir(), "-store", "memory:")
	if status, body := ask(t, "POST", url+"/v1/auth/email/signup", `{"email":"a@x.test","password":"quiet harbour lamp","name":"Ann"}`); status != http.StatusCreated {
		t.Fatalf("signing up answered %d %s", status, body)
	}
	access, id := signIn(t, url, "a@x.test", "quiet harbour lamp")
	for _, c := range []struct {
		path, authorization string
		want                int
	}{
		{"/healthz", "", http.StatusOK},
		{"/app/hello", "", http.StatusUnauthorized},
		{"/app/hello", "Bearer " + access, http.StatusOK},
		{"/app/admin", "", http.StatusUnauthorized},
		{"/app/admin", "Bearer " + access, http.StatusForbidden},
		{"/app/notes/" + id, "Bearer " + access, http.StatusOK},
		{"/app/notes/other", "Bearer " + access, http.StatusForbidden},
		{"/app/notes/" + id, "", http.StatusUnauthorized},
		{"/nothing", "", http.StatusNotFound},
		// The API takes paths as they are sent: none is cleaned by a redirect.
		{"/v1//auth/me", "Bearer " + access, http.StatusNotFound},
		{"/v1/./auth/me", "Bearer " + access, http.StatusNotFound},
		{"/v1/auth/me/", "Bearer " + access, http.StatusNotFound},
		{"/v1/auth%2fme", "Bearer " + access, http.StatusNotFound},
		{"/v1%2fauth/me", "Bearer " + access, http.StatusNotFound},
		{"/.well-known/jwks.json", "", http.StatusOK},
	} {
		var headers []string
		if c.authorization != "" {
			headers = []string{"Authorization", c.authorization}
		}
		if status, body := ask(t, "GET", url+c.path, "", headers...); status != c.want {
			t.Errorf("%s with %.10q answered %d %s, want %d", c.path, c.authorization, status, body, c.want)
		}
	}

	var letters []struct{ To, Subject, Text, HTML, At string }
	for deadline := time.Now().Add(time.Minute); len(letters) == 0; <-time.After(5 * time.Millisecond) {
		if _, body := ask(t, "GET", url+"/dev/mailbox.json", ""); json.Unmarshal([]byte(body), &letters) != nil || time.Now().After(deadline) {
			t.Fatalf("the mailbox holds %s", body)
		}
	}
	letter := letters[0]
	if _, err := time.Parse(time.RFC3339, letter.At); err != nil || letter.To != "a@x.test" || letter.Subject == "" || letter.HTML == "" ||
		!strings.Contains(letter.Text, url+"/v1/auth/signup/email/confirm?") {
		t.Errorf("the mail of a sign-up is %+v", letter)
	}
	if status, body := ask(t, "GET", url+"/dev/mailbox", ""); status != http.StatusOK || !strings.Contains(body, letter.Subject) {
		t.Errorf("the page of the mailbox answered %d %s", status, body)
	}
}
