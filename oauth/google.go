package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// Google is Sign in with Google, by OpenID Connect. See docs/provider-google.md.
type Google struct {
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
	// HostedDomain lets in the accounts of one Google Workspace domain alone, such as
	// "example.com", by the claim hd of the id token. Empty: every account.
	HostedDomain string
	// Offline asks for a refresh token. Google gives one with the first consent, so
	// people are asked for consent each time.
	Offline bool
	// Endpoints replace Google's own.
	Endpoints Endpoints

	engine *engine
}

const googleIssuer = "https://accounts.google.com"

func (g Google) dialect() dialect {
	parameters := map[string]string{}
	if g.HostedDomain != "" {
		// This chooses what the page of Google offers, and the browser can take it out. The
		// claim decides.
		parameters["hd"] = g.HostedDomain
	}
	if g.Offline {
		parameters["access_type"], parameters["prompt"] = "offline", "consent"
	}
	at := g.Endpoints.or(Endpoints{
		Issuer: googleIssuer, Authorization: "https://accounts.google.com/o/oauth2/v2/auth", Token: "https://oauth2.googleapis.com/token",
		Keys: "https://www.googleapis.com/oauth2/v3/certs", Revocation: "https://oauth2.googleapis.com/revoke",
	})
	return dialect{
		name: "google", scopes: []string{"openid", "email", "profile"}, endpoints: at, openID: true, foreignParty: true, hint: true,
		parameters: parameters, authStyle: oauth2.AuthStyleInParams, person: g.person,
		accepts: func(issuer string, _ claims) (string, bool) {
			return at.Issuer, issuer == at.Issuer || at.Issuer == googleIssuer && issuer == "accounts.google.com"
		},
	}
}

func (g Google) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	c := f.claims
	domain := c.text("hd")
	if g.HostedDomain != "" && !strings.EqualFold(domain, g.HostedDomain) {
		return admit.ProviderIdentity{}, refused("the account is not one of the hosted domain")
	}
	person := c.profile(f.issuer)
	switch mailbox := domainOf(person.Email); {
	case !c.yes("email_verified"):
		person.Proof, person.Why = admit.ProofNone, "Google has not verified the address"
	case mailbox == "gmail.com" || mailbox == "googlemail.com":
		person.Proof, person.Why = admit.ProofAuthoritative, "Google runs the mailbox"
	case domain != "":
		person.Proof, person.Why = admit.ProofAuthoritative, "the account is one of a Google Workspace"
	default:
		person.Proof, person.Why = admit.ProofAsserted, "Google has verified the address once"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (g Google) Name() string { return "google" }

// Credentials implements [admit.Provider].
func (g Google) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: g.ClientID, ClientSecret: g.ClientSecret, RedirectURI: g.RedirectURI, Scopes: g.Scopes, Audiences: g.Audiences}
}

// Check implements [admit.Provider].
func (g Google) Check() error { return g.engine.or(g.dialect).check(g.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (g Google) Open() admit.Provider {
	g.engine = newEngine(g.dialect())
	return g
}

// Begin implements [admit.Provider].
func (g Google) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return g.engine.or(g.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (g Google) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return g.engine.or(g.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (g Google) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return g.engine.or(g.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (g Google) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return g.engine.or(g.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (g Google) Format(to fmt.State, _ rune) { show(to, "Google", g.ClientID) }

// LogValue logs the provider without its secrets.
func (g Google) LogValue() slog.Value { return logged("Google", g.ClientID) }
