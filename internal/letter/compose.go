package letter

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/locale"
	"github.com/admit-go/admit/mailer"
)

// language has all texts in one language. A new language is a file like
// english.go and an entry in languages.
type language struct {
	// tag is the BCP 47 name, in the form of locale.Parse.
	tag string
	// greeting names the reader, anonymous does not. "" means no greeting.
	greeting, anonymous string
	// fonts come before the usual fonts, for scripts that these lack. "" means
	// none.
	fonts template.CSS
	// device and ipAddress are the labels of the origin of a request.
	device, ipAddress string
	// copyLink stands before the link in the text part. footer ends every
	// message.
	copyLink, footer string
	// moment writes a point in time. lasts writes how long something works, and
	// the time at which it was made, if that is known.
	moment  func(t time.Time) string
	lasts   func(from, until time.Time) string
	letters map[mailer.Kind]words
}

// words are the texts of one kind of message. {site}, {name}, {email},
// {newEmail} and {lasts} are placeholders for facts. A paragraph with a missing
// fact is left out.
type words struct {
	subject string
	// preheader is the text that mail programs show next to the subject.
	preheader, heading string
	opening            []string
	// when is the label of the time. Without it, the time, the device and the
	// address are not shown.
	when string
	// aboveButton, button and belowButton are shown if there is a link,
	// withoutLink is shown if there is none, and aboveCode is shown if there is
	// a code.
	aboveButton, belowButton, withoutLink []string
	button, aboveCode                     string
	codeOnly                              codeOnly
	// closing tells, in smaller letters, what a reader can do who did not ask
	// for the message.
	closing []string
	// needsLink says that the message needs a link, or a code if it shows one.
	needsLink bool
	// named greets the reader by name if the account's address is verified
	// (mailer.Values). A message to another address does not.
	named bool
}

// codeOnly are the texts of a message whose link signs nobody in
// (mailer.Values.CodeOnly). The code comes first, and the button says that it
// explains the code.
type codeOnly struct {
	preheader, button string
	opening           []string
}

// fact is one labelled value.
type fact struct{ Label, Value string }

// content is a message in parts, for the text part and the HTML part.
type content struct {
	Language, Subject, Preheader, Heading, Greeting string
	Opening                                         []string
	Facts                                           []fact
	AboveButton                                     []string
	Button                                          string
	BelowButton                                     []string
	AboveCode, Code                                 string
	// CodeFirst puts the code first, and the button after it.
	CodeFirst bool
	// FactsLast puts the facts below the button. In a request the action is
	// more important than its origin. In a notice the facts are the news.
	FactsLast        bool
	CopyLink         string
	Closing          []string
	SiteName, Footer string
	Fonts            template.CSS
	// Link was checked by isLink, so it may stand in HTML even if it opens an
	// app.
	Link template.URL
}

// languages are the languages with texts.
var languages = map[string]*language{english.tag: &english, german.tag: &german, japanese.tag: &japanese}

// languageOf returns the texts for the first locale that has texts. The default
// is English.
func languageOf(locales ...string) *language {
	if l, ok := languages[locale.Match(locales, tags)]; ok {
		return l
	}
	return &english
}

// hasTexts reports whether a tag has texts.
func hasTexts(tag string) bool { return locale.Match([]string{tag}, tags) != "" }

var tags = slices.Sorted(maps.Keys(languages))

// compose puts the cleaned facts into the texts of kind.
func compose(l *language, kind mailer.Kind, v mailer.Values) content {
	w := l.letters[kind]
	facts := placeholders{"{site}", v.SiteName, "{name}", v.UserName, "{email}", v.UserEmail, "{newEmail}", v.NewEmail, "{lasts}", ""}
	if !v.ExpiresAt.IsZero() {
		facts[len(facts)-1] = l.lasts(v.At, v.ExpiresAt)
	}
	c := content{
		Language: l.tag, Subject: facts.fill(w.subject), Preheader: facts.fill(w.preheader),
		Heading: facts.fill(w.heading), Greeting: l.anonymous, Opening: facts.paragraphs(w.opening),
		Closing: facts.paragraphs(w.closing), SiteName: v.SiteName, Footer: facts.fill(l.footer), Fonts: l.fonts,
		FactsLast: w.needsLink,
	}
	if w.named && v.Verified && v.UserName != "" {
		c.Greeting = facts.fill(l.greeting)
	}
	if w.when != "" {
		c.Facts = origin(l, w.when, v)
	}
	if v.Link != "" && w.button != "" {
		c.AboveButton, c.BelowButton = facts.paragraphs(w.aboveButton), facts.paragraphs(w.belowButton)
		c.Link, c.Button, c.CopyLink = template.URL(v.Link), facts.fill(w.button), l.copyLink
	} else {
		c.AboveButton = facts.paragraphs(w.withoutLink)
	}
	if v.Code != "" && w.aboveCode != "" {
		c.AboveCode, c.Code = facts.fill(w.aboveCode), v.Code
	}
	if c.Code != "" && (v.CodeOnly || c.Link == "") {
		c.CodeFirst, c.AboveCode, c.Preheader = true, "", facts.fill(w.codeOnly.preheader)
		c.Opening, c.BelowButton = facts.paragraphs(w.codeOnly.opening), nil
		if c.Link != "" {
			c.Button = facts.fill(w.codeOnly.button)
		}
	}
	return c
}

// origin lists when, with which device and from where something was asked for.
func origin(l *language, when string, v mailer.Values) []fact {
	var facts []fact
	at := v.At
	if !v.SignedUpAt.IsZero() {
		at = v.SignedUpAt
	}
	if !at.IsZero() {
		facts = append(facts, fact{when, l.moment(at)})
	}
	if v.Device != "" {
		facts = append(facts, fact{l.device, locale.Device(l.tag, v.Device)})
	}
	if v.IPAddress != "" {
		facts = append(facts, fact{l.ipAddress, v.IPAddress})
	}
	return facts
}

// placeholders are pairs of a placeholder and its value.
type placeholders []string

// fill replaces the placeholders in one pass. A placeholder inside a value is
// not replaced.
func (p placeholders) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer(p...).Replace(s)
}

// paragraphs fills the paragraphs and leaves out those with a missing fact.
func (p placeholders) paragraphs(all []string) []string {
	var filled []string
next:
	for _, paragraph := range all {
		for i := 0; i < len(p); i += 2 {
			if p[i+1] == "" && strings.Contains(paragraph, p[i]) {
				continue next
			}
		}
		filled = append(filled, p.fill(paragraph))
	}
	return filled
}

// text returns the text part of the message. The link is on a line of its own.
// No other part of the text looks like a link.
func (c content) text() string {
	var b strings.Builder
	paragraph := func(s string) {
		if s != "" {
			b.WriteString(s)
			b.WriteString("\n\n")
		}
	}
	paragraphs := func(all []string) {
		for _, s := range all {
			paragraph(s)
		}
	}
	paragraph(c.Greeting)
	paragraphs(c.Opening)
	if c.CodeFirst {
		paragraph(c.Code)
	}
	facts := func() {
		for i, f := range c.Facts {
			fmt.Fprintf(&b, "%s: %s\n", f.Label, f.Value)
			if i == len(c.Facts)-1 {
				b.WriteByte('\n')
			}
		}
	}
	if !c.FactsLast {
		facts()
	}
	paragraphs(c.AboveButton)
	if c.CodeFirst && c.Link != "" {
		paragraph(c.Button + ":")
	}
	paragraph(string(c.Link))
	if !c.CodeFirst {
		paragraph(c.AboveCode)
		paragraph(c.Code)
	}
	paragraphs(c.BelowButton)
	if c.FactsLast {
		facts()
	}
	paragraphs(c.Closing)
	b.WriteString("-- \n")
	b.WriteString(c.Footer)
	b.WriteByte('\n')
	return b.String()
}

// html returns the HTML part of the message. The layout escapes all values.
func (c content) html(layout *template.Template) (string, error) {
	var b strings.Builder
	if err := layout.Execute(&b, c); err != nil {
		return "", err
	}
	return b.String(), nil
}

// amount rounds a duration down to minutes, hours or days. A duration that is
// less than a full minute only by the moments in which the message was made
// counts as the full minute.
func amount(d time.Duration) (count int, unit time.Duration) {
	d = d.Round(time.Minute)
	unit = time.Minute
	switch {
	case d > 48*time.Hour:
		unit = 24 * time.Hour
	case d >= 2*time.Hour:
		unit = time.Hour
	}
	return max(1, int(d/unit)), unit
}

// Languages lists the languages with texts, in the form of locale.Match.
func Languages() []string { return slices.Clone(tags) }
