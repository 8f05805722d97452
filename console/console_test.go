package console_test

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/console"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/pages"
	"github.com/admit-go/admit/store/memory"
	"github.com/admit-go/admit/ui"
)

func open(t *testing.T, c *console.Console) (*admit.Auth, error) {
	t.Helper()
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example", SiteName: "Notebook", Secrets: admit.Secrets("6f1d8a3c5b7e90124d3f6a8b9c0e1d2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9"),
		Store: memory.New(), Mailer: &mailer.Recorder{}, Pages: &pages.Pages{}, Console: c,
	})
	if err == nil {
		t.Cleanup(func() { _ = auth.Close(t.Context()) })
	}
	return auth, err
}

func TestNewNamesEveryMistakeOfTheConsole(t *testing.T) {
	for want, c := range map[string]*console.Console{
		`Brand.Color "blue": must be #rrggbb`:   {Brand: ui.Brand{Color: "blue"}},
		`de.json: there is no key "nothing"`:    {Texts: fstest.MapFS{"de.json": {Data: []byte(`{"nothing":"x"}`)}}},
		`Path "/v1": must not overlap BasePath`: {Path: "/v1"},
		"Console: is a nil pointer":             nil,
	} {
		if _, err := open(t, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

// The refusal of somebody without a session is a page of the console too, so its
// headers can be looked at without one.
func TestAPageIsGuardedAgainstFramesCachesAndScripts(t *testing.T) {
	auth, err := open(t, &console.Console{})
	if err != nil {
		t.Fatal(err)
	}
	nonces := map[string]bool{}
	for range 2 {
		r := httptest.NewRequest("POST", "https://app.example/console/settings", nil)
		r.Header.Set("Origin", "https://evil.example")
		w := httptest.NewRecorder()
		auth.Handler().ServeHTTP(w, r)
		if w.Code != 403 {
			t.Fatalf("status %d", w.Code)
		}
		h := w.Header()
		for name, want := range map[string]string{
			"Cache-Control": "no-store", "X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Referrer-Policy": "same-origin",
		} {
			if got := h.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		policy := h.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s lacks %s", policy, part)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Error(policy)
		}
		nonce := regexp.MustCompile(`'nonce-([^']+)'`).FindStringSubmatch(policy)
		if len(nonce) != 2 || nonces[nonce[1]] {
			t.Fatalf("%v in %s", nonce, policy)
		}
		nonces[nonce[1]] = true
		if strings.Contains(w.Body.String(), " style=") || strings.Contains(w.Body.String(), " onclick=") {
			t.Error("the page has an inline style or handler")
		}
	}
}

// Every text that a template or the code asks for is in the catalogue, and the
// catalogue has no other.
func TestEveryTextOfTheConsoleIsThereAndIsUsed(t *testing.T) {
	raw, err := os.ReadFile("texts/en.json")
	if err != nil {
		t.Fatal(err)
	}
	var catalogue map[string]any
	if err := json.Unmarshal(raw, &catalogue); err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, folder := range []string{".", "templates"} {
		entries, err := os.ReadDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".html") || strings.HasSuffix(e.Name(), ".go") && !strings.HasSuffix(e.Name(), "_test.go") {
				text, err := os.ReadFile(folder + "/" + e.Name())
				if err != nil {
					t.Fatal(err)
				}
				source.Write(text)
			}
		}
	}
	asked := []string{}
	for _, m := range regexp.MustCompile(`(?:\.T|Say\() ?\(?"([a-z][A-Za-z.-]+[a-z])"`).FindAllStringSubmatch(source.String(), -1) {
		asked = append(asked, m[1])
		if catalogue[m[1]] == nil {
			t.Errorf("there is no text %q", m[1])
		}
	}
	for key := range catalogue {
		first, rest, _ := strings.Cut(key, ".")
		made := slices.Contains([]string{"section", "event", "mail", "lang", "ended", "done", "do", "why", "setting", "error", "language", "settings"}, first) || rest == "title"
		if !made && !slices.Contains(asked, key) {
			t.Errorf("nothing shows the text %q", key)
		}
	}
}

// The page of the documentation lists each page of the console.
func TestThePageOfTheConsoleListsEveryPath(t *testing.T) {
	text, err := os.ReadFile("../docs/console.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, route := range console.Routes() {
		_, path, _ := strings.Cut(route, " ")
		if !strings.Contains(string(text), "`"+path+"`") {
			t.Errorf("docs/console.md does not name %s", path)
		}
	}
}

// Every change of a person is a request that the API serves to administrators.
func TestEveryActionIsARouteOfTheAPI(t *testing.T) {
	auth, err := open(t, &console.Console{})
	if err != nil {
		t.Fatal(err)
	}
	served := map[string]string{}
	for _, r := range auth.Routes() {
		served[r.Method+" "+regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.Path, "{}")] = r.Access
	}
	for _, route := range console.Calls() {
		if access := served[regexp.MustCompile(`\{\w+\}`).ReplaceAllString(route, "{}")]; access != "admin" && access != "self-or-admin" {
			t.Errorf("%s: %q", route, access)
		}
	}
}
