package oauth

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// Discord is Sign in with Discord, by OAuth 2. See docs/provider-discord.md.
type Discord struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "identify" and "email".
	Scopes []string
	// Endpoints replace Discord's own.
	Endpoints Endpoints

	engine *engine
}

func (d Discord) dialect() dialect {
	at := d.Endpoints
	at.Authorization = cmp.Or(at.Authorization, "https://discord.com/oauth2/authorize")
	return dialect{
		name: "discord", scopes: []string{"identify", "email"}, authStyle: oauth2.AuthStyleInParams,
		endpoints: at.or(Endpoints{
			Issuer: "https://discord.com", Token: "https://discord.com/api/oauth2/token",
			UserInfo: "https://discord.com/api/users/@me", Revocation: "https://discord.com/api/oauth2/token/revoke",
		}),
		person: d.person,
	}
}

func (d Discord) person(ctx context.Context, f found) (admit.ProviderIdentity, error) {
	user, err := f.get(ctx, f.at.UserInfo)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	person := admit.ProviderIdentity{
		Issuer: f.at.Issuer, Subject: user.text("id"), Email: user.text("email"), Name: cmp.Or(user.text("global_name"), user.text("username")),
		Nickname: user.text("username"), Locale: user.text("locale"), Proof: admit.ProofNone, Why: "Discord has not verified the address",
	}
	if avatar := user.text("avatar"); avatar != "" && isWord(avatar) {
		person.Picture = "https://cdn.discordapp.com/avatars/" + url.PathEscape(person.Subject) + "/" + avatar + ".png"
	}
	if user.yes("verified") {
		person.Proof, person.Why = admit.ProofAsserted, "Discord has verified the address"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (d Discord) Name() string { return "discord" }

// Credentials implements [admit.Provider].
func (d Discord) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: d.ClientID, ClientSecret: d.ClientSecret, RedirectURI: d.RedirectURI, Scopes: d.Scopes}
}

// Check implements [admit.Provider].
func (d Discord) Check() error { return d.engine.or(d.dialect).check(d.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (d Discord) Open() admit.Provider {
	d.engine = newEngine(d.dialect())
	return d
}

// Begin implements [admit.Provider].
func (d Discord) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return d.engine.or(d.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (d Discord) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return d.engine.or(d.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (d Discord) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return d.engine.or(d.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (d Discord) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return d.engine.or(d.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (d Discord) Format(to fmt.State, _ rune) { show(to, "Discord", d.ClientID) }

// LogValue logs the provider without its secrets.
func (d Discord) LogValue() slog.Value { return logged("Discord", d.ClientID) }
