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

// language is everything that is said in one language. A new one is a file
// beside english.go and an entry in languages.
type language struct {
	// tag is the BCP 47 name, in the form of locale.Parse.
	tag string
	// greeting names the reader, anonymous does not; "" is no greeting.
	greeting, anonymous string
	// fonts go before the usual ones, for scripts that these lack; "" is none.
	fonts template.CSS
	// device and ipAddress label where a request came from.
	device, ipAddress string
	// copyLink stands before the link as text, footer ends every message.
	copyLink, footer string
	// moment writes a point in time, lasts how long something works that was
	// made at a point in time, if that is known.
	moment  func(t time.Time) string
	lasts   func(from, until time.Time) string
	letters map[mailer.Kind]words
}

// words are what one kind of message says. In all of them {site}, {name},
// {email}, {newEmail} and {lasts} stand for facts, and a paragraph about a
// fact that is missing is left out.
type words struct {
	subject string
	// preheader is what mail programs show beside the subject.
	preheader, heading string
	opening            []string
	// when labels the time. Without a label time, device and address are not
	// shown.
	when string
	// aboveButton, button and belowButton are shown when there is a link,
	// withoutLink in their place when there is none, aboveCode when there is a
	// code.
	aboveButton, belowButton, withoutLink []string
	button, aboveCode                     string
	codeOnly                              codeOnly
	// closing is the way out for who did not ask, in smaller letters.
	closing []string
	// needsLink says that the message is of no use without a link, or a code
	// where it shows one.
	needsLink bool
	// named greets the reader by name where the account's address is verified
	// (mailer.Values). A message that goes to another address does not.
	named bool
}

// codeOnly are the words of a message whose link signs nobody in
// (mailer.Values.CodeOnly): the code comes first, and the button says that it
// explains.
type codeOnly struct {
	preheader, button string
	opening           []string
}

// fact is one labelled value.
type fact struct{ Label, Value string }

// content is a message in parts, for both the text and the HTML.
type content struct {
	Language, Subject, Preheader, Heading, Greeting string
	Opening                                         []string
	Facts                                           []fact
	AboveButton                                     []string
	Button                                          string
	BelowButton                                     []string
	AboveCode, Code                                 string
	// CodeFirst puts the code before everything else, and the button after it.
	CodeFirst bool
	// FactsLast puts the facts below the button: what a message asks for goes
	// before where it came from. In a notice the facts are the news.
	FactsLast        bool
	CopyLink         string
	Closing          []string
	SiteName, Footer string
	Fonts            template.CSS
	// Link has passed isLink, so that even one that opens an app may stand in
	// HTML.
	Link template.URL
}

// languages are those that there are texts in.
var languages = map[string]*language{english.tag: &english, german.tag: &german, japanese.tag: &japanese}

// languageOf finds the texts that suit the first of locales that any suit;
// English else.
func languageOf(locales ...string) *language {
	if l, ok := languages[locale.Match(locales, tags)]; ok {
		return l
	}
	return &english
}

// hasTexts answers whether any language suits the tag.
func hasTexts(tag string) bool { return locale.Match([]string{tag}, tags) != "" }

var tags = slices.Sorted(maps.Keys(languages))

// compose puts facts, cleaned, into the words for kind.
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

// origin lists when, with what and from where something was asked for.
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

// placeholders are pairs of a placeholder and what it stands for.
type placeholders []string

// fill puts the facts in, in one pass: what stands in a fact is never read.
func (p placeholders) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	return strings.NewReplacer(p...).Replace(s)
}

// paragraphs fills those that name no missing fact.
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

// text is the message for who reads plain text. The link stands on a line of
// its own, and nothing else in it looks like one.
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

// html is the message in the layout, which escapes all that is put in.
func (c content) html(layout *template.Template) (string, error) {
	var b strings.Builder
	if err := layout.Execute(&b, c); err != nil {
		return "", err
	}
	return b.String(), nil
}

// amount rounds down to what people say: so many minutes, hours or days. What
// misses a full minute by the moments that passed while the message was made
// counts as full.
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

// Languages lists the languages that there are texts in, as locale.Match takes
// them.
func Languages() []string { return slices.Clone(tags) }
