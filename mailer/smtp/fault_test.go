package smtp

import (
	"context"
	"errors"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit/mailer"
)

// on makes a server misbehave once, when a line starts with prefix.
func on(prefix, reply string) func(int, string) string {
	done := false
	return func(_ int, line string) string {
		if done || !strings.HasPrefix(line, prefix) {
			return ""
		}
		done = true
		return reply
	}
}

func TestAC206WhatTheServerRefusesForGoodIsPermanent(t *testing.T) {
	for _, c := range []struct {
		line, reply string
		permanent   bool
	}{
		{"CONNECT", "554 5.3.2 no service", false},
		{"CONNECT", "421 4.3.2 later", false},
		{"MAIL", "451 4.3.0 later", false},
		{"MAIL", "550 5.7.1 this sender may not", false},
		{"RCPT", "450 4.2.1 greylisted", false},
		{"RCPT", "550-5.1.1 <ADA@example.com> ada@example.com\r\n550 \x1b[31munknown", true},
		{"RCPT", "530 5.7.0 sign in first", false},
		{"DATA", "451 4.3.0 later", false},
		{"DATA", "554 5.7.1 no", false},
		{"DATA", "554 5.6.1 no such form of text", true},
		{".", "452 4.3.1 disk full", false},
		{".", "554 5.6.0 rejected", true},
	} {
		t.Run(c.line+" "+c.reply[:3], func(t *testing.T) {
			s := newServer(t)
			s.misbehave = on(c.line, c.reply)
			m := s.start().mailer()
			err := send(t, m, sample())
			if err == nil || mailer.Permanent(err) != c.permanent {
				t.Fatalf("permanent is %v, want %v: %v", mailer.Permanent(err), c.permanent, err)
			}
			if !strings.Contains(err.Error(), c.reply[:3]) || strings.ContainsAny(err.Error(), "\r\n\x1b@") {
				t.Errorf("the reason %q lacks the code, or has the address or control characters", err)
			}
			if err := send(t, m, sample()); err != nil {
				t.Errorf("the next message: %v", err)
			}
			if len(s.messages()) != 1 {
				t.Errorf("%d messages were taken", len(s.messages()))
			}
		})
	}
}

func TestAC206ARefusalKeepsTheConnectionAndResetsIt(t *testing.T) {
	s := newServer(t)
	s.misbehave = on("RCPT", "450 later")
	m := s.start().mailer()
	if err := send(t, m, sample()); err == nil {
		t.Fatal("the refusal was not reported")
	}
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	if all, _ := s.connected(); all != 1 || !strings.Contains(s.said(), "\nRSET\nMAIL") {
		t.Errorf("%d connections:\n%s", all, s.said())
	}
}

func TestAC206AServerThatHangsIsLeftAtTheDeadline(t *testing.T) {
	for _, line := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "."} {
		t.Run(line, func(t *testing.T) {
			s := newServer(t)
			s.misbehave = func(_ int, said string) string {
				if strings.HasPrefix(said, line) {
					return "hang"
				}
				return ""
			}
			m := s.start().mailer()
			m.Username, m.Password = "ada", s.password
			for name, call := range map[string]func() error{
				"its own": func() error { m.Timeout = 100 * time.Millisecond; return send(t, m, sample()) },
				"the context's": func() error {
					m.Timeout = time.Minute
					ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
					defer cancel()
					return m.Send(ctx, sample())
				},
			} {
				start := time.Now()
				err := call()
				if !errors.Is(err, context.DeadlineExceeded) || mailer.Permanent(err) {
					t.Errorf("%s timeout: %v", name, err)
				}
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("%s timeout of 100 ms took %v", name, took)
				}
			}
			if m.idle != nil {
				t.Error("a connection that hangs was kept")
			}
		})
	}
}

func TestCancellingEndsASendAtOnce(t *testing.T) {
	s := newServer(t)
	ctx, cancel := context.WithCancel(context.Background())
	s.misbehave = func(_ int, line string) string {
		if strings.HasPrefix(line, "RCPT") {
			cancel()
			return "hang"
		}
		return ""
	}
	m := s.start().mailer()
	m.Timeout = time.Minute
	if err := m.Send(ctx, sample()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestAC206ABrokenConnectionIsAnErrorThatMayPass(t *testing.T) {
	for _, line := range []string{"CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "CONTENT", "."} {
		t.Run(line, func(t *testing.T) {
			s := newServer(t)
			s.misbehave = on(line, "drop")
			m := s.start().mailer()
			m.Username, m.Password = "ada", s.password
			if err := send(t, m, sample()); err == nil || mailer.Permanent(err) {
				t.Fatalf("got %v", err)
			}
			if err := send(t, m, sample()); err != nil {
				t.Fatalf("the next try: %v", err)
			}
			// One that broke after the text is unclear, so it comes twice with
			// the same Message-ID; one that broke in the text must not come.
			want := 1
			if line == "." {
				want = 2
			}
			got := s.messages()
			if len(got) != want {
				t.Errorf("%d messages were taken, want %d", len(got), want)
			}
			for _, m := range got {
				if !strings.Contains(m.content, "Message-ID: <0199a2b3-c4d5@app.example>\r\n") || !strings.Contains(m.content, "Hello Ada") {
					t.Errorf("a message is not whole:\n%s", m.content)
				}
			}
		})
	}
}

func TestAC206ADeadKeptConnectionIsReplacedOnce(t *testing.T) {
	for _, c := range []struct {
		line, reply string
		connections int
		sent        bool
	}{
		{"RSET", "drop", 2, true},
		{"RSET", "421 4.4.2 idle for too long", 2, true},
		{"MAIL", "drop", 2, true},
		{"RCPT", "421 4.7.0 too many messages", 2, true},
		{"DATA", "drop", 2, true},
		// From here on nobody knows what became of the message: the outbox
		// decides, not the connection.
		{"CONTENT", "drop", 1, false},
		{".", "drop", 1, false},
		{"MAIL", "451 later", 1, false},
	} {
		t.Run(c.line+" "+c.reply, func(t *testing.T) {
			s := newServer(t)
			armed := false
			s.misbehave = func(connection int, line string) string {
				if armed && connection == 1 && strings.HasPrefix(line, c.line) {
					return c.reply
				}
				return ""
			}
			m := s.start().mailer()
			if err := send(t, m, sample()); err != nil {
				t.Fatal(err)
			}
			s.note(func() { armed = true })
			if err := send(t, m, sample()); (err == nil) != c.sent {
				t.Errorf("sent is %v, want %v: %v", err == nil, c.sent, err)
			}
			if all, _ := s.connected(); all != c.connections {
				t.Errorf("%d connections, want %d", all, c.connections)
			}
		})
	}
}

func TestAServerThatIsGoneIsAnErrorThatMayPass(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	m.Close()
	s.listener.Close()
	err := send(t, m, sample())
	if _, ok := errors.AsType[*net.OpError](err); !ok || mailer.Permanent(err) {
		t.Errorf("got %v", err)
	}
}

func TestAServerThatNeverEndsALineDoesNotFillTheMemory(t *testing.T) {
	s := newServer(t)
	endless := strings.Repeat("x", 2<<20)
	s.misbehave = on("CONNECT", "220 "+endless)
	err := send(t, s.start().mailer(), sample())
	if err == nil || !strings.Contains(err.Error(), "says too much") || mailer.Permanent(err) {
		t.Errorf("got %.200v", err)
	}
}

func TestAC206ManyTimeoutsLeaveNothingBehind(t *testing.T) {
	// Nobody accepts: the connections stay in the queue of the system.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	m := &Mailer{Addr: listener.Addr().String(), From: "no-reply@app.example", Timeout: 5 * time.Millisecond}
	before := runtime.NumGoroutine()
	for range 50 {
		if err := send(t, m, sample()); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
	waitFor(t, "the goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}
