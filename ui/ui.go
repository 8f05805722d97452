// Package ui has the pages that Admit shows if the host names no page of its
// own. They are plain HTML with one built-in stylesheet. They need no script
// and no build step, and they work with the keyboard alone.
package ui

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
)

// Page is the content of one page.
type Page struct {
	// Languages are the languages of the reader (BCP 47), the most wanted
	// first: the language of the account, if it is known, and then those of
	// [Accepted]. The page is written in English and shown in the first of
	// these languages that has texts, or else in English.
	Languages []string
	// SiteName is the host's name.
	SiteName string
	// Title is the heading, and the title of the document.
	Title string
	// Paragraphs are the text below it.
	Paragraphs []string
	// Facts are listed as label and value.
	Facts []Fact
	// Alert is an error that the reader must see first. "" means none.
	Alert string
	// Forms are the choices of the reader, in the order in which they are
	// shown.
	Forms []Form
	// Links are links below the forms.
	Links []Link
	// FormActions are the targets that a form may lead to by a redirect, in
	// addition to this origin. They are source expressions of a
	// Content-Security-Policy.
	FormActions []string
}

// Link is a link on a page. URL may have any scheme, so it must come from the
// configuration or have been compared with it.
type Link struct {
	Text string
	URL  template.URL
}

// Fact is a line such as "Device: Firefox on Linux".
type Fact struct {
	Label, Value string
	// At, if it is not zero, is shown instead of Value, in the language of the
	// reader.
	At time.Time
}

// Form sends its fields to Action by POST when its button is pressed.
type Form struct {
	Action string
	// Button is the text of the button. Quiet makes the button look less
	// important. Danger marks an action that cannot be undone.
	Button        string
	Quiet, Danger bool
	// Hidden are the hidden fields of the form.
	Hidden []Field
	// NewPassword asks for a new password in a field named newPassword, of at
	// least MinLength characters. Rules are further requirements in words, such
	// as "a digit".
	NewPassword bool
	MinLength   int
	Rules       []string
	// Email asks for an e-mail address in a field named email.
	Email bool
	// Checkbox, if it has a name, is a checkbox that is off at first and is
	// sent as "true". Its Value is the label.
	Checkbox Field
}

// Field is one value of a form.
type Field struct{ Name, Value string }

//go:embed page.html
var source string

//go:embed style.css
var style string

// Renderer writes pages. It is safe for use by many goroutines.
type Renderer struct {
	page   *template.Template
	policy string
	brand  Brand
	texts  *texts.Set
}

// Stylesheet returns the style sheet of all pages, without a brand.
func Stylesheet() string { return style }

// New parses the pages of a brand, and reads the texts of the host. It returns the
// errors of Brand.Check, and what is wrong with the texts.
func New(brand Brand, own Texts) (*Renderer, error) {
	if err := brand.Check(); err != nil {
		return nil, err
	}
	set, err := wording.Load(texts.Options{Own: own.Files, Default: own.Default, Only: own.Only})
	if err != nil {
		return nil, err
	}
	style := strings.TrimSuffix(style, "\n") + brand.Style()
	page, err := template.New("page").Parse(strings.Replace(source, "{{style}}", style, 1))
	if err != nil {
		return nil, fmt.Errorf("parse the page: %w", err)
	}
	sum := sha256.Sum256([]byte(style))
	sources := strings.TrimRight("'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"' "+Source(brand.CSS), " ")
	if picture := Source(brand.Logo); picture != "" {
		sources += "; img-src " + picture
	}
	return &Renderer{page: page, brand: brand, texts: set, policy: "default-src 'none'; style-src " + sources +
		"; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"}, nil
}

// view is a page in the language in which it is shown.
type view struct {
	Page
	Language string
	// AlertIn is the language of Alert.
	AlertIn string
	// Direction is "ltr" or "rtl".
	Direction string
	Brand     Brand
	words     *texts.Catalogue
}

// NewPasswordLabel returns the label of the field for a new password.
func (v view) NewPasswordLabel() string { return v.words.Say("password.new") }

// EmailLabel returns the label of the field for an e-mail address.
func (v view) EmailLabel() string { return v.words.Say("Address") }

// Hint returns what the new password of a form needs.
func (v view) Hint(f Form) string { return hint(v.words, f) }

// Write sends a page. The forms of a page contain secrets, so a page is never
// stored, never framed, and never named to another site.
func (p *Renderer) Write(w http.ResponseWriter, status int, page Page) error {
	shown, language, alertIn := p.translate(page)
	shown.SiteName = cmp.Or(p.brand.Name, shown.SiteName)
	var body bytes.Buffer
	if err := p.page.Execute(&body, view{
		Page: shown, Language: language.Tag, Direction: language.Direction, AlertIn: alertIn, Brand: p.brand, words: language,
	}); err != nil {
		return fmt.Errorf("write a page: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", language.Tag)
	h.Add("Vary", "Accept-Language")
	h.Set("Content-Length", strconv.Itoa(body.Len()))
	h.Set("Content-Security-Policy", strings.Join(append([]string{p.policy}, page.FormActions...), " "))
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes()) // a reader who left is not our error
	return nil
}
