package admit

import (
	"net/http"

	"github.com/admit-go/admit/store"
)

var account = feature{
	name: "account",
	routes: []route{
		{method: http.MethodGet, path: "/auth/me", who: signedIn, scope: "users:read", serve: (*Auth).handleMe},
	},
}

// meBody is the caller's own account. Whether a second factor is switched on is
// false as long as there is none to switch on.
type meBody struct {
	ID               string   `json:"id"`
	Role             string   `json:"role"`
	Name             string   `json:"name"`
	Nickname         optional `json:"nickname"`
	Email            string   `json:"email"`
	EmailVerified    instant  `json:"emailVerified"`
	Image            optional `json:"image"`
	OnboardingStatus string   `json:"onboardingStatus"`
	MFAEnabled       bool     `json:"mfaEnabled"`
	OrganizationID   optional `json:"organizationId"`
	CreatedAt        instant  `json:"createdAt"`
	UpdatedAt        instant  `json:"updatedAt"`
}

func showMe(u *store.User, s *store.Session) meBody {
	return meBody{
		ID: u.ID, Role: u.Role, Name: u.Name, Nickname: optional(u.Nickname), Email: u.Email,
		EmailVerified: instant(u.EmailVerifiedAt), Image: optional(u.Image), OnboardingStatus: u.Onboarding,
		OrganizationID: optional(s.OrganizationID), CreatedAt: instant(u.CreatedAt), UpdatedAt: instant(u.UpdatedAt),
	}
}

func (a *Auth) handleMe(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	return writeJSON(w, http.StatusOK, showMe(&c.user, &c.session))
}
