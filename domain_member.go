package admit

import (
	"context"
	"errors"
	"net/http"

	"github.com/admit-go/admit/store"
)

// This file makes accounts members of the organisation of their domain. The gate stands
// on it.

// joinByDomain makes an account, which is locked, a member of the organisation that
// has proven the domain of its verified address, where accounts join automatically.
// An organisation without a free seat, or without a place for one more in the list
// of the account, keeps nobody from signing in.
func joinByDomain(ctx context.Context, t *txn, user *store.User) error {
	domain := provenDomain(user)
	if domain == "" || usable(user, t.now()) != nil || t.config.Domains.refuses(domain) {
		return nil //nolint:nilerr // an account that may not enter joins nothing
	}
	if some, err := someJoinAutomatically(ctx, t); err != nil || !some {
		return err
	}
	d, err := domainOwner(ctx, t, domain)
	if errors.Is(err, store.ErrNotFound) || err == nil && d.Join != DomainJoinAutomatic {
		return nil
	}
	if err != nil {
		return err
	}
	for _, belongs := range []func() (bool, error){
		func() (bool, error) { return exists(t.Member(ctx, tenant, d.OrganizationID, user.ID)) },
		func() (bool, error) {
			return exists(t.Record(ctx, tenant, recordDeparted, memberID(d.OrganizationID, user.ID)))
		},
	} {
		if stays, err := belongs(); err != nil || stays {
			return err
		}
	}
	err = joinDomain(ctx, t, &d, user, "domain")
	if refusal, ok := errors.AsType[*Error](err); ok && refusal.Status < http.StatusInternalServerError {
		t.log.InfoContext(ctx, "an account does not join the organization of its domain", "organization", d.OrganizationID, "user", user.ID, "code", refusal.Code)
		return nil
	}
	return err
}

// joinDomain makes an account, which is locked, a member of the organisation of a
// proven domain.
func joinDomain(ctx context.Context, t *txn, d *storedDomain, user *store.User, by string) error {
	o, err := liveOrganization(t.LockOrganization(ctx, tenant, d.OrganizationID))
	if err != nil {
		return err
	}
	// The organisation is locked now. It may have lost the domain before.
	now, err := domainOwner(ctx, t, d.Domain)
	if errors.Is(err, store.ErrNotFound) || err == nil && (now.OrganizationID != o.ID || now.Join != d.Join) {
		return ErrOrgNotFound
	}
	if err != nil {
		return err
	}
	if err := hasRoom(ctx, t, user.ID); err != nil {
		return err
	}
	policy, err := policyOf(ctx, t, o.ID)
	if err != nil {
		return err
	}
	return join(ctx, t, &o, user, policy.role(&t.config.Organizations), by)
}

// mayLoseDomain refuses to take a proven domain from an organisation, whose lock is
// held, that admits only accounts in its proven domains, if no owner is in another one.
func mayLoseDomain(ctx context.Context, t *txn, d *storedDomain) error {
	p, err := policyOf(ctx, t, d.OrganizationID)
	if err != nil || !p.OnlyVerifiedDomains || !d.proven() {
		return err
	}
	all, err := domainsOf(ctx, t, d.OrganizationID)
	if err != nil {
		return err
	}
	others := map[string]bool{}
	for i := range all {
		others[all[i].Domain] = all[i].proven() && all[i].Domain != d.Domain
	}
	kept, err := hasOwner(ctx, t, d.OrganizationID, func(owner *store.User) bool { return others[provenDomain(owner)] })
	if err == nil && !kept {
		err = ErrOrgWouldLockOut.detail("domain", "is the domain by which the owners enter: change onlyVerifiedDomains first")
	}
	return err
}
