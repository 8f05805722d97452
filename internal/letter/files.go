package letter

import (
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
)

// largestPart is how much a template may write.
const largestPart = 256 << 10

// parts are the ends of the names of template files, the longer ones first.
var parts = []string{".subject.txt", ".txt", ".html"}

// executor is a template of either kind.
type executor interface {
	Execute(w io.Writer, data any) error
}

// templates are the host's, by name as in "magic_link.ko.html"; the locale is in
// the form of locale.Parse.
type templates map[string]executor

// data is what a template sees.
type data struct {
	mailer.Values
	Kind   mailer.Kind
	Locale string
	// Link shadows that of Values. It was checked, so html/template need not
	// doubt it.
	Link htmltemplate.URL
}

// readTemplates parses and tries every template in the top folder of files.
// Files of other kinds than text and HTML are not looked at.
func readTemplates(files fs.FS) (templates, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("read message templates: %w", err)
	}
	read := templates{}
	var problems []error
	for _, entry := range entries {
		if end := path.Ext(entry.Name()); entry.IsDir() || end != ".txt" && end != ".html" {
			continue
		}
		t, err := readTemplate(files, entry.Name())
		if err != nil {
			problems = append(problems, fmt.Errorf("message template %s: %w", entry.Name(), err))
			continue
		}
		key := templateKey(entry.Name())
		if _, double := read[key]; double {
			problems = append(problems, fmt.Errorf("message template %s: there is another one for the same message and language", entry.Name()))
			continue
		}
		read[key] = t
	}
	return read, errors.Join(problems...)
}

// readTemplate tries the template right away: a mistake is found when the host
// starts, not when somebody waits for a message.
func readTemplate(files fs.FS, name string) (executor, error) {
	kind, tag, part := splitName(name)
	if !slices.Contains(mailer.Kinds(), kind) {
		return nil, fmt.Errorf("there is no message %q", kind)
	}
	if tag != "" && locale.Parse(tag) == "" {
		return nil, fmt.Errorf("%q is no language tag such as \"de\" or \"pt-BR\"", tag)
	}
	source, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var t executor
	if part == ".html" {
		t, err = htmltemplate.New(name).Parse(string(source))
	} else {
		t, err = texttemplate.New(name).Parse(string(source))
	}
	if err != nil {
		return nil, err
	}
	for _, sample := range samples(kind) {
		if _, err := execute(t, sample); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// splitName takes a name apart; what stands between kind and part is a locale.
func splitName(name string) (kind mailer.Kind, tag, part string) {
	for _, part := range parts {
		if base, ok := strings.CutSuffix(name, part); ok {
			kind, tag, _ := strings.Cut(base, ".")
			return mailer.Kind(kind), tag, part
		}
	}
	return "", "", ""
}

// templateKey is a name by which find looks: its locale in the form of
// locale.Parse.
func templateKey(name string) string {
	kind, tag, part := splitName(name)
	return keyOf(kind, locale.Parse(tag), part)
}

func keyOf(kind mailer.Kind, tag, part string) string {
	if tag != "" {
		tag = "." + tag
	}
	return string(kind) + tag + part
}

// samples are a message with every fact and one with none, so that a field
// that does not exist is found in either branch of a condition.
func samples(kind mailer.Kind) []data {
	at := time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)
	return []data{
		{Kind: kind, Locale: "en", Link: "https://app.example/page?token=sample", Values: mailer.Values{
			SiteName: "App", UserName: "Ada", UserEmail: "ada@example.com", Verified: true, NewEmail: "new@example.com",
			Link: "https://app.example/page?token=sample", Code: "123456", Device: "Firefox on Linux",
			IPAddress: "192.0.2.1", At: at, SignedUpAt: at, ExpiresAt: at.Add(time.Hour),
		}},
		{Kind: kind},
	}
}

// replaceParts puts the host's templates in place of built-in parts of m. One
// that fails changes nothing. Of locales, the first that there is a file for
// counts.
func (s *Set) replaceParts(m *mailer.Message, locales []string) {
	targets := []*string{&m.Subject, &m.Text, &m.HTML}
	for i, part := range parts {
		name, t := s.templates.find(m.Kind, part, locales)
		if t == nil {
			continue
		}
		written, err := execute(t, data{Values: m.Values, Kind: m.Kind, Locale: m.Locale, Link: htmltemplate.URL(m.Values.Link)})
		if err != nil {
			s.options.Logger.Error("message template failed, the built-in text is sent", "template", name, "error", err.Error())
			continue
		}
		*targets[i] = written
	}
}

// find looks for each locale in turn, exact and then less so, and last for a
// file of no language.
func (t templates) find(kind mailer.Kind, part string, locales []string) (string, executor) {
	for _, tag := range locales {
		for _, tag := range locale.Chain(tag) {
			name := keyOf(kind, tag, part)
			if found, ok := t[name]; ok {
				return name, found
			}
		}
	}
	name := keyOf(kind, "", part)
	return name, t[name]
}

// execute gives nothing of what a template wrote before it failed.
func execute(t executor, d data) (string, error) {
	b := bounded{left: largestPart}
	if err := t.Execute(&b, d); err != nil {
		return "", err
	}
	return b.String(), nil
}

// bounded is a buffer that refuses to grow beyond what is left.
type bounded struct {
	strings.Builder
	left int
}

var errTooLong = errors.New("writes more than 256 KiB")

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= len(p); b.left < 0 {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

// WriteString hides that of Builder, which knows no bound.
func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }
