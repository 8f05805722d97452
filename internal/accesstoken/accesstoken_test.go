package accesstoken

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/store"
	"github.com/admit-go/admit/store/memory"
)

const issuer = "https://app.example"

var start = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

func ring(t testing.TB, secret string) *sealed.Ring {
	t.Helper()
	r, err := sealed.New([][]byte{[]byte(secret)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func options(t testing.TB) Options {
	t.Helper()
	return Options{
		Issuer: issuer, Audience: issuer, TTL: time.Hour, Algorithm: "ES256",
		Ring: ring(t, "wHs8kX2nPq5vB9tLz4rYcJ7mD1fG6hAe3uTo"), Logger: slog.New(slog.DiscardHandler),
	}
}

func ann(now time.Time) (*store.Session, *store.User) {
	return &store.Session{
			ID: "0194f000-0000-7000-8000-000000000001", Generation: 7, AuthTime: now.Add(-time.Minute), AMR: "pwd otp", OrganizationID: "acme", OrganizationRole: "admin",
		}, &store.User{
			ID: "0194f000-0000-7000-8000-000000000002", Role: "user",
		}
}

// issue makes a token for Ann.
func (t *Tokens) issueTo(tb testing.TB, s store.Keys, extra map[string]any, now time.Time) string {
	tb.Helper()
	key, err := t.Signer(tb.Context(), s, now)
	if err != nil {
		tb.Fatal(err)
	}
	session, user := ann(now)
	raw, err := t.Issue(key, session, user, extra, now)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

func (t *Tokens) expect(tb testing.TB, s store.Keys, raw string, now time.Time, want error) {
	tb.Helper()
	if token, err := t.Verify(tb.Context(), s, raw, now); !errors.Is(err, want) || (token == nil) != (want != nil) {
		tb.Errorf("got %v, %v, want error %v", token, err, want)
	}
}

func part(t testing.TB, token string, i int) map[string]any {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestATokenIsVerifiedByOtherProcessesAndOtherLibraries(t *testing.T) {
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "HS256"} {
		for _, typ := range []string{"", TypeAccessToken, TypeJWT} {
			s, o := memory.New(), options(t)
			o.Algorithm, o.Type = algorithm, typ
			here, elsewhere := New(o), New(o)
			raw := here.issueTo(t, s, map[string]any{"plan": "gold"}, start)
			for _, tokens := range []*Tokens{here, elsewhere, elsewhere} {
				token, err := tokens.Verify(t.Context(), s, raw, start)
				if err != nil {
					t.Fatal(algorithm, err)
				}
				want := Token{"0194f000-0000-7000-8000-000000000002", "0194f000-0000-7000-8000-000000000001", 7, 0, start.Add(time.Hour).Unix(), start.Unix()}
				if *token != want {
					t.Errorf("%s: got %+v, want %+v", algorithm, *token, want)
				}
			}
			keys, err := here.JWKS(t.Context(), s, start)
			if err != nil {
				t.Fatal(err)
			}
			if algorithm == "HS256" {
				if len(keys) != 0 {
					t.Error("a secret key was published")
				}
				continue
			}
			parsed, err := jwt.NewParser(
				jwt.WithValidMethods([]string{algorithm}), jwt.WithIssuer(issuer), jwt.WithAudience(issuer),
				jwt.WithExpirationRequired(), jwt.WithTimeFunc(func() time.Time { return start }),
			).Parse(raw, func(*jwt.Token) (any, error) { return public(t, keys[0]), nil })
			if err != nil {
				t.Fatalf("%s: golang-jwt says %v", algorithm, err)
			}
			if want := orElse(typ, TypeAccessToken); parsed.Header["typ"] != want || parsed.Header["kid"] != keys[0]["kid"] {
				t.Errorf("%s: got header %v, want typ %s", algorithm, parsed.Header, want)
			}
		}
	}
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// public reads a key of a JWKS.
func public(t testing.TB, fields map[string]string) any {
	t.Helper()
	number := func(name string) []byte {
		raw, err := base64.RawURLEncoding.DecodeString(fields[name])
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	switch fields["kty"] {
	case "EC":
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), slices.Concat([]byte{4}, number("x"), number("y")))
		if err != nil {
			t.Fatal(err)
		}
		return key
	case "OKP":
		return ed25519.PublicKey(number("x"))
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(number("n")), E: int(new(big.Int).SetBytes(number("e")).Int64())}
}

func TestClaimsAreThoseOfRFC9068(t *testing.T) {
	s, o := memory.New(), options(t)
	got := part(t, New(o).issueTo(t, s, map[string]any{"plan": "gold"}, start), 1)
	if id, ok := got["jti"].(string); !ok || !strings.HasPrefix(id, "7.") {
		t.Errorf("jti is %v", got["jti"])
	}
	delete(got, "jti")
	now := float64(start.Unix())
	want := map[string]any{
		"iss": issuer, "aud": issuer, "sub": "0194f000-0000-7000-8000-000000000002", "client_id": issuer,
		"sid": "0194f000-0000-7000-8000-000000000001", "iat": now, "exp": now + 3600, "auth_time": now - 60,
		"amr": []any{"pwd", "otp"}, "acr": "aal1", "role": "user", "org": "acme", "org_role": "admin", "plan": "gold",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	o.ClientID = "app"
	if id := part(t, New(o).issueTo(t, s, nil, start), 1)["client_id"]; id != "app" {
		t.Errorf("client_id is %v, want app", id)
	}
}

func TestATokenForAnActorEndsWithItsSession(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	key, err := tokens.Signer(t.Context(), s, start)
	if err != nil {
		t.Fatal(err)
	}
	session, user := ann(start)
	session.AuthTime, session.ExpiresAt = time.Time{}, start.Add(20*time.Minute)
	raw, err := tokens.IssueFor(key, session, user, "0194f000-0000-7000-8000-000000000003", nil, start)
	if err != nil {
		t.Fatal(err)
	}
	claims := part(t, raw, 1)
	if act, _ := claims["act"].(map[string]any); len(act) != 1 || act["sub"] != "0194f000-0000-7000-8000-000000000003" {
		t.Errorf("act is %v", claims["act"])
	}
	if claims["auth_time"] != 0.0 || claims["exp"] != float64(session.ExpiresAt.Unix()) {
		t.Errorf("the claims are %v", claims)
	}
	tokens.expect(t, s, raw, start.Add(19*time.Minute), nil)
	tokens.expect(t, s, raw, start.Add(20*time.Minute), ErrExpired)
}

// Each claim of the library is refused if it comes from a host.
func TestReservedClaimsAreRefusedOneByOne(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	key, err := tokens.Signer(t.Context(), s, start)
	if err != nil {
		t.Fatal(err)
	}
	session, user := ann(start)
	names := []string{
		"iss", "aud", "sub", "client_id", "sid", "iat", "exp", "nbf", "jti", "auth_time", "amr", "acr", "role", "org", "org_role", "act",
	}
	for _, name := range names {
		_, err := tokens.Issue(key, session, user, map[string]any{"plan": "gold", name: "x"}, start)
		if !errors.Is(err, ErrNotIssued) || !strings.Contains(err.Error(), `"`+name+`" is reserved`) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	for field := range reflect.TypeFor[claims]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if !slices.Contains(names, name) {
			t.Errorf("the claim %s is missing from the table", name)
		}
	}
}

func TestWhatVerifyWouldRefuseIsNotIssued(t *testing.T) {
	s, o := memory.New(), options(t)
	tokens := New(o)
	key, err := tokens.Signer(t.Context(), s, start)
	if err != nil {
		t.Fatal(err)
	}
	o.Issuer = issuer + "/" + strings.Repeat("x", 2000)
	lengthy := New(o)
	for name, try := range map[string]struct {
		tokens *Tokens
		extra  map[string]any
		change func(*store.Session, *store.User)
	}{
		"a claim too long":    {tokens, map[string]any{"x": strings.Repeat("x", 3000)}, nil},
		"U+0000 in a claim":   {tokens, map[string]any{"x": "a\x00b"}, nil},
		"a claim not UTF-8":   {tokens, map[string]any{"x": "\xff"}, nil},
		"no JSON":             {tokens, map[string]any{"x": func() {}}, nil},
		"a long issuer":       {lengthy, nil, nil},
		"no id of a user":     {tokens, nil, func(_ *store.Session, u *store.User) { u.ID = "ann" }},
		"no id of a session":  {tokens, nil, func(s *store.Session, _ *store.User) { s.ID = "" }},
		"no generation":       {tokens, nil, func(s *store.Session, _ *store.User) { s.Generation = 0 }},
		"a role that is none": {tokens, nil, func(_ *store.Session, u *store.User) { u.Role = "a\x00b" }},
	} {
		session, user := ann(start)
		if try.change != nil {
			try.change(session, user)
		}
		if raw, err := try.tokens.Issue(key, session, user, try.extra, start); !errors.Is(err, ErrNotIssued) || raw != "" {
			t.Errorf("%s: got %q, %v", name, raw, err)
		}
	}
}

func TestTokensOfAnotherKindAreRefused(t *testing.T) {
	s := memory.New()
	mine := New(options(t))
	good := mine.issueTo(t, s, nil, start)
	for _, change := range map[string]func(*Options){
		"another issuer":   func(o *Options) { o.Issuer = "https://other.example" },
		"another audience": func(o *Options) { o.Audience = "https://other.example" },
		"another type":     func(o *Options) { o.Type = TypeJWT },
		"another tenant":   func(o *Options) { o.Tenant = "other" },
	} {
		o := options(t)
		change(&o)
		other := New(o)
		mine.expect(t, s, other.issueTo(t, s, nil, start), start, ErrInvalid)
		other.expect(t, s, good, start, ErrInvalid)
		other.expect(t, s, other.issueTo(t, s, nil, start), start, nil)
	}
	mine.expect(t, s, good, start, nil)
	for _, junk := range []string{"", ".", "..", "a.b", "a.b.c.d", good + ".x", good + "=", strings.Repeat("x", maxToken+1)} {
		mine.expect(t, s, junk, start, ErrInvalid)
	}
}

// A remembered token is compared as a whole: its signature alone is not enough.
func TestARememberedTokenIsComparedWhole(t *testing.T) {
	s, tokens := memory.New(), New(options(t))
	good := strings.Split(tokens.issueTo(t, s, nil, start), ".")
	other := strings.Split(tokens.issueTo(t, s, map[string]any{"plan": "gold"}, start), ".")
	tokens.expect(t, s, strings.Join(good, "."), start, nil)
	tokens.expect(t, s, good[0]+"."+other[1]+"."+good[2], start, ErrInvalid)
	tokens.expect(t, s, good[0]+"."+good[1]+"."+other[2], start, ErrInvalid)
	tokens.expect(t, s, "x"+good[0]+"."+good[1]+"."+good[2], start, ErrInvalid)
}

// A token ends on the second, remembered or not.
func TestATokenEndsOnTheSecond(t *testing.T) {
	s, o := memory.New(), options(t)
	tokens := New(o)
	raw := tokens.issueTo(t, s, nil, start)
	for _, tokens := range []*Tokens{tokens, New(o)} {
		tokens.expect(t, s, raw, start.Add(time.Hour-time.Second), nil)
		tokens.expect(t, s, raw, start.Add(time.Hour), ErrExpired)
	}
	New(o).expect(t, s, raw, start.Add(time.Hour), ErrExpired)
}

// verifications counts how often signatures of a key are verified.
type verifications struct {
	jwt.SigningMethod

	n *atomic.Int64
}

func (v verifications) Verify(signed string, mac []byte, key any) error {
	v.n.Add(1)
	return v.SigningMethod.Verify(signed, mac, key)
}

func (t *Tokens) count() *atomic.Int64 {
	n := new(atomic.Int64)
	for _, key := range t.all {
		key.algorithm.method = verifications{key.algorithm.method, n}
	}
	return n
}

func TestATokenIsRememberedAtIssue(t *testing.T) {
	for remembered, want := range map[int]int64{0: 0, 1: 0, -1: 2} {
		s, o := memory.New(), options(t)
		o.Remembered = remembered
		tokens := New(o)
		if _, err := tokens.Signer(t.Context(), s, start); err != nil {
			t.Fatal(err)
		}
		n := tokens.count()
		raw := tokens.issueTo(t, s, nil, start)
		tokens.expect(t, s, raw, start, nil)
		tokens.expect(t, s, raw, start, nil)
		if n.Load() != want {
			t.Errorf("with room for %d: verified %d times, want %d", remembered, n.Load(), want)
		}
	}
}

func TestAStoreThatIsDownIsNoInvalidToken(t *testing.T) {
	s, o := memory.New(), options(t)
	tokens := New(o)
	raw := tokens.issueTo(t, s, nil, start)
	down := errors.New("the store is down")
	broken := asked{Keys: s, list: func(context.Context) error { return down }}
	New(o).expect(t, broken, raw, start, down)
	if _, err := New(o).Signer(t.Context(), broken, start); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	// A known key still verifies.
	tokens.expect(t, broken, raw, start.Add(2*keyCheck), nil)
}

// asked is a store whose ListKeys asks a function first.
type asked struct {
	store.Keys

	list func(context.Context) error
}

func (a asked) ListKeys(ctx context.Context, tenant string) ([]store.Key, error) {
	if err := a.list(ctx); err != nil {
		return nil, err
	}
	return a.Keys.ListKeys(ctx, tenant)
}
