package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// OIDC is any issuer of OpenID Connect, by discovery. See docs/provider-oidc.md.
type OIDC struct {
	// Provider is the name of the provider: the segment of its routes, such as "acme".
	Provider string
	// Issuer is exactly what the metadata of the issuer says, with its slash at the end
	// if it has one. http is for loopback addresses.
	Issuer string
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "openid", "email" and "profile".
	Scopes []string
	// Audiences are client ids of the host's apps, whose id tokens are taken too.
	Audiences []string
	// OwnDomains are the domains whose mailboxes the issuer runs, such as that of the
	// company. There, email_verified proves an address for good.
	OwnDomains []string
	// Parameters are further parameters of the authorization request.
	Parameters map[string]string
	// SecretIn says where the token endpoint takes the secret. Default: as the metadata
	// says.
	SecretIn SecretPlace
	// AllowPrivateNetwork is for an issuer whose address is private.
	AllowPrivateNetwork bool

	engine *engine
}

// SecretPlace is where a token endpoint takes the secret of a client (RFC 6749, section
// 2.3.1).
type SecretPlace string

// The places of a secret.
const (
	// SecretInHeader is the Authorization header, client_secret_basic.
	SecretInHeader SecretPlace = "header"
	// SecretInBody is the body, client_secret_post.
	SecretInBody SecretPlace = "body"
)

func (s SecretPlace) style() oauth2.AuthStyle {
	switch s {
	case SecretInHeader:
		return oauth2.AuthStyleInHeader
	case SecretInBody:
		return oauth2.AuthStyleInParams
	}
	return oauth2.AuthStyleAutoDetect
}

func (o OIDC) dialect() dialect {
	return dialect{
		name: o.Provider, scopes: []string{"openid", "email", "profile"}, endpoints: Endpoints{Issuer: o.Issuer}, openID: true, hint: true,
		parameters: o.Parameters, authStyle: o.SecretIn.style(), private: o.AllowPrivateNetwork, userInfo: true, person: o.person,
	}
}

func (o OIDC) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	person := f.claims.profile(f.issuer)
	switch domain := domainOf(person.Email); {
	case !f.claims.yes("email_verified"):
		person.Proof, person.Why = admit.ProofNone, "email_verified is not true"
	case domain != "" && slices.ContainsFunc(o.OwnDomains, func(own string) bool { return strings.EqualFold(own, domain) }):
		person.Proof, person.Why = admit.ProofAuthoritative, "email_verified is true, and the issuer runs the mailbox"
	default:
		person.Proof, person.Why = admit.ProofAsserted, "email_verified is true"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (o OIDC) Name() string { return o.Provider }

// Credentials implements [admit.Provider].
func (o OIDC) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURI: o.RedirectURI, Scopes: o.Scopes, Audiences: o.Audiences}
}

// Check implements [admit.Provider].
func (o OIDC) Check() error { return o.engine.or(o.dialect).check(o.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (o OIDC) Open() admit.Provider {
	o.engine = newEngine(o.dialect())
	return o
}

// Begin implements [admit.Provider].
func (o OIDC) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return o.engine.or(o.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (o OIDC) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return o.engine.or(o.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (o OIDC) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return o.engine.or(o.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (o OIDC) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return o.engine.or(o.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (o OIDC) Format(to fmt.State, _ rune) { show(to, "OIDC", o.ClientID) }

// LogValue logs the provider without its secrets.
func (o OIDC) LogValue() slog.Value { return logged("OIDC", o.ClientID) }
