package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
	"github.com/admit-go/admit/mailer"
)

// raceRounds is how often a race of organisations is run: TEAM_ROUNDS times, or
// 200 times on memory and 8 times on a database.
func raceRounds(t *testing.T) int {
	t.Helper()
	if text := os.Getenv("TEAM_ROUNDS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if strings.HasSuffix(t.Name(), "/memory") {
		return 200
	}
	return 8
}

// ground is an organisation of ada in one round of a race.
type ground struct {
	s             *harness.Server
	org           string
	ada, bob, eve harness.Person
}

// link makes a link in the name of an account.
func (g *ground) link(by harness.Person, uses int) string {
	g.s.T.Helper()
	return linkOf(g.s, by, g.org, uses)
}

// mailed invites bob by mail, and returns the id and the token.
func (g *ground) mailed() (id, token string) {
	g.s.T.Helper()
	token = mailed(g.s, mailer.Invitation, "bob@x.test", func() {
		made, err := g.s.Auth.Invitations.Create(g.s.T.Context(), admit.CreateInvitationParams{
			ResourceType: admit.ResourceOrganization, ResourceID: g.org, Email: "bob@x.test", Role: "member", InviterID: g.ada.ID,
		})
		if err != nil {
			g.s.T.Fatal(err)
		}
		id = made.ID
	})
	return id, token
}

// teamAct is one side of a race. It runs in one of two processes.
type teamAct func(a *admit.Auth) error

func accepts(token string, by harness.Person) teamAct {
	return func(a *admit.Auth) error {
		_, err := a.Invitations.Accept(context.Background(), admit.AcceptInvitationParams{Token: token, UserID: by.ID})
		return err
	}
}

func (g *ground) removes(who, by harness.Person) teamAct {
	return func(a *admit.Auth) error {
		return a.Organizations.RemoveMember(context.Background(), admit.MemberParams{OrganizationID: g.org, UserID: who.ID, ActorID: by.ID})
	}
}

// teamRaces are two acts at once, and what is true afterwards, whichever was first.
var teamRaces = map[string]func(g *ground) (first, second teamAct, right func(first, second error) bool){
	"accept and revoke": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		id, token := g.mailed()
		revoke := func(a *admit.Auth) error {
			return a.Invitations.Revoke(context.Background(), admit.InvitationParams{ID: id, ActorID: g.ada.ID})
		}
		return accepts(token, g.bob), revoke, func(accepted, revoked error) bool {
			joined := roleOf(g.s, g.org, g.bob.ID) == "member"
			return joined == (accepted == nil) && joined == errors.Is(revoked, admit.ErrInvitationNotFound) &&
				joined != (revoked == nil) && joined != errors.Is(accepted, admit.ErrInvalidToken)
		}
	},
	"accept twice": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		_, token := g.mailed()
		return accepts(token, g.bob), accepts(token, g.bob), func(one, other error) bool {
			return roleOf(g.s, g.org, g.bob.ID) == "member" &&
				(one == nil && errors.Is(other, admit.ErrInvitationAlreadyAccepted) || other == nil && errors.Is(one, admit.ErrInvitationAlreadyAccepted))
		}
	},
	"accept and remove the inviter": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		joins(g.s, g.org, g.eve, "admin")
		return accepts(g.link(g.eve, 1), g.bob), g.removes(g.eve, g.ada), func(accepted, removed error) bool {
			joined := roleOf(g.s, g.org, g.bob.ID) == "member"
			return removed == nil && joined == (accepted == nil) && joined != errors.Is(accepted, admit.ErrInvalidToken) && roleOf(g.s, g.org, g.eve.ID) == ""
		}
	},
	"accept and demote the inviter": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		joins(g.s, g.org, g.eve, "admin")
		demote := func(a *admit.Auth) error {
			return a.Organizations.SetRole(context.Background(), admit.MemberParams{OrganizationID: g.org, UserID: g.eve.ID, Role: "member", ActorID: g.ada.ID})
		}
		return accepts(g.link(g.eve, 1), g.bob), demote, func(accepted, demoted error) bool {
			joined := roleOf(g.s, g.org, g.bob.ID) == "member"
			return demoted == nil && joined == (accepted == nil) && joined != errors.Is(accepted, admit.ErrInvalidToken)
		}
	},
	"accept and be removed": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		joins(g.s, g.org, g.bob, "member")
		return accepts(g.link(g.ada, 2), g.bob), g.removes(g.bob, g.ada), func(accepted, removed error) bool {
			return removed == nil && roleOf(g.s, g.org, g.bob.ID) == "" && (errors.Is(accepted, admit.ErrAlreadyMember) || errors.Is(accepted, admit.ErrInvalidToken))
		}
	},
	"accept and delete the organisation": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		end := func(a *admit.Auth) error {
			return a.Organizations.Delete(context.Background(), admit.DeleteOrganizationParams{ID: g.org, ActorID: g.ada.ID})
		}
		return accepts(g.link(g.ada, 1), g.bob), end, func(accepted, deleted error) bool {
			return deleted == nil && (accepted == nil || errors.Is(accepted, admit.ErrInvalidToken)) && (accepted == nil) == (roleOf(g.s, g.org, g.bob.ID) != "")
		}
	},
	"two owners go": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		joins(g.s, g.org, g.bob, "owner")
		return g.removes(g.ada, g.ada), g.removes(g.bob, g.bob), func(one, other error) bool {
			return one == nil && errors.Is(other, admit.ErrLastOwner) && roleOf(g.s, g.org, g.bob.ID) == "owner" ||
				other == nil && errors.Is(one, admit.ErrLastOwner) && roleOf(g.s, g.org, g.ada.ID) == "owner"
		}
	},
	"one use of a link": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		token := g.link(g.ada, 1)
		return accepts(token, g.bob), accepts(token, g.eve), func(one, other error) bool {
			return one == nil && errors.Is(other, admit.ErrInvitationExpired) && roleOf(g.s, g.org, g.bob.ID) == "member" && roleOf(g.s, g.org, g.eve.ID) == "" ||
				other == nil && errors.Is(one, admit.ErrInvitationExpired) && roleOf(g.s, g.org, g.eve.ID) == "member" && roleOf(g.s, g.org, g.bob.ID) == ""
		}
	},
}

// Of two acts at once in two processes there is one outcome.
func TestRacesOfOrganizationsHaveOneOutcome(t *testing.T) {
	for name, race := range teamRaces {
		t.Run(name, func(t *testing.T) { runTeamRace(t, race) })
	}
}

// The last seat is taken once.
func TestRacesForTheLastSeatHaveOneOutcome(t *testing.T) {
	runTeamRace(t, func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		token := g.link(g.ada, 5)
		return accepts(token, g.bob), accepts(token, g.eve), func(one, other error) bool {
			return one == nil && errors.Is(other, admit.ErrNoSeat) && roleOf(g.s, g.org, g.eve.ID) == "" ||
				other == nil && errors.Is(one, admit.ErrNoSeat) && roleOf(g.s, g.org, g.bob.ID) == ""
		}
	}, func(c *admit.Config) { c.SeatLimit = twoSeats })
}

func twoSeats(context.Context, admit.Tx, string) (int, error) { return 2, nil }

func runTeamRace(t *testing.T, race func(g *ground) (first, second teamAct, right func(first, second error) bool), options ...harness.Option) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		people := ground{s: s, ada: verified(s, "ada@x.test"), bob: verified(s, "bob@x.test"), eve: verified(s, "eve@x.test")}
		other := processOn(s, s.Store, options...)
		defer closeSoon(other)
		outcomes := map[string]int{}
		for round := range raceRounds(t) {
			g := people
			g.org = team(s, g.ada)
			first, second, right := race(&g)
			acts, processes := []teamAct{first, second}, []*admit.Auth{s.Auth, other}
			errs := atOnce(2, func(i int) error { return acts[i](processes[(i+round)%2]) })
			if !right(errs[0], errs[1]) {
				t.Fatalf("round %d: %v and %v, the roles are %q, %q and %q", round, errs[0], errs[1], roleOf(s, g.org, g.ada.ID), roleOf(s, g.org, g.bob.ID), roleOf(s, g.org, g.eve.ID))
			}
			outcomes[fmt.Sprintf("%v, %v", errs[0] == nil, errs[1] == nil)]++
			if err := s.Auth.Organizations.Delete(t.Context(), admit.DeleteOrganizationParams{ID: g.org}); err != nil && !errors.Is(err, admit.ErrOrgNotFound) {
				t.Fatal(err)
			}
		}
		t.Log(outcomes)
	}, append([]harness.Option{unlimited}, options...)...)
}
