package pages

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// This file has everything that a browser keeps between two pages, and where a
// browser may be sent.

// The kinds of flow: what a sign-in waits for.
const (
	flowFactor  = "factor"  // a second factor
	flowSetUp   = "set-up"  // the setup of a second factor
	flowLink    = "link"    // a mailed link or its code
	flowReset   = "reset"   // a mailed link to set a password
	flowVerify  = "verify"  // the confirmation of an address
	flowExpired = "expired" // a new password for one that is too old
	flowSignUp  = "sign-up" // the confirmation of a new account
)

// flow is what a sign-in waits for. The browser keeps it in a cookie, so that any
// process can answer the next request, and no secret stands in a URL.
type flow struct {
	Kind string `json:"k"`
	// Ticket is that of a paused sign-in, or the id of a request for a code.
	Ticket string `json:"t,omitempty"`
	// StartOver is details.startOverToken of a paused sign-in.
	StartOver string `json:"s,omitempty"`
	// Passkey says that a passkey may complete the sign-in.
	Passkey bool `json:"p,omitempty"`
	// NoCode says that no code may complete it.
	NoCode bool `json:"n,omitempty"`
	// Email is what the reader typed.
	Email string `json:"e,omitempty"`
}

// page is where a flow goes on; "" where a person may start again at any time.
func (f flow) page() string {
	switch f.Kind {
	case flowFactor:
		return "second-step"
	case flowSetUp:
		return "set-up"
	}
	return ""
}

// The lives of cookies. A ticket ends earlier by itself.
const (
	flowLife     = time.Hour
	ticketLife   = 5 * time.Minute
	languageLife = 365 * 24 * time.Hour
)

// maxFlow bounds what is read of a cookie.
const maxFlow = 2048

func (s *site) cookie(name, value string, life time.Duration) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // http has no Secure
		Name: s.cookieName(name), Value: value, Path: "/", HttpOnly: true, Secure: s.secure,
		SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second),
	}
	if s.config.PartitionedCookies {
		c.SameSite, c.Partitioned = http.SameSiteNoneMode, true
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// cookieName adds the prefix with which no other host of the domain can set the
// cookie (RFC 6265bis, section 4.1.3.2).
func (s *site) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

// readCookie returns a cookie of the pages, or "". Of two cookies with one name
// another site may have planted one, so neither is taken.
func (s *site) readCookie(r *http.Request, name string) string {
	if found := r.CookiesNamed(s.cookieName(name)); len(found) == 1 && len(found[0].Value) <= maxFlow {
		return found[0].Value
	}
	return ""
}

// flowCookie is the name of the cookie that keeps a flow. deviceCookie is that of
// the API, so that a remembered device is known in both.
const (
	flowCookie     = "flow"
	deviceCookie   = "device"
	languageCookie = "language"
)

func (s *site) readFlow(r *http.Request) (f flow) {
	raw, err := base64.RawURLEncoding.DecodeString(s.readCookie(r, flowCookie))
	if err != nil || json.Unmarshal(raw, &f) != nil {
		return flow{}
	}
	return f
}

// keepFlow stores a flow in the browser.
func (v *visit) keepFlow(f flow) {
	raw, err := json.Marshal(f)
	if err != nil {
		return // a struct of texts can be written
	}
	life := flowLife
	if f.page() != "" {
		life = ticketLife
	}
	v.flow = f
	v.setCookie(v.cookie(flowCookie, base64.RawURLEncoding.EncodeToString(raw), life))
}

// endFlow forgets what the browser waited for.
func (v *visit) endFlow() {
	if v.flow.Kind != "" {
		v.flow = flow{}
		v.setCookie(v.cookie(flowCookie, "", 0))
	}
}

func (v *visit) setCookie(c *http.Cookie) { http.SetCookie(v.w, c) }

// maxReturn bounds the path that a browser comes back to: longer ones do not fit
// into a header.
const maxReturn = 2048

// cleanReturn returns text where it is a path of this origin, and "" otherwise. A
// browser takes "\" for "/", removes tabs and newlines, and reads "//host" as
// another host (WHATWG URL, section 4.4), so none of that is let through.
func cleanReturn(text string) string {
	if text == "" || len(text) > maxReturn || text[0] != '/' || strings.HasPrefix(text, "//") {
		return ""
	}
	var b strings.Builder
	for i := range len(text) {
		switch c := text[i]; {
		case c <= ' ' || c == 0x7f || c == '\\':
			return ""
		case c >= 0x80 || strings.IndexByte("\"<>^`{|}", c) >= 0:
			const digits = "0123456789ABCDEF"
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		default:
			b.WriteByte(c)
		}
	}
	clean := b.String()
	u, err := url.Parse(clean)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	return clean
}

// cleanReturn leaves out the pages of a sign-in too: nobody who has signed in
// wants to come back to one.
func (s *site) cleanReturn(text string) string {
	text = cleanReturn(text)
	rest, ok := strings.CutPrefix(text, s.prefix)
	if ok && (rest == "" || strings.ContainsAny(rest[:1], "/?#")) && !ownPage(rest) {
		return ""
	}
	return text
}

// ownPage says whether a path below that of the pages is one to come back to.
func ownPage(path string) bool {
	return strings.HasPrefix(path, "/account") || strings.HasPrefix(path, "/organization") || path == "/invitation"
}
