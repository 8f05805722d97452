package admit

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/strictjson"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"
)

const jwksPath = "/.well-known/jwks.json"

// keySet publishes the keys that verify access tokens.
type keySet struct {
	*kernel
}

func (j *keySet) feature() feature {
	return feature{
		name: "tokens",
		routes: []route{{
			method: http.MethodGet, path: jwksPath, root: true, who: anyone,
			exchanges: true, navigated: true, cacheable: true, serve: j.handleJWKS,
		}},
	}
}

// Tokens is what a client gets for a proof of identity.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	// TokenType is "Bearer" (RFC 6750).
	TokenType string `json:"tokenType"`
	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int `json:"expiresIn"`
}

// claims are what an access token says (RFC 9068). The generation of the
// refresh token it was issued with stands in front of the jti, so that its
// first use can confirm that generation.
type claims struct {
	Issuer   string   `json:"iss"`
	Audience string   `json:"aud"`
	Subject  string   `json:"sub"`
	Session  string   `json:"sid"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	NotUntil int64    `json:"nbf,omitzero"`
	ID       string   `json:"jti"`
	AuthTime int64    `json:"auth_time"`
	AMR      []string `json:"amr"`
	Role     string   `json:"role"`
	Org      string   `json:"org,omitempty"`
	OrgRole  string   `json:"org_role,omitempty"`

	generation int64
}

const (
	// keyLife is how long a signing key signs, keyOverlap how long it verifies
	// after that, and keyLead how long the next one is published before it
	// signs, so that every process and every reader of the JWKS has it by then.
	keyLife    = 90 * 24 * time.Hour
	keyOverlap = 30 * 24 * time.Hour
	keyLead    = 10 * time.Minute
	// keyCheck is how often a process looks for keys that others made.
	keyCheck = time.Minute

	keyPurpose = "access-token"
	tokenType  = "at+jwt"

	maxAccessToken = 4096
	// verifiedTokens bounds the cache of tokens seen; two generations of it
	// are kept.
	verifiedTokens = 8192
)

// accessTokens signs and verifies access tokens.
type accessTokens struct {
	config Config
	ring   *sealed.Ring
	ids    *uuid.Source

	mu     sync.RWMutex
	keys   map[string]*signingKey // by encoded header
	newest *signingKey
	loaded time.Time
	// seen and old hold tokens that were verified, by their signature. What is
	// found is compared with the whole token.
	seen, old map[string]*verifiedToken

	loading sync.Mutex
}

type signingKey struct {
	record          store.Key
	algorithm       algorithm
	header          string
	private, public any
	// dropped is set once the key is not in the store any more.
	dropped atomic.Bool
}

// verifiedToken remembers a token and the key that signed it, and counts only
// as long as that key is in use.
type verifiedToken struct {
	raw    string
	claims claims
	key    *signingKey
}

// usable says whether the token was signed by a key that still verifies.
func (v *verifiedToken) usable(now time.Time) bool {
	return !v.key.dropped.Load() && now.Before(v.key.record.ExpiresAt)
}

func newAccessTokens(config Config, ring *sealed.Ring, ids *uuid.Source) *accessTokens {
	return &accessTokens{config: config, ring: ring, ids: ids, seen: map[string]*verifiedToken{}}
}

// verify checks an access token as RFC 8725 asks. The encoded header must be,
// byte for byte, the one that this library writes for a key it knows: so
// algorithm, type and key id are pinned, and no other header field exists,
// before anything of the token is believed or even decoded.
func (t *accessTokens) verify(ctx context.Context, s store.Keys, raw string, now time.Time) (*claims, error) {
	if len(raw) > maxAccessToken {
		return nil, ErrInvalidToken
	}
	signed, signature, ok := cutLast(raw)
	if !ok {
		return nil, ErrInvalidToken
	}
	known, fresh := t.recall(raw, signature, now)
	if known != nil && fresh && known.usable(now) {
		return &known.claims, known.claims.current(now)
	}

	header, payload, two := strings.Cut(signed, ".")
	if !two || strings.Contains(payload, ".") {
		return nil, ErrInvalidToken
	}
	key, err := t.keyFor(ctx, s, header, now)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, ErrInvalidToken
	}
	if known != nil && known.usable(now) {
		return &known.claims, known.claims.current(now)
	}
	checked, err := key.verify(signed, payload, signature)
	if err != nil {
		return nil, ErrInvalidToken.because(err)
	}
	if err := checked.check(t.config.BaseURL, t.config.Audience); err != nil {
		return nil, err
	}
	if err := checked.current(now); err != nil {
		return nil, err
	}
	t.remember(signature, &verifiedToken{raw: raw, claims: *checked, key: key})
	return checked, nil
}

// recall finds a token that was verified before, and says whether the keys were
// looked at lately.
func (t *accessTokens) recall(raw, signature string, now time.Time) (known *verifiedToken, fresh bool) {
	t.mu.RLock()
	known = t.seen[signature]
	if known == nil {
		known = t.old[signature]
	}
	fresh = near(t.loaded, now, keyCheck)
	t.mu.RUnlock()
	if known != nil && known.raw != raw {
		known = nil
	}
	return known, fresh
}

func cutLast(raw string) (before, after string, ok bool) {
	i := strings.LastIndexByte(raw, '.')
	if i < 0 {
		return "", "", false
	}
	return raw[:i], raw[i+1:], true
}

func (t *accessTokens) remember(signature string, token *verifiedToken) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seen) >= verifiedTokens {
		t.seen, t.old = make(map[string]*verifiedToken, verifiedTokens), t.seen
	}
	t.seen[signature] = token
}

func (k *signingKey) verify(signed, payload, signature string) (*claims, error) {
	mac, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return nil, err
	}
	if err := k.algorithm.method.Verify(signed, mac, k.public); err != nil {
		return nil, err
	}
	body, err := base64.RawURLEncoding.Strict().DecodeString(payload)
	if err != nil {
		return nil, err
	}
	var c claims
	if err := strictjson.Unmarshal(body, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// check refuses a token that was not meant for this host.
func (c *claims) check(issuer, audience string) error {
	generation, _, ok := strings.Cut(c.ID, ".")
	number, err := strconv.ParseInt(generation, 10, 64)
	c.generation = number
	if !ok || err != nil || number < 1 || c.Issuer != issuer || c.Audience != audience ||
		!uuid.Valid(c.Subject) || !uuid.Valid(c.Session) ||
		c.IssuedAt <= 0 || c.Expires <= c.IssuedAt {
		return ErrInvalidToken
	}
	return nil
}

// current refuses a token at and after its exp, without leeway, and one from a
// time to come, as after a clock that was set back.
func (c *claims) current(now time.Time) error {
	if !now.Before(time.Unix(c.Expires, 0)) {
		return ErrTokenExpired
	}
	latest := now.Add(time.Minute).Unix() // another process's clock may be a little ahead
	if c.IssuedAt > latest || c.NotUntil > latest {
		return ErrInvalidToken
	}
	return nil
}

// issue signs an access token for a session.
func (t *accessTokens) issue(key *signingKey, session *store.Session, user *store.User, extra map[string]any, now time.Time) (string, error) {
	var nonce [16]byte
	if _, err := rand.Read(nonce[:]); err != nil {
		return "", ErrInternal.because(err)
	}
	payload, err := json.Marshal(claims{
		Issuer: t.config.BaseURL, Audience: t.config.Audience, Subject: user.ID, Session: session.ID,
		IssuedAt: now.Unix(), Expires: now.Add(t.config.Sessions.AccessTTL).Unix(),
		ID:       strconv.FormatInt(session.Generation, 10) + "." + base64.RawURLEncoding.EncodeToString(nonce[:]),
		AuthTime: session.AuthTime.Unix(), AMR: strings.Fields(session.AMR), Role: user.Role, Org: session.OrganizationID,
	})
	if err != nil {
		return "", ErrInternal.because(err)
	}
	payload, err = withExtra(payload, extra)
	if err != nil {
		return "", err
	}
	signed := key.header + "." + base64.RawURLEncoding.EncodeToString(payload)
	mac, err := key.algorithm.method.Sign(signed, key.private)
	if err != nil {
		return "", ErrInternal.because(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac), nil
}

// withExtra adds the claims of a host behind our own, none of which they may
// replace.
func withExtra(payload []byte, extra map[string]any) ([]byte, error) {
	if len(extra) == 0 {
		return payload, nil
	}
	for name := range extra {
		switch name {
		case "iss", "aud", "sub", "sid", "iat", "exp", "nbf", "jti", "auth_time", "amr", "role", "org", "org_role", "act":
			return nil, ErrInternal.because(fmt.Errorf("AccessTokenClaims must not set %q", name))
		}
	}
	more, err := json.Marshal(extra, json.Deterministic(true))
	if err != nil {
		return nil, ErrInternal.because(err)
	}
	if len(payload)+len(more) > maxAccessToken/2 {
		return nil, ErrInternal.because(errors.New("AccessTokenClaims makes the token too long"))
	}
	return append(append(payload[:len(payload)-1], ','), more[1:]...), nil
}

// algorithm is one way to sign (RFC 7518, RFC 8037).
type algorithm struct {
	name   string
	method jwt.SigningMethod
	// generate makes a private key, encoded for storage; parse reads it back.
	generate func() ([]byte, error)
	parse    func([]byte) (private, public any, err error)
}

// algorithms are all that there is: no key of any other is ever made or used.
var algorithms = map[string]algorithm{
	"ES256": {"ES256", jwt.SigningMethodES256, func() ([]byte, error) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		return pkcs8(key, err)
	}, parsePKCS8},
	"EdDSA": {"EdDSA", jwt.SigningMethodEdDSA, func() ([]byte, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return pkcs8(key, err)
	}, parsePKCS8},
	"RS256": {"RS256", jwt.SigningMethodRS256, func() ([]byte, error) {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		return pkcs8(key, err)
	}, parsePKCS8},
	"HS256": {"HS256", jwt.SigningMethodHS256, func() ([]byte, error) {
		key := make([]byte, 32)
		_, err := rand.Read(key)
		return key, err
	}, func(raw []byte) (private, public any, err error) {
		if len(raw) < 32 {
			return nil, nil, errors.New("an HMAC key must have at least 32 bytes")
		}
		return raw, raw, nil
	}},
}

func pkcs8(key any, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	return x509.MarshalPKCS8PrivateKey(key)
}

func parsePKCS8(raw []byte) (private, public any, err error) {
	private, err = x509.ParsePKCS8PrivateKey(raw)
	if err != nil {
		return nil, nil, err
	}
	switch key := private.(type) {
	case *ecdsa.PrivateKey:
		return key, &key.PublicKey, nil
	case ed25519.PrivateKey:
		return key, key.Public(), nil
	case *rsa.PrivateKey:
		return key, &key.PublicKey, nil
	}
	return nil, nil, fmt.Errorf("a key of type %T cannot sign tokens", private)
}

// jwk is a public key as RFC 7517 writes it; nil for a key that has no public
// part.
func (k *signingKey) jwk() map[string]string {
	field := base64.RawURLEncoding.EncodeToString
	fields := map[string]string{"kid": k.record.ID, "alg": k.algorithm.name, "use": "sig"}
	switch public := k.public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 0x04, x, y
		if err != nil {
			return nil
		}
		fields["kty"], fields["crv"], fields["x"], fields["y"] = "EC", "P-256", field(point[1:33]), field(point[33:])
	case ed25519.PublicKey:
		fields["kty"], fields["crv"], fields["x"] = "OKP", "Ed25519", field(public)
	case *rsa.PublicKey:
		fields["kty"], fields["n"], fields["e"] = "RSA", field(public.N.Bytes()), field(big.NewInt(int64(public.E)).Bytes())
	default:
		return nil
	}
	return fields
}

func (j *keySet) handleJWKS(w http.ResponseWriter, r *http.Request) error {
	now := j.now()
	if _, err := j.tokens.signer(r.Context(), j.store, now); err != nil {
		return err
	}
	keys := []map[string]string{}
	for _, key := range j.tokens.all() {
		if jwk := key.jwk(); jwk != nil && now.Before(key.record.ExpiresAt) {
			keys = append(keys, jwk)
		}
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// keyID is short, random and safe in any place a kid may end up.
func keyID() (string, error) {
	var raw [8]byte
	_, err := rand.Read(raw[:])
	return strconv.FormatUint(binary.BigEndian.Uint64(raw[:]), 36), err
}
