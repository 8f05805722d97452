package mailer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/admit-go/admit/mailer"
)

func secretMessage() mailer.Message {
	return mailer.Message{
		ID: "0199", Kind: mailer.MagicLink, To: "ada@example.com", Subject: "Sign in", Text: "Here:\nhttps://app.example/?token=secret\n",
		HTML: "<p>secret</p>", Values: mailer.Values{Link: "https://app.example/?token=secret", Code: "482915", UserEmail: "ada@example.com"},
	}
}

func TestLogWritesAMessageInOneCall(t *testing.T) {
	var calls int
	var written bytes.Buffer
	l := mailer.Log{Writer: writerFunc(func(p []byte) (int, error) { calls++; return written.Write(p) })}
	m := secretMessage()
	m.Subject = "Sign in\r\nBcc: eve@evil.test"
	if err := l.Send(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	if calls != 1 {
		t.Errorf("%d calls of Write let messages mingle", calls)
	}
	for _, want := range []string{"To: ada@example.com\n", "Subject: Sign in  Bcc: eve@evil.test\n", "\nhttps://app.example/?token=secret\n"} {
		if !strings.Contains(written.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, written.String())
		}
	}
}

func TestLogFailsWhenItsWriterDoes(t *testing.T) {
	broken := errors.New("disk full")
	l := mailer.Log{Writer: writerFunc(func([]byte) (int, error) { return 0, broken })}
	if err := l.Send(context.Background(), secretMessage()); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestAMessageTellsALogNothingSecret(t *testing.T) {
	for name, value := range map[string]any{"message": secretMessage(), "values": secretMessage().Values} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("sent", "it", value)
		for _, secret := range []string{"token=", "482915", "ada@", "secret"} {
			if strings.Contains(log.String(), secret) {
				t.Errorf("the log of a %s holds %q: %s", name, secret, log.String())
			}
		}
		if name == "message" && !strings.Contains(log.String(), `"id":"0199"`) {
			t.Errorf("the log does not say which message it was: %s", log.String())
		}
	}
}

func TestPermanentFindsTheErrorWhereverItIsWrapped(t *testing.T) {
	reason := errors.New("no such mailbox")
	err := fmt.Errorf("send: %w", errors.Join(errors.New("first"), &mailer.PermanentError{Err: reason}))
	if !mailer.Permanent(err) || !errors.Is(err, reason) || !strings.Contains(err.Error(), "no such mailbox") {
		t.Errorf("%v is not permanent", err)
	}
	if mailer.Permanent(reason) || mailer.Permanent(nil) {
		t.Error("an ordinary error, or none, is permanent")
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
