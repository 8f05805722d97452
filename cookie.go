package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/store"
)

// This file keeps a session in a cookie: it reads the cookie, renews it and
// refuses requests that pages of other sites make with it. The guards and the
// request pipeline stand on it.
//
// A session cookie holds what a refresh token holds, sealed for cookies alone.
// The session's row has the generation and the hash of the present cookie.

const (
	// cookieRenewedAfter is the age at which a cookie is replaced by its successor.
	cookieRenewedAfter = time.Hour
	// cookieGrace is how long the cookie before the present one is taken after
	// the present one was used: for requests of other tabs that were on their way,
	// and for pages that a server renders with the cookie of a slow request.
	cookieGrace = time.Minute
)

// cookiePurpose is what the code of a session cookie is made for. A refresh
// token has another purpose, so neither is taken in the place of the other.
const cookiePurpose = "session-cookie"

// cookieName is the name of the session cookie. Browsers take a cookie with the
// prefix __Host- only from this very host, over https and for every path (RFC
// 6265bis, section 4.1.3.2), so no sibling domain can plant one.
func cookieName(k *kernel) string {
	if strings.HasPrefix(k.config.BaseURL, "https://") {
		return "__Host-session"
	}
	return "session"
}

// cookieOf returns the session cookie of a request, or "". Two cookies of the
// name are refused: one of them was planted, and which one cannot be told.
func cookieOf(k *kernel, r *http.Request) (string, error) {
	found := r.CookiesNamed(cookieName(k))
	switch {
	case len(found) == 0 || len(found) == 1 && found[0].Value == "":
		return "", nil
	case len(found) > 1:
		return "", ErrInvalidToken
	}
	return found[0].Value, nil
}

// identifyUser checks the access token when it is there, and the session cookie
// otherwise.
func (k *kernel) identifyUser(ctx context.Context, r *http.Request, c *caller, fresh bool) error {
	raw, err := bearer(r)
	switch {
	case err != nil:
		return err
	case raw != "":
		return k.verifyAccess(ctx, raw, fresh, c)
	case k.config.Cookies:
		return identifyCookie(ctx, k, r, c, fresh)
	}
	return nil
}

// cookieRefused says whether a caller was refused for the session cookie alone.
func cookieRefused(k *kernel, r *http.Request, c *caller, err error) bool {
	if !k.config.Cookies || asError(err).Status != http.StatusUnauthorized || len(r.Header["X-Api-Key"]) > 0 && c.key == nil {
		return false
	}
	token, malformed := bearer(r)
	return token == "" && malformed == nil && len(r.CookiesNamed(cookieName(k))) > 0
}

// identifyCookie fills in the caller that a session cookie stands for, and
// renews the cookie where that is due.
func identifyCookie(ctx context.Context, k *kernel, r *http.Request, c *caller, fresh bool) error {
	text, err := cookieOf(k, r)
	if err != nil || text == "" {
		return err
	}
	if err := sameOrigin(k, r); err != nil {
		return err
	}
	token, err := k.cookies.Open(text)
	if err != nil {
		return ErrInvalidToken
	}
	now := k.now()
	// A racer may renew the cookie between the look and the write: then one more
	// look finds that this cookie is now the one before.
	for range 3 {
		if err := k.live.Find(ctx, k.store, token.SessionID(), now, fresh, &c.session, &c.user); err != nil {
			return fault(err)
		}
		if err := mayGoOn(&c.session, &c.user, c.session.UserID, now); err != nil {
			return err
		}
		done, err := takeCookie(ctx, k, r, c, &token, now, fresh)
		if err != nil {
			return err
		}
		if done {
			if err := keepOut(ctx, k, k.store, &c.session, &c.user); err != nil {
				return err
			}
			k.active.Seen(c.session.ID, c.session.LastActivityAt, now)
			c.signedIn = true
			return nil
		}
		fresh = true
	}
	return ErrUnavailable.because(errors.New("the session changed at every attempt"))
}

// takeCookie compares a cookie with the session that was read. It answers false
// where the session must be read afresh.
func takeCookie(ctx context.Context, k *kernel, r *http.Request, c *caller, token *refreshtoken.Token, now time.Time, fresh bool) (bool, error) {
	var next [32]byte
	if token.Generation == c.session.Generation-1 {
		next = k.cookies.Successor(token, &c.session)
	}
	switch verdict := refreshtoken.Judge(token, next, &c.session, now, max(cookieGrace, k.config.Sessions.RefreshGrace)); {
	case verdict == refreshtoken.Rotate:
		if storesCookies(r) && now.Sub(c.session.RotatedAt) >= cookieRenewedAfter {
			return renewCookie(ctx, k, c, token, now)
		}
		if c.session.Confirmed < token.Generation {
			confirmSession(ctx, k, c, token.Generation, store.NoAnswer)
		}
	case verdict == refreshtoken.Repeat:
		if storesCookies(r) {
			return true, c.renewed(k, token.Generation+1, next, now)
		}
	case !fresh:
		return false, nil // what is remembered may be older than the truth
	default:
		// Only this session ends: a browser that lost what it had stored, as after a
		// crash, sends an old cookie too.
		if err := endForked(ctx, k, &c.session, verdict, now); err != nil {
			return false, err
		}
		return false, ErrSessionExpired
	}
	return true, nil
}

// renewCookie moves the session to its next generation. It answers false where
// another request was faster.
func renewCookie(ctx context.Context, k *kernel, c *caller, token *refreshtoken.Token, now time.Time) (bool, error) {
	next := k.cookies.Successor(token, &c.session)
	session, user, won, err := k.store.RotateSessionUser(ctx, store.Rotation{
		Tenant: tenant, ID: c.session.ID, Generation: token.Generation,
		SecretHash: refreshtoken.Hash(token.Secret), NextHash: refreshtoken.Hash(next),
		Now: now, ExpiresAt: now.Add(k.config.Sessions.RefreshTTL),
	})
	if err != nil {
		// The session is read and lives; a store that cannot be written to at the
		// moment must not shut its users out.
		k.log.WarnContext(ctx, "could not renew a session cookie", "session", c.session.ID, "error", err)
		return true, nil
	}
	if !won {
		return false, nil
	}
	c.session, c.user = session, user
	k.afterCommit(func() { k.live.Forget(user.ID) })
	return true, c.renewed(k, session.Generation, next, now)
}

// renewed keeps the cookie that goes out with the answer.
func (c *caller) renewed(k *kernel, generation int64, secret [32]byte, now time.Time) error {
	cookie, err := sealCookie(k, c.session.ID, c.session.ExpiresAt, generation, secret, now)
	if err == nil {
		c.cookie = cookie
	}
	return err
}

// endForked ends the session whose token or cookie is in two hands, or was never
// issued. The user's other sessions go on.
func endForked(ctx context.Context, k *kernel, session *store.Session, verdict refreshtoken.Verdict, now time.Time) error {
	kind, reason := eventSessionEnded, endedByFork
	if verdict == refreshtoken.Theft {
		kind, reason = eventRefreshReused, endedByReuse
	}
	return k.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		tx.touch(session.UserID)
		ended, err := tx.EndSession(ctx, tenant, session.UserID, session.ID, now, reason)
		if err != nil || !ended {
			return err
		}
		return tx.record(ctx, event{kind: kind, subject: session.UserID, data: eventData{"session": session.ID, "reason": reason}})
	})
}

// storesCookies says whether a request comes from a browser, which stores the
// cookie of the answer. A program that passes a browser's cookie on could not.
func storesCookies(r *http.Request) bool { return r.Header.Get("Sec-Fetch-Site") != "" }

// sealCookie makes the session cookie of a generation.
func sealCookie(k *kernel, sessionID string, expires time.Time, generation int64, secret [32]byte, now time.Time) (*http.Cookie, error) {
	text, err := k.cookies.Seal(sessionID, generation, secret)
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	cookie := bareCookie(k) //nolint:gosec // bareCookie sets the attributes
	cookie.Value = text
	cookie.MaxAge = max(1, int(expires.Sub(now)/time.Second))
	return cookie, nil
}

func bareCookie(k *kernel) *http.Cookie {
	cookie := &http.Cookie{ //nolint:gosec // http has no Secure
		Name: cookieName(k), Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(k.config.BaseURL, "https://"),
	}
	if k.config.PartitionedCookies {
		cookie.SameSite, cookie.Partitioned = http.SameSiteNoneMode, true
	}
	return cookie
}

// deviceCookieName is the name of the cookie that holds the token of a remembered
// device.
func deviceCookieName(k *kernel) string {
	return strings.TrimSuffix(cookieName(k), "session") + "device"
}

// deviceCookie holds the token of a device that needs no second factor for a while.
func deviceCookie(k *kernel, token string) *http.Cookie {
	cookie := bareCookie(k) //nolint:gosec // bareCookie sets the attributes
	cookie.Name, cookie.Value, cookie.MaxAge = deviceCookieName(k), token, int(k.config.MFA.Remember/time.Second)
	return cookie
}

// rememberedBy returns the device token of a request, or "".
func rememberedBy(k *kernel, r *http.Request) string {
	if found := r.CookiesNamed(deviceCookieName(k)); len(found) == 1 {
		return found[0].Value
	}
	return ""
}

// rememberedIn returns the device token of a request in cookie mode, or "".
func rememberedIn(k *kernel, r *http.Request) string {
	if !wantsCookie(k, r) {
		return ""
	}
	return rememberedBy(k, r)
}

// browserCookieName is the name of the cookie that a paused sign-in is bound to.
func browserCookieName(k *kernel) string {
	return strings.TrimSuffix(cookieName(k), "session") + "signin"
}

// browserCookie holds the secret of the browser that a sign-in was paused in, for
// as long as the sign-in waits.
func browserCookie(k *kernel, secret string) *http.Cookie {
	cookie := bareCookie(k) //nolint:gosec // bareCookie sets the attributes
	cookie.Name, cookie.Value, cookie.MaxAge = browserCookieName(k), secret, int(ticketLife/time.Second)
	return cookie
}

// browserAt is the browser that a request comes from. Two cookies of the name are
// none: one of them was planted.
func browserAt(k *kernel, r *http.Request) *browser {
	b := &browser{binds: wantsCookie(k, r)}
	if found := r.CookiesNamed(browserCookieName(k)); len(found) == 1 && wellFormed(found[0].Value) {
		b.secret = found[0].Value
	}
	return b
}

// putCookie writes a cookie, in the place of an earlier cookie of the name in the
// same answer. No cache may keep the answer.
func putCookie(h http.Header, cookie *http.Cookie) {
	h["Set-Cookie"] = slices.DeleteFunc(h["Set-Cookie"], func(line string) bool { return strings.HasPrefix(line, cookie.Name+"=") })
	h.Add("Set-Cookie", cookie.String())
	h.Set("Cache-Control", "no-store")
}

// clearCookie tells the browser to forget its session cookie.
func clearCookie(k *kernel, h http.Header) {
	cookie := bareCookie(k) //nolint:gosec // bareCookie sets the attributes
	cookie.MaxAge = -1
	putCookie(h, cookie)
}

// wantsCookie says whether a client asks to be signed in by a cookie.
func wantsCookie(k *kernel, r *http.Request) bool {
	return k.config.Cookies && r.Header.Get("X-Session-Mode") == "cookie"
}

// sameOrigin refuses requests that change something and that a page of another
// origin makes. Browsers say where a request comes from in Sec-Fetch-Site (W3C
// Fetch Metadata) and in Origin (RFC 6454, section 7). A request without both
// comes from no browser of today, and carries no cookie that it was not given.
// A handshake of a WebSocket is a GET, and is asked too.
func sameOrigin(k *kernel, r *http.Request) error {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions:
		if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			return nil
		}
	}
	origin, site := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	switch {
	case len(origin) == 0 && len(site) == 0:
		return nil
	case len(site) == 1 && (site[0] == "same-origin" || site[0] == "none"):
		return nil
	case len(origin) == 1 && len(site) <= 1 && (origin[0] == k.origin || slices.Contains(k.config.AllowedOrigins, origin[0])):
		return nil
	}
	from := strings.Join(origin, ", ")
	if len(from) > maxOriginShown {
		from = from[:maxOriginShown]
	}
	k.log.WarnContext(r.Context(), "a page of another origin made a request with a session cookie, and was refused; "+
		"where that page is yours, name its origin in Config.AllowedOrigins",
		"origin", from, "expected", k.origin, "site", strings.Join(site, ", "))
	return ErrCrossOrigin.detail("origin", strings.ToValidUTF8(from, "?")).detail("expected", k.origin).detail("setting", "Config.AllowedOrigins")
}

// maxOriginShown bounds what is repeated of a header.
const maxOriginShown = 200
