package wording

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit/internal/texts"
)

// Tags are the languages that are built in.
var builtIn = []string{"ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh"}

// sameInAll are the texts that a language may share with English.
var sameInAll = regexp.MustCompile(`^(date\.|month\.|weekday\.|device\.on$|lasts\.|password\.rule$|mail\.anonymous$|mail\.device$)`)

func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	set, err := Load(texts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(set.Tags(), builtIn) {
		t.Errorf("the languages are %v", set.Tags())
	}
	english := set.English()
	for _, c := range set.Catalogues() {
		for _, wrong := range c.Check() {
			t.Error(wrong)
		}
		for _, key := range c.Missing() {
			t.Errorf("%s.json lacks %q", c.Tag, key)
		}
		for _, key := range c.Keys() {
			text := c.Raw(key)
			if strings.ContainsAny(text, "<>") || strings.Contains(text, "&") && key != english.Raw(key) {
				t.Errorf("%s.json: %q has markup: %s", c.Tag, key, text)
			}
			if text != strings.TrimSpace(text) || strings.Contains(text, "  ") || strings.ContainsRune(text, '\u00ad') {
				if key != "password.rule" {
					t.Errorf("%s.json: %q has blanks to spare: %q", c.Tag, key, text)
				}
			}
			if text == "" && key != "mail.anonymous" {
				t.Errorf("%s.json: %q is empty", c.Tag, key)
			}
			if c != english && text == english.Raw(key) && len(text) > 12 && !sameInAll.MatchString(key) {
				t.Errorf("%s.json: %q is English", c.Tag, key)
			}
			if c == english && !regexp.MustCompile(`^[a-zA-Z]+(\.[a-zA-Z0-9_]+)*$`).MatchString(key) && key != text {
				t.Errorf("en.json: the sentence %q is written as %q", key, text)
			}
		}
	}
}
