package main

import (
	"context"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// The way back for owners who have locked themselves out.
func TestAnOperatorClearsThePolicyOfAnOrganization(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		made, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "ann@example.com", Password: password, Name: "Ann"})
		if err != nil {
			s.t.Fatal(err)
		}
		team, err := h.Organizations.Create(ctx, admit.CreateOrganizationParams{Name: "Acme", OwnerID: made.SignedIn.User.ID})
		if err != nil {
			s.t.Fatal(err)
		}
		if text := s.ok("organization", "policy", team.ID); !strings.Contains(text, "no limit") {
			s.t.Errorf("without a policy it shows %s", text)
		}
		_, err = h.Organizations.SetPolicy(ctx, admit.SetPolicyParams{ID: team.ID, RequireMFA: admit.Some(true), OnlyVerifiedDomains: admit.Some(true), MaxMembers: admit.Some(7)})
		if err != nil {
			s.t.Fatal(err)
		}
		if text := s.ok("organization", "policy", team.ID); !strings.Contains(text, "required") || !strings.Contains(text, "7") {
			s.t.Errorf("the policy is %s", text)
		}
		s.fails(1, []string{"--yes"}, "organization", "policy", team.ID, "--clear")
		s.fails(1, []string{made.SignedIn.User.ID}, "organization", "policy", made.SignedIn.User.ID, "--clear", "--yes")
		s.ok("organization", "policy", team.ID, "--clear", "--yes")
		if p, err := h.Organizations.Policy(ctx, team.ID); err != nil || p != (admit.OrganizationPolicy{}) {
			s.t.Errorf("the policy is %+v, %v", p, err)
		}
		list, err := h.Events.List(ctx, admit.ListEventsParams{Kind: "organization.policy-changed"})
		if err != nil || len(list.Items) != 2 || list.Items[1].ActorID != "" {
			s.t.Errorf("the log has %+v, %v", list.Items, err)
		}
	})
}
