package pages

import (
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store/memory"
)

// noEngine has the routes of passkeys served. No request of these tests reaches it.
type noEngine struct{ admit.PasskeyEngine }

func opened(t *testing.T) *admit.Auth {
	t.Helper()
	auth, err := admit.New(admit.Config{
		BaseURL: "https://app.example", Secrets: admit.Secrets("6f1d8a3c5b7e90124d3f6a8b9c0e1d2f3a4b5c6d7e8f90a1b2c3d4e5f6a7b8c9"), Store: memory.New(), Mailer: &mailer.Recorder{},
		Pages: &Pages{APIKeys: true}, Passkeys: admit.PasskeyConfig{Engine: noEngine{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = auth.Close(t.Context()) })
	return auth
}

func ask(auth *admit.Auth, method, path string, headers map[string]string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example"+path, strings.NewReader(""))
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	auth.Handler().ServeHTTP(w, r)
	return w
}

// Every page that takes a form, with everything that a page of another site makes a
// browser send. The list is that of the pages themselves.
func TestSE09_EveryFormOfThePagesIsRefusedToOtherSites(t *testing.T) {
	auth := opened(t)
	strangers := map[string]map[string]string{
		"cross-site":                {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
		"cross-site without origin": {"Sec-Fetch-Site": "cross-site"},
		"same-site":                 {"Sec-Fetch-Site": "same-site", "Origin": "https://sub.app.example"},
		"old browser":               {"Origin": "https://evil.example"},
		"null":                      {"Origin": "null"},
		"other port":                {"Origin": "https://app.example:8443"},
		"upload":                    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "Content-Type": "multipart/form-data; boundary=x"},
		"text":                      {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example", "Content-Type": "text/plain"},
	}
	tried := 0
	for path, at := range allPages() {
		if at.post == nil {
			continue
		}
		for name, headers := range strangers {
			tried++
			w := ask(auth, http.MethodPost, "/auth"+path, headers)
			if w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "from another website") {
				t.Errorf("POST %s, %s: %d", path, name, w.Code)
			}
			for _, cookie := range w.Result().Cookies() {
				t.Errorf("POST %s, %s: sets the cookie %s", path, name, cookie.Name)
			}
		}
		if w := ask(auth, http.MethodPost, "/auth"+path, map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "https://app.example"}); w.Code == http.StatusForbidden && strings.Contains(w.Body.String(), "from another website") {
			t.Errorf("POST %s is refused to the pages themselves", path)
		}
	}
	if tried < 200 {
		t.Errorf("only %d requests were tried", tried)
	}
}

// A page of an account or of a team answers nobody who is not signed in.
func TestEveryPageOfAnAccountAsksForASignIn(t *testing.T) {
	auth := opened(t)
	for path, at := range allPages() {
		own := strings.HasPrefix(path, "/account/") || path == "/account" || strings.HasPrefix(path, "/organization")
		if own && at.need == "" {
			t.Errorf("%s needs nothing", path)
		}
		if at.need == "" {
			continue
		}
		for method, answer := range map[string]any{http.MethodGet: at.get, http.MethodPost: at.post} {
			if answer.(func(*visit) error) == nil {
				continue
			}
			w := ask(auth, method, "/auth"+path, map[string]string{"Sec-Fetch-Site": "same-origin"})
			if w.Code != http.StatusSeeOther || !strings.HasPrefix(w.Header().Get("Location"), "/auth/sign-in") {
				t.Errorf("%s %s: %d %s", method, path, w.Code, w.Header().Get("Location"))
			}
		}
	}
}

// What changes something that a stolen session must not change asks for a recent
// proof, or proves the password itself.
func TestDangerousPagesNeedARecentProof(t *testing.T) {
	for _, path := range []string{
		"/account/email", "/account/two-step", "/account/passkeys", "/account/links", "/account/keys", "/account/export",
	} {
		if at, ok := pageAt(path); !ok || at.need != admit.NeedRecent {
			t.Errorf("%s needs %q", path, at.need)
		}
	}
}

// Every form of a template is sent by POST to a page that takes it.
func TestEveryFormOfTheTemplatesHasAPage(t *testing.T) {
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil || len(names) < 20 {
		t.Fatal(names, err)
	}
	form := regexp.MustCompile(`<form[^>]*>`)
	action := regexp.MustCompile(`action="\{\{\$?\.Action "([^"]+)"\}\}"`)
	all := allPages()
	for _, name := range names {
		text, err := templateFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, tag := range form.FindAllString(string(text), -1) {
			to := action.FindStringSubmatch(tag)
			switch {
			case !strings.Contains(tag, `method="post"`) || to == nil:
				t.Errorf("%s: %s", name, tag)
			case all["/"+to[1]].post == nil:
				t.Errorf("%s: %s leads to no page; the pages are %s", name, tag, slices.Sorted(maps.Keys(all)))
			case all["/"+to[1]].upload != strings.Contains(tag, `enctype="multipart/form-data"`):
				t.Errorf("%s: %s has the wrong encoding", name, tag)
			}
		}
	}
}
