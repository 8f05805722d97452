package e2e_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// Config.EventRetention: the sweep deletes older events, and those alone.
func TestEventsPastTheirRetentionAreSwept(t *testing.T) {
	const kept = 30 * 24 * time.Hour
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		p := s.SignUp("a@x.test")
		if made := len(s.Events(p.ID, "user.created")); made != 1 {
			t.Fatalf("%d accounts were made", made)
		}
		s.Clock.Advance(kept + time.Hour)
		s.SignIn(p.Email, harness.Password).Want(http.StatusOK)
		// An event that is not linked yet is not deleted.
		if _, err := s.Auth.Events.Verify(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		// Whichever of the processes sweeps, they keep events equally long.
		s.Process().Auth.Start()
		s.Eventually("only the newer events are left", func() bool {
			return len(s.Events(p.ID, "user.created")) == 0 && len(s.Events(p.ID, "session.created")) == 1
		})
	}, func(c *admit.Config) { c.EventRetention = kept })
}
