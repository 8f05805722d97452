package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

// removals are the ways in which an administrator is taken away.
var removals = []struct {
	name string
	do   func(ctx context.Context, a *admit.Auth, id string) error
}{
	{"demote", func(ctx context.Context, a *admit.Auth, id string) error {
		return a.Users.SetRole(ctx, admit.SetRoleParams{UserID: id, Role: admit.RoleUser})
	}},
	{"ban", func(ctx context.Context, a *admit.Auth, id string) error {
		return a.Users.Ban(ctx, admit.BanParams{UserID: id, Until: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
	}},
	{"delete", func(ctx context.Context, a *admit.Auth, id string) error {
		return a.Users.Delete(ctx, admit.DeleteUserParams{UserID: id})
	}},
}

// administrators are the ids of the accounts that administer.
func administrators(s *harness.Server) (ids []string) {
	s.T.Helper()
	list, err := s.Auth.Users.List(s.T.Context(), admit.ListUsersParams{Role: admit.RoleAdmin})
	if err != nil {
		s.T.Fatal(err)
	}
	for _, user := range list.Items {
		if !user.Banned(s.Clock.Now()) {
			ids = append(ids, user.ID)
		}
	}
	return ids
}

func madeAdmin(s *harness.Server, email string) string {
	s.T.Helper()
	user, err := s.Auth.Users.Create(s.T.Context(), admit.CreateUserParams{Email: email, Name: "Ada", Role: admit.RoleAdmin, NoMail: true})
	if err != nil {
		s.T.Fatal(err)
	}
	return user.ID
}

func TestTheLastAdministratorStays(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		last := madeAdmin(s, "last@x.test")
		for _, removal := range removals {
			other := madeAdmin(s, removal.name+"@x.test")
			if err := removal.do(t.Context(), s.Auth, other); err != nil {
				t.Errorf("%s one of two: %v", removal.name, err)
			}
			if err := removal.do(t.Context(), s.Auth, last); !errors.Is(err, admit.ErrLastAdmin) {
				t.Errorf("%s the last: %v", removal.name, err)
			}
		}
		// Somebody who is no administrator is none of the rule's business.
		p := s.SignUp("ann@x.test")
		for _, removal := range removals {
			if err := removal.do(t.Context(), s.Auth, p.ID); err != nil {
				t.Errorf("%s somebody else: %v", removal.name, err)
			}
		}
		if err := s.Auth.Users.SetRole(t.Context(), admit.SetRoleParams{UserID: last, Role: admit.RoleAdmin}); err != nil {
			t.Errorf("the last administrator stays one: %v", err)
		}
	})
}

// Whoever removes whom, and in how many processes: one administrator is left.
func TestAdministratorsWhoRemoveEachOtherAtOnceLeaveOne(t *testing.T) {
	harness.EveryStore(t, func(t *testing.T, s *harness.Server) {
		processes := []*harness.Server{s, s.Process()}
		for round, removal := range removals {
			for _, n := range []int{2, 2, 5} {
				for len(administrators(s)) < n {
					madeAdmin(s, fmt.Sprintf("r%d-%d-%d@x.test", round, n, time.Now().UnixNano()))
				}
				ids := administrators(s)
				errs := make([]error, n)
				var wg sync.WaitGroup
				for i, id := range ids {
					wg.Go(func() {
						// Half of them in another order of kinds.
						do := removal.do
						if i%2 == 1 {
							do = removals[(round+1)%len(removals)].do
						}
						errs[i] = do(context.Background(), processes[i%2].Auth, id)
					})
				}
				wg.Wait()
				refused := 0
				for _, err := range errs {
					if errors.Is(err, admit.ErrLastAdmin) {
						refused++
					} else if err != nil {
						t.Errorf("%s of %d at once: %v", removal.name, n, err)
					}
				}
				if left := administrators(s); len(left) != 1 || refused != 1 {
					t.Fatalf("%s of %d at once: %d were refused, %d are left", removal.name, n, refused, len(left))
				}
			}
		}
	})
}
