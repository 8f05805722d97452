// Package accesstoken signs and verifies access tokens: JWTs in the form of RFC
// 9068, with the checks of RFC 8725. It makes the signing keys, stores them
// sealed, replaces them in time, exports their public halves, and remembers the
// tokens that it has verified. It has no rules about accounts: the caller
// decides who may have a token, and whether the session of a token is live.
package accesstoken

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/store"
)

var (
	// ErrInvalid means that a token was not issued here, is for another
	// audience, or was signed by a key that is gone.
	ErrInvalid = errors.New("accesstoken: the token is not valid")
	// ErrExpired means that a token is genuine but has expired.
	ErrExpired = errors.New("accesstoken: the token has expired")
	// ErrNotIssued means that a token or its key could not be made. It wraps
	// the cause.
	ErrNotIssued = errors.New("accesstoken: the token could not be made")
	// ErrNoKey means that no signing key became usable after several tries.
	ErrNoKey = errors.New("accesstoken: no signing key could be made")
)

const (
	// TypeAccessToken is the header typ of RFC 9068.
	TypeAccessToken = "at+jwt"
	// TypeJWT is the header typ for verifiers that accept no other.
	TypeJWT = "JWT"

	// DefaultRemembered is how many tokens are remembered when Options does not
	// say.
	DefaultRemembered = 65536

	// maxToken is the length of the longest token that is read or issued.
	maxToken = 4096
	// skew is how far the clock of another process may be ahead. A time that is
	// further ahead is wrong, for example because the clock was set back.
	skew = time.Minute
)

// Options are the settings of Tokens.
type Options struct {
	// Issuer and Audience are the claims iss and aud of every token.
	Issuer, Audience string
	// ClientID is the claim client_id. "" means Issuer.
	ClientID string
	// TTL is the life of a token.
	TTL time.Duration
	// Algorithm is the algorithm of new tokens. See Supports.
	Algorithm string
	// Type is the header typ, TypeAccessToken or TypeJWT. "" means
	// TypeAccessToken. A token of another type is invalid.
	Type string
	// Tenant owns the signing keys.
	Tenant string
	// Ring seals the signing keys.
	Ring *sealed.Ring
	// Remembered is the number of remembered tokens, of about 250 bytes each. A
	// remembered token need not be verified again. 0 means DefaultRemembered. A
	// negative number remembers none.
	Remembered int
	// Logger gets a line for each key that cannot be used.
	Logger *slog.Logger
}

// Token is the part of a verified token that the library uses. All other facts
// about the user are read from the store.
type Token struct {
	Subject, Session string
	// Generation is the generation of the refresh token that was issued
	// together with this token.
	Generation int64
	// Answer is the number of the answer that contained this token. See
	// store.Session.
	Answer int64
	// Expires is the claim exp. NotBefore is the later one of iat and nbf.
	Expires, NotBefore int64
}

// Tokens signs and verifies access tokens. It may be used concurrently.
type Tokens struct {
	options Options
	seen    seenTokens

	mu     sync.RWMutex
	keys   map[string]*Key // by encoded header, without those that cannot be opened
	all    []*Key          // by sequence
	loaded time.Time
	flight *flight // nil while nobody loads
}

// New returns a Tokens. It loads no key.
func New(options Options) *Tokens {
	if options.ClientID == "" {
		options.ClientID = options.Issuer
	}
	if options.Type == "" {
		options.Type = TypeAccessToken
	}
	if options.Remembered == 0 {
		options.Remembered = DefaultRemembered
	}
	return &Tokens{options: options, seen: seenTokens{size: options.Remembered, tokens: map[digest]*remembered{}}}
}

// Verify checks an access token. The encoded header must be, byte for byte, the
// header that this package writes for a known key. This fixes the algorithm,
// the type and the key id, and excludes every other header field, before any
// part of the token is decoded.
//
// Verify returns ErrInvalid, ErrExpired, or the error of the store. The caller
// must not change the Token.
func (t *Tokens) Verify(ctx context.Context, s store.Keys, raw string, now time.Time) (*Token, error) {
	if len(raw) > maxToken {
		return nil, ErrInvalid
	}
	sum := digestOf(raw)
	known := t.seen.find(sum)
	if known != nil && known.key.verifies(now) && t.fresh(now) {
		return known.token.current(now)
	}
	last := strings.LastIndexByte(raw, '.')
	if last < 0 {
		return nil, ErrInvalid
	}
	signed, signature := raw[:last], raw[last+1:]
	header, payload, two := strings.Cut(signed, ".")
	if !two || strings.Contains(payload, ".") {
		return nil, ErrInvalid
	}
	key, err := t.keyFor(ctx, s, header, now)
	if err != nil {
		return nil, err
	}
	if key == nil {
		return nil, ErrInvalid
	}
	if known != nil && known.key == key {
		return known.token.current(now)
	}
	body, err := key.open(signed, payload, signature)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	token, err := t.read(body)
	if err != nil {
		return nil, err
	}
	if _, err := token.current(now); err != nil {
		return nil, err
	}
	t.seen.add(sum, &remembered{token: *token, key: key})
	return token, nil
}

// current refuses a token that has expired (without leeway) and a token that
// starts in the future.
func (t *Token) current(now time.Time) (*Token, error) {
	if !now.Before(time.Unix(t.Expires, 0)) {
		return nil, ErrExpired
	}
	if t.NotBefore > now.Add(skew).Unix() {
		return nil, ErrInvalid
	}
	return t, nil
}
