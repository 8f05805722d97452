package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/store"
)

// ErrInvalidRefreshToken answers a refresh token that is malformed or already
// used, or whose session is gone.
var ErrInvalidRefreshToken = &Error{Code: "auth/invalid-refresh-token", Status: http.StatusUnauthorized, Message: "The refresh token is not valid. Please sign in again."}

// Refresh gives the next pair of tokens for a refresh token, and the same pair
// again to a client whose answer got lost. It answers ErrInvalidRefreshToken,
// ErrSessionExpired, ErrAccountBanned or ErrUnavailable. A token that was
// stolen ends every session of its user.
func (s *Sessions) Refresh(ctx context.Context, token string) (SignedIn, error) {
	t, err := s.refresh.Open(token)
	if err != nil {
		return SignedIn{}, ErrInvalidRefreshToken
	}
	now := s.now()
	key, err := s.tokens.Signer(ctx, s.store, now)
	if err != nil {
		return SignedIn{}, fault(err)
	}
	id := t.SessionID()
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
		next := s.refresh.Successor(&t, &session)
		switch refreshtoken.Judge(&t, next, &session, now) {
		case refreshtoken.Rotate:
			won, err := s.store.RotateSession(ctx, store.Rotation{
				Tenant: tenant, ID: id, Generation: t.Generation, SecretHash: refreshtoken.Hash(t.Secret), NextHash: refreshtoken.Hash(next),
				Now: now, ExpiresAt: now.Add(s.config.Sessions.RefreshTTL),
			})
			if err != nil {
				return SignedIn{}, fault(err)
			}
			if !won {
				continue
			}
			s.afterCommit(func() { s.live.Forget(user.ID) })
			session.Confirmed = session.Generation
			session.Generation++
			session.RotatedAt, session.LastActivityAt = now, now
			session.ExpiresAt = now.Add(s.config.Sessions.RefreshTTL)
			if session.ExpiresAt.After(session.AbsoluteExpiresAt) {
				session.ExpiresAt = session.AbsoluteExpiresAt
			}
			return s.renewed(ctx, key, &session, &user, next)
		case refreshtoken.Repeat:
			return s.renewed(ctx, key, &session, &user, next)
		case refreshtoken.Theft:
			return SignedIn{}, s.reuse(ctx, &session, now)
		case refreshtoken.Fork:
			return SignedIn{}, s.fork(ctx, &session, now)
		}
	}
	return SignedIn{}, ErrUnavailable.because(errors.New("the session changed at every attempt"))
}

func (s *Sessions) renewed(ctx context.Context, key *accesstoken.Key, session *store.Session, user *store.User, secret [32]byte) (SignedIn, error) {
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
