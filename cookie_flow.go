package admit

import (
	"net/http"
	"strings"
	"time"
)

// This file has the cookies of redirect flows: one binds a flow to the browser that
// has begun it, another keeps the ticket of a sign-in that the gate has paused. The
// flows of several tabs have cookies of their own, so that one does not end another.

// maxBindings is how many flows one browser may have begun at once.
const maxBindings = 6

// bindingPrefix begins the name of every cookie that binds a flow.
func bindingPrefix(k *kernel) string {
	return strings.TrimSuffix(cookieName(k), "session") + "oauth-"
}

// bindingName is the name of the cookie that binds the flow of a state.
func bindingName(k *kernel, state string) string {
	return bindingPrefix(k) + state[:min(len(state), 12)]
}

// bindingCookie binds a flow, or ends the binding if the value is "". A flow is never
// in a frame, so the cookie is never partitioned. Where the provider makes the
// browser post a form, the cookie must come with requests of other sites.
func bindingCookie(k *kernel, name, value string, posted bool) *http.Cookie {
	secure := strings.HasPrefix(k.config.BaseURL, "https://")
	cookie := &http.Cookie{ //nolint:gosec // http has no Secure
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: secure, MaxAge: int(flowCookieLife / time.Second),
	}
	if posted && secure {
		cookie.SameSite = http.SameSiteNoneMode
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	return cookie
}

// bindingIn returns the binding of the flow of a state, or "". Two cookies of the name
// count as none: one of them was planted.
func bindingIn(k *kernel, r *http.Request, state string) string {
	if !wellFormed(state) {
		return ""
	}
	if found := r.CookiesNamed(bindingName(k, state)); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// surplusBindings are the names of the cookies of flows that were left, the oldest
// first: browsers send cookies in the order in which they were set (RFC 6265, section
// 5.4).
func surplusBindings(k *kernel, r *http.Request) (names []string) {
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, bindingPrefix(k)) {
			names = append(names, c.Name)
		}
	}
	return names[:max(0, len(names)-maxBindings+1)]
}

// ticketCookieName is the name of the cookie that keeps a ticket.
func ticketCookieName(k *kernel) string {
	return strings.TrimSuffix(cookieName(k), "session") + "mfa"
}

// ticketCookie keeps the ticket of a sign-in that a redirect flow began and the gate
// has paused: no ticket stands in an address.
func ticketCookie(k *kernel, ticket string) *http.Cookie {
	cookie := bareCookie(k) //nolint:gosec // bareCookie sets the attributes
	cookie.Name, cookie.Value, cookie.MaxAge = ticketCookieName(k), ticket, int(ticketLife/time.Second)
	return cookie
}

// ticketIn returns the ticket that was given, else that of the cookie of a request in
// cookie mode.
func ticketIn(k *kernel, r *http.Request, given string) string {
	if given != "" || !wantsCookie(k, r) {
		return given
	}
	if found := r.CookiesNamed(ticketCookieName(k)); len(found) == 1 {
		return found[0].Value
	}
	return ""
}
