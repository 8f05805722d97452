package e2e_test

import (
	"context"
	"time"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = faultFlows.add(faultFlow{
	name:  "ban",
	calls: 7,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.BanUser(ctx, p.signed.User.ID, "spam", time.Time{}))
	},
	done: func(s *harness.Server, p *subject) bool { return !sessionLives(s, p) },
}, faultFlow{
	name:  "unban",
	calls: 5,
	prepare: func(s *harness.Server, p *subject) {
		if err := s.Auth.BanUser(s.T.Context(), p.signed.User.ID, "spam", time.Time{}); err != nil {
			s.T.Fatal(err)
		}
	},
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.UnbanUser(ctx, p.signed.User.ID))
	},
	done: func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
}, faultFlow{
	name:    "create an account",
	calls:   5,
	prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.CreateUser(ctx, admit.CreateUserParams{Email: p.email, Name: "Ada", Password: strongPassword})
		return told(err)
	},
	done:  func(s *harness.Server, p *subject) bool { return passwordIs(s, p, strongPassword) },
	again: admit.ErrEmailTaken,
}, faultFlow{
	name:  "change a role",
	calls: 5,
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		return told(a.SetRole(ctx, p.signed.User.ID, "editor"))
	},
	done: func(s *harness.Server, p *subject) bool {
		user, err := s.Auth.User(s.T.Context(), p.signed.User.ID)
		return err == nil && user.Role == "editor"
	},
})

var _ = endings.add(ending{
	name: "ban",
	cause: func(s *harness.Server, p harness.Person, _ string) {
		if err := s.Auth.BanUser(s.T.Context(), p.ID, "", time.Time{}); err != nil {
			s.T.Fatal(err)
		}
	},
	ends: every,
})
