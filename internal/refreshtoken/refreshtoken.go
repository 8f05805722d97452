// Package refreshtoken writes and reads refresh tokens. It tells the use of a
// current token from a retry, a theft and a fork. It stores nothing and ends no
// session: the caller acts on the verdict.
package refreshtoken

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/admit-go/admit/internal/sealed"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

var (
	// ErrInvalid means that a text is not a refresh token of this host.
	ErrInvalid = errors.New("refreshtoken: the token is not valid")
	// ErrNotSealed means that a token cannot be written because its session has
	// no valid id or generation.
	ErrNotSealed = errors.New("refreshtoken: a session without a proper id or generation")
)

const (
	// Grace is how long after a refresh the previous token gives the same
	// successor again, even if the successor was used.
	Grace = 10 * time.Second

	// skew is how far the clock of another process may be ahead. A time that is
	// further ahead is wrong, for example because the clock was set back.
	skew = time.Minute

	refreshPurpose   = "refresh-token"
	successorPurpose = "refresh-successor"
	switchedPurpose  = "refresh-switched"
	version          = 1
	length           = 1 + 4 + 16 + 8 + 32 + 32
)

// Token is the content of a refresh token. Its text has a version, these fields
// in this order, and a MAC over all of them.
type Token struct {
	// KeyID names the secret that signs the token.
	KeyID [4]byte
	// Session is the id of the session. See SessionID.
	Session    [16]byte
	Generation int64
	// Secret is the random part.
	Secret [32]byte
}

// SessionID returns the id of the session in the form of the store.
func (t *Token) SessionID() string { return uuid.Format(t.Session) }

// Hash returns the hash of the random part of a token. The store keeps only
// this hash.
func Hash(secret [32]byte) []byte {
	hash := sha256.Sum256(secret[:])
	return hash[:]
}

// Sealer writes and reads refresh tokens. It may be used concurrently.
type Sealer struct {
	ring    *sealed.Ring
	purpose string
}

// New returns a Sealer that signs with the secrets of a ring.
func New(ring *sealed.Ring) *Sealer { return NewFor(ring, refreshPurpose) }

// NewFor returns a Sealer of tokens for another purpose. Tokens of one purpose
// are not valid for another.
func NewFor(ring *sealed.Ring, purpose string) *Sealer { return &Sealer{ring, purpose} }

// Seal writes a refresh token with the first secret. It returns ErrNotSealed if
// the session has no valid id or generation.
func (s *Sealer) Seal(sessionID string, generation int64, secret [32]byte) (string, error) {
	id, ok := uuid.Parse(sessionID)
	if !ok || generation < 1 {
		return "", ErrNotSealed
	}
	raw := make([]byte, 0, length)
	keyID := s.ring.Primary()
	raw = append(raw, version)
	raw = append(raw, keyID[:]...)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(generation))
	raw = append(raw, secret[:]...)
	_, mac := s.ring.MAC(s.purpose, raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac[:]...)), nil
}

// Open reads a refresh token. It returns ErrInvalid for a text with a wrong
// MAC, before the store is asked.
func (s *Sealer) Open(text string) (Token, error) {
	var t Token
	if len(text) != base64.RawURLEncoding.EncodedLen(length) {
		return t, ErrInvalid
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || raw[0] != version {
		return t, ErrInvalid
	}
	body, mac := raw[:length-sha256.Size], raw[length-sha256.Size:]
	copy(t.KeyID[:], body[1:])
	if !s.ring.VerifyMAC(s.purpose, t.KeyID, mac, body) {
		return Token{}, ErrInvalid
	}
	copy(t.Session[:], body[5:])
	t.Generation = int64(binary.BigEndian.Uint64(body[21:]))
	copy(t.Secret[:], body[29:])
	if t.Generation < 1 {
		return Token{}, ErrInvalid
	}
	return t, nil
}

// Next is the random part of the token that follows a current one. It follows
// from the token and from the secret that the token is sealed under.
func (s *Sealer) Next(t *Token) [32]byte { return s.successor(t, t.KeyID) }

// Successor is the random part of the next token. It follows from this token,
// so that a retry is given the same successor though nothing usable is stored.
// It follows from the secret too, and while secrets change two tabs may hold
// this token sealed under either: then the successor that the store knows
// counts.
func (s *Sealer) Successor(t *Token, session *store.Session) [32]byte {
	next := s.Next(t)
	if t.Generation != session.Generation-1 || isHashOf(session.SecretHash, next) {
		return next
	}
	for _, keyID := range s.ring.KeyIDs() {
		if other := s.successor(t, keyID); isHashOf(session.SecretHash, other) {
			return other
		}
	}
	for _, keyID := range s.ring.KeyIDs() {
		if other := s.switched(t.Session, t.Generation, Hash(t.Secret), keyID); isHashOf(session.SecretHash, other) {
			return other
		}
	}
	return next
}

// Switched is the random part of the token that follows the current one of a
// session that moves without its token, because its client has sent an access
// token. It follows from the stored hash of the current token and from the first
// secret. So the current token is given the same successor by Successor if the
// answer was lost, and neither the store nor the secret alone makes a token.
func (s *Sealer) Switched(session *store.Session) [32]byte {
	id, _ := uuid.Parse(session.ID)
	return s.switched(id, session.Generation, session.SecretHash, s.ring.Primary())
}

func (s *Sealer) switched(id [16]byte, generation int64, hash []byte, keyID [4]byte) [32]byte {
	next, _ := s.ring.Derive(switchedPurpose, keyID, id[:], binary.BigEndian.AppendUint64(nil, uint64(generation)), hash)
	return next
}

func (s *Sealer) successor(t *Token, keyID [4]byte) [32]byte {
	next, _ := s.ring.Derive(successorPurpose, keyID, t.Session[:], binary.BigEndian.AppendUint64(nil, uint64(t.Generation)), t.Secret[:])
	return next
}

func isHashOf(stored []byte, secret [32]byte) bool { return hmac.Equal(Hash(secret), stored) }

// Verdict is the result of Judge.
type Verdict int

const (
	// Rotate means that the token is the current one of the session.
	Rotate Verdict = iota
	// Repeat means that the token is the previous one, and that its successor
	// may be given again.
	Repeat
	// Theft means that the token is older, or that it is the previous one and
	// its successor was used.
	Theft
	// Fork means that the store never issued the token or has forgotten it, for
	// example after the restore of a backup.
	Fork
)

// Judge compares a token and its successor with the session. grace is how long
// after a rotation the previous token gives its successor again, even if the
// successor was used.
func Judge(t *Token, next [32]byte, session *store.Session, now time.Time, grace time.Duration) Verdict {
	switch {
	case t.Generation == session.Generation:
		if isHashOf(session.SecretHash, t.Secret) {
			return Rotate
		}
		return Fork
	case t.Generation > session.Generation:
		return Fork
	case t.Generation == session.Generation-1:
		switch {
		case !isHashOf(session.SecretHash, next):
			return Fork
		case session.Confirmed < session.Generation, WithinGrace(session.RotatedAt, now, grace):
			return Repeat
		}
	}
	return Theft
}

// WithinGrace reports whether a rotation was less than grace ago. A rotation in
// the future gives no grace, because the grace would last too long.
func WithinGrace(rotated, now time.Time, grace time.Duration) bool {
	return now.Before(rotated.Add(grace)) && !rotated.After(now.Add(skew))
}
