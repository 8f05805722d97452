package mailtest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/mailer/smtp"
)

// eximConfiguration takes mail for example.com from who signs in over TLS, and
// puts it all into one maildir. It refuses headers that break the rules.
var eximConfiguration = template.Must(template.New("exim.conf").Parse(`
primary_hostname = mta.example.com
spool_directory = {{.Folder}}/spool
log_file_path = {{.Folder}}/%slog
pid_file_path = {{.Folder}}/pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {{.StartTLSPort}} : {{.ImplicitPort}}
tls_on_connect_ports = {{.ImplicitPort}}
tls_advertise_hosts = *
tls_certificate = {{.Folder}}/cert.pem
tls_privatekey = {{.Folder}}/key.pem
smtputf8_advertise_hosts = *
domainlist local_domains = example.com
acl_smtp_rcpt = check_recipient
acl_smtp_data = check_content
deliver_drop_privilege = true
never_users =
host_lookup =
rfc1413_query_timeout = 0s
log_selector = +smtp_connection

begin acl

check_recipient:
  deny !encrypted = *
  deny !authenticated = *
  deny !domains = +local_domains
  deny local_parts = nobody
       message = no such mailbox
  defer local_parts = later
       message = greylisted
  accept

check_content:
  require verify = header_syntax
  accept

begin routers

inbox:
  driver = accept
  transport = maildir

begin transports

maildir:
  driver = appendfile
  directory = {{.Folder}}/maildir
  maildir_format
  create_directory
  envelope_to_add

begin retry

* * F,1h,1s

begin authenticators

plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{"{{"}}eq{$auth2}{ada}}{eq{$auth3}{correct horse}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if and{{"{{"}}def:tls_in_cipher}{ {{- .OfferPlain -}} }}}

login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = <| User name: | Password:
  server_condition = ${if and{{"{{"}}eq{$auth1}{ada}}{eq{$auth2}{correct horse}}}}
  server_set_id = $auth1
  server_advertise_condition = ${if def:tls_in_cipher}
`))

// exim is a private instance that any user can run.
type exim struct {
	t                          *testing.T
	Folder                     string
	StartTLSPort, ImplicitPort int
	OfferPlain                 string
	roots                      *x509.CertPool
	command                    *exec.Cmd
}

func newExim(t *testing.T) *exim {
	t.Helper()
	if _, err := exec.LookPath("exim4"); err != nil {
		t.Skip("no exim4 on this machine: apt-get install exim4-daemon-light")
	}
	folder, err := os.MkdirTemp("", "exim") //nolint:usetesting // exim's own user must reach it
	if err != nil {
		t.Fatal(err)
	}
	x := &exim{t: t, Folder: folder, OfferPlain: "bool{true}"}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("exim's log:\n%s", x.log())
		}
		os.RemoveAll(folder)
	})
	// Exim gives up the rights of root, and must still write here.
	if err := os.Chmod(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	x.StartTLSPort, x.ImplicitPort = freePort(t), freePort(t)
	certificatePEM, keyPEM, roots := certificate(t)
	x.roots = roots
	x.write("cert.pem", certificatePEM)
	x.write("key.pem", keyPEM)
	return x
}

func (x *exim) write(name string, content []byte) {
	x.t.Helper()
	if err := os.WriteFile(filepath.Join(x.Folder, name), content, 0o644); err != nil {
		x.t.Fatal(err)
	}
}

// start runs exim until stop or the end of the test, and waits until it
// listens.
func (x *exim) start() {
	x.t.Helper()
	var configuration bytes.Buffer
	if err := eximConfiguration.Execute(&configuration, x); err != nil {
		x.t.Fatal(err)
	}
	x.write("exim.conf", configuration.Bytes())
	starts := strings.Count(x.log(), "daemon started")
	x.command = exec.Command("exim4", "-C", filepath.Join(x.Folder, "exim.conf"), "-bdf", "-q1h")
	// Its own group, so that stop reaches the processes that serve connections.
	x.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := x.command.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.t.Cleanup(x.stop)
	waitFor(x.t, "exim to listen", func() bool { return strings.Count(x.log(), "daemon started") > starts })
}

// stop kills exim and whoever it serves; a connection then dies as it does
// when a machine fails.
func (x *exim) stop() {
	if x.command == nil {
		return
	}
	_ = syscall.Kill(-x.command.Process.Pid, syscall.SIGKILL)
	_ = x.command.Wait()
	x.command = nil
}

func (x *exim) log() string {
	logs, _ := filepath.Glob(filepath.Join(x.Folder, "*log"))
	var all strings.Builder
	for _, name := range logs {
		content, _ := os.ReadFile(name)
		all.Write(content)
	}
	return all.String()
}

// connections is how many were opened so far.
func (x *exim) connections() int { return strings.Count(x.log(), "SMTP connection from") }

func (x *exim) mailer() *smtp.Mailer {
	m := &smtp.Mailer{
		Addr: fmt.Sprintf("127.0.0.1:%d", x.StartTLSPort), From: "Büro <no-reply@app.example>", Username: "ada", Password: "correct horse",
		TLSConfig: &tls.Config{RootCAs: x.roots},
	}
	x.t.Cleanup(func() { m.Close() })
	return m
}

// delivered waits for so many mails in the maildir and returns them. One that
// exim delivers again, since it was killed before it noted that it had, counts
// once.
func (x *exim) delivered(count int) []*mail.Message {
	x.t.Helper()
	var mails map[string]*mail.Message
	waitFor(x.t, fmt.Sprintf("%d mails to be delivered", count), func() bool {
		mails = map[string]*mail.Message{}
		names, _ := filepath.Glob(filepath.Join(x.Folder, "maildir", "new", "*"))
		for _, name := range names {
			content, err := os.ReadFile(name)
			if err != nil {
				x.t.Fatal(err)
			}
			m, err := mail.ReadMessage(bytes.NewReader(content))
			if err != nil {
				x.t.Fatal(err)
			}
			mails[m.Header.Get("Message-Id")] = m
		}
		return len(mails) >= count
	})
	if len(mails) != count {
		x.t.Fatalf("%d mails were delivered, want %d", len(mails), count)
	}
	return slices.Collect(maps.Values(mails))
}

func TestEximDeliversOverEveryKindOfTLSAndAuth(t *testing.T) {
	for _, plain := range []string{"bool{true}", "bool{false}"} {
		for _, implicit := range []bool{false, true} {
			t.Run(fmt.Sprintf("PLAIN %s, implicit TLS %v", plain, implicit), func(t *testing.T) {
				x := newExim(t)
				x.OfferPlain = plain
				x.start()
				m := x.mailer()
				if implicit {
					m.Addr, m.ImplicitTLS = fmt.Sprintf("127.0.0.1:%d", x.ImplicitPort), true
				}
				before := x.connections()
				for i := range 3 {
					message := sample(fmt.Sprint(i))
					message.Subject = "Grüße, Ihre Anmeldung"
					if err := send(m, message); err != nil {
						t.Fatal(err)
					}
				}
				for _, got := range x.delivered(3) {
					checkMail(t, got, "Grüße, Ihre Anmeldung")
				}
				if opened := x.connections() - before; opened != 1 {
					t.Errorf("%d connections for three messages", opened)
				}
			})
		}
	}
}

func TestEximTellsWhoCanMend(t *testing.T) {
	x := newExim(t)
	x.start()
	m := x.mailer()
	for to, permanent := range map[string]bool{"nobody@example.com": true, "later@example.com": false} {
		message := sample("1")
		message.To = to
		if err := send(m, message); err == nil || mailer.Permanent(err) != permanent || strings.Contains(err.Error(), to) {
			t.Errorf("%s: permanent is %v: %v", to, mailer.Permanent(err), err)
		}
	}
	if err := send(m, sample("2")); err != nil {
		t.Errorf("after refusals: %v", err)
	}
	m = x.mailer()
	m.Password = "wrong"
	if err := send(m, sample("3")); err == nil || mailer.Permanent(err) {
		t.Errorf("a wrong password: %v", err)
	}
	x.delivered(1)
}

// Exim refuses a header that breaks the rules (header_syntax).
func TestMailEximTakesLongNamesAndHeaders(t *testing.T) {
	x := newExim(t)
	x.start()
	m := x.mailer()
	name := strings.Repeat("差出人の名前", 18) + "日本"
	m.From, m.ReplyTo, m.EnvelopeSender = name+" <no-reply@app.example>", name+" <help@app.example>", "bounces@app.example"
	m.Headers = map[string]string{"X-PM-Message-Stream": "outbound", "X-Note": strings.Repeat("grün ", 60)}
	if err := m.CheckTo(context.Background(), "ada@example.com"); err != nil {
		t.Fatalf("CheckTo: %v", err)
	}
	// This exim relays to no other domain, not even to that of From.
	if err := m.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "RCPT: 550") {
		t.Errorf("Check: %v", err)
	}
	if err := send(m, sample("1")); err != nil {
		t.Fatal(err)
	}
	got := x.delivered(1)[0]
	for field, want := range map[string]string{"From": "no-reply@app.example", "Reply-To": "help@app.example"} {
		address, err := mail.ParseAddress(got.Header.Get(field))
		if err != nil || address.Name != name || address.Address != want {
			t.Errorf("%s is %v, %v", field, address, err)
		}
	}
	if got.Header.Get("X-Pm-Message-Stream") != "outbound" {
		t.Errorf("the headers are %v", got.Header)
	}
	m = x.mailer()
	m.Password = "wrong"
	if err := m.Check(context.Background()); err == nil || !strings.Contains(err.Error(), "AUTH") || !mailer.NeedsOperator(err) {
		t.Errorf("Check with a wrong password: %v", err)
	}
	if err := x.mailer().CheckTo(context.Background(), "nobody@example.com"); err == nil || !strings.Contains(err.Error(), "RCPT") {
		t.Errorf("CheckTo of nobody: %v", err)
	}
	x.delivered(1)
}

func TestEximKilledBetweenTwoMessages(t *testing.T) {
	x := newExim(t)
	x.start()
	m := x.mailer()
	if err := send(m, sample("1")); err != nil {
		t.Fatal(err)
	}
	x.delivered(1)
	x.stop()
	if err := send(m, sample("2")); err == nil || mailer.Permanent(err) {
		t.Errorf("with exim down: %v", err)
	}
	x.start()
	if err := send(m, sample("2")); err != nil {
		t.Fatalf("with exim back: %v", err)
	}
	x.delivered(2)
	x.stop()
	x.start()
	before := x.connections()
	if err := send(m, sample("3")); err != nil {
		t.Errorf("a kept connection that died was not replaced: %v", err)
	}
	if opened := x.connections() - before; opened != 1 {
		t.Errorf("%d new connections, want 1", opened)
	}
	x.delivered(3)
}

func send(m mailer.Mailer, message mailer.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return m.Send(ctx, message)
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
