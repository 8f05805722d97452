// Package accesstoken signs and verifies access tokens: JWTs as RFC 9068 writes
// them and RFC 8725 checks them. It makes the signing keys, stores them sealed,
// replaces them in time, exports their public halves, and remembers the tokens
// it has seen. It knows no account rule: who may have a token, and whether the
// session of a token lives, is decided above.
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
	// ErrInvalid says that a token was not issued here, not for this audience,
	// or by a key that is gone.
	ErrInvalid = errors.New("accesstoken: the token is not valid")
	// ErrExpired says that a token is genuine and its time is over.
	ErrExpired = errors.New("accesstoken: the token has expired")
	// ErrNotIssued says that a token or its key could not be made. The cause is
	// wrapped.
	ErrNotIssued = errors.New("accesstoken: the token could not be made")
	// ErrNoKey says that no signing key became usable after several tries.
	ErrNoKey = errors.New("accesstoken: no signing key could be made")
)

const (
	// TypeAccessToken is the header typ of RFC 9068.
	TypeAccessToken = "at+jwt"
	// TypeJWT is the header typ for verifiers that know no other.
	TypeJWT = "JWT"

	// DefaultRemembered is how many tokens are remembered when Options does not
	// say.
	DefaultRemembered = 65536

	// maxToken is the length of the longest token that is read or issued.
	maxToken = 4096
	// skew is how far the clock of another process may be ahead. A time that is
	// further ahead is wrong, as after a clock that was set back.
	skew = time.Minute
)

// Options says what tokens are made of.
type Options struct {
	// Issuer and Audience are the claims iss and aud of every token.
	Issuer, Audience string
	// ClientID is the claim client_id; "" is Issuer.
	ClientID string
	// TTL is the life of a token.
	TTL time.Duration
	// Algorithm signs; see Supports.
	Algorithm string
	// Type is the header typ, TypeAccessToken or TypeJWT; "" is
	// TypeAccessToken. A token of another type is invalid.
	Type string
	// Tenant owns the signing keys.
	Tenant string
	// Ring seals the signing keys.
	Ring *sealed.Ring
	// Remembered is how many tokens are remembered, so that they need not be
	// verified again: about 250 bytes each. 0 is DefaultRemembered, and a
	// negative number remembers none.
	Remembered int
	// Logger is told of keys that cannot be used.
	Logger *slog.Logger
}

// Token is what the library itself believes of a verified token. Everything
// else that concerns a user is read from the store.
type Token struct {
	Subject, Session string
	// Generation is the one of the refresh token that was issued with it.
	Generation int64
	// Answer is the number of the answer that gave it, see store.Session.
	Answer int64
	// Expires is exp. NotBefore is the later one of iat and nbf.
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

// New returns Tokens that has loaded no key yet.
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
// header that this package writes for a key it knows. So algorithm, type and key
// id are pinned, and no other header field exists, before anything of the token
// is believed or decoded.
//
// It answers ErrInvalid, ErrExpired, or the error of the store. The Token must
// not be changed.
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

// current refuses a token at and after its exp, without leeway, and a token from
// a time to come.
func (t *Token) current(now time.Time) (*Token, error) {
	if !now.Before(time.Unix(t.Expires, 0)) {
		return nil, ErrExpired
	}
	if t.NotBefore > now.Add(skew).Unix() {
		return nil, ErrInvalid
	}
	return t, nil
}
