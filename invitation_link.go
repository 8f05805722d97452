package admit

import (
	"context"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file holds links that invite everybody who has them.

// InvitationLink lets signed-in accounts with a verified address join an
// organisation. Times are UTC.
type InvitationLink struct {
	// ID is a UUIDv7.
	ID             string
	OrganizationID string
	// Role is the role that the accounts get.
	Role string
	// MaxUses is how many accounts may join, and Uses how many did.
	MaxUses, Uses int
	// CreatedBy is the account that made the link. "" is the host itself.
	CreatedBy            string
	CreatedAt, ExpiresAt time.Time
}

func (i *storedInvitation) link() InvitationLink {
	return InvitationLink{
		ID: i.record.ID, OrganizationID: i.ResourceID, Role: i.Role, MaxUses: i.MaxUses, Uses: i.Uses, CreatedBy: i.InvitedBy,
		CreatedAt: i.record.CreatedAt, ExpiresAt: i.ExpiresAt,
	}
}

// CreateInvitationLinkParams is the input of Invitations.CreateLink.
type CreateInvitationLinkParams struct {
	OrganizationID string
	// Role is any role but RoleOwner.
	Role string
	// MaxUses is how many accounts may join, from 1 to 10,000.
	MaxUses int
	// ExpiresAt is when the link stops working, at most a year from now. Default:
	// 7 days.
	ExpiresAt time.Time
	// ActorID is the account that asks. Its role must include RoleAdmin and the
	// given role, and its address must be verified. "" is the host itself.
	ActorID string
}

// CreatedInvitationLink is a new link.
type CreatedInvitationLink struct {
	InvitationLink
	// URL is the link. Its secret stands in the fragment, which browsers send to no
	// server. It is shown only this once.
	URL string
}

// CreateLink makes a link that lets accounts join as often as MaxUses says. A link
// stops working when the account that made it may not invite any more. It returns
// ErrInvalidRequest, ErrOrgInvalidRole, ErrOrgNotFound, ErrForbidden,
// ErrEmailNotVerified, ErrTooManyCodeRequests or ErrUnavailable.
func (v *Invitations) CreateLink(ctx context.Context, in CreateInvitationLinkParams) (CreatedInvitationLink, error) {
	now := v.now()
	if in.ExpiresAt.IsZero() {
		in.ExpiresAt = now.Add(invitationLife)
	}
	switch {
	case in.MaxUses < 1 || in.MaxUses > 10_000:
		return CreatedInvitationLink{}, ErrInvalidRequest.detail("maxUses", "must be from 1 to 10000")
	case !in.ExpiresAt.After(now) || in.ExpiresAt.After(now.AddDate(1, 0, 0)):
		return CreatedInvitationLink{}, ErrInvalidRequest.detail("expiresAt", "must be in the future, at most a year from now")
	case in.Role == RoleOwner:
		return CreatedInvitationLink{}, ErrOrgInvalidRole
	}
	made := storedInvitation{
		record: store.Record{Tenant: tenant, Kind: recordInvitationLink, ID: v.newID(), CreatedAt: now, UpdatedAt: now},
		invitationData: invitationData{
			ResourceType: ResourceOrganization, ResourceID: in.OrganizationID, Role: in.Role, Status: InvitationPending, InvitedBy: in.ActorID,
			ExpiresAt: in.ExpiresAt.UTC().Truncate(time.Microsecond), MaxUses: in.MaxUses,
		},
	}
	if err := made.check(); err != nil {
		return CreatedInvitationLink{}, err
	}
	if in.ActorID != "" {
		if _, err := v.spend(ctx, sentInvitations, in.ActorID); err != nil {
			return CreatedInvitationLink{}, err
		}
	}
	secret, _, err := newSecret()
	if err != nil {
		return CreatedInvitationLink{}, err
	}
	made.record.Keys = []string{secretKeyOf(secret)}
	made.record.Refs = []string{resourceRef(ResourceOrganization, in.OrganizationID)}
	if in.ActorID != "" {
		made.record.Refs = append(made.record.Refs, userRef(in.ActorID))
	}
	err = v.tx(planned(ctx, in.ActorID), func(ctx context.Context, tx *txn) error {
		if err := v.inviteIn(ctx, tx, &made); err != nil {
			return err
		}
		if err := made.encode(); err != nil {
			return err
		}
		if err := tx.CreateRecord(ctx, made.record); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventInvitationLinkCreated, data: eventData{"link": made.record.ID, "organization": made.ResourceID, "role": made.Role}})
	})
	if err != nil {
		return CreatedInvitationLink{}, err
	}
	return CreatedInvitationLink{InvitationLink: made.link(), URL: v.config.Invitations.URL + "#token=" + secret}, nil
}

// Links returns one page of the links of an organisation, oldest first.
func (v *Invitations) Links(ctx context.Context, organizationID string, page PageParams) (Page[InvitationLink], error) {
	records, total, err := v.store.ListRecords(ctx, tenant, recordInvitationLink, resourceRef(ResourceOrganization, organizationID), store.Page(page))
	if err != nil {
		return Page[InvitationLink]{}, fault(err)
	}
	list := make([]InvitationLink, len(records))
	for n, r := range records {
		i, err := readInvitation(r)
		if err != nil {
			return Page[InvitationLink]{}, err
		}
		list[n] = i.link()
	}
	return Page[InvitationLink]{Items: list, Total: total}, nil
}

// RevokeLink removes a link. It returns ErrInvitationNotFound, also to an account
// that may not revoke it, or ErrUnavailable.
func (v *Invitations) RevokeLink(ctx context.Context, in InvitationParams) error {
	if !uuid.Valid(in.ID) {
		return ErrInvitationNotFound
	}
	return v.change(ctx, recordInvitationLink, in.ID, func(ctx context.Context, tx *txn, i *storedInvitation) error {
		may, err := managesInvitation(ctx, v.kernel, tx, i, in.ActorID)
		if err != nil {
			return err
		}
		if !may || in.OrganizationID != "" && in.OrganizationID != i.ResourceID {
			return ErrInvitationNotFound
		}
		if _, err := tx.DeleteRecord(ctx, tenant, recordInvitationLink, i.record.ID); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventInvitationRevoked, data: eventData{"link": i.record.ID, "resource": i.ResourceID}})
	})
}
