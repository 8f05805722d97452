package texts

import (
	"strings"
	"testing"
	"testing/fstest"
)

func asFile(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func TestATextHasItsValuesInEveryLanguage(t *testing.T) {
	set, err := Load(fstest.MapFS{
		"en.json": asFile(`{"language":"English","hello":"Hello {name:text}, {count:number} times","only":"Only English"}`),
		"ar.json": asFile(`{"language":"A","hello":"{count:number} {name:text}"}`),
	}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	english, arabic := set.Match(nil), set.Match([]string{"xx", "ar-EG"})
	if got, err := english.Text("hello", "name", "Ada {count:number}", "count", 3); err != nil || got != "Hello Ada {count:number}, 3 times" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := arabic.Text("hello", "count", 3, "name", "Ada"); err != nil || got != "3 \u2068Ada\u2069" || arabic.Direction != "rtl" {
		t.Errorf("%q, %v, %s", got, err, arabic.Direction)
	}
	if got, err := arabic.Text("only"); err != nil || got != "Only English" || strings.Join(arabic.Missing(), " ") != "only" {
		t.Errorf("%q, %v, %v", got, err, arabic.Missing())
	}
	for _, values := range [][]any{{"name", "Ada"}, {"name", 1, "count", 1}, {"name", "a", "count", "1"}, {"name"}} {
		if _, err := english.Text("hello", values...); err == nil {
			t.Errorf("%v is taken", values)
		}
	}
	if _, err := english.Text("nothing"); err == nil {
		t.Error("a key without a text is taken")
	}
}

func TestAMistakeInALanguageIsNamed(t *testing.T) {
	english := asFile(`{"hello":"Hello {name:text}"}`)
	for want, files := range map[string]fstest.MapFS{
		`de.json: there is no key "x"`:                     {"de.json": asFile(`{"x":"y"}`)},
		`"hello" must have the placeholders [{name:text}]`: {"de.json": asFile(`{"hello":"Hallo {name:number}"}`)},
		"the name must be a language":                      {"en.json": english, "deutsch!.json": asFile(`{}`)},
		"de.json: invalid character":                       {"de.json": asFile(`{x}`)},
	} {
		if _, err := Load(fstest.MapFS{"en.json": english}, Options{Own: files}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestALaterSourceWins(t *testing.T) {
	set, err := Load(fstest.MapFS{"en.json": asFile(`{"a":"1","b":"2"}`)}, Options{Own: fstest.MapFS{"en.json": asFile(`{"b":"3"}`), "fr.json": asFile(`{"a":"un"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	b, _ := set.Match(nil).Text("b")
	a, _ := set.Match([]string{"fr"}).Text("a")
	if a+b != "un3" || strings.Join(set.Tags(), " ") != "en fr" {
		t.Error(a, b, set.Tags())
	}
}

func TestTheFormsOfATextAreThoseOfTheLanguage(t *testing.T) {
	english := `{"left":{"one":"one is left","other":"{count:number} are left, {name:text}"},"plain":"{count:number} left"}`
	load := func(name, source string) (*Set, error) {
		return Load(fstest.MapFS{"en.json": asFile(strings.Replace(english, "one is left", "one is left, {name:text}", 1))}, Options{Own: fstest.MapFS{name: asFile(source)}})
	}
	for want, files := range map[string][2]string{
		`"left" lacks the plural form "few"; the language has other, many, one, few`: {"pl.json", `{"left":{"one":"{name:text}","many":"{count:number} {name:text}","other":"{count:number} {name:text}"}}`},
		`which is none of other, zero, one, two, few, many`:                          {"de.json", `{"left":{"one":"{name:text}","each":"{name:text}","other":"{count:number} {name:text}"}}`},
		`"left" must have the placeholders`:                                          {"de.json", `{"left":{"one":"eins","other":"{count:number} {name:text}"}}`},
		`"other" must have a number`:                                                 {"de.json", `{"left":{"one":"eins","other":"viele"}}`},
		`must be a text, or an object of plural forms`:                               {"de.json", `{"left":3}`},
		`has a brace that belongs to no placeholder`:                                 {"de.json", `{"plain":"{count:number} {übrig}"}`},
	} {
		if _, err := load(files[0], files[1]); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	set, err := load("pl.json", `{"left":{"one":"{name:text}, jeden","few":"{count:number} kody, {name:text}","many":"{count:number} kodów, {name:text}","other":"{count:number} kodu, {name:text}"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for n, want := range map[int]string{0: "0 kodów, Ada", 1: "Ada, jeden", 2: "2 kody, Ada", 5: "5 kodów, Ada", 22: "22 kody, Ada"} {
		if got, err := set.Match([]string{"pl"}).Text("left", "count", n, "name", "Ada"); err != nil || got != want {
			t.Errorf("%d: %q, %v", n, got, err)
		}
	}
	// A key that a language lacks is said in English, with the forms of English.
	set, err = load("ja.json", `{"plain":"{count:number}"}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := set.Match([]string{"ja"}).Text("left", "count", 1, "name", "Ada"); err != nil || got != "one is left, Ada" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestTheHostChoosesLanguages(t *testing.T) {
	builtIn := fstest.MapFS{"en.json": asFile(`{"a":"1"}`), "de.json": asFile(`{"a":"2"}`), "fr.json": asFile(`{"a":"3"}`)}
	for _, c := range []struct {
		options Options
		wanted  string
		want    string
	}{
		{Options{}, "ja", "en"},
		{Options{Default: "de-AT"}, "ja", "de"},
		{Options{Default: "de"}, "en-GB", "en"},
		{Options{Only: []string{"en", "fr"}}, "de", "en"},
		{Options{Only: []string{"fr", "de"}}, "en", "fr"},
		{Options{Only: []string{"fr", "de"}, Default: "de"}, "en", "de"},
	} {
		set, err := Load(builtIn, c.options)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Match([]string{c.wanted}).Tag; got != c.want {
			t.Errorf("%+v: %s gets %s", c.options, c.wanted, got)
		}
	}
	for want, o := range map[string]Options{
		`the default language "ja" is none of de, en, fr`: {Default: "ja"},
		`the language "ja" is none of de, en, fr`:         {Only: []string{"de", "ja"}},
		`the default language "en" is none of de`:         {Only: []string{"de"}, Default: "en"},
		`there is no key "b"`:                             {Own: fstest.MapFS{"en.json": asFile(`{"b":"1"}`)}},
	} {
		if _, err := Load(builtIn, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	set, err := Load(builtIn, Options{Open: true, Own: fstest.MapFS{"en.json": asFile(`{"b":"4"}`), "de.json": asFile(`{"b":"5"}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := set.Match([]string{"de"}).Text("b"); got != "5" {
		t.Error(got)
	}
}

// A name cannot turn the words of a sentence around.
func TestAValueIsIsolatedWhereItCanMoveWords(t *testing.T) {
	for _, c := range [][3]string{
		{"Ada", "ltr", "Ada"}, {"עדה", "ltr", "\u2068עדה\u2069"}, {"Ada\u202e", "ltr", "\u2068Ada\u202e\u2069"}, {"Ada", "rtl", "\u2068Ada\u2069"}, {"", "rtl", ""},
	} {
		if got := Isolate(c[0], c[1]); got != c[2] {
			t.Errorf("%q in %s: %q", c[0], c[1], got)
		}
	}
}
