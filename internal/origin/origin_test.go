package origin

import (
	"strings"
	"testing"
)

func TestOriginsThatBrowsersSendAreTaken(t *testing.T) {
	for _, origin := range []string{
		"https://app.example", "http://localhost:3000", "http://127.0.0.1", "http://[::1]:8080", "https://xn--bcher-kva.example",
		"https://app.example:8443", "http://app.example:443", "https://app.example:80", "https://a_b.example",
		"capacitor://localhost", "ionic://localhost", "tauri://localhost", "app://obsidian.md", "https://tauri.localhost",
		"chrome-extension://abcdefghijklmnopabcdefghijklmnop", "moz-extension://0f1c4b2e-9f0a-4a3f-8a37-5a1e7a0f3c11",
	} {
		if err := Check(origin); err != nil {
			t.Errorf("%s: %v", origin, err)
		}
	}
}

func TestASpellingThatNoBrowserSendsIsRefusedWithTheRightOne(t *testing.T) {
	for origin, right := range map[string]string{
		"https://app.example/":          "https://app.example",
		"https://app.example/path?a#b":  "https://app.example",
		"https://app.example:443":       "https://app.example",
		"http://app.example:80":         "http://app.example",
		"https://app.example:":          "https://app.example",
		"https://app.example:0443":      "https://app.example",
		"https://app.example:08443":     "https://app.example:8443",
		"HTTPS://App.Example":           "https://app.example",
		"https://bücher.example":        "https://xn--bcher-kva.example",
		"https://Straße.example":        "https://xn--strae-oqa.example",
		"https://user:pw@app.example":   "https://app.example",
		"http://[0:0:0:0:0:0:0:1]:3000": "http://[::1]:3000",
		"http://[::FFFF:127.0.0.1]":     "http://[::ffff:7f00:1]",
		"capacitor://localhost/":        "capacitor://localhost",
		"chrome-extension://ABCDEF":     "chrome-extension://abcdef",
	} {
		err := Check(origin)
		if err == nil || !strings.Contains(err.Error(), `"`+right+`"`) {
			t.Errorf("%s: %v does not name %s", origin, err, right)
		}
		if err := Check(right); err != nil {
			t.Errorf("the right spelling %s is refused: %v", right, err)
		}
	}
}

func TestWhatIsNoOriginIsRefused(t *testing.T) {
	for _, origin := range []string{
		"", "*", "null", "https://*.example", "app.example", "localhost:3000", "//app.example", "https://", "https:///x", "file://", "file:///tmp",
		"https://app.example:x", "https://app.example:65536", "http://127.1", "http://0x7f.0.0.1", "http://256.0.0.1", "http://1",
		"http://[fe80::1%25eth0]", "https://a b.example", "https://app.example https://b.example", "https://a..example\x00", "mailto:a@b.example", "data:,x",
	} {
		if Check(origin) == nil {
			t.Errorf("%q is taken", origin)
		}
	}
}

// Check accepts every spelling that it recommends.
func FuzzTheSpellingThatIsNamedIsTaken(f *testing.F) {
	for _, seed := range []string{"HTTPS://App.Example:443/", "http://[::FFFF:1.2.3.4]", "capacitor://localhost", "https://bücher.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		right, err := Of(text)
		if err != nil || text == "null" || strings.Contains(right, "*") {
			return
		}
		if err := Check(right); err != nil {
			t.Fatalf("%q is to be written %q, which is refused: %v", text, right, err)
		}
	})
}
