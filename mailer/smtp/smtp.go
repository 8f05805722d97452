// Package smtp sends mail through an SMTP server. It requires TLS by default,
// keeps a connection open for the next message, and needs only the standard
// library.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit/mailer"
)

// Mailer sends through one SMTP server, usually the relay of the host's
// provider or organisation. Addr and From are required. Use a pointer to it.
// Many goroutines may use it. Its fields must not change after the first Send.
type Mailer struct {
	// Addr is the server as "host:port". The default port is 587, or 465 with
	// ImplicitTLS.
	Addr string
	// From is the sender, such as "App <no-reply@app.example>". Its domain also
	// ends the Message-ID.
	From string
	// ReplyTo is the address for replies, such as "Help <help@app.example>".
	// Default: From. The ReplyTo, EnvelopeSender and Headers of a message take
	// precedence over those of the Mailer.
	ReplyTo string
	// EnvelopeSender is the plain address for bounces, or "<>" for no bounces.
	// Default: the address of From.
	EnvelopeSender string
	// Headers are further header fields of every message by name, such as
	// "X-SES-CONFIGURATION-SET". Headers that Send writes itself are refused.
	Headers map[string]string
	// Username and Password sign in with AUTH PLAIN or LOGIN, as the server
	// offers. Without them nobody signs in. Without TLS they are sent to a
	// loopback address only.
	Username, Password string
	// Auth signs Username in without Password. See [XOAUTH2].
	Auth *Auth
	// ImplicitTLS starts with TLS and not with STARTTLS. It is the default on
	// port 465. In both cases a server without TLS is not used.
	ImplicitTLS bool
	// InsecurePlaintext allows a connection without TLS. Everybody on the
	// network can then read links that give access to accounts. It MUST NOT be
	// set for a server outside the same machine or private network.
	InsecurePlaintext bool
	// TLSConfig is for your own certificates. Default: the system's
	// authorities, the host of Addr, TLS 1.2 or later.
	TLSConfig *tls.Config
	// HelloName is the name with which this machine introduces itself. Default:
	// the domain of From.
	HelloName string
	// Timeout bounds one Send, in addition to the deadline of its context.
	// Default: 30 seconds.
	Timeout time.Duration
	// IdleTimeout is how long a connection is kept for the next message.
	// Default: 30 seconds. A negative value keeps none.
	IdleTimeout time.Duration

	mu sync.Mutex
	// idle is the kept connection, or nil.
	idle *connection
	// streak is the refusal of the last recipients.
	streak streak
}

// settings are the fields of a Mailer, parsed and with their defaults.
type settings struct {
	host, port             string
	implicit, plaintext    bool
	from, replyTo          *mail.Address
	envelope               string
	headers                map[string]string
	domain, hello          string
	username, password     string
	auth                   *Auth
	tls                    *tls.Config
	timeout, idle          time.Duration
	maySendPasswordInClear bool
}

// Validate returns all problems of the fields, joined.
func (m *Mailer) Validate() error {
	_, err := m.settings()
	return err
}

// settings parses the fields for every Send, so that a Mailer that was not
// validated fails with the same words.
func (m *Mailer) settings() (settings, error) {
	var problems []error
	s := settings{
		plaintext: m.InsecurePlaintext, username: m.Username, password: m.Password, auth: m.Auth, hello: m.HelloName,
		timeout: orDefault(m.Timeout), idle: orDefault(m.IdleTimeout),
	}
	if err := s.readAddr(m.Addr, m.ImplicitTLS); err != nil {
		problems = append(problems, fmt.Errorf("Addr %q: %w", m.Addr, err))
	}
	problems = append(problems, s.readAddresses(m)...)
	headers, err := readHeaders(nil, m.Headers)
	if err != nil {
		problems = append(problems, fmt.Errorf("Headers: %w", err))
	}
	s.headers = headers
	if s.hello == "" {
		s.hello = s.domain
	}
	if strings.ContainsFunc(s.hello, func(r rune) bool { return r <= ' ' || r > '~' }) {
		problems = append(problems, fmt.Errorf("HelloName %q: must be a host name", s.hello))
	}
	problems = append(problems, s.checkAuth()...)
	if m.ImplicitTLS && m.InsecurePlaintext {
		problems = append(problems, errors.New("ImplicitTLS and InsecurePlaintext exclude each other"))
	}
	s.maySendPasswordInClear = isLoopback(s.host)
	if m.InsecurePlaintext && m.Username != "" && !s.maySendPasswordInClear {
		problems = append(problems, errors.New("InsecurePlaintext would send the password in clear, it goes with Username on loopback addresses only"))
	}
	if m.Timeout < 0 {
		problems = append(problems, errors.New("Timeout is negative"))
	}
	s.tls = tlsConfig(m.TLSConfig, s.host)
	return s, errors.Join(problems...)
}

func orDefault(d time.Duration) time.Duration {
	if d == 0 {
		return 30 * time.Second
	}
	return d
}

func (s *settings) readAddr(addr string, implicit bool) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		host, port = strings.Trim(addr, "[]"), "587"
		if implicit {
			port = "465"
		}
		if strings.Contains(host, ":") && !strings.HasPrefix(addr, "[") {
			return errors.New("an IPv6 address stands in brackets")
		}
	}
	if host == "" || strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/@<>", r) }) {
		return errors.New("must be host:port")
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("the port must be a number from 1 to 65535")
	}
	s.host, s.port, s.implicit = host, port, implicit || port == "465" && !s.plaintext
	return nil
}

// readAddresses reads the sender, and the addresses for replies and bounces.
func (s *settings) readAddresses(m *Mailer) (problems []error) {
	from, err := readAddress(m.From)
	if err != nil {
		problems = append(problems, fmt.Errorf("From %q: %w", m.From, err))
	} else {
		s.from, s.envelope = from, from.Address
		s.domain = from.Address[strings.LastIndexByte(from.Address, '@')+1:]
	}
	if m.ReplyTo != "" {
		if s.replyTo, err = readAddress(m.ReplyTo); err != nil {
			problems = append(problems, fmt.Errorf("ReplyTo %q: %w", m.ReplyTo, err))
		}
	}
	if m.EnvelopeSender != "" {
		if s.envelope, err = readEnvelope(m.EnvelopeSender); err != nil {
			problems = append(problems, fmt.Errorf("EnvelopeSender %q: %w", m.EnvelopeSender, err))
		}
	}
	return problems
}

// checkAuth checks that the fields for signing in fit together.
func (s *settings) checkAuth() (problems []error) {
	if s.auth != nil && s.auth.tokens == nil {
		problems = append(problems, errors.New("Auth has no token source"))
	}
	switch {
	case s.auth == nil && (s.username == "") != (s.password == ""):
		problems = append(problems, errors.New("Username and Password must be given both or neither"))
	case s.auth != nil && (s.username == "" || s.password != ""):
		problems = append(problems, errors.New("Auth needs Username and goes without Password"))
	}
	// These characters end a field in the messages of SASL.
	if strings.ContainsAny(s.username+s.password, "\x00\x01") {
		problems = append(problems, errors.New("Username and Password must not have control characters"))
	}
	return problems
}

// tlsConfig returns a copy, because the host may use the given one elsewhere.
func tlsConfig(given *tls.Config, host string) *tls.Config {
	config := given.Clone()
	if config == nil {
		config = &tls.Config{}
	}
	if config.ServerName == "" {
		config.ServerName = host
	}
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	return config
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// Send sends m to the server. It returns nil if the server has accepted the
// message. It returns a [mailer.PermanentError] if the server refuses the
// mailbox or the text permanently, or if m cannot be encoded. It returns a
// [mailer.OperatorError] if the server refuses for another reason (the account,
// the sender, the quota, this machine), or refuses three recipients in a row
// with the same words. After an OperatorError and after any other error the
// message can be tried again. If the connection broke after the text was sent,
// the server may have accepted the message, so the Message-ID stays the same.
func (m *Mailer) Send(ctx context.Context, message mailer.Message) error {
	s, err := m.settings()
	if err != nil {
		return &mailer.OperatorError{Err: fmt.Errorf("smtp: %w", err)}
	}
	letter, err := s.encode(message, time.Now())
	if mailer.NeedsOperator(err) {
		return fmt.Errorf("smtp: %w", err)
	}
	if err != nil {
		return &mailer.PermanentError{Err: fmt.Errorf("smtp: %w", err)}
	}
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return m.judge(message.To, m.send(ctx, s, letter))
}

func (m *Mailer) send(ctx context.Context, s settings, letter letter) error {
	// The server may have closed a kept connection in the meantime. Then the
	// message is sent at once on a new connection, but only if the server
	// cannot have it yet.
	if c := m.takeIdle(); c != nil {
		err := c.deliver(ctx, letter)
		if !c.isStale(ctx, err) {
			m.giveBack(c, s)
			return err
		}
		c.close()
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	err = c.deliver(ctx, letter)
	m.giveBack(c, s)
	return err
}

// Close closes the kept connection. A later Send opens another one.
func (m *Mailer) Close() error {
	if c := m.takeIdle(); c != nil {
		c.quit()
	}
	return nil
}

// takeIdle takes the kept connection, if there is one.
func (m *Mailer) takeIdle() *connection {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.idle
	m.idle = nil
	if c != nil {
		c.expiry.Stop()
	}
	return c
}

// giveBack keeps c for the next message, if c is in order and no other
// connection is kept.
func (m *Mailer) giveBack(c *connection, s settings) {
	if c.broken || s.idle < 0 || !m.keep(c, s.idle) {
		c.quit()
	}
}

// keep keeps at most one connection. Messages usually come one after the other,
// so several connections are not worth keeping.
func (m *Mailer) keep(c *connection, idle time.Duration) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.idle != nil {
		return false
	}
	m.idle = c
	c.expiry = time.AfterFunc(idle, func() { m.expire(c) })
	return true
}

func (m *Mailer) expire(c *connection) {
	m.mu.Lock()
	unused := m.idle == c
	if unused {
		m.idle = nil
	}
	m.mu.Unlock()
	if unused {
		c.quit()
	}
}

// String names the server and leaves the password out.
func (m *Mailer) String() string { return "smtp server " + m.Addr }

// LogValue keeps the password out of logs.
func (m *Mailer) LogValue() slog.Value { return slog.StringValue(m.String()) }
