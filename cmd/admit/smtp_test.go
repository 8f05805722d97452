package main

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
)

// mailServer speaks as much SMTP as taking, or refusing, one mail needs.
func mailServer(t *testing.T, answerToRecipient string) (address string, received chan string) {
	t.Helper()
	return scriptedServer(t, map[string]string{"RCPT": answerToRecipient})
}

// scriptedServer is a mail server that answers verbs as the script says, "" by
// closing the connection, and takes everything else.
func scriptedServer(t *testing.T, script map[string]string) (address string, received chan string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	received = make(chan string, 8)
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			converse(c, script, received)
			_ = c.Close()
		}
	}()
	return listener.Addr().String(), received
}

// converse is one session of a scriptedServer.
func converse(c net.Conn, script map[string]string, received chan string) {
	in := bufio.NewReader(c)
	fmt.Fprint(c, "220 test\r\n")
	var data strings.Builder
	for inData := false; ; {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.TrimSpace(line))
		verb, _, _ := strings.Cut(command, " ")
		answer, scripted := script[verb]
		switch {
		case inData && command == ".":
			inData = false
			received <- data.String()
			fmt.Fprint(c, "250 queued\r\n")
		case inData:
			data.WriteString(line)
		case scripted && answer == "":
			return
		case scripted:
			fmt.Fprint(c, answer+"\r\n")
		case command == "DATA":
			inData = true
			fmt.Fprint(c, "354 go on\r\n")
		case command == "QUIT":
			fmt.Fprint(c, "221 bye\r\n")
			return
		default:
			fmt.Fprint(c, "250 ok\r\n")
		}
	}
}

func TestMailTestSendsOneAndTellsWhatTheServerSays(t *testing.T) {
	s := newScene(t)
	address, received := mailServer(t, "250 ok")
	said := s.ok("mail", "test", "ann@example.com", "--smtp", address, "--from", "App <no-reply@app.example>", "--insecure-plaintext")
	if mail := <-received; !strings.Contains(mail, "To: ") || !strings.Contains(mail, "ann@example.com") || !strings.Contains(said, "ann@example.com") {
		t.Errorf("%s\n%s", said, mail)
	}
	address, _ = mailServer(t, "554 5.7.1 Email address is not verified")
	s.fails(1, []string{"did not take the mail", "not verified"}, "mail", "test", "ann@example.com", "--smtp", address, "--from", "no-reply@app.example", "--insecure-plaintext")
	s.fails(2, []string{"--smtp", "--from"}, "mail", "test", "ann@example.com")
	s.fails(2, []string{"ADMIT_SMTP_PASSWORD"}, "mail", "test", "ann@example.com", "--smtp", address, "--from", "no-reply@app.example", "--smtp-user", "app")
}

// Field: is the mail set up right? Each way in which a mail server does not take
// mail is named in plain words, with what to do.
func TestCheckMailSaysWhatFailedAndWhatToDo(t *testing.T) {
	s := newScene(t)
	s.store = ""
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := closed.Addr().String()
	_ = closed.Close()
	stranger := httptest.NewUnstartedServer(nil)
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	defer stranger.Close()
	plain := []string{"--insecure-plaintext"}
	for _, c := range []struct {
		name   string
		script map[string]string
		server string
		flags  []string
		code   string
		says   []string
	}{
		{name: "no such host", server: "mail..example:587", code: "mail-unreachable", says: []string{"name of the server", "DNS"}},
		{name: "closed port", server: nobody, code: "mail-unreachable", says: []string{"Nothing listens", "587"}},
		{name: "no TLS at the start", flags: []string{"--smtp-tls"}, code: "mail-tls", says: []string{"leave out --smtp-tls"}},
		{name: "no STARTTLS", code: "mail-tls", says: []string{"no STARTTLS", "465"}},
		{name: "a certificate that nobody vouches for", server: stranger.Listener.Addr().String(), flags: []string{"--smtp-tls"}, code: "mail-tls", says: []string{"authority"}},
		{name: "no sign-in", flags: []string{"--insecure-plaintext", "--smtp-user", "app"}, code: "mail-sign-in", says: []string{"no password on this port"}},
		{
			name: "wrong password", script: map[string]string{"EHLO": "250-test\r\n250 AUTH PLAIN", "AUTH": "535 5.7.8 bad credentials"},
			flags: []string{"--insecure-plaintext", "--smtp-user", "app"}, code: "mail-sign-in", says: []string{"535", "application password"},
		},
		{name: "wants a sign-in", script: map[string]string{"MAIL": "530 5.7.0 Authentication required"}, flags: plain, code: "mail-sign-in", says: []string{"give --smtp-user"}},
		{name: "not its sender", script: map[string]string{"MAIL": "550 5.7.60 not allowed to send as this sender"}, flags: plain, code: "mail-sender", says: []string{"550", "verify the address or domain"}},
		{name: "trial account", script: map[string]string{"RCPT": "554 Message rejected: Email address is not verified"}, flags: plain, code: "mail-recipient", says: []string{"554", "trial"}},
		{name: "greylisting", script: map[string]string{"RCPT": "450 4.2.0 greylisted"}, flags: plain, code: "mail-refused", says: []string{"450", "try again"}},
		{name: "hangs up", script: map[string]string{"MAIL": ""}, flags: plain, code: "mail-unreachable", says: []string{"MAIL", "broke off"}},
		{name: "no address of the server", server: "mail.example:smtp:587", code: "mail-settings", says: []string{"host:port"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			here := *s
			here.t = t
			t.Setenv("ADMIT_SMTP_PASSWORD", "correct horse")
			if c.server == "" {
				c.server, _ = scriptedServer(t, c.script)
			}
			args := append([]string{"check", "--mail", "--smtp", c.server, "--from", "App <no-reply@app.example>"}, c.flags...)
			done := here.fails(1, []string{"1 thing to mend"}, args...)
			for _, text := range append(c.says, c.code, "mend: ") {
				if !strings.Contains(done.out, text) {
					t.Errorf("not %q in:\n%s", text, done.out)
				}
			}
			if strings.Contains(done.out+done.err, "correct horse") {
				t.Error("the password is shown")
			}
		})
	}
}

func TestCheckMailSendsNothingUnlessAsked(t *testing.T) {
	s := newScene(t)
	s.ok("migrate", "--apply")
	address, received := scriptedServer(t, nil)
	args := []string{"check", "--mail", "--smtp", address, "--from", "no-reply@app.example", "--insecure-plaintext"}
	if said := s.ok(args...); !strings.Contains(said, "takes mail from no-reply@app.example") || !strings.Contains(said, "Nothing to mend") {
		t.Error(said)
	}
	if len(received) != 0 {
		t.Error("a mail was sent that nobody asked for")
	}
	s.ok(append(args, "--send-to", "ann@example.com")...)
	if mail := <-received; !strings.Contains(mail, "ann@example.com") {
		t.Error(mail)
	}
	s.fails(2, []string{"--smtp", "--from"}, "check", "--mail")
	s.fails(2, []string{"add --mail"}, "check", "--smtp", address)
}
