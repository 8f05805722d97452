package smtp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// server speaks as much SMTP over TCP as the tests need, and misbehaves on
// demand.
type server struct {
	t        *testing.T
	listener net.Listener
	ctx      context.Context
	tls      *tls.Config
	roots    *x509.CertPool
	// implicit starts with TLS, mechanisms and extensions are what it offers,
	// password is Ada's.
	implicit   bool
	mechanisms string
	extensions []string
	password   string
	// token is the access token that XOAUTH2 takes, and lowerCase writes the
	// keywords of EHLO in lower case.
	token     string
	lowerCase bool
	// misbehave answers instead of the server. It is given the connection's
	// number and the line, or "CONNECT" at the start, "CONTENT" after the
	// first line of a text and "." at its end. "" behaves, "drop" closes,
	// "hang" says nothing more, anything else is what is said. It is called
	// with mu held.
	misbehave func(connection int, line string) string

	mu          sync.Mutex
	connections int
	open        int
	lines       []string
	received    []received
}

// received is a message that the server has taken.
type received struct {
	from, to, content, user string
	secure                  bool
}

func newServer(t *testing.T) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{t: t, listener: listener, ctx: ctx, mechanisms: "PLAIN LOGIN", password: "correct horse"}
	s.tls, s.roots = certificate(t)
	t.Cleanup(func() { cancel(); listener.Close() })
	return s
}

// start must come after the fields are set.
func (s *server) start() *server {
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn)
		}
	}()
	return s
}

func (s *server) addr() string { return s.listener.Addr().String() }

// mailer is one that trusts the server's certificate.
func (s *server) mailer() *Mailer {
	m := &Mailer{
		Addr: s.addr(), From: "Notebook <no-reply@app.example>", ImplicitTLS: s.implicit,
		TLSConfig: &tls.Config{RootCAs: s.roots}, Timeout: time.Minute,
	}
	s.t.Cleanup(func() { m.Close() })
	return m
}

func (s *server) note(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *server) messages() []received {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]received(nil), s.received...)
}

func (s *server) connected() (all, open int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connections, s.open
}

// said is everything that clients said outside texts.
func (s *server) said() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// dialogue is one connection.
type dialogue struct {
	*server
	number  int
	conn    net.Conn
	text    *textproto.Conn
	message received
}

func (s *server) serve(conn net.Conn) {
	d := &dialogue{server: s, conn: conn}
	s.note(func() { s.connections++; s.open++; d.number = s.connections })
	defer s.note(func() { s.open-- })
	defer func() { d.conn.Close() }()
	stop := context.AfterFunc(s.ctx, func() { conn.Close() })
	defer stop()
	if s.implicit {
		d.secure()
	}
	d.text = textproto.NewConn(d.conn)
	if !d.answer("CONNECT", "220 test ESMTP") {
		return
	}
	for {
		line, err := d.text.ReadLine()
		if err != nil {
			return
		}
		s.note(func() { s.lines = append(s.lines, line) })
		if !d.handle(line) {
			return
		}
	}
}

func (d *dialogue) secure() {
	d.conn = tls.Server(d.conn, d.tls)
	d.text = textproto.NewConn(d.conn)
	d.message.secure = true
}

// reply is what to say to line: usual, unless the server misbehaves.
func (d *dialogue) reply(line, usual string) string {
	if d.misbehave != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if other := d.misbehave(d.number, line); other != "" {
			return other
		}
	}
	return usual
}

// say answers whether to go on.
func (d *dialogue) say(reply string) bool {
	switch reply {
	case "drop":
		return false
	case "hang":
		<-d.ctx.Done()
		return false
	}
	return d.text.PrintfLine("%s", reply) == nil && !strings.HasPrefix(reply, "421")
}

func (d *dialogue) answer(line, usual string) bool { return d.say(d.reply(line, usual)) }

func (d *dialogue) handle(line string) bool {
	verb, argument, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		offers := append([]string{"test"}, d.extensions...)
		if !d.message.secure && d.tls != nil {
			offers = append(offers, "STARTTLS")
		}
		if d.mechanisms != "" {
			offers = append(offers, "AUTH "+d.mechanisms)
		}
		for i, offer := range offers {
			separator := "-"
			if i == len(offers)-1 {
				separator = " "
			}
			if d.lowerCase {
				offer = strings.ToLower(offer)
			}
			offers[i] = "250" + separator + offer
		}
		return d.answer(line, strings.Join(offers, "\r\n"))
	case "STARTTLS":
		if !d.answer(line, "220 go on") {
			return false
		}
		d.secure()
		return true
	case "AUTH":
		return d.answer(line, d.authenticate(argument))
	case "MAIL":
		d.message.from = argument
		return d.answer(line, "250 ok")
	case "RCPT":
		d.message.to = argument
		return d.answer(line, "250 ok")
	case "DATA":
		return d.readContent(line)
	case "QUIT":
		d.answer(line, "221 bye")
		return false
	}
	return d.answer(line, "250 ok")
}

func (d *dialogue) authenticate(argument string) string {
	var user, password string
	mechanism, initial, _ := strings.Cut(argument, " ")
	switch mechanism {
	case "PLAIN":
		fields := strings.Split(decode(initial), "\x00")
		if len(fields) == 3 {
			user, password = fields[1], fields[2]
		}
	case "XOAUTH2":
		if initial == "" {
			initial = d.line("334 ")
		}
		if decode(initial) != "user=ada\x01auth=Bearer "+d.token+"\x01\x01" {
			if d.line("334 "+base64.StdEncoding.EncodeToString([]byte(`{"status":"401","schemes":"bearer"}`))) != "" {
				return "501 5.5.2 an empty line was expected"
			}
			return "535 5.7.8 the token is not good"
		}
		user, password = "ada", d.password
	case "LOGIN":
		user, password = d.ask("User name:"), d.ask("Geheimwort?")
	}
	if user != "ada" || password != d.password {
		return "535 5.7.8 wrong"
	}
	d.message.user = user
	return "235 welcome"
}

func (d *dialogue) ask(question string) string {
	return decode(d.line("334 " + base64.StdEncoding.EncodeToString([]byte(question))))
}

// line says reply and reads what comes next.
func (d *dialogue) line(reply string) string {
	_ = d.text.PrintfLine("%s", reply)
	line, _ := d.text.ReadLine()
	return line
}

func decode(s string) string {
	raw, _ := base64.StdEncoding.DecodeString(s)
	return string(raw)
}

func (d *dialogue) readContent(line string) bool {
	reply := d.reply(line, "354 go on")
	if !strings.HasPrefix(reply, "354") {
		return d.say(reply)
	}
	d.say(reply)
	var content strings.Builder
	for first := true; ; first = false {
		line, err := d.text.ReadLine()
		if err != nil || first && d.reply("CONTENT", "") == "drop" {
			return false
		}
		if line == "." {
			break
		}
		content.WriteString(strings.TrimPrefix(line, ".") + "\r\n")
	}
	reply = d.reply(".", "250 taken")
	// One that drops or hangs here has taken the message all the same.
	if strings.HasPrefix(reply, "250") || reply == "drop" || reply == "hang" {
		d.message.content = content.String()
		d.note(func() { d.received = append(d.received, d.message) })
	}
	return d.say(reply)
}

// certificate makes one for 127.0.0.1 that vouches for itself.
func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, roots
}
