package e2e_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// TestAC189_TenThousandRequestsOfJunk builds requests from the list of routes
// and bodies that once were good: no 5xx, no panic, and no answer that the
// document does not know. The seed is printed, so that a failure can be
// repeated.
func TestAC189_TenThousandRequestsOfJunk(t *testing.T) {
	const requests = 10_000
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		seed := uint64(time.Now().UnixNano())
		t.Logf("seed %d", seed)
		j := newJunk(s, rand.New(rand.NewPCG(seed, 0)))
		share := requests
		if raced || !strings.HasSuffix(t.Name(), "/memory") {
			share /= 5 // the SQL stores and the race detector see fewer, of the same kinds
		}
		durations := make([]time.Duration, 0, share)
		for range share {
			method, target, body, sets := j.request()
			begun := time.Now()
			answer := s.Do(method, target, body, sets...)
			durations = append(durations, time.Since(begun))
			if answer.Status == 0 || answer.Status >= 500 {
				t.Fatalf("seed %d: %s %.200s with %.500v answered %d %s", seed, method, target, body, answer.Status, answer.Body)
			}
		}
		slices.Sort(durations)
		if slowest := durations[share*99/100]; slowest > harness.Patience/4 {
			t.Errorf("the slowest hundredth took %v and more", slowest)
		}
	}, func(c *admit.Config) { c.InsecureNoLimits = true })
}

// junk makes requests that are nearly good.
type junk struct {
	*rand.Rand
	routes []admit.Route
	words  []string
	tokens []string
	keys   []string
}

func newJunk(s *harness.Server, random *rand.Rand) *junk {
	p, admin := s.SignUp("a@x.test"), s.Admin()
	_, secret := s.NewKey("secret")
	_, publishable := s.NewKey("publishable", "auth:*", "users:read")
	return &junk{
		Rand: random, routes: s.Auth.Routes(),
		tokens: []string{p.Access, p.Refresh, admin.Access, "x", ""},
		keys:   []string{secret, publishable, "sk_", "x"},
		words: []string{
			"a@x.test", harness.Password, "Ada", p.ID, p.Access, p.Refresh, secret, "", "null", "0", "-1", "1e999", "true", "password", "magiclink",
			"https://app.example/x", "javascript:alert(1)", "//evil.test", "\x00", "\xff\xfe", "\u202e", "🦊", strings.Repeat("x", 300),
			strings.Repeat("é", 5000), "' or 1=1 --", "%00", "../..", "{{.}}", "\r\nX: y", "2026-01-01T00:00:00Z", "users:read", "*:*",
		},
	}
}

func pick[T any](j *junk, list []T) T { return list[j.IntN(len(list))] }

// fields are the names that some body has.
var fields = []string{
	"email", "password", "name", "method", "callbackUrl", "refreshToken", "token", "newPassword", "currentPassword", "type", "environment", "scopes",
	"expiresAt", "code", "requestId", "invitationToken", "mfaCode", "role", "id", "EMAIL", "",
}

func (j *junk) request() (method, target string, body any, sets []harness.Set) {
	r := pick(j, j.routes)
	method, target = r.Method, fill(r.Path, url.PathEscape(pick(j, j.words)))
	if j.IntN(10) == 0 {
		method = pick(j, []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "JUNK"})
	}
	if j.IntN(10) == 0 {
		at := j.IntN(len(target)) + 1
		changed := target[:at] + pick(j, []string{"/", "//", "%2f", "%00", ".", ".."}) + target[at:]
		if _, err := url.PathUnescape(changed); err == nil { // what does not unescape never gets past net/http
			target = changed
		}
	}
	if j.IntN(3) == 0 {
		values := url.Values{}
		for range j.IntN(4) {
			values.Add(pick(j, append(fields, "page", "limit", "token")), pick(j, j.words))
		}
		target += "?" + values.Encode()
	}
	if method != "GET" && method != "HEAD" || j.IntN(20) == 0 {
		body = j.body()
	}
	for _, set := range []harness.Set{
		harness.Bearer(pick(j, j.tokens)),
		harness.Key(pick(j, j.keys)),
		harness.Header("Content-Type", pick(j, []string{"application/json", "text/plain", "application/json; charset=utf-8", "", "multipart/form-data", "x/y; =", "application/x-www-form-urlencoded"})),
		harness.Header("Origin", pick(j, []string{"https://app.example", "https://evil.test", "null", ""})),
		harness.Header("Accept", pick(j, []string{"application/json", "text/html", "*/*", ";;;"})),
		harness.Header("X-Forwarded-For", pick(j, []string{"1.2.3.4", "x", "::1", ",,,"})),
		harness.Header("User-Agent", pick(j, []string{"", "x", strings.Repeat("u", 5000), "\xff\xfe"})),
		harness.Header("Cookie", pick(j, []string{"a=b", "__Host-session=x", ";;;", "\""})),
		harness.Header("Sec-Fetch-Site", pick(j, []string{"cross-site", "same-origin", "?"})),
		harness.Header("X-Session-Mode", pick(j, []string{"cookie", "token", "?"})),
	} {
		if j.IntN(4) == 0 {
			sets = append(sets, set)
		}
	}
	return method, target, body, sets
}

// body is a JSON object of known fields, and half the time something is done to
// it.
func (j *junk) body() any {
	object := map[string]any{}
	for range j.IntN(6) {
		object[pick(j, fields)] = j.value(3)
	}
	if j.IntN(2) == 0 {
		object["email"], object["password"], object["name"] = "a@x.test", harness.Password, "Ada"
	}
	text, err := json.Marshal(object)
	if err != nil {
		return fmt.Sprint(object)
	}
	switch j.IntN(12) {
	case 0:
		return text[:j.IntN(len(text)+1)]
	case 1:
		return append(text, text...)
	case 2:
		for range 1 + j.IntN(5) {
			text[j.IntN(len(text))] = byte(j.IntN(256))
		}
		return text
	case 3:
		return strings.Replace(string(text), "{", `{"email":"b@x.test","email":"c@x.test",`, 1)
	case 4:
		return strings.ReplaceAll(string(text), "a", `\u0000`)
	case 5:
		return strings.Repeat(string(text), 2000)[:min(70_000, 2000*len(text))]
	case 6:
		return strings.Repeat(pick(j, []string{"[", `{"a":`, "\"", "1"}), 1+j.IntN(20_000))
	}
	return text
}

func (j *junk) value(depth int) any {
	switch n := j.IntN(10); {
	case n < 5:
		return pick(j, j.words)
	case n == 5:
		return j.Int64() - 1<<62
	case n == 6:
		return nil
	case n == 7:
		return j.IntN(2) == 0
	case depth == 0:
		return j.Float64()
	case n == 8:
		list := []any{}
		for range j.IntN(4) {
			list = append(list, j.value(depth-1))
		}
		return list
	}
	return map[string]any{pick(j, fields): j.value(depth - 1)}
}

// TestAC190_RefusalsOfTheServerItselfTellNothing: what net/http answers before
// the handler sees a request.
func TestAC190_RefusalsOfTheServerItselfTellNothing(t *testing.T) {
	s := harness.New(t)
	for _, path := range []string{"/", "/v1", "/v1/", "/v2/auth/me", "/.well-known/", "/.well-known/openid", "/favicon.ico"} {
		s.Do("GET", path, nil).Want(http.StatusNotFound, "auth/not-found")
	}
}
