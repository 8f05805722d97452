package emailaddress

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestParseTakesPlainAddresses(t *testing.T) {
	long := strings.Repeat("a", MaxBytes-len("@x.test"))
	for _, c := range []struct{ name, in, display, key string }{
		{"plain", "a@x.test", "a@x.test", "a@x.test"},
		{"AC-008 case of the domain", "a@X.TEST", "a@x.test", "a@x.test"},
		{"AC-008 case of the local part", "Erika@X.test", "Erika@x.test", "erika@x.test"},
		{"blanks around", " \t a@x.test\u00a0\u3000", "a@x.test", "a@x.test"},
		{"AC-010 domain in its own script", "user@bücher.test", "user@xn--bcher-kva.test", "user@xn--bcher-kva.test"},
		{"AC-010 domain in punycode", "user@xn--bcher-kva.test", "user@xn--bcher-kva.test", "user@xn--bcher-kva.test"},
		{"AC-010 both cases mixed", "user@BÜCHER.XN--P1AI", "user@xn--bcher-kva.xn--p1ai", "user@xn--bcher-kva.xn--p1ai"},
		{"AC-010 decomposed domain", "user@bu\u0308cher.test", "user@xn--bcher-kva.test", "user@xn--bcher-kva.test"},
		{"sharp s is a letter of its own", "a@faß.de", "a@xn--fa-hia.de", "a@xn--fa-hia.de"},
		{"ideographic full stop", "a@x。test", "a@x.test", "a@x.test"},
		{"full-width domain", "a@ｘ.test", "a@x.test", "a@x.test"},
		{"AC-020 sub-address", "a+1@x.test", "a+1@x.test", "a+1@x.test"},
		{"dots count", "a.b.c@x.test", "a.b.c@x.test", "a.b.c@x.test"},
		{"every special character", "!#$%&'*+-/=?^_`{|}~@x.test", "!#$%&'*+-/=?^_`{|}~@x.test", "!#$%&'*+-/=?^_`{|}~@x.test"},
		{"hyphens three and four", "a@v2--site.test", "a@v2--site.test", "a@v2--site.test"},
		{"digits in the domain", "a@1.2.3.4.test", "a@1.2.3.4.test", "a@1.2.3.4.test"},
		{"one character everywhere", "a@b.c", "a@b.c", "a@b.c"},
		{"letters of another script", "Эрика@пример.рф", "Эрика@xn--e1afmkfd.xn--p1ai", "эрика@xn--e1afmkfd.xn--p1ai"},
		{"decomposed local part", "Zoe\u0308@x.test", "Zo\u00eb@x.test", "zo\u00eb@x.test"},
		{"final sigma", "ΟΔΟΣ@x.test", "ΟΔΟΣ@x.test", "οδοσ@x.test"},
		{"Kelvin sign is K", "\u212a@x.test", "K@x.test", "k@x.test"},
		{"emoji", "😀@x.test", "😀@x.test", "😀@x.test"},
		{"long local part", strings.Repeat("a", 65) + "@x.test", strings.Repeat("a", 65) + "@x.test", strings.Repeat("a", 65) + "@x.test"},
		{"AC-016 254 bytes", long + "@x.test", long + "@x.test", long + "@x.test"},
		{"sharp s before the @", "Straße@x.test", "Straße@x.test", "straße@x.test"},
		{"capital sharp s", "STRAẞE@x.test", "STRAẞE@x.test", "straße@x.test"},
		{"dotted capital i has no partner", "İ@x.test", "İ@x.test", "İ@x.test"},
		{"zero-width space at the ends", "\u200ba@x.test\u200b", "a@x.test", "a@x.test"},
		{"byte order mark in front", "\ufeffa@x.test", "a@x.test", "a@x.test"},
		{"direction marks at the ends", "\u202a\u200ea@x.test\u202c\u200f\u2069", "a@x.test", "a@x.test"},
		{"AC-012 escapes are only text", "a%0d%0aBcc@x.test", "a%0d%0aBcc@x.test", "a%0d%0abcc@x.test"},
	} {
		got, err := Parse(c.in)
		if err != nil || got.Display != c.display || got.Key != c.key {
			t.Errorf("%s: Parse(%.60q) = %+v, %v", c.name, c.in, got, err)
		}
	}
}

func TestParseRefusesEverythingElse(t *testing.T) {
	for _, c := range []struct{ name, in string }{
		{"nothing", ""}, {"blanks", "  "}, {"no @", "a"}, {"only @", "@"}, {"no local part", "@x.test"}, {"no domain", "a@"},
		{"EM-03 second @", "a@b@x.test"}, {"EM-03 second @ at the end", "a@x.test@"}, {"EM-03 full-width @", "a＠b@x.test"},
		{"EM-03 small @", "a﹫b@x.test"}, {"full-width @ alone", "a＠x.test"},
		{"EM-03 display name", "A <a@x.test>"}, {"EM-03 angle brackets", "<a@x.test>"}, {"EM-03 comment", "a(c)@x.test"},
		{"EM-03 comment in the domain", "a@(c)x.test"}, {"EM-03 quoted", `"a"@x.test`}, {"EM-03 quoted with @", `"a@b"@x.test`},
		{"EM-03 backslash", `a\b@x.test`}, {"EM-03 list", "a@x.test,b@x.test"}, {"EM-03 list with blanks", "a@x.test, b@x.test"},
		{"EM-03 list with semicolon", "a@x.test;b@x.test"}, {"EM-03 group", "g:a@x.test;"}, {"EM-03 route", "@y.test:a@x.test"},
		{"EM-03 mailto", "mailto:a@x.test"},
		{"blank inside", "a b@x.test"}, {"blank before the @", "a @x.test"}, {"blank after the @", "a@ x.test"}, {"tab inside", "a\tb@x.test"},
		{"no-break space inside", "a\u00a0b@x.test"}, {"ideographic space", "a\u3000b@x.test"},
		{"AC-012 CRLF", "a@x.test\r\nBcc: b@x.test"}, {"AC-012 line feed at the end", "a@x.test\n"}, {"AC-012 CR at the start", "\ra@x.test"},
		{"AC-012 CR in the local part", "a\rb@x.test"}, {"AC-012 LF in the domain", "a@x\n.test"}, {"AC-012 line separator", "a\u2028b@x.test"},
		{"AC-012 paragraph separator", "a@x.test\u2029"}, {"AC-012 next line", "a\u0085b@x.test"}, {"AC-012 escaped header", "a%0d%0aBcc:b@x.test"},
		{"NUL", "a\x00b@x.test"}, {"NUL at the end", "a@x.test\x00"}, {"delete", "a\x7f@x.test"}, {"escape", "a\x1b[31m@x.test"},
		{"bad UTF-8", "a\xff@x.test"}, {"bad UTF-8 domain", "a@x\xff.test"}, {"surrogate half", "a\xed\xa0\x80@x.test"},
		{"replacement character", "a\ufffd@x.test"},
		{"leading dot", ".a@x.test"}, {"trailing dot", "a.@x.test"}, {"double dot", "a..b@x.test"},
		{"AC-035 dot after the domain", "a@x.test."}, {"AC-035 dot after one label", "a@X."}, {"ideographic dot after the domain", "a@x.test。"},
		{"dot before the domain", "a@.x.test"}, {"double dot in the domain", "a@x..test"}, {"one label", "a@localhost"}, {"one label", "a@x"},
		{"IPv4 address", "a@192.0.2.1"}, {"IPv4 literal", "a@[192.0.2.1]"}, {"IPv6 literal", "a@[IPv6:2001:db8::1]"}, {"numeric last label", "a@x.1"},
		{"full-width IPv4", "a@１９２.0.2.1"}, {"underscore", "a@x_y.test"}, {"hyphen first", "a@-x.test"}, {"hyphen last", "a@x-.test"},
		{"port", "a@x.test:25"}, {"path", "a@x.test/y"}, {"percent in the domain", "a@x%2e.test"},
		{"label of 64", "a@" + strings.Repeat("x", 64) + ".test"}, {"label of 64 after mapping", "a@" + strings.Repeat("ü", 60) + ".test"},
		{"AC-016 255 bytes", strings.Repeat("a", MaxBytes+1-len("@x.test")) + "@x.test"},
		{"AC-016 321 characters", strings.Repeat("a", 321-len("@x.test")) + "@x.test"},
		{"AC-016 10,000 characters", strings.Repeat("a", 10_000) + "@x.test"}, {"AC-016 a megabyte of @", strings.Repeat("@", 1<<20)},
		{"254 bytes that grow by mapping", strings.Repeat("a", 240) + "@bücher.test"},
		{"zero-width space", "a\u200bb@x.test"}, {"zero-width joiner", "a\u200db@x.test"}, {"byte order mark", "a\ufeffb@x.test"},
		{"soft hyphen", "a\u00adb@x.test"}, {"right-to-left override", "a\u202eb@x.test"}, {"isolate", "a\u2066b@x.test"},
		{"word joiner", "a\u2060b@x.test"}, {"variation selector", "a\ufe0f@x.test"}, {"Hangul filler", "a\u3164@x.test"},
		{"Braille blank", "a\u2800@x.test"}, {"tag character", "a\U000e0061@x.test"}, {"grapheme joiner", "a\u034f@x.test"},
		{"private use", "a\ue000@x.test"}, {"unassigned", "a\u0378@x.test"}, {"lone mark", "\u0301@x.test"}, {"mark after a dot", "a.\u0301@x.test"},
		{"soft hyphen in the domain", "a@ex\u00adample.test"}, {"zero-width space in the domain", "a@x\u200b.test"},
		{"full-width letter", "ａ@x.test"}, {"long s", "ſ@x.test"}, {"ligature", "ﬁ@x.test"}, {"superscript", "a²@x.test"},
		{"full-width dot", "a．b@x.test"}, {"Greek question mark is a semicolon", "a\u037eb@x.test"},
		{"bad punycode", "a@xn--a.test"}, {"empty punycode", "a@xn--.test"}, {"punycode of ASCII", "a@xn--abc-.test"},
		{"punycode of upper case", "a@xn--bcher-2pa.test"}, {"punycode of what would be mapped", "a@xn--jm6c.test"},
		{"mixed direction", "a@א1a.test"}, {"mixed direction after mapping", "a@bℵc.test"}, {"disallowed in domains", "a@x\u2028y.test"},
	} {
		if got, err := Parse(c.in); err == nil {
			t.Errorf("%s: Parse(%.60q) = %+v", c.name, c.in, got)
		} else if got != (Address{}) {
			t.Errorf("%s: an error and an address: %+v", c.name, got)
		}
	}
}

// canonical checks the promises of every result (EM-01).
func canonical(t *testing.T, in string, got Address) {
	t.Helper()
	again, err := Parse(got.Key)
	if err != nil || again.Key != got.Key || again.Display != got.Key {
		t.Fatalf("%q: the key %q is not its own key: %+v, %v", in, got.Key, again, err)
	}
	if again, err = Parse(got.Display); err != nil || again != got {
		t.Fatalf("%q: parsing %+v again gives %+v, %v", in, got, again, err)
	}
	for _, form := range []string{got.Display, got.Key} {
		local, domain, _ := strings.Cut(form, "@")
		if len(form) > MaxBytes || !utf8.ValidString(form) || !norm.NFC.IsNormalString(form) || strings.Count(form, "@") != 1 ||
			local == "" || strings.ToLower(domain) != domain || strings.HasSuffix(domain, ".") ||
			strings.ContainsAny(form, " \t\r\n\x00\"<>()[],;:\\") || strings.ContainsFunc(form, unicode.IsControl) ||
			strings.ContainsFunc(form, unicode.IsSpace) || strings.ContainsFunc(domain, func(r rune) bool { return r >= utf8.RuneSelf }) {
			t.Fatalf("%q gives %q", in, form)
		}
	}
	displayLocal, displayDomain, _ := strings.Cut(got.Display, "@")
	keyLocal, keyDomain, _ := strings.Cut(got.Key, "@")
	if displayDomain != keyDomain || ascii(displayLocal) && strings.ToLower(displayLocal) != keyLocal {
		t.Fatalf("%q: display %q and key %q are two mailboxes", in, got.Display, got.Key)
	}
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Every character that Unicode knows, in each place where it could be special.
func TestEveryCharacterIsCanonicalOrRefused(t *testing.T) {
	taken := 0
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if r > 0xffff && r%16 != 0 || 0x20000 <= r && r < 0xe0000 && r%256 != 0 || r >= 0xf0000 && r%1024 != 0 {
			continue // a sample of the planes of rare scripts, ideographs, nothing, private use
		}
		for _, in := range []string{string(r) + "@x.test", "a" + string(r) + "b@x.test", "a@b" + string(r) + "c.test"} {
			if got, err := Parse(in); err == nil {
				taken++
				canonical(t, in, got)
			}
		}
	}
	if taken < 50_000 {
		t.Errorf("only %d addresses were taken", taken)
	}
}

func TestSpellingsOfOneMailboxShareAKey(t *testing.T) {
	for _, group := range [][]string{
		{"a@x.test", "A@x.test", " a@x.test", "a@X.TEST", "A@X.test\t"}, // AC-035
		{"user@bücher.test", "user@xn--bcher-kva.test", "USER@BÜCHER.test", "user@XN--BCHER-KVA.test"},
		{"zoë@x.test", "zoe\u0308@x.test", "ZOË@x.test", "ZOE\u0308@x.test"},
		{"ᾳ@x.test", "α\u0345@x.test", "ᾼ@x.test"},
	} {
		first, err := Parse(group[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, spelling := range group[1:] {
			if got, err := Parse(spelling); err != nil || got.Key != first.Key {
				t.Errorf("%q has the key %q (%v), %q has %q", spelling, got.Key, err, group[0], first.Key)
			}
		}
	}
	a, _ := Parse("a@x.test")
	sub, _ := Parse("a+1@x.test")
	dotted, _ := Parse("a.b@x.test")
	joined, _ := Parse("ab@x.test")
	if a.Key == sub.Key || dotted.Key == joined.Key {
		t.Error("AC-020: what a provider may treat as one mailbox is one account here")
	}
}

// Two mailboxes that a mail server distinguishes never have the same key.
func TestS8_SharpSIsNotTwoS(t *testing.T) {
	for _, pair := range [][2]string{
		{"straße@x.test", "strasse@x.test"}, {"STRAẞE@x.test", "STRASSE@x.test"}, {"İa@x.test", "i\u0307a@x.test"}, {"ᾳ@x.test", "αι@x.test"},
	} {
		one, errOne := Parse(pair[0])
		other, errOther := Parse(pair[1])
		if errOne != nil || errOther != nil {
			t.Errorf("%q: %v, %q: %v", pair[0], errOne, pair[1], errOther)
		} else if one.Key == other.Key {
			t.Errorf("%q and %q have the key %q", pair[0], pair[1], one.Key)
		}
	}
}

func TestS8_TheFormerKeyFindsWhatWasStoredUnderIt(t *testing.T) {
	for in, want := range map[string]string{
		"straße@x.test": "strasse@x.test", "ᾼ@x.test": "αι@x.test", "a@x.test": "", "ΟΔΟΣ@x.test": "", "Эрика@x.test": "", "strasse@x.test": "",
	} {
		address, err := Parse(in)
		if err != nil || address.FormerKey() != want {
			t.Errorf("%q had the key %q, want %q (%v)", in, address.FormerKey(), want, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"a@x.test", " A@X.TEST ", "user@bücher.test", "Zoe\u0308@xn--bcher-kva.test", `"a@b"@x.test`, "ΟΔΟΣ@пример.рф", "\u1f80\u0345@x。test",
		"a@xn--0.test", "İ@x.test", "a%0d%0a@x.test", "\u1e9e@faß.de", "a@א.test",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if got, err := Parse(in); err == nil {
			canonical(t, in, got)
		} else if got != (Address{}) {
			t.Fatalf("%q: an error and an address", in)
		}
	})
}

func TestPlainAddressesAreParsedWithoutAllocation(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Parse("erika.mustermann@example.com") }); n != 0 {
		t.Errorf("Parse allocates %v times", n)
	}
}

func BenchmarkParsePlain(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("erika.mustermann@example.com")
	}
}

func BenchmarkParseInternational(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Parse("Zoë@bücher.example")
	}
}
