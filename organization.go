package admit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/refreshtoken"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of organisations: organization_http.go serves them.

// Organizations makes, changes and deletes organisations, and keeps their members.
//
// Most methods name an actor: the account that asks. What an actor may do follows
// from its role in the organisation, which is read in the same transaction. The
// empty actor is the host itself, which may do everything.
type Organizations struct {
	*kernel
}

// CreateOrganizationParams is the input of Organizations.Create.
type CreateOrganizationParams struct {
	// Name is 1 to 100 characters.
	Name string
	// Slug is 3 to 40 of a-z, 0-9 and -, or "" for none.
	Slug string
	// OwnerID is the account that owns the organisation.
	OwnerID string
}

// Create makes an organisation with its first owner. It returns ErrInvalidName,
// ErrInvalidRequest for a slug that cannot be used, ErrOrgSlugTaken,
// ErrTooManyOrgs, ErrUserNotFound or ErrUnavailable.
func (o *Organizations) Create(ctx context.Context, in CreateOrganizationParams) (Organization, error) {
	name, ok := cleanName(in.Name)
	if !ok {
		return Organization{}, ErrInvalidName
	}
	if err := checkSlug(in.Slug); err != nil {
		return Organization{}, err
	}
	if !uuid.Valid(in.OwnerID) {
		return Organization{}, ErrUserNotFound
	}
	now := o.now()
	made := store.Organization{Tenant: tenant, ID: o.newID(), Name: name, Slug: in.Slug, CreatedAt: now, UpdatedAt: now}
	err := o.tx(planned(ctx, in.OwnerID), func(ctx context.Context, tx *txn) error {
		if _, err := existing(tx.lock(ctx, in.OwnerID)); err != nil {
			return err
		}
		if err := hasRoom(ctx, tx, in.OwnerID); err != nil {
			return err
		}
		err := tx.CreateOrganization(ctx, made, store.Member{
			Tenant: tenant, OrganizationID: made.ID, UserID: in.OwnerID, Role: RoleOwner, CreatedAt: now, UpdatedAt: now,
		})
		if errors.Is(err, store.ErrConflict) {
			return ErrOrgSlugTaken
		}
		if err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventOrganizationCreated, subject: in.OwnerID, data: eventData{"organization": made.ID}})
	})
	if err != nil {
		return Organization{}, err
	}
	return organizationOf(&made, RoleOwner), nil
}

// checkSlug refuses a slug that cannot stand in a URL.
func checkSlug(slug string) error {
	if slug == "" {
		return nil
	}
	if len(slug) < 3 || len(slug) > 40 || strings.Trim(slug, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || slug[0] == '-' || slug[len(slug)-1] == '-' {
		return ErrInvalidRequest.detail("slug", "must have 3 to 40 of a-z, 0-9 and -, and no - at its ends")
	}
	return nil
}

// Get returns an organisation, also a deleted one, which has DeletedAt. It returns
// ErrOrgNotFound or ErrUnavailable.
func (o *Organizations) Get(ctx context.Context, id string) (Organization, error) {
	if !uuid.Valid(id) {
		return Organization{}, ErrOrgNotFound
	}
	found, err := o.store.Organization(ctx, tenant, id)
	if errors.Is(err, store.ErrNotFound) {
		return Organization{}, ErrOrgNotFound
	}
	return organizationOf(&found, ""), fault(err)
}

// List returns one page of the organisations of an account, with its roles, oldest
// first.
func (o *Organizations) List(ctx context.Context, userID string, page PageParams) (Page[Organization], error) {
	list, total, err := o.store.ListOrganizationsOf(ctx, tenant, userID, store.Page(page))
	return pageOf(list, total, func(m *store.Membership) Organization { return organizationOf(&m.Organization, m.Member.Role) }), fault(err)
}

// UpdateOrganizationParams is what changes of an organisation. A field that is not
// set stays as it is.
type UpdateOrganizationParams struct {
	ID string
	// ActorID is the account that asks. Its role must include RoleAdmin.
	ActorID string
	Name    Optional[string]
	// Slug "" takes the slug away.
	Slug Optional[string]
}

// Update renames an organisation. It returns ErrInvalidName, ErrInvalidRequest,
// ErrOrgSlugTaken, ErrOrgNotFound, ErrForbidden or ErrUnavailable.
func (o *Organizations) Update(ctx context.Context, in UpdateOrganizationParams) (Organization, error) {
	if in.Name.Set {
		name, ok := cleanName(in.Name.Value)
		if !ok {
			return Organization{}, ErrInvalidName
		}
		in.Name.Value = name
	}
	if err := checkSlug(in.Slug.Value); err != nil {
		return Organization{}, err
	}
	var changed Organization
	err := inOrganization(ctx, o.kernel, in.ID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		if !o.config.Organizations.manages(own) {
			return ErrForbidden
		}
		before := *found
		if in.Name.Set {
			found.Name = in.Name.Value
		}
		if in.Slug.Set {
			found.Slug = in.Slug.Value
		}
		if before != *found {
			found.UpdatedAt = tx.now()
			if err := writeOrganization(ctx, tx, found, ErrOrgSlugTaken); err != nil {
				return err
			}
			if err := tx.record(ctx, event{kind: eventOrganizationUpdated, data: eventData{"organization": found.ID}}); err != nil {
				return err
			}
		}
		changed = organizationOf(found, "")
		if in.ActorID != "" {
			changed.Role = own
		}
		return nil
	})
	return onlyDone(changed, err)
}

// writeOrganization writes an organisation whose lock is held.
func writeOrganization(ctx context.Context, t *txn, o *store.Organization, conflict *Error) error {
	err := t.UpdateOrganization(ctx, *o)
	if errors.Is(err, store.ErrConflict) {
		return conflict
	}
	return err
}

// DeleteOrganizationParams names an organisation and who deletes it.
type DeleteOrganizationParams struct {
	ID string
	// ActorID is the account that asks. It must be an owner.
	ActorID string
}

// Delete deletes an organisation. Nobody acts in it from then on. Restore brings it
// back with its members until OrganizationConfig.Grace is over; then both are
// removed. The slug stays taken until then. Its domains are free for others at once.
// Its API keys are revoked for good. The caller makes sure that the account has given a
// recent proof; the route does. It returns ErrOrgNotFound, ErrForbidden or ErrUnavailable.
func (o *Organizations) Delete(ctx context.Context, in DeleteOrganizationParams) error {
	return inOrganization(ctx, o.kernel, in.ID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		if own != RoleOwner {
			return ErrForbidden
		}
		return deleteOrganization(ctx, tx, found)
	})
}

// Restore brings a deleted organisation back with its members. It returns
// ErrOrgNotFound after the grace, and ErrUnavailable. An organisation that is not
// deleted stays as it is.
func (o *Organizations) Restore(ctx context.Context, id string) error {
	if !uuid.Valid(id) {
		return ErrOrgNotFound
	}
	return o.tx(ctx, func(ctx context.Context, tx *txn) error {
		found, err := tx.LockOrganization(ctx, tenant, id)
		switch {
		case errors.Is(err, store.ErrNotFound), err == nil && found.Deleted() && !tx.now().Before(found.PurgeAt):
			return ErrOrgNotFound
		case err != nil || !found.Deleted():
			return err
		}
		found.DeletedAt, found.PurgeAt, found.UpdatedAt = time.Time{}, time.Time{}, tx.now()
		if err := writeOrganization(ctx, tx, &found, ErrOrgConflict); err != nil {
			return err
		}
		if err := keepPolicyUntil(ctx, tx, id, time.Time{}); err != nil {
			return err
		}
		tx.then = append(tx.then, tx.live.ForgetAll)
		return tx.record(ctx, event{kind: eventOrganizationRestored, data: eventData{"organization": id}})
	})
}

// ListMembersParams selects one page of the members of an organisation.
type ListMembersParams struct {
	OrganizationID string
	// Role selects members with this role. "" selects all.
	Role string
	Page PageParams
}

// Members returns one page of the members of an organisation, ordered by the ids of
// the accounts.
func (o *Organizations) Members(ctx context.Context, in ListMembersParams) (Page[Member], error) {
	q := store.MemberQuery{Tenant: tenant, OrganizationID: in.OrganizationID, Role: in.Role}
	list, total, err := o.store.ListMembers(ctx, q, store.Page(in.Page))
	return pageOf(list, total, memberOf), fault(err)
}

// MemberParams names a member and who asks.
type MemberParams struct {
	OrganizationID, UserID string
	// Role is the new role. RemoveMember and Transfer do not read it.
	Role string
	// ActorID is the account that asks. Its role must include RoleAdmin, the new
	// role, and the role that the member had. RemoveMember lets every member
	// leave.
	ActorID string
}

// AddMember makes an account a member without an invitation. The host itself adds an
// account of any domain. AddMember returns ErrAlreadyMember, ErrNoSeat,
// ErrDomainNotAllowed, ErrOrgInvalidRole, ErrOrgNotFound, ErrUserNotFound, ErrForbidden
// or ErrUnavailable.
func (o *Organizations) AddMember(ctx context.Context, in MemberParams) error {
	return inOrganization(ctx, o.kernel, in.OrganizationID, in.ActorID, []string{in.UserID}, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		if err := mayGrant(o.kernel, own, in.Role); err != nil {
			return err
		}
		if !uuid.Valid(in.UserID) {
			return ErrUserNotFound
		}
		user, err := existing(tx.User(ctx, tenant, in.UserID)) // planned: it is locked
		if err != nil {
			return err
		}
		if err := takeIn(ctx, tx, found, &user, in.Role, "owner", in.ActorID != ""); err != nil {
			return err
		}
		return settleInvitation(ctx, tx, found.ID, &user, InvitationAccepted)
	})
}

// SetRole changes the role of a member. It holds at once, on live sessions too. It
// returns ErrLastOwner, ErrOrgInvalidRole, ErrOrgNotFound, ErrMemberNotFound,
// ErrForbidden or ErrUnavailable.
func (o *Organizations) SetRole(ctx context.Context, in MemberParams) error {
	return inOrganization(ctx, o.kernel, in.OrganizationID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		return o.setRole(ctx, tx, found, own, in)
	})
}

func (o *Organizations) setRole(ctx context.Context, tx *txn, found *store.Organization, own string, in MemberParams) error {
	if err := mayGrant(o.kernel, own, in.Role); err != nil {
		return err
	}
	m, err := memberToChange(ctx, tx, o.kernel, own, in)
	if err != nil || m.Role == in.Role {
		return err
	}
	if m.Role == RoleOwner {
		if err := keepOwner(ctx, tx, found, in.UserID); err != nil {
			return err
		}
	}
	from := m.Role
	m.Role, m.UpdatedAt = in.Role, tx.now()
	set, err := tx.SetMemberRole(ctx, m, from)
	if err != nil {
		return err
	}
	if !set {
		return ErrMemberNotFound
	}
	tx.touch(in.UserID)
	return tx.record(ctx, event{kind: eventMemberRoleChanged, subject: in.UserID, data: eventData{"organization": found.ID, "from": from, "to": in.Role}})
}

// memberToChange returns a member whom an actor with the role own may change.
func memberToChange(ctx context.Context, t *txn, k *kernel, own string, in MemberParams) (store.Member, error) {
	m, err := t.Member(ctx, tenant, in.OrganizationID, in.UserID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return m, ErrMemberNotFound
	case err != nil:
		return m, err
	case !k.config.Organizations.covers(own, m.Role) && own != RoleOwner: // an owner repairs a role that is no longer configured
		return m, ErrForbidden
	}
	return m, nil
}

// RemoveMember takes a member out of an organisation. A member may take itself out
// whatever its role. It holds at once, on live sessions too. Somebody who is
// removed does not come back by an invitation or a link from before. It returns
// ErrLastOwner, ErrOrgNotFound, ErrMemberNotFound, ErrForbidden or ErrUnavailable.
func (o *Organizations) RemoveMember(ctx context.Context, in MemberParams) error {
	if in.ActorID == in.UserID {
		ctx = leaving(ctx)
	}
	return inOrganization(ctx, o.kernel, in.OrganizationID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		why := "left"
		if in.ActorID != in.UserID {
			why = "removed"
			if !o.config.Organizations.manages(own) {
				return ErrForbidden
			}
		}
		m, err := memberToChange(ctx, tx, o.kernel, own, in)
		if errors.Is(err, ErrForbidden) && in.ActorID == in.UserID {
			err = nil
		}
		if err != nil {
			return err
		}
		if m.Role == RoleOwner {
			if err := keepOwner(ctx, tx, found, in.UserID); err != nil {
				return err
			}
		}
		if err := leave(ctx, tx, found.ID, in.UserID, why); err != nil || why == "left" {
			return err
		}
		user, err := tx.User(ctx, tenant, in.UserID)
		if err != nil {
			return err
		}
		return barInvitations(ctx, tx, found.ID, &user)
	})
}

// Transfer makes a member an owner, and the actor, who must be an owner, an admin.
// With the empty actor nobody else changes. The caller makes sure that the account
// has given a recent proof. It returns ErrOrgNotFound, ErrMemberNotFound,
// ErrForbidden or ErrUnavailable.
func (o *Organizations) Transfer(ctx context.Context, in MemberParams) error {
	return inOrganization(ctx, o.kernel, in.OrganizationID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		if own != RoleOwner {
			return ErrForbidden
		}
		in.Role = RoleOwner
		if err := o.setRole(ctx, tx, found, own, in); err != nil || in.ActorID == "" || in.ActorID == in.UserID {
			return err
		}
		return o.setRole(ctx, tx, found, own, MemberParams{OrganizationID: found.ID, UserID: in.ActorID, Role: RoleAdmin})
	})
}

// Switch moves the session of the context, which a guard has found, into an
// organisation of its account, or out of any with "". It returns new tokens of the
// same session. The refresh token from before is answered as the one before the
// current one: see Sessions.Refresh. Switch returns ErrUnauthorized,
// ErrOrgNotFound, ErrMFAEnrollmentRequired, ErrReauthenticationRequired or
// ErrDomainNotAllowed by the policy of the organisation, the errors of a session that
// has ended, or ErrUnavailable.
func (o *Organizations) Switch(ctx context.Context, organizationID string) (SignedIn, error) {
	c := callerFrom(ctx)
	if c == nil || c.by != o.machinery || !c.signedIn {
		return SignedIn{}, ErrUnauthorized
	}
	if organizationID != "" && !uuid.Valid(organizationID) {
		return SignedIn{}, ErrOrgNotFound
	}
	// The signing key is found before the transaction, because the transaction
	// must not wait for it.
	key, err := o.tokens.Signer(ctx, o.store, o.now())
	if err != nil {
		return SignedIn{}, fault(err)
	}
	var signed SignedIn
	err = o.tx(ctx, func(ctx context.Context, tx *txn) error {
		tx.touch(c.user.ID)
		if organizationID != "" {
			if _, err := liveOrganization(tx.Organization(ctx, tenant, organizationID)); err != nil {
				return err
			}
			if err := mayWorkIn(ctx, tx, c, organizationID); err != nil {
				return err
			}
		}
		session, user, secret, err := moveSession(ctx, tx, c, organizationID)
		if err != nil {
			return err
		}
		signed = SignedIn{User: userOf(&user), Session: sessionOf(&session)}
		if signed.Tokens, err = o.makeTokens(ctx, key, &session, &user, secret); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventSessionSwitched, subject: user.ID, data: eventData{"session": session.ID, "organization": organizationID}})
	})
	if err != nil {
		return SignedIn{}, err
	}
	return signed, nil
}

// moveSession moves the session of a caller into an organisation and to its next
// generation.
func moveSession(ctx context.Context, t *txn, c *caller, organizationID string) (session store.Session, user store.User, secret [32]byte, err error) {
	now := t.now()
	if err := t.EnterOrganization(ctx, tenant, c.session.ID, organizationID); err != nil {
		return session, user, secret, err
	}
	// A refresh at the same time may move the session first.
	for range 3 {
		session, user, err = t.SessionUser(ctx, tenant, c.session.ID)
		if errors.Is(err, store.ErrNotFound) {
			return session, user, secret, ErrSessionExpired
		}
		if err != nil {
			return session, user, secret, err
		}
		if err := mayGoOn(&session, &user, c.user.ID, now); err != nil {
			return session, user, secret, err
		}
		secret = t.refresh.Switched(&session)
		var moved bool
		session, user, moved, err = t.RotateSessionUser(ctx, store.Rotation{
			Tenant: tenant, ID: c.session.ID, Generation: session.Generation, SecretHash: session.SecretHash, NextHash: refreshtoken.Hash(secret),
			Now: now, ExpiresAt: now.Add(t.config.Sessions.RefreshTTL),
		})
		if err != nil || moved {
			return session, user, secret, err
		}
	}
	return session, user, secret, ErrUnavailable.because(errors.New("the session changed at every attempt"))
}
