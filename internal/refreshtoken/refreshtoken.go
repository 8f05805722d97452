// Package refreshtoken writes and reads refresh tokens, and tells the use of a
// current one from a retry, a theft and a fork. It stores nothing and ends no
// session: what follows from a verdict is decided above.
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
	// ErrInvalid says that a text is no refresh token from here.
	ErrInvalid = errors.New("refreshtoken: the token is not valid")
	// ErrNotSealed says that a token cannot be written: its session has no
	// proper id or generation.
	ErrNotSealed = errors.New("refreshtoken: a session without a proper id or generation")
)

const (
	// Grace is how long after a refresh the token before is still answered with
	// the same successor, whoever used the successor meanwhile.
	Grace = 10 * time.Second

	// skew is how far the clock of another process may be ahead. A time that is
	// further ahead is wrong, as after a clock that was set back.
	skew = time.Minute

	purpose          = "refresh-token"
	successorPurpose = "refresh-successor"
	version          = 1
	length           = 1 + 4 + 16 + 8 + 32 + 32
)

// Token is what a refresh token says. Its text holds a version, these fields in
// their order, and a code over all of it.
type Token struct {
	// KeyID names the secret that signs the token.
	KeyID [4]byte
	// Session is the id of the session; see SessionID.
	Session    [16]byte
	Generation int64
	// Secret is the random part.
	Secret [32]byte
}

// SessionID is the id of the session in the form that the store uses.
func (t *Token) SessionID() string { return uuid.Format(t.Session) }

// Hash is what the store keeps of the random part of a token.
func Hash(secret [32]byte) []byte {
	hash := sha256.Sum256(secret[:])
	return hash[:]
}

// Sealer writes and reads refresh tokens. It may be used concurrently.
type Sealer struct{ ring *sealed.Ring }

// New returns a Sealer that signs with the secrets of a ring.
func New(ring *sealed.Ring) *Sealer { return &Sealer{ring} }

// Seal writes a refresh token under the first secret. It answers ErrNotSealed
// where the session has no proper id or generation.
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
	_, mac := s.ring.MAC(purpose, raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac[:]...)), nil
}

// Open reads a refresh token, or answers ErrInvalid. Junk fails its code here,
// before the store is asked.
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
	if !s.ring.VerifyMAC(purpose, t.KeyID, mac, body) {
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
	return next
}

func (s *Sealer) successor(t *Token, keyID [4]byte) [32]byte {
	next, _ := s.ring.Derive(successorPurpose, keyID, t.Session[:], binary.BigEndian.AppendUint64(nil, uint64(t.Generation)), t.Secret[:])
	return next
}

func isHashOf(stored []byte, secret [32]byte) bool { return hmac.Equal(Hash(secret), stored) }

// Verdict is what a refresh token turns out to be.
type Verdict int

const (
	// Rotate is the current token of the session.
	Rotate Verdict = iota
	// Repeat is the token before it, and its successor may be given again.
	Repeat
	// Theft is an older token, or the token before the current one after its
	// successor was used.
	Theft
	// Fork is a token that the store never issued or has forgotten, as after the
	// restore of a backup.
	Fork
)

// Judge compares a token, and the successor that follows from it, with its
// session. Grace is how long after a rotation the token before is answered,
// whoever has used its successor.
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

// WithinGrace says whether a rotation was that lately. A rotation in a time to
// come gives no grace: it would last until then.
func WithinGrace(rotated, now time.Time, grace time.Duration) bool {
	return now.Before(rotated.Add(grace)) && !rotated.After(now.Add(skew))
}
