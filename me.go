package admit

import (
	"net/http"
	"strconv"

	"github.com/admit-go/admit/internal/webio"
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
	o := make(webio.Object, 0, 512)
	o.Text("id", u.ID)
	o.Text("role", u.Role)
	o.Text("name", u.Name)
	o.Optional("nickname", u.Nickname)
	o.Text("email", u.Email)
	o.Instant("emailVerified", u.EmailVerifiedAt)
	o.Optional("image", u.Image)
	o.Text("onboardingStatus", u.Onboarding)
	o.Raw("mfaEnabled", strconv.FormatBool(u.MFAEnabled))
	o.Optional("organizationId", s.OrganizationID)
	o.Instant("createdAt", u.CreatedAt)
	o.Instant("updatedAt", u.UpdatedAt)
	return o.End()
}

func (m *me) handleMe(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	webio.WriteBody(w, http.StatusOK, showMe(&c.user, &c.session))
	return nil
}
