package mailer

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Log writes every message in plain text instead of sending it, for
// development. What it writes holds links and codes that let whoever reads
// them into an account: it MUST NOT be used where real people sign in.
type Log struct {
	// Writer takes the messages, one call of Write each. Default os.Stderr.
	Writer io.Writer
}

var _ Mailer = Log{}

// Send writes m. It fails when the Writer does.
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

// oneLine keeps a value from looking like more than one header.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, s)
}

// LogValue tells a log which message it is, and none of what it says: neither
// the address nor the link belong in a log.
func (m Message) LogValue() slog.Value {
	return slog.GroupValue(slog.String("id", m.ID), slog.String("kind", string(m.Kind)))
}

// LogValue keeps addresses, links and codes out of logs.
func (Values) LogValue() slog.Value { return slog.StringValue("[values of a message]") }
