package admit

import (
	"context"
	"fmt"
	"maps"

	"github.com/admit-go/admit/store"
	"github.com/go-json-experiment/json"
)

// The kinds of event. A change is recorded in the transaction that makes it.
const (
	eventUserCreated       = "user.created"
	eventUserImported      = "user.imported" // an import changed an account that existed
	eventUserRenamed       = "user.renamed"
	eventUserDeleted       = "user.deleted"
	eventUsersExported     = "users.exported"
	eventEmailVerified     = "email.verified"
	eventEmailChanged      = "email.changed"
	eventEmailChangeUndone = "email.change-undone"
	eventAccountClaimed    = "account.claimed"
	eventAccountContested  = "account.contested"
	eventSessionCreated    = "session.created"
	eventSessionPaused     = "session.paused"
	eventSessionEnded      = "session.ended"
	eventRefreshReused     = "refresh.reused"
	eventPasswordChanged   = "password.changed"
	eventRoleChanged       = "role.changed"
	eventUserBanned        = "user.banned"
	eventUserUnbanned      = "user.unbanned"
	eventAPIKeyCreated     = "apikey.created"
	eventAPIKeyRevoked     = "apikey.revoked"
	eventPasskeyAdded      = "passkey.added"
	eventPasskeyRenamed    = "passkey.renamed"
	eventPasskeyRemoved    = "passkey.removed"
	eventPasskeySynced     = "passkey.synced"     // it may be backed up from now on
	eventPasskeyCount      = "passkey.count-fell" // there may be a copy of the authenticator
	eventMFAEnabled        = "mfa.enabled"
	eventMFADisabled       = "mfa.disabled"
	eventMFAReset          = "mfa.reset" // by an operator
	eventRecoveryCodesMade = "mfa.recovery-codes-made"
	eventRecoveryCodeUsed  = "mfa.recovery-code-used"
	eventDeviceRemembered  = "mfa.device-remembered"
	eventDeviceForgotten   = "mfa.device-forgotten"
	eventReauthenticated   = "session.reauthenticated"
	eventStartedOver       = "account.started-over"

	// These tell of what did not succeed, or not yet: see notice.go.
	eventSignInFailed  = "signin.failed"
	eventLimitReached  = "limit.reached"
	eventMailRequested = "mail.requested"
	eventKeyRefused    = "key.refused"
)

// event is a fact about to be recorded.
type event struct {
	kind string
	// subject is the account it was done to.
	subject string
	data    eventData
}

// record appends an event. Only record sets the actor: the signed-in user, or the
// secret key (by its id, and data says so), or the account whose proof was
// accepted in this transaction, or "" for the operator and for the library itself.
func (t *txn) record(ctx context.Context, e event) error {
	if !t.kinds[e.kind] {
		return ErrInternal.because(fmt.Errorf("no feature declares the event %q", e.kind))
	}
	actor := t.proven
	if c := callerFrom(ctx); c != nil {
		switch {
		case c.signedIn:
			actor = c.user.ID
		case c.key != nil && c.key.Type == SecretKey && actor == "":
			actor = c.key.ID
			data := eventData{"by": "key"}
			maps.Copy(data, e.data)
			e.data = data
		}
	}
	var data []byte
	if len(e.data) > 0 {
		var err error
		if data, err = json.Marshal(e.data, json.Deterministic(true)); err != nil {
			return ErrInternal.because(err)
		}
	}
	client := clientFrom(ctx)
	now := t.now()
	t.batch.Events = append(t.batch.Events, store.Event{
		Tenant: tenant, ID: t.ids.New(now), Kind: e.kind, ActorID: actor, SubjectID: e.subject,
		IPAddress: client.IPAddress, UserAgent: client.UserAgent, RequestID: client.RequestID,
		Data: data, At: now, Delivered: t.config.OnEvent == nil,
	})
	return nil
}
