package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// LinkedIn is Sign in with LinkedIn, by OpenID Connect. See docs/provider-linkedin.md.
type LinkedIn struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "openid", "email" and "profile".
	Scopes []string
	// Endpoints replace LinkedIn's own.
	Endpoints Endpoints

	engine *engine
}

const linkedInIssuer = "https://www.linkedin.com/oauth"

func (l LinkedIn) dialect() dialect {
	at := l.Endpoints.or(Endpoints{
		Issuer: linkedInIssuer, Authorization: "https://www.linkedin.com/oauth/v2/authorization", Token: "https://www.linkedin.com/oauth/v2/accessToken",
		Keys: "https://www.linkedin.com/oauth/openid/jwks", UserInfo: "https://api.linkedin.com/v2/userinfo",
	})
	return dialect{
		name: "linkedin", scopes: []string{"openid", "email", "profile"}, endpoints: at, openID: true, authStyle: oauth2.AuthStyleInParams,
		// LinkedIn puts no nonce into id tokens, and its token endpoint refuses a verifier
		// of PKCE from a web application.
		nonce: nonceLost, withoutPKCE: true, userInfo: true, person: l.person,
		accepts: func(issuer string, _ claims) (string, bool) {
			return at.Issuer, issuer == at.Issuer || at.Issuer == linkedInIssuer && issuer == "https://www.linkedin.com"
		},
	}
}

func (l LinkedIn) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	person := f.claims.profile(f.issuer)
	person.Proof, person.Why = admit.ProofNone, "LinkedIn does not vouch for the address"
	return person, nil
}

// Name implements [admit.Provider].
func (l LinkedIn) Name() string { return "linkedin" }

// Credentials implements [admit.Provider].
func (l LinkedIn) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: l.ClientID, ClientSecret: l.ClientSecret, RedirectURI: l.RedirectURI, Scopes: l.Scopes}
}

// Check implements [admit.Provider].
func (l LinkedIn) Check() error { return l.engine.or(l.dialect).check(l.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (l LinkedIn) Open() admit.Provider {
	l.engine = newEngine(l.dialect())
	return l
}

// Begin implements [admit.Provider].
func (l LinkedIn) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return l.engine.or(l.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (l LinkedIn) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return l.engine.or(l.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (l LinkedIn) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return l.engine.or(l.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Format prints the provider without its secrets.
func (l LinkedIn) Format(to fmt.State, _ rune) { show(to, "LinkedIn", l.ClientID) }

// LogValue logs the provider without its secrets.
func (l LinkedIn) LogValue() slog.Value { return logged("LinkedIn", l.ClientID) }
