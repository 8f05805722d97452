package smtp

import (
	"net/mail"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

func TestMailFromNamesOfAnyLengthAreFolded(t *testing.T) {
	for _, name := range []string{
		"", "App", "App, Inc.", `The "App"`, `back\slash`, "=?utf-8?q?x?=", strings.Repeat("日本語の差出人名", 14)[:330], // 110 characters
		strings.Repeat("Büro ", 60) + "x", strings.Repeat("word ", 100) + "x", strings.Repeat("x", 3000), "🎉", "a(b)c;:<d>",
	} {
		m := app()
		m.From = (&mail.Address{Name: name, Address: "no-reply@app.example"}).String()
		m.ReplyTo = (&mail.Address{Name: name, Address: "a-long-mailbox-for-answers@support.app.example"}).String()
		// read checks that no line is longer than 78.
		header, _ := read(t, string(encode(t, m, sample()).content))
		for field, address := range map[string]string{"From": "no-reply@app.example", "Reply-To": "a-long-mailbox-for-answers@support.app.example"} {
			got, err := mail.ParseAddress(header.Get(field))
			if err != nil || got.Name != name || got.Address != address {
				t.Errorf("%s of %.40q arrived as %v, %v", field, name, got, err)
			}
		}
	}
}

func TestMailEncodedWordsHoldWholeCharactersAndFitTheirLine(t *testing.T) {
	for length := range 200 {
		for _, name := range []string{"Subject", "From", "X-A-Header-With-A-Name-As-Long-As-Providers-Choose-Them"} {
			s := strings.Repeat("x", length%7) + strings.Repeat("日😀é", length)
			lines := strings.Split(name+": "+encodedWords(name, s), "\r\n")
			for _, line := range lines {
				if len(line) > foldAt {
					t.Fatalf("a line of %d: %q", len(line), line)
				}
			}
			var whole strings.Builder
			for word := range strings.FieldsSeq(strings.Join(lines, "")[len(name)+1:]) {
				part, err := decoder.Decode(word)
				if err != nil || len(word) > 75 || strings.ContainsRune(part, '\ufffd') {
					t.Fatalf("the word %q (%d) is %q, %v", word, len(word), part, err)
				}
				whole.WriteString(part)
			}
			if whole.String() != s {
				t.Fatalf("%q arrived as %q", s, whole.String())
			}
		}
	}
}

func TestMailReplyToEnvelopeSenderAndHeaders(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	m.ReplyTo, m.EnvelopeSender = "Hilfe für alle <help@app.example>", "bounces@mail.app.example"
	m.Headers = map[string]string{"X-PM-Message-Stream": "outbound", "X-Tag": "grün", "List-Id": strings.Repeat("word ", 40) + "end"}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	message := sample()
	message.ReplyTo, message.EnvelopeSender = "sales@app.example", "<>"
	message.Headers = map[string]string{"x-pm-message-stream": "security", "X-Kind": "magic"}
	if err := send(t, m, message); err != nil {
		t.Fatal(err)
	}
	got := s.messages()
	header, _ := read(t, got[0].content)
	if got[0].from != "FROM:<bounces@mail.app.example>" || header.Get("X-Pm-Message-Stream") != "outbound" || header.Get("List-Id") != m.Headers["List-Id"] {
		t.Errorf("got %q, %v", got[0].from, header)
	}
	if replyTo, err := mail.ParseAddress(header.Get("Reply-To")); err != nil || replyTo.String() != (&mail.Address{Name: "Hilfe für alle", Address: "help@app.example"}).String() {
		t.Errorf("Reply-To is %v, %v", replyTo, err)
	}
	if tag, err := decoder.DecodeHeader(header.Get("X-Tag")); err != nil || tag != "grün" {
		t.Errorf("X-Tag is %q, %v", tag, err)
	}
	if got := header.Get("Message-Id"); got != "<0199a2b3-c4d5@app.example>" {
		t.Errorf("Message-ID is %q", got)
	}
	header, _ = read(t, got[1].content)
	if got[1].from != "FROM:<>" || header.Get("Reply-To") != "<sales@app.example>" || header.Get("X-Kind") != "magic" {
		t.Errorf("got %q, %v", got[1].from, header)
	}
	if stream := header["X-Pm-Message-Stream"]; len(stream) != 1 || stream[0] != "security" {
		t.Errorf("the stream is %q, want the message's own alone", stream)
	}
}

func TestMailAHeaderThatAddsAnotherIsRefused(t *testing.T) {
	s := newServer(t).start()
	for name, value := range map[string]string{
		"X-A": "x\r\nBcc: eve@evil.test", "X-B": "x\nBcc: y", "X-C": "x\rBcc: y", "X-D": "x\u0085Bcc: y", "X-E": "x\u2028Bcc: y", "X-F": "x\x00y", "X-G": "\xff",
		"X-H\r\nBcc": "y", "X-I:": "y", "X J": "y", "": "y", "X-ä": "y", "Bcc": "eve@evil.test", "cc": "eve@evil.test", "Resent-To": "eve@evil.test",
		"to": "eve@evil.test", "FROM": "eve@evil.test", "Sender": "eve@evil.test", "subject": "y", "Content-Type": "text/html", "MIME-version": "2", "message-ID": "<x@y>",
		"Reply-To": "eve@evil.test", "Return-Path": "<eve@evil.test>", "Received": "y", "X-Long": strings.Repeat("x", 1200), strings.Repeat("X", 90): "y",
	} {
		m := s.mailer()
		m.Headers = map[string]string{name: value}
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), "Headers") {
			t.Errorf("the Mailer took %q: %q, %v", name, value, err)
		}
		message := sample()
		message.Headers = map[string]string{name: value}
		// The host's code made it, so the message waits until that is mended.
		if err := send(t, s.mailer(), message); !mailer.NeedsOperator(err) || mailer.Permanent(err) {
			t.Errorf("the message took %q: %q, %v", name, value, err)
		}
	}
	for _, address := range []string{"x", "a@b.example, c@d.example", "a@b.example\r\nBcc: y@z.example", "a@b.example> SIZE=1", "ä@b.example", "A <a@b.example>"} {
		m := s.mailer()
		m.EnvelopeSender = address
		message := sample()
		message.EnvelopeSender = address
		if m.Validate() == nil || !mailer.NeedsOperator(send(t, s.mailer(), message)) {
			t.Errorf("the envelope sender %q was taken", address)
		}
		if address == "A <a@b.example>" {
			continue // a good place for answers
		}
		m.EnvelopeSender, m.ReplyTo = "", address
		message.EnvelopeSender, message.ReplyTo = "", address
		if m.Validate() == nil || !mailer.NeedsOperator(send(t, s.mailer(), message)) {
			t.Errorf("the Reply-To %q was taken", address)
		}
	}
	if all, _ := s.connected(); all != 0 {
		t.Error("the server was asked")
	}
}
