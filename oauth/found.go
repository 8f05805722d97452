package oauth

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/admit-go/admit"
)

// found is what a sign-in has brought.
type found struct {
	engine *engine
	at     endpoints
	// issuer and claims are those of the id token, if there is one.
	issuer string
	claims claims
	token  string // the access token
	answer admit.ProviderAnswer
	// credentials are those that count.
	credentials admit.ProviderCredentials
}

// identify verifies the id token, if there is one, and reads who it is.
func (e *engine) identify(ctx context.Context, at endpoints, token idToken, tokens admit.ProviderTokens) (admit.ProviderIdentity, error) {
	seen := found{engine: e, at: at, token: tokens.AccessToken, answer: token.answer, credentials: token.credentials}
	if token.text != "" {
		var err error
		if seen.claims, seen.issuer, err = e.verify(ctx, at, token); err != nil {
			return admit.ProviderIdentity{}, err
		}
		if e.dialect.userInfo && seen.token != "" && at.UserInfo != "" && seen.claims.text("email") == "" {
			if err := seen.addUserInfo(ctx); err != nil {
				return admit.ProviderIdentity{}, err
			}
		}
	}
	identity, err := e.dialect.person(ctx, seen)
	if err != nil {
		return admit.ProviderIdentity{}, err
	}
	if !isSubject(identity.Subject) || identity.Issuer == "" {
		return admit.ProviderIdentity{}, failed("%s does not say who it is", e.dialect.name)
	}
	identity.Tokens = tokens
	if identity.Email = address(identity.Email); identity.Email == "" {
		identity.Proof = admit.ProofNone
	}
	identity.Name, identity.Nickname = name(identity.Name), name(identity.Nickname)
	identity.Locale, identity.Picture = name(identity.Locale), picture(identity.Picture)
	return identity, nil
}

// addUserInfo adds what the userinfo endpoint says to the claims of the id token (OpenID
// Connect Core, section 5.3). The id token wins.
func (f *found) addUserInfo(ctx context.Context) error {
	said, err := f.get(ctx, f.at.UserInfo)
	if err != nil {
		return err
	}
	if said.text("sub") != f.claims.text("sub") {
		return failed("%s speaks of somebody else", hostOf(f.at.UserInfo))
	}
	// The address and whether it is verified are one statement.
	delete(f.claims, "email_verified")
	for key, value := range said {
		if _, there := f.claims[key]; !there {
			f.claims[key] = value
		}
	}
	return nil
}

// get asks an endpoint about the owner of the access token.
func (f *found) get(ctx context.Context, endpoint string) (claims, error) {
	body, err := f.read(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	c, ok := readClaims(body)
	if !ok {
		return nil, failed("the answer of %s cannot be read", hostOf(endpoint))
	}
	return c, nil
}

func (f *found) read(ctx context.Context, endpoint string) (json.RawMessage, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return nil, failed("the endpoint cannot be read")
	}
	request.Header.Set("Authorization", "Bearer "+f.token)
	answer, err := f.engine.client.Do(request)
	if err != nil {
		return nil, failed("%w", err)
	}
	if answer.Status != http.StatusOK {
		return nil, failed("ask %s: %w", hostOf(endpoint), statusError(answer.Status))
	}
	return answer.Body, nil
}

// profile reads the standard claims (OpenID Connect Core, section 5.1) of a person whose
// address is not proven.
func (c claims) profile(issuer string) admit.ProviderIdentity {
	full := c.text("name")
	if full == "" {
		full = strings.TrimSpace(c.text("given_name") + " " + c.text("family_name"))
	}
	nickname := c.text("nickname")
	if nickname == "" {
		nickname = c.text("preferred_username")
	}
	return admit.ProviderIdentity{
		Issuer: issuer, Subject: c.text("sub"), Email: c.text("email"), Proof: admit.ProofNone,
		Name: full, Nickname: nickname, Picture: c.text("picture"), Locale: c.text("locale"),
	}
}

// statusError is a status that was not expected.
type statusError int

func (s statusError) Error() string { return "status " + strconv.Itoa(int(s)) }
