package admit

import (
	"net/http"

	"github.com/admit-go/admit/internal/webio"
)

const jwksPath = "/.well-known/jwks.json"

// keySet publishes the keys that verify access tokens.
type keySet struct {
	*kernel
}

func (j *keySet) feature() feature {
	return feature{
		name: "tokens",
		routes: []route{{
			method: http.MethodGet, path: jwksPath, root: true, who: anyone,
			exchanges: true, navigated: true, cacheable: true, serve: j.handleJWKS,
		}},
	}
}

// Tokens is what a client gets for a proof of identity.
type Tokens struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	// TokenType is "Bearer" (RFC 6750).
	TokenType string `json:"tokenType"`
	// ExpiresIn is the life of the access token in seconds.
	ExpiresIn int `json:"expiresIn"`
}

func (j *keySet) handleJWKS(w http.ResponseWriter, r *http.Request) error {
	keys, err := j.tokens.JWKS(r.Context(), j.store, j.now())
	if err != nil {
		return fault(err)
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return webio.Write(w, http.StatusOK, map[string]any{"keys": keys})
}
