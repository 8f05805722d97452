package admit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/store"
)

// This file keeps invitations: records that say who may join what. Accepting one is
// here too, because a sign-up may do it in its own transaction. A record is found
// by the hash of its secret. Its version makes one winner of all who accept,
// reject or revoke it at the same time.

// Errors of invitations.
var (
	ErrInvitationNotFound        = &Error{Code: "auth/invitation-not-found", Status: http.StatusNotFound, Message: "There is no such invitation."}
	ErrInvitationExpired         = &Error{Code: "auth/invitation-expired", Status: http.StatusGone, Message: "The invitation has expired. Please ask for a new one."}
	ErrInvitationAlreadyAccepted = &Error{Code: "auth/invitation-already-accepted", Status: http.StatusConflict, Message: "The invitation was accepted already."}
	ErrInvitationAlreadyPending  = &Error{Code: "auth/invitation-already-pending", Status: http.StatusConflict, Message: "There is an invitation for this address already."}
)

const (
	recordInvitation     = "invitation"
	recordInvitationLink = "invitation-link"
	invitationVersion    = 1
	// invitationLife is how long an invitation can be accepted. Its record is kept
	// for invitationKept after that, so that its status can be shown.
	invitationLife = 7 * 24 * time.Hour
	invitationKept = 30 * 24 * time.Hour
)

// The statuses of an invitation.
const (
	InvitationPending  = "pending"
	InvitationAccepted = "accepted"
	InvitationRejected = "rejected"
	InvitationExpired  = "expired"
	InvitationRevoked  = "revoked"
)

// Invitation asks the owner of a mailbox to join an organisation or a project.
// Times are UTC.
type Invitation struct {
	// ID is a UUIDv7.
	ID string
	// ResourceType is ResourceOrganization or ResourceProject.
	ResourceType, ResourceID, ResourceName string
	// Role is the role that the invited account gets.
	Role string
	// Email is the address that was invited.
	Email string
	// Status is InvitationPending, InvitationAccepted, InvitationRejected,
	// InvitationExpired or InvitationRevoked.
	Status string
	// InvitedBy is the account that invited. "" is the host itself.
	InvitedBy            string
	CreatedAt, ExpiresAt time.Time
}

// invitationData is what a record of an invitation, or of a link, holds.
type invitationData struct {
	Version      int    `json:"v"`
	ResourceType string `json:"type"`
	ResourceID   string `json:"resource"`
	ResourceName string `json:"name,omitempty"`
	Role         string `json:"role"`
	// Email and EmailKey are the invited address. A link has none.
	Email    string `json:"email,omitempty"`
	EmailKey string `json:"emailKey,omitempty"`
	// Status is never InvitationExpired: the time tells.
	Status    string    `json:"status"`
	InvitedBy string    `json:"by,omitempty"`
	ExpiresAt time.Time `json:"expiresAt,omitzero"`
	// MaxUses is how often a link may be used, and Uses how often it was.
	MaxUses int `json:"maxUses,omitempty"`
	Uses    int `json:"uses,omitempty"`
	// Barred are accounts that were removed from the organisation since the link was
	// made. The link lets them in no more.
	Barred []string `json:"barred,omitempty"`
	// InviterName and Locale are for a mail that is sent again.
	InviterName string `json:"inviterName,omitempty"`
	Locale      string `json:"locale,omitempty"`
}

// storedInvitation is a record with its data read.
type storedInvitation struct {
	record store.Record
	invitationData
}

// secretKeyOf is the key by which the record of a secret is found.
func secretKeyOf(secret string) string { return "secret/" + hexHash(secret) }

func inviteeRef(emailKey string) string { return "invitee/" + hexHash(emailKey) }

// pendingKey belongs to the one invitation of an address to a resource that can be
// accepted.
func (i *storedInvitation) pendingKey() string {
	return "pending/" + i.ResourceType + "/" + hexHash(i.ResourceID+"\x00"+i.EmailKey)
}

// status is the status at a time.
func (i *storedInvitation) status(now time.Time) string {
	if i.Status == InvitationPending && !i.ExpiresAt.IsZero() && !now.Before(i.ExpiresAt) {
		return InvitationExpired
	}
	return i.Status
}

func (i *storedInvitation) shown(now time.Time) Invitation {
	return Invitation{
		ID: i.record.ID, ResourceType: i.ResourceType, ResourceID: i.ResourceID, ResourceName: i.ResourceName, Role: i.Role,
		Email: i.Email, Status: i.status(now), InvitedBy: i.InvitedBy, CreatedAt: i.record.CreatedAt, ExpiresAt: i.ExpiresAt,
	}
}

func readInvitation(r store.Record) (storedInvitation, error) {
	i := storedInvitation{record: r}
	err := json.Unmarshal(r.Data, &i.invitationData)
	if err == nil && i.Version != invitationVersion {
		err = fmt.Errorf("an invitation of version %d", i.Version)
	}
	if err != nil {
		return i, ErrInternal.because(err)
	}
	return i, nil
}

// encode makes the record say what the data says.
func (i *storedInvitation) encode() (err error) {
	i.Version = invitationVersion
	if i.record.Data, err = json.Marshal(i.invitationData); err != nil {
		return ErrInternal.because(err)
	}
	if !i.ExpiresAt.IsZero() {
		i.record.ExpiresAt = i.ExpiresAt.Add(invitationKept)
	}
	return nil
}

// errOvertaken says that somebody else changed a record first.
var errOvertaken = errors.New("the invitation was changed at the same time")

// swap writes an invitation, only if nobody has changed it since it was read.
func (i *storedInvitation) swap(ctx context.Context, t *txn) error {
	if err := i.encode(); err != nil {
		return err
	}
	i.record.UpdatedAt = t.now()
	swapped, err := t.SwapRecord(ctx, i.record)
	if err == nil && !swapped {
		return errOvertaken
	}
	return err
}

// end gives an invitation that is pending its last status. An invitation that was
// accepted keeps its secret, so that a second use is told so. Any other secret is
// unknown from then on.
func (i *storedInvitation) end(ctx context.Context, t *txn, status string) error {
	i.Status = status
	var keys []string
	for _, key := range i.record.Keys {
		if key != i.pendingKey() && status == InvitationAccepted {
			keys = append(keys, key)
		}
	}
	i.record.Keys = keys
	return i.swap(ctx, t)
}

// invitationOf finds the invitation, or the link, of a secret. It returns
// ErrInvalidToken for an unknown secret, and pays for the guess of a known one.
func invitationOf(ctx context.Context, s store.Store, secret string, kinds ...string) (storedInvitation, error) {
	if secret = cleanSecret(secret); !wellFormed(secret) {
		return storedInvitation{}, ErrInvalidToken
	}
	for _, kind := range kinds {
		r, err := s.RecordByKey(ctx, tenant, kind, secretKeyOf(secret))
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return storedInvitation{}, fault(err)
		}
		pay(ctx)
		return readInvitation(r)
	}
	return storedInvitation{}, ErrInvalidToken
}

// open refuses an invitation that cannot be accepted any more.
func (i *storedInvitation) open(now time.Time) error {
	switch i.status(now) {
	case InvitationPending:
		if i.MaxUses > 0 && i.Uses >= i.MaxUses {
			return ErrInvitationExpired
		}
		return nil
	case InvitationExpired:
		return ErrInvitationExpired
	case InvitationAccepted:
		return ErrInvitationAlreadyAccepted
	}
	return ErrInvalidToken
}

// invitedHere refuses an invitation whose inviter may not invite any more. For an
// organisation, whose lock is held, the inviter must be a member who may grant the
// role. For a project the host is asked. The host's own invitations stand.
func invitedHere(ctx context.Context, t *txn, i *storedInvitation) error {
	if i.ResourceType == ResourceProject {
		return mayInvite(ctx, t.kernel, i)
	}
	if !t.config.Organizations.knows(i.Role) {
		return ErrInvalidToken // the host has taken the role out of its configuration
	}
	if i.InvitedBy == "" {
		return nil
	}
	inviter, err := existing(t.User(ctx, tenant, i.InvitedBy))
	if err == nil && inviter.Banned(t.now()) {
		err = ErrAccountBanned
	}
	var own string
	if err == nil {
		own, err = roleIn(ctx, t.kernel, t, i.ResourceID, i.InvitedBy)
	}
	if err == nil {
		err = mayGrant(t.kernel, own, i.Role)
	}
	if known, ok := errors.AsType[*Error](err); ok && known.Status < http.StatusInternalServerError {
		return ErrInvalidToken
	}
	return err
}

// mayInvite asks the host whether an account may invite to a project. Without a
// hook nobody may.
func mayInvite(ctx context.Context, k *kernel, i *storedInvitation) error {
	hook := k.config.Invitations.MayInvite
	if hook == nil {
		return ErrForbidden
	}
	attempt := InvitationAttempt{ProjectID: i.ResourceID, Role: i.Role, UserID: i.InvitedBy}
	return k.runHook(ctx, "MayInvite", func(ctx context.Context) error { return hook(ctx, attempt) })
}

// acceptInvitation lets an account, which is locked and whose address is verified,
// join by an invitation or a link that was found before. It reads the record again
// under the lock of the organisation. So it and a revocation, a demotion of the
// inviter or another use of the secret never both win.
func acceptInvitation(ctx context.Context, t *txn, found *storedInvitation, user *store.User) (storedInvitation, error) {
	var o store.Organization
	if found.ResourceType == ResourceOrganization {
		var err error
		if o, err = liveOrganization(t.LockOrganization(ctx, tenant, found.ResourceID)); err != nil {
			if errors.Is(err, ErrOrgNotFound) {
				err = ErrInvalidToken
			}
			return storedInvitation{}, err
		}
	}
	r, err := t.Record(ctx, tenant, found.record.Kind, found.record.ID)
	if errors.Is(err, store.ErrNotFound) {
		return storedInvitation{}, ErrInvalidToken
	}
	if err != nil {
		return storedInvitation{}, err
	}
	i, err := readInvitation(r)
	if err != nil {
		return i, err
	}
	if err := i.open(t.now()); err != nil {
		return i, err
	}
	if slices.Contains(i.Barred, user.ID) {
		return i, ErrInvalidToken
	}
	if err := invitedHere(ctx, t, &i); err != nil {
		return i, err
	}
	if i.ResourceType == ResourceOrganization {
		i.ResourceName = o.Name
		if err := hasRoom(ctx, t, user.ID); err != nil {
			return i, err
		}
		if err := join(ctx, t, &o, user, i.Role, "invitation"); err != nil {
			return i, err
		}
	} else if err := joinProject(ctx, t, &i, user); err != nil {
		return i, err
	}
	if i.record.Kind == recordInvitationLink {
		i.Uses++
		if err = i.swap(ctx, t); err == nil {
			err = settleInvitation(ctx, t, i.ResourceID, user, InvitationAccepted)
		}
	} else {
		err = i.end(ctx, t, InvitationAccepted)
	}
	if errors.Is(err, errOvertaken) {
		return i, ErrInvalidToken // of a project, which has no lock
	}
	if err != nil {
		return i, err
	}
	return i, t.record(ctx, event{kind: eventInvitationAccepted, subject: user.ID, data: eventData{"invitation": i.record.ID, "resource": i.ResourceID}})
}

// settleInvitation ends the mailed invitation that waits for an account which has
// joined an organisation by another way, or was removed from it. The organisation
// is locked.
func settleInvitation(ctx context.Context, t *txn, organizationID string, user *store.User, status string) error {
	waiting := storedInvitation{invitationData: invitationData{ResourceType: ResourceOrganization, ResourceID: organizationID, EmailKey: user.EmailKey}}
	r, err := t.RecordByKey(ctx, tenant, recordInvitation, waiting.pendingKey())
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if waiting, err = readInvitation(r); err != nil {
		return err
	}
	if err := waiting.end(ctx, t, status); err != nil {
		return err
	}
	kind := eventInvitationAccepted
	if status == InvitationRevoked {
		kind = eventInvitationRevoked
	}
	return t.record(ctx, event{kind: kind, subject: user.ID, data: eventData{"invitation": waiting.record.ID, "resource": organizationID}})
}

// barInvitations keeps an account that is removed from an organisation, whose lock
// is held, from coming back by what was there before: a mailed invitation to its
// address, or a link.
func barInvitations(ctx context.Context, t *txn, organizationID string, user *store.User) error {
	if err := settleInvitation(ctx, t, organizationID, user, InvitationRevoked); err != nil {
		return err
	}
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		links, total, err := t.ListRecords(ctx, tenant, recordInvitationLink, resourceRef(ResourceOrganization, organizationID), page)
		if err != nil {
			return err
		}
		for _, r := range links {
			link, err := readInvitation(r)
			if err != nil {
				return err
			}
			if link.open(t.now()) != nil || slices.Contains(link.Barred, user.ID) {
				continue
			}
			link.Barred = append(link.Barred, user.ID)
			if err := link.swap(ctx, t); err != nil {
				return err
			}
		}
		if len(links) == 0 || page.Number*page.Limit >= total {
			return nil
		}
	}
}

// joinProject tells the host who joined a project, in the same transaction.
func joinProject(ctx context.Context, t *txn, i *storedInvitation, user *store.User) error {
	hook := t.config.Invitations.ProjectJoined
	if hook == nil {
		return nil
	}
	if err := flush(ctx, t); err != nil {
		return err
	}
	joined := ProjectMember{ProjectID: i.ResourceID, Role: i.Role, User: userOf(user)}
	return t.runHook(ctx, "ProjectJoined", func(ctx context.Context) error { return hook(ctx, Tx{t.Store}, joined) })
}

// invitedTo finds the invitation that a sign-up with an address may accept. A link
// proves no mailbox, so it is none.
func invitedTo(ctx context.Context, k *kernel, secret, emailKey string) (storedInvitation, error) {
	found, err := invitationOf(ctx, k.store, secret, recordInvitation)
	if err != nil {
		return found, err
	}
	if found.EmailKey != emailKey {
		return found, ErrInvalidToken
	}
	return found, found.open(k.now())
}
