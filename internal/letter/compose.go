package letter

import (
	"fmt"
	"html/template"
	"strings"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/mailer"
)

// fact is one labelled value.
type fact struct{ Label, Value string }

// content is a message in parts, for the text part and the HTML part.
type content struct {
	// Language (BCP 47) and Direction ("ltr", "rtl") are for the html element.
	Language, Direction                   string
	Subject, Preheader, Heading, Greeting string
	Opening                               []string
	Facts                                 []fact
	AboveButton                           []string
	Button                                string
	BelowButton                           []string
	AboveCode, Code                       string
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

// compose puts the cleaned facts into the texts of kind.
func compose(l *texts.Catalogue, kind mailer.Kind, v mailer.Values) content {
	facts := placeholders{direction: l.Direction, values: []string{
		"site", v.SiteName, "name", v.UserName, "email", v.UserEmail, "newEmail", v.NewEmail, "provider", v.Provider,
		"inviter", v.InviterName, "inviterEmail", v.InviterEmail, "label", v.InviterLabel, "resource", v.ResourceName, "lasts", "",
	}}
	if !v.ExpiresAt.IsZero() {
		facts.values[len(facts.values)-1] = wording.Lasts(l, v.At, v.ExpiresAt)
	}
	w, rules := words{l, kind, facts}, rulesOf(kind)
	c := content{
		Language: l.Tag, Direction: l.Direction, Subject: w.one("subject"), Preheader: w.one("preheader"),
		Heading: w.one("heading"), Greeting: w.common("anonymous"), Opening: w.each("opening"),
		Closing: w.each("closing"), SiteName: v.SiteName, Footer: w.common("footer"), Fonts: fontsOf(l.Tag),
		FactsLast: rules.needsLink,
	}
	if rules.named && v.Verified && v.UserName != "" {
		c.Greeting = w.common("greeting")
	}
	if when := w.one("when"); when != "" {
		c.Facts = origin(w, when, v)
	}
	if opening := w.each("operator.opening"); v.ByOperator && opening != nil {
		c.Opening, c.AboveButton = opening, w.each("operator.withoutLink")
		return c
	}
	if button := w.one("button"); v.Link != "" && button != "" {
		c.AboveButton, c.BelowButton = w.each("aboveButton"), w.each("belowButton")
		c.Link, c.Button, c.CopyLink = template.URL(v.Link), button, w.common("copyLink")
	} else {
		c.AboveButton = w.each("withoutLink")
	}
	if above := w.one("aboveCode"); v.Code != "" && above != "" {
		c.AboveCode, c.Code = above, v.Code
	}
	if c.Code != "" && (v.CodeOnly || c.Link == "") {
		c.CodeFirst, c.AboveCode, c.Preheader = true, "", w.one("code.preheader")
		c.Opening, c.BelowButton = w.each("code.opening"), nil
		if c.Link != "" {
			c.Button = w.one("code.button")
		}
	}
	return c
}

// origin lists when, with which device and from where something was asked for.
func origin(w words, when string, v mailer.Values) []fact {
	var facts []fact
	at := v.At
	if !v.SignedUpAt.IsZero() {
		at = v.SignedUpAt
	}
	if !at.IsZero() {
		facts = append(facts, fact{when, wording.FullMoment(w.Catalogue, at)})
	}
	if v.Device != "" {
		facts = append(facts, fact{w.common("device"), wording.Device(w.Catalogue, v.Device)})
	}
	if v.IPAddress != "" {
		facts = append(facts, fact{w.common("ipAddress"), v.IPAddress})
	}
	for i := range facts {
		facts[i].Value = texts.Isolate(facts[i].Value, w.Direction)
	}
	return facts
}

// placeholders are facts: names and values in turn, for a sentence of a direction.
type placeholders struct {
	direction string
	values    []string
}

// fill replaces the placeholders in one pass. A placeholder inside a value is
// not replaced.
func (p placeholders) fill(s string) string {
	if !strings.Contains(s, "{") {
		return s
	}
	var pairs []string
	for i := 0; i < len(p.values); i += 2 {
		value := p.values[i+1]
		if p.values[i] != "lasts" { // words of the language itself
			value = texts.Isolate(value, p.direction)
		}
		pairs = append(pairs, "{"+p.values[i]+":text}", value)
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// paragraphs fills the paragraphs and leaves out those with a missing fact.
func (p placeholders) paragraphs(all []string) []string {
	var filled []string
next:
	for _, paragraph := range all {
		for i := 0; i < len(p.values); i += 2 {
			if p.values[i+1] == "" && strings.Contains(paragraph, "{"+p.values[i]+":text}") {
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
