package device

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) "
	mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) "
	linux   = "Mozilla/5.0 (X11; Linux x86_64) "
	android = "Mozilla/5.0 (Linux; Android 10; K) "
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) "
	ipad    = "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) "
	webkit  = "AppleWebKit/537.36 (KHTML, like Gecko) "
	apple   = "AppleWebKit/605.1.15 (KHTML, like Gecko) "
)

func TestNameTellsRealClients(t *testing.T) {
	for _, c := range []struct{ want, userAgent string }{
		{"Chrome on Windows", windows + webkit + "Chrome/126.0.0.0 Safari/537.36"},
		{"Chrome on Mac", mac + webkit + "Chrome/126.0.0.0 Safari/537.36"},
		{"Chrome on Linux", linux + webkit + "Chrome/126.0.0.0 Safari/537.36"},
		{"Chrome on Android", android + webkit + "Chrome/126.0.0.0 Mobile Safari/537.36"},
		{"Chrome on ChromeOS", "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) " + webkit + "Chrome/126.0.0.0 Safari/537.36"},
		{"Chrome on iPhone", iphone + apple + "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1"},
		{"Chrome on iPad", ipad + apple + "CriOS/126.0.6478.54 Mobile/15E148 Safari/604.1"},
		{"Safari on iPhone", iphone + apple + "Version/17.5 Mobile/15E148 Safari/604.1"},
		{"Safari on iPad", ipad + apple + "Version/17.5 Mobile/15E148 Safari/604.1"},
		{"Safari on Mac", mac + apple + "Version/17.5 Safari/605.1.15"},
		{"Firefox on Windows", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:127.0) Gecko/20100101 Firefox/127.0"},
		{"Firefox on Mac", "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5; rv:127.0) Gecko/20100101 Firefox/127.0"},
		{"Firefox on Linux", "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0"},
		{"Firefox on Android", "Mozilla/5.0 (Android 14; Mobile; rv:127.0) Gecko/127.0 Firefox/127.0"},
		{"Firefox on iPhone", iphone + apple + "FxiOS/127.0 Mobile/15E148 Safari/605.1.15"},
		{"Firefox on FreeBSD", "Mozilla/5.0 (X11; FreeBSD amd64; rv:127.0) Gecko/20100101 Firefox/127.0"},
		{"Edge on Windows", windows + webkit + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"},
		{"Edge on Mac", mac + webkit + "Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0"},
		{"Edge on Android", android + webkit + "Chrome/126.0.0.0 Mobile Safari/537.36 EdgA/126.0.0.0"},
		{"Edge on iPhone", iphone + apple + "Version/17.0 EdgiOS/126.0.2592.56 Mobile/15E148 Safari/604.1"},
		{"Edge on Xbox", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; Xbox; Xbox One) " + webkit + "Chrome/48.0.2564.82 Safari/537.36 Edge/20.02"},
		{"Opera on Windows", windows + webkit + "Chrome/124.0.0.0 Safari/537.36 OPR/110.0.0.0"},
		{"Opera on Android", android + webkit + "Chrome/124.0.0.0 Mobile Safari/537.36 OPR/82.0.0.0"},
		{"Samsung Internet on Android", android + webkit + "SamsungBrowser/25.0 Chrome/121.0.0.0 Mobile Safari/537.36"},
		{"Vivaldi on Linux", linux + webkit + "Chrome/124.0.0.0 Safari/537.36 Vivaldi/6.7"},
		{"Yandex Browser on Windows", windows + webkit + "Chrome/124.0.0.0 YaBrowser/24.6.0.0 Safari/537.36"},
		{"DuckDuckGo on Mac", mac + apple + "Version/17.5 Safari/605.1.15 Ddg/17.5"},
		{"Internet Explorer on Windows", "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko"},
		{"Internet Explorer on Windows", "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)"},
		{"Android browser on Android", "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; GT-I9100 Build/IML74K) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30"},
		{"App on Android", "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP1A; wv) " + webkit + "Version/4.0 Chrome/126.0.0.0 Mobile Safari/537.36"},
		{"App on iPhone", iphone + apple + "Mobile/15E148"},
		{"App on Apple device", "MyApp/12 CFNetwork/1496.0.7 Darwin/23.5.0"},
		{"Desktop app on Mac", mac + webkit + "Code/1.90.0 Chrome/122.0.6261.156 Electron/29.4.0 Safari/537.36"},
		{"Headless Chrome on Linux", linux + webkit + "HeadlessChrome/126.0.0.0 Safari/537.36"},
		{"Samsung Internet on Tizen", "Mozilla/5.0 (SMART-TV; LINUX; Tizen 6.0) " + webkit + "SamsungBrowser/3.0 Chrome/76.0.3809.146 TV Safari/537.36"},
		{"Chrome on webOS", "Mozilla/5.0 (Web0S; Linux/SmartTV) " + webkit + "Chrome/94.0.4606.128 Safari/537.36"},
		{"curl", "curl/8.5.0"},
		{"Wget", "Wget/1.21.4"},
		{"HTTPie", "HTTPie/3.2.2"},
		{"Postman", "PostmanRuntime/7.39.0"},
		{"Go program", "Go-http-client/1.1"},
		{"Python program", "python-requests/2.32.3"},
		{"Python program", "Python/3.12 aiohttp/3.9.5"},
		{"Node.js program", "node"},
		{"Node.js program", "axios/1.7.2"},
		{"Dart program", "Dart/3.4 (dart:io)"},
		{"Android app", "okhttp/4.12.0"},
		{"Android app", "Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/AP1A)"},
		{"Java program", "Java-http-client/21.0.3"},
		{"Rust program", "reqwest/0.12.5"},
		{"PowerShell on Windows", "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.22621.3672"},
		{"Linux", "SomeTool (Linux)"},
		{Unknown, ""},
		{Unknown, "Mozilla/5.0"},
		{Unknown, "x"},
		{Unknown, "\x00\xff\u202e"},
		{Unknown, strings.Repeat("A", MaxBytes) + "Chrome/126 Windows"},
	} {
		if got := Name(c.userAgent); got != c.want {
			t.Errorf("Name(%.120q) = %q, want %q", c.userAgent, got, c.want)
		}
	}
}

func TestAC016_CleanBoundsAndPurifies(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"ordinary", "curl/8.5.0", "curl/8.5.0"},
		{"nothing", "", ""},
		{"control characters", "a\r\nSet-Cookie: b\x00\x1b[31m\u0085c", "aSet-Cookie: b[31mc"},
		{"bad UTF-8", "a\xffb\xc3", "ab"},
		{"direction and separators", "a\u202eb\u2028c\u200bd", "abcd"},
		{"letters of any script", "アプリ/1.0", "アプリ/1.0"},
		{"blanks around", "  a b  ", "a b"},
		{"long", strings.Repeat("a", 60_000), strings.Repeat("a", MaxBytes)},
		{"cut between characters", strings.Repeat("a", MaxBytes-1) + "é", strings.Repeat("a", MaxBytes-1)},
	} {
		if got := Clean(c.in); got != c.want {
			t.Errorf("%s: %.60q (%d bytes)", c.name, got, len(got))
		}
	}
	huge := strings.Repeat("\x00", 1<<20)
	start := time.Now()
	for range 100 {
		Clean(huge)
		Name(huge)
	}
	if took := time.Since(start); took > 30*time.Second { // what grows with the square of the length takes hours
		t.Errorf("a hundred megabytes took %v", took)
	}
}

func FuzzCleanAndName(f *testing.F) {
	f.Add("curl/8.5.0")
	f.Add("Mozilla/5.0 (\xff; wv) Chrome/\u202e")
	f.Fuzz(func(t *testing.T, userAgent string) {
		clean := Clean(userAgent)
		if len(clean) > MaxBytes || !utf8.ValidString(clean) || strings.ContainsFunc(clean, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Clean(%q) = %q", userAgent, clean)
		}
		if again := Clean(clean); again != clean {
			t.Errorf("cleaning %q again gives %q", clean, again)
		}
		name := Name(userAgent)
		if name == "" || len(name) > 64 || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
			t.Errorf("Name(%q) = %q", userAgent, name)
		}
	})
}

func BenchmarkName(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Name(iphone + apple + "Version/17.5 Mobile/15E148 Safari/604.1")
	}
}
