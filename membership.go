package admit

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file keeps who belongs to which organisation: what joining, leaving and the
// last owner need. organization.go and invitation.go stand on it. Accounts are
// locked before organisations.

// Errors of organisations.
var (
	// ErrOrgNotFound means that the organisation does not exist, is deleted, or is
	// not one of the account that asks.
	ErrOrgNotFound    = &Error{Code: "org/not-found", Status: http.StatusNotFound, Message: "There is no such organization."}
	ErrMemberNotFound = &Error{Code: "org/member-not-found", Status: http.StatusNotFound, Message: "The account is not a member of the organization."}
	ErrOrgSlugTaken   = &Error{Code: "org/slug-taken", Status: http.StatusConflict, Message: "Another organization has this slug."}
	ErrOrgInvalidRole = &Error{Code: "org/invalid-role", Status: http.StatusBadRequest, Message: "An organization has no such role."}
	ErrOrgConflict    = &Error{Code: "org/conflict", Status: http.StatusConflict, Message: "The organization was changed at the same time. Please try again."}
	ErrNoSeat         = &Error{Code: "org/no-seat", Status: http.StatusConflict, Message: "The organization has no free seat."}
	ErrTooManyOrgs    = &Error{Code: "org/too-many-orgs", Status: http.StatusConflict, Message: "The account belongs to as many organizations as it may."}
	// ErrDomainNotAllowed means that the organisation admits only accounts with a
	// verified address in one of its proven domains.
	ErrDomainNotAllowed = &Error{Code: "org/domain-not-allowed", Status: http.StatusForbidden, Message: "The organization admits only verified addresses in its own domains."}
	// ErrOrgWouldLockOut refuses a change of a policy, or of a domain, after which the
	// owner who asks, or every owner, could not enter the organisation. Details name the
	// field.
	ErrOrgWouldLockOut = &Error{Code: "org/would-lock-out", Status: http.StatusBadRequest, Message: "This change would lock the owners out of the organization."}
	ErrAlreadyMember   = &Error{Code: "auth/already-member", Status: http.StatusConflict, Message: "The account is a member already."}
	// ErrLastOwner refuses what would leave an organisation without an owner.
	// Details name the organizations.
	ErrLastOwner = &Error{Code: "auth/last-owner", Status: http.StatusBadRequest, Message: "An organization needs an owner. Make another member an owner first."}
)

// Organization is a group of accounts, such as a team or a customer. Times are
// UTC.
type Organization struct {
	// ID is a UUIDv7.
	ID string
	// Name is 1 to 100 characters.
	Name string
	// Slug names the organisation in URLs: 3 to 40 of a-z, 0-9 and -. "" means
	// none.
	Slug string
	// Role is the role of the account that the organisation was made or listed
	// for. "" where no account is named.
	Role string
	// DeletedAt is when the organisation was deleted. Zero while it exists.
	DeletedAt            time.Time
	CreatedAt, UpdatedAt time.Time
}

func organizationOf(o *store.Organization, role string) Organization {
	return Organization{
		ID: o.ID, Name: o.Name, Slug: o.Slug, Role: role, DeletedAt: o.DeletedAt, CreatedAt: o.CreatedAt, UpdatedAt: o.UpdatedAt,
	}
}

// Member is an account in an organisation.
type Member struct {
	OrganizationID string
	// User is the account.
	User User
	// Role is RoleOwner, RoleAdmin, RoleMember or a role of
	// OrganizationConfig.Roles.
	Role string
	// JoinedAt is when the account became a member, UTC.
	JoinedAt time.Time
}

func memberOf(m *store.MemberUser) Member {
	return Member{OrganizationID: m.Member.OrganizationID, User: userOf(&m.User), Role: m.Member.Role, JoinedAt: m.Member.CreatedAt}
}

// liveOrganization returns ErrOrgNotFound for an organisation that does not exist
// or is deleted.
func liveOrganization(o store.Organization, err error) (store.Organization, error) {
	switch {
	case errors.Is(err, store.ErrNotFound), err == nil && o.Deleted():
		return store.Organization{}, ErrOrgNotFound
	case err != nil:
		return store.Organization{}, fault(err)
	}
	return o, nil
}

// roleIn returns the role of an account in an organisation. It returns
// ErrOrgNotFound for an account that is no member, so that nobody learns which
// organisations exist.
//
// A caller who asks about itself is refused if the organisation requires a second factor
// which its session was not proven with.
func roleIn(ctx context.Context, k *kernel, s store.Store, organizationID, userID string) (string, error) {
	m, err := s.Member(ctx, tenant, organizationID, userID)
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrOrgNotFound
	}
	if err != nil {
		return "", fault(err)
	}
	return m.Role, factorIn(ctx, k, s, organizationID, userID)
}

// leavingKey is the context key of leaving.
type leavingKey struct{}

// leaving returns a context in which an account may leave an organisation whose policy
// it does not meet.
func leaving(ctx context.Context) context.Context { return context.WithValue(ctx, leavingKey{}, true) }

// factorIn refuses a caller that is the account, if an organisation requires a second
// factor which its session was not proven with.
func factorIn(ctx context.Context, k *kernel, s store.Store, organizationID, userID string) error {
	c := callerFrom(ctx)
	if c == nil || c.by != k.machinery || !c.signedIn || c.user.ID != userID || twoFactors(&c.session, &c.user) || ctx.Value(leavingKey{}) != nil {
		return nil
	}
	required, err := requiresFactor(ctx, k, s, organizationID)
	if err == nil && required {
		err = factorMissing(k, &c.user)
	}
	return err
}

// mayWorkIn refuses a session that may not enter an organisation. It reads the policy,
// and not what is known of policies.
func mayWorkIn(ctx context.Context, t *txn, c *caller, organizationID string) error {
	own, err := roleIn(ctx, t.kernel, t, organizationID, c.user.ID)
	if err != nil {
		return err
	}
	policy, err := policyOf(ctx, t, organizationID)
	switch {
	case err != nil:
		return err
	case policy.RequireMFA && !twoFactors(&c.session, &c.user):
		return factorMissing(t.kernel, &c.user)
	case !policy.OnlyVerifiedDomains:
		return nil
	}
	inside, err := inProvenDomain(ctx, t, organizationID, &c.user)
	if err != nil || inside {
		return err
	}
	if own == RoleOwner {
		// An owner must be able to prove a domain again.
		all, err := domainsOf(ctx, t, organizationID)
		if err != nil || !slices.ContainsFunc(all, func(d storedDomain) bool { return d.proven() }) {
			return err
		}
	}
	return ErrDomainNotAllowed
}

// actsIn returns the role by which an account acts in an organisation whose lock
// is held. The host itself, which has the id "", acts as an owner. A deleted or
// banned account does not act.
func actsIn(ctx context.Context, t *txn, organizationID, actorID string) (string, error) {
	if actorID == "" {
		return RoleOwner, nil
	}
	if currentSession(ctx, actorID) == "" { // else recheck has looked
		actor, err := existing(t.User(ctx, tenant, actorID))
		if errors.Is(err, ErrUserNotFound) || err == nil && actor.Banned(t.now()) {
			return "", ErrForbidden
		}
		if err != nil {
			return "", err
		}
	}
	return roleIn(ctx, t.kernel, t, organizationID, actorID)
}

// inOrganization runs a rule in a transaction with the organisation locked. Own is
// the role by which the actor acts; see actsIn. The accounts are locked before the
// organisation.
func inOrganization(ctx context.Context, k *kernel, id, actorID string, accounts []string, rule func(ctx context.Context, tx *txn, o *store.Organization, own string) error) error {
	if !uuid.Valid(id) {
		return ErrOrgNotFound
	}
	return k.tx(planned(ctx, append([]string{actorID}, accounts...)...), func(ctx context.Context, tx *txn) error {
		o, err := liveOrganization(tx.LockOrganization(ctx, tenant, id))
		if err != nil {
			return err
		}
		own, err := actsIn(ctx, tx, id, actorID)
		if err != nil {
			return err
		}
		return rule(ctx, tx, &o, own)
	})
}

// mayGrant refuses an actor who does not manage the organisation, or whose own
// role does not include the given one.
func mayGrant(k *kernel, own, role string) error {
	switch {
	case !k.config.Organizations.knows(role):
		return ErrOrgInvalidRole
	case !k.config.Organizations.manages(own), !k.config.Organizations.covers(own, role):
		return ErrForbidden
	}
	return nil
}

// join makes an account a member of an organisation, if the policy admits the account.
// Both are locked.
func join(ctx context.Context, t *txn, o *store.Organization, user *store.User, role, by string) error {
	return takeIn(ctx, t, o, user, role, by, true)
}

// takeIn is join, and can leave out which domains the policy admits. It asks for a seat
// in the same transaction, so that of two requests for the last seat one is refused.
func takeIn(ctx context.Context, t *txn, o *store.Organization, user *store.User, role, by string, onlyAdmitted bool) error {
	_, err := t.Member(ctx, tenant, o.ID, user.ID)
	if err == nil {
		return ErrAlreadyMember
	}
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	policy, err := policyOf(ctx, t, o.ID)
	if err != nil {
		return err
	}
	if onlyAdmitted && policy.OnlyVerifiedDomains {
		if admitted, err := inProvenDomain(ctx, t, o.ID, user); err != nil {
			return err
		} else if !admitted {
			return ErrDomainNotAllowed
		}
	}
	if err := takeSeat(ctx, t, o.ID, policy.MaxMembers); err != nil {
		return err
	}
	now := t.now()
	err = t.AddMember(ctx, store.Member{Tenant: tenant, OrganizationID: o.ID, UserID: user.ID, Role: role, CreatedAt: now, UpdatedAt: now})
	if errors.Is(err, store.ErrConflict) {
		return ErrAlreadyMember
	}
	if err != nil {
		return err
	}
	t.touch(user.ID)
	return t.record(ctx, event{kind: eventMemberAdded, subject: user.ID, data: eventData{"organization": o.ID, "role": role, "by": by}})
}

// takeSeat returns ErrNoSeat if an organisation, whose lock is held, has as many
// members as Config.SeatLimit or its own policy allows. A policy of 0 is no limit.
func takeSeat(ctx context.Context, t *txn, organizationID string, policy int) error {
	seats := -1
	if limit := t.config.SeatLimit; limit != nil {
		if err := flush(ctx, t); err != nil {
			return err
		}
		err := t.runHook(ctx, "SeatLimit", func(ctx context.Context) (err error) {
			seats, err = limit(ctx, Tx{t.Store}, organizationID)
			return err
		})
		if err != nil {
			return err
		}
	}
	if policy > 0 && (seats < 0 || policy < seats) {
		seats = policy
	}
	if seats < 0 {
		return nil
	}
	_, members, err := t.ListMembers(ctx, store.MemberQuery{Tenant: tenant, OrganizationID: organizationID}, store.Page{Number: 1, Limit: 1})
	if err == nil && members >= seats {
		return ErrNoSeat
	}
	return err
}

// hasRoom returns ErrTooManyOrgs if an account, whose lock is held, belongs to as
// many organisations as it may.
func hasRoom(ctx context.Context, t *txn, userID string) error {
	_, total, err := t.ListOrganizationsOf(ctx, tenant, userID, store.Page{Number: 1, Limit: 1})
	if err == nil && total >= t.config.Organizations.MaxPerUser {
		return ErrTooManyOrgs
	}
	return err
}

// recordDeparted marks an account that was a member: it does not join automatically
// again.
const recordDeparted = "departed-member"

// memberID is the id of a record about an account in an organisation.
func memberID(organizationID, userID string) string { return organizationID + "/" + userID }

// leave takes an account out of an organisation whose lock is held.
func leave(ctx context.Context, t *txn, organizationID, userID, why string) error {
	removed, err := t.RemoveMember(ctx, tenant, organizationID, userID)
	if err != nil {
		return err
	}
	if !removed {
		return ErrMemberNotFound
	}
	t.touch(userID)
	departed := store.Record{
		Tenant: tenant, Kind: recordDeparted, ID: memberID(organizationID, userID), Refs: []string{userRef(userID)}, Data: []byte("{}"), CreatedAt: t.now(), UpdatedAt: t.now(),
	}
	known, err := exists(t.Record(ctx, tenant, departed.Kind, departed.ID))
	if err == nil && !known {
		err = t.CreateRecord(ctx, departed)
	}
	if err != nil {
		return err
	}
	return t.record(ctx, event{kind: eventMemberRemoved, subject: userID, data: eventData{"organization": organizationID, "reason": why}})
}

// keepOwner returns ErrLastOwner unless an organisation, whose lock is held, has an
// owner beside the account who is neither deleted nor banned. Of two owners who
// leave at the same time, the second is refused, because the first holds the lock.
func keepOwner(ctx context.Context, t *txn, o *store.Organization, without string) error {
	found, err := hasOwner(ctx, t, o.ID, func(owner *store.User) bool { return owner.ID != without })
	if err == nil && !found {
		err = ErrLastOwner.detail("organizations", []map[string]string{{"id": o.ID, "name": o.Name}})
	}
	return err
}

// hasOwner says whether an organisation has an owner who is as asked for, and neither
// deleted nor banned.
func hasOwner(ctx context.Context, t *txn, organizationID string, as func(owner *store.User) bool) (bool, error) {
	q := store.MemberQuery{Tenant: tenant, OrganizationID: organizationID, Role: RoleOwner}
	for page := (store.Page{Number: 1, Limit: 100}); ; page.Number++ {
		owners, total, err := t.ListMembers(ctx, q, page)
		if err != nil {
			return false, err
		}
		for i := range owners {
			if as(&owners[i].User) && usable(&owners[i].User, t.now()) == nil {
				return true, nil
			}
		}
		if page.Number*page.Limit >= total {
			return false, nil
		}
	}
}

// keepOwners returns ErrLastOwner, with the organisations in its details, if an
// account, whose lock is held, is the last owner of any. A rule calls it before it
// deletes an account.
func keepOwners(ctx context.Context, t *txn, userID string) error {
	all, err := memberships(ctx, t, userID)
	if err != nil {
		return err
	}
	var alone []map[string]string
	for i := range all {
		o := &all[i].Organization
		if all[i].Member.Role != RoleOwner {
			continue
		}
		if _, err := t.LockOrganization(ctx, tenant, o.ID); err != nil {
			return err
		}
		err := keepOwner(ctx, t, o, userID)
		if errors.Is(err, ErrLastOwner) {
			alone = append(alone, map[string]string{"id": o.ID, "name": o.Name})
			continue
		}
		if err != nil {
			return err
		}
	}
	if len(alone) > 0 {
		return ErrLastOwner.detail("organizations", alone)
	}
	return nil
}

// exists says whether the store has found something.
func exists[T any](_ T, err error) (bool, error) {
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// managedOrganization returns the organisation of a request. It refuses a caller who
// does not manage the organisation.
func managedOrganization(k *kernel, r *http.Request) (organizationID string, err error) {
	organizationID = r.PathValue("id")
	if !uuid.Valid(organizationID) {
		return "", ErrOrgNotFound
	}
	own, err := roleIn(r.Context(), k, k.store, organizationID, callerFrom(r.Context()).user.ID)
	if err != nil {
		return "", err
	}
	if _, err := liveOrganization(k.store.Organization(r.Context(), tenant, organizationID)); err != nil {
		return "", err
	}
	if !k.config.Organizations.manages(own) {
		return "", ErrForbidden
	}
	return organizationID, nil
}
