package smtp

import (
	"bytes"
	"encoding/base64"
	"errors"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/mailer"
)

// letter is one message in the form that goes over the wire.
type letter struct {
	from, to string
	// international says that to needs a server that knows SMTPUTF8.
	international bool
	content       []byte
}

// encode refuses what could not be sent as it is meant. No value reaches a
// header but through checks or an encoding that leave no line break in it.
func (s settings) encode(m mailer.Message, date time.Time) (letter, error) {
	// An address that comes out of the parser as it went in has no display name,
	// comment, quotes or second address about it.
	to, err := mail.ParseAddress(m.To)
	if err != nil || to.Address != m.To || to.Name != "" || strings.ContainsFunc(m.To, isInvisible) {
		return letter{}, errors.New("To is not one plain address")
	}
	if m.ID == "" || strings.ContainsFunc(m.ID, func(r rune) bool { return !isIDCharacter(r) }) {
		return letter{}, errors.New("ID is not made of letters, digits and -_")
	}
	if m.Text == "" && m.HTML == "" {
		return letter{}, errors.New("the message has neither text nor HTML")
	}
	var b bytes.Buffer
	header := func(name, value string) { b.WriteString(name + ": " + value + "\r\n") }
	header("Date", date.Format("Mon, 2 Jan 2006 15:04:05 -0700"))
	header("From", s.from.String())
	header("To", "<"+m.To+">")
	header("Message-ID", "<"+m.ID+"@"+s.domain+">")
	header("Subject", unstructured(m.Subject))
	header("Auto-Submitted", "auto-generated")
	// Exchange knows this one instead.
	header("X-Auto-Response-Suppress", "All")
	header("MIME-Version", "1.0")
	if err := writeBody(&b, m); err != nil {
		return letter{}, err
	}
	return letter{from: s.from.Address, to: m.To, international: !isASCII(m.To), content: b.Bytes()}, nil
}

// isIDCharacter is narrower than RFC 5322, so that an ID needs no quoting
// anywhere.
func isIDCharacter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}

// isInvisible finds what net/mail would let stand in an address, but nobody
// could tell from its absence.
func isInvisible(r rune) bool { return r == ' ' || !unicode.IsPrint(r) }

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII })
}

// writeBody ends the header and writes the text, the HTML, or both as
// alternatives, the better one last.
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
		// CreatePart and Close only fail when the buffer does, which it never does.
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

// writeQuoted keeps lines short and ASCII whatever content is, so that no
// server on the way has cause to change it.
func writeQuoted(b *bytes.Buffer, content string) error {
	w := quotedprintable.NewWriter(b)
	if _, err := w.Write([]byte(strings.ToValidUTF8(content, "\ufffd"))); err != nil {
		return err
	}
	return w.Close()
}

// unstructured makes any text the value of a header. What is not plain ASCII,
// has words too long to break, or could be taken for an encoded word becomes
// encoded words (RFC 2047); the rest is broken at its spaces.
func unstructured(s string) string {
	s = strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029'
	}), " ")
	words := strings.Split(s, " ")
	encode := !isASCII(s) || strings.Contains(s, "=?")
	for _, word := range words {
		encode = encode || len(word) > 60
	}
	if encode {
		return encodedWords(s)
	}
	var b strings.Builder
	// The name of the header takes the first columns.
	column := len("Subject:")
	for i, word := range words {
		switch {
		case i > 0 && column+1+len(word) > 76:
			b.WriteString("\r\n ")
			column = 0
		case i > 0:
			b.WriteByte(' ')
		}
		b.WriteString(word)
		column += 1 + len(word)
	}
	return b.String()
}

// encodedWords puts s into encoded words of at most 75 characters, none of
// which splits a character.
func encodedWords(s string) string {
	// 39 bytes make 52 of base64 and 64 with the frame, so that the first word
	// fits beside the name of the header.
	const most = 39
	var words []string
	for s != "" {
		end := min(most, len(s))
		for end < len(s) && !utf8.RuneStart(s[end]) {
			end--
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:end]))+"?=")
		s = s[end:]
	}
	return strings.Join(words, "\r\n ")
}
