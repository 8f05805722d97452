package admit

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/accesstoken"
	"github.com/admit-go/admit/store"
)

// This file finds the session and the user of an access token, and the API key
// of a request.

// bearer returns the token of the Authorization header (RFC 6750, section 2.1),
// or "" if there is none. An empty header and a scheme other than Bearer may be
// meant for a proxy, so they count as no token. Tokens are read from no other
// place.
func bearer(r *http.Request) (string, error) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return "", nil
	}
	if len(values) > 1 {
		return "", ErrInvalidToken
	}
	scheme, rest := values[0], ""
	if end := strings.IndexAny(scheme, " \t"); end >= 0 {
		scheme, rest = scheme[:end], scheme[end:]
	}
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil
	}
	token, ok := strings.CutPrefix(rest, " ")
	if !ok || token == "" {
		return "", ErrInvalidToken
	}
	if strings.HasPrefix(token, "sk_") || strings.HasPrefix(token, "pk_") { // no access token begins so
		return "", ErrInvalidToken.detail("authorization", "holds an API key; send it in the header X-API-Key")
	}
	return token, nil
}

// verifyAccess fills in the caller of an access token: it checks that the token
// is genuine, that its session is live, and that its user is neither deleted
// nor banned.
func (k *kernel) verifyAccess(ctx context.Context, raw string, fresh bool, c *caller) error {
	now := k.now()
	token, err := k.tokens.Verify(ctx, k.store, raw, now)
	if err != nil {
		return fault(err)
	}
	if err := k.live.Find(ctx, k.store, token.Session, now, fresh, &c.session, &c.user); err != nil {
		return fault(err)
	}
	if token.Generation > c.session.Generation && !fresh {
		// Another process has refreshed the session since it was remembered.
		if err := k.live.Find(ctx, k.store, token.Session, now, true, &c.session, &c.user); err != nil {
			return fault(err)
		}
	}
	if err := mayGoOn(&c.session, &c.user, token.Subject, now); err != nil {
		return err
	}
	if c.actor, err = actorOf(ctx, k.store, &c.session, &c.user, now); err != nil {
		return err
	}
	if forked(token, &c.session) && !fresh {
		// The remembered session may be old.
		if err := k.live.Find(ctx, k.store, token.Session, now, true, &c.session, &c.user); err != nil {
			return fault(err)
		}
	}
	switch {
	case forked(token, &c.session):
		if err := k.reuse(ctx, &c.session, now); err != nil {
			return err
		}
		return ErrSessionExpired
	case token.Generation == c.session.Generation && c.session.Confirmed < token.Generation:
		confirmSession(ctx, k, c, token.Generation, token.Answer)
	}
	if err := keepOut(ctx, k, k.store, &c.session, &c.user); err != nil {
		return err
	}
	k.active.Seen(c.session.ID, c.session.LastActivityAt, now)
	c.signedIn = true
	return nil
}

// renewed makes the tokens of a session that is refreshed.
func renewed(ctx context.Context, k *kernel, key *accesstoken.Key, session *store.Session, user *store.User, secret [32]byte) (SignedIn, error) {
	if err := keepOut(ctx, k, k.store, session, user); err != nil {
		return SignedIn{}, err
	}
	tokens, err := k.makeTokens(ctx, key, session, user, secret)
	if err != nil {
		return SignedIn{}, err
	}
	return SignedIn{User: userOf(user), Session: sessionOf(session), Tokens: tokens}, nil
}

// confirmSession notes that a token of the current generation was used.
func confirmSession(ctx context.Context, k *kernel, c *caller, generation, answer int64) {
	if err := k.store.ConfirmSession(ctx, tenant, c.session.ID, generation, answer); err != nil {
		// The session is read and lives; a store that cannot be written to at the
		// moment must not shut its users out.
		k.log.WarnContext(ctx, "could not confirm a refreshed session", "session", c.session.ID, "error", err)
		return
	}
	k.live.Forget(c.user.ID)
}

// forked says whether a token belongs to another answer of its generation than
// the answer whose token was used first. Answers within the grace have one
// number, so at least one of the two was given after it: the refresh token is in
// two hands.
func forked(token *accesstoken.Token, session *store.Session) bool {
	switch token.Generation {
	case session.Generation:
		return session.Confirmed == token.Generation && session.Used != store.NoAnswer && session.Used != token.Answer
	case session.Generation - 1:
		return session.UsedBefore != store.NoAnswer && session.UsedBefore != token.Answer
	}
	return false
}

// reuse ends every session of a user whose refresh token two clients have (RFC
// 9700, section 4.14.2). With Sessions.OnReuse "session" it ends only this
// session. It records the event once: a second call finds no live session.
func (k *kernel) reuse(ctx context.Context, session *store.Session, now time.Time) error {
	return k.tx(anonymous(ctx), func(ctx context.Context, tx *txn) error {
		if _, err := tx.lock(ctx, session.UserID); err != nil {
			return err
		}
		var ended int
		var err error
		if k.config.Sessions.OnReuse == reuseEndsOne {
			var one bool
			if one, err = tx.EndSession(ctx, tenant, session.UserID, session.ID, now, endedByReuse); one {
				ended = 1
			}
		} else {
			ended, err = tx.EndSessions(ctx, store.SessionEnd{Tenant: tenant, UserID: session.UserID, At: now, Reason: endedByReuse})
		}
		if err != nil || ended == 0 {
			return err
		}
		return tx.record(ctx, event{kind: eventRefreshReused, subject: session.UserID, data: eventData{
			"session": session.ID, "ended": ended,
		}})
	})
}
