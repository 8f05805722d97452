package admit

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/admit-go/admit/internal/freemail"
)

// This file has the settings of organisations, and which role includes which.

// OrganizationConfig sets which roles organisations have.
type OrganizationConfig struct {
	// Roles are the host's own roles in organisations, 1 to 50 of a-z, 0-9, - and _
	// each, with the roles that each includes. RoleOwner includes every role. Every
	// role includes RoleMember. RoleAdmin may be listed to include roles of the
	// host. A member whose role includes RoleAdmin manages the organisation.
	// Default: none.
	Roles map[string][]string
	// Grace is how long a deleted organisation can be restored. Default 30 days.
	Grace time.Duration
	// MaxPerUser is how many organisations an account may make or join over HTTP.
	// Default 100.
	MaxPerUser int
}

// DomainConfig sets how organisations prove that a domain is theirs.
type DomainConfig struct {
	// Resolver reads TXT records. Default: net.DefaultResolver. A read waits at most
	// Config.RequestTimeout. An answer that the record does not exist is a
	// *net.DNSError with IsNotFound.
	Resolver interface {
		LookupTXT(ctx context.Context, name string) ([]string, error)
	}
	// Refused are further domains that no organisation may claim, such as those of
	// local mail providers. The domains below them are refused too. Default: only the
	// built-in list of free mail providers, and public suffixes such as "co.uk".
	Refused []string
	// Grace is how long a domain stays proven after its record was found missing.
	// Default 7 days.
	Grace time.Duration
}

// SeatLimit returns how many members an organisation may have. A negative number
// is no limit. An *[Error] refuses with this error.
type SeatLimit func(ctx context.Context, tx Tx, organizationID string) (int, error)

// InvitationConfig sets where invitations lead, and asks the host about its
// projects.
type InvitationConfig struct {
	// URL is the page of the host that an invitation leads to. A mail adds
	// token and email to its query. A link has token in its fragment. Default: the page
	// of the hosted pages, or Config.HomeURL without them.
	URL string
	// MayInvite is asked whether an account may invite to a project, when it
	// invites and again when the invitation is accepted. An *[Error] refuses with
	// this error. Default nil: nobody may.
	MayInvite func(ctx context.Context, in InvitationAttempt) error
	// ProjectJoined runs in the transaction in which an account joins a project. It
	// may run more than once. tx.SQL writes the host's own rows.
	ProjectJoined func(ctx context.Context, tx Tx, in ProjectMember) error
}

// InvitationAttempt says who wants to invite to a project of the host.
type InvitationAttempt struct {
	ProjectID string
	// Role is the role in the project that the invited account gets.
	Role string
	// UserID is the account that invites. "" is the host itself.
	UserID string
}

// ProjectMember is an account that joins a project of the host.
type ProjectMember struct {
	ProjectID, Role string
	User            User
}

func (c OrganizationConfig) withDefaults() OrganizationConfig {
	c.Grace, c.MaxPerUser = cmp.Or(c.Grace, 30*24*time.Hour), cmp.Or(c.MaxPerUser, 100)
	return c
}

func (c DomainConfig) withDefaults() DomainConfig {
	c.Grace = cmp.Or(c.Grace, 7*24*time.Hour)
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	return c
}

// refuses says whether no organisation may claim a domain.
func (c DomainConfig) refuses(domain string) bool {
	if freemail.Has(domain) || freemail.PublicSuffix(domain) {
		return true
	}
	return slices.ContainsFunc(c.Refused, func(refused string) bool {
		return domain == refused || strings.HasSuffix(domain, "."+refused)
	})
}

// knows says whether a member may have a role.
func (c OrganizationConfig) knows(role string) bool {
	_, configured := c.Roles[role]
	return configured || role == RoleOwner || role == RoleAdmin || role == RoleMember
}

// covers says whether a role includes another one, or is it. "" is the role of
// nobody.
func (c OrganizationConfig) covers(has, needed string) bool {
	if !c.knows(has) || !c.knows(needed) {
		return false
	}
	if has == needed || has == RoleOwner || needed == RoleMember {
		return true
	}
	seen := []string{has}
	for at := 0; at < len(seen); at++ {
		for _, included := range c.Roles[seen[at]] {
			if included == needed {
				return true
			}
			if !slices.Contains(seen, included) {
				seen = append(seen, included)
			}
		}
	}
	return false
}

// manages says whether a role may change an organisation and its members.
func (c OrganizationConfig) manages(role string) bool { return c.covers(role, RoleAdmin) }
