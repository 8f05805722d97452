package admit

import (
	"context"
	"errors"

	"github.com/admit-go/admit/internal/uuid"
	"github.com/admit-go/admit/internal/webio"
	"github.com/admit-go/admit/store"
)

// This file holds the rules of the policies of organisations:
// organization_policy_http.go serves them.

// maxPolicyMembers is the greatest OrganizationPolicy.MaxMembers.
const maxPolicyMembers = 1_000_000

// SetPolicyParams is what changes of a policy. A field that is not set stays as it is.
type SetPolicyParams struct {
	// ID is the organisation.
	ID string
	// ActorID is the account that asks. It must be an owner, and must be able to enter
	// the organisation after the change. "" is the host itself, which may set every
	// policy.
	ActorID             string
	RequireMFA          Optional[bool]
	OnlyVerifiedDomains Optional[bool]
	// DefaultRole is a role that does not include RoleAdmin. "" is none.
	DefaultRole Optional[string]
	// MaxMembers is from 1 to 1,000,000. 0 is no limit.
	MaxMembers Optional[int]
}

// Policy returns what an organisation asks of its members. It returns ErrOrgNotFound or
// ErrUnavailable.
func (o *Organizations) Policy(ctx context.Context, id string) (OrganizationPolicy, error) {
	if !uuid.Valid(id) {
		return OrganizationPolicy{}, ErrOrgNotFound
	}
	if _, err := liveOrganization(o.store.Organization(ctx, tenant, id)); err != nil {
		return OrganizationPolicy{}, err
	}
	p, err := policyOf(ctx, o.store, id)
	return p.OrganizationPolicy, err
}

// SetPolicy changes what an organisation asks of its members. Members who do not meet
// the policy stay members, and do not act in the organisation. The caller makes sure that
// the account has given a recent proof; the route does. SetPolicy returns
// ErrOrgWouldLockOut, ErrOrgInvalidRole, ErrInvalidRequest, ErrOrgNotFound, ErrForbidden,
// ErrOrgConflict or ErrUnavailable.
func (o *Organizations) SetPolicy(ctx context.Context, in SetPolicyParams) (OrganizationPolicy, error) {
	if n := in.MaxMembers.Value; in.MaxMembers.Set && (n < 0 || n > maxPolicyMembers) {
		return OrganizationPolicy{}, ErrInvalidRequest.detail("maxMembers", "must be from 1 to 1000000, or null")
	}
	if role := in.DefaultRole.Value; role != "" && (!o.config.Organizations.knows(role) || o.config.Organizations.manages(role)) {
		return OrganizationPolicy{}, ErrOrgInvalidRole
	}
	var changed OrganizationPolicy
	err := inOrganization(ctx, o.kernel, in.ID, in.ActorID, nil, func(ctx context.Context, tx *txn, found *store.Organization, own string) error {
		if own != RoleOwner {
			return ErrForbidden
		}
		p, err := policyOf(ctx, tx, found.ID)
		if err != nil {
			return err
		}
		before := p.OrganizationPolicy
		patch(&p.RequireMFA, in.RequireMFA)
		patch(&p.OnlyVerifiedDomains, in.OnlyVerifiedDomains)
		patch(&p.DefaultRole, in.DefaultRole)
		patch(&p.MaxMembers, in.MaxMembers)
		if changed = p.OrganizationPolicy; changed == before {
			return nil
		}
		if in.ActorID != "" {
			if err := passes(ctx, tx, &in, before, changed); err != nil {
				return err
			}
		}
		if err := p.write(ctx, tx); err != nil {
			return err
		}
		return tx.record(ctx, event{kind: eventPolicyChanged, data: eventData{
			"organization": found.ID, "from": showPolicy(before), "to": showPolicy(changed),
		}})
	})
	if errors.Is(err, errMoved) {
		err = ErrOrgConflict
	}
	return onlyDone(changed, err)
}

// patch sets a value if a field is set.
func patch[T any](to *T, field Optional[T]) {
	if field.Set {
		*to = field.Value
	}
}

// passes refuses an owner, whose account is locked, who does not meet the policy from
// before, and a change of the policy that would keep this owner out.
func passes(ctx context.Context, t *txn, in *SetPolicyParams, before, after OrganizationPolicy) error {
	user, err := existing(t.User(ctx, tenant, in.ActorID))
	if err != nil {
		return err
	}
	proven := user.MFAEnabled
	if c := callerFrom(ctx); c != nil && c.signedIn && c.user.ID == user.ID {
		proven = twoFactors(&c.session, &user)
	}
	switch {
	case proven:
	case before.RequireMFA:
		return factorMissing(t.kernel, &user)
	case after.RequireMFA:
		return ErrOrgWouldLockOut.detail("requireMfa", "needs a session that was proven with your second factor")
	}
	if !after.OnlyVerifiedDomains || before.OnlyVerifiedDomains {
		return nil
	}
	inside, err := inProvenDomain(ctx, t, in.ID, &user)
	if err == nil && !inside {
		err = ErrOrgWouldLockOut.detail("onlyVerifiedDomains", "needs your verified address in a proven domain of the organization")
	}
	return err
}

// policyBody is a policy as routes and events show it.
type policyBody struct {
	RequireMFA          bool           `json:"requireMfa"`
	OnlyVerifiedDomains bool           `json:"onlyVerifiedDomains"`
	DefaultRole         webio.Optional `json:"defaultRole"`
	MaxMembers          *int           `json:"maxMembers"`
}

func showPolicy(p OrganizationPolicy) policyBody {
	body := policyBody{RequireMFA: p.RequireMFA, OnlyVerifiedDomains: p.OnlyVerifiedDomains, DefaultRole: webio.Optional(p.DefaultRole)}
	if p.MaxMembers > 0 {
		body.MaxMembers = &p.MaxMembers
	}
	return body
}
