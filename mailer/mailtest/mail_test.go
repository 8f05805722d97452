package mailtest

import (
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"regexp"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

const (
	sampleText = "Hello Ada,\n\nhttps://app.example/?token=abc=\n.\nFrom here, grüße 🎉\n"
	sampleHTML = "<p>Grüße 🎉</p>\n"
)

func sample(id string) mailer.Message {
	return mailer.Message{
		ID: "0199-" + id, Kind: mailer.MagicLink, To: "ada@example.com", Subject: "Sign in", Text: sampleText, HTML: sampleHTML,
	}
}

// checkMail holds what arrived against sample.
func checkMail(t *testing.T, got *mail.Message, subject string) {
	t.Helper()
	decoded, err := new(mime.WordDecoder).DecodeHeader(got.Header.Get("Subject"))
	if err != nil || decoded != subject {
		t.Errorf("the subject is %q, %v", decoded, err)
	}
	if id := got.Header["Message-Id"]; len(id) != 1 || !regexp.MustCompile(`^<0199-\d+@app\.example>$`).MatchString(id[0]) {
		t.Errorf("Message-ID %q", id)
	}
	if date, err := got.Header.Date(); err != nil || date.IsZero() {
		t.Errorf("Date %v, %v", date, err)
	}
	if got.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Error("Auto-Submitted is missing")
	}
	_, parameters, err := mime.ParseMediaType(got.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	parts := multipart.NewReader(got.Body, parameters["boundary"])
	for _, want := range []string{sampleText, sampleHTML} {
		part, err := parts.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part)
		if err != nil || strings.ReplaceAll(string(body), "\r\n", "\n") != want {
			t.Errorf("a part is %q, %v, want %q", body, err, want)
		}
	}
}
