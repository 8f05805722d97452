package smtp

import (
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

func TestMailCheckTakesEveryStepAndSendsNothing(t *testing.T) {
	for _, implicit := range []bool{false, true} {
		s := newServer(t)
		s.implicit = implicit
		m := s.start().mailer()
		m.Username, m.Password, m.EnvelopeSender = "ada", s.password, "bounces@app.example"
		for range 2 {
			if err := m.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []string{"AUTH PLAIN", "MAIL FROM:<bounces@app.example>", "RCPT TO:<no-reply@app.example>", "RSET", "QUIT"} {
			if strings.Count(s.said(), want) != 2 {
				t.Errorf("not %q in every check:\n%s", want, s.said())
			}
		}
		if strings.Contains(s.said(), "DATA") || len(s.messages()) != 0 || m.idle != nil {
			t.Error("a message was sent, or a connection kept")
		}
		if err := m.CheckTo(t.Context(), "ada@example.com"); err != nil || !strings.Contains(s.said(), "RCPT TO:<ada@example.com>") {
			t.Errorf("CheckTo: %v\n%s", err, s.said())
		}
	}
}

func TestMailCheckNamesTheStepThatFails(t *testing.T) {
	for _, c := range []struct{ line, reply, want string }{
		{"CONNECT", "554 5.7.1 listed", "greeting: 554"},
		{"EHLO", "550 no", "EHLO: 550"},
		{"STARTTLS", "454 4.7.0 no", "STARTTLS: 454"},
		{"AUTH", "535 5.7.8 wrong", "AUTH: 535"},
		{"MAIL", "550 5.7.60 may not send as this sender", "MAIL: 550"},
		{"RCPT", "550 5.7.1 relaying denied", "RCPT: 550"},
		{"RCPT", "554 Message rejected: Email address is not verified", "RCPT: 554"},
		{"RCPT", "450 4.2.0 greylisted", "RCPT: 450"},
	} {
		s := newServer(t)
		s.misbehave = on(c.line, c.reply)
		m := s.start().mailer()
		m.Username, m.Password = "ada", s.password
		if err := m.Check(t.Context()); err == nil || !strings.Contains(err.Error(), c.want) || mailer.Permanent(err) {
			t.Errorf("%s: %v", c.reply, err)
		}
	}
	// A server that says so has accepted the sender.
	s := newServer(t)
	s.misbehave = func(_ int, line string) string {
		if strings.HasPrefix(line, "RCPT") {
			return "550 5.1.1 no such mailbox"
		}
		return ""
	}
	m := s.start().mailer()
	if err := m.Check(t.Context()); err != nil {
		t.Errorf("a From that takes no mail: %v", err)
	}
	if err := m.CheckTo(t.Context(), "nobody@example.com"); err == nil {
		t.Error("CheckTo kept quiet about its recipient")
	}
	for _, to := range []string{"", "a@b.example\r\nDATA", "A <a@b.example>"} {
		if err := m.CheckTo(t.Context(), to); err == nil {
			t.Errorf("CheckTo took %q", to)
		}
	}
	if err := (&Mailer{Addr: "smtp.example"}).Check(t.Context()); err == nil || !strings.Contains(err.Error(), "From") {
		t.Errorf("settings that are wrong: %v", err)
	}
}
