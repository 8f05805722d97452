package admit

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/admit-go/admit/store"
	"github.com/go-json-experiment/json"
)

// The kinds of event. A change is recorded in the transaction that makes it.
const (
	eventUserCreated       = "user.created"
	eventUserImported      = "user.imported" // an import changed an existing account
	eventUserRenamed       = "user.renamed"
	eventUserDeleted       = "user.deleted"
	eventUserRestored      = "user.restored"
	eventUserPurged        = "user.purged"
	eventUserExported      = "user.exported"
	eventProfileChanged    = "profile.changed"
	eventUsersExported     = "users.exported"
	eventEmailVerified     = "email.verified"
	eventEmailUnverified   = "email.unverified" // by an operator
	eventEmailChanged      = "email.changed"
	eventEmailChangeUndone = "email.change-undone"
	eventAccountClaimed    = "account.claimed"
	eventAccountContested  = "account.contested"
	eventSessionCreated    = "session.created"
	eventSessionPaused     = "session.paused"
	eventSessionEnded      = "session.ended"
	eventRefreshReused     = "refresh.reused"
	eventPasswordChanged   = "password.changed"
	eventPasswordLeaked    = "password.leaked" // found at a sign-in
	eventRoleChanged       = "role.changed"
	eventUserBanned        = "user.banned"
	eventUserUnbanned      = "user.unbanned"
	eventAPIKeyCreated     = "apikey.created"
	eventAPIKeyRevoked     = "apikey.revoked"
	eventAPIKeyRotated     = "apikey.rotated"
	eventAvatarChanged     = "avatar.changed"
	eventPasskeyAdded      = "passkey.added"
	eventPasskeyRenamed    = "passkey.renamed"
	eventPasskeyRemoved    = "passkey.removed"
	eventPasskeySynced     = "passkey.synced"     // the passkey may be backed up from now on
	eventPasskeyCount      = "passkey.count-fell" // there may be a copy of the authenticator
	eventMFAEnabled        = "mfa.enabled"
	eventMFADisabled       = "mfa.disabled"
	eventMFAReset          = "mfa.reset" // by an operator
	eventRecoveryCodesMade = "mfa.recovery-codes-made"
	eventRecoveryCodeUsed  = "mfa.recovery-code-used"
	eventDeviceRemembered  = "mfa.device-remembered"
	eventDeviceForgotten   = "mfa.device-forgotten"
	eventImpersonated      = "session.impersonated"
	eventReauthenticated   = "session.reauthenticated"
	eventStartedOver       = "account.started-over"
	eventIdentityLinked    = "identity.linked"
	eventIdentityUnlinked  = "identity.unlinked"
	eventIdentityNotice    = "identity.notice" // a provider told of it
	eventTemplateChanged   = "template.changed"
	eventMailRetried       = "mail.retried"
	eventSettingsChanged   = "settings.changed"
	eventMailDeleted       = "mail.deleted"
	eventAuditRead         = "audit.read"

	eventOrganizationCreated  = "organization.created"
	eventOrganizationUpdated  = "organization.updated"
	eventOrganizationDeleted  = "organization.deleted"
	eventOrganizationRestored = "organization.restored"
	eventPolicyChanged        = "organization.policy-changed"
	eventMemberAdded          = "member.added"
	eventMemberRoleChanged    = "member.role-changed"
	eventMemberRemoved        = "member.removed"
	eventSessionSwitched      = "session.switched" // to another organisation

	eventWebhookCreated  = "webhook.created"
	eventWebhookUpdated  = "webhook.updated"
	eventWebhookDeleted  = "webhook.deleted"
	eventWebhookRotated  = "webhook.secret-rotated"
	eventWebhookDisabled = "webhook.disabled" // by the worker, because it fails
	eventWebhookReplayed = "webhook.replayed"

	eventInvitationCreated     = "invitation.created"
	eventInvitationAccepted    = "invitation.accepted"
	eventInvitationRejected    = "invitation.rejected"
	eventInvitationRevoked     = "invitation.revoked"
	eventInvitationLinkCreated = "invitation.link-created"

	eventDomainClaimed  = "domain.claimed"
	eventDomainVerified = "domain.verified"
	eventDomainMissing  = "domain.missing" // its record is gone; it stays proven for a time
	eventDomainLost     = "domain.lost"    // it is no longer proven
	eventDomainRemoved  = "domain.removed"
	eventJoinAsked      = "join.asked"
	eventJoinRefused    = "join.refused"

	// Events of attempts that failed or are not finished. notice.go records them.
	eventSignInFailed  = "signin.failed"
	eventLimitReached  = "limit.reached"
	eventMailRequested = "mail.requested"
	eventKeyRefused    = "key.refused"
)

// event is a fact that record appends.
type event struct {
	kind string
	// subject is the id of the account that was changed.
	subject string
	data    eventData
}

// record appends an event. Only record sets the actor. The actor is the
// administrator who acts as the signed-in user (with the id of the user as "actingAs"
// in the data), else the signed-in user, else the account whose proof was accepted in this
// transaction, else the id of the secret key (with "by": "key" in the data),
// else "" for the operator and for the library itself.
func (t *txn) record(ctx context.Context, e event) error {
	if !t.kinds[e.kind] {
		return ErrInternal.because(fmt.Errorf("no feature declares the event %q", e.kind))
	}
	actor := t.proven
	if c := callerFrom(ctx); c != nil {
		switch {
		case c.actor != nil:
			actor = c.actor.user.ID
			e.data = withData(e.data, "actingAs", c.user.ID)
		case c.signedIn:
			actor = c.user.ID
		case c.key != nil && c.key.Type == SecretKey && actor == "":
			actor = c.key.ID
			e.data = withData(e.data, "by", "key")
		}
	}
	var data []byte
	if len(e.data) > 0 {
		var err error
		if data, err = json.Marshal(e.data, json.Deterministic(true)); err != nil {
			return ErrInternal.because(err)
		}
	}
	waited, err := awaited(ctx, t)
	if err != nil {
		return err
	}
	client := clientFrom(ctx)
	now := t.now()
	made := store.Event{
		Tenant: tenant, ID: t.ids.New(now), Kind: e.kind, ActorID: actor, SubjectID: e.subject,
		IPAddress: client.IPAddress, UserAgent: client.UserAgent, RequestID: client.RequestID,
		Data: data, At: now, Delivered: !waited,
	}
	t.chain.Seal(&made)
	t.batch.Events = append(t.batch.Events, made)
	return nil
}

// withData returns the data of an event with one more fact.
func withData(data eventData, name string, fact any) eventData {
	more := eventData{name: fact}
	maps.Copy(more, data)
	return more
}

// banData is the data of the event user.banned. A ban without an end has no until.
func banData(user *store.User) eventData {
	data := eventData{"reason": user.BanReason}
	if !user.BanExpiresAt.IsZero() {
		data["until"] = user.BanExpiresAt.UTC().Format(time.RFC3339)
	}
	return data
}

// because adds the reason of an operator to the data of an event.
func because(data eventData, why string) eventData {
	if why != "" {
		data["why"] = why
	}
	return data
}

// linkEvents gives the events that wait their places in the audit log now, if no
// other process does so. The worker reports errors. What is linked does not depend on
// who asks, so the links are not part of a request.
func linkEvents(k *kernel) {
	if k.after != nil {
		return // events of a host's transaction are linked after its commit
	}
	ctx, cancel := context.WithTimeout(context.Background(), k.config.RequestTimeout)
	defer cancel()
	rounds := 0
	_ = k.chain.Advance(ctx, func() bool {
		rounds++
		return rounds > 4 || ctx.Err() != nil
	})
}
