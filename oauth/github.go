package oauth

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
)

// GitHub is Sign in with GitHub, by OAuth 2: an OAuth app, or a GitHub app. See
// docs/provider-github.md.
type GitHub struct {
	// ClientID is the host's id at the provider. Empty: settings at run time give it.
	ClientID string
	// ClientSecret is the secret of the ClientID. It is never printed.
	ClientSecret string `json:"-"`
	// RedirectURI replaces the callback route below Config.BaseURL.
	RedirectURI string
	// Scopes replace "read:user" and "user:email".
	Scopes []string
	// BaseURL is a GitHub Enterprise Server, such as "https://github.example.com".
	// Default: "https://github.com".
	BaseURL string
	// AllowPrivateNetwork is for a server whose address is private.
	AllowPrivateNetwork bool
	// Endpoints replace those of BaseURL.
	Endpoints Endpoints

	engine *engine
}

const githubURL = "https://github.com"

func (g GitHub) dialect() dialect {
	base := strings.TrimSuffix(g.BaseURL, "/")
	api := base + "/api/v3"
	if base == "" || base == githubURL {
		base, api = githubURL, "https://api.github.com"
	}
	own := Endpoints{
		Issuer: base, Authorization: base + "/login/oauth/authorize", Token: base + "/login/oauth/access_token",
		UserInfo: api + "/user", Emails: api + "/user/emails", Revocation: api + "/applications",
	}
	at := own
	if g.Endpoints != (Endpoints{}) {
		at = g.Endpoints
		at.Authorization = cmp.Or(at.Authorization, own.Authorization) // GitHub is not asked for its endpoints
		at = at.or(own)
	}
	return dialect{
		name: "github", scopes: []string{"read:user", "user:email"}, endpoints: at, authStyle: oauth2.AuthStyleInParams,
		issuers: []string{base + "/login/oauth"}, private: g.AllowPrivateNetwork, person: g.person,
	}
}

// person reads the account and its addresses. The account is its number: a login can be
// renamed, and taken by somebody else.
func (g GitHub) person(ctx context.Context, f found) (admit.ProviderIdentity, error) {
	user, err := f.get(ctx, f.at.UserInfo)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	person := admit.ProviderIdentity{
		Issuer: f.at.Issuer, Subject: user.number("id"), Name: user.text("name"), Nickname: user.text("login"), Picture: user.text("avatar_url"),
		Proof: admit.ProofNone, Why: "GitHub gave no primary address that it has verified",
	}
	if person.Name == "" {
		person.Name = person.Nickname
	}
	// The address of the profile is whichever the person shows there.
	text, err := f.read(ctx, f.at.Emails)
	var status statusError
	if errors.As(err, &status) && (status == http.StatusForbidden || status == http.StatusNotFound) {
		return person, nil // the person, or the app, does not share addresses
	}
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return admit.ProviderIdentity{}, failed("the addresses of %s cannot be read", hostOf(f.at.Emails))
	}
	for _, item := range list {
		if entry, _ := readClaims(item); entry.yes("primary") && entry.yes("verified") {
			person.Email, person.Proof, person.Why = entry.text("email"), admit.ProofAsserted, "the primary address, which GitHub has verified"
			break
		}
	}
	return person, nil
}

// Name implements [admit.Provider].
func (g GitHub) Name() string { return "github" }

// Credentials implements [admit.Provider].
func (g GitHub) Credentials() admit.ProviderCredentials {
	return admit.ProviderCredentials{ClientID: g.ClientID, ClientSecret: g.ClientSecret, RedirectURI: g.RedirectURI, Scopes: g.Scopes}
}

// Check implements [admit.Provider].
func (g GitHub) Check() error { return g.engine.or(g.dialect).check(g.Credentials()) }

// Open returns the provider with a memory for the metadata and the keys of the issuer.
func (g GitHub) Open() admit.Provider {
	g.engine = newEngine(g.dialect())
	return g
}

// Begin implements [admit.Provider].
func (g GitHub) Begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	return g.engine.or(g.dialect).begin(ctx, credentials, request)
}

// Finish implements [admit.Provider].
func (g GitHub) Finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	return g.engine.or(g.dialect).finish(ctx, credentials, answer)
}

// Refresh implements [admit.ProviderRefresher].
func (g GitHub) Refresh(ctx context.Context, credentials admit.ProviderCredentials, refreshToken string, now time.Time) (admit.ProviderTokens, error) {
	return g.engine.or(g.dialect).refresh(ctx, credentials, refreshToken, now)
}

// Format prints the provider without its secrets.
func (g GitHub) Format(to fmt.State, _ rune) { show(to, "GitHub", g.ClientID) }

// LogValue logs the provider without its secrets.
func (g GitHub) LogValue() slog.Value { return logged("GitHub", g.ClientID) }

// Revoke implements [admit.ProviderRevoker]. GitHub ends a token by a route of its own.
func (g GitHub) Revoke(ctx context.Context, credentials admit.ProviderCredentials, token string, _ time.Time) error {
	e := g.engine.or(g.dialect)
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	body, err := json.Marshal(map[string]string{"access_token": token})
	if err != nil {
		return failed("the token cannot be sent")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, e.dialect.endpoints.Revocation+"/"+url.PathEscape(credentials.ClientID)+"/token", bytes.NewReader(body))
	if err != nil {
		return failed("the endpoint cannot be read")
	}
	request.Header.Set("Content-Type", "application/json")
	request.SetBasicAuth(credentials.ClientID, credentials.ClientSecret)
	answer, err := e.client.Do(request)
	switch {
	case err != nil:
		return failed("%w", err)
	case answer.Status == http.StatusNoContent, answer.Status == http.StatusNotFound, answer.Status == http.StatusUnprocessableEntity:
		return nil // 404 and 422: it has ended already
	}
	return failed("ask %s to end a token: status %d", request.URL.Hostname(), answer.Status)
}
