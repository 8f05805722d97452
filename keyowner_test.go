package admit

import (
	"context"
	"errors"
	"testing"
)

// withOwnKey makes an account with a role and a key of it, and returns the account
// and a context of a request with the key alone.
func (p *pausing) withOwnKey(t *testing.T, role string) (userID string, asKey context.Context, c *caller) {
	t.Helper()
	ctx := t.Context()
	user, err := p.Users.Create(ctx, CreateUserParams{Email: role + "@x.test", Name: "n", Role: role})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.APIKeys.Create(ctx, CreateAPIKeyParams{Name: "own", Type: SecretKey, OwnerKind: OwnerUser, OwnerID: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	c = &caller{by: p.machinery}
	if err := p.APIKeys.findKey(ctx, key.Key, false, c); err != nil {
		t.Fatal(err)
	}
	return user.ID, context.WithValue(ctx, callerKey{}, c), c
}

func TestAKeyOfAUserIsNoRecentProof(t *testing.T) {
	p := newPausing(t)
	_, _, c := p.withOwnKey(t, RoleAdmin)
	if err := p.recent(c); !errors.Is(err, ErrReauthenticationRequired) {
		t.Errorf("got %v", err)
	}
}

// A key whose owner is demoted between guard and rule does nothing.
func TestS2_AKeyOfAnAdministratorWhoIsDemotedDoesNothing(t *testing.T) {
	p := newPausing(t)
	ctx := t.Context()
	if _, err := p.Users.Create(ctx, CreateUserParams{Email: "other@x.test", Name: "n", Role: RoleAdmin}); err != nil {
		t.Fatal(err)
	}
	victim, err := p.Users.Create(ctx, CreateUserParams{Email: "v@x.test", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	adminID, asKey, _ := p.withOwnKey(t, RoleAdmin)
	if _, err := p.Users.Update(asKey, UpdateUserParams{UserID: victim.ID, Name: Some("one")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Users.SetRole(ctx, SetRoleParams{UserID: adminID, Role: RoleUser}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Users.Update(asKey, UpdateUserParams{UserID: victim.ID, Name: Some("two")}); !errors.Is(err, ErrForbidden) {
		t.Errorf("the key of a demoted administrator: %v", err)
	}
}

func TestAK04_AKeyOfAUserMakesNoKey(t *testing.T) {
	p := newPausing(t)
	userID, asKey, _ := p.withOwnKey(t, RoleAdmin)
	for _, in := range []CreateAPIKeyParams{
		{Name: "n", Type: SecretKey}, {Name: "n", Type: PublishableKey}, {Name: "n", Type: SecretKey, OwnerKind: OwnerUser, OwnerID: userID},
	} {
		if _, err := p.APIKeys.Create(asKey, in); !errors.Is(err, ErrForbidden) {
			t.Errorf("a key of a user made %+v: %v", in, err)
		}
	}
}

func TestAKeyOfAnUnknownOwnerIsRefused(t *testing.T) {
	p := newPausing(t)
	ctx := t.Context()
	for _, in := range []CreateAPIKeyParams{
		{Name: "n", Type: SecretKey, OwnerKind: "team", OwnerID: "0194f000-0000-7000-8000-0000000000ff"},
		{Name: "n", Type: SecretKey, OwnerKind: OwnerOrganization},
		{Name: "n", Type: SecretKey, OwnerKind: OwnerOrganization, OwnerID: "0194f000-0000-7000-8000-0000000000ff"},
		{Name: "n", Type: SecretKey, OwnerKind: OwnerUser},
		{Name: "n", Type: SecretKey, OwnerKind: OwnerUser, OwnerID: "0194f000-0000-7000-8000-0000000000ff"},
	} {
		if _, err := p.APIKeys.Create(ctx, in); !errors.Is(err, ErrInvalidRequest) && !errors.Is(err, ErrUserNotFound) && !errors.Is(err, ErrOrgNotFound) {
			t.Errorf("made %+v: %v", in, err)
		}
	}
}

// withTeamKey makes an organisation and a key of it, and returns the organisation and
// a context of a request with the key alone.
func (p *pausing) withTeamKey(t *testing.T) (organizationID string, asKey context.Context, c *caller) {
	t.Helper()
	ctx := t.Context()
	user, err := p.Users.Create(ctx, CreateUserParams{Email: "owner@x.test", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	o, err := p.Organizations.Create(ctx, CreateOrganizationParams{Name: "Acme", OwnerID: user.ID})
	if err != nil {
		t.Fatal(err)
	}
	key, err := p.APIKeys.Create(ctx, CreateAPIKeyParams{Name: "team", Type: SecretKey, OwnerKind: OwnerOrganization, OwnerID: o.ID})
	if err != nil {
		t.Fatal(err)
	}
	c = &caller{by: p.machinery}
	if err := p.APIKeys.findKey(ctx, key.Key, false, c); err != nil {
		t.Fatal(err)
	}
	return o.ID, context.WithValue(ctx, callerKey{}, c), c
}

func TestAKeyOfAnOrganizationIsNoRecentProof(t *testing.T) {
	p := newPausing(t)
	_, _, c := p.withTeamKey(t)
	if err := p.recent(c); !errors.Is(err, ErrForbidden) {
		t.Errorf("got %v", err)
	}
}

// A key whose organisation is deleted between guard and rule does nothing.
func TestS2_AKeyOfADeletedOrganizationDoesNothing(t *testing.T) {
	p := newPausing(t)
	ctx := t.Context()
	victim, err := p.Users.Create(ctx, CreateUserParams{Email: "v@x.test", Name: "n"})
	if err != nil {
		t.Fatal(err)
	}
	organizationID, asKey, _ := p.withTeamKey(t)
	if _, err := p.Users.Update(asKey, UpdateUserParams{UserID: victim.ID, Name: Some("one")}); err != nil {
		t.Fatal(err)
	}
	if err := p.Organizations.Delete(ctx, DeleteOrganizationParams{ID: organizationID}); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Users.Update(asKey, UpdateUserParams{UserID: victim.ID, Name: Some("two")}); !errors.Is(err, ErrAPIKeyRevoked) {
		t.Errorf("the key of a deleted organisation: %v", err)
	}
}

func TestAK04_AKeyOfAnOrganizationMakesNoKey(t *testing.T) {
	p := newPausing(t)
	organizationID, asKey, _ := p.withTeamKey(t)
	for _, in := range []CreateAPIKeyParams{
		{Name: "n", Type: SecretKey}, {Name: "n", Type: PublishableKey}, {Name: "n", Type: SecretKey, OwnerKind: OwnerOrganization, OwnerID: organizationID},
	} {
		if _, err := p.APIKeys.Create(asKey, in); !errors.Is(err, ErrForbidden) {
			t.Errorf("a key of an organisation made %+v: %v", in, err)
		}
	}
}
