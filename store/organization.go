package store

import (
	"context"
	"time"
)

// Organization is a group of accounts, such as a team or a customer.
type Organization struct {
	Tenant string
	// ID is a UUIDv7.
	ID string
	// Name is what people call the organisation.
	Name string
	// Slug names the organisation in URLs. "" means none. A slug belongs to one
	// organisation of the tenant, also while that is deleted.
	Slug string
	// DeletedAt is zero while the organisation exists. PurgeAt is when Sweep may
	// delete the organisation and its members. Zero means never.
	DeletedAt, PurgeAt   time.Time
	CreatedAt, UpdatedAt time.Time
	// Version is 1 in a new organisation, whatever was given, and grows by one with
	// every UpdateOrganization.
	Version int64
}

// Deleted says whether the organisation was deleted.
func (o Organization) Deleted() bool { return !o.DeletedAt.IsZero() }

// Member is an account in an organisation.
type Member struct {
	Tenant, OrganizationID, UserID string
	// Role is what the account may do in the organisation, such as "owner".
	Role                 string
	CreatedAt, UpdatedAt time.Time
}

// Membership is an organisation with one of its members.
type Membership struct {
	Organization Organization
	Member       Member
}

// MemberUser is a member with its account.
type MemberUser struct {
	Member Member
	User   User
}

// MemberQuery selects members of an organisation.
type MemberQuery struct {
	Tenant, OrganizationID string
	// Role selects members with this role. "" selects all.
	Role string
}

// Organizations keeps organisations.
type Organizations interface {
	// CreateOrganization adds an organisation with its first member. ErrConflict
	// when the id exists or the slug belongs to another organisation.
	CreateOrganization(ctx context.Context, o Organization, first Member) error
	// Organization returns an organisation, also a deleted one. ErrNotFound when
	// absent.
	Organization(ctx context.Context, tenant, id string) (Organization, error)
	// LockOrganization is Organization. Inside Tx, it also makes every other
	// transaction that locks or updates the organisation wait until this
	// transaction has ended. Code that decides by the members of an organisation
	// must lock it first.
	LockOrganization(ctx context.Context, tenant, id string) (Organization, error)
	// UpdateOrganization writes every field but Tenant, ID and CreatedAt, only if
	// the stored Version is o.Version, and adds one to it. ErrConflict when it is
	// not, or when the slug belongs to another organisation. ErrNotFound when
	// absent.
	UpdateOrganization(ctx context.Context, o Organization) error
	// ListOrganizationsOf returns one page of the organisations of an account that
	// are not deleted, ordered by their ids, and their total.
	ListOrganizationsOf(ctx context.Context, tenant, userID string, page Page) ([]Membership, int, error)
}

// Members keeps who belongs to which organisation.
type Members interface {
	// AddMember adds a member. ErrConflict when the account is a member of the
	// organisation.
	AddMember(ctx context.Context, m Member) error
	// Member returns a member. ErrNotFound when absent.
	Member(ctx context.Context, tenant, organizationID, userID string) (Member, error)
	// SetMemberRole writes Role and UpdatedAt and returns true, only if the stored
	// role is from. It returns false for an absent member.
	SetMemberRole(ctx context.Context, m Member, from string) (bool, error)
	// RemoveMember deletes a member and returns true, only if there is one.
	RemoveMember(ctx context.Context, tenant, organizationID, userID string) (bool, error)
	// RemoveMembershipsOf deletes the account from every organisation, and returns
	// from how many.
	RemoveMembershipsOf(ctx context.Context, tenant, userID string) (int, error)
	// ListMembers returns one page of the selected members with their accounts,
	// ordered by the ids of the accounts, and how many members are selected. A
	// member whose account does not exist is counted and not listed.
	ListMembers(ctx context.Context, q MemberQuery, page Page) ([]MemberUser, int, error)
}
