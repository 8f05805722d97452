package ui

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/admit-go/admit/internal/locale"
)

// catalogue has the texts of the pages in one language. The key is the English
// sentence, so that pages are written in English only and a new language
// changes no page.
type catalogue struct {
	// tag is the BCP 47 name, in the form of locale.Parse.
	tag string
	// texts are titles, paragraphs, labels, buttons and errors.
	texts map[string]string
	// newPassword is the label of the field for a new password. hint says what
	// a new password needs.
	newPassword string
	hint        func(minLength int, rules []string) string
}

var english = catalogue{
	tag:         "en",
	newPassword: "New password",
	hint: func(minLength int, rules []string) string {
		return "At least " + strconv.Itoa(minLength) + " characters" + before(", ", rules) + ". A few unrelated words work well."
	},
}

// text returns the translation of an English sentence.
func (c *catalogue) text(sentence string) string {
	if found, ok := c.texts[sentence]; ok {
		return found
	}
	return sentence
}

// catalogues are the catalogues for languages other than English.
var catalogues = map[string]*catalogue{german.tag: &german, japanese.tag: &japanese}

var languages = append(slices.Sorted(maps.Keys(catalogues)), english.tag)

// Languages lists the languages that pages can be shown in.
func Languages() []string { return slices.Clone(languages) }

// Accepted lists the languages of an Accept-Language header, the most wanted
// first, in the form of [Page.Languages].
func Accepted(header string) []string { return locale.Accepted(header) }

// translate returns page in the first of its languages that has texts. If one
// sentence has no translation, the whole page stays English. Only an error
// message may be English on a page in another language.
func translate(page Page) (translated Page, c *catalogue, alertIn string) {
	c, ok := catalogues[locale.Match(page.Languages, languages)]
	if !ok {
		return inLanguage(page, &english), &english, english.tag
	}
	complete := true
	text := func(s string) string {
		found, ok := c.texts[s]
		complete = complete && (ok || s == "")
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
		return inLanguage(page, &english), &english, english.tag
	}
	alertIn = english.tag
	if found, ok := c.texts[page.Alert]; ok {
		translated.Alert, alertIn = found, c.tag
	}
	return translated, c, alertIn
}

// Missing lists the sentences of page that have no translation in one of the
// languages. It is for tests of code that writes pages.
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
	for _, c := range catalogues {
		for _, s := range all {
			if _, ok := c.texts[s]; !ok && s != "" {
				missing = append(missing, c.tag+": "+s)
			}
		}
	}
	slices.Sort(missing)
	return missing
}

// inLanguage returns a copy of page with times and device names in the
// language.
func inLanguage(page Page, c *catalogue) Page {
	page.Facts, page.Forms, page.Links = slices.Clone(page.Facts), slices.Clone(page.Forms), slices.Clone(page.Links)
	for i, fact := range page.Facts {
		switch {
		case !fact.At.IsZero():
			page.Facts[i].Value = locale.Moment(c.tag, fact.At)
		case fact.Label == "Device":
			page.Facts[i].Value = locale.Device(c.tag, fact.Value)
		}
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

// before puts separator before each element of all.
func before(separator string, all []string) string {
	var b strings.Builder
	for _, s := range all {
		b.WriteString(separator + s)
	}
	return b.String()
}
