package admit

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// Errors of sessions.
var (
	// ErrSessionNotFound means that the session does not exist, has ended, or
	// belongs to another user.
	ErrSessionNotFound = &Error{Code: "auth/session-not-found", Status: http.StatusNotFound, Message: "There is no such session."}
	// ErrInvalidRefreshToken means that the refresh token is malformed or already
	// used, or that its session is gone.
	ErrInvalidRefreshToken = &Error{Code: "auth/invalid-refresh-token", Status: http.StatusUnauthorized, Message: "The refresh token is not valid. Please sign in again."}
)

// Sessions lists, refreshes and ends sessions.
type Sessions struct {
	*kernel
}

func (s *Sessions) feature() feature {
	return feature{
		name:  "sessions",
		holds: holding{part: "sessions", list: true, export: exportSessions},
		routes: []route{
			{method: http.MethodPost, path: "/auth/refresh", who: anyone, scope: "auth:refresh", exchanges: true, serve: s.handleRefresh},
			{method: http.MethodGet, path: "/auth/sessions", who: signedIn, scope: "sessions:read", acting: true, serve: s.handleListSessions},
			{method: http.MethodDelete, path: "/auth/sessions", who: signedIn, scope: "sessions:write", fresh: true, serve: s.handleEndOtherSessions},
			{method: http.MethodDelete, path: "/auth/sessions/{sessionId}", who: signedIn, scope: "sessions:write", fresh: true, serve: s.handleEndSession},
			{method: http.MethodPost, path: "/auth/signout", who: signedIn, scope: "auth:signout", fresh: true, orRefresh: true, acting: true, serve: s.handleSignOut},
		},
		mails:  []mailer.Kind{mailer.NewDevice},
		events: []string{eventSessionCreated, eventSessionPaused, eventSessionEnded, eventRefreshReused},
		errors: []*Error{
			ErrUnauthorized, ErrInvalidToken, ErrTokenExpired, ErrSessionExpired, ErrAuthUserNotFound, ErrAccountBanned,
			ErrForbidden, ErrScopeInsufficient, ErrReauthenticationRequired, ErrCrossOrigin, ErrInvalidRefreshToken, ErrSessionNotFound,
		},
	}
}

// List returns one page of a user's live sessions, oldest first, and the number
// of all live sessions.
func (s *Sessions) List(ctx context.Context, userID string, page PageParams) (Page[Session], error) {
	list, total, err := s.store.ListSessions(ctx, tenant, userID, s.now(), store.Page(page))
	return pageOf(list, total, sessionOf), fault(err)
}

// EndSessionParams names a session of a user.
type EndSessionParams struct {
	UserID, SessionID string
	// Reason is why an operator ends the session. It stands in the audit log. Default:
	// the owner ends it.
	Reason string
}

// EndOtherSessionsParams names a user and, in Except, the session that does not
// end. With Except "" every session ends.
type EndOtherSessionsParams struct {
	UserID, Except string
	// Reason is why an operator ends them: see EndSessionParams.
	Reason string
}

// End ends a session of a user. When End returns nil, the access tokens and the
// refresh token of the session do not work. End returns ErrSessionNotFound if
// the id is not that of a live session of this user, or ErrUnavailable.
func (s *Sessions) End(ctx context.Context, in EndSessionParams) error {
	return s.end(ctx, in.UserID, in.SessionID, endedByOwner, in.Reason)
}

// SignOut ends a session. Ending it twice is no error. SignOut returns
// ErrUnavailable if the store does not answer.
func (s *Sessions) SignOut(ctx context.Context, session Session) error {
	err := s.end(ctx, session.UserID, session.ID, endedBySignOut, "")
	if errors.Is(err, ErrSessionNotFound) {
		return nil
	}
	return err
}

// SignOutParams is the input of Sessions.SignOutByToken, for a client whose
// access token has expired.
type SignOutParams struct {
	RefreshToken string
	// Everywhere ends every session of the user.
	Everywhere bool
}

// SignOutByToken ends the session of a refresh token. It treats the token as
// [Sessions.Refresh] does: a stolen token ends the same sessions and gives the
// same errors. SignOutByToken returns ErrInvalidRefreshToken,
// ErrSessionExpired, ErrAccountBanned or ErrUnavailable.
func (s *Sessions) SignOutByToken(ctx context.Context, in SignOutParams) error {
	token, err := s.refresh.Open(in.RefreshToken)
	if err != nil {
		return ErrInvalidRefreshToken
	}
	now := s.now()
	session, user, err := s.store.SessionUser(ctx, tenant, token.SessionID())
	if errors.Is(err, store.ErrNotFound) {
		return ErrInvalidRefreshToken
	}
	if err != nil {
		return fault(err)
	}
	if err := mayGoOn(&session, &user, session.UserID, now); err != nil {
		if errors.Is(err, ErrAuthUserNotFound) {
			return ErrInvalidRefreshToken
		}
		return err
	}
	switch refreshtoken.Judge(&token, s.refresh.Successor(&token, &session), &session, now, s.config.Sessions.RefreshGrace) {
	case refreshtoken.Theft:
		if err := s.reuse(ctx, &session, now); err != nil {
			return err
		}
		return ErrInvalidRefreshToken
	case refreshtoken.Fork:
		return s.fork(ctx, &session, now)
	}
	return s.leave(ctx, &session, in.Everywhere)
}

// leave ends one session, or every session of its user.
func (s *Sessions) leave(ctx context.Context, session *store.Session, everywhere bool) error {
	if !everywhere {
		return s.SignOut(ctx, sessionOf(session))
	}
	_, err := s.EndOthers(ctx, EndOtherSessionsParams{UserID: session.UserID})
	return err
}

func (s *Sessions) end(ctx context.Context, userID, sessionID, reason, why string) error {
	if !uuid.Valid(sessionID) {
		return ErrSessionNotFound
	}
	return s.tx(whileActing(ctx), func(ctx context.Context, tx *txn) error {
		tx.touch(userID)
		ended, err := tx.EndSession(ctx, tenant, userID, sessionID, s.now(), reason)
		if err != nil {
			return err
		}
		if !ended {
			return ErrSessionNotFound
		}
		return tx.record(ctx, event{kind: eventSessionEnded, subject: userID, data: because(eventData{"session": sessionID, "reason": reason}, why)})
	})
}

// EndOthers ends every session of a user except one, and returns the number of
// live sessions that it ended. It returns ErrUserNotFound or ErrUnavailable.
func (s *Sessions) EndOthers(ctx context.Context, in EndOtherSessionsParams) (ended int, err error) {
	userID, except := in.UserID, in.Except
	err = s.tx(ctx, func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, userID))
		if err != nil {
			return err
		}
		if err := tx.kill(ctx, afterSignOutAll, userID, user.EmailKey); err != nil {
			return err
		}
		ended, err = tx.EndSessions(ctx, store.SessionEnd{
			Tenant: tenant, UserID: userID, Except: except, At: s.now(), Reason: endedByOwner,
		})
		if err != nil || ended == 0 {
			return err
		}
		return tx.record(ctx, event{kind: eventSessionEnded, subject: userID, data: because(eventData{
			"reason": endedByOwner, "ended": ended, "except": except,
		}, in.Reason)})
	})
	if err != nil {
		return 0, err
	}
	return ended, nil
}

type refreshInput struct {
	RefreshToken string `json:"refreshToken"`
}

func (s *Sessions) handleRefresh(w http.ResponseWriter, r *http.Request) error {
	var in refreshInput
	if err := webio.Decode(r, &in); err != nil {
		return err
	}
	if in.RefreshToken == "" {
		return ErrInvalidRequest.detail("refreshToken", "is missing")
	}
	signed, err := s.Refresh(r.Context(), in.RefreshToken)
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, signed.Tokens)
}

type sessionBody struct {
	ID             string         `json:"id"`
	UserID         string         `json:"userId"`
	UserAgent      webio.Optional `json:"userAgent"`
	IPAddress      webio.Optional `json:"ipAddress"`
	DeviceInfo     string         `json:"deviceInfo"`
	LastActivityAt webio.Instant  `json:"lastActivityAt"`
	CreatedAt      webio.Instant  `json:"createdAt"`
	ExpiresAt      webio.Instant  `json:"expiresAt"`
	Current        bool           `json:"current"`
	Impersonated   bool           `json:"impersonated,omitzero"`
}

func (s *Sessions) handleListSessions(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	list, err := s.List(r.Context(), c.user.ID, PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, func(s Session) sessionBody {
		return sessionBody{
			ID: s.ID, UserID: s.UserID, UserAgent: webio.Optional(s.UserAgent), IPAddress: webio.Optional(s.IPAddress),
			DeviceInfo: device.Name(s.UserAgent), LastActivityAt: webio.Instant(s.LastActivityAt),
			CreatedAt: webio.Instant(s.CreatedAt), ExpiresAt: webio.Instant(s.ExpiresAt), Current: s.ID == c.session.ID, Impersonated: s.Impersonated,
		}
	})
}

func (s *Sessions) handleEndSession(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := s.End(r.Context(), EndSessionParams{UserID: c.user.ID, SessionID: r.PathValue("sessionId")}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The session has ended."))
}

// oldSignIn is the age of a sign-in after which ending the other sessions needs
// a recent proof of identity. Without this rule a person who found an unlocked
// device could lock out its owner.
const oldSignIn = 24 * time.Hour

func (s *Sessions) handleEndOtherSessions(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if s.now().Sub(c.session.AuthTime) > oldSignIn {
		if err := s.recent(c); err != nil {
			return err
		}
	}
	ended, err := s.EndOthers(r.Context(), EndOtherSessionsParams{UserID: c.user.ID, Except: c.session.ID})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct {
		Message string `json:"message"`
		Revoked int    `json:"revoked"`
	}{"All other sessions have ended.", ended})
}

type signOutInput struct {
	RefreshToken string `json:"refreshToken"`
	Everywhere   bool   `json:"everywhere"`
}

// handleSignOut accepts a refresh token if the access token is missing or
// invalid, because the access token has often expired when somebody signs out.
func (s *Sessions) handleSignOut(w http.ResponseWriter, r *http.Request) error {
	var in signOutInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return err
	}
	c := callerFrom(r.Context())
	var err error
	switch {
	case c.signedIn:
		err = s.leave(r.Context(), &c.session, in.Everywhere)
	case in.RefreshToken != "":
		err = s.SignOutByToken(r.Context(), SignOutParams(in))
	case c.refusal != nil:
		err = c.refusal
	default:
		err = ErrUnauthorized
	}
	if err != nil {
		return err
	}
	if s.config.Cookies && c.signedIn {
		clearCookie(s.kernel, w.Header())
	}
	return webio.Write(w, http.StatusOK, webio.Message("Signed out."))
}

// SetCookie makes the session cookie of a sign-in, for a handler of the host. The
// tokens of the sign-in must not be used beside it. ErrCrossOrigin for a form of
// another site; ErrInternal without Config.Cookies.
func (s *Sessions) SetCookie(w http.ResponseWriter, r *http.Request, signed SignedIn) error {
	if !s.config.Cookies {
		return ErrInternal.because(errors.New("Config.Cookies is off, so no guard would read a session cookie"))
	}
	if err := sameOrigin(s.kernel, r); err != nil {
		return err
	}
	return setCookie(s.kernel, w, &signed)
}

// ClearCookie tells the browser to forget its session cookie. It ends no session:
// SignOut does.
func (s *Sessions) ClearCookie(w http.ResponseWriter) { clearCookie(s.kernel, w.Header()) }

// RevokedBefore counts what RevokeIssuedBefore revoked.
type RevokedBefore struct {
	Sessions, Tokens int
}

// RevokeIssuedBefore ends every session and deletes every pending one-time
// token that was made before t. Call it after the restore of a backup: sessions
// and tokens that were revoked after the backup are live again in the backup.
// It returns ErrUnavailable if the store does not answer.
func (s *Sessions) RevokeIssuedBefore(ctx context.Context, t time.Time) (revoked RevokedBefore, err error) {
	const batch = 1000
	for {
		n, err := s.store.EndSessionsBefore(ctx, tenant, t, s.now(), endedByRestore, batch)
		revoked.Sessions += n
		if err != nil {
			return revoked, fault(err)
		}
		if n == 0 {
			break
		}
	}
	for {
		n, err := s.store.DeleteTokensBefore(ctx, tenant, t, batch)
		revoked.Tokens += n
		if err != nil {
			return revoked, fault(err)
		}
		if n == 0 {
			break
		}
	}
	s.live.ForgetAll()
	return revoked, s.tx(ctx, func(ctx context.Context, tx *txn) error {
		return tx.record(ctx, event{kind: eventSessionEnded, data: eventData{
			"reason": endedByRestore, "sessions": revoked.Sessions, "tokens": revoked.Tokens,
		}})
	})
}

// Refresh returns the next pair of tokens for a refresh token. If the answer
// was lost, a client gets the same refresh token again. A stolen token ends
// every session of its user. Refresh returns ErrInvalidRefreshToken,
// ErrSessionExpired, ErrAccountBanned or ErrUnavailable.
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
	id, next := t.SessionID(), s.refresh.Next(&t)
	// A token that is current is exchanged by one statement. What else the token
	// is tells a look at its session. Where that says that the token is current
	// after all, the session changed in between, and it is tried again.
	for range 3 {
		session, user, rotated, err := s.store.RotateSessionUser(ctx, store.Rotation{
			Tenant: tenant, ID: id, Generation: t.Generation, SecretHash: refreshtoken.Hash(t.Secret), NextHash: refreshtoken.Hash(next),
			Now: now, ExpiresAt: now.Add(s.config.Sessions.RefreshTTL),
		})
		if err != nil {
			return SignedIn{}, fault(err)
		}
		if rotated {
			s.afterCommit(func() { s.live.Forget(user.ID) })
			return renewed(ctx, s.kernel, key, &session, &user, next)
		}
		session, user, err = s.store.SessionUser(ctx, tenant, id)
		if errors.Is(err, store.ErrNotFound) {
			return SignedIn{}, ErrInvalidRefreshToken
		}
		if err != nil {
			return SignedIn{}, fault(err)
		}
		if err := mayGoOn(&session, &user, session.UserID, now); err != nil {
			if errors.Is(err, ErrAuthUserNotFound) {
				return SignedIn{}, ErrInvalidRefreshToken // the account was deleted
			}
			return SignedIn{}, err
		}
		stored := s.refresh.Successor(&t, &session)
		switch refreshtoken.Judge(&t, stored, &session, now, s.config.Sessions.RefreshGrace) {
		case refreshtoken.Repeat:
			session.Answers, err = s.answer(ctx, &session, now)
			if errors.Is(err, store.ErrNotFound) {
				continue
			}
			if err != nil {
				return SignedIn{}, fault(err)
			}
			return renewed(ctx, s.kernel, key, &session, &user, stored)
		case refreshtoken.Theft:
			if err := s.reuse(ctx, &session, now); err != nil {
				return SignedIn{}, err
			}
			return SignedIn{}, ErrInvalidRefreshToken
		case refreshtoken.Fork:
			return SignedIn{}, s.fork(ctx, &session, now)
		}
	}
	return SignedIn{}, ErrUnavailable.because(errors.New("the session changed at every attempt"))
}

// answer gives the number of one more answer for the current generation. Answers
// within the grace have one number: an honest client may use several. After it
// each has its own, so that another client with an answer is noticed.
func (s *Sessions) answer(ctx context.Context, session *store.Session, now time.Time) (int64, error) {
	if refreshtoken.WithinGrace(session.RotatedAt, now, s.config.Sessions.RefreshGrace) {
		return 0, nil
	}
	return s.store.AnswerSession(ctx, tenant, session.ID, session.Generation)
}

// fork ends a session whose refresh token the store does not know.
func (s *Sessions) fork(ctx context.Context, session *store.Session, now time.Time) error {
	if err := endForked(ctx, s.kernel, session, refreshtoken.Fork, now); err != nil {
		return err
	}
	return ErrInvalidRefreshToken
}
