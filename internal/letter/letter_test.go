package letter

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/admit-go/admit/mailer"
)

const sampleLink = "https://app.example/v1/auth/confirm?email=ada%40example.com&token=a-b_c&back=%2Fhome+page"

func sample() mailer.Values {
	at := time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)
	return mailer.Values{
		SiteName: "Notebook", UserName: "Ada Lovelace", UserEmail: "ada@example.com", Verified: true, NewEmail: "ada.new@example.com", Provider: "Google",
		InviterName: "Grace Hopper", InviterEmail: "grace@example.com", InviterLabel: "Navy", ResourceName: "Compilers",
		Link: sampleLink, Code: "482915", Device: "Firefox on Linux", IPAddress: "192.0.2.17",
		At: at, ExpiresAt: at.Add(24 * time.Hour),
	}
}

func newSet(t testing.TB, o Options) *Set {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func render(t testing.TB, s *Set, kind mailer.Kind, v mailer.Values) (subject, text, html string) {
	t.Helper()
	subject, text, html, err := s.Render(kind, "", v)
	if err != nil {
		t.Fatal(err)
	}
	return subject, text, html
}

// page is what matters of an HTML part.
type page struct {
	text  string
	links []string
	tags  map[string]int
}

func readPage(t testing.TB, source string) page {
	t.Helper()
	root, err := html.Parse(strings.NewReader(source))
	if err != nil {
		t.Fatal(err)
	}
	p := page{tags: map[string]int{}}
	var b strings.Builder
	for n := range root.Descendants() {
		switch {
		case n.Type == html.TextNode && n.Parent.Data != "style":
			b.WriteString(n.Data)
			b.WriteByte('\n')
		case n.Type == html.ElementNode:
			p.tags[n.Data]++
			for _, a := range n.Attr {
				if a.Key == "href" {
					p.links = append(p.links, a.Val)
				}
				if a.Key == "src" || a.Key == "background" || a.Key == "srcset" || strings.HasPrefix(a.Key, "on") {
					t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
				}
			}
		}
	}
	p.text = b.String()
	return p
}

func TestEveryKindHasItsWords(t *testing.T) {
	english := newSet(t, Options{}).options.Texts.English()
	for _, kind := range mailer.Kinds() {
		for _, part := range []string{"subject", "preheader", "heading", "opening", "when"} {
			if !english.HasOwn("mail." + string(kind) + "." + part) {
				t.Errorf("%s has no %s", kind, part)
			}
		}
		if rulesOf(kind).needsLink && !english.HasOwn("mail."+string(kind)+".button") {
			t.Errorf("%s needs a link and has no button for it", kind)
		}
	}
}

// withoutLink says whether messages of a kind need no link.
func withoutLink(kind mailer.Kind) bool {
	return kind == mailer.AccountDeleted || kind == mailer.APIKeyCreated || kind == mailer.WebhookDisabled
}

func TestEveryKindTellsItsFactsInTextAndHTML(t *testing.T) {
	s := newSet(t, Options{})
	for _, kind := range mailer.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			v := sample()
			if withoutLink(kind) {
				v.Link = ""
			}
			subject, text, source := render(t, s, kind, v)
			p := readPage(t, source)
			want := []string{"Notebook", "1 May 2026", "Firefox on Linux", "192.0.2.17", v.Link}
			switch kind {
			case mailer.MagicLink:
				want = append(want, "482915")
			case mailer.EmailChanged:
				want = append(want, "ada.new@example.com")
			case mailer.SignupConfirmation:
				want = append(want, "I did not create this", "confirm")
			}
			for _, fact := range want {
				if !strings.Contains(text, fact) {
					t.Errorf("the text lacks %q:\n%s", fact, text)
				}
				if !strings.Contains(p.text, fact) {
					t.Errorf("the HTML lacks %q", fact)
				}
			}
			if !strings.Contains(subject, "Notebook") {
				t.Errorf("the subject %q does not name the site", subject)
			}
			if v.Link != "" && !strings.Contains(text, "\n"+v.Link+"\n") {
				t.Error("the link does not stand on a line of its own in the text")
			}
			if strings.ContainsAny(subject+text, "{}") {
				t.Errorf("a placeholder was left:\n%s\n%s", subject, text)
			}
		})
	}
}

func TestHTMLLoadsNothingAndLinksOnlyToTheLink(t *testing.T) {
	s := newSet(t, Options{})
	for _, kind := range mailer.Kinds() {
		_, _, source := render(t, s, kind, sample())
		p := readPage(t, source)
		if !withoutLink(kind) && len(p.links) != 2 {
			t.Errorf("%s has %d links, want the button and the link as text", kind, len(p.links))
		}
		for _, link := range p.links {
			if link != sampleLink {
				t.Errorf("%s links to %q", kind, link)
			}
		}
		for _, tag := range []string{"img", "script", "link", "iframe", "object", "form", "svg", "video", "base"} {
			if p.tags[tag] != 0 {
				t.Errorf("%s has <%s>", kind, tag)
			}
		}
		if strings.Contains(source, "url(") || strings.Contains(source, "@import") {
			t.Errorf("%s has styles that load something", kind)
		}
		if len(source) > 16<<10 {
			t.Errorf("%s is %d bytes of HTML; mail programs cut long ones", kind, len(source))
		}
	}
}

func TestHTMLSuitsDarkAndNarrowScreens(t *testing.T) {
	_, _, source := render(t, newSet(t, Options{}), mailer.PasswordReset, sample())
	for _, want := range []string{
		`name="color-scheme" content="light dark"`, "prefers-color-scheme:dark", `name="viewport"`, "max-width:480px", `lang="en"`,
	} {
		if !strings.Contains(source, want) {
			t.Errorf("the HTML lacks %s", want)
		}
	}
}

func TestAParagraphAboutAMissingFactIsLeftOut(t *testing.T) {
	s := newSet(t, Options{})
	v := sample()
	v.NewEmail, v.Device, v.IPAddress, v.ExpiresAt, v.UserName = "", "", "", time.Time{}, ""
	_, text, _ := render(t, s, mailer.EmailChanged, v)
	for _, unwanted := range []string{"new address is", "Device", "IP address", "works", "  ", " ,"} {
		if strings.Contains(strings.TrimSuffix(text, "\n"), unwanted) {
			t.Errorf("the text still has %q:\n%s", unwanted, text)
		}
	}
	v.Link = ""
	if _, text, _ = render(t, s, mailer.EmailChanged, v); strings.Contains(text, "Undo") || !strings.Contains(text, "write to the people") {
		t.Errorf("without a link the text must say what else to do:\n%s", text)
	}
}

func TestRenderRefusesWhatItCannotSayRight(t *testing.T) {
	s := newSet(t, Options{})
	for _, c := range []struct {
		name   string
		kind   mailer.Kind
		change func(v *mailer.Values)
	}{
		{"an unknown kind", "newsletter", func(*mailer.Values) {}},
		{"no site", mailer.MagicLink, func(v *mailer.Values) { v.SiteName = " \u200b" }},
		{"no link", mailer.PasswordReset, func(v *mailer.Values) { v.Link = "" }},
		{"neither link nor code", mailer.MagicLink, func(v *mailer.Values) { v.Link, v.Code = "", "" }},
		{"a relative link", mailer.MagicLink, func(v *mailer.Values) { v.Link = "/reset?token=x" }},
		{"a link that runs", mailer.MagicLink, func(v *mailer.Values) { v.Link = "javascript://app.example/%0aalert(1)" }},
		{"a link of two lines", mailer.MagicLink, func(v *mailer.Values) { v.Link = "https://app.example/\r\nhttps://evil.test/" }},
		{"a link with a quote", mailer.MagicLink, func(v *mailer.Values) { v.Link = `https://app.example/"onclick="x` }},
		{"a code with words", mailer.MagicLink, func(v *mailer.Values) { v.Code = "see evil.test" }},
	} {
		v := sample()
		c.change(&v)
		if _, _, _, err := s.Render(c.kind, "", v); err == nil {
			t.Errorf("%s was taken", c.name)
		}
	}
	v := sample()
	v.Link = ""
	if _, text, _ := render(t, s, mailer.MagicLink, v); !strings.Contains(text, v.Code) {
		t.Error("a code alone is enough to sign in, but is not shown")
	}
	v = sample()
	v.Link = "myapp://signin?token=x"
	if _, _, source := render(t, s, mailer.MagicLink, v); readPage(t, source).links[0] != v.Link {
		t.Error("a link that opens an app was changed")
	}
}

func TestLocaleFallsBackToEnglish(t *testing.T) {
	s := newSet(t, Options{})
	for _, locale := range []string{"", "en", "en-GB", "EN_us", "xx", "nl-BE", "-", "../en", "de\x00", "deutsch"} {
		if l := s.languageOf(locale, mailer.MagicLink); l.Tag != "en" {
			t.Errorf("%q gets %s", locale, l.Tag)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	s := newSet(b, Options{})
	for _, kind := range []mailer.Kind{mailer.MagicLink, mailer.NewDevice} {
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := s.Render(kind, "en", sample()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
