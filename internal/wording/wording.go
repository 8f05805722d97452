// Package wording has the texts of package admit: the mails, the pages of mailed
// links, and the messages of errors, one file for each language.
//
// A text of a mail has a key such as "mail.password_reset.subject". A sentence of a
// page, and the message of an error, is its own key: pages and errors are written in
// English, and a new language changes no code. docs/languages.md says how a host adds
// a language or replaces a text.
package wording

import (
	"embed"
	"strconv"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/texts"
)

//go:embed *.json
var files embed.FS

// Load returns the texts, with the changes of the host.
func Load(o texts.Options) (*texts.Set, error) { return texts.Load(files, o) }

// Sentence returns the translation of an English sentence. It reports false, and the
// sentence, where the language has none.
func Sentence(c *texts.Catalogue, sentence string) (string, bool) {
	if sentence == "" || !c.HasOwn(sentence) {
		return sentence, sentence == ""
	}
	return c.Say(sentence), true
}

// Moment writes a point in time in UTC.
func Moment(c *texts.Catalogue, t time.Time) string { return moment(c, "date.moment", t) }

// FullMoment writes a point in time in UTC, with the day of the week.
func FullMoment(c *texts.Catalogue, t time.Time) string { return moment(c, "date.full", t) }

func moment(c *texts.Catalogue, key string, t time.Time) string {
	t = t.UTC()
	part := strings.NewReplacer(
		"{weekday:text}", c.Say("weekday."+strconv.Itoa(int(t.Weekday()))), "{month:text}", c.Say("month."+strconv.Itoa(int(t.Month()))),
		"{day:text}", strconv.Itoa(t.Day()), "{year:text}", strconv.Itoa(t.Year()), "{time:text}", t.Format("15:04"),
	)
	return part.Replace(c.Raw(key))
}

// Device translates a name that package device gives.
func Device(c *texts.Catalogue, name string) string {
	if name == device.Unknown {
		return c.Say("device.unknown")
	}
	if program, system, both := strings.Cut(name, " on "); both {
		return c.Say("device.on", "program", program, "system", system)
	}
	return name
}

// Lasts says how long something works that was made at from, as "for 24 hours". If
// from is not known, it says until when.
func Lasts(c *texts.Catalogue, from, until time.Time) string {
	life := until.Sub(from)
	if from.IsZero() || life <= 0 {
		return c.Say("lasts.until", "moment", Moment(c, until))
	}
	count, unit := amount(life)
	return c.Say("lasts."+unit, "count", count)
}

// amount rounds a duration down to minutes, hours or days. A duration that is
// less than a full minute only by the moments in which the message was made
// counts as the full minute.
func amount(d time.Duration) (count int, unit string) {
	d = d.Round(time.Minute)
	size, unit := time.Minute, "minutes"
	switch {
	case d > 48*time.Hour:
		size, unit = 24*time.Hour, "days"
	case d >= 2*time.Hour:
		size, unit = time.Hour, "hours"
	}
	return max(1, int(d/size)), unit
}
