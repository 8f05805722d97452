package smtp

import (
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"net/mail"
	"net/textproto"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/mailer"
)

// foldAt is the length at which a header line is folded (RFC 2047). longestLine
// is the longest line that is allowed (RFC 5322).
const (
	foldAt      = 76
	longestLine = 998
)

// ownHeaders are the headers that Send writes, and the headers that would
// change the sender, the recipients, the form or the route of a message.
var ownHeaders = map[string]bool{
	"Date": true, "From": true, "Sender": true, "Reply-To": true, "To": true, "Cc": true, "Bcc": true, "Subject": true,
	"Message-Id": true, "Mime-Version": true, "Auto-Submitted": true, "X-Auto-Response-Suppress": true,
	"Return-Path": true, "Received": true, "Delivered-To": true,
}

// of returns the settings for one message, with the fields of the message
// itself.
func (s settings) of(m mailer.Message) (settings, error) {
	if m.ReplyTo != "" {
		replyTo, err := readAddress(m.ReplyTo)
		if err != nil {
			return s, fmt.Errorf("ReplyTo of the message: %w", err)
		}
		s.replyTo = replyTo
	}
	if m.SenderName != "" || m.SenderEmail != "" {
		from := mail.Address{Name: cmp.Or(m.SenderName, s.from.Name), Address: s.from.Address}
		if m.SenderEmail != "" {
			address, err := readAddress(m.SenderEmail)
			if err != nil || address.Name != "" {
				return s, errors.New("SenderEmail of the message: must be one plain address")
			}
			from.Address = address.Address
		}
		s.from = &from
	}
	if m.EnvelopeSender != "" {
		sender, err := readEnvelope(m.EnvelopeSender)
		if err != nil {
			return s, fmt.Errorf("EnvelopeSender of the message: %w", err)
		}
		s.envelope = sender
	}
	if len(m.Headers) > 0 {
		headers, err := readHeaders(s.headers, m.Headers)
		if err != nil {
			return s, fmt.Errorf("Headers of the message: %w", err)
		}
		s.headers = headers
	}
	return s, nil
}

// readAddress reads one address in plain ASCII, with any name.
func readAddress(s string) (*mail.Address, error) {
	address, err := mail.ParseAddress(s)
	if err != nil {
		return nil, errors.New(`must be one address, such as "App <no-reply@app.example>"`)
	}
	if !isASCII(address.Address) || strings.ContainsAny(address.Address, " \"") || len(address.Address) > longestAddress {
		return nil, errors.New("the address must be plain ASCII; only its name may be anything")
	}
	return address, nil
}

// readEnvelope reads one plain address, or "<>" for mail without bounces.
func readEnvelope(s string) (string, error) {
	if s == "<>" {
		return "", nil
	}
	address, err := readAddress(s)
	if err != nil || address.Address != s {
		return "", errors.New(`must be one plain address without a name, or "<>"`)
	}
	return s, nil
}

// readHeaders adds given to base and encodes each value. It reports every name
// and value that cannot be sent.
func readHeaders(base, given map[string]string) (map[string]string, error) {
	all := map[string]string{}
	maps.Copy(all, base)
	var problems []error
	for name, value := range given {
		key := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case name == "" || len(name) > foldAt-2 || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }):
			problems = append(problems, fmt.Errorf("%q is no name of a header field", name))
		case ownHeaders[key] || strings.HasPrefix(key, "Content-") || strings.HasPrefix(key, "Resent-"):
			problems = append(problems, fmt.Errorf("%s is written by the mailer or belongs to mail servers", name))
		case strings.ContainsFunc(value, isBreak) || !utf8.ValidString(value):
			problems = append(problems, fmt.Errorf("the value of %s has a line break or another control character", name))
		default:
			line, err := headerValue(name, value)
			if err != nil {
				problems = append(problems, err)
			}
			// Names that differ only in case are the same header.
			for other := range all {
				if strings.EqualFold(other, name) {
					delete(all, other)
				}
			}
			all[name] = line
		}
	}
	return all, errors.Join(problems...)
}

// isBreak reports whether a character can end a line, or looks like the end of
// one.
func isBreak(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// headerValue folds a value of the host's own header. Plain ASCII is not
// encoded, because such a header often has its own grammar.
func headerValue(name, value string) (string, error) {
	if !isASCII(value) {
		return encodedWords(name, strings.Join(strings.Fields(value), " ")), nil
	}
	words := strings.Fields(value)
	for _, word := range words {
		if len(word)+len(name)+2 > longestLine {
			return "", fmt.Errorf("the value of %s has a word of more than %d characters", name, longestLine)
		}
	}
	return fold(name, words), nil
}

// addressHeader returns the value of From or Reply-To: the name, folded and
// encoded if necessary, and the address.
func addressHeader(header string, a *mail.Address) string {
	name := strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if isBreak(r) {
			return ' '
		}
		return r
	}, a.Name)), " ")
	address := "<" + a.Address + ">"
	switch quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`; {
	case name == "":
		return address
	case isASCII(name) && !strings.Contains(name, "=?") && len(header)+2+len(quoted) <= foldAt:
		// In a quoted string no character has a special meaning.
		name = quoted
	default:
		name = encodedWords(header, name)
	}
	last := name[strings.LastIndexByte(name, '\n')+1:]
	if last == name {
		last = header + ": " + name
	}
	if len(last)+1+len(address) > foldAt {
		return name + "\r\n " + address
	}
	return name + " " + address
}

// unstructured makes the value of a header from any text. Text that is not
// plain ASCII, has words too long to fold, or looks like an encoded word is
// written as encoded words (RFC 2047). Other text is folded at its spaces.
func unstructured(name, s string) string {
	words := strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || isBreak(r)
	})
	s = strings.Join(words, " ")
	encode := !isASCII(s) || strings.Contains(s, "=?")
	for _, word := range words {
		encode = encode || len(word) > 60
	}
	if encode {
		return encodedWords(name, s)
	}
	return fold(name, words)
}

// fold joins words to lines of at most 76 characters where possible.
func fold(name string, words []string) string {
	var b strings.Builder
	// The first line starts with the name of the header.
	column := len(name) + 1
	for i, word := range words {
		switch {
		case i > 0 && column+1+len(word) > foldAt:
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

// encodedWords writes s as encoded words of at most 75 characters. It does not
// split a character.
func encodedWords(name, s string) string {
	// 45 bytes are 60 characters of base64 and 72 with the frame, which fills a
	// line. The first word has the space after the name of the header, if
	// enough is left.
	most := min((foldAt-len(name)-2-len("=?utf-8?B??="))/4*3, 45)
	start := ""
	if most < 12 {
		start, most = "\r\n ", 45
	}
	var words []string
	for s != "" {
		end := min(most, len(s))
		for end < len(s) && !utf8.RuneStart(s[end]) {
			end--
		}
		words = append(words, "=?utf-8?B?"+base64.StdEncoding.EncodeToString([]byte(s[:end]))+"?=")
		s, most = s[end:], 45
	}
	return start + strings.Join(words, "\r\n ")
}
