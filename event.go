package admit

import (
	"context"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// The kinds of event. Each is recorded in the transaction of what it tells.
const (
	eventUserCreated       = "user.created"
	eventUserDeleted       = "user.deleted"
	eventEmailVerified     = "email.verified"
	eventEmailChanged      = "email.changed"
	eventEmailChangeUndone = "email.change-undone"
	eventAccountClaimed    = "account.claimed"
	eventSessionCreated    = "session.created"
	eventSessionEnded      = "session.ended"
	eventRefreshReused     = "refresh.reused"
	eventPasswordChanged   = "password.changed"
	eventRoleChanged       = "role.changed"
	eventUserBanned        = "user.banned"
	eventUserUnbanned      = "user.unbanned"
	eventAPIKeyCreated     = "apikey.created"
	eventAPIKeyRevoked     = "apikey.revoked"
)

// Event is a fact of the audit log.
type Event = store.Event

// event is a fact about to be recorded.
type event struct {
	kind string
	// actor did it, subject is the account it was done to.
	actor, subject string
	data           eventData
}

// eventData holds ids and plain facts, never a secret.
type eventData map[string]any

// record appends an event in the caller's transaction.
func (a *Auth) record(ctx context.Context, tx store.Events, e event) error {
	var data []byte
	if len(e.data) > 0 {
		var err error
		if data, err = json.Marshal(e.data, json.Deterministic(true)); err != nil {
			return ErrInternal.because(err)
		}
	}
	client := clientFrom(ctx)
	now := a.now()
	return tx.AppendEvent(ctx, store.Event{
		Tenant: tenant, ID: a.ids.New(now), Kind: e.kind, ActorID: e.actor, SubjectID: e.subject,
		IPAddress: client.IPAddress, UserAgent: client.UserAgent, RequestID: client.RequestID,
		Data: data, At: now, Delivered: a.config.OnEvent == nil,
	})
}

// afterCommit collects what must wait until a host's transaction is committed.
type afterCommit struct {
	actions []func()
}

// afterCommit runs an action that must not happen before what caused it is
// durable: at once, or when the host says that it has committed.
func (a *Auth) afterCommit(action func()) {
	if a.after == nil {
		action()
		return
	}
	a.after.actions = append(a.after.actions, action)
}
