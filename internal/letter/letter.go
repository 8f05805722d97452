// Package letter holds the texts of the messages that Admit sends, and makes
// of a kind, a language and facts what a reader sees.
//
// Facts that a user chooses cannot pose as links, as markup or as template
// text: they are cleaned before any text, built-in or the host's, sees them,
// and put in by means that never read them again.
package letter

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
	"unicode"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
)

// Options say what a host changes about the built-in messages.
type Options struct {
	// Files replaces parts of messages by templates, found by name in its top
	// folder: <kind>.subject.txt and <kind>.txt for text/template,
	// <kind>.html for html/template, and <kind>.<locale>.… for one language: a
	// reader of de-AT gets <kind>.de-AT.…, else <kind>.de.…, else <kind>.….
	// A part without a file keeps the built-in text. The fields that a template
	// may name are those of mailer.Values, and .Kind and .Locale; text that a
	// user chose is made harmless before. One that fails, or writes more than
	// 256 KiB, is logged and the built-in text is sent.
	Files fs.FS
	// Rewrite, when not nil, has the last word: it gets the message as it
	// stands and returns it with another Subject, Text, HTML, ReplyTo,
	// EnvelopeSender or Headers. Nothing else of what it returns counts. It must escape what it puts into HTML. When it
	// panics, that is logged and the message goes as it was.
	Rewrite func(m mailer.Message) mailer.Message
	// DefaultLocale is the language of readers whose own is not known, or has
	// no texts. Default: English.
	DefaultLocale string
	// Logger is told about templates that fail. Default [slog.Default].
	Logger *slog.Logger
}

// Set renders messages. It is safe for use by many goroutines.
type Set struct {
	options   Options
	layout    *template.Template
	templates templates
}

//go:embed layout.html
var layoutSource string

// New reads the files of o and reports everything that is wrong with them,
// joined: names that mean nothing, templates that do not parse, and such that
// name a field that does not exist.
func New(o Options) (*Set, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	layout, err := template.New("layout").Parse(layoutSource)
	if err != nil {
		return nil, err
	}
	if o.DefaultLocale != "" && locale.Parse(o.DefaultLocale) == "" {
		return nil, fmt.Errorf("DefaultLocale %q is no language tag such as \"de\" or \"pt-BR\"", o.DefaultLocale)
	}
	s := &Set{options: o, layout: layout}
	if o.Files != nil {
		if s.templates, err = readTemplates(o.Files); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Render makes the message of that kind. A locale (BCP 47) that there are no
// texts for gets those of its language, of Options.DefaultLocale, or English.
// It fails when v lacks what the kind cannot do without.
func (s *Set) Render(kind mailer.Kind, locale string, v mailer.Values) (subject, text, html string, err error) {
	m, err := s.RenderMessage(mailer.Message{Kind: kind, Locale: locale, Values: v})
	return m.Subject, m.Text, m.HTML, err
}

// RenderMessage is Render for a whole message: it returns m with Subject, Text
// and HTML, and with what Options.Rewrite says of ReplyTo, EnvelopeSender and
// Headers.
func (s *Set) RenderMessage(m mailer.Message) (mailer.Message, error) {
	if err := check(m.Kind, m.Values); err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown := m
	shown.Values = clean(m.Values)
	language := languageOf(m.Locale, s.options.DefaultLocale)
	c := compose(language, m.Kind, shown.Values)
	html, err := c.html(s.layout)
	if err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown.Subject, shown.Text, shown.HTML = c.Subject, c.text(), html
	// A reader's own language goes before the host's default one.
	locales := []string{m.Locale, language.tag}
	if !hasTexts(m.Locale) {
		locales = []string{m.Locale, s.options.DefaultLocale, language.tag}
	}
	s.replaceParts(&shown, locales)
	if s.options.Rewrite != nil {
		s.rewrite(&shown)
	}
	m.Subject, m.Text, m.HTML = visible(shown.Subject), shown.Text, shown.HTML
	m.ReplyTo, m.EnvelopeSender, m.Headers = shown.ReplyTo, shown.EnvelopeSender, shown.Headers
	return m, nil
}

// rewrite takes over what the host's function may change, or nothing when it
// panics.
func (s *Set) rewrite(m *mailer.Message) {
	defer func() {
		if r := recover(); r != nil {
			s.options.Logger.Error("rewriting a message panicked, it goes as it was", "kind", m.Kind, "panic", fmt.Sprint(r))
		}
	}()
	changed := s.options.Rewrite(*m)
	m.Subject, m.Text, m.HTML = changed.Subject, changed.Text, changed.HTML
	m.ReplyTo, m.EnvelopeSender, m.Headers = changed.ReplyTo, changed.EnvelopeSender, changed.Headers
}

// check holds v against what the texts of kind are about.
func check(kind mailer.Kind, v mailer.Values) error {
	w, known := english.letters[kind]
	switch {
	case !known:
		return errors.New("there is no such kind of message")
	case visible(v.SiteName) == "":
		return errors.New("SiteName is missing")
	case w.needsLink && v.Link == "" && (v.Code == "" || w.aboveCode == ""):
		return errors.New("Link is missing")
	case v.Link != "" && !isLink(v.Link):
		return errors.New("Link is no absolute URL")
	case strings.ContainsFunc(v.Code, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }):
		return errors.New("Code is not made of letters and digits")
	}
	return nil
}

// isLink takes web addresses and those of apps (myapp://…), and nothing that a
// browser would run.
func isLink(link string) bool {
	if strings.ContainsFunc(link, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"\\^`{|}", r) }) {
		return false
	}
	u, err := url.Parse(link)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "javascript", "vbscript", "data", "blob", "file":
		return false
	}
	return true
}
