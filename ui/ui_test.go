package ui_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit/ui"
)

func render(t *testing.T, page ui.Page) *httptest.ResponseRecorder {
	t.Helper()
	renderer, err := ui.New(ui.Brand{}, ui.Texts{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	if err := renderer.Write(w, 200, page); err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAC183_PagesAreNeitherFramedNorStoredNorNamedToOthers(t *testing.T) {
	h := render(t, ui.Page{Title: "Confirm"}).Header()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff",
	} {
		if h.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, h.Get(name), want)
		}
	}
	policy := h.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "'sha256-"} {
		if !strings.Contains(policy, want) {
			t.Errorf("the policy lacks %s: %s", want, policy)
		}
	}
	if strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") {
		t.Errorf("the policy allows too much: %s", policy)
	}
}

func TestAC175_TextOfOthersIsEscapedInEveryPlace(t *testing.T) {
	const evil = `"><script>alert(1)</script>`
	body := render(t, ui.Page{
		SiteName: evil, Title: evil, Paragraphs: []string{evil}, Facts: []ui.Fact{{Label: evil, Value: evil}}, Alert: evil,
		Forms: []ui.Form{{Action: "javascript:alert(1)", Button: evil, Hidden: []ui.Field{{Name: evil, Value: evil}}}},
	}).Body.String()
	if strings.Contains(body, "<script") || strings.Contains(body, "javascript:") {
		t.Fatalf("markup came through:\n%s", body)
	}
}
