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

// connection is a session with the server, signed in and between messages.
type connection struct {
	raw  *limitedConn
	text *textproto.Conn
	// secure says that TLS covers the session.
	secure bool
	// offers are the server's extensions by keyword in upper case: RFC 5321
	// makes no difference between cases.
	offers map[string]string
	// used says that a message was sent before, so that the server may have
	// closed the connection since.
	used bool
	// committed says that the server was asked to take the text of the current
	// message: from there on a failure does not tell what became of it.
	committed bool
	// broken says that nothing more can be said on it.
	broken bool
	expiry *time.Timer
}

// mostBytes is how much a server may say while one message is sent.
const mostBytes = 1 << 20

// limitedConn ends when its peer says more than is left, so that one that
// never ends a line does not fill the memory.
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
	// The token is fetched first: a server does not wait while it is on its way.
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

// settled marks what only an operator can mend: a refusal for good before the
// first message, a server without TLS, a certificate that nobody vouches for.
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

// obey makes reading and writing fail once ctx ends, until release is called.
func (c *connection) obey(ctx context.Context) (release func()) {
	stop := context.AfterFunc(ctx, func() { _ = c.raw.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if !stop() {
			c.broken = true
		}
	}
}

// open takes the steps up to the first message. It answers the one that failed.
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

// startTLS goes on over TLS. What the server said before it is forgotten, bytes
// that were sent along with its last answer too: anybody could have put them
// there.
func (c *connection) startTLS(ctx context.Context, s settings) error {
	secured := tls.Client(c.raw, s.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		return err
	}
	c.text, c.secure, c.offers = textproto.NewConn(secured), true, nil
	return nil
}

// hello introduces this machine and keeps what the server offers. A server of
// before 1995 that knows no EHLO offers nothing.
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
		// Old servers wrote AUTH=LOGIN, some beside the line of today.
		keyword, old, _ := strings.Cut(strings.ToUpper(keyword), "=")
		c.offers[keyword] = strings.TrimSpace(c.offers[keyword] + " " + old + " " + parameters)
	}
	return nil
}

// deliver sends one message. After an error the connection is broken, unless
// the server itself answered it.
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

// failed notes whether the connection is still good after err, and tells a
// refusal from what may pass.
func (c *connection) failed(ctx context.Context, step string, err error) error {
	reply, answered := errors.AsType[*textproto.Error](err)
	// 421 is how a server says that it hangs up.
	c.broken = c.broken || !answered || reply.Code == 421
	described := describe(ctx, step, err)
	if !answered || reply.Code < 500 {
		return described
	}
	return &refusal{step: step, reply: reply, described: described}
}

// transact says the lines of one message. It answers the step that failed.
func (c *connection) transact(l letter) (step string, err error) {
	if step, err := c.address(l); err != nil {
		return step, err
	}
	if err := c.say(354, "DATA"); err != nil {
		return "DATA", err
	}
	c.committed = true
	// Only a whole text may get its final dot: one that broke off must not be
	// delivered.
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

// address names sender and recipient.
func (c *connection) address(l letter) (step string, err error) {
	// RSET clears what a refused message left behind, and finds out whether
	// the server is still there while nothing is at stake.
	if c.used {
		if err := c.say(250, "RSET"); err != nil {
			return "RSET", err
		}
	}
	// Without need SMTPUTF8 is not asked for: a server further on that does not
	// know it would have to refuse the message.
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

// say sends one line and expects an answer that starts with expected. No line
// break can stand in line: encode lets none into an address.
func (c *connection) say(expected int, line string) error {
	if _, err := c.text.Cmd("%s", line); err != nil {
		return err
	}
	_, _, err := c.text.ReadResponse(expected)
	return err
}

// isStale tells when the same message may go out again at once: err only says
// that the server has closed a kept connection, and it cannot have the message.
func (c *connection) isStale(ctx context.Context, err error) bool {
	return err != nil && c.broken && !c.committed && ctx.Err() == nil
}

// quit takes leave where that is possible, waiting a second at most.
func (c *connection) quit() {
	if !c.broken {
		_ = c.raw.SetDeadline(time.Now().Add(time.Second))
		_ = c.say(221, "QUIT")
	}
	c.close()
}

// close goes past TLS, whose own way of closing waits for the peer.
func (c *connection) close() { _ = c.raw.Close() }

// describe makes an error for logs and dead letters: one line, the server's
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
