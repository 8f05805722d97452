package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/admit-go/admit/mailer"
)

// connection is a session with the server, signed in, between two messages.
type connection struct {
	raw  *limitedConn
	text *textproto.Conn
	// secure says that the session uses TLS.
	secure bool
	// offers are the extensions of the server by keyword in upper case. RFC
	// 5321 ignores the case of keywords.
	offers map[string]string
	// used says that the connection has sent a message. The server may have
	// closed the connection since.
	used bool
	// committed says that the text of the current message was announced. After
	// that a failure does not show whether the server has the message.
	committed bool
	// broken says that the connection cannot be used again.
	broken bool
	expiry *time.Timer
}

// mostBytes is the most that a server may send during one message.
const mostBytes = 1 << 20

// limitedConn ends when the peer sends more than left bytes, so that a peer
// that never ends a line cannot fill the memory.
type limitedConn struct {
	net.Conn
	left int
}

func (c *limitedConn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errors.New("the server says too much")
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// connect dials and signs in.
func (s settings) connect(ctx context.Context) (*connection, error) {
	// The token is fetched first, because a server does not wait for it.
	who, err := s.credentials(ctx)
	if err != nil {
		return nil, &StepError{Step: "AUTH", Err: err}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, describe(ctx, "connect", err)
	}
	c := &connection{raw: &limitedConn{Conn: conn, left: mostBytes}}
	release := c.obey(ctx)
	step, err := c.open(ctx, s, who)
	release()
	if err == nil && c.broken {
		err = ctx.Err()
	}
	if err != nil {
		c.close()
		return nil, settled(err, describe(ctx, step, err))
	}
	return c, nil
}

// settled marks faults that only an operator can repair: a permanent refusal
// before the first message, a server without TLS, a certificate that cannot be
// verified.
func settled(err, described error) error {
	reply, answered := errors.AsType[*textproto.Error](err)
	_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
	if answered && reply.Code >= 500 || untrusted || errors.Is(err, ErrNotOffered) {
		return &mailer.OperatorError{Err: described}
	}
	return described
}

// ErrNotOffered says that the server lacks what the settings ask for: STARTTLS,
// or a way to sign in.
var ErrNotOffered = errors.New("the server does not offer it")

// A StepError is an error of [Mailer.Send] or [Mailer.Check] and names the step
// of the session at which the session failed. Err holds what the server answered,
// as a [textproto.Error] without addresses, or what was wrong with the
// connection.
type StepError struct {
	// Step is "connect", "TLS", "greeting", "EHLO", "STARTTLS", "AUTH", "MAIL",
	// "RCPT", "DATA", "text" or "RSET".
	Step string
	Err  error
}

// Error names the step and what happened.
func (e *StepError) Error() string { return "smtp: " + e.Step + ": " + e.Err.Error() }

// Unwrap returns Err.
func (e *StepError) Unwrap() error { return e.Err }

// obey makes reading and writing fail when ctx ends, until release is called.
func (c *connection) obey(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if !stop() {
			c.broken = true
		}
	}
}

// open does the steps before the first message. It returns the step that
// failed.
func (c *connection) open(ctx context.Context, s settings, who *credentials) (step string, err error) {
	c.text = textproto.NewConn(c.raw)
	if s.implicit {
		if err := c.startTLS(ctx, s); err != nil {
			return "TLS", err
		}
	}
	if _, _, err := c.text.ReadResponse(220); err != nil {
		return "greeting", err
	}
	if err := c.hello(s.hello); err != nil {
		return "EHLO", err
	}
	if !s.implicit && !s.plaintext {
		if _, ok := c.offers["STARTTLS"]; !ok {
			return "STARTTLS", ErrNotOffered
		}
		if err := c.say(220, "STARTTLS"); err != nil {
			return "STARTTLS", err
		}
		if err := c.startTLS(ctx, s); err != nil {
			return "STARTTLS", err
		}
		if err := c.hello(s.hello); err != nil {
			return "EHLO", err
		}
	}
	if who != nil {
		if err := c.signIn(who); err != nil {
			return "AUTH", err
		}
	}
	return "", nil
}

// startTLS continues over TLS. It forgets everything that the server said
// before, also bytes that arrived together with the last answer, because
// anybody could have sent them.
func (c *connection) startTLS(ctx context.Context, s settings) error {
	secured := tls.Client(c.raw, s.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	c.text, c.secure, c.offers = textproto.NewConn(secured), true, nil
	return nil
}

// hello introduces this machine and stores what the server offers. A server
// without EHLO (before 1995) offers nothing.
func (c *connection) hello(name string) error {
	if _, err := c.text.Cmd("EHLO %s", name); err != nil {
		return err
	}
	_, answer, err := c.text.ReadResponse(250)
	if reply, ok := errors.AsType[*textproto.Error](err); ok && (reply.Code == 500 || reply.Code == 502) {
		c.offers = nil
		return c.say(250, "HELO "+name)
	}
	if err != nil {
		return err
	}
	c.offers = map[string]string{}
	lines := strings.Split(answer, "\n")
	for _, line := range lines[1:] {
		keyword, parameters, _ := strings.Cut(line, " ")
		// Old servers wrote AUTH=LOGIN, some in addition to today's form.
		keyword, old, _ := strings.Cut(strings.ToUpper(keyword), "=")
		c.offers[keyword] = strings.TrimSpace(c.offers[keyword] + " " + old + " " + parameters)
	}
	return nil
}

// deliver sends one message. After an error the connection is broken, unless
// the error is an answer of the server.
func (c *connection) deliver(ctx context.Context, l letter) error {
	if _, ok := c.offers["SMTPUTF8"]; l.international && !ok {
		return &mailer.PermanentError{Err: errors.New("smtp: the server takes no addresses beyond ASCII")}
	}
	c.raw.left, c.committed = mostBytes, false
	release := c.obey(ctx)
	step, err := c.transact(l)
	release()
	c.used = true
	if err == nil {
		return nil
	}
	return c.failed(ctx, step, err)
}

// failed records whether the connection can still be used after err, and
// separates a refusal from a temporary fault.
func (c *connection) failed(ctx context.Context, step string, err error) error {
	reply, answered := errors.AsType[*textproto.Error](err)
	// With 421 a server says that it closes the connection.
	c.broken = c.broken || !answered || reply.Code == 421
	described := describe(ctx, step, err)
	if !answered || reply.Code < 500 {
		return described
	}
	return &refusal{step: step, reply: reply, described: described}
}

// transact sends the commands of one message. It returns the step that failed.
func (c *connection) transact(l letter) (step string, err error) {
	if step, err := c.address(l); err != nil {
		return step, err
	}
	if err := c.say(354, "DATA"); err != nil {
		return "DATA", err
	}
	c.committed = true
	// Only a complete text may get its final dot. A server must not deliver an
	// incomplete text.
	w := c.text.DotWriter()
	if _, err := w.Write(l.content); err != nil {
		return "text", err
	}
	if err := w.Close(); err != nil {
		return "text", err
	}
	_, _, err = c.text.ReadResponse(250)
	return "text", err
}

// address sends the sender and the recipient.
func (c *connection) address(l letter) (step string, err error) {
	// RSET removes the state of a refused message. It also finds out whether
	// the server is still there before a message is at risk.
	if c.used {
		if err := c.say(250, "RSET"); err != nil {
			return "RSET", err
		}
	}
	// SMTPUTF8 is requested only if it is needed: a later server without it
	// would have to refuse the message.
	parameters := ""
	if l.international {
		parameters = " BODY=8BITMIME SMTPUTF8"
	}
	if err := c.say(250, "MAIL FROM:<"+l.from+">"+parameters); err != nil {
		return "MAIL", err
	}
	if err := c.say(25, "RCPT TO:<"+l.to+">"); err != nil {
		return "RCPT", err
	}
	return "", nil
}

// say sends one line and expects an answer that starts with expected. The line
// has no line break, because encode refuses addresses with one.
func (c *connection) say(expected int, line string) error {
	if _, err := c.text.Cmd("%s", line); err != nil {
		return err
	}
	_, _, err := c.text.ReadResponse(expected)
	return err
}

// isStale reports whether the same message may be sent again at once: the
// server has closed a kept connection, and cannot have the message.
func (c *connection) isStale(ctx context.Context, err error) bool {
	return err != nil && c.broken && !c.committed && ctx.Err() == nil
}

// quit says goodbye to the server if that is possible, and waits at most one
// second.
func (c *connection) quit() {
	if !c.broken {
		_ = c.raw.SetDeadline(time.Now().Add(time.Second))
		_ = c.say(221, "QUIT")
	}
	c.close()
}

// close closes the connection below TLS, because TLS would wait for the peer.
func (c *connection) close() { _ = c.raw.Close() }

// describe makes an error for logs and dead mail: one line, with the server's
// words shortened, without addresses.
func describe(ctx context.Context, step string, err error) error {
	if reply, ok := errors.AsType[*textproto.Error](err); ok {
		words := strings.FieldsFunc(reply.Msg, func(r rune) bool { return r <= ' ' || r == 0x7f })
		for i, word := range words {
			if strings.Contains(word, "@") {
				words[i] = "(address)"
			}
		}
		text := strings.Join(words, " ")
		err = &textproto.Error{Code: reply.Code, Msg: strings.ToValidUTF8(text[:min(len(text), 300)], "")}
	}
	ended := ctx.Err()
	if ended == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		ended = context.DeadlineExceeded // the connection's timer was a little ahead of the context's
	}
	if ended != nil {
		err = fmt.Errorf("%w: %w", ended, err)
	}
	return &StepError{Step: step, Err: err}
}
