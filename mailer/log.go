package mailer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Log writes every message as plain text and does not send it, for development.
// The text contains links and codes that give access to accounts, so Log MUST
// NOT be used where real people sign in.
type Log struct {
	// Writer gets the messages, with one call of Write each. Default:
	// os.Stderr.
	Writer io.Writer
}

var _ Mailer = Log{}

// Send writes m. It fails if the Writer fails.
func (l Log) Send(_ context.Context, m Message) error {
	w := l.Writer
	if w == nil {
		w = os.Stderr
	}
	var b strings.Builder
	fmt.Fprintf(&b, "----- mail: %s\nTo: %s\nSubject: %s\n\n", oneLine(string(m.Kind)), oneLine(m.To), oneLine(m.Subject))
	b.WriteString(strings.TrimRight(m.Text, "\n"))
	b.WriteString("\n-----\n")
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write message %s: %w", m.ID, err)
	}
	return nil
}

// oneLine keeps a value from looking like several headers.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// LogValue returns the kind and the id of the message. The address and the link
// do not belong in a log.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("kind", string(m.Kind)))
}

// LogValue keeps addresses, links and codes out of logs.
func (Values) LogValue() slog.Value { return slog.StringValue("[values of a message]") }
