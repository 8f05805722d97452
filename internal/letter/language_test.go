package letter

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/admit-go/admit/internal/texts"
	"github.com/admit-go/admit/internal/wording"
	"github.com/admit-go/admit/mailer"
)

func TestMailTheLanguageIsTheBestMatchOfTheLocale(t *testing.T) {
	s := newSet(t, Options{})
	for locale, want := range map[string][2]string{
		"de": {"de", "neues Passwort"}, "de-AT": {"de", "neues Passwort"}, "de_CH": {"de", "neues Passwort"}, "gsw": {"de", "neues Passwort"},
		"ja": {"ja", "パスワード"}, "ja-JP": {"ja", "パスワード"}, "en-GB": {"en", "new password"}, "": {"en", "new password"}, "nl": {"en", "new password"}, "fr": {"fr", "nouveau mot de passe"}, "zh-TW": {"zh", "新密码"}, "ar-EG": {"ar", "كلمة مرور"},
	} {
		subject, text, source, err := s.Render(mailer.PasswordReset, locale, sample())
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range []string{text, source} {
			if !strings.Contains(part, want[1]) {
				t.Errorf("%q: %q is missing", locale, want[1])
			}
		}
		if !strings.Contains(source, `<html lang="`+want[0]+`"`) || !strings.Contains(subject, "Notebook") {
			t.Errorf("%q: subject %q, not the language %s", locale, subject, want[0])
		}
	}
}

// englishWords occur in a text of another language only if somebody forgot to
// translate it.
var englishWords = regexp.MustCompile(`(?i)\b(the|you|your|was|this|asked|works|device|on|until|hours?|hello|if)\b`)

func TestMailNoMessageMixesLanguages(t *testing.T) {
	s := newSet(t, Options{})
	for _, tag := range []string{"ar", "de", "es", "fr", "ja", "ko", "pt", "zh"} {
		for _, kind := range mailer.Kinds() {
			for _, change := range []func(*mailer.Values){
				func(*mailer.Values) {},
				func(v *mailer.Values) { v.CodeOnly = true },
				func(v *mailer.Values) { v.Link, v.Code = "", "" },
				func(v *mailer.Values) { v.At, v.Device = v.SignedUpAt, "Unknown device" },
			} {
				v := sample()
				change(&v)
				subject, text, source, err := s.Render(kind, tag, v)
				if err != nil {
					continue // a kind that needs its link
				}
				text = strings.ReplaceAll(text, sampleLink, "")
				if found := englishWords.FindString(subject + "\n" + text + "\n" + readPage(t, strings.ReplaceAll(source, sampleLink, "")).text); found != "" {
					t.Errorf("%s %s has %q:\n%s\n%s", tag, kind, found, subject, text)
				}
				if tag == "ja" && !strings.ContainsFunc(subject, func(r rune) bool { return unicode.In(r, unicode.Hiragana, unicode.Katakana, unicode.Han) }) {
					t.Errorf("%s has the subject %q", kind, subject)
				}
				if strings.ContainsAny(subject+text, "{}") {
					t.Errorf("%s %s has a placeholder left:\n%s", tag, kind, text)
				}
			}
		}
	}
}

// wordsBy are the built-in texts by a default language.
func wordsBy(t *testing.T, language string) *texts.Set {
	t.Helper()
	set, err := wording.Load(texts.Options{Default: language})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// inWords is a built-in text of a kind.
func inWords(s *Set, tag string, kind mailer.Kind, part string) string {
	return s.options.Texts.Find([]string{tag}).Raw("mail." + string(kind) + "." + part)
}

func TestMailTheWayOutStandsBelowWhatIsAskedFor(t *testing.T) {
	s := newSet(t, Options{})
	for _, tag := range []string{"en", "de", "ja"} {
		for _, kind := range []mailer.Kind{mailer.SignupConfirmation, mailer.EmailVerification, mailer.PasswordReset, mailer.MagicLink} {
			subject, text, source, err := s.Render(kind, tag, sample())
			if err != nil {
				t.Fatal(err)
			}
			closing := inWords(s, tag, kind, "closing")
			opening, _, _ := strings.Cut(strings.Split(closing, "{site:text}")[0], "“")
			if link, out := strings.Index(text, sampleLink), strings.Index(text, opening); link < 0 || out < link {
				t.Errorf("%s %s: the way out at %d, the link at %d", tag, kind, out, link)
			}
			if !strings.Contains(source, `<p class="faint" style="margin:0 0 16px;font-size:14px`) {
				t.Errorf("%s %s: the way out is as loud as the rest", tag, kind)
			}
			// An ordinary mail to a customer must not look like a fraud alarm.
			head := subject + inWords(s, tag, kind, "heading") + inWords(s, tag, kind, "opening") + inWords(s, tag, kind, "preheader")
			for _, alarm := range []string{"Was this you", "Somebody", "we hope", "not you", "nicht Sie", "Jemand", "心当たり"} {
				if strings.Contains(head, alarm) {
					t.Errorf("%s %s opens with %q", tag, kind, alarm)
				}
			}
		}
	}
}

func TestMailTheButtonOfAMagicLinkSaysWhatHappens(t *testing.T) {
	s := newSet(t, Options{})
	for tag, button := range map[string]string{"en": "How to use the code", "de": "So verwenden Sie den Code", "ja": "コードの使い方を見る"} {
		v := sample()
		v.CodeOnly = true
		_, text, source, err := s.Render(mailer.MagicLink, tag, v)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(source, ">"+button+"</a>") || strings.Contains(source, ">"+inWords(s, tag, mailer.MagicLink, "button")+"</a>") {
			t.Errorf("%s: the button does not say %q", tag, button)
		}
		for name, part := range map[string]string{"text": text, "HTML": source} {
			if code, link := strings.Index(part, v.Code), strings.LastIndex(part, "token="); code < 0 || link < code || strings.Count(part, v.Code) != 1 {
				t.Errorf("%s %s: the code at %d, the link at %d", tag, name, code, link)
			}
		}
		v.CodeOnly = false
		if _, _, source, _ = s.Render(mailer.MagicLink, tag, v); strings.Contains(source, button) {
			t.Errorf("%s: a link that signs in is said to explain the code", tag)
		}
	}
}

func TestMailFilesAreChosenByLocale(t *testing.T) {
	templates := files(
		"magic_link.subject.txt", "any", "magic_link.de.subject.txt", "de", "magic_link.de-AT.subject.txt", "de-AT", "magic_link.pt_BR.subject.txt", "pt-BR",
		"magic_link.zh-Hant.subject.txt", "zh-Hant", "magic_link.en.subject.txt", "en", "magic_link.fr.subject.txt", "fr",
	)
	for _, c := range []struct{ defaultLocale, locale, want string }{
		{"", "de", "de"}, {"", "de-AT", "de-AT"}, {"", "de_at", "de-AT"}, {"", "de-CH", "de"}, {"", "pt-BR", "pt-BR"}, {"", "pt_br", "pt-BR"},
		{"", "zh-Hant-HK", "zh-Hant"}, {"", "zh", "any"}, {"", "", "en"}, {"", "ja", "any"},
		{"de", "", "de"}, {"de", "xx", "de"}, {"de", "en-GB", "en"}, {"de", "ja", "any"}, {"de-CH", "nl", "de"},
	} {
		s := newSet(t, Options{Files: templates, Texts: wordsBy(t, c.defaultLocale)})
		if subject, _, _, err := s.Render(mailer.MagicLink, c.locale, sample()); err != nil || subject != c.want {
			t.Errorf("locale %q by default %q gets %q, want %q (%v)", c.locale, c.defaultLocale, subject, c.want, err)
		}
	}
	s := newSet(t, Options{Texts: wordsBy(t, "de-CH")})
	for locale, want := range map[string]string{"": "Anmelden bei Notebook", "nl": "Anmelden bei Notebook", "en": "Sign in to Notebook", "ja": "【Notebook】ログインのご案内"} {
		if subject, _, _, _ := s.Render(mailer.MagicLink, locale, sample()); subject != want {
			t.Errorf("%q by default German gets %q", locale, subject)
		}
	}
	if _, err := wording.Load(texts.Options{Default: "German"}); err == nil {
		t.Error("a default locale that is none was taken")
	}
}

func TestMailAFunctionSetsReplyToAndHeaders(t *testing.T) {
	s := newSet(t, Options{Rewrite: func(m mailer.Message) mailer.Message {
		m.ReplyTo, m.EnvelopeSender, m.Headers = "help@app.example", "bounces@app.example", map[string]string{"X-Stream": string(m.Kind)}
		m.To, m.ID, m.Kind = "eve@evil.test", "0", mailer.NewDevice
		return m
	}})
	m, err := s.RenderMessage(mailer.Message{ID: "1", To: "ada@example.com", Kind: mailer.MagicLink, Locale: "de", Values: sample()})
	if err != nil {
		t.Fatal(err)
	}
	if m.ReplyTo != "help@app.example" || m.EnvelopeSender != "bounces@app.example" || m.Headers["X-Stream"] != "magic_link" {
		t.Errorf("got %q, %q, %v", m.ReplyTo, m.EnvelopeSender, m.Headers)
	}
	if m.To != "ada@example.com" || m.ID != "1" || m.Kind != mailer.MagicLink || m.Values != sample() || !strings.HasPrefix(m.Subject, "Anmelden") {
		t.Errorf("the function changed more than it may: %+v", m)
	}
}

// A host's language that lacks a text of a mail writes no mail of that kind.
func TestMailAMessageThatALanguageLacksIsInAnother(t *testing.T) {
	nl := map[string]string{}
	built := wordsBy(t, "").English()
	for _, key := range built.Keys() {
		if strings.HasPrefix(key, "mail.") && key != "mail.magic_link.closing" {
			nl[key] = "NL " + built.Raw(key)
		}
	}
	raw, err := json.Marshal(nl)
	if err != nil {
		t.Fatal(err)
	}
	set, err := wording.Load(texts.Options{Own: fstest.MapFS{"nl.json": {Data: raw}}, Default: "de"})
	if err != nil {
		t.Fatal(err)
	}
	s := newSet(t, Options{Texts: set})
	for kind, want := range map[mailer.Kind]string{mailer.PasswordReset: "NL Choose a new password for Notebook", mailer.MagicLink: "Anmelden bei Notebook"} {
		if subject, _, _, err := s.Render(kind, "nl", sample()); err != nil || subject != want {
			t.Errorf("%s: %q, %v", kind, subject, err)
		}
	}
}

// In a mail from right to left, addresses, codes and links stand apart.
func TestMailAMailFromRightToLeft(t *testing.T) {
	s := newSet(t, Options{})
	subject, text, source, err := s.Render(mailer.EmailVerification, "ar", sample())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`<html lang="ar" dir="rtl">`, `<body class="page" dir="rtl"`, `lang="ar" dir="rtl"`, "\u2068ada@example.com\u2069", `<a class="faint" dir="ltr"`} {
		if !strings.Contains(source, want) {
			t.Errorf("the mail lacks %q", want)
		}
	}
	if strings.ContainsAny(subject, "\u2068\u2069") || !strings.Contains(text, "\u2068192.0.2.17\u2069") || !strings.Contains(text, "\n"+sampleLink+"\n") {
		t.Errorf("%s\n%s", subject, text)
	}
	if _, _, source, _ = s.Render(mailer.MagicLink, "ar", sample()); !strings.Contains(source, `<td class="box ink" dir="ltr"`) {
		t.Error("a code has the direction of the mail")
	}
	if _, _, source, _ = s.Render(mailer.MagicLink, "de", sample()); strings.Contains(source, "rtl") || strings.ContainsAny(source, "\u2068\u2069") {
		t.Error("a German mail has marks of direction")
	}
}
