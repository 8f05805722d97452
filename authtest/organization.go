package authtest

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/admit-go/admit"
)

// Organization makes an organisation that user owns. The session of user stays
// where it is: [Kit.Enter] moves it into the organisation.
func (k *Kit) Organization(user admit.SignedIn) admit.Organization {
	k.t.Helper()
	made, err := k.Auth.Organizations.Create(k.t.Context(), admit.CreateOrganizationParams{
		Name: fmt.Sprintf("Organization %d", k.teams.Add(1)), OwnerID: user.User.ID,
	})
	if err != nil {
		k.t.Fatalf("make an organization of %q: %v", user.User.Email, err)
	}
	return made
}

// Member makes an account with a role in an organisation, and signs it in to the
// organisation: a guard of [admit.Auth.RequireOrganization] sees the role. The
// account is as those of [Kit.SignedIn]. It joins without an invitation.
func (k *Kit) Member(organization admit.Organization, role string) admit.SignedIn {
	k.t.Helper()
	user := k.SignedIn("")
	err := k.Auth.Organizations.AddMember(k.t.Context(), admit.MemberParams{OrganizationID: organization.ID, UserID: user.User.ID, Role: role})
	if err != nil {
		k.t.Fatalf("make a member with the role %q: %v", role, err)
	}
	return k.Enter(user, organization)
}

// Enter moves the session of user into an organisation of user, or out of any with
// the zero value. What it returns has new tokens of the same session. The access
// token of user works on: the session, not the token, says where it works.
func (k *Kit) Enter(user admit.SignedIn, organization admit.Organization) admit.SignedIn {
	k.t.Helper()
	var moved admit.SignedIn
	var err error
	answer := httptest.NewRecorder()
	k.Auth.RequireUser(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		moved, err = k.Auth.Organizations.Switch(r.Context(), organization.ID)
	})).ServeHTTP(answer, k.Request(user, http.MethodPost, "/", nil))
	if err == nil && answer.Code != http.StatusOK {
		err = fmt.Errorf("the guard answers %d %s", answer.Code, answer.Body)
	}
	if err != nil {
		k.t.Fatalf("enter the organization %q: %v", organization.ID, err)
	}
	return moved
}
