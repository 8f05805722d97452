package pages

import (
	"net/url"
	"strings"
	"testing"
)

func TestS31_ABrowserComesBackToAPathOfThisOriginAlone(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "/": "/", "/app?x=1&y=%2F#part": "/app?x=1&y=%2F#part", "/a/../b": "/a/../b", "/caf\u00e9": "/caf%C3%A9", `/q?a="b"`: "/q?a=%22b%22",
		"//evil.example": "", `/\evil.example`: "", `\\evil.example`: "", "https://evil.example/": "", "javascript:alert(1)": "", "evil": "",
		"/\t/evil.example": "", "/\n/evil.example": "", "\t//evil.example": "", " /app": "", "/app\r\nSet-Cookie: a=b": "", "/\x00": "", "/a\\b": "", "/a b": "",
		"http:/evil": "", "/" + strings.Repeat("a", maxReturn): "", "/%": "", "/%zz": "", "?x": "", "#x": "", "///evil.example": "", "/;//evil.example": "/;//evil.example",
	} {
		if got := cleanReturn(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	s := &site{prefix: "/auth"}
	for text, want := range map[string]string{
		"/auth/sign-in": "", "/auth/sign-in?return_to=/x": "", "/auth": "", "/auth/": "", "/auth?x": "", "/auth/account/devices": "/auth/account/devices", "/authors": "/authors", "/app": "/app",
	} {
		if got := s.cleanReturn(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// FuzzCleanReturn resolves what is let through as browsers do.
func FuzzCleanReturn(f *testing.F) {
	for _, seed := range []string{"/", "//e", "/\\e", "/\t/e", "/%5ce", "/..//e", "/@e", "/:80", "/a?b#c", "/\u2215e", "/%09/e", "/.//e"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := cleanReturn(text)
		if clean == "" {
			return
		}
		for i := range len(clean) {
			if c := clean[i]; c <= ' ' || c >= 0x7f || c == '\\' {
				t.Fatalf("%q becomes %q", text, clean)
			}
		}
		// WHATWG URL: a second slash, of either kind, begins a host.
		if clean[0] != '/' || len(clean) > 1 && clean[1] == '/' {
			t.Fatalf("%q becomes %q", text, clean)
		}
		base, err := url.Parse("https://app.example/auth/sign-in")
		if err != nil {
			t.Fatal(err)
		}
		to, err := base.Parse(clean)
		if err != nil || to.Host != "app.example" || to.Scheme != "https" {
			t.Fatalf("%q becomes %q: %v, %v", text, clean, to, err)
		}
		if again := cleanReturn(clean); again != clean {
			t.Fatalf("%q becomes %q, and that %q", text, clean, again)
		}
	})
}
