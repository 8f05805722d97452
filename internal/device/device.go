// Package device names the program and the machine behind a session, from the
// User-Agent header, in words that the owner recognises: "Safari on iPhone".
package device

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxBytes is the length of the longest User-Agent that is kept or read.
const MaxBytes = 512

// Unknown is the name of a device that is not recognised.
const Unknown = "Unknown device"

// sign is a part of a User-Agent and the name that it stands for.
type sign struct{ piece, name string }

// browsers are in the order of the search: most User-Agents contain "Chrome",
// and nearly all contain "Safari".
var browsers = [...]sign{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "Edge"},
	{"OPR/", "Opera"}, {"OPT/", "Opera"}, {"OPiOS/", "Opera"}, {"Opera", "Opera"},
	{"SamsungBrowser/", "Samsung Internet"}, {"Vivaldi/", "Vivaldi"}, {"YaBrowser/", "Yandex Browser"},
	{"DuckDuckGo/", "DuckDuckGo"}, {"Ddg/", "DuckDuckGo"}, {"Brave/", "Brave"}, {"UCBrowser/", "UC Browser"},
	{"Electron/", "Desktop app"}, {"HeadlessChrome/", "Headless Chrome"},
	{"FxiOS/", "Firefox"}, {"Focus/", "Firefox"}, {"Seamonkey/", "SeaMonkey"}, {"Firefox/", "Firefox"},
	{"CriOS/", "Chrome"}, {"Chromium/", "Chromium"}, {"; wv)", "App"}, {"Chrome/", "Chrome"},
	{"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
	{"Version/", "Safari"},
}

// systems are in the order of the search: the User-Agent of Android contains
// "Linux".
var systems = [...]sign{
	{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"iPod", "iPod"}, {"Apple TV", "Apple TV"},
	{"Windows Phone", "Windows Phone"}, {"Xbox", "Xbox"}, {"PlayStation", "PlayStation"}, {"Nintendo", "Nintendo"},
	{"Tizen", "Tizen"}, {"Web0S", "webOS"}, {"KAIOS", "KaiOS"}, {"Android", "Android"}, {"CrOS", "ChromeOS"},
	{"Windows", "Windows"}, {"Macintosh", "Mac"}, {"Mac OS X", "Mac"}, {"FreeBSD", "FreeBSD"}, {"OpenBSD", "OpenBSD"},
	{"Linux", "Linux"}, {"X11", "Linux"},
}

// programs are recognised by the start of their User-Agent.
var programs = [...]sign{
	{"curl/", "curl"}, {"Wget/", "Wget"}, {"HTTPie/", "HTTPie"}, {"xh/", "xh"}, {"PostmanRuntime/", "Postman"},
	{"insomnia/", "Insomnia"}, {"bruno-runtime/", "Bruno"}, {"k6/", "k6"},
	{"Go-http-client/", "Go program"}, {"python-requests/", "Python program"}, {"Python-urllib/", "Python program"},
	{"python-httpx/", "Python program"}, {"Python/", "Python program"}, {"aiohttp/", "Python program"},
	{"node-fetch/", "Node.js program"}, {"undici", "Node.js program"}, {"node", "Node.js program"}, {"axios/", "Node.js program"},
	{"Bun/", "Bun program"}, {"Deno/", "Deno program"}, {"Dart/", "Dart program"},
	{"okhttp/", "Android app"}, {"Dalvik/", "Android app"}, {"Java/", "Java program"}, {"Java-http-client/", "Java program"},
	{"Apache-HttpClient/", "Java program"}, {"Ruby", "Ruby program"}, {"Faraday ", "Ruby program"}, {"reqwest/", "Rust program"},
	{"GuzzleHttp/", "PHP program"}, {"PHP/", "PHP program"}, {"libwww-perl/", "Perl program"}, {"PowerShell/", "PowerShell"},
}

// Name returns a few words of plain ASCII for a User-Agent. The words come from
// the tables above and never from the header, because mails and lists show
// them, and an attacker can choose the header.
func Name(userAgent string) string {
	if len(userAgent) > MaxBytes {
		userAgent = userAgent[:MaxBytes]
	}
	for _, program := range programs {
		if strings.HasPrefix(userAgent, program.piece) {
			return program.name
		}
	}
	browser := first(browsers[:], userAgent)
	system := first(systems[:], userAgent)
	switch {
	case browser == "" && strings.Contains(userAgent, "CFNetwork/"):
		// Apps on Apple systems name themselves and this library, but no
		// machine.
		browser, system = "App", "Apple device"
	case browser == "" && system != "" && strings.Contains(userAgent, "AppleWebKit/"):
		browser = "App"
	case browser == "" && strings.Contains(userAgent, "PowerShell/"):
		browser = "PowerShell"
	case browser == "Safari" && system == "Android":
		browser = "Android browser"
	}
	switch {
	case browser == "" && system == "":
		return Unknown
	case browser == "":
		return system
	case system == "":
		return browser
	}
	return browser + " on " + system
}

// first returns the first sign of the list that the text contains at any place.
func first(signs []sign, userAgent string) string {
	for _, sign := range signs {
		if strings.Contains(userAgent, sign.piece) {
			return sign.name
		}
	}
	return ""
}

// Clean makes a User-Agent fit to be stored: valid UTF-8 without control
// characters and invisible characters, at most MaxBytes long, cut between
// characters.
func Clean(userAgent string) string {
	// Characters that are removed make room for others, but a header of a
	// megabyte is not read to its end.
	if len(userAgent) > 4*MaxBytes {
		userAgent = userAgent[:4*MaxBytes]
	}
	var clean strings.Builder
	for _, r := range userAgent {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			continue
		}
		if clean.Len()+utf8.RuneLen(r) > MaxBytes {
			break
		}
		clean.WriteRune(r)
	}
	return strings.TrimSpace(clean.String())
}
