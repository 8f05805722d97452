package admit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/store"
)

// This file keeps the policies of organisations: one record for each organisation
// that has set any rule. The gate, the guards and whatever adds a member stand on it.

const (
	recordPolicy  = "organization-policy"
	policyVersion = 1
	// factorPolicies lists the policies that require a second factor.
	factorPolicies = "policy-factor"
	// factorPoliciesLast is how long a process remembers whether any organisation
	// requires a second factor. Its own changes count at once.
	factorPoliciesLast = 3 * time.Second
)

// OrganizationPolicy is what an organisation asks of its members. The zero value asks
// nothing.
type OrganizationPolicy struct {
	// RequireMFA lets members act in the organisation only with a confirmed second
	// factor, in sessions that were proven with one. A member without a factor sets
	// one up at the next sign-in.
	RequireMFA bool
	// OnlyVerifiedDomains lets accounts join, and enter with their session, only with a
	// verified address in a domain that the organisation has proven: see Domains.
	OnlyVerifiedDomains bool
	// DefaultRole is the role of those who join by their domain or by a request. ""
	// is RoleMember.
	DefaultRole string
	// MaxMembers is how many members the organisation may have, beside
	// Config.SeatLimit. 0 is no limit. Nobody is removed by it.
	MaxMembers int
}

// policyData is what the record of a policy holds.
type policyData struct {
	Version             int    `json:"v"`
	RequireMFA          bool   `json:"requireMfa,omitzero"`
	OnlyVerifiedDomains bool   `json:"onlyVerifiedDomains,omitzero"`
	DefaultRole         string `json:"defaultRole,omitzero"`
	MaxMembers          int    `json:"maxMembers,omitzero"`
}

// storedPolicy is the policy of an organisation with its record. Without a record it
// is the zero policy, with the version 0.
type storedPolicy struct {
	record store.Record
	OrganizationPolicy
}

// policyOf returns the policy of an organisation.
func policyOf(ctx context.Context, s store.Store, organizationID string) (storedPolicy, error) {
	p := storedPolicy{record: store.Record{Tenant: tenant, Kind: recordPolicy, ID: organizationID}}
	r, err := s.Record(ctx, tenant, recordPolicy, organizationID)
	if errors.Is(err, store.ErrNotFound) {
		return p, nil
	}
	if err != nil {
		return p, fault(err)
	}
	var data policyData
	if err := json.Unmarshal(r.Data, &data); err != nil || data.Version != policyVersion {
		return p, ErrInternal.because(fmt.Errorf("the policy of the organization %s cannot be read: version %d, %w", r.ID, data.Version, err))
	}
	p.record = r
	p.OrganizationPolicy = OrganizationPolicy{data.RequireMFA, data.OnlyVerifiedDomains, data.DefaultRole, data.MaxMembers}
	return p, nil
}

// write writes the policy of an organisation, whose lock is held. It returns errMoved
// if somebody else has written it since it was read.
func (p *storedPolicy) write(ctx context.Context, t *txn) (err error) {
	p.record.Data, err = json.Marshal(policyData{policyVersion, p.RequireMFA, p.OnlyVerifiedDomains, p.DefaultRole, p.MaxMembers})
	if err != nil {
		return ErrInternal.because(err)
	}
	p.record.Refs = nil
	if p.RequireMFA && p.record.ExpiresAt.IsZero() {
		p.record.Refs = []string{factorPolicies}
	}
	p.record.UpdatedAt = t.now()
	t.then = append(t.then, t.factorPolicies.Forget)
	if p.record.CreatedAt.IsZero() {
		p.record.CreatedAt = p.record.UpdatedAt
		if err = t.CreateRecord(ctx, p.record); errors.Is(err, store.ErrConflict) {
			err = errMoved
		}
		return err
	}
	swapped, err := t.SwapRecord(ctx, p.record)
	if err == nil && !swapped {
		err = errMoved
	}
	return err
}

// keepPolicyUntil lets the policy of an organisation, whose lock is held, go with the
// organisation when that is purged. The zero time keeps it.
func keepPolicyUntil(ctx context.Context, t *txn, organizationID string, at time.Time) error {
	p, err := policyOf(ctx, t, organizationID)
	if err != nil || p.record.CreatedAt.IsZero() {
		return err
	}
	p.record.ExpiresAt = at
	return p.write(ctx, t)
}

// role is the role of those who join without being given one. A role that the host has
// taken out of its configuration, or that manages by now, is given to nobody.
func (p *OrganizationPolicy) role(c *OrganizationConfig) string {
	if p.DefaultRole == "" || !c.knows(p.DefaultRole) || c.manages(p.DefaultRole) {
		return RoleMember
	}
	return p.DefaultRole
}

// someRequireFactor says whether any organisation requires a second factor. Without
// one, nothing is read about organisations.
func someRequireFactor(ctx context.Context, k *kernel, s store.Store) (bool, error) {
	return recalled(k, &k.factorPolicies, factorPoliciesLast, func() (bool, error) {
		return listsAny(ctx, s, recordPolicy, factorPolicies)
	})
}

// requiresFactor says whether an organisation requires a second factor.
func requiresFactor(ctx context.Context, k *kernel, s store.Store, organizationID string) (bool, error) {
	if some, err := someRequireFactor(ctx, k, s); err != nil || !some || !uuid.Valid(organizationID) {
		return false, err
	}
	p, err := policyOf(ctx, s, organizationID)
	return p.RequireMFA, err
}

// belongsWhereFactor says whether an account belongs to an organisation that requires
// a second factor.
func belongsWhereFactor(ctx context.Context, k *kernel, s store.Store, userID string) (bool, error) {
	if some, err := someRequireFactor(ctx, k, s); err != nil || !some {
		return false, err
	}
	all, err := memberships(ctx, s, userID)
	if err != nil {
		return false, err
	}
	for i := range all {
		if p, err := policyOf(ctx, s, all[i].Organization.ID); err != nil || p.RequireMFA {
			return err == nil, err
		}
	}
	return false, nil
}

// twoFactors says whether a session was proven with a second factor that its account
// still has.
func twoFactors(session *store.Session, user *store.User) bool {
	return user.MFAEnabled && session.ACR() == store.TwoFactors
}

// keepOut takes a session, as it was read, out of an organisation that requires a
// second factor which the session was not proven with. The session itself stays where
// it is: it is back as soon as the second factor is given.
func keepOut(ctx context.Context, k *kernel, s store.Store, session *store.Session, user *store.User) error {
	if session.OrganizationRole == "" || twoFactors(session, user) {
		return nil
	}
	required, err := requiresFactor(ctx, k, s, session.OrganizationID)
	if err == nil && required {
		session.OrganizationRole = ""
	}
	return err
}
