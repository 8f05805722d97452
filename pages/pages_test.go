package pages_test

import (
	"encoding/json"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/store/memory"
)

func open(t testing.TB, p *pages.Pages) (*admit.Auth, error) {
	t.Helper()
	config := admit.Config{
		BaseURL: "https://app.example", SiteName: "Notebook", Secrets: admit.Secrets("6f1d8a3c5b7e90124d3f6a8b9c0e1d2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9"), Store: memory.New(), Mailer: &mailer.Recorder{},
	}
	if p != nil {
		config.Pages = p
	}
	auth, err := admit.New(config)
	if err == nil {
		t.Cleanup(func() { _ = auth.Close(t.Context()) })
	}
	return auth, err
}

func get(auth *admit.Auth, path string, change func(r *http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "https://app.example"+path, nil)
	r.Header.Set("Accept", "text/html")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	auth.Handler().ServeHTTP(w, r)
	return w
}

func TestNewNamesEveryMistakeInTheLookOfThePages(t *testing.T) {
	for want, p := range map[string]*pages.Pages{
		"Brand.Color \"blue\": must be #rrggbb":                {Brand: pages.Brand{Color: "blue"}},
		"Brand.Logo \"javascript:x\": must be a path":          {Brand: pages.Brand{Logo: "javascript:x"}},
		"Brand.CSS \"//evil.example/a.css\": must be a path":   {Brand: pages.Brand{CSS: "//evil.example/a.css"}},
		"Brand.Support \"call us\": must be an e-mail address": {Brand: pages.Brand{Support: "call us"}},
		"Path \"/v1\": must not overlap BasePath":              {Path: "/v1"},
		"Path \"auth\": must start with a slash":               {Path: "auth"},
		"Home \"home\": must be a path":                        {Home: "home"},
		"sing-in.html: there is no such page; the templates are account-delete.html, account-deleted.html, account-devices": {Templates: fstest.MapFS{"sing-in.html": {Data: []byte("x")}}},
		"sign-in.html: template: content:1":                                    {Templates: fstest.MapFS{"sign-in.html": {Data: []byte("{{.Nothing}}")}}},
		"can't evaluate field Nothing":                                         {Templates: fstest.MapFS{"sign-in.html": {Data: []byte("{{.Nothing}}")}}},
		"there is no text \"sign-in.nothing\"":                                 {Templates: fstest.MapFS{"sign-in.html": {Data: []byte(`{{.T "sign-in.nothing"}}`)}}},
		"layout.html: template: layout.html:1: unexpected EOF":                 {Templates: fstest.MapFS{"layout.html": {Data: []byte("{{if .Page}}")}}},
		"de.json: there is no key \"nothing\"":                                 {Texts: fstest.MapFS{"de.json": {Data: []byte(`{"nothing":"x"}`)}}},
		"de.json: \"sign-out.text\" must have the placeholders [{email:text}]": {Texts: fstest.MapFS{"de.json": {Data: []byte(`{"sign-out.text":"Hallo"}`)}}},
		"Providers[0]: needs a Label and a URL that is a path of this origin":  {Providers: []pages.Provider{{Label: "X", URL: "//evil.example"}}},
	} {
		if _, err := open(t, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	if _, err := open(t, &pages.Pages{Brand: pages.Brand{Color: "#ffee00", Logo: "https://cdn.example/logo.svg", CSS: "/own.css", Support: "help@app.example", Terms: "/terms"}}); err != nil {
		t.Error(err)
	}
}

func TestATemplateOfTheHostReplacesOneByName(t *testing.T) {
	auth, err := open(t, &pages.Pages{
		Templates: fstest.MapFS{"sign-in.html": {Data: []byte(`<form method="post" class="mine">{{template "field" (.Field "email")}}</form>`)}},
		Brand:     pages.Brand{CSS: "https://cdn.example/own.css", Logo: "https://cdn.example/logo.svg", Color: "#0b57d0"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w := get(auth, "/auth/sign-in", nil)
	body, policy := w.Body.String(), w.Header().Get("Content-Security-Policy")
	for _, want := range []string{`class="mine"`, `name="email"`, `href="https://cdn.example/own.css"`, `<img src="https://cdn.example/logo.svg" alt="Notebook">`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in %s", want, body)
		}
	}
	if !strings.Contains(policy, "style-src 'nonce-") || strings.Count(policy, "https://cdn.example") != 3 {
		t.Error(policy)
	}
	if body := get(auth, "/auth/sign-up", nil).Body.String(); !strings.Contains(body, "Create your account") {
		t.Error("a page that was not replaced is not there")
	}
}

func TestALanguageOfTheHostIsOneFile(t *testing.T) {
	auth, err := open(t, &pages.Pages{Texts: fstest.MapFS{
		"fa.json": {Data: []byte(`{"language":"فارسی","sign-in.title":"ورود"}`)},
		"en.json": {Data: []byte(`{"sign-in.button":"Let me in"}`)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w := get(auth, "/auth/sign-in", func(r *http.Request) { r.Header.Set("Accept-Language", "fa-IR,en;q=0.5") })
	for _, want := range []string{`<html lang="fa" dir="rtl">`, "<h1>ورود</h1>", ">Let me in<", `<option value="fa" lang="fa" selected>فارسی</option>`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s in %s", want, w.Body)
		}
	}
	w = get(auth, "/auth/sign-in", func(r *http.Request) {
		r.Header.Set("Accept-Language", "fa")
		r.AddCookie(&http.Cookie{Name: "__Host-language", Value: "en"})
	})
	if !strings.Contains(w.Body.String(), `<html lang="en" dir="ltr">`) {
		t.Error("the choice of the reader does not win")
	}
}

// Every text that a template or the code asks for is in en.json, and every text of
// en.json is asked for.
func TestEveryTextIsThereAndUsed(t *testing.T) {
	raw, err := os.ReadFile("texts/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var texts map[string]any
	if err := json.Unmarshal(raw, &texts); err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{"language": true}
	quoted := regexp.MustCompile(`"([a-zA-Z-]+(?:\.[a-zA-Z-]+)*)"`)
	err = fs.WalkDir(os.DirFS("."), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(name, "_test.go") || !strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, ".html") {
			return err
		}
		text, err := os.ReadFile(name)
		for _, found := range quoted.FindAllStringSubmatch(string(text), -1) {
			used[found[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	codes := admit.ErrorCodes()
	for key := range texts {
		base, rest, _ := strings.Cut(key, ".")
		switch {
		case used[key], rest == "title" && slices.Contains(pages.Names(), base), base == "field" && used[rest], base == "hint" && used[rest], base == "done" && used[rest]:
		case base == "error" && slices.Contains(codes, strings.TrimSuffix(rest, ".wait")):
		default:
			t.Errorf("nothing says %q", key)
		}
	}
}

func TestS31_APageIsGuardedAgainstFramesCachesAndScripts(t *testing.T) {
	auth, err := open(t, &pages.Pages{})
	if err != nil {
		t.Fatal(err)
	}
	nonces := map[string]bool{}
	for range 2 {
		w := get(auth, "/auth/sign-in", nil)
		h := w.Header()
		for name, want := range map[string]string{"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if h.Get(name) != want {
				t.Errorf("%s is %q, want %q", name, h.Get(name), want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("the policy lacks %s: %s", want, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
		nonces[regexp.MustCompile(`'nonce-[^']+'`).FindString(policy)] = true
	}
	if len(nonces) != 2 {
		t.Errorf("the nonce stays the same: %v", nonces)
	}
	for _, path := range []string{"/auth/link?token=x", "/auth/reset?token=x"} {
		if got := get(auth, path, nil).Header().Get("Referrer-Policy"); got != "no-referrer" {
			t.Errorf("%s: a page with a token in its URL has the policy %q", path, got)
		}
	}
}

// What others send is text on every page, and never markup or a way elsewhere.
func TestAC175_WhatAReaderSendsIsTextOnEveryPage(t *testing.T) {
	auth, err := open(t, &pages.Pages{})
	if err != nil {
		t.Fatal(err)
	}
	const evil = `%22%3E%3Cscript%3Ealert(1)%3C/script%3E`
	for _, path := range []string{"sign-in", "sign-up", "forgot", "reset", "link", "confirm", "sign-out", "nowhere"} {
		for _, query := range []string{"return_to=/" + evil, "return_to=javascript:alert(1)", "token=" + evil, "email=" + evil + "&token=x", "done=" + evil} {
			if body := get(auth, "/auth/"+path+"?"+query, nil).Body.String(); strings.Contains(body, "<script>") || strings.Contains(body, "javascript:") {
				t.Errorf("%s?%s:\n%s", path, query, body)
			}
		}
	}
}

func TestAPageIsSmallAndQuick(t *testing.T) {
	auth, err := open(t, &pages.Pages{Brand: pages.Brand{Color: "#0b57d0"}})
	if err != nil {
		t.Fatal(err)
	}
	body := get(auth, "/auth/sign-in", nil).Body.String()
	size := len(body)
	for _, name := range regexp.MustCompile(`/auth/assets/[^"]+`).FindAllString(body, -1) {
		w := get(auth, name, nil)
		if w.Code != 200 || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" || w.Header().Get("Set-Cookie") != "" {
			t.Errorf("%s: %d %v", name, w.Code, w.Header())
		}
		size += w.Body.Len()
	}
	if size > 30_000 {
		t.Errorf("a page has %d bytes with its style sheet and its script, without compression", size)
	}
}

func BenchmarkPage(b *testing.B) {
	auth, err := open(b, &pages.Pages{})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if w := get(auth, "/auth/sign-in", nil); w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

func TestWithoutPagesAGuardForPagesLetsNobodyPass(t *testing.T) {
	auth, err := open(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	auth.RequirePage(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("passed") })).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != http.StatusInternalServerError || get(auth, "/auth/sign-in", nil).Code != http.StatusNotFound {
		t.Errorf("status %d", w.Code)
	}
}

// A text is plain text, whoever has written it.
func TestATextOfTheHostIsEscaped(t *testing.T) {
	auth, err := open(t, &pages.Pages{Texts: fstest.MapFS{"en.json": {Data: []byte(`{"sign-in.button":"<b onclick=x>Go</b>","sign-in.title":"<i>In</i>"}`)}}})
	if err != nil {
		t.Fatal(err)
	}
	body := get(auth, "/auth/sign-in", nil).Body.String()
	if strings.Contains(body, "<b onclick") || strings.Contains(body, "<i>") || !strings.Contains(body, "&lt;b onclick=x&gt;Go") {
		t.Error(body)
	}
}
