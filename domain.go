package admit

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/admit-go/admit/internal/emailaddress"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of the domains of organisations: domain_http.go serves
// them, domain_join.go lets accounts join.

// Domains lets organisations prove that a domain is theirs, and lets accounts with an
// address in a proven domain join. Most methods name an actor, as those of
// Organizations do.
type Domains struct {
	*kernel
}

// maxDomains is how many domains an organisation may claim.
const maxDomains = 20

// Domain is a domain that an organisation claims. Times are UTC.
type Domain struct {
	// OrganizationID is the organisation that claims the domain.
	OrganizationID string
	// Name is the domain in lower-case ASCII.
	Name string
	// Join is DomainJoinNone, DomainJoinRequest or DomainJoinAutomatic. It means
	// something only while the domain is proven.
	Join string
	// RecordName and RecordValue are the TXT record that proves the domain.
	RecordName, RecordValue string
	// VerifiedAt is when the domain was proven. Zero while it is not.
	VerifiedAt time.Time
	// CheckedAt is when the record was last found. Zero before the proof.
	CheckedAt time.Time
	// MissingAt is when the record of a proven domain was first found missing. The
	// domain is no longer proven after DomainConfig.Grace. Zero while the record is
	// there.
	MissingAt time.Time
	CreatedAt time.Time
}

func (d *storedDomain) shown() Domain {
	return Domain{
		OrganizationID: d.OrganizationID, Name: d.Domain, Join: d.Join, RecordName: domainRecord(d.Domain), RecordValue: d.value(),
		VerifiedAt: d.ProvenAt, CheckedAt: d.CheckedAt, MissingAt: d.MissingAt, CreatedAt: d.record.CreatedAt,
	}
}

// DomainParams names a domain of an organisation, and who asks.
type DomainParams struct {
	OrganizationID, Domain string
	// Join is DomainJoinNone, DomainJoinRequest or DomainJoinAutomatic. Only Claim
	// reads it. Default: what it was, and DomainJoinNone for a new claim.
	Join string
	// ActorID is the account that asks. Its role must include RoleAdmin. "" is the
	// host itself.
	ActorID string
}

// Claim claims a domain, or changes Join of a claim. A claim gives nothing before
// Verify has found its record, and any number of organisations may claim a domain. A
// claim that is not proven ends after 30 days. Claim returns ErrInvalidRequest for a
// domain that nobody may claim, such as that of a free mail provider, and for more than
// 20 claims, ErrOrgNotFound, ErrForbidden, ErrOrgConflict or ErrUnavailable.
func (d *Domains) Claim(ctx context.Context, in DomainParams) (Domain, error) {
	claimed, _, err := d.claim(ctx, in)
	return claimed, err
}

// claim is Claim, and says whether the claim is new.
func (d *Domains) claim(ctx context.Context, in DomainParams) (claimed Domain, added bool, err error) {
	if !slices.Contains([]string{"", DomainJoinNone, DomainJoinRequest, DomainJoinAutomatic}, in.Join) {
		return Domain{}, false, ErrInvalidRequest.detail("join", "must be none, request or automatic")
	}
	domain, err := emailaddress.Domain(in.Domain)
	switch {
	case err != nil:
		return Domain{}, false, ErrInvalidRequest.detail("domain", "is not a domain of e-mail addresses").because(err)
	case d.config.Domains.refuses(domain):
		return Domain{}, false, ErrInvalidRequest.detail("domain", "is not the domain of one organization")
	}
	err = d.managed(ctx, in, func(ctx context.Context, tx *txn, _ string) error {
		added = false
		found, err := claimOf(ctx, tx, in.OrganizationID, domain)
		if errors.Is(err, ErrDomainNotFound) {
			if found, err = newClaim(ctx, tx, in.OrganizationID, domain, in.Join); err == nil {
				added, claimed = true, found.shown()
			}
			return err
		}
		if err != nil {
			return err
		}
		if in.Join != "" {
			found.Join = in.Join
		}
		if !found.proven() {
			found.record.ExpiresAt = tx.now().Add(claimLife)
		}
		claimed = found.shown()
		return found.swap(ctx, tx)
	})
	if err != nil {
		return Domain{}, false, err
	}
	return claimed, added, nil
}

// newClaim adds a claim of an organisation whose lock is held.
func newClaim(ctx context.Context, t *txn, organizationID, domain, join string) (storedDomain, error) {
	all, err := domainsOf(ctx, t, organizationID)
	if err != nil {
		return storedDomain{}, err
	}
	if len(all) >= maxDomains {
		return storedDomain{}, ErrInvalidRequest.detail("domain", "the organization has 20 domains already")
	}
	if join == "" {
		join = DomainJoinNone
	}
	token, _, err := newSecret()
	if err != nil {
		return storedDomain{}, err
	}
	now := t.now()
	made := storedDomain{
		record:     store.Record{Tenant: tenant, Kind: recordDomain, ID: t.newID(), CreatedAt: now, UpdatedAt: now, ExpiresAt: now.Add(claimLife)},
		domainData: domainData{OrganizationID: organizationID, Domain: domain, Join: join, Token: token},
	}
	if err := made.encode(); err != nil {
		return made, err
	}
	if err := t.CreateRecord(ctx, made.record); err != nil {
		return made, err
	}
	return made, t.record(ctx, event{kind: eventDomainClaimed, data: eventData{"organization": organizationID, "domain": domain}})
}

// managed runs a rule with the organisation locked, for an actor who manages it. If
// somebody else has changed the same record, the rule runs again.
func (d *Domains) managed(ctx context.Context, in DomainParams, rule func(ctx context.Context, tx *txn, own string) error, accounts ...string) error {
	for range 3 {
		err := inOrganization(ctx, d.kernel, in.OrganizationID, in.ActorID, accounts, func(ctx context.Context, tx *txn, _ *store.Organization, own string) error {
			if !d.config.Organizations.manages(own) {
				return ErrForbidden
			}
			return rule(ctx, tx, own)
		})
		if !errors.Is(err, errMoved) {
			return err
		}
	}
	return ErrOrgConflict
}

// claimOf returns the claim of an organisation, or ErrDomainNotFound.
func claimOf(ctx context.Context, s store.Store, organizationID, domain string) (storedDomain, error) {
	found, err := readDomain(s.RecordByKey(ctx, tenant, recordDomain, claimKey(organizationID, domain)))
	if errors.Is(err, store.ErrNotFound) {
		return found, ErrDomainNotFound
	}
	return found, fault(err)
}

// List returns the domains that an organisation claims, oldest first. It returns
// ErrUnavailable.
func (d *Domains) List(ctx context.Context, organizationID string) ([]Domain, error) {
	all, err := domainsOf(ctx, d.store, organizationID)
	return pageOf(all, 0, (*storedDomain).shown).Items, err
}

// Verify looks for the TXT record of a claim. If it is there, the domain is proven:
// it belongs to this organisation alone. If another organisation has proven the domain
// and its record is gone, that organisation loses the domain. Verify returns
// ErrDomainNotVerified, ErrDomainTaken, ErrDomainNotFound, ErrOrgNotFound, ErrForbidden,
// ErrOrgConflict or ErrUnavailable.
func (d *Domains) Verify(ctx context.Context, in DomainParams) (Domain, error) {
	in.Domain = canonicalOr(in.Domain)
	var claim storedDomain
	err := d.managed(ctx, in, func(ctx context.Context, tx *txn, _ string) (err error) {
		claim, err = claimOf(ctx, tx, in.OrganizationID, in.Domain)
		return err
	})
	if err != nil {
		return Domain{}, err
	}
	// The name server may take as long as the store: each has the time of a request.
	looking, cancel := afresh(ctx, d.config.RequestTimeout)
	found, err := lookUpDomain(looking, d.kernel, in.Domain)
	cancel()
	refused := ErrDomainNotVerified.detail("recordName", domainRecord(claim.Domain)).detail("recordValue", claim.value())
	switch {
	case err != nil:
		return Domain{}, refused.detail("reason", "lookup-failed").because(err)
	case !slices.Contains(found, claim.value()):
		return Domain{}, refused.detail("reason", "no-record")
	}
	writing, cancel := afresh(ctx, d.config.RequestTimeout)
	defer cancel()
	var proven Domain
	err = d.managed(writing, in, func(ctx context.Context, tx *txn, _ string) error {
		now, err := claimOf(ctx, tx, in.OrganizationID, in.Domain)
		if err != nil {
			return err
		}
		if now.Token != claim.Token {
			return refused.detail("reason", "no-record") // claimed again meanwhile
		}
		if err := prove(ctx, tx, &now, found); err != nil {
			return err
		}
		proven = now.shown()
		return nil
	})
	return onlyDone(proven, err)
}

// prove makes a claim whose record was found the proven one. Found are the records of
// the domain.
func prove(ctx context.Context, t *txn, claim *storedDomain, found []string) error {
	owner, err := domainOwner(ctx, t, claim.Domain)
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return err
	case owner.record.ID == claim.record.ID:
	case slices.Contains(found, owner.value()):
		return ErrDomainTaken
	default:
		if err := owner.lose(ctx, t, "proven-by-another"); err != nil {
			return err
		}
	}
	now, before := t.now(), claim.ProvenAt
	claim.CheckedAt, claim.TriedAt, claim.MissingAt = now, now, time.Time{}
	if before.IsZero() {
		claim.ProvenAt = now
	}
	if err := claim.swap(ctx, t); err != nil || !before.IsZero() {
		return err
	}
	return t.record(ctx, event{kind: eventDomainVerified, data: eventData{"organization": claim.OrganizationID, "domain": claim.Domain}})
}

// canonicalOr is the canonical form of a domain, or what was given.
func canonicalOr(given string) string {
	if domain, err := emailaddress.Domain(given); err == nil {
		return domain
	}
	return ""
}

// Remove ends a claim. The members stay. It returns ErrDomainNotFound, ErrOrgWouldLockOut
// if a policy with OnlyVerifiedDomains would keep every owner out without the domain,
// ErrOrgNotFound, ErrForbidden, ErrOrgConflict or ErrUnavailable.
func (d *Domains) Remove(ctx context.Context, in DomainParams) error {
	in.Domain = canonicalOr(in.Domain)
	return d.managed(ctx, in, func(ctx context.Context, tx *txn, _ string) error {
		found, err := claimOf(ctx, tx, in.OrganizationID, in.Domain)
		if err != nil {
			return err
		}
		if in.ActorID != "" {
			if err := mayLoseDomain(ctx, tx, &found); err != nil {
				return err
			}
		}
		removed, err := tx.DeleteRecord(ctx, tenant, recordDomain, found.record.ID)
		if err != nil || !removed {
			return err
		}
		tx.then = append(tx.then, tx.automaticJoins.Forget)
		return tx.record(ctx, event{kind: eventDomainRemoved, data: eventData{"organization": found.OrganizationID, "domain": found.Domain}})
	})
}
