package oauth

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/admit-go/admit"
	"github.com/admit-go/admit/internal/outbound"
)

// limit bounds all calls of one sign-in together.
const limit = outbound.Timeout

// maxToken is the length of the longest token that is taken.
const maxToken = 16 << 10

// dialect is what is particular about a provider. The engine does what is common.
type dialect struct {
	name      string
	scopes    []string
	endpoints Endpoints
	// openID providers have id tokens. A code is good for one if the scopes have "openid",
	// or if alwaysIDToken is set.
	openID, alwaysIDToken bool
	nonce                 nonceRule
	// foreignParty takes an azp of another client when aud is the host alone: Google's
	// phone apps get tokens for the server.
	foreignParty bool
	// withoutPKCE is for a provider that refuses a code verifier.
	withoutPKCE bool
	// hint sends the address of the person as login_hint.
	hint bool
	// parameters are sent to the authorization endpoint, but for those that are reserved.
	parameters map[string]string
	// issuers are the values of the iss parameter of the callback (RFC 9207) that are
	// good beside the issuer. Nil for providers that are not OpenID Connect and have
	// none: any value is refused.
	issuers []string
	// accepts says whether an id token's iss is one of the provider's, and which issuer
	// names the person. Nil: the issuer of the endpoints alone.
	accepts func(issuer string, c claims) (string, bool)
	// authStyle is how the host proves itself at the token endpoint. AuthStyleAutoDetect:
	// what the metadata of the issuer says.
	authStyle oauth2.AuthStyle
	// secret makes the client secret. Nil: that of the credentials.
	secret func(credentials admit.ProviderCredentials, now time.Time) (string, error)
	// person reads who it is.
	person func(ctx context.Context, found found) (admit.ProviderIdentity, error)
	// userInfo asks the userinfo endpoint where the id token lacks the address.
	userInfo bool
	// private allows private networks.
	private bool
	// limit bounds all calls of one sign-in together. Zero: ten seconds.
	limit time.Duration
}

// engine is a provider at work.
type engine struct {
	dialect dialect
	client  *outbound.Client
	// once is an engine that nobody keeps.
	once bool

	mu      sync.Mutex
	keySets map[string]*keys
	// metadata is what discovery found.
	metadata metadata
}

func newEngine(d dialect) *engine {
	if d.limit == 0 {
		d.limit = limit
	}
	allowed := d.allowed()
	allowed.Timeout = d.limit
	return &engine{dialect: d, keySets: map[string]*keys{}, client: outbound.New(allowed)}
}

// or returns the engine, or a new one for this call alone.
func (e *engine) or(d func() dialect) *engine {
	if e != nil {
		return e
	}
	fresh := newEngine(d())
	fresh.once = true
	return fresh
}

// end closes what an engine that nobody keeps has open.
func (e *engine) end() {
	if e.once {
		e.client.CloseIdle()
	}
}

func (e *engine) keysOf(url string) *keys {
	e.mu.Lock()
	defer e.mu.Unlock()
	set := e.keySets[url]
	if set == nil {
		set = &keys{client: e.client, url: url, limit: e.dialect.limit}
		e.keySets[url] = set
	}
	return set
}

// issuer says whether an id token is of the provider, and which issuer names the person.
func (e *engine) issuer(at endpoints, c claims) (string, bool) {
	if e.dialect.accepts != nil {
		return e.dialect.accepts(c.text("iss"), c)
	}
	return at.Issuer, at.Issuer != "" && c.text("iss") == at.Issuer
}

// begin makes the address of the authorization endpoint.
func (e *engine) begin(ctx context.Context, credentials admit.ProviderCredentials, request admit.ProviderRequest) (string, error) {
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	at, err := e.endpoints(ctx, time.Time{})
	if err != nil {
		return "", err
	}
	var options []oauth2.AuthCodeOption
	for _, key := range slices.Sorted(maps.Keys(e.dialect.parameters)) {
		if slices.Contains(reserved(), key) {
			continue
		}
		options = append(options, oauth2.SetAuthURLParam(key, e.dialect.parameters[key]))
	}
	if e.needsIDToken() && request.Nonce != "" {
		options = append(options, oauth2.SetAuthURLParam("nonce", request.Nonce))
	}
	if request.CodeVerifier != "" && !e.dialect.withoutPKCE {
		options = append(options, oauth2.S256ChallengeOption(request.CodeVerifier))
	}
	if request.LoginHint != "" && e.dialect.hint {
		options = append(options, oauth2.SetAuthURLParam("login_hint", request.LoginHint))
	}
	return e.config(at, credentials).AuthCodeURL(request.State, options...), nil
}

// reserved are the parameters that parameters of a host replace none of.
func reserved() []string {
	return []string{"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri", "request", "request_uri", "response_type", "scope", "state"}
}

func (e *engine) config(at endpoints, credentials admit.ProviderCredentials) *oauth2.Config {
	scopes := credentials.Scopes
	if scopes == nil {
		scopes = e.dialect.scopes
	}
	if slices.Contains(e.dialect.scopes, "openid") && !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	return &oauth2.Config{
		ClientID: credentials.ClientID, ClientSecret: credentials.ClientSecret, RedirectURL: credentials.RedirectURI, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: at.Authorization, TokenURL: at.Token, AuthStyle: at.style(credentials)},
	}
}

// finish says who the person is.
func (e *engine) finish(ctx context.Context, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderIdentity, error) {
	defer e.end()
	ctx, cancel := context.WithTimeout(ctx, e.dialect.limit)
	defer cancel()
	at, err := e.endpoints(ctx, answer.Now)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	if answer.IDToken != "" {
		if !e.dialect.openID {
			return admit.ProviderIdentity{}, refused("%s has no id tokens", e.dialect.name)
		}
		return e.identify(ctx, at, idToken{answer.IDToken, "", credentials, answer}, admit.ProviderTokens{})
	}
	// The code goes to nobody but the issuer that the browser comes from.
	if err := e.checkIssuer(at, answer); err != nil {
		return admit.ProviderIdentity{}, err
	}
	tokens, id, err := e.exchange(ctx, at, credentials, answer)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	return e.identify(ctx, at, idToken{id, tokens.AccessToken, credentials, answer}, tokens)
}

// checkIssuer compares the iss parameter of the callback (RFC 9207, section 2.4).
func (e *engine) checkIssuer(at endpoints, answer admit.ProviderAnswer) error {
	switch {
	case answer.Issuer == "":
		// An app that ran the redirect itself has compared it itself.
		if at.namesIssuer && answer.NonceRequired {
			return refused("the callback has no iss, which the issuer always sends")
		}
		return nil
	case at.Issuer != "" && answer.Issuer == at.Issuer, slices.Contains(e.dialect.issuers, answer.Issuer):
		return nil
	case e.dialect.accepts != nil:
		if _, ok := e.dialect.accepts(answer.Issuer, nil); ok {
			return nil
		}
	}
	return refused("the callback comes from another issuer")
}

// exchange redeems a code for tokens and the id token.
func (e *engine) exchange(ctx context.Context, at endpoints, credentials admit.ProviderCredentials, answer admit.ProviderAnswer) (admit.ProviderTokens, string, error) {
	if answer.Code == "" || len(answer.Code) > maxToken {
		return admit.ProviderTokens{}, "", refused("there is no code")
	}
	config, err := e.signedConfig(at, credentials, answer.Now)
	if err != nil {
		return admit.ProviderTokens{}, "", err
	}
	if answer.RedirectURI != "" {
		config.RedirectURL = answer.RedirectURI
	}
	var options []oauth2.AuthCodeOption
	if answer.CodeVerifier != "" && !e.dialect.withoutPKCE {
		options = append(options, oauth2.VerifierOption(answer.CodeVerifier))
	}
	token, err := config.Exchange(e.calling(ctx), answer.Code, options...)
	if err != nil {
		return admit.ProviderTokens{}, "", exchangeError(ctx, hostOf(at.Token), err)
	}
	tokens, err := tokensOf(token, answer.Now)
	if err != nil {
		return admit.ProviderTokens{}, "", err
	}
	id, _ := token.Extra("id_token").(string)
	if id == "" && e.needsIDToken() {
		return admit.ProviderTokens{}, "", failed("%s sent no id token", hostOf(at.Token))
	}
	return tokens, id, nil
}

// needsIDToken says whether a code is good for an id token. Facebook's is not, though its
// apps have id tokens.
func (e *engine) needsIDToken() bool {
	return e.dialect.openID && (e.dialect.alwaysIDToken || slices.Contains(e.dialect.scopes, "openid"))
}

// signedConfig is config with the client secret of this moment.
func (e *engine) signedConfig(at endpoints, credentials admit.ProviderCredentials, now time.Time) (*oauth2.Config, error) {
	config := e.config(at, credentials)
	if e.dialect.secret != nil {
		secret, err := e.dialect.secret(credentials, now)
		if err != nil {
			return nil, failed("make the client secret: %w", err)
		}
		config.ClientSecret = secret
	}
	return config, nil
}

// calling gives x/oauth2 the guarded client.
func (e *engine) calling(ctx context.Context) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, e.client.HTTP)
}
