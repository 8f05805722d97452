package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/outbound"
)

// metadataFresh is how long the metadata of an issuer is used before it is asked for
// again. While the issuer cannot be reached, the old metadata is used on.
const metadataFresh = 24 * time.Hour

// Endpoints are the addresses of a provider. A provider of this package has its own,
// and what a host sets replaces them: for a server of one's own, and for tests. An
// Issuer without Authorization is asked for the others (OpenID Connect Discovery 1.0).
//
// Each is https. If the issuer or an endpoint is a loopback address, such as
// http://127.0.0.1:9000, all endpoints may be, and by http too.
type Endpoints struct {
	// Issuer is compared exactly with iss of id tokens and of callbacks, so a slash at
	// its end counts.
	Issuer string
	// Authorization is where the browser is sent to.
	Authorization string
	// Token redeems codes and refresh tokens.
	Token string
	// Keys has the public keys of the issuer (RFC 7517).
	Keys string
	// UserInfo says who owns an access token.
	UserInfo string
	// Emails lists the addresses of the owner, where UserInfo does not (GitHub).
	Emails string
	// Revocation ends tokens (RFC 7009). Empty: they are not ended.
	Revocation string
}

// or returns the endpoints, with those of the provider where they are empty. A host that
// sets the issuer alone means another server altogether.
func (e Endpoints) or(provider Endpoints) Endpoints {
	if e.discovered() {
		return e
	}
	for _, pair := range []struct {
		set      *string
		provided string
	}{
		{&e.Issuer, provider.Issuer}, {&e.Authorization, provider.Authorization}, {&e.Token, provider.Token}, {&e.Keys, provider.Keys},
		{&e.UserInfo, provider.UserInfo}, {&e.Emails, provider.Emails}, {&e.Revocation, provider.Revocation},
	} {
		if *pair.set == "" {
			*pair.set = pair.provided
		}
	}
	return e
}

// discovered says whether the issuer is asked for its endpoints.
func (e Endpoints) discovered() bool { return e.Issuer != "" && e.Authorization == "" }

func (e Endpoints) all() []string {
	return []string{e.Issuer, e.Authorization, e.Token, e.Keys, e.UserInfo, e.Emails, e.Revocation}
}

// loopback says whether the host named a loopback address, so that loopback may be asked.
func (e Endpoints) loopback() bool {
	return slices.ContainsFunc(e.all(), func(endpoint string) bool { return outbound.IsLoopback(hostOf(endpoint)) })
}

// hostOf is the host of a URL, for errors: the rest of a URL can hold a secret.
func hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// endpoints are the addresses of a provider, and what its metadata says beside them.
type endpoints struct {
	Endpoints

	// algorithms of id tokens.
	algorithms []string
	// namesIssuer: every callback has iss (RFC 9207, section 3).
	namesIssuer bool
	// auth is how the host proves itself at the token endpoint.
	auth oauth2.AuthStyle
}

// style is how the host proves itself. Without a secret it only says who it is.
func (e endpoints) style(credentials admit.ProviderCredentials) oauth2.AuthStyle {
	if credentials.ClientSecret == "" || e.auth == oauth2.AuthStyleAutoDetect {
		return oauth2.AuthStyleInParams
	}
	return e.auth
}

// metadata is what an issuer has said of itself.
type metadata struct {
	at      endpoints
	fetched time.Time
}

// endpoints returns the addresses, after asking the issuer for them if need be. A zero
// time uses what is remembered, however old it is.
func (e *engine) endpoints(ctx context.Context, now time.Time) (endpoints, error) {
	given := e.dialect.endpoints
	if !given.discovered() {
		return endpoints{Endpoints: given, algorithms: algorithms(), auth: e.dialect.authStyle}, nil
	}
	e.mu.Lock()
	known := e.metadata
	e.mu.Unlock()
	there := known.at.Issuer != ""
	switch {
	case there && (now.IsZero() || now.Sub(known.fetched) < metadataFresh):
		return known.at, nil
	case there && known.fetched.IsZero(): // by Begin, which is told no time
		e.remember(metadata{known.at, now})
		return known.at, nil
	}
	at, err := e.discover(ctx)
	switch {
	case err == nil:
		known = metadata{at, now}
	case there:
		known.fetched = now // an issuer that is down is not asked for every sign-in
	default:
		return endpoints{}, err
	}
	e.remember(known)
	return known.at, nil
}

func (e *engine) remember(known metadata) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.metadata = known
}

// discover reads the metadata of the issuer (OpenID Connect Discovery 1.0, section 4).
func (e *engine) discover(ctx context.Context) (endpoints, error) {
	issuer := e.dialect.endpoints.Issuer
	host := hostOf(issuer)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(issuer, "/")+"/.well-known/openid-configuration", nil)
	if err != nil {
		return endpoints{}, failed("the issuer is no URL")
	}
	answer, err := e.client.Do(request)
	if err != nil {
		return endpoints{}, failed("%w", err)
	}
	var said struct {
		Issuer        string   `json:"issuer"`
		Authorization string   `json:"authorization_endpoint"`
		Token         string   `json:"token_endpoint"`
		Keys          string   `json:"jwks_uri"`
		UserInfo      string   `json:"userinfo_endpoint"`
		Revocation    string   `json:"revocation_endpoint"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		AuthMethods   []string `json:"token_endpoint_auth_methods_supported"`
		NamesIssuer   bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if answer.Status != http.StatusOK || json.Unmarshal(answer.Body, &said) != nil {
		return endpoints{}, failed("ask %s for its metadata: status %d, or no metadata", host, answer.Status)
	}
	if said.Issuer != issuer {
		// Both are no secrets, and the difference is often a slash.
		return endpoints{}, failed("the metadata of %s is that of another issuer: the host has set %q, and the metadata says %q", host, issuer, cut(said.Issuer))
	}
	at := endpoints{
		Endpoints:   Endpoints{Issuer: issuer, Authorization: said.Authorization, Token: said.Token, Keys: said.Keys, UserInfo: said.UserInfo, Revocation: said.Revocation},
		namesIssuer: said.NamesIssuer, auth: e.dialect.authStyle,
	}
	if at.Authorization == "" || at.Token == "" || at.Keys == "" {
		return endpoints{}, failed("the metadata of %s lacks an endpoint", host)
	}
	if err := checkEndpoints(at.Endpoints, e.dialect.allowed()); err != nil {
		return endpoints{}, failed("the metadata of %s: %w", host, err)
	}
	// The issuer may narrow the algorithms, and never widen them.
	at.algorithms = slices.DeleteFunc(algorithms(), func(algorithm string) bool { return !slices.Contains(said.Algorithms, algorithm) })
	if len(at.algorithms) == 0 {
		at.algorithms = algorithms()
	}
	if at.auth == oauth2.AuthStyleAutoDetect {
		// client_secret_basic is what an issuer takes that does not say (section 3).
		at.auth = oauth2.AuthStyleInHeader
		if len(said.AuthMethods) > 0 && !slices.Contains(said.AuthMethods, "client_secret_basic") && slices.Contains(said.AuthMethods, "client_secret_post") {
			at.auth = oauth2.AuthStyleInParams
		}
	}
	return at, nil
}

// cut bounds a text of the issuer in an error.
func cut(text string) string {
	if len(text) > 200 {
		return text[:200]
	}
	return text
}
