package ui

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// confirm is the page that most people see.
func confirm(languages ...string) Page {
	return Page{
		Languages: languages, SiteName: "Notebook", Title: "Confirm your address",
		Paragraphs: []string{"Confirm that this e-mail address is yours. Then your account is ready."},
		Facts: []Fact{
			{Label: "Address", Value: "ada@example.com"}, {Label: "Signed up", At: time.Date(2026, time.May, 1, 11, 0, 0, 0, time.UTC)},
			{Label: "Device", Value: "Firefox on Linux"},
		},
		Forms: []Form{
			{Action: "/confirm", Button: "Confirm my address"},
			{Action: "/confirm", Button: "I did not create this", Quiet: true},
		},
	}
}

func show(t *testing.T, page Page) (body, language string) {
	t.Helper()
	renderer, err := New(Brand{}, Texts{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := renderer.Write(w, 200, page); err != nil {
		t.Fatal(err)
	}
	return w.Body.String(), w.Header().Get("Content-Language")
}

func TestMailAPageIsShownInTheReadersLanguage(t *testing.T) {
	for _, c := range []struct {
		languages []string
		tag       string
		want      []string
	}{
		{nil, "en", []string{"Confirm your address", "1 May 2026, 11:00 UTC", "Firefox on Linux", "I did not create this"}},
		{Accepted("de-AT,de;q=0.9,en;q=0.8"), "de", []string{"Adresse bestätigen", "1. Mai 2026, 11:00 Uhr (UTC)", "Firefox auf Linux", "Das war ich nicht"}},
		{Accepted("ja-JP"), "ja", []string{"メールアドレスの確認", "2026年5月1日 11:00（UTC）", "Firefox（Linux）", "登録した覚えはありません"}},
		{Accepted("nl-BE,nl"), "en", []string{"Confirm your address"}},
		{Accepted("en-US,de"), "en", []string{"Confirm your address"}},
		{append([]string{"ja"}, Accepted("de")...), "ja", []string{"メールアドレスの確認"}},
		{append([]string{""}, Accepted("de")...), "de", []string{"Adresse bestätigen"}},
	} {
		body, language := show(t, confirm(c.languages...))
		if language != c.tag || !strings.Contains(body, `<html lang="`+c.tag+`">`) {
			t.Errorf("%q: the page is said to be %q", c.languages, language)
		}
		for _, want := range append(c.want, "ada@example.com") {
			if !strings.Contains(body, want) {
				t.Errorf("%q: the page lacks %q", c.languages, want)
			}
		}
		if c.tag != "en" && strings.Contains(body, "onfirm my") {
			t.Errorf("%q: the page mixes languages", c.languages)
		}
	}
	page := confirm("de")
	if show(t, page); page.Title != "Confirm your address" || page.Forms[0].Button != "Confirm my address" || page.Facts[1].Value != "" {
		t.Error("showing a page changed it")
	}
}

func TestMailAPageIsNeverInTwoLanguages(t *testing.T) {
	for name, change := range map[string]func(*Page){
		"title":     func(p *Page) { p.Title = "A new title" },
		"paragraph": func(p *Page) { p.Paragraphs = append(p.Paragraphs, "A new sentence.") },
		"label":     func(p *Page) { p.Facts[0].Label = "A new label" },
		"button":    func(p *Page) { p.Forms[1].Button = "A new button" },
		"rule":      func(p *Page) { p.Forms[0].Rules = []string{"a new rule"} },
	} {
		page := confirm("de")
		change(&page)
		body, language := show(t, page)
		if language != "en" || strings.Contains(body, "bestätigen") || strings.Contains(body, "Mai") {
			t.Errorf("a page with a new %s is in %q:\n%s", name, language, body)
		}
		if missing := Missing(page); len(missing) != 9 || !strings.HasPrefix(missing[0], "ar: ") {
			t.Errorf("a new %s is not missed: %q", name, missing)
		}
	}
	if missing := Missing(confirm()); missing != nil {
		t.Errorf("missing: %q", missing)
	}
}

func TestMailAnErrorIsSaidInTheLanguageOrMarkedAsEnglish(t *testing.T) {
	page := Page{Languages: []string{"de"}, Title: "That did not work", Alert: "This link is not valid, or was used already."}
	if body, _ := show(t, page); !strings.Contains(body, `role="alert">Dieser Link ist ungültig`) {
		t.Errorf("got %s", body)
	}
	page.Alert = "A host's own <b>reason</b>."
	if body, language := show(t, page); language != "de" || !strings.Contains(body, `role="alert" lang="en">A host&#39;s own &lt;b&gt;`) {
		t.Errorf("got %s", body)
	}
}

func TestMailThePasswordFieldSpeaksTheLanguage(t *testing.T) {
	for tag, want := range map[string][2]string{
		"en": {"New password", "At least 8 characters, a digit, an upper-case letter. A few"},
		"de": {"Neues Passwort", "Mindestens 8 Zeichen, eine Ziffer, ein Großbuchstabe. Ein paar"},
		"ja": {"新しいパスワード", "8文字以上、数字を含む、英大文字を含む。"},
	} {
		body, _ := show(t, Page{
			Languages: []string{tag}, Title: "Choose a new password",
			Forms: []Form{{Action: "/reset", Button: "Set the password", NewPassword: true, MinLength: 8, Rules: []string{"a digit", "an upper-case letter"}}},
		})
		for _, want := range want {
			if !strings.Contains(body, want) {
				t.Errorf("%s lacks %q:\n%s", tag, want, body)
			}
		}
	}
}
