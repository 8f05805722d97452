package e2e_test

import (
	"context"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = faultFlows.add(faultFlow{
	name:  "ban",
	calls: 6,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Users.Ban(ctx, admit.BanParams{UserID: p.signed.User.ID, Reason: "spam"}))
	},
	done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
}, faultFlow{
	name:  "unban",
	calls: 5,
	prepare: func(s *harness.Server, p *subject) {
		if err := s.Auth.Users.Ban(s.T.Context(), admit.BanParams{UserID: p.signed.User.ID, Reason: "spam"}); err != nil {
			s.T.Fatal(err)
		}
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Users.Unban(ctx, p.signed.User.ID))
	},
	done: func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
}, faultFlow{
	name:    "create an account",
	calls:   4,
	prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Users.Create(ctx, admit.CreateUserParams{Email: p.email, Name: "Ada", InsecurePassword: strongPassword})
		return told(err)
	},
	done:  func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
	again: admit.ErrEmailAlreadyExists,
}, faultFlow{
	name:  "change a role",
	calls: 5,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.Users.SetRole(ctx, admit.SetRoleParams{UserID: p.signed.User.ID, Role: "editor"}))
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.Users.Get(s.T.Context(), p.signed.User.ID)
		return err == nil && user.Role == "editor"
	},
})

var _ = endings.add(ending{
	name: "ban",
	cause: func(s *harness.Server, p harness.Person, _ string) {
		if err := s.Auth.Users.Ban(s.T.Context(), admit.BanParams{UserID: p.ID}); err != nil {
			s.T.Fatal(err)
		}
	},
	ends: every,
})
