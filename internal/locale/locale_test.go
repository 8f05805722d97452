package locale

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

var have = []string{"en", "de", "ja", "pt-br"}

func TestMailTheBestMatchOfATagIsChosen(t *testing.T) {
	for tag, want := range map[string]string{
		"de": "de", "de-AT": "de", "de_AT": "de", "DE-at": "de", "de-CH-1996": "de", "de_DE.UTF-8": "de", "de-u-co-phonebk": "de", "gsw": "de", "gsw-CH": "de", "lb": "de",
		"ja": "ja", "ja-JP": "ja", "ja-Jpan-JP": "ja", "en-GB": "en", "pt-BR": "pt-br", "pt_BR": "pt-br", "pt": "pt-br", "pt-PT": "pt-br",
		"": "", "xx": "", "den": "", "d": "", "deutsch": "", "-": "", "de-": "", "../en": "", "de-\r\n": "", "de\x00": "", "d\u00e9": "", strings.Repeat("de-", 30): "", "1de": "",
	} {
		if got := NewMatcher(have).Match([]string{tag}); got != want {
			t.Errorf("%q gets %q, want %q", tag, got, want)
		}
	}
}

func TestAChainLeavesOutOnePartAfterTheOther(t *testing.T) {
	if got := fmt.Sprint(Chain("zh_Hant-HK")); got != "[zh-hant-hk zh-hant zh]" {
		t.Error(got)
	}
	if got := fmt.Sprint(Chain("de-u-co-phonebk")); got != "[de-u-co-phonebk de-u-co de]" {
		t.Error(got)
	}
}

func TestMailAcceptLanguageGivesTheMostWantedThatThereIs(t *testing.T) {
	for header, want := range map[string]string{
		"":                              "",
		"*":                             "",
		"de-AT,de;q=0.9,en;q=0.8":       "de",
		"en-US, de":                     "en", // a region of English is English
		"fr-FR,fr;q=0.9,ja;q=0.5":       "ja",
		"en;q=0.2, ja ; q=0.9":          "ja",
		"de;q=0, ja;q=0.1":              "ja",
		"de;q=2,ja;q=-1,en;q=NaN,xx":    "",
		"de;q=abc":                      "",
		"ja;level=1":                    "ja",
		";;;,,,=,de;q=0.5":              "de",
		"xx," + strings.Repeat("y", 70): "",
	} {
		if got := NewMatcher(have).Match(Accepted(header)); got != want {
			t.Errorf("%q gets %q, want %q", header, got, want)
		}
	}
	long := strings.Repeat("xx,", 1<<16) + "de"
	if got := Accepted(long); len(got) > longestHeader || slices.Contains(got, "de") {
		t.Errorf("%d tags of a header that is too long", len(got))
	}
}

func FuzzAccepted(f *testing.F) {
	for _, seed := range []string{"de-AT,de;q=0.9", "*;q=0", ";q=", "zh-Hant_TW;Q=1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		for _, tag := range Accepted(header) {
			if Parse(tag) != tag || !slices.Contains(Chain(tag), tag) || strings.ContainsAny(tag, "\r\n\"<>./\\") {
				t.Fatalf("%q gave %q", header, tag)
			}
		}
	})
}

func TestALanguageThatReadersShareCountsOnlyIfNoneFitsWell(t *testing.T) {
	m := NewMatcher([]string{"ar", "de", "en", "es", "fr", "ja", "ko", "pt", "zh"})
	for header, want := range map[string]string{
		"zh-CN,zh;q=0.9": "zh", "zh-TW": "zh", "zh-Hant-HK,en;q=0.8": "en", "zh-Hans-SG": "zh", "pt-PT,pt;q=0.9,en;q=0.8": "pt", "pt-BR": "pt",
		"eu": "es", "gsw-CH,en": "de", "uk,fr;q=0.8": "fr", "es-419,es;q=0.9": "es", "fr-CA": "fr", "ar-EG,en;q=0.5": "ar", "ar-Latn,fr": "fr", "ko-KR": "ko",
		"de-AT,en": "de", "en-AU,de": "en", "nl,de;q=0.7": "de", "nl": "", "iw": "", "und": "", "art-x-foo": "", "uk": "", "nb,sv,en-US;q=0.2": "en",
	} {
		if got := m.Match(Accepted(header)); got != want {
			t.Errorf("%q gets %q, want %q", header, got, want)
		}
	}
	m = NewMatcher([]string{"en", "pt", "pt-pt", "zh", "zh-hant"})
	for tag, want := range map[string]string{"pt-PT": "pt-pt", "pt-AO": "pt-pt", "pt-BR": "pt", "zh-TW": "zh-hant", "zh-HK": "zh-hant", "zh-CN": "zh"} {
		if got := m.Match([]string{tag}); got != want {
			t.Errorf("%q gets %q, want %q", tag, got, want)
		}
	}
}

func TestATagIsSpelledAsRFC5646Recommends(t *testing.T) {
	for tag, want := range map[string]string{
		"de": "de", "DE-at": "de-AT", "zh_hant_hk": "zh-Hant-HK", "ZH-HANT": "zh-Hant", "es-419": "es-419", "sl-ROZAJ-biske": "sl-rozaj-biske", "de-ch-1996": "de-CH-1996",
		"zh-yue-hk": "zh-yue-HK", "iw-IL": "he-IL", "de-U-CO-phonebk": "de-u-co-phonebk", "en-x-ONE-2": "en-x-one-2", "en-a-bbb-x-a": "en-a-bbb-x-a", "gsw": "gsw",
		"": "", "d": "", "deutsch": "", "de-": "", "de-u": "", "de-u-x-a": "", "de-AT-Latn": "", "de-AT-DE": "", "de-1": "", "de-12": "", "x-one": "", "../en": "",
		"de-AT\x00": "", "en-GB-oed": "", strings.Repeat("de-", 30): "",
	} {
		if got := Canonical(tag); got != want {
			t.Errorf("Canonical(%q) is %q, want %q", tag, got, want)
		}
		if got := Canonical(want); got != want {
			t.Errorf("Canonical(%q) is %q", want, got)
		}
	}
}
