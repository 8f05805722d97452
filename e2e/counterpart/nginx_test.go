package counterpart

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// front is nginx with the locations given, on a free port. The host behind it is
// started by the test. nginx has its defaults for everything else.
func front(t *testing.T, locations func(port int) string) (url string) {
	t.Helper()
	program, err := exec.LookPath("nginx")
	if err != nil {
		program = "/usr/sbin/nginx"
	}
	if _, err := os.Stat(program); err != nil {
		t.Skip("no nginx: apt-get install nginx")
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	paths := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		paths += fmt.Sprintf("%s_temp_path %s;\n", kind, filepath.Join(folder, kind))
	}
	config := fmt.Sprintf("daemon off;\nmaster_process off;\npid %s;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n%sserver {\nlisten 0.0.0.0:%d;\n%s\n}\n}\n",
		filepath.Join(folder, "pid"), paths, port, locations(port))
	name := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(name, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	// The context ends before Cleanup is called, and kills nginx.
	var said bytes.Buffer
	command := exec.CommandContext(t.Context(), program, "-p", folder, "-e", "stderr", "-c", name)
	command.Stdout, command.Stderr = &said, &said
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = command.Wait(); close(ended) }()
	t.Cleanup(func() {
		<-ended
		if t.Failed() {
			t.Logf("nginx: %s", said.String())
		}
	})
	address := fmt.Sprintf("127.0.0.1:%d", port)
	for deadline := time.Now().Add(patience); ; <-time.After(5 * time.Millisecond) {
		if connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address); err == nil {
			_ = connection.Close()
			return "http://" + address
		}
		select {
		case <-ended:
			t.Fatalf("nginx ended: %s", said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("nginx does not listen")
		}
	}
}

// behind makes a host and returns its handler, with the mails that it sends.
func behind(t *testing.T, config admit.Config) (http.Handler, *mailer.Recorder) {
	t.Helper()
	mails := &mailer.Recorder{}
	config.Secrets, config.Store, config.Mailer = admit.Secrets(secret), memory.New(), mails
	config.Passwords.InsecureFastHash, config.Logger = true, slog.New(slog.DiscardHandler)
	auth, err := admit.New(config)
	if err != nil {
		t.Fatal(err)
	}
	auth.Start()
	t.Cleanup(func() {
		if err := auth.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return auth.Handler(), mails
}

// person is a client with cookies that follows no redirect.
type person struct {
	t      *testing.T
	client *http.Client
}

// newPerson dials from an address of the loopback network.
func newPerson(t *testing.T, from string) person {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	dialer := &net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	transport := &http.Transport{DialContext: dialer.DialContext}
	t.Cleanup(transport.CloseIdleConnections)
	return person{t, &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask sends a request: a map is sent as JSON, url.Values as a form.
func (p person) ask(method, target string, body any, header ...string) (*http.Response, string) {
	p.t.Helper()
	var reader io.Reader
	kind := ""
	switch body := body.(type) {
	case nil:
	case url.Values:
		reader, kind = strings.NewReader(body.Encode()), "application/x-www-form-urlencoded"
	default:
		raw, err := json.Marshal(body)
		if err != nil {
			p.t.Fatal(err)
		}
		reader, kind = bytes.NewReader(raw), "application/json"
	}
	r, err := http.NewRequestWithContext(p.t.Context(), method, target, reader)
	if err != nil {
		p.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := p.client.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer, string(text)
}

// mailed waits for the link of a mail.
func mailed(t *testing.T, mails *mailer.Recorder, kind mailer.Kind) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	message, err := mails.Wait(ctx, func(m mailer.Message) bool { return m.Kind == kind })
	if err != nil {
		t.Fatalf("no %s was mailed: %v", kind, err)
	}
	return message.Values.Link
}

type fields = map[string]any

// TestNginxStripsThePathOfBaseURL: a host that nginx serves below /tools, with the
// prefix stripped by the slash at the end of proxy_pass. Links, forms, cookies and
// documents all stay below /tools.
func TestNginxStripsThePathOfBaseURL(t *testing.T) {
	upstream := httptest.NewUnstartedServer(nil)
	outer := front(t, func(int) string {
		return fmt.Sprintf("location /tools/ { proxy_pass http://%s/; }", upstream.Listener.Addr())
	})
	handler, mails := behind(t, admit.Config{BaseURL: outer + "/tools", Cookies: true})
	upstream.Config.Handler = handler
	upstream.Start()
	t.Cleanup(upstream.Close)
	ann := newPerson(t, "127.0.0.1")

	base := outer + "/tools"
	answer, body := ann.ask("POST", base+"/v1/auth/email/signup", fields{"email": "ann@x.test", "password": "quiet harbour lamp", "name": "Ann"})
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("signing up answered %d %s", answer.StatusCode, body)
	}
	for _, kind := range []mailer.Kind{mailer.SignupConfirmation, mailer.PasswordReset} {
		if kind == mailer.PasswordReset {
			ann.ask("POST", base+"/v1/auth/password/reset/request", fields{"email": "ann@x.test"})
		}
		link := mailed(t, mails, kind)
		if !strings.HasPrefix(link, base+"/v1/") {
			t.Errorf("the link of %s is %s", kind, link)
			continue
		}
		answer, page := ann.ask("GET", link, nil, "Accept", "text/html")
		action := regexp.MustCompile(`<form[^>]* action="([^"]*)"`).FindStringSubmatch(page)
		if answer.StatusCode != http.StatusOK || action == nil {
			t.Fatalf("%s leads to %d %s", kind, answer.StatusCode, page)
		}
		at, err := answer.Request.URL.Parse(strings.ReplaceAll(action[1], "&amp;", "&"))
		if err != nil || !strings.HasPrefix(at.String(), base+"/v1/") {
			t.Errorf("the form of %s posts to %s", kind, at)
			continue
		}
		form := url.Values{"newPassword": {"another harbour lamp"}}
		for _, field := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(page, -1) {
			form.Set(field[1], field[2])
		}
		if answer, page := ann.ask("POST", at.String(), form, "Accept", "text/html"); answer.StatusCode != http.StatusOK {
			t.Errorf("the form of %s is answered %d %s", kind, answer.StatusCode, page)
		}
		for _, resource := range regexp.MustCompile(`(?:href|src)="([^"#]+)"`).FindAllStringSubmatch(page, -1) {
			if to, err := answer.Request.URL.Parse(resource[1]); err != nil || !strings.HasPrefix(to.String(), base) {
				t.Errorf("the page of %s names %s", kind, resource[1])
			}
		}
	}
	// A session cookie goes to every page below /tools and is taken back there.
	answer, body = ann.ask("POST", base+"/v1/auth/email/signin", fields{"email": "ann@x.test", "password": "another harbour lamp"},
		"Origin", outer, "X-Session-Mode", "cookie")
	if answer.StatusCode != http.StatusOK || len(answer.Cookies()) == 0 {
		t.Fatalf("signing in answered %d %s", answer.StatusCode, body)
	}
	if answer, body := ann.ask("GET", base+"/v1/auth/me", nil); answer.StatusCode != http.StatusOK {
		t.Errorf("the cookie is answered %d %s", answer.StatusCode, body)
	}
	answer, body = ann.ask("GET", base+"/.well-known/openid-configuration", nil)
	if !strings.Contains(body, `"jwks_uri":"`+base+`/.well-known/jwks.json"`) {
		t.Errorf("the document is %d %s", answer.StatusCode, body)
	}
	if answer, body := ann.ask("POST", base+"/v1/auth/signout", nil, "Origin", outer); answer.StatusCode != http.StatusOK {
		t.Errorf("signing out answered %d %s", answer.StatusCode, body)
	}
	if answer, _ := ann.ask("GET", base+"/v1/auth/me", nil); answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("after signing out the cookie is answered %d", answer.StatusCode)
	}
}

// TestNginxSpeaksToAUnixSocket: a host that listens on a socket knows a client by
// what nginx says, and nothing that a client says of itself counts.
func TestNginxSpeaksToAUnixSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	outer := front(t, func(int) string {
		return fmt.Sprintf("location / { proxy_pass http://unix:%s; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }", socket)
	})
	handler, _ := behind(t, admit.Config{BaseURL: outer, TrustUnixSocket: true})
	upstream := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler, ReadHeaderTimeout: patience}}
	upstream.Start()
	t.Cleanup(upstream.Close)
	ann, eve := newPerson(t, "127.0.0.2"), newPerson(t, "127.0.0.3")

	answer, body := ann.ask("POST", outer+"/v1/auth/email/signup", fields{"email": "ann@x.test", "password": "quiet harbour lamp", "name": "Ann"}, "X-Forwarded-For", "203.0.113.9")
	if answer.StatusCode != http.StatusCreated {
		t.Fatalf("signing up answered %d %s", answer.StatusCode, body)
	}
	var tokens struct{ AccessToken string }
	if err := json.Unmarshal([]byte(body), &tokens); err != nil {
		t.Fatal(err)
	}
	if _, body := ann.ask("GET", outer+"/v1/auth/sessions", nil, "Authorization", "Bearer "+tokens.AccessToken); !strings.Contains(body, `"ipAddress":"127.0.0.2"`) {
		t.Errorf("the session is %s", body)
	}
	refused := 0
	for i := range 130 {
		answer, _ := eve.ask("POST", outer+"/v1/auth/email/signin", fields{"email": fmt.Sprintf("u%d@x.test", i), "password": "wrong harbour lamp"},
			"X-Forwarded-For", fmt.Sprintf("198.51.100.%d", i))
		if answer.StatusCode == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("of 130 guesses of one client under forged names %d were refused", refused)
	}
	if answer, body := ann.ask("POST", outer+"/v1/auth/email/signin", fields{"email": "ann@x.test", "password": "quiet harbour lamp"}); answer.StatusCode != http.StatusOK {
		t.Errorf("another client is answered %d %s", answer.StatusCode, body)
	}
}
