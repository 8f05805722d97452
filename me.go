package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
)

// me answers who the caller is.
type me struct {
	*kernel
}

func (m *me) feature() feature {
	return feature{
		name:  "account",
		holds: holding{nothing: "it shows the account, which is in the part of the users"},
		routes: []route{
			{method: http.MethodGet, path: "/auth/me", who: signedIn, scope: "users:read", acting: true, serve: m.handleMe},
		},
	}
}

func (m *me) handleMe(w http.ResponseWriter, r *http.Request) error {
	c := callerFrom(r.Context())
	user, session := userOf(&c.user), sessionOf(&c.session)
	webio.WriteBody(w, http.StatusOK, showMe(&user, &session))
	return nil
}
