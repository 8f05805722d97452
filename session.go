package admit

import (
	"context"
	"errors"
	"net/http"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// ErrSessionNotFound answers for a session that does not exist, has ended, or
// belongs to somebody else.
var ErrSessionNotFound = &Error{Code: "auth/session-not-found", Status: http.StatusNotFound, Message: "There is no such session."}

var sessions = feature{
	name: "sessions",
	routes: []route{
		{method: http.MethodPost, path: "/auth/refresh", who: anyone, scope: "auth:refresh", exchanges: true, serve: (*Auth).handleRefresh},
		{method: http.MethodGet, path: "/auth/sessions", who: signedIn, scope: "sessions:read", serve: (*Auth).handleListSessions},
		{method: http.MethodDelete, path: "/auth/sessions", who: signedIn, scope: "sessions:write", fresh: true, serve: (*Auth).handleEndOtherSessions},
		{method: http.MethodDelete, path: "/auth/sessions/{sessionId}", who: signedIn, scope: "sessions:write", fresh: true, serve: (*Auth).handleEndSession},
		{method: http.MethodPost, path: "/auth/signout", who: signedIn, scope: "auth:signout", fresh: true, serve: (*Auth).handleSignOut},
	},
	events: []string{eventSessionCreated, eventSessionEnded, eventRefreshReused},
	errors: []*Error{
		ErrUnauthorized, ErrInvalidToken, ErrTokenExpired, ErrSessionExpired, ErrUserNotFound, ErrAccountBanned,
		ErrForbidden, ErrInsufficientScope, ErrReauthenticationNeeded, ErrInvalidRefreshToken, ErrSessionNotFound,
	},
}

// Why sessions end.
const (
	endedBySignOut  = "signed-out"
	endedByOwner    = "revoked"
	endedByReuse    = "reuse"
	endedByFork     = "unknown-generation"
	endedByLimit    = "too-many-sessions"
	endedByRestore  = "issued-before"
	endedByPassword = "password"
	endedByDelete   = "deleted"
	endedByClaim    = "claimed"
	endedByUndo     = "address-undone"
	endedByBan      = "banned"
)

// Sessions returns one page of a user's live sessions, oldest first, and their
// total.
func (a *Auth) Sessions(ctx context.Context, userID string, page store.Page) ([]Session, int, error) {
	list, total, err := a.store.ListSessions(ctx, tenant, userID, a.now(), page)
	return list, total, fault(err)
}

// EndSession ends a session of a user: its access and refresh tokens are dead
// when it returns nil. ErrSessionNotFound when it is not a live session of that
// user.
func (a *Auth) EndSession(ctx context.Context, userID, sessionID string) error {
	return a.endSession(ctx, userID, sessionID, endedByOwner)
}

// SignOut ends the session of a user who leaves. Leaving twice is no error.
func (a *Auth) SignOut(ctx context.Context, session Session) error {
	err := a.endSession(ctx, session.UserID, session.ID, endedBySignOut)
	if errors.Is(err, ErrSessionNotFound) {
		return nil
	}
	return err
}

func (a *Auth) endSession(ctx context.Context, userID, sessionID, reason string) error {
	if !uuid.Valid(sessionID) {
		return ErrSessionNotFound
	}
	err := a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		ended, err := tx.EndSession(ctx, tenant, userID, sessionID, a.now(), reason)
		if err != nil {
			return err
		}
		if !ended {
			return ErrSessionNotFound
		}
		return a.record(ctx, tx, event{kind: eventSessionEnded, actor: userID, subject: userID, data: eventData{
			"session": sessionID, "reason": reason,
		}})
	})
	if err == nil {
		a.afterCommit(func() { a.live.forget(userID) })
	}
	return err
}

// EndOtherSessions ends every session of a user but one ("" ends all), and
// returns how many were live.
func (a *Auth) EndOtherSessions(ctx context.Context, userID, except string) (int, error) {
	var ended int
	err := a.tx(ctx, func(ctx context.Context, tx store.Store) error {
		user, err := tx.LockUser(ctx, tenant, userID)
		if err != nil {
			return err
		}
		if err := killTokens(ctx, tx, afterSignOutAll, userID, user.EmailKey); err != nil {
			return err
		}
		ended, err = tx.EndSessions(ctx, store.SessionEnd{
			Tenant: tenant, UserID: userID, Except: except, At: a.now(), Reason: endedByOwner,
		})
		if err != nil || ended == 0 {
			return err
		}
		return a.record(ctx, tx, event{kind: eventSessionEnded, actor: userID, subject: userID, data: eventData{
			"reason": endedByOwner, "ended": ended, "except": except,
		}})
	})
	if err != nil {
		return 0, err
	}
	a.afterCommit(func() { a.live.forget(userID) })
	return ended, nil
}

type refreshInput struct {
	RefreshToken string `json:"refreshToken"`
}

func (a *Auth) handleRefresh(w http.ResponseWriter, r *http.Request) error {
	var in refreshInput
	if err := decode(r, &in); err != nil {
		return err
	}
	if in.RefreshToken == "" {
		return ErrInvalidRequest.detail("refreshToken", "is missing")
	}
	signed, err := a.Refresh(r.Context(), in.RefreshToken)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, signed.Tokens)
}

type sessionBody struct {
	ID             string   `json:"id"`
	UserID         string   `json:"userId"`
	UserAgent      optional `json:"userAgent"`
	IPAddress      optional `json:"ipAddress"`
	DeviceInfo     string   `json:"deviceInfo"`
	LastActivityAt instant  `json:"lastActivityAt"`
	CreatedAt      instant  `json:"createdAt"`
	ExpiresAt      instant  `json:"expiresAt"`
	Current        bool     `json:"current"`
}

func (a *Auth) handleListSessions(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	page, err := pageOf(r, 10)
	if err != nil {
		return err
	}
	list, total, err := a.Sessions(r.Context(), c.user.ID, page)
	if err != nil {
		return err
	}
	return writeList(w, list, total, page, func(s Session) sessionBody {
		return sessionBody{
			ID: s.ID, UserID: s.UserID, UserAgent: optional(s.UserAgent), IPAddress: optional(s.IPAddress),
			DeviceInfo: device.Name(s.UserAgent), LastActivityAt: instant(s.LastActivityAt),
			CreatedAt: instant(s.CreatedAt), ExpiresAt: instant(s.ExpiresAt), Current: s.ID == c.session.ID,
		}
	})
}

func (a *Auth) handleEndSession(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	if err := a.EndSession(r.Context(), c.user.ID, r.PathValue("sessionId")); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, messageBody{"The session has ended."})
}

func (a *Auth) handleEndOtherSessions(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	ended, err := a.EndOtherSessions(r.Context(), c.user.ID, c.session.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Message string `json:"message"`
		Revoked int    `json:"revoked"`
	}{"All other sessions have ended.", ended})
}

func (a *Auth) handleSignOut(w http.ResponseWriter, r *http.Request) error {
	if err := a.SignOut(r.Context(), callerFrom(r.Context()).session); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, messageBody{"Signed out."})
}
