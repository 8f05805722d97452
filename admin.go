package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/device"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// adminDoors are the routes of operators about one user, and about what waits to be
// sent. The rules belong to the features.
type adminDoors struct {
	*kernel
	sessions      *Sessions
	passkeys      *Passkeys
	verifications *Verifications
	resets        *PasswordResets
	outbox        *Outbox
}

const (
	adminUserPath = "/admin/users/{userId}"
	outboxPath    = "/admin/outbox"
)

func (d *adminDoors) feature() feature {
	return feature{
		name:  "admin",
		holds: holding{nothing: "the features behind the routes hold it"},
		routes: []route{
			{method: http.MethodGet, path: adminUserPath + "/sessions", who: adminGroup, scope: "users:read", serve: d.handleSessions},
			{method: http.MethodDelete, path: adminUserPath + "/sessions", who: adminGroup, scope: "users:write", serve: d.handleEndSessions},
			{method: http.MethodDelete, path: adminUserPath + "/sessions/{sessionId}", who: adminGroup, scope: "users:write", serve: d.handleEndSession},
			{method: http.MethodGet, path: adminUserPath + "/passkeys", who: adminGroup, scope: "users:read", serve: d.handlePasskeys},
			{method: http.MethodDelete, path: adminUserPath + "/passkeys", who: adminGroup, scope: "users:write", serve: d.handleResetPasskeys},
			{method: http.MethodPost, path: adminUserPath + "/resend-verification", who: adminGroup, scope: "users:write", serve: d.handleResendVerification},
			{method: http.MethodPost, path: adminUserPath + "/send-reset", who: adminGroup, scope: "users:write", serve: d.handleSendReset},
			{method: http.MethodGet, path: outboxPath, who: adminGroup, scope: "outbox:read", serve: d.handleOutbox},
			{method: http.MethodDelete, path: outboxPath + "/{id}", who: adminGroup, scope: "outbox:write", serve: d.handleDeleteMessage},
			{method: http.MethodPost, path: outboxPath + "/{id}/retry", who: adminGroup, scope: "outbox:write", serve: d.handleRetry},
		},
		events: []string{eventMailRetried, eventMailDeleted},
	}
}

// adminSessionBody is a session as an operator sees it.
type adminSessionBody struct {
	ID             string         `json:"id"`
	UserID         string         `json:"userId"`
	UserAgent      webio.Optional `json:"userAgent"`
	IPAddress      webio.Optional `json:"ipAddress"`
	DeviceInfo     string         `json:"deviceInfo"`
	AuthTime       webio.Instant  `json:"authTime"`
	LastActivityAt webio.Instant  `json:"lastActivityAt"`
	CreatedAt      webio.Instant  `json:"createdAt"`
	ExpiresAt      webio.Instant  `json:"expiresAt"`
	Impersonated   bool           `json:"impersonated,omitzero"`
}

func (d *adminDoors) handleSessions(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	user, err := existing(d.store.User(r.Context(), tenant, idIn(r)))
	if err != nil {
		return err
	}
	list, err := d.sessions.List(r.Context(), user.ID, PageParams(page))
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, page, func(s Session) adminSessionBody {
		return adminSessionBody{
			ID: s.ID, UserID: s.UserID, UserAgent: webio.Optional(s.UserAgent), IPAddress: webio.Optional(s.IPAddress), DeviceInfo: device.Name(s.UserAgent),
			AuthTime: webio.Instant(s.AuthTime), LastActivityAt: webio.Instant(s.LastActivityAt), CreatedAt: webio.Instant(s.CreatedAt), ExpiresAt: webio.Instant(s.ExpiresAt),
			Impersonated: s.Impersonated,
		}
	})
}

// idIn is the account that a path names. A text that is no id names nobody.
func idIn(r *http.Request) string { return r.PathValue("userId") }

type adminReasonInput struct {
	Reason string `json:"reason"`
}

// reason reads why an operator does something, after the proof of identity.
func (d *adminDoors) reason(r *http.Request) (string, error) {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return "", err
	}
	var in adminReasonInput
	if err := webio.DecodeOptional(r, &in); err != nil {
		return "", err
	}
	if !plainText(in.Reason, 500) {
		return "", ErrInvalidRequest.detail("reason", "must have at most 500 characters and no control characters")
	}
	return in.Reason, nil
}

func (d *adminDoors) handleEndSessions(w http.ResponseWriter, r *http.Request) error {
	reason, err := d.reason(r)
	if err != nil {
		return err
	}
	ended, err := d.sessions.EndOthers(r.Context(), EndOtherSessionsParams{UserID: idIn(r), Reason: orOperator(reason)})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, struct {
		Message string `json:"message"`
		Revoked int    `json:"revoked"`
	}{"Every session of the account has ended.", ended})
}

// orOperator is the reason in the audit log where an operator gives none.
func orOperator(reason string) string {
	if reason == "" {
		return "operator"
	}
	return reason
}

func (d *adminDoors) handleEndSession(w http.ResponseWriter, r *http.Request) error {
	reason, err := d.reason(r)
	if err != nil {
		return err
	}
	err = d.sessions.End(r.Context(), EndSessionParams{UserID: idIn(r), SessionID: r.PathValue("sessionId"), Reason: orOperator(reason)})
	if err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The session has ended."))
}

// adminPasskeyBody is a passkey as an operator sees it.
type adminPasskeyBody struct {
	ID         string        `json:"id"`
	Name       string        `json:"name"`
	CreatedAt  webio.Instant `json:"createdAt"`
	BackedUp   bool          `json:"backedUp"`
	LastUsedAt webio.Instant `json:"lastUsedAt"`
}

func (d *adminDoors) handlePasskeys(w http.ResponseWriter, r *http.Request) error {
	user, err := existing(d.store.User(r.Context(), tenant, idIn(r)))
	if err != nil {
		return err
	}
	list, err := d.passkeys.List(r.Context(), user.ID)
	if err != nil {
		return err
	}
	bodies := make([]adminPasskeyBody, len(list))
	for i, p := range list {
		bodies[i] = adminPasskeyBody{ID: p.ID, Name: p.Name, CreatedAt: webio.Instant(p.CreatedAt), BackedUp: p.BackedUp, LastUsedAt: webio.Instant(p.LastUsedAt)}
	}
	return webio.Write(w, http.StatusOK, bodies)
}

func (d *adminDoors) handleResetPasskeys(w http.ResponseWriter, r *http.Request) error {
	reason, err := d.reason(r)
	if err != nil {
		return err
	}
	if err := d.passkeys.Reset(r.Context(), ResetPasskeysParams{UserID: idIn(r), Reason: reason}); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The passkeys were removed. Every session of the account has ended."))
}

func (d *adminDoors) handleResendVerification(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	if err := d.verifications.RequestFor(r.Context(), idIn(r)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("A mail is on its way."))
}

func (d *adminDoors) handleSendReset(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	if err := d.resets.RequestFor(r.Context(), idIn(r)); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("A mail is on its way."))
}

// outboxBody is a message of the outbox. What it says and whom it is for is sealed.
type outboxBody struct {
	ID        string         `json:"id"`
	Queue     string         `json:"queue"`
	Kind      string         `json:"kind"`
	Tries     int            `json:"tries"`
	LastError webio.Optional `json:"lastError"`
	CreatedAt webio.Instant  `json:"createdAt"`
	NextAt    webio.Instant  `json:"nextAt"`
	DeadAt    webio.Instant  `json:"deadAt"`
}

func (d *adminDoors) handleOutbox(w http.ResponseWriter, r *http.Request) error {
	page, err := webio.PageOf(r, 10)
	if err != nil {
		return err
	}
	query, err := webio.Query(r)
	if err != nil {
		return err
	}
	in := ListOutboxParams{Page: PageParams(page)}
	var state string
	if err := webio.Fields(query, map[string]*string{"queue": &in.Queue, "state": &state}); err != nil {
		return err
	}
	switch state {
	case "waiting":
	case "dead", "":
		in.Dead = true
	default:
		return ErrInvalidRequest.detail("state", "must be waiting or dead")
	}
	list, err := d.outbox.List(r.Context(), in)
	if err != nil {
		return err
	}
	return webio.WriteList(w, list.Items, list.Total, store.Page(in.Page), func(m Mail) outboxBody {
		body := outboxBody{
			ID: m.ID, Queue: m.Queue, Kind: m.Kind, Tries: m.Tries, LastError: webio.Optional(m.LastError), CreatedAt: webio.Instant(m.CreatedAt), DeadAt: webio.Instant(m.DeadAt),
		}
		if m.DeadAt.IsZero() {
			body.NextAt = webio.Instant(m.NextAt)
		}
		return body
	})
}

func (d *adminDoors) handleRetry(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	if err := d.outbox.Retry(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The message is sent again."))
}

func (d *adminDoors) handleDeleteMessage(w http.ResponseWriter, r *http.Request) error {
	if err := d.recent(callerFrom(r.Context())); err != nil {
		return err
	}
	if err := d.outbox.Delete(r.Context(), r.PathValue("id")); err != nil {
		return err
	}
	return webio.Write(w, http.StatusOK, webio.Message("The message was deleted."))
}
