package letter

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/admit-go/admit/mailer"
)

// linkLike finds what mail programs make links of: a scheme, or a host name.
var linkLike = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:[/\\]|\bwww[.]|[\p{L}\p{N}_-]+[.\x{2024}\x{3002}\x{ff0e}\x{ff61}][\p{L}\p{N}-]*\p{L}[\p{L}\p{N}-]+|mailto:\S|tel:\S)`)

func TestAC021NamesThatLookLikeLinksAreDefanged(t *testing.T) {
	s := newSet(t, Options{})
	lures := []string{
		"Your account is locked, visit http://evil.test",
		"https://evil.test/login?x=1", "HTTPS://EVIL.TEST", "hthttp://tp://evil.test", "http:\\\\evil.test",
		"www.evil.test", "evil.test", "evil.co", "a.b.evil.test/path", "evil\u200b.\u200btest", "evil\u3002test", "evil\uff0etest",
		"evil.te\u00adst", "mailto:help@evil.test", "tel:+19005550100", "javascript:alert(1)", "xn--bcher-kva.test",
		"[click](http://evil.test)", "<a href='http://evil.test'>here</a>", "myapp://evil", "//evil.test/x", "evil.test.", "1.evil.test",
	}
	for _, lure := range lures {
		v := sample()
		v.UserName, v.Device, v.NewEmail, v.UserEmail, v.IPAddress, v.InviterEmail = lure, lure, "", "", "", ""
		v.InviterName, v.InviterLabel, v.ResourceName = lure, lure, lure
		for _, kind := range mailer.Kinds() {
			subject, text, source := render(t, s, kind, v)
			p := readPage(t, source)
			for part, content := range map[string]string{"subject": subject, "text": text, "HTML": p.text} {
				rest := strings.ReplaceAll(content, sampleLink, "")
				if found := linkLike.FindString(rest); found != "" {
					t.Errorf("%s, %s with the name %q has %q, which looks like a link", kind, part, lure, found)
				}
			}
			for _, link := range p.links {
				if link != sampleLink {
					t.Errorf("%s with the name %q links to %q", kind, lure, link)
				}
			}
		}
	}
}

func TestAC021ANewAddressCannotPoseAsALink(t *testing.T) {
	for address, want := range map[string]string{
		"ada.new+tag@example.com":               "ada.new+tag@example.com",
		"o'brien_1@example.com":                 "o'brien_1@example.com",
		"björn@example.com":                     "björn@example.com",
		"ada@example.com/http://evil.test":      "ada@example [.] com/evil [.] test",
		"www.evil.test@evil.test":               "…@evil.test",
		"http://evil.test/@evil.test":           "…@evil.test",
		"evil.test/login?x=@evil.test":          "…@evil.test",
		"\"call us: evil.test\"@evil.test":      "…@evil.test",
		strings.Repeat("a", 65) + "@evil.test":  "…@evil.test",
		"ada\r\nBcc: eve@evil.test@example.com": "…@example.com",
	} {
		if got := plainAddress(address); got != want {
			t.Errorf("%q is shown as %q, want %q", address, got, want)
		}
	}
}

func TestAC021ALureAsNewAddressDoesNotReachTheOwner(t *testing.T) {
	v := sample()
	v.NewEmail = "http://evil.test/@evil.test"
	_, text, source := render(t, newSet(t, Options{}), mailer.EmailChanged, v)
	for part, content := range map[string]string{"text": text, "HTML": readPage(t, source).text} {
		if !strings.Contains(content, "The new address is …@evil.test.") || strings.Contains(content, "http:") {
			t.Errorf("the %s shows the address as it is:\n%s", part, content)
		}
	}
}

func TestAC021ANameIsNotSentToAMailboxThatNobodyProved(t *testing.T) {
	s := newSet(t, Options{})
	for _, kind := range []mailer.Kind{mailer.SignupConfirmation, mailer.EmailVerification, mailer.AccountExists} {
		subject, text, source := render(t, s, kind, sample())
		if strings.Contains(subject+text+source, "Lovelace") {
			t.Errorf("%s carries what a stranger typed to a mailbox of their choice", kind)
		}
	}
	if _, text, _ := render(t, s, mailer.PasswordChanged, sample()); !strings.Contains(text, "Hello Ada Lovelace,") {
		t.Error("a notice to an owner does not greet by name")
	}
	unproven := sample()
	unproven.Verified = false
	for _, kind := range mailer.Kinds() {
		if subject, text, source := render(t, s, kind, unproven); strings.Contains(subject+text+source, "Lovelace") {
			t.Errorf("%s carries what a stranger typed to an address that nobody proved", kind)
		}
	}
}

func TestAC021ValuesAreCutAt100Characters(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	got := defang(long)
	if count := utf8.RuneCountInString(got); count != 100 || !strings.HasSuffix(got, "é…") {
		t.Errorf("100,000 characters became %d, ending in %q", count, got[max(0, len(got)-10):])
	}
	if exact := strings.Repeat("é", 100); defang(exact) != exact {
		t.Error("exactly 100 characters were cut")
	}
}

func TestOrdinaryNamesStayAsTheyAre(t *testing.T) {
	for _, name := range []string{
		"Ada Lovelace", "J.R.R. Tolkien", "Dr. Kim", "Jean-Luc O'Neill", "김하늘", "Łukasz Żółć", "محمد", "Chrome 120.0.6099.71 on Windows",
		"Re: zero", "Anna (at work)", "12:30", "José Ma. García", "AC/DC", "Ünal & Söhne", "ชื่อ",
	} {
		if got := defang(name); got != name {
			t.Errorf("%q became %q", name, got)
		}
	}
}

func TestAC012ValuesAreOneLineOfVisibleText(t *testing.T) {
	s := newSet(t, Options{})
	hostile := "Ada\r\nBcc: eve@evil.test\u2028X: 1\u2029\u0085\v\f\t\x00\x1b[31m\u202eReversed\u2066\ufeff\xff"
	v := sample()
	v.UserName, v.Device, v.SiteName = hostile, hostile, "Note\r\nBcc: eve@evil.test\u202e"
	for _, kind := range mailer.Kinds() {
		subject, text, source := render(t, s, kind, v)
		if strings.ContainsFunc(subject, unicode.IsControl) {
			t.Errorf("%s: the subject %q has control characters", kind, subject)
		}
		for part, content := range map[string]string{"subject": subject, "text": text, "HTML": source} {
			if strings.ContainsAny(content, "\r\u2028\u2029\u0085\v\f\x00\x1b\u202e\u2066\ufeff") || !utf8.ValidString(content) {
				t.Errorf("%s: the %s has hostile characters", kind, part)
			}
			for line := range strings.Lines(content) {
				if strings.HasPrefix(line, "Bcc:") || strings.HasPrefix(line, "X:") {
					t.Errorf("%s: the %s has the line %q", kind, part, line)
				}
			}
		}
	}
}

func TestAC022TemplateTextAndMarkupStayLiteral(t *testing.T) {
	s := newSet(t, Options{})
	for _, name := range []string{"{{.Link}}", `{{template "x"}}`, "${7*7}", "<%= 7*7 %>", "<script>alert(1)</script>", "{site} {lasts}", `"><b onclick="x">`, "&lt;b&gt;"} {
		v := sample()
		v.UserName, v.Device = name, name
		_, text, source := render(t, s, mailer.PasswordChanged, v)
		want := "Hello " + defang(name) + ","
		if !strings.Contains(text, want) {
			t.Errorf("the text does not greet literally by %q:\n%s", name, text)
		}
		p := readPage(t, source)
		if !strings.Contains(p.text, want) || p.tags["script"] != 0 || p.tags["b"] != 0 {
			t.Errorf("the HTML does not show %q literally", name)
		}
	}
}

func FuzzDefang(f *testing.F) {
	for _, seed := range []string{"http://evil.test", "hthttp://tp://a.bc", "J.R.R. Tolkien", "a:b:c", "\u202e.\xff", "a.b。c.dd", "x:\\\\/y.zz"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := defang(s)
		if scheme.MatchString(got) {
			t.Fatalf("%q became %q, which has a scheme", s, got)
		}
		if found := linkLike.FindString(got); found != "" {
			t.Fatalf("%q became %q, where %q looks like a link", s, got, found)
		}
		if !utf8.ValidString(got) || strings.ContainsFunc(got, unicode.IsControl) || utf8.RuneCountInString(got) > 5*longestValue {
			t.Fatalf("%q became %q", s, got)
		}
		if again := visible(got); again != strings.Join(strings.Fields(got), " ") {
			t.Fatalf("%q became %q, of which only %q is visible", s, got, again)
		}
	})
}
