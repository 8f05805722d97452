package admit

import (
	"net/http"

	"github.com/admit-go/admit/store"
)

// me answers who the caller is.
type me struct {
	*kernel
}

func (m *me) feature() feature {
	return feature{
		name: "account",
		routes: []route{
			{method: http.MethodGet, path: "/auth/me", who: signedIn, scope: "users:read", serve: m.handleMe},
		},
	}
}

// showMe is the caller's own account. It is what clients ask for most, and half
// of its work would be reflection.
func showMe(u *store.User, s *store.Session) []byte {
	o := make(object, 0, 512)
	o.text("id", u.ID)
	o.text("role", u.Role)
	o.text("name", u.Name)
	o.optional("nickname", u.Nickname)
	o.text("email", u.Email)
	o.instant("emailVerified", u.EmailVerifiedAt)
	o.optional("image", u.Image)
	o.text("onboardingStatus", u.Onboarding)
	o.raw("mfaEnabled", "false") // as long as there is no second factor to switch on
	o.optional("organizationId", s.OrganizationID)
	o.instant("createdAt", u.CreatedAt)
	o.instant("updatedAt", u.UpdatedAt)
	return append(o, '}')
}

func (m *me) handleMe(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	writeBody(w, http.StatusOK, showMe(&c.user, &c.session))
	return nil
}
