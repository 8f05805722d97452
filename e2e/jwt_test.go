package e2e_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/store"
)

// forger knows a good token, and the very key that signed it: what it makes
// differs from a good token in one point only.
type forger struct {
	s    *harness.Server
	good string
	key  *ecdsa.PrivateKey
	// header and claims are those of the good token.
	header, claims map[string]any
}

func newForger(t *testing.T, s *harness.Server) *forger {
	t.Helper()
	f := &forger{s: s, good: s.SignUp("a@x.test").Access}
	parts := strings.Split(f.good, ".")
	for i, into := range []*map[string]any{&f.header, &f.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, into); err != nil {
			t.Fatal(err)
		}
	}
	secret, _ := hex.DecodeString(harness.Secret)
	ring, err := sealed.New([][]byte{secret})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := s.Store.ListKeys(t.Context(), "")
	keys = slices.DeleteFunc(keys, func(k store.Key) bool { return k.Purpose != "access-token" })
	if err != nil || len(keys) != 1 {
		t.Fatalf("keys %v, %v", keys, err)
	}
	raw, err := ring.Open(keys[0].Purpose, []byte(keys[0].ID), keys[0].Sealed)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		t.Fatal(err)
	}
	f.key = private.(*ecdsa.PrivateKey)
	// The forger's own tokens are good when nothing is changed.
	if f.s.Me(f.sign(f.header, f.claims)).Status != http.StatusOK {
		t.Fatal("a token signed with the right key is refused, so no forgery proves anything")
	}
	return f
}

func encode(part any) string {
	switch part := part.(type) {
	case string:
		return base64.RawURLEncoding.EncodeToString([]byte(part))
	default:
		raw, _ := json.Marshal(part)
		if header, ok := part.(map[string]any); ok && header["alg"] != nil {
			raw = headerJSON(header)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
}

// headerJSON writes a header with its usual fields in the usual order.
func headerJSON(header map[string]any) []byte {
	var out bytes.Buffer
	write := func(name string) {
		value, ok := header[name]
		if !ok {
			return
		}
		if out.Len() > 0 {
			out.WriteByte(',')
		}
		raw, _ := json.Marshal(value)
		fmt.Fprintf(&out, "%q:%s", name, raw)
	}
	for _, name := range []string{"alg", "kid", "typ"} {
		write(name)
	}
	for name := range header {
		if name != "alg" && name != "kid" && name != "typ" {
			write(name)
		}
	}
	return []byte("{" + out.String() + "}")
}

// sign makes a token with the server's own key. Header and claims are maps or,
// as texts, the JSON itself.
func (f *forger) sign(header, claims any) string {
	signed := encode(header) + "." + encode(claims)
	if h, ok := header.(map[string]any); ok && equalMaps(h, f.header) {
		signed = strings.Split(f.good, ".")[0] + "." + encode(claims)
	}
	hash := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, f.key, hash[:])
	if err != nil {
		f.s.T.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...))
}

func equalMaps(a, b map[string]any) bool {
	x, _ := json.Marshal(a)
	y, _ := json.Marshal(b)
	return bytes.Equal(x, y)
}

// with returns a copy with a field changed; nil removes it.
func with(fields map[string]any, name string, value any) map[string]any {
	changed := maps.Clone(fields)
	if value == nil {
		delete(changed, name)
	} else {
		changed[name] = value
	}
	return changed
}

// refused demands 401 from the API, the middleware and VerifyToken.
func (f *forger) refused(what, token string) {
	f.s.T.Helper()
	answer := f.s.Me(token)
	if answer.Status != http.StatusUnauthorized || answer.Code() != "auth/invalid-token" && answer.Code() != "auth/token-expired" {
		f.s.T.Errorf("%s: answered %d %s", what, answer.Status, answer.Body)
	}
	if host := f.s.Do("GET", "/app/hello", nil, harness.Bearer(token)); host.Status != http.StatusUnauthorized {
		f.s.T.Errorf("%s: the middleware answered %d", what, host.Status)
	}
	if _, _, err := f.s.Auth.VerifyToken(f.s.T.Context(), token); err == nil {
		f.s.T.Errorf("%s: VerifyToken took it", what)
	}
}

func TestAC092_NoAlgorithmIsNone(t *testing.T) {
	f := newForger(t, harness.New(t))
	for _, alg := range []any{"none", "None", "nOnE", "NONE", "", nil, []string{"none"}, "ES256 ", "es256", "ES384", "EdDSA", "PS256", 7} {
		header := with(f.header, "alg", alg)
		signed := encode(header) + "." + encode(f.claims)
		f.refused(fmt.Sprint("alg ", alg), f.sign(header, f.claims))
		f.refused(fmt.Sprint("no signature, alg ", alg), signed+".")
		f.refused(fmt.Sprint("two parts, alg ", alg), signed)
	}
	f.refused("alg null", f.sign(`{"alg":null,"kid":"`+f.header["kid"].(string)+`","typ":"at+jwt"}`, f.claims))
	f.refused("the good header without signature", strings.Join(strings.Split(f.good, ".")[:2], ".")+".")
}

func TestAC093_APublicKeyIsNoSharedSecret(t *testing.T) {
	f := newForger(t, harness.New(t))
	der, err := x509.MarshalPKIXPublicKey(&f.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	point, err := f.key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	keySet := f.s.Do("GET", "/.well-known/jwks.json", nil).Want(http.StatusOK)
	block := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	first, _ := json.Marshal(keySet.Get("keys").([]any)[0])
	for name, secret := range map[string][]byte{
		"PEM": block, "PEM without newline": bytes.TrimSpace(block), "DER": der, "point": point, "JWKS": keySet.Body, "JWK": first, "nothing": nil,
	} {
		for _, alg := range []string{"HS256", "ES256"} {
			header := with(f.header, "alg", alg)
			signed := encode(header) + "." + encode(f.claims)
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(signed))
			f.refused(name+" as "+alg, signed+"."+base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
		}
	}
}

func TestAC094_AKeyIDIsNothingButAName(t *testing.T) {
	f := newForger(t, harness.New(t))
	kid := f.header["kid"].(string)
	for _, bad := range []any{
		"../../dev/null", "/dev/null", "' OR 1=1 --", "http://127.0.0.1:1/key", "", strings.Repeat("k", 3000), []string{kid}, map[string]any{"a": 1}, 7, nil,
		kid + " ", strings.ToUpper(kid), kid + "\x00", "unknown", true,
	} {
		f.refused(fmt.Sprintf("kid %.40v", bad), f.sign(with(f.header, "kid", bad), f.claims))
	}
}

func TestAC095_KeysInTheHeaderAreNotUsed(t *testing.T) {
	f := newForger(t, harness.New(t))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	visited := make(chan struct{}, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			visited <- struct{}{}
			conn.Close()
		}
	}()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := own.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	mine := *f
	mine.key = own
	place := "http://" + listener.Addr().String() + "/keys"
	for name, value := range map[string]any{
		"jwk": map[string]any{
			"kty": "EC", "crv": "P-256", "x": base64.RawURLEncoding.EncodeToString(point[1:33]), "y": base64.RawURLEncoding.EncodeToString(point[33:]),
		},
		"jku": place, "x5u": place, "x5c": []string{"AAAA"}, "x5t": "AAAA",
	} {
		f.refused(name+" with another key", mine.sign(with(f.header, name, value), f.claims))
		f.refused(name+" with the right key", f.sign(with(f.header, name, value), f.claims))
	}
	f.refused("another key under the same kid", mine.sign(f.header, f.claims))
	select {
	case <-visited:
		t.Error("the server followed an address in a token")
	default:
	}
}

func TestAC096_NoExtensionOfTheHeaderIsTaken(t *testing.T) {
	f := newForger(t, harness.New(t))
	for name, header := range map[string]map[string]any{
		"crit":        with(f.header, "crit", []string{"x"}),
		"empty crit":  with(f.header, "crit", []string{}),
		"b64":         with(with(f.header, "b64", false), "crit", []string{"b64"}),
		"zip":         with(f.header, "zip", "DEF"),
		"cty":         with(f.header, "cty", "JWT"),
		"typ JWT":     with(f.header, "typ", "JWT"),
		"typ id":      with(f.header, "typ", "id+jwt"),
		"typ refresh": with(f.header, "typ", "refresh"),
		"no typ":      with(f.header, "typ", nil),
	} {
		f.refused(name, f.sign(header, f.claims))
	}
}

func TestAC097_ClaimsOfAnotherTypeAreRefused(t *testing.T) {
	s := harness.New(t)
	f := newForger(t, s)
	now := s.Clock.Now().Unix()
	for name, values := range map[string][]any{
		"exp": {nil, "tomorrow", fmt.Sprint(now + 60), -1, 0, now, now - 1, []int64{now + 60}, true, float64(now) + 60.5, json.RawMessage("1e400"), json.RawMessage("99999999999999999999")},
		"nbf": {now + 3600, "x", json.RawMessage("1e400")},
		"iat": {nil, now + 3600, "x", -1, 0, []int{1}},
		"aud": {nil, "", "other", []string{"other"}, []string{harness.BaseURL}, 7, map[string]any{}, harness.BaseURL + "/"},
		"iss": {nil, "", "https://evil.test", []string{harness.BaseURL}, harness.BaseURL + "/", 7},
		"sub": {nil, "", 7, []string{"x"}, "0190d9a4-0000-7000-8000-00000000ffff", strings.ToUpper(f.claims["sub"].(string))},
		"sid": {nil, "", 7, "0190d9a4-0000-7000-8000-00000000ffff", map[string]any{}},
		"jti": {nil, "", 7, []string{}, "x", "-1.x", "0.x", "99999999999999999999.x"},
	} {
		for _, value := range values {
			claims := with(f.claims, name, value)
			token := f.sign(f.header, claims)
			answer := s.Me(token)
			if answer.Status != http.StatusUnauthorized {
				t.Errorf("%s %v: answered %d %s", name, value, answer.Status, answer.Body)
			}
		}
	}
	for name, claims := range map[string]string{
		"null": "null", "a list": "[]", "a text": `"x"`, "nothing": "", "cut": `{"iss":`, "trailing": `{} {}`,
	} {
		f.refused("claims "+name, f.sign(f.header, claims))
	}
	whole, _ := json.Marshal(f.claims)
	f.refused("a claim twice", f.sign(f.header, strings.Replace(string(whole), "{", `{"sub":"`+f.claims["sub"].(string)+`",`, 1)))
	f.refused("trailing data", f.sign(f.header, string(whole)+"{}"))
}

func TestTK04_AnAccessTokenEndsOnTheSecond(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	s.Clock.Advance(time.Hour - time.Second)
	s.Me(p.Access).Want(http.StatusOK)
	s.Process().Me(p.Access).Want(http.StatusOK)
	s.Clock.Advance(time.Second)
	s.Me(p.Access).Want(http.StatusUnauthorized, "auth/token-expired")
	s.Process().Me(p.Access).Want(http.StatusUnauthorized, "auth/token-expired")
	s.Refresh(p.Refresh).Want(http.StatusOK)
}

func TestAC098_OnlyTheCompactFormIsRead(t *testing.T) {
	f := newForger(t, harness.New(t))
	parts := strings.Split(f.good, ".")
	last := parts[2][len(parts[2])-1]
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	twin := alphabet[strings.IndexByte(alphabet, last)^1]
	for name, token := range map[string]string{
		"two parts":            parts[0] + "." + parts[1],
		"four parts":           f.good + ".x",
		"five parts":           f.good + ".x.y",
		"an empty part":        parts[0] + ".." + parts[2],
		"dots":                 strings.Repeat(".", 4000),
		"many dots":            strings.Repeat(".", 500_000),
		"long":                 parts[0] + "." + strings.Repeat("A", 500_000) + "." + parts[2],
		"padding":              f.good + "=",
		"padded parts":         parts[0] + "=." + parts[1] + "==." + parts[2],
		"base64":               strings.NewReplacer("-", "+", "_", "/").Replace(f.good) + "+",
		"other last bits":      f.good[:len(f.good)-1] + string(twin),
		"a blank inside":       parts[0] + "." + parts[1][:9] + " " + parts[1][9:] + "." + parts[2],
		"the JSON form":        `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"a header not UTF-8":   f.sign("{\"alg\":\"ES256\",\"kid\":\"\xff\",\"typ\":\"at+jwt\"}", f.claims),
		"a header twice alg":   f.sign(`{"alg":"ES256","alg":"ES256","kid":"`+f.header["kid"].(string)+`","typ":"at+jwt"}`, f.claims),
		"a header with blanks": f.sign(`{"alg": "ES256", "kid": "`+f.header["kid"].(string)+`", "typ": "at+jwt"}`, f.claims),
		"a header not JSON":    f.sign("x", f.claims),
		"a changed claim":      parts[0] + "." + encode(with(f.claims, "role", "admin")) + "." + parts[2],
	} {
		begun := time.Now()
		f.refused(name, token)
		if took := time.Since(begun); took > harness.Patience/2 { // work that grows with the square of the length takes hours
			t.Errorf("%s took %v", name, took)
		}
	}
}

func TestAC099_OddSignaturesAreRefused(t *testing.T) {
	s := harness.New(t)
	f := newForger(t, s)
	parts := strings.Split(f.good, ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	order := elliptic.P256().Params().N
	r, sig := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	der, _ := asn1.Marshal(struct{ R, S *big.Int }{r, sig})
	two := func(r, s *big.Int) []byte {
		return append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	}
	zero := new(big.Int)
	for name, signature := range map[string][]byte{
		"zero":        two(zero, zero),
		"r zero":      two(zero, sig),
		"s zero":      two(r, zero),
		"r the order": two(order, sig),
		"s the order": two(r, order),
		"DER":         der,
		"short":       raw[:63],
		"long":        append(bytes.Clone(raw), 0),
		"half":        raw[:32],
		"empty":       {},
		"padded":      append([]byte{0}, raw...),
		"swapped":     append(bytes.Clone(raw[32:]), raw[:32]...),
	} {
		f.refused(name, parts[0]+"."+parts[1]+"."+base64.RawURLEncoding.EncodeToString(signature))
	}
	// The twin of a signature (n - s) verifies, as ECDSA has it. It gives no
	// other rights: when the session has ended, neither form works.
	twin := parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(two(r, new(big.Int).Sub(order, sig)))
	s.SignOut(f.good).Want(http.StatusOK)
	s.Me(twin).Want(http.StatusUnauthorized)
}

func TestAC100_NoOtherTokenIsAnAccessToken(t *testing.T) {
	s := harness.New(t)
	p := s.SignUp("a@x.test")
	_, key := s.NewKey("secret")
	mail := wait(s, "a@x.test")
	_, mailed, _ := strings.Cut(mail.Text, "token=")
	mailed, _, _ = strings.Cut(mailed, "&")
	elsewhere := harness.New(t, func(c *admit.Config) { c.Audience = "https://other.example" })
	for name, token := range map[string]string{
		"a refresh token": p.Refresh, "an API key": key, "a mailed token": mailed, "another audience": elsewhere.SignUp("a@x.test").Access,
		"a password": harness.Password, "a session id": current(s, p.Access), "a user id": p.ID,
	} {
		if token == "" {
			t.Errorf("%s: there is none", name)
		}
		s.Me(token).Want(http.StatusUnauthorized, "auth/invalid-token")
	}
	for name, token := range map[string]string{"an access token": p.Access, "a mailed token": mailed, "an API key": key} {
		if answer := s.Refresh(token); answer.Status != http.StatusUnauthorized {
			t.Errorf("%s as a refresh token: answered %d", name, answer.Status)
		}
		s.Do("GET", "/v1/admin/api-keys", nil, harness.Key(token+"x")).Want(http.StatusUnauthorized, "auth/invalid-api-key")
	}
}

func TestAC101_WeakConfigurationsAreRefused(t *testing.T) {
	good := func() admit.Config {
		return admit.Config{BaseURL: harness.BaseURL, Secrets: admit.Secrets(harness.Secret), Store: harness.New(t).Store, Mailer: harness.New(t).Mail}
	}
	if _, err := admit.New(good()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*admit.Config){
		"no secret":             func(c *admit.Config) { c.Secrets = nil },
		"an empty secret":       func(c *admit.Config) { c.Secrets = admit.Secrets("") },
		"five bytes":            func(c *admit.Config) { c.Secrets = admit.Secrets("12345") },
		"31 bytes":              func(c *admit.Config) { c.Secrets = admit.Secrets(harness.Secret[:31]) },
		"changeme":              func(c *admit.Config) { c.Secrets = admit.Secrets("changeme") },
		"changeme, long":        func(c *admit.Config) { c.Secrets = admit.Secrets(strings.Repeat("changeme", 8)) },
		"zeros":                 func(c *admit.Config) { c.Secrets = admit.Secrets(strings.Repeat("0", 64)) },
		"one letter":            func(c *admit.Config) { c.Secrets = admit.Secrets(strings.Repeat("a", 40)) },
		"a weak second":         func(c *admit.Config) { c.Secrets = admit.Secrets(harness.Secret, "x") },
		"no base URL":           func(c *admit.Config) { c.BaseURL = "" },
		"http":                  func(c *admit.Config) { c.BaseURL = "http://app.example" },
		"no host":               func(c *admit.Config) { c.BaseURL = "https://" },
		"a query":               func(c *admit.Config) { c.BaseURL = "https://app.example?x" },
		"userinfo":              func(c *admit.Config) { c.BaseURL = "https://me@app.example" },
		"javascript":            func(c *admit.Config) { c.BaseURL = "javascript:alert(1)" },
		"no store":              func(c *admit.Config) { c.Store = nil },
		"no mailer":             func(c *admit.Config) { c.Mailer = nil },
		"any origin":            func(c *admit.Config) { c.AllowedOrigins = []string{"*"} },
		"origins of a kind":     func(c *admit.Config) { c.AllowedOrigins = []string{"https://*.app.example"} },
		"origin null":           func(c *admit.Config) { c.AllowedOrigins = []string{"null"} },
		"an origin with a path": func(c *admit.Config) { c.AllowedOrigins = []string{"https://app.example/"} },
		"any redirect":          func(c *admit.Config) { c.AllowedRedirects = []string{"*"} },
		"redirects of a kind":   func(c *admit.Config) { c.AllowedRedirects = []string{"https://*.app.example"} },
		"alg none":              func(c *admit.Config) { c.Sessions.Algorithm = "none" },
		"an endless session": func(c *admit.Config) {
			c.Sessions.RefreshTTL = 365 * 24 * time.Hour
			c.Sessions.AbsoluteTTL = time.Hour
		},
		"short passwords": func(c *admit.Config) { c.Passwords.MinLength = 4 },
	} {
		config := good()
		change(&config)
		if _, err := admit.New(config); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := admit.New(admit.Config{}); err == nil || strings.Count(err.Error(), "\n") < 3 {
		t.Errorf("an empty configuration does not report every problem: %v", err)
	}
}

func TestAC102_SigningKeysRotateWithoutAGap(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		other := s.Process()
		old := s.SignUp("a@x.test").Tokens
		wait(s, "a@x.test") // before its link expires
		kids := map[string]bool{kidOf(t, old.Access): true}
		tokens := old
		for range 24 { // 120 days in steps that keep the sessions alive
			s.Clock.Advance(5 * 24 * time.Hour)
			answer := other.Refresh(tokens.Refresh)
			if answer.Status != http.StatusOK { // 30 days are over
				answer = other.SignIn("a@x.test", harness.Password).Want(http.StatusOK)
			}
			tokens = answer.Tokens()
			kids[kidOf(t, tokens.Access)] = true
			s.Me(tokens.Access).Want(http.StatusOK)
			other.Me(tokens.Access).Want(http.StatusOK)
			keys := s.Do("GET", "/.well-known/jwks.json", nil).Want(http.StatusOK).Get("keys").([]any)
			if len(keys) > 3 {
				t.Errorf("%d keys are published", len(keys))
			}
		}
		if len(kids) < 2 {
			t.Errorf("one key signed for 120 days")
		}
	})
}

// TK-10: whoever reads the published keys has the next one before it signs, what
// the old one signed goes on, and a key that is removed takes that with it.
func TestTK10_AKeyIsPublishedBeforeItSignsAndItsRemovalKills(t *testing.T) {
	harness.Each(t, func(t *testing.T, s *harness.Server) {
		old := kidOf(t, s.SignUp("a@x.test").Access)
		published := func() (kids []string) {
			for _, key := range s.Do("GET", "/.well-known/jwks.json", nil).Want(http.StatusOK).Get("keys").([]any) {
				kids = append(kids, key.(map[string]any)["kid"].(string))
			}
			return kids
		}
		s.Clock.Advance(90*24*time.Hour - 6*time.Minute)
		before := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		kids := published()
		if len(kids) != 2 || kidOf(t, before.Access) != old {
			t.Errorf("%s signed while %v are published", kidOf(t, before.Access), kids)
		}
		s.Clock.Advance(11 * time.Minute)
		after := s.SignIn("a@x.test", harness.Password).Want(http.StatusOK).Tokens()
		if next := kidOf(t, after.Access); next == old || !slices.Contains(kids, next) {
			t.Errorf("%s signs, which was not published before: %v", next, kids)
		}
		s.Me(before.Access).Want(http.StatusOK)

		keys, err := s.Store.ListKeys(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		// Sweeping at the old key's end, which the server has not come to yet,
		// removes that key early.
		end := keys[slices.IndexFunc(keys, func(k store.Key) bool { return k.ID == old })].ExpiresAt
		if _, err := s.Store.Sweep(t.Context(), end, 100); err != nil {
			t.Fatal(err)
		}
		s.Clock.Advance(2 * time.Minute)
		s.Me(after.Access).Want(http.StatusOK) // which looks at the keys again
		s.Me(before.Access).Want(http.StatusUnauthorized, "auth/invalid-token")
	})
}

func kidOf(t *testing.T, token string) string {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		Kid string `json:"kid"`
	}
	if err := json.Unmarshal(raw, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

func TestEveryAlgorithmSignsAndVerifies(t *testing.T) {
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "HS256"} {
		t.Run(algorithm, func(t *testing.T) {
			s := harness.New(t, func(c *admit.Config) { c.Sessions.Algorithm = algorithm })
			p := s.SignUp("a@x.test")
			s.Process().Alive(p.Tokens)
			keys := s.Do("GET", "/.well-known/jwks.json", nil).Want(http.StatusOK).Get("keys").([]any)
			if want := map[bool]int{true: 0, false: 1}[algorithm == "HS256"]; len(keys) != want {
				t.Errorf("%d keys are published, want %d", len(keys), want)
			}
			for _, bad := range damaged(p.Access) {
				if answer := s.Do("GET", "/v1/auth/me", nil, harness.Header("Authorization", "Bearer "+strings.TrimSpace(bad))); answer.Status != http.StatusUnauthorized && strings.TrimSpace(bad) != p.Access {
					t.Errorf("%q: answered %d", bad, answer.Status)
				}
			}
		})
	}
}
