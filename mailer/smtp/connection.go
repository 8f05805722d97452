package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netsmtp "net/smtp"
	"net/textproto"
	"os"
	"strings"
	"time"

	"github.com/admit-go/admit/mailer"
)

// connection is a session with the server, signed in and between messages.
type connection struct {
	raw    *limitedConn
	client *netsmtp.Client
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
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.host, s.port))
	if err != nil {
		return nil, describe(ctx, "connect", err)
	}
	c := &connection{raw: &limitedConn{Conn: conn, left: mostBytes}}
	release := c.obey(ctx)
	step, err := c.open(ctx, s)
	release()
	if err == nil && c.broken {
		err = ctx.Err()
	}
	if err != nil {
		c.close()
		return nil, describe(ctx, step, err)
	}
	return c, nil
}

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
func (c *connection) open(ctx context.Context, s settings) (step string, err error) {
	var conn net.Conn = c.raw
	if s.implicit {
		secured := tls.Client(conn, s.tls)
		if err := secured.HandshakeContext(ctx); err != nil {
			return "TLS", err
		}
		conn = secured
	}
	if c.client, err = netsmtp.NewClient(conn, s.host); err != nil {
		return "greeting", err
	}
	if err := c.client.Hello(s.hello); err != nil {
		return "EHLO", err
	}
	if !s.implicit && !s.plaintext {
		if ok, _ := c.client.Extension("STARTTLS"); !ok {
			return "STARTTLS", errors.New("the server does not offer it")
		}
		// What came before TLS is forgotten: net/smtp drops bytes that were sent
		// along with the answer, and asks again what the server can do.
		if err := c.client.StartTLS(s.tls); err != nil {
			return "STARTTLS", err
		}
	}
	if s.username != "" {
		if err := c.signIn(s); err != nil {
			return "AUTH", err
		}
	}
	return "", nil
}

// signIn prefers PLAIN, which needs one answer instead of three. Over TLS
// neither is safer than the other.
func (c *connection) signIn(s settings) error {
	_, offered := c.client.Extension("AUTH")
	for _, mechanism := range []string{"PLAIN", "LOGIN"} {
		for name := range strings.FieldsSeq(offered) {
			if strings.EqualFold(name, mechanism) {
				return c.client.Auth(&credentials{settings: s, mechanism: mechanism})
			}
		}
	}
	return errors.New("the server offers neither PLAIN nor LOGIN")
}

// credentials answer the server's questions in AUTH.
type credentials struct {
	settings
	mechanism string
	asked     int
}

// Start refuses to go on where the password could be read on the way, whatever
// the server says: without TLS it could be anybody.
func (c *credentials) Start(server *netsmtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !c.maySendPasswordInClear {
		return "", nil, errors.New("the connection has no TLS")
	}
	if c.mechanism == "PLAIN" {
		return c.mechanism, []byte("\x00" + c.username + "\x00" + c.password), nil
	}
	return c.mechanism, nil, nil
}

// Next gives LOGIN's two answers, whatever words the server asks in.
func (c *credentials) Next(_ []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	c.asked++
	switch {
	case c.mechanism == "LOGIN" && c.asked == 1:
		return []byte(c.username), nil
	case c.mechanism == "LOGIN" && c.asked == 2:
		return []byte(c.password), nil
	}
	return nil, errors.New("the server asks for more than " + c.mechanism + " knows")
}

// deliver sends one message. After an error the connection is broken, unless
// the server itself answered it.
func (c *connection) deliver(ctx context.Context, l letter) error {
	if ok, _ := c.client.Extension("SMTPUTF8"); l.international && !ok {
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
	reply, answered := errors.AsType[*textproto.Error](err)
	// 421 is how a server says that it hangs up.
	c.broken = c.broken || !answered || reply.Code == 421
	failed := describe(ctx, step, err)
	if answered && concernsMessage(step, reply.Code) {
		return &mailer.PermanentError{Err: failed}
	}
	return failed
}

// transact says the lines of one message. It answers the step that failed.
func (c *connection) transact(l letter) (step string, err error) {
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
	if err := c.say(354, "DATA"); err != nil {
		return "DATA", err
	}
	c.committed = true
	// Only a whole text may get its final dot: one that broke off must not be
	// delivered.
	w := c.client.Text.DotWriter()
	if _, err := w.Write(l.content); err != nil {
		return "text", err
	}
	if err := w.Close(); err != nil {
		return "text", err
	}
	_, _, err = c.client.Text.ReadResponse(250)
	return "text", err
}

// say sends one line and expects an answer that starts with expected. No line
// break can stand in line: encode lets none into an address.
func (c *connection) say(expected int, line string) error {
	if _, err := c.client.Text.Cmd("%s", line); err != nil {
		return err
	}
	_, _, err := c.client.Text.ReadResponse(expected)
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

// concernsMessage tells a refusal of this message from one of the sender or
// the account, which an operator can mend while the message waits.
func concernsMessage(step string, code int) bool {
	return (step == "RCPT" || step == "DATA" || step == "text") && code >= 500 && code != 530
}

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
		return fmt.Errorf("smtp: %s: %w: %w", step, ended, err)
	}
	return fmt.Errorf("smtp: %s: %w", step, err)
}
