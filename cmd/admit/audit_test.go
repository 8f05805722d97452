package main

import (
	"context"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// The command finds what somebody has changed in the database, and what itself
// records without the secret is no fault.
func TestAuditVerifyFindsAChangeOfTheDatabase(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		_, db := s.database()
		exec := func(text string) {
			s.t.Helper()
			if _, err := db.ExecContext(ctx, text); err != nil {
				s.t.Fatal(err)
			}
		}
		h := s.host(withoutMail)
		for _, address := range []string{"ann@example.com", "bob@example.com"} {
			if _, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: address, Password: password, Name: "Ann"}); err != nil {
				s.t.Fatal(err)
			}
		}
		s.fails(1, []string{"admit.secret does not exist"}, "audit", "verify")
		s.file("admit.secret", olderSecret+"\n")
		s.ok("user", "rename", "ann@example.com", "Anna")
		first, err := h.Events.Verify(ctx, "")
		if err != nil || len(first.Faults) > 0 || first.Unsigned != 1 {
			s.t.Fatalf("%+v, %v", first, err)
		}
		var found auditVerified
		if s.document(&found, "audit", "verify"); !found.Whole || found.Last != first.Last || found.Checkpoint != first.Checkpoint || found.Unsigned != 1 {
			s.t.Errorf("found %+v, want %+v", found, first)
		}
		if text := s.ok("audit", "verify", "--checkpoint", first.Checkpoint); !strings.Contains(text, "is whole") || !strings.Contains(text, first.Checkpoint) {
			s.t.Errorf("shown is %q", text)
		}
		s.fails(2, []string{"is no checkpoint"}, "audit", "verify", "--checkpoint", "x")
		exec("UPDATE admit_events SET ip_address = '198.51.100.9' WHERE seq = 1")
		s.fails(1, []string{"not whole"}, "audit", "verify")
		if text := s.run("", "audit", "verify").out; !strings.Contains(text, "changed or forged: event 1") {
			s.t.Errorf("shown is %q", text)
		}
		exec("DELETE FROM admit_events WHERE seq = 2")
		if text := s.run("", "audit", "verify").out; !strings.Contains(text, "missing: events 2 to 2") {
			s.t.Errorf("shown is %q", text)
		}
		exec("DELETE FROM admit_events WHERE seq > 2")
		if text := s.run("", "audit", "verify", "--checkpoint", first.Checkpoint).out; !strings.Contains(text, "cut off") {
			s.t.Errorf("shown is %q", text)
		}
	})
}
