package console

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/ui"
)

// view is what a template sees.
type view struct {
	Page, Section, Title       string
	Language, Direction, Nonce string
	Brand                      ui.Brand
	User                       admit.User
	Admin                      bool
	Alert, Done, Reference     string
	Data                       any
	site                       *site
	words                      *texts.Catalogue
	form                       url.Values
	now                        time.Time
}

func (s *site) newView(v *visit) *view {
	return &view{
		Language: v.words.Tag, Direction: v.words.Direction, Brand: s.brand, User: v.user, Admin: v.user.Role == admit.RoleAdmin,
		site: s, words: v.words, form: v.form, now: s.config.Now(),
	}
}

// T returns a text by its key. values are the names and the values of its
// placeholders in turn.
func (v *view) T(key string, values ...any) (string, error) { return v.words.Text(key, values...) }

// Or returns the text of a key, or the word itself where no text has the key: a kind
// of event or mail that a host has added.
func (v *view) Or(prefix, word string) string {
	if v.words.Has(prefix + word) {
		return v.words.Say(prefix + word)
	}
	return word
}

// To returns the link to a page of the console, from the parts of its path.
func (v *view) To(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	return v.site.prefix + "/" + strings.Join(escaped, "/")
}

// With adds a query to a link: names and values in turn. A value that is empty is left
// out.
func (v *view) With(link string, values ...string) string {
	q := url.Values{}
	for i := 0; i < len(values); i += 2 {
		if values[i+1] != "" {
			q.Set(values[i], values[i+1])
		}
	}
	if len(q) == 0 {
		return link
	}
	return link + "?" + q.Encode()
}

// Asset returns the URL of "console.css" or "console.js".
func (v *view) Asset(name string) string {
	return v.site.prefix + "/assets/" + v.site.assets[name].name
}

// Typed returns what was sent in a field, or what stands there before.
func (v *view) Typed(field, before string) string {
	if v.form.Has(field) {
		return v.form.Get(field)
	}
	return before
}

// Time writes a time in UTC, or "–" for none; the script shows it in the zone of the
// reader.
func (v *view) Time(at time.Time) template.HTML {
	if at.IsZero() {
		return "–"
	}
	return template.HTML(`<time datetime="` + at.UTC().Format(time.RFC3339) + `">` + at.UTC().Format("2006-01-02 15:04") + ` UTC</time>`) //nolint:gosec // digits
}

// Ago says how long ago a time is, in words.
func (v *view) Ago(at time.Time) (string, error) {
	if at.IsZero() {
		return v.T("never")
	}
	switch past := v.now.Sub(at); {
	case past < time.Minute:
		return v.T("ago.now")
	case past < time.Hour:
		return v.T("ago.minutes", "count", int(past/time.Minute))
	case past < 48*time.Hour:
		return v.T("ago.hours", "count", int(past/time.Hour))
	default:
		return v.T("ago.days", "count", int(past/(24*time.Hour)))
	}
}

// withPerson is a template's view with one account.
type withPerson struct {
	V *view
	P admit.User
}

// WithPerson hands an account to a part of a page.
func (v *view) WithPerson(p admit.User) withPerson { return withPerson{v, p} }

// withEvents is a template's view with events.
type withEvents struct {
	V    *view
	List []admit.Event
}

// WithEvents hands events to a part of a page.
func (v *view) WithEvents(list []admit.Event) withEvents { return withEvents{v, list} }

// Facts writes what an event tells beside its kind.
func (v *view) Facts(e admit.Event) string {
	read := facts(e)
	var all []string
	for _, name := range sortedKeys(read) {
		all = append(all, fmt.Sprintf("%s: %v", name, read[name]))
	}
	return strings.Join(all, ", ")
}

// MailOf names the mail that an event is about.
func (v *view) MailOf(e admit.Event) string { return v.Or("mail.", fact(e, "mail")) }

// Device names a device by its User-Agent.
func (v *view) Device(userAgent string) string { return device.Name(userAgent) }

// pager is a template's view with a numbered list.
type pager struct {
	V    *view
	P    any
	Link string
}

// Pager hands a numbered list to the part of a page that leads to its pages.
func (v *view) Pager(list any, link string) pager { return pager{v, list, link} }

// switchOf is a setting that is on or off.
type switchOf struct {
	Name, Label string
	// Is is what counts now, On what the box shows.
	Is, On  bool
	Changed bool
}

// Switch hands a setting to its box.
func (v *view) Switch(name string, is bool, changed []string) (switchOf, error) {
	label, err := v.T("setting." + name)
	on := is
	if v.Sent() {
		on = v.form.Get(name) == "true"
	}
	return switchOf{name, label, is, on, slices.Contains(changed, name)}, err
}

// Sent reports whether the page answers a form.
func (v *view) Sent() bool { return len(v.form) > 0 }

// Scopes writes what a key may do.
func (v *view) Scopes(scopes []string) string {
	switch {
	case scopes == nil:
		return v.words.Say("keys.everything")
	case len(scopes) == 0:
		return v.words.Say("keys.nothing")
	}
	return strings.Join(scopes, ", ")
}

// LanguageName names a language in its own words, with its tag.
func (v *view) LanguageName(tag string) string {
	if tag == "" {
		return v.words.Say("template.everybody")
	}
	return v.Or("lang.", tag)
}

// Past reports whether a time is over.
func (v *view) Past(at time.Time) bool { return !at.IsZero() && !at.After(v.now) }

// Banned reports whether an account is banned now.
func (v *view) Banned(u admit.User) bool { return u.Banned(v.now) }

// Roles are those that an account can have.
func (v *view) Roles() []string {
	roles := append([]string{admit.RoleUser, admit.RoleAdmin, admit.RoleGuest}, v.site.config.Roles...)
	slices.Sort(roles)
	return slices.Compact(roles)
}

// Sections are the parts of the console, for its menu.
func (v *view) Sections() []string {
	return []string{"start", "people", "organizations", "keys", "mail", "templates", "settings", "audit"}
}

// SectionLink is the link to a part of the console.
func (v *view) SectionLink(section string) string {
	if section == "start" {
		return v.To()
	}
	return v.To(section)
}

// templates are the parsed templates by name.
type templates map[string]*template.Template

// parseTemplates parses the frame with each page.
func parseTemplates() (templates, error) {
	base, err := template.New("base").ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, err
	}
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	all := templates{}
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name(), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		text, err := templateFiles.ReadFile("templates/" + entry.Name())
		if err != nil {
			return nil, err
		}
		one, err := base.Clone()
		if err == nil {
			_, err = one.New("content").Parse(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		all[name] = one
	}
	return all, nil
}

// show writes a page.
func (v *visit) show(status int, name string) error {
	var raw [16]byte
	if _, err := rand.Read(raw[:]); err != nil {
		return err
	}
	v.view.Nonce, v.view.Page = base64.RawStdEncoding.EncodeToString(raw[:]), name
	if v.view.Title == "" {
		v.view.Title = v.words.Say(name + ".title")
	}
	if done := "done." + v.query.Get("done"); v.view.Alert == "" && v.words.Has(done) {
		v.view.Done = v.words.Say(done)
	}
	if v.templates[name] == nil {
		return errors.New("there is no template " + name)
	}
	var body bytes.Buffer
	if err := v.templates[name].ExecuteTemplate(&body, "layout.html", v.view); err != nil {
		return err
	}
	v.write(status, body.Bytes(), "default-src 'none'; script-src 'nonce-"+v.view.Nonce+"'; style-src 'nonce-"+v.view.Nonce+"'"+spaced(ui.Source(v.brand.CSS))+
		"; img-src 'self' data:"+spaced(ui.Source(v.brand.Logo))+"; font-src 'self'"+spaced(ui.Source(v.brand.CSS))+
		"; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'", "DENY")
	return nil
}

func spaced(source string) string {
	if source == "" || source == "'self'" {
		return ""
	}
	return " " + source
}

// write answers with a document under a Content-Security-Policy.
func (v *visit) write(status int, body []byte, policy, frames string) {
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.words.Tag)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Frame-Options", frames)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Add("Vary", "Accept-Language, Cookie")
	v.w.WriteHeader(status)
	if v.r.Method != http.MethodHead {
		_, _ = v.w.Write(body) // a reader who left is not our error
	}
}

// number reads a number from the query of a page, at least 1.
func (v *visit) number(name string) int {
	n, err := strconv.Atoi(v.query.Get(name))
	if err != nil || n < 1 || n > 1_000_000 {
		return 1
	}
	return n
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// atMost shortens a text of a query that is repeated on a page.
func atMost(text string, length int) string {
	return strings.ToValidUTF8(cmp.Or(text[:min(len(text), length)], ""), "")
}
