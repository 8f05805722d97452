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
		"ja": "ja", "ja-JP": "ja", "ja-Jpan-JP": "ja", "en-GB": "en", "pt-BR": "pt-br", "pt_BR": "pt-br", "pt": "", "pt-PT": "",
		"": "", "xx": "", "den": "", "d": "", "deutsch": "", "-": "", "de-": "", "../en": "", "de-\r\n": "", "de\x00": "", "d\u00e9": "", strings.Repeat("de-", 30): "", "1de": "",
	} {
		if got := Match([]string{tag}, have); got != want {
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
		if got := Match(Accepted(header), have); got != want {
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
