package admit

import (
	"net/http"
	"slices"

	"github.com/admit-go/admit/internal/webio"
)

const (
	jwksPath = "/.well-known/jwks.json"
	// openIDPath and metadataPath are where services that know only the issuer
	// look for the keys: OpenID Connect Discovery 1.0 and RFC 8414.
	openIDPath   = "/.well-known/openid-configuration"
	metadataPath = "/.well-known/oauth-authorization-server"
)

// keySet publishes the keys that verify access tokens, and the documents that
// name them.
type keySet struct {
	*kernel
}

func (j *keySet) feature() feature {
	return feature{
		name:  "tokens",
		holds: holding{nothing: "signing keys are of the host"},
		routes: []route{
			{method: http.MethodGet, path: jwksPath, root: true, who: anyone, exchanges: true, navigated: true, cacheable: true, serve: j.handleJWKS},
			{method: http.MethodGet, path: openIDPath, root: true, who: anyone, exchanges: true, navigated: true, cacheable: true, serve: j.handleMetadata},
			{method: http.MethodGet, path: metadataPath, root: true, who: anyone, exchanges: true, navigated: true, cacheable: true, serve: j.handleMetadata},
		},
	}
}

func (j *keySet) handleJWKS(w http.ResponseWriter, r *http.Request) error {
	keys, err := j.tokens.JWKS(r.Context(), j.store, j.now())
	if err != nil {
		return fault(err)
	}
	return webio.Write(w, http.StatusOK, map[string]any{"keys": keys})
}

// metadata describes this issuer to other services. Admit is not an OAuth
// provider: it has no authorization endpoint and supports no response type and
// no grant. The standards require these lists, so they are empty.
type metadata struct {
	Issuer        string   `json:"issuer"`
	JWKSURI       string   `json:"jwks_uri"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	ResponseTypes []string `json:"response_types_supported"`
	GrantTypes    []string `json:"grant_types_supported"`
	Claims        []string `json:"claims_supported"`
}

func (j *keySet) handleMetadata(w http.ResponseWriter, r *http.Request) error {
	keys, err := j.tokens.JWKS(r.Context(), j.store, j.now())
	if err != nil {
		return fault(err)
	}
	// After a change of algorithm, tokens of the previous algorithm are valid
	// until they expire.
	algorithms := []string{j.config.Sessions.Algorithm}
	for _, key := range keys {
		if !slices.Contains(algorithms, key["alg"]) {
			algorithms = append(algorithms, key["alg"])
		}
	}
	w.Header().Set("Cache-Control", "public, max-age=300")
	return webio.Write(w, http.StatusOK, metadata{
		Issuer: j.config.Issuer, JWKSURI: j.config.BaseURL + jwksPath, Algorithms: algorithms,
		SubjectTypes: []string{"public"}, ResponseTypes: []string{}, GrantTypes: []string{},
		Claims: []string{"iss", "aud", "sub", "client_id", "sid", "iat", "exp", "jti", "auth_time", "amr", "acr", "role", "org", "org_role", "act"},
	})
}
