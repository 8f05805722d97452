package ui

import (
	"io/fs"
	"slices"
	"strings"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
)

// Accepted lists the languages of an Accept-Language header, the most wanted
// first, in the form of [Page.Languages].
func Accepted(header string) []string { return locale.Accepted(header) }

// Texts are the changes of a host to the built-in texts.
type Texts struct {
	// Files adds languages, and replaces single texts; docs/languages.md has its form.
	// Nil changes nothing.
	Files fs.FS
	// Default is the language of readers who want none that there is. "" is English.
	Default string
	// Only are the languages that are used. Empty means all.
	Only []string
}

// translate returns page in the first of its languages that has texts. If one
// sentence has no translation, the whole page stays English. Only an error
// message may be English on a page in another language.
func (p *Renderer) translate(page Page) (translated Page, c *texts.Catalogue, alertIn string) {
	c = p.texts.Match(page.Languages)
	complete := true
	text := func(s string) string {
		found, ok := wording.Sentence(c, s)
		complete = complete && (ok || c == p.texts.English())
		return found
	}
	translated = inLanguage(page, c)
	translated.Title = text(page.Title)
	translated.Paragraphs = each(page.Paragraphs, text)
	for i := range translated.Facts {
		translated.Facts[i].Label = text(translated.Facts[i].Label)
	}
	for i := range translated.Links {
		translated.Links[i].Text = text(translated.Links[i].Text)
	}
	for i := range translated.Forms {
		translated.Forms[i].Button = text(translated.Forms[i].Button)
		translated.Forms[i].Checkbox.Value = text(translated.Forms[i].Checkbox.Value)
		translated.Forms[i].Rules = each(translated.Forms[i].Rules, text)
	}
	if !complete {
		c = p.texts.English()
		return inLanguage(page, c), c, c.Tag
	}
	alertIn = texts.Base
	if found, ok := wording.Sentence(c, page.Alert); ok {
		translated.Alert, alertIn = found, c.Tag
	}
	return translated, c, alertIn
}

// Missing lists the sentences of page that have no translation in one of the
// built-in languages. It is for tests of code that writes pages.
func Missing(page Page) (missing []string) {
	all := append([]string{page.Title}, page.Paragraphs...)
	for _, fact := range page.Facts {
		all = append(all, fact.Label)
	}
	for _, link := range page.Links {
		all = append(all, link.Text)
	}
	for _, form := range page.Forms {
		all = append(append(all, form.Button, form.Checkbox.Value), form.Rules...)
	}
	set, err := wording.Load(texts.Options{})
	if err != nil {
		return []string{err.Error()}
	}
	for _, c := range set.Catalogues() {
		for _, s := range all {
			if _, ok := wording.Sentence(c, s); !ok {
				missing = append(missing, c.Tag+": "+s)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// inLanguage returns a copy of page with times and device names in the
// language.
func inLanguage(page Page, c *texts.Catalogue) Page {
	page.Facts, page.Forms, page.Links = slices.Clone(page.Facts), slices.Clone(page.Forms), slices.Clone(page.Links)
	for i, fact := range page.Facts {
		switch {
		case !fact.At.IsZero():
			fact.Value = wording.Moment(c, fact.At)
		case fact.Label == "Device":
			fact.Value = wording.Device(c, fact.Value)
		}
		page.Facts[i].Value = texts.Isolate(fact.Value, c.Direction)
	}
	return page
}

func each(all []string, change func(string) string) []string {
	var changed []string
	for _, s := range all {
		changed = append(changed, change(s))
	}
	return changed
}

// hint says what the new password of a form needs.
func hint(c *texts.Catalogue, f Form) string {
	var rules strings.Builder
	for _, rule := range f.Rules {
		rules.WriteString(c.Say("password.rule", "rule", rule))
	}
	return c.Say("password.hint", "count", f.MinLength, "rules", rules.String())
}
