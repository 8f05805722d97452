package mailtest

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/mail"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"

	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/mailer/smtp"
)

// backend takes every mail of who signs in.
type backend struct {
	mu       sync.Mutex
	sessions int
	mails    [][]byte
	to       []string
}

func (b *backend) NewSession(*gosmtp.Conn) (gosmtp.Session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sessions++
	return &session{backend: b}, nil
}

func (b *backend) counts() (sessions, mails int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sessions, len(b.mails)
}

type session struct {
	*backend
	user, to string
}

func (s *session) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *session) Auth(mechanism string) (sasl.Server, error) {
	if mechanism != sasl.Plain {
		return nil, gosmtp.ErrAuthUnknownMechanism
	}
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "ada" || password != "correct horse" {
			return gosmtp.ErrAuthFailed
		}
		s.user = user
		return nil
	}), nil
}

func (s *session) Mail(_ string, _ *gosmtp.MailOptions) error {
	if s.user == "" {
		return gosmtp.ErrAuthRequired
	}
	return nil
}

func (s *session) Rcpt(to string, _ *gosmtp.RcptOptions) error {
	if to == "nobody@example.com" {
		return &gosmtp.SMTPError{Code: 550, EnhancedCode: gosmtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"}
	}
	s.to = to
	return nil
}

func (s *session) Data(r io.Reader) error {
	content, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails, s.backend.to = append(s.mails, content), append(s.backend.to, s.to)
	return nil
}

func (s *session) Reset()        { s.to = "" }
func (s *session) Logout() error { return nil }

// serve starts go-smtp with change made to it, and gives a Mailer for it.
func serve(t *testing.T, implicit bool, change func(*gosmtp.Server)) (*backend, *smtp.Mailer) {
	t.Helper()
	certificatePEM, keyPEM, roots := certificate(t)
	pair, err := tls.X509KeyPair(certificatePEM, keyPEM)
	if err != nil {
		t.Fatal(err)
	}
	b := &backend{}
	server := gosmtp.NewServer(b)
	server.Domain, server.EnableSMTPUTF8 = "mta.example.com", true
	// Stricter than any MTA: what is longer breaks RFC 5322.
	server.MaxLineLength = 1000
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}}
	change(server)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &smtp.Mailer{
		Addr: listener.Addr().String(), From: "Notebook <no-reply@app.example>", Username: "ada", Password: "correct horse",
		ImplicitTLS: implicit, TLSConfig: &tls.Config{RootCAs: roots},
	}
	served := make(chan error, 1)
	go func() {
		if implicit {
			listener = tls.NewListener(listener, server.TLSConfig)
		}
		served <- server.Serve(listener)
	}()
	t.Cleanup(func() {
		m.Close()
		server.Close()
		if err := <-served; err != nil && !errors.Is(err, gosmtp.ErrServerClosed) {
			t.Errorf("the server ended with %v", err)
		}
	})
	return b, m
}

func TestGoSMTPTakesMessagesOverOneConnection(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		b, m := serve(t, implicit, func(*gosmtp.Server) {})
		if err := send(m, sample("0")); err != nil {
			t.Fatal(err)
		}
		before, _ := b.counts()
		for _, to := range []string{"ada@example.com", "nobody@example.com", "björn@example.com"} {
			message := sample("1")
			message.To = to
			if err := send(m, message); mailer.Permanent(err) != (to == "nobody@example.com") || err != nil && !mailer.Permanent(err) {
				t.Errorf("%s: %v", to, err)
			}
		}
		now, mails := b.counts()
		if mails != 3 || b.to[2] != "björn@example.com" {
			t.Fatalf("%d mails for %q", mails, b.to)
		}
		if now != before {
			t.Error("a message got a connection of its own")
		}
		for _, content := range b.mails {
			got, err := mail.ReadMessage(bytes.NewReader(content))
			if err != nil {
				t.Fatal(err)
			}
			checkMail(t, got, "Sign in")
		}
	}
}

func TestGoSMTPClosingAnIdleConnectionLosesNothing(t *testing.T) {
	const idle = 100 * time.Millisecond
	b, m := serve(t, false, func(s *gosmtp.Server) { s.ReadTimeout = idle })
	if err := send(m, sample("1")); err != nil {
		t.Fatal(err)
	}
	before, _ := b.counts()
	// The kept connection ends some time after idle: each message must arrive,
	// on whichever connection, until one had to be opened anew.
	sent := 1
	waitFor(t, "the server to close the kept connection", func() bool {
		<-time.After(idle)
		sent++
		if err := send(m, sample("1")); err != nil {
			t.Fatalf("message %d: %v", sent, err)
		}
		now, _ := b.counts()
		return now > before
	})
	if _, mails := b.counts(); mails != sent {
		t.Errorf("%d mails arrived, %d were sent", mails, sent)
	}
}
