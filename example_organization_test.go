package admit_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// An account makes an organisation and is its owner. Roles of the host include
// others.
func ExampleOrganizations() {
	kit := authtest.New(t, func(c *admit.Config) {
		c.Organizations.Roles = map[string][]string{"billing": {}, "lead": {"admin", "billing"}}
	})
	ctx, auth := t.Context(), kit.Auth
	ada, bob := kit.SignedIn("").User, kit.SignedIn("").User

	acme, err := auth.Organizations.Create(ctx, admit.CreateOrganizationParams{Name: "Acme", Slug: "acme", OwnerID: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	err = auth.Organizations.AddMember(ctx, admit.MemberParams{OrganizationID: acme.ID, UserID: bob.ID, Role: "lead", ActorID: ada.ID})
	if err != nil {
		t.Fatal(err)
	}
	// A lead manages the organisation, but not its owners.
	err = auth.Organizations.RemoveMember(ctx, admit.MemberParams{OrganizationID: acme.ID, UserID: ada.ID, ActorID: bob.ID})
	fmt.Println(err)
	members, err := auth.Organizations.Members(ctx, admit.ListMembersParams{OrganizationID: acme.ID, Page: admit.PageParams{Number: 1, Limit: 10}})
	for _, m := range members.Items {
		fmt.Println(m.User.Email, m.Role, err)
	}

	// Output:
	// auth/forbidden: You may not do that.
	// user1@example.com owner <nil>
	// user2@example.com lead <nil>
}

// A handler of the host shows the rows of the organisation that the session works
// in.
func ExampleAuth_RequireOrganization() {
	kit := authtest.New(t)
	projects := kit.Auth.RequireOrganization(admit.RoleMember)(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := admit.CallerFrom(r.Context())
		fmt.Fprintln(w, "SELECT … WHERE organization_id =", caller.OrganizationID)
	}))
	acme := kit.Organization(kit.SignedIn(""))

	for _, user := range []admit.SignedIn{kit.Member(acme, admit.RoleMember), kit.SignedIn("")} {
		answer := httptest.NewRecorder()
		projects.ServeHTTP(answer, kit.Request(user, "GET", "/projects", nil))
		fmt.Println(answer.Code)
	}

	// Output:
	// 200
	// 403
}
