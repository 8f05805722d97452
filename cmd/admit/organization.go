package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/admit-go/admit"
)

func (a *app) organizationCommand() *cobra.Command {
	return family(&cobra.Command{
		Use:   "organization",
		Short: "Look after organizations",
	}, a.organizationPolicyCommand())
}

func (a *app) organizationPolicyCommand() *cobra.Command {
	var clears, yes bool
	c := &cobra.Command{
		Use:   "policy ID",
		Short: "Show what an organization asks of its members, or clear it",
		Long: `Show the policy of an organization: whether it requires a second factor, admits
only its own domains, and how many members it may have. With --clear it asks
nothing any more, so that owners who have locked themselves out come in again.

Be sure that whoever asks is an owner. The audit log shows the change as one of
the operator. It holds within seconds in every process of the application.

With --clear it asks before; without a terminal it needs --yes.`,
		Example: `  admit organization policy 01890a5d-ac96-774b-bcce-b302099a8057
  admit organization policy 01890a5d-ac96-774b-bcce-b302099a8057 --clear --yes`,
		Args: exactly(1),
	}
	c.Flags().BoolVar(&clears, "clear", false, "take every rule away")
	c.Flags().BoolVar(&yes, "yes", false, "do it without asking")
	c.RunE = a.does(func(ctx context.Context, args []string) (result, error) {
		return a.withRecords(ctx, nil, func(r records) (result, error) {
			policy, err := r.auth.Organizations.Policy(ctx, args[0])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", args[0], err)
			}
			if !clears {
				return showPolicy(args[0], policy), nil
			}
			if !yes {
				if err := a.confirm("This takes every rule of the policy of %s away.", args[0]); err != nil {
					return nil, err
				}
			}
			policy, err = r.auth.Organizations.SetPolicy(ctx, admit.SetPolicyParams{
				ID: args[0], RequireMFA: admit.Some(false), OnlyVerifiedDomains: admit.Some(false), DefaultRole: admit.Some(""), MaxMembers: admit.Some(0),
			})
			if err != nil {
				return nil, err
			}
			return showPolicy(args[0], policy), nil
		})
	})
	return c
}

// policyBody has the names of the HTTP API.
type policyBody struct {
	ID                  string  `json:"organization"`
	RequireMFA          bool    `json:"requireMfa"`
	OnlyVerifiedDomains bool    `json:"onlyVerifiedDomains"`
	DefaultRole         *string `json:"defaultRole"`
	MaxMembers          *int    `json:"maxMembers"`
}

func showPolicy(id string, p admit.OrganizationPolicy) policyBody {
	body := policyBody{ID: id, RequireMFA: p.RequireMFA, OnlyVerifiedDomains: p.OnlyVerifiedDomains}
	if p.DefaultRole != "" {
		body.DefaultRole = &p.DefaultRole
	}
	if p.MaxMembers > 0 {
		body.MaxMembers = &p.MaxMembers
	}
	return body
}

func (p policyBody) write(w io.Writer) {
	role, most := admit.RoleMember, "no limit"
	if p.DefaultRole != nil {
		role = cmp.Or(*p.DefaultRole, role)
	}
	if p.MaxMembers != nil {
		most = strconv.Itoa(*p.MaxMembers)
	}
	table(w, "ORGANIZATION FACTOR DOMAINS ROLE MEMBERS", [][]string{{
		p.ID, map[bool]string{true: "required", false: "-"}[p.RequireMFA], map[bool]string{true: "own only", false: "any"}[p.OnlyVerifiedDomains], role, most,
	}})
}
