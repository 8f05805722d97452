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

// largestPart is the greatest size of the output of a template.
const largestPart = 256 << 10

// parts are the ends of the names of template files. Longer ends come first.
var parts = []string{".subject.txt", ".txt", ".html"}

// executor is a text template or an HTML template.
type executor interface {
	Execute(w io.Writer, data any) error
}

// templates are the host's templates by name, such as "magic_link.ko.html". The
// locale is in the form of locale.Parse.
type templates map[string]executor

// data is the input of a template.
type data struct {
	mailer.Values
	Kind   mailer.Kind
	Locale string
	// Link hides the Link of Values. It was checked, so html/template need not
	// filter it.
	Link htmltemplate.URL
}

// readTemplates parses and tries every template in the top folder of files. It
// ignores files that are neither text nor HTML.
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

// readTemplate tries the template at once, so that a mistake is found when the
// host starts and not when a message is sent.
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

// splitName splits a file name. The text between the kind and the part is a
// locale.
func splitName(name string) (kind mailer.Kind, tag, part string) {
	for _, part := range parts {
		if base, ok := strings.CutSuffix(name, part); ok {
			kind, tag, _ := strings.Cut(base, ".")
			return mailer.Kind(kind), tag, part
		}
	}
	return "", "", ""
}

// templateKey returns the key of a file name for find. Its locale is in the
// form of locale.Parse.
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

// samples are a message with every fact and a message with no fact, so that an
// unknown field is found in each branch of a condition.
func samples(kind mailer.Kind) []data {
	at := time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)
	return []data{
		{Kind: kind, Locale: "en", Link: "https://app.example/page?token=sample", Values: mailer.Values{
			SiteName: "App", UserName: "Ada", UserEmail: "ada@example.com", Verified: true, NewEmail: "new@example.com", Provider: "Google",
			Link: "https://app.example/page?token=sample", Code: "123456", Device: "Firefox on Linux",
			IPAddress: "192.0.2.1", At: at, SignedUpAt: at, ExpiresAt: at.Add(time.Hour),
		}},
		{Kind: kind},
	}
}

// replaceParts replaces built-in parts of m by the host's templates. A template
// that fails changes nothing. The first locale that has a file is used.
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

// find looks for each locale in turn, first exactly and then less exactly, and
// at last for a file without a language.
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

// execute returns the output of a template, and nothing if the template fails.
func execute(t executor, d data) (string, error) {
	b := bounded{left: largestPart}
	if err := t.Execute(&b, d); err != nil {
		return "", err
	}
	return b.String(), nil
}

// bounded is a buffer with a greatest size.
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

// WriteString hides the method of Builder, which has no bound.
func (b *bounded) WriteString(s string) (int, error) { return b.Write([]byte(s)) }
