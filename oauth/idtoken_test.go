package oauth

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/admit-go/admit"
)

// maker is an issuer whose id tokens a test makes by hand.
type maker struct {
	t      *testing.T
	server *httptest.Server
	key    *rsa.PrivateKey
	// published is the answer of the keys' address.
	published atomic.Value
	asked     atomic.Int64
	// down makes the keys' address fail.
	down atomic.Bool
}

// makersKey is the key of each maker, because making one takes long.
var makersKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

func newMaker(t *testing.T) *maker {
	t.Helper()
	key, err := makersKey()
	if err != nil {
		t.Fatal(err)
	}
	m := &maker{t: t, key: key}
	m.publish(jose.JSONWebKey{Key: key.Public(), KeyID: "one", Algorithm: "RS256", Use: "sig"})
	m.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m.asked.Add(1)
		if m.down.Load() {
			http.Error(w, "<html>down</html>", http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write(m.published.Load().([]byte))
	}))
	t.Cleanup(m.server.Close)
	return m
}

func (m *maker) publish(keys ...jose.JSONWebKey) {
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: keys})
	if err != nil {
		m.t.Fatal(err)
	}
	m.published.Store(text)
}

// engine is an engine that knows the issuer.
func (m *maker) engine(change func(*dialect)) *engine {
	d := dialect{
		name: "acme", scopes: []string{"openid"}, openID: true,
		endpoints: Endpoints{Issuer: m.server.URL, Authorization: m.server.URL + "/a", Token: m.server.URL + "/t", Keys: m.server.URL + "/k"},
		person:    OIDC{}.person,
	}
	if change != nil {
		change(&d)
	}
	e := newEngine(d)
	m.t.Cleanup(e.client.CloseIdle)
	return e
}

// good are the claims of a token that is right.
func (m *maker) good() map[string]any {
	return map[string]any{
		"iss": m.server.URL, "sub": "u-1", "aud": "client", "exp": now().Add(time.Hour).Unix(), "iat": now().Unix(), "nonce": "the-nonce",
		"email": "ada@example.com", "email_verified": true,
	}
}

func (m *maker) with(changes map[string]any) map[string]any {
	claims := m.good()
	for name, value := range changes {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	return claims
}

// sign makes a token without help from the library that reads it.
func sign(t *testing.T, header map[string]any, claims any, key any) string {
	t.Helper()
	part := func(v any) string {
		text, ok := v.([]byte)
		if !ok {
			var err error
			if text, err = json.Marshal(v); err != nil {
				t.Fatal(err)
			}
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	signing := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(signing))
	var signature []byte
	var err error
	switch key := key.(type) {
	case *rsa.PrivateKey:
		signature, err = rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	case *ecdsa.PrivateKey:
		r, s, failure := ecdsa.Sign(rand.Reader, key, sum[:])
		signature, err = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...), failure
	case ed25519.PrivateKey:
		signature = ed25519.Sign(key, []byte(signing))
	case []byte:
		signature = key
	}
	if err != nil {
		t.Fatal(err)
	}
	return signing + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func (m *maker) token(claims any) string {
	return sign(m.t, map[string]any{"alg": "RS256", "kid": "one", "typ": "JWT"}, claims, m.key)
}

func finishWith(t *testing.T, e *engine, token string, change func(*admit.ProviderAnswer)) (admit.ProviderIdentity, error) {
	t.Helper()
	answer := admit.ProviderAnswer{IDToken: token, Nonce: "the-nonce", NonceRequired: true, Now: now()}
	if change != nil {
		change(&answer)
	}
	return e.finish(t.Context(), admit.ProviderCredentials{ClientID: "client", ClientSecret: "s3cr3t", Audiences: []string{"app"}}, answer)
}

func TestOA06_IDTokensThatProveNothingAreRefused(t *testing.T) {
	m := newMaker(t)
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head := func(alg string) map[string]any { return map[string]any{"alg": alg, "kid": "one"} }
	mac := func(key []byte) string {
		signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "one"))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(m.good())
		signed, err := signer.Sign(text)
		if err != nil {
			t.Fatal(err)
		}
		compact, err := signed.CompactSerialize()
		if err != nil {
			t.Fatal(err)
		}
		return compact
	}
	public, err := json.Marshal(jose.JSONWebKey{Key: m.key.Public()})
	if err != nil {
		t.Fatal(err)
	}
	good := m.token(m.good())
	parts := strings.Split(good, ".")
	bad := map[string]string{
		"alg none":                       sign(t, head("none"), m.good(), []byte{}),
		"alg None":                       sign(t, head("None"), m.good(), []byte{}),
		"HS256 with the client secret":   mac(bytes.Repeat([]byte("s3cr3t"), 8)),
		"HS256 with the public key":      mac(public),
		"HS256 with the modulus":         mac(m.key.N.Bytes()),
		"the key of somebody else":       sign(t, head("RS256"), m.good(), other),
		"an unknown key id":              sign(t, map[string]any{"alg": "RS256", "kid": "two"}, m.good(), m.key),
		"another alg than the key's":     sign(t, head("ES256"), m.good(), curve),
		"a key of its own in the header": sign(t, map[string]any{"alg": "RS256", "jwk": jose.JSONWebKey{Key: other.Public()}}, m.good(), other),
		"an unknown critical header":     sign(t, map[string]any{"alg": "RS256", "kid": "one", "crit": []string{"x"}, "x": 1}, m.good(), m.key),
		"a changed payload":              parts[0] + "." + strings.TrimSuffix(parts[1], parts[1][len(parts[1])-2:]) + "AA." + parts[2],
		"no signature":                   parts[0] + "." + parts[1] + ".",
		"two parts":                      parts[0] + "." + parts[1],
		"five parts":                     good + ".a.b",
		"JSON":                           `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"junk":                           "not.a.token",
		"a megabyte":                     strings.Repeat("A", 1<<20) + ".A.A",
		"a payload that is no object":    m.token([]byte(`["a"]`)),
		"a payload that is null":         m.token([]byte(`null`)),
		"sub in another case":            m.token([]byte(strings.Replace(mustJSON(t, m.good()), `"sub":"u-1"`, `"sub":"u-1","Sub":"u-2"`, 1))),
		"sub twice":                      m.token([]byte(strings.Replace(mustJSON(t, m.good()), `"sub":"u-1"`, `"sub":"u-1","sub":"u-2"`, 1))),
	}
	for what, changes := range map[string]map[string]any{
		"another aud": {"aud": "other"}, "no aud": {"aud": nil}, "an empty aud": {"aud": ""}, "an empty list": {"aud": []string{}}, "aud in capitals": {"aud": "CLIENT"},
		"several aud without azp": {"aud": []string{"client", "other"}}, "azp of another": {"azp": "other"}, "several aud, azp of another": {"aud": []string{"client", "other"}, "azp": "other"},
		"azp is no text": {"azp": 1}, "azp is empty": {"azp": ""},
		"another iss": {"iss": "https://evil.example"}, "no iss": {"iss": nil}, "iss with a slash": {"iss": m.server.URL + "/"}, "iss is a list": {"iss": []string{m.server.URL}},
		"expired": {"exp": now().Add(-2 * time.Minute).Unix()}, "no exp": {"exp": nil}, "exp is text": {"exp": "never"},
		"iat in an hour": {"iat": now().Add(time.Hour).Unix()}, "no iat": {"iat": nil}, "nbf in an hour": {"nbf": now().Add(time.Hour).Unix()},
		"another nonce": {"nonce": "other"}, "no nonce": {"nonce": nil}, "an empty nonce": {"nonce": ""}, "the hash of the nonce": {"nonce": hashed("the-nonce")},
		"no sub": {"sub": nil}, "an empty sub": {"sub": ""}, "sub is a number": {"sub": 12}, "sub is null": {"sub": json.RawMessage("null")}, "a long sub": {"sub": strings.Repeat("a", 10<<10)}, "sub with a line": {"sub": "a\nb"},
	} {
		bad[what] = m.token(m.with(changes))
	}
	e := m.engine(nil)
	for what, token := range bad {
		_, err := finishWith(t, e, token, nil)
		if !errors.Is(err, admit.ErrInvalidOAuthCode) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "the-nonce")) {
			t.Errorf("%s: the error repeats a secret: %v", what, err)
		}
	}
	if _, err := finishWith(t, e, good, nil); err != nil {
		t.Errorf("a good token, after all that: %v", err)
	}
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestIDTokensThatAreGood(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	for what, changes := range map[string]map[string]any{
		"as it is": {}, "a list of one": {"aud": []string{"client"}}, "an app of the host": {"aud": "app"}, "several, with azp": {"aud": []string{"other", "client"}, "azp": "client"},
		"azp of an app": {"azp": "app"}, "expired a moment ago": {"exp": now().Add(-30 * time.Second).Unix()}, "issued in a moment": {"iat": now().Add(time.Minute).Unix()},
		"sub with blanks": {"sub": " U 1 "}, "sub in capitals": {"sub": "U-1"}, "odd profile": {"name": 1, "picture": map[string]any{"data": "x"}, "locale": []string{"en"}},
	} {
		claims := m.with(changes)
		person, err := finishWith(t, e, m.token(claims), nil)
		if err != nil || person.Subject != claims["sub"] || person.Issuer != m.server.URL || person.Name != "" {
			t.Errorf("%s: %+v, %v", what, person, err)
		}
	}
}

func TestOA03_ANonceIsComparedWheneverThereIsOne(t *testing.T) {
	m := newMaker(t)
	for what, c := range map[string]struct {
		inToken, given string
		required       bool
		rule           nonceRule
		good           bool
	}{
		"the app has none":                      {"", "", false, nonceKept, true},
		"the token has one, the app gives none": {"n", "", false, nonceKept, false},
		"the app gives one, the token has none": {"", "n", false, nonceKept, false},
		"both":                                  {"n", "n", false, nonceKept, true},
		"required, and none":                    {"", "", true, nonceKept, false},
		"a hash, kept":                          {hashed("n"), "n", false, nonceKept, false},
		"a hash, hashed":                        {hashed("n"), "n", true, nonceHashed, true},
		"a hash in capitals":                    {strings.ToUpper(hashed("n")), "n", true, nonceHashed, true},
		"plain, hashed":                         {"n", "n", true, nonceHashed, true},
		"the hash of another":                   {hashed("m"), "n", true, nonceHashed, false},
		"the hash given, the plain in token":    {"n", hashed("n"), true, nonceHashed, false},
		"lost":                                  {"", "n", true, nonceLost, true},
		"lost, and another":                     {"m", "n", true, nonceLost, false},
	} {
		changes := map[string]any{"nonce": c.inToken}
		if c.inToken == "" {
			changes["nonce"] = nil
		}
		_, err := finishWith(t, m.engine(func(d *dialect) { d.nonce = c.rule }), m.token(m.with(changes)), func(a *admit.ProviderAnswer) { a.Nonce, a.NonceRequired = c.given, c.required })
		if (err == nil) != c.good {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestOA03_AnEmptyNonceIsNone(t *testing.T) {
	m := newMaker(t)
	// Slack writes an empty nonce where none was sent.
	token := m.token(m.with(map[string]any{"nonce": ""}))
	if _, err := finishWith(t, m.engine(nil), token, func(a *admit.ProviderAnswer) { a.Nonce, a.NonceRequired = "", false }); err != nil {
		t.Errorf("none was sent: %v", err)
	}
	if _, err := finishWith(t, m.engine(nil), token, func(a *admit.ProviderAnswer) { a.NonceRequired = false }); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("one was sent: %v", err)
	}
}

func TestOA06_AForeignPartyIsTakenOnlyWhereTheProviderHasSome(t *testing.T) {
	m := newMaker(t)
	token := m.token(m.with(map[string]any{"azp": "the-android-app"}))
	if _, err := finishWith(t, m.engine(nil), token, nil); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("any issuer: %v", err)
	}
	if _, err := finishWith(t, m.engine(func(d *dialect) { d.foreignParty = true }), token, nil); err != nil {
		t.Errorf("Google: %v", err)
	}
	several := m.token(m.with(map[string]any{"azp": "the-android-app", "aud": []string{"client", "other"}}))
	if _, err := finishWith(t, m.engine(func(d *dialect) { d.foreignParty = true }), several, nil); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("Google, for several: %v", err)
	}
}

func TestEveryAlgorithmOfAnIssuer(t *testing.T) {
	m := newMaker(t)
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Skipf("this Go makes no small keys: %v", err)
	}
	m.publish(
		jose.JSONWebKey{Key: m.key.Public(), KeyID: "one"}, jose.JSONWebKey{Key: curve.Public(), KeyID: "ec"}, jose.JSONWebKey{Key: public, KeyID: "ed"},
		jose.JSONWebKey{Key: small.Public(), KeyID: "small"}, jose.JSONWebKey{Key: m.key.Public(), KeyID: "enc", Use: "enc"},
		jose.JSONWebKey{Key: []byte("s3cr3ts3cr3ts3cr3ts3cr3ts3cr3ts3"), KeyID: "mac"},
	)
	e := m.engine(nil)
	for _, c := range []struct {
		alg, kid string
		key      any
		good     bool
	}{
		{"RS256", "one", m.key, true}, {"ES256", "ec", curve, true}, {"EdDSA", "ed", edwards, true}, {"RS256", "", m.key, true},
		{"RS256", "enc", m.key, false}, {"RS256", "small", small, false},
	} {
		header := map[string]any{"alg": c.alg}
		if c.kid != "" {
			header["kid"] = c.kid
		}
		if _, err := finishWith(t, e, sign(t, header, m.good(), c.key), nil); (err == nil) != c.good {
			t.Errorf("%s %s: %v", c.alg, c.kid, err)
		}
	}
}

func TestOA06_AtHashIsThatOfTheAccessToken(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	sum := sha256.Sum256([]byte("the-access-token"))
	right := base64.RawURLEncoding.EncodeToString(sum[:16])
	for hash, good := range map[string]bool{right: true, "": false, "AAAA": false, right + "A": false, "none": true} {
		changes := map[string]any{"at_hash": hash}
		if hash == "none" {
			changes = nil
		}
		token := idToken{
			text: m.token(m.with(changes)), accessToken: "the-access-token",
			credentials: admit.ProviderCredentials{ClientID: "client"}, answer: admit.ProviderAnswer{Nonce: "the-nonce", NonceRequired: true, Now: now()},
		}
		at, err := e.endpoints(t.Context(), now())
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := e.verify(t.Context(), at, token); (err == nil) != good {
			t.Errorf("at_hash %q: %v", hash, err)
		}
	}
}

func TestOA08_OnlyTheBooleanTrueVerifiesAnAddress(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	for form, proof := range map[string]admit.AddressProof{
		`true`: admit.ProofAsserted, `"true"`: admit.ProofNone, `1`: admit.ProofNone, `"1"`: admit.ProofNone, `false`: admit.ProofNone, `"false"`: admit.ProofNone,
		`null`: admit.ProofNone, `[true]`: admit.ProofNone, `{}`: admit.ProofNone, `""`: admit.ProofNone,
	} {
		person, err := finishWith(t, e, m.token(m.with(map[string]any{"email_verified": json.RawMessage(form)})), nil)
		if err != nil || person.Proof != proof || person.Why == "" {
			t.Errorf("email_verified %s: %+v, %v", form, person, err)
		}
	}
	person, err := finishWith(t, e, m.token(m.with(map[string]any{"email_verified": nil})), nil)
	if err != nil || person.Proof != admit.ProofNone {
		t.Errorf("email_verified is absent: %+v, %v", person, err)
	}
	for _, email := range []any{nil, 1, "", "@", "a@", "@b", "two words@example.com", "a@b\r\nc", []string{"a@b"}, strings.Repeat("a", 300) + "@b"} {
		person, err := finishWith(t, e, m.token(m.with(map[string]any{"email": email})), nil)
		if err != nil || person.Email != "" || person.Proof != admit.ProofNone {
			t.Errorf("email %v: %+v, %v", email, person, err)
		}
	}
}

func TestOA13_AnUnknownKeyAsksOncePerInterval(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	at := now()
	try := func(kid string, key any) error {
		claims := m.with(map[string]any{"iat": at.Unix(), "exp": at.Add(time.Hour).Unix()})
		_, err := finishWith(t, e, sign(t, map[string]any{"alg": "RS256", "kid": kid}, claims, key), func(a *admit.ProviderAnswer) { a.Now = at })
		return err
	}
	if err := try("one", m.key); err != nil || m.asked.Load() != 1 {
		t.Fatalf("the first: %v, asked %d times", err, m.asked.Load())
	}
	for range 50 {
		if err := try("two", m.key); err == nil {
			t.Fatal("an unknown key was taken")
		}
	}
	if asked := m.asked.Load(); asked != 2 {
		t.Errorf("50 unknown keys asked %d times", asked-1)
	}
	// The issuer has a new key: it counts after the interval at the latest.
	m.publish(jose.JSONWebKey{Key: m.key.Public(), KeyID: "two"})
	at = at.Add(keysInterval)
	if err := try("two", m.key); err != nil {
		t.Errorf("after a rotation: %v", err)
	}
	if err := try("one", m.key); err == nil {
		t.Error("the old key counts on")
	}
}

func TestOA13_ARotationIsSeenAtOnceTheFirstTime(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	if _, err := finishWith(t, e, m.token(m.good()), nil); err != nil {
		t.Fatal(err)
	}
	m.publish(jose.JSONWebKey{Key: m.key.Public(), KeyID: "two"})
	if _, err := finishWith(t, e, sign(t, map[string]any{"alg": "RS256", "kid": "two"}, m.good(), m.key), nil); err != nil {
		t.Error(err)
	}
}

func TestOA13_OldKeysOutliveAnOutageAndNoMore(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	try := func(after time.Duration) error {
		at := now().Add(after)
		claims := m.with(map[string]any{"iat": at.Unix(), "exp": at.Add(time.Hour).Unix()})
		_, err := finishWith(t, e, m.token(claims), func(a *admit.ProviderAnswer) { a.Now = at })
		return err
	}
	m.down.Store(true)
	if err := try(0); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
		t.Errorf("down from the beginning: %v", err)
	}
	m.down.Store(false)
	if err := try(0); err != nil {
		t.Fatalf("a retry: %v", err)
	}
	m.down.Store(true)
	if err := try(keysFresh + time.Minute); err != nil {
		t.Errorf("in an outage: %v", err)
	}
	before := m.asked.Load()
	for range 5 {
		if err := try(keysFresh + time.Minute); err != nil {
			t.Errorf("in an outage: %v", err)
		}
	}
	if again := m.asked.Load() - before; again != 0 {
		t.Errorf("in an outage, five sign-ins asked %d times", again)
	}
	if err := try(keysStale + time.Minute); !errors.Is(err, admit.ErrOAuthCallbackFailed) {
		t.Errorf("after a day of it: %v", err)
	}
	m.down.Store(false)
	m.publish(jose.JSONWebKey{Key: m.key.Public(), KeyID: "two"})
	if err := try(keysStale + 2*time.Minute); !errors.Is(err, admit.ErrInvalidOAuthCode) {
		t.Errorf("a key that was withdrawn: %v", err)
	}
}

func TestManyAtOnceShareOneFetch(t *testing.T) {
	m := newMaker(t)
	e := m.engine(nil)
	token := m.token(m.good())
	done := make(chan error, 32)
	for range cap(done) {
		go func() {
			_, err := finishWith(t, e, token, nil)
			done <- err
		}()
	}
	for range cap(done) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if asked := m.asked.Load(); asked > 4 {
		t.Errorf("32 sign-ins asked for the keys %d times", asked)
	}
}

func TestShortKeysAreOfNoUse(t *testing.T) {
	for bits, good := range map[int]bool{1024: false, 2047: false, 2048: true, 8192: true, 8193: false} {
		modulus := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
		key := jose.JSONWebKey{Key: &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537}, KeyID: "k"}
		if usable(key) != good {
			t.Errorf("%d bits: usable is %v", bits, !good)
		}
		key.Use = "enc"
		if usable(key) {
			t.Errorf("%d bits for encryption: usable", bits)
		}
	}
}

func TestAlgorithmsAreAsymmetric(t *testing.T) {
	for _, algorithm := range algorithms() {
		if strings.HasPrefix(algorithm, "HS") || strings.EqualFold(algorithm, "none") {
			t.Errorf("%s signs an id token", algorithm)
		}
	}
}
