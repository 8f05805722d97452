package smtp

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

func TestMailXOAUTH2SignsInWithATokenOfEveryLength(t *testing.T) {
	for name, token := range map[string]string{"short": "ya29.token", "too long for the command's line": strings.Repeat("eyJ0eXAi", 200)} {
		for _, implicit := range []bool{false, true} {
			s := newServer(t)
			s.mechanisms, s.token, s.implicit = "XOAUTH2", token, implicit
			m := s.start().mailer()
			fetched := 0
			m.Username, m.Auth = "ada", XOAUTH2(func(context.Context) (string, error) { fetched++; return token, nil })
			for range 2 {
				if err := send(t, m, sample()); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
			}
			if got := s.messages(); len(got) != 2 || got[0].user != "ada" || fetched != 1 {
				t.Errorf("%s: %d messages, %d tokens", name, len(got), fetched)
			}
			for line := range strings.SplitSeq(s.said(), "\n") {
				if strings.HasPrefix(line, "AUTH") && len(line) > 510 {
					t.Errorf("%s: a command of %d characters", name, len(line))
				}
			}
		}
	}
}

func TestMailXOAUTH2WithABadTokenIsAnErrorOfTheOperator(t *testing.T) {
	s := newServer(t)
	s.mechanisms, s.token = "XOAUTH2 PLAIN", "good"
	m := s.start().mailer()
	m.Timeout = 0
	m.Username, m.Auth = "ada", XOAUTH2(func(context.Context) (string, error) { return "expired", nil })
	err := send(t, m, sample())
	if !mailer.NeedsOperator(err) || !strings.Contains(err.Error(), "535") || strings.Contains(err.Error(), "expired") {
		t.Errorf("a bad token: %v", err)
	}

	before, _ := s.connected()
	broken := errors.New("the token server is down")
	m.Auth = XOAUTH2(func(context.Context) (string, error) { return "", broken })
	if err := send(t, m, sample()); !errors.Is(err, broken) || mailer.Permanent(err) || mailer.NeedsOperator(err) {
		t.Errorf("without a token: %v", err)
	}
	for _, token := range []string{"", "two\x01fields", "two\r\nlines"} {
		m.Auth = XOAUTH2(func(context.Context) (string, error) { return token, nil })
		if err := send(t, m, sample()); !mailer.NeedsOperator(err) {
			t.Errorf("token %q: %v", token, err)
		}
	}
	if after, _ := s.connected(); after != before {
		t.Error("the server was asked without a token")
	}

	s = newServer(t)
	m = s.start().mailer()
	m.Username, m.Auth = "ada", XOAUTH2(func(context.Context) (string, error) { return "good", nil })
	if err := send(t, m, sample()); !mailer.NeedsOperator(err) || !strings.Contains(err.Error(), "XOAUTH2") {
		t.Errorf("a server without XOAUTH2: %v", err)
	}
	if strings.Contains(s.said(), "AUTH") {
		t.Errorf("the token was sent as a password: %s", s.said())
	}
}

func TestMailTheTokenIsNeverSentInClear(t *testing.T) {
	s := newServer(t)
	s.tls, s.mechanisms, s.token = nil, "XOAUTH2", "good"
	s.start()
	m := &Mailer{Addr: s.addr(), From: "a@app.example", Username: "ada", InsecurePlaintext: true}
	m.Auth = XOAUTH2(func(context.Context) (string, error) { return "good", nil })
	settings, err := m.settings()
	if err != nil {
		t.Fatal(err)
	}
	settings.maySendPasswordInClear = false
	if _, err := settings.connect(t.Context()); err == nil || strings.Contains(s.said(), "AUTH") {
		t.Errorf("the token was sent without TLS to a host that is not this machine: %v", err)
	}
}

func TestMailKeywordsOfEHLOAreKnownInEveryCase(t *testing.T) {
	for _, mechanisms := range []string{"PLAIN", "LOGIN"} {
		s := newServer(t)
		s.lowerCase, s.mechanisms, s.extensions = true, mechanisms, []string{"SMTPUTF8", "8BITMIME"}
		m := s.start().mailer()
		m.Username, m.Password = "ada", s.password
		message := sample()
		message.To = "björn@example.com"
		if err := send(t, m, message); err != nil {
			t.Fatal(err)
		}
		if got := s.messages(); !got[0].secure || got[0].user != "ada" {
			t.Errorf("got %+v", got[0])
		}
	}
}

func TestMailTheOldFormOfAUTHIsKnown(t *testing.T) {
	for _, extensions := range [][]string{{"AUTH=LOGIN"}, {"AUTH NTLM", "AUTH=LOGIN"}} {
		s := newServer(t)
		s.mechanisms, s.extensions = "", extensions
		m := s.start().mailer()
		m.Username, m.Password = "ada", s.password
		if err := send(t, m, sample()); err != nil {
			t.Errorf("%q: %v", extensions, err)
		}
	}
}

func TestAServerThatKnowsNoEHLOIsGreetedByHELO(t *testing.T) {
	s := newServer(t)
	s.tls = nil
	s.misbehave = on("EHLO", "500 what?")
	m := s.start().mailer()
	m.InsecurePlaintext = true
	if err := send(t, m, sample()); err != nil {
		t.Error(err)
	}
}
