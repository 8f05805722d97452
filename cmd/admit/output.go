package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/admit-go/admit"
)

// result is the result of a command. It is encoded as one JSON document, and
// written as text for people by write.
type result interface {
	write(w io.Writer)
}

// show prints a result in the way the operator asked for.
func (a *app) show(r result) error {
	if a.json {
		return a.encode(r)
	}
	var text strings.Builder
	r.write(&text)
	_, err := io.WriteString(a.out, text.String())
	return err
}

// encode writes a JSON document with indentation.
func (a *app) encode(document any) error {
	encoder := json.NewEncoder(a.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

// problem is an error as a JSON document.
type problem struct {
	Code    string         `json:"code,omitempty"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
	Cause   string         `json:"cause,omitempty"`
}

// atShell has texts for a shell in place of the library's texts for HTTP
// clients.
var atShell = map[string]string{
	"auth/unavailable":     "The database cannot be used at the moment.",
	"auth/internal":        "Something went wrong that should not.",
	"auth/invalid-request": "That cannot be used.",
	"auth/not-found":       "There is no such thing.",
	"user/conflict":        "The account was changed at the same time. Run the command again.",
	"auth/weak-password":   "That password is too easy to guess. Choose another.",
	"user/not-found":       "There is no such account. 'admit user list' shows who there is.",

	"auth/session-not-found": "There is no such session. 'admit user sessions' lists the live ones of a user.",

	"auth/api-key-not-found":       "There is no such API key. 'admit key list' shows the ids of all.",
	"auth/email-already-exists":    "There is already an account with this address. 'admit user show' shows it.",
	"auth/too-many-code-requests":  "Too many messages to this address were asked for. Wait an hour.",
	"auth/invalid-callback-url":    "That is no place the application may return to: it must be at --base-url.",
	"auth/invalid-password-format": "The password does not meet the rules.",
}

// explain returns an error as an operator may see it, with its cause. Clients
// of the application never see the cause.
func explain(err error) problem {
	refused, ok := errors.AsType[*admit.Error](err)
	if !ok {
		return problem{Message: err.Error()}
	}
	// The text before the refusal, such as the name of the record, stays.
	before := strings.TrimSuffix(err.Error(), refused.Error())
	message := refused.Message
	if text, found := atShell[refused.Code]; found {
		message = text
	}
	p := problem{Code: refused.Code, Message: before + message, Details: refused.Details}
	if cause := refused.Unwrap(); cause != nil {
		p.Cause = cause.Error()
	}
	return p
}

// text returns the problem in one line.
func (p problem) text() string {
	var text strings.Builder
	text.WriteString(p.Message)
	for _, name := range slices.Sorted(maps.Keys(p.Details)) {
		fmt.Fprintf(&text, " %s: %v.", name, p.Details[name])
	}
	if p.Cause != "" {
		text.WriteString(" (" + p.Cause + ")")
	}
	return text.String()
}

// showError writes an error to the output that the operator reads: the JSON
// document or the text.
func (a *app) showError(err error, isUsage bool) {
	if !a.json || a.encode(map[string]problem{"error": coded(err, isUsage)}) != nil {
		a.tellError(err)
	}
}

// The codes of errors that are not those of the library.
const (
	codeUsage  = "command/usage"
	codeFailed = "command/failed"
)

// coded explains an error in a JSON document, where every error has a code.
func coded(err error, isUsage bool) problem {
	p := explain(err)
	if p.Code == "" && isUsage {
		p.Code = codeUsage
	}
	p.Code = cmp.Or(p.Code, codeFailed)
	return p
}

// withError is a result that comes with an error. Its document is that of the result,
// with the member error.
type withError struct {
	result
	err error
}

// MarshalJSON implements json.Marshaler.
func (w withError) MarshalJSON() ([]byte, error) {
	members := map[string]json.RawMessage{}
	text, err := json.Marshal(w.result)
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err == nil {
		members["error"], err = json.Marshal(coded(w.err, false))
	}
	if err != nil {
		return nil, err
	}
	return json.Marshal(members)
}

// tellError writes an error to standard error.
func (a *app) tellError(err error) { fmt.Fprintf(a.err, "admit: %s\n", explain(err).text()) }

// table writes rows in columns below a heading.
func table(w io.Writer, head string, rows [][]string) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.ReplaceAll(head, " ", "\t"))
	for _, row := range rows {
		for i, cell := range row {
			row[i] = printable(cell)
		}
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	_ = columns.Flush() // w is a strings.Builder
}

// facts writes one line per name and value. Empty values are left out.
func facts(w io.Writer, pairs ...string) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fmt.Fprintf(columns, "%s\t%s\n", pairs[i], printable(pairs[i+1]))
		}
	}
	_ = columns.Flush() // w is a strings.Builder
}

// printable removes characters that control a terminal from a text that may
// come from anybody.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return '\ufffd'
		}
		return r
	}, text)
}

// instant is a time in a JSON document: RFC 3339, or null for never.
type instant time.Time

// MarshalJSON implements json.Marshaler.
func (i instant) MarshalJSON() ([]byte, error) {
	if time.Time(i).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(i.String())
}

// String returns the time in UTC, or "" for never.
func (i instant) String() string {
	if time.Time(i).IsZero() {
		return ""
	}
	return time.Time(i).UTC().Format("2006-01-02T15:04:05.000Z")
}

// orNever returns a time as text for people.
func (i instant) orNever() string {
	if text := i.String(); text != "" {
		return text
	}
	return "never"
}

// count returns a number with the noun that it counts.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// grouped returns a number with commas between thousands.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
