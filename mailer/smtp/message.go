package smtp

import (
	"bytes"
	"errors"
	"maps"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/admit-go/admit/mailer"
)

// letter is one message in the form in which it is sent.
type letter struct {
	from, to string
	// international says that the recipient needs a server with SMTPUTF8.
	international bool
	content       []byte
}

// longestAddress is longer than RFC 5321 allows, and much shorter than a line
// may be.
const longestAddress = 320

// encode refuses a message that could not be sent as it is meant. Every value
// of a header is checked or encoded, so that it contains no line break.
func (s settings) encode(m mailer.Message, date time.Time) (letter, error) {
	// If the parser returns an address unchanged, it has no display name,
	// comment, quotes or second address.
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Address != m.To || to.Name != "" || strings.ContainsFunc(m.To, isInvisible) || len(m.To) > longestAddress {
		return letter{}, errors.New("To is not one plain address")
	}
	if m.ID == "" || len(m.ID) > longestAddress || strings.ContainsFunc(m.ID, func(r rune) bool { return !isIDCharacter(r) }) {
		return letter{}, errors.New("ID is not made of letters, digits and -_")
	}
	if m.Text == "" && m.HTML == "" {
		return letter{}, errors.New("the message has neither text nor HTML")
	}
	if s, err = s.of(m); err != nil {
		return letter{}, &mailer.OperatorError{Err: err}
	}
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	header("Date", date.Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	header("From", addressHeader("From", s.from))
	if s.replyTo != nil {
		header("Reply-To", addressHeader("Reply-To", s.replyTo))
	}
	header("To", "<"+m.To+">")
	header("Message-ID", "<"+m.ID+"@"+s.domain+">")
	header("Subject", unstructured("Subject", m.Subject))
	header("Auto-Submitted", "auto-generated")
	// Exchange uses this header instead.
	header("X-Auto-Response-Suppress", "All")
	for _, name := range slices.Sorted(maps.Keys(s.headers)) {
		header(name, s.headers[name])
	}
	header("MIME-Version", "1.0")
	if err := writeBody(&b, m); err != nil {
		return letter{}, err
	}
	return letter{from: s.envelope, to: m.To, international: !isASCII(m.To), content: b.Bytes()}, nil
}

// isIDCharacter accepts fewer characters than RFC 5322, so that an ID needs no
// quoting.
func isIDCharacter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// isInvisible reports whether a character that net/mail accepts in an address
// is invisible.
func isInvisible(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// writeBody ends the header and writes the text, the HTML, or both as
// alternatives with the HTML last.
func writeBody(b *bytes.Buffer, m mailer.Message) error {
	type part struct{ kind, content string }
	var parts []part
	for _, p := range []part{{"plain", m.Text}, {"html", m.HTML}} {
		if p.content != "" {
			parts = append(parts, p)
		}
	}
	if len(parts) == 1 {
		b.WriteString("Content-Type: text/" + parts[0].kind + "; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n")
		return writeQuoted(b, parts[0].content)
	}
	alternatives := multipart.NewWriter(b)
	b.WriteString("Content-Type: multipart/alternative;\r\n boundary=\"" + alternatives.Boundary() + "\"\r\n\r\n")
	for _, p := range parts {
		// CreatePart and Close fail only if the buffer fails, and it never
		// does.
		if _, err := alternatives.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {"text/" + p.kind + "; charset=utf-8"},
			"Content-Transfer-Encoding": {"quoted-printable"},
		}); err != nil {
			return err
		}
		if err := writeQuoted(b, p.content); err != nil {
			return err
		}
	}
	return alternatives.Close()
}

// writeQuoted writes any content in short ASCII lines, so that no server has a
// reason to change it.
func writeQuoted(b *bytes.Buffer, content string) error {
	w := quotedprintable.NewWriter(b)
	if _, err := w.Write([]byte(strings.ToValidUTF8(content, "\ufffd"))); err != nil {
		return err
	}
	return w.Close()
}
