package oauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// X is Sign in with X, formerly Twitter, by OAuth 2. See docs/provider-x.md.
type X struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "users.read", "tweet.read" and "users.email".
	Scopes []string
	// Endpoints replace X's own.
	Endpoints Endpoints

	engine *engine
}

func (x X) dialect() dialect {
	at := x.Endpoints
	at.Authorization = cmp.Or(at.Authorization, "https://x.com/i/oauth2/authorize")
	return dialect{
		// Without tweet.read, X refuses to say who somebody is.
		name: "x", scopes: []string{"users.read", "tweet.read", "users.email"}, authStyle: oauth2.AuthStyleInHeader,
		endpoints: at.or(Endpoints{
			Issuer: "https://x.com", Token: "https://api.x.com/2/oauth2/token", Revocation: "https://api.x.com/2/oauth2/revoke",
			UserInfo: "https://api.x.com/2/users/me?user.fields=confirmed_email,profile_image_url",
		}),
		person: x.person,
	}
}

func (x X) person(ctx context.Context, f found) (admit.ProviderIdentity, error) {
	answer, err := f.get(ctx, f.at.UserInfo)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	user := answer.object("data")
	person := admit.ProviderIdentity{
		Issuer: f.at.Issuer, Subject: user.text("id"), Email: user.text("confirmed_email"), Name: user.text("name"), Nickname: user.text("username"),
		Picture: user.text("profile_image_url"), Proof: admit.ProofNone, Why: "X gave no address",
	}
	if person.Email != "" {
		person.Proof, person.Why = admit.ProofAsserted, "X has verified the address"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (x X) Name() string { return "x" }

// Credentials implements [admit.Provider].
func (x X) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: x.ClientID, ClientSecret: x.ClientSecret, RedirectURI: x.RedirectURI, Scopes: x.Scopes}
}

// Check implements [admit.Provider].
func (x X) Check() error { return x.engine.or(x.dialect).check(x.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (x X) Open() admit.Provider {
	x.engine = newEngine(x.dialect())
	return x
}

// Begin implements [admit.Provider].
func (x X) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return x.engine.or(x.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (x X) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return x.engine.or(x.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (x X) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return x.engine.or(x.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (x X) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return x.engine.or(x.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (x X) Format(to fmt.State, _ rune) { show(to, "X", x.ClientID) }

// LogValue logs the provider without its secrets.
func (x X) LogValue() slog.Value { return logged("X", x.ClientID) }
