// Package letter has the texts of the messages that Admit sends. It makes a
// message from its kind, a language and facts.
//
// Facts that a user chose cannot look like links, markup or template text. They
// are cleaned before a text uses them, built-in or from the host, and the
// result is never read as a template again.
package letter

import (
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"unicode"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/mailer"
)

// Options are the host's changes to the built-in messages.
type Options struct {
	// Files replaces parts of messages by templates in its top folder. The
	// names are <kind>.subject.txt and <kind>.txt for text/template,
	// <kind>.html for html/template, and <kind>.<locale>.… for one language: a
	// reader with de-AT gets <kind>.de-AT.…, or else <kind>.de.…, or else
	// <kind>.…. A part without a file keeps the built-in text. A template may
	// use the fields of mailer.Values, and .Kind and .Locale. Text that a user
	// chose is cleaned before. If a template fails, or writes more than 256
	// KiB, this is logged and the built-in text is sent.
	Files fs.FS
	// Rewrite, if it is not nil, changes each message last. It gets the message
	// and returns it with another Subject, Text, HTML, ReplyTo, EnvelopeSender
	// or Headers. Other changes are ignored. It must escape the text that it
	// puts into HTML. If it panics, this is logged and the message is sent
	// unchanged.
	Rewrite func(m mailer.Message) mailer.Message
	// Texts are the built-in texts, with the changes of the host. Default: the
	// built-in texts.
	Texts *texts.Set
	// Logger gets a line for each template that fails. Default: [slog.Default].
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

// New reads the files of o. It reports all problems, joined: unknown file
// names, templates that cannot be parsed, and templates that use an unknown
// field.
func New(o Options) (*Set, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	layout, err := template.New("layout").Parse(layoutSource)
	if err != nil {
		return nil, err
	}
	if o.Texts == nil {
		if o.Texts, err = wording.Load(texts.Options{}); err != nil {
			return nil, err
		}
	}
	s := &Set{options: o, layout: layout}
	if o.Files != nil {
		if s.templates, err = readTemplates(o.Files); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Render makes a message. If a locale (BCP 47) has no texts, it uses those of
// the locale's language, of the default language of Options.Texts, or English.
// Render fails if v lacks a fact that the kind needs.
func (s *Set) Render(kind mailer.Kind, locale string, v mailer.Values) (subject, text, html string, err error) {
	m, err := s.RenderMessage(mailer.Message{Kind: kind, Locale: locale, Values: v})
	return m.Subject, m.Text, m.HTML, err
}

// RenderMessage is Render for a whole message. It returns m with Subject, Text
// and HTML, and with the ReplyTo, EnvelopeSender and Headers from
// Options.Rewrite.
func (s *Set) RenderMessage(m mailer.Message) (mailer.Message, error) {
	if err := s.check(m.Kind, m.Values); err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown := m
	shown.Values = clean(m.Values)
	language := s.languageOf(m.Locale, m.Kind)
	c := compose(language, m.Kind, shown.Values)
	html, err := c.html(s.layout)
	if err != nil {
		return m, fmt.Errorf("letter %s: %w", m.Kind, err)
	}
	shown.Subject, shown.Text, shown.HTML = c.Subject, c.text(), html
	// The reader's own language takes precedence over the default language of
	// the host.
	locales := []string{m.Locale, language.Tag}
	if s.options.Texts.Find([]string{m.Locale}) == nil {
		locales = []string{m.Locale, s.options.Texts.Default().Tag, language.Tag}
	}
	s.replaceParts(&shown, locales)
	return s.finished(m, shown), nil
}

// finished is a message with what is shown of it, after the host's function has had
// its say.
func (s *Set) finished(m, shown mailer.Message) mailer.Message {
	if s.options.Rewrite != nil {
		s.rewrite(&shown)
	}
	m.Subject, m.Text, m.HTML = visible(shown.Subject), shown.Text, shown.HTML
	m.ReplyTo, m.EnvelopeSender, m.Headers = shown.ReplyTo, shown.EnvelopeSender, shown.Headers
	return m
}

// languageOf returns the language of a message: that of the reader, else the default
// of the host, else English, whichever has all texts of the message.
func (s *Set) languageOf(locale string, kind mailer.Kind) *texts.Catalogue {
	for _, l := range []*texts.Catalogue{s.options.Texts.Match([]string{locale}), s.options.Texts.Default()} {
		if speaks(l, kind) {
			return l
		}
	}
	return s.options.Texts.English()
}

// rewrite applies the changes of the host's function. It changes nothing if the
// function panics.
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

// check refuses values that lack a fact which the texts of kind need.
func (s *Set) check(kind mailer.Kind, v mailer.Values) error {
	w := words{Catalogue: s.options.Texts.English(), kind: kind}
	switch {
	case !slices.Contains(mailer.Kinds(), kind):
		return errors.New("there is no such kind of message")
	case visible(v.SiteName) == "":
		return errors.New("SiteName is missing")
	case rulesOf(kind).needsLink && v.Link == "" && (v.Code == "" || w.raw("aboveCode") == ""):
		return errors.New("Link is missing")
	case v.Link != "" && !isLink(v.Link):
		return errors.New("Link is no absolute URL")
	case strings.ContainsFunc(v.Code, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }):
		return errors.New("Code is not made of letters and digits")
	}
	return nil
}

// isLink accepts web addresses and addresses of apps (myapp://…). It refuses
// schemes that a browser would run.
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
