package e2e_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// usesKey renames the organisation behind a guard that takes the key.
func usesKey(key, org string) teamAct {
	return func(a *admit.Auth) (err error) {
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		harness.Key(key)(r)
		a.RequireKey("posts:write")(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, err = a.Organizations.Update(r.Context(), admit.UpdateOrganizationParams{ID: org, Name: admit.Some("Used")})
		})).ServeHTTP(w, r)
		switch {
		case strings.Contains(w.Body.String(), "auth/api-key-revoked"):
			return admit.ErrAPIKeyRevoked
		case w.Code != http.StatusOK:
			return errors.New(w.Body.String())
		}
		return err
	}
}

func (g *ground) deletes(a *admit.Auth) error {
	return a.Organizations.Delete(context.Background(), admit.DeleteOrganizationParams{ID: g.org, ActorID: g.ada.ID})
}

// keyIsDead says whether every key of the organisation is revoked.
func (g *ground) keyIsDead() bool {
	for _, k := range keysIn(g.s, g.org) {
		if k.RevokedAt.IsZero() || k.RevokedAt.After(g.s.Clock.Now()) {
			return false
		}
	}
	return true
}

// renamed says whether the key was used.
func (g *ground) renamed() bool {
	o, err := g.s.Auth.Organizations.Get(g.s.T.Context(), g.org)
	return err == nil && o.Name == "Used"
}

var keyRaces = map[string]func(g *ground) (first, second teamAct, right func(first, second error) bool){
	"use and revoke": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		key := teamKey(g.s, g.org)
		revoke := func(a *admit.Auth) error {
			return a.APIKeys.RevokeOwned(context.Background(), admit.OwnedAPIKey{OwnerKind: admit.OwnerOrganization, OwnerID: g.org, ID: key.ID, ActorID: g.ada.ID})
		}
		return usesKey(key.Key, g.org), revoke, func(used, revoked error) bool {
			return revoked == nil && g.renamed() == (used == nil) && g.renamed() != errors.Is(used, admit.ErrAPIKeyRevoked) && g.keyIsDead()
		}
	},
	"use and delete the organisation": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		return usesKey(teamKey(g.s, g.org).Key, g.org), g.deletes, func(used, deleted error) bool {
			return deleted == nil && g.renamed() == (used == nil) && g.renamed() != errors.Is(used, admit.ErrAPIKeyRevoked) && g.keyIsDead()
		}
	},
	"make and delete the organisation": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		makes := func(a *admit.Auth) error {
			_, err := a.APIKeys.Create(context.Background(), admit.CreateAPIKeyParams{Name: "n", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: g.org, ActorID: g.ada.ID})
			return err
		}
		return makes, g.deletes, func(made, deleted error) bool {
			return deleted == nil && (made == nil || errors.Is(made, admit.ErrOrgNotFound)) && (made == nil) == (len(keysIn(g.s, g.org)) == 1) && g.keyIsDead()
		}
	},
	"rotate and delete the organisation": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		key := teamKey(g.s, g.org)
		rotates := func(a *admit.Auth) error {
			_, err := a.APIKeys.Rotate(context.Background(), admit.RotateAPIKeyParams{ID: key.ID, OwnerKind: admit.OwnerOrganization, OwnerID: g.org, ActorID: g.ada.ID})
			return err
		}
		return rotates, g.deletes, func(rotated, deleted error) bool {
			return deleted == nil && (rotated == nil || errors.Is(rotated, admit.ErrOrgNotFound)) && g.keyIsDead()
		}
	},
	"make and be removed": func(g *ground) (teamAct, teamAct, func(a, b error) bool) {
		joins(g.s, g.org, g.eve, "admin")
		makes := func(a *admit.Auth) error {
			_, err := a.APIKeys.Create(context.Background(), admit.CreateAPIKeyParams{Name: "n", Type: admit.SecretKey, OwnerKind: admit.OwnerOrganization, OwnerID: g.org, ActorID: g.eve.ID})
			return err
		}
		return makes, g.removes(g.eve, g.ada), func(made, removed error) bool {
			return removed == nil && (made == nil || errors.Is(made, admit.ErrOrgNotFound)) && (made == nil) == (len(keysIn(g.s, g.org)) == 1)
		}
	},
}

// Of two acts at once on a key of an organisation, in two processes, there is one
// outcome.
func TestRacesOfKeysOfOrganizationsHaveOneOutcome(t *testing.T) {
	for name, race := range keyRaces {
		t.Run(name, func(t *testing.T) { runTeamRace(t, race, hostScopes) })
	}
}
