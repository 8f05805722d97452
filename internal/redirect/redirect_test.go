package redirect

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func matcher(t testing.TB) *Matcher {
	t.Helper()
	m, err := New("https://auth.good.example/sub", []string{
		"https://good.example/signin",
		"https://dir.example/app/",
		"https://port.example:8443",
		"https://Bücher.example/cb",
		"http://localhost:3000",
		"http://[::1]:3000/cb",
		"myapp://callback",
		"com.example.app:/cb",
		"https://spa.example/#/reset",
		"https://app-*.preview.example/cb",
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAC074_OpenRedirectSet(t *testing.T) {
	m := matcher(t)
	allowed := []string{
		"https://auth.good.example",
		"https://auth.good.example/",
		"https://auth.good.example/anything/below",
		"https://auth.good.example:443/welcome",
		"https://auth.good.example?next=1",
		"https://good.example/signin",
		"https://good.example/signin/",
		"https://good.example/signin/done",
		"https://good.example/signin?next=%2Fhome&to=https://other.example/@a//b",
		"https://good.example/signin/caf%C3%A9",
		"https://dir.example/app/",
		"https://dir.example/app/x",
		"https://port.example:8443",
		"https://port.example:8443/x",
		"https://xn--bcher-kva.example/cb",
		"http://localhost:3000/cb?x=1",
		"http://[::1]:3000/cb",
		"myapp://callback",
		"myapp://callback/x?y=1",
		"com.example.app:/cb",
		"com.example.app:/cb/x",
		"https://spa.example/#/reset",
		"https://spa.example#/reset",
		"https://spa.example/?v=2#/reset/done?next=%2Fhome",
		"https://app-1.preview.example/cb",
		"https://app-feature-x.preview.example:443/cb/done?x=1",
	}
	for _, target := range allowed {
		if !m.Allows(target) {
			t.Errorf("%q is refused", target)
		}
	}
	refused := []string{
		"", " ", "/", "/welcome", "welcome", "?x", "#x", "//evil.example", "///evil.example", `/\evil.example`, `\\evil.example`,
		`\/evil.example`, "/\t/evil.example", "/\n/evil.example", "..//evil.example", "%2f%2fevil.example", "/%2f/evil.example",
		"https:evil.example", "https:/evil.example", "https:///evil.example", "https:good.example/signin", "https:/good.example/signin",
		"https://evil.example", "https://evil.example/signin", "https://good.example@evil.example/signin",
		"https://good.example:443@evil.example/signin", "https://good.example%40evil.example/signin",
		"https://good.example.evil.example/signin", "https://evilgood.example/signin", "https://www.good.example/signin",
		"https://evil.example#good.example/signin", "https://evil.example#@good.example/signin",
		"https://evil.example?https://good.example/signin", "https://evil.example/https://good.example/signin",
		`https://evil.example\@good.example/signin`, `https://good.example\.evil.example/signin`, `https://good.example\signin`,
		`https:\\good.example\signin`, "https://user@good.example/signin", "https://user:pass@good.example/signin",
		"https://@good.example/signin", "https://good.example:8443/signin", "https://good.example:/signin",
		"https://good.example:443x/signin", "https://good.example.:443/signin", "https://good.example./signin",
		"http://good.example/signin", "ftp://good.example/signin", "HTTPS://good.example/signin", "Https://good.example/signin",
		"https://GOOD.example/signin", "https://good.example/Signin", "https://good.example/signing", "https://good.example/signin%2fx",
		"https://good.example/signin%2Fx", "https://good.example/signin/%2Fevil.example", "https://good.example/signin/../admin", "https://good.example/signin/..",
		"https://good.example/signin/./x", "https://good.example/signin/%2e%2e/admin", "https://good.example/signin/.%2E/admin",
		"https://good.example/signin/..;/admin", "https://good.example/signin/%252e%252e/admin", "https://good.example/signin/..%5cadmin",
		"https://good.example//signin", "https://good.example/signin//evil.example", "https://good.example/../signin",
		"https://good.example", "https://good.example/", "https://good.example?/signin", "https://good.example;/signin",
		"https://good.example/signin#token", "https://good.example/signin#", "https://good.example/signin\r\nSet-Cookie:a=b",
		"https://good.example/signin?x=%0d%0aSet-Cookie:a=b", "https://good.example/signin%00", "https://good.example/signin?%zz",
		"https://good.example/signin?x=%", "https://good.example/signin x", " https://good.example/signin", "https://good.example/signin ",
		"\thttps://good.example/signin", "\x00https://good.example/signin", "https://good.example/sign\x00in",
		"https://good.example/signin?x=\u2028", "https://good.example/signin?x=é", "https://gооd.example/signin", // Cyrillic
		"https://good。example/signin", "https://ｇｏｏｄ.example/signin", "https://good.example\u200b/signin", "https://xn--god-xyz.example/signin",
		"https://xn--bcher-kva.example/", "https://bücher.example/cb", "https://dir.example/app", "https://dir.example/apple",
		"https://port.example", "https://port.example:443", "https://port.example:84433", "https://port.example:8443.evil.example",
		"https://port.example:8443@evil.example", "http://localhost", "http://localhost:3001", "http://localhost:3000.evil.example",
		"http://localhost:3000@evil.example", "http://127.0.0.1:3000", "http://[::1]:3001/cb", "http://[::1]/cb",
		"javascript:alert(1)", "javascript://good.example/%0aalert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x",
		"file:///etc/passwd", "blob:https://good.example/x", "about:blank", "mailto:a@good.example", "intent://callback#Intent;end",
		"myapp://callbackx", "myapp://other", "myapp:callback", "myapp:/callback", "MYAPP://callback", "myapp://callback@evil.example",
		"com.example.app:", "com.example.app:/", "com.example.app://cb", "com.example.app://evil.example/cb", "com.example.app:/cbx",
		"com.example.app:cb", "https://[::1/signin", "https://good.example/signin?" + strings.Repeat("x", MaxBytes),
	}
	refused = append(refused,
		"https://spa.example/", "https://spa.example/#", "https://spa.example/#reset", "https://spa.example/#/resets", "https://spa.example/#/",
		"https://spa.example/other#/reset", "https://spa.example/#/reset/../admin", "https://spa.example/#/reset#/reset", "https://spa.example/#//evil.example",
		"https://evil.example/#/reset", "https://spa.example@evil.example/#/reset", "https://spa.example/#/reset?x=%0a", "https://spa.example//#/reset",
		"https://good.example/signin#/reset", "https://app-.preview.example/cb", "https://app.preview.example/cb", "https://app-x.preview.example/",
		"https://app-x.preview.example/cbx", "https://app-x.y.preview.example/cb", "https://app-x.preview.example.evil.example/cb",
		"https://app-x@evil.example/.preview.example/cb", "https://app-evil.example/.preview.example/cb", "https://app-evil.example#.preview.example/cb",
		"https://app-evil.example?.preview.example/cb", `https://app-evil.example\.preview.example/cb`, "https://app-%2e.preview.example/cb",
		"https://app-X.preview.example/cb", "https://app-x-.preview.example/cb", "https://app-x_y.preview.example/cb", "http://app-x.preview.example/cb",
		"https://app-x.preview.example:8443/cb", "https://app-"+strings.Repeat("x", 60)+".preview.example/cb", "https://evil-app-x.preview.example/cb")
	if total := len(allowed) + len(refused); total < 60 {
		t.Errorf("OT-12 asks for 60 URLs; there are %d", total)
	}
	for _, target := range refused {
		if m.Allows(target) {
			t.Errorf("%.80q is allowed", target)
		}
		if got, err := m.AddQuery(target, "token", "secret"); !errors.Is(err, ErrNotAllowed) || got != "" {
			t.Errorf("%.80q is handed a token: %q, %v", target, got, err)
		}
	}
}

func TestAddQueryReplacesWhatTheTargetChose(t *testing.T) {
	m := matcher(t)
	for _, c := range []struct {
		target string
		give   []string
		want   string
	}{
		{"https://good.example/signin", []string{"token", "t"}, "https://good.example/signin?token=t"},
		{"https://good.example/signin?", []string{"token", "t"}, "https://good.example/signin?token=t"},
		{"https://good.example/signin?a=1&b=%20", []string{"token", "t"}, "https://good.example/signin?a=1&b=%20&token=t"},
		{"https://good.example/signin?token=mine", []string{"token", "t"}, "https://good.example/signin?token=t"},
		{"https://good.example/signin?TOKEN=mine&a", []string{"token", "t"}, "https://good.example/signin?a&token=t"},
		{"https://good.example/signin?%74oken=mine&a", []string{"token", "t"}, "https://good.example/signin?a&token=t"},
		{"https://good.example/signin?a=1;token=mine", []string{"token", "t"}, "https://good.example/signin?token=t"},
		{"https://good.example/signin?a=1;b=2", []string{"token", "t"}, "https://good.example/signin?a=1;b=2&token=t"},
		{"https://good.example/signin?token&&token", []string{"token", "t"}, "https://good.example/signin?token=t"},
		{"https://good.example/signin", []string{"error", "a b&c=d#e\r\n/ü"}, "https://good.example/signin?error=a+b%26c%3Dd%23e%0D%0A%2F%C3%BC"},
		{"https://good.example/signin", []string{"token", "t", "state", "s"}, "https://good.example/signin?token=t&state=s"},
		{"https://good.example/signin?x=1", nil, "https://good.example/signin?x=1"},
		{"https://good.example/signin?#", nil, ""},
		{"https://spa.example/#/reset", []string{"token", "t"}, "https://spa.example/#/reset?token=t"},
		{"https://spa.example/?token=mine&a=1#/reset?b=2&Token=mine", []string{"token", "t"}, "https://spa.example/?a=1#/reset?b=2&token=t"},
		{"https://app-1.preview.example/cb", []string{"token", "t"}, "https://app-1.preview.example/cb?token=t"},
		{"myapp://callback", []string{"token", "t"}, "myapp://callback?token=t"},
		{"com.example.app:/cb", []string{"token", "t"}, "com.example.app:/cb?token=t"},
		{"https://auth.good.example", []string{"token", "t"}, "https://auth.good.example?token=t"},
	} {
		if got, _ := m.AddQuery(c.target, c.give...); got != c.want {
			t.Errorf("AddQuery(%q, %q) = %q, want %q", c.target, c.give, got, c.want)
		}
	}
	if _, err := m.AddQuery("https://good.example/signin", "token"); err == nil {
		t.Error("a name without a value is taken")
	}
}

// AC-101: a configuration that cannot be safe does not start.
func TestAC101_UnsafeTargetsAreRefusedInTheConfiguration(t *testing.T) {
	for _, bad := range []string{
		"https://*.preview.example/cb", "https://app-*.example/cb", "https://app-*.co.uk/cb", "https://app.*-x.preview.example", "https://a*-*.preview.example",
		"https://xn--*.preview.example", "myapp://a-*.b.c/cb", "https://app.example/#/a?b", "https://app.example/#/*", "https://app.example/#/..", "https://app.example/#!/a",
		"", " ", "app.example", "/cb", "//app.example/cb", "https://", "https:///cb", "https:app.example", "https://*.example/cb",
		"https://app.example/*", "*", "http://app.example/cb", "http://127.0.0.1.evil.example/", "http://localhost.evil.example",
		"https://user@app.example/cb", "https://app.example/cb?x=1", "https://app.example/cb?", "https://app.example/cb#x",
		"https://app.example/cb#", "https://app.example/../cb", "https://app.example//cb", "https://app.example/%2e%2e/cb",
		`https://app.example\cb`, "https://app.example:0/", "https://app.example:70000/", "https://app.example:/", "https://app.example:x/",
		"https://app.example:0443/", "https://app.example./", "https://app_x.example/", "https://-app.example/", "https://app.example/c b",
		"https://app.example/\r\n", "javascript://app.example/%0aalert(1)", "javascript:alert(1)", "data:text/html,x",
		"vbscript://x", "file:///etc/passwd", "myapp:", "myapp://", "myapp:///cb", "com.example.app:cb", "https://[fe80::1%25eth0]/",
		"https://a..example/", "ftp://app.example/", "https://app.example/cb%zz",
	} {
		if _, err := New("https://app.example", []string{bad}); err == nil {
			t.Errorf("allowed redirect %q is taken", bad)
		} else if !strings.Contains(err.Error(), "allowed redirect") {
			t.Errorf("allowed redirect %q: the error does not say which item: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "app.example", "http://app.example", "myapp://callback", "https://app.example/?x", "https://*.example"} {
		if _, err := New(bad, nil); err == nil {
			t.Errorf("base URL %q is taken", bad)
		}
	}
	for _, good := range []string{
		"http://localhost:8080", "http://127.0.0.1", "http://127.8.8.8:1", "http://[::1]:8080", "http://app.localhost",
		"https://APP.example", "https://bücher.example", "https://192.0.2.1", "https://[2001:db8::1]",
	} {
		if _, err := New(good, nil); err != nil {
			t.Errorf("base URL %q is refused: %v", good, err)
		}
	}
}

func TestAllProblemsOfTheConfigurationAreNamed(t *testing.T) {
	_, err := New("http://app.example", []string{"https://*.a.example", "https://fine.example/cb", "javascript:x"})
	if err == nil {
		t.Fatal("taken")
	}
	for _, item := range []string{"http://app.example", "https://*.a.example", "javascript:x"} {
		if !strings.Contains(err.Error(), item) {
			t.Errorf("the error does not name %q: %v", item, err)
		}
	}
	if strings.Contains(err.Error(), "fine.example") {
		t.Errorf("the error names what is right: %v", err)
	}
}

// What is allowed must mean the same to net/url, which writes the Location
// header, as it does to the matcher.
func FuzzAllows(f *testing.F) {
	for _, seed := range []string{
		"https://good.example/signin", "https://good.example/signin/..", "https://good.example@evil", "com.example.app:/cb",
		"http://[::1]:3000/cb?x", "https://port.example:8443", "https://dir.example/app/a;b", "https://auth.good.example?a=%20",
		"https://spa.example/?a#/reset?b", "https://app-x.preview.example/cb?x", "https://app-x.preview.example:443/cb/y",
	} {
		f.Add(seed)
	}
	m := matcher(f)
	origins := map[string]string{
		"https://auth.good.example": "", "https://auth.good.example:443": "", "https://good.example": "/signin", "https://good.example:443": "/signin",
		"https://dir.example": "/app/", "https://dir.example:443": "/app/", "https://port.example:8443": "",
		"https://xn--bcher-kva.example": "/cb", "https://xn--bcher-kva.example:443": "/cb", "http://localhost:3000": "",
		"http://[::1]:3000": "/cb", "myapp://callback": "", "com.example.app://": "/cb",
		"https://spa.example": "", "https://spa.example:443": "", "https://app-*.preview.example": "/cb",
	}
	f.Fuzz(func(t *testing.T, target string) {
		if !m.Allows(target) {
			return
		}
		for _, spelled := range []string{target, must(m.AddQuery(target, "token", "a&b"))} {
			parsed, err := url.Parse(spelled)
			if err != nil || parsed.User != nil || parsed.Opaque != "" || (parsed.Fragment != "") != (parsed.Host == "spa.example" || parsed.Host == "spa.example:443") {
				t.Fatalf("%q is allowed, but reads as %+v, %v", spelled, parsed, err)
			}
			host, _ := strings.CutSuffix(parsed.Host, ":443")
			if label, ok := strings.CutSuffix(host, ".preview.example"); ok && strings.HasPrefix(label, "app-") && !strings.Contains(label, ".") {
				parsed.Host = "app-*.preview.example"
			}
			path, known := origins[parsed.Scheme+"://"+parsed.Host]
			if !known || !strings.HasPrefix(parsed.Path, path) || strings.Contains("/"+parsed.Path+"/", "/../") {
				t.Fatalf("%q is allowed, but leads to %+v", spelled, parsed)
			}
			if parsed.Host != "app-*.preview.example" && parsed.String() != spelled && !strings.HasSuffix(spelled, "?") {
				t.Fatalf("%q is written as %q", spelled, parsed)
			}
		}
		parsed, _ := url.Parse(must(m.AddQuery(target, "token", "a&b")))
		values := parsed.Query()
		if _, query, ok := strings.Cut(parsed.EscapedFragment(), "?"); ok {
			values, _ = url.ParseQuery(query)
		}
		if got := values["token"]; len(got) != 1 || got[0] != "a&b" {
			t.Fatalf("%q with a token carries %q", target, got)
		}
	})
}

func must(s string, err error) string {
	if err != nil {
		return err.Error()
	}
	return s
}

func BenchmarkAllows(b *testing.B) {
	m := matcher(b)
	b.ReportAllocs()
	for b.Loop() {
		m.Allows("https://good.example/signin/done?next=%2Fhome")
	}
}

func TestAFormMayEndAtTheOriginOfItsTarget(t *testing.T) {
	m, err := New("http://[::1]:8080", []string{"https://good.example/cb", "https://spa.example/#/reset", "https://app-*.preview.example", "myapp://callback", "com.example.app:/cb"})
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		"https://good.example/cb?x=1":        "https://good.example",
		"https://good.example:443/cb":        "https://good.example:443",
		"https://spa.example/#/reset":        "https://spa.example",
		"https://app-1.preview.example/?a=b": "https://app-1.preview.example",
		"http://[::1]:8080/x":                "http:",
		"myapp://callback":                   "myapp:",
		"com.example.app:/cb":                "com.example.app:",
		"https://evil.example/":              "",
		"":                                   "",
	} {
		if got := m.FormAction(target); got != want {
			t.Errorf("a form may end at %q for %q, want %q", got, target, want)
		}
	}
	if got := m.Wildcards(); len(got) != 1 || got[0] != "https://app-*.preview.example" {
		t.Errorf("the wildcards are %q", got)
	}
}
