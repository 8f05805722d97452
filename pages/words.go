package pages

import (
	"fmt"
	"html/template"
	"time"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
)

// Time returns a time for people. Its element has the machine's form, from which
// the script shows the time in the reader's zone.
func (v *View) Time(t time.Time) template.HTML {
	if t.IsZero() {
		return ""
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, t.UTC().Format(time.RFC3339), //nolint:gosec // escaped
		template.HTMLEscapeString(wording.Moment(v.site.wordsIn(v.Language), t))))
}

// wordsIn returns the texts of package admit in a language.
func (s *site) wordsIn(tag string) *texts.Catalogue { return s.words.Match([]string{tag}) }

// DeviceName says the name of a device in the language of the reader.
func (v *View) DeviceName(name string) string {
	return wording.Device(v.site.wordsIn(v.Language), name)
}
