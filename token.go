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

func (j *keySet) handleJWKS(w http.ResponseWriter, r *http.Request) error {
	keys, err := j.tokens.JWKS(r.Context(), j.store, j.now())
	if err != nil {
		return fault(err)
	}
	return webio.Write(w, http.StatusOK, map[string]any{"keys": keys})
}
