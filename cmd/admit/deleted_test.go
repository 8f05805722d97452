package main

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/admit-go/admit"
)

// An operator restores a user who was deleted, deletes it again and purges it, and
// exports what is held about it.
func TestADeletedUserIsListedRestoredAndPurged(t *testing.T) {
	onEachStore(t, func(s *scene) {
		ctx := context.Background()
		h := s.host(withoutMail)
		made, err := h.SignUps.Create(ctx, admit.SignUpParams{Email: "eve@example.com", Password: password, Name: "Eve"})
		if err != nil {
			s.t.Fatal(err)
		}
		id := made.SignedIn.User.ID
		file := filepath.Join(s.folder, "eve.json")
		s.ok("user", "export", "eve@example.com", file)
		s.fails(1, []string{"writes over nothing"}, "user", "export", "eve@example.com", file)
		text, err := os.ReadFile(file)
		if err != nil || !json.Valid(text) || !strings.Contains(string(text), "eve@example.com") || strings.Contains(string(text), "$argon2") {
			s.t.Errorf("exported is %s, %v", text, err)
		}
		s.fails(1, []string{"not the id of a user that is deleted"}, "user", "restore", id)
		s.ok("user", "delete", id, "--yes")
		if text := s.ok("user", "deleted"); !strings.Contains(text, id) || !strings.Contains(text, "eve@example.com") {
			s.t.Errorf("listed are %s", text)
		}
		if text := s.ok("user", "restore", id); !strings.Contains(text, "eve@example.com") {
			s.t.Errorf("restored is %s", text)
		}
		if _, err := h.Passwords.SignIn(ctx, admit.SignInParams{Email: "eve@example.com", Password: password}); err != nil {
			s.t.Errorf("the password: %v", err)
		}
		s.secret = newerSecret
		s.ok("user", "delete", id, "--yes")
		s.fails(1, []string{"does not open"}, "user", "purge", id, "--yes")
		s.secret = olderSecret
		s.fails(1, []string{"--yes"}, "user", "purge", id)
		if text := s.ok("user", "purge", id, "--yes"); !strings.Contains(text, id) {
			s.t.Errorf("purged is %s", text)
		}
		if text := s.ok("user", "deleted"); strings.Contains(text, id) {
			s.t.Errorf("listed are %s", text)
		}
		s.fails(1, []string{"not the id of a user that is deleted"}, "user", "purge", id, "--yes")
		s.fails(2, []string{"--limit"}, "user", "deleted", "--limit", "0")
	})
}
