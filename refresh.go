package admit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// ErrInvalidRefreshToken answers a refresh token that is not, or not any more,
// worth anything.
var ErrInvalidRefreshToken = &Error{Code: "auth/invalid-refresh-token", Status: http.StatusUnauthorized, Message: "The refresh token is not valid. Please sign in again."}

const (
	refreshPurpose   = "refresh-token"
	successorPurpose = "refresh-successor"
	refreshVersion   = 1
	// graceForPrevious is how long after a refresh the token before is still
	// answered with the same successor, whoever used it meanwhile.
	graceForPrevious = 10 * time.Second
)

// refreshToken is what a refresh token says: version, id of the secret that
// signs it, session, generation, random part, code over all of it.
type refreshToken struct {
	keyID      [4]byte
	session    [16]byte
	generation uint64
	secret     [32]byte
}

const refreshBytes = 1 + 4 + 16 + 8 + 32 + 32

// sealRefresh writes a refresh token under the current secret.
func (k *kernel) sealRefresh(sessionID string, generation int64, secret [32]byte) (string, error) {
	id, ok := uuid.Parse(sessionID)
	if !ok || generation < 1 {
		return "", ErrInternal.because(errors.New("a session without a proper id or generation"))
	}
	raw := make([]byte, 0, refreshBytes)
	keyID := k.ring.Primary()
	raw = append(raw, refreshVersion)
	raw = append(raw, keyID[:]...)
	raw = append(raw, id[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(generation))
	raw = append(raw, secret[:]...)
	_, mac := k.ring.MAC(refreshPurpose, raw)
	return base64.RawURLEncoding.EncodeToString(append(raw, mac[:]...)), nil
}

// openRefresh reads a refresh token. Junk fails its code here, before the
// store is asked.
func (k *kernel) openRefresh(text string) (t refreshToken, ok bool) {
	if len(text) != base64.RawURLEncoding.EncodedLen(refreshBytes) {
		return t, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || raw[0] != refreshVersion {
		return t, false
	}
	body, mac := raw[:refreshBytes-32], raw[refreshBytes-32:]
	copy(t.keyID[:], body[1:])
	if !k.ring.VerifyMAC(refreshPurpose, t.keyID, mac, body) {
		return t, false
	}
	copy(t.session[:], body[5:])
	t.generation = binary.BigEndian.Uint64(body[21:])
	copy(t.secret[:], body[29:])
	return t, t.generation >= 1 && t.generation < 1<<62
}

// successor is the random part of the next token. It follows from this one, so
// that a retry is given the same successor though nothing usable is stored. It
// follows from the secret too, and while secrets change two tabs may hold this
// token sealed under either: then the successor that the store knows counts.
func (k *kernel) successor(t *refreshToken, session *store.Session) [32]byte {
	under := func(keyID [4]byte) [32]byte {
		next, _ := k.ring.Derive(successorPurpose, keyID, t.session[:], binary.BigEndian.AppendUint64(nil, t.generation), t.secret[:])
		return next
	}
	next := under(t.keyID)
	if int64(t.generation) != session.Generation-1 || isHashOf(session.SecretHash, next) {
		return next
	}
	for _, keyID := range k.ring.KeyIDs() {
		if other := under(keyID); isHashOf(session.SecretHash, other) {
			return other
		}
	}
	return next
}

func isHashOf(stored []byte, secret [32]byte) bool {
	hash := sha256.Sum256(secret[:])
	return hmac.Equal(hash[:], stored)
}

// verdict is what a refresh token turns out to be.
type verdict int

const (
	// verdictRotate: the current token of a live session.
	verdictRotate verdict = iota
	// verdictRepeat: the one before it, and its successor may be given again.
	verdictRepeat
	// verdictTheft: an older one, or the one before it after its successor was
	// used.
	verdictTheft
	// verdictFork: one that the store never issued or has forgotten, as after
	// the restore of a backup.
	verdictFork
)

// judge compares a token with its session.
func judge(t *refreshToken, next [32]byte, session *store.Session, now time.Time) verdict {
	generation := int64(t.generation)
	switch {
	case generation == session.Generation:
		if isHashOf(session.SecretHash, t.secret) {
			return verdictRotate
		}
		return verdictFork
	case generation > session.Generation:
		return verdictFork
	case generation == session.Generation-1:
		switch {
		case !isHashOf(session.SecretHash, next):
			return verdictFork
		case session.Confirmed < session.Generation, now.Before(session.RotatedAt.Add(graceForPrevious)):
			return verdictRepeat
		}
	}
	return verdictTheft
}

// Refresh gives the next pair of tokens for a refresh token, and the same pair
// again to a client whose answer got lost. It answers ErrInvalidRefreshToken,
// ErrSessionExpired, ErrAccountBanned or ErrUnavailable. A token that was
// stolen ends every session of its user.
func (s *Sessions) Refresh(ctx context.Context, token string) (SignedIn, error) {
	t, ok := s.openRefresh(token)
	if !ok {
		return SignedIn{}, ErrInvalidRefreshToken
	}
	now := s.now()
	key, err := s.tokens.signer(ctx, s.store, now)
	if err != nil {
		return SignedIn{}, err
	}
	id := uuid.Format(t.session)
	// A racer may rotate between the look and the write: then one more look
	// finds that this token is now the one before.
	for range 3 {
		session, user, err := s.store.SessionUser(ctx, tenant, id)
		if errors.Is(err, store.ErrNotFound) {
			return SignedIn{}, ErrInvalidRefreshToken
		}
		if err != nil {
			return SignedIn{}, fault(err)
		}
		if err := mayGoOn(&session, &user, session.UserID, now); err != nil {
			if errors.Is(err, ErrAuthUserNotFound) {
				return SignedIn{}, ErrInvalidRefreshToken // the token went with the account
			}
			return SignedIn{}, err
		}
		next := s.successor(&t, &session)
		switch judge(&t, next, &session, now) {
		case verdictRotate:
			hash, nextHash := sha256.Sum256(t.secret[:]), sha256.Sum256(next[:])
			won, err := s.store.RotateSession(ctx, store.Rotation{
				Tenant: tenant, ID: id, Generation: int64(t.generation), SecretHash: hash[:], NextHash: nextHash[:],
				Now: now, ExpiresAt: now.Add(s.config.Sessions.RefreshTTL),
			})
			if err != nil {
				return SignedIn{}, fault(err)
			}
			if !won {
				continue
			}
			s.afterCommit(func() { s.live.forget(user.ID) })
			session.Confirmed = session.Generation
			session.Generation++
			session.RotatedAt, session.LastActivityAt = now, now
			session.ExpiresAt = now.Add(s.config.Sessions.RefreshTTL)
			if session.ExpiresAt.After(session.AbsoluteExpiresAt) {
				session.ExpiresAt = session.AbsoluteExpiresAt
			}
			return s.renewed(ctx, key, &session, &user, next)
		case verdictRepeat:
			return s.renewed(ctx, key, &session, &user, next)
		case verdictTheft:
			return SignedIn{}, s.reuse(ctx, &session, now)
		case verdictFork:
			return SignedIn{}, s.fork(ctx, &session, now)
		}
	}
	return SignedIn{}, ErrUnavailable.because(errors.New("the session changed at every attempt"))
}

func (s *Sessions) renewed(ctx context.Context, key *signingKey, session *store.Session, user *store.User, secret [32]byte) (SignedIn, error) {
	tokens, err := s.makeTokens(ctx, key, session, user, secret)
	if err != nil {
		return SignedIn{}, err
	}
	return SignedIn{User: *user, Session: *session, Tokens: tokens}, nil
}

// reuse ends every session of a user whose refresh token was used twice (RFC
// 9700, section 4.14.2), and says so once: whoever comes second finds nothing
// live.
func (s *Sessions) reuse(ctx context.Context, session *store.Session, now time.Time) error {
	err := s.tx(ctx, func(ctx context.Context, tx *txn) error {
		if _, err := tx.lock(ctx, session.UserID); err != nil {
			return err
		}
		ended, err := tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: session.UserID, At: now, Reason: endedByReuse})
		if err != nil || ended == 0 {
			return err
		}
		return tx.record(ctx, event{kind: eventRefreshReused, subject: session.UserID, data: eventData{
			"session": session.ID, "ended": ended,
		}})
	})
	if err != nil {
		return err
	}
	return ErrInvalidRefreshToken
}

// fork ends the one session whose token the store does not know.
func (s *Sessions) fork(ctx context.Context, session *store.Session, now time.Time) error {
	err := s.tx(ctx, func(ctx context.Context, tx *txn) error {
		tx.touch(session.UserID)
		ended, err := tx.EndSession(ctx, tenant, session.UserID, session.ID, now, endedByFork)
		if err != nil || !ended {
			return err
		}
		return tx.record(ctx, event{kind: eventSessionEnded, subject: session.UserID, data: eventData{
			"session": session.ID, "reason": endedByFork,
		}})
	})
	if err != nil {
		return err
	}
	return ErrInvalidRefreshToken
}
