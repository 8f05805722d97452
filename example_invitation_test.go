package admit_test

import (
	"fmt"
	"net/url"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/authtest"
)

// An address is invited by mail. Whoever reads the mail signs up and joins in one
// step.
func ExampleInvitations() {
	kit := authtest.New(t, func(c *admit.Config) { c.Invitations.URL = "https://app.example/invitation" })
	ctx, auth := t.Context(), kit.Auth
	ada := kit.SignedIn("")
	acme := kit.Organization(ada)

	made, err := auth.Invitations.Create(ctx, admit.CreateInvitationParams{
		ResourceType: admit.ResourceOrganization, ResourceID: acme.ID, Email: "bob@example.com", Role: admit.RoleMember, InviterID: ada.User.ID,
	})
	if err != nil {
		t.Fatal(err)
	}
	link := kit.Mailbox.Link("bob@example.com")
	token := link.Query().Get("token")
	found, hasAccount, err := auth.Invitations.Look(ctx, admit.AcceptInvitationParams{Token: token})
	fmt.Println(link.Path, found.ResourceName, hasAccount, err)

	bob, err := auth.SignUps.Create(ctx, admit.SignUpParams{Email: "bob@example.com", Password: authtest.Password, Name: "Bob", InvitationToken: token})
	if err != nil {
		t.Fatal(err)
	}
	answered, err := auth.Invitations.Get(ctx, admit.InvitationParams{ID: made.ID, ActorID: ada.User.ID})
	fmt.Println(bob.SignedIn.User.Name, answered.Status, err)

	// Output:
	// /invitation Organization 1 false <nil>
	// Bob accepted <nil>
}

// A link lets in as many accounts as it says. Its secret stands in the fragment.
func ExampleInvitations_CreateLink() {
	kit := authtest.New(t)
	ctx, auth := t.Context(), kit.Auth
	acme := kit.Organization(kit.SignedIn(""))

	link, err := auth.Invitations.CreateLink(ctx, admit.CreateInvitationLinkParams{OrganizationID: acme.ID, Role: admit.RoleMember, MaxUses: 1})
	if err != nil {
		t.Fatal(err)
	}
	secret, err := url.Parse(link.URL)
	if err != nil {
		t.Fatal(err)
	}
	token := secret.Fragment[len("token="):]
	for range 2 {
		user := kit.SignedIn("").User
		_, err := auth.Invitations.Accept(ctx, admit.AcceptInvitationParams{Token: token, UserID: user.ID})
		fmt.Println(user.Name, err)
	}

	// Output:
	// User 2 <nil>
	// User 3 auth/invitation-expired: The invitation has expired. Please ask for a new one.
}
