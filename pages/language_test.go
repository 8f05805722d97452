package pages

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
)

// loaded are the built-in texts of the pages.
func loaded(t *testing.T) *texts.Set {
	t.Helper()
	folder, err := fs.Sub(textFiles, "texts")
	if err != nil {
		t.Fatal(err)
	}
	set, err := texts.Load(folder, texts.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestEveryTextOfThePagesIsThereInEveryLanguage(t *testing.T) {
	set := loaded(t)
	if want := []string{"ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh"}; !slices.Equal(set.Tags(), want) {
		t.Errorf("the languages are %v", set.Tags())
	}
	english := set.English()
	// A word such as "Code" is the same in several languages.
	sentence := regexp.MustCompile(`[a-z] [a-z]`)
	for _, c := range set.Catalogues() {
		for _, wrong := range c.Check() {
			t.Error(wrong)
		}
		for _, key := range c.Missing() {
			t.Errorf("%s.json lacks %q", c.Tag, key)
		}
		for _, key := range c.Keys() {
			text := c.Raw(key)
			switch {
			case strings.ContainsAny(text, "<>&"):
				t.Errorf("%s.json: %q has markup: %s", c.Tag, key, text)
			case text == "" || text != strings.TrimSpace(text) || strings.Contains(text, "  "):
				t.Errorf("%s.json: %q is empty or has blanks to spare: %q", c.Tag, key, text)
			case c != english && text == english.Raw(key) && sentence.MatchString(text):
				t.Errorf("%s.json: %q is English: %s", c.Tag, key, text)
			}
		}
	}
}

// A count is said with the form of the language.
func TestACountHasThePluralFormOfTheLanguage(t *testing.T) {
	set := loaded(t)
	for tag, want := range map[string]map[int]string{
		"en": {0: "0 passkeys", 1: "1 passkey", 2: "2 passkeys"},
		"fr": {0: "0 clé d’accès", 1: "1 clé d’accès", 2: "2 clés d’accès"},
		"ja": {1: "1個のパスキー", 3: "3個のパスキー"},
		"ar": {0: "لا توجد مفاتيح مرور", 1: "مفتاح مرور واحد", 2: "مفتاحا مرور", 3: "3 مفاتيح مرور", 11: "11 مفتاح مرور", 103: "103 مفاتيح مرور"},
	} {
		for count, text := range want {
			if got, err := set.Match([]string{tag}).Text("account.passkeys-text", "count", count); err != nil || got != text {
				t.Errorf("%s %d: %q, %v", tag, count, got, err)
			}
		}
	}
}

// A time is HTML, so the texts in it are escaped where it is built.
func TestADateOfTheHostIsEscaped(t *testing.T) {
	own := fstest.MapFS{"en.json": {Data: []byte(`{"date.moment":"<b onclick=x>{day:text} {month:text} {year:text}, {time:text}"}`)}}
	words, err := wording.Load(texts.Options{Own: own})
	if err != nil {
		t.Fatal(err)
	}
	view := &View{Language: "en", site: &site{words: words}}
	if got := string(view.Time(time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC))); strings.Contains(got, "<b") || !strings.Contains(got, "&lt;b onclick=x&gt;1 May 2026, 11:00") {
		t.Error(got)
	}
}
