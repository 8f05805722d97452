package admit

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file holds what happens to an invitation after it was made.

// AcceptInvitationParams is the secret of an invitation and the account that
// accepts.
type AcceptInvitationParams struct {
	// Token is the secret of a mail or of a link.
	Token string
	// UserID is the account that accepts. "" is somebody who is not signed in,
	// which Reject lets reject a mailed invitation.
	UserID string
	// Email may be "". If it is not, it must be the address that was invited.
	Email string
}

// Accept lets an account join by a mailed invitation or by a link. The address of
// the account must be verified. The address of a mailed invitation must be the
// invited one. It returns ErrInvalidToken also if the inviter may not invite any
// more, ErrInvitationExpired, ErrInvitationAlreadyAccepted, ErrForbidden for
// another account, ErrEmailNotVerified, ErrAlreadyMember, ErrNoSeat,
// ErrTooManyOrgs, ErrUserNotFound or ErrUnavailable.
func (v *Invitations) Accept(ctx context.Context, in AcceptInvitationParams) (Invitation, error) {
	found, err := invitationOf(ctx, v.store, in.Token, recordInvitation, recordInvitationLink)
	if err != nil {
		return Invitation{}, err
	}
	if !found.mailedTo(in.Email) {
		return Invitation{}, ErrInvalidToken
	}
	if !uuid.Valid(in.UserID) {
		return Invitation{}, ErrUserNotFound
	}
	var accepted storedInvitation
	err = v.tx(planned(ctx, in.UserID, found.InvitedBy), func(ctx context.Context, tx *txn) error {
		user, err := existing(tx.lock(ctx, in.UserID))
		switch {
		case err != nil:
			return err
		case usable(&user, tx.now()) != nil:
			return usable(&user, tx.now())
		case found.EmailKey != "" && user.EmailKey != found.EmailKey:
			return ErrForbidden
		case user.EmailVerifiedAt.IsZero():
			return ErrEmailNotVerified
		}
		accepted, err = acceptInvitation(ctx, tx, &found, &user)
		return err
	})
	return onlyDone(accepted.shown(v.now()), err)
}

// mailedTo says whether an address that a client names, if any, was invited.
func (i *storedInvitation) mailedTo(email string) bool {
	if email == "" || i.EmailKey == "" {
		return true
	}
	address, err := emailaddress.Parse(email)
	return err == nil && address.Key == i.EmailKey
}

// Look returns the pending invitation of a mailed secret, and whether its address
// has an account: the reader of the mailbox may know. It changes nothing. The secret
// of a link is answered only if UserID names the account that is signed in. Look
// returns ErrInvalidToken, ErrInvitationExpired, ErrInvitationAlreadyAccepted or
// ErrUnavailable.
func (v *Invitations) Look(ctx context.Context, in AcceptInvitationParams) (found Invitation, hasAccount bool, err error) {
	kinds := []string{recordInvitation}
	if in.UserID != "" {
		kinds = append(kinds, recordInvitationLink)
	}
	i, err := invitationOf(ctx, v.store, in.Token, kinds...)
	if err != nil {
		return found, false, err
	}
	if !i.mailedTo(in.Email) {
		return found, false, ErrInvalidToken
	}
	if err := i.open(v.now()); err != nil {
		return found, false, err
	}
	if i.Email == "" {
		return i.shown(v.now()), false, nil
	}
	address, err := emailaddress.Parse(i.Email)
	if err != nil {
		return found, false, ErrInvalidToken
	}
	user, err := existing(holder(ctx, v.kernel, v.store, address))
	if err != nil && !errors.Is(err, ErrUserNotFound) {
		return found, false, err
	}
	return i.shown(v.now()), user.ID != "", nil
}

// Reject turns a mailed invitation down. Its secret is worth nothing from then on.
// It returns ErrInvalidToken, ErrInvitationExpired, ErrInvitationAlreadyAccepted,
// ErrForbidden for another account, or ErrUnavailable.
func (v *Invitations) Reject(ctx context.Context, in AcceptInvitationParams) error {
	found, err := invitationOf(ctx, v.store, in.Token, recordInvitation)
	if err != nil {
		return err
	}
	if !found.mailedTo(in.Email) {
		return ErrInvalidToken
	}
	return v.change(ctx, recordInvitation, found.record.ID, func(ctx context.Context, tx *txn, i *storedInvitation) error {
		if in.UserID != "" {
			user, err := existing(tx.User(ctx, tenant, in.UserID))
			if err != nil {
				return err
			}
			if user.EmailKey != i.EmailKey {
				return ErrForbidden
			}
		}
		if err := i.open(tx.now()); err != nil {
			return err
		}
		if err := i.end(ctx, tx, InvitationRejected); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventInvitationRejected, data: eventData{"invitation": i.record.ID, "resource": i.ResourceID}})
	})
}

// change runs a rule on an invitation or a link, with the organisation locked. If
// somebody else was faster, it reads again.
func (v *Invitations) change(ctx context.Context, kind, id string, rule func(ctx context.Context, tx *txn, i *storedInvitation) error) error {
	if !uuid.Valid(id) {
		return ErrInvitationNotFound
	}
	for range 3 {
		err := v.tx(ctx, func(ctx context.Context, tx *txn) error {
			i, err := invitationByID(ctx, tx, kind, id)
			if err != nil {
				return err
			}
			if i.ResourceType == ResourceOrganization {
				if _, err := tx.LockOrganization(ctx, tenant, i.ResourceID); err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				if i, err = invitationByID(ctx, tx, kind, id); err != nil {
					return err
				}
			}
			err = rule(ctx, tx, &i)
			if errors.Is(err, errOvertaken) {
				return ErrInvitationNotFound.because(errOvertaken)
			}
			return err
		})
		if !errors.Is(err, errOvertaken) {
			return err
		}
	}
	return ErrUnavailable.because(errOvertaken)
}

func invitationByID(ctx context.Context, s store.Store, kind, id string) (storedInvitation, error) {
	r, err := s.Record(ctx, tenant, kind, id)
	if errors.Is(err, store.ErrNotFound) {
		return storedInvitation{}, ErrInvitationNotFound
	}
	if err != nil {
		return storedInvitation{}, fault(err)
	}
	return readInvitation(r)
}

// InvitationParams names an invitation, or a link, and who asks.
type InvitationParams struct {
	ID string
	// ActorID is the account that asks: the inviter, or a member who manages the
	// organisation. Get also answers the invited account, if its address is
	// verified. "" is the host itself.
	ActorID string
	// OrganizationID, unless it is "", must be the organisation of a link. Only
	// RevokeLink reads it.
	OrganizationID string
}

// managesInvitation says whether an account invited, or manages the organisation.
// Nobody manages a deleted one.
func managesInvitation(ctx context.Context, k *kernel, s store.Store, i *storedInvitation, actorID string) (bool, error) {
	if actorID == "" || actorID == i.InvitedBy {
		return true, nil
	}
	if i.ResourceType != ResourceOrganization {
		return false, nil
	}
	own, err := roleIn(ctx, k, s, i.ResourceID, actorID)
	if err == nil {
		_, err = liveOrganization(s.Organization(ctx, tenant, i.ResourceID))
	}
	if errors.Is(err, ErrOrgNotFound) {
		return false, nil
	}
	return err == nil && k.config.Organizations.manages(own), err
}

// Get returns an invitation. It returns ErrInvitationNotFound, also to an account
// that may not see it, or ErrUnavailable.
func (v *Invitations) Get(ctx context.Context, in InvitationParams) (Invitation, error) {
	if !uuid.Valid(in.ID) {
		return Invitation{}, ErrInvitationNotFound
	}
	i, err := invitationByID(ctx, v.store, recordInvitation, in.ID)
	if err != nil {
		return Invitation{}, err
	}
	may, err := managesInvitation(ctx, v.kernel, v.store, &i, in.ActorID)
	if err == nil && !may {
		var user store.User
		user, err = existing(v.store.User(ctx, tenant, in.ActorID))
		may = err == nil && user.EmailKey == i.EmailKey && !user.EmailVerifiedAt.IsZero()
	}
	if err == nil && !may {
		err = ErrInvitationNotFound
	}
	if err != nil {
		return Invitation{}, err
	}
	return i.shown(v.now()), nil
}

// Revoke takes a pending invitation back. Its secret is worth nothing from then on.
// It returns ErrInvitationNotFound for an invitation that is not pending, and to an
// account that may not revoke it, or ErrUnavailable.
func (v *Invitations) Revoke(ctx context.Context, in InvitationParams) error {
	return v.change(ctx, recordInvitation, in.ID, func(ctx context.Context, tx *txn, i *storedInvitation) error {
		may, err := managesInvitation(ctx, v.kernel, tx, i, in.ActorID)
		if err != nil {
			return err
		}
		if !may || i.Status != InvitationPending {
			return ErrInvitationNotFound
		}
		if err := i.end(ctx, tx, InvitationRevoked); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventInvitationRevoked, data: eventData{"invitation": i.record.ID, "resource": i.ResourceID}})
	})
}

// Resend mails an invitation again, with a new secret and 7 more days. The older
// secret is worth nothing from then on. It returns ErrInvitationNotFound for an
// invitation that was accepted, rejected or revoked, and the errors of Create.
func (v *Invitations) Resend(ctx context.Context, in InvitationParams) (Invitation, error) {
	if !uuid.Valid(in.ID) {
		return Invitation{}, ErrInvitationNotFound
	}
	seen, err := invitationByID(ctx, v.store, recordInvitation, in.ID)
	if err != nil {
		return Invitation{}, err
	}
	may, err := managesInvitation(ctx, v.kernel, v.store, &seen, in.ActorID)
	if err != nil {
		return Invitation{}, err
	}
	if !may || seen.Status != InvitationPending {
		return Invitation{}, ErrInvitationNotFound
	}
	if err := v.spendInvitation(ctx, &seen); err != nil {
		return Invitation{}, err
	}
	err = v.change(ctx, recordInvitation, in.ID, func(ctx context.Context, tx *txn, i *storedInvitation) error {
		if seen = *i; i.Status != InvitationPending {
			return ErrInvitationNotFound
		}
		err := invitedHere(ctx, tx, i)
		if errors.Is(err, ErrInvalidToken) {
			return ErrForbidden // who invited may not invite any more
		}
		if err != nil {
			return err
		}
		secret, err := i.renew(tx.now())
		if err != nil {
			return err
		}
		err = i.swap(ctx, tx)
		if errors.Is(err, store.ErrConflict) {
			return ErrInvitationAlreadyPending
		}
		if err != nil {
			return err
		}
		seen = *i
		return v.mailInvitation(ctx, tx, i, "", secret)
	})
	return onlyDone(seen.shown(v.now()), err)
}

// ListInvitationsParams selects invitations. An empty field selects all.
type ListInvitationsParams struct {
	// UserID is the account that lists: it sees the invitations that it may manage
	// and those to its verified address.
	UserID                           string
	ResourceType, ResourceID, Status string
	Page                             PageParams
}

// listedInvitations is how many invitations of one kind are looked at for a list.
const listedInvitations = 1000

// List returns one page of the invitations that an account may see, oldest first.
func (v *Invitations) List(ctx context.Context, in ListInvitationsParams) (Page[Invitation], error) {
	user, err := existing(v.store.User(ctx, tenant, in.UserID))
	if err != nil {
		return Page[Invitation]{}, err
	}
	refs := []string{userRef(user.ID)}
	if !user.EmailVerifiedAt.IsZero() {
		refs = append(refs, inviteeRef(user.EmailKey))
	}
	all, err := memberships(ctx, v.store, user.ID)
	if err != nil {
		return Page[Invitation]{}, fault(err)
	}
	for i := range all {
		if !v.config.Organizations.manages(all[i].Member.Role) {
			continue
		}
		err := factorIn(ctx, v.kernel, v.store, all[i].Organization.ID, user.ID)
		if errors.Is(err, ErrMFAEnrollmentRequired) || errors.Is(err, ErrReauthenticationRequired) {
			continue
		}
		if err != nil {
			return Page[Invitation]{}, err
		}
		refs = append(refs, resourceRef(ResourceOrganization, all[i].Organization.ID))
	}
	now, found := v.now(), map[string]Invitation{}
	for _, ref := range refs {
		records, _, err := v.store.ListRecords(ctx, tenant, recordInvitation, ref, store.Page{Number: 1, Limit: listedInvitations})
		if err != nil {
			return Page[Invitation]{}, fault(err)
		}
		for _, r := range records {
			i, err := readInvitation(r)
			if err != nil {
				return Page[Invitation]{}, err
			}
			if shown := i.shown(now); in.selects(&shown) {
				found[shown.ID] = shown
			}
		}
	}
	list := make([]Invitation, 0, len(found))
	for _, i := range found {
		list = append(list, i)
	}
	slices.SortFunc(list, func(a, b Invitation) int { return strings.Compare(a.ID, b.ID) })
	from := min(max(0, (in.Page.Number-1)*in.Page.Limit), len(list))
	return Page[Invitation]{Items: list[from:min(from+in.Page.Limit, len(list))], Total: len(list)}, nil
}

func (in *ListInvitationsParams) selects(i *Invitation) bool {
	return (in.ResourceType == "" || in.ResourceType == i.ResourceType) && (in.ResourceID == "" || in.ResourceID == i.ResourceID) &&
		(in.Status == "" || in.Status == i.Status)
}
