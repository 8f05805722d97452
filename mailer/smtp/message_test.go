package smtp

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/admit-go/admit/mailer"
)

var date = time.Date(2026, time.May, 1, 13, 0, 5, 0, time.FixedZone("", 2*60*60))

func encode(t *testing.T, m *Mailer, message mailer.Message) letter {
	t.Helper()
	s, err := m.settings()
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.encode(message, date)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func app() *Mailer {
	return &Mailer{Addr: "smtp.example", From: "Büro der App <no-reply@app.example>"}
}

// read parses a message as a mail program does, and checks what every message
// must keep: lines that are short, ASCII and end in CRLF.
func read(t *testing.T, content string) (mail.Header, map[string]string) {
	t.Helper()
	for line := range strings.SplitAfterSeq(content, "\r\n") {
		if len(line) > 78+2 || strings.Contains(strings.TrimSuffix(line, "\r\n"), "\n") || strings.Contains(strings.TrimSuffix(line, "\r\n"), "\r") {
			t.Errorf("the line %q is too long or has a bare line break", line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(content))
	if err != nil {
		t.Fatalf("%v in:\n%s", err, content)
	}
	parts := map[string]string{}
	kind, parameters, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "multipart/alternative" {
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return m.Header, map[string]string{kind: string(body)}
	}
	reader := multipart.NewReader(m.Body, parameters["boundary"])
	for {
		part, err := reader.NextPart()
		if errors.Is(err, io.EOF) {
			return m.Header, parts
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil {
			t.Fatal(err)
		}
		parts[part.Header.Get("Content-Type")] = string(body)
	}
}

// decoder reads encoded words.
var decoder = new(mime.WordDecoder)

func subjectOf(t *testing.T, header mail.Header) string {
	t.Helper()
	subject, err := decoder.DecodeHeader(header.Get("Subject"))
	if err != nil {
		t.Fatal(err)
	}
	return subject
}

func TestAMessageIsWhatMailProgramsExpect(t *testing.T) {
	message := sample()
	message.Text, message.HTML = "Grüße,\nhttps://app.example/?token=abc\n.\n..\nFrom here\n", "<p>Grüße 🎉</p>\n"
	header, parts := read(t, string(encode(t, app(), message).content))
	for name, want := range map[string]string{
		"Date": "Fri, 1 May 2026 13:00:05 +0200", "To": "<ada@example.com>", "Subject": "Sign in to Notebook",
		"Message-Id": "<0199a2b3-c4d5@app.example>", "Auto-Submitted": "auto-generated", "Mime-Version": "1.0",
	} {
		if got := header[name]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	from, err := mail.ParseAddress(header.Get("From"))
	if err != nil || from.Name != "Büro der App" || from.Address != "no-reply@app.example" {
		t.Errorf("From is %v, %v", from, err)
	}
	for kind, want := range map[string]string{"text/plain; charset=utf-8": message.Text, "text/html; charset=utf-8": message.HTML} {
		if got := strings.ReplaceAll(parts[kind], "\r\n", "\n"); got != want {
			t.Errorf("%s is %q, want %q", kind, got, want)
		}
	}
}

func TestAMessageOfOnePartIsNoAlternative(t *testing.T) {
	for kind, message := range map[string]mailer.Message{
		"text/plain": {ID: "1", To: "ada@example.com", Text: "söme"},
		"text/html":  {ID: "1", To: "ada@example.com", HTML: "söme"},
	} {
		if _, parts := read(t, string(encode(t, app(), message).content)); parts[kind] != "söme" {
			t.Errorf("%s: got %v", kind, parts)
		}
	}
}

func TestTheMessageIDIsTheSameInEveryTry(t *testing.T) {
	s := newServer(t)
	s.misbehave = on(".", "451 later")
	m := s.start().mailer()
	if send(t, m, sample()) == nil {
		t.Fatal("the first try was not refused")
	}
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	header, _ := read(t, s.messages()[0].content)
	if got := header.Get("Message-Id"); got != "<0199a2b3-c4d5@app.example>" {
		t.Errorf("got %s", got)
	}
}

func TestSubjectsOfAnyTextArriveAsTheyAre(t *testing.T) {
	for _, subject := range []string{
		"", "Sign in", "Bestätigen Sie Ihre Anmeldung", "로그인 링크가 도착했습니다: 노트북에서 바로 열어 주세요", strings.Repeat("🎉", 300),
		strings.Repeat("word ", 60) + "end", strings.Repeat("x", 5000), "=?utf-8?q?http:=2F=2Fevil.test?=", "a =? b", ": colon", "\"quoted\" <a@b>",
	} {
		message := sample()
		message.Subject = subject
		header, _ := read(t, string(encode(t, app(), message).content))
		if got := subjectOf(t, header); got != subject {
			t.Errorf("%.80q arrived as %.80q", subject, got)
		}
	}
}

func TestAC012NothingAddsAHeaderOrARecipient(t *testing.T) {
	for _, injection := range []string{
		"x\r\nBcc: eve@evil.test", "x\nBcc: eve@evil.test", "x\rBcc: eve@evil.test", "x\r\n\r\n<script>", "x\u2028Bcc: eve@evil.test",
		"x\u0085Bcc: eve@evil.test", "x%0d%0aBcc: eve@evil.test", "x\x00\r\n.\r\nMAIL FROM:<eve@evil.test>", "=?utf-8?q?x=0D=0ABcc:_eve@evil.test?=", "x\xff\r\nBcc: y",
	} {
		s := newServer(t).start()
		message := sample()
		message.Subject, message.Text, message.HTML = injection, injection, injection
		if err := send(t, s.mailer(), message); err != nil {
			t.Fatal(err)
		}
		got := s.messages()
		if len(got) != 1 || got[0].to != "TO:<ada@example.com>" || strings.Count(s.said(), "MAIL") != 1 || strings.Count(s.said(), "RCPT") != 1 {
			t.Fatalf("%q: %d messages, the server was told:\n%s", injection, len(got), s.said())
		}
		header, parts := read(t, got[0].content)
		if len(header) != 9 || header.Get("Bcc") != "" || len(parts) != 2 {
			t.Errorf("%q made the headers %v", injection, header)
		}
		if subject := subjectOf(t, header); strings.ContainsAny(subject, "\r\n") && !strings.HasPrefix(injection, "=?") {
			t.Errorf("%q made the subject %q", injection, subject)
		}
	}
}

func TestAC012WhatIsNoPlainAddressOrIDIsRefusedForGood(t *testing.T) {
	s := newServer(t).start()
	m := s.mailer()
	for _, to := range []string{
		"", "ada", "ada@example.com, eve@evil.test", "Ada <ada@example.com>", "<ada@example.com>", "ada@example.com\r\nBcc: eve@evil.test",
		"ada@example.com> SIZE=1", "\"ada\"@example.com", "ada@example.com (Ada)", " ada@example.com", "friends: ada@example.com;", "ada@exam\u2028ple.com",
	} {
		message := sample()
		message.To = to
		if err := send(t, m, message); !mailer.Permanent(err) {
			t.Errorf("To %q: %v", to, err)
		}
	}
	for _, id := range []string{"", "a b", "a@b", "a>\r\nBcc: eve@evil.test", "ä"} {
		message := sample()
		message.ID = id
		if err := send(t, m, message); !mailer.Permanent(err) {
			t.Errorf("ID %q: %v", id, err)
		}
	}
	message := sample()
	message.Text, message.HTML = "", ""
	if err := send(t, m, message); !mailer.Permanent(err) {
		t.Errorf("an empty message: %v", err)
	}
	if all, _ := s.connected(); all != 0 {
		t.Error("the server was asked")
	}
}

func TestLongLinesAreBroken(t *testing.T) {
	message := sample()
	message.Text = strings.Repeat("https://app.example/?token=0123456789abcdef&x=", 200)
	message.HTML = "<p>" + strings.Repeat("é", 20_000) + "</p>"
	_, parts := read(t, string(encode(t, app(), message).content))
	if parts["text/plain; charset=utf-8"] != message.Text || parts["text/html; charset=utf-8"] != message.HTML {
		t.Error("a long line did not arrive as it was")
	}
}

func TestAddressesBeyondASCIINeedAServerThatKnowsThem(t *testing.T) {
	message := sample()
	message.To = "björn@example.com"
	s := newServer(t).start()
	if err := send(t, s.mailer(), message); !mailer.Permanent(err) {
		t.Errorf("without SMTPUTF8: %v", err)
	}
	s = newServer(t)
	s.extensions = []string{"8BITMIME", "SMTPUTF8"}
	m := s.start().mailer()
	if err := send(t, m, message); err != nil {
		t.Fatal(err)
	}
	if err := send(t, m, sample()); err != nil {
		t.Fatal(err)
	}
	got := s.messages()
	if !strings.HasSuffix(got[0].from, " SMTPUTF8") || got[0].to != "TO:<björn@example.com>" || !strings.Contains(got[0].content, "To: <björn@example.com>\r\n") {
		t.Errorf("got %+v", got[0])
	}
	if strings.Contains(got[1].from, "SMTPUTF8") {
		t.Error("a message that needs no SMTPUTF8 asks for it, so that servers behind this one may refuse it")
	}
}

func FuzzUnstructured(f *testing.F) {
	for _, seed := range []string{"Sign in", "x\r\nBcc: y", "=?utf-8?q?x?=", strings.Repeat("é ", 80), "\xff\u2028"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		content := fmt.Sprintf("Subject: %s\r\nTo: x\r\n\r\n", unstructured("Subject", s))
		m, err := mail.ReadMessage(strings.NewReader(content))
		if err != nil || len(m.Header) != 2 {
			t.Fatalf("%q made %q: %v", s, content, err)
		}
		for line := range strings.SplitSeq(content, "\r\n") {
			if len(line) > 78 || strings.ContainsAny(line, "\r\n") {
				t.Fatalf("%q made the line %q", s, line)
			}
		}
		want := strings.Join(strings.Fields(strings.ToValidUTF8(s, "\ufffd")), " ")
		if got := subjectOf(t, m.Header); got != want && utf8.ValidString(s) && !strings.ContainsFunc(s, isOdd) {
			t.Fatalf("%q arrived as %q, want %q", s, got, want)
		}
	})
}

// isOdd finds what is taken for white space or left out.
func isOdd(r rune) bool { return r < ' ' || r >= 0x7f && r <= 0xa0 || r == '\u2028' || r == '\u2029' }

func BenchmarkEncode(b *testing.B) {
	s, err := app().settings()
	if err != nil {
		b.Fatal(err)
	}
	message := sample()
	message.HTML = strings.Repeat("<p>Hello Ada</p>\n", 300)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.encode(message, date); err != nil {
			b.Fatal(err)
		}
	}
}
