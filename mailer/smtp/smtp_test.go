package smtp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
)

func sample() mailer.Message {
	return mailer.Message{
		ID: "0199a2b3-c4d5", Kind: mailer.MagicLink, To: "ada@example.com", Subject: "Sign in to Notebook",
		Text: "Hello Ada,\n\nhttps://app.example/?token=abc\n", HTML: "<p>Hello Ada</p>",
	}
}

func send(t *testing.T, m *Mailer, message mailer.Message) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return m.Send(ctx, message)
}

func TestStartTLSIsRequiredByDefault(t *testing.T) {
	s := newServer(t).start()
	if err := send(t, s.mailer(), sample()); err != nil {
		t.Fatal(err)
	}
	got := s.messages()
	if len(got) != 1 || !got[0].secure || got[0].from != "FROM:<no-reply@app.example>" || got[0].to != "TO:<ada@example.com>" {
		t.Fatalf("got %+v", got)
	}

	plain := newServer(t)
	plain.tls = nil
	err := send(t, plain.start().mailer(), sample())
	if err == nil || mailer.Permanent(err) || !strings.Contains(err.Error(), "STARTTLS") {
		t.Errorf("a server without TLS: %v", err)
	}
	if strings.Contains(plain.said(), "MAIL") || len(plain.messages()) != 0 {
		t.Errorf("a message was sent without TLS: %s", plain.said())
	}
}

func TestImplicitTLS(t *testing.T) {
	s := newServer(t)
	s.implicit = true
	if err := send(t, s.start().mailer(), sample()); err != nil {
		t.Fatal(err)
	}
	if got := s.messages(); len(got) != 1 || !got[0].secure {
		t.Errorf("got %+v", got)
	}
}

func TestACertificateThatNobodyKnowsIsRefused(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := newServer(t)
		s.implicit = implicit
		m := s.start().mailer()
		m.TLSConfig = nil
		err := send(t, m, sample())
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || mailer.Permanent(err) {
			t.Errorf("implicit %v: %v", implicit, err)
		}
		if len(s.messages()) != 0 {
			t.Error("a message was sent to a stranger")
		}
	}
}

func TestPlaintextOnlyWhenAskedFor(t *testing.T) {
	s := newServer(t)
	s.tls = nil
	m := s.start().mailer()
	m.InsecurePlaintext = true
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	if got := s.messages(); len(got) != 1 || got[0].secure {
		t.Errorf("got %+v", got)
	}
}

func TestSignsInByPlainOrLogin(t *testing.T) {
	for _, mechanism := range []string{"PLAIN", "LOGIN", "LOGIN PLAIN", "CRAM-MD5 login"} {
		for _, mode := range []string{"STARTTLS", "implicit", "loopback"} {
			t.Run(mechanism+" over "+mode, func(t *testing.T) {
				s := newServer(t)
				s.mechanisms, s.implicit = mechanism, mode == "implicit"
				m := s.start().mailer()
				m.Username, m.Password, m.InsecurePlaintext = "ada", s.password, mode == "loopback"
				if err := send(t, m, sample()); err != nil {
					t.Fatal(err)
				}
				if got := s.messages(); got[0].user != "ada" {
					t.Errorf("signed in as %q", got[0].user)
				}
			})
		}
	}
}

func TestAWrongPasswordIsNoFaultOfTheMessage(t *testing.T) {
	for _, mechanisms := range []string{"PLAIN", "LOGIN", "CRAM-MD5", ""} {
		s := newServer(t)
		s.mechanisms = mechanisms
		m := s.start().mailer()
		m.Username, m.Password = "ada", "wrong horse"
		err := send(t, m, sample())
		if err == nil || mailer.Permanent(err) || !strings.Contains(err.Error(), "AUTH") || strings.Contains(err.Error(), "horse") {
			t.Errorf("%q: %v", mechanisms, err)
		}
	}
}

func TestThePasswordIsNeverSentInClear(t *testing.T) {
	s := newServer(t)
	s.tls = nil
	s.start()
	m := &Mailer{Addr: s.addr(), From: "a@app.example", Username: "ada", Password: "correct horse", InsecurePlaintext: true}
	settings, err := m.settings()
	if err != nil {
		t.Fatal(err)
	}
	settings.maySendPasswordInClear = false
	if _, err := settings.connect(t.Context()); err == nil {
		t.Error("the password was sent without TLS to a host that is not this machine")
	}
	if strings.Contains(s.said(), "AUTH") {
		t.Errorf("the server was told: %s", s.said())
	}
	m.Addr = "mail.example:25"
	if err := m.Validate(); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("Validate: %v", err)
	}
}

func TestValidateReportsEveryProblem(t *testing.T) {
	for _, c := range []struct {
		m    *Mailer
		want []string
	}{
		{&Mailer{}, []string{"Addr", "From"}},
		{&Mailer{Addr: "smtp.example:587", From: "App"}, []string{"From"}},
		{&Mailer{Addr: "smtp.example:587", From: "a@b.example, c@d.example"}, []string{"From"}},
		{&Mailer{Addr: "smtp.example:587", From: "ä@b.example"}, []string{"From"}},
		{&Mailer{Addr: "smtp.example:587", From: "App\r\nBcc: eve@evil.test <a@b.example>"}, []string{"From"}},
		{&Mailer{Addr: "smtp.example:0", From: "a@b.example"}, []string{"Addr"}},
		{&Mailer{Addr: "smtp.example:smtp", From: "a@b.example"}, []string{"Addr"}},
		{&Mailer{Addr: "smtp.example:", From: "a@b.example"}, []string{"Addr"}},
		{&Mailer{Addr: "::1", From: "a@b.example"}, []string{"Addr"}},
		{&Mailer{Addr: "https://smtp.example", From: "a@b.example"}, []string{"Addr"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", Username: "ada"}, []string{"Password"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", Auth: XOAUTH2(nil)}, []string{"Username", "token source"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", Username: "ada", Password: "x", Auth: XOAUTH2(nil)}, []string{"Password"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", Username: "ada\x00eve", Password: "x"}, []string{"control"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", ImplicitTLS: true, InsecurePlaintext: true}, []string{"exclude"}},
		{&Mailer{Addr: "smtp.example", From: "a@b.example", HelloName: "a b", Timeout: -1}, []string{"HelloName", "Timeout"}},
	} {
		err := c.m.Validate()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v %q: %v does not name %s", c.m, c.m.From, err, want)
			}
		}
		if send(t, c.m, sample()) == nil {
			t.Errorf("%v sent something", c.m)
		}
	}
}

func TestAddrHasTheUsualPortsAndModes(t *testing.T) {
	for _, c := range []struct {
		m        *Mailer
		host     string
		port     string
		implicit bool
	}{
		{&Mailer{Addr: "smtp.example"}, "smtp.example", "587", false},
		{&Mailer{Addr: "smtp.example", ImplicitTLS: true}, "smtp.example", "465", true},
		{&Mailer{Addr: "smtp.example:465"}, "smtp.example", "465", true},
		{&Mailer{Addr: "smtp.example:2525"}, "smtp.example", "2525", false},
		{&Mailer{Addr: "[::1]:25", InsecurePlaintext: true}, "::1", "25", false},
		{&Mailer{Addr: "[::1]"}, "::1", "587", false},
	} {
		c.m.From = "App <no-reply@app.example>"
		s, err := c.m.settings()
		if err != nil || s.host != c.host || s.port != c.port || s.implicit != c.implicit || s.hello != "app.example" {
			t.Errorf("%s: %+v, %v", c.m.Addr, s, err)
		}
	}
}

func TestThePasswordStaysOutOfLogs(t *testing.T) {
	m := &Mailer{Addr: "smtp.example", Username: "ada", Password: "correct horse"}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("made", "mailer", m)
	if all := fmt.Sprintf("%v %+v %s", m, m, log.String()); strings.Contains(all, "horse") {
		t.Errorf("the password shows in %s", all)
	}
}

func TestOneConnectionServesManyMessages(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	for i := range 5 {
		if err := send(t, m, sample()); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if all, _ := s.connected(); all != 1 || len(s.messages()) != 5 {
		t.Errorf("%d connections for %d messages", all, len(s.messages()))
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "Close to end the connection", func() bool { _, open := s.connected(); return open == 0 })
	if !strings.HasSuffix(s.said(), "QUIT") {
		t.Errorf("Close did not take leave: %s", s.said())
	}
	if err := send(t, m, sample()); err != nil {
		t.Errorf("a Send after Close: %v", err)
	}
}

func TestAnIdleConnectionIsClosedInTime(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	m.IdleTimeout = time.Millisecond
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the idle connection to end", func() bool { _, open := s.connected(); return open == 0 })

	m = s.mailer()
	m.IdleTimeout = -1
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "an unkept connection to end", func() bool { _, open := s.connected(); return open == 0 })
	if m.idle != nil {
		t.Error("a connection was kept")
	}
}

func TestManyGoroutinesMaySendAtOnce(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			if err := send(t, m, sample()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if len(s.messages()) != 16 {
		t.Errorf("%d of 16 messages arrived", len(s.messages()))
	}
	waitFor(t, "all but the kept connection to end", func() bool { _, open := s.connected(); return open <= 1 })
}

// waitFor asks until the answer is yes.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
