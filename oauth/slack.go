package oauth

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// Slack is Sign in with Slack, by OpenID Connect. See docs/provider-slack.md.
type Slack struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "openid", "email" and "profile".
	Scopes []string
	// Team is the id of the workspace that may sign in, such as "T0123456". Empty: every
	// workspace.
	Team string
	// Endpoints replace Slack's own.
	Endpoints Endpoints

	engine *engine
}

const slackTeam = "https://slack.com/team_id"

func (s Slack) dialect() dialect {
	parameters := map[string]string{}
	if s.Team != "" {
		parameters["team"] = s.Team // a wish of the page; the claim decides
	}
	return dialect{
		name: "slack", scopes: []string{"openid", "email", "profile"}, openID: true, authStyle: oauth2.AuthStyleInParams, parameters: parameters,
		endpoints: s.Endpoints.or(Endpoints{
			Issuer: "https://slack.com", Authorization: "https://slack.com/openid/connect/authorize", Token: "https://slack.com/api/openid.connect.token",
			Keys: "https://slack.com/openid/connect/keys", UserInfo: "https://slack.com/api/openid.connect.userInfo",
		}),
		userInfo: true, person: s.person,
	}
}

// person reads the member of a workspace. Slack promises that a member's id is unique in the
// workspace alone, so the workspace is part of the subject.
func (s Slack) person(_ context.Context, f found) (admit.ProviderIdentity, error) {
	team := f.claims.text(slackTeam)
	if team == "" {
		return admit.ProviderIdentity{}, failed("Slack does not say which workspace it is")
	}
	if s.Team != "" && team != s.Team {
		return admit.ProviderIdentity{}, refused("the account is of another workspace")
	}
	person := f.claims.profile(f.issuer)
	person.Subject = team + "-" + person.Subject
	person.Proof, person.Why = admit.ProofNone, "email_verified is not true"
	if f.claims.yes("email_verified") {
		person.Proof, person.Why = admit.ProofAsserted, "Slack has verified the address"
	}
	return person, nil
}

// Name implements [admit.Provider].
func (s Slack) Name() string { return "slack" }

// Credentials implements [admit.Provider].
func (s Slack) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: s.ClientID, ClientSecret: s.ClientSecret, RedirectURI: s.RedirectURI, Scopes: s.Scopes}
}

// Check implements [admit.Provider].
func (s Slack) Check() error { return s.engine.or(s.dialect).check(s.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (s Slack) Open() admit.Provider {
	s.engine = newEngine(s.dialect())
	return s
}

// Begin implements [admit.Provider].
func (s Slack) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return s.engine.or(s.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (s Slack) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return s.engine.or(s.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (s Slack) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return s.engine.or(s.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Format prints the provider without its secrets.
func (s Slack) Format(to fmt.State, _ rune) { show(to, "Slack", s.ClientID) }

// LogValue logs the provider without its secrets.
func (s Slack) LogValue() slog.Value { return logged("Slack", s.ClientID) }
