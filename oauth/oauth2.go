package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// OAuth2 is any other server of OAuth 2, by one function that reads who it is. See
// docs/provider-oidc.md.
type OAuth2 struct {
	// Provider is the name of the provider: the segment of its routes, such as "acme".
	Provider string
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace none: without them, none are asked for.
	Scopes []string
	// Endpoints are those of the server: Authorization, Token and UserInfo at least. Issuer
	// names the accounts together with their subjects, and must never change. Callbacks
	// with another iss are refused.
	Endpoints Endpoints
	// Person reads the answer of the UserInfo endpoint. It is called by many goroutines.
	Person func(userInfo []byte) (Person, error)
	// Parameters are further parameters of the authorization request.
	Parameters map[string]string
	// SecretIn says where the token endpoint takes the secret. Default: SecretInHeader.
	SecretIn SecretPlace
	// AllowPrivateNetwork is for a server whose address is private.
	AllowPrivateNetwork bool

	engine *engine
}

// Person is who the UserInfo endpoint of an [OAuth2] server speaks of.
type Person struct {
	// Subject names the account for good: an id, never an address or a name.
	Subject string
	// Email is an address of the person, or empty.
	Email string
	// EmailVerified says that the server has verified Email. A server that lets people
	// write any address has not.
	EmailVerified bool
	// Name, Nickname, Picture and Locale are the profile. Each may be empty.
	Name, Nickname, Picture, Locale string
}

func (o OAuth2) dialect() dialect {
	style := o.SecretIn.style()
	if style == oauth2.AuthStyleAutoDetect {
		style = oauth2.AuthStyleInHeader
	}
	return dialect{
		name: o.Provider, endpoints: o.Endpoints, parameters: o.Parameters, authStyle: style, private: o.AllowPrivateNetwork, person: o.person,
	}
}

func (o OAuth2) check() error {
	problems := []error{o.engine.or(o.dialect).check(o.Credentials())}
	if o.Person == nil || o.Endpoints.Issuer == "" || o.Endpoints.Authorization == "" || o.Endpoints.Token == "" || o.Endpoints.UserInfo == "" {
		problems = append(problems, fmt.Errorf("provider %q: Person and the endpoints Issuer, Authorization, Token and UserInfo are needed", o.Provider))
	}
	return errors.Join(problems...)
}

func (o OAuth2) person(ctx context.Context, f found) (admit.ProviderIdentity, error) {
	text, err := f.read(ctx, f.at.UserInfo)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	person, err := o.Person(text)
	if err != nil {
		return admit.ProviderIdentity{}, failed("read who it is: %w", err)
	}
	identity := admit.ProviderIdentity{
		Issuer: f.at.Issuer, Subject: person.Subject, Email: person.Email, Name: person.Name, Nickname: person.Nickname, Picture: person.Picture, Locale: person.Locale,
		Proof: admit.ProofNone, Why: "the server has not verified the address",
	}
	if person.EmailVerified {
		identity.Proof, identity.Why = admit.ProofAsserted, "the server has verified the address"
	}
	return identity, nil
}

// Name implements [admit.Provider].
func (o OAuth2) Name() string { return o.Provider }

// Credentials implements [admit.Provider].
func (o OAuth2) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: o.ClientID, ClientSecret: o.ClientSecret, RedirectURI: o.RedirectURI, Scopes: o.Scopes}
}

// Check implements [admit.Provider].
func (o OAuth2) Check() error { return o.check() }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (o OAuth2) Open() admit.Provider {
	o.engine = newEngine(o.dialect())
	return o
}

// Begin implements [admit.Provider].
func (o OAuth2) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return o.engine.or(o.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (o OAuth2) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return o.engine.or(o.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (o OAuth2) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return o.engine.or(o.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Revoke implements [admit.ProviderRevoker].
func (o OAuth2) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, now time.Time) error {
	return o.engine.or(o.dialect).revoke(ctx, credentials, token, now)
}

// Format prints the provider without its secrets.
func (o OAuth2) Format(to fmt.State, _ rune) { show(to, "OAuth2", o.ClientID) }

// LogValue logs the provider without its secrets.
func (o OAuth2) LogValue() slog.Value { return logged("OAuth2", o.ClientID) }
