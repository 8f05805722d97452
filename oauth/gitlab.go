package oauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// GitLab is Sign in with GitLab, by OpenID Connect. See docs/provider-gitlab.md.
type GitLab struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "openid", "email" and "profile".
	Scopes []string
	// BaseURL is a GitLab of one's own, such as "https://gitlab.example.com". Default:
	// "https://gitlab.com".
	BaseURL string
	// AllowPrivateNetwork is for a server whose address is private.
	AllowPrivateNetwork bool
	// Endpoints replace those of BaseURL.
	Endpoints Endpoints

	engine *engine
}

func (g GitLab) dialect() dialect {
	base := strings.TrimSuffix(cmp.Or(g.BaseURL, "https://gitlab.com"), "/")
	return dialect{
		name: "gitlab", scopes: []string{"openid", "email", "profile"}, openID: true, hint: false, authStyle: oauth2.AuthStyleInParams,
		endpoints: g.Endpoints.or(Endpoints{
			Issuer: base, Authorization: base + "/oauth/authorize", Token: base + "/oauth/token", Keys: base + "/oauth/discovery/keys",
			UserInfo: base + "/oauth/userinfo", Revocation: base + "/oauth/revoke",
		}),
		private: g.AllowPrivateNetwork, userInfo: true, person: g.person,
	}
}

func (g GitLab) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	person := f.claims.profile(f.issuer)
	person.Proof, person.Why = admit.ProofNone, "email_verified is not true"
	if f.claims.yes("email_verified") {
		person.Proof, person.Why = admit.ProofAsserted, "GitLab has verified the address"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (g GitLab) Name() string { return "gitlab" }

// Credentials implements [admit.Provider].
func (g GitLab) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: g.ClientID, ClientSecret: g.ClientSecret, RedirectURI: g.RedirectURI, Scopes: g.Scopes}
}

// Check implements [admit.Provider].
func (g GitLab) Check() error { return g.engine.or(g.dialect).check(g.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (g GitLab) Open() admit.Provider {
	g.engine = newEngine(g.dialect())
	return g
}

// Begin implements [admit.Provider].
func (g GitLab) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return g.engine.or(g.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (g GitLab) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return g.engine.or(g.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (g GitLab) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return g.engine.or(g.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (g GitLab) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return g.engine.or(g.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (g GitLab) Format(to fmt.State, _ rune) { show(to, "GitLab", g.ClientID) }

// LogValue logs the provider without its secrets.
func (g GitLab) LogValue() slog.Value { return logged("GitLab", g.ClientID) }
