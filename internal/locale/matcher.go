package locale

import (
	"slices"

	"golang.org/x/text/language"
)

// Matcher chooses among languages that there are. It is safe for use by many
// goroutines.
type Matcher struct {
	tags []string
	// matcher knows the languages of tags, in their order.
	matcher language.Matcher
}

// NewMatcher returns the Matcher of some languages, in the form of Parse.
func NewMatcher(tags []string) *Matcher {
	m := &Matcher{tags: slices.Clone(tags)}
	var have []language.Tag
	for _, tag := range tags {
		have = append(have, language.Make(tag))
	}
	m.matcher = language.NewMatcher(have)
	return m
}

// Match returns the language that fits the first possible entry of wanted, or "".
//
// A language, its regions and its dialects come first, and a language whose readers
// read another one too, as CLDR lists them: de-AT is German, and Swiss German gets
// German. Only if no entry of wanted fits so well, a language counts that is written
// differently: a reader of the traditional writing of Chinese gets the simplified one.
// So "zh-TW, en" gets English where there is no traditional writing.
func (m *Matcher) Match(wanted []string) string {
	var parsed []language.Tag
	for _, tag := range wanted {
		if tag = Parse(tag); tag == "" {
			continue
		}
		asked := language.Make(tag)
		if found := m.match(asked, language.High); found != "" && !slices.Contains(m.tags, tag) {
			return found
		}
		// x/text does not know every language that a host can have texts for.
		for _, candidate := range Chain(tag) {
			if slices.Contains(m.tags, candidate) && sameScript(asked, language.Make(candidate)) {
				return candidate
			}
		}
		parsed = append(parsed, asked)
	}
	for _, asked := range parsed {
		if found := m.match(asked, language.Low); found != "" {
			return found
		}
	}
	return ""
}

// match returns the language that fits a tag with at least the confidence.
func (m *Matcher) match(tag language.Tag, least language.Confidence) string {
	if base, known := tag.Base(); known == language.No || base.String() == "und" {
		return ""
	}
	if _, i, confidence := m.matcher.Match(tag); confidence >= least {
		return m.tags[i]
	}
	return ""
}

// sameScript reports whether two languages are written alike: zh-TW is written as
// zh-Hant, and zh as zh-Hans.
func sameScript(a, b language.Tag) bool {
	one, _ := a.Script()
	other, _ := b.Script()
	return one == other
}
