package e2e_test

import (
	"context"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/e2e/harness"
)

var _ = faultFlows.add(faultFlow{
	name:    "import accounts",
	calls:   6,
	prepare: func(_ *harness.Server, p *subject) { p.email = "new-" + p.email },
	run: func(ctx context.Context, a *admit.Auth, p *subject) (bool, error) {
		_, err := a.Imports.Users(ctx, []admit.ImportUserParams{
			{Email: p.email, Name: "Ada", PasswordHash: bcrypted}, {Email: "second-" + p.email, Name: "Bob"},
		})
		return told(err)
	},
	done: func(s *harness.Server, p *subject) bool {
		_, err := s.Auth.Users.GetByEmail(s.T.Context(), "second-"+p.email)
		return err == nil && passwordIs(s, p, strongPassword)
	},
})
