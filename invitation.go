package admit

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/mailer"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of invitations: invitation_http.go serves them.

// Invitations asks people to join organisations and projects, by mail or by a link.
type Invitations struct {
	*kernel
}

// CreateInvitationParams is the input of Invitations.Create.
type CreateInvitationParams struct {
	// ResourceType is ResourceOrganization or ResourceProject.
	ResourceType, ResourceID string
	// ResourceName is the name of a project in the mail. The name of an
	// organisation is its own.
	ResourceName string
	// Email is the address that is invited.
	Email string
	// Name is the name of the invited person, for texts of the host.
	Name string
	Role string
	// InviterID is the account that invites. Its role must include RoleAdmin and
	// the given role, and its address must be verified. "" is the host itself.
	InviterID string
	// InviterName stands in the mail beside the name and the address of the
	// account that invites.
	InviterName string
	// Locale is the language (BCP 47) of the mail.
	Locale string
}

// Create invites an address and mails a link that works for 7 days. The mail and
// the answer are the same whether or not the address has an account. It returns
// ErrInvalidEmail, ErrInvalidRequest, ErrOrgInvalidRole, ErrOrgNotFound,
// ErrForbidden, ErrEmailNotVerified for an inviter without a verified address,
// ErrAlreadyMember, ErrInvitationAlreadyPending, ErrTooManyCodeRequests or
// ErrUnavailable.
func (v *Invitations) Create(ctx context.Context, in CreateInvitationParams) (Invitation, error) {
	address, err := emailaddress.Parse(in.Email)
	if err != nil {
		return Invitation{}, ErrInvalidEmail.because(err)
	}
	now := v.now()
	made := storedInvitation{
		record: store.Record{Tenant: tenant, Kind: recordInvitation, ID: v.newID(), CreatedAt: now, UpdatedAt: now},
		invitationData: invitationData{
			ResourceType: in.ResourceType, ResourceID: in.ResourceID, ResourceName: shortened(in.ResourceName), Role: in.Role,
			Email: address.Display, EmailKey: address.Key, Status: InvitationPending, InvitedBy: in.InviterID,
			InviterName: shortened(in.InviterName), Locale: in.Locale,
		},
	}
	if err := made.check(); err != nil {
		return Invitation{}, err
	}
	if err := v.mayAsk(ctx, &made); err != nil {
		return Invitation{}, err // before the budget of the mailbox is spent
	}
	if err := v.spendInvitation(ctx, &made); err != nil {
		return Invitation{}, err
	}
	err = v.tx(planned(ctx, in.InviterID), func(ctx context.Context, tx *txn) error {
		if err := v.inviteIn(ctx, tx, &made); err != nil {
			return err
		}
		secret, err := made.renew(now)
		if err != nil {
			return err
		}
		made.record.Refs = []string{resourceRef(made.ResourceType, made.ResourceID), inviteeRef(made.EmailKey)}
		if in.InviterID != "" {
			made.record.Refs = append(made.record.Refs, userRef(in.InviterID))
		}
		if err := addInvitation(ctx, tx, &made); err != nil {
			return err
		}
		if err := v.mailInvitation(ctx, tx, &made, in.Name, secret); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventInvitationCreated, data: eventData{"invitation": made.record.ID, "resource": made.ResourceID, "role": made.Role}})
	})
	if err != nil {
		return Invitation{}, err
	}
	return made.shown(now), nil
}

// shortened is a text of a caller, of at most 100 characters. The mail shows it
// without anything that looks like a link.
func shortened(text string) string {
	text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "")
	if runes := []rune(text); len(runes) > 100 {
		return string(runes[:100])
	}
	return text
}

// check refuses what no invitation can be for.
func (i *storedInvitation) check() error {
	switch {
	case i.ResourceType != ResourceOrganization && i.ResourceType != ResourceProject:
		return ErrInvalidRequest.detail("resourceType", "must be organization or project")
	case i.ResourceType == ResourceOrganization && !uuid.Valid(i.ResourceID):
		return ErrOrgNotFound
	case i.ResourceID == "" || len(i.ResourceID) > 100 || strings.ContainsFunc(i.ResourceID, unicode.IsControl):
		return ErrInvalidRequest.detail("resourceId", "must have 1 to 100 characters")
	case !validRole(i.Role):
		return ErrOrgInvalidRole
	}
	return nil
}

// renew gives an invitation a new secret, and 7 days.
func (i *storedInvitation) renew(now time.Time) (secret string, err error) {
	secret, _, err = newSecret()
	i.record.Keys, i.ExpiresAt = []string{i.pendingKey(), secretKeyOf(secret)}, now.Add(invitationLife)
	return secret, err
}

// mayAsk refuses an inviter without the right to invite.
func (v *Invitations) mayAsk(ctx context.Context, i *storedInvitation) error {
	return v.tx(planned(ctx, i.InvitedBy), func(ctx context.Context, tx *txn) error { return v.inviteIn(ctx, tx, i) })
}

// inviteIn refuses an inviter without the right to invite, in the transaction of
// the invitation. It fills in the name of the organisation.
func (v *Invitations) inviteIn(ctx context.Context, t *txn, i *storedInvitation) error {
	if i.InvitedBy != "" {
		inviter, err := existing(t.User(ctx, tenant, i.InvitedBy))
		if err != nil {
			return err
		}
		if inviter.EmailVerifiedAt.IsZero() {
			return ErrEmailNotVerified
		}
	}
	if i.ResourceType == ResourceProject {
		return mayInvite(ctx, v.kernel, i)
	}
	o, err := liveOrganization(t.LockOrganization(ctx, tenant, i.ResourceID))
	if err != nil {
		return err
	}
	own, err := actsIn(ctx, t, o.ID, i.InvitedBy)
	if err != nil {
		return err
	}
	if err := mayGrant(v.kernel, own, i.Role); err != nil {
		return err
	}
	i.ResourceName = o.Name
	if i.EmailKey == "" {
		return nil
	}
	invited, err := t.UserByEmail(ctx, tenant, i.EmailKey)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = t.Member(ctx, tenant, o.ID, invited.ID)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		err = ErrAlreadyMember
	}
	return err
}

// spendInvitation spends the budgets of the inviter and of the mailbox.
func (v *Invitations) spendInvitation(ctx context.Context, i *storedInvitation) error {
	if i.InvitedBy != "" {
		if _, err := v.spend(ctx, sentInvitations, i.InvitedBy); err != nil {
			return err
		}
	}
	_, err := v.spend(ctx, mailedInvite, i.EmailKey)
	return err
}

// addInvitation stores an invitation. It takes the place of one that has expired.
func addInvitation(ctx context.Context, t *txn, i *storedInvitation) error {
	r, err := t.RecordByKey(ctx, tenant, recordInvitation, i.pendingKey())
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	default:
		before, err := readInvitation(r)
		if err != nil {
			return err
		}
		if before.status(t.now()) == InvitationPending {
			return ErrInvitationAlreadyPending
		}
		before.record.Keys = nil
		if err := before.swap(ctx, t); err != nil && !errors.Is(err, errOvertaken) {
			return err
		}
	}
	if err := i.encode(); err != nil {
		return err
	}
	err = t.CreateRecord(ctx, i.record)
	if errors.Is(err, store.ErrConflict) {
		return ErrInvitationAlreadyPending
	}
	return err
}

// mailInvitation mails the link of an invitation. The name and the address of the
// account that invites always stand in it.
func (v *Invitations) mailInvitation(ctx context.Context, t *txn, i *storedInvitation, name, secret string) error {
	values := mailer.Values{UserName: shortened(name), UserEmail: i.Email, ResourceName: i.ResourceName, At: t.now(), ExpiresAt: i.ExpiresAt}
	if i.InvitedBy != "" {
		inviter, err := t.User(ctx, tenant, i.InvitedBy)
		if err != nil {
			return err
		}
		values.InviterName, values.InviterEmail, values.InviterLabel = inviter.Name, inviter.Email, i.InviterName
	}
	values.Link = withQuery(v.config.Invitations.URL, "token", secret, "email", i.Email)
	return t.mail(ctx, mailer.Invitation, i.Email, localeFor(ctx, v.kernel, i.Locale), values)
}

// withQuery adds names and values to the query of a URL that New has checked.
func withQuery(target string, namesAndValues ...string) string {
	u, err := url.Parse(target)
	if err != nil {
		return target
	}
	query := u.Query()
	for i := 0; i+1 < len(namesAndValues); i += 2 {
		query.Set(namesAndValues[i], namesAndValues[i+1])
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// InvitationOutcome is the result for one of the addresses of CreateEach.
type InvitationOutcome struct {
	Invitation Invitation
	// Err is nil if the address was invited.
	Err error
}

// CreateEach invites up to 100 addresses, and answers for each of them, in order. A
// refused address does not keep the others from being invited. It returns
// ErrInvalidRequest for more than 100.
func (v *Invitations) CreateEach(ctx context.Context, all []CreateInvitationParams) ([]InvitationOutcome, error) {
	if len(all) > 100 {
		return nil, ErrInvalidRequest.detail("invitations", "must be at most 100")
	}
	outcomes := make([]InvitationOutcome, len(all))
	for i, in := range all {
		outcomes[i].Invitation, outcomes[i].Err = v.Create(ctx, in)
	}
	return outcomes, nil
}
